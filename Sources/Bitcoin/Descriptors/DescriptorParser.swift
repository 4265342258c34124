extension OutputDescriptor {
    /// Reads a descriptor. One with a multipath step (`<0;1>`, BIP389) is several: one for each of its
    /// values.
    ///
    /// - Throws: with the words of Bitcoin Core.
    public static func parse(
        _ text: String, network: AddressNetwork, requiresChecksum: Bool = false
    ) throws(DescriptorError) -> [OutputDescriptor] {
        let body = try checked(text, requiresChecksum: requiresChecksum)
        var text = DescriptorText(Array(body.utf8)[...])
        let parser = DescriptorParser(network: network)
        let found = try parser.scripts(&text, .top)
        guard text.isEmpty else { throw DescriptorError("'\(body)' is not a valid descriptor function") }
        return found.map { OutputDescriptor($0, network: network) }
    }

    /// The one descriptor that text without a multipath step says.
    public static func parseSingle(
        _ text: String, network: AddressNetwork, requiresChecksum: Bool = false
    ) throws(DescriptorError) -> OutputDescriptor {
        let all = try parse(text, network: network, requiresChecksum: requiresChecksum)
        guard all.count == 1 else { throw DescriptorError("Descriptor with multipath is not allowed here") }
        return all[0]
    }

    /// The text without its checksum, which must fit where there is one.
    private static func checked(
        _ text: String, requiresChecksum: Bool
    ) throws(DescriptorError) -> String {
        guard text.utf8.count <= Limits.descriptorBytesMax else {
            throw DescriptorError("Descriptor of more than \(Limits.descriptorBytesMax) bytes")
        }
        let parts = text.split(separator: "#", omittingEmptySubsequences: false).map(String.init)
        if parts.count > 2 { throw DescriptorError("Multiple '#' symbols") }
        if parts.count == 1, requiresChecksum { throw DescriptorError("Missing checksum") }
        if parts.count == 2, parts[1].utf8.count != 8 {
            throw DescriptorError("Expected 8 character checksum, not \(parts[1].utf8.count) characters")
        }
        guard let checksum = DescriptorChecksum.checksum(parts[0]) else {
            throw DescriptorError("Invalid characters in payload")
        }
        if parts.count == 2, checksum != parts[1] {
            throw DescriptorError(
                "Provided checksum '\(parts[1])' does not match computed checksum '\(checksum)'")
        }
        return parts[0]
    }
}

/// A cursor over the text of a descriptor.
struct DescriptorText {
    private(set) var rest: ArraySlice<UInt8>

    init(_ rest: ArraySlice<UInt8>) { self.rest = rest }

    var isEmpty: Bool { rest.isEmpty }
    var string: String { String(decoding: rest, as: UTF8.self) }
    var firstCharacter: String { String(decoding: rest.prefix(1), as: UTF8.self) }

    /// Steps over a character if it comes next.
    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Everything up to a comma or a closing bracket at this level.
    mutating func expression() -> DescriptorText {
        var level = 0
        var end = rest.startIndex
        scan: while end < rest.endIndex {
            switch rest[end] {
            case UInt8(ascii: "("), UInt8(ascii: "{"): level += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"):
                if level == 0 { break scan }
                level -= 1
            case UInt8(ascii: ","): if level == 0 { break scan }
            default: break
            }
            end += 1
        }
        defer { rest = rest[end...] }
        return DescriptorText(rest[..<end])
    }

    /// Goes inside `name(…)` if that is all there is.
    mutating func enter(_ name: String) -> Bool {
        let head = Array("\(name)(".utf8)
        guard rest.count >= head.count + 1, rest.starts(with: head), rest.last == UInt8(ascii: ")") else {
            return false
        }
        rest = rest.dropFirst(head.count).dropLast()
        return true
    }
}

/// Reads scripts; keys are read in the neighbouring file.
struct DescriptorParser {
    enum Context {
        case top, scriptHash, witnessKeyHash, witnessScriptHash, taproot
    }

    let network: AddressNetwork

