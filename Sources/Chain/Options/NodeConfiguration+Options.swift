import Bitcoin
public import SansIO

extension NodeConfiguration {
    /// Takes what bitcoind's options say about the node itself. Files, addresses and processes are the driver's.
    public mutating func apply(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        rpc = try RPCSettings(options, on: name)
        if let time = options.number("mocktime", on: name), time > 0 {
            guard let time = UInt32(exactly: time) else {
                throw OptionError("-mocktime=\(time) is out of range")
            }
            mockTime = time
        }
        try applyUserAgent(options.list("uacomment", on: name))
        if let rate = try options.amount("fallbackfee", on: name) { walletFeeRate = rate }
        applyCredentials(options, on: name)
        if let text = options.text("minimumchainwork", on: name) {
            guard let work = Self.hexNumber(text) else {
                throw OptionError(
                    "Invalid minimum work specified (\(text)), must be up to 64 hex digits")
            }
            minimumChainWork = work
        }
        chain = ChainOptions(
            transactionIndex: options.flag("txindex", on: name, default: false),
            addressIndex: options.flag("addressindex", on: name, default: false))
        try applyPruning(options, on: name)
        indexes.coinStatistics = options.flag("coinstatsindex", on: name, default: false)
        indexes.spenders = options.flag("txospenderindex", on: name, default: false)
        indexes.blockFilters = try Self.filterIndex(options, on: name)
        chain.spenderIndex = indexes.spenders
        chain.filterIndex = indexes.blockFilters
        try applyPeers(options, on: name)
        try applyPool(options, on: name)
        walletRejectsLongChains = options.flag("walletrejectlongchains", on: name, default: true)
        if let text = options.text("addresstype", on: name) {
            guard let type = AddressType(rawValue: text) else {
                throw OptionError("Unknown address type '\(text)'")
            }
            addressType = type
        }
        if let text = options.text("changetype", on: name), !text.isEmpty {
            guard let type = AddressType(rawValue: text) else {
                throw OptionError("Unknown change type '\(text)'")
            }
            changeType = type
        }
        if let scripts = options.number("keypool", on: name) {
            keypool = Int(min(max(scripts, 1), Int64(ChainLimits.keypool)))
        }
        templates = try TemplateOptions(options, on: name)
        hasWallets = !options.flag("disablewallet", on: name, default: false)
        if let height = options.number("stopatheight", on: name), height > 0 {
            stopHeight = Int(clamping: height)
        }
    }

    /// Up to 64 hexadecimal digits, with or without `0x`.
    private static func hexNumber(_ text: String) -> UInt256? {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard (1...64).contains(digits.utf8.count) else { return nil }
        var value = UInt256.zero
        for character in digits {
            guard let digit = character.hexDigitValue else { return nil }
            value = (value << 4) + UInt256(UInt64(digit))
        }
        return value
    }

    private mutating func applyPruning(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        chain.pruneAfterHeight = name == "main" ? 100_000 : ChainLimits.pruneAfterHeight
        if name == "regtest", options.flag("fastprune", on: name, default: false) {
            chain.pruneAfterHeight = 100
        }
        let target = options.number("prune", on: name) ?? 0
        guard target >= 0 else { throw OptionError("Prune cannot be configured with a negative value.") }
        guard target > 0 else { return }
        for index in ["txindex", "txospenderindex", "addressindex"]
        where options.flag(index, on: name, default: false) {
            throw OptionError("Prune mode is incompatible with -\(index).")
        }
        if options.flag("reindex-chainstate", on: name, default: false) {
            throw OptionError(
                "Prune mode is incompatible with -reindex-chainstate. Use full -reindex instead.")
        }
        if target == 1 {
            chain.pruning = .manual
            return
        }
        guard target >= ChainLimits.pruneTargetMin else {
            throw OptionError(
                "Prune configured below the minimum of \(ChainLimits.pruneTargetMin) MiB.  "
                    + "Please use a higher number.")
        }
        chain.pruning = .automatic(bytes: Int(clamping: min(target, 1 << 40)) << 20)
    }

    private static func filterIndex(_ options: BitcoinOptions, on name: String) throws(OptionError) -> Bool {
        guard let value = options.list("blockfilterindex", on: name).last else { return false }
        guard ["", "0", "1", "basic"].contains(value) else {
            throw OptionError("Unknown -blockfilterindex value \(value).")
        }
        return value != "0"
    }

