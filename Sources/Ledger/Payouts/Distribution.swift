/// Names a user for as long as the ledger lives. 0 is the pool itself.
public struct UserID: Hashable, Comparable, Sendable {
    public var raw: UInt32
    public init(_ raw: UInt32) { self.raw = raw }
    public static func < (a: UserID, b: UserID) -> Bool { a.raw < b.raw }
    public static let pool = UserID(0)
}

/// Work that a user did, in expected hashes.
public struct Contribution: Hashable, Sendable {
    public var user: UserID
    public var work: UInt128

    public init(_ user: UserID, _ work: UInt128) {
        self.user = user
        self.work = work
    }
}

/// Money for a user, in satoshis.
public struct Payment: Hashable, Sendable {
    public var user: UserID
    public var satoshis: UInt64

    public init(_ user: UserID, _ satoshis: UInt64) {
        self.user = user
        self.satoshis = satoshis
    }
}

/// A reward, divided: `pool` and all payments together are the reward to the satoshi.
public struct Distribution: Hashable, Sendable {
    public var reward: UInt64
    /// The fee, what was donated, and the whole reward when nobody worked.
    public var pool: UInt64
    /// Ascending by user, each user once, none of zero.
    public var payments: [Payment]

    /// Divides `reward` among users by their work.
    ///
    /// The fee is rounded down. Everybody's part of the rest is rounded down as well; the satoshis that remain (fewer
    /// than there are users) go one each to those whose part lost most by that, and among equals to the lower user
    /// id. So nobody is further than one satoshi from the exact part, and the order of `contributions` is of no
    /// consequence. Contributions of ``UserID/pool`` are the pool's.
    ///
    /// - Parameter feeBasisPoints: hundredths of a percent, at most 10,000.
    public init(_ reward: UInt64, among contributions: [Contribution], feeBasisPoints: UInt32 = 0) {
        let fee = Self.part(of: reward, basisPoints: feeBasisPoints)
        let parts = Self.divide(reward - fee, by: Self.merged(contributions))
        self.reward = reward
        payments = parts.filter { $0.user != .pool && $0.satoshis > 0 }
        pool = reward - payments.reduce(0) { $0 + $1.satoshis }
    }

    /// Everything to one user, less the percent that it donates (rounded down for the pool).
    public init(_ reward: UInt64, to user: UserID, poolPercent: UInt8, feeBasisPoints: UInt32 = 0) {
        let donated = Self.part(of: reward, basisPoints: UInt32(min(poolPercent, 100)) * 100)
        let fee = Self.part(of: reward - donated, basisPoints: feeBasisPoints)
        let rest = user == .pool ? 0 : reward - donated - fee
        self.reward = reward
        payments = rest > 0 ? [Payment(user, rest)] : []
        pool = reward - rest
    }

    /// For amounts that are exact already. Traps when the payments are more than the reward.
    init(reward: UInt64, payments: [Payment]) {
        self.reward = reward
        self.payments = payments.filter { $0.user != .pool && $0.satoshis > 0 }
        pool = reward - self.payments.reduce(0) { $0 + $1.satoshis }
    }

    /// Whether not a satoshi came or went.
    public var isConserved: Bool { pool + payments.reduce(0) { $0 + $1.satoshis } == reward }

    static func part(of amount: UInt64, basisPoints: UInt32) -> UInt64 {
        let (high, low) = amount.multipliedFullWidth(by: UInt64(min(basisPoints, 10_000)))
        return (10_000 as UInt64).dividingFullWidth((high, low)).quotient
    }

    /// One contribution for each user, ascending, none of zero. Work is halved for all alike while its sum does not
    /// fit 128 bits, which takes more hashes than the chain has seen.
    static func merged(_ contributions: [Contribution]) -> [Contribution] {
        var shift: UInt128 = 0
        while true {
            if let result = sums(contributions, shift: shift) { return result }
            shift += 1
        }
    }

    private static func sums(_ contributions: [Contribution], shift: UInt128) -> [Contribution]? {
        var result: [Contribution] = []
        var total: UInt128 = 0
        for one in contributions.sorted(by: { ($0.user, $0.work) < ($1.user, $1.work) }) {
            let work = one.work >> shift
            let (sum, overflow) = total.addingReportingOverflow(work)
            guard !overflow else { return nil }
            total = sum
            guard work > 0 else { continue }
            if result.last?.user == one.user {
                result[result.count - 1].work += work
            } else {
                result.append(Contribution(one.user, work))
            }
        }
        return result
    }

    /// Largest remainders. `contributions` are merged; their sum fits.
    static func divide(_ amount: UInt64, by contributions: [Contribution]) -> [Payment] {
        let total = contributions.reduce(0 as UInt128) { $0 + $1.work }
        guard total > 0 else { return [] }
        var payments: [Payment] = []
        var remainders: [(index: Int, remainder: UInt128)] = []
        var left = amount
        for (index, one) in contributions.enumerated() {
            // The product is below total * 2^64, so the quotient fits.
            let product = one.work.multipliedFullWidth(by: UInt128(amount))
            let (quotient, remainder) = total.dividingFullWidth(product)
            payments.append(Payment(one.user, UInt64(quotient)))
            remainders.append((index, remainder))
            left -= UInt64(quotient)
        }
        remainders.sort { $0.remainder != $1.remainder ? $0.remainder > $1.remainder : $0.index < $1.index }
        for place in 0..<Int(left) { payments[remainders[place].index].satoshis += 1 }
        return payments
    }
}

/// What is paid out of balances, and what stays owed.
public struct Settlement: Hashable, Sendable {
    /// Balances of at least the threshold, ascending by user.
    public var paid: [Payment]
    /// The others: nothing is lost, they are owed until they reach the threshold.
    public var carried: [Payment]

    /// The dust rule: an output below `threshold` satoshis costs more to spend than it is worth and is not relayed
    /// (Bitcoin Core: 294 for P2WPKH, 546 for P2PKH), so smaller balances are carried.
    public init(_ balances: [Payment], threshold: UInt64) {
        var merged: [Payment] = []
        for one in balances.sorted(by: { $0.user < $1.user }) where one.satoshis > 0 {
            if merged.last?.user == one.user {
                merged[merged.count - 1].satoshis += one.satoshis
            } else {
                merged.append(one)
            }
        }
        paid = merged.filter { $0.satoshis >= max(threshold, 1) }
        carried = merged.filter { $0.satoshis < max(threshold, 1) }
    }
}
