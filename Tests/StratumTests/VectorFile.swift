import Bitcoin
import JSONText
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// The project's own vectors, below Tests/Vectors.
enum VectorFile {
    static func json(_ path: String) throws -> JSON {
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let name = "/\(tests)/Vectors/\(path)"
        let file = try #require(fopen(name, "r"), "no file \(name)")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return try JSON.parse(bytes)
    }
}

extension JSON {
    /// A member that must be there and be text.
    func text(_ key: String) throws -> String { try #require(self[key]?.stringValue, "no text \(key)") }
    func bytes(_ key: String) throws -> [UInt8] { try #require([UInt8](hex: try text(key)), "no hex \(key)") }
    func number(_ key: String) throws -> UInt64 { try #require(self[key]?.uint64, "no number \(key)") }
}
