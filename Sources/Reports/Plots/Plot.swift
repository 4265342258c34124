/// A plot as data; ``svg`` draws it. Colours are classes of the page's style sheet, and no two marks of a plot are told
/// apart by colour alone: lines differ in dashes, stacks stand in the legend's order.
struct Plot {
    enum Mark {
        /// A polyline with gaps. The style is its number among the plot's colours.
        case line([PlotPoint], style: Int)
        /// Layers above each other at the same places, the first at the bottom.
        case stack([Double], layers: [[Double]])
        case bars([(low: Double, high: Double, value: Double)], style: Int)
        /// Dots, with the ends of an interval where there is one.
        case dots([(x: Double, y: Double, low: Double?, high: Double?)], style: Int)
        /// A reference's pass band and expected value from one place to another.
        case band(from: Double, to: Double, low: Double, high: Double, expected: Double)
        /// A labelled vertical line.
        case rule(Double, String)
        /// A labelled horizontal line.
        case level(Double, String)
    }

    enum Swatch {
        case line(Int)
        case area(Int)
        case dot(Int)
        case band
    }

    var title: String
    var note = ""
    var x: Axis
    var y: Axis
    var legend: [(Swatch, String)] = []
    var marks: [Mark] = []
    /// Of the time axis.
    var phases: [(name: String, from: Double, to: Double)] = []
    /// Numbers of actions at their times.
    var actions: [(number: Int, at: Double)] = []

    static let width = 640.0
    static let height = 270.0
    private let left = 62.0
    private let right = 22.0
    private let top = 30.0
    private let bottom = 44.0

    init(_ title: String, note: String = "", x: Axis, y: Axis) {
        self.title = title
        self.note = note
        self.x = x
        self.y = y
    }

    /// With its caption and legend.
    var figure: String {
        var caption = Markup.element("strong", "", Markup.escape(title))
        if !note.isEmpty { caption += " " + Markup.element("span", "class=\"note\"", Markup.escape(note)) }
        let entries = legend.map { swatch, name in
            "<span class=\"entry\">\(Self.swatch(swatch)) \(Markup.escape(name))</span>"
        }
        let list =
            entries.isEmpty ? "" : Markup.element("div", "class=\"legend\"", entries.joined(separator: " "))
        return "<figure><figcaption>\(caption)\(list)</figcaption>\(svg)</figure>\n"
    }

    var svg: String {
        var svg = "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\""
        svg += "\(Markup.escape(title)): \(Markup.escape(y.label)) over \(Markup.escape(x.label))\">"
        svg += shades + grid
        svg += marks.map(drawing).joined()
        svg += edges + actionMarks
        return svg + "</svg>"
    }

    // MARK: Places

    private var plotWidth: Double { Self.width - left - right }
    private var plotHeight: Double { Self.height - top - bottom }
    private func px(_ value: Double) -> Double { left + x.place(value) * plotWidth }
    private func py(_ value: Double) -> Double { top + (1 - y.place(value)) * plotHeight }

