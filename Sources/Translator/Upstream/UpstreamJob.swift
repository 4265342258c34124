import Bitcoin
import SansIO
import Stratum

/// A NewExtendedMiningJob as the pool sent it: one copy, however many channels work on it.
final class UpstreamJob: Sendable {
    let id: UInt32
    let version: UInt32
    let isVersionRollingAllowed: Bool
    let merklePath: [Hash256]
    let coinbasePrefix: [UInt8]
    let coinbaseSuffix: [UInt8]
    private let prefixHashed: SHA256Stream

    init(_ message: Mining.NewExtendedMiningJob) {
        id = message.jobID
        version = message.version
        isVersionRollingAllowed = message.versionRollingAllowed
        merklePath = message.merklePath
        coinbasePrefix = message.coinbaseTxPrefix
        coinbaseSuffix = message.coinbaseTxSuffix
        var stream = SHA256Stream()
        stream.update(message.coinbaseTxPrefix)
        prefixHashed = stream
    }

    func merkleRoot(extranonce: [UInt8]) -> Hash256 {
        StratumMath.extendedMerkleRoot(
            hashedPrefix: prefixHashed, extranonce: extranonce, suffix: coinbaseSuffix, path: merklePath)
    }
}

/// The previous block that a channel mines on.
struct UpstreamTip: Sendable, Equatable {
    var prevHash: Hash256
    var minNTime: UInt32
    var bits: UInt32
    var receivedAt: Instant

    /// Where a job's time starts now: a second later for each second since the tip (SV2 section 5.3.17).
    func nTime(at now: Instant) -> UInt32 {
        let (sum, overflow) = minNTime.addingReportingOverflow(
            UInt32(clamping: Int((now - receivedAt).seconds)))
        return overflow ? .max : sum
    }
}

/// A job of one channel that may be mined. What it counts with is fixed from here on: a target and an extranonce
/// prefix belong to the job (SV2 sections 5.3.10 and 5.3.21).
final class ActiveJob: Sendable {
    /// Unique over pools: each counts its jobs from 1. The name on the V1 side is this in hexadecimal.
    let serial: UInt64
    let job: UpstreamJob
    let tip: UpstreamTip
    let extranoncePrefix: [UInt8]
    /// What the pool credits.
    let target: Target
    let difficulty: Double
    /// Nil when the pool's bits are no target.
    let blockTarget: Target?

    init(
        serial: UInt64, job: UpstreamJob, tip: UpstreamTip, extranoncePrefix: [UInt8], target: Target
    ) {
        self.serial = serial
        self.job = job
        self.tip = tip
        self.extranoncePrefix = extranoncePrefix
        self.target = target
        difficulty = target.difficulty
        blockTarget = CompactTarget(bits: tip.bits).target
    }

    func hash(version: UInt32, extranonce: [UInt8], nTime: UInt32, nonce: UInt32) -> Hash256 {
        BlockHeader(
            version: version, previousBlockHash: tip.prevHash,
            merkleRoot: job.merkleRoot(extranonce: extranoncePrefix + extranonce), time: nTime,
            bits: CompactTarget(bits: tip.bits), nonce: nonce
        ).hash
    }
}
