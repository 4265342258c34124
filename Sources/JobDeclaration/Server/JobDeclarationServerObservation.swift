import Bitcoin
import SansIO

/// What happened in a job declaration server.
public enum JobDeclarationServerObservation: Sendable, Equatable {
    case connectionOpened(ConnectionID, from: String)
    case connectionReady(ConnectionID, vendor: String, isFullTemplate: Bool)
    case connectionClosed(ConnectionID, reason: CloseReason)
    case setupRefused(ConnectionID, code: String)
    /// Reconnect was sent to so many connections, and nobody new is let in.
    case draining(connections: Int)
    /// The last connection of a draining server is gone.
    case drained
    /// So many unused tokens of an account hold no more.
    case tokensRevoked(identity: String, count: Int)
    case tokenAllocated(ConnectionID, identity: String)
    /// Transactions that neither the mempool nor the declaration's forerunners held were asked for.
    case transactionsAsked(ConnectionID, requestID: UInt32, count: Int)
    case jobDeclared(ConnectionID, requestID: UInt32, transactions: Int)
    /// `details` is the node's word where it was the node's verdict.
    case jobRefused(ConnectionID, requestID: UInt32, code: String, details: String)
    /// A block was handed to the node; the verdict follows.
    case blockSubmitted(Hash256, transactions: Int)
    /// Nil: the node took it. Otherwise its word, or why it never heard of the block.
    case blockJudged(Hash256, refusal: String?)
    /// A solution that fits no declared job, or is no block.
    case solutionIgnored(ConnectionID?, String)
    case tipChanged(Hash256, height: UInt32)
    case node(NodeState)

    /// How the server stands with its node.
    public enum NodeState: Sendable, Equatable {
        /// It told its tip.
        case ready
        /// It cannot be reached, or says something that cannot be used; attempts go on by themselves.
        case lost(String)
    }
}

/// A server at one moment.
public struct JobDeclarationServerSnapshot: Sendable, Equatable {
    public var connections: Int
    public var tokensAllocated: UInt64
    public var declarationsPending: Int
    public var jobsDeclared: UInt64
    public var jobsRefused: UInt64
    public var jobsHeld: Int
    public var jobBytes: Int
    public var mirroredTransactions: Int
    public var mirroredBytes: Int
    public var tip: Hash256?
    public var blocksSubmitted: UInt64
    public var isNodeReady: Bool
    public var isDraining: Bool
    /// Ascending by id.
    public var clients: [Client]
    /// Declared jobs that a solution can still name, the newest last.
    public var jobs: [Job]

    /// A connection.
    public struct Client: Sendable, Equatable {
        public var id: ConnectionID
        public var address: String
        public var vendor: String
        /// Nil before SetupConnection was answered.
        public var isFullTemplate: Bool?
        /// The account of its last token; empty before one.
        public var identity: String
        public var tokensUnused: Int
        public var tokensAllocated: UInt64
        public var declarationsPending: Int
        public var jobsDeclared: UInt64
        public var jobsRefused: UInt64
    }

    public struct Job: Sendable, Equatable {
        public var connection: ConnectionID
        public var prevHash: Hash256
        /// Without the coinbase.
        public var transactions: Int
        public var bytes: Int
    }
}
