public import Experiments
import Foundation
import JSONText
import Measurement
import SansIO

/// Runs in one SQLite file of a directory, readable while a run goes on.
///
/// A run is one invocation of `lab run`; it has a record for each point of its sweep and each repetition. A record is
/// its head (everything but the series) and its seconds, row by row in the order in which they came, so that what is
/// read back adds up to the same series. A write-ahead log synced at every commit: what was committed survives a kill
/// and the power's going, and a torn end of the log is cut off when the file is opened again.
///
/// Not for use by two threads at a time; several processes may.
public final class RunStore {
    /// "LABR": SQLite's application_id of these files.
    static let application: Int64 = 0x4c41_4252
    /// The tables' version, SQLite's user_version.
    static let version: Int64 = 1
    static let fileName = "runs.sqlite"

    public let path: String
    let file: SQLiteFile

    /// Opens or makes `<directory>/runs.sqlite`.
    ///
    /// - Throws: ``RunStoreFault``: a foreign or newer file is named and left alone.
    public init(directory: String) throws(RunStoreFault) {
        path = directory + "/" + Self.fileName
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch { throw .system("\(directory): cannot be made: \(error.localizedDescription)") }
        file = try SQLiteFile(path: path)
        try check()
    }

    /// For commands that only read: nil where no run was ever kept.
    public static func existing(directory: String) throws(RunStoreFault) -> RunStore? {
        guard FileManager.default.fileExists(atPath: directory + "/" + fileName) else { return nil }
        return try RunStore(directory: directory)
    }

    private func number(_ pragma: String) throws(RunStoreFault) -> Int64 {
        var number: Int64 = 0
        try file.query("PRAGMA \(pragma)") { number = $0.integer(0) }
        return number
    }

    private func check() throws(RunStoreFault) {
        let application = try number("application_id")
        let version = try number("user_version")
        if application == 0, version == 0 {
            var tables: Int64 = 0
            try file.query("SELECT count(*) FROM sqlite_master") { tables = $0.integer(0) }
            guard tables == 0 else { throw .foreign(path, "is another program's SQLite file") }
        } else if application != Self.application {
            throw .foreign(path, "is another program's SQLite file")
        } else if version > Self.version {
            throw .foreign(
                path,
                "has version \(version) of the tables; this program knows \(Self.version): use a newer lab")
        }
        try file.run("PRAGMA journal_mode = WAL")
        try file.run("PRAGMA synchronous = FULL")
        try file.run("PRAGMA foreign_keys = ON")
        guard application == 0 else { return }
        try file.transaction { () throws(RunStoreFault) in
            try file.run(
                """
                CREATE TABLE IF NOT EXISTS runs (
                    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, started INTEGER NOT NULL);
                CREATE TABLE IF NOT EXISTS records (
                    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
                    head TEXT NOT NULL, outcome INTEGER);
                CREATE INDEX IF NOT EXISTS records_of_runs ON records (run);
                CREATE TABLE IF NOT EXISTS seconds (
                    id INTEGER PRIMARY KEY, record INTEGER NOT NULL REFERENCES records ON DELETE CASCADE,
                    data TEXT NOT NULL);
                CREATE INDEX IF NOT EXISTS seconds_of_records ON seconds (record);
                PRAGMA application_id = \(Self.application);
                PRAGMA user_version = \(Self.version);
                """)
        }
    }

    // MARK: Writing

    /// A new run's name: `stale-rate-20261123-121530`, with `-2` behind it where that is taken.
    ///
    /// - Parameter startedAt: Unix seconds.
    public func begin(experiment: String, startedAt: UInt64) throws(RunStoreFault) -> String {
        let base = Self.word(experiment) + "-" + Wording.compactTime(startedAt)
        var name = base
        try file.transaction { () throws(RunStoreFault) in
            for number in 2...Limits.sameNamesMax {
                var isTaken = false
                try file.query("SELECT 1 FROM runs WHERE name = ?1", [.text(name)]) { _ in isTaken = true }
                if !isTaken { break }
                name = "\(base)-\(number)"
            }
            try file.query(
                "INSERT INTO runs (name, started) VALUES (?1, ?2)",
                [.text(name), .integer(Int64(clamping: startedAt))])
        }
        return name
    }

    /// What a shell takes without quotes.
    private static func word(_ name: String) -> String {
        let word = String(
            name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._+".contains($0)) ? $0 : "-" })
        return word.isEmpty ? "run" : word
    }

    /// A record of a run that begins: its seconds follow.
    public func record(_ record: RunRecord, of run: String) throws(RunStoreFault) -> RunRecorder {
        var id: Int64 = 0
        try file.transaction { () throws(RunStoreFault) in
            try file.query(
                "INSERT INTO records (run, head) SELECT id, ?2 FROM runs WHERE name = ?1",
                [.text(run), .text(RecordJSON.head(of: record).text)])
            id = file.lastRow
        }
        return RunRecorder(store: self, record: id)
    }

    /// A record that is over, at once.
    public func save(_ record: RunRecord, to run: String) throws(RunStoreFault) {
        let recorder = try self.record(record, of: run)
        try write(RecordJSON.seconds(of: record.series), of: recorder.record)
        try end(recorder.record, with: record)
    }

    func write(_ seconds: [Second], of record: Int64) throws(RunStoreFault) {
        try file.transaction { () throws(RunStoreFault) in
            for second in seconds {
                try file.query(
                    "INSERT INTO seconds (record, data) VALUES (?1, ?2)",
                    [.integer(record), .text(second.json.text)])
            }
        }
    }

    func end(_ id: Int64, with record: RunRecord) throws(RunStoreFault) {
        try file.query(
            "UPDATE records SET head = ?2, outcome = ?3 WHERE id = ?1",
            [
                .integer(id), .text(RecordJSON.head(of: record).text),
                .integer(Int64(record.outcome.rawValue)),
            ])
    }

    public func delete(_ name: String) throws(RunStoreFault) {
        try file.query("DELETE FROM runs WHERE name = ?1", [.text(name)])
    }

    // MARK: Faults for tests

    /// A file that may grow no further stands for a full disk.
    package func limitPages(to count: Int) throws(RunStoreFault) {
        try file.query("PRAGMA max_page_count = \(count)")
    }

    package func setVersion(_ version: Int) throws(RunStoreFault) {
        try file.run("PRAGMA user_version = \(version)")
    }
}
