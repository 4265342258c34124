import JSONText
import Measurement

/// What a worker is and can hold, as it says when it comes.
public struct WorkerGreeting: Sendable, Equatable {
    public static let version: Int64 = 1

    public var run: String
    public var token: String
    /// The shard that it was started for; nil takes any that is free.
    public var index: Int?
    /// Connections that it may hold.
    public var descriptors: Int
    public var cores: Int

    public init(run: String, token: String, index: Int?, descriptors: Int, cores: Int) {
        self.run = run
        self.token = token
        self.index = index
        self.descriptors = descriptors
        self.cores = cores
    }
}

/// What a worker says. One JSON object a line.
enum WorkerMessage: Sendable, Equatable {
    case hello(WorkerGreeting)
    case ready(devices: Int)
    /// It cannot hold its slice, or cannot read the plan.
    case refused(String)
    case second(Second)
    /// It has sent its last second.
    case done
    /// Why a device lost its connection or cannot mine, the latest such reason.
    case fault(String)

    var json: JSON {
        switch self {
        case .hello(let greeting):
            var object: JSONObject = [
                "version": .int(WorkerGreeting.version), "run": .string(greeting.run),
                "token": .string(greeting.token), "descriptors": .int(greeting.descriptors),
                "cores": .int(greeting.cores),
            ]
            if let index = greeting.index { object.append("index", .int(index)) }
            return .object(["hello": .object(object)])
        case .ready(let devices): return .object(["ready": .int(devices)])
        case .refused(let reason): return .object(["refused": .string(reason)])
        case .second(let second): return .object(["second": second.json])
        case .done: return .object(["done": .bool(true)])
        case .fault(let text): return .object(["fault": .string(text)])
        }
    }

    /// Nil for anything that ``json`` does not write.
    init?(_ json: JSON) {
        guard let (key, value) = json.objectValue?.entries.first else { return nil }
        switch key {
        case "hello":
            guard value["version"]?.int64 == WorkerGreeting.version, let run = value["run"]?.stringValue,
                let token = value["token"]?.stringValue, let descriptors = value["descriptors"]?.int64,
                let cores = value["cores"]?.int64
            else { return nil }
            self = .hello(
                WorkerGreeting(
                    run: run, token: token, index: value["index"]?.int64.map { Int($0) },
                    descriptors: Int(descriptors), cores: Int(cores)))
        case "ready":
            guard let devices = value.int64, devices >= 0 else { return nil }
            self = .ready(devices: Int(devices))
        case "refused":
            guard let reason = value.stringValue else { return nil }
            self = .refused(String(reason.prefix(Limits.reasonMax)))
        case "second":
            guard let second = Second(value) else { return nil }
            self = .second(second)
        case "done": self = .done
        case "fault":
            guard let text = value.stringValue else { return nil }
            self = .fault(String(text.prefix(Limits.reasonMax)))
        default: return nil
        }
    }
}

/// What the coordinator says. One JSON object a line.
enum CoordinatorMessage: Sendable, Equatable {
    /// The shard is this worker's; the plan is the run's and means nothing to the protocol.
    case assign(index: Int, count: Int, plan: JSON)
    /// At this time of the calendar, in Unix nanoseconds.
    case begin(UInt64)
    case finish
    /// This worker is not wanted, and why.
    case rejected(String)

    var json: JSON {
        switch self {
        case .assign(let index, let count, let plan):
            .object(["assign": .object(["index": .int(index), "count": .int(count), "plan": plan])])
        case .begin(let time): .object(["begin": .int(time)])
        case .finish: .object(["finish": .bool(true)])
        case .rejected(let reason): .object(["rejected": .string(reason)])
        }
    }

    init?(_ json: JSON) {
        guard let (key, value) = json.objectValue?.entries.first else { return nil }
        switch key {
        case "assign":
            guard let index = value["index"]?.int64, let count = value["count"]?.int64, index >= 0,
                index < count, let plan = value["plan"]
            else { return nil }
            self = .assign(index: Int(index), count: Int(count), plan: plan)
        case "begin":
            guard let time = value.uint64 else { return nil }
            self = .begin(time)
        case "finish": self = .finish
        case "rejected":
            guard let reason = value.stringValue else { return nil }
            self = .rejected(String(reason.prefix(Limits.reasonMax)))
        default: return nil
        }
    }
}
