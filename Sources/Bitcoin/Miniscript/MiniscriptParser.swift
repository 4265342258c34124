extension Miniscript {
    /// Reads an expression, whose types are not judged yet. Nil for text that is none, or whose script would
    /// be too long.
    ///
    /// - Parameter key: gives a key expression its place; what it throws ends the reading.
    public static func parse(
        _ text: some Sequence<UInt8>, _ context: Context,
        key: (ArraySlice<UInt8>) throws(DescriptorError) -> Int
    ) throws(DescriptorError) -> Miniscript? {
        var parser = MiniscriptParser(Array(text), context)
        guard try parser.run(key), parser.result.scriptSize <= scriptSizeMax(context) else { return nil }
        return parser.result
    }
}

private struct MiniscriptParser {
    typealias Fragment = Miniscript.Fragment

    /// A function whose arguments are being read.
    private struct Open {
        /// Letters before its colon.
        var wrappers: Range<Int>
        var kind: Kind
        var arguments: [Int] = []

        enum Kind {
            case fixed(Fragment, count: Int)
            case andN
            case threshold(Int)
        }
    }

    let text: [UInt8]
    var at = 0
    var result: Miniscript
    private var open: [Open] = []

    init(_ text: [UInt8], _ context: Miniscript.Context) {
        self.text = text
        result = Miniscript(context)
    }

    mutating func run(_ key: (ArraySlice<UInt8>) throws(DescriptorError) -> Int) throws(DescriptorError)
        -> Bool
    {
        while true {
            guard let wrappers = self.wrappers() else { return false }
            if let kind = function() {
                guard let kind else { return false }
                open.append(Open(wrappers: wrappers, kind: kind))
                continue
            }
            guard let leaf = try leaf(key), var node = wrap(leaf, wrappers) else { return false }
            // Close what this argument completes.
            while let last = open.last {
                open[open.count - 1].arguments.append(node)
                let isFull: Bool
                switch last.kind {
                case .fixed(_, let count): isFull = last.arguments.count + 1 == count
                case .andN: isFull = last.arguments.count + 1 == 2
                case .threshold: isFull = next == UInt8(ascii: ")")
                }
                guard isFull else {
                    guard skip(",") else { return false }
                    break
                }
                guard skip(")"), let closed = close(open.removeLast()) else { return false }
                node = closed
            }
            if open.isEmpty { return at == text.count }
        }
    }

    private mutating func close(_ function: Open) -> Int? {
        let node: Int
        switch function.kind {
        case .fixed(let fragment, _): node = result.append(fragment, function.arguments)
        case .andN: node = result.append(.andOr, function.arguments + [result.append(.zero)])
        case .threshold(let required):
            guard required <= function.arguments.count else { return nil }
            node = result.append(.threshold(required), function.arguments)
        }
        return wrap(node, function.wrappers)
    }

    // MARK: Wrappers

