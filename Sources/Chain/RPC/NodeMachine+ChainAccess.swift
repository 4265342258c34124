import Bitcoin
import JSONText
import SansIO

/// What several RPC topics and REST read from the chain.
extension NodeMachine {
    /// A call as if a client had made it, for answers built of other methods' answers.
    func plainCall(_ name: String, _ values: [JSON]) throws(RPCError) -> RPCArguments {
        guard let method = RPCMethod.named(name) else { throw .methodNotFound }
        return try RPCArguments(method, .array(values), at: .start)
    }

    /// Where a transaction of the active chain lies, by the index.
    func transactionPlace(_ txid: Hash256) -> (block: BlockID, position: Int)? {
        chain.transactionPlace(txid).map { (Int($0.block), Int($0.position)) }
    }

    /// What a block spent, in the order of its inputs; nil when it was never connected.
    func spentCoins(_ id: BlockID) -> [Coin]? { chain.undo(id) }

    /// BIP158's basic filter of a block and BIP157's header over it and all before it; nil while the block's spent
    /// outputs are unknown.
    func blockFilter(_ id: BlockID) -> (filter: [UInt8], header: Hash256)? {
        var path = [id]
        while let first = path.last, first != 0 { path.append(chain.tree[first].previous) }
        var header = Hash256.zero
        var bytes: [UInt8] = []
        for each in path.reversed() {
            guard let block = chain.block(each), let spent = spentCoins(each) else { return nil }
            let filter = BlockFilter(block: block, spentScripts: spent.map(\.scriptPubKey))
            header = filter.header(previous: header)
            bytes = filter.bytes
        }
        return (bytes, header)
    }

    /// getdeploymentinfo of the chain that ends with a block.
    func deploymentInfo(_ id: BlockID) -> JSON {
        let entry = chain.tree[id]
        let forks = configuration.network.softForks
        let bits = forks.scriptFlags(height: entry.height, hash: entry.hash)
        let known: [(String, ScriptFlags)] = [
            ("CHECKLOCKTIMEVERIFY", .checkLockTime), ("CHECKSEQUENCEVERIFY", .checkSequence),
            ("DERSIG", .strictDER), ("NULLDUMMY", .nullDummy), ("P2SH", .p2sh), ("TAPROOT", .taproot),
            ("WITNESS", .witness),
        ]
        let flags = known.filter { bits.contains($0.1) }.map(\.0)
        var deployments = JSONObject()
        for (name, height) in [
            ("bip34", forks.bip34), ("bip66", forks.bip66), ("bip65", forks.bip65), ("csv", forks.csv),
            ("segwit", forks.segwit),
        ] {
            deployments.append(
                name,
                ["type": "buried", "active": .bool(entry.height + 1 >= height), "height": .int(height)])
        }
        if configuration.network.testDummy.startTime != VersionBitsDeployment.neverActiveTime {
            deployments.append("testdummy", TestDeployment(chain, after: id).json)
        }
        return [
            "hash": .string(entry.hash.displayHex), "height": .int(entry.height),
            "script_flags": .array(flags.map { .string($0) }), "deployments": .object(deployments),
        ]
    }
}

/// BIP9's TESTDUMMY on regtest: bit 28, periods of 144 blocks, 108 of them signalling, started from time 0 on and
/// never timing out.
struct TestDeployment {
    enum State: String {
        case defined, started
        case lockedIn = "locked_in"
        case active
    }

    static let period = 144
    static let threshold = 108

    /// Of the block itself, and of the one after it.
    let state: State
    let next: State
    let since: Int
    /// Signals of the running period up to the block, oldest first.
    let signals: [Bool]

    init(_ chain: Chainstate, after id: BlockID) {
        var versions: [UInt32] = []
        var at = id
        while at >= 0 {
            versions.append(chain.tree[at].header.version)
            at = chain.tree[at].previous
        }
        versions.reverse()
        func signals(_ version: UInt32) -> Bool { version >> 29 == 1 && version >> 28 & 1 == 1 }
        // A block's state is that of its period, which the period before decided.
        var states: [(State, since: Int)] = [(.defined, 0)]
        var first = Self.period
        while first <= versions.count {
            let (last, since) = states[states.count - 1]
            let count = versions[first - Self.period..<first].count { signals($0) }
            switch last {
            case .defined: states.append((.started, first))
            case .started:
                states.append(count >= Self.threshold ? (.lockedIn, first) : (.started, since))
            case .lockedIn: states.append((.active, first))
            case .active: states.append((.active, since))
            }
            first += Self.period
        }
        let height = versions.count - 1
        state = states[height / Self.period].0
        since = states[height / Self.period].since
        next = states[(height + 1) / Self.period].0
        self.signals = versions[(height / Self.period * Self.period)...].map { signals($0) }
    }

    var json: JSON {
        var bip9: JSONObject = [
            "start_time": 0, "timeout": .int(Int64.max), "min_activation_height": 0,
            "status": .string(state.rawValue), "since": .int(since), "status_next": .string(next.rawValue),
        ]
        if state == .started || state == .lockedIn {
            let counted = signals.count { $0 }
            var statistics: JSONObject = ["period": .int(Self.period), "elapsed": .int(signals.count)]
            statistics.append("count", .int(counted))
            if state == .started {
                statistics = [
                    "period": .int(Self.period), "elapsed": .int(signals.count), "count": .int(counted),
                    "threshold": .int(Self.threshold),
                    "possible": .bool(Self.period - Self.threshold >= signals.count - counted),
                ]
            }
            bip9 = JSONObject([("bit", 28)] + bip9.entries.map { ($0.key, $0.value) })
            bip9.append("statistics", .object(statistics))
            bip9.append("signalling", .string(signals.map { $0 ? "#" : "-" }.joined()))
        }
        var object: JSONObject = ["type": "bip9"]
        if state == .active { object.append("height", .int(since)) }
        object.append("active", .bool(next == .active))
        object.append("bip9", .object(bip9))
        return .object(object)
    }
}
