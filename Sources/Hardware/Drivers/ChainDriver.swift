import Bitcoin
import SansIO

/// The host's side of a chain of mining chips on a serial line: commands of the firmware become frames, waits and
/// changes of speed; bytes of the chips become events.
///
/// A value like a machine: time and bytes come in, ``LineOrder`` and ``HashboardEvent`` go out. It knows no USB and no
/// serial port. The owner carries the orders out in order, delivers bytes as they come, and calls
/// ``deadlineReached(at:into:)`` once `now >= nextDeadline`.
///
/// Jobs are numbered by the family's rule; a nonce is hashed again here, because chips report whatever meets their
/// ticket. What meets the work's target, and what proves nothing, goes to the firmware, which judges both; what lies
/// between only counts for ``statistics``.
public struct ChainDriver: Sendable {
    /// What one call asks for and reports.
    public struct Output: Sendable {
        public var orders: [LineOrder] = []
        public var events: [HashboardEvent] = []
        public init() {}
    }

    public let setup: ChainSetup
    public internal(set) var statistics = ChainStatistics()
    /// Chips that answered the last count.
    public internal(set) var chips = 0
    let program: ChainProgram
    var decoder: ChipReplyDecoder
    private var meter = StickMeter()

    var state = State.off
    /// What is still to be done, first things first.
    var steps: [ChainStep] = []
    /// The next step waits for it.
    var waitsUntil: Instant?

    /// Of all chips now, and where its ramp goes; nil when it is there.
    var clock: Megahertz
    var clockGoal: Megahertz?
    var rampAt: Instant?

    var work: CurrentWork?
    var jobAt: Instant?
    /// Work was given and not taken away since.
    var isFed = false
    /// By job id, which has seven bits at most.
    var slots = [JobSlot?](repeating: nil, count: 128)
    var nextID: UInt8 = 0
    var ticket: UInt64 = 1
    var mask: UInt32?
    /// Which count this is.
    var attempts = 1
    /// The last valid nonce, or the beginning of hashing.
    var aliveAt = Instant.start

    enum State: Equatable, Sendable {
        case off
        /// Steps up to the count are being done.
        case waking
        /// Chips answer until it is quiet, the latest at the deadline.
        case counting(found: Int, attempt: Int, until: Instant)
        case configuring
        case running
    }

    /// What the firmware wants to be hashed, and how far it was given out.
    struct CurrentWork: Sendable {
        var work: MiningWork
        /// Versions given out, as counters of ``VersionCounter``.
        var counter: UInt64 = 0
    }

    /// A job that chips may answer for.
    struct JobSlot: Sendable {
        var work: MiningWork
        /// By midstate; one for a whole header, which the chip rolls.
        var versions: [UInt32]
        /// Difficulty that the chips promised when it was sent, or later if that was less.
        var ticket: UInt64
    }

    public init(_ setup: ChainSetup) {
        self.setup = setup
        program = ChainProgram(setup: setup)
        decoder = ChipReplyDecoder(family: setup.family)
        clock = setup.initialClock
    }

    /// The chips stand ready and may hash.
    public var isRunning: Bool { state == .running }
    public var isHashing: Bool { isRunning && isFed }
    /// At the present clock, by the number of the chips' units.
    public var nominalHashRate: HashRate {
        HashRate(clock.megahertz * 1e6 * Double(setup.unitsPerChip) * Double(max(1, chips)))
    }

    // MARK: From the firmware

    public mutating func command(_ command: HashboardCommand, at now: Instant, into output: inout Output) {
        switch command {
        case .setPower(let on):
            forget()
            if setup.family.framing != .icarus { output.orders.append(.setReset(!on)) }
        case .enumerate:
            forget()
            state = .waking
            attempts = 1
            steps = program.counting
            advance(at: now, into: &output)
        case .setFrequency(let frequency):
            clockGoal = frequency
            advance(at: now, into: &output)
        case .load(let new):
            if !isFed { aliveAt = now }
            isFed = true
            work = CurrentWork(work: new)
            jobAt = now
            advance(at: now, into: &output)
        case .idle:
            // No chip has a command to stand still; what it finds from now on matches no slot.
            work = nil
            jobAt = nil
            isFed = false
            clearSlots()
        case .setVoltage, .setFan, .setChipClocks, .readChipCounters: break
        case .readTelemetry:
            // What is not measured is not there; the meter's answer comes by the next reading.
            let nothing = BoardTelemetry(
                chipTemperature: nil, regulatorTemperature: nil, fanSpeed: nil, inputPower: nil)
            if setup.hasMeter { output.orders.append(.writeAside(meter.ask())) }
            output.events.append(.telemetry(meter.telemetry ?? nothing))
        }
    }

    /// The line is gone or was reset: everything that the chips knew is lost.
    public mutating func lineLost() {
        forget()
        meter = StickMeter()
    }

    /// Bytes of the device's own controller.
    public mutating func receivedAside(_ bytes: [UInt8]) {
        if setup.hasMeter { meter.received(bytes) }
    }

    mutating func clearSlots() { slots = [JobSlot?](repeating: nil, count: slots.count) }

    private mutating func forget() {
        state = .off
        steps.removeAll()
        waitsUntil = nil
        work = nil
        jobAt = nil
        rampAt = nil
        clockGoal = nil
        clock = setup.initialClock
        mask = nil
        clearSlots()
        isFed = false
        chips = 0
        decoder.reset()
    }

    // MARK: Time

