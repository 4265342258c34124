import Stratum

/// What the tap does with a message instead of forwarding it; tests and experiments change a conversation with these.
/// The first rule that fits decides.
public struct TapRule: Sendable {
    public enum Action: Sendable {
        /// Forward it: an exception from the rules behind.
        case pass
        /// The other side never gets it.
        case drop
        /// These go in its place.
        case replace([V2Frame])
        /// What this makes of it goes in its place.
        case rewrite(@Sendable (V2Frame) -> [V2Frame])
        /// It waits, and what follows it in this direction waits behind it, until ``TapCommand/release(session:)``
        /// or until a message as `until` was seen in the same session.
        case hold(until: ExpectedMessage?)
        /// Ends the session.
        case close(String)
    }

    public var message: ExpectedMessage
    /// Messages that fit and pass before the rule begins to act.
    public var skips: Int
    /// Messages that it acts on before it is used up.
    public var times: Int
    public var action: Action

    public init(_ message: ExpectedMessage, skips: Int = 0, times: Int = .max, _ action: Action) {
        self.message = message
        self.skips = skips
        self.times = times
        self.action = action
    }
}

/// What an operator or a test may ask of a running tap.
public enum TapCommand: Sendable {
    case add(TapRule)
    case removeRules
    /// Lets go what rules hold back, of one session or of all.
    case release(session: UInt32?)
    /// Sends a frame to one side as if the other had said it.
    case inject(V2Frame, TapDirection, session: UInt32)
    case close(session: UInt32)
}
