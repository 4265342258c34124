import Bitcoin
import Hardware
import SansIO

// The hashing side: boot, heat, cool-down.

extension MinerFirmware {
    mutating func powerUpBoards(at now: Instant, commands: inout [HashboardCommand]) {
        boards = .poweringUp
        fan.reset(to: settings.governor.fanStart)
        setFan(settings.governor.fanStart, commands: &commands)
        timers.set(.boards, now + settings.boot.powerUp)
    }

    /// One stage of the boot is over.
    mutating func advanceBoards(at now: Instant, commands: inout [HashboardCommand]) {
        switch boards {
        case .off, .running, .coolingDown, .sleeping, .faulty, .unpowered: break
        case .poweringUp:
            counts = 0
            commands.append(.setPower(true))
            commands.append(.setVoltage(governor.voltage))
            boards = .enumerating
            timers.set(.boards, now + settings.boot.enumerate)
        case .enumerating:
            // The answer, ``HashboardEvent/enumerated(chips:)``, starts the ramp.
            commands.append(.enumerate)
        case .ramping(let step):
            ramp(step, at: now, commands: &commands)
        }
    }

    private mutating func ramp(_ step: Int, at now: Instant, commands: inout [HashboardCommand]) {
        let goal = governor.frequency.megahertz
        let start = min(settings.boot.rampStart.megahertz, goal)
        let speed = settings.boot.rampMegahertzPerSecond
        guard speed > 0, step < Limits.rampSteps, goal > start else {
            commands.append(.setFrequency(governor.frequency))
            boards = .running
            telemetryInterval = settings.telemetryMin
            timers.set(.telemetry, now + telemetryInterval)
            timers.set(.work, now)
            lastShare = now
            startTuning(at: now, commands: &commands)
            return
        }
        let share = Double(step) / Double(Limits.rampSteps)
        commands.append(.setFrequency(Megahertz(start + (goal - start) * share)))
        boards = .ramping(step: step + 1)
        timers.set(.boards, now + Interval(seconds: (goal - start) / speed / Double(Limits.rampSteps)))
    }

    /// What the hardware says. The owner delivers it with the time it happened.
    public mutating func hardware(
        _ event: HashboardEvent, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        switch event {
        case .nonce(let report):
            nonceReported(report, at: now, into: &effects)
            if session?.isPaused ?? false { stopWork(commands: &commands) }
        case .enumerated(let chips):
            guard boards == .enumerating else { return }
            chipsFound = chips
            counts += 1
            if chips != settings.expectedChips {
                effects.observe(.chipsMissing(found: chips, expected: settings.expectedChips))
                if counts < habits.enumerationAttempts,
                    habits.needsAllChips || counts < habits.acceptsFewerChipsAfter
                {
                    timers.set(.boards, now + habits.enumerationWait)
                    return
                }
                if habits.needsAllChips || chips == 0 {
                    boards = .faulty
                    commands.append(.setPower(false))
                    // Whether chips are missing or their power is.
                    if chips == 0 { commands.append(.readTelemetry) }
                    return announcePhase(into: &effects)
                }
            }
            boards = .ramping(step: 0)
            ramp(0, at: now, commands: &commands)
            if timers.fire(.work, at: now) {
                loadWork(clean: false, at: now, into: &effects, commands: &commands)
            }
        case .exhausted(let id):
            guard id == issued.last?.work.id else { return }
            loadWork(clean: false, at: now, into: &effects, commands: &commands)
        case .telemetry(let reading):
            telemetryRead(reading, at: now, into: &effects, commands: &commands)
        case .chipCounters(let counters):
            chipsCounted(counters, at: now, into: &effects, commands: &commands)
        }
        announcePhase(into: &effects)
    }

    // MARK: Heat

    private mutating func telemetryRead(
        _ reading: BoardTelemetry, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        let before = telemetry
        let dutyBefore = fanDuty
        let passed = now - telemetryAt
        telemetry = reading
        telemetryAt = now
        switch boards {
        case .off, .sleeping: return
        case .faulty:
            guard !reading.isSupplyGood else { return }
            loseSupply(into: &effects, commands: &commands)
        case .unpowered:
            if reading.isSupplyGood { regainSupply(at: now, into: &effects, commands: &commands) }
        case _ where !reading.isSupplyGood: loseSupply(into: &effects, commands: &commands)
        case .poweringUp, .enumerating, .ramping: break
        case .running:
            judge(reading, at: now, into: &effects, commands: &commands)
            watch(at: now, into: &effects, commands: &commands)
        case .coolingDown(let since):
            let verdict = governor.judgeRest(chip: reading.chipTemperature, rested: now - since)
            if case .restart(let frequency, _) = verdict {
                effects.observe(.cooledDown(restartFrequency: frequency))
                fanLostSince = nil
                fanIsLost = false
                powerUpBoards(at: now, commands: &commands)
            }
        }
        driveFan(reading, after: passed, commands: &commands)
        adaptInterval(before, reading, dutyBefore)
        timers.set(.telemetry, now + telemetryInterval)
    }

