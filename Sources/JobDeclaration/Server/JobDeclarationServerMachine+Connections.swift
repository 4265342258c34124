import Bitcoin
import Pool
import SansIO
import Stratum

/// Connections: accept, handshake, setup, and the way out.
extension JobDeclarationServerMachine {
    mutating func accept(
        _ id: ConnectionID, from address: String, at now: Instant, into effects: inout Effects
    ) {
        let limits = configuration.limits
        guard connections.count < limits.connections else {
            effects.close(id, .closed("connection limit of \(limits.connections) reached"))
            return
        }
        if isDraining {
            effects.close(id, .closed("draining"))
            return
        }
        let unixTime = clock.unixSeconds(at: now)
        if unixTime >= credentialsRenewAt {
            (credentials, credentialsRenewAt) = JobDeclarationServerMachine.issueCredentials(
                configuration, unixTime: unixTime)
        }
        let link = V2Connection.responder(
            credentials: credentials, secrets: &secrets, maximumPayload: limits.frameBeforeSetup)
        connections[id] = DeclarationConnection(link: link, address: address, at: now)
        timers.set(.connection(id), now + limits.handshakeDeadline)
        effects.observe(.connectionOpened(id, from: address))
    }

    mutating func receive(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout Effects
    ) {
        guard connections[id]!.phase != .closing else { return }
        do throws(V2ConnectionError) {
            try connections[id]!.link.receive(bytes, unixTime: clock.unixSeconds(at: now), into: &out)
            if connections[id]!.phase == .handshaking, connections[id]!.link.isEstablished {
                connections[id]!.phase = .awaitingSetup
                timers.set(.connection(id), now + configuration.limits.setupDeadline)
            }
            while let phase = connections[id]?.phase, phase != .closing,
                let frame = try connections[id]!.link.nextFrame()
            {
                do throws(V2DecodeError) { try handle(frame, on: id, at: now, into: &effects) } catch {
                    close(
                        id, "malformed message 0x\(String(frame.messageType, radix: 16)): \(error)",
                        into: &effects)
                }
            }
        } catch {
            close(id, "\(error)", into: &effects)
        }
        flush(id, into: &effects)
    }

    private mutating func handle(
        _ frame: V2Frame, on id: ConnectionID, at now: Instant, into effects: inout Effects
    ) throws(V2DecodeError) {
        guard connections[id]!.isReady else {
            guard frame.extensionNumber == 0, frame.messageType == Common.SetupConnection.messageType else {
                close(id, "the first message was not SetupConnection", into: &effects)
                return
            }
            setUp(try Common.SetupConnection(frame: frame), on: id, at: now, into: &effects)
            return
        }
        timers.set(.connection(id), now + configuration.limits.idleDeadline)
        if now - connections[id]!.windowStart >= .minutes(1) {
            connections[id]!.windowStart = now
            connections[id]!.allocations = 0
            connections[id]!.oddities = 0
        }
        if frame.extensionNumber == V2Extension.negotiation {
            try refuseExtensions(frame, on: id, into: &effects)
            return
        }
        switch try JobDeclaration.Message(frame: frame) {
        case .allocateMiningJobToken(let message): allocate(message, on: id, at: now, into: &effects)
        case .declareMiningJob(let message): declare(message, on: id, at: now, into: &effects)
        case .provideMissingTransactionsSuccess(let message):
            provide(message, on: id, at: now, into: &effects)
        case .pushSolution(let message): push(message, on: id, at: now, into: &effects)
        case .allocateMiningJobTokenSuccess, .provideMissingTransactions, .declareMiningJobSuccess,
            .declareMiningJobError, nil:
            // The rest goes from servers to clients.
            countOddity(on: id, into: &effects)
        }
    }

    private mutating func setUp(
        _ message: Common.SetupConnection, on id: ConnectionID, at now: Instant, into effects: inout Effects
    ) {
        if let refusal = refusal(of: message) {
            connections[id]!.link.send(refusal, into: &out)
            effects.observe(.setupRefused(id, code: refusal.errorCode))
            close(id, "setup refused: \(refusal.errorCode)", into: &effects)
            return
        }
        let isFullTemplate = message.flags & JobDeclaration.SetupFlags.declareTxData != 0
        connections[id]!.phase = isFullTemplate ? .fullTemplate : .coinbaseOnly
        connections[id]!.vendor = message.vendor
        connections[id]!.link.maximumPayload = configuration.limits.frameAfterSetup
        connections[id]!.link.send(
            Common.SetupConnectionSuccess(usedVersion: v2ProtocolVersion, flags: 0), into: &out)
        timers.set(.connection(id), now + configuration.limits.idleDeadline)
        effects.observe(.connectionReady(id, vendor: message.vendor, isFullTemplate: isFullTemplate))
    }

