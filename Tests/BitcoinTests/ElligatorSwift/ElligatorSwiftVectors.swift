import Testing

@testable import Bitcoin

#if canImport(Glibc)
    import Glibc
#endif

/// BIP324's public vectors, read from the shared folder; absent outside the laboratory's own machines.
enum ElligatorSwiftVectors {
    static let folder: String? = {
        var roots: [String] = []
        if let shared = getenv("LAB_SHARED") { roots.append(String(cString: shared)) }
        let parts = #filePath.split(separator: "/").dropLast(4)
        roots.append("/" + parts.joined(separator: "/") + "/../shared")
        return roots.map { $0 + "/vectors/bips/bip-0324/" }.first { access($0, R_OK) == 0 }
    }()

    /// The rows behind the heading, split at commas.
    static func rows(_ name: String) -> [[String]] {
        guard let folder, let file = fopen(folder + name, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).dropFirst().map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }

    static let absent: Comment = "needs the shared BIP324 vectors (115 rows in 3 files); set LAB_SHARED"
}

func unhex(_ text: String) -> [UInt8] { [UInt8](hex: text) ?? [] }
