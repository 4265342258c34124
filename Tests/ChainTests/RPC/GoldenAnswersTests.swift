import Bitcoin
import HTTPText
import JSONText
import SansIO
import Testing

@testable import Chain

/// Core's recorded answers over its own recorded chain, compared as exact text.
@Suite(
    .enabled(
        if: Vectors.exists("golden/rpc_golden.json"),
        "2 tests need golden/; set LAB_SHARED to the folder with golden/"))
struct GoldenAnswersTests {
    /// Fields that tell of the program and not of the chain.
    static let volatile: Set<String> = [
        "version", "subversion", "protocolversion", "warnings", "verificationprogress", "size_on_disk",
        "longpollid", "tx_send_rate", "inv_buckets", "localservices", "localservicesnames",
        "timemillis", "currentblockweight", "currentblocktx", "duration", "coins_db_cache_bytes",
        "coins_tip_cache_bytes", "disk_size",
    ]

    /// Answers that are the program's own, each with the reason.
    static let own: [String: String] = [
        "getmemoryinfo": "the memory of another program",
        "uptime": "how long a program runs",
        "gettxspendingprevout":
            "with a block hash it needs an index of confirmed spenders, which the node lacks",
    ]

    @Test("Every recorded call is answered as Core did on the same chain, in the recorded order")
    func answersAreCores() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.logPath = "/data/debug.log"
        var node = NodeUnderTest(configuration)
        try Self.load(&node)
        var (exact, byKind) = (0, 0)
        var differing: [String] = []
        let records = try Vectors.json("golden/rpc_golden.json").arrayValue ?? []
        for record in records {
            let name = record["method"]?.stringValue ?? ""
            var request: JSONObject = ["method": .string(name), "params": record["params"] ?? [], "id": "g"]
            if record["jsonrpc"]?.int64 == 2 { request["jsonrpc"] = "2.0" }
            let answer = node.post(JSON.object(request).text)
            let wanted = try JSON.parse(record["raw"]?.stringValue ?? "")
            let got = try JSON.parse(answer.body)
            var difference: String?
            if Self.isOwn(record, wanted) {
                byKind += 1
                let fits = (wanted["error"]?["code"] ?? .null) == (got["error"]?["code"] ?? .null)
                if !fits { difference = "another kind of answer: \(got.text.prefix(160))" }
            } else {
                exact += 1
                difference = Self.firstDifference(wanted, got, "")
            }
            if answer.status != Int(record["http"]?.int64 ?? 0) { difference = "HTTP \(answer.status)" }
            if let difference {
                differing.append("\(name) \((record["params"] ?? .null).text.prefix(90)): \(difference)")
            }
        }
        #expect(exact + byKind == records.count && exact >= 290, "\(exact) exact, \(byKind) by kind")
        #expect(
            differing.isEmpty,
            "\(differing.count) of \(records.count) differ:\n\(differing.joined(separator: "\n"))")
    }

    static func load(_ node: inout NodeUnderTest) throws {
        let base = try Vectors.json("golden/base_chain.json")
        let blocks = (base.arrayValue ?? base["blocks"]?.arrayValue ?? []).compactMap {
            $0.stringValue ?? $0["hex"]?.stringValue
        }
        for block in blocks { #expect(try node.call("submitblock", [.string(block)]) == .null) }
        #expect(node.machine.chain.height == 150)
        _ = try node.call("setmocktime", [1_700_020_000])
    }

    /// Help texts are our own words; of what else is our own, only the kind of answer is compared.
    static func isOwn(_ record: JSON, _ wanted: JSON) -> Bool {
        let method = record["method"]?.stringValue ?? ""
        if wanted["error"]?["code"]?.int64 == -1 { return true }
        if method == "help" { return record["params"]?[0]?.stringValue != "nosuch" }
        if method == "gettxspendingprevout" { return wanted.text.contains("blockhash") }
        // wsh(0) is a descriptor only for who knows miniscript.
        if method == "decodescript" { return record["params"]?[0]?.stringValue == "00" }
        return own[method] != nil
    }

    @Test("REST answers are Core's: status, headers, and the body where it does not tell of a later tip")
    func restAnswersAreCores() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.servesREST = true
        var node = NodeUnderTest(configuration)
        try Self.load(&node)
        // The recorded node had mined on: these tell of its tip or its pool.
        let ofTheTip = ["chaininfo", "mempool", "getutxos", "/rest/deploymentinfo.json"]
        var (whole, heads) = (0, 0)
        for record in try Vectors.json("golden/http_rest_golden.json").arrayValue ?? [] {
            guard let path = record["path"]?.stringValue, path.hasPrefix("/rest") else { continue }
            let id = node.open(.rpc)
            node.receive(Array("GET \(path) HTTP/1.1\r\n\r\n".utf8), on: id)
            let bytes = node.take(id)
            let text = String(decoding: bytes, as: UTF8.self)
            let head = text.firstRange(of: "\r\n\r\n").map { String(text[..<$0.upperBound]) } ?? ""
            let body = Array(bytes.dropFirst(head.utf8.count))
            #expect(
                head.hasPrefix("HTTP/1.1 \(record["status"]?.int64 ?? 0) "), "\(path): \(text.prefix(200))")
            for (name, value) in record["resp_headers"]?.objectValue?.entries ?? []
            where name != "Content-Length" {
                #expect(head.contains("\(name): \(value.stringValue ?? "")\r\n"), "\(path): \(head)")
            }
            heads += 1
            let wanted = record["resp"]?.stringValue ?? ""
            if ofTheTip.contains(where: path.contains) { continue }
            whole += 1
            if wanted.hasPrefix("hex:") {
                #expect(body.hex == wanted.dropFirst(4), "\(path)")
            } else if let object = try? JSON.parse(wanted),
                object.objectValue != nil || object.arrayValue != nil
            {
                let found = Self.firstDifference(Self.settled(object), Self.settled(try JSON.parse(body)), "")
                #expect(found == nil, "\(path)")
            } else {
                #expect(String(decoding: body, as: UTF8.self) == wanted, "\(path)")
            }
        }
        #expect(heads >= 36 && whole >= 26)
    }

    /// Without what changes when the chain goes on.
    private static func settled(_ value: JSON) -> JSON {
        switch value {
        case .array(let list): return .array(list.map(settled))
        case .object(let object):
            var kept = JSONObject()
            for (key, value) in object.entries where key != "confirmations" && key != "nextblockhash" {
                kept.append(key, settled(value))
            }
            return .object(kept)
        default: return value
        }
    }

    static func firstDifference(_ wanted: JSON, _ got: JSON, _ path: String) -> String? {
        switch (wanted, got) {
        case (.object(let a), .object(let b)):
            let keysA = a.keys.filter { !volatile.contains($0) }
            let keysB = b.keys.filter { !volatile.contains($0) }
            if keysA != keysB { return "\(path): keys \(keysA) but \(keysB)" }
            for key in keysA {
                if let found = firstDifference(a[key] ?? .null, b[key] ?? .null, "\(path).\(key)") {
                    return found
                }
            }
            return nil
        case (.array(let a), .array(let b)):
            if a.count != b.count { return "\(path): \(a.count) elements but \(b.count)" }
            for index in a.indices {
                if let found = firstDifference(a[index], b[index], "\(path)[\(index)]") { return found }
            }
            return nil
        default:
            return wanted == got ? nil : "\(path): \(wanted.text.prefix(160)) but \(got.text.prefix(160))"
        }
    }

    @Test("HTTP and envelope answers are Core's: status, headers and body")
    func httpAnswersAreCores() throws {
        var node = NodeUnderTest()
        for record in try Vectors.json("golden/http_rest_golden.json").arrayValue ?? [] {
            guard let path = record["path"]?.stringValue, !path.hasPrefix("/rest"), path != "/wallet/none"
            else { continue }
            let body = record["body"]?.stringValue ?? ""
            // The recorded chain is another; only what does not tell of it is compared.
            let answer = record["resp"]?.stringValue ?? ""
            let id = node.open(.rpc)
            var head =
                "\(record["method"]?.stringValue ?? "POST") \(path) HTTP/1.1\r\n"
                + "Content-Length: \(body.utf8.count)\r\n"
            if let given = record["headers"]?["Authorization"]?.stringValue {
                head += "Authorization: \(given)\r\n"
            } else if record["auth"]?.boolValue ?? false {
                head += "Authorization: Basic \(Base64.encode(Array(NodeUnderTest.credentials.utf8)))\r\n"
            }
            node.receive(Array((head + "\r\n" + body).utf8), on: id)
            node.waitForPenalty(id)
            let got = NodeUnderTest.split(node.take(id))
            let tellsChain = answer.contains("5782bee4") || answer.contains("0000002006226e46")
            if !tellsChain {
                #expect(got.status == Int(record["status"]?.int64 ?? 0), "\(record.text.prefix(300))")
            }
            if !tellsChain, !answer.contains("252") { #expect(got.body == answer, "\(body)") }
        }
    }
}
