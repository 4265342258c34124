import Foundation
import Measurement
import SansIO

/// Reads how the process that makes the load fares.
struct GeneratorMeter: Sendable {
    private var processor = Self.processorSeconds
    private var readAt = ContinuousClock.now
    private let retransmissionsBefore = Self.retransmissions

    private var last = GeneratorHealth()

    /// What the system counts in ticks says nothing about less than this.
    private static let elapsedMin = 0.5

    /// Since the last call; seconds that come in a burst share one reading.
    mutating func read(lag: Interval) -> GeneratorHealth {
        let (used, now) = (Self.processorSeconds, ContinuousClock.now)
        let elapsed = readAt.duration(to: now).seconds
        guard elapsed >= Self.elapsedMin else {
            last.loopLag = lag
            return last
        }
        defer { (processor, readAt) = (used, now) }
        let sent = Self.retransmissions
        last = GeneratorHealth(
            processor: (used - processor) / elapsed, cores: Double(Self.cores), loopLag: lag,
            retransmissions: sent - min(sent, retransmissionsBefore), memory: Self.residentBytes)
        return last
    }

    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    private static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    static var residentBytes: UInt64 {
        let words = text("/proc/self/statm").split(separator: " ")
        guard words.count > 1, let pages = UInt64(words[1]) else { return 0 }
        return pages * UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    }

    /// Of the whole system, since it started: `RetransSegs` of /proc/net/snmp.
    private static var retransmissions: UInt64 {
        let lines = text("/proc/net/snmp").split(separator: "\n").filter { $0.hasPrefix("Tcp:") }
        guard lines.count == 2 else { return 0 }
        let names = lines[0].split(separator: " ")
        let values = lines[1].split(separator: " ")
        guard let place = names.firstIndex(of: "RetransSegs"), place < values.count else { return 0 }
        return UInt64(values[place]) ?? 0
    }

    private static func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
