import Bitcoin
import Pool
import SansIO
import Stratum

/// What happened in a translator.
public enum TranslatorObservation: Sendable, Equatable {
    case minerConnected(ConnectionID, from: String)
    case minerAuthorized(ConnectionID, worker: String, userAgent: String)
    /// The miner took up the session of an earlier connection.
    case sessionResumed(ConnectionID, session: String)
    case minerDisconnected(ConnectionID, reason: CloseReason)
    /// `miner` is nil for the channel that all miners share.
    case channelOpened(miner: ConnectionID?, channel: UInt32, identity: String, target: Target)
    /// The pool refused a channel with this code.
    case channelRefused(miner: ConnectionID?, code: String)
    /// A job went to `miners` miners. `isClean`: every earlier job is worthless.
    case jobForwarded(UInt32, miners: Int, isClean: Bool)
    /// The channel's current job was sent again to `miners` idle miners.
    case jobRepeated(UInt32, miners: Int)
    /// What the pool wants of a channel from its next job on.
    case targetChanged(channel: UInt32, target: Target)
    /// Own difficulty control moved a miner.
    case difficultyChanged(ConnectionID, Double)
    /// A share was good for this translator's checks and went to the pool.
    case shareForwarded(ConnectionID, worker: String, difficulty: Double, hash: Hash256)
    /// A share was good for the miner's own difficulty and below the one that the pool counts: it is counted here.
    case shareCountedHere(ConnectionID, worker: String, difficulty: Double)
    case shareRefused(ConnectionID, ShareFault)
    /// The pool credited shares that were forwarded before.
    case sharesCredited(channel: UInt32, count: UInt32)
    /// The pool refused a share that the miner was told is good.
    case shareRejectedUpstream(ConnectionID?, code: String)
    /// The pool speaks these extensions; empty when it spoke none that were asked for.
    case extensions([UInt16])
    case upstream(UpstreamState)
}

/// How the translator stands with its pool.
public enum UpstreamState: Sendable, Equatable {
    case dialing(Endpoint)
    case ready(Endpoint)
    /// It answered SetupConnection with this code.
    case refused(Endpoint, code: String)
    case lost(Endpoint, CloseReason)
}

/// Why a V1 share was refused here.
public enum ShareFault: Sendable, Hashable {
    case notSubscribed
    case notAuthorized
    case noPool
    case rejected(ShareRejection)

    /// The error a V1 miner gets; the codes are those of the public pools.
    var refusal: V1.Refusal {
        switch self {
        case .notSubscribed: .notSubscribed
        case .notAuthorized: .unauthorized
        case .noPool: V1.Refusal(code: 20, text: "No connection to the pool")
        case .rejected(.stale): .stale
        case .rejected(.unknownJob), .rejected(.unknownChannel): .jobNotFound
        case .rejected(.duplicate): .duplicateShare
        case .rejected(.difficultyTooLow): .lowDifficulty
        case .rejected(.timeOutOfRange): V1.Refusal(code: 20, text: "Time out of range")
        case .rejected(.badExtranonceSize): V1.Refusal(code: 20, text: "Wrong extranonce2 size")
        case .rejected(.nonRollableVersionBit), .rejected(.versionRollingNotAllowed):
            V1.Refusal(code: 20, text: "Version bits outside the mask")
        }
    }
}
