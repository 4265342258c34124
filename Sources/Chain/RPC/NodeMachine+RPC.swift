import Bitcoin
import HTTPText
import JSONText
import SansIO

/// JSON-RPC over HTTP: connections, envelopes, batches. The methods are in the neighbouring files.
extension NodeMachine {
    mutating func rpcConnectionOpened(
        _ id: ConnectionID, address: String, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard configuration.rpc.allows(address) else {
            effects.close(id, .closed("not in rpcallowip: \(address)"))
            return
        }
        guard rpc.connections.count < ChainLimits.rpcConnections else {
            effects.send(on: id) {
                HTTPReply.write(503, type: HTTPReply.plain, body: [], keepsAlive: false, into: &$0)
            }
            effects.close(id, .closed("too many RPC connections"))
            return
        }
        rpc.connections.append(RPCServer.Connection(id: id, activeAt: now))
        rpcActive(id, at: now)
    }

    mutating func rpcBytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = rpc.index(id) else { return }
        rpc.connections[index].parser.append(bytes)
        rpcActive(id, at: now)
        // While a call is held the rest waits, but not without end.
        if rpc.connections[index].waits, rpc.connections[index].parser.waiting > ChainLimits.httpPipeline {
            endRPC(id, "more requests behind a held call", into: &effects)
            return
        }
        serveRequests(on: id, at: now, into: &effects)
    }

    mutating func serveRequests(
        on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        while let index = rpc.index(id), !rpc.connections[index].waits {
            switch rpc.connections[index].parser.next() {
            case .needsMore: return
            case .expectsContinue: effects.send(on: id) { $0.write(utf8: "HTTP/1.1 100 Continue\r\n\r\n") }
            case .failed(let status):
                effects.send(on: id) {
                    HTTPReply.write(status, type: HTTPReply.plain, body: [], keepsAlive: false, into: &$0)
                }
                effects.observe(.rpcServed(method: "", status: status))
                endRPC(id, "request not understood", into: &effects)
            case .request(let request): serve(request, on: id, at: now, into: &effects)
            }
        }
    }

    mutating func endRPC(
        _ id: ConnectionID, _ reason: String, into effects: inout EffectBuffer<NodeObservation>
    ) {
        rpc.close(id)
        effects.close(id, .closed(reason))
    }

    private mutating func serve(
        _ request: HTTPRequest, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let path = request.path.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
        if configuration.rpc.servesREST, path.hasPrefix("/rest/") {
            answerREST(request, on: id, at: now, into: &effects)
            return
        }
        var wallet: String?
        if path.hasPrefix("/wallet/") { wallet = Self.percentDecoded(path.dropFirst(8)) }
        if path != "/", wallet == nil {
            refuse(404, [("Cache-Control", "no-store")], "", request, on: id, into: &effects)
        } else if request.method != "POST" {
            refuse(405, [], "JSONRPC server handles only POST requests", request, on: id, into: &effects)
        } else if let user = authorizedUser(request.authorization) {
            call(request, user: user, wallet: wallet, on: id, at: now, into: &effects)
        } else if request.authorization == nil {
            refuseUnauthorized(request, on: id, into: &effects)
        } else {
            penalise(request, on: id, at: now)
        }
    }

    mutating func refuseUnauthorized(
        _ request: HTTPRequest, on id: ConnectionID, into effects: inout EffectBuffer<NodeObservation>
    ) {
        refuse(
            401, [("WWW-Authenticate", "Basic realm=\"jsonrpc\"")], "", request, on: id, into: &effects)
    }

    private mutating func refuse(
        _ status: Int, _ headers: [(String, String)], _ text: String, _ request: HTTPRequest,
        on id: ConnectionID,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        effects.send(on: id) {
            HTTPReply.write(
                status, type: HTTPReply.plain, headers: headers, body: Array(text.utf8),
                keepsAlive: request.keepsAlive, into: &$0)
        }
        effects.observe(.rpcServed(method: "", status: status))
        if !request.keepsAlive { endRPC(id, "answered", into: &effects) }
    }

    private static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func call(
        _ request: HTTPRequest, user: String, wallet: String?, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let parsed: JSON
        do throws(JSONError) { parsed = try JSON.parse(request.body) } catch {
            reply(
                RPCAnswer(body: Self.envelope(.failure(.parse), id: .null, isVersion2: false), status: 500),
                request.keepsAlive, on: id, into: &effects)
            effects.observe(.rpcServed(method: "", status: 500))
            return
        }
        if let list = configuration.rpc.whitelist(of: user), !isListed(parsed, list) {
            refuse(403, [], "", request, on: id, into: &effects)
            return
        }
        if case .array(let calls) = parsed {
            let answer = batch(calls, wallet: wallet, at: now, into: &effects)
            reply(answer, request.keepsAlive, on: id, into: &effects)
            return
        }
        switch hold(parsed, request, wallet: wallet, on: id, at: now, into: &effects) {
        case .answersNow: break
        case .waits: return
        case .tooMany:
            refuse(503, [], "Work queue depth exceeded", request, on: id, into: &effects)
            return
        }
        let answer = one(parsed, wallet: wallet, at: now, into: &effects)
        reply(answer, request.keepsAlive, on: id, into: &effects)
    }

    /// Whether every method of the request stands in a user's whitelist.
    private func isListed(_ request: JSON, _ list: [String]) -> Bool {
        guard !configuration.rpc.refusesUnlisted || !list.isEmpty else { return false }
        let calls = request.arrayValue ?? [request]
        return calls.allSatisfy { list.contains($0["method"]?.stringValue ?? "") }
    }

    private mutating func batch(
        _ calls: [JSON], wallet: String?, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) -> RPCAnswer {
        guard calls.count <= ChainLimits.rpcBatch else {
            return RPCAnswer(
                body: Self.envelope(
                    .failure(.invalidRequest("Batch too large")), id: .null, isVersion2: false),
                status: 500)
        }
        var answers: [JSON] = []
        for call in calls {
            if let answer = one(call, wallet: wallet, at: now, into: &effects).body { answers.append(answer) }
        }
        return answers.isEmpty && !calls.isEmpty
            ? RPCAnswer(body: .none, status: 204) : RPCAnswer(body: .array(answers), status: 200)
    }

    /// One call's envelope.
    mutating func one(
        _ call: JSON, wallet: String?, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) -> RPCAnswer {
        guard let object = call.objectValue else {
            return RPCAnswer(
                body: Self.envelope(
                    .failure(.invalidRequest("Invalid Request object")), id: .null, isVersion2: false),
                status: 400)
        }
        let id = object["id"]
        var isVersion2 = false
        if let version = object["jsonrpc"] {
            if version.stringValue == nil, !version.isNull {
                return RPCAnswer(
                    body: Self.envelope(
                        .failure(.invalidRequest("jsonrpc field must be a string")), id: id, isVersion2: false
                    ),
                    status: 400)
            }
            isVersion2 = version.stringValue == "2.0"
            if !isVersion2, version.stringValue != "1.0", !version.isNull {
                return RPCAnswer(
                    body: Self.envelope(
                        .failure(.invalidRequest("JSON-RPC version not supported")), id: id, isVersion2: false
                    ),
                    status: 400)
            }
        }
        let result: Result<JSON, RPCError>
        do throws(RPCError) {
            result = .success(try run(object, wallet: wallet, at: now, into: &effects))
        } catch {
            result = .failure(error)
        }
        var status = 200
        if case .failure(let error) = result, !isVersion2 { status = error.status }
        if isVersion2, id == nil { status = 204 }
        effects.observe(.rpcServed(method: object["method"]?.stringValue ?? "", status: status))
        return RPCAnswer(
            body: status == 204 ? .none : .some(Self.envelope(result, id: id, isVersion2: isVersion2)),
            status: status)
    }

    private mutating func run(
        _ call: JSONObject, wallet: String?, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        guard let name = call["method"], !name.isNull else { throw .invalidRequest("Missing method") }
        guard let name = name.stringValue else { throw .invalidRequest("Method must be a string") }
        let params = call["params"] ?? .null
        switch params {
        case .array, .object, .null: break
        default: throw .invalidRequest("Params must be an array or object")
        }
        if let status = configuration.warmup { throw RPCError(code: -28, message: status) }
        guard let method = RPCMethod.named(name), configuration.hasWallets || method.category != "Wallet"
        else {
            throw .methodNotFound
        }
        catchUpWallets(at: now)
        let arguments = try RPCArguments(method, params, wallet: wallet, at: now)
        settle(at: arguments.now, into: &effects)
        return try method.run(&self, arguments, &effects)
    }

    static func envelope(_ result: Result<JSON, RPCError>, id: JSON?, isVersion2: Bool) -> JSON {
        var object = JSONObject()
        if isVersion2 { object.append("jsonrpc", "2.0") }
        switch result {
        case .success(let value):
            object.append("result", value)
            if !isVersion2 { object.append("error", .null) }
        case .failure(let error):
            if !isVersion2 { object.append("result", .null) }
            object.append("error", error.json)
        }
        if let id { object.append("id", id) }
        return .object(object)
    }

    mutating func reply(
        _ answer: RPCAnswer, _ keepsAlive: Bool, on id: ConnectionID,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        var body: [UInt8] = []
        if let json = answer.body {
            json.write(into: &body)
            body.append(0x0a)
        }
        effects.send(on: id) { HTTPReply.write(answer.status, body: body, keepsAlive: keepsAlive, into: &$0) }
        if !keepsAlive { endRPC(id, "answered", into: &effects) }
    }
}
