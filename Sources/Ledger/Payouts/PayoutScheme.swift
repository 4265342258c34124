/// How a pool divides what its blocks earn.
public enum PayoutScheme: String, Sendable, Hashable, CaseIterable {
    /// A block's reward goes by the work of the last N expected hashes before it, whoever's round they fell in: those
    /// who stay earn the same as those who hop.
    case pplns
    /// The pool pays each share its expected value, subsidy and fees, when it is found, and bears the luck itself.
    case fpps
    /// A block's reward goes by the work since the pool's last block.
    case proportional
    /// A block's reward goes to whom its finder's identity names, in the coinbase itself.
    case solo
}

/// Work of some minutes under one set of terms: what schemes compute with.
public struct WorkSlice: Sendable, Hashable {
    /// In the order of the ledger, without gaps in meaning: every share is in exactly one slice.
    public var index: UInt64
    /// Satoshis that a block would have paid when the slice began.
    public var reward: UInt64
    /// Expected hashes of a block when the slice began; 0 when no tip was known.
    public var networkWork: UInt128
    public var contributions: [Contribution]

    public init(index: UInt64, reward: UInt64, networkWork: UInt128, contributions: [Contribution]) {
        self.index = index
        self.reward = reward
        self.networkWork = networkWork
        self.contributions = contributions
    }

    /// Saturates.
    var work: UInt128 {
        contributions.reduce(0) {
            let (sum, overflow) = $0.addingReportingOverflow($1.work)
            return overflow ? .max : sum
        }
    }
}

extension Distribution {
    /// Proportional: `round` is every slice since the pool's previous block, to this one.
    public static func proportional(
        _ reward: UInt64, round: [WorkSlice], feeBasisPoints: UInt32 = 0
    ) -> Distribution {
        Distribution(reward, among: round.flatMap(\.contributions), feeBasisPoints: feeBasisPoints)
    }

    /// PPLNS: the last `window` expected hashes before the block count. `slices` are in the order of the ledger and
    /// end with the block's; older ones than needed may be among them. The oldest slice that the window touches counts
    /// for the part of it that the window still holds, its members alike. A ledger younger than the window counts
    /// whole.
    public static func pplns(
        _ reward: UInt64, slices: [WorkSlice], window: UInt128, feeBasisPoints: UInt32 = 0
    ) -> Distribution {
        var left = window
        var counted: [Contribution] = []
        for slice in slices.reversed() where left > 0 {
            let work = slice.work
            if work <= left {
                counted += slice.contributions
                left -= work
            } else {
                counted += scaled(merged(slice.contributions), to: left, of: work)
                left = 0
            }
        }
        return Distribution(reward, among: counted, feeBasisPoints: feeBasisPoints)
    }

    /// FPPS: what the shares of `slices` are worth, paid whether or not there was a block. A user's worth is summed in
    /// units of 2^-64 satoshi and rounded down once, so it is exact to one satoshi for the whole period. The reward of
    /// this distribution is the worth of all; the fee and what rounding leaves are the pool's.
    public static func fpps(slices: [WorkSlice], feeBasisPoints: UInt32 = 0) -> Distribution {
        // Satoshis and 2^-64 satoshis; a pool earns fewer than 2^64 satoshis.
        var worths: [UserID: UInt128] = [:]
        var total: UInt128 = 0
        for slice in slices where slice.networkWork > 0 {
            for one in merged(slice.contributions) {
                let worth = Self.worth(of: one.work, reward: slice.reward, networkWork: slice.networkWork)
                worths[one.user, default: 0] = saturatingSum(worths[one.user] ?? 0, worth)
                total = saturatingSum(total, worth)
            }
        }
        // On a test network a share may be worth more than all money; what saturated is never promised twice.
        let reward = UInt64(total >> 64)
        var left = reward
        let payments = worths.keys.sorted().map { user in
            let whole = min(UInt64((worths[user] ?? 0) >> 64), left)
            left -= whole
            return Payment(user, whole - part(of: whole, basisPoints: feeBasisPoints))
        }
        return Distribution(reward: reward, payments: payments)
    }

    /// work * reward / networkWork in 2^-64 satoshis, rounded down; saturates.
    static func worth(of work: UInt128, reward: UInt64, networkWork: UInt128) -> UInt128 {
        let product = work.multipliedFullWidth(by: UInt128(reward))
        guard product.high < networkWork else { return .max }
        let (whole, rest) = networkWork.dividingFullWidth(product)
        guard whole < 1 << 64 else { return .max }
        let fraction = networkWork.dividingFullWidth((rest >> 64, rest << 64)).quotient
        return whole << 64 | fraction
    }

    private static func saturatingSum(_ a: UInt128, _ b: UInt128) -> UInt128 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }

    /// Contributions that together are `part` of `whole`, each rounded as payments are.
    private static func scaled(_ list: [Contribution], to part: UInt128, of whole: UInt128) -> [Contribution]
    {
        list.map { one in
            Contribution(one.user, whole.dividingFullWidth(one.work.multipliedFullWidth(by: part)).quotient)
        }
    }
}
