import JSONText
import SansIO

/// A call's parameters, in the order of the method's names, with Core's type errors.
struct RPCArguments {
    let method: RPCMethod
    let values: [JSON]
    /// The wallet that the path names; nil for the default.
    let wallet: String?
    let now: Instant

    /// From an array, an object (named; `args` holds leading positional ones), or null.
    init(_ method: RPCMethod, _ params: JSON, wallet: String? = nil, at now: Instant) throws(RPCError) {
        self.method = method
        self.wallet = wallet
        self.now = now
        switch params {
        case .null: values = []
        case .array(let list): values = list
        case .object(let object): values = try NamedArguments.positional(object, method)
        default: throw .invalidRequest("Params must be an array or object")
        }
        let required = (method.parameters.lastIndex { !$0.isOptional } ?? -1) + 1
        if values.count > method.parameters.count || values.count < required { throw .misc(method.help) }
        var wrong: [(String, String)] = []
        for (index, parameter) in method.parameters.enumerated() {
            let value = values.indices.contains(index) ? values[index] : .null
            if let problem = parameter.mismatch(value) { wrong.append((position(index), problem)) }
        }
        if !wrong.isEmpty { throw Self.wrongTypes(wrong) }
    }

    subscript(index: Int) -> JSON? {
        guard values.indices.contains(index), !values[index].isNull else { return nil }
        return values[index]
    }

    func string(_ index: Int) throws(RPCError) -> String {
        guard let value = try optionalString(index) else { throw .misc(method.help) }
        return value
    }

    func optionalString(_ index: Int) throws(RPCError) -> String? {
        guard let value = self[index] else { return nil }
        guard let text = value.stringValue else { throw wrong(index, value, "string") }
        return text
    }

    func int(_ index: Int) throws(RPCError) -> Int64 {
        guard let value = try optionalInt(index) else { throw .misc(method.help) }
        return value
    }

    func optionalInt(_ index: Int) throws(RPCError) -> Int64? {
        guard let value = self[index] else { return nil }
        guard case .number = value else { throw wrong(index, value, "number") }
        guard let number = value.int64 else { throw .type("JSON integer out of range") }
        return number
    }

    /// A number that Core reads as a 32-bit integer.
    func int32(_ index: Int) throws(RPCError) -> Int {
        let value = try int(index)
        guard Int32(exactly: value) != nil else { throw .type("JSON integer out of range") }
        return Int(value)
    }

    func optionalBool(_ index: Int) throws(RPCError) -> Bool? {
        guard let value = self[index] else { return nil }
        guard let flag = value.boolValue else { throw wrong(index, value, "bool") }
        return flag
    }

    /// A verbosity: a number, or an old style boolean for 0 and 1.
    func verbosity(_ index: Int, default fallback: Int) throws(RPCError) -> Int {
        guard let value = self[index] else { return fallback }
        if let flag = value.boolValue { return flag ? 1 : 0 }
        return Int(clamping: try int(index))
    }

    func object(_ index: Int) throws(RPCError) -> JSONObject? {
        guard let value = self[index] else { return nil }
        guard let object = value.objectValue else { throw wrong(index, value, "object") }
        return object
    }

    func array(_ index: Int) throws(RPCError) -> [JSON]? {
        guard let value = self[index] else { return nil }
        guard let array = value.arrayValue else { throw wrong(index, value, "array") }
        return array
    }

    /// An amount of bitcoin, as number or text, in satoshi.
    func amount(_ index: Int) throws(RPCError) -> Int64 {
        guard let value = self[index] else { throw .misc(method.help) }
        guard let text = value.numberText ?? value.stringValue else {
            throw .type("Amount is not a number or string")
        }
        guard let satoshi = Self.satoshi(text) else { throw .type("Invalid amount") }
        guard satoshi >= 0, satoshi <= ChainLimits.moneyMax else { throw .type("Amount out of range") }
        return satoshi
    }

    /// `1`, `0.00000001`, `1e-8`; nil with more than eight decimals. Exact, no floating point.
    static func satoshi(_ text: String) -> Int64? {
        let parts = text.lowercased().split(separator: "e", omittingEmptySubsequences: false)
        guard parts.count <= 2, let exponent = parts.count == 2 ? Int(parts[1]) : 0, abs(exponent) <= 18
        else { return nil }
        var mantissa = parts[0]
        let isNegative = mantissa.hasPrefix("-")
        if isNegative { mantissa = mantissa.dropFirst() }
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, !halves[0].isEmpty else { return nil }
        var digits = String(halves[0]) + (halves.count == 2 ? halves[1] : "")
        var scale = 8 + exponent - (halves.count == 2 ? halves[1].count : 0)
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        while scale < 0, digits.hasSuffix("0"), digits.count > 1 {
            digits.removeLast()
            scale += 1
        }
        if digits.allSatisfy({ $0 == "0" }) { return 0 }
        guard scale >= 0, let value = Int64(digits + String(repeating: "0", count: scale)) else { return nil }
        return isNegative ? -value : value
    }

    private func wrong(_ index: Int, _ value: JSON, _ expected: String) -> RPCError {
        Self.wrongTypes([
            (position(index), "JSON value of type \(value.typeName) is not of expected type \(expected)")
        ])
    }

    private func position(_ index: Int) -> String {
        "Position \(index + 1) (\(method.parameters[index].names.joined(separator: "|")))"
    }

    private static func wrongTypes(_ list: [(String, String)]) -> RPCError {
        let lines = list.map { "    \(JSON.string($0.0).text): \(JSON.string($0.1).text)" }
        return .type("Wrong type passed:\n{\n\(lines.joined(separator: ",\n"))\n}")
    }
}
