import DeviceModel
import Foundation
import JSONText
import Testing

@testable import Experiments

@Suite("The profiles' schema")
struct ProfileSchemaTests {
    @Test("the published schema is the one that the program checks by")
    func published() throws {
        let path = ProfileFileTests.root + "/Profiles/schema/device.schema.json"
        let file = try String(contentsOfFile: path, encoding: .utf8)
        #expect(
            file == ProfileSchema.text,
            "write it anew with: lab profile schema > Profiles/schema/device.schema.json")
    }

    @Test("every key of the dictionary is in the schema with its type and range")
    func keys() throws {
        let schema = ProfileSchema.json
        #expect(schema["$schema"]?.stringValue == "https://json-schema.org/draft/2020-12/schema")
        for key in DeviceProfile.schema {
            var node = schema
            for part in key.path.split(separator: ".") {
                node = try #require(node["properties"]?[String(part)], "\(key.path)")
            }
            #expect(node["description"]?.stringValue?.contains(key.documentation) == true)
            switch key.kind {
            case .number(let range):
                #expect(node["type"] == "number" && node["minimum"]?.double == range.lowerBound)
                #expect(node["maximum"]?.double == range.upperBound)
            case .integer(let range):
                #expect(node["type"] == "integer" && node["maximum"]?.double == Double(range.upperBound))
            case .choice(let words): #expect(node["enum"]?.arrayValue?.count == words.count)
            case .text: #expect(node["type"] == "string")
            case .boolean: #expect(node["type"] == "boolean")
            }
        }
        for list in DeviceProfile.lists {
            var node = schema
            for part in list.path.split(separator: ".") {
                node = try #require(node["properties"]?[String(part)], "\(list.path)")
            }
            #expect(node["type"] == "array")
            #expect(node["items"]?["properties"]?.objectValue?.count == list.fields.count)
        }
    }
}
