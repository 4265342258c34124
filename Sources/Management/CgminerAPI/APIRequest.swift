import JSONText

/// One request to a cgminer API: `{"command":"pools"}`, `{"command":"switchpool","parameter":"1"}` or `pools|`.
struct APIRequest: Equatable {
    /// Why the bytes are no request, as cgminer's code says it.
    enum Fault: Error, Equatable {
        case invalidJSON
        case missingCommand
        case invalidCommand
    }

    var command: String
    /// Numbers come as text, as cgminer takes them.
    var parameter: String?
    var isJSON: Bool
    /// Members beside command and parameter, which some families take (`"new_api":true`).
    var extras = JSONObject()

    init(command: String, parameter: String? = nil, isJSON: Bool = true) {
        self.command = command
        self.parameter = parameter
        self.isJSON = isJSON
    }

    /// Reads what one connection sent. Trailing line ends and NULs are no part of it.
    init(_ bytes: [UInt8]) throws(Fault) {
        var bytes = bytes
        while let last = bytes.last, last == 0 || last == 0x0a || last == 0x0d { bytes.removeLast() }
        guard bytes.first == UInt8(ascii: "{") else {
            let text = String(decoding: bytes, as: UTF8.self)
            let parts = text.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
            let parameter = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
            self.init(command: String(parts.first ?? ""), parameter: parameter, isJSON: false)
            return
        }
        guard let json = try? JSON.parse(bytes, depthLimit: 16), let object = json.objectValue else {
            throw .invalidJSON
        }
        guard let command = object["command"] ?? object["cmd"] else { throw .missingCommand }
        guard let name = command.stringValue else { throw .invalidCommand }
        self.init(command: name)
        parameter = object["parameter"]?.stringValue ?? object["parameter"]?.numberText
        extras = object
    }

    /// Whether bytes that came so far are a whole request. A JSON object is whole when its braces are even; a text
    /// is what one packet brought.
    static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard bytes.first == UInt8(ascii: "{") else { return !bytes.isEmpty }
        var depth = 0
        var isText = false
        var isEscaped = false
        for byte in bytes {
            if isEscaped {
                isEscaped = false
                continue
            }
            switch byte {
            case UInt8(ascii: "\\") where isText: isEscaped = true
            case UInt8(ascii: "\""): isText.toggle()
            case UInt8(ascii: "{") where !isText: depth += 1
            case UInt8(ascii: "}") where !isText:
                depth -= 1
                if depth == 0 { return true }
            default: break
            }
        }
        return false
    }
}