    private mutating func applyPeers(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        let given = options.list("connect", on: name)
        connect = try endpoints(given.filter { $0 != "0" }, option: "connect")
        addNodes = try endpoints(options.list("addnode", on: name), option: "addnode")
        if let count = options.number("maxconnections", on: name) {
            guard count >= 0 else { throw OptionError("-maxconnections must be greater or equal than zero") }
            maxConnections = Int(min(count, Int64(ChainLimits.peers)))
        }
        if let percent = options.number("inboundrelaypercent", on: name) {
            inboundRelayPercent = Int(min(max(percent, 0), 100))
        }
        let forces = options.flag("whitelistforcerelay", on: name, default: false)
        var implicit: PeerPermissions = [.noBan, .mempool]
        if options.flag("whitelistrelay", on: name, default: true) || forces { implicit.formUnion(.relay) }
        if forces { implicit.formUnion(.forceRelay) }
        for text in options.list("whitelist", on: name) {
            whitelist.append(try PeerWhitelistEntry(text, implicit: implicit))
        }
        for text in options.list("whitebind", on: name) {
            whitebinds.append(try PeerWhitebindEntry(text, implicit: implicit))
        }
        if let seconds = options.number("peertimeout", on: name) {
            guard seconds > 0 else { throw OptionError("peertimeout must be a positive integer.") }
            peerTimeout = .seconds(UInt64(min(seconds, 1_000_000_000)))
        }
        blocksOnly = options.flag("blocksonly", on: name, default: false)
        v2Transport = options.flag("v2transport", on: name, default: true)
        peerBlockFilters = options.flag("peerblockfilters", on: name, default: false)
        if peerBlockFilters, !indexes.blockFilters {
            throw OptionError("Cannot set -peerblockfilters without -blockfilterindex.")
        }
        networkActive = options.flag("networkactive", on: name, default: true)
        if let seconds = options.number("bantime", on: name), seconds > 0 { banTime = UInt64(seconds) }
        if let seconds = options.number("maxtipage", on: name) { maxTipAge = UInt32(clamping: seconds) }
    }

    private func endpoints(_ texts: [String], option: String) throws(OptionError) -> [Endpoint] {
        var list: [Endpoint] = []
        for text in texts {
            let isBare = Endpoint(text) == nil || (text.contains("::") && !text.hasPrefix("["))
            guard let endpoint = isBare ? Endpoint("\(text):\(network.peerPort)") : Endpoint(text) else {
                throw OptionError("Invalid address in -\(option): '\(text)'")
            }
            list.append(endpoint)
        }
        return list
    }

    private mutating func applyPool(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        if let megabytes = options.number("maxmempool", on: name) {
            mempool.bytesMax = Int(
                clamping: max(megabytes, 0).multipliedReportingOverflow(by: 1_000_000).partialValue)
        } else if blocksOnly {
            mempool.bytesMax = 5_000_000
        }
        if let hours = options.number("mempoolexpiry", on: name) {
            mempool.expiry = .init(clamping: hours * 3_600)
        }
        if let rate = try options.amount("incrementalrelayfee", on: name) {
            mempool.incrementalFeeRate = rate
        }
        if let rate = try options.amount("minrelaytxfee", on: name) {
            mempool.relayFeeRate = rate
        } else {
            mempool.relayFeeRate = max(mempool.relayFeeRate, mempool.incrementalFeeRate)
        }
        if let rate = try options.amount("dustrelayfee", on: name) { mempool.dustFeeRate = rate }
        mempool.requiresStandard = !options.flag("acceptnonstdtxn", on: name, default: false)
        if let size = options.number("datacarriersize", on: name) {
            mempool.dataCarrierMax = Int(clamping: size)
        }
        if !options.flag("datacarrier", on: name, default: true) { mempool.dataCarrierMax = 0 }
        if let bytes = options.number("bytespersigop", on: name) {
            mempool.bytesPerSigOp = Int(clamping: min(max(bytes, 0), 1_000_000))
        }
        mempool.permitsBareMultisig = options.flag("permitbaremultisig", on: name, default: true)
        if let count = options.number("limitclustercount", on: name) {
            mempool.clusterCountMax = Int(clamping: min(count, 64))
        }
        if let size = options.number("limitclustersize", on: name) {
            mempool.clusterSizeMax = Int(clamping: min(size, 1_000_000)) * 1_000
        }
    }

    private mutating func applyCredentials(_ options: BitcoinOptions, on name: String) {
        rpcCredentials = nil
        guard let password = options.text("rpcpassword", on: name), !password.isEmpty else { return }
        rpcCredentials = "\(options.text("rpcuser", on: name) ?? ""):\(password)"
    }

    private mutating func applyUserAgent(_ comments: [String]) throws(OptionError) {
        let safe = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;-_?@")
        for comment in comments where !comment.allSatisfy(safe.contains) {
            throw OptionError("User Agent comment (\(comment)) contains unsafe characters.")
        }
        guard !comments.isEmpty else { return }
        userAgentComments = comments
        let length = "/Satoshi:31.0.0(\(comments.joined(separator: "; ")))/".utf8.count
        guard length <= 256 else {
            throw OptionError(
                "Total length of network version string (\(length)) exceeds maximum length (256). "
                    + "Reduce the number or size of uacomments.")
        }
    }
}

