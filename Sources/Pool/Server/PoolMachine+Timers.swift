import SansIO

extension PoolMachine {
    public mutating func deadlineReached(
        at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        acknowledgeDue(at: now, into: &effects)
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .dial: dialTemplateProvider(at: now, into: &effects)
            case .templateProvider:
                dropTemplateProvider(
                    templateProvider.isReady
                        ? "no template and tip in time: has it lost its node, or is that still synchronising?"
                        : "the template provider did not get ready", at: now, into: &effects)
            case .templateProviderQuiet: templateProviderIsQuiet(at: now, into: &effects)
            case .refreshJob: refreshJob(at: now, into: &effects)
            case .heldCustomJobs: heldCustomJobsOverdue(at: now, into: &effects)
            case .drained: drainOverdue(into: &effects)
            case .connection(let id): connectionOverdue(id, into: &effects)
            case .vardiff(let index): lookAtVardiff(index, at: now, into: &effects)
            }
        }
    }
}
