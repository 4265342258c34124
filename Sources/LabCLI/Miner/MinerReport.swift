import Bitcoin
import Firmware
import Foundation
import Hardware
import JSONText
import SansIO
import Stratum
import Synchronization

/// What a processor miner tells its user, in the manner of minerd: one line for every answer of the pool, one for every
/// thread's hashing.
final class MinerReport: Sendable {
    struct Counts: Sendable {
        var accepted: UInt64 = 0
        var rejected: UInt64 = 0
        var reasons: [(name: String, count: UInt64)] = []
        /// Failed attempts since a pool last stood.
        var failures = 0
        var lastFault = ""
    }

    private struct State {
        var counts = Counts()
        var excuse = ""
        /// By thread: what was told last, and the rate since then.
        var told: [(hashes: UInt64, seconds: Double)]
        var rates: [Double]
    }

    /// Kept reasons of refusals; a node's own words have no end.
    private static let reasonsKept = 32

    private let cores: ProcessorCores
    private let urls: [PoolURL]
    private let isQuiet: Bool
    private let log: EventLog
    private let state: Mutex<State>

    /// - Parameter quiet: no lines of single threads, as minerd's `-q`.
    init(cores: ProcessorCores, urls: [PoolURL], isQuiet: Bool, log: EventLog) {
        self.log = log
        self.cores = cores
        self.urls = urls
        self.isQuiet = isQuiet
        let none = cores.meters.map { _ in (hashes: UInt64(0), seconds: 0.0) }
        state = Mutex(State(told: none, rates: cores.meters.map { _ in 0 }))
    }

    var counts: Counts { state.withLock { $0.counts } }

    func note(_ event: StaticString, _ sentence: @autoclosure () -> LogSentence) {
        log.note(event, sentence())
    }

