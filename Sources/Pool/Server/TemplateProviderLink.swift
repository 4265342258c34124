import SansIO
import Stratum

/// The pool's connection to its template provider.
struct TemplateProviderLink: Sendable {
    /// Where it stands.
    enum Phase: Sendable {
        /// Waits for the dial timer.
        case idle
        /// A dial is out.
        case dialing
        /// Noise or SetupConnection is under way; ends in `ready`.
        case settingUp(V2ClientHandshake)
        /// Constraints were sent; templates arrive.
        case ready(V2Connection)
    }

    var phase = Phase.idle
    var connection: ConnectionID?
    /// Counts connections that got ready: template ids mean something within one session only.
    var session: UInt32 = 0
    /// Attempts since it last told a tip.
    var attempts = 0
    /// Constraints are out; a future template and its tip answer them.
    var owesTip = false
    /// Solutions found while it was away.
    var heldSolutions: [TemplateDistribution.SubmitSolution] = []

    var isReady: Bool {
        if case .ready = phase { return true }
        return false
    }

    /// The pause before the next attempt: doubling from first to longest.
    func pause(first: Interval, longest: Interval) -> Interval {
        min(first * (UInt64(1) << UInt64(min(max(attempts - 1, 0), 16))), longest)
    }
}