    public var nextDeadline: Instant? {
        var earliest = waitsUntil ?? .distantFuture
        if case .counting(_, _, let until) = state { earliest = min(earliest, until) }
        if state == .running, steps.isEmpty {
            // A pause holds up ramp and jobs, however long they are due.
            if waitsUntil == nil {
                earliest = min(earliest, rampAt ?? .distantFuture, jobAt ?? .distantFuture)
            }
            if let deadAt { earliest = min(earliest, deadAt) }
        }
        return earliest == .distantFuture ? nil : earliest
    }

    public mutating func deadlineReached(at now: Instant, into output: inout Output) {
        if case .counting(let found, let attempt, let until) = state, until <= now {
            counted(found, attempt: attempt, at: now, into: &output)
        }
        if state == .running, let deadAt, deadAt <= now { return giveUp(into: &output) }
        advance(at: now, into: &output)
    }

    /// No valid nonce for so long is no chance any more.
    private var deadAt: Instant? {
        guard isFed, nominalHashRate > .zero else { return nil }
        let expected = Self.hashes(ticket, zeroBits: setup.zeroBits) / nominalHashRate.hashesPerSecond
        return aliveAt + max(DriverLimits.deadAfterMin, Interval(seconds: setup.deadAfter * expected))
    }

    private mutating func giveUp(into output: inout Output) {
        statistics.restarts += 1
        forget()
        output.orders.append(.restart)
    }

    /// Hashes that one nonce of a difficulty costs on average.
    static func hashes(_ ticket: UInt64, zeroBits: Int) -> Double {
        Double(ticket) * Double(sign: .plus, exponent: zeroBits, significand: 1)
    }

    /// Does what can be done now: steps first; then the ramp and the jobs of a chain that runs.
    mutating func advance(at now: Instant, into output: inout Output) {
        if let waitsUntil {
            guard waitsUntil <= now else { return }
            self.waitsUntil = nil
        }
        while true {
            while waitsUntil == nil, !steps.isEmpty {
                if case .counting = state { return }
                perform(steps.removeFirst(), at: now, into: &output)
            }
            guard waitsUntil == nil, state == .running else { return }
            if rampDue(at: now) { continue }
            guard let jobAt, jobAt <= now else { return }
            guard dispatch(at: now, into: &output) else { return }
        }
    }

    private mutating func perform(_ step: ChainStep, at now: Instant, into output: inout Output) {
        switch step {
        case .frame(let command):
            // Antminer U and Icarus have no commands; their programs name none.
            if let bytes = command.frame(for: setup.family) { output.orders.append(.write(bytes)) }
        case .bytes(let bytes): output.orders.append(.write(bytes))
        case .wait(let interval): waitsUntil = now + interval
        case .baud(let baud): output.orders.append(.setBaud(baud))
        case .reset(let held): output.orders.append(.setReset(held))
        case .purge:
            decoder.reset()
            output.orders.append(.purge)
        case .count:
            state = .counting(found: 0, attempt: attempts, until: now + DriverLimits.countWait)
        case .announce:
            state = .running
            aliveAt = now
            output.events.append(.enumerated(chips: chips))
        }
    }

    /// Puts one step of the clock's ramp before everything else; false when the clock is where it should be.
    private mutating func rampDue(at now: Instant) -> Bool {
        guard let goal = clockGoal, setup.family != .icarus else {
            rampAt = nil
            return false
        }
        if let rampAt, rampAt > now { return false }
        guard goal != clock || rampAt == nil else {
            // A new goal was where the ramp had come to.
            rampAt = nil
            clockGoal = nil
            return false
        }
        let distance = goal.megahertz - clock.megahertz
        let step = setup.rampStep > 0 ? setup.rampStep : abs(distance)
        clock = abs(distance) <= step ? goal : Megahertz(clock.megahertz + (distance < 0 ? -step : step))
        rampAt = now + setup.rampInterval
        steps += program.clock(clock)
        if clock == goal {
            rampAt = nil
            clockGoal = nil
        }
        return true
    }

    // MARK: From the chips

    public mutating func received(_ bytes: some Sequence<UInt8>, at now: Instant, into output: inout Output) {
        guard state != .off else { return }
        decoder.append(bytes)
        while let reply = decoder.next() {
            switch reply {
            case .register(let register): answered(register, at: now)
            case .nonce(let nonce): nonceReplied(nonce, at: now, into: &output)
            }
        }
        statistics.garbage = decoder.garbage
        advance(at: now, into: &output)
    }

    private mutating func answered(_ reply: RegisterReply, at now: Instant) {
        guard case .counting(let found, let attempt, _) = state,
            reply.value >> 16 == setup.family.chipID >> 16
        else { return }
        countOne(found + 1, attempt: attempt, at: now)
    }

    /// A chip answered; the count ends when all are there, or when it is quiet.
    mutating func countOne(_ found: Int, attempt: Int, at now: Instant) {
        let wait = found >= setup.chips ? DriverLimits.countQuiet : DriverLimits.countWait
        state = .counting(found: found, attempt: attempt, until: now + wait)
    }

    /// The count is over: asks once more, gives up, or configures what was found.
    private mutating func counted(_ found: Int, attempt: Int, at now: Instant, into output: inout Output) {
        chips = min(found, 255)
        if found > 0 {
            state = .configuring
            steps = program.configuration(chips: chips, ticket: ticket)
        } else if attempt < DriverLimits.countAttempts {
            // The question again, without another reset.
            state = .waking
            attempts = attempt + 1
            steps = [.purge] + program.counting.suffix(2)
        } else {
            forget()
            output.events.append(.enumerated(chips: 0))
        }
    }
}
