import DeviceModel
import SansIO

/// One line of the dictionary of experiment files.
public struct ExperimentKey: Sendable {
    public enum Kind: Equatable, Sendable {
        case number(ClosedRange<Double>)
        case integer(ClosedRange<Int>)
        case text
        case choice([String])
        case boolean
        /// A text such as `30s`, or a number of seconds.
        case duration(ClosedRange<Double>)
        /// Any scalar.
        case any
    }

    /// Dotted; an element of a list of tables is `*`: `fleets.*.count`.
    public let path: String
    public let unit: String
    public let kind: Kind
    /// Several values are allowed: a list.
    public let isList: Bool
    public let isRequired: Bool
    public let documentation: String
    let assign: @Sendable (inout Experiment, Int, Input) throws(PlanError) -> Void

    /// A value as its key takes it.
    enum Input {
        case number(Double)
        case integer(Int)
        case text(String)
        case boolean(Bool)
        case duration(Interval)
        case any(ProfileValue)
    }

    public var expectation: String {
        let of = unit.isEmpty ? "" : " of \(unit)"
        return switch kind {
        case .number(let range): "a number\(of) from \(range.lowerBound) to \(range.upperBound)"
        case .integer(let range): "a whole number\(of) from \(range.lowerBound) to \(range.upperBound)"
        case .text: "a text"
        case .choice(let words): "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .boolean: "true or false"
        case .duration(let range):
            "a length of time such as \"30s\", from \(DurationText.text(Interval(seconds: range.lowerBound))) to "
                + DurationText.text(Interval(seconds: range.upperBound))
        case .any: "a number or a text"
        }
    }

    func input(_ value: ProfileValue) throws(PlanError) -> Input {
        func wrong(_ nearest: String? = nil) -> PlanError {
            PlanError("is \(value.description): it must be \(expectation)", nearest: nearest)
        }
        switch (kind, value) {
        case (.number(let range), .number(let number)) where range.contains(number): return .number(number)
        case (.number(let range), .integer(let number)) where range.contains(Double(number)):
            return .number(Double(number))
        case (.integer(let range), .integer(let number))
        where number >= Int64(range.lowerBound) && number <= Int64(range.upperBound):
            return .integer(Int(number))
        case (.text, .text(let text)) where !text.isEmpty: return .text(text)
        case (.choice(let words), .text(let text)):
            guard words.contains(text) else { throw wrong(Spelling.nearest(to: text, among: words)) }
            return .text(text)
        case (.boolean, .boolean(let value)): return .boolean(value)
        case (.duration(let range), let value):
            let seconds: Interval? =
                switch value {
                case .text(let text): DurationText.parse(text)
                case .integer(let number) where number >= 0: .seconds(UInt64(number))
                case .number(let number) where number >= 0: Interval(seconds: number)
                default: nil
                }
            guard let seconds, range.contains(seconds.seconds) else { throw wrong() }
            return .duration(seconds)
        case (.any, let value): return .any(value)
        default: throw wrong()
        }
    }
}

extension ExperimentKey {
    static func number(
        _ path: String, _ unit: String, _ range: ClosedRange<Double>, _ documentation: String,
        required: Bool = false, _ assign: @escaping @Sendable (inout Experiment, Int, Double) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: unit, kind: .number(range), isList: false, isRequired: required,
            documentation: documentation
        ) { if case .number(let value) = $2 { assign(&$0, $1, value) } }
    }

    static func integer(
        _ path: String, _ range: ClosedRange<Int>, _ documentation: String,
        required: Bool = false, _ assign: @escaping @Sendable (inout Experiment, Int, Int) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: "", kind: .integer(range), isList: false, isRequired: required,
            documentation: documentation
        ) { if case .integer(let value) = $2 { assign(&$0, $1, value) } }
    }

    static func text(
        _ path: String, _ documentation: String, required: Bool = false, list: Bool = false,
        _ assign: @escaping @Sendable (inout Experiment, Int, String) throws(PlanError) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: "", kind: .text, isList: list, isRequired: required,
            documentation: documentation
        ) { (plan: inout Experiment, index: Int, input: Input) throws(PlanError) in
            if case .text(let value) = input { try assign(&plan, index, value) }
        }
    }

    static func choice(
        _ path: String, _ words: [String], _ documentation: String, required: Bool = false,
        _ assign: @escaping @Sendable (inout Experiment, Int, String) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: "", kind: .choice(words), isList: false, isRequired: required,
            documentation: documentation
        ) { if case .text(let value) = $2 { assign(&$0, $1, value) } }
    }

    static func choice<Choice: RawRepresentable & CaseIterable>(
        _ path: String, _ type: Choice.Type, _ documentation: String, required: Bool = false,
        _ assign: @escaping @Sendable (inout Experiment, Int, Choice) -> Void
    ) -> ExperimentKey where Choice.RawValue == String {
        .choice(path, Choice.allCases.map(\.rawValue), documentation, required: required) {
            if let value = Choice(rawValue: $2) { assign(&$0, $1, value) }
        }
    }

    static func boolean(
        _ path: String, _ documentation: String,
        _ assign: @escaping @Sendable (inout Experiment, Int, Bool) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: "", kind: .boolean, isList: false, isRequired: false,
            documentation: documentation
        ) { if case .boolean(let value) = $2 { assign(&$0, $1, value) } }
    }

    static func duration(
        _ path: String, _ range: ClosedRange<Double>, _ documentation: String, required: Bool = false,
        _ assign: @escaping @Sendable (inout Experiment, Int, Interval) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: "s", kind: .duration(range), isList: false, isRequired: required,
            documentation: documentation
        ) { if case .duration(let value) = $2 { assign(&$0, $1, value) } }
    }

    static func any(
        _ path: String, _ documentation: String, list: Bool = false, required: Bool = false,
        _ assign: @escaping @Sendable (inout Experiment, Int, ProfileValue) -> Void
    ) -> ExperimentKey {
        ExperimentKey(
            path: path, unit: "", kind: .any, isList: list, isRequired: required, documentation: documentation
        ) { if case .any(let value) = $2 { assign(&$0, $1, value) } }
    }
}
