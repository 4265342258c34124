import Firmware
import JSONText

/// One answer of a cgminer API: a status line and the items of one section.
struct APIReply: Equatable {
    enum Level: String {
        case success = "S"
        case info = "I"
        case warning = "W"
        case error = "E"
        case fatal = "F"
    }

    var level: Level
    var code: Int
    var message: String
    /// `SUMMARY`; nil for an answer that is nothing but a status.
    var section: String?
    var items: [JSONObject]
    /// In place of all that: a family's own form.
    var raw: JSON?

    init(
        _ level: Level = .success, _ code: Int, _ message: String, section: String? = nil,
        items: [JSONObject] = []
    ) {
        self.level = level
        self.code = code
        self.message = message
        self.section = section
        self.items = items
    }

    init(raw: JSON) {
        self.init(.success, 0, "")
        self.raw = raw
    }

    /// `When` is seconds since 1970.
    func json(when: UInt32, description: String) -> JSONObject {
        if let object = raw?.objectValue { return object }
        var object = JSONObject([("STATUS", [.object(status(when, description))])])
        if let section { object.append(section, .array(items.map { .object($0) })) }
        object.append("id", 1)
        return object
    }

    private func status(_ when: UInt32, _ description: String) -> JSONObject {
        [
            "STATUS": .string(level.rawValue), "When": .int(when), "Code": .int(code),
            "Msg": .string(message),
            "Description": .string(description),
        ]
    }

    /// The form of a request without JSON: `STATUS=S,When=…|SUMMARY,Elapsed=…|`. An item whose first member is the
    /// section's counter (`POOL=0`) has no other heading.
    func text(when: UInt32, description: String) -> String {
        if let raw { return raw.text }
        var text = Self.line(status(when, description)) + "|"
        for item in items {
            let counts = ["POOL", "ASC", "PGA", "STATS", "NOTIFY", "DEVDETAILS"].contains(
                item.keys.first ?? "")
            if let section, !counts { text += section + "," }
            text += Self.line(item) + "|"
        }
        return text
    }

    private static func line(_ object: JSONObject) -> String {
        object.entries.map { key, value in
            let text: String
            switch value {
            case .string(let string): text = escaped(string)
            case .number(let number): text = number
            case .bool(let bool): text = bool ? "true" : "false"
            default: text = value.text
            }
            return "\(key)=\(text)"
        }.joined(separator: ",")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            if ",|=\\".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}

/// What an interface makes of one request: what the device shall do, and what is answered when it did or refused.
struct APIAnswer: Equatable {
    var reply: APIReply
    /// Carried out in this order, up to the first that is refused.
    var commands: [OperatorCommand] = []
    /// In place of ``reply`` when the device refuses.
    var refused: APIReply?

    init(_ reply: APIReply, _ commands: [OperatorCommand] = [], refused: APIReply? = nil) {
        self.reply = reply
        self.commands = commands
        self.refused = refused
    }
}
