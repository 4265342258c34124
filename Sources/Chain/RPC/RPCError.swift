import JSONText

/// A JSON-RPC error with Core's codes (protocol.h).
struct RPCError: Error, Equatable {
    var code: Int
    var message: String

    static func misc(_ message: String) -> RPCError { RPCError(code: -1, message: message) }
    static func type(_ message: String) -> RPCError { RPCError(code: -3, message: message) }
    static func wallet(_ message: String) -> RPCError { RPCError(code: -4, message: message) }
    static func notFound(_ message: String) -> RPCError { RPCError(code: -5, message: message) }
    static func parameter(_ message: String) -> RPCError { RPCError(code: -8, message: message) }
    static func decode(_ message: String) -> RPCError { RPCError(code: -22, message: message) }
    static func verify(_ message: String) -> RPCError { RPCError(code: -25, message: message) }
    static func rejected(_ message: String) -> RPCError { RPCError(code: -26, message: message) }
    static let parse = RPCError(code: -32700, message: "Parse error")
    static let methodNotFound = RPCError(code: -32601, message: "Method not found")
    static func invalidRequest(_ message: String) -> RPCError { RPCError(code: -32600, message: message) }

    var json: JSON { .object(["code": .int(code), "message": .string(message)]) }

    /// The HTTP status of a 1.x answer.
    var status: Int {
        switch code {
        case -32600: 400
        case -32601: 404
        default: 500
        }
    }
}
