import Hardware
import SansIO

/// The integration. Between two commands the boards follow
///
///     C·dT/dt = P_dynamic + P_leak(T) − (T − T_air)/R,      T_air = T_room + k·Σ(T − T_air)/R
///
/// In each step the linear part is solved exactly with leakage and air held at their values in the step's middle,
/// which a first pass has found: errors are of the third order in the step. The fans' approach to their duty is exact;
/// while they move, steps are so short that their speed changes little within one.
extension DevicePhysics {
    /// Brings every state up to `now`. Going back is not possible and does nothing.
    public mutating func advance(to now: Instant) {
        while let due = schedule.nextChange, due <= now {
            let due = max(due, updated)
            integrate(to: due)
            if schedule.advance(to: due) { applyFaults() }
        }
        integrate(to: now)
    }

    private mutating func integrate(to now: Instant) {
        guard now > updated else { return }
        guard constants.hasHeat else {
            let seconds = (now - updated).seconds
            updated = now
            let chips = chipWatts
            meters.count(chips: chips, wall: wallWatts(chips: chips), flow: chips, seconds: seconds)
            return
        }
        var remaining = (now - updated).seconds
        var steps = 0
        var calm = Limits.stepSeconds
        while remaining > 0 {
            steps += 1
            var step = min(calm, fanStep)
            if !ambientCurve.isConstant { step = min(step, Limits.stepSecondsMoving) }
            if steps > Limits.stepsPerAdvance { step = max(step, remaining / Double(Limits.stepsPerAdvance)) }
            // A remainder far shorter than a step is taken along: it would cost as much as a whole one.
            if step >= remaining * 0.999_999 { step = remaining }
            let change = self.step(step)
            remaining -= step
            // When nothing moves, nothing is lost by long strides.
            calm = change < Limits.calmKelvin ? max(remaining, Limits.stepSeconds) : Limits.stepSeconds
        }
        updated = now
    }

    /// The longest step within which the fans' speed changes little.
    private var fanStep: Double {
        let distance = abs(toldFanShare - fanSpeedShare)
        guard distance > Limits.fanShareStep else { return .infinity }
        return max(Limits.stepSecondsMin, constants.fanResponse * Limits.fanShareStep / distance)
    }

    /// One step; the largest change of a board's temperature in it.
    private mutating func step(_ seconds: Double) -> Double {
        let fans = moveFans(seconds)
        let middle = updated + Interval(seconds: seconds / 2)
        let room = roomDegrees(at: middle)
        if seconds != decaySeconds { prepareDecays(seconds) }
        let airBefore = airDegrees(room: room)
        // First pass: temperatures in the middle of the step.
        for index in boards.indices {
            let leakage = isPowered ? leakageWatts(boards[index]) : 0
            let power = isPowered ? dynamicWatts(boards[index]) + leakage : 0
            let start = boards[index].celsius
            let settled = airBefore + power * cooling.resistance * boards[index].spread
            boards[index].start = start
            boards[index].startLeakage = leakage
            boards[index].celsius = settled + (start - settled) * boards[index].halfDecay
        }
        let air = airDegrees(room: room)
        // Second pass: the whole step with what was found in the middle.
        var chips = 0.0
        var flow = 0.0
        var largest = 0.0
        for index in boards.indices {
            let power = isPowered ? dynamicWatts(boards[index]) + middleLeakage(boards[index]) : 0
            let resistance = cooling.resistance * boards[index].spread
            let settled = air + power * resistance
            let start = boards[index].start
            let end = settled + (start - settled) * boards[index].decay
            boards[index].celsius = end
            chips += power
            // The exponential's mean over the step, through the resistance.
            let lag = (start - settled) * constants.boardCapacity * (1 - boards[index].decay)
            flow += (settled - air) / resistance * seconds + lag
            meters.stored += constants.boardCapacity * (end - start)
            largest = max(largest, abs(end - start))
        }
        updated = updated + Interval(seconds: seconds)
        let wall =
            condition.isSupplyDown
            ? 0 : chips + constants.supply.losses(at: chips) + constants.controlWatts + fans
        meters.count(chips: chips, wall: wall, flow: flow / seconds, seconds: seconds)
        return largest
    }

    /// The leakage in the middle of the step. Near its beginning three terms of the exponential say it as well.
    private func middleLeakage(_ board: Board) -> Double {
        let x = (board.celsius - board.start) / constants.leakageKelvin
        guard abs(x) < 0.05, max(board.celsius, board.start) < Limits.leakageCelsiusMax else {
            return leakageWatts(board)
        }
        return board.startLeakage * (1 + x + x * x / 2)
    }

    /// Moves the fans through the step and sets the cooling for its middle; the fans' mean watts.
    private mutating func moveFans(_ seconds: Double) -> Double {
        let told = toldFanShare
        guard fanSpeedShare != told else {
            cool()
            return fanWatts(fanSpeedShare)
        }
        let half = DeterministicMath.exp(-seconds / 2 / constants.fanResponse)
        let middle = told + (fanSpeedShare - told) * half
        fanSpeedShare = told + (fanSpeedShare - told) * half * half
        if abs(fanSpeedShare - told) < 0.000_1 { fanSpeedShare = told }
        cool(airflowShare: airflowShare(speed: middle))
        return fanWatts(middle)
    }

    private mutating func prepareDecays(_ seconds: Double) {
        decaySeconds = seconds
        for index in boards.indices {
            let constant = cooling.resistance * boards[index].spread * constants.boardCapacity
            boards[index].halfDecay = DeterministicMath.exp(-seconds / 2 / constant)
            boards[index].decay = boards[index].halfDecay * boards[index].halfDecay
        }
    }
}
