import JSONText

/// The dictionary of experiment files as JSON Schema (draft 2020-12), for editors and other people's checks. A TOML
/// file's tables are the schema's objects, its lists of tables the arrays.
public enum ExperimentSchema {
    /// With a line feed at the end, as files have it.
    public static var text: String { json.indentedText + "\n" }

    public static var json: JSON {
        var root = Table()
        for key in Experiment.schema {
            root.add(leaf(key), at: key.path.split(separator: ".").map(String.init), key.isRequired)
        }
        var schema: JSONObject = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Experiment",
            "description": "A fleet, a timeline and what must hold, for lab run.",
        ]
        var object = root.object
        // Without devices and without time nothing can be run.
        object["required"] = .array((root.required + ["fleets", "phases"]).map { .string($0) })
        for (key, value) in object.entries { schema[key] = value }
        return .object(schema)
    }

    private static func leaf(_ key: ExperimentKey) -> JSON {
        let text = key.unit.isEmpty ? key.documentation : "\(key.unit): \(key.documentation)"
        var object: JSONObject = ["description": .string(text)]
        guard key.isList else {
            for (name, value) in constraint(key.kind).entries { object[name] = value }
            return .object(object)
        }
        object["type"] = "array"
        object["items"] = .object(constraint(key.kind))
        object["minItems"] = 1
        return .object(object)
    }

    private static func constraint(_ kind: ExperimentKey.Kind) -> JSONObject {
        switch kind {
        case .number(let range):
            [
                "type": "number", "minimum": .double(range.lowerBound), "maximum": .double(range.upperBound),
            ]
        case .integer(let range):
            ["type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound)]
        case .text: ["type": "string", "minLength": 1]
        case .choice(let words): ["type": "string", "enum": .array(words.map { .string($0) })]
        case .boolean: ["type": "boolean"]
        case .duration(let range):
            // A text with units, or seconds.
            [
                "type": .array(["string", "number"]), "pattern": "^([0-9.]+(us|ms|s|m|min|h|d)?)+$",
                "minimum": .double(range.lowerBound), "maximum": .double(range.upperBound),
            ]
        case .any: ["type": .array(["string", "number", "boolean"])]
        }
    }

    /// A table, or an element of a list of tables, under construction.
    private struct Table {
        var names: [String] = []
        var leaves: [String: JSON] = [:]
        var tables: [String: Table] = [:]
        var lists: [String: Table] = [:]
        var required: [String] = []

        mutating func add(_ leaf: JSON, at path: [String], _ isRequired: Bool) {
            let name = path[0]
            if !names.contains(name) { names.append(name) }
            if path.count == 1 {
                leaves[name] = leaf
                if isRequired { required.append(name) }
            } else if path[1] == "*" {
                lists[name, default: Table()].add(leaf, at: Array(path.dropFirst(2)), isRequired)
            } else {
                tables[name, default: Table()].add(leaf, at: Array(path.dropFirst()), isRequired)
            }
        }

        var object: JSONObject {
            var properties: JSONObject = [:]
            for name in names {
                if let leaf = leaves[name] {
                    properties[name] = leaf
                } else if let table = tables[name] {
                    properties[name] = .object(table.object)
                } else if let list = lists[name] {
                    properties[name] = .object(["type": "array", "items": .object(list.object)])
                }
            }
            var object: JSONObject = ["type": "object", "additionalProperties": false]
            if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
            object["properties"] = .object(properties)
            return object
        }
    }
}
