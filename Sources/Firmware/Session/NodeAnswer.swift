import JSONText
import SansIO

/// What a node's HTTP answer to a JSON-RPC call means for a miner.
enum NodeAnswer: Equatable, Sendable {
    case result(JSON)
    /// Ask again after the wait: the node is loading, busy, alone or catching up.
    case notYet(String, Interval)
    case error(code: Int64, String)
    /// Asking again will not help as long as nobody changes a setting.
    case forbidden(String)

    /// Core answers errors of JSON-RPC 1.0 with status 500 or 404 and the error in the body, 2.0 with 200.
    init(_ response: HTTPResponse) {
        switch response.status {
        case 401:
            self = .forbidden("the node refuses user and password (HTTP 401)")
            return
        case 403:
            self = .forbidden("the node does not let this address in (HTTP 403, see -rpcallowip)")
            return
        case 503, 429:
            // Core: "Work queue depth exceeded".
            self = .notYet(Self.firstLine(response.body, or: "the node is busy"), Limits.nodeBusyWait)
            return
        default: break
        }
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(response.body) } catch {
            self = .error(
                code: 0,
                response.status == 200
                    ? "the answer is no JSON"
                    : "HTTP \(response.status) and no JSON: is this a node's RPC port?")
            return
        }
        if let error = json["error"], !error.isNull {
            let code = error["code"]?.int64 ?? 0
            let text = error["message"]?.stringValue ?? error.text
            let message = String(text.prefix(Limits.refusalTextMax))
            switch code {
            // RPC_IN_WARMUP
            case -28: self = .notYet(message, Limits.nodeBusyWait)
            // RPC_CLIENT_NOT_CONNECTED, RPC_CLIENT_IN_INITIAL_DOWNLOAD
            case -9, -10: self = .notYet(message, Limits.nodeBehindWait)
            default: self = .error(code: code, "\(message) (code \(code))")
            }
            return
        }
        guard let result = json["result"] else {
            self = .error(code: 0, "an answer without result and error")
            return
        }
        self = .result(result)
    }

    private static func firstLine(_ body: [UInt8], or other: String) -> String {
        let line = body.prefix { $0 >= 0x20 && $0 < 0x7f }.prefix(Limits.refusalTextMax)
        return line.isEmpty || line.first == UInt8(ascii: "{") || line.first == UInt8(ascii: "<")
            ? other : String(decoding: line, as: UTF8.self)
    }
}
