import NIOCore
import NIOPosix
import SansIO

/// Runs one machine in the live world: all of its connections, its one timer and its stores live on one event
/// loop, so the machine needs no lock and a message is judged on the loop that received it.
///
/// Every effect of one call is carried out before the next call, in order; a `.store` is on the disk before any later
/// `.send` leaves.
public final class MachineHost<M: Machine & ~Copyable>: @unchecked Sendable, NIOScheduledCallbackHandler {
    public typealias Observer = @Sendable (M.Observation, Instant) -> Void

    public let loop: any EventLoop
    public let world: LiveWorld
    private let observer: Observer
    private let dialFrom: String?
    private let storage: (any DurableStorage)?
    private let onFault: @Sendable (StorageFault) -> Void

    // Everything below is touched on `loop` only.
    private var machine: M
    private var effects = EffectBuffer<M.Observation>()
    private var connections: [ConnectionID: ConnectionHandler<M>] = [:]
    private var dirty: [ConnectionHandler<M>] = []
    private var journals: [StoreID: Journal] = [:]
    /// Journals with records that are not on the disk itself.
    private var unsynced: Set<StoreID> = []
    private var listeners: [any Channel] = []
    private var lastConnection: UInt64 = 0
    private var armed: (deadline: Instant, callback: NIOScheduledCallback)?
    private var latest = Instant.start
    private var isStopping = false
    private var isDraining = false
    private var drained: EventLoopPromise<Void>?

    /// - Parameter dialFrom: the local address of outgoing connections (one of 127.0.0.0/8 spreads a fleet over
    ///   more ports); nil lets the system choose.
    /// - Parameter storage: what the machine keeps more in than memory holds. Once it has failed, nothing that the
    ///   machine says is carried out any more, and `onFault` is called, on the loop; it should end the process.
    public init(
        _ machine: consuming M, loop: any EventLoop, world: LiveWorld, dialFrom: String? = nil,
        storage: (any DurableStorage)? = nil,
        onFault: @escaping @Sendable (StorageFault) -> Void = { fatalError($0.description) },
        observer: @escaping Observer
    ) {
        self.storage = storage
        self.onFault = onFault
        self.machine = machine
        self.loop = loop
        self.world = world
        self.dialFrom = dialFrom
        self.observer = observer
    }

    // MARK: from outside the loop

    /// Listens and answers with the bound endpoint (the port is real where `endpoint` said 0). The machine is told
    /// the address that a connection comes from, and its port as well when it `namesPorts`. With `tls` the machine
    /// speaks plainly and its peers in TLS.
    public func listen(
        _ listener: ListenerID, on endpoint: Endpoint, namesPorts: Bool = false, tls: TLSServer? = nil
    ) async throws -> Endpoint {
        let bootstrap = ServerBootstrap(group: loop, childGroup: loop)
            .serverChannelOption(.backlog, value: RuntimeLimits.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
            .childChannelInitializer { [self] channel in
                let host = channel.remoteAddress?.ipAddress ?? "unknown"
                let port = channel.remoteAddress?.port.map { UInt16(truncatingIfNeeded: $0) } ?? 0
                let peer = namesPorts ? Endpoint(host: host, port: port).description : host
                return addHandler(to: channel, origin: .accepted(on: listener, from: peer), tls: tls)
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: endpoint.host, port: Int(endpoint.port)).get()
        } catch {
            throw ListenError(endpoint: endpoint, error: error)
        }
        try await loop.submit { [self] in listeners.append(channel) }.get()
        return Endpoint(host: endpoint.host, port: UInt16(channel.localAddress?.port ?? Int(endpoint.port)))
    }

    /// Hands a command to the machine.
    public func send(_ command: M.Command) {
        loop.execute { [self] in
            guard !isStopping else { return }
            machine.handle(command, at: now(), into: &effects)
            drain()
            flushWritten()
        }
    }

    /// Reads from the machine on its loop.
    public func query<R: Sendable>(_ body: @escaping @Sendable (borrowing M) -> R) async throws -> R {
        try await loop.submit { [self] in body(machine) }.get()
    }

