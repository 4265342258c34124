import Bitcoin
import JSONText
import SansIO

/// A node's RPC in memory: real HTTP, blocks judged by independent reading.
struct ScriptedNode {
    /// One connection of the miner.
    private struct Peer {
        var id: ConnectionID
        var buffer: [UInt8] = []
        var holdsPoll = false
    }

    let payout: Script
    let target: Target
    var height = 100
    var tip = SHA256.hash([1])
    var clock: UInt32 = 1_700_000_000
    var transactions: [Transaction] = []
    /// Members that a template gets beside or instead of the usual; null removes.
    var changes: JSONObject = [:]

    /// Answers that come before the usual ones: status and body.
    var excuses: [(status: Int, body: JSON)] = []
    var blockExcuses: [(status: Int, body: JSON)] = []
    /// What submitblock says instead of judging.
    var verdicts: [JSON] = []
    var isChunked = false
    var saysClose = false
    /// Bodies without a length.
    var endsByClose = false
    var closesAfterAnswer = false
    /// Take the next block, but close instead of saying so.
    var losesBlockAnswer = false

    private(set) var blocks: [Block] = []
    private(set) var faults: [String] = []
    private(set) var calls: [String] = []
    private(set) var credentials: Set<String> = []
    private(set) var paths: Set<String> = []
    private(set) var workIDs: [String] = []
    private var known: Set<Hash256> = []
    private var peers: [Peer] = []
    private var output: [(ConnectionID, [UInt8])] = []
    private var closings: [ConnectionID] = []

    init(payout: Script, target: Target) {
        self.payout = payout
        self.target = target
    }

    var polls: Int { peers.count { $0.holdsPoll } }

    mutating func opened(_ id: ConnectionID) { peers.append(Peer(id: id)) }
    mutating func closed(_ id: ConnectionID) { peers.removeAll { $0.id == id } }
    mutating func takeOutput() -> [(ConnectionID, [UInt8])] {
        defer { output = [] }
        return output
    }
    mutating func takeClosings() -> [ConnectionID] {
        defer { closings = [] }
        return closings
    }
    /// Drops every connection, as an HTTP server does with idle ones.
    mutating func closeAll() { closings += peers.map(\.id) }

    mutating func receive(_ bytes: [UInt8], on id: ConnectionID) {
        guard let index = peers.firstIndex(where: { $0.id == id }) else { return }
        peers[index].buffer += bytes
        let text = String(decoding: peers[index].buffer, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return }
        let head = text[..<end.lowerBound].split(separator: "\r\n")
        let length = head.first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        let body = Array(text[end.upperBound...].utf8)
        guard body.count >= length else { return }
        if body.count > length { faults.append("a call before the answer to the one before") }
        peers[index].buffer = []
        paths.insert(String(head[0].split(separator: " ")[1]))
        if let line = head.first(where: { $0.hasPrefix("Authorization: ") }) {
            credentials.insert(String(line.dropFirst(15)))
        }
        guard let call = try? JSON.parse(body), let method = call["method"]?.stringValue else {
            faults.append("no call: \(text)")
            return
        }
        calls.append(method)
        let argument = call["params"]?[0]
        if method == "submitblock" { return judge(call, on: id) }
        if let wanted = argument?["longpollid"]?.stringValue {
            if wanted == pollID {
                peers[index].holdsPoll = true
                return
            }
        }
        if !excuses.isEmpty {
            let excuse = excuses.removeFirst()
            return answer(id, excuse.body, status: excuse.status)
        }
        answer(id, ["result": template, "error": nil, "id": 1])
    }

    /// Somebody else's block.
    mutating func newTip() { advance(to: SHA256.hash(tip.bytes)) }

    private mutating func advance(to hash: Hash256) {
        tip = hash
        height += 1
        for index in peers.indices where peers[index].holdsPoll {
            peers[index].holdsPoll = false
            answer(peers[index].id, ["result": template, "error": nil, "id": 1])
        }
    }

    private var pollID: String { tip.displayHex + "7" }

    private var fees: Int64 { Int64(transactions.count) * 1_000 }

