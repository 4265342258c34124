import Bitcoin
import JSONText
import SansIO
import Stratum

/// The V1 side: lines in, answers and jobs out.
extension TranslatorMachine {
    mutating func accept(
        _ id: ConnectionID, from address: String, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard places.count < configuration.limits.miners else {
            effects.close(id, .closed("limit of \(configuration.limits.miners) miners reached"))
            return
        }
        let number = takeNumber()
        let size = configuration.extranonce1Size
        let miner = V1Miner(
            id: id, number: number,
            extranonce1: (0..<size).map {
                let shift = 8 * (size - 1 - $0)
                return shift < 32 ? UInt8(truncatingIfNeeded: number >> UInt32(shift)) : 0
            },
            lines: V1LineDecoder(lineMax: V1Limits.lineFromClientMax))
        if let place = freePlaces.popLast() {
            miners[place] = miner
            places[id] = place
        } else {
            places[id] = miners.count
            miners.append(miner)
        }
        timers.set(.miner(id), now + configuration.limits.authorizeDeadline)
        effects.observe(.minerConnected(id, from: address))
    }

    /// Unique among living miners as long as extranonce1 is wide enough; each has its own channel besides.
    private mutating func takeNumber() -> UInt32 {
        let size = UInt32(configuration.extranonce1Size)
        let mask: UInt32 = size >= 4 ? .max : (1 << (8 * size)) - 1
        let number = nextNumber & mask == 0 ? 1 : nextNumber & mask
        nextNumber = number &+ 1
        return number
    }

    mutating func receive(
        _ bytes: RawSpan, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let id = miners[place]?.id, !miners[place]!.isClosing else { return }
        miners[place]!.lines.receive(bytes)
        while places[id] != nil, !miners[place]!.isClosing {
            do throws(V1Error) {
                guard let message = try miners[place]!.lines.nextMessage() else { return }
                handle(message, on: place, at: now, into: &effects)
            } catch {
                miners[place]!.malformedLines += 1
                if case .lineTooLong = error {
                    close(place, "\(error)", into: &effects)
                } else if miners[place]!.malformedLines > configuration.limits.malformedLines {
                    close(place, "too many malformed lines, last: \(error)", into: &effects)
                }
            }
        }
    }

    private mutating func handle(
        _ message: V1.Message, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch message {
        case .response: break
        case .notification(let notice):
            if let call = try? V1.ClientCall(notice) {
                answer(call, id: nil, on: place, at: now, into: &effects)
            }
        case .request(let request):
            do throws(V1Error) {
                let call = try V1.ClientCall(request)
                answer(call, id: request.id, on: place, at: now, into: &effects)
            } catch {
                reply(.refused(request.id, V1.Refusal(code: 20, text: "\(error)")), on: place, into: &effects)
                countOddity(on: place, into: &effects)
            }
        }
    }

    /// `id` is nil for a call that wants no answer.
    private mutating func answer(
        _ call: V1.ClientCall, id: JSON?, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch call {
        case .subscribe(let subscribe):
            miners[place]!.isSubscribed = true
            miners[place]!.userAgent = subscribe.userAgent
            let result = V1.SubscribeResult(
                sessionID: String(miners[place]!.number, radix: 16),
                extranonce1: miners[place]!.extranonce1, extranonce2Size: configuration.extranonce2Size)
            if let id { reply(.ok(id, result.json), on: place, into: &effects) }
            announceCurrent(to: place, at: now, into: &effects)
        case .authorize(let authorize):
            if let id { reply(.ok(id), on: place, into: &effects) }
            authorized(authorize, on: place, into: &effects)
        case .configure(let configure):
            let result = grant(configure, to: place)
            if let id { reply(.ok(id, result.json(answering: configure)), on: place, into: &effects) }
        case .submit(let share):
            submit(share, id: id ?? .null, on: place, at: now, into: &effects)
        case .extranonceSubscribe:
            // Granted and never needed: extranonce1 does not change.
            if let id { reply(.ok(id), on: place, into: &effects) }
        case .suggestDifficulty(let difficulty):
            suggested(V1Difficulty(difficulty).target, on: place)
            if let id { reply(.ok(id), on: place, into: &effects) }
        case .suggestTarget(let target):
            suggested(target, on: place)
            if let id { reply(.ok(id), on: place, into: &effects) }
        case .ping:
            if let id { reply(.ok(id, "pong"), on: place, into: &effects) }
        case .unknown(let method):
            let refusal = V1.Refusal(code: 20, text: "Unknown method \(method)")
            if let id { reply(.refused(id, refusal), on: place, into: &effects) }
            countOddity(on: place, into: &effects)
        }
    }

