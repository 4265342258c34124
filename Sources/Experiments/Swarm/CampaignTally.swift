import Bitcoin
import Chain
import Firmware
import JobDeclaration
import Pool
import SansIO
import Simulation
import Translator

/// What the machines said, summed up as far as the promises need it.
public final class CampaignTally {
    /// Broken promises, in the order in which they were noticed.
    var faults: [String] = []
    /// Shares that somebody was told are good, by the identity that the pool knows.
    var acknowledged: [String: UInt64] = [:]
    /// Shares that the pool found good, by identity.
    public internal(set) var accepted: [String: UInt64] = [:]
    var hashes: Set<Hash256> = []
    /// The identity of each channel, of the pool's present life.
    var identities: [ChannelKey: String] = [:]
    var phases: [CampaignRole: MinerPhase] = [:]
    /// When a device's share was last acknowledged.
    var lastAcknowledged: [CampaignRole: Instant] = [:]
    var blocks = 0
    var reorganisations = 0
    var declared = 0
    /// What devices, client and translator said, when it is asked for; the last of it.
    public internal(set) var trace: [String] = []
    public var isTracing = false

    func note(_ role: CampaignRole, _ observation: Any, _ now: Instant) {
        if isTracing { trace.append("\((now - .start).seconds) \(role) \(observation)") }
    }
}

extension Campaign {
    func observeNode(_ role: CampaignRole) -> (NodeObservation, Instant) -> Void {
        { [tally] observation, now in
            switch observation {
            case .blockConnected: if role == .poolNode { tally.blocks += 1 }
            case .blockDisconnected: tally.reorganisations += 1
            case .blockRejected(let hash, let reason, let source):
                tally.faults.append(
                    "\((now - .start).seconds) s \(role) refused block \(hash.displayHex) of \(source): \(reason)"
                )
            case .solutionReceived(_, _, let hash, let verdict):
                if !Self.isNoFault(verdict) {
                    tally.faults.append(
                        "\((now - .start).seconds) s \(role): solution \(hash.displayHex): \(verdict)")
                }
            default: break
            }
        }
    }

    /// A block that another one beat to its place is a block all the same, and one whose template died with its node,
    /// or came when its tip was long over, cannot be put together any more.
    private static func isNoFault(_ verdict: String) -> Bool {
        [
            "accepted", "inconclusive", "duplicate", "duplicate-inconclusive", "unknown or stale template",
        ].contains(verdict)
    }

    func observePool() -> (PoolObservation, Instant) -> Void {
        { [tally, weak self] observation, now in
            switch observation {
            case .channelOpened(let key, let identity, _, _, _): tally.identities[key] = identity
            case .shareAccepted(let key, _, let hash):
                tally.accepted[tally.identities[key] ?? "?", default: 0] += 1
                if !tally.hashes.insert(hash).inserted {
                    tally.faults.append(
                        "\((now - .start).seconds) s the pool took share \(hash.displayHex) twice")
                }
            case .customBlockFound(let solution):
                guard let self else { return }
                let server = self.id(.server)
                self.world.schedule(at: now) { world in
                    guard world.isUp(server) else { return }
                    world.send(
                        .solution(solution), to: server, as: JobDeclarationServerMachine.self)
                }
            default: break
            }
        }
    }

    func observeServer() -> (JobDeclarationServerObservation, Instant) -> Void {
        { [tally] observation, now in
            switch observation {
            case .jobDeclared: tally.declared += 1
            case .blockJudged(let hash, .some(let refusal)):
                if !Self.isNoFault(refusal), !refusal.contains("node") {
                    tally.faults.append(
                        "\((now - .start).seconds) s declared block \(hash.displayHex): \(refusal)")
                }
            default: break
            }
        }
    }

    func observeClient() -> (JobDeclarationClientObservation, Instant) -> Void {
        { [tally] observation, now in
            tally.note(.client, observation, now)
            if case .sharesCredited(let count) = observation {
                tally.acknowledged["declared.client", default: 0] += UInt64(count)
            }
        }
    }

    func observeTranslator() -> (TranslatorObservation, Instant) -> Void {
        { [tally, plan] observation, now in
            tally.note(.translator, observation, now)
            // What the client credits it tells the pool under its own name.
            if !plan.translatorIsDeclared, case .sharesCredited(_, let count) = observation {
                tally.acknowledged["translated", default: 0] += UInt64(count)
            }
        }
    }

    func observeRig(_ role: CampaignRole) -> (MinerObservation, Instant) -> Void {
        { [tally] observation, now in
            tally.note(role, observation, now)
            switch observation {
            case .phaseChanged(let phase): tally.phases[role] = phase
            case .sharesAccepted(let count, _):
                tally.lastAcknowledged[role] = now
                if role.target == Address.pool {
                    tally.acknowledged["\(role).w", default: 0] += UInt64(count)
                }
            default: break
            }
        }
    }
}
