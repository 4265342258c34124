import Bitcoin
import SansIO

/// Takes a chain of headers that does not have enough work yet without keeping it: in a first pass only the work is
/// summed and one secret bit of every few hundredth header kept; once there is enough, the same headers are fetched
/// again, compared with those bits, and handed on (the idea of Core's HeadersSyncState). So headers that cost nothing
/// never enter the tree.
struct HeaderPresync: Sendable {
    enum Phase: Sendable { case measuring, fetchingAgain }

    /// What one message led to. Nil from ``receive(_:hashes:isFull:)`` means that the peer sent something else.
    struct Outcome: Sendable {
        /// Headers that may enter the tree now, in order.
        var ready: [BlockHeader]
        /// Ask for more, after ``last``. Otherwise it is over.
        var wantsMore: Bool
    }

    let start: BlockID
    private(set) var phase = Phase.measuring
    /// The last header of this phase.
    private(set) var last: Hash256
    private(set) var height: Int
    private let startHash: Hash256
    private let startHeight: Int
    private let startBits: CompactTarget
    private let startWork: UInt256
    private let goal: UInt256
    private let rules: ProofOfWorkRules
    private let salt: SipHash
    /// Which heights leave a bit.
    private let offset: Int
    private let bitsMax: Int
    private var work: UInt256
    private var lastBits: CompactTarget
    private var bits: [Bool] = []
    private var nextBit = 0
    private var buffer: [BlockHeader] = []
    private var isProved = false

    /// - Parameters:
    ///   - start: the block of the tree that the headers follow.
    ///   - goal: the work that the chain must have.
    ///   - seconds: the time since the start's median; a valid chain has at most six blocks for each.
    init(
        after start: BlockID, _ entry: BlockEntry, goal: UInt256, rules: ProofOfWorkRules, seconds: Int64,
        random: inout PRNG
    ) {
        self.start = start
        self.goal = goal
        self.rules = rules
        startHash = entry.hash
        startHeight = entry.height
        startBits = entry.header.bits
        startWork = entry.chainWork
        last = entry.hash
        height = entry.height
        work = entry.chainWork
        lastBits = entry.header.bits
        salt = SipHash(k0: random.next(), k1: random.next())
        offset = Int(random.below(UInt64(ChainLimits.presyncPeriod)))
        let blocks = 6 * (max(0, seconds) + 7_200)
        bitsMax = Int(clamping: blocks) / ChainLimits.presyncPeriod
    }

    mutating func receive(_ headers: [BlockHeader], hashes: [Hash256], isFull: Bool) -> Outcome? {
        switch phase {
        case .measuring:
            for (header, hash) in zip(headers, hashes) {
                guard measure(header, hash) else { return nil }
            }
            if !(work < goal) { turnBack() }
            return Outcome(ready: [], wantsMore: isFull || phase == .fetchingAgain)
        case .fetchingAgain:
            for (header, hash) in zip(headers, hashes) {
                guard compare(header, hash) else { return nil }
            }
            let count = isProved ? buffer.count : max(0, buffer.count - ChainLimits.presyncBuffer)
            let ready = Array(buffer.prefix(count))
            buffer.removeFirst(count)
            return Outcome(ready: ready, wantsMore: isFull && !isProved)
        }
    }

    private mutating func advance(_ header: BlockHeader, _ hash: Hash256) -> Bool {
        guard header.previousBlockHash == last, permits(lastBits, header.bits, at: height + 1) else {
            return false
        }
        work = work + (header.bits.target?.work ?? .zero)
        last = hash
        lastBits = header.bits
        height += 1
        return true
    }

    private func bit(_ hash: Hash256) -> Bool { hash.withUnsafeBytes { salt.digest($0) } & 1 != 0 }

    private mutating func measure(_ header: BlockHeader, _ hash: Hash256) -> Bool {
        guard advance(header, hash) else { return false }
        if height % ChainLimits.presyncPeriod == offset {
            guard bits.count < bitsMax else { return false }
            bits.append(bit(hash))
        }
        return true
    }

    private mutating func turnBack() {
        phase = .fetchingAgain
        last = startHash
        height = startHeight
        lastBits = startBits
        work = startWork
    }

    private mutating func compare(_ header: BlockHeader, _ hash: Hash256) -> Bool {
        guard advance(header, hash) else { return false }
        if !(work < goal) { isProved = true }
        if !isProved, height % ChainLimits.presyncPeriod == offset {
            guard nextBit < bits.count, bits[nextBit] == bit(hash) else { return false }
            nextBit += 1
        }
        buffer.append(header)
        return true
    }

    /// Whether difficulty may change like this: by a factor of four at most, at the end of a period only.
    private func permits(_ old: CompactTarget, _ new: CompactTarget, at height: Int) -> Bool {
        if rules.allowsMinDifficulty { return true }
        guard height % rules.interval == 0 else { return old == new }
        guard let a = old.target?.work, let b = new.target?.work else { return false }
        // Work is nearly the reciprocal of the target; one unit of rounding is allowed for.
        let quarter = a >> 2
        return !(b < quarter - min(quarter, UInt256(1))) && !((a << 2) + UInt256(16) < b)
    }
}
