import Bitcoin
import JSONText
import SansIO

extension NodeMachine {
    /// One method, by the room of the house it belongs to.
    mutating func perform(
        _ method: RPCMethod, _ arguments: RPCArguments, wallet: String?, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        switch method {
        case .getbestblockhash, .getblock, .getblockchaininfo, .getblockcount, .getblockhash, .getblockheader,
            .getchaintips, .getdifficulty, .gettxout:
            return try blockchainMethod(method, arguments, at: now)
        case .getmempoolentry, .getmempoolinfo, .getrawmempool: return try mempoolMethod(method, arguments)
        case .invalidateblock, .preciousblock, .reconsiderblock:
            return try steeringMethod(method, arguments, at: now, into: &effects)
        case .generateblock, .generatetoaddress, .generatetodescriptor:
            return try generatingMethod(method, arguments, at: now, into: &effects)
        case .getblocktemplate, .getmininginfo, .getnetworkhashps, .submitblock, .submitheader:
            return try miningMethod(method, arguments, at: now, into: &effects)
        case .decoderawtransaction, .getrawtransaction, .sendrawtransaction, .testmempoolaccept:
            return try transactionMethod(method, arguments, at: now, into: &effects)
        case .getconnectioncount, .getnetworkinfo, .getpeerinfo: return networkMethod(method)
        case .help, .stop, .uptime, .setmocktime, .estimatesmartfee, .validateaddress:
            return try controlMethod(method, arguments, at: now, into: &effects)
        case .createwallet, .getaddressinfo, .getbalance, .getbalances, .getnewaddress, .getrawchangeaddress,
            .getwalletinfo, .listunspent, .listwallets, .loadwallet, .sendtoaddress, .unloadwallet:
            return try walletMethod(method, arguments, wallet: wallet, at: now, into: &effects)
        }
    }

    // MARK: Control and utilities

    private mutating func controlMethod(
        _ method: RPCMethod, _ arguments: RPCArguments, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        switch method {
        case .stop:
            effects.observe(.stopRequested)
            return "Bitcoin Core stopping"
        case .uptime: return .int(now.nanoseconds / 1_000_000_000)
        case .setmocktime:
            let time = try arguments.int(0)
            guard (0...Int64(UInt32.max)).contains(time) else {
                throw .parameter("Mocktime must be in the range [0, 4294967295], not \(time).")
            }
            mockTime = time == 0 ? nil : UInt32(time)
            return .null
        case .estimatesmartfee:
            let blocks = try arguments.int(0)
            guard (1...1_008).contains(blocks) else {
                throw .parameter("Invalid conf_target, must be between 1 and 1008")
            }
            return ["errors": ["Insufficient data or no feerate found"], "blocks": 0]
        case .validateaddress: return validate(try arguments.string(0))
        default:
            guard let name = try arguments.optionalString(0), !name.isEmpty else {
                return .string(RPCMethod.overview)
            }
            return .string(RPCMethod(rawValue: name)?.help ?? "help: unknown command: \(name)")
        }
    }

    private func validate(_ text: String) -> JSON {
        guard let address = Address(text, network: configuration.network.addressNetwork) else {
            let isBech32 = ["bc1", "tb1", "bcrt1"].contains { text.lowercased().hasPrefix($0) }
            return [
                "isvalid": false, "error_locations": [],
                "error": isBech32
                    ? "Invalid or unsupported Segwit (Bech32) or Base58 encoding."
                    : "Invalid checksum or length of Base58 address (P2PKH or P2SH)",
            ]
        }
        var object: JSONObject = ["isvalid": true, "address": .string(address.text)]
        for (key, value) in describe(address.scriptPubKey) { object.append(key, value) }
        return .object(object)
    }

    /// What validateaddress and getaddressinfo say about a script.
    func describe(_ script: Script) -> [(String, JSON)] {
        let kind = script.kind
        let program = script.witnessProgram
        let isScript =
            kind == .scriptHash || kind == .witnessV0ScriptHash || kind == .witnessV1Taproot
            || script.bytes == Policy.payToAnchor
        var list: [(String, JSON)] = [
            ("scriptPubKey", .string(script.hex)), ("isscript", .bool(isScript)),
            ("iswitness", .bool(program != nil)),
        ]
        if let program, script.bytes != Policy.payToAnchor {
            list.append(("witness_version", .int(program.version)))
            list.append(("witness_program", .string(Array(program.program).hex)))
        }
        return list
    }

    // MARK: Network

    private func networkMethod(_ method: RPCMethod) -> JSON {
        switch method {
        case .getconnectioncount: return .int(peers.count)
        case .getpeerinfo: return peers.json
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

    // MARK: Arguments that many methods take

    /// 64 hex digits, with Core's words when they are not.
    func hash(_ arguments: RPCArguments, _ index: Int) throws(RPCError) -> Hash256 {
        try hash(try arguments.string(index), name: arguments.method.parameters[index].names[0])
    }

    func hash(_ text: String, name: String) throws(RPCError) -> Hash256 {
        guard text.utf8.count == 64 else {
            throw .parameter("\(name) must be of length 64 (not \(text.utf8.count), for '\(text)')")
        }
        guard let hash = Hash256(displayHex: text) else {
            throw .parameter("\(name) must be hexadecimal string (not '\(text)')")
        }
        return hash
    }

    func blockID(_ arguments: RPCArguments, _ index: Int) throws(RPCError) -> BlockID {
        guard let id = chain.tree.id(of: try hash(arguments, index)) else {
            throw .notFound("Block not found")
        }
        return id
    }

    func address(_ text: String, or message: String) throws(RPCError) -> Script {
        guard let address = Address(text, network: configuration.network.addressNetwork) else {
            throw .notFound(message)
        }
        return address.scriptPubKey
    }

    func transaction(_ text: String, or message: String) throws(RPCError) -> Transaction {
        guard let bytes = [UInt8](hex: text) else { throw .decode(message) }
        // A transaction without inputs looks like a witness marker, so both readings are tried.
        if let transaction = try? Transaction(bytes: bytes) { return transaction }
        if let transaction = try? Transaction(bytes: bytes, witness: false) { return transaction }
        throw .decode(message)
    }
}
