public import Bitcoin

/// Whether an input may spend its output: scriptSig, scriptPubKey, P2SH, witness programs, taproot.
public enum ScriptVerifier {
    public static func verify(
        scriptSig: Script, scriptPubKey: Script, witness: [[UInt8]], flags: ScriptFlags,
        checker: SignatureChecker
    ) throws(ScriptError) {
        if flags.contains(.signaturePushOnly), !isPushOnly(scriptSig.bytes) { throw .sigPushOnly }
        var engine = ScriptEngine(
            stack: [], script: scriptSig.bytes, flags: flags, checker: checker, version: .base)
        try engine.run()
        let afterSig = engine.stack
        engine = ScriptEngine(
            stack: afterSig, script: scriptPubKey.bytes, flags: flags, checker: checker, version: .base)
        try engine.run()
        guard let last = engine.stack.last, ScriptNumber.isTrue(last) else { throw .evalFalse }
        var stack = engine.stack
        var hadWitness = false
        if flags.contains(.witness), let program = WitnessProgram(scriptPubKey.bytes) {
            hadWitness = true
            guard scriptSig.bytes.isEmpty else { throw .witnessMalleated }
            try verify(program, witness: witness, flags: flags, checker: checker, inP2SH: false)
            stack = [last]
        }
        if flags.contains(.p2sh), isScriptHash(scriptPubKey.bytes) {
            (stack, hadWitness) = try redeem(
                afterSig, scriptSig: scriptSig.bytes, witness: witness, flags: flags, checker: checker)
        }
        if flags.contains(.cleanStack), stack.count != 1 { throw .cleanStack }
        if flags.contains(.witness), !hadWitness, !witness.isEmpty { throw .witnessUnexpected }
    }

    /// BIP16, and BIP141 inside it.
    private static func redeem(
        _ afterSig: [[UInt8]], scriptSig: [UInt8], witness: [[UInt8]], flags: ScriptFlags,
        checker: SignatureChecker
    ) throws(ScriptError) -> (stack: [[UInt8]], hadWitness: Bool) {
        guard isPushOnly(scriptSig) else { throw .sigPushOnly }
        guard let redeemScript = afterSig.last else { throw .evalFalse }
        var engine = ScriptEngine(
            stack: Array(afterSig.dropLast()), script: redeemScript, flags: flags, checker: checker,
            version: .base)
        try engine.run()
        guard let last = engine.stack.last, ScriptNumber.isTrue(last) else { throw .evalFalse }
        guard flags.contains(.witness), let program = WitnessProgram(redeemScript) else {
            return (engine.stack, false)
        }
        var only = Script(bytes: [])
        only.append(push: redeemScript)
        guard scriptSig == only.bytes else { throw .witnessMalleatedP2SH }
        try verify(program, witness: witness, flags: flags, checker: checker, inP2SH: true)
        return ([last], true)
    }

    private static func verify(
        _ program: WitnessProgram, witness: [[UInt8]], flags: ScriptFlags, checker: SignatureChecker,
        inP2SH: Bool
    ) throws(ScriptError) {
        switch (program.version, program.bytes.count) {
        case (0, 32):
            guard let script = witness.last else { throw .witnessProgramEmpty }
            guard SHA256.hash(script).bytes == program.bytes else { throw .witnessProgramMismatch }
            try executeWitness(
                Array(witness.dropLast()), script: script, flags: flags, checker: checker, version: .witnessV0
            )
        case (0, 20):
            guard witness.count == 2 else { throw .witnessProgramMismatch }
            let script: [UInt8] = [0x76, 0xa9, 0x14] + program.bytes + [0x88, 0xac]
            try executeWitness(witness, script: script, flags: flags, checker: checker, version: .witnessV0)
        case (0, _): throw .witnessProgramWrongLength
        case (1, 32) where !inP2SH:
            guard flags.contains(.taproot) else { return }
            try verifyTaproot(program.bytes, witness: witness, flags: flags, checker: checker)
        case (1, 2) where !inP2SH && program.bytes == [0x4e, 0x73]: return
        default:
            if flags.contains(.discourageUpgradableWitnessProgram) {
                throw .discourageUpgradableWitnessProgram
            }
        }
    }

