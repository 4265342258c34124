import Bitcoin
import SansIO
import Stratum

/// What happened in a translator.
public enum TranslatorObservation: Sendable, Equatable {
    case minerConnected(ConnectionID, from: String)
    case minerAuthorized(ConnectionID, worker: String, userAgent: String)
    case minerDisconnected(ConnectionID, reason: CloseReason)
    case channelOpened(ConnectionID, channel: UInt32, identity: String, target: Target)
    /// The pool refused a channel with this code.
    case channelRefused(ConnectionID, code: String)
    /// A job went to `miners` miners. `isClean`: every earlier job is worthless.
    case jobForwarded(UInt32, miners: Int, isClean: Bool)
    case targetChanged(ConnectionID, target: Target)
    /// A share was good for this translator's checks and went to the pool.
    case shareForwarded(ConnectionID, difficulty: Double, hash: Hash256)
    case shareRefused(ConnectionID, ShareFault)
    /// The pool credited shares that were forwarded before.
    case sharesCredited(ConnectionID, count: UInt32)
    /// The pool refused a share that the miner was told is good.
    case shareRejectedUpstream(ConnectionID, code: String)
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
