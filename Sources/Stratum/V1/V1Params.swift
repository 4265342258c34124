import Bitcoin
import JSONText

/// Positional parameters with the tolerance that real firmware needs: numbers as text, text as numbers,
/// hexadecimal with `0x` or without leading zeros.
struct V1Params {
    let values: [JSON]

    init(_ values: [JSON]) { self.values = values }

    subscript(index: Int) -> JSON? {
        guard values.indices.contains(index), !values[index].isNull else { return nil }
        return values[index]
    }

    func text(_ index: Int, _ name: String) throws(V1Error) -> String {
        guard let text = optionalText(index), text.utf8.count <= V1Limits.textMax else {
            throw .badParameter(name)
        }
        return text
    }

    func optionalText(_ index: Int) -> String? { self[index].flatMap { $0.stringValue ?? $0.numberText } }

    func number(_ index: Int, _ name: String) throws(V1Error) -> Double {
        guard let number = self[index].flatMap(Self.number), number.isFinite else {
            throw .badParameter(name)
        }
        return number
    }

    func count(_ index: Int, _ name: String) throws(V1Error) -> Int {
        guard let value = self[index].flatMap(Self.whole) else { throw .badParameter(name) }
        return value
    }

    /// Up to eight hexadecimal digits, the most significant first.
    func hex32(_ index: Int, _ name: String) throws(V1Error) -> UInt32 {
        guard let value = self[index].flatMap(Self.hex32) else { throw .badParameter(name) }
        return value
    }

    func bytes(_ index: Int, _ name: String, max: Int) throws(V1Error) -> [UInt8] {
        guard let text = self[index]?.stringValue, text.utf8.count <= 2 * max,
            let bytes = [UInt8](hex: text)
        else { throw .badParameter(name) }
        return bytes
    }

    func flag(_ index: Int) -> Bool { self[index].map(Self.flag) ?? false }

    static func number(_ json: JSON) -> Double? { json.double ?? json.stringValue.flatMap { Double($0) } }

    /// A whole number from 0 to 2^32 - 1. Without the standard library's rounding, which would need libm.
    static func whole(_ json: JSON) -> Int? {
        guard let value = number(json), value >= 0, value <= 0xffff_ffff, Double(Int(value)) == value else {
            return nil
        }
        return Int(value)
    }

    static func hex32(_ json: JSON) -> UInt32? {
        guard let text = json.stringValue else { return nil }
        let digits = text.hasPrefix("0x") || text.hasPrefix("0X") ? text.dropFirst(2) : text[...]
        guard (1...8).contains(digits.utf8.count), digits.first != "+" else { return nil }
        return UInt32(digits, radix: 16)
    }

    static func flag(_ json: JSON) -> Bool {
        json.boolValue ?? json.int64.map { $0 != 0 } ?? (json.stringValue == "true")
    }

    /// Eight hexadecimal digits, the most significant first.
    static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    /// V1 writes the previous block hash as eight 32-bit words, each turned around. The same step leads back.
    static func wordSwapped(_ hash: Hash256) -> Hash256 {
        var bytes = hash.bytes
        for word in stride(from: 0, to: 32, by: 4) { bytes[word..<word + 4].reverse() }
        return bytes.withUnsafeBytes { Hash256($0) }
    }
}
