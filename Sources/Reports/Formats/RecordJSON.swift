import DeviceModel
import Experiments
import JSONText
import Measurement
import SansIO

/// A record as JSON and back, whole.
enum RecordJSON {
    /// Everything but the series.
    static func head(of record: RunRecord) -> JSON {
        var object: JSONObject = [
            "world": .string(record.world.rawValue),
            "experiment": .string(record.experiment.text),
            "path": .string(record.path),
            "source": .string(record.source),
            "repetition": .int(record.repetition),
            "seed": .int(record.seed),
            "started_at": .int(record.startedAt),
            "elapsed_ns": .int(record.elapsed.nanoseconds),
        ]
        if let sweep = record.sweep { object.append("sweep", value(sweep)) }
        if let target = record.target { object.append("target", .string(target)) }
        if let digest = record.digest { object.append("digest", .int(digest)) }
        if let events = record.events { object.append("events", .int(events)) }
        object.append(
            "circumstances",
            .array(record.circumstances.map { .array([.string($0.name), .string($0.value)]) }))
        object.append("degradations", .array(record.degradations.map { .string($0) }))
        if let endedBy = record.endedBy { object.append("ended_by", .string(endedBy)) }
        return .object(object)
    }

    /// - Throws: ``RunStoreFault`` that says which part is not what ``head(of:)`` writes.
    static func record(head: JSON, seconds: [Second]) throws(RunStoreFault) -> RunRecord {
        func missing(_ key: String) -> RunStoreFault { .damaged("a record's \(key) cannot be read") }
        guard let world = head["world"]?.stringValue.flatMap(RunRecord.World.init) else {
            throw missing("world")
        }
        guard let text = head["experiment"]?.stringValue else { throw missing("experiment") }
        let experiment: Experiment
        do {
            experiment = try ExperimentFile(path: "experiment", text: text).experiment()
        } catch { throw .damaged("a record's experiment cannot be read: \(error)") }
        guard let path = head["path"]?.stringValue, let source = head["source"]?.stringValue else {
            throw missing("source")
        }
        guard let seed = head["seed"]?.uint64, let repetition = head["repetition"]?.int64,
            let startedAt = head["started_at"]?.uint64, let elapsed = head["elapsed_ns"]?.uint64
        else { throw missing("seed, repetition or time") }
        var series = RunSeries(fleetCount: experiment.fleets.count)
        for second in seconds {
            guard series.add(second) else { throw missing("second \(second.index)") }
        }
        var record = RunRecord(
            world: world, experiment: experiment, path: path, source: source,
            sweep: head["sweep"].flatMap(value), repetition: Int(repetition), seed: seed,
            startedAt: startedAt, series: series)
        record.elapsed = .nanoseconds(elapsed)
        record.target = head["target"]?.stringValue
        record.digest = head["digest"]?.uint64
        record.events = head["events"]?.uint64
        record.circumstances = (head["circumstances"]?.arrayValue ?? []).compactMap { pair in
            guard let name = pair[0]?.stringValue, let value = pair[1]?.stringValue else { return nil }
            return (name, value)
        }
        record.degradations = (head["degradations"]?.arrayValue ?? []).compactMap(\.stringValue)
        record.endedBy = head["ended_by"]?.stringValue
        return record
    }

    /// Seconds that make the same series when they are added one by one: news stands whole in the first.
    static func seconds(of series: RunSeries) -> [Second] {
        var seconds = series.seconds
        if !seconds.isEmpty { seconds[0].fanOuts = series.fanOuts }
        return seconds
    }

    static func value(_ value: ProfileValue) -> JSON {
        switch value {
        // A number keeps its kind: 5.0 is not 5.
        case .number(let number): .object(["number": .double(number)])
        case .integer(let number): .int(number)
        case .text(let text): .string(text)
        case .boolean(let flag): .bool(flag)
        }
    }

    static func value(_ json: JSON) -> ProfileValue? {
        switch json {
        case .number: json.int64.map { .integer($0) }
        case .string(let text): .text(text)
        case .bool(let flag): .boolean(flag)
        case .object: json["number"]?.double.map { .number($0) }
        case .null, .array: nil
        }
    }
}
