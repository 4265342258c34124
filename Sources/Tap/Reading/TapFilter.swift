import Stratum

/// Which records a reader wants. Terms are separated by spaces and must all hold; alternatives within a term by
/// commas; `!` in front negates a term.
///
/// | term | holds for |
/// |---|---|
/// | `SubmitShares*` | messages of that name; `*` stands for anything, case does not matter |
/// | `dir:up` | what travels towards the pool |
/// | `session:2` | one client |
/// | `channel:1,2` | messages whose payload begins with that channel |
/// | `type:0x1a` | messages of that number |
/// | `how:dropped` | what the tap did with it |
public struct TapFilter: Sendable, Equatable {
    private enum Test: Sendable, Equatable {
        case name(String)
        case direction(TapDirection)
        case session(UInt32)
        case channel(UInt32)
        case type(UInt8)
        case handling(TapRecord.Handling)
    }

    private struct Term: Sendable, Equatable {
        var isNegated: Bool
        var tests: [Test]
    }

    private var terms: [Term] = []

    /// Everything.
    public init() {}

    /// Nil when a term is unknown or its value is none.
    public init?(_ text: String) {
        for word in text.split(separator: " ") {
            let isNegated = word.hasPrefix("!")
            let body = isNegated ? word.dropFirst() : word
            let parts = body.split(separator: ":", maxSplits: 1)
            guard let last = parts.last else { return nil }
            let key = parts.count == 2 ? String(parts[0]) : nil
            var tests: [Test] = []
            for value in last.split(separator: ",") {
                guard let test = TapFilter.test(key, String(value)) else { return nil }
                tests.append(test)
            }
            guard !tests.isEmpty else { return nil }
            terms.append(Term(isNegated: isNegated, tests: tests))
        }
    }

    private static func test(_ key: String?, _ value: String) -> Test? {
        switch key {
        case nil: .name(value.lowercased())
        case "dir": TapDirection(rawValue: value).map { .direction($0) }
        case "session": UInt32(value).map { .session($0) }
        case "channel": UInt32(value).map { .channel($0) }
        case "type":
            (value.hasPrefix("0x") ? UInt8(value.dropFirst(2), radix: 16) : UInt8(value)).map { .type($0) }
        case "how": TapRecord.Handling(rawValue: value).map { .handling($0) }
        default: nil
        }
    }

    public func accepts(_ record: TapRecord) -> Bool {
        terms.allSatisfy { term in
            term.tests.contains { TapFilter.holds($0, for: record) } != term.isNegated
        }
    }

    private static func holds(_ test: Test, for record: TapRecord) -> Bool {
        switch test {
        case .name(let pattern): return matches(record.name.lowercased()[...], pattern[...])
        case .direction(let direction): return record.direction == direction
        case .session(let session): return record.session == session
        case .channel(let channel): return record.frame?.channelID == channel
        case .type(let type): return record.frame?.messageType == type
        case .handling(let handling): return record.handling == handling
        }
    }

    /// Whether `text` is `pattern`, in which `*` stands for any run of characters.
    static func matches(_ text: Substring, _ pattern: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" {
            var rest = text
            while true {
                if matches(rest, pattern.dropFirst()) { return true }
                guard !rest.isEmpty else { return false }
                rest = rest.dropFirst()
            }
        }
        return text.first == first && matches(text.dropFirst(), pattern.dropFirst())
    }
}
