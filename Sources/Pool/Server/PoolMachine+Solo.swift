import Bitcoin
import Ledger
import SansIO
import Stratum

/// Channels whose blocks pay their own miner. A job is stored once; for each distinct reward it holds one coinbase
/// more, which differs in its outputs only.
extension PoolMachine {
    /// The number of the reward that an identity asks for; nil when there are too many different ones.
    mutating func retainReward(of identity: String) -> Int? {
        guard configuration.work == .templateProvider,
            let identity = MinerIdentity(identity, network: configuration.network),
            identity.isSolo(under: configuration.payoutScheme),
            case .miner(let script, let percent, _) = identity.reward
        else { return 0 }
        let reward = SoloReward(miner: script, poolPercent: percent)
        switch solo.retain(reward, limit: configuration.limits.soloRewards) {
        case .known(let number): return number
        case .full: return nil
        case .new(let number):
            let present = terms
            let settings = configuration
            let salt = jobSalt
            store.changeJobs { job in
                guard let template = job.template else { return }
                let outputs = reward.outputs(of: template.coinbaseTxValueRemaining, pool: present.rewards)
                // A job stands, so its template makes a coinbase; more outputs than fit leave it to the pool.
                job.solo[number] = try? PoolMachine.coinbase(
                    of: template, rewards: outputs, number: job.id &+ salt, terms: present,
                    configuration: settings)
            }
            return number
        }
    }

    /// Room for the pool's outputs and one of a solo miner: 51 bytes hold any output to an address, and none costs
    /// more than one signature operation.
    var outputConstraints: TemplateDistribution.CoinbaseOutputConstraints {
        var constraints = terms.rewards.constraints
        guard configuration.work == .templateProvider else { return constraints }
        constraints.coinbaseOutputMaxAdditionalSize += 51
        constraints.coinbaseOutputMaxAdditionalSigops += 4
        return constraints
    }

    static func coinbase(
        of template: TemplateDistribution.NewTemplate, rewards: RewardOutputs, number: UInt32,
        terms: WorkTerms, configuration: PoolConfiguration
    ) throws(Coinbase.Failure) -> Coinbase {
        try Coinbase(
            template: template, rewards: rewards, tag: configuration.tag, number: number,
            extranonceSize: terms.layout.fullSize, scriptSigLimit: configuration.limits.scriptSigBytes)
    }

    /// A job for a connection with solo miners: one frame if all its channels have the same reward, else one for each
    /// channel.
    mutating func sendSolo(
        _ job: Job, minNTime: UInt32?, on place: Int, into effects: inout EffectBuffer<PoolObservation>
    ) {
        let id = connections[place]!.id
        let members = connections[place]!.members
        let first = channels[members[0].index]!.reward
        if members.allSatisfy({ channels[$0.index]!.reward == first }) {
            let frame = job.frame(reward: first, minNTime: minNTime)
            effects.send(on: id) { connections[place]!.link.send(encodedFrame: frame, into: &$0) }
            return
        }
        effects.send(on: id) { writer in
            for member in members {
                switch channels[member.index]!.kind {
                case .extended:
                    let frame = job.frame(reward: channels[member.index]!.reward, minNTime: minNTime)
                    connections[place]!.link.send(
                        encodedFrame: Job.addressed(frame, to: member.id), into: &writer)
                case .standard:
                    let message = Mining.NewMiningJob(
                        channelID: member.id, jobID: job.id, minNTime: minNTime, version: job.version,
                        merkleRoot: channels[member.index]!.merkleRoot(of: job))
                    connections[place]!.link.send(message, into: &writer)
                }
            }
        }
    }
}
