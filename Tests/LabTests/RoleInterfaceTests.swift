import Foundation
import Testing

/// Every role's HTTP interface over sockets, beside the roles doing their work.
@Suite("Interfaces of the roles", .serialized)
struct RoleInterfaceTests {
    private func address(_ process: LabProcess, after mark: String) async throws -> String {
        try await process.word(after: mark)
    }

    private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        #expect(try await Poll.until(seconds: 60, condition), "\(what)")
    }

    /// What every role's interface must do.
    private func check(_ interface: RoleInterface, role: String, absent: [String]) async throws {
        let global = try await interface.get("/api/v1/global")
        #expect(global.status == 200 && global.object["role"] as? String == role)
        let document = try await interface.get("/api/v1/openapi.json").object
        let paths = try #require(document["paths"] as? [String: Any])
        for list in ["channels", "clients", "workers", "shares", "blocks"] {
            #expect(paths["/api/v1/\(list)"] != nil, "\(role) documents \(list)")
            let answer = try await interface.get("/api/v1/\(list)?limit=1")
            #expect(answer.status == (absent.contains(list) ? 404 : 200), "\(role) \(list): \(answer.body)")
            #expect(answer.items.count <= 1)
        }
        let metrics = try await interface.get("/metrics")
        #expect(metrics.body.contains("\nsv2_uptime_seconds "), "\(role): \(metrics.body.prefix(200))")
        #expect(try await interface.post("/api/v1/reload", authorized: false).status == 401)
        #expect(try await interface.get("/api/v1/control/kick").status == 405)
        let events = try await interface.exchange(
            "GET /api/v1/events HTTP/1.1\r\nHost: lab\r\n\r\n"
        ) { $0.components(separatedBy: "event: global").count > 2 }
        #expect(events.contains("data: {\"role\":\"\(role)\""), "\(events.prefix(300))")
    }

    @Test("pool, translator, job declaration server and client tell of themselves and do what they are told")
    func roles() async throws {
        let directory = try TemporaryDirectory()
        let configuration = directory.path + "/pool.toml"
        func configure(_ rate: Int, server: Int) throws {
            try "shares_per_minute = \(rate)\nserver_id = \(server)\n".write(
                toFile: configuration, atomically: true, encoding: .utf8)
        }
        try configure(60, server: 1)
        let node = try LabProcess([
            "node", "--data", directory.path, "--network", "labnet", "--block-hashes", "2e7", "--rpc-port",
            "0", "--p2p-port", "0", "--template-port", "0",
        ])
        let rpc = try await address(node, after: "rpc http://")
        let templates = try await address(node, after: "templates ")
        let authority = try await address(node, after: "authority ")
        let from = ["--templates", templates, "--templates-authority", authority]
        let api = ["--data", directory.path, "--port", "0", "--api-port", "0", "--api-token", "secret"]
        let pool = try LabProcess(
            ["pool", "--no-jds", "--jds-secret", "s", "--config", configuration] + from + api)
        let url = "stratum2+tcp://" + (try await address(pool, after: "pool stratum2+tcp://"))
        let server = try LabProcess(
            [
                "jds", "--jds-secret", "s", "--core-rpc-url", "http://\(rpc)", "--payout",
                "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            ] + api)
        let declaring =
            "stratum2+tcp://" + (try await address(server, after: "job declaration server stratum2+tcp://"))
        let translator = try LabProcess(
            ["translator", "--pool", url, "--hash-rate", "1e5", "--shares-per-minute", "60"] + api)
        let v1 = try await address(translator, after: "translator ")
        let client = try LabProcess(
            ["jdc", "--pool", url, "--jds", declaring, "--user-identity", "dora"] + from + api)
        let miner = try LabProcess(["miner", "--pool", v1, "--hash-rate", "100k"])
        defer { for process in [miner, client, translator, server, pool, node] { process.signal(SIGKILL) } }

        let atPool = try await RoleInterface(pool)
        try await check(atPool, role: "pool", absent: [])
        try await eventually("a share at the pool") {
            try await atPool.get("/api/v1/shares").items.contains { $0["verdict"] as? String == "accepted" }
        }
        #expect(try await atPool.get("/api/v1/health").status == 200)
        try configure(30, server: 2)
        let reloaded = try await atPool.post("/api/v1/reload")
        #expect(reloaded.object["reloaded"] as? [String] == ["shares-per-minute"], "\(reloaded.body)")
        #expect(reloaded.object["needs_restart"] as? [String] == ["server-id"], "\(reloaded.body)")
        try configure(40, server: 1)
        pool.signal(SIGHUP)
        try await eventually("a reload by SIGHUP") {
            pool.output.components(separatedBy: "reloaded: shares-per-minute").count > 2
        }

        let atTranslator = try await RoleInterface(translator)
        try await check(atTranslator, role: "translator", absent: ["blocks"])
        let old = try #require(try await atTranslator.get("/api/v1/clients").items.first)
        let id = try #require(old["id"] as? String)
        let call = "{\"client\":\"\(id)\",\"difficulty\":0.5}"
        #expect(try await atTranslator.post("/api/v1/control/set-difficulty", call).status == 200)
        try await eventually("the miner's new difficulty") {
            try await atTranslator.get("/api/v1/clients/\(id)").object["difficulty"] as? Double == 0.5
        }
        #expect(try await atTranslator.post("/api/v1/control/kick", "{\"client\":\"\(id)\"}").status == 200)
        try await eventually("the miner is kicked and comes back") {
            let items = try await atTranslator.get("/api/v1/clients").items
            return items.contains { $0["id"] as? String != id && $0["state"] as? String == "ready" }
        }
        #expect(try await atTranslator.get("/metrics").body.contains("\nsv1_clients_total "))

        let atServer = try await RoleInterface(server)
        try await check(atServer, role: "jds", absent: ["channels", "shares"])
        try await eventually("the client's account at the server") {
            try await atServer.get("/api/v1/workers").items.contains { $0["id"] as? String == "dora" }
        }
        let revoked = try await atServer.post(
            "/api/v1/control/revoke-tokens", "{\"user_identity\":\"dora\"}")
        #expect(revoked.status == 200)

        let atClient = try await RoleInterface(client)
        try await check(atClient, role: "jdc", absent: [])
        #expect(
            try await atClient.post("/api/v1/control/use-upstream", "{\"index\":5}").status == 400)
        #expect(try await atServer.post("/api/v1/control/drain", "{\"grace_secs\":0}").status == 200)
        try await eventually("the drained server") {
            let global = try await atServer.get("/api/v1/global").object
            return global["draining"] as? Bool == true && global["clients"] as? Int == 0
        }
        for process in [miner, client, translator, server, pool, node] {
            process.signal(SIGINT)
            #expect(try await process.status(within: 20) == 0, "\(process.output)\(process.fault)")
        }
    }
}
