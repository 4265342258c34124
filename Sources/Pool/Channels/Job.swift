import Bitcoin
import SansIO
import Stratum

/// A template as work: stored once and shared by every channel of the server.
struct Job: Sendable {
    /// The same on every channel; never used twice.
    let id: UInt32
    /// The template behind it and the template provider's session that named it.
    let templateID: UInt64
    let session: UInt32
    let version: UInt32
    let isVersionRollingAllowed: Bool
    let merklePath: [Hash256]
    let coinbase: Coinbase
    /// What it was made of; nil for a job that a miner made.
    var template: TemplateDistribution.NewTemplate?
    /// Coinbases for solo miners by the number of their reward, see ``SoloRewards``.
    var solo: [Int: Coinbase] = [:]
    /// NewExtendedMiningJob without a time, for the group; ``Job/addressed(_:to:)`` makes it a channel's.
    let futureFrame: [UInt8]
    /// The server's count of activations when it became active; 0 while it is a future job.
    var activation: UInt64 = 0
    /// When that was.
    var activatedAt = Instant.start

    /// The id of the group that every channel of a connection belongs to (SV2 section 5.2.3).
    static let groupChannelID: UInt32 = 1

    init(
        id: UInt32, template: TemplateDistribution.NewTemplate, session: UInt32, coinbase: Coinbase,
        isVersionRollingAllowed: Bool
    ) {
        self.id = id
        templateID = template.templateID
        self.session = session
        version = template.version
        self.isVersionRollingAllowed = isVersionRollingAllowed
        merklePath = template.merklePath
        self.coinbase = coinbase
        self.template = template
        futureFrame = V2Framing.frame(
            Job.extendedJob(
                id: id, minNTime: nil, version: template.version, rolling: isVersionRollingAllowed,
                path: template.merklePath, coinbase: coinbase))
    }

    /// NewExtendedMiningJob for the group, to be mined at once.
    func activeFrame(minNTime: UInt32) -> [UInt8] {
        V2Framing.frame(
            Job.extendedJob(
                id: id, minNTime: minNTime, version: version, rolling: isVersionRollingAllowed,
                path: merklePath, coinbase: coinbase))
    }

    /// NewExtendedMiningJob for the group with the coinbase of a reward; a future job without a time.
    func frame(reward: Int, minNTime: UInt32?) -> [UInt8] {
        if reward == 0 { return minNTime.map { activeFrame(minNTime: $0) } ?? futureFrame }
        return V2Framing.frame(
            Job.extendedJob(
                id: id, minNTime: minNTime, version: version, rolling: isVersionRollingAllowed,
                path: merklePath, coinbase: coinbase(for: reward)))
    }

    /// The coinbase that pays a reward.
    func coinbase(for reward: Int) -> Coinbase { reward == 0 ? coinbase : solo[reward] ?? coinbase }

    /// The same frame for one channel instead of the group.
    static func addressed(_ frame: [UInt8], to channelID: UInt32) -> [UInt8] {
        var copy = frame
        let start = V2FrameHeader.byteCount
        for i in 0..<4 { copy[start + i] = UInt8(truncatingIfNeeded: channelID >> (8 * UInt32(i))) }
        return copy
    }

    /// The root over a coinbase with this full extranonce, given in two parts.
    func merkleRoot(_ head: [UInt8], _ tail: [UInt8], reward: Int = 0) -> Hash256 {
        Merkle.root(first: coinbase(for: reward).id(head, tail), path: merklePath)
    }

    private static func extendedJob(
        id: UInt32, minNTime: UInt32?, version: UInt32, rolling: Bool, path: [Hash256], coinbase: Coinbase
    ) -> Mining.NewExtendedMiningJob {
        Mining.NewExtendedMiningJob(
            channelID: groupChannelID, jobID: id, minNTime: minNTime, version: version,
            versionRollingAllowed: rolling, merklePath: path, coinbaseTxPrefix: coinbase.prefix,
            coinbaseTxSuffix: coinbase.suffix)
    }
}

/// The chain's tip as the template provider said it.
struct Tip: Sendable, Equatable {
    /// Counts changes of ``prevHash``; shares are remembered and jobs are valid within one epoch.
    var epoch: UInt32
    var prevHash: Hash256
    /// The provider's header time: where every job's time starts (SV2 section 5.3.17).
    var minNTime: UInt32
    /// The least that any job on this tip was announced with: a provider may name the tip again with a later time,
    /// and what is mined on the jobs before stays good.
    var leastNTime: UInt32
    var bits: UInt32
    /// What a hash must meet to be a block.
    var target: Target
    var receivedAt: Instant
}
