import Bitcoin
import SansIO
import Testing

@testable import Ledger

/// Money: nothing comes, nothing goes, and the order of the books is of no consequence.
@Suite struct PayoutTests {
    /// Random contributions of very different sizes, some users twice, some with nothing.
    private static func contributions(_ random: inout PRNG) -> [Contribution] {
        (0..<Int(random.below(40))).map { _ in
            let bits = random.below(100)
            let work = UInt128(random.next()) << 64 | UInt128(random.next())
            return Contribution(UserID(UInt32(random.below(25))), work >> (127 - UInt128(bits)))
        }
    }

    private static func reward(_ random: inout PRNG) -> UInt64 {
        random.below(2) == 0 ? random.below(1_000) : random.below(2_100_000_000_000_000)
    }

    @Test("every scheme hands out exactly the reward, whatever the contributions", arguments: 0..<50)
    func conservation(seed: UInt64) {
        var random = PRNG(seed: seed)
        for _ in 0..<20 {
            let reward = Self.reward(&random)
            let fee = UInt32(random.below(10_001))
            let slices = (0..<random.below(6)).map { index in
                WorkSlice(
                    index: index, reward: Self.reward(&random), networkWork: UInt128(random.next()) << 40,
                    contributions: Self.contributions(&random))
            }
            let window = UInt128(random.next()) << UInt128(random.below(60))
            let percent = UInt8(random.below(101))
            for distribution in [
                Distribution.proportional(reward, round: slices, feeBasisPoints: fee),
                .pplns(reward, slices: slices, window: window, feeBasisPoints: fee),
                Distribution(reward, to: UserID(7), poolPercent: percent, feeBasisPoints: fee),
            ] {
                #expect(distribution.isConserved)
                #expect(distribution.reward == reward)
                #expect(distribution.payments.map(\.user) == Set(distribution.payments.map(\.user)).sorted())
                #expect(distribution.payments.allSatisfy { $0.satoshis > 0 && $0.user != .pool })
            }
            #expect(Distribution.fpps(slices: slices, feeBasisPoints: fee).isConserved)
        }
    }

    @Test("the order of contributions and their cutting into pieces change nothing", arguments: 0..<50)
    func order(seed: UInt64) {
        var random = PRNG(seed: seed)
        let list = Self.contributions(&random)
        let reward = Self.reward(&random)
        let expected = Distribution(reward, among: list)
        #expect(Distribution(reward, among: list.reversed()) == expected)
        let pieces = list.flatMap { one in
            let part = one.work / 3
            return [Contribution(one.user, part), Contribution(one.user, one.work - part)]
        }
        #expect(Distribution(reward, among: pieces) == expected)
    }

    @Test(
        "nobody is further than a satoshi from the exact part, and more work never earns less",
        arguments: 0..<50)
    func fairness(seed: UInt64) {
        var random = PRNG(seed: seed)
        let list = Distribution.merged(Self.contributions(&random)).filter { $0.user != .pool }
        let total = list.reduce(0 as UInt128) { $0 + $1.work }
        let reward = Self.reward(&random)
        let paid = Distribution(reward, among: list)
        let amount = { (user: UserID) in paid.payments.first { $0.user == user }?.satoshis ?? 0 }
        for one in list {
            let floor = UInt64(
                total.dividingFullWidth(one.work.multipliedFullWidth(by: UInt128(reward))).quotient)
            #expect(amount(one.user) == floor || amount(one.user) == floor + 1)
        }
        let ranked = list.sorted { ($0.work, $1.user) < ($1.work, $0.user) }
        for (less, more) in zip(ranked, ranked.dropFirst()) where less.work < more.work {
            #expect(amount(less.user) <= amount(more.user))
        }
    }

    @Test("leftover satoshis go to the largest remainders, then to the lower user id")
    func leftovers() {
        let thirds = Distribution(100, among: [3, 1, 2].map { Contribution(UserID($0), 1) })
        #expect(thirds.payments.map(\.satoshis) == [34, 33, 33])
        let uneven = Distribution(10, among: [Contribution(UserID(1), 1), Contribution(UserID(2), 2)])
        #expect(uneven.payments.map(\.satoshis) == [3, 7])
        #expect(Distribution(10, among: []).pool == 10)
    }

    @Test("PPLNS counts the oldest slice in part and nothing before it")
    func window() {
        let slice = { (index: UInt64, user: UInt32, work: UInt128) in
            WorkSlice(
                index: index, reward: 0, networkWork: 1, contributions: [Contribution(UserID(user), work)])
        }
        let slices = [slice(1, 1, 1_000), slice(2, 2, 100), slice(3, 3, 50)]
        let paid = Distribution.pplns(1_000, slices: slices, window: 100)
        #expect(paid.payments == [Payment(UserID(2), 500), Payment(UserID(3), 500)])
        let young = Distribution.pplns(1_000, slices: slices, window: 1 << 100)
        #expect(young.payments.map(\.user) == [1, 2, 3].map { UserID($0) })
    }

    @Test("FPPS pays a block's worth of work the block's reward, however it is cut")
    func fullPayPerShare() {
        let network: UInt128 = 1 << 60
        let parts: [UInt128] = [network / 3, network / 7, network / 11]
        let rest = network - parts.reduce(0, +)
        let slices = (parts + [rest]).enumerated().map { index, work in
            WorkSlice(
                index: UInt64(index), reward: 312_500_000, networkWork: network,
                contributions: [Contribution(UserID(1), work)])
        }
        let paid = Distribution.fpps(slices: slices)
        #expect([312_499_999, 312_500_000].contains(paid.payments[0].satoshis))
        #expect(paid.isConserved)
        let halves = Distribution.fpps(slices: slices, feeBasisPoints: 200)
        #expect(halves.payments[0].satoshis == paid.payments[0].satoshis - paid.payments[0].satoshis / 50)
    }

    @Test("a share that is worth more than all money does not trap and is not promised twice")
    func absurdWorth() {
        let slices = (0..<3).map { index in
            WorkSlice(
                index: index, reward: 5_000_000_000, networkWork: 2,
                contributions: [Contribution(UserID(1), 1 << 90), Contribution(UserID(2), .max)])
        }
        #expect(Distribution.fpps(slices: slices).isConserved)
        #expect(Distribution.proportional(5_000_000_000, round: slices).isConserved)
        #expect(Distribution.pplns(5_000_000_000, slices: slices, window: .max).isConserved)
    }

    @Test("solo: the donated percent is rounded down for the pool, the rest is the miner's")
    func solo() {
        let paid = Distribution(2_500_000_001, to: UserID(4), poolPercent: 5)
        #expect(paid.pool == 125_000_000)
        #expect(paid.payments == [Payment(UserID(4), 2_375_000_001)])
        #expect(Distribution(7, to: .pool, poolPercent: 0).pool == 7)
    }

    @Test("balances under the threshold are carried, not lost")
    func dust() {
        let balances = [Payment(UserID(2), 293), Payment(UserID(1), 200), Payment(UserID(2), 1)]
        let settlement = Settlement(balances, threshold: 294)
        #expect(settlement.paid == [Payment(UserID(2), 294)])
        #expect(settlement.carried == [Payment(UserID(1), 200)])
    }

    @Test("a share's work is Bitcoin Core's block proof of its target")
    func work() {
        #expect(Target.difficultyOne.shareWork == 0x1_0001_0001)
        #expect(Target.max.shareWork == 1)
        #expect(Target(UInt256(1)).shareWork == .max)
        #expect(Target(UInt256(0x7fffff) << 232).shareWork == 2)
    }
}
