import SansIO
import Testing

@testable import Vardiff

@Suite("The lab's control")
struct SequentialVardiffTests {
    static let goal = VardiffGoal(sharesPerMinute: 12, minimumHashRate: 1)

    /// A control at 200 H/s and 1,000 hashes a share that saw even shares for half an hour.
    static func known() -> (control: SequentialVardiff, now: Instant) {
        var control = SequentialVardiff(hashRate: 200, work: 1_000, at: .start)
        var now = Instant.start
        for _ in 0..<360 {
            now += .seconds(5)
            if control.sharesAccepted(1, work: 1_000, goal: goal, at: now) {
                _ = control.decide(goal: goal, at: now)
            }
        }
        return (control, now)
    }

    /// Looks as often as the control wants until it decides; nil if it does not within the time.
    static func decision(
        of control: inout SequentialVardiff, from now: inout Instant, within wait: Interval
    ) -> Double? {
        let end = now + wait
        while let next = control.nextDeadline, next <= end {
            now = max(now, next)
            if let rate = control.decide(goal: goal, at: now) { return rate }
        }
        return nil
    }

    @Test("a steady miner at the right rate is left alone")
    func steady() {
        let (control, _) = Self.known()
        #expect(control.hashRate == 200)
    }

    @Test("a miner that falls silent is noticed without any share, and step by step less often")
    func silence() throws {
        var (control, now) = Self.known()
        let start = now
        let first = try #require(Self.decision(of: &control, from: &now, within: .minutes(2)))
        #expect(first == 50)
        control.targetSent(work: 250)
        control.targetInForce(since: now)
        let firstWait = (now - start).seconds
        let second = try #require(Self.decision(of: &control, from: &now, within: .minutes(10)))
        #expect(second == 12.5)
        #expect((now - start).seconds > 2 * firstWait)
    }

    @Test("a miner that comes back as it was gets its old target after a few shares")
    func comesBack() throws {
        var (control, now) = Self.known()
        _ = try #require(Self.decision(of: &control, from: &now, within: .minutes(2)))
        control.targetSent(work: 250)
        control.targetInForce(since: now)
        now += .minutes(1)
        var back: Double?
        var shares = 0
        while back == nil, shares < 40 {
            // 200 H/s on 250 hashes.
            now += .milliseconds(1_250)
            shares += 1
            if control.sharesAccepted(1, work: 250, goal: Self.goal, at: now) {
                back = control.decide(goal: Self.goal, at: now)
            }
        }
        #expect(back == 200)
        #expect(shares < 12)
    }

    /// A path that stalls lets go of everything at one instant. Afterwards the miner is what it was.
    @Test(
        "shares that were held up and come all at once are no hash rate",
        arguments: [20, 60, 90, 300] as [UInt64])
    func stall(seconds: UInt64) {
        var (control, now) = Self.known()
        var highest = control.hashRate
        var (workSent, hashes) = (1_000.0, 0.0)
        var atOnce: [Double] = []
        let (stalls, ends) = (now, now + .seconds(seconds))
        while now < stalls + .minutes(40) {
            let next = min(control.nextDeadline ?? .distantFuture, now + .seconds(1))
            hashes += 200 * (next - now).seconds
            now = max(next, now)
            while hashes >= workSent {
                hashes -= workSent
                atOnce.append(workSent)
            }
            var isDue = control.nextDeadline.map { $0 <= now } ?? false
            if now >= ends {
                for work in atOnce {
                    if control.sharesAccepted(1, work: work, goal: Self.goal, at: now) { isDue = true }
                }
                atOnce = []
            }
            if isDue, let rate = control.decide(goal: Self.goal, at: now) {
                highest = max(highest, rate)
                control.targetSent(work: rate * 5)
                // A stalled path brings no target either.
                if now >= ends {
                    control.targetInForce(since: now)
                    workSent = rate * 5
                }
            }
        }
        #expect(highest < 200 * 120, "\(highest) hashes a second")
        #expect(abs(control.hashRate / 200 - 1) < 0.5, "\(control.hashRate) hashes a second")
    }

    @Test("silence on a target that is not in force yet says little about it")
    func latency() {
        // Opened a thousand times too low: the first look finds it, and until the next job the flood goes on.
        var control = SequentialVardiff(hashRate: 0.2, work: 1, at: .start)
        var now = Instant.start
        var decided: Double?
        while decided == nil, now < .start + .seconds(20) {
            now += .milliseconds(50)
            if control.sharesAccepted(10, work: 1, goal: Self.goal, at: now) {
                decided = control.decide(goal: Self.goal, at: now)
            }
        }
        #expect(decided.map { abs($0 / 200 - 1) < 0.05 } == true)
        control.targetSent(work: 1_000)
        #expect(control.awaitsTarget)
        // The same rate on the old target is no reason for another decision.
        for _ in 0..<600 {
            now += .milliseconds(50)
            if control.sharesAccepted(10, work: 1, goal: Self.goal, at: now) {
                #expect(control.decide(goal: Self.goal, at: now) == nil)
            }
        }
    }

    @Test("changes are bounded for a miner that does what it likes")
    func hysteresis() {
        var control = SequentialVardiff(hashRate: 1_000, work: 1_000, at: .start)
        var random = PRNG(seed: 5)
        var now = Instant.start
        var changes = 0
        while now < .start + .hours(2) {
            now += Interval(seconds: random.uniform() * 4)
            let count = random.chance(1, in: 3) ? UInt32(1) << UInt32(random.below(12)) : 0
            if count > 0 { _ = control.sharesAccepted(count, work: 1_000, goal: Self.goal, at: now) }
            guard let rate = control.decide(goal: Self.goal, at: now) else { continue }
            changes += 1
            #expect(rate.isFinite && rate >= 1)
            control.targetSent(work: rate * 5)
            control.targetInForce(since: now)
        }
        #expect(changes <= 12 + 2 * 24 + 1)
    }
}