    /// The letters before a colon, empty without one; nil for letters that are no wrappers.
    private mutating func wrappers() -> Range<Int>? {
        var end = at
        while end < text.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text[end]) { end += 1 }
        guard end > at, end < text.count, text[end] == UInt8(ascii: ":") else { return at..<at }
        defer { at = end + 1 }
        let known = Array("asctdvjnlu".utf8)
        for place in at..<end {
            guard known.contains(text[place]) else { return nil }
            if place > at, text[place] == UInt8(ascii: "v"), text[place - 1] == text[place] { return nil }
        }
        return at..<end
    }

    private mutating func wrap(_ node: Int, _ letters: Range<Int>) -> Int? {
        var node = node
        for place in letters.reversed() {
            switch text[place] {
            case UInt8(ascii: "a"): node = result.append(.alt, [node])
            case UInt8(ascii: "s"): node = result.append(.swap, [node])
            case UInt8(ascii: "c"): node = result.append(.check, [node])
            case UInt8(ascii: "d"): node = result.append(.dupIf, [node])
            case UInt8(ascii: "v"): node = result.append(.verify, [node])
            case UInt8(ascii: "j"): node = result.append(.nonZero, [node])
            case UInt8(ascii: "n"): node = result.append(.zeroNotEqual, [node])
            case UInt8(ascii: "t"): node = result.append(.andV, [node, result.append(.one)])
            case UInt8(ascii: "u"): node = result.append(.orI, [node, result.append(.zero)])
            case UInt8(ascii: "l"): node = result.append(.orI, [result.append(.zero), node])
            default: return nil
            }
        }
        return node
    }

    // MARK: Functions over expressions

    /// Enters a function whose arguments are expressions. The outer nil: there is none here; the inner: its
    /// threshold is wrong.
    private mutating func function() -> Open.Kind?? {
        let functions: [(String, Open.Kind)] = [
            ("andor(", .fixed(.andOr, count: 3)), ("and_n(", .andN), ("and_v(", .fixed(.andV, count: 2)),
            ("and_b(", .fixed(.andB, count: 2)), ("or_b(", .fixed(.orB, count: 2)),
            ("or_c(", .fixed(.orC, count: 2)), ("or_d(", .fixed(.orD, count: 2)),
            ("or_i(", .fixed(.orI, count: 2)),
        ]
        for (name, kind) in functions where skip(name) { return .some(.some(kind)) }
        guard skip("thresh(") else { return .none }
        guard let required = number(), required >= 1, skip(",") else { return .some(.none) }
        return .some(.some(.threshold(required)))
    }

    // MARK: Leaves

    private mutating func leaf(
        _ key: (ArraySlice<UInt8>) throws(DescriptorError) -> Int
    ) throws(DescriptorError) -> Int? {
        if skip("0") { return result.append(.zero) }
        if skip("1") { return result.append(.one) }
        for (name, isHash, isChecked) in [
            ("pk(", false, true), ("pkh(", true, true), ("pk_k(", false, false), ("pk_h(", true, false),
        ] where skip(name) {
            guard let text = argument() else { return nil }
            let place = try key(text)
            let node = result.append(isHash ? .keyHash(place) : .key(place))
            return isChecked ? result.append(.check, [node]) : node
        }
        for (name, isOlder) in [("older(", true), ("after(", false)] where skip(name) {
            guard let value = number(), (1..<1 << 31).contains(value), skip(")") else { return nil }
            return result.append(isOlder ? .older(UInt32(value)) : .after(UInt32(value)))
        }
        for function in Miniscript.HashFunction.allCases where skip(function.rawValue + "(") {
            guard let text = argument(), let digest = [UInt8](hex: String(decoding: text, as: UTF8.self)),
                digest.count == function.byteCount
            else { return nil }
            return result.append(.hash(function, digest))
        }
        let isTapscript = result.context == .tapscript
        guard skip(isTapscript ? "multi_a(" : "multi(") else { return nil }
        return try multisig(key, isTapscript ? Limits.tapscriptMultisigKeysMax : Limits.multisigKeysMax)
    }

    private mutating func multisig(
        _ key: (ArraySlice<UInt8>) throws(DescriptorError) -> Int, _ most: Int
    ) throws(DescriptorError) -> Int? {
        guard let required = number() else { return nil }
        var keys: [Int] = []
        while skip(",") {
            guard keys.count < most else { return nil }
            let start = at
            while let next, next != UInt8(ascii: ","), next != UInt8(ascii: ")") { at += 1 }
            guard at > start else { return nil }
            keys.append(try key(text[start..<at]))
        }
        guard skip(")"), (1...max(keys.count, 1)).contains(required), !keys.isEmpty else { return nil }
        return result.append(
            result.context == .tapscript
                ? .tapscriptMultisig(required, keys: keys) : .multisig(required, keys: keys))
    }

    // MARK: Characters

    private var next: UInt8? { at < text.count ? text[at] : nil }

    private mutating func skip(_ word: String) -> Bool {
        let word = word.utf8
        guard text.count - at >= word.count, text[at..<at + word.count].elementsEqual(word) else {
            return false
        }
        at += word.count
        return true
    }

    /// Everything up to the closing bracket, which is stepped over.
    private mutating func argument() -> ArraySlice<UInt8>? {
        guard let end = text[at...].firstIndex(of: UInt8(ascii: ")")) else { return nil }
        defer { at = end + 1 }
        return text[at..<end]
    }

    /// Decimal digits of a number below 2^31.
    private mutating func number() -> Int? {
        let start = at
        while let next, (48...57).contains(next), at - start < 12 { at += 1 }
        guard at > start, let value = Int(String(decoding: text[start..<at], as: UTF8.self)), value < 1 << 31
        else { return nil }
        return value
    }
}
