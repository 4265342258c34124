import Hardware
import JSONText
import SansIO

/// The points of AxeOS's charts: one each `statsFrequency` seconds, the oldest dropped.
struct AxeOSStatistics: Sendable {
    private struct Point: Sendable {
        var milliseconds: Double
        var values: [Double]
    }

    /// In the order of a point's values.
    static let labels = [
        "hashrate", "asicTemp", "vrTemp", "asicVoltage", "voltage", "power", "current", "fanSpeed", "fanRpm",
    ]
    static let interval = Interval.seconds(120)

    private var points: [Point] = []
    private(set) var due = Instant.start

    mutating func record(_ status: DeviceStatus, at now: Instant) {
        guard now >= due else { return }
        due = now + Self.interval
        if points.count >= Limits.statistics { points.removeFirst() }
        points.append(
            Point(
                milliseconds: status.uptime.seconds * 1_000,
                values: [
                    status.rates.minute.hashesPerSecond / 1e9, status.hottestChip.degrees,
                    (status.regulatorTemperature ?? status.hottestBoard).degrees,
                    status.voltage.volts * 1_000, 5_000,
                    status.power.watts, status.power.watts / 5 * 1_000, status.fanDuty.percent,
                    status.fans.first?.revolutionsPerMinute ?? 0,
                ]))
    }

    /// All columns, or those that `?columns=a,b` names.
    func json(_ target: String, at status: DeviceStatus) -> JSON {
        var columns = Array(Self.labels.indices)
        if let query = target.split(separator: "?", maxSplits: 1).dropFirst().first,
            let list = query.split(separator: "&").first(where: { $0.hasPrefix("columns=") })
        {
            columns = list.dropFirst(8).split(separator: ",").compactMap { name in
                Self.labels.firstIndex { $0 == name }
            }
        }
        let rows = points.map { point -> JSON in
            .array(columns.map { .decimal(point.values[$0], 2) } + [.whole(point.milliseconds)])
        }
        return [
            "currentTimestamp": .whole(status.uptime.seconds * 1_000),
            "labels": .array(columns.map { .string(Self.labels[$0]) } + ["timestamp"]),
            "statistics": .array(rows),
        ]
    }
}
