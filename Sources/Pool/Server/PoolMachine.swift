import Bitcoin
import Ledger
import SansIO
import Stratum
import Vardiff

/// A mining pool's server: Stratum V2 towards devices and proxies, template distribution towards a node.
///
/// One value on one event loop serves every connection. Jobs are stored and encoded once; a connection costs two
/// cipher states, a channel a prefix, its targets and the hashes it was credited for.
///
/// Connections are answered from the start; channel requests that come before the first template and its tip
/// wait and are answered in order when these arrive. When the template provider is lost, jobs that are out stay
/// good and the machine dials again by itself.
public struct PoolMachine: Machine {
    public typealias Command = PoolCommand
    public typealias Observation = PoolObservation
    typealias Effects = EffectBuffer<PoolObservation>

    var configuration: PoolConfiguration
    var clock: WallClock
    var secrets: SecretGenerator
    var credentials: NoiseCredentials
    var credentialsRenewAt: UInt32

    var templateProvider = TemplateProviderLink()
    var store = JobStore()
    var customJobs = CustomJobDesk()

    /// Free places are nil and listed in ``freeConnections``; a driver's id finds its place by ``places``.
    var connections: [PoolConnection?] = []
    var freeConnections: [Int] = []
    var places: [ConnectionID: Int] = [:]
    var channels: [MiningChannel?] = []
    var freeChannels: [Int] = []
    var channelCount = 0
    var prefixes: ExtranonceAllocator
    /// Added to a job's id for its coinbase. Ids begin at 1 in each life, and a share that an earlier life credited must
    /// not count again.
    let jobSalt: UInt32
    var terms: WorkTerms
    /// Stays empty unless the work comes from an owner.
    var owned = OwnedWork()

    var timers = TimerQueue<PoolTimer>()
    /// Channels with an unacknowledged batch, in the order of their deadlines: all wait equally long, so this
    /// is a queue and costs no heap.
    var acknowledgements = AcknowledgementQueue()
    /// What this call sends on the connection it is about; flushed as one effect.
    var out = ByteWriter(capacity: 1024)
    var totals = PoolTotals()
    var admission: AdmissionControl
    var drain: Drain?
    /// Nil for a pool that keeps no books.
    var ledger: PoolLedger?
    var solo = SoloRewards()

    public init(_ configuration: PoolConfiguration) {
        self.configuration = configuration
        clock = configuration.clock
        secrets = SecretGenerator(seed: configuration.secretSeed)
        var salt = SecretGenerator(seed: configuration.secretSeed + Array("job numbers".utf8))
        jobSalt = salt.bytes(4).reduce(0) { $0 << 8 | UInt32($1) }
        admission = AdmissionControl(configuration.admission)
        ledger = configuration.ledger.map { PoolLedger($0) }
        terms = WorkTerms(
            rewards: RewardOutputs(configuration.payout),
            layout: .pool(serverID: configuration.serverID),
            isVersionRollingAllowed: configuration.isVersionRollingAllowed)
        prefixes = ExtranonceAllocator(fixed: terms.layout.fixed, indexSize: terms.layout.indexSize)
        let unixTime = configuration.clock.unixSeconds(at: .start)
        (credentials, credentialsRenewAt) = PoolMachine.issueCredentials(configuration, unixTime: unixTime)
        if configuration.work == .templateProvider { timers.set(.dial, .start) }
    }

    /// What a pool's address carries: `stratum2+tcp://host:port/KEY`.
    public var authorityPublicKey: AuthorityPublicKey { configuration.authority.publicKey }

    public var nextDeadline: Instant? {
        guard let acknowledgement = acknowledgements.nextDeadline else { return timers.next }
        return timers.next.map { min($0, acknowledgement) } ?? acknowledgement
    }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        switch origin {
        case .dialed: templateProviderOpened(id, at: now, into: &effects)
        case .accepted(let listener, let address):
            accept(id, on: listener, from: address, at: now, into: &effects)
        }
        flush(id, into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        noteTime(now)
        defer { settleLedger(into: &effects) }
        if id == templateProvider.connection {
            templateProviderReceived(bytes, at: now, into: &effects)
            return
        }
        guard let place = places[id] else { return }
        receive(bytes, on: place, at: now, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        if id == templateProvider.connection {
            templateProviderLost(reason, at: now, into: &effects)
            return
        }
        noteTime(now)
        defer { settleLedger(into: &effects) }
        guard let place = places[id] else { return }
        forget(place, reason: reason, at: now, into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard dial == .templateProvider else { return }
        templateProviderLost(reason, at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming PoolCommand, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        noteTime(now)
        defer { settleLedger(into: &effects) }
        switch command {
        case .setClock(let clock): self.clock = clock
        case .disconnect(let id, let text):
            if let place = places[id] { close(place, .closed(text), into: &effects) }
        case .refreshJob: refreshJob(at: now, into: &effects)
        case .drain(let host, let port, let grace):
            startDrain(Drain(host: host, port: port), grace: grace, at: now, into: &effects)
        case .resume: endDrain()
        case .reconnect(let id, let host, let port):
            reconnect(id, host: host, port: port, at: now, into: &effects)
        case .closeChannel(let key, let reason):
            closeChannel(key, reason: reason, at: now, into: &effects)
        case .setTarget(let key, let target): pin(key, to: target, at: now, into: &effects)
        case .changePrefix(let key): changePrefix(key, at: now, into: &effects)
        case .ban(let address, let time): ban(address, for: time, at: now, into: &effects)
        case .liftBan(let address): admission.lift(address)
        case .setVardiff(let key, let algorithm): setVardiff(algorithm, of: key, at: now)
        case .endpointChanged(let key): tellEndpointChanged(key, into: &effects)
        case .revokeTokens(let identity): revokeTokens(of: identity, at: now)
        case .change(let change): apply(change, at: now, into: &effects)
        case .ledgerFolded(let sequence): ledger?.folded(through: sequence, into: &effects)
        case .settle: settleAll(into: &effects)
        }
    }

    /// Sends what was written for this connection.
    mutating func flush(_ id: ConnectionID, into effects: inout EffectBuffer<PoolObservation>) {
        guard out.count > 0 else { return }
        settleLedger(into: &effects)
        effects.send(on: id) { writer in out.bytes.withUnsafeBytes { writer.write($0) } }
        out.removeAll()
    }

    static func issueCredentials(
        _ configuration: PoolConfiguration, unixTime: UInt32
    ) -> (NoiseCredentials, renewAt: UInt32) {
        let validity = UInt32(clamping: configuration.certificateValidity.nanoseconds / 1_000_000_000)
        let (end, overflow) = unixTime.addingReportingOverflow(validity)
        let credentials = NoiseCredentials.issue(
            authority: configuration.authority, staticKey: configuration.staticKey, validFrom: unixTime,
            notValidAfter: overflow ? .max : end)
        return (credentials, overflow ? .max : unixTime + validity / 2)
    }

    /// The certificate for the next handshake, renewed when half of its time is over.
    mutating func currentCredentials(at now: Instant) -> NoiseCredentials {
        let unixTime = clock.unixSeconds(at: now)
        if unixTime >= credentialsRenewAt {
            (credentials, credentialsRenewAt) = PoolMachine.issueCredentials(
                configuration, unixTime: unixTime)
        }
        return credentials
    }
}
