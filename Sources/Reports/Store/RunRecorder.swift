public import Experiments
public import Measurement

/// Keeps a record's seconds while it runs.
///
/// Seconds are committed as they come; of those that come faster than real time, at least once a second. When the store
/// refuses, the run goes on: the seconds are kept and tried again with every later one, and ``fault`` says what is the
/// matter until the store takes them.
public final class RunRecorder {
    /// What the store said last; nil while all is well.
    public private(set) var fault: RunStoreFault?
    let record: Int64
    private let store: RunStore
    private var unsaved: [Second] = []
    private var lost = 0
    private var committed = ContinuousClock.now - .seconds(1)

    init(store: RunStore, record: Int64) {
        self.store = store
        self.record = record
    }

    /// A second of one shard or of all; the same second may come several times and adds up.
    public func append(_ second: Second) {
        if unsaved.count >= Limits.unsavedSecondsMax {
            lost += 1
        } else {
            unsaved.append(second)
        }
        guard committed.duration(to: .now) >= .milliseconds(Limits.commitMilliseconds) else { return }
        flush()
    }

    /// Commits what was not committed yet.
    public func flush() {
        guard !unsaved.isEmpty else { return }
        committed = .now
        do {
            try store.write(unsaved, of: record)
            unsaved.removeAll()
            fault = nil
        } catch { fault = error }
    }

    /// The record's end: its outcome and what else was learnt meanwhile. The seconds are those that were appended.
    ///
    /// - Returns: what is not stored, in one line for the run's degradations; nil when everything is.
    public func finish(_ record: RunRecord) -> String? {
        flush()
        do { try store.end(self.record, with: record) } catch { fault = error }
        let missing = unsaved.count + lost
        if missing > 0 { return "\(missing) seconds are not stored: \(fault.map { "\($0)" } ?? "too many")" }
        return fault.map { "the run's end is not stored: \($0)" }
    }
}