    /// What stands before minerd's lines.
    static func stamp() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        let fields = [
            Int(parts.tm_year) + 1_900, Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour),
            Int(parts.tm_min), Int(parts.tm_sec),
        ].map { $0 < 10 ? "0\($0)" : "\($0)" }
        let stamp = fields[..<3].joined(separator: "-") + " " + fields[3...].joined(separator: ":")
        return "[\(stamp)] "
    }

    func observe(_ observation: MinerObservation) {
        switch observation {
        case .channelOpened(_, let target):
            state.withLock {
                $0.counts.failures = 0
                $0.excuse = ""
            }
            log.note(observation, "the pool stands, difficulty \(Self.difficulty(target.difficulty))")
        case .targetChanged(let target):
            log.note(observation, "difficulty set to \(Self.difficulty(target.difficulty))")
        case .workLoaded(_, _, true):
            if !isQuiet { log.note(observation, "new block: work restarts") }
        case .sharesAccepted(let count, _):
            for _ in 0..<min(count, 1_000) { answered(nil) }
        case .shareRejected(_, let reason): answered(reason)
        case .disconnected(let pool, let reason):
            state.withLock {
                $0.counts.failures += 1
                $0.counts.lastFault = "\(url(pool)): \(reason)"
            }
            log.note(observation, "\(url(pool)): \(reason)", with: ["url": .string(url(pool))])
        case .backingOff(let wait):
            log.note(observation, "retry after \(Figures.decimal(wait.seconds, 0)) seconds")
        case .poolNotReady(let pool, let reason):
            let isNew = state.withLock { state in
                defer { state.excuse = reason }
                return state.excuse != reason
            }
            if isNew {
                log.note(
                    observation, "\(url(pool)) is not ready: \(reason)", with: ["url": .string(url(pool))])
            }
        case .hardwareError: log.note(observation, "a thread reported a nonce that proves nothing")
        default: log.debug(observation)
        }
    }

    private func url(_ pool: Int) -> String { urls.indices.contains(pool) ? "\(urls[pool])" : "pool \(pool)" }

    private func answered(_ refusal: ShareRejection?) {
        let counts = state.withLock { state -> Counts in
            guard let refusal else {
                state.counts.accepted += 1
                return state.counts
            }
            state.counts.rejected += 1
            if let index = state.counts.reasons.firstIndex(where: { $0.name == refusal.name }) {
                state.counts.reasons[index].count += 1
            } else if state.counts.reasons.count < Self.reasonsKept {
                state.counts.reasons.append((refusal.name, 1))
            }
            return state.counts
        }
        let figures: LogSentence =
            "\(Self.share(counts))\(only: counts.accepted, as: "accepted")\(only: counts.rejected, as: "rejected"), "
            + "\(rate, as: "hash_rate", shown: Self.kilohashes(rate))"
        guard let refusal else { return note("share_accepted", "accepted: " + figures + " (yay!!!)") }
        note(
            "share_rejected",
            "accepted: " + figures
                + " (booooo)\n\(Self.stamp())reject reason: \(refusal.name, as: "reason")")
    }

    // MARK: Rates

    /// Hashes a second while there is work: of the last lines, or since the beginning before there were any.
    private var rate: Double {
        let told = state.withLock { $0.rates }
        if told.contains(where: { $0 > 0 }) { return told.reduce(0, +) }
        return cores.meters.reduce(0) { $0 + ($1.seconds > 0 ? Double($1.hashes) / $1.seconds : 0) }
    }

    /// A line for each thread that has hashed since the last; answers the sum of the rates.
    @discardableResult
    func threads() -> Double {
        var lines: [LogSentence] = []
        let sum = state.withLock { state in
            for (index, meter) in cores.meters.enumerated() {
                let now = (hashes: meter.hashes, seconds: meter.seconds)
                let before = state.told[index]
                guard now.hashes > before.hashes, now.seconds > before.seconds else { continue }
                state.told[index] = now
                let hashes = now.hashes - before.hashes
                state.rates[index] = Double(hashes) / (now.seconds - before.seconds)
                let rate = state.rates[index]
                lines.append(
                    "thread \(index, as: "thread"): \(hashes, as: "hashes") hashes, \(rate, as: "hash_rate", shown: Self.kilohashes(rate))"
                )
            }
            return state.rates.reduce(0, +)
        }
        if !isQuiet { for line in lines { note("thread", line) } }
        return sum
    }

    /// The last line: everything since the beginning.
    func end(after seconds: Double) {
        let hashes = cores.meters.reduce(0) { $0 + $1.hashes }
        let rate = seconds > 0 ? Double(hashes) / seconds : 0
        let counts = counts
        let reasons = counts.reasons.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
        let refused: LogSentence = reasons.isEmpty ? "" : ", refused: \(reasons, as: "reasons")"
        note(
            "stopped",
            "stopped: \(cores.meters.count, as: "threads") threads, \(hashes, as: "hashes") hashes in "
                + "\(seconds, as: "seconds", shown: Figures.decimal(seconds, 1)) s, "
                + "\(rate, as: "hash_rate", shown: Self.kilohashes(rate)), "
                + "accepted \(Self.share(counts))\(only: counts.accepted, as: "accepted")\(only: counts.rejected, as: "rejected")"
                + refused)
    }

    /// As minerd writes it: `3/4 (75.00%)`.
    private static func share(_ counts: Counts) -> String {
        let all = counts.accepted + counts.rejected
        let percent = all == 0 ? 0 : 100 * Double(counts.accepted) / Double(all)
        return "\(counts.accepted)/\(all) (\(Figures.decimal(percent, 2))%)"
    }

    /// Processors mine at fractions of difficulty 1.
    private static func difficulty(_ value: Double) -> String {
        (0.001..<1).contains(value) ? Figures.decimal(value, 6) : Figures.difficulty(value)
    }

    static func kilohashes(_ rate: Double) -> String {
        "\(Figures.decimal(rate / 1_000, rate >= 1e6 ? 0 : 2)) khash/s"
    }
}
