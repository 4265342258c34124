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
        }
    }

    func accepts(_ value: ProfileValue) -> Bool {
        switch (kind, value) {
        case (.number(let range), .number(let number)): range.contains(number)
        case (.number(let range), .integer(let number)): range.contains(Double(number))
        case (.integer(let range), .integer(let number)):
            number >= Int64(range.lowerBound) && number <= Int64(range.upperBound)
        case (.text, .text(let text)): !text.isEmpty
        case (.choice(let words), .text(let text)): words.contains(text)
        default: false
        }
    }
}

/// Why a profile was refused. Each case names the key.
public enum ProfileError: Error, Equatable, Sendable, CustomStringConvertible {
    case missing(key: String, expected: String)
    case wrong(key: String, expected: String, found: String)
    case unknown(key: String, nearest: String?)
    /// Two values that contradict each other.
    case contradiction(key: String, reason: String)

    public var description: String {
        switch self {
        case .missing(let key, let expected): "\(key) is missing: it must be \(expected)"
        case .wrong(let key, let expected, let found): "\(key) is \(found): it must be \(expected)"
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

/// The least number of single-character edits between two words, for suggestions.
public enum Spelling {
    public static func nearest(to word: String, among words: [String]) -> String? {
        var best: (word: String, distance: Int)?
        for candidate in words {
            let distance = distance(word, candidate)
            if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(2, word.count / 3) else { return nil }
        return best.word
    }

    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8.prefix(Limits.spellingLength))
        let b = Array(b.utf8.prefix(Limits.spellingLength))
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
            }
        }
        return row[b.count]
    }
}
