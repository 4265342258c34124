import Bitcoin
import Pool
import SansIO
import Stratum

/// The side of the devices: a server that this machine owns.
extension JobDeclarationClientMachine {
    /// Lets the devices' server do something and takes what came of it.
    mutating func withDevices(
        at now: Instant, into effects: inout Effects,
        _ body: (inout PoolMachine, inout EffectBuffer<PoolObservation>) -> Void
    ) {
        var inner = EffectBuffer<PoolObservation>()
        body(&devices, &inner)
        for index in 0..<inner.count {
            switch inner[index] {
            case .send(let id, let range):
                inner.withBytes(range) { raw in effects.send(on: id) { $0.write(raw) } }
            case .close(let id, let reason): effects.close(id, reason)
            case .pauseReads(let id, let isPaused): effects.emit(.pauseReads(id, isPaused))
            case .observe(let observation):
                note(observation, at: now)
                effects.observe(.devices(observation))
            case .dial, .store, .restart:
                // A server with an owner reaches for nobody, and what devices are owed is the pool's to keep.
                break
            }
        }
        let work = devices.takeOwnedWork()
        for job in work.jobs { issued(job, at: now, into: &effects) }
        for share in work.shares { found(share, at: now, into: &effects) }
        openChannel(at: now)
        if fleetChanged {
            fleetChanged = false
            scheduleUpdate(at: now)
        }
    }

    private mutating func note(_ observation: PoolObservation, at now: Instant) {
        switch observation {
        case .channelOpened, .channelClosed, .targetChanged: fleetChanged = true
        default: break
        }
    }

    /// A new job of the devices: they mine it already.
    private mutating func issued(_ job: OwnedJob, at now: Instant, into effects: inout Effects) {
        guard footing == .pool else { return }
        let isFuture = job.isFuture && job.id != devices.currentJobID
        let phase = isFuture ? CustomJob.Phase.future : firstPhase
        declarations.append(CustomJob(job: job, session: providerSession, phase: phase))
        while declarations.count > configuration.limits.declarations { drop(at: 0, into: &effects) }
        advance(at: now, into: &effects)
    }

    /// Where a job on the present tip begins its way.
    var firstPhase: CustomJob.Phase {
        configuration.mode == .fullTemplate ? .awaitingTransactions : .awaitingToken
    }

    /// A credited share, or a block.
    private mutating func found(_ share: RelayedShare, at now: Instant, into effects: inout Effects) {
        if let solution = share.solution { solve(solution, share, into: &effects) }
        guard footing == .pool,
            let index = declarations.lastIndex(where: { $0.job.id == share.jobID })
        else { return }
        if case .acknowledged(let id, let target) = declarations[index].phase {
            relay(share, as: id, target: target)
        } else if let target = upstream?.channel?.target, target.isMet(by: share.hash) {
            if declarations[index].shares.count < configuration.limits.cachedSharesPerJob {
                declarations[index].shares.append(share)
                totals.sharesCached += 1
            } else {
                totals.sharesLost += 1
            }
        }
    }

    /// Sends a share to the pool if it is worth anything there.
    mutating func relay(_ share: RelayedShare, as jobID: UInt32, target: Target) {
        guard var channel = upstream?.channel, target.isMet(by: share.hash) else { return }
        channel.sequence &+= 1
        upstream?.channel?.sequence = channel.sequence
        totals.sharesRelayed += 1
        pool.send(
            Mining.SubmitSharesExtended(
                channelID: channel.id, sequenceNumber: channel.sequence, jobID: jobID, nonce: share.nonce,
                nTime: share.nTime, version: share.version,
                extranonce: Array(share.extranonce.suffix(channel.extranonceSize))))
    }

    /// A block: to the node always, and to the server that holds the same transactions.
    private mutating func solve(
        _ solution: TemplateDistribution.SubmitSolution, _ share: RelayedShare, into effects: inout Effects
    ) {
        totals.solutions += 1
        if provider.isReady {
            provider.send(solution)
        } else if heldSolutions.count < configuration.limits.solutionsHeld {
            heldSolutions.append(solution)
        }
        var isPushed = false
        if let tip, configuration.mode == .fullTemplate, upstream?.lastDeclared == share.jobID {
            isPushed = server.isReady
            server.send(
                JobDeclaration.PushSolution(
                    extranonce: share.extranonce, prevHash: tip.prevHash, nonce: share.nonce,
                    nTime: share.nTime, nBits: tip.nBits, version: share.version))
        }
        effects.observe(.solutionSent(share.hash, isPushed: isPushed))
    }

    /// Devices work for the miner's own address from here on.
    mutating func goSolo(at now: Instant, into effects: inout Effects) {
        guard footing != .solo else { return }
        footing = .solo
        effects.observe(.soloStarted)
        let layout = devices.workLayout
        let terms = WorkTerms(
            rewards: RewardOutputs(configuration.devices.payout), layout: layout,
            isVersionRollingAllowed: configuration.devices.isVersionRollingAllowed)
        withDevices(at: now, into: &effects) {
            $0.setTerms(terms, keepsJobs: false, at: now, into: &$1)
        }
        emptyShelf(at: now, into: &effects)
    }

    /// The layout before any pool gave one: of the sizes that pools usually give, so that a pool that comes later can
    /// take the devices over without their coming anew.
    static func soloLayout(_ configuration: JobDeclarationClientConfiguration) -> ExtranonceLayout {
        ExtranonceLayout(
            fixed: [UInt8](repeating: 0, count: max(1, 16 - configuration.rollableExtranonceSize)),
            indexSize: 4, rollableSize: configuration.rollableExtranonceSize)
    }
}