    /// Arms the timer for the first time. Call it after the listeners stand.
    public func start() {
        loop.execute { [self] in
            machine.deadlineReached(at: now(), into: &effects)
            drain()
            flushWritten()
        }
    }

    /// Staged: no new connections, no more events to the machine, the last bytes out, connections closed in
    /// batches, journals closed.
    public func stop() async {
        let done = loop.makePromise(of: Void.self)
        loop.execute { [self] in
            guard !isStopping else { return done.succeed() }
            isStopping = true
            armed?.callback.cancel()
            armed = nil
            for listener in listeners { listener.close(promise: nil) }
            flushWritten()
            drained = done
            closeBatch()
            loop.assumeIsolated().scheduleTask(in: .milliseconds(RuntimeLimits.flushGraceMilliseconds)) {
                [self] in
                drained?.succeed()
                drained = nil
            }
        }
        try? await done.futureResult.get()
        try? await loop.submit { [self] in
            for id in journals.keys.sorted(by: { $0.raw < $1.raw }) { journals[id]?.close() }
            journals.removeAll()
        }.get()
    }

    // MARK: on the loop

    func opened(_ handler: ConnectionHandler<M>, origin: ConnectionOrigin) {
        guard !isStopping else { return handler.close(.shutdown) }
        connections[handler.id] = handler
        if let local = handler.context?.channel.localAddress, let host = local.ipAddress,
            let port = local.port
        {
            machine.connectionBound(
                handler.id, to: Endpoint(host: host, port: UInt16(truncatingIfNeeded: port)))
        }
        machine.connectionOpened(handler.id, origin: origin, at: now(), into: &effects)
        drain()
        flushWritten()
    }

    func received(_ buffer: ByteBuffer, on handler: ConnectionHandler<M>) {
        guard !isStopping else { return }
        machine.bytesReceived(buffer.readableBytesSpan, on: handler.id, at: now(), into: &effects)
        drain()
    }

    func closed(_ handler: ConnectionHandler<M>, reason: CloseReason) {
        // A write or a close may end a channel at once, in the middle of a drain; the machine hears of it after.
        if isDraining { return loop.assumeIsolated().execute { [self] in closed(handler, reason: reason) } }
        guard connections.removeValue(forKey: handler.id) != nil else { return }
        if isStopping {
            if connections.isEmpty {
                drained?.succeed()
                drained = nil
            }
            return
        }
        machine.connectionClosed(handler.id, reason: reason, at: now(), into: &effects)
        drain()
        flushWritten()
    }

    public func handleScheduledCallback(eventLoop: some EventLoop) {
        armed = nil
        guard !isStopping else { return }
        let now = now()
        if let next = machine.nextDeadline, next <= now {
            machine.deadlineReached(at: now, into: &effects)
        }
        drain()
        flushWritten()
    }

    /// Writes what the last event handed over: one system call for each connection that was written to.
    func flushWritten() {
        guard !dirty.isEmpty else { return }
        let handlers = dirty
        dirty.removeAll(keepingCapacity: true)
        for handler in handlers { handler.flush() }
    }

    /// The world's time, never going back.
    private func now() -> Instant {
        latest = max(latest, world.now)
        return latest
    }

    private func drain() {
        if let fault = storage?.fault { return fail(fault) }
        isDraining = true
        var slow: [ConnectionHandler<M>] = []
        for index in 0..<effects.count {
            switch effects[index] {
            case .send(let id, let range):
                guard syncJournals() else { return }
                guard let handler = connections[id] else { continue }
                if !handler.write(buffer(range, for: handler)) { slow.append(handler) }
                if !handler.needsFlush {
                    handler.needsFlush = true
                    dirty.append(handler)
                }
            case .close(let id, let reason):
                guard syncJournals() else { return }
                connections[id]?.close(reason)
            case .dial(let dial, let endpoint): self.dial(dial, to: endpoint)
            case .store(let store, let range):
                guard append(range, to: store) else { return }
            case .restart(let store):
                do throws(StorageFault) { try journals[store]?.restart() } catch { return fail(error) }
                unsynced.insert(store)
            case .pauseReads(let id, let pause): connections[id]?.pauseReads(pause)
            case .observe(let observation): observer(observation, latest)
            }
        }
        guard syncJournals() else { return }
        effects.reset()
        isDraining = false
        for handler in slow { handler.close(.slowConsumer) }
        arm()
    }

