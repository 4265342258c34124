import Bitcoin
import SansIO
import Stratum

/// Connections: accept, handshake, setup, extensions, and the way out.
extension PoolMachine {
    mutating func accept(
        _ id: ConnectionID, on listener: ListenerID, from address: String, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard places.count < configuration.limits.connections else {
            totals.connectionsRefused += 1
            effects.close(id, .closed("connection limit of \(configuration.limits.connections) reached"))
            return
        }
        if drain != nil { return refuseConnection(id, from: address, "draining", into: &effects) }
        if case .refused(let reason) = admission.arrive(from: address, at: now) {
            return refuseConnection(id, from: address, reason, into: &effects)
        }
        let link =
            listener == .plainMining
            ? V2Connection.plain(maximumPayload: configuration.limits.frameBeforeSetup)
            : V2Connection.responder(
                credentials: currentCredentials(at: now), secrets: &secrets,
                maximumPayload: configuration.limits.frameBeforeSetup)
        let connection = PoolConnection(id: id, listener: listener, address: address, link: link)
        if let place = freeConnections.popLast() {
            connections[place] = connection
            places[id] = place
        } else {
            places[id] = connections.count
            connections.append(connection)
        }
        totals.connectionsAccepted += 1
        timers.set(.connection(id), now + configuration.limits.handshakeDeadline)
        effects.observe(.connectionOpened(id, from: address))
    }

    private mutating func refuseConnection(
        _ id: ConnectionID, from address: String, _ reason: String,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        totals.connectionsRefused += 1
        effects.observe(.connectionRefused(from: address, reason: reason))
        effects.close(id, .closed(reason))
    }

    mutating func receive(
        _ bytes: RawSpan, on place: Int, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = connections[place]?.id, connections[place]!.phase != .closing else { return }
        do throws(V2ConnectionError) {
            try connections[place]!.link.receive(bytes, unixTime: clock.unixSeconds(at: now), into: &out)
            if connections[place]!.phase == .handshaking, connections[place]!.link.isEstablished {
                connections[place]!.phase = .awaitingSetup
                timers.set(.connection(id), now + configuration.limits.setupDeadline)
            }
            while places[id] != nil, connections[place]!.phase != .closing,
                let frame = try connections[place]!.link.nextFrame()
            {
                guard connections[place]!.allowance.spend(at: now, rules: configuration.admission) else {
                    close(
                        place,
                        .closed("more than \(Int(configuration.admission.framesPerSecond)) frames a second"),
                        into: &effects)
                    break
                }
                do throws(V2DecodeError) { try handle(frame, on: place, at: now, into: &effects) } catch {
                    close(
                        place, .closed("malformed message 0x\(frame.messageType.hex): \(error)"),
                        into: &effects)
                }
            }
        } catch {
            close(place, .closed("\(error)"), into: &effects)
        }
        flush(id, into: &effects)
    }

    /// Sends what is waiting and closes. The place is freed when the driver confirms.
    mutating func close(
        _ place: Int, _ reason: CloseReason, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let connection = connections[place], connection.phase != .closing else { return }
        flush(connection.id, into: &effects)
        connections[place]!.phase = .closing
        removeChannels(of: place, reason: "connection closed", into: &effects)
        timers.stop(.connection(connection.id))
        effects.close(connection.id, reason)
    }

    mutating func forget(
        _ place: Int, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = connections[place]?.id else { return }
        removeChannels(of: place, reason: "connection closed", into: &effects)
        timers.stop(.connection(id))
        dropHeldCustomJobs(of: id)
        places[id] = nil
        let address = connections[place]!.address
        connections[place] = nil
        freeConnections.append(place)
        admission.leave(address, at: now)
        effects.observe(.connectionClosed(id, reason: reason))
        noteIfDrained(into: &effects)
    }

    /// Legal but pointless behaviour spends a budget.
    mutating func countOddity(on place: Int, into effects: inout EffectBuffer<PoolObservation>) {
        connections[place]?.oddities += 1
        if let count = connections[place]?.oddities, count > configuration.limits.toleratedOddities {
            close(place, .closed("\(count) refused or unknown messages"), into: &effects)
        }
    }

