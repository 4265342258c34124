import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import JSONText
import SansIO
import Stratum

/// Into how many processes a live run's devices are divided.
enum ShardPlan: ExpressibleByArgument, Sendable, Equatable {
    /// They stay in this process.
    case none
    case count(Int)
    /// As many as this host needs for them.
    case auto
    /// Workers that somebody else starts, and where they find this coordinator.
    case expected(Int, listen: Endpoint, run: String, token: String)

    /// One process more than this at a time is no use to anybody.
    private static let countMax = 1_024
    /// Devices that one process carries well.
    private static let devicesPerProcess = 5_000

    init?(argument: String) {
        if argument == "auto" {
            self = .auto
        } else if let count = Int(argument), (1...Self.countMax).contains(count) {
            self = .count(count)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { "one process" }

    /// Nil: no other process.
    func count(for experiment: Experiment) -> Int? {
        switch self {
        case .none: return nil
        case .count(let count): return min(count, experiment.deviceCount)
        case .expected(let count, _, _, _): return min(count, experiment.deviceCount)
        case .auto:
            guard experiment.deviceCount > Self.devicesPerProcess else { return nil }
            let each = max(1, min(20_000, Descriptors.raise()) - Descriptors.reserve)
            return max(GeneratorMeter.cores, (experiment.deviceCount + each - 1) / each)
        }
    }

    /// A shard's devices: contiguous numbers.
    static func slice(_ index: Int, of count: Int, devices: Int) -> Range<Int> {
        devices * index / count..<devices * (index + 1) / count
    }
}

/// What every worker is told.
struct WorkerPlan: Sendable {
    let path: String
    let text: String
    let changes: [(key: String, value: ProfileValue)]
    let seed: UInt64
    /// Where each fleet's devices dial.
    let pools: [PoolURL]
    let creditsAcceptance: Bool
    let threads: Int

    init(
        file: ExperimentFile, changes: [(key: String, value: ProfileValue)],
        sweep: (key: String, value: ProfileValue)?, seed: UInt64, pools: [PoolURL], creditsAcceptance: Bool,
        threads: Int
    ) {
        path = file.path
        text = file.text
        self.changes = changes + (sweep.map { [$0] } ?? [])
        self.seed = seed
        self.pools = pools
        self.creditsAcceptance = creditsAcceptance
        self.threads = threads
    }

    var json: JSON {
        .object([
            "path": .string(path), "text": .string(text), "seed": .int(seed), "threads": .int(threads),
            "credits_acceptance": .bool(creditsAcceptance), "pools": .array(pools.map { .string("\($0)") }),
            "changes": .array(changes.map { .array([.string($0.key), Self.json($0.value)]) }),
        ])
    }

    init?(_ json: JSON) {
        guard let path = json["path"]?.stringValue, let text = json["text"]?.stringValue,
            let seed = json["seed"]?.uint64, let threads = json["threads"]?.int64, (1...64).contains(threads),
            let credits = json["credits_acceptance"]?.boolValue, let urls = json["pools"]?.arrayValue,
            let changes = json["changes"]?.arrayValue
        else { return nil }
        let pools = urls.compactMap { $0.stringValue.flatMap { PoolURL($0) } }
        guard pools.count == urls.count else { return nil }
        self.path = path
        self.text = text
        self.seed = seed
        self.threads = Int(threads)
        self.pools = pools
        creditsAcceptance = credits
        var read: [(key: String, value: ProfileValue)] = []
        for change in changes {
            guard let key = change[0]?.stringValue, let value = change[1].flatMap(Self.value) else {
                return nil
            }
            read.append((key, value))
        }
        self.changes = read
    }

    private static func json(_ value: ProfileValue) -> JSON {
        switch value {
        case .text(let text): .string(text)
        case .boolean(let value): .bool(value)
        case .integer(let value): .object(["integer": .int(value)])
        case .number(let value): .object(["number": .double(value)])
        }
    }

    private static func value(_ json: JSON) -> ProfileValue? {
        if let text = json.stringValue { return .text(text) }
        if let value = json.boolValue { return .boolean(value) }
        if let value = json["integer"]?.int64 { return .integer(value) }
        return json["number"]?.double.map { .number($0) }
    }
}
