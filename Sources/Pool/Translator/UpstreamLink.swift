import SansIO
import Stratum

/// The translator's connection to a pool.
struct UpstreamLink: Sendable {
    /// Where it stands.
    enum Phase: Sendable {
        /// Waits for the dial timer.
        case idle
        case dialing
        /// Noise or SetupConnection is under way; ends in `ready`.
        case settingUp(V2ClientHandshake)
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

    var phase = Phase.idle
    var connection: ConnectionID?
    /// Which of the configured pools is in use.
    var choice = 0
    /// Where a Reconnect sent us; used once.
    var redirect: Endpoint?
    /// Attempts since it was last ready.
    var attempts = 0
    /// Counts connections that got ready; part of V1 job ids, because the next pool counts jobs from 1 again.
    var session: UInt32 = 0
    /// Miners by channel id; looked up, never walked.
    var channels: [UInt32: ConnectionID] = [:]
    /// Miners by the request id of the channel they wait for; looked up, never walked.
    var openings: [UInt32: ConnectionID] = [:]
    var groups: [Group] = []
    /// This connection got ready; so the release timer was stopped and starts again when it is lost.
    var hasServed = false
    /// SetupConnection.Success said REQUIRES_FIXED_VERSION.
    var isVersionFixed = false

    var isReady: Bool {
        if case .ready = phase { return true }
        return false
    }

    func pause(first: Interval, longest: Interval) -> Interval {
        min(first * (UInt64(1) << UInt64(min(max(attempts - 1, 0), 16))), longest)
    }
}
