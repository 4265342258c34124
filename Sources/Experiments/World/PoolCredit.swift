import Bitcoin
import Measurement
import Pool

/// Tells by a pool's own observations which fleet's work it credited.
public struct PoolCredit: Sendable {
    /// The fleet whose devices' work a pool's channel is.
    private var fleets: [ChannelKey: Int] = [:]
    private let names: [String: Int]

    public init(_ experiment: Experiment) {
        var names: [String: Int] = [:]
        for (index, fleet) in experiment.fleets.enumerated() { names[fleet.name] = index }
        // A translator's channels are its own; its fleet is the first behind it.
        names["translator"] = experiment.fleets.firstIndex { $0.via == .translator }
        names["jdc"] = experiment.fleets.firstIndex { $0.via == .jdc }
        self.names = names
    }

    public mutating func hear(_ observation: PoolObservation, into observer: inout FleetObserver) {
        switch observation {
        case .channelOpened(let key, let identity, _, _, _):
            fleets[key] = names[String(identity.prefix { $0 != "." })]
        case .channelClosed(let key, _): fleets[key] = nil
        case .shareAccepted(let key, let difficulty, _):
            guard let fleet = fleets[key] else { return }
            observer.credited(hashes: difficulty * Target.difficultyOne.expectedHashes, fleet: fleet)
        case .blockFound(let key, _, _, _): observer.blockFound(fleet: fleets[key] ?? 0)
        default: break
        }
    }
}
