import Bitcoin
import SansIO

/// BIP325: a signet block carries, in its witness commitment, a signature that spends the network's challenge.
enum SignetSolution {
    private static let mark: [UInt8] = [0xec, 0xc7, 0xda, 0xa2]
    private static let flags: ScriptFlags = [.p2sh, .witness, .strictDER, .nullDummy]

    static func check(_ block: Block, challenge: [UInt8]) throws(Rejection) {
        guard isGood(block, challenge) else {
            throw .consensus("bad-signet-blksig", detail: "signet block signature validation failure")
        }
    }

    private static func isGood(_ block: Block, _ challenge: [UInt8]) -> Bool {
        guard let coinbase = block.transactions.first,
            let index = WitnessCommitment.outputIndex(in: coinbase)
        else { return false }
        let (solution, rest) = split(coinbase.outputs[index].scriptPubKey.bytes)
        var scriptSig = Script()
        var witness: [[UInt8]] = []
        if let solution {
            guard let parsed = parse(solution) else { return false }
            (scriptSig, witness) = parsed
        }
        var outputs = coinbase.outputs
        outputs[index].scriptPubKey = Script(bytes: rest)
        let stripped = Transaction(
            version: coinbase.version, inputs: coinbase.inputs, outputs: outputs, lockTime: coinbase.lockTime)
        let leaves = [stripped.txid] + block.transactions.dropFirst().map(\.txid)
        let spent = message(block.header, root: Merkle.root(leaves).root, challenge: challenge)
        let spending = Transaction(
            version: 0,
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: spent.txid, index: 0), scriptSig: scriptSig, sequence: 0,
                    witness: witness)
            ], outputs: [TransactionOutput(value: 0, scriptPubKey: Script(bytes: [0x6a]))])
        do throws(ScriptFailure) {
            try ScriptFailure.check(spending, spending: spent.outputs, flags: flags)
            return true
        } catch {
            return false
        }
    }

    /// The transaction that stands for the block: what it commits to is signed.
    private static func message(_ header: BlockHeader, root: Hash256, challenge: [UInt8]) -> Transaction {
        var data = ByteWriter(capacity: 72)
        data.write(u32: header.version)
        data.write(hash: header.previousBlockHash)
        data.write(hash: root)
        data.write(u32: header.time)
        var script = Script(bytes: [0x00])
        script.append(push: data.bytes)
        return Transaction(
            version: 0,
            inputs: [TransactionInput(previousOutput: .null, scriptSig: script, sequence: 0)],
            outputs: [TransactionOutput(value: 0, scriptPubKey: Script(bytes: challenge))])
    }

    /// The first push that begins with the mark and holds more, and the script with that push cut down to the
    /// mark. Without one the script stays as it is.
    private static func split(_ script: [UInt8]) -> (solution: [UInt8]?, rest: [UInt8]) {
        var reader = ScriptReader(script)
        var rest = Script()
        var solution: [UInt8]?
        while let (opcode, push) = reader.next() {
            guard !push.isEmpty else {
                rest.bytes.append(opcode)
                continue
            }
            var data = Array(script[push])
            if solution == nil, data.count > mark.count, data.starts(with: mark) {
                solution = Array(data[mark.count...])
                data = mark
            }
            rest.append(push: data)
        }
        return (solution, solution == nil ? script : rest.bytes)
    }

    /// A scriptSig and a witness stack, and nothing behind them.
    private static func parse(_ bytes: [UInt8]) -> (Script, [[UInt8]])? {
        var reader = ByteReader(bytes.span.bytes)
        do throws(ByteReaderError) {
            let script = try Script(from: &reader)
            let count = Int(try reader.compactSize())
            var witness: [[UInt8]] = []
            for _ in 0..<count { witness.append(try reader.bytes(Int(try reader.compactSize()))) }
            return reader.isAtEnd ? (script, witness) : nil
        } catch {
            return nil
        }
    }
}
