import SansIO
import Stratum

/// One client and its connection to the upstream.
struct TapSession: Sendable {
    /// Where the way to the upstream stands. What the client says before `.linked` waits.
    enum Upstream: Sendable {
        case dialing
        case handshaking(TapSide)
        case linked(TapSide)
        /// Both connections are being closed.
        case closing
    }

    let number: UInt32
    var client: TapSide
    var upstream = Upstream.dialing
    /// Messages that wait for the upstream's handshake.
    var early: [TapMessage] = []
    /// What rules hold back, in order.
    var held: [(direction: TapDirection, message: TapMessage, until: ExpectedMessage?)] = []
    var waitingBytes = 0

    var upstreamID: ConnectionID? {
        switch upstream {
        case .handshaking(let side), .linked(let side): side.id
        case .dialing, .closing: nil
        }
    }

    var isClosing: Bool {
        if case .closing = upstream { return true }
        return false
    }

    /// False once more waits than the bounds allow.
    var isWithinBounds: Bool {
        early.count + held.count <= TapLimits.waitingFrames && waitingBytes <= TapLimits.waitingBytes
    }
}
