import Bitcoin
import SansIO
import Stratum
import Vardiff

/// Where a server's templates come from.
public enum WorkSource: Sendable, Hashable {
    /// The machine's own connection to a template provider.
    case templateProvider
    /// The machine's owner, a machine around it: a job declaration client brings templates and terms, takes shares
    /// and blocks from ``OwnedWork``, and lets this machine serve the devices.
    case owner
}

/// What jobs are made by besides their template.
public struct WorkTerms: Sendable, Hashable {
    public var rewards: RewardOutputs
    public var layout: ExtranonceLayout
    public var isVersionRollingAllowed: Bool
    /// No channel gets a harder target: a share that the upstream pool pays for must not be lost to a device's
    /// own target. Nil where nobody is upstream.
    public var hardestTarget: Target?

    public init(
        rewards: RewardOutputs, layout: ExtranonceLayout, isVersionRollingAllowed: Bool = true,
        hardestTarget: Target? = nil
    ) {
        self.rewards = rewards
        self.layout = layout
        self.isVersionRollingAllowed = isVersionRollingAllowed
        self.hardestTarget = hardestTarget
    }
}

/// A job as its owner must know it to declare it.
public struct OwnedJob: Sendable, Equatable {
    /// The server's own id, in shares of its channels.
    public var id: UInt32
    public var template: TemplateDistribution.NewTemplate
    /// True: it waits for its tip.
    public var isFuture: Bool
    /// The coinbase around the whole extranonce, with the bytes of BIP141.
    public var declaredPrefix: [UInt8]
    public var declaredSuffix: [UInt8]
    /// The scriptSig before the extranonce.
    public var scriptPrefix: [UInt8]
    /// All outputs with their count.
    public var outputs: [UInt8]
}

/// A share that a channel was credited for, or one that is a block.
public struct RelayedShare: Sendable, Equatable {
    public var channel: ChannelKey
    public var jobID: UInt32
    /// Prefix and rolled bytes.
    public var extranonce: [UInt8]
    public var nonce: UInt32
    public var nTime: UInt32
    public var version: UInt32
    public var hash: Hash256
    /// False for a block that misses its channel's target.
    public var isCredited: Bool
    /// Set for a block, unless enough were found on this tip.
    public var solution: TemplateDistribution.SubmitSolution?
}

/// What a server whose work comes from an owner has for it. The owner empties it after each call.
public struct OwnedWork: Sendable {
    public internal(set) var jobs: [OwnedJob] = []
    public internal(set) var shares: [RelayedShare] = []
}

extension OwnedWork {
    mutating func add(_ job: Job, of template: TemplateDistribution.NewTemplate) {
        jobs.append(
            OwnedJob(
                id: job.id, template: template, isFuture: job.activation == 0,
                declaredPrefix: job.coinbase.declaredPrefix, declaredSuffix: job.coinbase.declaredSuffix,
                scriptPrefix: job.coinbase.scriptPrefix, outputs: job.coinbase.outputs))
    }
}

/// For an owner: see ``WorkSource/owner``.
extension PoolMachine {
    public typealias OwnerEffects = EffectBuffer<PoolObservation>

    /// Takes a template as if a provider had sent it.
    public mutating func take(
        _ template: TemplateDistribution.NewTemplate, at now: Instant, into effects: inout OwnerEffects
    ) { templateArrived(template, at: now, into: &effects) }

    /// Takes a tip as if a provider had sent it.
    public mutating func take(
        _ tip: TemplateDistribution.SetNewPrevHash, at now: Instant, into effects: inout OwnerEffects
    ) { tipArrived(tip, at: now, into: &effects) }

    /// The provider's session ended: it will not name its future templates again.
    public mutating func forgetFutureTemplates() { store.dropFutures() }

    /// What was issued and found since the last call.
    public mutating func takeOwnedWork() -> OwnedWork {
        defer { owned = OwnedWork() }
        return owned
    }

    /// The job that channels are mining, and nil before there is one.
    public var currentJobID: UInt32? { store.currentID }

