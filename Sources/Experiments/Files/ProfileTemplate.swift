import DeviceModel

/// A new profile as text: every key with its unit, range and meaning, to be filled in.
public enum ProfileTemplate {
    /// - Parameters:
    ///   - parent: the profile to inherit from; then every key is commented out, with the value that it has there if
    ///     it says one.
    ///   - values: what a key has without being written.
    public static func text(name: String, inheriting parent: String?, values: (String) -> ProfileValue?)
        -> String
    {
        var lines = [
            "# \(name)", "#",
            "# Confidence of each value: [S] stated by a source, [D] derived by arithmetic from stated values, [E] estimate.",
            "# Sources: ",
            "# Check it with: lab profile check FILE", "",
        ]
        if let parent {
            lines += ["inherits = \(quoted(parent))", ""]
            lines += ["# Everything else comes from \(parent) unless its line loses the # in front.", ""]
        }
        var table = ""
        for key in DeviceProfile.schema {
            let parts = key.path.split(separator: ".").map(String.init)
            let head = parts.dropLast().joined(separator: ".")
            if head != table {
                table = head
                lines += ["", "[\(head)]"]
            }
            lines.append(
                line(key, parts[parts.count - 1], parent: parent, name: name, value: values(key.path)))
        }
        for list in DeviceProfile.lists {
            lines += ["", "# \(list.documentation):", "# [[\(list.path)]]"]
            for field in list.fields {
                let need = field.isRequired ? "" : ", optional"
                lines.append(
                    "# \(field.path) =".padded(to: 38)
                        + " # \(field.expectation)\(need): \(field.documentation)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(
        _ key: ProfileKey, _ word: String, parent: String?, name: String, value: ProfileValue?
    ) -> String {
        let comment = " # \(key.expectation): \(key.documentation)"
        if key.path == "name" { return "name = \(quoted(name))".padded(to: 38) + comment }
        // Without a parent what is required must be written; what is not may be.
        if parent == nil, key.isRequired { return "\(word) = \(example(key))".padded(to: 38) + comment }
        let known = value.map { " " + literal($0) } ?? ""
        return "# \(word) =\(known)".padded(to: 38) + comment
    }

    private static func example(_ key: ProfileKey) -> String {
        switch key.kind {
        case .number(let range): "\(max(range.lowerBound, min(range.upperBound, 1)))"
        case .integer(let range): "\(max(range.lowerBound, min(range.upperBound, 1)))"
        case .text: quoted("unnamed")
        case .choice(let words): quoted(words.first ?? "")
        case .boolean: "false"
        }
    }

    private static func literal(_ value: ProfileValue) -> String {
        if case .text(let text) = value { quoted(text) } else { value.description }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        count < width ? self + String(repeating: " ", count: width - count) : self
    }
}
