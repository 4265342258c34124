/// Text from the chain is an attacker's. It is shown as printable ASCII with a dot for every other byte, and
/// every template escapes it again for HTML.
enum Characters {
    /// Bytes as text: 0x20...0x7e stay, everything else becomes a middle dot.
    static func visible(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if (0x20...0x7e).contains(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text.append("·")
            }
        }
        return text
    }

    /// Text whose control, format, bidirectional and unassigned characters become dots; for names given by
    /// people, which may hold any letters.
    static func visible(_ text: String, limit: Int = 400) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                shown.append("·")
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// Escapes for HTML text and attributes, scalar by scalar. A character-wise replacement would miss a
    /// quote that carries a combining mark, because Swift sees those two as one Character.
    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count + 16)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "`": result += "&#96;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// `abcdef…uvwxyz`
    static func shortened(_ text: String, head: Int = 10, tail: Int = 8) -> String {
        guard text.count > head + tail + 1 else { return text }
        return text.prefix(head) + "…" + text.suffix(tail)
    }

    /// Cuts long text and says so.
    static func cut(_ text: String, to limit: Int = Limits.shownHex) -> String {
        guard text.utf8.count > limit else { return text }
        return text.prefix(limit) + "… (\(grouped(text.utf8.count - limit)) more characters)"
    }

    static func grouped(_ value: some BinaryInteger) -> String {
        let digits = String(value.magnitude)
        var result = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result.append("\u{202f}") }
            result.append(digit)
        }
        return result
    }
}
