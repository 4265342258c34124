/// One normative statement of the Stratum V2 specification (`stratum-mining/sv2-spec` of 2026-08-20), or of this
/// laboratory (`LAB-…`, `V1-…`): what is asked beyond the specification's text.
public struct Clause: Sendable, Hashable {
    public enum Level: String, Sendable, Hashable {
        case must = "MUST"
        case should = "SHOULD"
        /// Said as a fact, and others rely on it.
        case plain = "states"
        /// Not in the specification; a server that fails it does its users no good.
        case lab = "lab"
    }

    public enum Test: Sendable, Hashable {
        /// There is a check of the same number.
        case checked
        /// No check; the text says why nobody can tell from outside.
        case notFromOutside(String)
    }

    /// Section and a running number.
    public var id: String
    public var level: Level
    /// The specification's words, shortened.
    public var text: String
    public var test: Test

    init(_ id: String, _ level: Level, _ text: String, _ test: Test = .checked) {
        self.id = id
        self.level = level
        self.text = text
        self.test = test
    }

    /// The section that a reader opens.
    public var section: String {
        let parts = id.split(separator: "-")
        return parts.count >= 2 ? parts.dropLast().joined(separator: " ") : id
    }

    /// In the order of the specification.
    public static let all: [Clause] =
        chapter3 + chapter4 + chapter5 + chapter6 + chapter7 + extensions + others

    public static func find(_ id: String) -> Clause? { all.first { $0.id == id } }
}
