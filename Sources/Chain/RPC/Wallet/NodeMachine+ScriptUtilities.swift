import Bitcoin
import HTTPText
import JSONText
import SansIO

extension RPCMethod {
    /// Descriptors, multisig scripts and signed messages: what needs keys but no wallet.
    static let scriptUtilities: [RPCMethod] = [
        RPCMethod(
            "createmultisig", "nrequired:num keys:arr address_type:str?", in: "Util",
            "Makes a multisig script, its address and its descriptor."
        ) { node, call, _ throws(RPCError) in try node.createMultisig(call) },
        RPCMethod(
            "deriveaddresses", "descriptor:str range?", in: "Util", "The addresses of a descriptor."
        ) { node, call, _ throws(RPCError) in try node.deriveAddresses(call) },
        RPCMethod("getdescriptorinfo", "descriptor:str", in: "Util", "Analyses a descriptor.") {
            node, call, _ throws(RPCError) in try node.descriptorInfo(call)
        },
        RPCMethod(
            "signmessagewithprivkey", "privkey:str message:str", in: "Util",
            "Signs a message with a private key."
        ) { node, call, _ throws(RPCError) in
            guard
                let (key, isCompressed) = SecretKey.wif(
                    try call.string(0), network: node.configuration.network.addressNetwork)
            else { throw .notFound("Invalid private key") }
            return .string(
                Base64.encode(SignedMessage.sign(try call.string(1), key, isCompressed: isCompressed)))
        },
        RPCMethod(
            "verifymessage", "address:str signature:str message:str", in: "Util",
            "Whether a message was signed by the key of an address."
        ) { node, call, _ throws(RPCError) in try node.verifyMessage(call) },
    ]
}

extension NodeMachine {
    fileprivate func descriptorInfo(_ call: RPCArguments) throws(RPCError) -> JSON {
        let text = try call.string(0)
        let all = try descriptors(text)
        let first = all[0]
        var object = JSONObject()
        object.append("descriptor", .string(first.publicText))
        if all.count > 1 {
            object.append("multipath_expansion", .array(all.map { .string($0.publicText) }))
        }
        let body = text.split(separator: "#", omittingEmptySubsequences: false)[0]
        object.append("checksum", .string(DescriptorChecksum.checksum(String(body)) ?? ""))
        object.append("isrange", .bool(first.isRanged))
        object.append("issolvable", .bool(first.isSolvable))
        object.append("hasprivatekeys", .bool(first.hasPrivateKeys))
        return .object(object)
    }

    fileprivate func deriveAddresses(_ call: RPCArguments) throws(RPCError) -> JSON {
        var range: ClosedRange<UInt32> = 0...0
        if let given = call[1] { range = try Self.range(given) }
        let all = try descriptors(try call.string(0), requiresChecksum: true)
        if !all[0].isRanged, call[1] != nil {
            throw .parameter("Range should not be specified for an un-ranged descriptor")
        }
        if all[0].isRanged, call[1] == nil {
            throw .parameter("Range must be specified for a ranged descriptor")
        }
        var lists: [JSON] = []
        for one in all {
            guard let expander = DescriptorExpander(one) else {
                throw .notFound("Cannot derive script without private keys")
            }
            lists.append(.array(try addresses(expander, range)))
        }
        return all.count == 1 ? lists[0] : .array(lists)
    }

    private func addresses(
        _ expander: DescriptorExpander, _ range: ClosedRange<UInt32>
    ) throws(RPCError) -> [JSON] {
        var list: [JSON] = []
        for index in range {
            guard let scripts = expander.expand(at: index)?.scripts else {
                throw .notFound("Cannot derive script without private keys")
            }
            for script in scripts {
                let address = Address(script: script, network: configuration.network.addressNetwork)
                guard let address, script.kind != .pubkey else {
                    // Of a combo the bare key has no address and is passed over.
                    if scripts.count > 1, script.kind == .pubkey { continue }
                    throw .notFound("Descriptor does not have a corresponding address")
                }
                list.append(.string(address.text))
            }
        }
        return list
    }

    fileprivate func createMultisig(_ call: RPCArguments) throws(RPCError) -> JSON {
        let required = Int(clamping: try call.int(0))
        var keys: [[UInt8]] = []
        for entry in try call.array(1) ?? [] {
            let text = entry.stringValue ?? ""
            guard let bytes = [UInt8](hex: text), bytes.count == 33 || bytes.count == 65 else {
                throw .notFound("Pubkey \"\(text)\" must have a length of either 33 or 65 bytes")
            }
            guard PublicKey(bytes: bytes) != nil else {
                throw .notFound("Pubkey \"\(text)\" must be cryptographically valid.")
            }
            keys.append(bytes)
        }
        var type = try call.optionalString(2) ?? "legacy"
        guard ["legacy", "p2sh-segwit", "bech32", "bech32m"].contains(type) else {
            throw .notFound("Unknown address type '\(type)'")
        }
        if type == "bech32m" { throw .notFound("createmultisig cannot create bech32m multisig addresses") }
        guard required >= 1 else {
            throw .parameter("a multisignature address must require at least one key to redeem")
        }
        guard keys.count >= required else {
            throw .parameter(
                "not enough keys supplied (got \(keys.count) keys, but need at least \(required) to redeem)")
        }
        guard keys.count <= ChainLimits.multisigKeys else {
            throw .parameter(
                "Number of keys involved in the multisignature address creation > 20\nReduce the number")
        }
        let script = Script.multisig(required: required, keys: keys)
        var warnings: [JSON] = []
        if type != "legacy", keys.contains(where: { $0.count == 65 }) {
            type = "legacy"
            warnings.append(
                "Unable to make chosen address type, please ensure no uncompressed public keys are present.")
        }
        if type == "legacy", script.count > ChainLimits.scriptElementSize {
            throw .parameter("redeemScript exceeds size limit: \(script.count) > 520")
        }
        let program = Script.p2wsh(SHA256.hash(script.bytes))
        let output: Script =
            switch type {
            case "legacy": .p2sh(hash160(script.bytes))
            case "bech32": program
            default: .p2sh(hash160(program.bytes))
            }
        var knowledge = SpendingKnowledge()
        knowledge.add(redeemScript: script)
        knowledge.add(witnessScript: script)
        knowledge.add(redeemScript: program)
        let network = configuration.network.addressNetwork
        var object: JSONObject = [
            "address": .string(Address(script: output, network: network)?.text ?? ""),
            "redeemScript": .string(script.hex),
            "descriptor": .string(
                OutputDescriptor.infer(output, knowing: knowledge, network: network).text),
        ]
        if !warnings.isEmpty { object.append("warnings", .array(warnings)) }
        return .object(object)
    }

    fileprivate func verifyMessage(_ call: RPCArguments) throws(RPCError) -> JSON {
        let network = configuration.network.addressNetwork
        guard let address = Address(try call.string(0), network: network) else {
            throw .notFound("Invalid address")
        }
        guard address.scriptPubKey.kind == .pubkeyHash, let hash = address.scriptPubKey.hash160 else {
            throw .type("Address does not refer to key")
        }
        guard let signature = Base64.bytes(of: try call.string(1)) else {
            throw .type("Malformed base64 encoding")
        }
        return .bool(SignedMessage.signer(try call.string(2), signature) == hash)
    }
}
