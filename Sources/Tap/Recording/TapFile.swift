import Bitcoin
import JSONText
import Stratum

/// The file of a tap: JSON lines, one record each, UTF-8, ends `\n`.
///
/// The first line is `{"tap":1}`. Every other line has `t` (Unix time in nanoseconds), `session`, `dir` (`up` or
/// `down`), `kind`, and what its kind needs:
///
/// | kind | keys |
/// |---|---|
/// | `open` | `from`, `upstream` |
/// | `frame` | `raw`: header and payload in plain text, hexadecimal; `name` for readers, ignored when read |
/// | `line` | `text` |
/// | `close` | `reason` |
///
/// `how` is there unless it is `forwarded`. Unknown keys are ignored, so that later versions can be read.
public enum TapFile {
    /// The first line, with its end.
    public static let header = "{\"tap\":1}\n"

    public enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
        case notATapFile
        /// The line, counted from 1, and what is wrong with it.
        case line(Int, String)

        public var description: String {
            switch self {
            case .notATapFile: "this is no recording of lab tap: the first line must be {\"tap\":1}"
            case .line(let number, let text): "line \(number): \(text)"
            }
        }
    }

    /// A record's line, with its end.
    public static func line(_ record: TapRecord) -> String {
        var object = JSONObject()
        object.append("t", .int(record.unixNanoseconds))
        object.append("session", .int(record.session))
        object.append("dir", .string(record.direction.rawValue))
        switch record.content {
        case .opened(let from, let upstream):
            object.append("kind", "open")
            object.append("from", .string(from))
            object.append("upstream", .string(upstream))
        case .frame(let frame):
            object.append("kind", "frame")
            object.append("name", .string(MessageCatalog.name(of: frame)))
            object.append("raw", .string(frame.bytes.hex))
        case .line(let bytes):
            object.append("kind", "line")
            object.append("text", .string(String(decoding: bytes, as: UTF8.self)))
        case .closed(let reason):
            object.append("kind", "close")
            object.append("reason", .string(reason))
        }
        if record.handling != .forwarded { object.append("how", .string(record.handling.rawValue)) }
        return JSON.object(object).text + "\n"
    }

    /// Reads a whole file. A last line without its end is left out: the tap was stopped while it wrote.
    public static func read(_ bytes: [UInt8]) throws(Fault) -> [TapRecord] {
        var records: [TapRecord] = []
        var number = 0
        var start = 0
        while let end = bytes[start...].firstIndex(of: 0x0a) {
            number += 1
            let line = Array(bytes[start..<end])
            start = end + 1
            if number == 1 {
                guard let json = try? JSON.parse(line), json["tap"]?.int64 == 1 else { throw .notATapFile }
                continue
            }
            if line.isEmpty { continue }
            records.append(try record(line, number))
        }
        guard number > 0 else { throw .notATapFile }
        return records
    }

    private static func record(_ line: [UInt8], _ number: Int) throws(Fault) -> TapRecord {
        guard let json = try? JSON.parse(line) else { throw .line(number, "no JSON") }
        guard let time = json["t"]?.uint64, let session = json["session"]?.uint64,
            let direction = json["dir"]?.stringValue.flatMap(TapDirection.init(rawValue:)),
            let kind = json["kind"]?.stringValue
        else { throw .line(number, "t, session, dir or kind is missing") }
        let how = json["how"]?.stringValue.flatMap(TapRecord.Handling.init(rawValue:)) ?? .forwarded
        return TapRecord(
            unixNanoseconds: time, session: UInt32(truncatingIfNeeded: session), direction: direction,
            handling: how, content: try content(kind, json, number))
    }

    private static func content(
        _ kind: String, _ json: JSON, _ number: Int
    ) throws(Fault) -> TapRecord.Content {
        switch kind {
        case "open":
            return .opened(
                from: json["from"]?.stringValue ?? "", upstream: json["upstream"]?.stringValue ?? "")
        case "close": return .closed(reason: json["reason"]?.stringValue ?? "")
        case "line": return .line(Array((json["text"]?.stringValue ?? "").utf8))
        case "frame":
            guard let raw = json["raw"]?.stringValue.flatMap({ [UInt8](hex: $0) }) else {
                throw .line(number, "raw is no hexadecimal text")
            }
            guard let frame = V2Frame(plain: raw) else { throw .line(number, "raw is no whole frame") }
            return .frame(frame)
        default: throw .line(number, "unknown kind \(kind)")
        }
    }
}

extension V2Frame {
    /// A frame from its plain bytes, header and payload; nil unless the length fits exactly.
    public init?(plain bytes: [UInt8]) {
        guard bytes.count >= V2FrameHeader.byteCount else { return nil }
        let length = Int(bytes[3]) | Int(bytes[4]) << 8 | Int(bytes[5]) << 16
        guard bytes.count == V2FrameHeader.byteCount + length else { return nil }
        self.init(
            extensionType: UInt16(bytes[0]) | UInt16(bytes[1]) << 8, messageType: bytes[2],
            payload: Array(bytes[V2FrameHeader.byteCount...]))
    }
}
