import DeviceModel
import Foundation
import Hardware
import SansIO

/// What an action of the timeline does to devices at one time. Each shard does its own devices' part.
public struct DeviceStep: Sendable, Equatable {
    public enum What: Sendable, Equatable {
        /// Clocks go to so many times their nominal ones.
        case clock(factor: Double)
        /// The room is so far, 0 to 1, on its way from the fleet's temperature to this one in °C.
        case ambient(Double, share: Double)
        /// Connections break.
        case reset
        case powerOff
        case powerOn
        case fault(DeviceFault)
    }

    /// Since the run's beginning.
    public let at: Interval
    public let what: What
    /// Nil for all.
    public let fleet: Int?
    public let percent: Double
}

extension Experiment {
    /// All steps in the order of their times.
    public var deviceSteps: [DeviceStep] {
        actions.flatMap(steps).enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    /// Whom a step concerns among the devices of a shard, by their numbers.
    public func devices(of step: DeviceStep, in slice: Range<Int>) -> [(number: Int, fleet: Int)] {
        fleets.indices.filter { step.fleet ?? $0 == $0 }.flatMap { fleet in
            let first = firstDevice(of: fleet)
            let count = Int((Double(fleets[fleet].count) * step.percent / 100).rounded(.up))
            return (first..<first + count).clamped(to: slice).map { ($0, fleet) }
        }
    }

    private func steps(_ action: ActionPlan) -> [DeviceStep] {
        func step(_ what: DeviceStep.What, after: Interval = .zero) -> DeviceStep {
            DeviceStep(at: action.at + after, what: what, fleet: action.fleet, percent: action.percent)
        }
        func gradually(_ what: (Double) -> DeviceStep.What) -> [DeviceStep] {
            guard action.duration > .zero else { return [step(what(1))] }
            return (1...Limits.actionSteps).map {
                let share = Double($0) / Double(Limits.actionSteps)
                return step(what(share), after: Interval(seconds: action.duration.seconds * share))
            }
        }
        switch action.what {
        case .hashrate: return [step(.clock(factor: action.value))]
        case .ramp: return gradually { .clock(factor: 1 + (action.value - 1) * $0) }
        case .oscillate:
            guard action.duration > .zero else { return [] }
            let pause = action.duration.seconds / Double(Limits.oscillationSteps)
            let left = max(0, duration.seconds - action.at.seconds)
            return (0..<min(Limits.oscillationStepsMax, Int((left / pause).rounded(.up)))).map {
                let angle = 2 * Double.pi * Double($0) / Double(Limits.oscillationSteps)
                let share = (1 - cos(angle)) / 2
                return step(
                    .clock(factor: 1 + (action.value - 1) * share),
                    after: Interval(seconds: pause * Double($0)))
            }
        case .storm: return [step(.reset)]
        case .powerCut:
            return [step(.powerOff)]
                + (action.duration > .zero ? [step(.powerOn, after: action.duration)] : [])
        case .ambient: return gradually { .ambient(action.value, share: $0) }
        case .fault:
            guard let kind = DeviceFault.Kind(named: action.fault, value: action.value) else { return [] }
            return [
                step(.fault(DeviceFault(kind, duration: action.duration == .zero ? nil : action.duration)))
            ]
        case .partition, .latency, .kill, .drain, .block, .reorganisation: return []
        }
    }
}
