import Bitcoin
import SansIO
import Stratum

/// How a run of checks goes about.
public struct ProbeSettings: Sendable {
    public var target: Endpoint
    /// Nil: the checks of the certificate are skipped.
    public var authority: AuthorityPublicKey?
    public var role: ConformanceRole
    /// What channels are opened for.
    public var identity = "conformance.probe"
    /// How long an answer may take. The specification says "immediately" in places and names no time.
    public var patience = Interval.seconds(5)
    /// How long a message must stay away before it counts as not sent.
    public var quiet = Interval.milliseconds(700)
    /// Waits of a minute and more: closing for inactivity.
    public var includesSlow = false
    /// Finds and submits a real block, where the network's difficulty lets it.
    public var minesBlocks = false
    /// Checks at the same time.
    public var lanes = 4
    public var clock: WallClock
    public var secretSeed: [UInt8]

    public init(target: Endpoint, role: ConformanceRole, clock: WallClock, secretSeed: [UInt8]) {
        self.target = target
        self.role = role
        self.clock = clock
        self.secretSeed = secretSeed
    }
}

/// What a running check knows: all that it heard, and what its steps noted.
struct ProbeNotes: Sendable {
    let settings: ProbeSettings
    var now = Instant.start
    /// In order, of all slots.
    var heard: [Heard] = []
    var numbers: [String: UInt64] = [:]
    var texts: [String: String] = [:]
    /// Shares that were sent, for their verdicts.
    var sequence: UInt32 = 0

    init(_ settings: ProbeSettings) { self.settings = settings }

    var unixTime: UInt32 { settings.clock.unixSeconds(at: now) }

    func frames(_ slot: Int = 0) -> [V2Frame] { heard.filter { $0.slot == slot }.compactMap(\.frame) }

    /// Messages of one type that came whole, in order.
    func all<M: V2Message>(_ type: M.Type, slot: Int = 0) -> [M] {
        frames(slot).compactMap { frame in
            guard frame.messageType == M.messageType, frame.extensionNumber == M.extensionType else {
                return nil
            }
            return try? M(frame: frame)
        }
    }

    func isClosed(_ slot: Int = 0) -> Bool { heard.contains { $0.slot == slot && $0.isEnd } }
}
