import SansIO

/// Why the network ended a connection or a dial.
enum LinkFailure: UInt8 {
    case refused
    case reset
    case timedOut

    var reason: CloseReason {
        switch self {
        case .refused: .networkFailure("connection refused")
        case .reset: .networkFailure("connection reset by peer")
        case .timedOut: .networkFailure("timed out")
        }
    }
}

/// What goes wrong between machines and with them. TCP's promise is kept throughout: within a connection nothing is
/// lost, doubled or reordered; it is late, or the connection ends, or one side never hears of its end.
extension VirtualWorld {
    /// Both sides of every connection that touches `id` lose it now; what was on its way is gone.
    public func reset(connectionsOf id: NodeID) {
        for index in liveConnections(of: id) { reset(index) }
    }

    /// The path forgets every connection that touches `id`, as a router does that was started anew: what is sent from
    /// now on arrives nowhere and nobody is told. A side that sends learns of it when its kernel gives up.
    public func sever(connectionsOf id: NodeID) {
        for index in liveConnections(of: id) { connections[Int(index)].isSevered = true }
    }

    /// Nothing arrives on the connections that touch `id` before `end`; then everything does, in order.
    public func stall(connectionsOf id: NodeID, until end: Instant) {
        for index in liveConnections(of: id) {
            connections[Int(index)].stalledUntil = max(connections[Int(index)].stalledUntil, end)
        }
    }

    /// The path between `id` and whatever it dials is another from here on; what is on its way keeps its time.
    public func changeLink(of id: NodeID, _ change: (inout LinkProfile) -> Void) {
        var link = links[id] ?? .loopback
        change(&link)
        links[id] = link
        for index in liveConnections(of: id) where connections[Int(index)].dialer == id {
            connections[Int(index)].toListener.profile = link
            connections[Int(index)].toDialer.profile = link
        }
    }

    /// Cuts `id` off from everybody until `end`: its connections stall, and dials from and to it go unanswered.
    public func partition(_ id: NodeID, until end: Instant) {
        stall(connectionsOf: id, until: end)
        partitions[id] = max(partitions[id] ?? .start, end)
    }

    /// Ends a machine's process. Its peers are told, unless the power went with it: then they find out by themselves.
    public func kill(_ id: NodeID, takesPower: Bool = false) {
        let node = nodes[Int(id.index)]
        guard node.state == .up else { return }
        node.state = takesPower ? .dark : .killed
        node.armed = .distantFuture
        for index in liveConnections(of: id) {
            let i = Int(index)
            let isDialer = connections[i].dialer == id
            if !isDialer, connections[i].listenerID == nil { continue }
            let wasOpenTo = isDialer ? connections[i].listenerOpen : connections[i].dialerOpen
            if isDialer { connections[i].dialerOpen = false } else { connections[i].listenerOpen = false }
            guard !takesPower, wasOpenTo, !connections[i].isSevered else { continue }
            tell(index, toDialer: !isDialer, .reset, at: now + delay(of: index))
        }
    }

    /// Ends a machine's process in the midst of its work: so many effects from now, whatever they are.
    public func kill(_ id: NodeID, afterEffects count: Int) { nodes[Int(id.index)].effectsLeft = count }

    /// Starts a machine in the place of one that was killed, with the same listeners and link.
    @inlinable
    public func start<M: Machine & ~Copyable>(
        _ machine: consuming M, as id: NodeID, observer: @escaping (M.Observation, Instant) -> Void
    ) {
        let box = MachineBox(machine, id: id, world: self, observer: observer)
        replace(id, calls: NodeCalls(box), box: box)
    }

    public func isUp(_ id: NodeID) -> Bool { nodes[Int(id.index)].state == .up }

    /// What a machine stored in a stream and did not begin anew, oldest first; see ``keepsRecords``.
    public func records(of id: NodeID, in store: StoreID) -> [[UInt8]] { stores[id]?[store] ?? [] }

    /// Bytes that were sent and have not arrived.
    public var bytesUnderway: Int {
        connections.reduce(0) { sum, one in
            sum + one.pendingToDialer.dropFirst(one.headToDialer).reduce(0) { $0 + $1.count }
                + one.pendingToListener.dropFirst(one.headToListener).reduce(0) { $0 + $1.count }
        }
    }

    // MARK: how

    /// Whether a machine lives to see its next effect performed.
    @usableFromInline
    func performs(_ id: NodeID) -> Bool {
        let node = nodes[Int(id.index)]
        if node.effectsLeft >= 0 {
            if node.effectsLeft == 0 { kill(id) }
            node.effectsLeft -= 1
        }
        return node.state == .up
    }

