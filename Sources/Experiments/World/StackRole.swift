import Bitcoin
import Chain
import Pool
import SansIO
import Translator
import Vardiff

/// The servers of an experiment, as both worlds start them.
public enum StackRole: String, Sendable, CaseIterable {
    case node, pool, jds, jdc, translator
}

extension Experiment {
    /// Those that somebody needs, in the order in which they are started.
    public var roles: [StackRole] {
        var roles: [StackRole] = [.node, .pool]
        let actions = Set(actions.map(\.role))
        if fleets.contains(where: { $0.via == .jdc }) || actions.contains("jdc") { roles += [.jds, .jdc] }
        if fleets.contains(where: { $0.via == .translator }) { roles.append(.translator) }
        return roles
    }
}

extension NetworkPlan {
    /// The chain's rules.
    ///
    /// - Parameter fleetHashRate: of all devices, scaled, in hashes a second; sets labnet's difficulty where the fleet
    ///   finds the blocks.
    /// - Parameter duration: of the run.
    public func parameters(fleetHashRate: Double, over duration: Interval) -> NetworkParameters {
        switch chain {
        case .regtest: return .regtest
        case .labnet:
            // Blocks by the clock: the node finds one with hardly a hash, and the fleet none in an experiment's time.
            let hashes: Double =
                switch blockSource {
                case .fleet: fleetHashRate * blockInterval.seconds
                case .clock, .chance:
                    min(
                        max(
                            fleetHashRate * duration.seconds * Limits.clockBlockShare,
                            Limits.clockBlockHashes.lowerBound), Limits.clockBlockHashes.upperBound)
                }
            return .labnet(target: Target(UInt256(clamping: 0x1p256 / max(2, hashes))))
        }
    }
}

extension StackPlan {
    /// What a server of devices takes from the plan.
    public func settle(_ configuration: inout PoolConfiguration) {
        configuration.sharesPerMinute = sharesPerMinute
        configuration.isVardiffEnabled = isVardiffEnabled
        configuration.vardiff = VardiffAlgorithm(rawValue: vardiff) ?? .lab
        configuration.jobRefresh = jobInterval
        configuration.shareBatchSize = shareBatch
        configuration.shareBatchAge = shareBatchAge
    }

    public func settle(_ configuration: inout TranslatorConfiguration) {
        configuration.userIdentity = "translator"
        configuration.aggregatesChannels = aggregation > 1
        configuration.sharesPerMinute = sharesPerMinute
        configuration.vardiff = VardiffAlgorithm(rawValue: vardiff) ?? .lab
        configuration.nominalHashRate = Limits.translatedHashRate
    }
}
