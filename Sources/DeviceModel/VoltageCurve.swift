import Hardware

/// The voltage that a clock asks for, as straight lines between points; beyond the ends the last slope goes on.
public struct VoltageCurve: Equatable, Sendable {
    public struct Point: Equatable, Sendable {
        public var megahertz: Double
        public var volts: Double

        public init(megahertz: Double, volts: Double) {
            self.megahertz = megahertz
            self.volts = volts
        }
    }

    public let points: [Point]

    /// Nil unless there are two points or more and both clock and voltage rise from each to the next.
    public init?(points: [Point]) {
        guard points.count >= 2 else { return nil }
        for (a, b) in zip(points, points.dropFirst()) where b.megahertz <= a.megahertz || b.volts < a.volts {
            return nil
        }
        self.points = points
    }

    init(_ points: (Double, Double)...) { self.points = points.map { Point(megahertz: $0.0, volts: $0.1) } }

    public func volts(at frequency: Megahertz) -> Volts { Volts(volts(frequency.megahertz)) }

    func volts(_ megahertz: Double) -> Double {
        var index = 0
        while index < points.count - 2, megahertz > points[index + 1].megahertz { index += 1 }
        let a = points[index]
        let b = points[index + 1]
        return a.volts + (b.volts - a.volts) * (megahertz - a.megahertz) / (b.megahertz - a.megahertz)
    }
}
