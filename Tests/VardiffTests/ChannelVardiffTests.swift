import SansIO
import Testing
import Vardiff

@Suite("Any control")
struct ChannelVardiffTests {
    @Test("a channel's control is a small value", arguments: VardiffAlgorithm.allCases)
    func size(algorithm: VardiffAlgorithm) {
        #expect(MemoryLayout<ChannelVardiff>.size <= 144)
        let control = ChannelVardiff(algorithm, hashRate: 5, work: 1, at: .start)
        #expect(control.algorithm == algorithm && control.hashRate == 5)
    }

    @Test("another control goes on from the rate that was reached")
    func change() {
        let goal = VardiffGoal(sharesPerMinute: 6, minimumHashRate: 1)
        var control = ChannelVardiff(.classic, hashRate: 90, work: 900, at: .start)
        #expect(control.decide(goal: goal, at: .start + .seconds(60)) == 30)
        control.change(to: .lab, work: 300, at: .start + .seconds(61))
        #expect(control.algorithm == .lab && control.hashRate == 30)
    }

    @Test(
        "no share, time or rate that a peer can bring about makes a decision that is no number",
        arguments: VardiffAlgorithm.allCases, [1.0, 1e-30, 1e30])
    func extremes(algorithm: VardiffAlgorithm, scale: Double) {
        let goal = VardiffGoal(sharesPerMinute: 6, minimumHashRate: 1)
        var random = PRNG(seed: 3)
        var control = ChannelVardiff(algorithm, hashRate: 1e12, work: 1e13 * scale, at: .start)
        var now = Instant.start
        for _ in 0..<4_000 {
            now += Interval(seconds: random.uniform() * random.uniform() * 300)
            let work = 1e13 * scale * Double(random.below(1_000) + 1)
            _ = control.sharesAccepted(
                UInt32(random.below(5) * 1_000_000_000), work: work, goal: goal, at: now)
            if let rate = control.decide(goal: goal, at: now) {
                #expect(rate.isFinite && rate >= 1)
                control.targetSent(work: work)
                if random.chance(1, in: 2) { control.targetInForce(since: now) }
            }
            #expect(control.nextDeadline.map { $0 > now } ?? true)
        }
    }
}
