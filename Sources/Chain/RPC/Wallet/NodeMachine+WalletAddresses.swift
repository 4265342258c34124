import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let walletAddresses: [RPCMethod] = [
        RPCMethod(
            wallet: "getaddressesbylabel", "label:str", "The addresses under a label."
        ) { node, wallet, call, _ throws(RPCError) in
            let label = try NodeMachine.label(call[0])
            let found = node.wallets.wallets[wallet].labels.entries.filter { $0.value.text == label }
            guard !found.isEmpty else {
                throw RPCError(code: -11, message: "No addresses with label \(label)")
            }
            return .object(
                JSONObject(
                    found.map {
                        (
                            String(decoding: $0.key, as: UTF8.self),
                            ["purpose": .string($0.value.purpose)]
                        )
                    }))
        },
        RPCMethod(wallet: "getaddressinfo", "address:str", "Tells what the wallet knows of an address.") {
            node, wallet, call, _ throws(RPCError) in try node.addressInfo(wallet, call)
        },
        RPCMethod(
            wallet: "getnewaddress", "label:str? address_type:str?", "A new address to receive payments."
        ) { node, wallet, call, _ throws(RPCError) in
            let label = try NodeMachine.label(call[0])
            let text = try node.newAddress(wallet, try call.optionalString(1), isInternal: false)
            node.wallets.setLabel(wallet, text, label, purpose: "receive")
            return .string(text)
        },
        RPCMethod(wallet: "getrawchangeaddress", "address_type:str?", "A new address for change.") {
            node, wallet, call, _ throws(RPCError) in
            .string(try node.newAddress(wallet, try call.optionalString(0), isInternal: true))
        },
        RPCMethod(wallet: "keypoolrefill", "newsize:num?", "Looks further ahead.") {
            node, wallet, call, _ throws(RPCError) in
            let size = try call.optionalInt(0) ?? Int64(node.wallets.gap)
            guard size >= 0 else { throw .parameter("Invalid parameter, expected valid size.") }
            try node.requireUnlocked(wallet)
            let gap = Int(min(size, Int64(ChainLimits.keypool)))
            for number in node.wallets.wallets[wallet].descriptors.indices
            where node.wallets.wallets[wallet].topUp(number, gap: gap) {
                node.wallets.markDescriptor(wallet, number)
            }
            return .null
        },
        RPCMethod(wallet: "listlabels", "purpose:str?", "The labels that are in use.") {
            node, wallet, call, _ throws(RPCError) in
            let purpose = try call.optionalString(0)
            if let purpose, !purpose.isEmpty, purpose != "send", purpose != "receive" {
                throw .parameter(
                    "Invalid 'purpose' argument, must be a known purpose string, typically 'send', or "
                        + "'receive'.")
            }
            let labels = node.wallets.wallets[wallet].labels.values.filter {
                purpose == nil || purpose == "" || $0.purpose == purpose
            }
            return .array(Set(labels.map(\.text)).sorted().map { .string($0) })
        },
        RPCMethod(wallet: "setlabel", "address:str label:str", "Puts an address under a label.") {
            node, wallet, call, _ throws(RPCError) in
            let script = try node.address(try call.string(0), or: "Invalid Bitcoin address")
            let label = try NodeMachine.label(call[1])
            let own = node.wallets.wallets[wallet]
            node.wallets.setLabel(
                wallet, own.address(script) ?? "", label,
                purpose: own.isMine(script) ? "receive" : "send")
            return .null
        },
    ]
}

extension NodeMachine {
    static func label(_ value: JSON?) throws(RPCError) -> String {
        guard let text = value?.stringValue else { return "" }
        if text == "*" { throw RPCError(code: -11, message: "Invalid label name") }
        guard text.utf8.count <= ChainLimits.walletText else {
            throw RPCError(code: -11, message: "Label of more than \(ChainLimits.walletText) bytes")
        }
        return text
    }

    fileprivate mutating func newAddress(
        _ wallet: Int, _ typeName: String?, isInternal: Bool
    ) throws(RPCError) -> String {
        let own = wallets.wallets[wallet]
        guard own.descriptors.contains(where: { $0.isActive && $0.isInternal == isInternal }) else {
            throw .wallet("Error: This wallet has no available keys")
        }
        var type =
            isInternal ? configuration.changeType ?? configuration.addressType : configuration.addressType
        if let typeName {
            guard let given = AddressType(rawValue: typeName) else {
                throw .notFound("Unknown address type '\(typeName)'")
            }
            type = given
        }
        guard own.active(type, isInternal: isInternal) != nil else {
            throw .wallet("Error: No \(type.rawValue) addresses available.")
        }
        guard let script = wallets.issue(wallet, type, isInternal: isInternal),
            let text = own.address(script)
        else { throw RPCError(code: -12, message: "Error: Keypool ran out, please call keypoolrefill first") }
        return text
    }

