import Bitcoin
import SansIO
import Stratum
import Tap

/// Chapter 5: jobs and previous hashes.
enum JobChecks {
    static let all: [Check] = [
        Check(
            "SV2-5.3.15-01", "NewMiningJob is a standard channel's first message, and it is a future job",
            [.pool],
            Opening.setup(flags: 1), Opening.standard(), [Opening.work()],
            [
                .judge { notes in
                    guard let channel = notes.channels().first else { return .unknown("no channel") }
                    let first = notes.frames().first { $0.channelID == channel.id }
                    guard let first, let job = try? Mining.NewMiningJob(frame: first) else {
                        return .fail("\(first.map(MessageCatalog.name(of:)) ?? "nothing") came first")
                    }
                    return job.minNTime == nil
                        ? .pass("job \(job.jobID) without min_ntime")
                        : .fail("the first job has a min_ntime")
                }
            ]),
        Check(
            "SV2-5.3.17-01", "SetNewPrevHash follows the opening of a channel", [.pool], Opening.setup(),
            Opening.extended(), [.expect(Mining.SetNewPrevHash.self), .end(.pass("it came"))]),
        Check(
            "SV2-5.3.17-02", "SetNewPrevHash names a job that was sent before as a future job", [.pool],
            Opening.setup(), Opening.extended(request: 1), Opening.standard(request: 2),
            [.expect(Mining.SetNewPrevHash.self), .rest(.seconds(1)), .judge { judgeTips($0) }]),
        Check(
            "SV2-5.3.16-01", "A job id is not used twice among the jobs of a channel", [.pool],
            Opening.setup(),
            Opening.extended(), [Opening.work(), .rest(.seconds(2))],
            [
                .judge { notes in
                    let ids = notes.all(Mining.NewExtendedMiningJob.self).map { [$0.channelID, $0.jobID] }
                    return Set(ids).count == ids.count
                        ? .pass("\(ids.count) jobs") : .fail("two jobs have the same id")
                }
            ]),
        Check(
            "SV2-5.3.16-02", "The coinbase of an extended job is a transaction without BIP141 fields",
            [.pool],
            Opening.setup(), Opening.extended(), [Opening.work(), .judge { judgeCoinbase($0) }]),
        Check(
            "SV2-5.1.2-01", "A standard channel's merkle root follows from the extended job of its group",
            [.pool],
            Opening.setup(), Opening.standard(request: 1), Opening.extended(request: 2),
            [Opening.work(), .judge { judgeRoots($0) }]),
        Check(
            "SV2-5.3.15-02", "A job's version leaves the BIP323 bits to the client and is a block's version",
            [.pool], Opening.setup(), Opening.extended(), [Opening.work()],
            [
                .judge { notes in
                    let jobs = notes.all(Mining.NewExtendedMiningJob.self)
                    guard let bad = jobs.first(where: { $0.version & 0xe000_0000 != 0x2000_0000 }) else {
                        return .pass("the top bits are 001 as BIP9 has them")
                    }
                    return .fail("version \(bad.version) has not the top bits 001 of BIP9")
                }
            ]),
        Check(
            "SV2-5.3.17-03", "nbits of SetNewPrevHash is a target, and min_ntime is about now", [.pool],
            Opening.setup(), Opening.extended(),
            [
                .expect(Mining.SetNewPrevHash.self) { tip, notes in
                    guard CompactTarget(bits: tip.nBits).target != nil else {
                        return .fail("nbits \(tip.nBits) is no target")
                    }
                    return tip.minNTime <= notes.unixTime + 7_200
                        ? .pass("min_ntime \(tip.minNTime)")
                        : .fail("min_ntime \(tip.minNTime) is over two hours ahead of \(notes.unixTime)")
                }
            ]),
    ]

    private static func judgeTips(_ notes: ProbeNotes) -> Verdict {
        var future: Set<[UInt32]> = []
        let groups = Dictionary(
            notes.channels().map { ($0.id, $0.group) }, uniquingKeysWith: { first, _ in first })
        var count = 0
        for frame in notes.frames() {
            if let job = try? Mining.NewMiningJob(frame: frame), job.minNTime == nil {
                future.insert([job.channelID, job.jobID])
            } else if let job = try? Mining.NewExtendedMiningJob(frame: frame), job.minNTime == nil {
                future.insert([job.channelID, job.jobID])
            } else if let tip = try? Mining.SetNewPrevHash(frame: frame) {
                count += 1
                let own = future.contains([tip.channelID, tip.jobID])
                let ofGroup = groups[tip.channelID].map { future.contains([$0, tip.jobID]) } ?? false
                guard own || ofGroup else {
                    return .fail(
                        "SetNewPrevHash of channel \(tip.channelID) names job \(tip.jobID), which did not come"
                    )
                }
            }
        }
        return count == 0 ? .unknown("no SetNewPrevHash came") : .pass("\(count) SetNewPrevHash")
    }

    private static func judgeCoinbase(_ notes: ProbeNotes) -> Verdict {
        guard let channel = notes.channels().first,
            let job = notes.all(Mining.NewExtendedMiningJob.self).last
        else { return .unknown("no extended job came") }
        let extranonce = channel.prefix + [UInt8](repeating: 0, count: channel.size)
        let bytes = job.coinbaseTxPrefix + extranonce + job.coinbaseTxSuffix
        guard bytes.count > 5, bytes[4] != 0 else {
            return .fail("the coinbase has the marker of BIP141 behind its version")
        }
        guard let transaction = try? Transaction(bytes: bytes, witness: false) else {
            return .fail("prefix, extranonce and suffix are no transaction of \(bytes.count) bytes")
        }
        guard transaction.isCoinbase else { return .fail("its input is not a coinbase's") }
        let script = transaction.inputs[0].scriptSig.bytes.count
        guard (2...100).contains(script) else {
            return .fail("its scriptSig has \(script) bytes; 2 to 100 are allowed")
        }
        return .pass("\(bytes.count) bytes, scriptSig \(script), \(transaction.outputs.count) outputs")
    }

    /// A standard job and an extended one with the same id are of the same template.
    private static func judgeRoots(_ notes: ProbeNotes) -> Verdict {
        guard let channel = notes.channels().first(where: { !$0.isExtended }) else {
            return .unknown("no standard channel")
        }
        for job in notes.all(Mining.NewMiningJob.self) where job.channelID == channel.id {
            for other in notes.all(Mining.NewExtendedMiningJob.self) where other.jobID == job.jobID {
                let root = StratumMath.extendedMerkleRoot(
                    prefix: other.coinbaseTxPrefix, extranonce: channel.prefix,
                    suffix: other.coinbaseTxSuffix, path: other.merklePath)
                return root == job.merkleRoot
                    ? .pass("job \(job.jobID) has the root of its extended form")
                    : .fail("the merkle root of job \(job.jobID) does not follow from its extended form")
            }
        }
        return .skip("no standard and extended job of the same id came")
    }
}
