import JSONText

/// What a caller asked, without its transport.
struct DeskRequest: Sendable, Equatable {
    var method: String
    var path: String
    var query: [String: String] = [:]
    /// The bearer token of the Authorization header.
    var token: String?
    var body: [UInt8] = []
}

struct DeskReply: Sendable, Equatable {
    var status: Int
    var contentType: String
    var body: String

    static func json(_ value: JSON, status: Int = 200) -> DeskReply {
        DeskReply(status: status, contentType: "application/json", body: value.text + "\n")
    }

    static func fault(_ status: Int, _ code: String, _ message: String) -> DeskReply {
        .json(["error": ["code": .string(code), "message": .string(message)]], status: status)
    }
}

/// Answers requests about a role: no sockets, no waiting but for the role's own facts.
struct OperationsDesk: Sendable {
    let source: any RoleSource
    /// Nil: control calls are refused altogether.
    let token: String?

    static let pageDefault = 100
    /// Objects in one answer; a page of 100,000 channels would be tens of megabytes.
    static let pageMax = 1_000

    func answer(_ request: DeskRequest) async -> DeskReply {
        let parts = request.path.split(separator: "/").map(String.init)
        if parts == ["metrics"] {
            guard request.method == "GET" else { return Self.wrongMethod("GET") }
            return DeskReply(
                status: 200, contentType: MetricsText.contentType,
                body: MetricsText.text(await source.facts(listing: nil).metrics))
        }
        guard parts.count >= 3, parts[0] == "api", parts[1] == "v1" else { return Self.unknown(request.path) }
        if parts[2] == "control" {
            return parts.count == 4 ? await control(parts[3], request) : Self.unknown(request.path)
        }
        // Reloading is what an operator's scripts ask of every role, so it has a short path of its own.
        if parts[2...] == ["reload"] { return await control("reload", request) }
        guard request.method == "GET" else { return Self.wrongMethod("GET") }
        let facts = await source.facts(listing: parts[2])
        switch (parts[2], parts.count) {
        case ("health", 3): return health(facts)
        case ("global", 3): return .json(Self.global(facts))
        case ("openapi.json", 3): return .json(OpenAPI.document(facts, controls: source.controls))
        case (let name, 3):
            guard let list = facts.lists.first(where: { $0.name == name }) else { break }
            return page(list, request.query)
        case (let name, 4):
            guard let list = facts.lists.first(where: { $0.name == name }) else { break }
            guard let item = list.items.first(where: { $0["id"]?.stringValue == parts[3] }) else {
                return .fault(404, "not-found", "there is no \(parts[3]) among the \(name)")
            }
            return .json(item)
        default: break
        }
        if let absence = facts.absences.first(where: { $0.list == parts[2] }) {
            return .fault(404, "not-in-this-role", absence.reason)
        }
        return Self.unknown(request.path)
    }

    static func global(_ facts: RoleFacts) -> JSON {
        var object: JSONObject = [
            "role": .string(facts.role), "version": .string(facts.version),
            "uptime_secs": .double(facts.uptimeSeconds),
        ]
        for (key, value) in facts.global.entries { object.append(key, value) }
        return .object(object)
    }

    private func health(_ facts: RoleFacts) -> DeskReply {
        var object: JSONObject = [
            "status": .string(facts.complaint == nil ? "ok" : "degraded"), "role": .string(facts.role),
            "uptime_secs": .double(facts.uptimeSeconds),
        ]
        if let complaint = facts.complaint { object.append("detail", .string(complaint)) }
        return .json(.object(object), status: facts.complaint == nil ? 200 : 503)
    }

    private func page(_ list: RoleList, _ query: [String: String]) -> DeskReply {
        var numbers = ["offset": 0, "limit": Self.pageDefault]
        for name in ["offset", "limit"] {
            guard let text = query[name] else { continue }
            guard let number = Int(text), number >= 0, name == "offset" || (1...Self.pageMax).contains(number)
            else {
                let range = name == "offset" ? "0 or more" : "1 to \(Self.pageMax)"
                return .fault(400, "bad-\(name)", "\(name) is a number, \(range), not \"\(text)\"")
            }
            numbers[name] = number
        }
        let (offset, limit) = (numbers["offset"]!, numbers["limit"]!)
        return .json([
            "offset": .int(offset), "limit": .int(limit), "total": .int(list.items.count),
            "items": .array(Array(list.items.dropFirst(offset).prefix(limit))),
        ])
    }

    private func control(_ name: String, _ request: DeskRequest) async -> DeskReply {
        guard source.controls.contains(where: { $0.name == name }) else {
            return Self.unknown(request.path)
        }
        guard request.method == "POST" else { return Self.wrongMethod("POST") }
        guard let token else {
            return .fault(403, "control-disabled", "this role was started without an API token")
        }
        guard let given = request.token, Self.isSame(given, token) else {
            return .fault(401, "unauthorized", "control calls need the header Authorization: Bearer TOKEN")
        }
        let body: JSON
        do throws(JSONError) {
            body = request.body.isEmpty ? .object([:]) : try JSON.parse(request.body)
        } catch { return .fault(400, "bad-json", "\(error)") }
        guard body.objectValue != nil else { return .fault(400, "bad-json", "the body is one JSON object") }
        do {
            return .json(try await source.control(name, body))
        } catch ControlFault.badField(let text) {
            return .fault(400, "bad-field", text)
        } catch ControlFault.notFound(let text) {
            return .fault(404, "not-found", text)
        } catch {
            return .fault(500, "failed", "\(error)")
        }
    }

    /// Takes the same time wherever the texts differ.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        let (x, y) = (Array(a.utf8), Array(b.utf8))
        guard x.count == y.count else { return false }
        return zip(x, y).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func unknown(_ path: String) -> DeskReply {
        .fault(404, "unknown-path", "there is nothing at \(path); /api/v1/openapi.json lists what there is")
    }

    private static func wrongMethod(_ method: String) -> DeskReply {
        .fault(405, "wrong-method", "this path answers \(method)")
    }
}
