import Testing

@testable import JSONText

@Suite("JSON text")
struct JSONTests {
    @Test(
        "a value keeps its text through parse and print",
        arguments: [
            "null", "true", "false", "0", "-0", "0.10000000", "1e5", "-12.5E+10", "[]", "{}",
            #"{"a":[1,2,{"b":null}],"c":"d"}"#, #""\"\\\b\f\n\r\t""#,
            #"[18446744073709551615,-9223372036854775808]"#,
        ])
    func roundTrip(text: String) throws {
        #expect(try JSON.parse(text).text == text)
    }

    @Test("escapes decode to the characters that they name")
    func escapes() throws {
        #expect(try JSON.parse(#""\u0041\u00e9\ud83d\ude00\/""#) == .string("Aé😀/"))
        #expect(try JSON.parse(#""\ud83dx""#) == .string("\u{fffd}x"))
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "nul", "tru", "01", "1.", ".5", "+1", "-", "1e", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}", "\"", "\"\\x\"", "\"\u{1}\"", "[", "{", "1 2", "\"\\u12\"", "NaN",
        ])
    func refusals(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test("depth is bounded")
    func depth() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(throws: JSONError.tooDeep(limit: 64)) { try JSON.parse(deep) }
        #expect((try? JSON.parse("[[[]]]", depthLimit: 3)) != nil)
    }

    @Test("every prefix of a text is refused and never traps")
    func prefixes() throws {
        let text = Array(#"{"result":{"a":[1,-2.5e3,"x\u00e9\n",true,null]},"error":null,"id":"curl"}"#.utf8)
        _ = try JSON.parse(text)
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSON.parse(Array(text[..<length])) }
        }
    }

    @Test(
        "amounts have exactly eight decimals",
        arguments: [
            (0, "0.00000000"), (1, "0.00000001"), (-1, "-0.00000001"), (5_000_000_000, "50.00000000"),
            (Int64.min, "-92233720368.54775808"),
        ])
    func amounts(satoshi: Int64, text: String) {
        #expect(JSON.amount(satoshi: satoshi).text == text)
    }

    @Test("a key that comes twice is there twice, and is found where it came first")
    func duplicateKeys() throws {
        let value = try JSON.parse(#"{"a":1,"b":2,"a":3}"#)
        #expect(value.text == #"{"a":1,"b":2,"a":3}"#)
        #expect(value["a"] == 1)
        #expect(value.objectValue?.count == 3)
    }

    @Test("an object of a million keys is read as it stands")
    func manyKeys() throws {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for number in 0..<1_000_000 {
            if number > 0 { text.append(UInt8(ascii: ",")) }
            text += Array("\"\(number)\":0".utf8)
        }
        text.append(UInt8(ascii: "}"))
        #expect(try JSON.parse(text).objectValue?.count == 1_000_000)
    }

    @Test("indented text is what bitcoin-cli prints")
    func indented() {
        let value: JSON = ["a": [1, []], "b": [:]]
        #expect(value.indentedText == "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {}\n}")
    }
}
