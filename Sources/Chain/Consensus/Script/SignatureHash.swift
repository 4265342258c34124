public import Bitcoin
import SansIO

/// What signatures of one transaction commit to: the legacy, BIP143 and BIP341 digests. Parts that all inputs
/// share are computed once, when it is made; it is never changed, so that any number of threads may use it.
public final class SignatureHasher: Sendable {
    public let transaction: Transaction
    /// The outputs that the inputs spend, in input order; BIP341 needs all of them.
    public let spentOutputs: [TransactionOutput]

    private let shared: Shared?
    private let taproot: TaprootShared?

    /// BIP143's and BIP341's digests of what all inputs and outputs say.
    private struct Shared: Sendable {
        var prevouts: Hash256
        var sequences: Hash256
        var outputs: Hash256
        var prevoutsDouble: Hash256
        var sequencesDouble: Hash256
        var outputsDouble: Hash256

        init(_ transaction: Transaction) {
            var writer = ByteWriter(capacity: max(36 * transaction.inputs.count, 256))
            for input in transaction.inputs { input.previousOutput.encode(into: &writer) }
            prevouts = SHA256.hash(writer.bytes)
            writer.removeAll()
            for input in transaction.inputs { writer.write(u32: input.sequence) }
            sequences = SHA256.hash(writer.bytes)
            writer.removeAll()
            for output in transaction.outputs { output.encode(into: &writer) }
            outputs = SHA256.hash(writer.bytes)
            prevoutsDouble = prevouts.withUnsafeBytes { SHA256.hash($0) }
            sequencesDouble = sequences.withUnsafeBytes { SHA256.hash($0) }
            outputsDouble = outputs.withUnsafeBytes { SHA256.hash($0) }
        }
    }

    /// What BIP341 adds: the amounts and scripts of all spent outputs.
    private struct TaprootShared: Sendable {
        var amounts: Hash256
        var scripts: Hash256

        init(_ spentOutputs: [TransactionOutput]) {
            var writer = ByteWriter(capacity: max(36 * spentOutputs.count, 256))
            for output in spentOutputs { writer.write(u64: UInt64(bitPattern: output.value)) }
            amounts = SHA256.hash(writer.bytes)
            writer.removeAll()
            for output in spentOutputs { output.scriptPubKey.encode(into: &writer) }
            scripts = SHA256.hash(writer.bytes)
        }
    }

    /// Computes what the transaction's inputs will need: nothing for an old transaction that spends old
    /// outputs, BIP143's part where there is a witness or may be one, BIP341's part where a taproot output is
    /// spent.
    public init(_ transaction: Transaction, spending spentOutputs: [TransactionOutput]) {
        self.transaction = transaction
        self.spentOutputs = spentOutputs
        let mayHaveWitness =
            transaction.hasWitness
            || spentOutputs.contains {
                $0.scriptPubKey.isPayToScriptHash || $0.scriptPubKey.witnessProgram != nil
            }
        shared = mayHaveWitness ? Shared(transaction) : nil
        let spendsTaproot =
            spentOutputs.count == transaction.inputs.count
            && spentOutputs.contains { $0.scriptPubKey.count == 34 && $0.scriptPubKey.bytes[0] == 0x51 }
        taproot = spendsTaproot ? TaprootShared(spentOutputs) : nil
    }

    /// The digest before BIP143, with its bug: a SIGHASH_SINGLE without its output signs the number one.
    /// `scriptCode` has the signature removed already; code separators are removed here.
    public func legacy(input index: Int, scriptCode: [UInt8], hashType: UInt32) -> Hash256 {
        let single = hashType & 0x1f == 3
        let none = hashType & 0x1f == 2
        let anyone = hashType & 0x80 != 0
        if single, index >= transaction.outputs.count {
            return Hash256(bytes: [1] + [UInt8](repeating: 0, count: 31)) ?? .zero
        }
        let size = anyone ? 1 : transaction.inputs.count
        var writer = ByteWriter(capacity: 41 * size + 34 * transaction.outputs.count + scriptCode.count + 32)
        writer.write(u32: transaction.version)
        writer.write(compactSize: anyone ? 1 : UInt64(transaction.inputs.count))
        for position in transaction.inputs.indices where !anyone || position == index {
            let input = transaction.inputs[position]
            write(input.previousOutput, &writer)
            write(position == index ? withoutCodeSeparators(scriptCode) : [], &writer)
            writer.write(u32: position != index && (single || none) ? 0 : input.sequence)
        }
        let count = none ? 0 : single ? index + 1 : transaction.outputs.count
        writer.write(compactSize: UInt64(count))
        for position in 0..<count {
            if single, position != index {
                writer.write(u64: .max)
                writer.write(compactSize: 0)
            } else {
                write(transaction.outputs[position], &writer)
            }
        }
        writer.write(u32: transaction.lockTime)
        writer.write(u32: hashType)
        return SHA256.double(writer.bytes)
    }

