import Bitcoin
import Testing

@testable import Chain

@Suite struct SignetTests {
    private let key = Lock.key(3)

    private var network: NetworkParameters {
        var script = Script()
        script.append(push: key.publicKey.bytes)
        var network = NetworkParameters.signet(challenge: script.bytes + [0xac])
        // The proof of work is not what this is about.
        network.work.limit = NetworkParameters.regtestLimit
        network.genesis.header.bits = CompactTarget(bits: 0x207f_ffff)
        return network
    }

    /// A block whose commitment carries `solution` behind BIP325's mark.
    private func block(on network: NetworkParameters, solution: (Transaction, Transaction) -> [UInt8])
        -> Block
    {
        var draft = Draft(on: Branch(), time: 1_700_000_000, extra: [1, 7], payout: Script([0x51]))
        draft.previous = network.genesis.hash
        let plain = draft.coinbase
        let index = plain.outputs.count - 1
        func coinbase(_ push: [UInt8]) -> Transaction {
            var script = plain.outputs[index].scriptPubKey
            script.append(push: push)
            var outputs = plain.outputs
            outputs[index].scriptPubKey = script
            return Transaction(
                version: plain.version, inputs: plain.inputs, outputs: outputs, lockTime: plain.lockTime)
        }
        let mark: [UInt8] = [0xec, 0xc7, 0xda, 0xa2]
        // What is signed: the block without the solution.
        let root = Merkle.root([coinbase(mark).txid]).root
        var data = Script([0x00])
        let header = draft.block([plain]).header
        let words = withUnsafeBytes(of: header.version.littleEndian) { Array($0) }
        let time = withUnsafeBytes(of: header.time.littleEndian) { Array($0) }
        data.append(push: words + header.previousBlockHash.bytes + root.bytes + time)
        let spent = Transaction(
            version: 0, inputs: [TransactionInput(previousOutput: .null, scriptSig: data, sequence: 0)],
            outputs: [
                TransactionOutput(value: 0, scriptPubKey: Script(network.signetChallenge ?? []))
            ])
        let spending = Transaction(
            version: 0,
            inputs: [TransactionInput(previousOutput: OutPoint(txid: spent.txid, index: 0), sequence: 0)],
            outputs: [TransactionOutput(value: 0, scriptPubKey: Script([0x6a]))])
        return Draft.mine(draft.block([coinbase(mark + solution(spent, spending))]))
    }

    private func sign(_ spent: Transaction, _ spending: Transaction) -> [UInt8] {
        let hasher = SignatureHasher(spending, spending: spent.outputs)
        let digest = hasher.legacy(input: 0, scriptCode: spent.outputs[0].scriptPubKey.bytes, hashType: 1)
        var script = Script()
        script.append(push: key.signECDSA(digest) + [1])
        return [UInt8(script.count)] + script.bytes + [0]
    }

    @Test("A signed block is accepted; unsigned, wrongly signed and trailing bytes are bad-signet-blksig")
    func solutions() {
        let network = network
        func reason(_ solution: @escaping (Transaction, Transaction) -> [UInt8]) -> String? {
            var chain = Chainstate(network)
            let block = block(on: network, solution: solution)
            return chain.accept(block, bytes: block.bytes(), now: .max).submitResult
        }
        #expect(reason(sign) == nil)
        #expect(reason { _, _ in [0, 0] } == "bad-signet-blksig")
        #expect(reason { sign($0, $1) + [0] } == "bad-signet-blksig")
        #expect(
            reason { spent, spending in
                var bytes = sign(spent, spending)
                bytes[12] ^= 1
                return bytes
            } == "bad-signet-blksig")
    }
}
