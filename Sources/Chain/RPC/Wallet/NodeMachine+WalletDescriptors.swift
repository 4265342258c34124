import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let walletDescriptors: [RPCMethod] = [
        RPCMethod(wallet: "abortrescan", "", "Stops a rescan; there is none between two calls.") {
            _, _, _, _ throws(RPCError) in false
        },
        RPCMethod(
            wallet: "createwalletdescriptor", "type:str options:obj(internal:bool,hdkey:str)?",
            "Adds the wallet's own descriptors of an address type."
        ) { node, wallet, call, _ throws(RPCError) in try node.createDescriptors(wallet, call) },
        RPCMethod(
            wallet: "derivehdkey", "path:str options:obj(private:bool,hdkey:str)?",
            "A key below one of the wallet's own."
        ) { node, wallet, call, _ throws(RPCError) in try node.deriveKey(wallet, call) },
        RPCMethod(
            wallet: "gethdkeys", "options:obj(active_only:bool,private:bool)?",
            "The extended keys of the wallet's descriptors."
        ) { node, wallet, call, _ throws(RPCError) in try node.hdKeys(wallet, call) },
        RPCMethod(
            wallet: "importdescriptors", "requests:arr", "Imports descriptors and looks for their coins."
        ) {
            node, wallet, call, _ throws(RPCError) in try node.importDescriptors(wallet, call)
        },
        RPCMethod(wallet: "listdescriptors", "private:bool?", "The wallet's descriptors.") {
            node, wallet, call, _ throws(RPCError) in try node.listDescriptors(wallet, call)
        },
        RPCMethod(
            wallet: "rescanblockchain", "start_height:num? stop_height:num?",
            "Looks for the wallet's transactions in blocks again."
        ) { node, wallet, call, _ throws(RPCError) in try node.rescanBlockchain(wallet, call) },
    ]
}

extension NodeMachine {
    // MARK: Listing

    fileprivate func listDescriptors(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let isPrivate = try call.optionalBool(0) ?? false
        let own = wallets.wallets[wallet]
        if isPrivate {
            guard own.hasPrivateKeys else {
                throw .wallet("Can't get private descriptor string for watch-only wallets")
            }
            try requireUnlocked(wallet)
        }
        var rows: [(text: String, entry: WalletDescriptor)] = []
        for entry in own.descriptors {
            let secret = isPrivate ? entry.privateDescriptor : nil
            rows.append((secret?.text(isPrivate: true) ?? entry.watch.text(), entry))
        }
        rows.sort { $0.text < $1.text }
        let list = rows.map { text, entry -> JSON in
            var object: JSONObject = [
                "desc": .string(text), "timestamp": .int(entry.timestamp), "active": .bool(entry.isActive),
            ]
            if entry.isActive { object.append("internal", .bool(entry.isInternal)) }
            if entry.isRanged {
                object.append(
                    "range", [.int(entry.rangeStart), .int(max(entry.rangeStart, entry.rangeEnd &- 1))])
                object.append("next", .int(entry.next))
                object.append("next_index", .int(entry.next))
            }
            return .object(object)
        }
        return ["wallet_name": .string(own.name), "descriptors": .array(list)]
    }

    fileprivate func hdKeys(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let options = WalletOptions(call[0]?.objectValue)
        let isPrivate = try options.bool("private", default: false)
        if isPrivate { try requireUnlocked(wallet) }
        let activeOnly = try options.bool("active_only", default: false)
        let network = configuration.network.addressNetwork
        var rows: [(key: ExtendedKey, descriptors: [JSON])] = []
        for entry in wallets.wallets[wallet].descriptors where entry.isActive || !activeOnly {
            for extended in entry.masterKeys {
                let row: JSON = ["desc": .string(entry.watch.text()), "active": .bool(entry.isActive)]
                if let at = rows.firstIndex(where: { $0.key.neutered == extended.neutered }) {
                    rows[at].descriptors.append(row)
                } else {
                    rows.append((extended, [row]))
                }
            }
        }
        return .array(
            rows.map { key, descriptors in
                var object: JSONObject = [
                    "xpub": .string(key.neutered.text(network: network)),
                    "has_private": .bool(key.isPrivate || keeps(key, wallet)),
                ]
                if isPrivate, key.isPrivate { object.append("xprv", .string(key.text(network: network))) }
                object.append("descriptors", .array(descriptors))
                return .object(object)
            })
    }

