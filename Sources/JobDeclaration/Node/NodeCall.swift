import Bitcoin
import JSONText
import SansIO

/// A question to the node.
enum NodeCall: Sendable, Equatable {
    /// getblocktemplate; with an id it is held until the tip moves or a minute passed (BIP22).
    case template(longPollID: String?)
    case mempool
    case transactions([Hash256])
    /// getblocktemplate in proposal mode (BIP23): everything but the proof of work is judged.
    case judge(DeclarationKey)
    case submit(Hash256, block: [UInt8])

    /// The JSON-RPC request. `proposal` is the block to be judged.
    func body(proposal: [UInt8]?) -> [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .template(let id):
            var request: JSONObject = ["rules": ["segwit"], "capabilities": ["longpoll", "coinbasevalue"]]
            if let id { request["longpollid"] = .string(id) }
            NodeCall.request("getblocktemplate", [.object(request)]).write(into: &bytes)
        case .mempool: NodeCall.request("getrawmempool", []).write(into: &bytes)
        case .transactions(let txids):
            JSON.array(txids.map { NodeCall.request("getrawtransaction", [.string($0.displayHex)]) })
                .write(into: &bytes)
        case .judge:
            NodeCall.request(
                "getblocktemplate",
                [["mode": "proposal", "data": .string((proposal ?? []).hex), "rules": ["segwit"]]]
            ).write(into: &bytes)
        case .submit(_, let block):
            NodeCall.request("submitblock", [.string(block.hex)]).write(into: &bytes)
        }
        return bytes
    }

    private static func request(_ method: String, _ parameters: [JSON]) -> JSON {
        ["jsonrpc": "1.0", "id": 1, "method": .string(method), "params": .array(parameters)]
    }
}

/// What the node said of its tip.
struct NodeTip: Sendable, Equatable {
    var prevHash: Hash256
    /// Of the next block.
    var height: UInt32
    var bits: UInt32
    /// The earliest header time that the next block may have.
    var minNTime: UInt32
    /// In satoshi, without fees.
    var subsidy: Int64

    /// Reads getblocktemplate's result; nil when something is missing.
    init?(_ result: JSON) {
        guard let prevHash = result["previousblockhash"]?.stringValue.flatMap({ Hash256(displayHex: $0) }),
            let height = result["height"]?.int64, let bits = result["bits"]?.stringValue,
            let bits = UInt32(bits, radix: 16), let time = result["mintime"]?.int64,
            let value = result["coinbasevalue"]?.int64
        else { return nil }
        var fees: Int64 = 0
        for entry in result["transactions"]?.arrayValue ?? [] { fees &+= entry["fee"]?.int64 ?? 0 }
        self.prevHash = prevHash
        self.height = UInt32(clamping: height)
        self.bits = bits
        minNTime = UInt32(clamping: time)
        subsidy = max(0, value &- fees)
    }
}

/// Which of the server's ways to the node. Four, so that neither a long poll nor a block that takes a second to judge
/// stands before a block that was found.
enum NodeWay: Int, CaseIterable, Sendable, Hashable {
    case poll
    case mempool
    case judge
    case submit

    var dial: DialID { DialID(UInt32(rawValue) + 1) }
    init?(_ dial: DialID) { self.init(rawValue: Int(dial.raw) - 1) }
}
