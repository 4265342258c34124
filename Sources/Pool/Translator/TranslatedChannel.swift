import Bitcoin
import SansIO
import Stratum

/// A miner's extended channel at the pool.
///
/// The full extranonce is the pool's prefix, extranonce1 (the miner's number), extranonce2 and zeros up to the size
/// that the pool granted. The prefix goes into `coinb1` and the zeros into `coinb2`, so that extranonce1 is
/// short, is known before the pool is, and never changes.
struct TranslatedChannel: Sendable {
    let id: UInt32
    var groupID: UInt32
    var extranoncePrefix: [UInt8]
    /// Bytes below the prefix.
    let rollableSize: Int
    /// For jobs that become active from here on.
    var target: Target
    /// What `mining.set_difficulty` said last.
    var announcedTarget: Target?
    var tip: UpstreamTip?
    /// The channel's own jobs that wait for their tip.
    var futures: [UpstreamJob] = []
    /// What was issued on the present tip, oldest first.
    var jobs: [IssuedJob] = []
    /// Serial number of the newest job that the miner was given, in ``IssuedJob/name``.
    private var lastSerial: UInt64 = 0
    var seen = SeenShares()
    var sequenceNumber: UInt32 = 0

    init(_ message: Mining.OpenExtendedMiningChannelSuccess) {
        id = message.channelID
        groupID = message.groupChannelID
        extranoncePrefix = message.extranoncePrefix
        rollableSize = Int(message.extranonceSize)
        target = message.target
    }

    /// Makes `job` the newest. A new tip ends all others.
    mutating func issue(_ job: UpstreamJob, serial: UInt64, newTip: UpstreamTip?, limit: Int) -> IssuedJob? {
        if let newTip {
            tip = newTip
            jobs.removeAll()
            seen.removeAll()
        }
        guard let tip else { return nil }
        lastSerial = max(lastSerial, serial)
        let issued = IssuedJob(
            name: String(serial, radix: 16), job: job, tip: tip, extranoncePrefix: extranoncePrefix,
            target: target)
        jobs.append(issued)
        if jobs.count > limit { jobs.removeFirst() }
        return issued
    }

    /// Whether the name is one that this pool's session gave out before its newest: such a share is late.
    private func wasIssued(_ name: String) -> Bool {
        guard let serial = UInt64(name, radix: 16) else { return false }
        return serial >> 32 == lastSerial >> 32 && serial & 0xffff_ffff > 0 && serial <= lastSerial
    }

    enum Verdict: Sendable {
        case good(Mining.SubmitSharesExtended, hash: Hash256, difficulty: Double)
        case bad(ShareRejection)
    }

    /// Judges a V1 share by the pool's rules and builds the V2 share. `mask` holds the version bits that this
    /// miner was granted.
    mutating func judge(
        _ share: V1.Submit, extranonce1: [UInt8], extranonce2Size: Int, mask: UInt32, nTimeMax: UInt32,
        seenLimit: Int
    ) -> Verdict {
        guard let issued = jobs.last(where: { $0.name == share.jobID }) else {
            return .bad(wasIssued(share.jobID) ? .stale : .unknownJob)
        }
        guard share.extranonce2.count == extranonce2Size else { return .bad(.badExtranonceSize) }
        guard share.nTime >= issued.tip.minNTime, share.nTime <= nTimeMax else {
            return .bad(.timeOutOfRange)
        }
        var version = issued.job.version
        if let bits = share.versionBits, bits & ~mask != 0 || !issued.job.isVersionRollingAllowed {
            guard bits & ~mask == 0 else { return .bad(.nonRollableVersionBit) }
            guard bits == issued.job.version & mask else { return .bad(.versionRollingNotAllowed) }
        } else if let bits = share.versionBits {
            version = VersionRolling.version(job: version, bits: bits, mask: mask)
        }
        let rolled = extranonce1 + share.extranonce2
        let extranonce = rolled + [UInt8](repeating: 0, count: rollableSize - rolled.count)
        let hash = BlockHeader(
            version: version, previousBlockHash: issued.tip.prevHash,
            merkleRoot: issued.job.merkleRoot(extranonce: issued.extranoncePrefix + extranonce),
            time: share.nTime, bits: CompactTarget(bits: issued.tip.bits), nonce: share.nonce
        ).hash
        // A block is worth sending even where the pool's target for shares is harder.
        let isBlock = CompactTarget(bits: issued.tip.bits).target?.isMet(by: hash) ?? false
        guard issued.target.isMet(by: hash) || isBlock else { return .bad(.difficultyTooLow) }
        guard seen.insert(hash, limit: seenLimit) != .duplicate else { return .bad(.duplicate) }
        sequenceNumber &+= 1
        return .good(
            Mining.SubmitSharesExtended(
                channelID: id, sequenceNumber: sequenceNumber, jobID: issued.job.id, nonce: share.nonce,
                nTime: share.nTime, version: version, extranonce: extranonce),
            hash: hash, difficulty: issued.target.difficulty)
    }
}
