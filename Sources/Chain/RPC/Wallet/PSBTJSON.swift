import Bitcoin
import JSONText

/// A PSBT the way decodepsbt prints it; field order included.
enum PSBTJSON {
    static func object(_ psbt: PSBT, network: AddressNetwork) -> JSON {
        var object = JSONObject()
        if psbt.version < 2, let transaction = psbt.unsignedTransaction {
            object.append(
                "tx", .object(TransactionJSON.object(transaction, network: network, tellsHex: false)))
        }
        object.append(
            "global_xpubs",
            .array(
                psbt.extendedKeys.entries.map { key, origin in
                    [
                        "xpub": .string(Base58Check.encode(key)),
                        "master_fingerprint": .string(origin.fingerprint.hex), "path": path(origin),
                    ]
                }))
        if psbt.version >= 2 {
            object.append("tx_version", .int(psbt.transactionVersion))
            if let lock = psbt.fallbackLockTime { object.append("fallback_locktime", .int(lock)) }
            object.append("input_count", .int(psbt.inputs.count))
            object.append("output_count", .int(psbt.outputs.count))
            if let flags = psbt.modifiable {
                object.append("inputs_modifiable", .bool(flags & 1 != 0))
                object.append("outputs_modifiable", .bool(flags & 2 != 0))
                object.append("has_sighash_single", .bool(flags & 4 != 0))
            }
        }
        object.append("psbt_version", .int(psbt.version))
        object.append("proprietary", proprietary(psbt.proprietary))
        object.append("unknown", hexObject(psbt.unknown))
        object.append("inputs", .array(psbt.inputs.map { input($0, psbt.version, network) }))
        object.append("outputs", .array(psbt.outputs.map { output($0, psbt.version, network) }))
        if let fee = fee(psbt) { object.append("fee", .amount(satoshi: fee)) }
        return .object(object)
    }

    private static func fee(_ psbt: PSBT) -> Int64? {
        var total: Int64 = 0
        for input in psbt.inputs {
            let spent =
                input.previousTransaction.map { $0.outputs[Int(input.previousOutput.index)] }
                ?? input.witnessOutput
            guard let spent, isMoney(spent.value), isMoney(total + spent.value) else { return nil }
            total += spent.value
        }
        var out: Int64 = 0
        for output in psbt.outputs {
            guard isMoney(output.value), isMoney(out + output.value) else { return nil }
            out += output.value
        }
        return total - out
    }

    static func isMoney(_ value: Int64) -> Bool { (0...ChainLimits.moneyMax).contains(value) }

    // MARK: Inputs

    private static func input(_ input: PSBT.Input, _ version: UInt32, _ network: AddressNetwork) -> JSON {
        var object = JSONObject()
        if let spent = input.witnessOutput {
            object.append(
                "witness_utxo",
                [
                    "amount": .amount(satoshi: spent.value),
                    "scriptPubKey": ScriptJSON.scriptPubKey(spent.scriptPubKey, network: network),
                ])
        }
        if let transaction = input.previousTransaction {
            object.append(
                "non_witness_utxo",
                .object(TransactionJSON.object(transaction, network: network, tellsHex: false)))
        }
        appendSigning(input, to: &object)
        for (index, name) in ["ripemd160", "sha256", "hash160", "hash256"].enumerated()
        where !input.preimages[index].isEmpty {
            object.append("\(name)_preimages", hexObject(input.preimages[index]))
        }
        if version >= 2 {
            object.append("previous_txid", .string(input.previousOutput.txid.displayHex))
            object.append("previous_vout", .int(input.previousOutput.index))
            if let sequence = input.sequence { object.append("sequence", .int(sequence)) }
            if let lock = input.timeLock { object.append("time_locktime", .int(lock)) }
            if let lock = input.heightLock { object.append("height_locktime", .int(lock)) }
        }
        appendTaproot(input, to: &object)
        appendMusig(input, to: &object)
        if !input.proprietary.isEmpty { object.append("proprietary", proprietary(input.proprietary)) }
        if !input.unknown.isEmpty { object.append("unknown", hexObject(input.unknown)) }
        return .object(object)
    }

