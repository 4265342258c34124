extension ConformanceReport {
    /// A page that needs nothing else.
    public var html: String {
        var body = ""
        for row in rows {
            let word = row.result.verdict.word
            let evidence = row.result.evidence.map { exchange in
                "<div>\(ConformanceReport.escape(exchange.fullLine))</div>"
            }.joined()
            let details =
                evidence.isEmpty
                ? ""
                : "<details><summary>\(row.result.evidence.count) messages</summary>"
                    + "<pre>\(evidence)</pre></details>"
            body += """
                <tr class="\(word)"><td>\(word)</td><td>\(row.check.id)</td>\
                <td><b>\(ConformanceReport.escape(row.check.title))</b><br>\
                <q>\(ConformanceReport.escape(row.clause?.text ?? ""))</q> \
                <small>\(row.clause?.level.rawValue ?? "")</small></td>\
                <td>\(ConformanceReport.escape(row.result.verdict.reason))\(details)</td></tr>

                """
        }
        let untested = ConformanceReport.untested.map { entry in
            "<tr><td>\(entry.clause.id)</td><td>\(entry.clause.level.rawValue)</td>"
                + "<td>\(ConformanceReport.escape(entry.clause.text))</td>"
                + "<td>\(ConformanceReport.escape(entry.reason))</td></tr>\n"
        }.joined()
        return ConformanceReport.page(
            title: "Conformance of \(role.rawValue) \(ConformanceReport.escape(target))",
            summary: summary + ", Unix time \(unixTime)", body: body, untested: untested)
    }

    private static func page(title: String, summary: String, body: String, untested: String) -> String {
        """
        <!doctype html>
        <html lang="en"><meta charset="utf-8"><title>\(title)</title>
        <meta name="viewport" content="width=device-width">
        <style>
        body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222}
        table{border-collapse:collapse;width:100%}td,th{border-top:1px solid #ddd;padding:.4em .6em;\
        text-align:left;vertical-align:top}
        q{color:#666}pre{white-space:pre-wrap;word-break:break-all;font-size:12px}
        tr td:first-child{font-weight:600}.pass td:first-child{color:#0a6b2d}
        .fail td:first-child{color:#b00020}.fail{background:#fff2f2}
        .skip td:first-child,.unknown td:first-child{color:#7a5c00}
        @media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}td,th{border-color:#333}
        .fail{background:#2c1719}q{color:#999}.pass td:first-child{color:#54c27a}}
        </style>
        <h1>\(title)</h1><p>\(summary)</p>
        <table><tr><th>verdict<th>clause<th>check<th>found</tr>
        \(body)</table>
        <h2>Clauses that cannot be tested from outside</h2>
        <table><tr><th>clause<th>level<th>text<th>why not</tr>
        \(untested)</table></html>

        """
    }

    private static func escape(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}

extension Exchange {
    fileprivate var fullLine: String {
        let head = line
        return hex.count > 96 ? head + String(hex.dropFirst(96)) : head
    }
}
