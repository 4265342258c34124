import Bitcoin

/// Small values that templates share. A template finds a name in the innermost value first and then in the
/// ones around it, so names at different levels of one page differ on purpose.

struct AmountText: Sendable {
    let head: String
    /// Trailing zeros, shown faintly.
    let zeros: String

    init(_ satoshi: Int64) {
        let text = Figures.bitcoin(satoshi)
        let kept = text.reversed().drop { $0 == "0" }
        // At least two decimals stay bright.
        let fraction =
            text.count - (text.lastIndex(of: ".").map { text.distance(from: text.startIndex, to: $0) } ?? 0)
        let least = text.count - fraction + 3
        let split = max(kept.count, least)
        head = String(text.prefix(split))
        zeros = String(text.dropFirst(split))
    }
}

struct MomentText: Sendable {
    let unix: Int64
    let utc: String
    let age: String

    init(_ unix: Int64, now: Int64) {
        self.unix = unix
        utc = Figures.utc(unix)
        age = Figures.age(of: unix, now: now)
    }
}

/// A hash whose middle gives way when the place is narrow.
struct HashText: Sendable {
    let full: String
    let start: String
    let end: String

    init(_ text: String) {
        full = text
        start = String(text.dropLast(8))
        end = String(text.suffix(8))
    }

    init(_ hash: Hash256) { self.init(hash.displayHex) }
}

struct BarText: Sendable {
    let percent: String
    let label: String
    let tone: String

    init(_ part: Double, of whole: Double, label: String, tone: String = "") {
        let share = whole > 0 ? min(100, max(0, part / whole * 100)) : 0
        percent = Figures.fixed(share > 0 ? max(share, 0.8) : 0, 1)
        self.label = label
        self.tone = tone
    }
}

struct Tile: Sendable {
    let name: String
    let value: String
    let unit: String?
    let note: String?

    init(_ name: String, _ value: String, unit: String? = nil, note: String? = nil) {
        self.name = name
        self.value = value
        self.unit = unit
        self.note = note
    }
}

struct Fact: Sendable {
    let name: String
    let text: String
    let mono: Bool
    let link: String?
    let hint: String?
    let copyable: Bool

    init(
        _ name: String, _ text: String, mono: Bool = false, link: String? = nil, hint: String? = nil,
        copyable: Bool = false
    ) {
        self.name = name
        self.text = text
        self.mono = mono
        self.link = link
        self.hint = hint
        self.copyable = copyable
    }
}

struct FactList: Sendable {
    let facts: [Fact]
}

struct Pager: Sendable {
    let summary: String
    let newer: String?
    let newerName: String
    let older: String?
    let olderName: String

    /// Pages of a list with `total` rows, counted from 1; nil when one page holds all.
    init?(total: Int, page: Int, size: Int, link: (Int) -> String, names: (newer: String, older: String)) {
        let pages = max(1, (total + size - 1) / size)
        guard pages > 1 else { return nil }
        let first = (page - 1) * size
        let last = min(total, first + size)
        summary =
            "\(Characters.grouped(first + 1))–\(Characters.grouped(last)) of \(Characters.grouped(total))"
        newer = page > 1 ? link(page - 1) : nil
        older = page < pages ? link(page + 1) : nil
        newerName = names.newer
        olderName = names.older
    }

    static func clamp(_ page: Int, total: Int, size: Int) -> Int {
        min(max(1, page), max(1, (total + size - 1) / size))
    }
}

struct Banner: Sendable {
    let kind: String
    let heading: String
    let detail: String
}

/// A page before it is put into its frame.
struct Page: Sendable {
    enum Place: Sendable { case home, blocks, mempool, devices, elsewhere }

    var title: String
    var template: String
    var content: any Sendable
    var place: Place = .elsewhere
    var topics: [Topic] = [.tip, .node]
    var query = ""
    var status = 200
    var banner: Banner?
}

/// Why there is no page.
enum PageError: Error, Sendable, Equatable {
    case notFound(what: String, asked: String, hints: [String])
    case malformed(what: String, asked: String)
    /// Nothing is known about the chain yet.
    case unavailable
}
