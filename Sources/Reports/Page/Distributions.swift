import Experiments
import Foundation
import Measurement
import SansIO

/// Histograms and distributions of one record.
struct Distributions {
    private let record: RunRecord
    private let sum: FleetSecond
    private var window: Range<Int> { 0..<record.series.seconds.count }

    init(_ record: RunRecord, sum: FleetSecond) {
        self.record = record
        self.sum = sum
    }

    var figures: String {
        let plots = [
            histogram(.submit, "Submit round trip"), fanOut(.prevhash, "A new tip's way to the devices"),
            fanOut(.job, "A job's way to the devices"),
            histogram(.reconnect, "Back to work after a lost connection"),
            histogram(.handshake, "From the connection to an open channel"),
        ].compactMap { $0?.figure }
        return plots.isEmpty ? "" : "<div class=\"plots\">\n" + plots.joined() + "</div>\n"
    }

    /// Ten bars a decade.
    private func histogram(_ latency: Latency, _ title: String) -> Plot? {
        guard sum.has(latency), !sum[latency].isEmpty else { return nil }
        let histogram = sum[latency]
        var bins: [Int: UInt64] = [:]
        for bucket in histogram.buckets where bucket.length > .zero {
            bins[Int((log10(bucket.length.seconds) * 10 + 1e-9).rounded(.down)), default: 0] += bucket.count
        }
        let edges = bins.keys.flatMap { [pow(10, Double($0) / 10), pow(10, Double($0 + 1) / 10)] }
        let bars = bins.sorted { $0.key < $1.key }.map { bin, count in
            (low: pow(10, Double(bin) / 10), high: pow(10, Double(bin + 1) / 10), value: Double(count))
        }
        let percentiles = [("p50", 50.0), ("p90", 90), ("p99", 99), ("p99.9", 99.9)].map { name, percent in
            "\(name) \(DurationText.text(histogram.percentile(percent)))"
        }
        let note =
            "\(Wording.grouped(histogram.count)) values, ten bars a decade: "
            + percentiles.joined(separator: ", ")
        var plot = Plot(
            "Distribution: " + title.prefix(1).lowercased() + title.dropFirst(), note: note,
            x: .logarithmicDuration("time", edges), y: .linear("values in a bar", bars.map(\.value)))
        plot.marks = [.bars(bars, style: 0)]
        plot.marks += Self.rules(histogram, plot.x)
        return plot
    }

    /// Percentiles as labelled lines; of those that fall together only the first is labelled.
    private static func rules(_ histogram: LatencyHistogram, _ axis: Axis) -> [Plot.Mark] {
        var marks: [Plot.Mark] = []
        var previous = -1.0
        for (name, percent) in [("p50", 50.0), ("p90", 90), ("p99", 99), ("p99.9", 99.9)] {
            let value = histogram.percentile(percent).seconds
            let place = axis.place(value)
            let isClear = place - previous > 0.065
            marks.append(.rule(value, isClear ? name : ""))
            if isClear { previous = place }
        }
        return marks
    }

    /// The cumulative distribution over all pieces of news.
    private func fanOut(_ news: FanOut.News, _ title: String) -> Plot? {
        let all = record.series.fanOuts(news, window).filter { $0.devices > 1 }
        guard !all.isEmpty else { return nil }
        var delays = LatencyHistogram()
        for one in all { delays.add(one.delays) }
        var seen: UInt64 = 0
        var points = [PlotPoint(x: 0, y: 0)]
        for bucket in delays.buckets {
            let before = Double(seen) * 100 / Double(delays.count)
            seen += bucket.count
            // A delay below HdrHistogram's least is the first device's own: zero.
            let x = bucket.length <= .microseconds(1) ? 0 : bucket.length.seconds
            points.append(PlotPoint(x: x, y: before))
            points.append(PlotPoint(x: x, y: Double(seen) * 100 / Double(delays.count)))
        }
        let note =
            "\(all.count) \(news == .prevhash ? "tips" : "jobs"), \(Wording.grouped(delays.count)) receipts"
        var plot = Plot(
            "Cumulative: " + title.prefix(1).lowercased() + title.dropFirst(), note: note,
            x: .duration("delay after the first device", points.map(\.x)),
            y: .linear("devices that have it (%)", [0, 100]))
        plot.marks = [.line(Thinning.points(points), style: 0)]
        var previous = -1.0
        for (name, percent) in [("p50", 50.0), ("p99", 99)] {
            let value = delays.percentile(percent).seconds
            let isClear = plot.x.place(value) - previous > 0.2
            plot.marks.append(
                .rule(value, isClear ? "\(name) \(DurationText.text(Interval(seconds: value)))" : ""))
            if isClear { previous = plot.x.place(value) }
        }
        return plot
    }
}