    /// A tenth of a pixel is enough.
    private func n(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0
            ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    private func text(
        _ x: Double, _ y: Double, _ words: String, _ anchor: String, _ name: String = "tick",
        _ more: String = ""
    ) -> String {
        "<text x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\" class=\"\(name)\"\(more)>"
            + "\(Markup.escape(words))</text>"
    }

    private func vertical(_ x: Double, _ name: String) -> String {
        "<path class=\"\(name)\" d=\"M\(n(x)) \(n(top))V\(n(top + plotHeight))\"/>"
    }

    private func horizontal(_ y: Double, _ name: String) -> String {
        "<path class=\"\(name)\" d=\"M\(n(left)) \(n(y))H\(n(left + plotWidth))\"/>"
    }

    // MARK: Frame

    private var grid: String {
        var svg = ""
        for tick in y.ticks {
            svg += horizontal(py(tick.value), "grid") + text(left - 6, py(tick.value) + 4, tick.text, "end")
        }
        for tick in x.ticks {
            let place = px(tick.value)
            svg += "<path class=\"axis\" d=\"M\(n(place)) \(n(top + plotHeight))v4\"/>"
            svg += text(place, top + plotHeight + 17, tick.text, "middle")
        }
        svg += horizontal(top + plotHeight, "axis")
        svg += text(left + plotWidth / 2, Self.height - 6, x.label, "middle", "label")
        let middle = top + plotHeight / 2
        return svg
            + text(13, middle, y.label, "middle", "label", " transform=\"rotate(-90 13 \(n(middle)))\"")
    }

    private var shades: String {
        var svg = ""
        for (index, phase) in phases.enumerated() {
            let (from, to) = (px(phase.from), px(phase.to))
            svg +=
                "<rect class=\"phase\(index % 2)\" x=\"\(n(from))\" y=\"\(n(top))\" width=\"\(n(to - from))\" "
            svg += "height=\"\(n(plotHeight))\"/>"
            // A name that has no room is left to the list of phases.
            let fits = Int((to - from) / 6)
            guard fits >= 3 else { continue }
            let name = phase.name.count <= fits ? phase.name : phase.name.prefix(fits - 1) + "…"
            svg += text((from + to) / 2, top - 6, name, "middle", "phase")
        }
        return svg
    }

    /// Over stacks too, which hide the shades.
    private var edges: String { phases.dropFirst().map { vertical(px($0.from), "edge") }.joined() }

    private var actionMarks: String {
        actions.map { action in
            let place = px(action.at)
            return vertical(place, "action")
                + "<circle class=\"action\" cx=\"\(n(place))\" cy=\"\(n(top + 8))\" r=\"7\"/>"
                + text(place, top + 11.5, "\(action.number)", "middle", "number")
        }.joined()
    }

    // MARK: Marks

    private func drawing(_ mark: Mark) -> String {
        switch mark {
        case .line(let points, let style): return line(points, style)
        case .stack(let xs, let layers): return stack(xs, layers)
        case .bars(let bars, let style):
            return bars.filter { $0.value > 0 }.map { bar in
                let (from, to, height) = (px(bar.low), px(bar.high), py(bar.value))
                return "<rect class=\"f\(style)\" x=\"\(n(from))\" y=\"\(n(height))\" "
                    + "width=\"\(n(max(0.5, to - from - 1)))\" height=\"\(n(max(1, top + plotHeight - height)))\"/>"
            }.joined()
        case .dots(let dots, let style): return dots.map { dot($0, style) }.joined()
        case .band(let from, let to, let low, let high, let expected):
            let (a, b) = (px(from), px(to))
            return "<rect class=\"band\" x=\"\(n(a))\" y=\"\(n(py(high)))\" width=\"\(n(max(2, b - a)))\" "
                + "height=\"\(n(max(1, py(low) - py(high))))\"/>"
                + "<path class=\"expected\" d=\"M\(n(a)) \(n(py(expected)))H\(n(max(a + 2, b)))\"/>"
        case .rule(let value, let words):
            let place = px(value)
            // Words turn to the side where there is room.
            let isRight = place > left + plotWidth * 0.8
            return vertical(place, "rule")
                + text(place + (isRight ? -3 : 3), top - 6, words, isRight ? "end" : "start", "mark")
        case .level(let value, let words):
            return horizontal(py(value), "rule")
                + text(
                    left + plotWidth - 4, py(value) + (y.place(value) > 0.9 ? 13 : -4), words, "end", "mark")
        }
    }

    private func line(_ points: [PlotPoint], _ style: Int) -> String {
        var path = ""
        var isDrawing = false
        for (index, point) in points.enumerated() {
            guard let y = point.y else {
                isDrawing = false
                continue
            }
            path += "\(isDrawing ? "L" : "M")\(n(px(point.x))) \(n(py(y)))"
            let isAlone = !isDrawing && (index + 1 == points.count || points[index + 1].y == nil)
            // A round cap makes a dot of it.
            if isAlone { path += "h0" }
            isDrawing = true
        }
        return path.isEmpty ? "" : "<path class=\"line s\(style)\" d=\"\(path)\"/>"
    }

    private func stack(_ xs: [Double], _ layers: [[Double]]) -> String {
        var floor = [Double](repeating: 0, count: xs.count)
        var svg = ""
        for (style, layer) in layers.enumerated() {
            let ceiling = zip(floor, layer).map(+)
            defer { floor = ceiling }
            guard layer.contains(where: { $0 > 0 }) else { continue }
            var path = ""
            for (index, x) in xs.enumerated() {
                path += "\(index == 0 ? "M" : "L")\(n(px(x))) \(n(py(ceiling[index])))"
            }
            for index in xs.indices.reversed() { path += "L\(n(px(xs[index]))) \(n(py(floor[index])))" }
            svg += "<path class=\"area f\(style)\" d=\"\(path)Z\"/>"
        }
        return svg
    }

    private func dot(_ dot: (x: Double, y: Double, low: Double?, high: Double?), _ style: Int) -> String {
        let (x, y) = (px(dot.x), py(dot.y))
        var svg = ""
        if let low = dot.low, let high = dot.high {
            svg += "<path class=\"whisker s\(style)\" d=\"M\(n(x)) \(n(py(low)))V\(n(py(high)))"
            svg += "M\(n(x - 4)) \(n(py(low)))h8M\(n(x - 4)) \(n(py(high)))h8\"/>"
        }
        return svg + Self.symbol(style, n(x), n(y))
    }

    /// Circles and diamonds: not told apart by colour alone.
    private static func symbol(_ style: Int, _ x: String, _ y: String) -> String {
        style % 2 == 0
            ? "<circle class=\"dot f\(style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"3.5\"/>"
            : "<path class=\"dot f\(style)\" d=\"M\(x) \(y)m0 -5l5 5l-5 5l-5 -5z\"/>"
    }

    private static func swatch(_ swatch: Swatch) -> String {
        let drawing =
            switch swatch {
            case .line(let style): "<path class=\"line s\(style)\" d=\"M1 6H25\"/>"
            case .area(let style): "<rect class=\"f\(style)\" x=\"7\" y=\"1\" width=\"12\" height=\"10\"/>"
            case .dot(let style): symbol(style, "13", "6")
            case .band:
                "<rect class=\"band\" x=\"1\" y=\"1\" width=\"24\" height=\"10\"/><path class=\"expected\" d=\"M1 6H25\"/>"
            }
        return "<svg class=\"swatch\" viewBox=\"0 0 26 12\" aria-hidden=\"true\">\(drawing)</svg>"
    }
}
