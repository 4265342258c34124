import SansIO

/// The virtual world: the same machines as in the live world, one event heap, seeded links, and time as fast as
/// the processor goes. Single-threaded; the same seed and the same calls give the same bytes at the same instants,
/// which ``digest`` tells in one number.
public final class VirtualWorld {
    public private(set) var now = Instant.start
    /// Events so far: deadlines, segments, openings and closings.
    public internal(set) var eventCount: UInt64 = 0
    public private(set) var deliveredBytes: UInt64 = 0
    /// Bytes that were sent on connections which accounts' nodes dialled, since ``takeCarried()``.
    private var carried: [CarriedBytes] = []
    /// Records that machines stored.
    public var storedRecords: UInt64 = 0
    /// Whether ``records(of:in:)`` holds what machines store. A long experiment without restarts needs no such heap.
    public var keepsRecords = false

    struct Connection {
        var dialer: NodeID
        var dialerID: ConnectionID
        var dial: DialID
        var listener: NodeID
        var listenerID: ConnectionID?
        var port: ListenerID
        var toListener: Link
        var toDialer: Link
        var pendingToListener: [[UInt8]] = []
        var pendingToDialer: [[UInt8]] = []
        var headToListener = 0
        var headToDialer = 0
        var dialerOpen = true
        var listenerOpen = true
        /// What the side that closed said; the other side sees its peer close.
        var closeReason = CloseReason.peerClosed
        var closedByDialer = false
        /// A side closed it: the other one hears of that.
        var endsInOrder = false
        var isEstablished = false
        /// Nothing arrives before.
        var stalledUntil = Instant.start
        /// The path has forgotten it: what is sent arrives nowhere, and nobody is told.
        var isSevered = false
        /// Bytes that were sent to a side whose host is dark: its kernel answers them with a reset when it is back.
        var dialerOwesReset = false
        var listenerOwesReset = false
    }

    private let seed: UInt64
    var heap = EventHeap()
    var nodes: [Node] = []
    private var listeners: [Endpoint: (node: NodeID, port: ListenerID)] = [:]
    var connections: [Connection] = []
    /// Until when a node is cut off.
    var partitions: [NodeID: Instant] = [:]
    var stores: [NodeID: [StoreID: [[UInt8]]]] = [:]
    private var connectionCount: UInt64 = 0
    var links: [NodeID: LinkProfile] = [:]
    private var scripts: [(VirtualWorld) -> Void] = []
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    public init(seed: UInt64) { self.seed = seed }

    /// One number for everything that was delivered, to whom and when.
    public var digest: UInt64 { hash }

    /// Adds a machine. `link` is the path between it and whatever it dials; nil for the loopback.
    @inlinable
    public func add<M: Machine & ~Copyable>(
        _ machine: consuming M, listening: [(ListenerID, Endpoint)] = [], link: LinkProfile? = nil,
        observer: @escaping (M.Observation, Instant) -> Void
    ) -> NodeID {
        let id = nextNodeID
        let box = MachineBox(machine, id: id, world: self, observer: observer)
        insert(Node(calls: NodeCalls(box), box: box), listening: listening, link: link)
        return id
    }

    @usableFromInline var nextNodeID: NodeID { NodeID(index: Int32(nodes.count)) }

    @usableFromInline
    func insert(_ node: Node, listening: [(ListenerID, Endpoint)], link: LinkProfile?) {
        let id = nextNodeID
        nodes.append(node)
        for (port, endpoint) in listening { listeners[endpoint] = (id, port) }
        links[id] = link
        heap.push(.deadline(node: id.index), at: now)
        node.armed = now
    }

    /// Hands a command to a machine, now.
    public func send<M: Machine & ~Copyable>(_ command: consuming M.Command, to id: NodeID, as type: M.Type) {
        typed(id, as: type).handle(command, at: now)
    }

    /// Counts the bytes of all connections that a node dials, from and to it, on an account from 0.
    public func count(_ id: NodeID, on account: Int) {
        while carried.count <= account { carried.append(CarriedBytes()) }
        nodes[Int(id.index)].account = Int32(account)
    }

