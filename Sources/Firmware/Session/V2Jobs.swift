import Bitcoin
import SansIO
import Stratum

/// A channel's jobs: those waiting for their previous hash, and the one being mined.
///
/// The target belongs to the job: a job takes the channel's target when it becomes active, and SetTarget changes only
/// what becomes active later (SV2 section 5.3.22).
struct V2Jobs: Sendable {
    /// What of a job makes its merkle root.
    enum Body: Sendable, Equatable {
        case root(Hash256)
        case coinbase(Coinbase)
    }

    struct Coinbase: Sendable, Equatable {
        var prefix: [UInt8]
        var extranoncePrefix: [UInt8]
        var suffix: [UInt8]
        var path: [Hash256]
    }

    struct Job: Sendable, Equatable {
        var id: UInt32
        var version: UInt32
        var isVersionRollable: Bool
        var body: Body
    }

    private struct Tip: Sendable {
        var hash: Hash256
        var minTime: UInt32
        var bits: UInt32
    }

    private struct Active: Sendable {
        var job: Job
        var target: Target
        var minTime: UInt32
        /// How many parts of the search space were given out.
        var parts: UInt64 = 0
    }

    var channel: UInt32 = 0
    var group: UInt32 = 0
    /// For jobs that become active from now on.
    var target = Target.max
    /// For jobs that come from now on.
    var prefix: [UInt8] = []
    /// The pool forbids version rolling.
    var isVersionFixed = false
    /// Nil on a standard channel.
    private var rollableBytes: Int?
    private var future: [Job] = []
    private var tip: Tip?
    private var active: Active?

    mutating func open(channel: UInt32, group: UInt32, target: Target, prefix: [UInt8], rollableBytes: Int?) {
        self.channel = channel
        self.group = group
        self.target = target
        self.prefix = prefix
        self.rollableBytes = rollableBytes
    }

    /// True if the job is to be mined at once.
    mutating func add(_ message: Mining.NewMiningJob) -> Bool {
        let job = Job(
            id: message.jobID, version: message.version, isVersionRollable: true,
            body: .root(message.merkleRoot))
        return add(job, minTime: message.minNTime)
    }

    /// A standard channel completes the coinbase with its prefix alone, which fills the whole extranonce.
    mutating func add(_ message: Mining.NewExtendedMiningJob) -> Bool {
        let body: Body
        if rollableBytes == nil {
            body = .root(
                StratumMath.extendedMerkleRoot(
                    prefix: message.coinbaseTxPrefix, extranonce: prefix, suffix: message.coinbaseTxSuffix,
                    path: message.merklePath))
        } else {
            body = .coinbase(
                Coinbase(
                    prefix: message.coinbaseTxPrefix, extranoncePrefix: prefix,
                    suffix: message.coinbaseTxSuffix,
                    path: message.merklePath))
        }
        let job = Job(
            id: message.jobID, version: message.version, isVersionRollable: message.versionRollingAllowed,
            body: body)
        return add(job, minTime: message.minNTime)
    }

    /// Makes the named future job the active one and forgets the others. False if there is no such job.
    mutating func setPrevHash(_ message: Mining.SetNewPrevHash) -> Bool {
        tip = Tip(hash: message.prevHash, minTime: message.minNTime, bits: message.nBits)
        active = nil
        let chosen = future.last { $0.id == message.jobID }
        future.removeAll(keepingCapacity: true)
        guard let chosen else { return false }
        active = Active(job: chosen, target: target, minTime: message.minNTime)
        return true
    }

    mutating func nextWork(versionMask: UInt32, elapsed: Interval) -> SessionWork? {
        guard let tip, let job = active?.job, let part = active?.parts else { return nil }
        guard let minTime = active?.minTime, let target = active?.target else { return nil }
        var header = BlockHeader(
            version: job.version, previousBlockHash: tip.hash, merkleRoot: .zero, time: minTime,
            bits: CompactTarget(bits: tip.bits), nonce: 0)
        var ticket = ShareTicket(job: job.id, extranonce: 0, version: job.version)
        switch job.body {
        case .root(let root):
            header.merkleRoot = root
            // Beyond nonces and versions a standard channel has only time, a second per second (SV2 section 10.2).
            guard Double(part) <= elapsed.seconds else { return nil }
            header.time = minTime &+ UInt32(truncatingIfNeeded: part)
        case .coinbase(let coinbase):
            let bits = UInt64(8 * min(rollableBytes ?? 0, Limits.extranonceCounterBytesMax))
            guard bits == 64 || part < 1 << bits else { return nil }
            ticket.extranonce = part
            header.merkleRoot = StratumMath.extendedMerkleRoot(
                prefix: coinbase.prefix, extranonce: coinbase.extranoncePrefix + rollable(part),
                suffix: coinbase.suffix, path: coinbase.path)
        }
        active?.parts = part + 1
        let mask = job.isVersionRollable && !isVersionFixed ? versionMask : 0
        return SessionWork(header: header, target: target, versionMask: mask, ticket: ticket)
    }

    /// The device's part of the extranonce: a big-endian counter of the granted length.
    func rollable(_ counter: UInt64) -> [UInt8] {
        let count = rollableBytes ?? 0
        return (0..<count).map { index in
            let shift = 8 * (count - 1 - index)
            return shift < 64 ? UInt8(truncatingIfNeeded: counter >> UInt64(shift)) : 0
        }
    }

    private mutating func add(_ job: Job, minTime: UInt32?) -> Bool {
        guard let minTime else {
            future.removeAll { $0.id == job.id }
            if future.count >= Limits.futureJobsMax { future.removeFirst() }
            future.append(job)
            return false
        }
        guard tip != nil else { return false }
        active = Active(job: job, target: target, minTime: minTime)
        return true
    }
}
