import ASICSim
import Bitcoin
import Hardware
import SansIO

/// A host on a chain's line in virtual time: sends frames, waits, and reads replies.
struct LineBench {
    var chain: WireChain
    var baud = 115_200.0
    var now = Instant.start
    private(set) var heard: [LineOutput] = []
    private var pending: [LineOutput] = []
    var decoder: ChipReplyDecoder

    init(_ settings: WireChainSettings) {
        chain = WireChain(settings)
        decoder = ChipReplyDecoder(family: settings.family)
        decoder.isShort = settings.family.takesWholeHeader
    }

    var family: ChipFamily { chain.settings.family }

    mutating func send(_ bytes: [UInt8]) {
        chain.receive(bytes, baud: baud, at: now, into: &pending)
    }

    mutating func send(hex: String) { send([UInt8](hex: hex.filter { $0 != " " })!) }

    /// Families without such a command are sent nothing.
    mutating func send(_ command: ChipCommand) { send(command.frame(for: family) ?? []) }

    mutating func send(_ job: ChipJob) { send(job.frame(for: family)!) }

    /// Lets time pass, deadline by deadline.
    mutating func run(for interval: Interval) {
        let end = now + interval
        while let next = chain.nextDeadline, next <= end {
            now = max(now, next)
            chain.deadlineReached(at: now, into: &pending)
        }
        now = end
        pending.sort { $0.due < $1.due }
        let ready = pending.prefix { $0.due <= end }
        heard += ready
        for output in ready { decoder.append(output.bytes) }
        pending.removeFirst(ready.count)
    }

    /// Lets time pass until so many replies have come, or the time is up.
    mutating func replies(within interval: Interval, count: Int = .max) -> [ChipReply] {
        var result: [ChipReply] = []
        let end = now + interval
        while now < end, result.count < count {
            run(for: min(.milliseconds(1), end - now))
            while let reply = decoder.next() { result.append(reply) }
        }
        return result
    }

    mutating func nonces(within interval: Interval, count: Int = .max) -> [NonceReply] {
        replies(within: interval, count: count).compactMap {
            if case .nonce(let nonce) = $0 { nonce } else { nil }
        }
    }

    /// What came as bytes, and forgets it.
    mutating func bytes(within interval: Interval) -> [UInt8] {
        run(for: interval)
        defer { heard = [] }
        return heard.flatMap(\.bytes)
    }

    mutating func ask(_ register: UInt8, of address: ChipAddress = .all) -> [RegisterReply] {
        send(.read(register: register, of: address))
        return replies(within: .milliseconds(200)).compactMap {
            if case .register(let reply) = $0 { reply } else { nil }
        }
    }

    mutating func write(_ register: UInt8, _ value: UInt32, to address: ChipAddress = .all) {
        send(.write(register: register, value: value, to: address))
        run(for: .milliseconds(2))
    }

    /// Addresses, clock, ticket of difficulty 1, report enables, sweep: a chain that is ready for jobs.
    mutating func prepare(frequency: Double = 400, stride: Int? = nil) {
        let count = chain.settings.chips
        if family.takesWholeHeader {
            write(0xa4, 0x9000_ffff)
            decoder.isShort = false
            write(0x18, 0xf000_c100)
        }
        send(.chainInactive)
        for chip in 0..<count { send(.setAddress(UInt8(chip * (stride ?? 256 / count)))) }
        run(for: .milliseconds(200))
        switch family {
        case .bm1387: write(0x0c, PLLSetting(nearest: Megahertz(frequency), for: family)!.word(for: family))
        case .bm1397, .bm1362, .bm1366, .bm1368, .bm1370:
            write(0x08, PLLSetting(nearest: Megahertz(frequency), for: family)!.word(for: family))
        default: break
        }
        if family.takesWholeHeader { write(0x10, 0x000c_30c3) }
        run(for: .milliseconds(10))
    }
}

/// A header whose content nobody cares about, different for each number.
func header(_ number: UInt32 = 1, version: UInt32 = 0x2000_0000) -> BlockHeader {
    BlockHeader(
        version: version, previousBlockHash: SHA256.double([UInt8](repeating: 7, count: 32)),
        merkleRoot: SHA256.double((0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }),
        time: 1_700_000_000, bits: CompactTarget(bits: 0x1703_4219), nonce: 0)
}

/// The job of a header in the form that a family takes; midstates for `versions`.
func job(_ header: BlockHeader, id: UInt8, for family: ChipFamily, versions: [UInt32] = [0]) -> ChipJob {
    if family.takesWholeHeader { return ChipJob(id: id, content: .header(header)) }
    let states = versions.map { version in
        var rolled = header
        rolled.version |= version << ChipFamily.versionShift
        return SHA256Midstate(rolled)
    }
    var job = ChipJob(id: id, content: .midstates(states, tail: HeaderTail(header)))
    job.ticketMask = 0
    return job
}

/// Leading zero bits of the hash that a reply proves, by the rules that a driver has.
func zeroBits(_ reply: NonceReply, of header: BlockHeader, family: ChipFamily, versions: [UInt32] = [0])
    -> Int
{
    var solved = header
    let part = Int(reply.jobID(family).part)
    let rolled = family.takesWholeHeader ? UInt32(reply.version) : versions[versions.count > 1 ? part : 0]
    solved.version |= rolled << ChipFamily.versionShift
    solved.nonce = reply.headerNonce
    let value = UInt256(littleEndian: solved.hash)
    return 256 - value.bitWidth
}