    /// As stock Antminers (ERROR_POWER_LOST) and ESP-Miner (power_fault) do: hashing ends, the pool is kept. BraiinsOS
    /// starts its boards anew by itself; so do all here.
    private mutating func loseSupply(into effects: inout Effects, commands: inout [HashboardCommand]) {
        effects.observe(.supplyLost)
        boards = .unpowered
        issued.removeAll(keepingCapacity: true)
        timers.stop(.work)
        timers.stop(.boards)
        commands.append(.idle)
        commands.append(.setPower(false))
    }

    private mutating func regainSupply(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        effects.observe(.supplyReturned)
        powerUpBoards(at: now, commands: &commands)
    }

    private mutating func judge(
        _ reading: BoardTelemetry, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        noteFan(reading, at: now, into: &effects)
        var verdict = governor.judge(
            chip: reading.chipTemperature, regulator: reading.regulatorTemperature)
        if fanIsLost, habits.lostFanStops { verdict = .shutDown }
        switch verdict {
        case .keep, .restart: break
        case .run(let frequency):
            commands.append(.setFrequency(frequency))
            effects.observe(.throttled(frequency))
        case .shutDown:
            effects.observe(
                .overheated(chip: reading.chipTemperature, regulator: reading.regulatorTemperature))
            boards = .coolingDown(since: now)
            issued.removeAll(keepingCapacity: true)
            timers.stop(.work)
            commands.append(.idle)
            commands.append(.setPower(false))
            setFan(.full, commands: &commands)
        }
    }

    /// Shares come by chance; none for many times their expected time does not.
    private mutating func watch(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard let times = habits.waitsForSharesTimes, boards == .running, let work = issued.last?.work,
            settings.announcedHashRate > .zero
        else { return }
        let expected = work.target.expectedHashes / settings.announcedHashRate.hashesPerSecond
        let since = max(lastShare, jobSince)
        guard (now - since).seconds > max(times * expected, Limits.watchdogMin.seconds) else { return }
        effects.observe(.watchdogFired)
        lastShare = now
        timers.stop(.work)
        commands.append(.idle)
        commands.append(.setPower(false))
        powerUpBoards(at: now, commands: &commands)
    }

    /// A fan that is told to turn and does not.
    private mutating func noteFan(_ reading: BoardTelemetry, at now: Instant, into effects: inout Effects) {
        let habits = habits
        guard let speed = reading.fanSpeed, fanDuty.fraction >= Limits.fanCheckDuty,
            speed < habits.fanLostBelow
        else {
            fanLostSince = nil
            fanIsLost = false
            return
        }
        let since = fanLostSince ?? now
        fanLostSince = since
        guard now - since >= habits.fanLossPatience, !fanIsLost else { return }
        fanIsLost = true
        effects.observe(.fanFailed)
    }

    private mutating func driveFan(
        _ reading: BoardTelemetry, after passed: Interval, commands: inout [HashboardCommand]
    ) {
        switch boards {
        case .off, .sleeping, .faulty, .unpowered: break
        case .coolingDown: setFan(.full, commands: &commands)
        case .poweringUp, .enumerating, .ramping: setFan(settings.governor.fanStart, commands: &commands)
        case .running:
            if let manual = settings.manualFan { return setFan(manual, commands: &commands) }
            guard let chip = reading.chipTemperature else { return setFan(.full, commands: &commands) }
            guard !issued.isEmpty || chip > settings.governor.target else {
                return setFan(settings.governor.fanIdle, commands: &commands)
            }
            setFan(fan.duty(for: chip, after: passed), commands: &commands)
        }
    }

    /// Looks rarely while nothing changes and often when something does: a fleet cannot afford ten looks a second.
    private mutating func adaptInterval(_ before: BoardTelemetry?, _ now: BoardTelemetry, _ duty: FanDuty) {
        let drift = abs((now.chipTemperature?.degrees ?? 0) - (before?.chipTemperature?.degrees ?? -100))
        let steady =
            drift <= Limits.steadyKelvin && abs(fanDuty.percent - duty.percent) <= Limits.steadyPercent
        let next =
            steady && fanLostSince == nil
            ? telemetryInterval * 2 : Interval(nanoseconds: telemetryInterval.nanoseconds / 2)
        telemetryInterval = max(settings.telemetryMin, min(settings.telemetryMax, next))
    }

    mutating func setFan(_ duty: FanDuty, commands: inout [HashboardCommand]) {
        guard duty != fanDuty else { return }
        fanDuty = duty
        commands.append(.setFan(duty))
    }
}
