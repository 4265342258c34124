import Bitcoin
import Pool
import SansIO
import Stratum

/// One connection of the server.
struct DeclarationConnection: Sendable {
    enum Phase: Sendable, Equatable {
        case handshaking
        /// Encrypted; nothing but SetupConnection may come.
        case awaitingSetup
        /// Coinbase-only: tokens and nothing else.
        case coinbaseOnly
        case fullTemplate
        /// An error was answered and the connection closes; what still arrives is not read.
        case closing
    }

    /// A token that was given out and not used.
    struct Unused: Sendable, Equatable {
        var serial: [UInt8]
        var expires: UInt32
        /// Digest of the account that it was given out to.
        var identity: [UInt8]
        /// Taken back while a declaration used it: not given back after that.
        var isRevoked = false
    }

    let address: String
    /// Of SetupConnection.
    var vendor = ""
    /// The account of the last token.
    var identity = ""
    var tokensAllocated: UInt64 = 0
    var jobsDeclared: UInt64 = 0
    var jobsRefused: UInt64 = 0

    var link: V2Connection
    var phase = Phase.handshaking
    /// The oldest first.
    var tokens: [Unused] = []
    /// Requests for tokens that wait for the node's first word.
    var heldAllocations: [JobDeclaration.AllocateMiningJobToken] = []
    /// In the order of their arrival.
    var pending: [Declaration] = []
    /// Allocations and oddities of the minute that began at ``windowStart``.
    var allocations = 0
    var oddities = 0
    var windowStart: Instant
    var solutions = 0
    var solutionTip: Hash256?

    init(link: V2Connection, address: String, at now: Instant) {
        self.address = address
        self.link = link
        windowStart = now
    }

    var isReady: Bool { phase == .fullTemplate || phase == .coinbaseOnly }
    var awaitsTransactions: Bool { pending.contains { $0.phase == .awaitingTransactions } }
}
