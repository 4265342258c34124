import Bitcoin

/// Counting signature operations, the way consensus charges for them.
enum SignatureOperations {
    /// Operations of one script; `accurate` reads the key count before OP_CHECKMULTISIG instead of assuming
    /// 20.
    static func count(_ script: [UInt8], accurate: Bool) -> Int {
        var reader = ScriptReader(script)
        var total = 0
        var last: UInt8 = 0xff
        while let (opcode, _) = reader.next() {
            switch opcode {
            case 0xac, 0xad: total += 1
            case 0xae, 0xaf:
                total +=
                    accurate && (0x51...0x60).contains(last) ? Int(last) - 0x50 : ChainLimits.multisigKeys
            default: break
            }
            last = opcode
        }
        return total
    }

    /// Operations in the transaction's own scripts, counted roughly.
    static func legacy(_ transaction: Transaction) -> Int {
        var total = 0
        for input in transaction.inputs { total += count(input.scriptSig.bytes, accurate: false) }
        for output in transaction.outputs { total += count(output.scriptPubKey.bytes, accurate: false) }
        return total
    }

    /// BIP141's cost: legacy and P2SH operations times four, witness operations once.
    static func cost(
        _ transaction: Transaction, spending spent: [TransactionOutput], flags: ScriptFlags = .consensus
    ) -> Int {
        var total = legacy(transaction) * 4
        guard !transaction.isCoinbase, flags.contains(.p2sh) else { return total }
        for (input, output) in zip(transaction.inputs, spent) {
            let script = output.scriptPubKey.bytes
            let isP2SH = ScriptVerifier.isScriptHash(script)
            let redeem = isP2SH ? lastPush(input.scriptSig.bytes) : nil
            if let redeem { total += count(redeem, accurate: true) * 4 }
            guard flags.contains(.witness) else { continue }
            if let program = WitnessProgram(script) ?? redeem.flatMap({ WitnessProgram($0) }) {
                total += witness(program, input.witness)
            }
        }
        return total
    }

    private static func witness(_ program: WitnessProgram, _ witness: [[UInt8]]) -> Int {
        guard program.version == 0 else { return 0 }
        if program.bytes.count == 20 { return 1 }
        guard program.bytes.count == 32, let script = witness.last else { return 0 }
        return count(script, accurate: true)
    }

    /// What a push-only script leaves on top; nil when it is not push-only.
    private static func lastPush(_ script: [UInt8]) -> [UInt8]? {
        guard ScriptVerifier.isPushOnly(script) else { return nil }
        var reader = ScriptReader(script)
        var last: [UInt8] = []
        while let (opcode, push) = reader.next() { last = opcode <= 0x4e ? Array(script[push]) : [] }
        return last
    }
}
