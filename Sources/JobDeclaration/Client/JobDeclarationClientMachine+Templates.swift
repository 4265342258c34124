import Bitcoin
import Pool
import SansIO
import Stratum

/// A message of the template provider that waits until it is known whom to work for.
enum ShelvedTemplate: Sendable {
    case template(TemplateDistribution.NewTemplate)
    case tip(TemplateDistribution.SetNewPrevHash)
}

/// The client side of template distribution (SV2 chapter 7).
extension JobDeclarationClientMachine {
    mutating func dialProvider(at now: Instant, into effects: inout Effects) {
        provider = V2ClientLink()
        providerAttempts += 1
        provider.dial(takeAttempt(), to: configuration.templateProvider, into: &effects)
        timers.set(.provider, now + configuration.limits.providerDeadline)
        effects.observe(.templateProvider(.dialing))
    }

    mutating func providerOpened(_ id: ConnectionID, at now: Instant) {
        let endpoint = configuration.templateProvider
        provider.opened(
            id, setup: setup(.templateDistribution, flags: 0, endpoint),
            expecting: configuration.templateProviderAuthority, secrets: &secrets,
            maximumPayload: configuration.limits.frameFromProvider)
    }

    func setup(_ kind: V2Protocol, flags: UInt32, _ endpoint: Endpoint) -> Common.SetupConnection {
        Common.SetupConnection(
            protocol: kind, minVersion: v2ProtocolVersion, maxVersion: v2ProtocolVersion, flags: flags,
            endpointHost: endpoint.host, endpointPort: endpoint.port, vendor: "lab", hardwareVersion: "jdc",
            firmware: "", deviceID: "")
    }

    mutating func handleProvider(
        _ event: V2ClientLink.Event, at now: Instant, into effects: inout Effects
    ) {
        switch event {
        case .ready:
            timers.stop(.provider)
            providerAttempts = 0
            providerSession += 1
            timers.set(.providerQuiet, now + configuration.limits.providerQuiet)
            demandTemplate(at: now)
            for solution in heldSolutions { provider.send(solution) }
            heldSolutions = []
            effects.observe(.templateProvider(.ready))
        case .refused(let refusal):
            providerLost(.closed("setup refused: \(refusal.errorCode)"), at: now, into: &effects)
        case .failed(let text): providerLost(.closed(text), at: now, into: &effects)
        case .frame(let frame):
            timers.stop(.provider)
            timers.set(.providerQuiet, now + configuration.limits.providerQuiet)
            do throws(V2DecodeError) { try handleTemplate(frame, at: now, into: &effects) } catch {
                providerLost(.closed("malformed message: \(error)"), at: now, into: &effects)
            }
        }
    }

    /// The connection ended or was never made. Jobs stay; templates that wait for their tip are forgotten, because the
    /// next session will not name them.
    mutating func providerLost(_ reason: CloseReason, at now: Instant, into effects: inout Effects) {
        provider.leave("\(reason)", into: &effects)
        provider = V2ClientLink()
        requestedTransactions = []
        shelf = []
        recent = []
        timers.stop(.freshTemplate)
        timers.stop(.providerQuiet)
        devices.forgetFutureTemplates()
        declarations.removeAll { $0.phase == .future }
        timers.stop(.provider)
        let limits = configuration.limits
        timers.set(
            .dialProvider,
            now + pause(providerAttempts, first: limits.retryFirst, longest: limits.retryLongest))
        effects.observe(.templateProvider(.lost(reason)))
    }

    /// It is asked to begin anew, and left when it does not answer.
    mutating func providerIsQuiet(at now: Instant, into effects: inout Effects) {
        guard provider.isReady else { return }
        effects.observe(.templateProvider(.quiet))
        timers.set(.provider, now + configuration.limits.providerAnswer)
        demandTemplate(at: now)
    }

    /// Doubling from first to longest.
    func pause(_ attempts: Int, first: Interval, longest: Interval) -> Interval {
        min(first * (UInt64(1) << UInt64(min(max(attempts - 1, 0), 16))), longest)
    }

    private mutating func handleTemplate(
        _ frame: V2Frame, at now: Instant, into effects: inout Effects
    ) throws(V2DecodeError) {
        switch try TemplateDistribution.Message(frame: frame) {
        case .newTemplate(let template): take(.template(template), at: now, into: &effects)
        case .setNewPrevHash(let tip): take(.tip(tip), at: now, into: &effects)
        case .requestTransactionDataSuccess(let message):
            transactionsArrived(message, at: now, into: &effects)
        case .requestTransactionDataError(let message):
            transactionsMissing(message, at: now, into: &effects)
        case .coinbaseOutputConstraints, .requestTransactionData, .submitSolution, nil: break
        }
    }