    /// Whether the private key lies sealed in the wallet.
    private func keeps(_ key: ExtendedKey, _ wallet: Int) -> Bool {
        wallets.wallets[wallet].descriptors.contains { entry in
            if case .sealed = entry.secrets { return entry.roots.contains(key.neutered) }
            return false
        }
    }

    /// `derivehdkey`: a key below one of the wallet's master keys.
    fileprivate func deriveKey(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let own = wallets.wallets[wallet]
        guard own.hasPrivateKeys else {
            throw .wallet("derivehdkey is not available for watch-only wallets")
        }
        let text = try call.string(0)
        var steps = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if steps.first == "m" { steps.removeFirst() }
        var path: [UInt32] = []
        for step in steps {
            let isHardened = step.hasSuffix("h") || step.hasSuffix("'")
            guard let number = UInt32(isHardened ? String(step.dropLast()) : step), number < 1 << 31 else {
                throw .parameter("Invalid BIP32 keypath: \(text)")
            }
            path.append(number | (isHardened ? ExtendedKey.hardened : 0))
        }
        guard path.contains(where: { $0 & ExtendedKey.hardened != 0 }) else {
            throw .parameter("Derivation path requires at least one hardened step")
        }
        try requireUnlocked(wallet)
        let network = configuration.network.addressNetwork
        var masters: [ExtendedKey] = []
        for entry in own.descriptors where entry.isActive {
            for key in entry.masterKeys where !masters.contains(where: { $0.neutered == key.neutered }) {
                masters.append(key)
            }
        }
        let options = WalletOptions(call[1]?.objectValue)
        if let wanted = options["hdkey"]?.stringValue {
            guard let key = ExtendedKey(wanted, network: network), !key.isPrivate else {
                throw .notFound("Unable to parse HD key. Please provide a valid xpub")
            }
            masters = masters.filter { $0.neutered == key }
            guard !masters.isEmpty else {
                throw .notFound("HD key is not used by an active or unused(KEY) descriptor")
            }
        }
        guard let master = masters.first else {
            throw .notFound("No active or unused(KEY) descriptor found")
        }
        guard masters.count == 1 else {
            throw .notFound(
                "Unable to determine which HD key to use from active descriptors. Please specify with 'hdkey'"
            )
        }
        guard master.isPrivate else {
            throw .notFound("Private key for \(master.text(network: network)) is not known")
        }
        guard let child = master.descendant(path) else {
            throw .parameter("Unable to derive HD key at the requested path")
        }
        let origin = KeyExpression.Origin(fingerprint: master.fingerprint, path: path)
        var object: JSONObject = [
            "origin": .string("[\(origin.text())]"), "xpub": .string(child.neutered.text(network: network)),
        ]
        if try options.bool("private", default: false) {
            object.append("xprv", .string(child.text(network: network)))
        }
        return .object(object)
    }

    // MARK: Adding