    func scripts(
        _ text: inout DescriptorText, _ context: Context
    ) throws(DescriptorError) -> [ScriptExpression] {
        var inner = text.expression()
        let whole = inner.string
        let isBase = context == .top || context == .scriptHash || context == .witnessScriptHash
        if inner.enter("pk") {
            return try keys(inner, context, in: "pk(): ").map { .publicKey($0) }
        }
        if isBase, inner.enter("pkh") {
            return try keys(inner, context, in: "pkh(): ").map { .publicKeyHash($0) }
        }
        if inner.enter("combo") {
            guard context == .top else { throw DescriptorError("Can only have combo() at top level") }
            return try keys(inner, context, in: "combo(): ").map { .combo($0) }
        }
        if let found = try multisig(&inner, context) { return found }
        if inner.enter("wpkh") {
            guard context == .top || context == .scriptHash else {
                throw DescriptorError("Can only have wpkh() at top level or inside sh()")
            }
            return try keys(inner, .witnessKeyHash, in: "wpkh(): ").map { .witnessKeyHash($0) }
        }
        if inner.enter("sh") {
            guard context == .top else { throw DescriptorError("Can only have sh() at top level") }
            return try nested(&inner, .scriptHash).map { .scriptHash($0) }
        }
        if inner.enter("wsh") {
            guard context == .top || context == .scriptHash else {
                throw DescriptorError("Can only have wsh() at top level or inside sh()")
            }
            return try nested(&inner, .witnessScriptHash).map { .witnessScriptHash($0) }
        }
        if let found = try topLevel(&inner, context) { return found }
        if let found = try miniscript(inner, context) { return found }
        switch context {
        case .scriptHash: throw DescriptorError("A function is needed within P2SH")
        case .witnessScriptHash: throw DescriptorError("A function is needed within P2WSH")
        default: throw DescriptorError("'\(whole)' is not a valid descriptor function")
        }
    }

    private func nested(
        _ text: inout DescriptorText, _ context: Context
    ) throws(DescriptorError) -> [ScriptExpression] {
        let whole = text.string
        let found = try scripts(&text, context)
        guard text.isEmpty else { throw DescriptorError("'\(whole)' is not a valid descriptor function") }
        return found
    }

    private func topLevel(
        _ text: inout DescriptorText, _ context: Context
    ) throws(DescriptorError) -> [ScriptExpression]? {
        if text.enter("addr") {
            guard context == .top else { throw DescriptorError("Can only have addr() at top level") }
            guard let address = Address(text.string, network: network) else {
                throw DescriptorError("Address is not valid")
            }
            return [.address(address)]
        }
        if text.enter("tr") {
            guard context == .top else { throw DescriptorError("Can only have tr at top level") }
            return try taproot(&text)
        }
        if text.enter("rawtr") {
            guard context == .top else { throw DescriptorError("Can only have rawtr at top level") }
            let key = text.expression()
            guard text.isEmpty else { throw DescriptorError("rawtr(): only one key expected.") }
            return try keys(key, .taproot, in: "rawtr(): ").map { .outputKey($0) }
        }
        if text.enter("raw") {
            guard context == .top else { throw DescriptorError("Can only have raw() at top level") }
            guard !text.isEmpty, let script = Script(hex: text.string) else {
                throw DescriptorError("Raw script is not hex")
            }
            return [.raw(script)]
        }
        return nil
    }

    // MARK: Multisig

    private func multisig(
        _ text: inout DescriptorText, _ context: Context
    ) throws(DescriptorError) -> [ScriptExpression]? {
        let names = ["multi", "sortedmulti", "multi_a", "sortedmulti_a"]
        guard let form = names.firstIndex(where: { text.enter($0) }) else { return nil }
        let isTapscript = form >= 2
        if context == .witnessKeyHash || (context == .taproot) != isTapscript {
            throw DescriptorError(
                isTapscript
                    ? "Can only have multi_a/sortedmulti_a inside tr()"
                    : "Can only have multi/sortedmulti at top level, in sh(), or in wsh()")
        }
        let threshold = text.expression().string
        guard let required = Self.number(threshold) else {
            throw DescriptorError("Multi threshold '\(threshold)' is not valid")
        }
        var columns: [[KeyExpression]] = []
        while !text.isEmpty {
            guard text.skip(",") else {
                throw DescriptorError("Multi: expected ',', got '\(text.firstCharacter)'")
            }
            columns.append(try keys(text.expression(), context, in: "Multi: "))
            if columns.count > Limits.tapscriptMultisigKeysMax + 1 { break }
        }
        try checkMultisig(Int(required), columns, context, isTapscript: isTapscript)
        let rows = try aligned(columns, or: "multi(): Multipath derivation paths have mismatched lengths")
        return rows.map { keys in
            isTapscript
                ? .tapscriptMultisig(required: Int(required), keys: keys, isSorted: form == 3)
                : .multisig(required: Int(required), keys: keys, isSorted: form == 1)
        }
    }

