import Hardware
import SansIO

/// The temperature of the room over time: straight lines between points, the ends held, or repeated.
public struct AmbientCurve: Equatable, Sendable {
    public struct Point: Equatable, Sendable {
        /// Since the device was plugged in.
        public var at: Interval
        public var celsius: Double

        public init(at: Interval, celsius: Double) {
            self.at = at
            self.celsius = celsius
        }
    }

    /// Before the first point, and where there is none.
    private let constant: Double
    private let points: [Point]
    /// Zero: the last point holds.
    private let period: Interval

    public init(_ constant: Celsius) {
        self.constant = constant.degrees
        points = []
        period = .zero
    }

    /// Nil unless there is a point, their times rise, and they fit into the period.
    /// - Parameter period: after it the curve begins anew, with a line from the last point to the first; zero holds
    ///   the last point.
    public init?(points: [Point], period: Interval = .zero) {
        guard let first = points.first, let last = points.last else { return nil }
        for (a, b) in zip(points, points.dropFirst()) where b.at <= a.at { return nil }
        guard period == .zero || last.at < period else { return nil }
        constant = first.celsius
        self.points = points
        self.period = period
    }

    /// A room that follows the day as a triangle: coldest at the beginning, warmest half a day later.
    public static func day(from coldest: Celsius, to warmest: Celsius) -> AmbientCurve {
        let points = [
            Point(at: .zero, celsius: coldest.degrees), Point(at: .hours(12), celsius: warmest.degrees),
        ]
        return AmbientCurve(points: points, period: .hours(24)) ?? AmbientCurve(coldest)
    }

    var isConstant: Bool { points.count < 2 }

    public func celsius(after time: Interval) -> Celsius { Celsius(degrees(after: time)) }

    func degrees(after time: Interval) -> Double {
        guard points.count > 1 else { return constant }
        let now = period == .zero ? time : Interval(nanoseconds: time.nanoseconds % period.nanoseconds)
        guard let next = points.firstIndex(where: { $0.at > now }) else {
            let last = points[points.count - 1]
            guard period > .zero else { return last.celsius }
            let first = points[0]
            let length = period.seconds - last.at.seconds + first.at.seconds
            return line(last.celsius, first.celsius, (now.seconds - last.at.seconds) / length)
        }
        guard next > 0 else {
            guard period > .zero else { return constant }
            let last = points[points.count - 1]
            let length = period.seconds - last.at.seconds + points[0].at.seconds
            return line(last.celsius, constant, (now.seconds + period.seconds - last.at.seconds) / length)
        }
        let a = points[next - 1]
        let b = points[next]
        return line(a.celsius, b.celsius, (now.seconds - a.at.seconds) / (b.at.seconds - a.at.seconds))
    }

    private func line(_ a: Double, _ b: Double, _ share: Double) -> Double { a + (b - a) * share }
}
