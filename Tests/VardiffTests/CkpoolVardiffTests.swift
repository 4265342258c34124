import SansIO
import Testing
import Vardiff

@Suite("ckpool's control")
struct CkpoolVardiffTests {
    static let goal = VardiffGoal(sharesPerMinute: 18, minimumHashRate: 1)

    /// Even shares of 1,000 hashes for so many seconds; the decisions with their times.
    static func run(every gap: Double, seconds: Int) -> [(at: Double, rate: Double)] {
        var control = CkpoolVardiff(hashRate: 300, work: 1_000, at: .start)
        var decisions: [(at: Double, rate: Double)] = []
        var time = gap
        while time <= Double(seconds) {
            let now = Instant.start + Interval(seconds: time)
            if control.sharesAccepted(1, work: 1_000, goal: goal, at: now),
                let rate = control.decide(goal: goal, at: now)
            {
                decisions.append((time, rate))
            }
            time += gap
        }
        return decisions
    }

    @Test("72 shares or 240 seconds make a look, and a rate within a half and four thirds is left alone")
    func looks() throws {
        let fast = try #require(Self.run(every: 0.5, seconds: 60).first)
        #expect(fast.at == 36)
        #expect(fast.rate > 1_000 && fast.rate < 2_100)
        #expect(Self.run(every: 4, seconds: 1_200).isEmpty)
        let slow = try #require(Self.run(every: 10, seconds: 1_200).first)
        #expect(slow.at == 250)
        #expect(slow.rate < 140)
    }

    @Test("a silent miner is never looked at")
    func silence() {
        var control = CkpoolVardiff(hashRate: 300, work: 1_000, at: .start)
        #expect(control.nextDeadline == nil)
        #expect(control.decide(goal: Self.goal, at: .start + .hours(5)) == nil)
    }
}
