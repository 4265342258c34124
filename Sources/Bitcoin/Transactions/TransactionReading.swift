import SansIO

/// The parts of a transaction, read with the errors of bytes. `Transaction.init(from:)` puts them together.
struct TransactionReading {
    var version: UInt32 = 0
    var inputs: [TransactionInput] = []
    var outputs: [TransactionOutput] = []
    var lockTime: UInt32 = 0
    /// Flag bits that were set beside the witness bit.
    var unknownFlags: UInt8 = 0
    var hasSuperfluousWitness = false
    /// Where inputs and outputs stand, from the transaction's first byte.
    var body: Range<Int> = 0..<0
    var end = 0

    /// Stops before the lock time if the flags are wrong, as Core does.
    init(from reader: inout ByteReader, witness: Bool) throws(ByteReaderError) {
        let start = reader.offset
        version = try reader.u32()
        var flags: UInt8 = 0
        var bodyStart = reader.offset
        inputs = try Self.inputs(from: &reader)
        if inputs.isEmpty && witness {
            flags = try reader.u8()
            if flags != 0 {
                bodyStart = reader.offset
                inputs = try Self.inputs(from: &reader)
                outputs = try Self.outputs(from: &reader)
            }
        } else {
            outputs = try Self.outputs(from: &reader)
        }
        body = bodyStart - start..<reader.offset - start
        if flags & 1 != 0 {
            try readWitnesses(from: &reader)
            hasSuperfluousWitness = !inputs.contains { !$0.witness.isEmpty }
        }
        unknownFlags = flags & ~1
        guard !hasSuperfluousWitness && unknownFlags == 0 else { return }
        lockTime = try reader.u32()
        end = reader.offset - start
    }

    private static func inputs(from reader: inout ByteReader) throws(ByteReaderError) -> [TransactionInput] {
        let count = Int(try reader.compactSize())
        var inputs: [TransactionInput] = []
        inputs.reserveCapacity(min(count, reader.remaining / Limits.inputBytesMin))
        for _ in 0..<count {
            let previousOutput = try OutPoint(from: &reader)
            let scriptSig = try Script(from: &reader)
            inputs.append(
                TransactionInput(
                    previousOutput: previousOutput, scriptSig: scriptSig, sequence: try reader.u32()))
        }
        return inputs
    }

    private static func outputs(from reader: inout ByteReader) throws(ByteReaderError) -> [TransactionOutput]
    {
        let count = Int(try reader.compactSize())
        var outputs: [TransactionOutput] = []
        outputs.reserveCapacity(min(count, reader.remaining / Limits.outputBytesMin))
        for _ in 0..<count { outputs.append(try TransactionOutput(from: &reader)) }
        return outputs
    }

    private mutating func readWitnesses(from reader: inout ByteReader) throws(ByteReaderError) {
        for i in inputs.indices {
            let count = Int(try reader.compactSize())
            var stack: [[UInt8]] = []
            stack.reserveCapacity(min(count, reader.remaining))
            for _ in 0..<count { stack.append(try reader.bytes(Int(try reader.compactSize()))) }
            inputs[i].witness = stack
        }
    }

    /// Ids from the bytes that were read, so that nothing is serialized again. `start` stands at the first of
    /// them.
    func identity(from start: borrowing ByteReader) throws(ByteReaderError) -> Transaction.Identity {
        var reader = copy start
        guard !hasSuperfluousWitness && unknownFlags == 0 else {
            return Transaction.Identity(txid: .zero, wtxid: .zero, baseSize: 0, totalSize: 0)
        }
        let identity = try reader.withBytes(end) { raw in
            let wtxid = SHA256.double(raw)
            let baseSize = 8 + body.count
            guard baseSize != end else {
                return Transaction.Identity(
                    txid: wtxid, wtxid: wtxid, baseSize: UInt32(end), totalSize: UInt32(end))
            }
            var stream = SHA256Stream()
            stream.update(UnsafeRawBufferPointer(rebasing: raw[..<4]))
            stream.update(UnsafeRawBufferPointer(rebasing: raw[body]))
            stream.update(UnsafeRawBufferPointer(rebasing: raw[(end - 4)...]))
            return Transaction.Identity(
                txid: stream.finalizeDouble(), wtxid: wtxid, baseSize: UInt32(baseSize),
                totalSize: UInt32(end))
        }
        return identity
    }
}
