import JSONText

extension RPCMethod {
    static let descriptions: [RPCMethod] = [
        RPCMethod(
            "getopenrpcinfo", "show_hidden:bool?", in: "Control", "An OpenRPC document of all methods."
        ) { _, call, _ throws(RPCError) in openRPC(withHidden: try call.optionalBool(0) ?? false) },
        RPCMethod("rpc.discover", in: "Control", "An OpenRPC document of all methods.") { _, _, _ in
            openRPC(withHidden: false)
        },
    ]

    /// The methods and their parameters in the form of the OpenRPC specification, 1.4.1, with Core's extensions.
    /// Results are not described.
    private static func openRPC(withHidden: Bool) -> JSON {
        let methods = all.filter { withHidden || !$0.category.isEmpty }.sorted { $0.name < $1.name }
        return [
            "openrpc": "1.4.1",
            "info": [
                "title": "Bitcoin Core JSON-RPC", "version": "v31.0.0",
                "description": "Made of the table of methods.",
            ],
            "methods": .array(methods.map(\.description)),
        ]
    }

    private var description: JSON {
        [
            "name": .string(name), "description": .string(summary),
            "params": .array(parameters.map(\.description)),
            "result": ["name": "result", "schema": [:]],
            "x-bitcoin-category": .string(category.isEmpty ? "hidden" : category.lowercased()),
        ]
    }
}

extension RPCParameter {
    fileprivate var description: JSON {
        var object: JSONObject = [
            "name": .string(names[0]), "required": .bool(!isOptional), "schema": schema,
        ]
        if names.count > 1 {
            object.append("x-bitcoin-aliases", .array(names.dropFirst().map { .string($0) }))
        }
        return .object(object)
    }

    /// A JSON Schema of the values that are taken.
    private var schema: JSON {
        switch kind {
        case .string: ["type": "string"]
        case .hex: ["type": "string", "pattern": "^[0-9a-fA-F]+$"]
        case .number: ["type": "number"]
        case .boolean: ["type": "boolean"]
        case .array: ["type": "array"]
        case .amount: ["oneOf": [["type": "number"], ["type": "string"]]]
        case .any: [:]
        case .object:
            options.isEmpty
                ? ["type": "object"]
                : [
                    "type": "object",
                    "properties": .object(JSONObject(options.map { ($0.names[0], $0.schema) })),
                    "additionalProperties": false,
                ]
        }
    }
}
