import Bitcoin
import SansIO
import Stratum

/// Serving templates: SV2 chapter 7, with the manners of the reference provider.
extension NodeMachine {
    mutating func templateConnectionOpened(
        _ id: ConnectionID, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard provider.clients.count < ChainLimits.templateClients else {
            effects.close(id, .closed("no room for another template client"))
            return
        }
        let connection: V2Connection =
            configuration.encryptsTemplates
            ? .responder(
                credentials: credentials, secrets: &secrets, maximumPayload: ChainLimits.templateMessage)
            : .plain(maximumPayload: ChainLimits.templateMessage)
        provider.open(id, connection: connection)
    }

    mutating func templateBytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = provider.clientIndex(id) else { return }
        let time = unixTime(at: now)
        do throws(V2ConnectionError) {
            try effects.send(on: id) { writer throws(V2ConnectionError) in
                try provider.clients[index].connection.receive(bytes, unixTime: time, into: &writer)
            }
            // A message can end the client, and a solution can move others: look it up each time.
            while let index = provider.clientIndex(id),
                let frame = try provider.clients[index].connection.nextFrame()
            {
                if let fault = templateMessage(frame, on: id, at: now, into: &effects) {
                    dropTemplateClient(id, because: fault, into: &effects)
                }
            }
        } catch {
            dropTemplateClient(id, because: "\(error)", into: &effects)
        }
    }

    mutating func dropTemplateClient(
        _ id: ConnectionID, because reason: String, into effects: inout EffectBuffer<NodeObservation>
    ) {
        if provider.close(id) { effects.observe(.templateClientDisconnected(id, reason: reason)) }
        effects.close(id, .closed(reason))
    }

    /// Handles one message; a text is the reason to close.
    private mutating func templateMessage(
        _ frame: V2Frame, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> String? {
        guard let index = provider.clientIndex(id) else { return nil }
        do throws(V2DecodeError) {
            if frame.extensionNumber == 0, frame.messageType == Common.SetupConnection.messageType {
                guard provider.clients[index].phase == .opening else { return nil }
                return setUp(try Common.SetupConnection(frame: frame), on: index, into: &effects)
            }
            guard provider.clients[index].phase != .opening else { return "a message before SetupConnection" }
            if let constraints = olderConstraints(frame) {
                return constrain(constraints, client: index, at: now, into: &effects)
            }
            switch try TemplateDistribution.Message(frame: frame) {
            case .coinbaseOutputConstraints(let message):
                return constrain(message, client: index, at: now, into: &effects)
            case .requestTransactionData(let message):
                sendTransactions(of: message.templateID, to: index, at: now, into: &effects)
                return nil
            case .submitSolution(let message):
                solve(message, from: id, at: now, into: &effects)
                return nil
            case .newTemplate, .setNewPrevHash, .requestTransactionDataSuccess, .requestTransactionDataError:
                return "a server's message from a client"
            case nil where frame.extensionNumber != 0:
                // SV2 section 3.4.1: a message of an unknown extension is discarded and ignored.
                return nil
            case nil:
                return "unknown message type 0x\(String(frame.messageType, radix: 16))"
            }
        } catch {
            return "malformed message 0x\(String(frame.messageType, radix: 16)): \(error)"
        }
    }

    /// Clients from before the sigops field send four bytes.
    private func olderConstraints(_ frame: V2Frame) -> TemplateDistribution.CoinbaseOutputConstraints? {
        guard frame.extensionNumber == 0, frame.payload.count == 4,
            frame.messageType == TemplateDistribution.CoinbaseOutputConstraints.messageType
        else { return nil }
        let size = frame.payload.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return TemplateDistribution.CoinbaseOutputConstraints(
            coinbaseOutputMaxAdditionalSize: size, coinbaseOutputMaxAdditionalSigops: 0)
    }

    private mutating func setUp(
        _ message: Common.SetupConnection, on index: Int, into effects: inout EffectBuffer<NodeObservation>
    ) -> String? {
        let id = provider.clients[index].id
        var fault: String?
        if message.protocol != .templateDistribution {
            fault = "unsupported-protocol"
        } else if message.minVersion > v2ProtocolVersion || message.maxVersion < v2ProtocolVersion {
            fault = "protocol-version-mismatch"
        }
        effects.send(on: id) { writer in
            if let fault {
                provider.clients[index].connection.send(
                    Common.SetupConnectionError(flags: 0, errorCode: fault), into: &writer)
            } else {
                provider.clients[index].connection.send(
                    Common.SetupConnectionSuccess(usedVersion: v2ProtocolVersion, flags: 0), into: &writer)
            }
        }
        if fault == nil {
            provider.clients[index].phase = .unconstrained
            effects.observe(.templateClientConnected(id, vendor: message.vendor, firmware: message.firmware))
        }
        return fault
    }

    /// Answers with a pair at once; the same client saying it again gets a new pair.
    private mutating func constrain(
        _ message: TemplateDistribution.CoinbaseOutputConstraints, client index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> String? {
        guard message.coinbaseOutputMaxAdditionalSize <= ChainLimits.coinbaseAdditionalSize else {
            return
                "coinbase outputs of \(message.coinbaseOutputMaxAdditionalSize) bytes "
                + "leave no room for a block"
        }
        guard Int(message.coinbaseOutputMaxAdditionalSigops) * 4 < ChainLimits.blockSigOpsCost else {
            return "coinbase outputs with \(message.coinbaseOutputMaxAdditionalSigops) signature operations "
                + "leave no room for a block"
        }
        let constraints = TemplateProvider.Constraints(
            additionalSize: message.coinbaseOutputMaxAdditionalSize,
            additionalSigOps: message.coinbaseOutputMaxAdditionalSigops)
        let isRepeated = provider.clients[index].phase == .served(constraints)
        provider.clients[index].phase = .served(constraints)
        provider.dropIdleGroups()
        var group = provider.groups.first { $0.constraints == constraints }
        if isRepeated || group?.mempoolVersion != mempool.version { group = nil }
        let current = group ?? renewGroup(constraints, at: now, into: &effects)
        sendPair(current, to: index, into: &effects)
        return nil
    }

    private mutating func renewGroup(
        _ constraints: TemplateProvider.Constraints, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> TemplateProvider.Group {
        let template = BlockTemplate(
            on: chain, from: mempool, configuration.templates, reservedWeight: constraints.reservedWeight,
            reservedSigOps: constraints.reservedSigOps)
        let group = provider.renew(constraints, template: template, time: unixTime(at: now))
        effects.observe(
            .templateIssued(
                id: group.id, height: template.height, fees: template.totalFees,
                transactions: template.entries.count, isFuture: true))
        return group
    }

    private mutating func sendPair(
        _ group: TemplateProvider.Group, to index: Int, into effects: inout EffectBuffer<NodeObservation>
    ) {
        effects.send(on: provider.clients[index].id) { writer in
            for frame in group.pair {
                provider.clients[index].connection.send(encodedFrame: frame, into: &writer)
            }
        }
    }

    /// A new tip: every group gets a pair, encoded once.
    mutating func broadcastTemplates(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        if let sweep = provider.tipChanged(to: chain.tip.hash, at: now) { timers.set(.templateSweep, sweep) }
        timers.stop(.templateRefresh)
        for constraints in provider.groups.map(\.constraints) {
            let group = renewGroup(constraints, at: now, into: &effects)
            for index in provider.clients.indices where provider.clients[index].phase == .served(constraints)
            {
                sendPair(group, to: index, into: &effects)
            }
        }
        lastTemplateUpdate = now
    }

    /// The pool changed: look at the fees again, at most once per interval.
    mutating func scheduleTemplateRefresh(at now: Instant) {
        guard provider.hasServedClients, timers.deadline(of: .templateRefresh) == nil else { return }
        let earliest = lastTemplateUpdate + configuration.templateInterval
        let tick = now + .seconds(1)
        timers.set(.templateRefresh, max(earliest, tick))
    }

    /// Sends what pays enough more than before: NewTemplate alone, for the block that is known already.
    mutating func refreshTemplates(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        for index in provider.groups.indices {
            let group = provider.groups[index]
            guard group.mempoolVersion != mempool.version else { continue }
            // The sum alone tells whether a template is worth its while.
            let selection = mempool.selection(
                weight: configuration.templates.weightMax - group.constraints.reservedWeight,
                sigOps: ChainLimits.blockSigOpsCost - group.constraints.reservedSigOps,
                feeRateMin: configuration.templates.feeRateMin)
            let least = group.isSpeculative ? 1 : group.fees + configuration.feeThreshold
            guard selection.fees >= least else { continue }
            let template = BlockTemplate(
                on: chain, from: mempool, configuration.templates,
                reservedWeight: group.constraints.reservedWeight,
                reservedSigOps: group.constraints.reservedSigOps)
            lastTemplateUpdate = now
            let renewed = provider.renew(group.constraints, template: template, time: unixTime(at: now))
            let frame = V2Framing.frame(
                TemplateProvider.newTemplate(template, id: renewed.id, isFuture: false))
            for client in provider.clients.indices
            where provider.clients[client].phase == .served(group.constraints) {
                effects.send(on: provider.clients[client].id) { writer in
                    provider.clients[client].connection.send(encodedFrame: frame, into: &writer)
                }
            }
            effects.observe(
                .templateIssued(
                    id: renewed.id, height: template.height, fees: template.totalFees,
                    transactions: template.entries.count, isFuture: false))
        }
    }

    /// A new tip while the pool is large: everybody gets the pair of an empty template at once, and the full
    /// one when the pool has followed.
    mutating func broadcastEmptyTemplates(
        at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        if let sweep = provider.tipChanged(to: chain.tip.hash, at: now) { timers.set(.templateSweep, sweep) }
        timers.stop(.templateRefresh)
        for index in provider.groups.indices {
            let constraints = provider.groups[index].constraints
            let template = BlockTemplate(
                on: chain, from: Mempool(), reservedWeight: constraints.reservedWeight,
                reservedSigOps: constraints.reservedSigOps)
            let group = provider.renew(constraints, template: template, time: unixTime(at: now))
            provider.groups[index].isSpeculative = true
            provider.groups[index].mempoolVersion = 0
            for client in provider.clients.indices
            where provider.clients[client].phase == .served(constraints) {
                sendPair(group, to: client, into: &effects)
            }
            effects.observe(
                .templateIssued(
                    id: group.id, height: template.height, fees: 0, transactions: 0, isFuture: true))
        }
        lastTemplateUpdate = now
    }

    private mutating func sendTransactions(
        of templateID: UInt64, to index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let template = provider.template(templateID, at: now)
        let isStale = template == nil && templateID > 0 && templateID < provider.nextID
        let frame = template.map { provider.transactionsFrame(of: $0, id: templateID) }
        effects.send(on: provider.clients[index].id) { writer in
            if let frame {
                provider.clients[index].connection.send(encodedFrame: frame, into: &writer)
            } else {
                provider.clients[index].connection.send(
                    TemplateDistribution.RequestTransactionDataError(
                        templateID: templateID,
                        errorCode: isStale ? "stale-template-id" : "template-id-not-found"),
                    into: &writer)
            }
        }
    }

    /// Takes the coinbase as it comes; there is no answer message, so the verdict is observed.
    private mutating func solve(
        _ message: TemplateDistribution.SubmitSolution, from id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        func refused(_ verdict: String) {
            effects.observe(
                .solutionReceived(client: id, templateID: message.templateID, hash: .zero, verdict: verdict))
        }
        guard let template = provider.template(message.templateID, at: now) else {
            return refused("unknown or stale template")
        }
        guard let coinbase = try? Transaction(bytes: message.coinbaseTx) else {
            return refused("coinbase does not decode")
        }
        var block = template.block(coinbase: coinbase, time: message.headerTimestamp)
        block.header.version = message.version
        block.header.nonce = message.headerNonce
        let hash = block.hash
        let verdict = submit(block, bytes: block.bytes(), from: .templateClient(id), at: now, into: &effects)
        effects.observe(
            .solutionReceived(
                client: id, templateID: message.templateID, hash: hash,
                verdict: verdict.submitResult ?? "accepted"))
    }
}
