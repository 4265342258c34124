import Chain
import JSONText

/// Words into parameters, the way bitcoin-cli converts them.
enum CLIArguments {
    static func positional(_ method: String, _ words: [String]) throws(OptionError) -> JSON {
        var list: [JSON] = []
        for (index, word) in words.enumerated() {
            list.append(
                try value(word, RPCSignature.reading(method, at: index), isKnown: RPCSignature.knows(method)))
        }
        return .array(list)
    }

    static func named(_ method: String, _ words: [String]) throws(OptionError) -> JSON {
        var object = JSONObject()
        var leading: [String] = []
        for word in words {
            guard let equals = word.firstIndex(of: "=") else {
                leading.append(word)
                continue
            }
            let name = String(word[..<equals])
            // Text with an equals sign may be a positional word of base64; a known name decides.
            let reading = RPCSignature.reading(method, named: name)
            let place = RPCSignature.reading(method, at: leading.count)
            if reading == nil, place == .text || (place == .json && (try? JSON.parse(word)) != nil) {
                leading.append(word)
                continue
            }
            object[name] = try value(
                String(word[word.index(after: equals)...]), reading, isKnown: RPCSignature.knows(method))
        }
        if !leading.isEmpty { object["args"] = try positional(method, leading) }
        return .object(object)
    }

    private static func value(
        _ word: String, _ reading: RPCSignature.Reading?, isKnown: Bool
    ) throws(OptionError) -> JSON {
        let parsed = try? JSON.parse(word)
        switch reading {
        case .text: return .string(word)
        case .json:
            guard let parsed else { throw OptionError("Error parsing JSON: \(word)") }
            return parsed
        case .either: return parsed ?? .string(word)
        case nil:
            // A method of another node: hashes that happen to be all digits stay text.
            guard !isKnown, let parsed, parsed.stringValue == nil,
                !(word.utf8.count > 20 && word.allSatisfy(\.isHexDigit))
            else { return .string(word) }
            return parsed
        }
    }
}
