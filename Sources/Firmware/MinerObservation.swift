import Bitcoin
import Hardware
import SansIO
import Stratum

/// What a miner is doing, as its owner would say.
public enum MinerPhase: String, Sendable, Hashable, CaseIterable {
    /// Switched off.
    case off
    /// Rails, chip count, clock ramp, network.
    case booting
    /// Dialling a pool.
    case connecting
    /// Encryption, set-up, channel or subscription.
    case handshaking
    /// On a pool, but without work that could be mined.
    case waiting
    case mining
    /// Mining below the configured clock because of heat.
    case throttled
    /// Switched the chips off because of heat.
    case coolingDown
    /// Waiting before the next attempt to reach a pool.
    case backingOff
    /// Put to sleep by its owner.
    case sleeping
    /// Chips are missing, and this firmware does not mine without them; or the boards have no power.
    case faulty
}

/// Why a pool refused a share, or a node a block. Codes of V2 pools, error numbers of V1 pools and words of BIP22
/// (Appendix: Example Rejection Reasons), brought together.
public enum ShareRejection: Sendable, Hashable {
    case stale
    case duplicate
    case lowDifficulty
    case unknownJob
    case badExtranonce
    case badVersion
    case unauthorized
    /// The pool's own word, at most 255 bytes.
    case other(String)

    public init(code: String) {
        self =
            switch code {
            case "stale-share", "stale", "stale-prevblk", "stale-work", "bad-prevblk",
                "inconclusive-not-best-prevblk", "Job not found (=stale)":
                .stale
            case "duplicate-share", "duplicate", "duplicate-invalid", "duplicate-inconclusive",
                "Duplicate share":
                .duplicate
            case "difficulty-too-low", "low-difficulty", "high-hash", "Above target", "Low difficulty share":
                .lowDifficulty
            case "invalid-job-id", "job-not-found", "Job not found", "Invalid job id": .unknownJob
            case "bad-extranonce-size", "bad-extranonce2": .badExtranonce
            case "version-rolling-not-allowed", "invalid-non-rollable-version-bit": .badVersion
            case "unauthorized-worker", "Unauthorized worker", "not-subscribed": .unauthorized
            default: .other(code)
            }
    }

    /// For counters and tables.
    public var name: String {
        switch self {
        case .stale: "stale"
        case .duplicate: "duplicate"
        case .lowDifficulty: "low difficulty"
        case .unknownJob: "unknown job"
        case .badExtranonce: "bad extranonce"
        case .badVersion: "bad version"
        case .unauthorized: "unauthorized"
        case .other(let code): code
        }
    }
}

/// What happened in a miner, as domain facts.
public enum MinerObservation: Sendable, Equatable {
    case phaseChanged(MinerPhase)
    /// The chip count differs from what the device should have; the miner goes on with what it found.
    case chipsMissing(found: Int, expected: Int)
    /// A transport connection stands; the pool is the index in the list.
    case connected(pool: Int)
    /// A V2 channel or a V1 subscription is open. For V1 the channel is 0 and the target what difficulty 1 says
    /// until the pool sets one.
    case channelOpened(channel: UInt32, target: Target)
    /// A connection ended or could not be made, and why.
    case disconnected(pool: Int, reason: String)
    case backingOff(Interval)
    /// A node has no block templates yet: it is loading, catching up, alone or busy. It is asked again.
    case poolNotReady(pool: Int, reason: String)
    /// New work went to the chips.
    case workLoaded(job: UInt32, target: Target, clean: Bool)
    /// The work is the first on another block; its hash's first eight bytes as they stand in the header.
    case tipChanged(UInt64)
    case targetChanged(Target)
    /// A chip's nonce met its job's target.
    case shareFound(difficulty: Double)
    case shareSubmitted(sequence: UInt32, difficulty: Double)
    /// The pool acknowledged so many shares; the latency is that of the newest.
    case sharesAccepted(count: UInt32, latency: Interval)
    case shareRejected(sequence: UInt32, reason: ShareRejection)
    /// Found for work that had been replaced by a new block; not submitted.
    case shareDiscarded
    /// A chip reported a nonce that proves nothing.
    case hardwareError(board: UInt16, chip: UInt16)
    case throttled(Megahertz)
    case overheated(chip: Celsius?, regulator: Celsius?)
    case cooledDown(restartFrequency: Megahertz)
    case fanFailed
    /// The supply says that its output is gone; the boards rest until it is back.
    case supplyLost
    case supplyReturned
    /// Chips are tuned one by one, for the first time or anew.
    case tuningBegan
    /// So many of the nonces are wrong now.
    case tuningSettled(wrongShare: Double)
    /// No share came for much longer than chance allows: the boards are started anew.
    case watchdogFired
    /// The device would not do what its owner told it.
    case refused(OperatorRefusal)
    /// A chip reported a nonce that it had reported before.
    case duplicateNonce(board: UInt16, chip: UInt16)
    /// The preferred pool answers again.
    case returning(pool: Int)
    /// A command for hardware that is outside of the machine; see `AttachedMachine`.
    case commanded(HashboardCommand)
    /// What a simulated device's physics has by now, which its firmware only guesses: the rate of true nonces times
    /// the hashrate scale, the hottest chips, and the power at the plug.
    case measured(HashRate, chip: Celsius, power: Watts)
    /// Chips cannot prove shares this hard at the present hashrate scale; a simulated rig says so and waits for
    /// easier work.
    case shareTooHard(expectedHashes: Double)
}
