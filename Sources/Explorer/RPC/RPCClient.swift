import JSONText
import NIOCore
import NIOPosix

/// One call of a batch.
struct RPCCall: Sendable, Equatable {
    var method: String
    var parameters: [JSON]

    init(_ method: String, _ parameters: [JSON] = []) {
        self.method = method
        self.parameters = parameters
    }
}

/// The node answered, with an error.
public struct RPCError: Error, Equatable, Sendable, CustomStringConvertible {
    public var code: Int64
    public var message: String

    public var description: String { "\(message) (\(code))" }

    /// Core answers every call so while it starts.
    static let inWarmUp: Int64 = -28
}

public typealias RPCResult = Result<JSON, RPCError>

/// A client of one bitcoind-compatible JSON-RPC server: keep-alive, basic authorization, batches. Reads only,
/// so a call that met a connection closed by the server is sent once more on a fresh one.
public actor RPCClient {
    let endpoint: RPCEndpoint
    private var idle: [RPCConnection] = []
    private var openCount = 0
    private var authorization: String?

    public init(endpoint: RPCEndpoint) { self.endpoint = endpoint }

    /// One call. A node's own error comes as the failure of the result.
    public func call(_ method: String, _ parameters: [JSON] = []) async throws(RPCFailure) -> RPCResult {
        try await batch([RPCCall(method, parameters)])[0]
    }

    /// One call whose parameters are an array or, by name, an object.
    public func call(_ method: String, parameters: JSON) async throws(RPCFailure) -> RPCResult {
        let request: JSON = [
            "jsonrpc": "2.0", "id": 0, "method": .string(method), "params": parameters,
        ]
        var body: [UInt8] = []
        JSON.array([request]).write(into: &body)
        return try results(of: try await post(body), count: 1)[0]
    }

    /// Several calls in one exchange; the results are in the order of the calls.
    func batch(_ calls: [RPCCall]) async throws(RPCFailure) -> [RPCResult] {
        if calls.isEmpty { return [] }
        var body: [UInt8] = []
        JSON.array(calls.enumerated().map { Self.request($1, id: $0) }).write(into: &body)
        let reply = try await post(body)
        return try results(of: reply, count: calls.count)
    }

    /// Closes what is idle.
    public func close() {
        for connection in idle { connection.close() }
        idle = []
    }

    private static func request(_ call: RPCCall, id: Int) -> JSON {
        [
            "jsonrpc": "2.0", "id": .int(id), "method": .string(call.method),
            "params": .array(call.parameters),
        ]
    }

    private func post(_ body: [UInt8]) async throws(RPCFailure) -> HTTPReply {
        if authorization == nil { authorization = try endpoint.authorization() }
        var reply = try await exchange(body)
        if reply.status == 401, case .cookie = endpoint.credentials {
            authorization = try endpoint.authorization()
            reply = try await exchange(body)
        }
        if reply.status == 401 || reply.status == 403 {
            authorization = nil
            throw .refusedCredentials(node: endpoint.name)
        }
        return reply
    }

    private func exchange(_ body: [UInt8]) async throws(RPCFailure) -> HTTPReply {
        let request = message(body)
        while let connection = idle.popLast() {
            guard connection.isOpen else { continue }
            // A server may close an idle connection at the very moment we use it: then a fresh one decides.
            if let reply = try? await connection.exchange(request) {
                giveBack(connection, reply)
                return reply
            }
            connection.close()
            if Task.isCancelled { throw .cancelled }
        }
        guard openCount < Limits.rpcConnections else {
            throw .tooManyConnections(limit: Limits.rpcConnections)
        }
        openCount += 1
        defer { openCount -= 1 }
        do {
            let connection = try await RPCConnection.open(host: endpoint.host, port: endpoint.port)
            do {
                let reply = try await connection.exchange(request)
                giveBack(connection, reply)
                return reply
            } catch {
                connection.close()
                throw error
            }
        } catch {
            throw failure(error)
        }
    }

    private func giveBack(_ connection: RPCConnection, _ reply: HTTPReply) {
        if reply.keepsAlive, idle.count < Limits.rpcConnections / 2 {
            idle.append(connection)
        } else {
            connection.close()
        }
    }

    private func failure(_ error: any Error) -> RPCFailure {
        if Task.isCancelled { return .cancelled }
        switch error {
        case let failure as RPCFailure: return failure
        case is RPCTimeout: return .timedOut(node: endpoint.name, seconds: Limits.exchangeSeconds)
        case let reply as HTTPReplyError: return .badReply(node: endpoint.name, reason: "\(reply)")
        case let connection as NIOConnectionError:
            let inner = connection.connectionErrors.first?.error ?? error
            return .unreachable(node: endpoint.name, reason: Self.reason(inner))
        default: return .unreachable(node: endpoint.name, reason: Self.reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let io as IOError: systemReason(io.errnoCode)
        case ChannelError.connectTimeout: "it did not accept within 5 s"
        case ChannelError.eof, ChannelError.ioOnClosedChannel: "it closed the connection without an answer"
        default: "\(error)"
        }
    }

    private func message(_ body: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(body.count + 256)
        buffer.writeString(
            "POST \(endpoint.path) HTTP/1.1\r\nHost: \(endpoint.name)\r\nContent-Type: application/json\r\n")
        if let authorization { buffer.writeString("Authorization: \(authorization)\r\n") }
        buffer.writeString("Content-Length: \(body.count)\r\n\r\n")
        buffer.writeBytes(body)
        return buffer
    }

    private func results(of reply: HTTPReply, count: Int) throws(RPCFailure) -> [RPCResult] {
        let json: JSON
        do {
            json = try JSON.parse(reply.body)
        } catch {
            let start = String(decoding: reply.body.prefix(80), as: UTF8.self)
            throw .badReply(
                node: endpoint.name,
                reason: "HTTP \(reply.status) without JSON (\(error)): \(Characters.visible(start))")
        }
        guard let answers = json.arrayValue else {
            // A server that refuses the whole batch answers one object.
            if let error = Self.error(in: json) { return Array(repeating: .failure(error), count: count) }
            throw .badReply(
                node: endpoint.name, reason: "HTTP \(reply.status), and the answer to a batch is no array")
        }
        var results = [RPCResult?](repeating: nil, count: count)
        for answer in answers {
            guard let id = answer["id"]?.int64, results.indices.contains(Int(id)) else { continue }
            if let error = Self.error(in: answer) {
                results[Int(id)] = .failure(error)
            } else {
                results[Int(id)] = .success(answer["result"] ?? .null)
            }
        }
        var complete: [RPCResult] = []
        complete.reserveCapacity(count)
        for result in results {
            guard let result else {
                throw .badReply(node: endpoint.name, reason: "a call was left unanswered")
            }
            complete.append(result)
        }
        return complete
    }

    private static func error(in answer: JSON) -> RPCError? {
        guard let error = answer["error"], !error.isNull else { return nil }
        return RPCError(
            code: error["code"]?.int64 ?? 0, message: error["message"]?.stringValue ?? "unknown error")
    }
}
