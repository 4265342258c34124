import Bitcoin
import Firmware
import Hardware
import JSONText
import Pool
import SansIO
import Stratum

/// An observation as event and fields of a log line, read off the observation itself: its case is the event's name, its
/// associated values are the fields. `.channelOpened(key, identity: "lab", …)` is `channel_opened` with `connection`,
/// `channel`, `user`, …; a state inside of it goes on with the name: `.upstream(.lost(…))` is `upstream_lost`.
struct ObservedEvent {
    private(set) var name = ""
    private(set) var fields = JSONObject()

    init(_ observation: Any) { read(observation, "value") }

    /// Keys by which operators look, where a declaration says it otherwise.
    private static let keys = [
        "identity": "user", "code": "reason", "from": "address", "prev_hash": "previous",
    ]

    /// What an associated value without a label is called.
    private static func key(of value: Any) -> String {
        switch value {
        case is ConnectionID: "connection"
        case is Hash256: "hash"
        case is Endpoint: "endpoint"
        case is CloseReason, is Pool.ShareRejection, is Firmware.ShareRejection: "reason"
        case is Target, is Double: "difficulty"
        case is UInt32: "job"
        case is UInt64: "template"
        case is MinerPhase: "phase"
        case is Megahertz: "megahertz"
        case is Interval: "seconds"
        case is String: "text"
        default: "value"
        }
    }

    /// A case's name goes to the event's, its values to the fields.
    private mutating func read(_ value: Any, _ label: String) {
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .enum, Self.word(value) == nil else { return add(label, value) }
        guard let child = mirror.children.first else { return extend("\(value)") }
        extend(child.label ?? "")
        let payload = Mirror(reflecting: child.value)
        if payload.displayStyle == .tuple {
            for part in payload.children { read(part: part.value, label: part.label) }
        } else {
            read(part: child.value, label: nil)
        }
    }

    private mutating func read(part value: Any, label: String?) {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional {
            if let child = mirror.children.first { read(part: child.value, label: label) }
            return
        }
        let label = label.flatMap { $0.hasPrefix(".") ? nil : $0 }
        if let key = value as? ChannelKey {
            add("connection", key.connection)
            return add("channel", key.channel)
        }
        let key = label.map(Self.snake) ?? Self.key(of: value)
        if label == nil, mirror.displayStyle == .enum { return read(value, key) }
        if mirror.displayStyle == .struct, Self.word(value) == nil {
            for child in mirror.children { read(part: child.value, label: child.label) }
            return
        }
        add(Self.keys[key] ?? key, value)
    }

    private mutating func extend(_ word: String) {
        name += (name.isEmpty ? "" : "_") + Self.snake(word)
    }

    private mutating func add(_ key: String, _ value: Any) {
        fields = fields.merging([key: Self.json(value)])
    }

    /// A value that is one word in JSON; nil for what has parts.
    private static func word(_ value: Any) -> JSON? {
        switch value {
        case let value as Bool: .bool(value)
        case let value as any BinaryInteger: .number("\(value)")
        case let value as Double: .double(value)
        case let value as Float: .double(Double(value))
        case let value as String: .string(value)
        case let value as ConnectionID: .number("\(value.raw)")
        case let value as Hash256: .string(value.displayHex)
        case let value as Target: .double(value.difficulty)
        case let value as Interval: .double(value.seconds)
        case let value as Megahertz: .double(value.megahertz)
        case let value as Celsius: .double(value.degrees)
        case let value as HashRate: .double(value.hashesPerSecond)
        case let value as Pool.ShareRejection: .string(value.code)
        case let value as Firmware.ShareRejection: .string(value.name)
        // Bytes are for machines: how many there are.
        case let value as [UInt8]: .number("\(value.count)")
        case let value as any RawRepresentable<String>: .string(value.rawValue)
        case let value as any CustomStringConvertible where !(value is any Collection):
            .string(value.description)
        default: nil
        }
    }

    /// Any value: one word, a list, or as Swift prints it.
    static func json(_ value: Any) -> JSON {
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.map { json($0.value) } ?? .null
        case .collection where !(value is [UInt8]):
            return .array(mirror.children.map { json($0.value) })
        default: return word(value) ?? .string("\(value)")
        }
    }

    /// `templateID` as `template_id`.
    static func snake(_ name: String) -> String {
        var result = ""
        var wasLower = false
        for letter in name {
            if letter.isUppercase, wasLower { result += "_" }
            wasLower = !letter.isUppercase
            result += letter.lowercased()
        }
        return result
    }
}