    // MARK: stores

    private func append(_ range: Range<Int>, to store: StoreID) -> Bool {
        guard let journal = journals[store] else { return true }
        let fault = effects.withBytes(range) { bytes -> StorageFault? in
            do throws(StorageFault) { try journal.append(bytes) } catch { return error }
            return nil
        }
        if let fault { fail(fault) } else { unsynced.insert(store) }
        return fault == nil
    }

    /// Forces what was appended to the disk, before anything that acknowledges it leaves; false if that failed.
    private func syncJournals() -> Bool {
        guard !unsynced.isEmpty else { return true }
        for store in unsynced {
            do throws(StorageFault) { try journals[store]?.sync() } catch {
                fail(error)
                return false
            }
        }
        unsynced.removeAll()
        return true
    }

    /// A store that cannot store must not acknowledge: the machine is not heard any more.
    private func fail(_ fault: StorageFault) {
        effects.reset()
        isDraining = false
        guard !isStopping else { return }
        isStopping = true
        armed?.callback.cancel()
        armed = nil
        onFault(fault)
    }

    private func buffer(_ range: Range<Int>, for handler: ConnectionHandler<M>) -> ByteBuffer {
        let allocator = handler.context?.channel.allocator ?? ByteBufferAllocator()
        var buffer = allocator.buffer(capacity: range.count)
        effects.withBytes(range) { bytes in _ = buffer.writeBytes(bytes) }
        return buffer
    }

    /// Keeps the timer at or before the machine's deadline. A timer that is too early costs one empty turn, which
    /// is cheaper than cancelling and setting it again at each event.
    private func arm() {
        guard !isStopping, let next = machine.nextDeadline else { return }
        if let armed {
            guard next < armed.deadline else { return }
            armed.callback.cancel()
        }
        do {
            let callback = try loop.assumeIsolated().scheduleCallback(at: world.deadline(next), handler: self)
            armed = (next, callback)
        } catch {
            armed = nil
        }
    }

    private func addHandler(
        to channel: any Channel, origin: ConnectionOrigin, tls: TLSServer? = nil
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            if let tls {
                guard let session = TLSSession(tls) else { throw TLSFault(description: "no memory for TLS") }
                try channel.pipeline.syncOperations.addHandler(TLSHandler(session))
            }
            lastConnection += 1
            let handler = ConnectionHandler(host: self, id: ConnectionID(lastConnection), origin: origin)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }

    private func dial(_ dial: DialID, to endpoint: Endpoint) {
        var bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(RuntimeLimits.dialTimeoutSeconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
            .channelInitializer { [self] channel in addHandler(to: channel, origin: .dialed(dial)) }
        if let dialFrom, let address = try? SocketAddress(ipAddress: dialFrom, port: 0) {
            bootstrap = bootstrap.bind(to: address)
        }
        bootstrap.connect(host: endpoint.host, port: Int(endpoint.port)).whenFailure { [self] error in
            guard !isStopping else { return }
            machine.dialFailed(dial, reason: .networkFailure(describe(error)), at: now(), into: &effects)
            drain()
            flushWritten()
        }
    }

    private func closeBatch() {
        let batch = connections.keys.sorted().prefix(RuntimeLimits.closesPerTurn)
        for id in batch { connections[id]?.close(.shutdown) }
        if connections.isEmpty {
            drained?.succeed()
            drained = nil
        } else {
            loop.execute { [self] in if drained != nil { closeBatch() } }
        }
    }
}

extension MachineHost where M: DurableMachine & ~Copyable {
    /// Opens the stores under `directory`, reads every record back into the machine and keeps appending to them.
    /// Call it before listening. Answers the number of records read.
    public func open(stores: [(StoreID, name: String)], under directory: DataDirectory) async throws -> Int {
        try await loop.submit { [self] in
            var count = 0
            for (id, name) in stores {
                journals[id] = try Journal(path: directory.path(name)) { record in
                    machine.restore(record, from: id)
                    count += 1
                }
            }
            return count
        }.get()
    }
}
