/// Text in HTML and XML.
enum Markup {
    /// For content and for quoted attributes. Characters that XML 1.0 forbids even escaped become U+FFFD.
    static func escape(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n", "\t", "\r": result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff:
                result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func element(_ name: String, _ attributes: String = "", _ content: String) -> String {
        "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(content)</\(name)>"
    }
}
