import NIOCore
import NIOPosix
import SansIO

/// What a host keeps on the event loop and what does not depend on the machine's type: connections, listeners, the
/// one timer, journals. Everything but the constants is touched on `loop` only.
@usableFromInline
final class HostDriver: @unchecked Sendable, NIOScheduledCallbackHandler {
    let loop: any EventLoop
    let world: LiveWorld
    private let dialFrom: String?
    private let storage: (any DurableStorage)?
    private let onFault: @Sendable (StorageFault) -> Void

    /// The machine; set once, before anything is heard.
    private var calls: MachineCalls!
    private var connections: [ConnectionID: ConnectionHandler] = [:]
    private var dirty: [ConnectionHandler] = []
    private var slow: [ConnectionHandler] = []
    private var journals: [StoreID: Journal] = [:]
    /// Journals whose records need not be on the disk itself before a send.
    private var unforced: Set<StoreID> = []
    /// Some of those hold records that the operating system does not have yet.
    private var hasBuffered = false
    private var isFlushQueued = false
    /// Journals with records that are not on the disk itself.
    private var unsynced: Set<StoreID> = []
    private var listeners: [any Channel] = []
    private var lastConnection: UInt64 = 0
    private var armed: (deadline: Instant, callback: NIOScheduledCallback)?
    private var latest = Instant.start
    private(set) var isStopping = false
    private var isDraining = false
    private var drained: EventLoopPromise<Void>?

    @usableFromInline
    init(
        loop: any EventLoop, world: LiveWorld, dialFrom: String?, storage: (any DurableStorage)?,
        onFault: @escaping @Sendable (StorageFault) -> Void
    ) {
        self.storage = storage
        self.onFault = onFault
        self.loop = loop
        self.world = world
        self.dialFrom = dialFrom
    }

    @usableFromInline
    func adopt(_ calls: MachineCalls) { self.calls = calls }

    // MARK: from outside the loop