    private func checkMultisig(
        _ required: Int, _ columns: [[KeyExpression]], _ context: Context, isTapscript: Bool
    ) throws(DescriptorError) {
        let count = columns.count
        let most = isTapscript ? Limits.tapscriptMultisigKeysMax : Limits.multisigKeysMax
        if count == 0 || count > most {
            throw DescriptorError(
                "Cannot have \(count) keys in \(isTapscript ? "multi_a" : "multisig"); must have between 1 "
                    + "and \(most) keys, inclusive")
        }
        if required < 1 {
            throw DescriptorError("Multisig threshold cannot be \(required), must be at least 1")
        }
        if required > count {
            throw DescriptorError(
                "Multisig threshold cannot be larger than the number of keys; threshold is \(required) but "
                    + "only \(count) keys specified")
        }
        if context == .top, count > 3 {
            throw DescriptorError("Cannot have \(count) pubkeys in bare multisig; only at most 3 pubkeys")
        }
        let size = columns.reduce(0) { $0 + $1[0].byteCount + 1 } + 3
        if context == .scriptHash, size > Limits.scriptElementBytesMax {
            throw DescriptorError(
                "P2SH script is too large, \(size) bytes is larger than \(Limits.scriptElementBytesMax) bytes"
            )
        }
    }

    /// From one list of alternatives for each place, one list of places for each alternative.
    func aligned<T>(_ columns: [[T]], or message: String) throws(DescriptorError) -> [[T]] {
        let most = columns.map(\.count).max() ?? 1
        guard columns.allSatisfy({ $0.count == 1 || $0.count == most }) else {
            throw DescriptorError(message)
        }
        return (0..<most).map { row in columns.map { $0.count == 1 ? $0[0] : $0[row] } }
    }

    // MARK: Taproot

    private func taproot(_ text: inout DescriptorText) throws(DescriptorError) -> [ScriptExpression] {
        let internals = try keys(text.expression(), .taproot, in: "tr(): ")
        guard !text.isEmpty else { return internals.map { .taproot($0, nil) } }
        guard text.skip(",") else {
            throw DescriptorError("tr: expected ',', got '\(text.firstCharacter)'")
        }
        let trees = try tree(&text, depth: 0)
        guard text.isEmpty else { throw DescriptorError("tr(): expected ')' after script expression") }
        guard internals.count == 1 || trees.count == 1 || internals.count == trees.count else {
            throw DescriptorError(
                "tr(): Multipath internal key mismatches multipath subscripts lengths")
        }
        return (0..<max(internals.count, trees.count)).map { row in
            .taproot(
                internals.count == 1 ? internals[0] : internals[row], trees.count == 1 ? trees[0] : trees[row]
            )
        }
    }

    private func tree(
        _ text: inout DescriptorText, depth: Int
    ) throws(DescriptorError) -> [ScriptExpression.ScriptTree] {
        guard text.skip("{") else {
            var leaf = text.expression()
            return try scripts(&leaf, .taproot).map { .leaf($0) }
        }
        guard depth < Limits.taprootDepthMax else {
            throw DescriptorError("tr() supports at most \(Limits.taprootDepthMax) nesting levels")
        }
        let left = try tree(&text, depth: depth + 1)
        guard text.skip(",") else { throw DescriptorError("tr(): expected ',' after script expression") }
        let right = try tree(&text, depth: depth + 1)
        guard text.skip("}") else { throw DescriptorError("tr(): expected '}' after script expression") }
        let rows = try aligned([left, right], or: "tr(): Multipath subscripts have mismatched lengths")
        return rows.map { .branch($0[0], $0[1]) }
    }

    /// Decimal digits that make a number of 32 bits.
    static func number(_ text: String) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt32(text)
    }
}
