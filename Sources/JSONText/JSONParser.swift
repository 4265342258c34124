/// Why a text is not JSON; `offset` counts bytes from the start.
public enum JSONError: Error, Equatable, Sendable {
    case unexpectedEnd
    case unexpected(byte: UInt8, offset: Int)
    case badNumber(offset: Int)
    case badString(offset: Int)
    case tooDeep(limit: Int)
    case trailingBytes(offset: Int)
    /// An object or array of more members than the parser will hold.
    case tooManyValues(limit: Int)
}

/// Bounds of the parser, so that a peer's text cannot cost more than its own length times a small factor.
public enum JSONLimits {
    /// Nesting: deeper than any protocol here goes (getblock at verbosity 3 needs 7).
    public static let depth = 64
    /// Values in one text: a block template with 10,000 transactions has about 120,000.
    public static let values = 4_000_000
}

extension JSON {
    public static func parse(_ text: String, depthLimit: Int = JSONLimits.depth) throws(JSONError) -> JSON {
        try parse(Array(text.utf8), depthLimit: depthLimit)
    }

    /// Parses one whole text; white space may surround it, nothing else may.
    public static func parse(_ bytes: [UInt8], depthLimit: Int = JSONLimits.depth) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes, depthLimit: depthLimit)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.offset == bytes.count else { throw .trailingBytes(offset: parser.offset) }
        return value
    }
}

struct JSONParser {
    let bytes: [UInt8]
    let depthLimit: Int
    var offset = 0
    var values = 0

    init(bytes: [UInt8], depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth <= depthLimit else { throw .tooDeep(limit: depthLimit) }
        values += 1
        guard values <= JSONLimits.values else { throw .tooManyValues(limit: JSONLimits.values) }
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return .number(try number())
        }
    }

    mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard offset < bytes.count else { throw .unexpectedEnd }
        return bytes[offset]
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        let found = try peek()
        guard found == byte else { throw .unexpected(byte: found, offset: offset) }
        offset += 1
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for i in 0..<word.utf8CodeUnitCount { try expect(word.utf8Start[i]) }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        offset += 1
        var result = JSONObject()
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            offset += 1
            return .object(result)
        }
        while true {
            skipSpace()
            guard try peek() == UInt8(ascii: "\"") else {
                throw .unexpected(byte: try peek(), offset: offset)
            }
            let key = try string()
            skipSpace()
            try expect(UInt8(ascii: ":"))
            // Without a look for an earlier key of the name, which would make long objects cost the square of them.
            result.append(key, try value(depth: depth + 1))
            skipSpace()
            if try peek() == UInt8(ascii: "}") { break }
            try expect(UInt8(ascii: ","))
        }
        offset += 1
        return .object(result)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        offset += 1
        var result: [JSON] = []
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            offset += 1
            return .array(result)
        }
        while true {
            result.append(try value(depth: depth + 1))
            skipSpace()
            if try peek() == UInt8(ascii: "]") { break }
            try expect(UInt8(ascii: ","))
        }
        offset += 1
        return .array(result)
    }

    private mutating func number() throws(JSONError) -> String {
        let start = offset
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let integerStart = offset
        digits()
        let integerLength = offset - integerStart
        guard integerLength > 0 else {
            if offset < bytes.count, start == offset {
                throw .unexpected(byte: bytes[offset], offset: offset)
            }
            throw .badNumber(offset: start)
        }
        if integerLength > 1, bytes[integerStart] == UInt8(ascii: "0") { throw .badNumber(offset: start) }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            offset += 1
            guard digits() else { throw .badNumber(offset: start) }
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-")
            {
                offset += 1
            }
            guard digits() else { throw .badNumber(offset: start) }
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    @discardableResult
    private mutating func digits() -> Bool {
        let start = offset
        while offset < bytes.count, bytes[offset] >= UInt8(ascii: "0"), bytes[offset] <= UInt8(ascii: "9") {
            offset += 1
        }
        return offset > start
    }

    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        while true {
            let byte = try peek()
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return String(decoding: bytes[start..<offset - 1], as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw .badString(offset: offset) }
            offset += 1
        }
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<offset])
        while true {
            let byte = try peek()
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case ..<0x20: throw .badString(offset: offset - 1)
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        let byte = try peek()
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try unicodeScalar()).utf8)
        default: throw .badString(offset: offset - 1)
        }
    }

    /// After `\u`: four hexadecimal digits and, for a surrogate, its mate. A lone surrogate becomes U+FFFD.
    private mutating func unicodeScalar() throws(JSONError) -> Unicode.Scalar {
        let first = try hex4()
        guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) ?? "\u{fffd}" }
        guard offset + 6 <= bytes.count, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        else { return "\u{fffd}" }
        let mark = offset
        offset += 2
        let second = try hex4()
        guard (0xdc00..<0xe000).contains(second) else {
            offset = mark
            return "\u{fffd}"
        }
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)) ?? "\u{fffd}"
    }

    private mutating func hex4() throws(JSONError) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw .unexpectedEnd }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[offset]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw .badString(offset: offset)
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }
}
