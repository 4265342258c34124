import Foundation
import Testing

/// The house as Documentation/Architecture.md draws it: who may import whom, and what the pure rooms never say.
@Suite("House")
struct HouseTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Room: the rooms below it that it may import.
    static let graph: [String: Set<String>] = [
        "SansIO": [],
        "JSONText": [],
        "HTTPText": ["SansIO"],
        "Bitcoin": ["SansIO", "CSHA256", "COpenSSL", "CSecp256k1"],
        "Stratum": ["SansIO", "JSONText", "Bitcoin", "CChaChaPoly", "COpenSSL", "CSecp256k1"],
        "Hardware": ["SansIO", "Bitcoin"],
        "Chain": ["SansIO", "JSONText", "HTTPText", "Bitcoin", "Stratum"],
        "Vardiff": ["SansIO"],
        "Ledger": ["SansIO", "Bitcoin"],
        "Pool": ["SansIO", "JSONText", "Bitcoin", "Stratum", "Vardiff", "Ledger"],
        "JobDeclaration": ["SansIO", "JSONText", "Bitcoin", "Stratum", "Pool"],
        "Tap": ["SansIO", "JSONText", "Bitcoin", "Stratum"],
        "Translator": ["SansIO", "JSONText", "Bitcoin", "Stratum", "Vardiff", "Pool"],
        "Conformance": ["SansIO", "JSONText", "Bitcoin", "Stratum", "Tap"],
        "DeviceModel": ["SansIO", "Hardware"],
        "ASICSim": ["SansIO", "Bitcoin", "Hardware"],
        "Firmware": ["SansIO", "JSONText", "Bitcoin", "Stratum", "Hardware"],
        "Rig": ["SansIO", "Bitcoin", "Stratum", "Hardware", "DeviceModel", "ASICSim", "Firmware"],
        "Management": [
            "SansIO", "JSONText", "HTTPText", "COpenSSL", "Stratum", "Hardware", "DeviceModel", "Firmware",
            "Rig",
        ],
        "Simulation": ["SansIO"],
        "Measurement": ["SansIO", "JSONText"],
        "Coordination": ["SansIO", "JSONText", "Measurement"],
        "Runtime": ["SansIO", "CSQLite", "CLibSSL"],
        "Experiments": [
            "SansIO", "JSONText", "Bitcoin", "Stratum", "Hardware", "DeviceModel", "Chain", "Vardiff",
            "Ledger",
            "Pool", "JobDeclaration", "Translator", "Firmware", "Rig", "Simulation", "Measurement",
        ],
        "Reports": ["SansIO", "JSONText", "DeviceModel", "Measurement", "Experiments", "CSQLite"],
        "Operations": ["JSONText"],
        "USB": ["Hardware", "CLibUSB"],
        "Explorer": ["SansIO", "JSONText", "Bitcoin"],
        "LabCLI": [
            "SansIO", "JSONText", "Bitcoin", "Stratum", "Hardware", "DeviceModel", "Chain", "Vardiff",
            "Ledger",
            "Pool", "JobDeclaration", "Tap", "Translator", "Conformance", "Firmware", "ASICSim",
            "Rig", "Management", "Simulation", "Measurement", "Coordination", "Runtime", "Experiments",
            "Reports", "Explorer", "Operations", "USB",
        ],
    ]

    /// Rooms that know neither sockets nor clocks nor files.
    static let pure = [
        "SansIO", "JSONText", "HTTPText", "Bitcoin", "Stratum", "Hardware", "Chain", "Vardiff", "Ledger",
        "Pool",
        "JobDeclaration", "Translator", "DeviceModel", "ASICSim", "Firmware", "Tap", "Conformance",
        "Rig", "Management", "Simulation", "Measurement", "Coordination",
    ]

    struct Source {
        let room: String
        let path: String
        let lines: [String]
    }

    static let sources: [Source] = {
        graph.keys.sorted().flatMap { room -> [Source] in
            files(under: "Sources/\(room)", suffix: ".swift").map { path in
                let text = (try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)) ?? ""
                return Source(room: room, path: path, lines: text.components(separatedBy: "\n"))
            }
        }
    }()

    static func files(under folder: String, suffix: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: "\(root)/\(folder)")?.allObjects as? [String] ?? []
        return all.filter { $0.hasSuffix(suffix) && !$0.contains(".build/") }.sorted().map {
            "\(folder)/\($0)"
        }
    }

    private func imports(in source: Source) -> [String] {
        source.lines.compactMap { line in
            let words = line.split(separator: " ").drop {
                $0.hasPrefix("@") || $0 == "public" || $0 == "internal"
            }
            guard words.first == "import", let name = words.dropFirst().last else { return nil }
            return String(name.split(separator: ".")[0])
        }
    }

    @Test("each room imports only rooms below it", arguments: graph.keys.sorted())
    func arrowsPointDown(room: String) {
        let rooms = Set(Self.graph.keys).union([
            "CSHA256", "CChaChaPoly", "COpenSSL", "CSecp256k1", "CLibUSB", "CSQLite", "CLibSSL",
        ])
        let allowed = Self.graph[room] ?? []
        let sources = Self.sources.filter { $0.room == room }
        #expect(!sources.isEmpty, "room \(room) is empty")
        for source in sources {
            for name in imports(in: source) where rooms.contains(name) && name != room {
                #expect(allowed.contains(name), "\(source.path) imports \(name)")
            }
        }
    }

    @Test("the pure rooms import no network library, and Foundation nowhere")
    func pureRoomsImportNothingOfTheWorld() {
        for source in Self.sources where Self.pure.contains(source.room) {
            for name in imports(in: source) {
                let isOfTheWorld = name.hasPrefix("NIO") || name == "Foundation" || name == "Dispatch"
                #expect(!isOfTheWorld, "\(source.path) imports \(name)")
            }
        }
    }

    /// Word and what to write instead.
    static let banned: [(word: String, instead: String)] = [
        ("Date(", "WallClock"), ("ContinuousClock", "Instant"), ("SuspendingClock", "Instant"),
        (".random(", "PRNG"), (".randomElement(", "PRNG"), (".shuffled(", "PRNG"), (".shuffle(", "PRNG"),
        ("SystemRandomNumberGenerator", "PRNG or SecretGenerator"), ("Task {", "an effect"),
        ("Task.detached", "an effect"), ("print(", "an observation"), ("await ", "an effect"),
        ("clock_gettime", "Instant"), ("usleep(", "nextDeadline"), ("sleep(", "nextDeadline"),
        ("try!", "a typed error"),
    ]

    @Test("the pure rooms read no clock, draw no chance, print nothing", arguments: banned.map(\.word))
    func bannedWords(word: String) throws {
        let instead = try #require(Self.banned.first { $0.word == word }).instead
        for source in Self.sources where Self.pure.contains(source.room) {
            for (number, line) in source.lines.enumerated() {
                let code = line.trimmingCharacters(in: .whitespaces)
                guard !code.hasPrefix("//"), contains(code, word: word) else { continue }
                Issue.record("\(source.path):\(number + 1) says \(word), use \(instead)")
            }
        }
    }

    /// Whether `code` says `word` other than as the end of a longer name.
    private func contains(_ code: String, word: String) -> Bool {
        var rest = code[...]
        while let range = rest.range(of: word) {
            let before =
                range.lowerBound == code.startIndex ? nil : code[code.index(before: range.lowerBound)]
            let joins = before.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
            if word.hasPrefix(".") || !joins { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }

    @Test("no room and no folder is called after nothing in particular")
    func names() {
        let vague: Set<String> = ["Common", "Core", "Utils", "Utilities", "Shared", "Helpers", "Misc"]
        for source in Self.sources {
            for part in source.path.split(separator: "/").dropLast() {
                #expect(!vague.contains(String(part)), "\(source.path)")
            }
        }
    }

    @Test("source files stay under 600 lines and tests under 800")
    func fileSizes() {
        for source in Self.sources {
            #expect(source.lines.count <= 600, "\(source.path) has \(source.lines.count) lines")
        }
        for path in Self.files(under: "Tests", suffix: ".swift") {
            let text = (try? String(contentsOfFile: "\(Self.root)/\(path)", encoding: .utf8)) ?? ""
            let count = text.components(separatedBy: "\n").count
            #expect(count <= 800, "\(path) has \(count) lines")
        }
    }

    @Test("every room has its landing page, and Architecture.md names every room")
    func landingPages() throws {
        let page = try String(contentsOfFile: "\(Self.root)/Documentation/Architecture.md", encoding: .utf8)
        for room in Self.graph.keys.sorted() {
            #expect(page.contains("`\(room)`"), "Architecture.md does not name \(room)")
            let landing = "\(Self.root)/Sources/\(room)/\(room).docc/\(room).md"
            #expect(FileManager.default.fileExists(atPath: landing), "\(landing) is missing")
        }
    }

    @Test("links between the documents lead somewhere")
    func documentLinks() throws {
        let documents = Self.files(under: "Documentation", suffix: ".md") + ["README.md"]
        for document in documents {
            let text = try String(contentsOfFile: "\(Self.root)/\(document)", encoding: .utf8)
            let folder = URL(fileURLWithPath: "\(Self.root)/\(document)").deletingLastPathComponent()
            for match in text.matches(of: /\]\(([^)#]+)[^)]*\)/) {
                let target = String(match.1)
                guard !target.contains("://") else { continue }
                let path = folder.appendingPathComponent(target).path
                #expect(FileManager.default.fileExists(atPath: path), "\(document) links to \(target)")
            }
        }
    }
}
