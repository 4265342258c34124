import Bitcoin
import Hardware
import SansIO

extension WireChain {
    /// A nonce that a chip found, by way of the chain's faults.
    mutating func report(
        _ nonce: UInt32, batch: UInt64, part: Int, spare: Int, of index: Int, at instant: Instant,
        now: Instant,
        into output: inout [LineOutput]
    ) {
        guard let work, isReached(index, at: instant) else { return }
        var wire = nonce.byteSwapped
        guard chips[index].reports(core: layout.core(ofWireNonce: wire)) else { return }
        if strikes(.wrongNonce, at: instant) { wire = wrongNonce(of: index) }
        var id = work.job.id
        if strikes(.wrongID, at: instant) {
            id = id &+ settings.family.jobIDStep &* UInt8(1 + random.below(3))
        }
        let isFull = settings.family.takesWholeHeader
        let reply = NonceReply(
            nonce: wire, job: NonceReply.jobByte(id: id, part: UInt8(part), settings.family),
            extra: isFull ? UInt8(min(255, 2 * spare)) : 0,
            version: isFull ? work.version(batch: batch, part: part) : 0)
        let copies = strikes(.duplicateNonce, at: instant) ? 2 : 1
        let frame = ChipReply.nonce(reply).frame(
            for: settings.family, isShort: isFull && !chips[index].hasLongReplies)
        for _ in 0..<copies { sendNonce(frame, of: index, from: instant, now: now, into: &output) }
    }

    private mutating func sendNonce(
        _ frame: [UInt8], of index: Int, from instant: Instant, now: Instant, into output: inout [LineOutput]
    ) {
        let lost = statistics.lost
        send(frame, from: instant, now: now, into: &output)
        statistics.nonces += 1
        if statistics.lost > lost, settings.family == .bm1397 {
            chips[index].registers[Int(RegisterMap.overflowCount)] &+= 1
        }
    }

    /// Some nonce of the chip's own share.
    private mutating func wrongNonce(of index: Int) -> UInt32 {
        let chip = chips[index]
        let tick = random.below(chip.ticksPerBatch)
        let first = layout.firstNonce(origin: chip.origin, tick: tick)
        return (first &+ UInt32(random.below(UInt64(layout.lanes))) &* layout.stride).byteSwapped
    }

    // MARK: Jobs that are questions

    /// Answers a driver's test job without regard to the pace: the detection job of Icarus drivers (answer 000187a2,
    /// "well within 300 ms"), and the dummy works that open the cores of a BM1387.
    ///
    /// - Returns: whether the job was one.
    mutating func answersAtOnce(
        _ job: ChipJob, at instant: Instant, now: Instant, into output: inout [LineOutput]
    ) -> Bool {
        switch settings.family {
        case .icarus, .antminerU:
            guard job.content == KnownJobs.detection, isReached(0, at: instant) else { return false }
            let byte = NonceReply.jobByte(id: job.id, part: 0, settings.family)
            let reply = ChipReply.nonce(NonceReply(nonce: KnownJobs.detectionNonce, job: byte))
            work = nil
            due = nil
            send(reply.frame(for: settings.family), from: instant, now: now, into: &output)
            return true
        case .bm1387:
            guard job.content == KnownJobs.dummy else { return false }
            // Each work opens one core more; a sweep takes less than a millisecond.
            let open = busyWorks
            busyWorks = min(busyWorks + 1, settings.family.cores)
            for nonce in KnownJobs.busyNonces where nonce & 0x7f <= open {
                let reply = ChipReply.nonce(NonceReply(nonce: nonce, job: job.id))
                send(reply.frame(for: .bm1387), from: instant, now: now, into: &output)
            }
            return true
        default: return false
        }
    }
}

/// Jobs with which drivers ask whether somebody is there.
enum KnownJobs {
    /// What cgminer and bfgminer send to every port that may be an Icarus.
    static let detection: ChipJob.Content = {
        let tail = HeaderTail(merkle: [0x2f, 0xa7, 0x22, 0xce], time: 0x4f67_2614, bits: 0x1a0b_3287)
        let words: [UInt32] = [
            0xe48f_544a, 0x9a3a_fa71, 0x4514_7113, 0x4df6_c356, 0x82b4_0025, 0x4bfe_0860, 0xc998_76bf,
            0x4679_ba4e,
        ]
        return .midstates([SHA256Midstate(words: words)], tail: tail)
    }()
    static let detectionNonce: UInt32 = 0x0001_87a2

    /// What opens a core of a BM1387: a state of zeros, and ones behind it.
    static let dummy = ChipJob.Content.midstates(
        [SHA256Midstate(words: [UInt32](repeating: 0, count: 8))],
        tail: HeaderTail(merkle: [0xff, 0xff, 0xff, 0xff], time: .max, bits: .max))

    /// The two nonces that prove the dummy work, found by cores 3 and 9; cgminer calls them "busy work".
    static let busyNonces: [UInt32] = [0x7203_ea83, 0xe16b_f809]
}
