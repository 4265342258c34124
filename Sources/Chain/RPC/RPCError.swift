import JSONText

/// A JSON-RPC error with Core's codes (protocol.h).
struct RPCError: Error, Equatable {
    var code: Int
    var message: String

    static func misc(_ message: String) -> RPCError { RPCError(code: -1, message: message) }
    static func type(_ message: String) -> RPCError { RPCError(code: -3, message: message) }
    static func wallet(_ message: String) -> RPCError { RPCError(code: -4, message: message) }
    static func notFound(_ message: String) -> RPCError { RPCError(code: -5, message: message) }
    static func parameter(_ message: String) -> RPCError { RPCError(code: -8, message: message) }
    static func decode(_ message: String) -> RPCError { RPCError(code: -22, message: message) }
    static func verify(_ message: String) -> RPCError { RPCError(code: -25, message: message) }
    static func rejected(_ message: String) -> RPCError { RPCError(code: -26, message: message) }
    static let parse = RPCError(code: -32700, message: "Parse error")
    static let methodNotFound = RPCError(code: -32601, message: "Method not found")
    static func invalidRequest(_ message: String) -> RPCError { RPCError(code: -32600, message: message) }

    var json: JSON { .object(["code": .int(code), "message": .string(message)]) }

    /// The HTTP status of a 1.x answer.
    var status: Int {
        switch code {
        case -32600: 400
        case -32601: 404
        default: 500
        }
    }
}

/// A call's parameters, in the order of the method's names, with Core's type errors.
struct RPCArguments {
    let method: RPCMethod
    let values: [JSON]

    /// From an array, an object (named; `args` holds leading positional ones), or null.
    init(_ method: RPCMethod, _ params: JSON) throws(RPCError) {
        self.method = method
        switch params {
        case .null: values = []
        case .array(let list): values = list
        case .object(let object): values = try Self.positional(object, method)
        default: throw .invalidRequest("Params must be an array or object")
        }
        let required = method.parameters.prefix { !$0.isOptional }.count
        if values.count > method.parameters.count || values.count < required { throw .misc(method.help) }
        for (name, value) in zip(method.parameters, values) where value.isNull && !name.isOptional {
            throw .misc(method.help)
        }
    }

    private static func positional(_ object: JSONObject, _ method: RPCMethod) throws(RPCError) -> [JSON] {
        var values: [JSON] = object["args"]?.arrayValue ?? []
        for (key, value) in object.entries where key != "args" {
            guard let index = method.parameters.firstIndex(where: { $0.names.contains(key) }) else {
                throw .parameter("Unknown named parameter \(key)")
            }
            if index < values.count, !values[index].isNull {
                throw .parameter("Parameter \(key) specified twice both as positional and named argument")
            }
            while values.count <= index { values.append(.null) }
            values[index] = value
        }
        return values
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
        let found =
            switch value {
            case .null: "null"
            case .bool: "bool"
            case .number: "number"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        let name = method.parameters[index].names[0]
        return .type(
            "Wrong type passed:\n{\n    \"Position \(index + 1) (\(name))\": "
                + "\"JSON value of type \(found) is not of expected type \(expected)\"\n}")
    }
}