    /// BIP341.
    private static func verifyTaproot(
        _ program: [UInt8], witness: [[UInt8]], flags: ScriptFlags, checker: SignatureChecker
    ) throws(ScriptError) {
        var stack = witness
        guard !stack.isEmpty else { throw .witnessProgramEmpty }
        var annex: [UInt8]?
        if stack.count >= 2, stack[stack.count - 1].first == 0x50 { annex = stack.removeLast() }
        if stack.count == 1 {
            try checker.schnorr(stack[0], key: program, annex: annex, context: nil)
            return
        }
        let control = stack.removeLast()
        let script = stack.removeLast()
        guard control.count >= 33, control.count <= 33 + 32 * 128, (control.count - 33) % 32 == 0 else {
            throw .taprootWrongControlSize
        }
        let leafHash = Taproot.leafHash(version: control[0] & 0xfe, script: script)
        guard Taproot.commits(program: program, control: control, leafHash: leafHash) else {
            throw .witnessProgramMismatch
        }
        guard control[0] & 0xfe == 0xc0 else {
            if flags.contains(.discourageUpgradableTaprootVersion) {
                throw .discourageUpgradableTaprootVersion
            }
            return
        }
        let context = TapscriptContext(
            leafHash: leafHash, annex: annex, validationWeight: witnessSize(witness) + 50)
        try executeWitness(
            stack, script: script, flags: flags, checker: checker, version: .tapscript, tapscript: context)
    }

    private static func executeWitness(
        _ stack: [[UInt8]], script: [UInt8], flags: ScriptFlags, checker: SignatureChecker,
        version: SignatureVersion, tapscript: TapscriptContext? = nil
    ) throws(ScriptError) {
        if version == .tapscript {
            var reader = ScriptReader(script)
            while !reader.isAtEnd {
                guard let (opcode, _) = reader.next() else { throw .badOpcode }
                if Taproot.isSuccess(opcode) {
                    if flags.contains(.discourageOpSuccess) { throw .discourageOpSuccess }
                    return
                }
            }
            if stack.count > ChainLimits.scriptStack { throw .stackSize }
        }
        for element in stack where element.count > ChainLimits.scriptElementSize { throw .pushSize }
        var engine = ScriptEngine(
            stack: stack, script: script, flags: flags, checker: checker, version: version,
            tapscript: tapscript)
        try engine.run()
        guard engine.stack.count == 1 else { throw .cleanStack }
        guard ScriptNumber.isTrue(engine.stack[0]) else { throw .evalFalse }
    }

    static func isPushOnly(_ script: [UInt8]) -> Bool {
        var reader = ScriptReader(script)
        while let step = reader.next() {
            if step.opcode > 0x60 { return false }
        }
        return !reader.isBroken
    }

    static func isScriptHash(_ script: [UInt8]) -> Bool {
        script.count == 23 && script[0] == 0xa9 && script[1] == 0x14 && script[22] == 0x87
    }

    private static func witnessSize(_ witness: [[UInt8]]) -> Int {
        func compact(_ count: Int) -> Int { count < 0xfd ? 1 : count <= 0xffff ? 3 : 5 }
        return witness.reduce(compact(witness.count)) { $0 + compact($1.count) + $1.count }
    }
}

/// A witness version and its program (BIP141).
struct WitnessProgram {
    var version: UInt8
    var bytes: [UInt8]

    init?(_ script: [UInt8]) {
        guard script.count >= 4, script.count <= 42 else { return nil }
        guard script[0] == 0 || (0x51...0x60).contains(script[0]), Int(script[1]) + 2 == script.count else {
            return nil
        }
        version = script[0] == 0 ? 0 : script[0] - 0x50
        bytes = Array(script[2...])
    }
}
