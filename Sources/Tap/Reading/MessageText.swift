import Bitcoin
import JSONText
import Stratum

/// A frame as a reader wants it: name and fields, spelt as in the specification.
public struct MessageText: Sendable, Equatable {
    public struct Field: Sendable, Equatable {
        public var name: String
        public var value: FieldValue
    }

    public var name: String
    public var fields: [Field]
    /// Why the payload is not the message that its header announces; the fields are empty then.
    public var fault: V2DecodeError?

    public init(_ frame: V2Frame) {
        name = MessageCatalog.name(of: frame)
        fields = []
        do throws(V2DecodeError) {
            guard let message = try MessageText.message(in: frame) else {
                fields = [Field(name: "payload", value: .bytes(frame.payload))]
                return
            }
            fields = Mirror(reflecting: message).children.map { label, value in
                Field(name: MessageText.specified(label ?? ""), value: FieldValue(value))
            }
        } catch {
            fault = error
            fields = [Field(name: "payload", value: .bytes(frame.payload))]
        }
    }

    public subscript(name: String) -> FieldValue? { fields.first { $0.name == name }?.value }

    /// One line: `NewMiningJob channel_id=2 job_id=7 …`.
    public var line: String {
        var text = name
        for field in fields { text += " \(field.name)=\(field.value.text)" }
        if let fault { text += " MALFORMED(\(fault))" }
        return text
    }

    public var json: JSON {
        var object = JSONObject()
        object.append("name", .string(name))
        var values = JSONObject()
        for field in fields { values.append(field.name, field.value.json) }
        object.append("fields", .object(values))
        if let fault { object.append("fault", .string("\(fault)")) }
        return .object(object)
    }

    /// The message's value, or nil when no protocol knows it.
    private static func message(in frame: V2Frame) throws(V2DecodeError) -> Any? {
        if let message = try Common.Message(frame: frame) { return payload(of: message) }
        if let message = try Mining.Message(frame: frame) { return payload(of: message) }
        if let message = try JobDeclaration.Message(frame: frame) { return payload(of: message) }
        if let message = try TemplateDistribution.Message(frame: frame) { return payload(of: message) }
        if let message = try ExtensionsNegotiation.Message(frame: frame) { return payload(of: message) }
        return nil
    }

    private static func payload(of message: Any) -> Any? { Mirror(reflecting: message).children.first?.value }

    private static let spellings: [String: String] = [
        "nTime": "ntime", "minNTime": "min_ntime", "nBits": "nbits",
        "coinbaseTxInputNSequence": "coinbase_tx_input_nSequence",
    ]

    /// The specification's spelling of one of our names.
    static func specified(_ label: String) -> String {
        if let known = spellings[label] { return known }
        var text = ""
        var isAfterLowercase = false
        for character in label {
            if character.isUppercase, isAfterLowercase { text += "_" }
            isAfterLowercase = character.isLowercase || character.isNumber
            text += character.lowercased()
        }
        return text
    }
}

/// A field's value.
public indirect enum FieldValue: Sendable, Equatable {
    case number(String)
    case text(String)
    case flag(Bool)
    case bytes([UInt8])
    case hash(Hash256)
    case target(Target)
    case list([FieldValue])
    /// An OPTION without its element.
    case none

    init(_ value: Any) {
        switch value {
        case let value as UInt8: self = .number(String(value))
        case let value as UInt16: self = .number(String(value))
        case let value as UInt32: self = .number(String(value))
        case let value as UInt64: self = .number(String(value))
        case let value as Float: self = .number("\(value)")
        case let value as Bool: self = .flag(value)
        case let value as String: self = .text(value)
        case let value as Hash256: self = .hash(value)
        case let value as Target: self = .target(value)
        case let value as V2Protocol: self = .number(String(value.rawValue))
        // An empty array can be cast to any array type, so the type itself is asked.
        case let bytes as [UInt8] where type(of: value) == [UInt8].self: self = .bytes(bytes)
        case let value as [UInt16]: self = .list(value.map { .number(String($0)) })
        case let value as [UInt32]: self = .list(value.map { .number(String($0)) })
        case let value as [Hash256]: self = .list(value.map { .hash($0) })
        case let value as [[UInt8]]: self = .list(value.map { .bytes($0) })
        case let value as [TLV]: self = .list(value.map { FieldValue(tlv: $0) })
        case let value as UInt32?: self = value.map { .number(String($0)) } ?? .none
        default: self = .text("\(value)")
        }
    }

    private init(tlv: TLV) {
        let type = MessageCatalog.hexadecimal(tlv.extensionType, digits: 4)
        let field = MessageCatalog.hexadecimal(tlv.fieldType, digits: 2)
        self = .text("\(type)/\(field):" + (tlv.userIdentity ?? tlv.value.hex))
    }

    /// Short: long bytes and lists are cut, and say so.
    public var text: String {
        switch self {
        case .number(let text): return text
        case .text(let text): return JSON.string(text).text
        case .flag(let value): return value ? "true" : "false"
        case .hash(let hash): return hash.displayHex
        case .target(let target): return FieldValue.short(target)
        case .none: return "none"
        case .bytes(let bytes):
            let half = TapLimits.shownDigits / 2
            guard bytes.count > half else { return bytes.isEmpty ? "\"\"" : bytes.hex }
            return Array(bytes[..<half]).hex + "…(\(bytes.count) bytes)"
        case .list(let values):
            let shown = values.prefix(TapLimits.shownElements).map(\.text).joined(separator: ",")
            return values.count > TapLimits.shownElements
                ? "[\(shown),…(\(values.count) elements)]" : "[\(shown)]"
        }
    }

    public var json: JSON {
        switch self {
        case .number(let text): .number(text == "nan" || text.hasSuffix("inf") ? "null" : text)
        case .text(let text): .string(text)
        case .flag(let value): .bool(value)
        case .hash(let hash): .string(hash.displayHex)
        case .target(let target): .string([UInt8](target.littleEndianHash.bytes.reversed()).hex)
        case .none: .null
        case .bytes(let bytes): .string(bytes.hex)
        case .list(let values): .array(values.map(\.json))
        }
    }

    /// The number's leading digits and the difficulty that it stands for.
    private static func short(_ target: Target) -> String {
        let digits = [UInt8](target.littleEndianHash.bytes.reversed()).hex
        guard !target.value.isZero else { return digits }
        return String(digits.prefix(16)) + "…(difficulty \(rounded(target.difficulty)))"
    }

    /// Four significant digits.
    private static func rounded(_ value: Double) -> String {
        guard value > 0, value.isFinite else { return "\(value)" }
        var scale = 1.0
        while value * scale < 1_000, scale < 1e300 { scale *= 10 }
        while value * scale >= 10_000, scale > 1e-300 { scale /= 10 }
        return "\((value * scale).rounded() / scale)"
    }
}
