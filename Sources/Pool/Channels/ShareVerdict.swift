import Bitcoin
import SansIO
import Stratum

/// What became of a share.
enum ShareVerdict: Sendable, Equatable {
    /// It meets the target of its job.
    case accepted(hash: Hash256, difficulty: Double, work: Double, exactWork: UInt128)
    case rejected(ShareRejection)
}

/// A share's verdict, and the block it may be on the side.
struct JudgedShare: Sendable, Equatable {
    var verdict: ShareVerdict
    /// Set when the hash meets the network's target.
    var blockHash: Hash256?

    static func rejected(_ reason: ShareRejection) -> JudgedShare {
        JudgedShare(verdict: .rejected(reason), blockHash: nil)
    }
}

/// The rules that a share is judged by, beyond its job and channel.
struct ShareRules: Sendable {
    /// The latest header time that is taken, in Unix seconds.
    var nTimeMax: UInt32
    var seenSharesLimit: Int
}

extension MiningChannel {
    /// Judges a share on a job of the present tip. Nothing changes but what the channel remembers.
    ///
    /// A hash that makes a block is reported even when the channel's own target is harder and the share
    /// earns nothing: a block is worth more than a rule.
    mutating func judge(_ share: SubmittedShare, on job: Job, tip: Tip, rules: ShareRules) -> JudgedShare {
        guard share.nTime >= tip.leastNTime, share.nTime <= rules.nTimeMax else {
            return .rejected(.timeOutOfRange)
        }
        if share.version != job.version {
            guard job.isVersionRollingAllowed else { return .rejected(.versionRollingNotAllowed) }
            guard VersionRolling.isAllowed(share.version, job: job.version) else {
                return .rejected(.nonRollableVersionBit)
            }
        }
        let root: Hash256
        switch kind {
        case .standard: root = merkleRoot(of: job)
        case .extended:
            guard share.extranonce.count == rollableSize else {
                return .rejected(.badExtranonceSize)
            }
            root = job.merkleRoot(extranoncePrefix(of: job), share.extranonce, reward: reward)
        }
        let hash = BlockHeader(
            version: share.version, previousBlockHash: tip.prevHash, merkleRoot: root, time: share.nTime,
            bits: CompactTarget(bits: tip.bits), nonce: share.nonce
        ).hash
        let blockHash = tip.target.isMet(by: hash) ? hash : nil
        let entry = targets.entry(at: job.activation)
        guard entry.target.isMet(by: hash) else {
            return JudgedShare(verdict: .rejected(.difficultyTooLow), blockHash: blockHash)
        }
        return credit(hash, entry: entry, blockHash: blockHash, epoch: tip.epoch, rules: rules)
    }

    private mutating func credit(
        _ hash: Hash256, entry: TargetHistory.Entry, blockHash: Hash256?, epoch: UInt32, rules: ShareRules
    ) -> JudgedShare {
        var entry = entry
        if let ceiling = ceiling(epoch: epoch), ceiling < entry.target {
            guard ceiling.isMet(by: hash) else {
                return JudgedShare(verdict: .rejected(.difficultyTooLow), blockHash: blockHash)
            }
            entry = TargetHistory.Entry(ceiling, since: entry.since)
        }
        guard remember(hash, epoch: epoch, limit: rules.seenSharesLimit) else {
            return .rejected(.duplicate)
        }
        return JudgedShare(
            verdict: .accepted(
                hash: hash, difficulty: entry.difficulty, work: entry.expectedHashes,
                exactWork: entry.shareWork),
            blockHash: blockHash)
    }
}
