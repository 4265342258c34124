import JSONText
import SansIO

/// What a method does. It may throw ``RPCError`` and appends effects like any input of the node.
typealias RPCHandler =
    @Sendable (inout NodeMachine, RPCArguments, inout EffectBuffer<NodeObservation>) throws(RPCError) -> JSON

/// Decides whether a call waits, before the method runs: nil answers at once.
typealias RPCHold = @Sendable (borrowing NodeMachine, RPCArguments) throws(RPCError) -> RPCWait?

/// One method that the node answers. Each topic keeps a table of them beside its code (`static let blockchain`)
/// and ``RPCMethod/all`` joins the tables.
struct RPCMethod: Sendable {
    let name: String
    /// The title under which `help` lists it; empty hides it there, as Core hides what only tests need.
    let category: String
    let parameters: [RPCParameter]
    /// The first paragraph of its help.
    let summary: String
    let hold: RPCHold?
    let run: RPCHandler

    /// - Parameter signature: one word for each parameter in order, `name|alias:type`, and a question mark when it
    ///   may be left out. Types are ``RPCParameter/Kind``'s raw values; without one any value is taken.
    ///   `options:obj(a,b:num)?` lists the members that named calls may give as parameters of their own.
    init(
        _ name: String, _ signature: String = "", in category: String, _ summary: String = "",
        hold: RPCHold? = nil, run: @escaping RPCHandler
    ) {
        self.name = name
        self.category = category
        self.summary = summary
        parameters = signature.split(separator: " ").map { RPCParameter($0) }
        self.hold = hold
        self.run = run
    }
}

/// A parameter's names (the first is the proper one, the others are aliases), its type, and whether it may be
/// left out.
struct RPCParameter: Sendable {
    /// Core's argument types, as far as callers can tell them apart.
    enum Kind: String, Sendable {
        case string = "str"
        case hex
        case number = "num"
        case boolean = "bool"
        case object = "obj"
        case array = "arr"
        /// A number or a text with at most eight decimals; judged by the method.
        case amount
        /// Judged by the method.
        case any
    }

    let names: [String]
    let kind: Kind
    let isOptional: Bool
    /// Whether usage lines show the name alone; marked by an asterisk.
    let isPlain: Bool
    /// Members of an options object that named calls may give directly.
    let options: [RPCParameter]

    init(_ word: some StringProtocol) {
        var text = String(word)
        isOptional = text.hasSuffix("?")
        if isOptional { text.removeLast() }
        isPlain = text.hasSuffix("*")
        if isPlain { text.removeLast() }
        var members: [RPCParameter] = []
        if text.hasSuffix(")"), let open = text.firstIndex(of: "(") {
            members = text[text.index(after: open)...].dropLast().split(separator: ",").map {
                RPCParameter("\($0)?")
            }
            text = String(text[..<open])
        }
        options = members
        let halves = text.split(separator: ":", maxSplits: 1)
        names = halves[0].split(separator: "|").map(String.init)
        guard let kind = halves.count == 2 ? Kind(rawValue: String(halves[1])) : .any else {
            preconditionFailure("no parameter type is called \(halves[1])")
        }
        self.kind = kind
    }

    /// How usage lines show it.
    var usage: String {
        switch kind {
        case .string, .hex: "\"\(names[0])\""
        case .object where options.isEmpty: "{\"\(names[0])\":...}"
        case .array where isPlain: names[0]
        case .array: "[\"\(names[0])\",...]"
        case .number, .boolean, .object, .amount, .any: names[0]
        }
    }

    /// What help calls its type.
    var typeName: String {
        switch kind {
        case .string, .hex: "string"
        case .number: "numeric"
        case .boolean: "boolean"
        case .object: "json object"
        case .array: "json array"
        case .amount: "numeric or string"
        case .any: "any"
        }
    }

    /// Why `value` does not fit, in Core's words; nil when it does.
    func mismatch(_ value: JSON) -> String? {
        let expected: String
        switch kind {
        case .amount, .any: return nil
        case .string, .hex: expected = "string"
        case .number: expected = "number"
        case .boolean: expected = "bool"
        case .object: expected = "object"
        case .array: expected = "array"
        }
        if isOptional, value.isNull { return nil }
        let found = value.typeName
        return found == expected ? nil : "JSON value of type \(found) is not of expected type \(expected)"
    }
}

extension JSON {
    /// UniValue's name of the type.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
