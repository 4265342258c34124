import DeviceModel
import SansIO

extension Experiment {
    /// The experiment as a file of its own, whatever flags changed: read again by ``ExperimentFile`` it is the same.
    public var text: String {
        var text = FileText()
        text.set("name", name)
        text.set("summary", summary)
        text.set("seed", .integer(Int64(clamping: seed)))
        text.set("repetitions", .integer(Int64(repetitions)))
        text.set("thresholds", thresholds.map { .text($0.text) })
        writeNetwork(into: &text)
        writeStack(into: &text)
        for fleet in fleets { write(fleet, into: &text) }
        for phase in phases {
            text.table("[phases]")
            text.set("name", phase.name)
            text.set("duration", FileText.seconds(phase.duration))
        }
        for action in actions { write(action, into: &text) }
        if let sweep {
            text.table("sweep")
            text.set("key", sweep.key)
            text.set("values", sweep.values)
        }
        for reference in references {
            text.table("[references]")
            text.set("measure", reference.measure)
            if let value = reference.sweep { text.set("sweep", value) }
            text.set("expected", .number(reference.expected))
            if reference.low.isFinite { text.set("low", .number(reference.low)) }
            if reference.high.isFinite { text.set("high", .number(reference.high)) }
            text.set("source", reference.source)
        }
        return text.text
    }

    private func writeNetwork(into text: inout FileText) {
        text.table("network")
        text.set("chain", network.chain.rawValue)
        text.set("block_interval", FileText.seconds(network.blockInterval))
        text.set("block_source", network.blockSource.rawValue)
        text.set("transactions_per_second", .number(network.transactionsPerSecond))
        text.set("reorganisations_per_hour", .number(network.reorganisationsPerHour))
    }

    private func writeStack(into text: inout FileText) {
        text.table("stack")
        if !stack.targets.isEmpty { text.set("target", stack.targets.map { .text($0) }) }
        text.set("shares_per_minute", .number(stack.sharesPerMinute))
        text.set("vardiff", stack.isVardiffEnabled ? stack.vardiff : "off")
        text.set("job_interval", FileText.seconds(stack.jobInterval))
        text.set("share_batch", .integer(Int64(stack.shareBatch)))
        text.set("share_batch_age", FileText.seconds(stack.shareBatchAge))
        text.set("aggregation", .integer(Int64(stack.aggregation)))
        text.set("declaration", stack.declaration)
    }

    private func write(_ fleet: FleetPlan, into text: inout FileText) {
        text.table("[fleets]")
        text.set("name", fleet.name)
        text.set("count", .integer(Int64(fleet.count)))
        text.set("profiles", fleet.parts.map { .text("\($0.profile):\($0.weight)") })
        text.set("protocol", fleet.speech.rawValue)
        text.set("via", fleet.via.rawValue)
        text.set("link", fleet.link)
        if let delay = fleet.delay { text.set("delay_ms", FileText.milliseconds(delay)) }
        if let jitter = fleet.jitter { text.set("jitter_ms", FileText.milliseconds(jitter)) }
        text.set("scale", .number(fleet.hashrateScale))
        text.set("ramp", FileText.seconds(fleet.ramp))
        text.set("start", FileText.seconds(fleet.start))
        text.set("ambient", .number(fleet.ambient))
        text.set("boot", .boolean(fleet.boots))
        if let backoff = fleet.backoff { text.set("backoff", FileText.seconds(backoff)) }
    }

    private func write(_ action: ActionPlan, into text: inout FileText) {
        text.table("[actions]")
        text.set("at", FileText.seconds(action.at))
        text.set("do", action.what.rawValue)
        if let fleet = action.fleet { text.set("fleet", fleets[fleet].name) }
        text.set("percent", .number(action.percent))
        text.set("value", .number(action.value))
        text.set("duration", FileText.seconds(action.duration))
        text.set("role", action.role)
        text.set("fault", action.fault)
    }
}

/// TOML, key by key.
private struct FileText {
    var text = ""

    mutating func table(_ name: String) { text += "\n[\(name)]\n" }

    /// Nothing for an empty text, which no key takes.
    mutating func set(_ key: String, _ value: String) {
        if !value.isEmpty { set(key, .text(value)) }
    }

    mutating func set(_ key: String, _ value: ProfileValue) { text += "\(key) = \(Self.word(value))\n" }

    mutating func set(_ key: String, _ values: [ProfileValue]) {
        text += "\(key) = [\(values.map(Self.word).joined(separator: ", "))]\n"
    }

    /// The number that reads back to the nanosecond: a fraction's product with 1e9 may fall short of a whole one.
    static func seconds(_ interval: Interval) -> ProfileValue {
        let seconds = interval.seconds
        let isExact = Interval(seconds: seconds) == interval
        return .number(isExact ? seconds : (Double(interval.nanoseconds) + 0.5) / 1e9)
    }

    static func milliseconds(_ interval: Interval) -> ProfileValue {
        let milliseconds = Double(interval.nanoseconds) / 1e6
        let isExact = Interval(seconds: milliseconds / 1_000) == interval
        return .number(isExact ? milliseconds : (Double(interval.nanoseconds) + 0.5) / 1e6)
    }

    private static func word(_ value: ProfileValue) -> String {
        guard case .text(let text) = value else { return value.description }
        var word = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": word += "\\\""
            case "\\": word += "\\\\"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let digits = String(scalar.value, radix: 16)
                    word += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    word.unicodeScalars.append(scalar)
                }
            }
        }
        return word + "\""
    }
}
