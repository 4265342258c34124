import DeviceModel
import Measurement
import SansIO

/// A figure of a run: what is measured, how many seconds become one number, and of which devices.
///
/// `stale_rate`, `submit p(99)`, `prevhash_last p(99)`, `hashrate_error @ 1h`, `reconnect t(99%)`,
/// `shares_accepted rate of home in storm`.
public struct Measure: Sendable, Equatable {
    public enum Subject: Sendable, Equatable {
        case counter(Counter)
        case latency(Latency)
        case level(Level)
        /// For each piece of news, how long after the first device the last one had it.
        case last(FanOut.News)
        case derived(Derived)
    }

    /// Figures from several.
    public enum Derived: String, Sendable, CaseIterable {
        /// Stale at the pool or discarded at the device, of all that chips found.
        case staleRate = "stale_rate"
        case rejectRate = "reject_rate"
        case discardRate = "discard_rate"
        case hardwareErrorRate = "hardware_error_rate"
        /// |estimated - expected| / expected; estimated from accepted work, expected from the devices' physics.
        case hashrateError = "hashrate_error"
        /// The root mean square of (estimated - expected) / expected over all windows of the length after `@`, ten
        /// minutes without one.
        case hashrateRMS = "hashrate_rms"
        case hashrateEstimated = "hashrate_estimated"
        /// Devices mining of devices switched on, at the worst second.
        case miningRatio = "mining_ratio"
        /// Seconds until so many per cent of the devices mine again, from the second in which fewer did.
        case recovery
        /// Seconds from the window's beginning until the five-minute mean of the share rate is within 15 % of the
        /// pool's goal and stays there.
        case settling
        case bytesPerShare = "bytes_per_share"
        /// From the devices, for each accepted share.
        case bytesUpPerShare = "bytes_up_per_share"
        /// Jobs for each device and minute.
        case jobRate = "job_rate"
        /// Shares for a device and minute.
        case shareRate = "share_rate"
        /// Variance over mean of shares counted by the minute: 1 for chance alone.
        case dispersion
    }

    /// How many numbers become one.
    public enum Gathering: Sendable, Equatable {
        case percentile(Double)
        case mean
        case greatest
        case least
        case count
        /// A second.
        case rate
        /// Until so many per cent are there.
        case time(percent: Double)
    }

    public var subject: Subject
    public var gathering: Gathering
    /// The last so much of the window; nil for all of it.
    public var last: Interval?
    /// A fleet's name; nil for all.
    public var fleet: String?
    /// A phase's name; nil for the whole run.
    public var phase: String?

    /// Words that a measure may begin with.
    public static let names: [String] =
        Counter.allCases.map(\.name) + Latency.allCases.map(\.name) + Level.allCases.map(\.name)
        + FanOut.News.allCases.map { $0.rawValue + "_last" } + Derived.allCases.map(\.rawValue)

    static func subject(named name: String) -> Subject? {
        if let derived = Derived(rawValue: name) { return .derived(derived) }
        if let counter = Counter(name: name) { return .counter(counter) }
        if let latency = Latency(name: name) { return .latency(latency) }
        if let level = Level(name: name) { return .level(level) }
        if name.hasSuffix("_last"), let news = FanOut.News(rawValue: String(name.dropLast(5))) {
            return .last(news)
        }
        return nil
    }

    /// Without a word for it.
    static func usual(for subject: Subject) -> Gathering {
        switch subject {
        case .counter: .count
        case .latency: .percentile(99)
        case .level: .mean
        case .last: .greatest
        case .derived(.miningRatio): .least
        case .derived(.recovery): .time(percent: 99)
        case .derived: .mean
        }
    }

    /// Whether values are lengths of time, in seconds.
    public var isTime: Bool {
        switch subject {
        case .latency, .last, .derived(.recovery), .derived(.settling):
            gathering != .count && gathering != .rate
        default: false
        }
    }

    public var isRatio: Bool {
        switch subject {
        case .derived(.staleRate), .derived(.rejectRate), .derived(.discardRate),
            .derived(.hardwareErrorRate),
            .derived(.hashrateError), .derived(.hashrateRMS), .derived(.miningRatio):
            true
        default: false
        }
    }
}

extension Measure {
    /// - Throws: ``PlanError`` that says what the word should have been.
    public init(_ text: String) throws(PlanError) {
        var words = Words(text)
        self = try Measure(&words)
        if let rest = words.next() { throw PlanError("\"\(rest)\" is too much after a measure") }
    }

    init(_ words: inout Words) throws(PlanError) {
        guard let name = words.next() else { throw PlanError("a measure is missing") }
        guard let subject = Self.subject(named: name) else {
            // What people write for the time until a fleet is back.
            throw PlanError(
                "\"\(name)\" is no measure",
                nearest: Spelling.nearest(to: name, among: Self.names))
        }
        self.subject = subject
        gathering = Self.usual(for: subject)
        if let word = words.peek, let chosen = try Self.gathering(word) {
            _ = words.next()
            gathering = chosen
            if case .time = chosen, subject == .latency(.reconnect) { self.subject = .derived(.recovery) }
        }
    }

    /// `@ 1h`, `of FLEET`, `in PHASE`, in any order.
    mutating func scope(_ words: inout Words) throws(PlanError) {
        while let word = words.peek, ["@", "of", "in"].contains(word) {
            _ = words.next()
            guard let operand = words.next() else {
                throw PlanError("after \"\(word)\" something is missing")
            }
            switch word {
            case "of": fleet = operand
            case "in": phase = operand
            default:
                guard let interval = DurationText.parse(operand) else {
                    throw PlanError("\"\(operand)\" is no length of time, for example 1h")
                }
                last = interval
            }
        }
    }

    private static func gathering(_ word: String) throws(PlanError) -> Gathering? {
        switch word {
        case "avg", "mean": return .mean
        case "max": return .greatest
        case "min": return .least
        case "count": return .count
        case "rate": return .rate
        case "med": return .percentile(50)
        default: break
        }
        guard word.hasSuffix(")"), word.hasPrefix("p(") || word.hasPrefix("t(") else { return nil }
        let inside = word.dropFirst(2).dropLast().drop { $0 == " " }
        let digits = inside.hasSuffix("%") ? inside.dropLast() : inside
        guard let percent = Double(digits), percent > 0, percent <= 100 else {
            throw PlanError("\"\(word)\" must hold a number above 0 and at most 100, for example p(99)")
        }
        return word.hasPrefix("p") ? .percentile(percent) : .time(percent: percent)
    }
}

/// Words of an expression; operators and `@` need no spaces around them.
struct Words {
    private var words: [String] = []
    private var place = 0

    init(_ text: String) {
        var word = ""
        var depth = 0
        func isOperator(_ character: Character) -> Bool { "<>=!@".contains(character) }
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            let splits =
                !word.isEmpty && depth == 0
                && isOperator(character) != isOperator(word[word.index(before: word.endIndex)])
            if character.isWhitespace && depth == 0 || splits {
                if !word.isEmpty { words.append(word) }
                word = ""
            }
            if !(character.isWhitespace) { word.append(character) }
        }
        if !word.isEmpty { words.append(word) }
    }

    var peek: String? { place < words.count ? words[place] : nil }

    mutating func next() -> String? {
        defer { place += 1 }
        return peek
    }
}

/// What is wrong with an expression or a plan, without its place.
public struct PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    public var nearest: String?

    public init(_ message: String, nearest: String? = nil) {
        self.message = message
        self.nearest = nearest
    }

    public var description: String { message + (nearest.map { ": did you mean \"\($0)\"?" } ?? "") }
}
