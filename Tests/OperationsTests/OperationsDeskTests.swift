import JSONText
import Testing

@testable import Operations

/// A role with three channels that can be told to drain.
private actor FakeRole: RoleSource {
    nonisolated let controls = [
        ControlCall("drain", "Sends everybody away.", [("host", "string", "where to")]),
        ControlCall("reload", "Reads the configuration once more."),
    ]
    private(set) var drains: [String] = []
    var complaint: String?

    func setComplaint(_ text: String?) { complaint = text }

    func facts(listing list: String?) -> RoleFacts {
        RoleFacts(
            role: "pool", version: "1", uptimeSeconds: 12.5, complaint: complaint,
            global: ["channels": 3],
            lists: [RoleList("channels", (1...3).map { ["id": .string("1-\($0)"), "shares": .int($0)] })],
            absences: [RoleAbsence("blocks", "blocks are the pool's")],
            metrics: [
                Metric("sv2_uptime_seconds", .gauge, "Seconds since the start.", 12.5),
                Metric(
                    "sv2_client_shares_accepted_total", .counter, "Shares.",
                    [.init(7, [("user_identity", "a\"b\\c\nd")]), .init(1e20, [("user_identity", "e")])]),
            ])
    }

    func control(_ name: String, _ body: JSON) throws -> JSON {
        if name == "reload" { return ["reloaded": []] }
        guard let host = body["host"]?.stringValue else { throw ControlFault.badField("host is a text") }
        drains.append(host)
        return ["draining": true]
    }
}

@Suite("A role's HTTP interface")
struct OperationsDeskTests {
    private let role = FakeRole()
    private var desk: OperationsDesk { OperationsDesk(source: role, token: "secret") }

    private func get(_ path: String, _ query: [String: String] = [:]) async throws -> (Int, JSON) {
        let reply = await desk.answer(DeskRequest(method: "GET", path: path, query: query))
        return (reply.status, try JSON.parse(reply.body))
    }

    @Test("health is 200 while everything works and 503 with the reason when it does not")
    func health() async throws {
        var (status, body) = try await get("/api/v1/health")
        #expect(status == 200 && body["status"] == "ok")
        await role.setComplaint("no template provider")
        (status, body) = try await get("/api/v1/health")
        #expect(status == 503 && body["detail"] == "no template provider")
    }

    @Test("a list comes by pages, and one of its objects by its id")
    func pages() async throws {
        let (status, page) = try await get("/api/v1/channels", ["offset": "1", "limit": "1"])
        #expect(status == 200 && page["total"] == 3 && page["items"]?.arrayValue?.count == 1)
        #expect(page["items"]?[0]?["id"] == "1-2")
        let (_, beyond) = try await get("/api/v1/channels", ["offset": "99"])
        #expect(beyond["items"] == [] && beyond["total"] == 3)
        let (_, one) = try await get("/api/v1/channels/1-3")
        #expect(one["shares"] == 3)
        for query in [["limit": "0"], ["limit": "1001"], ["offset": "-1"], ["limit": "ten"]] {
            let (status, body) = try await get("/api/v1/channels", query)
            #expect(status == 400 && body["error"]?["message"]?.stringValue != nil)
        }
    }

    @Test(
        "what is not there is named",
        arguments: ["/", "/api/v1/miners", "/api/v1/channels/9-9", "/api/v2/global"])
    func unknown(path: String) async throws {
        let (status, body) = try await get(path)
        #expect(status == 404 && body["error"]?["message"]?.stringValue?.isEmpty == false)
    }

    @Test("metrics are Prometheus text with escaped labels")
    func metrics() async throws {
        let reply = await desk.answer(DeskRequest(method: "GET", path: "/metrics"))
        #expect(reply.contentType.hasPrefix("text/plain; version=0.0.4"))
        #expect(
            reply.body == """
                # HELP sv2_uptime_seconds Seconds since the start.
                # TYPE sv2_uptime_seconds gauge
                sv2_uptime_seconds 12.5
                # HELP sv2_client_shares_accepted_total Shares.
                # TYPE sv2_client_shares_accepted_total counter
                sv2_client_shares_accepted_total{user_identity="a\\"b\\\\c\\nd"} 7
                sv2_client_shares_accepted_total{user_identity="e"} 1e+20

                """)
    }

    @Test("control calls need the token, POST and an object with the right fields")
    func control() async throws {
        var request = DeskRequest(
            method: "POST", path: "/api/v1/control/drain", body: Array(#"{"host":"b"}"#.utf8))
        #expect(await desk.answer(request).status == 401)
        request.token = "secreT"
        #expect(await desk.answer(request).status == 401)
        request.token = "secret"
        #expect(await desk.answer(request).status == 200)
        #expect(await role.drains == ["b"])
        request.body = Array(#"{"host":1}"#.utf8)
        #expect(await desk.answer(request).status == 400)
        request.body = Array("[".utf8)
        #expect(await desk.answer(request).status == 400)
        request.method = "GET"
        #expect(await desk.answer(request).status == 405)
        request = DeskRequest(method: "POST", path: "/api/v1/control/explode", token: "secret")
        #expect(await desk.answer(request).status == 404)
        let closed = OperationsDesk(source: role, token: nil)
        request.path = "/api/v1/control/drain"
        #expect(await closed.answer(request).status == 403)
        #expect(await role.drains == ["b"])
    }

    @Test("a list that the role has not is 404 with the reason, and the document says so")
    func absence() async throws {
        let (status, body) = try await get("/api/v1/blocks")
        #expect(status == 404 && body["error"]?["code"] == "not-in-this-role")
        #expect(body["error"]?["message"] == "blocks are the pool's")
        let (_, document) = try await get("/api/v1/openapi.json")
        #expect(document["paths"]?["/api/v1/blocks"]?["get"]?["responses"]?["404"] != nil)
    }

    @Test("reload is a control call with a short path")
    func reload() async throws {
        var request = DeskRequest(method: "POST", path: "/api/v1/reload")
        #expect(await desk.answer(request).status == 401)
        request.token = "secret"
        #expect(await desk.answer(request).status == 200)
        request.method = "GET"
        #expect(await desk.answer(request).status == 405)
        let (_, document) = try await get("/api/v1/openapi.json")
        #expect(document["paths"]?["/api/v1/reload"]?["post"] != nil)
    }

    @Test("fields of a control call are checked and named")
    func fields() throws {
        let fields = ControlFields(["port": 70_000, "host": 1, "difficulty": 0, "empty": "", "none": nil])
        #expect(throws: ControlFault.badField("port is a whole number from 0 to 65535")) {
            try fields.number("port", 0...65_535)
        }
        #expect(throws: ControlFault.self) { try fields.text("host") }
        #expect(throws: ControlFault.self) { try fields.positive("difficulty") }
        #expect(throws: ControlFault.badField("empty is missing")) { try fields.needed("empty") }
        #expect(try fields.positive("none") == nil && fields.text("absent") == nil)
    }

    @Test("the OpenAPI document has every list and every control call")
    func document() async throws {
        let (_, document) = try await get("/api/v1/openapi.json")
        let paths = try #require(document["paths"]?.objectValue)
        #expect(document["openapi"] == "3.1.0")
        for path in ["/api/v1/channels", "/api/v1/channels/{id}", "/api/v1/control/drain", "/metrics"] {
            #expect(paths[path] != nil, "\(path)")
        }
    }
}
