import Bitcoin
import JSONText
import Operations
import Pool
import SansIO
import Synchronization
import Translator

/// What a role's interface shows of the recent past: its last shares with their verdicts, and blocks where the role
/// keeps no books. Fed by the role's observations; costs nothing when there is no interface.
final class RoleJournal: Sendable {
    /// Shares and blocks looked back on: some minutes of a large pool, one page of the interface.
    static let kept = 1_000

    struct Share: Sendable {
        var unixTime: UInt32
        var channel: String
        var identity: String?
        var difficulty: Double?
        var hash: Hash256?
        /// `accepted`, or the reason in the protocol's words.
        var verdict: String
    }

    struct Block: Sendable {
        var unixTime: UInt32
        var hash: Hash256
        var height: UInt32?
        var identity: String?
        var status: String
    }

    private struct State {
        var shares = BoundedQueue<Share>(capacity: RoleJournal.kept)
        var blocks = BoundedQueue<Block>(capacity: RoleJournal.kept)
        /// Of open channels or connections; looked up, never walked.
        var identities: [String: String] = [:]
        var sequence: UInt64 = 0
    }

    private let clock: WallClock
    private let isOn: Bool
    private let state = Mutex(State())

    init(clock: WallClock, isOn: Bool) {
        self.clock = clock
        self.isOn = isOn
    }

    /// A pool's, or that of a job declaration client's devices.
    func pool(_ observation: PoolObservation, at now: Instant) {
        guard isOn else { return }
        switch observation {
        case .channelOpened(let key, let identity, _, _, _): name(PoolFacts.id(key), identity)
        case .channelClosed(let key, _): forget(PoolFacts.id(key))
        case .shareAccepted(let key, let difficulty, let hash):
            share(PoolFacts.id(key), difficulty, hash, "accepted", at: now)
        case .shareRejected(let key, let reason): share(PoolFacts.id(key), nil, nil, reason.code, at: now)
        case .blockFound(let key, let hash, let height, let isSubmitted):
            block(hash, height, PoolFacts.id(key), isSubmitted ? "submitted" : "not submitted", at: now)
        default: break
        }
    }

    /// A translator's: the miner's connection stands for the channel.
    func translator(_ observation: TranslatorObservation, at now: Instant) {
        guard isOn else { return }
        switch observation {
        case .minerAuthorized(let id, let worker, _): name("\(id.raw)", worker)
        case .minerDisconnected(let id, _): forget("\(id.raw)")
        case .shareForwarded(let id, let worker, let difficulty, let hash):
            share("\(id.raw)", difficulty, hash, "sent to the pool", worker: worker, at: now)
        case .shareCountedHere(let id, let worker, let difficulty):
            share("\(id.raw)", difficulty, nil, "below the pool's difficulty", worker: worker, at: now)
        case .shareRefused(let id, let fault): share("\(id.raw)", nil, nil, fault.name, at: now)
        case .shareRejectedUpstream(let id, let code):
            share(id.map { "\($0.raw)" } ?? "", nil, nil, "rejected by the pool: \(code)", at: now)
        default: break
        }
    }

    func block(
        _ hash: Hash256, _ height: UInt32?, _ channel: String?, _ status: String, at now: Instant
    ) {
        guard isOn else { return }
        let time = clock.unixSeconds(at: now)
        state.withLock { state in
            let identity = channel.flatMap { state.identities[$0] }
            _ = state.blocks.appendDroppingOldest(
                Block(unixTime: time, hash: hash, height: height, identity: identity, status: status))
        }
    }

    /// A block's newest word counts.
    var blocks: RoleList {
        var queue = state.withLock { $0.blocks }
        var items: [Block] = []
        while let block = queue.popFirst() {
            if let index = items.lastIndex(where: { $0.hash == block.hash }) {
                items[index].status = block.status
            } else {
                items.append(block)
            }
        }
        return RoleList(
            "blocks",
            items.reversed().map { block in
                [
                    "id": .string(block.hash.displayHex), "time": .int(block.unixTime),
                    "height": block.height.map { .int($0) } ?? .null,
                    "user_identity": block.identity.map { .string($0) } ?? .null,
                    "status": .string(block.status),
                ]
            }, isKeyed: true)
    }

    var shares: RoleList {
        var (queue, last) = state.withLock { ($0.shares, $0.sequence) }
        var number = last - UInt64(queue.count)
        var items: [JSON] = []
        while let share = queue.popFirst() {
            number += 1
            items.append([
                "id": .string("\(number)"), "time": .int(share.unixTime), "channel": .string(share.channel),
                "user_identity": share.identity.map { .string($0) } ?? .null,
                "difficulty": share.difficulty.map { .double($0) } ?? .null,
                "hash": share.hash.map { .string($0.displayHex) } ?? .null,
                "verdict": .string(share.verdict),
            ])
        }
        return RoleList("shares", items.reversed(), isKeyed: true)
    }

    private func name(_ channel: String, _ identity: String) {
        state.withLock { $0.identities[channel] = identity }
    }

    private func forget(_ channel: String) {
        state.withLock { _ = $0.identities.removeValue(forKey: channel) }
    }

    private func share(
        _ channel: String, _ difficulty: Double?, _ hash: Hash256?, _ verdict: String, worker: String? = nil,
        at now: Instant
    ) {
        let time = clock.unixSeconds(at: now)
        state.withLock { state in
            state.sequence += 1
            _ = state.shares.appendDroppingOldest(
                Share(
                    unixTime: time, channel: channel, identity: worker ?? state.identities[channel],
                    difficulty: difficulty, hash: hash, verdict: verdict))
        }
    }
}

extension ShareFault {
    /// In the words of the list of shares.
    fileprivate var name: String {
        switch self {
        case .notSubscribed: "not-subscribed"
        case .notAuthorized: "not-authorized"
        case .noPool: "no-pool"
        case .rejected(let reason): reason.code
        }
    }
}