    fileprivate mutating func createDescriptors(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON
    {
        let name = try call.string(0)
        guard let type = AddressType(rawValue: name) else {
            throw .notFound("Unknown address type '\(name)'")
        }
        try requirePrivateKeys(wallet)
        try requireUnlocked(wallet)
        let options = WalletOptions(call[1]?.objectValue)
        let network = configuration.network.addressNetwork
        var master: ExtendedKey?
        for entry in wallets.wallets[wallet].descriptors where entry.isActive {
            for key in entry.privateDescriptor?.keys ?? [] {
                guard case .extended(let extended) = key.root, extended.isPrivate else { continue }
                if let wanted = options["hdkey"]?.stringValue,
                    extended.neutered.text(network: network) != wanted
                {
                    continue
                }
                if let master, master != extended {
                    throw .notFound(
                        "Unable to determine which HD key to use from active descriptors. "
                            + "Please specify with 'hdkey'")
                }
                master = extended
            }
        }
        guard let master else {
            if let wanted = options["hdkey"]?.stringValue {
                guard let key = ExtendedKey(wanted, network: network), !key.isPrivate else {
                    throw .notFound("Unable to parse HD key. Please provide a valid xpub")
                }
                throw .notFound("Private key for \(wanted) is not known")
            }
            throw .notFound(
                "Unable to determine which HD key to use from active descriptors. "
                    + "Please specify with 'hdkey'")
        }
        var made: [JSON] = []
        var branches = [false, true]
        if let isInternal = options["internal"]?.boolValue { branches = [isInternal] }
        for isInternal in branches {
            var key = KeyExpression(root: .extended(master))
            let coin: UInt32 = network == .mainnet ? 0 : 1
            key.path = [type.purpose, coin, 0].map { $0 | ExtendedKey.hardened } + [isInternal ? 1 : 0]
            key.wildcard = .normal
            let secret = OutputDescriptor(type.expression(key), network: network)
            guard let watch = secret.normalized else { continue }
            if wallets.wallets[wallet].descriptors.contains(where: { $0.watch == watch }) {
                throw .wallet("Descriptor already exists")
            }
            wallets.add(
                WalletDescriptor(
                    watch: watch, secrets: .plain(secret), timestamp: unixTime(at: call.now), isActive: true,
                    isInternal: isInternal, range: 0..<UInt32(wallets.gap), next: 0), to: wallet)
            made.append(.string(watch.text()))
        }
        return ["descs": .array(made)]
    }

    fileprivate mutating func importDescriptors(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON
    {
        try requireUnlocked(wallet)
        let requests = try call.array(0) ?? []
        let tipTime = chain.tip.medianTime
        var earliest: UInt32?
        var answers: [JSON] = []
        for request in requests {
            let timestamp = try Self.timestamp(request["timestamp"], now: tipTime)
            var warnings: [JSON] = []
            var object = JSONObject()
            do throws(RPCError) {
                try importDescriptor(request, timestamp: timestamp, wallet, warnings: &warnings)
                try checkHistory(from: timestamp)
                object.append("success", true)
                earliest = min(earliest ?? timestamp, timestamp)
            } catch {
                object.append("success", false)
                object.append("error", error.json)
            }
            if !warnings.isEmpty { object.append("warnings", .array(warnings)) }
            answers.append(.object(object))
        }
        if let earliest {
            rescan(wallet, from: firstBlock(since: earliest), to: chain.height)
            lookIntoPool(wallet, at: call.now)
        }
        return .array(answers)
    }

    /// Height of the first block that may hold what happened since `time`: two hours of leeway, as block times are
    /// not exact.
    private func firstBlock(since time: UInt32) -> Int {
        let from = time > 7_200 ? time - 7_200 : 0
        for height in 1...max(1, chain.height) {
            if let entry = chain.entry(at: height), entry.header.time >= from { return height }
        }
        return chain.height + 1
    }

    /// Refuses a descriptor whose history lies in blocks that were forgotten; the descriptor itself stays, as in Core.
    private func checkHistory(from timestamp: UInt32) throws(RPCError) {
        guard let pruned = chain.pruneHeight, pruned >= firstBlock(since: timestamp),
            let time = chain.entry(at: pruned)?.header.time
        else { return }
        throw .misc(
            "Rescan failed for descriptor with timestamp \(timestamp). There was an error reading a block from time "
                + "\(time), which is after or within 7200 seconds of key creation, and could contain transactions "
                + "pertaining to the desc. As a result, transactions and coins using this desc may not appear in "
                + "the wallet. This error could be caused by pruning or data corruption (see bitcoind log for "
                + "details) and could be dealt with by downloading and rescanning the relevant blocks (see -reindex "
                + "option and rescanblockchain RPC).")
    }

    private static func timestamp(_ value: JSON?, now: UInt32) throws(RPCError) -> UInt32 {
        guard let value else { throw .type("Missing required timestamp field for key") }
        if value.stringValue == "now" { return now }
        guard case .number = value, let number = value.int64 else {
            throw .type(
                "Expected number or \"now\" timestamp value for key. got type \(value.typeName)")
        }
        return UInt32(clamping: max(1, number))
    }

    /// What an import asks for, checked.
    private struct Import {
        var isActive: Bool
        var isInternal: Bool?
        var label: String?
        var range: Range<UInt32>
        var next: UInt32
    }

    private mutating func importDescriptor(
        _ request: JSON, timestamp: UInt32, _ wallet: Int, warnings: inout [JSON]
    ) throws(RPCError) {
        guard let text = request["desc"]?.stringValue else { throw .parameter("Descriptor not found.") }
        if request["label"] != nil { _ = try Self.label(request["label"]) }
        let all = try descriptors(text, requiresChecksum: true)
        let asked = try check(request, all, warnings: &warnings)
        let own = wallets.wallets[wallet]
        let hasSecrets = all.contains(where: \.hasPrivateKeys)
        if !own.hasPrivateKeys, hasSecrets {
            throw .wallet("Cannot import private keys to a wallet with private keys disabled")
        }
        for (position, descriptor) in all.enumerated() {
            guard descriptor.isDerivable, let watch = descriptor.normalized else {
                throw .wallet(
                    "Cannot expand descriptor. Probably because of hardened derivations without private keys "
                        + "provided")
            }
            if own.hasPrivateKeys {
                guard hasSecrets else {
                    throw .wallet(
                        "Cannot import descriptor without private keys to a wallet with private keys enabled")
                }
                if !descriptor.keys.allSatisfy(\.isPrivate) {
                    warnings.append(
                        "Not all private keys provided. Some wallet functionality may return unexpected errors"
                    )
                }
                if own.encryption != nil, !watch.isDerivable {
                    throw .wallet(
                        "A hardened range cannot be kept in an encrypted wallet: its scripts need the private "
                            + "key")
                }
            }
            let isInternal = all.count == 2 ? position == 1 : asked.isInternal ?? false
            try add(
                watch, hasSecrets ? .plain(descriptor) : .none, asked, timestamp, isInternal, wallet,
                warnings: &warnings)
        }
    }

    private mutating func add(
        _ watch: OutputDescriptor, _ secrets: WalletDescriptor.Secrets, _ asked: Import, _ timestamp: UInt32,
        _ isInternal: Bool, _ wallet: Int, warnings: inout [JSON]
    ) throws(RPCError) {
        var isActive = asked.isActive
        if isActive, AddressType(watch.expression) == nil {
            warnings.append("Unknown output type, cannot set descriptor to active.")
            isActive = false
        }
        let number: Int
        if let known = wallets.wallets[wallet].descriptors.firstIndex(where: { $0.watch == watch }) {
            let entry = wallets.wallets[wallet].descriptors[known]
            guard asked.range.lowerBound <= entry.rangeStart, asked.range.upperBound >= entry.rangeEnd else {
                throw .wallet(
                    "Could not add descriptor '\(watch.text())': new range must include current range = "
                        + "[\(entry.rangeStart),\(max(entry.rangeEnd, 1) - 1)]")
            }
            number = known
            wallets.wallets[wallet].extend(known, to: asked.range.upperBound)
            wallets.wallets[wallet].descriptors[known].timestamp = min(entry.timestamp, timestamp)
            if isActive {
                for other in wallets.wallets[wallet].activate(known, isInternal: isInternal) {
                    wallets.markDescriptor(wallet, other)
                }
            } else {
                wallets.wallets[wallet].descriptors[known].isActive = false
            }
            wallets.markDescriptor(wallet, known)
        } else {
            guard wallets.wallets[wallet].descriptors.count < ChainLimits.walletDescriptors else {
                throw .wallet("A wallet holds at most \(ChainLimits.walletDescriptors) descriptors")
            }
            number = wallets.add(
                WalletDescriptor(
                    watch: watch, secrets: secrets, timestamp: timestamp, isActive: isActive,
                    isInternal: isInternal, range: asked.range, next: asked.next), to: wallet)
        }
        wallets.wallets[wallet].topUp(number, gap: wallets.gap)
        if case .none = secrets {} else { wallets.wallets[wallet].flags.remove(.isBlank) }
        wallets.markHeader(wallet)
        // Transactions that the wallet has may pay to the new scripts.
        for known in wallets.wallets[wallet].transactions.indices { wallets.wallets[wallet].register(known) }
        guard !isInternal, let script = wallets.wallets[wallet].descriptors[number].scripts(at: 0).first,
            !watch.isRanged, let address = wallets.wallets[wallet].address(script)
        else { return }
        wallets.setLabel(wallet, address, asked.label ?? "", purpose: "receive")
    }

    private func check(
        _ request: JSON, _ all: [OutputDescriptor], warnings: inout [JSON]
    ) throws(RPCError) -> Import {
        let first = all[0]
        var asked = Import(
            isActive: request["active"]?.boolValue ?? false, isInternal: request["internal"]?.boolValue,
            label: nil, range: 0..<1, next: 0)
        if request["label"] != nil { asked.label = try Self.label(request["label"]) }
        if all.count > 1, asked.isInternal != nil {
            throw .notFound("Cannot have multipath descriptor while also specifying 'internal'")
        }
        if !first.isRanged {
            if request["range"] != nil {
                throw .parameter("Range should not be specified for an un-ranged descriptor")
            }
        } else if let value = request["range"] {
            let range = try Self.range(value)
            asked.range = range.lowerBound..<range.upperBound + 1
        } else {
            warnings.append("Range not given, using default keypool range")
            asked.range = 0..<UInt32(wallets.gap)
        }
        asked.next = asked.range.lowerBound
        if first.isRanged, let next = request["next_index"]?.int64 {
            guard next >= Int64(asked.range.lowerBound), next < Int64(asked.range.upperBound) else {
                throw .parameter("next_index is out of range")
            }
            asked.next = UInt32(next)
        }
        if asked.isActive, !first.isRanged { throw .parameter("Active descriptors must be ranged") }
        if asked.label != nil {
            if all.count > 1 { throw .parameter("Multipath descriptors should not have a label") }
            if first.isRanged { throw .parameter("Ranged descriptors should not have a label") }
            if asked.isInternal == true { throw .parameter("Internal addresses should not have a label") }
        }
        if asked.isActive, !first.isSingleType {
            throw .wallet("Combo descriptors cannot be set to active")
        }
        return asked
    }

    // MARK: Rescanning

    fileprivate mutating func rescanBlockchain(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        try requireUnlocked(wallet)
        let start = Int(clamping: try call.optionalInt(0) ?? 0)
        guard (0...chain.height).contains(start) else { throw .parameter("Invalid start_height") }
        var stop = chain.height
        if let given = try call.optionalInt(1) {
            stop = Int(clamping: given)
            guard (0...chain.height).contains(stop) else { throw .parameter("Invalid stop_height") }
            guard stop >= start else {
                throw .parameter("stop_height must be greater than start_height")
            }
        }
        if let pruned = chain.pruneHeight, pruned >= start {
            throw .misc(
                "Can't rescan beyond pruned data. Use RPC call getblockchaininfo to determine your pruned height."
            )
        }
        rescan(wallet, from: start, to: stop)
        return ["start_height": .int(start), "stop_height": .int(stop)]
    }
}
