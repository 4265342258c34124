import SansIO

/// The connections that this node opens itself, and when it tries again.
struct Dialing: Sendable {
    struct Target: Sendable {
        let endpoint: Endpoint
        /// As the operator wrote it.
        let name: String
        let kind: Peer.Kind
        /// Kept up for good (-connect, -addnode, addnode add), or tried once.
        var isKept: Bool
        /// Whether version 2 of the transport is tried first.
        var usesV2: Bool
        var state = State.waiting(.start)
        var failures = 0
    }

    enum State: Sendable, Equatable {
        /// Next try at this instant of the driver's clock.
        case waiting(Instant)
        case dialing(DialID)
        case connected(ConnectionID)
        case done
    }

    private(set) var targets: [Target] = []
    private var nextDial: UInt32 = 1
    /// Those that were added with -addnode or addnode: getaddednodeinfo lists them.
    private(set) var added: [(name: String, usesV2: Bool)] = []

    init(_ configuration: NodeConfiguration) {
        for endpoint in configuration.connect.prefix(ChainLimits.addedNodes) {
            targets.append(
                Target(
                    endpoint: endpoint, name: endpoint.description, kind: .manual, isKept: true,
                    usesV2: configuration.v2Transport))
        }
        for endpoint in configuration.addNodes.prefix(ChainLimits.addedNodes) {
            add(endpoint, name: endpoint.description, usesV2: configuration.v2Transport)
        }
    }

    /// Keeps a connection to this node up. False if it was added before.
    @discardableResult
    mutating func add(_ endpoint: Endpoint, name: String, usesV2: Bool) -> Bool {
        guard !added.contains(where: { $0.name == name }), added.count < ChainLimits.addedNodes else {
            return false
        }
        added.append((name, usesV2))
        targets.append(
            Target(endpoint: endpoint, name: name, kind: .manual, isKept: true, usesV2: usesV2))
        return true
    }

    /// Forgets an added node; a standing connection stays, as in Core. False if it was not added.
    mutating func remove(name: String) -> Bool {
        guard let index = added.firstIndex(where: { $0.name == name }) else { return false }
        added.remove(at: index)
        for index in targets.indices where targets[index].name == name && targets[index].isKept {
            targets[index].isKept = false
            if case .waiting = targets[index].state { targets[index].state = .done }
        }
        sweep()
        return true
    }

    /// Tries once, now.
    mutating func tryOnce(_ endpoint: Endpoint, name: String, kind: Peer.Kind, usesV2: Bool) -> Bool {
        guard targets.count < ChainLimits.dials else { return false }
        targets.append(Target(endpoint: endpoint, name: name, kind: kind, isKept: false, usesV2: usesV2))
        return true
    }

    /// The targets whose time has come, with a name for each attempt.
    mutating func due(at now: Instant) -> [(DialID, Endpoint)] {
        var list: [(DialID, Endpoint)] = []
        for index in targets.indices {
            guard case .waiting(let time) = targets[index].state, time <= now else { continue }
            let dial = DialID(nextDial)
            nextDial &+= 1
            targets[index].state = .dialing(dial)
            list.append((dial, targets[index].endpoint))
        }
        return list
    }

    var nextDeadline: Instant? {
        targets.compactMap { target in
            if case .waiting(let time) = target.state { return time }
            return nil
        }.min()
    }

    func target(_ dial: DialID) -> Target? { targets.first { $0.state == .dialing(dial) } }

    func isConnected(name: String) -> Bool {
        targets.contains { target in
            if case .connected = target.state { return target.name == name }
            return false
        }
    }

    mutating func connected(_ dial: DialID, as id: ConnectionID) {
        guard let index = targets.firstIndex(where: { $0.state == .dialing(dial) }) else { return }
        targets[index].state = .connected(id)
    }

    /// The handshake was done: the next loss is met with the shortest wait again.
    mutating func established(_ id: ConnectionID) {
        guard let index = targets.firstIndex(where: { $0.state == .connected(id) }) else { return }
        targets[index].failures = 0
    }

    mutating func failed(_ dial: DialID, at now: Instant) {
        guard let index = targets.firstIndex(where: { $0.state == .dialing(dial) }) else { return }
        retry(index, at: now)
    }

    /// `withV1`: the other side did not speak version 2; it is tried again at once with version 1.
    mutating func lost(_ id: ConnectionID, withV1: Bool, at now: Instant) {
        guard let index = targets.firstIndex(where: { $0.state == .connected(id) }) else { return }
        if withV1 {
            targets[index].usesV2 = false
            targets[index].state = .waiting(now)
        } else {
            retry(index, at: now)
        }
    }

    /// Waits 1, 2, 4 … 60 seconds.
    private mutating func retry(_ index: Int, at now: Instant) {
        guard targets[index].isKept else {
            targets[index].state = .done
            sweep()
            return
        }
        let wait = min(UInt64(1) << UInt64(min(targets[index].failures, 6)), 60)
        targets[index].failures += 1
        targets[index].state = .waiting(now + .seconds(wait))
    }

    private mutating func sweep() { targets.removeAll { $0.state == .done } }

    /// setnetworkactive: every waiting target is tried at once.
    mutating func wake(at now: Instant) {
        for index in targets.indices {
            if case .waiting = targets[index].state { targets[index].state = .waiting(now) }
        }
    }
}
