import Bitcoin
import SansIO
import Stratum

/// A mining device's side of Stratum V2: Noise, SetupConnection, one channel, its jobs and its shares.
struct V2Session: Sendable {
    private enum Stage: Sendable {
        case handshaking
        case settingUp
        case opening
        case open
    }

    private let settings: V2SessionSettings
    private var connection: V2Connection
    private var stage = Stage.handshaking
    var jobs = V2Jobs()
    private var sequence: UInt32 = 0
    private var protocolErrors = 0

    init(settings: V2SessionSettings, connection: V2Connection) {
        self.settings = settings
        self.connection = connection
    }

    var isOpen: Bool { stage == .open }

    mutating func start(into out: inout ByteWriter) {
        connection.start(into: &out)
        setUpIfEstablished(into: &out)
    }

    mutating func receive(
        _ bytes: RawSpan, unixTime: UInt32, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        do throws(V2ConnectionError) {
            try connection.receive(bytes, unixTime: unixTime, into: &out)
        } catch { throw .failed("transport: \(error)") }
        setUpIfEstablished(into: &out)
        while true {
            let frame: V2Frame?
            do throws(V2ConnectionError) { frame = try connection.nextFrame() } catch {
                throw .failed("transport: \(error)")
            }
            guard let frame else { return }
            try understand(frame, into: &out, events: &events)
        }
    }

    mutating func nextWork(elapsed: Interval) -> SessionWork? {
        jobs.nextWork(versionMask: settings.versionMask, elapsed: elapsed)
    }

    mutating func submit(
        _ ticket: ShareTicket, nonce: UInt32, version: UInt32, time: UInt32, into out: inout ByteWriter
    ) -> UInt32? {
        guard stage == .open else { return nil }
        let number = sequence
        sequence &+= 1
        switch settings.channel {
        case .standard:
            let share = Mining.SubmitSharesStandard(
                channelID: jobs.channel, sequenceNumber: number, jobID: ticket.job, nonce: nonce, nTime: time,
                version: version)
            connection.send(share, into: &out)
        case .extended:
            let share = Mining.SubmitSharesExtended(
                channelID: jobs.channel, sequenceNumber: number, jobID: ticket.job, nonce: nonce, nTime: time,
                version: version, extranonce: jobs.rollable(ticket.extranonce))
            connection.send(share, into: &out)
        }
        return number
    }

    // MARK: Dialogue

    private mutating func setUpIfEstablished(into out: inout ByteWriter) {
        guard stage == .handshaking, connection.isEstablished else { return }
        stage = .settingUp
        let standardOnly: UInt32 = settings.requiresStandardJobs && settings.channel == .standard ? 1 : 0
        let setup = Common.SetupConnection(
            protocol: .mining, minVersion: v2ProtocolVersion, maxVersion: v2ProtocolVersion,
            flags: standardOnly,
            endpointHost: settings.endpoint.host, endpointPort: settings.endpoint.port,
            vendor: settings.identity.vendor, hardwareVersion: settings.identity.hardwareVersion,
            firmware: settings.identity.firmware, deviceID: settings.identity.deviceID)
        connection.send(setup, into: &out)
    }

    private mutating func understand(
        _ frame: V2Frame, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        let mining: Mining.Message?
        let common: Common.Message?
        do throws(V2DecodeError) {
            mining = try Mining.Message(frame: frame)
            common = mining == nil ? try Common.Message(frame: frame) : nil
        } catch { throw .failed("undecodable message \(frame.messageType): \(error)") }
        // Unknown types and extensions are ignored (SV2 section 3.4).
        if let mining { try handle(mining, events: &events) }
        if let common { try handle(common, into: &out, events: &events) }
    }

    private mutating func handle(
        _ message: Common.Message, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        switch message {
        case .setupConnectionSuccess(let success):
            guard stage == .settingUp else { return try misplaced("SetupConnection.Success") }
            guard success.usedVersion == v2ProtocolVersion else {
                throw .failed("pool wants protocol version \(success.usedVersion)")
            }
            // Bit 0: REQUIRES_FIXED_VERSION; bit 1: REQUIRES_EXTENDED_CHANNELS (SV2 section 5.3.1).
            if success.flags & 2 != 0, settings.channel == .standard {
                throw .failed("pool requires extended channels")
            }
            jobs.isVersionFixed = success.flags & 1 != 0
            stage = .opening
            openChannel(into: &out)
        case .setupConnectionError(let error):
            throw .failed("set-up refused: \(error.errorCode)")
        case .reconnect(let move):
            let host = move.newHost.isEmpty ? settings.endpoint.host : move.newHost
            let port = move.newPort == 0 ? settings.endpoint.port : move.newPort
            let target = Endpoint(host: host, port: port)
            events.append(.moved(to: target == settings.endpoint ? nil : target, after: .zero))
        case .channelEndpointChanged:
            // It resets what was agreed on about extensions (SV2 section 3.6.4), and firmware agrees on none.
            break
        case .setupConnection: try misplaced("SetupConnection")
        }
    }

