import Bitcoin
import JSONText

/// How the explorer stands with its node.
enum NodeReach: Sendable, Equatable {
    /// No answer yet since the explorer started.
    case connecting
    case up
    /// The node answers, but it is still starting (RPC error -28).
    case warmingUp(String)
    case down(String)

    var isUp: Bool { self == .up }
}

/// What the node says about itself. Every field that a lesser node leaves out stays nil.
struct NodeFacts: Sendable, Equatable {
    var chain = ""
    var blocks = 0
    var headers = 0
    var bestHash = ""
    var difficulty: Double?
    var target = ""
    var bits = ""
    var medianTime: Int64?
    var chainWork = ""
    var sizeOnDisk: Int64?
    var isInitialDownload = false
    var isPruned = false
    var warnings: [String] = []
    var networkHashRate: Double?
    var version: Int64?
    var userAgent = ""
    var protocolVersion: Int64?
    var connections: Int64?
    var connectionsIn: Int64?
    var relayFee: Int64?
    var uptime: Int64?
    var bytesReceived: Int64?
    var bytesSent: Int64?
    var tips: [ChainTip] = []
    var peers: [Peer] = []

    struct ChainTip: Sendable, Equatable {
        var height: Int
        var hash: String
        var branchLength: Int
        var status: String
    }

    struct Peer: Sendable, Equatable {
        var address: String
        var userAgent: String
        var isInbound: Bool
        var height: Int64?
    }

    mutating func read(blockchainInfo json: JSON) {
        chain = json["chain"]?.stringValue ?? ""
        blocks = json["blocks"]?.int64.flatMap { Int(exactly: $0) } ?? 0
        headers = json["headers"]?.int64.flatMap { Int(exactly: $0) } ?? blocks
        bestHash = json["bestblockhash"]?.stringValue ?? ""
        difficulty = json["difficulty"]?.double
        target = json["target"]?.stringValue ?? ""
        bits = json["bits"]?.stringValue ?? ""
        medianTime = json["mediantime"]?.int64
        chainWork = json["chainwork"]?.stringValue ?? ""
        sizeOnDisk = json["size_on_disk"]?.int64
        isInitialDownload = json["initialblockdownload"]?.boolValue ?? false
        isPruned = json["pruned"]?.boolValue ?? false
        // Core before version 28 gives one string, later ones an array.
        switch json["warnings"] {
        case .string(let text): warnings = text.isEmpty ? [] : [Characters.visible(text)]
        case .array(let list):
            warnings = list.prefix(8).compactMap { $0.stringValue.map { Characters.visible($0) } }
        default: warnings = []
        }
    }

    mutating func read(networkInfo json: JSON) {
        version = json["version"]?.int64
        userAgent = Characters.visible(json["subversion"]?.stringValue ?? "")
        protocolVersion = json["protocolversion"]?.int64
        connections = json["connections"]?.int64
        connectionsIn = json["connections_in"]?.int64
        relayFee = json["relayfee"].flatMap(Satoshi.init)?.value
    }

    mutating func read(miningInfo json: JSON) {
        networkHashRate = json["networkhashps"]?.double
        if difficulty == nil { difficulty = json["difficulty"]?.double }
    }

    mutating func read(netTotals json: JSON) {
        bytesReceived = json["totalbytesrecv"]?.int64
        bytesSent = json["totalbytessent"]?.int64
    }

    mutating func read(chainTips json: JSON) {
        tips = (json.arrayValue ?? []).prefix(Limits.tipsShown).compactMap { tip in
            guard let height = tip["height"]?.int64, let hash = tip["hash"]?.stringValue,
                Hash256(displayHex: hash) != nil
            else { return nil }
            return ChainTip(
                height: Int(height), hash: hash, branchLength: Int(tip["branchlen"]?.int64 ?? 0),
                status: Characters.visible(tip["status"]?.stringValue ?? ""))
        }
    }

    mutating func read(peerInfo json: JSON) {
        peers = (json.arrayValue ?? []).prefix(Limits.peersShown).map { peer in
            Peer(
                address: Characters.visible(peer["addr"]?.stringValue ?? ""),
                userAgent: Characters.visible(peer["subver"]?.stringValue ?? ""),
                isInbound: peer["inbound"]?.boolValue ?? false,
                height: peer["synced_headers"]?.int64 ?? peer["startingheight"]?.int64)
        }
    }

    /// The prefixes of this chain's addresses. Core's names; a lab network uses regtest's prefixes.
    var addressNetwork: AddressNetwork {
        switch chain {
        case "main": .mainnet
        case "test", "testnet4", "signet": .testnet
        default: .regtest
        }
    }

    /// Blocks between halvings: 210,000 on Bitcoin's public chains, 150 on regtest and its like.
    var halvingInterval: Int {
        switch chain {
        case "main", "test", "testnet4", "signet": 210_000
        default: 150
        }
    }

    /// Seconds that the chain aims to spend per block; nil where there is no such aim.
    var blockSpacing: Double? {
        switch chain {
        case "main", "test", "testnet4", "signet": 600
        default: nil
        }
    }
}

/// An amount as RPC prints it, `1.00000000`, exactly.
struct Satoshi: Sendable, Equatable {
    let value: Int64

    init?(_ json: JSON) {
        guard let text = json.numberText else { return nil }
        self.init(decimal: text)
    }

    init?(decimal text: String) {
        if text.contains("e") || text.contains("E") {
            guard let number = Double(text), abs(number) < 9e10 else { return nil }
            value = Int64((number * 100_000_000).rounded())
            return
        }
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first.flatMap({ Int64($0) }), whole < 90_000_000_000 else {
            return nil
        }
        var fraction = parts.count == 2 ? String(parts[1].prefix(8)) : ""
        while fraction.utf8.count < 8 { fraction.append("0") }
        guard let rest = Int64(fraction) else { return nil }
        value = (isNegative ? -1 : 1) * (whole * 100_000_000 + rest)
    }
}