extension TemplateOptions {
    init(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        self.init()
        if let rate = try options.amount("blockmintxfee", on: name) { feeRateMin = rate }
        if name == "regtest", let number = options.number("blockversion", on: name) {
            version = UInt32(truncatingIfNeeded: number)
        }
        if let weight = options.number("blockreservedweight", on: name) {
            guard weight >= ChainLimits.reservedWeightMin else {
                throw OptionError(
                    "-blockreservedweight (\(weight)) is lower than minimum safety value of "
                        + "(\(ChainLimits.reservedWeightMin))")
            }
            guard weight <= ChainLimits.blockWeight else {
                throw OptionError(
                    "-blockreservedweight (\(weight)) exceeds consensus maximum block weight "
                        + "(\(ChainLimits.blockWeight))")
            }
            reservedWeight = Int(weight)
        }
        if let weight = options.number("blockmaxweight", on: name) {
            guard weight <= ChainLimits.blockWeight, weight >= 0 else {
                throw OptionError(
                    "-blockmaxweight (\(weight)) exceeds consensus maximum block weight "
                        + "(\(ChainLimits.blockWeight))")
            }
            weightMax = Int(weight)
        }
        guard reservedWeight <= weightMax else {
            throw OptionError(
                "-blockreservedweight (\(reservedWeight)) exceeds -blockmaxweight (\(weightMax))")
        }
    }
}

extension RPCSettings {
    init(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        self.init()
        for text in options.list("rpcauth", on: name) {
            guard let user = User(text) else {
                throw OptionError("Unable to start HTTP server. See debug log for details.")
            }
            users.append(user)
        }
        let lists = options.list("rpcwhitelist", on: name)
        for text in lists { addWhitelist(text) }
        refusesUnlisted = options.flag("rpcwhitelistdefault", on: name, default: !lists.isEmpty)
        for text in options.list("rpcallowip", on: name) {
            // A single IPv6 address may stand in brackets, as in other options.
            let plain =
                text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
            guard let subnet = Subnet(plain) else {
                throw OptionError(
                    "Invalid -rpcallowip subnet specification: \(text). Valid values are a single IP "
                        + "(e.g. 1.2.3.4), a network/netmask (e.g. 1.2.3.4/255.255.255.0), a network/CIDR "
                        + "(e.g. 1.2.3.4/24), all ipv4 (0.0.0.0/0), or all ipv6 (::/0). RFC4193 is allowed only "
                        + "if -cjdnsreachable=0.")
            }
            allowed.append(subnet)
        }
        let threads = max(options.number("rpcthreads", on: name) ?? 16, 1)
        let queue = max(options.number("rpcworkqueue", on: name) ?? 64, 1)
        callsHeldMax = Int(clamping: min(threads, 1_000_000) + min(queue, 1_000_000))
        let timeout = options.number("rpcservertimeout", on: name) ?? 30
        serverTimeout = timeout > 0 ? .seconds(UInt64(min(timeout, 1_000_000_000))) : nil
        servesREST = options.flag("rest", on: name, default: false)
        var addresses: [String] = []
        for topic in PublisherSettings.Topic.allCases {
            for address in options.list("zmqpub\(topic.rawValue)", on: name) {
                // Core notes in its log what it cannot bind to, and goes on without it.
                guard Self.publisherEndpoint(address) != nil else { continue }
                if !addresses.contains(address) { addresses.append(address) }
                guard let place = addresses.firstIndex(of: address), place < 64 else {
                    throw OptionError("More than 64 ZMQ addresses")
                }
                let mark = options.number("zmqpub\(topic.rawValue)hwm", on: name) ?? 1_000
                publishers.append(
                    PublisherSettings(
                        topic: topic, address: address, listener: .publisher(UInt8(place)),
                        highWaterMark: Int(clamping: mark)))
            }
        }
        deprecated = options.list("deprecatedrpc", on: name)
        logCategories = options.list("debug", on: name).filter { $0 != "0" && $0 != "none" }
        for category in logCategories
        where !LogCategories.isAll(category) && !LogCategories.all.contains(category) {
            throw OptionError("Unsupported logging category -debug=\(category).")
        }
    }

    /// Where each of the publishers' addresses listens.
    public func publisherEndpoints() -> [(ListenerID, Endpoint)] {
        var list: [(ListenerID, Endpoint)] = []
        for publisher in publishers where !list.contains(where: { $0.0 == publisher.listener }) {
            guard let endpoint = Self.publisherEndpoint(publisher.address) else { continue }
            list.append((publisher.listener, endpoint))
        }
        return list
    }

    /// `tcp://host:port`, or `*` for every address; nil for other kinds of addresses, which nobody serves here.
    private static func publisherEndpoint(_ address: String) -> Endpoint? {
        guard address.hasPrefix("tcp://") else { return nil }
        let place = String(address.dropFirst(6))
        return Endpoint(place.first == "*" ? "0.0.0.0" + place.dropFirst() : place)
    }
}

extension BitcoinOptions {
    /// An amount of bitcoin in satoshi.
    public func amount(_ name: String, on network: String) throws(OptionError) -> Int64? {
        guard let text = text(name, on: network) else { return isNegated(name, on: network) ? 0 : nil }
        guard let satoshi = RPCArguments.satoshi(text), satoshi >= 0 else {
            throw OptionError("Invalid amount for -\(name)=<amount>: '\(text)'")
        }
        return satoshi
    }
}
