import Experiments
import Foundation
import Measurement
import SansIO
import Stratum

/// All devices in this process.
final class LocalLoad: LoadSource {
    private let fleet: LiveFleet

    init(_ fleet: LiveFleet) { self.fleet = fleet }

    /// Between the decision and the beginning: hosts are made in it.
    private static let lead = Interval.milliseconds(200)

    var seconds: AsyncStream<Second> { fleet.seconds }
    var degradations: [String] { [] }
    var lastFault: String? { fleet.lastFault }

    func begin() -> UInt64 {
        let start = HostCalendar.unixNanoseconds + Self.lead.nanoseconds
        fleet.begin(at: start)
        return start
    }

    func finish() { fleet.finish() }
    func stop() async { await fleet.stop() }

    /// Local addresses to dial from: each has ports for some 25,000 connections to one listener.
    static func sources(for devices: Int) -> [String?] {
        let needed = (devices + 24_999) / 25_000
        guard needed > 1 else { return [nil] }
        return (1...min(250, needed)).map { "127.0.0.\($0)" }
    }
}

enum HostCalendar {
    /// What the host's calendar says.
    static var unixNanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