    private static func appendSigning(_ input: PSBT.Input, to object: inout JSONObject) {
        if !input.signatures.isEmpty {
            object.append(
                "partial_signatures",
                .object(JSONObject(input.signatures.values.map { ($0.key.hex, .string($0.signature.hex)) })))
        }
        if let type = input.hashType { object.append("sighash", .string(SighashName.text(type))) }
        if !input.redeemScript.isEmpty { object.append("redeem_script", script(input.redeemScript)) }
        if !input.witnessScript.isEmpty { object.append("witness_script", script(input.witnessScript)) }
        if !input.origins.isEmpty { object.append("bip32_derivs", origins(input.origins)) }
        if !input.finalScriptSig.isEmpty {
            object.append(
                "final_scriptSig",
                [
                    "asm": .string(ScriptJSON.assembly(input.finalScriptSig.bytes, marksSignatures: true)),
                    "hex": .string(input.finalScriptSig.hex),
                ])
        }
        if !input.finalWitness.isEmpty {
            object.append("final_scriptwitness", .array(input.finalWitness.map { .string($0.hex) }))
        }
    }

    private static func appendTaproot(_ input: PSBT.Input, to object: inout JSONObject) {
        if !input.tapKeySignature.isEmpty {
            object.append("taproot_key_path_sig", .string(input.tapKeySignature.hex))
        }
        if !input.tapScriptSignatures.isEmpty {
            object.append(
                "taproot_script_path_sigs",
                .array(
                    input.tapScriptSignatures.entries.map { key, signature in
                        [
                            "pubkey": .string(key[..<32].hex), "leaf_hash": .string(key[32...].hex),
                            "sig": .string(signature.hex),
                        ]
                    }))
        }
        if !input.tapScripts.isEmpty {
            object.append(
                "taproot_scripts",
                .array(
                    input.tapScripts.values.map { entry in
                        [
                            "script": .string(entry.script.hex), "leaf_ver": .int(entry.version),
                            "control_blocks": .array(entry.controls.map { .string($0.hex) }),
                        ]
                    }))
        }
        if !input.tapOrigins.isEmpty { object.append("taproot_bip32_derivs", tapOrigins(input.tapOrigins)) }
        if !input.tapInternalKey.isEmpty {
            object.append("taproot_internal_key", .string(input.tapInternalKey.hex))
        }
        if let root = input.tapMerkleRoot { object.append("taproot_merkle_root", .string(root.hex)) }
    }

    private static func appendMusig(_ input: PSBT.Input, to object: inout JSONObject) {
        if !input.musigParticipants.isEmpty {
            object.append("musig2_participant_pubkeys", participants(input.musigParticipants))
        }
        for (field, name, map) in [
            ("musig2_pubnonces", "pubnonce", input.musigNonces),
            ("musig2_partial_sigs", "partial_sig", input.musigSignatures),
        ] where !map.isEmpty {
            let list = map.entries.map { key, value -> JSON in
                var entry: JSONObject = [
                    "participant_pubkey": .string(key[65...].hex),
                    "aggregate_pubkey": .string(key[..<33].hex),
                ]
                if key[33..<65].contains(where: { $0 != 0 }) {
                    entry.append("leaf_hash", .string(key[33..<65].hex))
                }
                // A partial signature is a uint256 to Core, which it prints in wire order here.
                entry.append(name, .string(value.hex))
                return .object(entry)
            }
            object.append(field, .array(list))
        }
    }

    // MARK: Outputs

