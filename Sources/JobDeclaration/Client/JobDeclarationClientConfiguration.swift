import Bitcoin
import Pool
import SansIO
import Stratum

/// How a job declaration client works with pools; the reference implementation's three modes.
public enum JobDeclarationMode: String, Sendable, Hashable, CaseIterable {
    /// The server judges the whole block and can send it out too.
    case fullTemplate = "FULLTEMPLATE"
    /// The server sees the coinbase alone; the transactions stay here.
    case coinbaseOnly = "COINBASEONLY"
    /// No pool at all: blocks pay the miner.
    case solo = "SOLOMINING"
}

/// A pool and the job declaration server that goes with it.
public struct JobDeclarationUpstream: Sendable, Hashable {
    public var pool: Endpoint
    /// Nil: the pool's certificate is not checked.
    public var poolAuthority: AuthorityPublicKey?
    public var server: Endpoint
    public var serverAuthority: AuthorityPublicKey?
    /// The account at this pool: names the channel and the tokens.
    public var userIdentity: String

    public init(
        pool: Endpoint, poolAuthority: AuthorityPublicKey?, server: Endpoint,
        serverAuthority: AuthorityPublicKey?, userIdentity: String
    ) {
        self.pool = pool
        self.poolAuthority = poolAuthority
        self.server = server
        self.serverAuthority = serverAuthority
        self.userIdentity = userIdentity
    }
}

/// What an operator decides about a job declaration client.
public struct JobDeclarationClientConfiguration: Sendable {
    public var mode = JobDeclarationMode.fullTemplate
    /// In order of preference; none is solo mining.
    public var upstreams: [JobDeclarationUpstream] = []
    public var templateProvider: Endpoint
    /// Nil: the provider's certificate is not checked.
    public var templateProviderAuthority: AuthorityPublicKey?
    /// The side towards devices: keys, share rate, vardiff, coinbase text, bounds. Its payout is where blocks pay
    /// while no pool serves.
    public var devices: PoolConfiguration
    /// What an extended channel of a device rolls, in bytes; the reference implementation's default.
    public var rollableExtranonceSize = 8
    public var limits = JobDeclarationClientLimits()

    public init(devices: PoolConfiguration) {
        self.devices = devices
        templateProvider = devices.templateProvider
        templateProviderAuthority = devices.templateProviderAuthority
    }

    var isSolo: Bool { mode == .solo || upstreams.isEmpty }
}

/// What an operator may ask of a running job declaration client.
public enum JobDeclarationClientCommand: Sendable, Equatable {
    /// The operating system's clock stepped.
    case setClock(WallClock)
    /// Close a device's connection, with a reason for the log.
    case disconnect(ConnectionID, String)
    /// Make a new job of the current template now.
    case refreshJob
    /// Leave this pool for the next one of the list.
    case nextUpstream
    /// Leave this pool for the one at that place of the list; a place that is not there is passed over.
    case useUpstream(Int)
    /// What an operator asks of the side towards devices, as of a pool: its channels, connections, difficulties.
    case devices(PoolCommand)
}
