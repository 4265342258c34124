import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let network: [RPCMethod] = [
        network("getconnectioncount", "", "The number of connections.") { node, _, _ in
            .int(node.peers.list.count)
        },
        network("getorphantxs", "verbosity:any?", "Transactions that wait for their parents.", isHidden: true)
        {
            node, call, _ throws(RPCError) in
            if case .bool = call[0] {
                throw .type("Verbosity was boolean but only integer allowed")
            }
            let verbosity = try call.optionalInt(0) ?? 0
            guard (0...2).contains(verbosity) else {
                throw .parameter("Invalid verbosity value \(verbosity)")
            }
            return .array(node.peers.orphans.orphans.map { node.orphanJSON($0, verbosity: verbosity) })
        },
        network("getnetworkinfo", "", "The state of the peer-to-peer network.") { node, _, _ in
            node.networkInfo()
        },
        network(
            "getpeerinfo", "",
            "The connected peers, each with its network (ipv4, ipv6, onion, i2p, cjdns, not_publicly_routable)."
        ) { node, call, _ in node.peerInfo(at: call.now) },
        network("getnettotals", "", "Traffic of all connections.") { node, call, _ in
            node.netTotals(at: call.now)
        },
        network(
            "addnode", "node:str command:str v2transport:bool?",
            "Keeps a connection, drops it from the list, or tries one once."
        ) {
            node, call, _ throws(RPCError) in try node.addNode(call, at: call.now)
        },
        network(
            "addconnection", "address:str connection_type:str v2transport:bool",
            "Opens a connection of a given type, for tests.", isHidden: true
        ) {
            node, call, _ throws(RPCError) in try node.addConnection(call)
        },
        network("disconnectnode", "address:str? nodeid:num?", "Closes a connection.") {
            node, call, _ throws(RPCError) in try node.disconnectNode(call)
        },
        network("getaddednodeinfo", "node:str?", "The nodes that addnode added.") {
            node, call, _ throws(RPCError) in try node.addedNodeInfo(call)
        },
        network("ping", "", "Sends a ping to every peer; getpeerinfo tells how long the answer took.") {
            node, call, effects in
            for index in node.peers.list.indices { node.peers.list[index].ping.isQueued = true }
            for index in node.peers.list.indices {
                node.attend(index, at: node.peerTime(call.now), into: &effects)
            }
            return .null
        },
        network(
            "setban", "subnet:str command:str bantime:num? absolute:bool?",
            "Bans an address or subnet, or takes the ban back."
        ) {
            node, call, effects throws(RPCError) in
            let answer = try node.setBan(call, at: call.now)
            effects.observe(.bansChanged)
            return answer
        },
        network("listbanned", "", "The banned addresses and subnets.") { node, call, _ in
            node.listBanned(at: call.now)
        },
        network("clearbanned", "", "Takes every ban back.") { node, _, effects in
            node.peers.bans.clear()
            effects.observe(.bansChanged)
            return .null
        },
        network("setnetworkactive", "state:bool", "Switches all traffic with peers on or off.") {
            node, call, _ throws(RPCError) in try node.setNetworkActive(call, at: call.now)
        },
        network(
            "sendmsgtopeer", "peer_id:num msg_type:str msg:str", "Sends a peer a message, for tests.",
            isHidden: true
        ) { node, call, effects throws(RPCError) in try node.sendMessage(call, into: &effects) },
        network("getnodeaddresses", "count:num? network:str?", "Known addresses of other nodes.") {
            node, call, _ throws(RPCError) in try node.nodeAddresses(call, at: call.now)
        },
        network(
            "addpeeraddress", "address:str port:num tried:bool?", "Adds an address to the book, for tests.",
            isHidden: true
        ) {
            node, call, _ throws(RPCError) in try node.addPeerAddress(call, at: call.now)
        },
        network("getaddrmaninfo", "", "How many addresses are known of each network.") { node, _, _ in
            node.addressBookInfo()
        },
        RPCMethod(
            "getblockfrompeer", "blockhash:hex peer_id:num", in: "Blockchain",
            "Asks one peer for a block whose header is known."
        ) { node, call, effects throws(RPCError) in
            try node.withPeers(call, &effects) { node, call, effects throws(RPCError) in
                try node.blockFromPeer(call, at: call.now, into: &effects)
            }
        },
    ]

    /// A method of this table: whatever it changes about peers is carried out when it returns.
    private static func network(
        _ name: String, _ signature: String, _ summary: String, isHidden: Bool = false,
        run: @escaping RPCHandler
    ) -> RPCMethod {
        RPCMethod(name, signature, in: isHidden ? "" : "Network", summary) {
            node, call, effects throws(RPCError) in
            try node.withPeers(call, &effects, run)
        }
    }
}