    /// The bits that the miner wants and BIP323 allows.
    private mutating func grant(_ configure: V1.Configure, to place: Int) -> V1.ConfigureResult {
        guard let wish = configure.versionRolling else { return V1.ConfigureResult(versionMask: nil) }
        let mask = upstream.isVersionFixed ? 0 : wish.mask & VersionRolling.bip323Mask
        guard mask != 0, mask.nonzeroBitCount >= wish.minBitCount else {
            return V1.ConfigureResult(versionMask: nil, subscribeExtranonce: true)
        }
        miners[place]!.versionMask = mask
        return V1.ConfigureResult(versionMask: mask, subscribeExtranonce: true)
    }

    private mutating func authorized(
        _ authorize: V1.Authorize, on place: Int,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        // Further workers of one connection mine on the first one's channel.
        guard case .arriving = miners[place]!.phase else { return }
        miners[place]!.worker = authorize.user
        miners[place]!.phase = .waiting
        timers.stop(.miner(miners[place]!.id))
        effects.observe(
            .minerAuthorized(
                miners[place]!.id, worker: authorize.user, userAgent: miners[place]!.userAgent))
        openChannel(for: place)
    }

    private mutating func suggested(_ target: Target, on place: Int) {
        let rate = StratumMath.hashRate(target: target, sharesPerMinute: configuration.sharesPerMinute)
        guard rate > 0, rate.isFinite else { return }
        miners[place]!.suggestedHashRate = rate
        updateChannel(of: place)
    }

    private mutating func submit(
        _ share: V1.Submit, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let miner = miners[place]!.id
        let (extranonce1, mask) = (miners[place]!.extranonce1, miners[place]!.versionMask)
        guard miners[place]!.isSubscribed, miners[place]!.isAuthorized else {
            let fault: ShareFault = miners[place]!.isSubscribed ? .notAuthorized : .notSubscribed
            refuse(fault, id: id, on: place, into: &effects)
            return
        }
        let limits = configuration.limits
        let size = configuration.extranonce2Size
        let clock = clock
        guard upstream.isReady else {
            refuse(.noPool, id: id, on: place, into: &effects)
            return
        }
        let verdict = miners[place]!.withChannel { channel in
            let earliest = max(clock.unixSeconds(at: now), channel.tip?.nTime(at: now) ?? 0)
            let (latest, overflow) = earliest.addingReportingOverflow(limits.nTimeAhead)
            return channel.judge(
                share, extranonce1: extranonce1, extranonce2Size: size, mask: mask,
                nTimeMax: overflow ? .max : latest, seenLimit: limits.seenSharesPerMiner)
        }
        switch verdict {
        case nil: refuse(.noPool, id: id, on: place, into: &effects)
        case .bad(let reason)?: refuse(.rejected(reason), id: id, on: place, into: &effects)
        case .good(let message, let hash, let difficulty)?:
            sendToPool(message)
            totals.sharesForwarded += 1
            reply(.ok(id), on: place, into: &effects)
            effects.observe(.shareForwarded(miner, difficulty: difficulty, hash: hash))
        }
    }

    private mutating func refuse(
        _ fault: ShareFault, id: JSON, on place: Int,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        totals.sharesRefused += 1
        reply(.refused(id, fault.refusal), on: place, into: &effects)
        effects.observe(.shareRefused(miners[place]!.id, fault))
        countOddity(on: place, into: &effects)
    }

    mutating func reply(
        _ response: V1.Response, on place: Int, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        effects.send(on: miners[place]!.id) { response.encode(into: &$0) }
    }

    private mutating func countOddity(
        on place: Int, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        miners[place]!.oddities += 1
        if miners[place]!.oddities > configuration.limits.toleratedOddities {
            close(place, "too many refused calls", into: &effects)
        }
    }

    mutating func close(
        _ place: Int, _ text: String, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard miners[place]?.isClosing == false else { return }
        closeChannel(of: place)
        miners[place]!.phase = .closing
        timers.stop(.miner(miners[place]!.id))
        effects.close(miners[place]!.id, .closed(text))
    }

    mutating func forget(
        _ place: Int, reason: CloseReason, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let id = miners[place]?.id else { return }
        closeChannel(of: place)
        timers.stop(.miner(id))
        places[id] = nil
        miners[place] = nil
        freePlaces.append(place)
        effects.observe(.minerDisconnected(id, reason: reason))
    }
}
