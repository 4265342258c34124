/// A JSON value (RFC 8259). Numbers keep their text, so that 0.10000000 stays what it was and no amount passes
/// through a floating-point number; objects keep their order.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The number's own text, valid by construction when it came from ``parse(_:depthLimit:)``.
    case number(String)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    public static func int(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

    /// A finite number in the shortest form that reads back the same; NaN and infinities become null.
    public static func double(_ value: Double) -> JSON {
        guard value.isFinite else { return .null }
        if value == value.rounded(), abs(value) < 1e15 { return .number(String(Int64(value))) }
        return .number("\(value)")
    }

    /// An amount of bitcoin with exactly eight decimals, as Bitcoin Core prints it.
    public static func amount(satoshi: Int64) -> JSON {
        let magnitude = satoshi.magnitude
        let fraction = String(magnitude % 100_000_000)
        let zeros = String(repeating: "0", count: 8 - fraction.count)
        return .number("\(satoshi < 0 ? "-" : "")\(magnitude / 100_000_000).\(zeros)\(fraction)")
    }

    public var isNull: Bool { self == .null }

    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The number's text.
    public var numberText: String? {
        if case .number(let value) = self { value } else { nil }
    }

    public var int64: Int64? { numberText.flatMap { Int64($0) } }
    public var uint64: UInt64? { numberText.flatMap { UInt64($0) } }
    public var double: Double? { numberText.flatMap { Double($0) } }

    /// The member of an object; nil when this is no object or has no such key.
    public subscript(key: String) -> JSON? { objectValue?[key] }

    /// The element of an array; nil when this is no array or the index is outside.
    public subscript(index: Int) -> JSON? {
        guard case .array(let values) = self, values.indices.contains(index) else { return nil }
        return values[index]
    }
}

/// A JSON object in the order of its text. A key that comes twice in a text is there twice, and is found where it
/// came first, as Bitcoin Core reads it.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var keys: [String] = []
    private var values: [JSON] = []

    public init() {}

    public init(dictionaryLiteral elements: (String, JSON)...) {
        for (key, value) in elements { self[key] = value }
    }

    public init(_ entries: [(String, JSON)]) {
        for (key, value) in entries { append(key, value) }
    }

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    public var entries: [(key: String, value: JSON)] {
        zip(keys, values).map { (key: $0, value: $1) }
    }

    /// Setting nil removes. Objects are small (tens of keys), so a linear search beats a hash.
    public subscript(key: String) -> JSON? {
        get { keys.firstIndex(of: key).map { values[$0] } }
        set {
            switch (keys.firstIndex(of: key), newValue) {
            case (let index?, let value?): values[index] = value
            case (let index?, nil):
                keys.remove(at: index)
                values.remove(at: index)
            case (nil, let value?):
                keys.append(key)
                values.append(value)
            case (nil, nil): break
            }
        }
    }

    /// Appends without the search for an earlier key of this name; for builders that know their keys to differ.
    public mutating func append(_ key: String, _ value: JSON) {
        keys.append(key)
        values.append(value)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral,
    ExpressibleByFloatLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
    public init(nilLiteral: ()) { self = .null }
    public init(floatLiteral value: Double) { self = .double(value) }
}
