import JSONText

/// Turns a call with named parameters into one by position.
enum NamedArguments {
    /// `args` holds leading positional ones; members of an options object may stand beside the parameters.
    static func positional(_ object: JSONObject, _ method: RPCMethod) throws(RPCError) -> [JSON] {
        var left = object.entries.map { ($0.key, $0.value) }
        var seen: Set<String> = []
        for key in object.keys where !seen.insert(key).inserted {
            throw .parameter("Parameter \(key) specified multiple times")
        }
        var out: [JSON] = []
        var hole = 0
        var initialHole = 0
        var first: String?
        for parameter in method.parameters {
            var options = JSONObject()
            for option in parameter.options {
                guard let value = take(option, from: &left) else { continue }
                options.append(option.names[0], value)
            }
            let given = take(parameter, from: &left)
            guard given != nil || !options.keys.isEmpty else {
                hole += 1
                if out.isEmpty { initialHole = hole }
                continue
            }
            out += [JSON](repeating: .null, count: hole)
            hole = 0
            if first == nil { first = parameter.names.joined(separator: "|") }
            if given != nil, let option = options.keys.first {
                throw .parameter("Parameter \(parameter.names[0]) conflicts with parameter \(option)")
            }
            out.append(given ?? .object(options))
        }
        if let index = left.firstIndex(where: { $0.0 == "args" }), let leading = left[index].1.arrayValue {
            left.remove(at: index)
            if let first, initialHole < leading.count {
                throw .parameter(
                    "Parameter \(first) specified twice both as positional and named argument")
            }
            out = leading + out.dropFirst(leading.count)
        }
        if let (unknown, _) = left.first { throw .parameter("Unknown named parameter \(unknown)") }
        return out
    }

    private static func take(_ parameter: RPCParameter, from left: inout [(String, JSON)]) -> JSON? {
        for name in parameter.names {
            if let index = left.firstIndex(where: { $0.0 == name }) { return left.remove(at: index).1 }
        }
        return nil
    }
}
