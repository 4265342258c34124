import Bitcoin
import JSONText
import SansIO
import Stratum

/// Who a miner is: subscription, version bits, names, and what of it outlives the connection.
extension TranslatorMachine {
    /// The answer is the first line that a subscribing miner gets: cpuminer gives up on anything else.
    mutating func subscribed(
        _ subscribe: V1.Subscribe, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        if let wanted = subscribe.sessionID { resume(wanted, on: place, at: now, into: &effects) }
        let isFirst = !miners[place]!.isSubscribed
        miners[place]!.isSubscribed = true
        miners[place]!.userAgent = subscribe.userAgent
        let session = miners[place]!.session
        let result = V1.SubscribeResult(
            sessionID: session.id, extranonce1: session.extranonce1,
            extranonce2Size: configuration.extranonce2Size)
        reply(.ok(id, result.json), on: place, into: &effects)
        if isFirst { giveCurrent(to: place, at: now, into: &effects) }
    }

    /// Puts a resting session in the place of the fresh one, as long as that one has done nothing.
    private mutating func resume(
        _ wanted: String, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard !miners[place]!.isSubscribed, let session = resting.take(wanted, at: now) else { return }
        let fresh = miners[place]!.session
        extranonces.release(fresh.extranonce1)
        miners[place]!.session = session
        // The connection is a new one: it was told nothing yet, and what it configured itself holds.
        miners[place]!.session.announcedDifficulty = nil
        miners[place]!.session.wishedMask = fresh.wishedMask
        miners[place]!.session.versionMask = fresh.versionMask
        if miners[place]!.isAuthorized { startControl(of: place, at: now) }
        if let slot = miners[place]!.slot { join(place, slot) }
        effects.observe(.sessionResumed(miners[place]!.id, session: session.id))
    }

    /// Keeps the session of a miner that left, if it had got as far as to work.
    mutating func rest(_ miner: V1Miner, at now: Instant) {
        let limits = configuration.limits
        guard miner.isSubscribed, !miner.workers.isEmpty else {
            extranonces.release(miner.session.extranonce1)
            return
        }
        let over = resting.add(
            miner.session, until: now + limits.sessionRest, at: now, limit: limits.restingSessions)
        for session in over { extranonces.release(session.extranonce1) }
    }

    /// The bits that the miner wants and BIP323 allows.
    mutating func grant(_ configure: V1.Configure, to place: Int) -> V1.ConfigureResult {
        var result = V1.ConfigureResult(versionMask: nil, subscribeExtranonce: true)
        if let least = configure.minimumDifficulty, least > 0, least.isFinite {
            miners[place]!.settings.minimumDifficulty = least
            result.minimumDifficulty = true
        }
        guard let wish = configure.versionRolling else { return result }
        let mask = wish.mask & VersionRolling.bip323Mask
        guard mask != 0, mask.nonzeroBitCount >= wish.minBitCount else { return result }
        miners[place]!.session.wishedMask = mask
        guard !upstream.isVersionFixed else { return result }
        miners[place]!.session.versionMask = mask
        result.versionMask = mask
        return result
    }

    /// Pools differ in whether versions may be rolled; BIP310 has a notice for that.
    mutating func adjustMask(of place: Int, into effects: inout EffectBuffer<TranslatorObservation>) {
        let session = miners[place]!.session
        let mask = upstream.isVersionFixed ? 0 : session.wishedMask
        guard session.wishedMask != 0, mask != session.versionMask else { return }
        miners[place]!.session.versionMask = mask
        tell(V1.Notification.setVersionMask(mask), to: place, into: &effects)
    }

    mutating func authorized(
        _ authorize: V1.Authorize, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard miners[place]!.workers.count < configuration.limits.workersPerConnection else {
            reply(.refused(id, .unauthorized), on: place, into: &effects)
            countOddity(on: place, at: now, into: &effects)
            return
        }
        if !miners[place]!.workers.contains(authorize.user) { miners[place]!.workers.append(authorize.user) }
        reply(.ok(id), on: place, into: &effects)
        // Further workers of one connection mine on the first one's channel.
        guard case .arriving = miners[place]!.phase else { return }
        let minimum = miners[place]!.settings.minimumDifficulty
        miners[place]!.settings = WorkerSettings(password: authorize.password)
        if miners[place]!.settings.minimumDifficulty == nil {
            miners[place]!.settings.minimumDifficulty = minimum
        }
        miners[place]!.phase = .waiting
        timers.stop(.miner(miners[place]!.id))
        startControl(of: place, at: now)
        effects.observe(
            .minerAuthorized(
                miners[place]!.id, worker: authorize.user, userAgent: miners[place]!.userAgent))
        openChannel(for: place, at: now, into: &effects)
    }
}

extension V1.Notification {
    /// `mining.set_version_mask` (BIP310).
    fileprivate static func setVersionMask(_ mask: UInt32) -> V1.Notification {
        let digits = String(mask, radix: 16)
        let text = String(repeating: "0", count: 8 - digits.utf8.count) + digits
        return V1.Notification(method: "mining.set_version_mask", params: [.string(text)])
    }
}