    private func refusal(of message: Common.SetupConnection) -> Common.SetupConnectionError? {
        typealias Code = V2ErrorCode.Setup
        guard message.protocol == .jobDeclaration else {
            return Common.SetupConnectionError(flags: 0, errorCode: Code.unsupportedProtocol)
        }
        guard message.minVersion <= v2ProtocolVersion, message.maxVersion >= v2ProtocolVersion else {
            return Common.SetupConnectionError(flags: 0, errorCode: Code.protocolVersionMismatch)
        }
        let modes = configuration.servedModes
        let declares = JobDeclaration.SetupFlags.declareTxData
        let unsupported = message.flags & ~(modes.contains(.fullTemplate) ? declares : 0)
        guard unsupported == 0 else {
            return Common.SetupConnectionError(flags: unsupported, errorCode: Code.unsupportedFeatureFlags)
        }
        guard message.flags & declares != 0 || modes.contains(.coinbaseOnly) else {
            return Common.SetupConnectionError(flags: 0, errorCode: Code.missingDeclareTxDataFlag)
        }
        return nil
    }

    /// Extension 0x0001: none is spoken here.
    private mutating func refuseExtensions(
        _ frame: V2Frame, on id: ConnectionID, into effects: inout Effects
    ) throws(V2DecodeError) {
        if case .requestExtensions(let request) = try ExtensionsNegotiation.Message(frame: frame) {
            connections[id]!.link.send(
                ExtensionsNegotiation.RequestExtensionsError(
                    requestID: request.requestID, unsupportedExtensions: request.requestedExtensions,
                    requiredExtensions: []), into: &out)
        }
        countOddity(on: id, into: &effects)
    }

    /// Legal but pointless behaviour spends a budget.
    mutating func countOddity(on id: ConnectionID, into effects: inout Effects) {
        connections[id]?.oddities += 1
        if let count = connections[id]?.oddities, count > configuration.limits.toleratedOddities {
            close(id, "\(count) refused or unknown messages in a minute", into: &effects)
        }
    }

    /// Sends what is waiting and closes.
    mutating func close(_ id: ConnectionID, _ text: String, into effects: inout Effects) {
        guard let phase = connections[id]?.phase, phase != .closing else { return }
        flush(id, into: &effects)
        connections[id]!.phase = .closing
        dropState(of: id)
        effects.close(id, .closed(text))
    }

    mutating func forget(_ id: ConnectionID, reason: CloseReason, into effects: inout Effects) {
        guard connections[id] != nil else { return }
        dropState(of: id)
        connections[id] = nil
        effects.observe(.connectionClosed(id, reason: reason))
        if isDraining, connections.isEmpty { effects.observe(.drained) }
    }

    /// Tokens and declarations end with their connection. Declared jobs stay: the pool may still find their block.
    private mutating func dropState(of id: ConnectionID) {
        timers.stop(.connection(id))
        waiting.removeAll { $0 == id }
        for declaration in connections[id]!.pending {
            timers.stop(.declaration(declaration.key))
            underWay.removeAll { $0 == declaration.key }
            heldBytes -= declaration.bytes
        }
        connections[id]!.pending = []
        connections[id]!.tokens = []
        connections[id]!.heldAllocations = []
    }

    func connectionOverdueText(_ phase: DeclarationConnection.Phase) -> String? {
        switch phase {
        case .handshaking: "handshake deadline"
        case .awaitingSetup: "setup deadline"
        case .coinbaseOnly, .fullTemplate: "no word for too long"
        case .closing: nil
        }
    }

    mutating func connectionOverdue(_ id: ConnectionID, into effects: inout Effects) {
        guard let phase = connections[id]?.phase, let text = connectionOverdueText(phase) else { return }
        close(id, text, into: &effects)
    }
}