/// The Network category: peers, traffic, bans, known addresses.
extension NodeMachine {
    fileprivate mutating func withPeers(
        _ call: RPCArguments, _ effects: inout EffectBuffer<NodeObservation>, _ run: RPCHandler
    ) throws(RPCError) -> JSON {
        let wasBusy = beginPeers()
        defer { endPeers(wasBusy, at: call.now, into: &effects) }
        return try run(&self, call, &effects)
    }

    fileprivate func orphanJSON(_ orphan: OrphanPool.Orphan, verbosity: Int64) -> JSON {
        let transaction = orphan.transaction
        if verbosity == 0 { return .string(transaction.txid.displayHex) }
        let announcers = orphan.announcers.compactMap { peers.index($0).map { peers.list[$0].number } }
        var object: JSONObject = [
            "txid": .string(transaction.txid.displayHex), "wtxid": .string(transaction.wtxid.displayHex),
            "bytes": .int(transaction.totalSize), "vsize": .int(transaction.virtualSize),
            "weight": .int(transaction.weight), "from": .array(announcers.map { .int($0) }),
        ]
        if verbosity == 2 { object["hex"] = .string(transaction.bytes().hex) }
        return .object(object)
    }

    fileprivate func networkInfo() -> JSON {
        let networks = [("ipv4", true), ("ipv6", true), ("onion", false), ("i2p", false), ("cjdns", false)]
            .map { name, isReachable in
                JSON.object([
                    "name": .string(name), "limited": .bool(!isReachable), "reachable": .bool(isReachable),
                    "proxy": "", "proxy_randomize_credentials": false,
                ])
            }
        let inbound = peers.list.count { $0.isInbound }
        let offsets = peers.list.filter { !$0.isInbound && $0.version != 0 }.map(\.timeOffset).sorted()
        return [
            "version": 310_000, "subversion": .string(peers.userAgent),
            "protocolversion": .int(PeerSet.protocolVersion),
            "localservices": .string(Self.hex16(peers.services)),
            "localservicesnames": .array(PeerServices.names(peers.services).map { .string($0) }),
            "localrelay": .bool(!peers.isBlocksOnly),
            "timeoffset": .int(offsets.isEmpty ? 0 : offsets[offsets.count / 2]),
            "networkactive": .bool(peers.isNetworkActive), "connections": .int(peers.list.count),
            "connections_in": .int(inbound), "connections_out": .int(peers.list.count - inbound),
            "networks": .array(networks),
            "relayfee": .amount(satoshi: mempool.options.relayFeeRate),
            "incrementalfee": .amount(satoshi: mempool.options.incrementalFeeRate), "localaddresses": [],
            "warnings": [],
        ]
    }

    private static func hex16(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: getpeerinfo

    fileprivate func peerInfo(at now: Instant) -> JSON {
        let time = peerTime(now)
        return .array(
            peers.list.map { peer in
                var object: JSONObject = ["id": .int(peer.number), "addr": .string(peer.address)]
                if let bound = peer.bound { object.append("addrbind", .string(bound.description)) }
                if let local = peer.localAddress { object.append("addrlocal", .string(local)) }
                appendState(of: peer, to: &object)
                appendTraffic(of: peer, at: time, to: &object)
                appendChain(of: peer, to: &object)
                let names = PeerCommand.allCases.map(\.rawValue) + ["*other*"]
                for (key, counts) in [
                    ("bytessent_per_msg", peer.traffic.sent), ("bytesrecv_per_msg", peer.traffic.received),
                ] {
                    let pairs = zip(names, counts).filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }
                    var list = JSONObject()
                    for (name, count) in pairs { list.append(name, .int(count)) }
                    object.append(key, .object(list))
                }
                object.append("connection_type", .string(peer.kind.rawValue))
                object.append("transport_protocol_type", .string(peer.transport.name))
                object.append("session_id", .string(peer.transport.sessionID))
                return .object(object)
            })
    }

