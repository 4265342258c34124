import Experiments
import JSONText
import Measurement

/// A line of `lab runs`.
public struct RunListing: Sendable, Equatable {
    public var name: String
    /// Unix seconds.
    public var startedAt: UInt64
    public var records: Int
    /// Of its records, the worst; nil when one has no end on record: it goes on, or was killed.
    public var outcome: RunRecord.Outcome?
    /// Seconds of all records.
    public var seconds: Int

    public init(name: String, startedAt: UInt64, records: Int, outcome: RunRecord.Outcome?, seconds: Int) {
        self.name = name
        self.startedAt = startedAt
        self.records = records
        self.outcome = outcome
        self.seconds = seconds
    }
}

extension RunStore {
    /// The newest first.
    public func runs() throws(RunStoreFault) -> [RunListing] {
        var listings: [RunListing] = []
        try file.query(
            """
            SELECT name, started, count(records.id), max(outcome), count(outcome),
                sum((SELECT count(*) FROM seconds WHERE record = records.id))
            FROM runs LEFT JOIN records ON run = runs.id GROUP BY runs.id ORDER BY started DESC, runs.id DESC
            """
        ) { row in
            let isOver = row.integer(2) == row.integer(4) && row.integer(2) > 0
            listings.append(
                RunListing(
                    name: row.text(0), startedAt: UInt64(clamping: row.integer(1)),
                    records: Int(row.integer(2)),
                    outcome: isOver ? RunRecord.Outcome(rawValue: Int32(clamping: row.integer(3))) : nil,
                    seconds: Int(row.integer(5))))
        }
        return listings
    }

    /// The whole name for `last`, a name, or the beginning of one.
    ///
    /// - Throws: ``RunStoreFault/unknown(_:)`` for none and for several.
    public func name(for word: String) throws(RunStoreFault) -> String {
        let names = try runs().map(\.name)
        guard let newest = names.first else { throw .unknown("\(path) holds no runs yet") }
        if word == "last" { return newest }
        if names.contains(word) { return word }
        let fitting = names.filter { $0.hasPrefix(word) }
        switch fitting.count {
        case 1: return fitting[0]
        case 0: throw .unknown("no run is called \"\(word)\": `lab runs` lists them")
        default:
            let some = fitting.prefix(3).joined(separator: ", ")
            throw .unknown(
                "\"\(word)\" may be any of \(fitting.count) runs: \(some)\(fitting.count > 3 ? ", …" : "")")
        }
    }

    /// A run by its whole name. One without an end on record says so in its records' `endedBy`.
    public func load(_ name: String) throws(RunStoreFault) -> StoredRun {
        var rows: [(id: Int64, head: String, isOver: Bool)] = []
        try file.query(
            "SELECT records.id, head, outcome FROM records JOIN runs ON run = runs.id WHERE name = ?1 "
                + "ORDER BY records.id", [.text(name)]
        ) { row in rows.append((row.integer(0), row.text(1), !row.isNull(2))) }
        var records: [RunRecord] = []
        for row in rows {
            var seconds: [Second] = []
            try file.query(
                "SELECT data FROM seconds WHERE record = ?1 ORDER BY id", [.integer(row.id)]
            ) { (line: SQLiteFile.Row) throws(RunStoreFault) in
                guard let second = Self.parse(line.text(0)).flatMap({ Second($0) }) else {
                    throw .damaged("\(path): a second of \(name) cannot be read")
                }
                seconds.append(second)
            }
            guard let head = Self.parse(row.head) else {
                throw .damaged("\(path): a head of \(name) cannot be read")
            }
            var record = try RecordJSON.record(head: head, seconds: seconds)
            if !row.isOver, record.endedBy == nil {
                record.endedBy = "something that left no word: its end was not recorded"
            }
            records.append(record)
        }
        return StoredRun(name: name, records: records)
    }

    private static func parse(_ text: String) -> JSON? { try? JSON.parse(text) }
}