    func listen(
        _ listener: ListenerID, on endpoint: Endpoint, namesPorts: Bool, tls: TLSServer?
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

    func start() {
        loop.execute { [self] in turn { calls.deadlineReached($0) } }
    }

    func stop() async {
        let done = loop.makePromise(of: Void.self)
        loop.execute { [self] in
            guard !isStopping else { return done.succeed() }
            guard writeBuffered() else { return done.succeed() }
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

    func opened(_ handler: ConnectionHandler, origin: ConnectionOrigin) {
        guard !isStopping else { return handler.close(.shutdown) }
        connections[handler.id] = handler
        if let local = handler.context?.channel.localAddress, let host = local.ipAddress,
            let port = local.port
        {
            calls.bound(handler.id, Endpoint(host: host, port: UInt16(truncatingIfNeeded: port)))
        }
        turn { calls.opened(handler.id, origin, $0) }
    }

    func received(_ buffer: ByteBuffer, on handler: ConnectionHandler) {
        guard !isStopping else { return }
        calls.received(buffer.readableBytesSpan, handler.id, now())
    }

    func closed(_ handler: ConnectionHandler, reason: CloseReason) {
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
        turn { calls.closed(handler.id, reason, $0) }
    }

    @usableFromInline
    func handleScheduledCallback(eventLoop: some EventLoop) {
        armed = nil
        turn { calls.deadlineReached($0) }
    }

    func breakConnections() {
        for id in connections.keys.sorted() { connections[id]?.close(.networkFailure("connection broken")) }
    }

    /// One call of the machine that is not a part of a channel's reads, and the flush after it.
    func turn(_ body: (Instant) -> Void) {
        guard !isStopping else { return }
        body(now())
        flushWritten()
    }

    /// Writes what the last event handed over: one system call for each connection that was written to. When records
    /// wait for the operating system, that is put off to the end of the loop's turn: all records of the turn are then
    /// written by one call, and what acknowledges them leaves after it.
    func flushWritten() {
        guard hasBuffered else { return flushConnections() }
        guard !isFlushQueued else { return }
        isFlushQueued = true
        loop.assumeIsolated().execute { [self] in
            isFlushQueued = false
            guard writeBuffered() else { return }
            flushConnections()
        }
    }

    private func flushConnections() {
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

    // MARK: effects; those that answer false have failed, and the rest must not be carried out

    @usableFromInline
    func beginDrain() -> Bool {
        if let fault = storage?.fault {
            fail(fault)
            return false
        }
        isDraining = true
        return true
    }

    @usableFromInline
    func send(_ bytes: UnsafeRawBufferPointer, on id: ConnectionID) -> Bool {
        guard syncJournals() else { return false }
        guard let handler = connections[id] else { return true }
        if !handler.write(bytes) { slow.append(handler) }
        if !handler.needsFlush {
            handler.needsFlush = true
            dirty.append(handler)
        }
        return true
    }

    @usableFromInline
    func close(_ id: ConnectionID, _ reason: CloseReason) -> Bool {
        guard syncJournals(), writeBuffered() else { return false }
        connections[id]?.close(reason)
        return true
    }

    @usableFromInline
    func pauseReads(_ id: ConnectionID, _ pause: Bool) { connections[id]?.pauseReads(pause) }

    /// After the last effect: closes who is too far behind, and arms the timer.
    @usableFromInline
    func endDrain(next: Instant?) {
        guard syncJournals(), slow.isEmpty || writeBuffered() else { return }
        isDraining = false
        if !slow.isEmpty {
            let handlers = slow
            slow.removeAll()
            for handler in handlers { handler.close(.slowConsumer) }
        }
        if let next { arm(next) }
    }

    // MARK: stores

    /// - Throws: what keeps the journal from being read.
    func openJournal(
        _ id: StoreID, at path: String, forced: Bool, restore: (RawSpan) -> Void
    ) throws {
        if !forced { unforced.insert(id) }
        journals[id] = try Journal(path: path, restore)
    }

    @usableFromInline
    func append(_ bytes: UnsafeRawBufferPointer, to store: StoreID) -> Bool {
        guard let journal = journals[store] else { return true }
        if unforced.contains(store) {
            journal.buffer(bytes)
            hasBuffered = true
            return true
        }
        do throws(StorageFault) { try journal.append(bytes) } catch {
            fail(error)
            return false
        }
        unsynced.insert(store)
        return true
    }

    @usableFromInline
    func restart(_ store: StoreID) -> Bool {
        do throws(StorageFault) { try journals[store]?.restart() } catch {
            fail(error)
            return false
        }
        unsynced.insert(store)
        return true
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

    /// Hands buffered records to the operating system; false if that failed.
    private func writeBuffered() -> Bool {
        guard hasBuffered else { return true }
        hasBuffered = false
        for store in unforced {
            do throws(StorageFault) { try journals[store]?.writeBuffered() } catch {
                fail(error)
                return false
            }
        }
        return true
    }

    /// A store that cannot store must not acknowledge: the machine is not heard any more.
    private func fail(_ fault: StorageFault) {
        isDraining = false
        guard !isStopping else { return }
        isStopping = true
        armed?.callback.cancel()
        armed = nil
        onFault(fault)
    }

    /// Keeps the timer at or before the machine's deadline. A timer that is too early costs one empty turn, which
    /// is cheaper than cancelling and setting it again at each event.
    private func arm(_ next: Instant) {
        guard !isStopping else { return }
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
            let handler = ConnectionHandler(driver: self, id: ConnectionID(lastConnection), origin: origin)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }

    @usableFromInline
    func dial(_ dial: DialID, to endpoint: Endpoint) {
        var bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(RuntimeLimits.dialTimeoutSeconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
            .channelInitializer { [self] channel in addHandler(to: channel, origin: .dialed(dial)) }
        if let dialFrom, let address = try? SocketAddress(ipAddress: dialFrom, port: 0) {
            bootstrap = bootstrap.bind(to: address)
        }
        bootstrap.connect(host: endpoint.host, port: Int(endpoint.port)).whenFailure { [self] error in
            let reason = CloseReason.networkFailure(describe(error))
            turn { calls.dialFailed(dial, reason, $0) }
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