    private mutating func take(_ message: ShelvedTemplate, at now: Instant, into effects: inout Effects) {
        shelve(message, in: \.recent)
        guard footing != .undecided else {
            shelve(message, in: \.shelf)
            return
        }
        switch message {
        case .template(let template):
            withDevices(at: now, into: &effects) { $0.take(template, at: now, into: &$1) }
            if template.futureTemplate { prefetch(template.templateID) }
        case .tip(let tip): tipArrived(tip, at: now, into: &effects)
        }
    }

    /// A tip makes everything older pointless but the template that it names.
    private mutating func shelve(
        _ message: ShelvedTemplate, in list: WritableKeyPath<Self, [ShelvedTemplate]>
    ) {
        if case .tip(let tip) = message {
            self[keyPath: list].removeAll {
                if case .template(let template) = $0 { template.templateID < tip.templateID } else { true }
            }
        }
        self[keyPath: list].append(message)
        // The first two are the last tip and its template.
        if self[keyPath: list].count > configuration.limits.shelvedTemplates {
            self[keyPath: list].remove(at: 2)
        }
    }

    /// The template at hand made no job: what the pool wants paid is more than there is. The next pool gets it.
    mutating func leaveForOutputs(at now: Instant, into effects: inout Effects) {
        guard upstream?.isServing == true else { return }
        shelf = recent
        leaveUpstream("no coinbase can be made with the pool's outputs", at: now, into: &effects)
    }

    mutating func emptyShelf(at now: Instant, into effects: inout Effects) {
        let messages = shelf
        shelf = []
        for message in messages { take(message, at: now, into: &effects) }
    }

    private mutating func tipArrived(
        _ message: TemplateDistribution.SetNewPrevHash, at now: Instant, into effects: inout Effects
    ) {
        if tip?.prevHash != message.prevHash {
            // Whatever the pool said of jobs on the old tip, the new one explains it.
            while let index = declarations.firstIndex(where: { $0.phase != .future }) {
                drop(at: index, into: &effects)
            }
            upstream?.refusedInRow = 0
            timers.stop(.doubt)
        }
        tip = message
        withDevices(at: now, into: &effects) { $0.take(message, at: now, into: &$1) }
        guard let current = devices.currentJobID else {
            if footing == .pool { leaveForOutputs(at: now, into: &effects) }
            return
        }
        guard let index = declarations.firstIndex(where: { $0.job.id == current }),
            declarations[index].phase == .future
        else { return }
        declarations[index].phase = firstPhase
        advance(at: now, into: &effects)
    }

    /// Asks for a template's transactions, once, and only for a pool (SRI's order: the channel is open by then).
    mutating func prefetch(_ templateID: UInt64) {
        guard configuration.mode == .fullTemplate, footing == .pool, provider.isReady,
            !requestedTransactions.contains(templateID), transactions(of: templateID, providerSession) == nil
        else { return }
        requestedTransactions.append(templateID)
        provider.send(TemplateDistribution.RequestTransactionData(templateID: templateID))
    }

    func transactions(of templateID: UInt64, _ session: UInt32) -> TemplateTransactions? {
        transactions.last { $0.templateID == templateID && $0.session == session }
    }

    private mutating func transactionsArrived(
        _ message: TemplateDistribution.RequestTransactionDataSuccess, at now: Instant,
        into effects: inout Effects
    ) {
        guard let place = requestedTransactions.firstIndex(of: message.templateID) else { return }
        requestedTransactions.remove(at: place)
        guard let set = TemplateTransactions(message, session: providerSession) else {
            effects.observe(
                .templateProvider(.templateUnusable(message.templateID, "a transaction does not decode")))
            return
        }
        transactions.append(set)
        if transactions.count > configuration.limits.transactionSets { transactions.removeFirst() }
        advance(at: now, into: &effects)
    }

    /// The template is gone at the provider. If it is what devices work on, a fresh pair is asked for.
    private mutating func transactionsMissing(
        _ message: TemplateDistribution.RequestTransactionDataError, at now: Instant,
        into effects: inout Effects
    ) {
        guard let place = requestedTransactions.firstIndex(of: message.templateID) else { return }
        requestedTransactions.remove(at: place)
        var wasCurrent = false
        while let index = declarations.firstIndex(where: {
            $0.job.template.templateID == message.templateID && $0.phase == .awaitingTransactions
        }) {
            if declarations[index].job.id == devices.currentJobID { wasCurrent = true }
            drop(at: index, into: &effects)
        }
        guard wasCurrent, timers.deadline(of: .freshTemplate) == nil else { return }
        timers.set(.freshTemplate, max(now, lastDemand + configuration.limits.demandInterval))
    }

    /// Says again what coinbases need: the provider answers with a template and its tip at once.
    mutating func demandTemplate(at now: Instant) {
        lastDemand = now
        provider.send(constraints)
    }
}