    /// BIP143.
    public func witnessV0(input index: Int, scriptCode: [UInt8], value: Int64, hashType: UInt32) -> Hash256 {
        let single = hashType & 0x1f == 3
        let none = hashType & 0x1f == 2
        let anyone = hashType & 0x80 != 0
        let shared = self.shared ?? Shared(transaction)
        let input = transaction.inputs[index]
        var writer = ByteWriter(capacity: 192 + scriptCode.count)
        writer.write(u32: transaction.version)
        writer.write(hash: anyone ? Hash256.zero : shared.prevoutsDouble)
        writer.write(hash: anyone || single || none ? Hash256.zero : shared.sequencesDouble)
        write(input.previousOutput, &writer)
        write(scriptCode, &writer)
        writer.write(u64: UInt64(bitPattern: value))
        writer.write(u32: input.sequence)
        if !single, !none {
            writer.write(hash: shared.outputsDouble)
        } else if single, index < transaction.outputs.count {
            writer.write(hash: SHA256.double(serialize { write(transaction.outputs[index], &$0) }))
        } else {
            writer.write(hash: Hash256.zero)
        }
        writer.write(u32: transaction.lockTime)
        writer.write(u32: hashType)
        return SHA256.double(writer.bytes)
    }

    /// BIP341; nil for a hash type that it does not know. `leaf` is nil on the key path.
    public func taproot(
        input index: Int, hashType: UInt8, annex: [UInt8]?, leaf: (hash: Hash256, codeSeparator: UInt32)?
    ) -> Hash256? {
        guard hashType <= 3 || (0x81...0x83).contains(hashType) else { return nil }
        let output = hashType == 0 ? 1 : hashType & 3
        let anyone = hashType & 0x80 != 0
        let shared = self.shared ?? Shared(transaction)
        let input = transaction.inputs[index]
        var writer = ByteWriter(capacity: 256)
        writer.write(u8: 0)
        writer.write(u8: hashType)
        writer.write(u32: transaction.version)
        writer.write(u32: transaction.lockTime)
        if !anyone {
            let spent = taproot ?? TaprootShared(spentOutputs)
            writer.write(hash: shared.prevouts)
            writer.write(hash: spent.amounts)
            writer.write(hash: spent.scripts)
            writer.write(hash: shared.sequences)
        }
        if output == 1 { writer.write(hash: shared.outputs) }
        writer.write(u8: (leaf == nil ? 0 : 2) + (annex == nil ? 0 : 1))
        if anyone {
            write(input.previousOutput, &writer)
            write(spentOutputs[index], &writer)
            writer.write(u32: input.sequence)
        } else {
            writer.write(u32: UInt32(index))
        }
        if let annex { writer.write(hash: SHA256.hash(serialize { write(annex, &$0) })) }
        if output == 3 {
            guard index < transaction.outputs.count else { return nil }
            writer.write(hash: SHA256.hash(serialize { write(transaction.outputs[index], &$0) }))
        }
        if let leaf {
            writer.write(hash: leaf.hash)
            writer.write(u8: 0)
            writer.write(u32: leaf.codeSeparator)
        }
        var stream = Self.sighashTag
        stream.update(writer.bytes)
        return stream.finalize()
    }

    private static let sighashTag = SHA256Stream(tag: "TapSighash")

    private func write(_ outPoint: OutPoint, _ writer: inout ByteWriter) {
        writer.write(hash: outPoint.txid)
        writer.write(u32: outPoint.index)
    }

    private func write(_ output: TransactionOutput, _ writer: inout ByteWriter) {
        writer.write(u64: UInt64(bitPattern: output.value))
        write(output.scriptPubKey.bytes, &writer)
    }

    private func write(_ bytes: [UInt8], _ writer: inout ByteWriter) {
        writer.write(compactSize: UInt64(bytes.count))
        writer.write(bytes)
    }

    private func serialize(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        body(&writer)
        return writer.bytes
    }

    private func withoutCodeSeparators(_ script: [UInt8]) -> [UInt8] {
        guard script.contains(0xab) else { return script }
        var kept: [UInt8] = []
        var reader = ScriptReader(script)
        var start = 0
        while let step = reader.next() {
            if step.opcode != 0xab { kept += script[start..<reader.offset] }
            start = reader.offset
        }
        return kept + script[start...]
    }
}

/// Walks a script instruction by instruction; stops for good at one that claims more bytes than there are.
struct ScriptReader {
    let script: [UInt8]
    private(set) var offset: Int
    /// True once an instruction was cut off by the end.
    private(set) var isBroken = false

    init(_ script: [UInt8], at offset: Int = 0) {
        self.script = script
        self.offset = offset
    }

    var isAtEnd: Bool { offset >= script.count }

    /// The next opcode and the bytes it pushes; nil at the end and at a broken push.
    mutating func next() -> (opcode: UInt8, push: Range<Int>)? {
        guard !isBroken, offset < script.count else { return nil }
        let opcode = script[offset]
        var at = offset + 1
        var length = 0
        if opcode < 0x4c {
            length = Int(opcode)
        } else if opcode <= 0x4e {
            let width = opcode == 0x4c ? 1 : opcode == 0x4d ? 2 : 4
            guard script.count - at >= width else { return fail() }
            for i in 0..<width { length |= Int(script[at + i]) << (8 * i) }
            at += width
        }
        guard script.count - at >= length else { return fail() }
        offset = at + length
        return (opcode, at..<at + length)
    }

    private mutating func fail() -> (opcode: UInt8, push: Range<Int>)? {
        isBroken = true
        return nil
    }
}