    private func appendState(of peer: Peer, to object: inout JSONObject) {
        let network = peer.networkAddress.map { $0.isLoopback ? "not_publicly_routable" : $0.network.name }
        object.append("network", .string(network ?? "not_publicly_routable"))
        object.append("services", .string(Self.hex16(peer.services)))
        object.append("servicesnames", .array(PeerServices.names(peer.services).map { .string($0) }))
        object.append("relaytxes", .bool(peer.wantsTransactions && peer.relaysTransactions))
        object.append("last_inv_sequence", .int(peer.isUp ? peer.relay.announcedSequence : 0))
        object.append("inv_to_send", .int(peer.relay.pending.count))
    }

    private func appendTraffic(of peer: Peer, at time: Instant, to object: inout JSONObject) {
        func seconds(_ instant: Instant?) -> JSON { .int((instant ?? .start).nanoseconds / 1_000_000_000) }
        object.append("lastsend", seconds(peer.traffic.lastSent))
        object.append("lastrecv", seconds(peer.traffic.lastReceived))
        object.append("last_transaction", seconds(peer.relay.lastTransaction))
        object.append("last_block", seconds(peer.lastBlock))
        object.append("bytessent", .int(peer.traffic.bytesSent))
        object.append("bytesrecv", .int(peer.traffic.bytesReceived))
        object.append("conntime", seconds(peer.opened))
        object.append("timeoffset", .int(peer.timeOffset))
        if let last = peer.ping.last, last > .zero { object.append("pingtime", .double(last.seconds)) }
        if let least = peer.ping.least { object.append("minping", .double(least.seconds)) }
        if peer.ping.nonce != 0, let started = peer.ping.started, time > started {
            object.append("pingwait", .double((time - started).seconds))
        }
        object.append("version", .int(peer.version))
        object.append("subver", .string(peer.userAgent))
        object.append("inbound", .bool(peer.isInbound))
        object.append("bip152_hb_to", .bool(peer.announcing.isHighBandwidth))
        object.append("bip152_hb_from", .bool(peer.announcing.wantsCompact))
    }

    private func appendChain(of peer: Peer, to object: inout JSONObject) {
        let presync = peer.headers.presync.flatMap { $0.phase == .measuring ? $0.height : nil }
        object.append("presynced_headers", .int(presync ?? -1))
        object.append("synced_headers", .int(peer.headers.best.map { chain.tree[$0].height } ?? -1))
        object.append("synced_blocks", .int(peer.headers.common.map { chain.tree[$0].height } ?? -1))
        object.append(
            "inflight", .array(peer.download.requests.map { .int(chain.tree[$0.block].height) }))
        object.append("addr_relay_enabled", .bool(peer.gossip.isOn))
        object.append("addr_processed", .int(peer.gossip.processed))
        object.append("addr_rate_limited", .int(peer.gossip.rateLimited))
        object.append("permissions", .array(peer.permissions.list.map { .string($0) }))
        object.append("minfeefilter", .amount(satoshi: peer.relay.feeFilter))
    }

    fileprivate func netTotals(at now: Instant) -> JSON {
        let received = peers.list.reduce(peers.pastReceived) { $0 + $1.traffic.bytesReceived }
        let sent = peers.list.reduce(peers.pastSent) { $0 + $1.traffic.bytesSent }
        return [
            "totalbytesrecv": .int(received), "totalbytessent": .int(sent),
            "timemillis": .int((clock.unixNanosecondsAtStart &+ now.nanoseconds) / 1_000_000),
            "uploadtarget": [
                "timeframe": 86_400, "target": 0, "target_reached": false, "serve_historical_blocks": true,
                "bytes_left_in_cycle": 0, "time_left_in_cycle": 0,
            ],
        ]
    }

