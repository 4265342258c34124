/// Key expressions (BIP380, BIP389).
extension DescriptorParser {
    func keys(
        _ text: DescriptorText, _ context: Context, in function: String
    ) throws(DescriptorError) -> [KeyExpression] {
        do throws(DescriptorError) { return try keys(text.string, context) } catch {
            throw DescriptorError(function + error.message)
        }
    }

    func keys(_ text: String, _ context: Context) throws(DescriptorError) -> [KeyExpression] {
        let parts = text.split(separator: "]", omittingEmptySubsequences: false).map(String.init)
        if parts.count > 2 { throw DescriptorError("Multiple ']' characters found for a single pubkey") }
        var usesApostrophe = false
        guard parts.count == 2 else { return try bare(parts[0], context, &usesApostrophe) }
        guard parts[0].first == "[" else {
            throw DescriptorError(
                "Key origin start '[ character expected but not found, got '\(parts[0].first ?? "]")' instead"
            )
        }
        let steps = parts[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(
            String.init)
        guard steps[0].utf8.count == 8 else {
            throw DescriptorError(
                "Fingerprint is not 4 bytes (\(steps[0].utf8.count) characters instead of 8 characters)")
        }
        guard let fingerprint = [UInt8](hex: steps[0]) else {
            throw DescriptorError("Fingerprint '\(steps[0])' is not hex")
        }
        let path = try paths(Array(steps.dropFirst()), &usesApostrophe, allowsMultipath: false)[0]
        var found = try bare(parts[1], context, &usesApostrophe)
        for index in found.indices {
            found[index].origin = KeyExpression.Origin(fingerprint: fingerprint, path: path)
            found[index].usesApostrophe = usesApostrophe
        }
        return found
    }

    // MARK: Miniscript

    /// Reads a miniscript; nil for text that is none.
    ///
    /// - Throws: for keys that are wrong, a script that is not sane, and a place that takes none.
    func miniscript(_ text: DescriptorText, _ context: Context) throws(DescriptorError) -> [ScriptExpression]?
    {
        let isWitness = context == .witnessScriptHash
        let keyContext: Context = isWitness ? .witnessScriptHash : .taproot
        var columns: [[KeyExpression]] = []
        let parsed = try Miniscript.parse(text.rest, isWitness ? .witnessScript : .tapscript) {
            (key) throws(DescriptorError) in
            columns.append(try keys(String(decoding: key, as: UTF8.self), keyContext))
            return columns.count - 1
        }
        guard let parsed else { return nil }
        guard isWitness || context == .taproot else {
            throw DescriptorError("Miniscript expressions can only be used in wsh or tr.")
        }
        let identities = columns.map { column in
            KeyDeriver(column[0])?.key(at: 0)?.point.bytes ?? Array(column[0].text(network: network).utf8)
        }
        if let complaint = parsed.complaint(identities, key: { columns[$0][0].text(network: network) }) {
            throw DescriptorError(complaint)
        }
        let rows = try aligned(
            columns, or: "Miniscript: Multipath derivation paths have mismatched lengths")
        return rows.map { .miniscript(parsed, $0) }
    }

    private func bare(
        _ text: String, _ context: Context, _ usesApostrophe: inout Bool
    ) throws(DescriptorError) -> [KeyExpression] {
        var steps = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let key = steps.removeFirst()
        if key.isEmpty { throw DescriptorError("No key provided") }
        if key.first == " " || key.last == " " {
            throw DescriptorError("Key '\(key)' is invalid due to whitespace")
        }
        if steps.isEmpty, let plain = try plainKey(key, context) { return [KeyExpression(root: plain)] }
        guard let extended = ExtendedKey(key, network: network) else {
            throw DescriptorError("key '\(key)' is not valid")
        }
        var expression = KeyExpression(root: .extended(extended))
        switch steps.last {
        case "*": expression.wildcard = .normal
        case "*'", "*h":
            expression.wildcard = .hardened
            usesApostrophe = steps.last == "*'"
        default: break
        }
        if expression.isRanged { steps.removeLast() }
        let all = try paths(steps, &usesApostrophe, allowsMultipath: true)
        expression.usesApostrophe = usesApostrophe
        return all.map { path in
            var one = expression
            one.path = path
            return one
        }
    }

