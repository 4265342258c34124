import JSONText
import SansIO

extension RPCMethod {
    static let network: [RPCMethod] = [
        RPCMethod("getconnectioncount", in: "Network", "The number of connections.") { node, call, _ in
            node.networkMethod(call)
        },
        RPCMethod("getnetworkinfo", in: "Network", "The state of the peer-to-peer network.") {
            node, call, _ in
            node.networkMethod(call)
        },
        RPCMethod("getpeerinfo", in: "Network", "The connected peers.") { node, call, _ in
            node.networkMethod(call)
        },
    ]
}

/// Reading the peers.
extension NodeMachine {
    func networkMethod(_ call: RPCArguments) -> JSON {
        switch call.method.name {
        case "getconnectioncount": return .int(peers.count)
        case "getpeerinfo": return peers.json
        default: break
        }
        let networks = [("ipv4", true), ("ipv6", true), ("onion", false), ("i2p", false), ("cjdns", false)]
            .map { name, reachable in
                JSON.object([
                    "name": .string(name), "limited": .bool(!reachable), "reachable": .bool(reachable),
                    "proxy": "",
                    "proxy_randomize_credentials": false,
                ])
            }
        return [
            "version": 310_000, "subversion": .string(peers.userAgent),
            "protocolversion": .int(PeerSet.protocolVersion),
            "localservices": "0000000000000409",
            "localservicesnames": ["NETWORK", "WITNESS", "NETWORK_LIMITED"],
            "localrelay": true, "timeoffset": 0, "networkactive": true, "connections": .int(peers.count),
            "connections_in": .int(peers.count), "connections_out": 0, "networks": .array(networks),
            "relayfee": .amount(satoshi: ChainLimits.relayFeeRate),
            "incrementalfee": .amount(satoshi: ChainLimits.relayFeeRate), "localaddresses": [],
            "warnings": [],
        ]
    }
}
