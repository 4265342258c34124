import Bitcoin
import JSONText
import SansIO
import Stratum

/// The V1 side: connections and lines.
extension TranslatorMachine {
    mutating func accept(
        _ id: ConnectionID, from address: String, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let limits = configuration.limits
        let limit = configuration.aggregatesChannels ? limits.minersAggregated : limits.miners
        guard places.count < limit else {
            effects.close(id, .closed("limit of \(limit) miners reached"))
            return
        }
        guard let extranonce1 = extranonces.allocate() else {
            effects.close(
                id, .closed("every extranonce1 of \(configuration.extranonce1Size) bytes is in use"))
            return
        }
        lastNumber &+= 1
        let miner = V1Miner(
            id: id, number: lastNumber, address: address,
            lines: V1LineDecoder(lineMax: V1Limits.lineFromClientMax),
            session: MinerSession(id: secrets.bytes(8).hex, extranonce1: extranonce1))
        if let place = freePlaces.popLast() {
            miners[place] = miner
            places[id] = place
        } else {
            places[id] = miners.count
            miners.append(miner)
        }
        timers.set(.miner(id), now + limits.authorizeDeadline)
        effects.observe(.minerConnected(id, from: address))
        wakeUpstream(at: now)
    }

    mutating func receive(
        _ bytes: RawSpan, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let id = miners[place]?.id, miners[place]!.phase != .closing else { return }
        miners[place]!.lines.receive(bytes)
        while places[id] != nil, miners[place]!.phase != .closing {
            do throws(V1Error) {
                guard let message = try miners[place]!.lines.nextMessage() else { return }
                handle(message, on: place, at: now, into: &effects)
            } catch {
                miners[place]!.malformedLines += 1
                if case .lineTooLong = error {
                    close(place, "\(error)", at: now, into: &effects)
                } else if miners[place]!.malformedLines > configuration.limits.malformedLines {
                    close(place, "too many malformed lines, last: \(error)", at: now, into: &effects)
                }
            }
        }
    }

    private mutating func handle(
        _ message: V1.Message, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let (id, method): (JSON, String)
        let call: V1.ClientCall
        do throws(V1Error) {
            switch message {
            case .response: return
            // Some firmware numbers its calls with null and waits for the answer all the same.
            case .notification(let notice):
                (id, method) = (.null, notice.method)
                call = try V1.ClientCall(notice)
            case .request(let request):
                (id, method) = (request.id, request.method)
                call = try V1.ClientCall(request)
            }
        } catch {
            if case .request(let request) = message {
                reply(.refused(request.id, V1.Refusal(code: 20, text: "\(error)")), on: place, into: &effects)
            }
            countOddity(on: place, at: now, into: &effects)
            return
        }
        answer(call, method: method, id: id, on: place, at: now, into: &effects)
    }

    private mutating func answer(
        _ call: V1.ClientCall, method: String, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch call {
        case .subscribe(let subscribe): subscribed(subscribe, id: id, on: place, at: now, into: &effects)
        case .authorize(let authorize):
            authorized(authorize, id: id, on: place, at: now, into: &effects)
        case .configure(let configure):
            let result = grant(configure, to: place)
            reply(.ok(id, result.json(answering: configure)), on: place, into: &effects)
        case .submit(let share): submit(share, id: id, on: place, at: now, into: &effects)
        case .extranonceSubscribe:
            // Granted and never needed: extranonce1 does not change.
            acknowledge(id, on: place, into: &effects)
        case .suggestDifficulty(let difficulty):
            acknowledge(id, on: place, into: &effects)
            suggested(V1Difficulty(difficulty).target, on: place, at: now, into: &effects)
        case .suggestTarget(let target):
            acknowledge(id, on: place, into: &effects)
            suggested(target, on: place, at: now, into: &effects)
        case .ping: if !id.isNull { reply(.ok(id, "pong"), on: place, into: &effects) }
        case .unknown: unknownMethod(method, id: id, on: place, at: now, into: &effects)
        }
    }

    /// `true`, to a miner that wants an answer.
    private mutating func acknowledge(
        _ id: JSON, on place: Int, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        if !id.isNull { reply(.ok(id), on: place, into: &effects) }
    }

    private mutating func unknownMethod(
        _ method: String, id: JSON, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch method {
        case "mining.get_transactions":
            // Old cgminer asks for each job, and is content with a refusal.
            let refusal = V1.Refusal(code: 20, text: "Transactions are not served")
            if !id.isNull { reply(.refused(id, refusal), on: place, into: &effects) }
        case "client.get_version", "mining.get_version":
            if !id.isNull { reply(.ok(id, "mining-lab/translator"), on: place, into: &effects) }
        default:
            let refusal = V1.Refusal(code: 20, text: "Unknown method \(method.prefix(64))")
            if !id.isNull { reply(.refused(id, refusal), on: place, into: &effects) }
            countOddity(on: place, at: now, into: &effects)
        }
    }

    mutating func reply(
        _ response: V1.Response, on place: Int, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        effects.send(on: miners[place]!.id) { response.encode(into: &$0) }
    }

    mutating func countOddity(
        on place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        miners[place]!.oddities += 1
        if miners[place]!.oddities > configuration.limits.toleratedOddities {
            close(place, "too many refused calls", at: now, into: &effects)
        }
    }

    mutating func close(
        _ place: Int, _ text: String, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let miner = miners[place], miner.phase != .closing else { return }
        leaveChannel(place, at: now)
        miners[place]!.phase = .closing
        timers.stop(.miner(miner.id))
        timers.stop(.vardiff(miner.id))
        effects.close(miner.id, .closed(text))
    }

    mutating func forget(
        _ place: Int, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let id = miners[place]?.id else { return }
        leaveChannel(place, at: now)
        timers.stop(.miner(id))
        timers.stop(.vardiff(id))
        if let miner = miners[place] { rest(miner, at: now) }
        places[id] = nil
        miners[place] = nil
        freePlaces.append(place)
        effects.observe(.minerDisconnected(id, reason: reason))
    }
}
