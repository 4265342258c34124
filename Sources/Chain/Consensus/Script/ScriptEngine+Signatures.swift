import Bitcoin

extension ScriptEngine {
    mutating func checkSignature(_ opcode: UInt8) throws(ScriptError) {
        try require(2)
        let signature = top(2)
        let key = top(1)
        let success =
            version == .tapscript
            ? try tapscriptSignature(signature, key) : try legacySignature(signature, key)
        stack.removeLast(2)
        if opcode == 0xac {
            push(success)
        } else if !success {
            throw .checkSigVerify
        }
    }

    /// BIP342's OP_CHECKSIGADD.
    mutating func checkSignatureAdd() throws(ScriptError) {
        guard version == .tapscript else { throw .badOpcode }
        try require(3)
        let signature = top(3)
        let sum = try number(top(2))
        let key = top(1)
        let success = try tapscriptSignature(signature, key)
        stack.removeLast(3)
        stack.append(ScriptNumber.encode(sum + (success ? 1 : 0)))
    }

    private func legacySignature(_ signature: [UInt8], _ key: [UInt8]) throws(ScriptError) -> Bool {
        let code = try scriptCode(removing: [signature])
        try checkEncoding(signature: signature)
        try checkEncoding(key: key)
        let success = checker.ecdsa(signature, key: key, scriptCode: code, version: version)
        if !success, flags.contains(.nullFail), !signature.isEmpty { throw .nullFail }
        return success
    }

    private mutating func tapscriptSignature(_ signature: [UInt8], _ key: [UInt8]) throws(ScriptError) -> Bool
    {
        guard var context = tapscript else { throw .badOpcode }
        if !signature.isEmpty {
            context.validationWeight -= 50
            tapscript = context
            if context.validationWeight < 0 { throw .tapscriptValidationWeight }
        }
        if key.isEmpty { throw .tapscriptEmptyPublicKey }
        guard key.count == 32 else {
            if flags.contains(.discourageUpgradablePublicKeyType) { throw .discourageUpgradablePublicKeyType }
            return !signature.isEmpty
        }
        guard !signature.isEmpty else { return false }
        try checker.schnorr(signature, key: key, annex: context.annex, context: context)
        return true
    }

    mutating func checkMultisig(_ opcode: UInt8) throws(ScriptError) {
        if version == .tapscript { throw .tapscriptCheckMultisig }
        try require(1)
        let keyCount = try number(top(1))
        guard keyCount >= 0, keyCount <= Int64(ChainLimits.multisigKeys) else { throw .pubkeyCount }
        operations += Int(keyCount)
        if operations > ChainLimits.scriptOperations { throw .opCount }
        let keys = Int(keyCount)
        try require(keys + 2)
        let signatureCount = try number(top(keys + 2))
        guard signatureCount >= 0, signatureCount <= keyCount else { throw .sigCount }
        let signatures = Int(signatureCount)
        try require(keys + signatures + 3)
        let keyList = (0..<keys).map { top(2 + $0) }
        let signatureList = (0..<signatures).map { top(keys + 3 + $0) }
        let code = try scriptCode(removing: signatureList)
        let success = try matches(signatureList, keyList, code)
        if !success, flags.contains(.nullFail), signatureList.contains(where: { !$0.isEmpty }) {
            throw .nullFail
        }
        stack.removeLast(keys + signatures + 2)
        let dummy = try pop()
        if flags.contains(.nullDummy), !dummy.isEmpty { throw .sigNullDummy }
        if opcode == 0xae {
            push(success)
        } else if !success {
            throw .checkMultisigVerify
        }
    }

    /// Whether every signature matches a key, both in order; the lists begin at the top of the stack.
    private func matches(
        _ signatures: [[UInt8]], _ keys: [[UInt8]], _ code: [UInt8]
    ) throws(ScriptError) -> Bool {
        var nextKey = 0
        var nextSignature = 0
        while nextSignature < signatures.count {
            let signature = signatures[nextSignature]
            try checkEncoding(signature: signature)
            try checkEncoding(key: keys[nextKey])
            if checker.ecdsa(signature, key: keys[nextKey], scriptCode: code, version: version) {
                nextSignature += 1
            }
            nextKey += 1
            if signatures.count - nextSignature > keys.count - nextKey { return false }
        }
        return true
    }

    /// The script from the last code separator on; before BIP143 without the signatures themselves.
    private func scriptCode(removing signatures: [[UInt8]]) throws(ScriptError) -> [UInt8] {
        var code = Array(script[codeStart...])
        guard version == .base else { return code }
        for signature in signatures {
            let found = Self.findAndDelete(&code, pushOf(signature))
            if found, flags.contains(.constScriptCode) { throw .sigFindAndDelete }
        }
        return code
    }

    private func pushOf(_ data: [UInt8]) -> [UInt8] {
        switch data.count {
        case ..<0x4c: [UInt8(data.count)] + data
        case ...0xff: [0x4c, UInt8(data.count)] + data
        default: [0x4d, UInt8(data.count & 0xff), UInt8(data.count >> 8)] + data
        }
    }

    /// Removes every occurrence of `pattern` that begins where an instruction begins (Core's FindAndDelete).
    static func findAndDelete(_ script: inout [UInt8], _ pattern: [UInt8]) -> Bool {
        guard !pattern.isEmpty, script.count >= pattern.count else { return false }
        var kept: [UInt8] = []
        var found = false
        var keptFrom = 0
        var at = 0
        while true {
            kept += script[keptFrom..<at]
            while script.count - at >= pattern.count, script[at..<at + pattern.count].elementsEqual(pattern) {
                at += pattern.count
                found = true
            }
            keptFrom = at
            var reader = ScriptReader(script, at: at)
            guard reader.next() != nil else { break }
            at = reader.offset
        }
        if found { script = kept + script[keptFrom...] }
        return found
    }

    private func checkEncoding(signature: [UInt8]) throws(ScriptError) {
        guard let hashType = signature.last else { return }
        let strict: ScriptFlags = [.strictDER, .lowS, .strictEncoding]
        if !flags.isDisjoint(with: strict), !SignatureEncoding.isStrictDER(signature) { throw .sigDER }
        if flags.contains(.lowS), !CurveCheck.isLowS(Array(signature.dropLast())) { throw .sigHighS }
        if flags.contains(.strictEncoding), !(1...3).contains(hashType & 0x7f) { throw .sigHashType }
    }

    private func checkEncoding(key: [UInt8]) throws(ScriptError) {
        if flags.contains(.strictEncoding), !SignatureEncoding.isCompressedOrUncompressed(key) {
            throw .publicKeyType
        }
        if flags.contains(.witnessPublicKeyType), version == .witnessV0, !SignatureEncoding.isCompressed(key)
        {
            throw .witnessPublicKeyType
        }
    }
}
