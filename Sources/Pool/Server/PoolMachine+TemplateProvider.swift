import Bitcoin
import SansIO
import Stratum

/// The client side of template distribution (SV2 chapter 7).
extension PoolMachine {
    mutating func dialTemplateProvider(at now: Instant, into effects: inout EffectBuffer<PoolObservation>) {
        guard case .idle = templateProvider.phase else { return }
        templateProvider.phase = .dialing
        templateProvider.attempts += 1
        effects.emit(.dial(.templateProvider, configuration.templateProvider))
        effects.observe(.templateProvider(.dialing))
    }

    mutating func templateProviderOpened(
        _ id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard case .dialing = templateProvider.phase else {
            effects.close(id, .closed("not dialled"))
            return
        }
        let setup = Common.SetupConnection(
            protocol: .templateDistribution, minVersion: v2ProtocolVersion, maxVersion: v2ProtocolVersion,
            flags: 0, endpointHost: configuration.templateProvider.host,
            endpointPort: configuration.templateProvider.port, vendor: "lab", hardwareVersion: "pool",
            firmware: "", deviceID: "")
        var handshake = V2ClientHandshake(
            connection: .initiator(
                expecting: configuration.templateProviderAuthority, secrets: &secrets,
                maximumPayload: configuration.limits.frameFromTemplateProvider), setup: setup)
        handshake.start(into: &out)
        templateProvider.connection = id
        templateProvider.phase = .settingUp(handshake)
        timers.set(.templateProvider, now + configuration.limits.templateProviderDeadline)
    }

    mutating func templateProviderReceived(
        _ bytes: RawSpan, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = templateProvider.connection else { return }
        let unixTime = clock.unixSeconds(at: now)
        switch templateProvider.phase {
        case .idle, .dialing: return
        case .settingUp(var handshake):
            do throws(V2ClientHandshakeError) {
                let progress = try handshake.receive(bytes, unixTime: unixTime, into: &out)
                templateProvider.phase = .settingUp(handshake)
                switch progress {
                case .pending: break
                case .accepted: templateProviderReady(handshake.connection, at: now, into: &effects)
                case .refused(let refusal):
                    dropTemplateProvider("setup refused: \(refusal.errorCode)", at: now, into: &effects)
                }
            } catch {
                dropTemplateProvider("\(error)", at: now, into: &effects)
                return
            }
        case .ready(var connection):
            templateProvider.phase = .idle
            do throws(V2ConnectionError) {
                try connection.receive(bytes, unixTime: unixTime, into: &out)
                templateProvider.phase = .ready(connection)
            } catch {
                dropTemplateProvider("\(error)", at: now, into: &effects)
                return
            }
        }
        pullTemplateFrames(at: now, into: &effects)
        flush(id, into: &effects)
    }

    private mutating func pullTemplateFrames(
        at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        while case .ready(var connection) = templateProvider.phase {
            templateProvider.phase = .idle
            do {
                let frame = try connection.nextFrame()
                templateProvider.phase = .ready(connection)
                guard let frame else { return }
                try handleTemplate(frame, at: now, into: &effects)
            } catch {
                dropTemplateProvider("\(error)", at: now, into: &effects)
                return
            }
        }
    }

    private mutating func templateProviderReady(
        _ connection: V2Connection, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        var connection = connection
        connection.send(outputConstraints, into: &out)
        for solution in templateProvider.heldSolutions { connection.send(solution, into: &out) }
        templateProvider.heldSolutions = []
        templateProvider.phase = .ready(connection)
        templateProvider.session += 1
        templateProvider.owesTip = true
        timers.set(.templateProvider, now + configuration.limits.templateProviderAnswer)
        effects.observe(.templateProvider(.ready))
    }

    /// Whether a template to be mined at once belongs to another height than the tip that the provider told:
    /// work on it would be for a block that cannot be. sv2-tp leaves the SetNewPrevHash of a new tip out for all
    /// but one of its clients.
    mutating func namesAnotherTip(
        _ template: TemplateDistribution.NewTemplate, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) -> Bool {
        guard templateProvider.isReady, !template.futureTemplate, let height = template.height,
            let expected = store.currentTemplate?.height, height != expected
        else { return false }
        effects.observe(.templateProvider(.tipLeftOut(height: height)))
        askTemplateProvider(at: now)
        return true
    }

    /// Constraints once more: the provider begins anew with a future template and its tip.
    private mutating func askTemplateProvider(at now: Instant) {
        guard !templateProvider.owesTip, case .ready(var connection) = templateProvider.phase else { return }
        templateProvider.owesTip = true
        timers.set(.templateProvider, now + configuration.limits.templateProviderAnswer)
        connection.send(terms.rewards.constraints, into: &out)
        templateProvider.phase = .ready(connection)
    }

    /// Constraints that changed.
    mutating func sendConstraints(at now: Instant, into effects: inout EffectBuffer<PoolObservation>) {
        guard let id = templateProvider.connection else { return }
        askTemplateProvider(at: now)
        flush(id, into: &effects)
    }

    mutating func templateProviderIsQuiet(
        at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = templateProvider.connection, !templateProvider.owesTip else { return }
        effects.observe(.templateProvider(.quiet))
        askTemplateProvider(at: now)
        flush(id, into: &effects)
    }

    mutating func templateProviderToldTip() {
        guard templateProvider.owesTip else { return }
        templateProvider.owesTip = false
        templateProvider.attempts = 0
        timers.stop(.templateProvider)
    }

    /// Closes the connection from this side; the driver's confirmation starts the next attempt.
    mutating func dropTemplateProvider(
        _ text: String, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = templateProvider.connection else { return }
        templateProvider.phase = .idle
        out.removeAll()
        effects.close(id, .closed(text))
    }

    /// The connection ended or was never made. Jobs stay; only templates that wait for their tip are forgotten,
    /// because the next session will not name them.
    mutating func templateProviderLost(
        _ reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        templateProvider.phase = .idle
        templateProvider.connection = nil
        templateProvider.owesTip = false
        store.dropFutures()
        timers.stop(.templateProvider)
        timers.stop(.templateProviderQuiet)
        let limits = configuration.limits
        timers.set(
            .dial, now + templateProvider.pause(first: limits.retryFirst, longest: limits.retryLongest))
        effects.observe(.templateProvider(.lost(reason)))
    }

    /// Sends a solution, or keeps it until the provider is back.
    mutating func submit(
        _ solution: TemplateDistribution.SubmitSolution, session: UInt32,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = templateProvider.connection, case .ready(var connection) = templateProvider.phase
        else {
            if templateProvider.heldSolutions.count < configuration.limits.solutionsHeld {
                templateProvider.heldSolutions.append(solution)
            }
            return
        }
        effects.send(on: id) { connection.send(solution, into: &$0) }
        templateProvider.phase = .ready(connection)
    }

    private mutating func handleTemplate(
        _ frame: V2Frame, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) throws(V2DecodeError) {
        guard let message = try TemplateDistribution.Message(frame: frame) else { return }
        timers.set(.templateProviderQuiet, now + configuration.limits.templateProviderQuiet)
        switch message {
        case .newTemplate(let template): templateArrived(template, at: now, into: &effects)
        case .setNewPrevHash(let tip): tipArrived(tip, at: now, into: &effects)
        case .requestTransactionDataSuccess, .requestTransactionDataError: break
        case .coinbaseOutputConstraints, .requestTransactionData, .submitSolution: break
        }
    }
}
