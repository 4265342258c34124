import Bitcoin
import JSONText
import Testing

@testable import Chain

/// Core's recorded wallet answers. Keys and addresses there are random, so shapes are compared: names, their
/// order, and the kinds of values; and the words of errors.
@Suite(
    .enabled(
        if: Vectors.exists("golden/rpc_golden_wallet_mining.json"),
        "1 test needs golden/; set LAB_SHARED to the folder with golden/"))
struct WalletGoldenTests {
    @Test("The wallet's answers have the names, the order and the kinds of values that Core's have")
    func shapes() throws {
        var node = NodeUnderTest()
        let base = try Vectors.json("golden/base_chain.json")
        for block in base.arrayValue ?? base["blocks"]?.arrayValue ?? [] {
            _ = try node.call("submitblock", [block["hex"] ?? block])
        }
        _ = try node.call("setmocktime", [1_700_020_000])
        var address: JSON = .null
        var payment: JSON = .null
        var differing: [String] = []
        var compared = 0
        for record in try Vectors.json("golden/rpc_golden_wallet_mining.json").arrayValue ?? [] {
            let method = record["method"]?.stringValue ?? ""
            guard RPCMethod.named(method) != nil else { continue }
            var params = record["params"] ?? []
            switch method {
            case "getaddressinfo": params = [address]
            case "generatetoaddress": params = [101, address]
            case "gettransaction": params = [payment]
            case "generateblock":
                params = params[2] == false ? params : [address, [payment]]
            case "generatetodescriptor": params = [1, .string("addr(\(address.stringValue ?? ""))")]
            case "invalidateblock": params = [try node.call("getbestblockhash")]
            default: break
            }
            let request: JSON = ["jsonrpc": "2.0", "id": "g", "method": .string(method), "params": params]
            let path = record["wallet"]?.stringValue.map { "/wallet/\($0)" } ?? "/"
            let got = try JSON.parse(node.post(request.text, path: path).body)
            let wanted = try JSON.parse(record["raw"]?.stringValue ?? "")
            if method == "getnewaddress", address.isNull { address = got["result"] ?? .null }
            if method == "sendtoaddress", payment.isNull { payment = got["result"] ?? .null }
            compared += 1
            let path2 = Self.difference(wanted, got, "")
            if let path2 { differing.append("\(method): \(path2)") }
        }
        #expect(compared >= 28)
        #expect(differing.isEmpty, "\(differing.joined(separator: "\n"))")
    }

    private static func difference(_ wanted: JSON, _ got: JSON, _ path: String) -> String? {
        switch (wanted, got) {
        case (.object(let a), .object(let b)):
            if a.keys != b.keys { return "\(path): \(a.keys) but \(b.keys)" }
            for key in a.keys {
                if key == "message", a[key] != b[key] {
                    return "\(path): \(a[key]?.text ?? "") but \(b[key]?.text ?? "")"
                }
                if let found = difference(a[key] ?? .null, b[key] ?? .null, "\(path).\(key)") {
                    return found
                }
            }
            return nil
        case (.array(let a), .array(let b)):
            guard let first = a.first, let other = b.first else {
                return a.isEmpty == b.isEmpty
                    ? nil : "\(path): \(wanted.text.prefix(99)) but \(got.text.prefix(99))"
            }
            return difference(first, other, "\(path)[0]")
        default:
            return wanted.typeName == got.typeName
                ? nil : "\(path): \(wanted.text.prefix(120)) but \(got.text.prefix(120))"
        }
    }
}
