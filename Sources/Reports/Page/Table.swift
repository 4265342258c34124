/// A table of a page. Content is escaped here, once.
struct Table {
    enum Cell {
        case text(String)
        case number(String)
        /// In words and in colour.
        case good(String)
        case bad(String)
        case warn(String)
        case head(String)
        case markup(String)

        fileprivate var html: String {
            switch self {
            case .text(let text): "<td>\(Markup.escape(text))</td>"
            case .number(let text): "<td class=\"n\">\(Markup.escape(text))</td>"
            case .good(let text): "<td class=\"good\">✓ \(Markup.escape(text))</td>"
            case .bad(let text): "<td class=\"bad\">✗ \(Markup.escape(text))</td>"
            case .warn(let text): "<td class=\"warn\">⚠ \(Markup.escape(text))</td>"
            case .head(let text): "<th scope=\"row\">\(Markup.escape(text))</th>"
            case .markup(let text): "<td>\(text)</td>"
            }
        }
    }

    var caption = ""
    /// A head that begins with `#` stands over numbers, to the right.
    var heads: [String]
    var rows: [[Cell]] = []

    init(_ caption: String = "", heads: [String], rows: [[Cell]] = []) {
        self.caption = caption
        self.heads = heads
        self.rows = rows
    }

    var html: String {
        var html = "<div class=\"wide\"><table>"
        if !caption.isEmpty { html += Markup.element("caption", "", Markup.escape(caption)) }
        html += "<thead><tr>"
        for head in heads {
            let isNumber = head.hasPrefix("#")
            html += "<th scope=\"col\"\(isNumber ? " class=\"n\"" : "")>"
            html += Markup.escape(isNumber ? String(head.dropFirst()) : head) + "</th>"
        }
        html += "</tr></thead><tbody>\n"
        for row in rows { html += "<tr>" + row.map(\.html).joined() + "</tr>\n" }
        return html + "</tbody></table></div>\n"
    }
}
