import SansIO
import Testing
import Vardiff

@Suite("Classic ladder")
struct ClassicLadderTests {
    static let goal = VardiffGoal(sharesPerMinute: 6, minimumHashRate: 1)

    /// A ladder at 100 H/s, six shares a minute of 1,000 hashes each.
    static func ladder() -> ClassicLadder { ClassicLadder(hashRate: 100, work: 1_000, at: .start) }

    @Test("large deviations are believed early and small ones late")
    func ladder() {
        func decides(shares: UInt32, after seconds: UInt64) -> Bool {
            var ladder = Self.ladder()
            _ = ladder.sharesAccepted(shares, work: 1_000, goal: Self.goal, at: .start)
            return ladder.decide(goal: Self.goal, at: .start + .seconds(seconds)) != nil
        }
        // Twice the rate needs more than 15 s, three fifths more a minute, and so on down to 15 % in five.
        #expect(!decides(shares: 5, after: 15) && decides(shares: 5, after: 16))
        #expect(!decides(shares: 10, after: 59) && decides(shares: 10, after: 60))
        #expect(!decides(shares: 18, after: 119) && decides(shares: 18, after: 120))
        #expect(!decides(shares: 26, after: 179) && decides(shares: 27, after: 180))
        #expect(!decides(shares: 33, after: 239) && decides(shares: 33, after: 240))
        #expect(!decides(shares: 36, after: 299) && decides(shares: 36, after: 300))
        #expect(!decides(shares: 132, after: 1_200))
    }

    @Test("no share lowers, a flood raises, both in bounded steps, and never below the floor")
    func steps() {
        var silent = Self.ladder()
        #expect(silent.decide(goal: Self.goal, at: .start + .seconds(60)) == 100.0 / 3)
        var floor = Self.ladder()
        let high = VardiffGoal(sharesPerMinute: 6, minimumHashRate: 50)
        #expect(floor.decide(goal: high, at: .start + .seconds(60)) == 50)
        for (seconds, factor) in [(20, 10.0), (45, 5), (60, 3)] {
            var flood = Self.ladder()
            _ = flood.sharesAccepted(1_000_000, work: 1_000, goal: Self.goal, at: .start)
            #expect(
                flood.decide(goal: Self.goal, at: .start + .seconds(UInt64(seconds))) == 100 * factor)
        }
    }

    @Test("shares of an older target count as ones of the present target, as in the original")
    func countsSharesNotWork() {
        var ladder = Self.ladder()
        ladder.targetSent(work: 2_000)
        _ = ladder.sharesAccepted(6, work: 1_000, goal: Self.goal, at: .start)
        #expect(ladder.decide(goal: Self.goal, at: .start + .seconds(60)) == 200)
    }
}
