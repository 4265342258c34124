import Bitcoin
import JSONText
import SansIO

/// What a REST path is answered with.
struct RESTAnswer {
    var status = 200
    var type: String
    /// Core's words for what may be kept and what not.
    var cache = RESTAnswer.notKept
    var body: [UInt8]

    static let kept = "public, immutable, max-age=86400"
    static let notKept = "no-store"

    static func json(_ value: JSON, cache: String = notKept) -> RESTAnswer {
        var body: [UInt8] = []
        value.write(into: &body)
        body.append(0x0a)
        return RESTAnswer(type: "application/json", cache: cache, body: body)
    }

    static func text(_ text: String, cache: String = notKept) -> RESTAnswer {
        RESTAnswer(type: "text/plain", cache: cache, body: Array((text + "\n").utf8))
    }

    static func bytes(_ bytes: [UInt8], cache: String = notKept) -> RESTAnswer {
        RESTAnswer(type: "application/octet-stream", cache: cache, body: bytes)
    }
}

/// A refused REST request, in Core's words.
struct RESTError: Error {
    var status: Int
    var message: String

    static func bad(_ message: String) -> RESTError { RESTError(status: 400, message: message) }
    static func missing(_ message: String) -> RESTError { RESTError(status: 404, message: message) }
    static let format = missing("output format not found (available: .bin, .hex, .json)")
    static let jsonOnly = missing("output format not found (available: json)")
}

/// A REST path behind its prefix: the words between slashes, the format of the suffix, the query.
struct RESTPath {
    enum Format: String {
        case bin, hex, json
    }

    /// Without suffix and query.
    let plain: String
    let format: Format?
    private let query: [(name: String, value: String)]

    init(_ text: Substring) {
        let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = String(halves.first ?? "")
        var format: Format?
        if let dot = path.lastIndex(of: "."),
            let known = Format(rawValue: String(path[path.index(after: dot)...]))
        {
            format = known
            path = String(path[..<dot])
        }
        plain = path
        self.format = format
        query = (halves.count == 2 ? halves[1] : "").split(separator: "&").map { word in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count == 2 ? String(parts[1]) : "")
        }
    }

    var words: [String] { plain.split(separator: "/", omittingEmptySubsequences: false).map(String.init) }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// The answer in the format that was asked for.
    func answer(_ bytes: [UInt8], json: JSON?, cache: String, jsonCache: String) throws(RESTError)
        -> RESTAnswer
    {
        switch format {
        case .bin: return .bytes(bytes, cache: cache)
        case .hex: return .text(bytes.hex, cache: cache)
        case .json:
            guard let json else { throw .bad("JSON output is not supported for this request type") }
            return .json(json, cache: jsonCache)
        case nil: throw .format
        }
    }
}
