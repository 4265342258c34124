import Bitcoin
import JSONText
import Pool
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

/// What a job declaration client does by hand: a token, a block of its own, and what it says about it.
struct TestDeclarer {
    let world: DeclarationWorld
    let peer: WirePeer
    private var requestID: UInt32 = 100

    init(_ world: DeclarationWorld, _ peer: WirePeer) {
        self.world = world
        self.peer = peer
    }

    /// A template as the node gives it, or changed by the test.
    struct Work {
        var version: UInt32
        var prevHash: Hash256
        var height: UInt32
        var bits: UInt32
        var minNTime: UInt32
        var value: Int64
        var transactions: [Transaction]
        var payout = DeclarationWorld.payout
        var outputs: [TransactionOutput] = []
        var tag: [UInt8] = [0x04, 0x6a, 0x64, 0x63, 0x31]

        /// The scriptSig before the extranonce of 20 bytes.
        var scriptPrefix: [UInt8] {
            var digits: [UInt8] = []
            var rest = height
            while rest > 0 {
                digits.append(UInt8(truncatingIfNeeded: rest))
                rest >>= 8
            }
            if let last = digits.last, last >= 0x80 { digits.append(0) }
            let push = height <= 16 ? [UInt8(0x50 + height)] : [UInt8(digits.count)] + digits
            return push + tag
        }

        func coinbase(_ extranonce: [UInt8] = [UInt8](repeating: 0, count: 20)) -> Transaction {
            var leaves = [Hash256.zero] + transactions.map(\.wtxid)
            leaves[0] = .zero
            let commitment = WitnessCommitment.hash(root: Merkle.root(leaves).root, reserved: .zero)
            return Transaction(
                inputs: [
                    TransactionInput(
                        previousOutput: .null, scriptSig: Script(scriptPrefix + extranonce),
                        sequence: 0xffff_fffe, witness: [[UInt8](repeating: 0, count: 32)])
                ],
                outputs: [TransactionOutput(value: value, scriptPubKey: payout)] + outputs + [
                    TransactionOutput(value: 0, scriptPubKey: WitnessCommitment.script(commitment))
                ], lockTime: height - 1)
        }

        var merklePath: [Hash256] { Merkle.path(forFirstOf: [Hash256.zero] + transactions.map(\.txid)) }

        /// With BIP141 bytes.
        var halves: (prefix: [UInt8], suffix: [UInt8]) {
            let bytes = coinbase().bytes()
            let end = 4 + 2 + 1 + 36 + 1 + scriptPrefix.count
            return (Array(bytes[..<end]), Array(bytes[(end + 20)...]))
        }

        func declaration(_ token: [UInt8], requestID: UInt32) -> JobDeclaration.DeclareMiningJob {
            JobDeclaration.DeclareMiningJob(
                requestID: requestID, miningJobToken: token, version: version,
                coinbaseTxPrefix: halves.prefix, coinbaseTxSuffix: halves.suffix,
                wtxidList: transactions.map(\.wtxid), excessData: [])
        }

        func customJob(_ token: [UInt8], channel: UInt32, requestID: UInt32 = 7) -> Mining.SetCustomMiningJob
        {
            let coinbase = coinbase()
            return Mining.SetCustomMiningJob(
                channelID: channel, requestID: requestID, miningJobToken: token, version: version,
                prevHash: prevHash, minNTime: minNTime, nBits: bits, coinbaseTxVersion: coinbase.version,
                coinbasePrefix: scriptPrefix, coinbaseTxInputNSequence: 0xffff_fffe,
                coinbaseTxOutputs: CoinbasePayout.encode(coinbase.outputs),
                coinbaseTxLocktime: coinbase.lockTime, merklePath: merklePath)
        }

        /// A nonce that makes a block with this extranonce.
        func solve(_ extranonce: [UInt8]) throws -> (nonce: UInt32, hash: Hash256) {
            let root = Merkle.root(first: coinbase(extranonce).txid, path: merklePath)
            let scanner = HeaderScanner(
                header: BlockHeader(
                    version: version, previousBlockHash: prevHash, merkleRoot: root, time: minNTime,
                    bits: CompactTarget(bits: bits), nonce: 0))
            let target = try #require(CompactTarget(bits: bits).target)
            let nonce = try #require(scanner.find(target: target, nonces: 0..<(1 << 32)))
            return (nonce, scanner.hash(nonce: nonce))
        }

        func solution(_ extranonce: [UInt8], nonce: UInt32) -> JobDeclaration.PushSolution {
            JobDeclaration.PushSolution(
                extranonce: extranonce, prevHash: prevHash, nonce: nonce, nTime: minNTime, nBits: bits,
                version: version)
        }
    }

    mutating func token(_ identity: String = "alice") throws -> [UInt8] {
        requestID += 1
        peer.send(
            JobDeclaration.AllocateMiningJobToken(userIdentifier: identity, requestID: requestID))
        try world.pump()
        let answer = try #require(try peer.last(JobDeclaration.AllocateMiningJobTokenSuccess.self))
        try #require(answer.requestID == requestID)
        return answer.miningJobToken
    }

    /// Declares with a fresh token.
    mutating func declare(_ work: Work, identity: String = "alice") throws -> UInt32 {
        let token = try token(identity)
        requestID += 1
        peer.send(work.declaration(token, requestID: requestID))
        try world.pump()
        return requestID
    }

    func success(_ requestID: UInt32) throws -> JobDeclaration.DeclareMiningJobSuccess? {
        try peer.all(JobDeclaration.DeclareMiningJobSuccess.self).last { $0.requestID == requestID }
    }

    func refusal(_ requestID: UInt32) throws -> String? {
        try peer.all(JobDeclaration.DeclareMiningJobError.self).last { $0.requestID == requestID }?.errorCode
    }

    var refusals: [String] {
        get throws { try peer.all(JobDeclaration.DeclareMiningJobError.self).map(\.errorCode) }
    }
}

extension DeclarationWorld {
    /// The node's template, with its whole mempool.
    func work() throws -> TestDeclarer.Work {
        let template = try call("getblocktemplate", [["rules": ["segwit"]]])
        let tip = try #require(NodeTip(template))
        let transactions = try (template["transactions"]?.arrayValue ?? []).map {
            try Transaction(bytes: try #require([UInt8](hex: $0["data"]?.stringValue ?? "")))
        }
        return TestDeclarer.Work(
            version: UInt32(try #require(template["version"]?.int64)), prevHash: tip.prevHash,
            height: tip.height, bits: tip.bits, minNTime: UInt32(try #require(template["curtime"]?.int64)),
            value: try #require(template["coinbasevalue"]?.int64), transactions: transactions)
    }

    /// A transaction that spends the coinbase of the block at this height. It is told to nobody.
    func transaction(spending height: Int, fee: Int64 = Coins.fee) throws -> Transaction {
        let hash = try #require(try call("getblockhash", [.int(height)]).stringValue)
        let block = try call("getblock", [.string(hash), 0])
        let bytes = try #require([UInt8](hex: block.stringValue ?? ""))
        let coinbase = try Block(bytes: bytes).transactions[0]
        return Coins.spend(
            OutPoint(txid: coinbase.txid, index: 0), value: coinbase.outputs[0].value, fee: fee)
    }

    /// Puts it into the node's mempool and lets the server look.
    func publish(_ transaction: Transaction) throws {
        _ = try call("sendrawtransaction", [.string(transaction.bytes().hex)])
        try advance(by: .seconds(6))
    }
}