    /// What every account's nodes sent and were sent since the last call: as the machines hand it to the network,
    /// encrypted and framed, without TCP's own headers.
    public func takeCarried() -> [CarriedBytes] {
        defer { for account in carried.indices { carried[account] = CarriedBytes() } }
        return carried
    }

    /// Reads from a machine.
    public func query<M: Machine & ~Copyable, R>(_ id: NodeID, as type: M.Type, _ body: (borrowing M) -> R)
        -> R
    {
        body(typed(id, as: type).machine)
    }

    /// Runs `body` when the world reaches `instant`: the timeline of an experiment.
    public func schedule(at instant: Instant, _ body: @escaping (VirtualWorld) -> Void) {
        scripts.append(body)
        heap.push(.script(index: Int32(scripts.count - 1)), at: max(instant, now))
    }

    /// Runs until `end`; events at `end` itself still happen. Stops early when nothing is left or `enough` says so
    /// (asked after each event).
    public func run(until end: Instant, enough: () -> Bool = { false }) {
        while let next = heap.nextTime, next <= end.nanoseconds {
            guard let entry = heap.pop() else { return }
            now = Instant(nanoseconds: entry.at)
            perform(entry.event)
            if enough() { return }
        }
        now = max(now, end)
    }

    // MARK: what nodes ask for

    @usableFromInline
    func arm(_ id: NodeID) {
        let node = nodes[Int(id.index)]
        guard node.state == .up else { return }
        guard let next = node.calls.nextDeadline() else {
            node.armed = .distantFuture
            return
        }
        guard next != node.armed else { return }
        node.armed = next
        heap.push(.deadline(node: id.index), at: max(next, now))
    }

    @usableFromInline
    func send(_ bytes: [UInt8], on id: ConnectionID, from node: NodeID) {
        guard let index = nodes[Int(node.index)].connection(id) else { return }
        let i = Int(index)
        guard !connections[i].isSevered else {
            return loseBytes(on: index, toDialer: connections[i].dialer != node)
        }
        if connections[i].dialer != node {
            if let cut = connections[i].toDialer.cut(of: bytes.count) {
                enqueue(Array(bytes[..<cut]), on: index, toDialer: true)
                enqueue(Array(bytes[cut...]), on: index, toDialer: true)
            } else {
                enqueue(bytes, on: index, toDialer: true)
            }
        } else if let cut = connections[i].toListener.cut(of: bytes.count) {
            enqueue(Array(bytes[..<cut]), on: index, toDialer: false)
            enqueue(Array(bytes[cut...]), on: index, toDialer: false)
        } else {
            enqueue(bytes, on: index, toDialer: false)
        }
    }

    @usableFromInline
    func close(_ id: ConnectionID, from node: NodeID, reason: CloseReason) {
        guard let index = nodes[Int(node.index)].connection(id) else { return }
        nodes[Int(node.index)].setConnection(id, nil)
        let i = Int(index)
        let fromDialer = connections[i].dialer == node
        connections[i].closeReason = reason
        connections[i].closedByDialer = fromDialer
        connections[i].endsInOrder = true
        // The side that closes hears of it at once, the other after what was sent before.
        let arrival =
            fromDialer
            ? connections[i].toListener.arrivalTime(of: 0, sentAt: now)
            : connections[i].toDialer.arrivalTime(of: 0, sentAt: now)
        heap.push(.closed(connection: index, toDialer: fromDialer), at: now)
        heap.push(.closed(connection: index, toDialer: !fromDialer), at: arrival)
    }

