import Bitcoin
import SansIO
import Stratum

/// What a tap stands between.
public struct TapConfiguration: Sendable {
    /// What travels on a side's connections.
    public enum Wire: Sendable, Hashable {
        /// Stratum V2 frames in Noise.
        case noise
        /// Stratum V2 frames without encryption.
        case plain
        /// Stratum V1 lines.
        case lines
    }

    public var upstream: Endpoint
    /// Nil: the upstream's certificate is not checked.
    public var upstreamAuthority: AuthorityPublicKey?
    /// Lines on one side need lines on the other.
    public var wireToClients: Wire
    public var wireToUpstream: Wire
    /// Signs the certificate that the tap shows to clients in the upstream's place.
    public var authority: AuthoritySecretKey
    public var staticKey: SecretKey
    /// Seconds from now at which the certificate shown begins; tests make one that is not good yet, or no more.
    public var certificateBegins: Int64 = 0
    public var certificateValidity = Interval.hours(24)
    public var clock: WallClock
    public var secretSeed: [UInt8]
    public var rules: [TapRule] = []

    public init(
        upstream: Endpoint, wire: Wire = .noise, authority: AuthoritySecretKey, staticKey: SecretKey,
        clock: WallClock, secretSeed: [UInt8]
    ) {
        self.upstream = upstream
        wireToClients = wire
        wireToUpstream = wire
        self.authority = authority
        self.staticKey = staticKey
        self.clock = clock
        self.secretSeed = secretSeed
    }
}

extension ListenerID {
    /// The tap's clients.
    public static let tap = ListenerID(1)
}