    fileprivate func addressInfo(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let text = try call.string(0)
        let network = configuration.network.addressNetwork
        guard let address = Address(text, network: network) else {
            throw .notFound(AddressFault(text, network: network).message)
        }
        let own = wallets.wallets[wallet]
        let script = address.scriptPubKey
        var object: JSONObject = [
            "address": .string(address.text), "scriptPubKey": .string(script.hex),
            "ismine": .bool(own.isMine(script)),
        ]
        let knowledge = own.knowledge(of: script, withSecrets: false)
        let inferred = knowledge.map { OutputDescriptor.infer(script, knowing: $0, network: network) }
        object.append("solvable", .bool(inferred?.isSolvable ?? false))
        if let inferred, inferred.isSolvable { object.append("desc", .string(inferred.text)) }
        let place = own.place(of: script)
        if let place { object.append("parent_desc", .string(own.descriptors[place.descriptor].watch.text())) }
        object.append("iswatchonly", false)
        for (key, value) in describe(script).dropFirst() { object.append(key, value) }
        appendSolution(script, knowledge ?? SpendingKnowledge(), to: &object)
        object.append("ischange", .bool(own.isChange(script)))
        if let place {
            let entry = own.descriptors[place.descriptor]
            object.append("timestamp", .int(entry.timestamp))
            if let origin = origin(script, knowledge ?? SpendingKnowledge()), !origin.path.isEmpty {
                object.append("hdkeypath", .string("m" + KeyPath.text(origin.path)))
                object.append("hdseedid", .string(String(repeating: "0", count: 40)))
                object.append("hdmasterfingerprint", .string(origin.fingerprint.hex))
            }
        }
        object.append("labels", .array(own.label(address.text).map { [.string($0.text)] } ?? []))
        return .object(object)
    }

    /// Where the one key behind an address comes from.
    private func origin(_ script: Script, _ knowledge: SpendingKnowledge) -> KeyExpression.Origin? {
        switch script.kind {
        case .pubkeyHash, .witnessV0KeyHash:
            return script.hash160.flatMap { knowledge.key($0)?.origin }
        case .scriptHash:
            return script.hash160.flatMap { knowledge.redeemScript($0) }.flatMap { origin($0, knowledge) }
        case .witnessV1Taproot:
            return knowledge.taproot(Array(script.bytes[2...])).flatMap {
                knowledge.key(x: $0.internalKey.bytes)?.origin
            }
        default: return nil
        }
    }

    /// The key or script behind the hash of an address.
    private func appendSolution(
        _ script: Script, _ knowledge: SpendingKnowledge, to object: inout JSONObject
    ) {
        switch script.kind {
        case .pubkeyHash:
            guard let key = script.hash160.flatMap({ knowledge.key($0) }) else { return }
            object.append("pubkey", .string(key.bytes.hex))
            object.append("iscompressed", .bool(key.isCompressed))
        case .witnessV0KeyHash:
            guard let key = script.hash160.flatMap({ knowledge.key($0) }) else { return }
            object.append("pubkey", .string(key.bytes.hex))
        case .scriptHash:
            guard let inner = script.hash160.flatMap({ knowledge.redeemScript($0) }) else { return }
            appendInner(inner, knowledge, to: &object)
        case .witnessV0ScriptHash:
            guard
                let inner = Hash256(bytes: Array(script.bytes[2...])).flatMap({
                    knowledge.witnessScript($0)
                })
            else { return }
            appendInner(inner, knowledge, to: &object)
        default: return
        }
    }

    private func appendInner(
        _ inner: Script, _ knowledge: SpendingKnowledge, to object: inout JSONObject
    ) {
        object.append("script", .string(ScriptJSON.type(inner)))
        object.append("hex", .string(inner.hex))
        if inner.kind != .pubkey,
            let address = Address(script: inner, network: configuration.network.addressNetwork)
        {
            var embedded = JSONObject()
            for (key, value) in describe(inner).dropFirst() { embedded.append(key, value) }
            appendSolution(inner, knowledge, to: &embedded)
            embedded.append("address", .string(address.text))
            embedded.append("scriptPubKey", .string(inner.hex))
            if let key = embedded["pubkey"] { object.append("pubkey", key) }
            object.append("embedded", .object(embedded))
        } else if let (required, keys) = inner.multisig {
            object.append("sigsrequired", .int(required))
            object.append("pubkeys", .array(keys.map { .string($0.hex) }))
        }
    }
}
