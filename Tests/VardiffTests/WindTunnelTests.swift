import SansIO
import Testing
import Vardiff

/// The wind tunnel in a short form; `lab vardiff` is the long one.
@Suite("Wind tunnel")
struct WindTunnelTests {
    static func cell(
        _ algorithm: VardiffAlgorithm, _ scenario: WindTunnelScenario, _ rate: Double, trials: Int = 24
    ) -> WindTunnelCell {
        let tunnel = WindTunnel(algorithm, scenario, sharesPerMinute: rate, seed: 7)
        return WindTunnelCell(
            algorithm, scenario, sharesPerMinute: rate, trials: (0..<trials).map { tunnel.run(trial: $0) })
    }

    @Test("the same seed flies the same trial, another one does not")
    func seeds() {
        for algorithm in VardiffAlgorithm.allCases {
            let tunnel = WindTunnel(algorithm, .stepDown, sharesPerMinute: 6, seed: 1)
            var other = tunnel
            other.seed = 2
            #expect(tunnel.run(trial: 3) == tunnel.run(trial: 3))
            #expect(tunnel.run(trial: 3) != tunnel.run(trial: 4))
            #expect(tunnel.run(trial: 3) != other.run(trial: 3))
        }
    }

    @Test(
        "ours is at the true rate in half of the classic's time or less",
        arguments: [
            (WindTunnelScenario.coldLow, 30.0), (.coldHigh, 30), (.stepDown, 30), (.stepUp, 30), (.onOff, 30),
            (.coldHigh, 12), (.stepUp, 12),
        ])
    func settles(scenario: WindTunnelScenario, rate: Double) throws {
        let ours = try #require(Self.cell(.lab, scenario, rate).settledMedian)
        let classic = try #require(Self.cell(.classic, scenario, rate).settledMedian)
        #expect(ours <= classic * 0.5)
    }

    @Test(
        "ours finds a miner however far off the channel was opened, at every share rate",
        arguments: [1.0, 6, 24, 600], [1e-6, 0.2, 7, 3e6])
    func sane(rate: Double, announced: Double) {
        let goal = VardiffGoal(sharesPerMinute: rate, minimumHashRate: 1e-9)
        var random = PRNG(seed: 9, stream: UInt64(rate))
        var control = ChannelVardiff(
            .lab, hashRate: announced, work: announced / goal.sharesPerSecond, at: .start)
        var work = announced / goal.sharesPerSecond
        var now = Instant.start
        var changes = 0
        // A miner of one hash a second; the target is in force at once.
        while now < .start + Interval(seconds: 60 * max(400 / rate, 30)) {
            let share = now + random.exponential(mean: Interval(seconds: work))
            let isShare = control.nextDeadline.map { share < $0 } ?? true
            now = isShare ? share : max(control.nextDeadline ?? share, now)
            if isShare, !control.sharesAccepted(work: work, goal: goal, at: now) { continue }
            guard let decided = control.decide(goal: goal, at: now) else { continue }
            changes += 1
            work = decided / goal.sharesPerSecond
            control.targetSent(work: work)
            control.targetInForce(since: now)
        }
        #expect(control.hashRate > 0.6 && control.hashRate < 1.6)
        #expect(changes <= 40)
    }

    @Test("ours detects a halving within five minutes, which the classic does not")
    func detects() {
        #expect(Self.cell(.lab, .stepDown, 60, trials: 24).detected >= 0.95)
        #expect(Self.cell(.lab, .stepDown, 30, trials: 60).detected >= 0.9)
        #expect(Self.cell(.lab, .stepDown, 12, trials: 60).detected >= 0.9)
        #expect(Self.cell(.classic, .stepDown, 60).detected <= 0.3)
    }

    @Test("ours leaves a steady miner alone")
    func steady() {
        #expect(Self.cell(.lab, .steady, 60, trials: 12).changesPerHour == 0)
        #expect(Self.cell(.lab, .steady, 30, trials: 12).changesPerHour <= 0.1)
        #expect(Self.cell(.lab, .steady, 12, trials: 24).changesPerHour <= 1.3)
    }

    @Test("a control that never hears of a silent miner never settles on it")
    func ckpoolStarves() {
        #expect(Self.cell(.ckpool, .coldHigh, 12, trials: 4).settledMedian == nil)
    }

    @Test("the fewest changes that detection costs are those of the best test of five minutes")
    func fewestChanges() {
        // P(Poisson(60) <= 38) and part of P(39), where Poisson(30) has reached 95 %: 0.002355 in each five minutes.
        #expect(abs(WindTunnelBar.fewestChangesPerHour(sharesPerMinute: 12) - 0.05653) < 0.0001)
        #expect(WindTunnelBar.fewestChangesPerHour(sharesPerMinute: 60) < 1e-12)
    }

    @Test("a verdict says what was asked, and an impossible bar is not a missed one")
    func verdicts() throws {
        func cell(_ algorithm: VardiffAlgorithm, _ rate: Double, changes: Int) -> WindTunnelCell {
            let trial = WindTunnelTrial(
                settled: 0, settledForGood: 0, detected: nil, changes: changes, hours: 100, overshoot: 0,
                dispersion: 1)
            return WindTunnelCell(algorithm, .steady, sharesPerMinute: rate, trials: [trial])
        }
        func outcome(_ rate: Double, ours: Int, classic: Int) throws -> WindTunnelVerdict.Outcome {
            let cells = [cell(.classic, rate, changes: classic), cell(.lab, rate, changes: ours)]
            return try #require(WindTunnelBar.verdicts(of: cells).first).outcome
        }
        #expect(try outcome(12, ours: 40, classic: 3) == .impossible)
        #expect(try outcome(12, ours: 40, classic: 7) == .missed)
        #expect(try outcome(60, ours: 1, classic: 0) == .missed)
        #expect(try outcome(6, ours: 5, classic: 5) == .met)
    }
}