    // MARK: Connections

    fileprivate mutating func addNode(_ arguments: RPCArguments, at now: Instant) throws(RPCError) -> JSON {
        let name = try arguments.string(0)
        let command = try arguments.string(1)
        guard ["onetry", "add", "remove"].contains(command) else { throw .misc(arguments.method.help) }
        guard !name.isEmpty else { throw .parameter("Error: Node address cannot be empty") }
        let wantsV2 = try arguments.optionalBool(2)
        if wantsV2 == true, !configuration.v2Transport {
            throw .parameter("Error: v2transport requested but not enabled (see -v2transport)")
        }
        let usesV2 = wantsV2 ?? configuration.v2Transport
        if command == "remove" {
            guard peers.dialing.remove(name: name) else {
                throw RPCError(
                    code: -24,
                    message: "Error: Node could not be removed. It has not been added previously.")
            }
            return .null
        }
        let endpoint = self.endpoint(name)
        if command == "add" {
            guard peers.dialing.add(endpoint, name: name, usesV2: usesV2) else {
                throw RPCError(code: -23, message: "Error: Node already added")
            }
        } else {
            // Who is connected already is left alone, as in Core.
            guard !peers.list.contains(where: { $0.address == endpoint.description }) else { return .null }
            _ = peers.dialing.tryOnce(endpoint, name: name, kind: .manual, usesV2: usesV2)
        }
        return .null
    }

    fileprivate mutating func addConnection(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        guard configuration.network.name == "regtest" else {
            throw .misc("addconnection is for regression testing (-regtest mode) only.")
        }
        let name = try arguments.string(0)
        let type = try arguments.string(1)
        let kinds: [Peer.Kind] = [.outboundFullRelay, .blockRelayOnly, .addressFetch, .feeler]
        guard let kind = kinds.first(where: { $0.rawValue == type }) else {
            throw .parameter(arguments.method.help)
        }
        let usesV2 = try arguments.optionalBool(2) ?? false
        if usesV2, !configuration.v2Transport {
            throw .parameter(
                "Error: Adding v2transport connections requires -v2transport init flag to be set.")
        }
        let endpoint = self.endpoint(name)
        guard mayOpen(kind), peers.dialing.tryOnce(endpoint, name: name, kind: kind, usesV2: usesV2) else {
            throw RPCError(
                code: -34, message: "Error: Already at capacity for specified connection type.")
        }
        return ["address": .string(name), "connection_type": .string(type)]
    }

    /// Whether one more connection of this type fits: eight full ones, two for blocks only, eleven in all (Core).
    private func mayOpen(_ kind: Peer.Kind) -> Bool {
        let full = min(configuration.maxConnections, ChainLimits.peerFullRelay)
        let blocks = min(configuration.maxConnections - full, ChainLimits.peerBlockRelayOnly)
        let open = peers.list.count { $0.kind == kind && $0.closing == nil }
        if kind == .outboundFullRelay, open >= full { return false }
        if kind == .blockRelayOnly, open >= blocks { return false }
        return peers.list.count { !$0.isInbound && $0.kind != .manual && $0.closing == nil }
            < ChainLimits.peerOutbound
    }

    /// Host and port; the network's own port where none is given.
    private func endpoint(_ name: String) -> Endpoint {
        if NetworkAddress(name) == nil, let endpoint = Endpoint(name) { return endpoint }
        var host = name
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return Endpoint(host: host, port: configuration.network.peerPort)
    }

