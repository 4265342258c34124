import Bitcoin
import Chain
import Explorer
import Firmware
import Hardware
import JSONText
import Pool
import Rig
import SansIO
import Synchronization

/// Gathers what the machines observe: counters for the live view, lines for the log, finders of blocks for the
/// explorer. Called from every event loop, so it holds one short lock.
final class Observatory: Sendable {
    struct Counts: Sendable {
        var height = 0
        var tip = ""
        var templates: UInt64 = 0
        var transactions = 0
        var accepted: UInt64 = 0
        var rejected: UInt64 = 0
        var stale: UInt64 = 0
        var blocksFound = 0
        var connections = 0
        var isTemplateProviderReady = false
        var poolDetail = "waiting for the template provider"
    }

    private struct State {
        var counts = Counts()
        var identities: [ChannelKey: String] = [:]
        var finders: [String: BlockFinder] = [:]
        var finderOrder: [String] = []
        /// Why the template provider was last lost, until it is back: one line for any number of attempts.
        var providerLoss: CloseReason?
        var saidTipLeftOut = false
        /// Accepted shares in each of the last seconds, for the rate.
        var recent: [(second: UInt64, shares: UInt64)] = []
    }

    /// Finders of so many blocks are kept for the explorer.
    private static let findersKept = 10_000
    /// The window of the share rate in seconds.
    private static let window: UInt64 = 10

    private let state = Mutex(State())
    let log: EventLog
    /// For a pool whose node is another program: its tips and the blocks found become lines of the log, which
    /// beside a node of ours say nothing that the node does not.
    private let isPoolAlone: Bool
    /// What lines name as their role.
    private let poolRole = "pool"
    private let rigRole = "device"

    init(log: EventLog, isPoolAlone: Bool = false) {
        self.log = log
        self.isPoolAlone = isPoolAlone
    }

    var counts: Counts { state.withLock { $0.counts } }
    var finders: [String: BlockFinder] { state.withLock { $0.finders } }

    /// Accepted shares a second over the last ten seconds.
    func shareRate(at now: Instant) -> Double {
        let second = now.nanoseconds / 1_000_000_000
        return state.withLock { state in
            let seconds = min(Self.window, max(1, second))
            let sum = state.recent.filter { $0.second + seconds > second }.reduce(0) { $0 + $1.shares }
            return Double(sum) / Double(seconds)
        }
    }

    func node(_ observation: NodeObservation, at now: Instant) {
        func say(_ text: @autoclosure () -> String, _ context: JSONObject = [:]) {
            log.note(observation, text(), with: context, as: "node")
        }
        switch observation {
        case .blockConnected(let height, let hash, let transactions, _, _, _, let source):
            let finder = state.withLock { state in
                state.counts.transactions += transactions
                return state.finders[hash.displayHex]
            }
            let who = finder.map { " found by \($0.worker ?? $0.device)" } ?? Observatory.source(source)
            say(
                "block \(height)  \(hash.displayHex.prefix(20))…  \(transactions) tx\(who)",
                finder.map { ["user": .string($0.worker ?? $0.device)] } ?? [:])
        case .blockDisconnected(let height, let hash):
            say("block \(height) \(hash.displayHex.prefix(20))… left the best chain")
        case .tipChanged(let height, let hash):
            state.withLock {
                $0.counts.height = height
                $0.counts.tip = hash.displayHex
            }
            log.debug(observation, as: "node")
        case .blockRejected(let hash, let reason, _):
            say("block \(hash.displayHex.prefix(20))… refused: \(reason)")
        case .blockStored(let height, let hash, _):
            say("block \(height) \(hash.displayHex.prefix(20))… stored off the best chain")
        case .transactionAccepted(let txid, let fee, let size):
            say("transaction \(txid.displayHex.prefix(20))… in the mempool, \(fee) sat for \(size) vB")
        case .templateIssued:
            state.withLock { $0.counts.templates += 1 }
            log.debug(observation, as: "node")
        case .templateClientConnected(_, let vendor, _): say("template client connected: \(vendor)")
        case .templateClientDisconnected(_, let reason): say("template client left: \(reason)")
        case .peerConnected(_, let agent): say("peer connected: \(agent)")
        case .peerDisconnected(_, let reason): say("peer left: \(reason)")
        case .peerDialFailed(let endpoint, let reason): say("peer \(endpoint) not reached: \(reason)")
        case .mempoolLoaded(_, _, let fault?): say("mempool.dat could not be read: \(fault)")
        case .mempoolLoaded(let accepted, let count, nil):
            if count > 0 { say("\(accepted) of \(count) transactions back in the mempool") }
        case .transactionRejected, .solutionReceived, .rpcServed, .stopRequested, .mempoolSaveRequested,
            .bansChanged, .fileRequested, .fileWriteRequested, .walletTransaction:
            log.debug(observation, as: "node")
        }
    }

