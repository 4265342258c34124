/// A value as a profile file holds it.
public enum ProfileValue: Equatable, Sendable {
    case number(Double)
    case integer(Int64)
    case text(String)
    case boolean(Bool)

    /// For error messages.
    public var description: String {
        switch self {
        case .number(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .text(let value): "\"\(value)\""
        case .boolean(let value): "\(value)"
        }
    }
}

/// One line of the dictionary of profile files.
public struct ProfileKey: Sendable {
    public enum Kind: Equatable, Sendable {
        /// An integer will do as well.
        case number(ClosedRange<Double>)
        case integer(ClosedRange<Int>)
        case text
        case choice([String])
        case boolean
    }

    /// Dotted: `chip.nominal_mhz`.
    public let path: String
    /// `MHz`, `V`, `K/W`…; empty for pure numbers and text.
    public let unit: String
    public let kind: Kind
    public let isRequired: Bool
    public let documentation: String
    let assign: @Sendable (inout DeviceProfile, ProfileValue) -> Void

    /// What a value must be, in words: `a number of MHz from 1 to 2000`.
    public var expectation: String {
        let of = unit.isEmpty ? "" : " of \(unit)"
        return switch kind {
        case .number(let range): "a number\(of) from \(range.lowerBound) to \(range.upperBound)"
        case .integer(let range): "a whole number\(of) from \(range.lowerBound) to \(range.upperBound)"
        case .text: "a text"
        case .choice(let words): "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .boolean: "true or false"
        }
    }

    /// What is wrong with a value; nil when it will do.
    func fault(of value: ProfileValue, at path: String) -> ProfileError? {
        guard !accepts(value) else { return nil }
        var nearest: String?
        if case .choice(let words) = kind, case .text(let text) = value {
            nearest = Spelling.nearest(to: text, among: words)
        }
        return .wrong(key: path, expected: expectation, found: value.description, nearest: nearest)
    }

    func accepts(_ value: ProfileValue) -> Bool {
        switch (kind, value) {
        case (.number(let range), .number(let number)): range.contains(number)
        case (.number(let range), .integer(let number)): range.contains(Double(number))
        case (.integer(let range), .integer(let number)):
            number >= Int64(range.lowerBound) && number <= Int64(range.upperBound)
        case (.text, .text(let text)): !text.isEmpty
        case (.choice(let words), .text(let text)): words.contains(text)
        case (.boolean, .boolean): true
        default: false
        }
    }
}

/// Why a profile was refused. Each case names the key.
public enum ProfileError: Error, Equatable, Sendable, CustomStringConvertible {
    case missing(key: String, expected: String)
    /// `nearest` is the choice that was probably meant.
    case wrong(key: String, expected: String, found: String, nearest: String? = nil)
    case unknown(key: String, nearest: String?)
    /// Two values that contradict each other.
    case contradiction(key: String, reason: String)

    public var key: String {
        switch self {
        case .missing(let key, _), .wrong(let key, _, _, _), .unknown(let key, _), .contradiction(let key, _):
            key
        }
    }

    public var description: String {
        switch self {
        case .missing(let key, let expected): "\(key) is missing: it must be \(expected)"
        case .wrong(let key, let expected, let found, let nearest):
            "\(key) is \(found): it must be \(expected)" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        case .unknown(let key, let nearest):
            if let nearest {
                "\(key) is not a key of a device profile: did you mean \(nearest)?"
            } else {
                "\(key) is not a key of a device profile"
            }
        case .contradiction(let key, let reason): "\(key): \(reason)"
        }
    }
}

extension ProfileKey {
    static func number(
        _ path: String, _ unit: String, _ range: ClosedRange<Double>, _ documentation: String,
        required: Bool = false, _ assign: @escaping @Sendable (inout DeviceProfile, Double) -> Void
    ) -> ProfileKey {
        ProfileKey(
            path: path, unit: unit, kind: .number(range), isRequired: required, documentation: documentation
        ) { profile, value in
            switch value {
            case .number(let number): assign(&profile, number)
            case .integer(let number): assign(&profile, Double(number))
            case .text, .boolean: break
            }
        }
    }

    static func integer(
        _ path: String, _ unit: String, _ range: ClosedRange<Int>, _ documentation: String,
        required: Bool = false, _ assign: @escaping @Sendable (inout DeviceProfile, Int) -> Void
    ) -> ProfileKey {
        ProfileKey(
            path: path, unit: unit, kind: .integer(range), isRequired: required, documentation: documentation
        ) { profile, value in
            if case .integer(let number) = value { assign(&profile, Int(number)) }
        }
    }

    static func text(
        _ path: String, _ documentation: String, required: Bool = true,
        _ assign: @escaping @Sendable (inout DeviceProfile, String) -> Void
    ) -> ProfileKey {
        ProfileKey(path: path, unit: "", kind: .text, isRequired: required, documentation: documentation) {
            if case .text(let text) = $1 { assign(&$0, text) }
        }
    }

    static func choice(
        _ path: String, _ words: [String], _ documentation: String, required: Bool = false,
        _ assign: @escaping @Sendable (inout DeviceProfile, String) -> Void
    ) -> ProfileKey {
        ProfileKey(
            path: path, unit: "", kind: .choice(words), isRequired: required, documentation: documentation
        ) {
            if case .text(let text) = $1 { assign(&$0, text) }
        }
    }

    static func boolean(
        _ path: String, _ documentation: String,
        _ assign: @escaping @Sendable (inout DeviceProfile, Bool) -> Void
    ) -> ProfileKey {
        ProfileKey(path: path, unit: "", kind: .boolean, isRequired: false, documentation: documentation) {
            if case .boolean(let value) = $1 { assign(&$0, value) }
        }
    }
}
