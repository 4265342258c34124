import Bitcoin
import JSONText
import Pool
import SansIO
import Stratum

/// Shares: judged by the pool's own rules, then sent up or counted here.
extension TranslatorMachine {
    private enum Verdict {
        case bad(ShareFault)
        case good(ActiveJob, version: UInt32, extranonce: [UInt8], hash: Hash256, own: Target)
    }

    mutating func submit(
        _ share: V1.Submit, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch judge(share, of: place, at: now) {
        case .bad(let fault): refuse(fault, id: id, on: place, at: now, into: &effects)
        case .good(let job, let version, let extranonce, let hash, let own):
            let miner = miners[place]!.id
            reply(.ok(id), on: place, into: &effects)
            miners[place]!.oddities = 0
            miners[place]!.sharesAccepted += 1
            let name = miners[place]!.shareName(share.worker)
            if isWorthSending(hash, job) {
                forward(
                    share, job, version: version, extranonce: extranonce, name: name, of: place, at: now,
                    into: &effects)
                effects.observe(
                    .shareForwarded(miner, worker: name, difficulty: job.difficulty, hash: hash))
            } else {
                totals.sharesCountedHere += 1
                effects.observe(.shareCountedHere(miner, worker: name, difficulty: own.difficulty))
            }
            countForControl(own, of: place, at: now, into: &effects)
        }
    }

    /// A block is worth sending even where the pool's target for shares is harder.
    private func isWorthSending(_ hash: Hash256, _ job: ActiveJob) -> Bool {
        job.target.isMet(by: hash) || job.blockTarget?.isMet(by: hash) == true
    }

    private mutating func judge(_ share: V1.Submit, of place: Int, at now: Instant) -> Verdict {
        // No copy of the miner is held: one would have to be made of its seen shares.
        guard miners[place]!.isSubscribed else { return .bad(.notSubscribed) }
        guard miners[place]!.isAuthorized else { return .bad(.notAuthorized) }
        guard upstream.isReady, let slot = miners[place]!.slot, let channel = upstream.channels[slot] else {
            return .bad(.noPool)
        }
        guard let name = JobName(share.jobID) else { return .bad(.rejected(.unknownJob)) }
        guard let issued = miners[place]!.session.issued(name), let job = channel.job(name.serial) else {
            return .bad(.rejected(channel.wasActive(name.serial) ? .stale : .unknownJob))
        }
        guard share.extranonce2.count == configuration.extranonce2Size else {
            return .bad(.rejected(.badExtranonceSize))
        }
        let earliest = max(clock.unixSeconds(at: now), job.tip.nTime(at: now))
        let (latest, overflow) = earliest.addingReportingOverflow(configuration.limits.nTimeAhead)
        guard share.nTime >= job.tip.minNTime, share.nTime <= (overflow ? .max : latest) else {
            return .bad(.rejected(.timeOutOfRange))
        }
        let rolled = miners[place]!.session.extranonce1 + share.extranonce2
        let extranonce = rolled + [UInt8](repeating: 0, count: channel.rollableSize - rolled.count)
        let versions: [UInt32]
        do throws(VersionFault) {
            versions = try self.versions(share, job.job, miners[place]!.session.versionMask)
        } catch { return .bad(.rejected(error.rejection)) }
        for version in versions {
            let hash = job.hash(
                version: version, extranonce: extranonce, nTime: share.nTime, nonce: share.nonce)
            guard issued.target.isMet(by: hash) || isWorthSending(hash, job) else { continue }
            let limit = configuration.limits.seenSharesPerMiner
            guard miners[place]!.session.seen.insert(hash, limit: limit) != .duplicate else {
                return .bad(.rejected(.duplicate))
            }
            return .good(job, version: version, extranonce: extranonce, hash: hash, own: issued.target)
        }
        return .bad(.rejected(.difficultyTooLow))
    }

    private struct VersionFault: Error { let rejection: ShareRejection }

    /// The header versions that a share may mean. BIP310 says that the bits replace those of the job; ESP-Miner
    /// sends what it changed, which is another thing where the job has bits of the mask set.
    private func versions(
        _ share: V1.Submit, _ job: UpstreamJob, _ mask: UInt32
    ) throws(VersionFault) -> [UInt32] {
        guard let bits = share.versionBits else { return [job.version] }
        guard bits & ~mask == 0 else {
            // Some firmware sends the whole version.
            guard bits & ~mask == job.version & ~mask, job.isVersionRollingAllowed else {
                throw VersionFault(rejection: .nonRollableVersionBit)
            }
            return [bits]
        }
        guard job.isVersionRollingAllowed else {
            guard bits == job.version & mask || bits == 0 else {
                throw VersionFault(rejection: .versionRollingNotAllowed)
            }
            return [job.version]
        }
        let replaced = VersionRolling.version(job: job.version, bits: bits, mask: mask)
        return job.version & mask == 0 ? [replaced] : [replaced, job.version ^ bits]
    }

    private mutating func forward(
        _ share: V1.Submit, _ job: ActiveJob, version: UInt32, extranonce: [UInt8], name: String,
        of place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let slot = miners[place]!.slot else { return }
        let miner = miners[place]!.id
        let sequence = upstream.channels[slot]!.forward(miner)
        sendToPool(
            Mining.SubmitSharesExtended(
                channelID: upstream.channels[slot]!.id, sequenceNumber: sequence, jobID: job.job.id,
                nonce: share.nonce, nTime: share.nTime, version: version, extranonce: extranonce,
                tlvs: upstream.namesWorkers ? [.userIdentity(name)] : []))
        totals.sharesForwarded += 1
        if !upstream.awaitsAnswer {
            upstream.awaitsAnswer = true
            timers.set(.silence, now + configuration.limits.silenceDeadline)
        }
        if upstream.channels[slot]!.unacknowledged > configuration.limits.unacknowledgedShares {
            leaveUpstream(
                "the pool left \(configuration.limits.unacknowledgedShares) shares unanswered",
                at: now, into: &effects)
        }
    }

    private mutating func refuse(
        _ fault: ShareFault, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        totals.sharesRefused += 1
        miners[place]!.sharesRefused += 1
        reply(.refused(id, fault.refusal), on: place, into: &effects)
        effects.observe(.shareRefused(miners[place]!.id, fault))
        countOddity(on: place, at: now, into: &effects)
    }
}
