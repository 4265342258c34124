import Foundation
import JSONText

/// bitcoin-cli's reports for people: -getinfo, -netinfo, -addrinfo.
enum CLIReports {
    static func information(_ cli: BitcoinCLI) throws -> String {
        let network = try cli.call("getnetworkinfo", [], usesWallet: false)
        let chain = try cli.call("getblockchaininfo", [], usesWallet: false)
        let wallet = try? cli.call("getwalletinfo", [])
        var lines = ["Chain: \(word(chain, "chain"))", "Blocks: \(word(chain, "blocks"))"]
        lines.append("Headers: \(word(chain, "headers"))")
        let progress = (chain["verificationprogress"]?.double ?? 0) * 100
        lines.append("Verification progress: \(String(format: "%.4f", progress))%")
        lines += ["Difficulty: \(word(chain, "difficulty"))", ""]
        lines.append(
            "Network: in \(word(network, "connections_in")), out \(word(network, "connections_out")), "
                + "total \(word(network, "connections"))")
        lines.append("Version: \(word(network, "version"))")
        lines.append("Time offset (s): \(word(network, "timeoffset"))")
        let proxies = (network["networks"]?.arrayValue ?? []).compactMap { $0["proxy"]?.stringValue }
            .filter { !$0.isEmpty }
        lines.append("Proxies: \(proxies.isEmpty ? "n/a" : proxies.joined(separator: ", "))")
        lines += ["Min tx relay fee rate (BTC/kvB): \(word(network, "relayfee"))", ""]
        if let wallet {
            let name = word(wallet, "walletname")
            lines.append("Wallet: \(name.isEmpty ? "\"\"" : name)")
            lines.append("Keypool size: \(word(wallet, "keypoolsize"))")
            if wallet["unlocked_until"] != nil {
                lines.append("Unlocked until: \(word(wallet, "unlocked_until"))")
            }
            if let balances = try? cli.call("getbalances", []), let mine = balances["mine"]?["trusted"] {
                lines.append("Balance: \(mine.text)")
            }
            lines.append("")
        }
        lines += try balances(cli)
        let warnings =
            network["warnings"]?.arrayValue?.compactMap(\.stringValue).joined(separator: ", ")
            ?? word(network, "warnings")
        lines.append("Warnings: \(warnings.isEmpty ? "(none)" : warnings)")
        return lines.joined(separator: "\n")
    }

    /// Every wallet's balance, when there are several and none was chosen.
    private static func balances(_ cli: BitcoinCLI) throws -> [String] {
        guard cli.settings.text("rpcwallet") == nil,
            let names = try? cli.call("listwallets", [], usesWallet: false).arrayValue, names.count > 1
        else { return [] }
        var lines = ["Balances"]
        for name in names.compactMap(\.stringValue) {
            guard let settings = try? cli.naming(wallet: name),
                let balance = try? settings.call("getbalances", [])["mine"]?["trusted"]
            else { continue }
            let text = balance.text
            let gap = String(repeating: " ", count: max(0, 10 - text.count))
            lines.append("\(gap)\(text) \(name.isEmpty ? "\"\"" : name)")
        }
        return lines + [""]
    }

    /// Peers by direction; with an argument of 1 and more, a line for each.
    static func network(_ cli: BitcoinCLI, _ words: [String]) throws -> String {
        let level = Int(words.first ?? "0") ?? 0
        let network = try cli.call("getnetworkinfo", [], usesWallet: false)
        let peers = try cli.call("getpeerinfo", [], usesWallet: false).arrayValue ?? []
        let chain = cli.settings.network == "main" ? "" : " \(cli.settings.network)"
        var lines = [
            "Bitcoin Core client v31.0.0 - server\(chain) \(word(network, "protocolversion"))"
                + "\(word(network, "subversion"))", "",
        ]
        if level > 0, !peers.isEmpty {
            lines.append("<->   type   net  v  mping   ping send recv  txn  blk  hb addrp addrl  age  id")
            for peer in peers {
                let direction = peer["inbound"]?.boolValue ?? false ? " in" : "out"
                let ping = peer["minping"]?.double.map { String(Int($0 * 1000)) } ?? ""
                let last = peer["pingtime"]?.double.map { String(Int($0 * 1000)) } ?? ""
                let version = word(peer, "transport_protocol_type").hasPrefix("v2") ? "2" : "1"
                let type = word(peer, "connection_type").prefix(6)
                let address = level > 1 ? "  \(word(peer, "addr"))  \(word(peer, "subver"))" : ""
                lines.append(
                    "\(direction) \(pad(String(type), 6)) \(pad(word(peer, "network"), 5)) \(pad(version, 2)) "
                        + "\(pad(ping, 6)) \(pad(last, 6)) id \(word(peer, "id"))\(address)")
            }
            lines.append("")
        }
        var inbound: [String: Int] = [:]
        var outbound: [String: Int] = [:]
        for peer in peers {
            let name = word(peer, "network")
            if peer["inbound"]?.boolValue ?? false {
                inbound[name, default: 0] += 1
            } else {
                outbound[name, default: 0] += 1
            }
        }
        let names = ["ipv4", "ipv6", "onion", "i2p", "cjdns", "not_publicly_routable"]
            .filter { (inbound[$0] ?? 0) + (outbound[$0] ?? 0) > 0 }
        lines.append(
            "         " + names.map { pad($0 == "not_publicly_routable" ? "npr" : $0, 7) }.joined()
                + "  total")
        for (title, counts) in [("in", inbound), ("out", outbound)] {
            let total = counts.values.reduce(0, +)
            lines.append(
                "\(pad(title, 5))    " + names.map { pad("\(counts[$0] ?? 0)", 7) }.joined()
                    + pad("\(total)", 7))
        }
        lines += [
            "",
            "Local services: \((network["localservicesnames"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", "))",
        ]
        let addresses = (network["localaddresses"]?.arrayValue ?? []).map {
            "\n\(word($0, "address"))     port \(word($0, "port"))     score \(word($0, "score"))"
        }
        lines.append("Local addresses: \(addresses.isEmpty ? "n/a" : addresses.joined())")
        return lines.joined(separator: "\n")
    }

    static func addresses(_ cli: BitcoinCLI) throws -> String {
        let info = try cli.call("getaddrmaninfo", [], usesWallet: false)
        var known = JSONObject()
        for (network, counts) in info.objectValue?.entries ?? [] where network != "all_networks" {
            known.append(network, counts["total"] ?? 0)
        }
        known.append("total", info["all_networks"]?["total"] ?? 0)
        return JSON.object(["addresses_known": .object(known)]).indentedText
    }

    private static func word(_ object: JSON, _ key: String) -> String {
        guard let value = object[key] else { return "" }
        return value.stringValue ?? value.text
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