    fileprivate mutating func disconnectNode(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        let address = try arguments.optionalString(0) ?? ""
        let number = try arguments.optionalInt(1)
        guard address.isEmpty != (number == nil) else {
            throw RPCError(code: -32602, message: "Only one of address and nodeid should be provided.")
        }
        var places: [Int] = []
        if let number {
            places = peers.list.indices.filter { peers.list[$0].number == Int(clamping: number) }
        } else if let subnet = Subnet(address), NetworkAddress(address) == nil {
            places = peers.list.indices.filter {
                peers.list[$0].networkAddress.map { subnet.contains($0) } ?? false
            }
        } else {
            places = peers.list.indices.filter { peers.list[$0].address == address }
        }
        guard !places.isEmpty else {
            throw RPCError(code: -29, message: "Node not found in connected nodes")
        }
        for place in places { peers.drop(place, "disconnected by the operator") }
        return .null
    }

    fileprivate func addedNodeInfo(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        var added = peers.dialing.added.map(\.name)
        if let name = try arguments.optionalString(0) {
            guard added.contains(name) else {
                throw RPCError(code: -24, message: "Error: Node has not been added.")
            }
            added = [name]
        }
        return .array(
            added.map { name in
                let endpoint = self.endpoint(name)
                let peer = peers.list.first { $0.address == endpoint.description }
                let addresses: [JSON] =
                    peer.map {
                        [
                            [
                                "address": .string($0.address),
                                "connected": .string($0.isInbound ? "inbound" : "outbound"),
                            ]
                        ]
                    } ?? []
                return [
                    "addednode": .string(name), "connected": .bool(peer != nil),
                    "addresses": .array(addresses),
                ]
            })
    }

    fileprivate mutating func setNetworkActive(
        _ arguments: RPCArguments, at now: Instant
    ) throws(RPCError) -> JSON {
        guard let isActive = try arguments.optionalBool(0) else { throw .misc(arguments.method.help) }
        if peers.isNetworkActive != isActive {
            peers.isNetworkActive = isActive
            if isActive {
                peers.dialing.wake(at: now)
            } else {
                for index in peers.list.indices { peers.drop(index, "network is off") }
            }
        }
        return .bool(isActive)
    }

    fileprivate mutating func blockFromPeer(
        _ arguments: RPCArguments, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let hash = try hash(arguments, 0)
        let number = try arguments.int(1)
        guard let block = chain.tree.id(of: hash) else { throw .misc("Block header missing") }
        if chain.options.pruning != .off, chain.tree[block].height > chain.height {
            throw .misc(
                "In prune mode, only blocks that the node has already synced previously can be fetched from a peer"
            )
        }
        if chain.tree[block].hasBody { throw .misc("Block already downloaded") }
        guard let index = peers.index(number: Int(clamping: number)) else {
            throw .misc("Peer does not exist")
        }
        guard peers.list[index].hasWitnesses else { throw .misc("Pre-SegWit peer") }
        let time = peerTime(now)
        unmarkRequested(block, at: time)
        guard markRequested(block, from: index, at: time) else {
            throw .misc("Already requested from this peer")
        }
        ask(index, for: [block], .blockWithWitness, at: time, into: &effects)
        return [:]
    }

    fileprivate mutating func sendMessage(
        _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let number = try call.int(0)
        let name = try call.string(1)
        guard name.utf8.count <= 12 else { throw .parameter("Error: msg_type too long, max length is 12") }
        guard let bytes = [UInt8](hex: try call.string(2)) else {
            throw .parameter("Error parsing input for msg")
        }
        guard let index = peers.index(number: Int(clamping: number)) else {
            throw .misc("Error: Could not send message to peer")
        }
        peers.say(name, to: index, at: peerTime(call.now), into: &effects) { $0.write(bytes) }
        return [:]
    }

    // MARK: Bans