    func pool(_ observation: PoolObservation, at now: Instant) {
        func say(_ text: @autoclosure () -> String, _ context: JSONObject = [:]) {
            log.note(observation, text(), with: context, as: poolRole)
        }
        func quietly() { log.debug(observation, as: poolRole) }
        switch observation {
        case .shareAccepted:
            count(accepted: 1, at: now)
            quietly()
        case .shareRejected(_, let rejection):
            state.withLock {
                $0.counts.rejected += 1
                if rejection == .stale { $0.counts.stale += 1 }
            }
            quietly()
        case .blockFound(let key, let hash, let height, let isSubmitted):
            blockFound(observation, by: key, hash: hash, height: height, isSubmitted: isSubmitted)
        case .tipChanged(let prevHash, let job):
            isPoolAlone ? say("tip \(prevHash.displayHex.prefix(20))…, job \(job)") : quietly()
        case .channelOpened(let key, let identity, let kind, let rate, _):
            state.withLock { $0.identities[key] = identity }
            say("channel \(key.channel) opened: \(identity), \(kind), \(Figures.hashRate(rate))")
        case .channelClosed(let key, let reason):
            let identity = state.withLock { $0.identities.removeValue(forKey: key) }
            say(
                "channel \(key.channel) closed: \(identity ?? "unknown"): \(reason)",
                identity.map { ["user": .string($0)] } ?? [:])
        case .channelRefused(_, let code): say("channel refused: \(code)")
        case .setupRefused(_, let code): say("setup refused: \(code)")
        case .connectionOpened:
            state.withLock { $0.counts.connections += 1 }
            quietly()
        case .connectionClosed:
            state.withLock { $0.counts.connections -= 1 }
            quietly()
        case .templateProvider(let provider): templateProvider(observation, provider)
        case .customJobRefused(_, let code): say("custom job refused: \(code)")
        case .connectionReady, .jobIssued, .targetChanged, .customJobAccepted, .customBlockFound: quietly()
        case .connectionRefused(let address, let reason): say("\(address) refused: \(reason)")
        case .draining(let connections): say("draining: \(connections) peers were sent away")
        case .drained: say("drained: no connection is left")
        case .endpointChanged(let key):
            say("channel \(key.channel): its endpoint changed, extensions are to be agreed on anew")
        case .prefixKept(let key): say("channel \(key.channel) keeps its prefix: older jobs are out")
        }
    }

    func rig(_ name: String, _ observation: MinerObservation) {
        func say(_ text: @autoclosure () -> String) {
            log.note(observation, text(), with: ["device": .string(name)], as: rigRole)
        }
        switch observation {
        case .phaseChanged(let phase): say("\(name): \(phase.rawValue)")
        case .disconnected(_, let reason): say("\(name): disconnected: \(reason)")
        case .throttled(let frequency): say("\(name): throttled to \(Int(frequency.megahertz)) MHz")
        case .overheated: say("\(name): overheated, chips off")
        case .fanFailed: say("\(name): fan failed")
        case .shareRejected(_, let reason): say("\(name): share refused: \(reason.name)")
        case .shareTooHard(let hashes):
            say(
                "\(name): the pool's shares need \(Figures.difficulty(hashes)) hashes each; lower --scale fits"
            )
        case .chipsMissing(let found, let expected): say("\(name): \(found) of \(expected) chips answer")
        default: log.debug(observation, with: ["device": .string(name)], as: rigRole)
        }
    }

    private func count(accepted shares: UInt64, at now: Instant) {
        let second = now.nanoseconds / 1_000_000_000
        state.withLock { state in
            state.counts.accepted += shares
            if let last = state.recent.indices.last, state.recent[last].second == second {
                state.recent[last].shares += shares
            } else {
                state.recent.append((second, shares))
                if state.recent.count > 2 * Int(Self.window) { state.recent.removeFirst(Int(Self.window)) }
            }
        }
    }

    private func blockFound(
        _ observation: PoolObservation, by key: ChannelKey, hash: Hash256, height: UInt32?, isSubmitted: Bool
    ) {
        let name = hash.displayHex
        let who = state.withLock { state -> String in
            state.counts.blocksFound += 1
            let identity = state.identities[key] ?? "channel \(key.channel)"
            state.finders[name] = BlockFinder(device: identity, worker: identity, channelID: key.channel)
            state.finderOrder.append(name)
            if state.finderOrder.count > Self.findersKept {
                for old in state.finderOrder.prefix(Self.findersKept / 2) { state.finders[old] = nil }
                state.finderOrder.removeFirst(Self.findersKept / 2)
            }
            return identity
        }
        guard isPoolAlone else {
            return log.debug(observation, with: ["user": .string(who)], as: poolRole)
        }
        let number = height.map { "block \($0)" } ?? "block"
        log.note(
            observation,
            "\(number)  \(name.prefix(20))… found by \(who)\(isSubmitted ? "" : ", not submitted")",
            with: ["user": .string(who)], as: poolRole)
    }

    private func templateProvider(_ observation: PoolObservation, _ provider: TemplateProviderState) {
        let detail: String
        switch provider {
        case .dialing: detail = "dialling the template provider"
        case .ready: detail = "templates from the node"
        case .lost(let reason): detail = "template provider lost: \(reason)"
        case .quiet: detail = "no work from the template provider for a while; asked for some"
        case .tipLeftOut(let height):
            detail =
                "the template provider left out the tip of height \(height); asked for it, as for every such"
        case .templateUnusable(let id, let why): detail = "template \(id) unusable: \(why)"
        }
        let isNew = state.withLock { state -> Bool in
            defer { state.counts.poolDetail = detail }
            switch provider {
            case .dialing: return false
            case .ready:
                state.counts.isTemplateProviderReady = true
                state.providerLoss = nil
                return true
            case .lost(let reason):
                state.counts.isTemplateProviderReady = false
                defer { state.providerLoss = reason }
                return state.providerLoss != reason
            case .quiet: return false
            case .tipLeftOut:
                defer { state.saidTipLeftOut = true }
                return !state.saidTipLeftOut
            case .templateUnusable: return state.counts.poolDetail != detail
            }
        }
        if isNew {
            log.note(observation, "pool: \(detail)", as: poolRole)
        } else {
            log.debug(observation, as: poolRole)
        }
    }

    private static func source(_ source: BlockSource) -> String {
        switch source {
        case .rpc: " by RPC"
        case .command, .generated: " generated"
        case .peer: " from a peer"
        case .templateClient: " from a template client"
        }
    }
}