    mutating func handle(
        _ frame: V2Frame, on place: Int, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) throws(V2DecodeError) {
        guard let phase = connections[place]?.phase else { return }
        switch phase {
        case .handshaking, .closing: return
        case .awaitingSetup:
            guard frame.extensionNumber == 0, frame.messageType == Common.SetupConnection.messageType else {
                close(place, .closed("the first message was not SetupConnection"), into: &effects)
                return
            }
            setUp(try Common.SetupConnection(frame: frame), on: place, at: now, into: &effects)
        case .ready:
            if frame.extensionNumber == V2Extension.negotiation {
                try negotiate(frame, on: place, into: &effects)
            } else {
                try handleMining(frame, on: place, at: now, into: &effects)
            }
        }
    }

    private mutating func setUp(
        _ message: Common.SetupConnection, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let connection = connections[place] else { return }
        let answer =
            SetupRules(
                isVersionRollingAllowed: configuration.isVersionRollingAllowed,
                isWorkSelectionAllowed: configuration.work == .templateProvider
            ).refusal(of: message)
        if let answer {
            connections[place]!.link.send(answer, into: &out)
            effects.observe(.setupRefused(connection.id, code: answer.errorCode))
            close(place, .closed("setup refused: \(answer.errorCode)"), into: &effects)
            return
        }
        let selectsWork = message.flags & SetupRules.requiresWorkSelection != 0
        connections[place]!.phase = .ready(
            PoolConnection.Traits(
                requiresStandardJobs: message.flags & SetupRules.requiresStandardJobs != 0,
                requiresWorkSelection: selectsWork))
        connections[place]!.link.maximumPayload =
            selectsWork ? configuration.limits.frameWithCustomJobs : configuration.limits.frameAfterSetup
        connections[place]!.device = [
            ClientDevice(
                vendor: message.vendor, hardware: message.hardwareVersion, firmware: message.firmware,
                deviceID: message.deviceID, flags: message.flags)
        ]
        connections[place]!.link.send(
            Common.SetupConnectionSuccess(
                usedVersion: v2ProtocolVersion,
                flags: configuration.isVersionRollingAllowed ? 0 : SetupRules.requiresFixedVersion),
            into: &out)
        timers.set(.connection(connection.id), now + configuration.limits.openChannelDeadline)
        effects.observe(
            .connectionReady(
                connection.id, vendor: message.vendor, hardware: message.hardwareVersion,
                firmware: message.firmware, flags: message.flags))
    }

    /// Extension 0x0001: says which of the asked extensions the server speaks.
    private mutating func negotiate(
        _ frame: V2Frame, on place: Int, into effects: inout EffectBuffer<PoolObservation>
    ) throws(V2DecodeError) {
        guard case .requestExtensions(let request) = try ExtensionsNegotiation.Message(frame: frame),
            var traits = connections[place]?.traits
        else {
            countOddity(on: place, into: &effects)
            return
        }
        let supported = request.requestedExtensions.filter { $0 == V2Extension.workerHashrateTracking }
        if supported.isEmpty {
            connections[place]!.link.send(
                ExtensionsNegotiation.RequestExtensionsError(
                    requestID: request.requestID, unsupportedExtensions: request.requestedExtensions,
                    requiredExtensions: []), into: &out)
            countOddity(on: place, into: &effects)
            return
        }
        traits.namesWorkers = true
        connections[place]!.phase = .ready(traits)
        connections[place]!.link.send(
            ExtensionsNegotiation.RequestExtensionsSuccess(
                requestID: request.requestID, supportedExtensions: [V2Extension.workerHashrateTracking]),
            into: &out)
    }

    /// A connection's deadline passed.
    mutating func connectionOverdue(_ id: ConnectionID, into effects: inout EffectBuffer<PoolObservation>) {
        guard let place = places[id], let phase = connections[place]?.phase else { return }
        switch phase {
        case .handshaking: close(place, .closed("handshake deadline"), into: &effects)
        case .awaitingSetup: close(place, .closed("setup deadline"), into: &effects)
        case .ready:
            guard connections[place]!.members.isEmpty, connections[place]!.heldOpens.isEmpty else { return }
            close(place, .closed("no channel was opened in time"), into: &effects)
        case .closing: return
        }
    }
}

extension UInt8 {
    fileprivate var hex: String { (self < 16 ? "0" : "") + String(self, radix: 16) }
}
