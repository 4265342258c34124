/// Hands out extranonce prefixes of one length that no two holders share. A prefix that was given back rests
/// until ``restingMin`` others were given back after it (or no fresh one is left), so that a late share of
/// its last holder does not meet a new one.
///
/// A prefix is `fixed ‖ index`, the index big-endian: `fixed` says which server (or which upstream prefix) it
/// is below. Memory grows with the greatest number of holders at one time.
public struct ExtranonceAllocator: Sendable {
    /// Bytes in front of every prefix.
    public let fixed: [UInt8]
    /// Bytes of index, 1 to 4.
    public let indexSize: Int
    /// Prefixes given back that rest before the oldest of them is used again.
    public static let restingMin = 256

    private var next: UInt64 = 0
    private var freed: [(index: UInt32, period: UInt64)] = []
    private var freedStart = 0
    private var inUse: [Bool] = []

    public init(fixed: [UInt8] = [], indexSize: Int) {
        precondition((1...4).contains(indexSize), "index of \(indexSize) bytes")
        precondition(fixed.count + indexSize <= 32, "extranonce over 32 bytes")
        self.fixed = fixed
        self.indexSize = indexSize
    }

    public var prefixSize: Int { fixed.count + indexSize }
    /// Prefixes that exist.
    public var capacity: UInt64 { 1 << UInt64(8 * indexSize) }
    /// Prefixes held now.
    public var count: Int { Int(next) - (freed.count - freedStart) }

    /// A prefix nobody holds; nil when all are held.
    ///
    /// - Parameter period: only prefixes that were given back in an earlier one are used again: what was sent with them
    ///   is stale by then. Nil takes the longest resting one.
    public mutating func allocate(in period: UInt64? = nil) -> [UInt8]? {
        let index: UInt32
        let resting = freed.count - freedStart
        let isRested = resting > 0 && (period.map { freed[freedStart].period < $0 } ?? true)
        if next < capacity, resting <= Self.restingMin || !isRested {
            index = UInt32(next)
            next += 1
            inUse.append(true)
        } else {
            guard isRested else { return nil }
            index = freed[freedStart].index
            freedStart += 1
            if freedStart > 64, freedStart * 2 > freed.count {
                freed.removeSubrange(..<freedStart)
                freedStart = 0
            }
            inUse[Int(index)] = true
        }
        return fixed
            + (0..<indexSize).map { UInt8(truncatingIfNeeded: index >> (8 * UInt32(indexSize - 1 - $0))) }
    }

    /// Gives a prefix back, in a period that ends when the jobs that were sent with it are stale. False when it is not
    /// held.
    @discardableResult
    public mutating func release(_ prefix: [UInt8], in period: UInt64 = 0) -> Bool {
        guard prefix.count == prefixSize, prefix.starts(with: fixed) else { return false }
        let index = prefix.suffix(indexSize).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard Int(index) < inUse.count, inUse[Int(index)] else { return false }
        inUse[Int(index)] = false
        freed.append((index, period))
        return true
    }
}
