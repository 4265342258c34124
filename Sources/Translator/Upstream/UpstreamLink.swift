import SansIO
import Stratum

/// The translator's connection to a pool.
struct UpstreamLink: Sendable {
    /// Where it stands.
    enum Phase: Sendable {
        /// Waits for the dial timer.
        case idle
        /// The pool let an idle translator go; the next miner wakes it.
        case resting
        case dialing
        /// Noise or SetupConnection is under way.
        case settingUp(V2ClientHandshake)
        /// RequestExtensions was sent.
        case negotiating(V2Connection)
        /// Channels may be opened.
        case ready(V2Connection)
        /// Closed from this side; waits for the driver's confirmation.
        case leaving
    }

    /// Jobs of a group that wait for their tip.
    struct Group: Sendable {
        let id: UInt32
        var futures: [UpstreamJob] = []
    }

    /// Who waits for a channel.
    enum Opening: Sendable, Equatable {
        /// All miners, announced with this many hashes per second.
        case everybody(hashRate: Double)
        case miner(ConnectionID)
    }

    var phase = Phase.idle
    var connection: ConnectionID?
    /// Which of the configured pools is in use.
    var choice = 0
    /// Where a Reconnect sent us; used once.
    var redirect: Endpoint?
    /// Where the latest attempt went.
    var endpoint: Endpoint
    /// Attempts since jobs last flowed.
    var attempts = 0
    /// Counts connections that got ready; part of V1 job ids, because the next pool counts jobs from 1 again.
    var session: UInt32 = 0
    /// Free slots are nil.
    var channels: [UpstreamChannel?] = []
    var freeSlots: [Int] = []
    /// Slots by channel id; looked up, never walked.
    var slots: [UInt32: Int] = [:]
    /// By request id; looked up, never walked.
    var openings: [UInt32: Opening] = [:]
    /// The channel that all miners share.
    var sharedSlot: Int?
    var groups: [Group] = []
    /// This connection got ready; so the release timer was stopped and starts again when it is lost.
    var hasServed = false
    /// SetupConnection.Success said REQUIRES_FIXED_VERSION.
    var isVersionFixed = false
    /// Extension 0x0002 was agreed on: every share carries its worker's name.
    var namesWorkers = false
    /// RequestExtensions that is out although channels are open, after ChannelEndpointChanged.
    var renegotiation: UInt16?
    /// Of the last RequestExtensions on this connection.
    var extensionRequest: UInt16 = 0
    /// Shares were sent since the pool spoke last.
    var awaitsAnswer = false

    var isReady: Bool {
        if case .ready = phase { return true }
        return false
    }

    /// Before the next attempt: short while the list is gone through for the first time, then longer each round.
    func pause(first: Interval, longest: Interval, pools: Int) -> Interval {
        let round = max(attempts - 1, 0) / pools
        return min(first * (UInt64(1) << UInt64(min(round, 16))), longest)
    }

    /// Forgets everything that lived on the connection.
    mutating func reset() {
        phase = .idle
        connection = nil
        channels = []
        freeSlots = []
        slots = [:]
        openings = [:]
        sharedSlot = nil
        groups = []
        hasServed = false
        isVersionFixed = false
        namesWorkers = false
        renegotiation = nil
        extensionRequest = 0
        awaitsAnswer = false
    }

    mutating func add(_ channel: UpstreamChannel) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            channels[slot] = channel
        } else {
            slot = channels.count
            channels.append(channel)
        }
        slots[channel.id] = slot
        return slot
    }

    mutating func remove(_ slot: Int) {
        guard let channel = channels[slot] else { return }
        slots[channel.id] = nil
        channels[slot] = nil
        freeSlots.append(slot)
        if sharedSlot == slot { sharedSlot = nil }
    }

    /// A channel's slot, or the slots of a group in the order of the table.
    func slots(of channelID: UInt32) -> [Int] {
        if let slot = slots[channelID] { return [slot] }
        return channels.indices.filter { channels[$0]?.groupID == channelID }
    }

    /// The place of a group, made if it is new; nil when there are too many.
    mutating func group(_ id: UInt32, limit: Int) -> Int? {
        if let index = groups.firstIndex(where: { $0.id == id }) { return index }
        guard groups.count < limit else { return nil }
        groups.append(Group(id: id))
        return groups.count - 1
    }
}
