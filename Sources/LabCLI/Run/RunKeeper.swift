import Experiments
import Foundation
import Measurement
import Reports

/// Keeps the records of one `lab run` in the store; a store that fails is said and does not end the run.
final class RunKeeper {
    let name: String
    private let store: RunStore
    private let directory: String
    private var recorder: RunRecorder?

    /// - Throws: a fault in one line where the directory cannot hold a store.
    init(directory: String, experiment: String) throws {
        let store = try RunStoreOptions.inOneLine { try RunStore(directory: directory) }
        self.store = store
        self.directory = directory
        name = try RunStoreOptions.inOneLine {
            try store.begin(experiment: experiment, startedAt: UInt64(Date().timeIntervalSince1970))
        }
    }

    /// A record begins: its seconds follow.
    func begin(_ record: RunRecord) {
        do { recorder = try store.record(record, of: name) } catch {
            recorder = nil
            Output.fault("the run is not kept: \(error)")
        }
    }

    func append(_ second: Second) { recorder?.append(second) }

    /// The record is over; one whose seconds were not appended is kept as a whole.
    ///
    /// - Returns: what is not kept.
    func finish(_ record: RunRecord) -> String? {
        defer { recorder = nil }
        if let recorder { return recorder.finish(record) }
        do { try store.save(record, to: name) } catch { return "the run is not kept: \(error)" }
        return nil
    }

    /// What tells where the report lies.
    var hint: String {
        let elsewhere = directory == RunKeeper.directory ? "" : " --data \(directory)"
        return "kept as \(name); lab report \(name)\(elsewhere) writes its page"
    }

    static let directory = ".lab/runs"
}
