/// A point of a plot; `y` is nil where nothing was measured.
struct PlotPoint: Equatable {
    var x: Double
    var y: Double?
}

/// Long series become short without losing what stands out.
enum Thinning {
    /// At most so many points: of every step the least and the greatest, in their order, and a gap where a step holds
    /// nothing.
    static func points(_ points: [PlotPoint], max: Int = Limits.plotPointsMax) -> [PlotPoint] {
        guard points.count > max else { return points }
        return indices(points.count, max: max) { points[$0].y }.map { points[$0] }
    }

    /// The places that ``points(_:max:)`` keeps, for several series that must keep the same ones.
    static func indices(_ count: Int, max: Int = Limits.plotPointsMax, _ value: (Int) -> Double?) -> [Int] {
        guard count > max else { return Array(0..<count) }
        let steps = max / 2
        var kept: [Int] = []
        for step in 0..<steps {
            let places = (step * count / steps)..<((step + 1) * count / steps)
            var least: (Int, Double)?
            var greatest: (Int, Double)?
            for place in places {
                guard let value = value(place) else { continue }
                if least.map({ value < $0.1 }) ?? true { least = (place, value) }
                if greatest.map({ value > $0.1 }) ?? true { greatest = (place, value) }
            }
            guard let least = least?.0, let greatest = greatest?.0 else {
                kept.append(places.lowerBound)
                continue
            }
            kept.append(min(least, greatest))
            if least != greatest { kept.append(Swift.max(least, greatest)) }
        }
        return kept
    }
}
