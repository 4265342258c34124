import NIOCore
import SansIO

/// Runs one machine in the live world: all of its connections, its one timer and its stores live on one event
/// loop, so the machine needs no lock and a message is judged on the loop that received it.
///
/// Every effect of one call is carried out before the next call, in order; a `.store` is on the disk before any later
/// `.send` leaves.
public final class MachineHost<M: Machine & ~Copyable>: @unchecked Sendable {
    public typealias Observer = @Sendable (M.Observation, Instant) -> Void

    @usableFromInline let driver: HostDriver
    /// Touched on the loop only.
    @usableFromInline let box: MachineBox<M>

    public var loop: any EventLoop { driver.loop }
    public var world: LiveWorld { driver.world }

    /// - Parameter dialFrom: the local address of outgoing connections (one of 127.0.0.0/8 spreads a fleet over
    ///   more ports); nil lets the system choose.
    /// - Parameter storage: what the machine keeps more in than memory holds. Once it has failed, nothing that the
    ///   machine says is carried out any more, and `onFault` is called, on the loop; it should end the process.
    @inlinable
    public init(
        _ machine: consuming M, loop: any EventLoop, world: LiveWorld, dialFrom: String? = nil,
        storage: (any DurableStorage)? = nil,
        onFault: @escaping @Sendable (StorageFault) -> Void = { fatalError($0.description) },
        observer: @escaping Observer
    ) {
        driver = HostDriver(loop: loop, world: world, dialFrom: dialFrom, storage: storage, onFault: onFault)
        box = MachineBox(machine, driver: driver, observer: observer)
        driver.adopt(MachineCalls(box))
    }

    /// Listens and answers with the bound endpoint (the port is real where `endpoint` said 0). The machine is told
    /// the address that a connection comes from, and its port as well when it `namesPorts`. With `tls` the machine
    /// speaks plainly and its peers in TLS.
    public func listen(
        _ listener: ListenerID, on endpoint: Endpoint, namesPorts: Bool = false, tls: TLSServer? = nil
    ) async throws -> Endpoint {
        try await driver.listen(listener, on: endpoint, namesPorts: namesPorts, tls: tls)
    }

    /// Hands a command to the machine.
    public func send(_ command: M.Command) {
        driver.loop.execute { [self] in
            driver.turn { now in
                box.machine.handle(command, at: now, into: &box.effects)
                box.drain(at: now)
            }
        }
    }

    /// Reads from the machine on its loop.
    public func query<R: Sendable>(_ body: @escaping @Sendable (borrowing M) -> R) async throws -> R {
        try await driver.loop.submit { [self] in body(box.machine) }.get()
    }

    /// Breaks every connection, as when the network goes; the machine hears of each.
    public func breakConnections() {
        driver.loop.execute { [self] in driver.breakConnections() }
    }

    /// Arms the timer for the first time. Call it after the listeners stand.
    public func start() { driver.start() }

    /// Staged: no new connections, no more events to the machine, the last bytes out, connections closed in
    /// batches, journals closed.
    public func stop() async { await driver.stop() }
}

extension MachineHost where M: DurableMachine & ~Copyable {
    /// Opens the stores under `directory`, reads every record back into the machine and keeps appending to them.
    /// Call it before listening. Answers the number of records read.
    ///
    /// - Parameter forced: false for records that survive the process, but the power's going only as far as the
    ///   operating system had written them: they are handed to it before a later send leaves, many at a time.
    public func open(
        stores: [(StoreID, name: String)], under directory: DataDirectory, forced: Bool = true
    ) async throws -> Int {
        try await driver.loop.submit { [self] in
            var count = 0
            for (id, name) in stores {
                try driver.openJournal(id, at: directory.path(name), forced: forced) { record in
                    box.machine.restore(record, from: id)
                    count += 1
                }
            }
            return count
        }.get()
    }
}