    fileprivate mutating func setBan(_ arguments: RPCArguments, at now: Instant) throws(RPCError) -> JSON {
        let text = try arguments.string(0)
        let command = try arguments.string(1)
        guard command == "add" || command == "remove" else { throw .misc(arguments.method.help) }
        guard let subnet = Subnet(text) else {
            throw RPCError(code: -30, message: "Error: Invalid IP/Subnet")
        }
        let seconds = peerTime(now).nanoseconds / 1_000_000_000
        if command == "remove" {
            guard peers.bans.unban(subnet) else {
                throw RPCError(
                    code: -30,
                    message:
                        "Error: Unban failed. Requested address/subnet was not previously manually banned.")
            }
            return .null
        }
        let isSingle = !text.contains("/")
        let isBanned =
            isSingle
            ? peers.bans.isBanned(subnet.address, at: seconds) : peers.bans.isBanned(subnet, at: seconds)
        if isBanned { throw RPCError(code: -23, message: "Error: IP/Subnet already banned") }
        let length = try arguments.optionalInt(2) ?? 0
        let isAbsolute = try arguments.optionalBool(3) ?? false
        if isAbsolute, length < Int64(seconds) {
            throw .parameter("Error: Absolute timestamp is in the past")
        }
        let until =
            isAbsolute && length > 0
            ? UInt64(length) : seconds + (length > 0 ? UInt64(length) : configuration.banTime)
        peers.bans.ban(subnet, created: seconds, until: until)
        for index in peers.list.indices {
            if let address = peers.list[index].networkAddress, subnet.contains(address) {
                peers.drop(index, "banned")
            }
        }
        return .null
    }

    fileprivate mutating func listBanned(at now: Instant) -> JSON {
        let seconds = peerTime(now).nanoseconds / 1_000_000_000
        peers.bans.sweep(at: seconds)
        let bans = peers.bans.bans.sorted {
            ($0.subnet.address, $0.subnet.bits) < ($1.subnet.address, $1.subnet.bits)
        }
        return .array(
            bans.map { ban in
                [
                    "address": .string(ban.subnet.description), "ban_created": .int(ban.created),
                    "banned_until": .int(ban.until), "ban_duration": .int(ban.until - ban.created),
                    "time_remaining": .int(ban.until - seconds),
                ]
            })
    }

    // MARK: Known addresses

    fileprivate mutating func nodeAddresses(
        _ arguments: RPCArguments, at now: Instant
    ) throws(RPCError) -> JSON {
        let count = try arguments.optionalInt(0) ?? 1
        guard count >= 0 else { throw .parameter("Address count out of range") }
        let name = try arguments.optionalString(1)
        if let name, !["ipv4", "ipv6", "onion", "i2p", "cjdns"].contains(name) {
            throw .parameter("Network not recognized: \(name)")
        }
        let all = peers.book.sample(.max, percent: 100, at: peerTime(now), random: &peers.random)
        let fitting = all.filter { name == nil || $0.address.network.name == name }
        return .array(
            fitting.prefix(count == 0 ? .max : Int(clamping: count)).map { record in
                [
                    "time": .int(record.time), "services": .int(record.services),
                    "address": .string(record.address.description), "port": .int(record.port),
                    "network": .string(record.address.network.name),
                ]
            })
    }

    fileprivate mutating func addPeerAddress(
        _ arguments: RPCArguments, at now: Instant
    ) throws(RPCError) -> JSON {
        guard let address = NetworkAddress(try arguments.string(0)) else {
            throw RPCError(code: -30, message: "Invalid IP address")
        }
        guard let port = UInt16(exactly: try arguments.int(1)) else {
            throw .type("JSON integer out of range")
        }
        let isTried = try arguments.optionalBool(2) ?? false
        let record = AddressRecord(
            address: address, port: port, services: PeerServices.network | PeerServices.witness,
            time: unixTime(at: now))
        if peers.book.insert(record, from: address, tried: isTried, random: &peers.random) {
            return ["success": true]
        }
        return ["error": "failed-adding-to-new", "success": false]
    }

    fileprivate func addressBookInfo() -> JSON {
        var object = JSONObject()
        for name in ["ipv4", "ipv6", "onion", "i2p", "cjdns", "all_networks"] {
            let entries = peers.book.entries.filter {
                name == "all_networks" || $0.record.address.network.name == name
            }
            let tried = entries.count { $0.isTried }
            object.append(
                name,
                [
                    "new": .int(entries.count - tried), "tried": .int(tried), "total": .int(entries.count),
                ])
        }
        return .object(object)
    }
}