    @usableFromInline
    func dial(_ dial: DialID, to endpoint: Endpoint, from node: NodeID) {
        let profile = links[node] ?? .loopback
        connectionCount += 1
        var toListener = Link(profile: profile, seed: seed, stream: 2 * connectionCount)
        let toDialer = Link(profile: profile, seed: seed, stream: 2 * connectionCount + 1)
        let arrival = toListener.arrivalTime(of: 0, sentAt: now)
        guard let target = listeners[endpoint] else {
            refuse(dial, of: node, .refused, at: arrival + profile.delay)
            return
        }
        let partitionEnd = max(partitions[node] ?? .start, partitions[target.node] ?? .start)
        if partitionEnd > now + Limits.dialTimeout {
            refuse(dial, of: node, .timedOut, at: now + Limits.dialTimeout)
            return
        }
        var connection = Connection(
            dialer: node, dialerID: nodes[Int(node.index)].nextConnectionID(), dial: dial,
            listener: target.node,
            listenerID: nil, port: target.port, toListener: toListener, toDialer: toDialer)
        connection.stalledUntil = partitionEnd
        let index = Int32(connections.count)
        connections.append(connection)
        heap.push(.arrival(connection: index), at: arrival)
    }

    // MARK: events

    private func perform(_ event: Event) {
        switch event {
        case .deadline(let index):
            let node = nodes[Int(index)]
            guard node.armed == now, node.state == .up else { return }
            eventCount += 1
            node.armed = .distantFuture
            node.calls.deadlineReached(now)
        case .segment(let index, let toDialer):
            if !isStalled(index, event) { deliver(index, toDialer: toDialer) }
        case .arrival(let index):
            if !isStalled(index, event) { arrive(index) }
        case .established(let index):
            if !isStalled(index, event) { establish(index) }
        case .refused(let index, let life, let dial, let failure):
            let node = nodes[Int(index)]
            guard node.state == .up, node.life == life else { return }
            eventCount += 1
            node.calls.dialFailed(DialID(dial), failure.reason, now)
        case .closed(let index, let toDialer): end(index, toDialer: toDialer, event)
        case .broken(let index, let toDialer, let failure): lose(index, toDialer: toDialer, failure)
        case .script(let index):
            eventCount += 1
            scripts[Int(index)](self)
        }
    }

    private func enqueue(_ bytes: [UInt8], on index: Int32, toDialer: Bool) {
        let i = Int(index)
        let account = Int(nodes[Int(connections[i].dialer.index)].account)
        if account >= 0 { carried[account].add(UInt64(bytes.count), toDialer: toDialer) }
        let arrival: Instant
        if toDialer {
            arrival = connections[i].toDialer.arrivalTime(of: bytes.count, sentAt: now)
            connections[i].pendingToDialer.append(bytes)
        } else {
            arrival = connections[i].toListener.arrivalTime(of: bytes.count, sentAt: now)
            connections[i].pendingToListener.append(bytes)
        }
        heap.push(.segment(connection: index, toDialer: toDialer), at: arrival)
    }

    private func takeSegment(_ i: Int, toDialer: Bool) -> [UInt8] {
        if toDialer {
            let bytes = connections[i].pendingToDialer[connections[i].headToDialer]
            connections[i].headToDialer += 1
            if connections[i].headToDialer == connections[i].pendingToDialer.count {
                connections[i].pendingToDialer.removeAll(keepingCapacity: true)
                connections[i].headToDialer = 0
            }
            return bytes
        }
        let bytes = connections[i].pendingToListener[connections[i].headToListener]
        connections[i].headToListener += 1
        if connections[i].headToListener == connections[i].pendingToListener.count {
            connections[i].pendingToListener.removeAll(keepingCapacity: true)
            connections[i].headToListener = 0
        }
        return bytes
    }

    private func deliver(_ index: Int32, toDialer: Bool) {
        let i = Int(index)
        let bytes = takeSegment(i, toDialer: toDialer)
        let (node, id): (NodeID, ConnectionID?)
        if toDialer {
            (node, id) = (connections[i].dialer, connections[i].dialerOpen ? connections[i].dialerID : nil)
        } else {
            (node, id) = (
                connections[i].listener, connections[i].listenerOpen ? connections[i].listenerID : nil
            )
        }
        guard !connections[i].isSevered else { return }
        guard let id, nodes[Int(node.index)].connection(id) != nil else {
            return answerStranger(index, toDialer: toDialer)
        }
        eventCount += 1
        deliveredBytes += UInt64(bytes.count)
        fold(UInt64(UInt32(bitPattern: node.index)) << 32 ^ now.nanoseconds)
        fold(bytes)
        nodes[Int(node.index)].calls.received(bytes, id, now)
    }