    @usableFromInline
    func replace(_ id: NodeID, calls: NodeCalls, box: AnyObject) {
        let old = nodes[Int(id.index)]
        precondition(old.state != .up, "node \(id.index) runs")
        let node = Node(calls: calls, box: box, life: old.life + 1)
        node.account = old.account
        nodes[Int(id.index)] = node
        heap.push(.deadline(node: id.index), at: now)
        node.armed = now
        for i in connections.indices {
            if connections[i].dialer == id, connections[i].dialerOwesReset {
                connections[i].dialerOwesReset = false
                tell(Int32(i), toDialer: false, .reset, at: now + Limits.retransmissionPause)
            }
            if connections[i].listener == id, connections[i].listenerOwesReset {
                connections[i].listenerOwesReset = false
                tell(Int32(i), toDialer: true, .reset, at: now + Limits.retransmissionPause)
            }
        }
    }

    @usableFromInline
    func keep(_ record: [UInt8], in store: StoreID, of id: NodeID) {
        stores[id, default: [:]][store, default: []].append(record)
    }

    @usableFromInline
    func forgetRecords(in store: StoreID, of id: NodeID) { stores[id]?[store] = nil }

    /// Connections of which a side is still open, in the order in which they were dialled.
    private func liveConnections(of id: NodeID) -> [Int32] {
        connections.indices.filter { i in
            (connections[i].dialer == id || connections[i].listener == id)
                && (connections[i].dialerOpen || connections[i].listenerOpen)
        }.map { Int32($0) }
    }

    private func delay(of index: Int32) -> Interval { connections[Int(index)].toDialer.profile.delay }

    private func reset(_ index: Int32) {
        tell(index, toDialer: true, .reset, at: now)
        tell(index, toDialer: false, .reset, at: now)
    }

    /// Tells a side that its connection broke; a dialler that has not heard of its connection yet, that there is none.
    private func tell(_ index: Int32, toDialer: Bool, _ failure: LinkFailure, at instant: Instant) {
        heap.push(.broken(connection: index, toDialer: toDialer, failure), at: instant)
    }

    func refuse(_ dial: DialID, of id: NodeID, _ failure: LinkFailure, at instant: Instant) {
        let life = nodes[Int(id.index)].life
        heap.push(.refused(node: id.index, life: life, dial: dial.raw, failure), at: instant)
    }

    /// A dial arrives where no process listens.
    func missListener(_ index: Int32) {
        let i = Int(index)
        connections[i].dialerOpen = false
        connections[i].listenerOpen = false
        if nodes[Int(connections[i].listener.index)].state == .dark {
            refuse(connections[i].dial, of: connections[i].dialer, .timedOut, at: now + Limits.dialTimeout)
        } else {
            refuse(connections[i].dial, of: connections[i].dialer, .refused, at: now + delay(of: index))
        }
    }

    /// Bytes on a connection that the path has forgotten: the sender's kernel tries for a while.
    func loseBytes(on index: Int32, toDialer: Bool) {
        tell(index, toDialer: !toDialer, .timedOut, at: now + Limits.retransmissionGiveUp)
    }

    /// Bytes for a connection that one side does not have any more.
    func answerStranger(_ index: Int32, toDialer: Bool) {
        let i = Int(index)
        let node = toDialer ? connections[i].dialer : connections[i].listener
        switch nodes[Int(node.index)].state {
        case .dark:
            if toDialer {
                connections[i].dialerOwesReset = true
            } else {
                connections[i].listenerOwesReset = true
            }
        case .up, .killed:
            // A side that closed in order has said so already.
            if !connections[i].endsInOrder {
                tell(index, toDialer: !toDialer, .reset, at: now + delay(of: index))
            }
        }
    }

    func lose(_ index: Int32, toDialer: Bool, _ failure: LinkFailure) {
        let i = Int(index)
        let node = toDialer ? connections[i].dialer : connections[i].listener
        guard toDialer ? connections[i].dialerOpen : connections[i].listenerOpen else { return }
        if toDialer { connections[i].dialerOpen = false } else { connections[i].listenerOpen = false }
        guard nodes[Int(node.index)].state == .up else { return }
        if toDialer, !connections[i].isEstablished {
            connections[i].listenerOpen = connections[i].listenerOpen && connections[i].listenerID != nil
            return refuse(connections[i].dial, of: node, failure, at: now)
        }
        guard let id = toDialer ? connections[i].dialerID : connections[i].listenerID else { return }
        eventCount += 1
        nodes[Int(node.index)].setConnection(id, nil)
        nodes[Int(node.index)].calls.closed(id, failure.reason, now)
    }
}