    /// Channels, those that wait for work among them, and the hashes per second on which their targets rest. Costs
    /// time in proportion to the channels.
    public var fleet: (channels: Int, hashRate: Double) {
        var result = (
            channels: channelCount, hashRate: channels.reduce(0) { $0 + ($1?.vardiff.hashRate ?? 0) }
        )
        for connection in connections {
            for request in connection?.heldOpens ?? [] {
                result.channels += 1
                result.hashRate += max(request.nominalHashRate, configuration.minimumHashRate)
            }
        }
        return result
    }

    /// How extranonces are divided now.
    public var workLayout: ExtranonceLayout { terms.layout }

    /// Targets follow a limit that changed.
    public mutating func setHardestTarget(_ target: Target?, into effects: inout OwnerEffects) {
        guard target != terms.hardestTarget else { return }
        terms.hardestTarget = target
        retargetAll(into: &effects)
    }

    /// Other terms from the next job on, which follows at once. With `keepsJobs` shares on older jobs still count;
    /// without, every job ends, because nobody would take its shares any more.
    public mutating func setTerms(
        _ new: WorkTerms, keepsJobs: Bool, at now: Instant, into effects: inout OwnerEffects
    ) {
        let old = terms.layout
        terms = new
        if old.prefixSize != new.layout.prefixSize { closeExtended(into: &effects) }
        if old != new.layout { renumber(into: &effects) }
        retargetAll(into: &effects)
        if keepsJobs {
            refreshJob(at: now, into: &effects)
        } else {
            restartJobs(at: now, into: &effects)
        }
    }

    /// A prefix of another length cannot be told to a channel whose extranonce size stands: devices come again.
    private mutating func closeExtended(into effects: inout OwnerEffects) {
        for place in connections.indices {
            guard let traits = connections[place]?.traits, !traits.requiresStandardJobs,
                !connections[place]!.members.isEmpty
            else { continue }
            close(place, .closed("the upstream pool's extranonces have another size"), into: &effects)
        }
    }

    /// New prefixes under the new layout; only headers' miners need not be told.
    private mutating func renumber(into effects: inout OwnerEffects) {
        let layout = terms.layout
        prefixes = ExtranonceAllocator(fixed: layout.fixed, indexSize: layout.indexSize)
        let from = store.nextID
        for place in connections.indices {
            guard let traits = connections[place]?.traits else { continue }
            for member in connections[place]!.members {
                guard let prefix = prefixes.allocate() else { continue }
                let isStandard = channels[member.index]!.kind == .standard
                let padding = [UInt8](repeating: 0, count: isStandard ? layout.rollableSize : 0)
                channels[member.index]!.setExtranoncePrefix(prefix + padding, from: from)
                guard !traits.requiresStandardJobs else { continue }
                connections[place]!.link.send(
                    Mining.SetExtranoncePrefix(channelID: member.id, extranoncePrefix: prefix + padding),
                    into: &out)
            }
            if let id = connections[place]?.id { flush(id, into: &effects) }
        }
    }

    mutating func retargetAll(into effects: inout OwnerEffects) {
        for index in channels.indices {
            guard let channel = channels[index] else { continue }
            retarget(index, on: channel.connectionIndex, into: &effects)
            flush(channel.key.connection, into: &effects)
        }
    }

    /// Makes jobs of the templates at hand under the present terms and forgets those that were.
    private mutating func restartJobs(at now: Instant, into effects: inout OwnerEffects) {
        let futures = store.takeFutureTemplates()
        if let tip = store.tip, var template = store.restart() {
            template.futureTemplate = true
            take(template, at: now, into: &effects)
            take(
                TemplateDistribution.SetNewPrevHash(
                    templateID: template.templateID, prevHash: tip.prevHash, headerTimestamp: tip.minNTime,
                    nBits: tip.bits, target: tip.target), at: now, into: &effects)
        }
        for template in futures { take(template, at: now, into: &effects) }
    }
}