    private mutating func openChannel(into out: inout ByteWriter) {
        let rate = Float(settings.announcedHashRate)
        switch settings.channel {
        case .standard:
            let open = Mining.OpenStandardMiningChannel(
                requestID: 1, userIdentity: settings.userIdentity, nominalHashRate: rate, maxTarget: .max)
            connection.send(open, into: &out)
        case .extended:
            let open = Mining.OpenExtendedMiningChannel(
                requestID: 1, userIdentity: settings.userIdentity, nominalHashRate: rate, maxTarget: .max,
                minExtranonceSize: 2)
            connection.send(open, into: &out)
        }
    }

    private mutating func handle(
        _ message: Mining.Message, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        switch message {
        case .openStandardMiningChannelSuccess(let success):
            guard stage == .opening, settings.channel == .standard, success.requestID == 1 else {
                return try misplaced("OpenStandardMiningChannel.Success")
            }
            jobs.open(
                channel: success.channelID, group: success.groupChannelID, target: success.target,
                prefix: success.extranoncePrefix, rollableBytes: nil)
            stage = .open
            events.append(.opened(channel: success.channelID, target: success.target))
        case .openExtendedMiningChannelSuccess(let success):
            guard stage == .opening, settings.channel == .extended, success.requestID == 1 else {
                return try misplaced("OpenExtendedMiningChannel.Success")
            }
            guard success.extranonceSize >= 1, success.extranonceSize <= 32 else {
                throw .failed("extranonce size \(success.extranonceSize)")
            }
            jobs.open(
                channel: success.channelID, group: success.groupChannelID, target: success.target,
                prefix: success.extranoncePrefix, rollableBytes: Int(success.extranonceSize))
            stage = .open
            events.append(.opened(channel: success.channelID, target: success.target))
        case .openMiningChannelError(let error):
            throw .failed("channel refused: \(error.errorCode)")
        case .submitSharesSuccess(let success):
            guard isOurs(success.channelID, group: false) else { return }
            events.append(
                .accepted(count: success.newSubmitsAcceptedCount, last: success.lastSequenceNumber))
        case .submitSharesError(let error):
            guard isOurs(error.channelID, group: false) else { return }
            events.append(
                .rejected(sequence: error.sequenceNumber, reason: ShareRejection(code: error.errorCode)))
        case .closeChannel(let close):
            guard isOurs(close.channelID, group: true) else { return }
            throw .failed("channel closed by the pool: \(close.reasonCode)")
        default: try handleWork(message, events: &events)
        }
    }

    private mutating func handleWork(
        _ message: Mining.Message, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        switch message {
        case .newMiningJob(let job):
            guard isOurs(job.channelID, group: true) else { return }
            guard settings.channel == .standard else { return try misplaced("NewMiningJob") }
            if jobs.add(job) { events.append(.work(clean: false)) }
        case .newExtendedMiningJob(let job):
            guard isOurs(job.channelID, group: true) else { return }
            if jobs.add(job) { events.append(.work(clean: false)) }
        case .setNewPrevHash(let tip):
            guard isOurs(tip.channelID, group: true) else { return }
            if jobs.setPrevHash(tip) {
                events.append(.work(clean: true))
            } else {
                try misplaced("SetNewPrevHash for an unknown job")
                events.append(.idle)
            }
        case .setTarget(let change):
            guard isOurs(change.channelID, group: true) else { return }
            jobs.target = change.maximumTarget
            events.append(.targetChanged(change.maximumTarget))
        case .setExtranoncePrefix(let change):
            // A group has no prefix; such a message is ignored (SV2 pull request 211).
            guard isOurs(change.channelID, group: false) else { return }
            jobs.prefix = change.extranoncePrefix
        case .setGroupChannel(let change):
            guard stage == .open, change.channelIDs.contains(jobs.channel) else { return }
            jobs.group = change.groupChannelID
        case .updateChannelError: break
        default: try misplaced(message.name)
        }
    }

    private func isOurs(_ channel: UInt32, group: Bool) -> Bool {
        stage == .open && (channel == jobs.channel || (group && channel == jobs.group))
    }

    /// Senseless messages are borne up to a budget.
    private mutating func misplaced(_ what: String) throws(SessionFailure) {
        protocolErrors += 1
        guard protocolErrors <= Limits.protocolErrorsMax else {
            throw .failed("too many misplaced messages: \(what)")
        }
    }
}

/// What a V2 session needs of the firmware's settings.
struct V2SessionSettings: Sendable {
    var identity: DeviceIdentity
    var endpoint: Endpoint
    var userIdentity: String
    var channel: ChannelKind
    var requiresStandardJobs: Bool
    var versionMask: UInt32
    var announcedHashRate: Double
}