    private var template: JSON {
        var object: JSONObject = [
            "version": 0x2000_0000, "rules": ["csv", "!segwit", "taproot"],
            "previousblockhash": .string(tip.displayHex), "height": .int(height),
            "coinbasevalue": .int(5_000_000_000 + fees), "longpollid": .string(pollID),
            "target": .string(target.value.hex), "bits": .string("207fffff"), "curtime": .int(clock),
            "coinbaseaux": [:], "mutable": ["time", "transactions", "prevblock"],
            "transactions": .array(
                transactions.map {
                    [
                        "data": .string($0.bytes().hex), "txid": .string($0.txid.displayHex),
                        "hash": .string($0.wtxid.displayHex),
                    ]
                }),
        ]
        for (key, value) in changes.entries { object[key] = value.isNull ? nil : value }
        return .object(object)
    }

    private mutating func judge(_ call: JSON, on id: ConnectionID) {
        if !blockExcuses.isEmpty {
            let excuse = blockExcuses.removeFirst()
            return answer(id, excuse.body, status: excuse.status)
        }
        if let workID = call["params"]?[1]?["workid"]?.stringValue { workIDs.append(workID) }
        guard let bytes = call["params"]?[0]?.stringValue.flatMap({ [UInt8](hex: $0) }),
            let block = try? Block(bytes: bytes)
        else {
            faults.append("no block")
            return answer(id, ["result": nil, "error": ["code": -22, "message": "Block decode failed"]])
        }
        var verdict = verdicts.isEmpty ? judge(block) : verdicts.removeFirst()
        if !known.insert(block.hash).inserted { verdict = "duplicate" }
        if verdict.isNull {
            blocks.append(block)
            advance(to: block.hash)
        }
        if losesBlockAnswer {
            losesBlockAnswer = false
            closings.append(id)
            return
        }
        answer(id, ["result": verdict, "error": nil, "id": 1])
    }

    private mutating func judge(_ block: Block) -> JSON {
        guard block.header.previousBlockHash == tip else { return "inconclusive-not-best-prevblk" }
        guard target.isMet(by: SHA256.double(block.header.bytes)) else { return "high-hash" }
        guard block.merkleRoot().root == block.header.merkleRoot else { return "bad-txnmrklroot" }
        guard let coinbase = block.transactions.first, coinbase.isCoinbase,
            coinbase.inputs[0].scriptSig.bytes.starts(with: Script.heightPush(height)),
            coinbase.inputs[0].scriptSig.count <= 100
        else { return "bad-cb-height" }
        guard coinbase.outputs[0].scriptPubKey == payout,
            coinbase.outputs.reduce(0, { $0 + $1.value }) == 5_000_000_000 + fees
        else { return "bad-cb-amount" }
        let reserved = coinbase.inputs[0].witness.first.flatMap { Hash256(bytes: $0) } ?? .max
        let commitment = WitnessCommitment.hash(root: block.witnessMerkleRoot(), reserved: reserved)
        guard WitnessCommitment.find(in: coinbase) == commitment else { return "bad-witness-merkle-match" }
        guard block.transactions.dropFirst().map(\.wtxid) == transactions.map(\.wtxid) else {
            return "bad-transactions"
        }
        return nil
    }

    mutating func answer(_ id: ConnectionID, _ body: JSON, status: Int = 200) {
        let text = Array((body.text + "\n").utf8)
        var head = "HTTP/1.1 \(status) Whatever\r\nContent-Type: application/json\r\n"
        var bytes: [UInt8] = []
        if isChunked {
            head += "Transfer-Encoding: chunked\r\n"
            let half = text.count / 2
            for part in [text[..<half], text[half...]] where !part.isEmpty {
                bytes += Array((String(part.count, radix: 16) + ";x=y\r\n").utf8) + part + [13, 10]
            }
            bytes += Array("0\r\nTrailer: 1\r\n\r\n".utf8)
        } else {
            if !endsByClose { head += "Content-Length: \(text.count)\r\n" }
            bytes = text
        }
        if saysClose { head += "Connection: close\r\n" }
        output.append((id, Array((head + "\r\n").utf8) + bytes))
        if endsByClose || closesAfterAnswer { closings.append(id) }
    }
}

extension Hash256 {
    /// No commitment has it.
    fileprivate static var max: Hash256 { SHA256.hash([0xff]) }
}
