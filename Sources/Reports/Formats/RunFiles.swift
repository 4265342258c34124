public import Experiments
import JSONText
import Measurement

/// One invocation of `lab run`: a name and a record for each point of its sweep and each repetition.
public struct StoredRun: Sendable, Equatable {
    /// As `stale-rate-20261123-121530`.
    public var name: String
    public var records: [RunRecord]

    public init(name: String, records: [RunRecord]) {
        self.name = name
        self.records = records
    }

    /// The worst of its records; broken without any.
    public var outcome: RunRecord.Outcome {
        records.map(\.outcome).max { $0.rawValue < $1.rawValue } ?? .broken
    }
}

/// What `lab report --format` writes: pure functions of a run.
public enum RunFormat: String, Sendable, CaseIterable {
    case html
    case json
    case csv
    case junit

    public func text(_ run: StoredRun) -> String {
        switch self {
        case .html: RunPage(run).text
        case .json: run.json.text + "\n"
        case .csv: RunCSV(run).text
        case .junit: RunJUnit(run).text
        }
    }
}

extension StoredRun {
    /// The version of ``json``'s form: a reader of 1 may rely on every key that 1 has.
    public static let schema = "mining-lab/run/1"

    /// The whole run: read again by ``init(_:)`` it is the same.
    public var json: JSON {
        .object([
            "schema": .string(Self.schema), "name": .string(name), "outcome": .string(outcome.text),
            "records": .array(records.map(Self.json)),
        ])
    }

    private static func json(_ record: RunRecord) -> JSON {
        var object = RecordJSON.head(of: record).objectValue ?? JSONObject()
        let verdicts = record.verdicts
        object.append("outcome", .string(record.outcome(verdicts).text))
        object.append("fleets", .array(record.experiment.fleets.map { .string($0.name) }))
        object.append(
            "thresholds",
            .array(
                verdicts.map { verdict in
                    .object([
                        "text": .string(verdict.threshold.text),
                        "value": verdict.value.map { .double($0) } ?? .null,
                        "passed": .bool(verdict.isPassed),
                    ])
                }))
        object.append(
            "references",
            .array(
                record.comparisons.map { reference, value, isWithin in
                    .object([
                        "measure": .string(reference.measure), "expected": .double(reference.expected),
                        "low": .double(reference.low), "high": .double(reference.high),
                        "value": value.map { .double($0) } ?? .null, "within": .bool(isWithin),
                        "source": .string(reference.source),
                    ])
                }))
        object.append("seconds", .array(RecordJSON.seconds(of: record.series).map(\.json)))
        return .object(object)
    }

    /// - Throws: ``RunStoreFault`` for anything but what ``json`` writes.
    public init(_ json: JSON) throws(RunStoreFault) {
        guard let schema = json["schema"]?.stringValue else {
            throw .damaged("it is no run: \"schema\" is missing")
        }
        guard schema == Self.schema else {
            throw .damaged("its schema is \"\(schema)\"; this program reads \"\(Self.schema)\"")
        }
        guard let name = json["name"]?.stringValue, let list = json["records"]?.arrayValue else {
            throw .damaged("its name or its records are missing")
        }
        var records: [RunRecord] = []
        for head in list {
            let texts = head["seconds"]?.arrayValue ?? []
            let seconds = texts.compactMap { Second($0) }
            guard seconds.count == texts.count else { throw .damaged("a second cannot be read") }
            records.append(try RecordJSON.record(head: head, seconds: seconds))
        }
        self.init(name: name, records: records)
    }
}
