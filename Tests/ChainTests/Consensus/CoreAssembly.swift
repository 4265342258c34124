import Bitcoin

@testable import Chain

/// The little languages of Core's vector files: scripts as words, flags and errors as names.
enum CoreAssembly {
    struct Unknown: Error { var word: String }

    /// Numbers, `0x…` raw bytes, `'text'` pushes, opcode names with or without OP_.
    static func parse(_ text: String) throws -> [UInt8] {
        var script = Script()
        for word in text.split(whereSeparator: { " \t\n".contains($0) }).map(String.init) {
            if let number = Int64(word), word.allSatisfy({ $0.isNumber || $0 == "-" }) {
                script.append(number: number)
            } else if word.hasPrefix("0x") {
                guard let bytes = [UInt8](hex: String(word.dropFirst(2))) else { throw Unknown(word: word) }
                script.bytes += bytes
            } else if word.hasPrefix("'"), word.hasSuffix("'"), word.count >= 2 {
                script.append(push: Array(word.dropFirst().dropLast().utf8))
            } else if let opcode = names[word] ?? names["OP_" + word] {
                script.bytes.append(opcode)
            } else {
                throw Unknown(word: word)
            }
        }
        return script.bytes
    }

    private static let names: [String: UInt8] = {
        var names: [String: UInt8] = [:]
        for opcode in Opcode.allCases where opcode.rawValue >= 0x61 { names[opcode.name] = opcode.rawValue }
        names["OP_RESERVED"] = 0x50
        names["OP_1NEGATE"] = 0x4f
        names["OP_CHECKLOCKTIMEVERIFY"] = 0xb1
        names["OP_CHECKSEQUENCEVERIFY"] = 0xb2
        names["OP_NOP2"] = 0xb1
        names["OP_NOP3"] = 0xb2
        return names
    }()

    static func flags(_ text: String) throws -> ScriptFlags {
        var flags: ScriptFlags = []
        for name in text.split(separator: ",").map(String.init) where name != "NONE" && name != "BADTX" {
            guard let flag = flagNames[name] else { throw Unknown(word: name) }
            flags.insert(flag)
        }
        return flags
    }

    private static let flagNames: [String: ScriptFlags] = [
        "P2SH": .p2sh, "STRICTENC": .strictEncoding, "DERSIG": .strictDER, "LOW_S": .lowS,
        "NULLDUMMY": .nullDummy,
        "SIGPUSHONLY": .signaturePushOnly, "MINIMALDATA": .minimalData,
        "DISCOURAGE_UPGRADABLE_NOPS": .discourageUpgradableNops, "CLEANSTACK": .cleanStack,
        "CHECKLOCKTIMEVERIFY": .checkLockTime, "CHECKSEQUENCEVERIFY": .checkSequence, "WITNESS": .witness,
        "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM": .discourageUpgradableWitnessProgram, "MINIMALIF": .minimalIf,
        "NULLFAIL": .nullFail, "WITNESS_PUBKEYTYPE": .witnessPublicKeyType,
        "CONST_SCRIPTCODE": .constScriptCode,
        "TAPROOT": .taproot, "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION": .discourageUpgradableTaprootVersion,
        "DISCOURAGE_OP_SUCCESS": .discourageOpSuccess,
        "DISCOURAGE_UPGRADABLE_PUBKEYTYPE": .discourageUpgradablePublicKeyType,
    ]

    /// The error's name in script_tests.json.
    static func name(_ error: ScriptError) -> String {
        switch error {
        case .evalFalse: "EVAL_FALSE"
        case .verify: "VERIFY"
        case .equalVerify: "EQUALVERIFY"
        case .checkMultisigVerify: "CHECKMULTISIGVERIFY"
        case .checkSigVerify: "CHECKSIGVERIFY"
        case .numEqualVerify: "NUMEQUALVERIFY"
        case .scriptSize: "SCRIPT_SIZE"
        case .pushSize: "PUSH_SIZE"
        case .opCount: "OP_COUNT"
        case .stackSize: "STACK_SIZE"
        case .sigCount: "SIG_COUNT"
        case .pubkeyCount: "PUBKEY_COUNT"
        case .badOpcode: "BAD_OPCODE"
        case .disabledOpcode: "DISABLED_OPCODE"
        case .invalidStackOperation: "INVALID_STACK_OPERATION"
        case .invalidAltStackOperation: "INVALID_ALTSTACK_OPERATION"
        case .opReturn: "OP_RETURN"
        case .unbalancedConditional: "UNBALANCED_CONDITIONAL"
        case .negativeLockTime: "NEGATIVE_LOCKTIME"
        case .unsatisfiedLockTime: "UNSATISFIED_LOCKTIME"
        case .sigHashType: "SIG_HASHTYPE"
        case .sigDER: "SIG_DER"
        case .minimalData: "MINIMALDATA"
        case .sigPushOnly: "SIG_PUSHONLY"
        case .sigHighS: "SIG_HIGH_S"
        case .sigNullDummy: "SIG_NULLDUMMY"
        case .minimalIf: "MINIMALIF"
        case .nullFail: "NULLFAIL"
        case .discourageUpgradableNops: "DISCOURAGE_UPGRADABLE_NOPS"
        case .discourageUpgradableWitnessProgram: "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM"
        case .publicKeyType: "PUBKEYTYPE"
        case .cleanStack: "CLEANSTACK"
        case .witnessProgramWrongLength: "WITNESS_PROGRAM_WRONG_LENGTH"
        case .witnessProgramEmpty: "WITNESS_PROGRAM_WITNESS_EMPTY"
        case .witnessProgramMismatch: "WITNESS_PROGRAM_MISMATCH"
        case .witnessMalleated: "WITNESS_MALLEATED"
        case .witnessMalleatedP2SH: "WITNESS_MALLEATED_P2SH"
        case .witnessUnexpected: "WITNESS_UNEXPECTED"
        case .witnessPublicKeyType: "WITNESS_PUBKEYTYPE"
        case .tapscriptEmptyPublicKey: "TAPSCRIPT_EMPTY_PUBKEY"
        case .scriptNumber: "SCRIPTNUM"
        default: "\(error)"
        }
    }
}
