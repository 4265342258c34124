extension JSON {
    /// The compact text, on one line.
    public var text: String {
        var bytes: [UInt8] = []
        write(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the compact text.
    public func write(into bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let text): bytes.append(contentsOf: text.utf8)
        case .string(let text): JSON.write(string: text, into: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, entry) in object.entries.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSON.write(string: entry.key, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                entry.value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// Appends the text with two spaces of indentation for each level, as bitcoin-cli prints.
    public func writeIndented(into bytes: inout [UInt8], level: Int = 0) {
        switch self {
        case .array(let values) where !values.isEmpty:
            JSON.block("[", "]", level: level, count: values.count, into: &bytes) { index, bytes in
                values[index].writeIndented(into: &bytes, level: level + 1)
            }
        case .object(let object) where !object.isEmpty:
            let entries = object.entries
            JSON.block("{", "}", level: level, count: entries.count, into: &bytes) { index, bytes in
                JSON.write(string: entries[index].key, into: &bytes)
                bytes.append(contentsOf: ": ".utf8)
                entries[index].value.writeIndented(into: &bytes, level: level + 1)
            }
        default: write(into: &bytes)
        }
    }

    public var indentedText: String {
        var bytes: [UInt8] = []
        writeIndented(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func block(
        _ open: Character, _ close: Character, level: Int, count: Int, into bytes: inout [UInt8],
        _ member: (Int, inout [UInt8]) -> Void
    ) {
        bytes.append(contentsOf: "\(open)\n".utf8)
        for index in 0..<count {
            bytes.append(contentsOf: repeatElement(0x20, count: 2 * (level + 1)))
            member(index, &bytes)
            bytes.append(contentsOf: (index + 1 < count ? ",\n" : "\n").utf8)
        }
        bytes.append(contentsOf: repeatElement(0x20, count: 2 * level))
        bytes.append(contentsOf: "\(close)".utf8)
    }

    private static func write(string: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case 8: bytes.append(contentsOf: "\\b".utf8)
            case 9: bytes.append(contentsOf: "\\t".utf8)
            case 10: bytes.append(contentsOf: "\\n".utf8)
            case 12: bytes.append(contentsOf: "\\f".utf8)
            case 13: bytes.append(contentsOf: "\\r".utf8)
            case ..<0x20, 0x7f:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
