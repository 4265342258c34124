import Bitcoin
import SansIO
import Stratum

/// A NewExtendedMiningJob as the pool sent it: one copy, however many miners work on it.
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
    /// Counts tips of the channel.
    var epoch: UInt32

    /// Where a job's time starts now: a second later for each second since the tip (SV2 section 5.3.17).
    func nTime(at now: Instant) -> UInt32 {
        let (sum, overflow) = minNTime.addingReportingOverflow(
            UInt32(clamping: Int((now - receivedAt).seconds)))
        return overflow ? .max : sum
    }
}

/// A job as one miner got it by `mining.notify`.
struct IssuedJob: Sendable {
    /// The id on the V1 side.
    let name: String
    let job: UpstreamJob
    let tip: UpstreamTip
    /// What the pool's prefix was when the job became active.
    let extranoncePrefix: [UInt8]
    /// A target belongs to the job.
    let target: Target
}
