import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let utilities: [RPCMethod] = [
        RPCMethod(
            "estimatesmartfee", "conf_target:num estimate_mode:str?", in: "Util",
            "Estimates the fee rate for confirmation within a number of blocks."
        ) { node, call, _ throws(RPCError) in try node.estimateFee(call) },
        RPCMethod(
            "validateaddress", "address:str", in: "Util",
            "Return information about the given bitcoin address."
        ) {
            node, call, _ throws(RPCError) in node.validate(try call.string(0))
        },
    ]
}

/// Addresses.
extension NodeMachine {
    fileprivate func validate(_ text: String) -> JSON {
        guard let address = Address(text, network: configuration.network.addressNetwork) else {
            let fault = AddressFault(text, network: configuration.network.addressNetwork)
            return [
                "isvalid": false, "error_locations": .array(fault.places.map { .int($0) }),
                "error": .string(fault.message),
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
        var list: [(String, JSON)] = [("scriptPubKey", .string(script.hex))]
        // Nobody knows yet what a program of a later version is.
        let isKnown = program == nil || isScript || kind == .witnessV0KeyHash
        if isKnown { list.append(("isscript", .bool(isScript))) }
        list.append(("iswitness", .bool(program != nil)))
        if let program, script.bytes != Policy.payToAnchor {
            list.append(("witness_version", .int(program.version)))
            list.append(("witness_program", .string(Array(program.program).hex)))
        }
        return list
    }
}
