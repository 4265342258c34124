import JSONText
import SansIO

/// Stratum V1: JSON objects, one per line, in both directions. There is no standard; the shapes here are
/// those of the public pools and of the firmware in the field, read generously and written strictly (see
/// QUIRKS).
public enum V1 {
    /// Anything that came on a line.
    public enum Message: Sendable, Equatable {
        /// Has an id that is not null: the peer wants an answer.
        case request(Request)
        case notification(Notification)
        case response(Response)
    }

    /// A call. The id is echoed as it came: number, string, whatever the firmware chose.
    public struct Request: Sendable, Equatable {
        public var id: JSON
        public var method: String
        public var params: [JSON]

        public init(id: JSON, method: String, params: [JSON]) {
            self.id = id
            self.method = method
            self.params = params
        }

        /// Appends the line.
        public func encode(into writer: inout ByteWriter) {
            V1.write(["id": id, "method": .string(method), "params": .array(params)], into: &writer)
        }
    }

    /// A call without an answer: its id is null or missing.
    public struct Notification: Sendable, Equatable {
        public var method: String
        public var params: [JSON]

        public init(method: String, params: [JSON]) {
            self.method = method
            self.params = params
        }

        /// Appends the line.
        public func encode(into writer: inout ByteWriter) {
            V1.write(["id": nil, "method": .string(method), "params": .array(params)], into: &writer)
        }
    }

    /// The answer to a request.
    public struct Response: Sendable, Equatable {
        public var id: JSON
        public var result: JSON
        public var error: Refusal?

        public init(id: JSON, result: JSON, error: Refusal? = nil) {
            self.id = id
            self.result = result
            self.error = error
        }

        public static func ok(_ id: JSON, _ result: JSON = true) -> Response {
            Response(id: id, result: result)
        }
        public static func refused(_ id: JSON, _ refusal: Refusal) -> Response {
            Response(id: id, result: nil, error: refusal)
        }

        /// Accepted: no error, and a result that is neither null nor false.
        public var isAccepted: Bool { error == nil && !result.isNull && result != .bool(false) }

        /// Appends the line.
        public func encode(into writer: inout ByteWriter) {
            V1.write(["id": id, "result": result, "error": error?.json ?? .null], into: &writer)
        }
    }

    /// An error: code, text, and a third element that is always null.
    public struct Refusal: Sendable, Hashable {
        public var code: Int
        public var text: String

        public init(code: Int, text: String) {
            self.code = code
            self.text = text
        }

        public static let other = Refusal(code: 20, text: "Other/Unknown")
        /// 21 as well: miners know no other number for a late share.
        public static let stale = Refusal(code: 21, text: "Job not found (=stale)")
        public static let jobNotFound = Refusal(code: 21, text: "Job not found")
        public static let duplicateShare = Refusal(code: 22, text: "Duplicate share")
        public static let lowDifficulty = Refusal(code: 23, text: "Low difficulty share")
        public static let unauthorized = Refusal(code: 24, text: "Unauthorized worker")
        public static let notSubscribed = Refusal(code: 25, text: "Not subscribed")

        public var json: JSON { [.int(code), .string(text), nil] }

        /// Reads the array form, the JSON-RPC 2.0 object form, and a bare text. Nil for null.
        init?(_ json: JSON?) {
            switch json {
            case nil, .null?, .bool(false)?: return nil
            case .array(let parts)?:
                code = parts.first?.int64.map { Int(clamping: $0) } ?? 20
                text = parts.count > 1 ? parts[1].stringValue ?? "" : ""
            case .object(let object)?:
                code = object["code"]?.int64.map { Int(clamping: $0) } ?? 20
                text = object["message"]?.stringValue ?? ""
            case .string(let message)?:
                code = 20
                text = message
            case .number?, .bool(true)?: self = .other
            }
        }
    }

    static func write(_ json: JSON, into writer: inout ByteWriter) {
        json.write(into: &writer.bytes)
        writer.write(u8: 0x0a)
    }
}

/// Why a line is no Stratum V1 message, or a message not what its method demands.
public enum V1Error: Error, Equatable, Sendable {
    /// A line of more bytes than the limit; the stream cannot be followed any more.
    case lineTooLong(limit: Int)
    case notJSON(String)
    /// JSON, but neither a call nor an answer.
    case notAMessage
    /// A parameter is missing or of another kind; the name is the protocol's.
    case badParameter(String)
}

extension V1.Message {
    /// Reads one line without its end.
    public init(line: [UInt8]) throws(V1Error) {
        let json: JSON
        do throws(JSONError) {
            json = try JSON.parse(line, depthLimit: V1Limits.jsonDepthMax)
        } catch { throw .notJSON("\(error)") }
        guard case .object(let object) = json else { throw .notAMessage }
        let id = object["id"] ?? .null
        if let method = object["method"]?.stringValue {
            // Some firmware leaves params out, sends null, or an object.
            let params = object["params"]?.arrayValue ?? []
            self =
                id.isNull
                ? .notification(V1.Notification(method: method, params: params))
                : .request(V1.Request(id: id, method: method, params: params))
            return
        }
        guard object["result"] != nil || object["error"] != nil else { throw .notAMessage }
        self = .response(
            V1.Response(id: id, result: object["result"] ?? .null, error: V1.Refusal(object["error"])))
    }

    /// Appends the line with its end.
    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .request(let request): request.encode(into: &writer)
        case .notification(let notification): notification.encode(into: &writer)
        case .response(let response): response.encode(into: &writer)
        }
    }
}
