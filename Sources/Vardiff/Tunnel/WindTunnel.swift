import SansIO

/// One trial: a miner with exponentially distributed shares under a control, in virtual time.
///
/// The target is what the control wishes; it is in force from the next job on. Jobs come every
/// ``jobInterval`` with a random phase.
public struct WindTunnel: Sendable {
    public var algorithm: VardiffAlgorithm
    public var scenario: WindTunnelScenario
    public var sharesPerMinute: Double
    public var seed: UInt64
    public var jobInterval = Interval.seconds(30)

    public init(
        _ algorithm: VardiffAlgorithm, _ scenario: WindTunnelScenario, sharesPerMinute: Double, seed: UInt64
    ) {
        self.algorithm = algorithm
        self.scenario = scenario
        self.sharesPerMinute = sharesPerMinute
        self.seed = seed
    }

    /// Nominal hashes per second of the miner; nothing depends on it.
    static let nominal = 1e12
    /// Shares that come faster than one in a tenth of this are drawn as a number for the slice.
    static let slice = Interval.milliseconds(50)

    /// Runs the trial of this number.
    public func run(trial: Int) -> WindTunnelTrial {
        var flight = Flight(self, trial: trial)
        while flight.now < flight.end { flight.step() }
        return flight.finish()
    }

    /// A trial under way.
    struct Flight {
        let tunnel: WindTunnel
        let goal: VardiffGoal
        let end: Instant
        var random: PRNG
        var control: ChannelVardiff
        var now = Instant.start
        /// Of the target in force, and of the one that waits for a job.
        var work: Double
        var workSent: Double?
        var nextJob: Instant
        var recorder: WindTunnelRecorder

        init(_ tunnel: WindTunnel, trial: Int) {
            self.tunnel = tunnel
            goal = VardiffGoal(sharesPerMinute: tunnel.sharesPerMinute, minimumHashRate: 1)
            end = .start + tunnel.scenario.end
            random = PRNG(seed: tunnel.seed, stream: UInt64(trial))
            let announced = WindTunnel.nominal * tunnel.scenario.announced
            work = announced / goal.sharesPerSecond
            control = ChannelVardiff(tunnel.algorithm, hashRate: announced, work: work, at: .start)
            nextJob = .start + Interval(seconds: random.uniform() * tunnel.jobInterval.seconds)
            recorder = WindTunnelRecorder(tunnel.scenario, goal: goal, hashRate: announced)
        }

        mutating func step() {
            let (rate, until) = tunnel.scenario.rate(at: now - .start)
            var next = min(min(nextJob, .start + until), end)
            if let deadline = control.nextDeadline, deadline < next { next = max(deadline, now) }
            let perSecond = rate * WindTunnel.nominal / work
            var count: UInt32 = 0
            if perSecond * WindTunnel.slice.seconds > 10 {
                next = min(next, now + WindTunnel.slice)
                count = poisson(perSecond * (next - now).seconds)
            } else if perSecond > 0 {
                // The wait has no memory, so it may be drawn anew after every event.
                let share = now + random.exponential(mean: Interval(seconds: 1 / perSecond))
                if share < next {
                    next = share
                    count = 1
                }
            }
            now = next
            if count > 0 { deliver(count) }
            if now >= nextJob { sendJob() }
            if let deadline = control.nextDeadline, deadline <= now { look() }
            recorder.rateMayChange(to: tunnel.scenario.rate(at: now - .start).rate, at: now)
        }

        private mutating func deliver(_ count: UInt32) {
            recorder.shares(count, at: now)
            if control.sharesAccepted(count, work: work, goal: goal, at: now) { look() }
        }

        private mutating func sendJob() {
            nextJob = now + tunnel.jobInterval
            guard let sent = workSent else { return }
            work = sent
            workSent = nil
            control.targetInForce(since: now)
        }

        private mutating func look() {
            guard let decided = control.decide(goal: goal, at: now) else { return }
            let sent = decided / goal.sharesPerSecond
            workSent = sent
            control.targetSent(work: sent)
            recorder.decided(decided, at: now)
        }

        private mutating func poisson(_ mean: Double) -> UInt32 {
            let mean = min(mean, 1e9)
            guard mean < 60 else {
                return UInt32(max(0, random.normal(mean: mean, deviation: mean.squareRoot()).rounded()))
            }
            var count: UInt32 = 0
            var product = random.uniform()
            let floor = DeterministicMath.exp(-mean)
            while product > floor {
                count += 1
                product *= random.uniform()
            }
            return count
        }

        mutating func finish() -> WindTunnelTrial { recorder.finish(at: end) }
    }
}