    private static func output(_ output: PSBT.Output, _ version: UInt32, _ network: AddressNetwork) -> JSON {
        var object = JSONObject()
        if !output.redeemScript.isEmpty { object.append("redeem_script", script(output.redeemScript)) }
        if !output.witnessScript.isEmpty { object.append("witness_script", script(output.witnessScript)) }
        if !output.origins.isEmpty { object.append("bip32_derivs", origins(output.origins)) }
        if version >= 2 {
            object.append("amount", .amount(satoshi: output.value))
            object.append("script", ScriptJSON.scriptPubKey(output.script, network: network))
        }
        if !output.tapInternalKey.isEmpty {
            object.append("taproot_internal_key", .string(output.tapInternalKey.hex))
        }
        if !output.tapTree.isEmpty {
            object.append(
                "taproot_tree",
                .array(
                    output.tapTree.map {
                        [
                            "depth": .int($0.depth), "leaf_ver": .int($0.version),
                            "script": .string($0.script.hex),
                        ]
                    }))
        }
        if !output.tapOrigins.isEmpty { object.append("taproot_bip32_derivs", tapOrigins(output.tapOrigins)) }
        if !output.musigParticipants.isEmpty {
            object.append("musig2_participant_pubkeys", participants(output.musigParticipants))
        }
        if !output.proprietary.isEmpty { object.append("proprietary", proprietary(output.proprietary)) }
        if !output.unknown.isEmpty { object.append("unknown", hexObject(output.unknown)) }
        return .object(object)
    }

    // MARK: Parts

    private static func path(_ origin: KeyExpression.Origin) -> JSON {
        .string("m" + KeyPath.text(origin.path))
    }

    private static func script(_ script: Script) -> JSON {
        [
            "asm": .string(ScriptJSON.assembly(script.bytes, marksSignatures: false)),
            "hex": .string(script.hex), "type": .string(ScriptJSON.type(script)),
        ]
    }

    private static func origins(_ map: ByteMap<KeyExpression.Origin>) -> JSON {
        .array(
            map.entries.map { key, origin in
                [
                    "pubkey": .string(key.hex), "master_fingerprint": .string(origin.fingerprint.hex),
                    "path": path(origin),
                ]
            })
    }

    private static func tapOrigins(_ map: ByteMap<SignatureData.TapOrigin>) -> JSON {
        .array(
            map.entries.map { key, entry in
                [
                    "pubkey": .string(key.hex), "master_fingerprint": .string(entry.origin.fingerprint.hex),
                    "path": path(entry.origin), "leaf_hashes": .array(entry.leaves.map { .string($0.hex) }),
                ]
            })
    }

    private static func participants(_ map: ByteMap<[UInt8]>) -> JSON {
        .array(
            map.entries.map { key, value in
                let keys = stride(from: 0, to: value.count, by: 33).map {
                    JSON.string(value[$0..<min($0 + 33, value.count)].hex)
                }
                return ["aggregate_pubkey": .string(key.hex), "participant_pubkeys": .array(keys)]
            })
    }

    private static func hexObject(_ map: ByteMap<[UInt8]>) -> JSON {
        .object(JSONObject(map.entries.map { ($0.key.hex, .string($0.value.hex)) }))
    }

    /// Identifier and subtype stand in the key (BIP174).
    private static func proprietary(_ map: ByteMap<[UInt8]>) -> JSON {
        .array(
            map.entries.map { key, value in
                let (identifier, subtype) = ProprietaryKey.parts(key)
                return [
                    "identifier": .string(identifier.hex), "subtype": .int(subtype), "key": .string(key.hex),
                    "value": .string(value.hex),
                ]
            })
    }
}

/// Names of signature hash types, as RPC takes and prints them.
enum SighashName {
    private static let names: [(UInt8, String)] = [
        (0, "DEFAULT"), (1, "ALL"), (0x81, "ALL|ANYONECANPAY"), (2, "NONE"), (0x82, "NONE|ANYONECANPAY"),
        (3, "SINGLE"), (0x83, "SINGLE|ANYONECANPAY"),
    ]

    static func text(_ type: UInt32) -> String {
        // Core's SighashToStr knows no name for the default.
        names.first { UInt32($0.0) == type && $0.0 != 0 }?.1 ?? ""
    }

    static func parse(_ text: String?) throws(RPCError) -> UInt8? {
        guard let text else { return nil }
        guard let found = names.first(where: { $0.1 == text }) else {
            throw .parameter("'\(text)' is not a valid sighash parameter.")
        }
        return found.0
    }
}
