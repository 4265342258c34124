import Bitcoin
import Pool
import SansIO
import Stratum

/// A job of the devices on its way to the pool.
struct CustomJob: Sendable {
    enum Phase: Sendable, Equatable {
        /// Its template waits for a tip.
        case future
        /// Full-template mode: the template provider is to say what is in it.
        case awaitingTransactions
        case awaitingToken
        /// DeclareMiningJob is out.
        case declaring(request: UInt32, since: Instant)
        /// SetCustomMiningJob is out.
        case setting(request: UInt32, since: Instant)
        /// The pool's id, and the target of its shares.
        case acknowledged(UInt32, Target)
        /// Refused; a new tip may explain it.
        case doubted(code: String, since: Instant)
    }

    let job: OwnedJob
    /// The session of the template provider that named the template.
    let session: UInt32
    var phase: Phase
    /// When it was first called stale.
    var staleSince: Instant?
    /// Whether a token that was no good was replaced once.
    var hasFreshToken = false
    /// Found before the pool knew the job.
    var shares: [RelayedShare] = []

    var isAcknowledged: Bool {
        if case .acknowledged = phase { return true }
        return false
    }
}

/// What is in a template besides its coinbase.
struct TemplateTransactions: Sendable {
    let templateID: UInt64
    let session: UInt32
    let transactions: [[UInt8]]
    let witnessIDs: [Hash256]
    let excessData: [UInt8]

    /// Nil when a transaction does not decode.
    init?(_ message: TemplateDistribution.RequestTransactionDataSuccess, session: UInt32) {
        var ids: [Hash256] = []
        ids.reserveCapacity(message.transactionList.count)
        for bytes in message.transactionList {
            guard let transaction = try? Transaction(bytes: bytes) else { return nil }
            ids.append(transaction.wtxid)
        }
        templateID = message.templateID
        self.session = session
        transactions = message.transactionList
        witnessIDs = ids
        excessData = message.excessData
    }
}

/// The pool that is being reached or served.
struct Upstream: Sendable {
    /// The one channel there, which all devices share.
    struct Channel: Sendable {
        let id: UInt32
        let group: UInt32
        var target: Target
        var extranoncePrefix: [UInt8]
        let extranonceSize: Int
        /// Hashes per second that the pool was told.
        var announced: Double
        var sequence: UInt32 = 0
    }

    let choice: Int
    let terms: JobDeclarationUpstream
    var channel: Channel?
    /// Request id of the channel that was asked for.
    var opening: UInt32?
    var isVersionFixed = false
    var tokens: [[UInt8]] = []
    /// Token requests that are out, oldest first.
    var tokenRequests: [(id: UInt32, since: Instant)] = []
    /// What the pool's outputs are, from the last token.
    var rewards: RewardOutputs?
    var lastRequest: UInt32 = 0
    /// Devices work for it.
    var isServing = false
    /// The job of the last DeclareMiningJob.Success: the one that PushSolution is for (SV2 section 6.4.9).
    var lastDeclared: UInt32?
    var refusedInRow = 0

    init(choice: Int, terms: JobDeclarationUpstream) {
        self.choice = choice
        self.terms = terms
    }

    mutating func takeRequest() -> UInt32 {
        lastRequest &+= 1
        return lastRequest
    }
}
