import Hardware
import SansIO

// Chips tuned one by one.

extension MinerFirmware {
    /// The boards reached their clock: what is known of the chips holds again, before a restart or after.
    mutating func startTuning(at now: Instant, commands: inout [HashboardCommand]) {
        guard let tuning = settings.tuning else { return }
        if tuner.isEmpty {
            tuner = [ChipTuner(chips: settings.expectedChips, powerTarget: tuning.powerTarget)]
        }
        tuner[0].started()
        if tuner[0].status.runs > 0 { commands.append(.setChipClocks(tuner[0].status.clocks)) }
        timers.set(.tune, now + tuning.warmUp)
    }

    /// The owner changed clock or voltage: what was found is of no use.
    mutating func forgetTuning(at now: Instant, commands: inout [HashboardCommand]) {
        guard !tuner.isEmpty else { return }
        tuner = []
        guard boards == .running else { return }
        commands.append(.setChipClocks(.uniform))
        startTuning(at: now, commands: &commands)
    }

    /// A window is over. Chips that are throttled or without work are not judged.
    mutating func tuningWindowEnded(at now: Instant, commands: inout [HashboardCommand]) {
        guard let tuning = settings.tuning, !tuner.isEmpty else { return }
        timers.set(.tune, now + (tuner[0].status.stage == .stable ? tuning.recheck : tuning.window))
        guard boards == .running, !governor.isThrottled, !issued.isEmpty else { return tuner[0].disturbed() }
        commands.append(.readChipCounters)
    }

    mutating func chipsCounted(
        _ counters: ChipCounters, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        guard let tuning = settings.tuning, !tuner.isEmpty, boards == .running else { return }
        let power = telemetry?.inputPower ?? .zero
        switch tuner[0].judge(counters, base: governor.frequency, power: power, tuning) {
        case .keep: break
        case .begins:
            timers.set(.tune, now + tuning.window)
            effects.observe(.tuningBegan)
        case .change(let clocks): commands.append(.setChipClocks(clocks))
        case .settled:
            timers.set(.tune, now + tuning.recheck)
            effects.observe(.tuningSettled(wrongShare: tuner[0].status.wrongShare))
        }
    }
}