    private func arrive(_ index: Int32) {
        let i = Int(index)
        guard connections[i].dialerOpen else { return }
        let listener = connections[i].listener
        guard nodes[Int(listener.index)].state == .up else { return missListener(index) }
        eventCount += 1
        let id = nodes[Int(listener.index)].nextConnectionID()
        connections[i].listenerID = id
        nodes[Int(listener.index)].setConnection(id, index)
        let established = connections[i].toDialer.arrivalTime(of: 0, sentAt: now)
        heap.push(.established(connection: index), at: established)
        let origin = ConnectionOrigin.accepted(
            on: connections[i].port, from: "node-\(connections[i].dialer.index)")
        nodes[Int(listener.index)].calls.opened(id, origin, now)
    }

    private func establish(_ index: Int32) {
        let i = Int(index)
        guard connections[i].dialerOpen else { return }
        eventCount += 1
        connections[i].isEstablished = true
        let dialer = connections[i].dialer
        nodes[Int(dialer.index)].setConnection(connections[i].dialerID, index)
        nodes[Int(dialer.index)].calls.opened(connections[i].dialerID, .dialed(connections[i].dial), now)
    }

    private func end(_ index: Int32, toDialer: Bool, _ event: Event) {
        let i = Int(index)
        if connections[i].closedByDialer != toDialer {
            if connections[i].isSevered || isStalled(index, event) { return }
            // What was sent before comes before, however long it was held up.
            let isEmpty =
                toDialer ? connections[i].pendingToDialer.isEmpty : connections[i].pendingToListener.isEmpty
            guard isEmpty else { return heap.push(event, at: now) }
        }
        let (node, id): (NodeID, ConnectionID?)
        if toDialer {
            guard connections[i].dialerOpen else { return }
            connections[i].dialerOpen = false
            (node, id) = (connections[i].dialer, connections[i].dialerID)
        } else {
            guard connections[i].listenerOpen else { return }
            connections[i].listenerOpen = false
            (node, id) = (connections[i].listener, connections[i].listenerID)
        }
        eventCount += 1
        if let id {
            nodes[Int(node.index)].setConnection(id, nil)
            let isOwn = connections[i].closedByDialer == toDialer
            nodes[Int(node.index)].calls.closed(id, isOwn ? connections[i].closeReason : .peerClosed, now)
        }
    }

    /// True when a stalled connection's event was put off.
    private func isStalled(_ index: Int32, _ event: Event) -> Bool {
        guard connections[Int(index)].stalledUntil > now else { return false }
        heap.push(event, at: connections[Int(index)].stalledUntil)
        return true
    }

    private func typed<M: Machine & ~Copyable>(_ id: NodeID, as type: M.Type) -> MachineBox<M> {
        guard let box = nodes[Int(id.index)].box as? MachineBox<M> else {
            preconditionFailure("node \(id.index) is no \(type)")
        }
        return box
    }

    @inline(__always)
    private func fold(_ word: UInt64) {
        hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
        hash ^= hash >> 29
    }

    private func fold(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { raw in
            var i = 0
            while i + 8 <= raw.count {
                fold(raw.loadUnaligned(fromByteOffset: i, as: UInt64.self))
                i += 8
            }
            var tail = UInt64(raw.count)
            while i < raw.count {
                tail = tail << 8 | UInt64(raw[i])
                i += 1
            }
            fold(tail)
        }
    }
}

/// Bytes on the connections of one account's nodes.
public struct CarriedBytes: Sendable, Equatable {
    /// From the nodes that dialled.
    public var up: UInt64 = 0
    /// To them.
    public var down: UInt64 = 0

    mutating func add(_ count: UInt64, toDialer: Bool) {
        if toDialer { down += count } else { up += count }
    }
}
