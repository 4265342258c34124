import DeviceModel
import Glibc

/// Reads the flat TOML of `Profiles/devices` for these tests: sections, keys, numbers, strings, comments.
enum ProfileFile {
    struct Missing: Error { var path: String }

    static func load(_ name: String) throws -> DeviceProfile {
        let values = try values(of: name)
        return try DeviceProfile(values: { values[$0] })
    }

    static func values(of name: String) throws -> [String: ProfileValue] {
        let path = root + "/Profiles/devices/" + name + ".toml"
        guard let file = fopen(path, "r") else { throw Missing(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var byte = getc(file)
        while byte != EOF {
            bytes.append(UInt8(byte))
            byte = getc(file)
        }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// The package's root; the scratch packages of a shared checkout resolve to the real one through the link.
    private static var root: String {
        let file = String(#filePath)
        guard let resolved = realpath(file, nil) else { return "." }
        defer { free(resolved) }
        let parts = String(cString: resolved).split(separator: "/")
        return "/" + parts.dropLast(4).joined(separator: "/")
    }

    private static func parse(_ text: String) -> [String: ProfileValue] {
        var values: [String: ProfileValue] = [:]
        var section = ""
        for line in text.split(separator: "\n") {
            let code = trim(line.prefix { $0 != "#" })
            if code.isEmpty { continue }
            if code.hasPrefix("[") {
                section = String(code.dropFirst().dropLast()) + "."
                continue
            }
            guard let equals = code.firstIndex(of: "=") else { continue }
            let key = section + trim(code[..<equals])
            values[key] = value(trim(code[code.index(after: equals)...]))
        }
        return values
    }

    private static func value(_ text: String) -> ProfileValue {
        if text.hasPrefix("\"") { return .text(String(text.dropFirst().dropLast())) }
        if let integer = Int64(text) { return .integer(integer) }
        return .number(Double(text) ?? .nan)
    }

    private static func trim(_ text: some StringProtocol) -> String {
        var slice = Substring(text)
        while let first = slice.first, first.isWhitespace { slice.removeFirst() }
        while let last = slice.last, last.isWhitespace { slice.removeLast() }
        return String(slice)
    }
}
