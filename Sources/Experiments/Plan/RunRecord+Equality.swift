extension RunRecord: Equatable {
    public static func == (a: RunRecord, b: RunRecord) -> Bool {
        a.world == b.world && a.experiment == b.experiment && a.path == b.path && a.source == b.source
            && a.sweep == b.sweep && a.repetition == b.repetition && a.seed == b.seed && a.target == b.target
            && a.startedAt == b.startedAt && a.elapsed == b.elapsed && a.series == b.series
            && a.digest == b.digest && a.events == b.events && a.degradations == b.degradations
            && a.endedBy == b.endedBy && a.circumstances.elementsEqual(b.circumstances) { $0 == $1 }
    }
}
