public import JSONText

/// What a command line needs to know of a method: which of its words are JSON and which are text.
public enum RPCSignature {
    /// How a word becomes a parameter.
    public enum Reading: Sendable, Equatable {
        case text
        /// Must be JSON.
        case json
        /// JSON if it reads as such, else text.
        case either
    }

    /// The parameter at `index`; nil when the method is unknown or has fewer.
    public static func reading(_ method: String, at index: Int) -> Reading? {
        guard let method = RPCMethod.named(method), method.parameters.indices.contains(index) else {
            return nil
        }
        return reading(method.parameters[index])
    }

    /// The parameter of that name, or the member of an options object.
    public static func reading(_ method: String, named name: String) -> Reading? {
        guard let method = RPCMethod.named(method) else { return nil }
        for parameter in method.parameters {
            if parameter.names.contains(name) { return reading(parameter) }
            if let option = parameter.options.first(where: { $0.names.contains(name) }) {
                return reading(option)
            }
        }
        return nil
    }

    public static func knows(_ method: String) -> Bool { RPCMethod.named(method) != nil }

    private static func reading(_ parameter: RPCParameter) -> Reading {
        switch parameter.kind {
        case .string, .hex: .text
        case .number, .boolean, .object, .array: .json
        case .amount, .any: .either
        }
    }
}
