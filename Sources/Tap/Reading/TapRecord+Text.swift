import Bitcoin
import JSONText
import Stratum

extension TapRecord {
    /// The message's name; `open`, `close` for the session's ends, the method or `result` for a V1 line.
    public var name: String {
        switch content {
        case .opened: "open"
        case .closed: "close"
        case .frame(let frame): MessageCatalog.name(of: frame)
        case .line(let bytes): TapRecord.v1Name(bytes)
        }
    }

    private static func v1Name(_ bytes: [UInt8]) -> String {
        guard let json = try? JSON.parse(bytes) else { return "line" }
        if let method = json["method"]?.stringValue { return method }
        return json["error"].map { !$0.isNull } ?? false ? "error" : "result"
    }

    /// One line for a person. Times are seconds since `start`, Unix nanoseconds of the first record.
    public func text(since start: UInt64) -> String {
        let elapsed = unixNanoseconds > start ? unixNanoseconds - start : 0
        let seconds = elapsed / 1_000_000_000
        let micros = String(elapsed % 1_000_000_000 / 1_000)
        let time = "\(seconds)." + String(repeating: "0", count: 6 - micros.count) + micros
        let arrow = direction == .up ? "->" : "<-"
        let how = handling == .forwarded ? "" : "[\(handling.rawValue)] "
        return "\(time) #\(session) \(arrow) \(how)\(body)"
    }

    private var body: String {
        switch content {
        case .opened(let from, let upstream): "open from \(from) to \(upstream)"
        case .closed(let reason): "close: \(reason)"
        case .frame(let frame): MessageText(frame).line
        case .line(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }

    /// The same for programs: one JSON object.
    public var json: JSON {
        var object = JSONObject()
        object.append("t", .int(unixNanoseconds))
        object.append("session", .int(session))
        object.append("dir", .string(direction.rawValue))
        object.append("how", .string(handling.rawValue))
        switch content {
        case .opened(let from, let upstream):
            object.append("name", "open")
            object.append("from", .string(from))
            object.append("upstream", .string(upstream))
        case .closed(let reason):
            object.append("name", "close")
            object.append("reason", .string(reason))
        case .frame(let frame):
            let text = MessageText(frame)
            object.append("name", .string(text.name))
            object.append("extension_type", .int(frame.extensionNumber))
            object.append("channel_msg", .bool(frame.isChannelMessage))
            object.append("msg_type", .int(frame.messageType))
            object.append("msg_length", .int(frame.payload.count))
            object.append("fields", text.json["fields"] ?? .null)
            if let fault = text.fault { object.append("fault", .string("\(fault)")) }
        case .line(let bytes):
            object.append("name", .string(name))
            object.append("line", (try? JSON.parse(bytes)) ?? .string(String(decoding: bytes, as: UTF8.self)))
        }
        return .object(object)
    }
}