    /// Hexadecimal, or a private key in wallet import format; nil for neither.
    private func plainKey(
        _ text: String, _ context: Context
    ) throws(DescriptorError) -> KeyExpression.Root? {
        let allowsUncompressed = context == .top || context == .scriptHash
        if let bytes = [UInt8](hex: text) {
            if bytes.count == 65, bytes[0] == 6 || bytes[0] == 7 {
                throw DescriptorError("Hybrid public keys are not allowed")
            }
            if let point = PublicKey(bytes: bytes) {
                guard allowsUncompressed || bytes.count == 33 else {
                    throw DescriptorError("Uncompressed keys are not allowed")
                }
                return .point(point, isCompressed: bytes.count == 33, isXOnly: false, secret: nil)
            }
            if bytes.count == 32, context == .taproot, let point = PublicKey(bytes: [2] + bytes) {
                return .point(point, isCompressed: true, isXOnly: true, secret: nil)
            }
            throw DescriptorError("Pubkey '\(text)' is invalid")
        }
        guard let (secret, isCompressed) = SecretKey.wif(text, network: network) else { return nil }
        guard allowsUncompressed || isCompressed else {
            throw DescriptorError("Uncompressed keys are not allowed")
        }
        return .point(
            secret.publicKey, isCompressed: isCompressed, isXOnly: context == .taproot, secret: secret)
    }

    // MARK: Paths

    private func paths(
        _ steps: [String], _ usesApostrophe: inout Bool, allowsMultipath: Bool
    ) throws(DescriptorError) -> [[UInt32]] {
        var paths: [[UInt32]] = [[]]
        var hasMultipath = false
        for step in steps {
            guard step.hasPrefix("<"), step.hasSuffix(">") else {
                let number = try self.step(step, &usesApostrophe)
                for index in paths.indices { paths[index].append(number) }
                continue
            }
            guard allowsMultipath else {
                throw DescriptorError(
                    "Key path value '\(step)' specifies multipath in a section where multipath is not allowed"
                )
            }
            if hasMultipath { throw DescriptorError("Multiple multipath key path specifiers found") }
            hasMultipath = true
            let values = try multipath(step, &usesApostrophe)
            let stem = paths[0]
            paths = values.map { stem + [$0] }
        }
        return paths
    }

    private func multipath(
        _ step: String, _ usesApostrophe: inout Bool
    ) throws(DescriptorError) -> [UInt32] {
        let texts = step.dropFirst().dropLast().split(separator: ";", omittingEmptySubsequences: false)
        if texts.count < 2 {
            throw DescriptorError("Multipath key path specifiers must have at least two items")
        }
        var values: [UInt32] = []
        for text in texts {
            let value = try self.step(String(text), &usesApostrophe)
            if values.contains(value) {
                throw DescriptorError("Duplicated key path value \(value) in multipath specifier")
            }
            values.append(value)
        }
        return values
    }

    private func step(_ text: String, _ usesApostrophe: inout Bool) throws(DescriptorError) -> UInt32 {
        if text.isEmpty { throw DescriptorError("Key path value '' is not valid") }
        let isHardened = text.hasSuffix("'") || text.hasSuffix("h")
        let digits = isHardened ? String(text.dropLast()) : text
        guard let number = Self.number(digits) else {
            throw DescriptorError("Key path value '\(text)' is not a valid uint32")
        }
        guard number < ExtendedKey.hardened else {
            throw DescriptorError("Key path value \(number) is out of range")
        }
        guard isHardened else { return number }
        usesApostrophe = text.hasSuffix("'")
        return number | ExtendedKey.hardened
    }
}
