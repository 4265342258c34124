/// A fee over a size: what clusters, chunks and policy compare. Exact, no division.
struct FeeFraction: Equatable, Sendable {
    /// Satoshi; operators' deltas can make it negative.
    var fee: Int64
    /// Weight units or virtual bytes, as the user of the fraction says; never negative.
    var size: Int64

    static let zero = FeeFraction(fee: 0, size: 0)

    static func + (a: FeeFraction, b: FeeFraction) -> FeeFraction {
        FeeFraction(fee: a.fee &+ b.fee, size: a.size + b.size)
    }
    static func += (a: inout FeeFraction, b: FeeFraction) { a = a + b }
    static func - (a: FeeFraction, b: FeeFraction) -> FeeFraction {
        FeeFraction(fee: a.fee &- b.fee, size: a.size - b.size)
    }

    /// -1, 0 or 1 as this rate is below, equal to or above the other's.
    @inline(__always)
    func compareRate(_ other: FeeFraction) -> Int {
        let a = fee.multipliedFullWidth(by: other.size)
        let b = other.fee.multipliedFullWidth(by: size)
        if a.high != b.high { return a.high < b.high ? -1 : 1 }
        if a.low != b.low { return a.low < b.low ? -1 : 1 }
        return 0
    }

    @inline(__always)
    func isHigherRate(than other: FeeFraction) -> Bool { compareRate(other) > 0 }

    /// Satoshi per 1000 units of size, rounded toward zero.
    var perThousand: Int64 {
        guard size > 0 else { return 0 }
        let (product, overflow) = fee.multipliedReportingOverflow(by: 1000)
        return overflow ? fee / size * 1000 : product / size
    }
}
