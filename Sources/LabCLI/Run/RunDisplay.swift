import Experiments
import Foundation
import Measurement
import SansIO
import Stratum
import Synchronization

/// Shows a live run while it goes: a picture on a terminal, a line every five seconds anywhere else.
final class RunDisplay: Sendable {
    private static let linePeriod = 5
    /// Thresholds are computed over the whole run; of a long one not each second.
    private static let verdictSeconds = 600

    private struct State {
        var view: RunView
        var isOver = false
    }

    private let experiment: Experiment
    private let terminal: Terminal?
    private let prints: Bool
    private let state: Mutex<State>

    init(
        _ experiment: Experiment, seed: UInt64, target: PoolURL?, options: LiveOptions,
        interruption: Interruption
    ) {
        self.experiment = experiment
        terminal = options.plain || options.json ? nil : Terminal()
        prints = terminal == nil && !options.json
        state = Mutex(
            State(view: RunView(experiment: experiment, seed: seed, target: target.map { "\($0)" })))
        guard let terminal else { return }
        terminal.enter()
        draw()
        Thread.detachNewThread { [self] in
            while !state.withLock({ $0.isOver }) {
                let keys = terminal.keys(within: 250)
                guard keys.contains(where: { [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3].contains($0) }) else {
                    continue
                }
                interruption.ask("q")
                return
            }
        }
    }

    func show(_ series: RunSeries, degradations: [String]) {
        let count = series.seconds.count
        let isDue = count < Self.verdictSeconds || count % 10 == 0
        let verdicts = isDue ? experiment.verdicts(series) : nil
        state.withLock { state in
            state.view.take(series, degradations: degradations)
            if let verdicts { state.view.verdicts = verdicts }
        }
        if terminal != nil { draw() }
        if prints, count % Self.linePeriod == 0 { Output.line(state.withLock { $0.view.line }) }
    }

    private func draw() {
        guard let terminal else { return }
        let size = terminal.size
        let view = state.withLock { $0.view }
        terminal.draw(view.lines(columns: size.columns, rows: size.rows))
    }

    /// The terminal as it was.
    func end() {
        state.withLock { $0.isOver = true }
        terminal?.leave()
    }
}
