import DeviceModel
import JSONText

/// The dictionary of device profiles as JSON Schema (draft 2020-12), for editors and other people's checks. A TOML
/// file's tables are the schema's objects.
public enum ProfileSchema {
    /// With a line feed at the end, as files have it.
    public static var text: String { json.indentedText + "\n" }

    public static var json: JSON {
        var root = Branch()
        for key in DeviceProfile.schema { root.add(leaf(key), at: key.path, isRequired: key.isRequired) }
        for list in DeviceProfile.lists { root.add(array(list), at: list.path, isRequired: false) }
        root.add(
            .object([
                "type": "string", "minLength": 1,
                "description": "another profile's name: its values stand where this file has none",
            ]), at: InheritedValues.key, isRequired: false)
        var schema: JSONObject = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Device profile",
            "description":
                "A mining device as the lab simulates it. A file that inherits may leave out what is required.",
        ]
        // Required is what no parent can give; with one, anything may come from there.
        for (key, value) in root.properties(requires: false).entries { schema[key] = value }
        schema["if"] = .object(["not": .object(["required": .array([.string(InheritedValues.key)])])])
        schema["then"] = .object(root.requirements)
        return .object(schema)
    }

    private static func leaf(_ key: ProfileKey) -> JSON {
        var object: JSONObject = ["description": .string(describe(key))]
        switch key.kind {
        case .number(let range):
            object["type"] = "number"
            object["minimum"] = .double(range.lowerBound)
            object["maximum"] = .double(range.upperBound)
        case .integer(let range):
            object["type"] = "integer"
            object["minimum"] = .int(range.lowerBound)
            object["maximum"] = .int(range.upperBound)
        case .text:
            object["type"] = "string"
            object["minLength"] = 1
        case .choice(let words):
            object["type"] = "string"
            object["enum"] = .array(words.map { .string($0) })
        case .boolean: object["type"] = "boolean"
        }
        return .object(object)
    }

    private static func describe(_ key: ProfileKey) -> String {
        key.unit.isEmpty ? key.documentation : "\(key.unit): \(key.documentation)"
    }

    private static func array(_ list: ProfileList) -> JSON {
        var element = Branch()
        for field in list.fields { element.add(leaf(field), at: field.path, isRequired: field.isRequired) }
        return .object([
            "description": .string(list.documentation), "type": "array",
            "items": .object(element.properties(requires: true)),
        ])
    }

    /// A table under construction.
    private struct Branch {
        var names: [String] = []
        var leaves: [String: JSON] = [:]
        var branches: [String: Branch] = [:]
        var required: [String] = []

        mutating func add(_ leaf: JSON, at path: String, isRequired: Bool) {
            let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
            if !names.contains(parts[0]) { names.append(parts[0]) }
            if isRequired, !required.contains(parts[0]) { required.append(parts[0]) }
            if parts.count == 1 {
                leaves[parts[0]] = leaf
            } else {
                branches[parts[0], default: Branch()].add(leaf, at: parts[1], isRequired: isRequired)
            }
        }

        func properties(requires: Bool) -> JSONObject {
            var inner: JSONObject = [:]
            for name in names {
                inner[name] = leaves[name] ?? .object(branches[name]?.properties(requires: requires) ?? [:])
            }
            var object: JSONObject = ["type": "object", "additionalProperties": false]
            if requires, !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
            object["properties"] = .object(inner)
            return object
        }

        /// What must be there, of this table and those in it.
        var requirements: JSONObject {
            var object: JSONObject = [:]
            if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
            var inner: JSONObject = [:]
            for name in names {
                guard let branch = branches[name], !branch.required.isEmpty else { continue }
                inner[name] = .object(branch.requirements)
            }
            if !inner.isEmpty { object["properties"] = .object(inner) }
            return object
        }
    }
}
