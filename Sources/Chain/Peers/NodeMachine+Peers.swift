import Bitcoin
import SansIO

/// The peer-to-peer protocol: connections and their bytes. The messages are in the neighbouring files.
///
/// Peers live by unix time, the clock that `setmocktime` sets: every `Instant` called `time` counts from 1970. Dials
/// alone live by the driver's clock (`now`), as a set clock stands still.
extension NodeMachine {
    func peerTime(_ now: Instant) -> Instant {
        if let mockTime { return Instant(nanoseconds: UInt64(mockTime) * 1_000_000_000) }
        return Instant(nanoseconds: clock.unixNanosecondsAtStart &+ now.nanoseconds)
    }

    mutating func peerConnectionOpened(
        _ id: ConnectionID, from address: String, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let wasBusy = beginPeers()
        defer { endPeers(wasBusy, at: now, into: &effects) }
        let time = peerTime(now)
        let seconds = time.nanoseconds / 1_000_000_000
        let host = Endpoint(address).map(\.host) ?? address
        let networkAddress = NetworkAddress(host)
        let bound = peers.bound.flatMap { $0.id == id ? $0.local : nil }
        let permissions =
            (networkAddress.map { self.permissions(of: $0, isInbound: true) } ?? []).union(
                self.permissions(at: bound))
        var refusal: String?
        if !peers.isNetworkActive {
            refusal = "network is off"
        } else if let networkAddress, !permissions.contains(.noBan) {
            if peers.bans.isBanned(networkAddress, at: seconds) { refusal = "banned" }
            let isFull = inboundCount + 1 >= inboundLimit
            if isFull, peers.bans.isDiscouraged(networkAddress) { refusal = "discouraged" }
        }
        if refusal == nil, inboundCount >= inboundLimit, !evictPeer(from: inboundCandidates()) {
            refusal = "too many peers"
        }
        if let refusal {
            roles[id] = nil
            effects.close(id, .closed(refusal))
            return
        }
        addPeer(
            id, kind: .inbound, address: address, networkAddress: networkAddress, permissions: permissions,
            transport: configuration.v2Transport
                ? PeerTransport(magic: peers.magic, accepting: secrets.fork())
                : PeerTransport(magic: peers.magic),
            at: time)
        peers.list[peers.list.count - 1].isPreferredForEviction =
            networkAddress.map { peers.bans.isDiscouraged($0) } ?? false
    }

    mutating func peerDialed(
        _ id: ConnectionID, _ dial: DialID, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let wasBusy = beginPeers()
        defer { endPeers(wasBusy, at: now, into: &effects) }
        guard let target = peers.dialing.target(dial), peers.isNetworkActive else {
            peers.dialing.failed(dial, at: now)
            roles[id] = nil
            effects.close(id, .closed("no longer wanted"))
            return
        }
        peers.dialing.connected(dial, as: id)
        let networkAddress = NetworkAddress(target.endpoint.host)
        let permissions = networkAddress.map { self.permissions(of: $0, isInbound: false) } ?? []
        addPeer(
            id, kind: target.kind, address: target.endpoint.description, networkAddress: networkAddress,
            permissions: permissions,
            transport: target.usesV2
                ? PeerTransport(magic: peers.magic, initiating: secrets.fork())
                : PeerTransport(magic: peers.magic),
            at: peerTime(now))
        attend(peers.list.count - 1, at: peerTime(now), into: &effects)
    }

    mutating func peerDialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let wasBusy = beginPeers()
        if let target = peers.dialing.target(dial) {
            effects.observe(.peerDialFailed(target.endpoint, reason: reason.description))
        }
        peers.dialing.failed(dial, at: now)
        endPeers(wasBusy, at: now, into: &effects)
    }

    private mutating func addPeer(
        _ id: ConnectionID, kind: Peer.Kind, address: String, networkAddress: NetworkAddress?,
        permissions: PeerPermissions, transport: PeerTransport, at time: Instant
    ) {
        peers.list.append(
            Peer(
                id: id, number: peers.nextNumber, kind: kind, address: address,
                networkAddress: networkAddress,
                bound: peers.bound.flatMap { $0.id == id ? $0.local : nil }, permissions: permissions,
                opened: time,
                nonce: peers.random.next(), transport: transport))
        peers.nextNumber += 1
    }

    mutating func peerBytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = peers.index(id) else { return }
        let wasBusy = beginPeers()
        defer { endPeers(wasBusy, at: now, into: &effects) }
        let time = peerTime(now)
        leaveInitialDownload(at: time)
        peers.list[index].traffic.countReceived(bytes.byteCount, at: time)
        peers.list[index].transport.receive(bytes)
        do throws(PeerTransport.Fault) {
            while peers.list[index].closing == nil {
                let next = try peers.list[index].transport.next()
                peers.shakeHands(index, at: time, into: &effects)
                let lost = peers.list[index].transport.takeLost()
                if lost.bytes > 0 {
                    peers.list[index].traffic.countReceived("", lost.bytes)
                    peers.passOver(lost.damaged, of: index)
                }
                guard let (message, size) = next else { break }
                peers.list[index].traffic.countReceived(message.command, size)
                peerMessage(message, index, at: now, into: &effects)
                flushRequests(at: time, into: &effects)
            }
        } catch {
            peers.drop(index, "\(error)")
        }
        attend(index, at: time, into: &effects)
    }

    mutating func peerConnectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = peers.index(id) else { return }
        let wasBusy = beginPeers()
        forget(index, reason: reason.description, at: now, into: &effects)
        endPeers(wasBusy, at: now, into: &effects)
    }

    // MARK: A call's frame

    mutating func beginPeers() -> Bool {
        let wasBusy = peers.isBusy
        peers.isBusy = true
        return wasBusy
    }

    /// Closes what is to be closed, asks others for what they left, and sets the next deadline.
    mutating func endPeers(
        _ wasBusy: Bool, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard !wasBusy else { return }
        while let index = peers.list.firstIndex(where: { $0.closing != nil }) {
            let id = peers.list[index].id
            let reason = peers.list[index].closing ?? ""
            forget(index, reason: reason, at: now, into: &effects)
            roles[id] = nil
            effects.close(id, .closed(reason))
        }
        dialDue(at: now, into: &effects)
        flushRequests(at: peerTime(now), into: &effects)
        peers.isBusy = false
        schedulePeers(at: now)
    }

    /// Lets go of all that hangs on a peer.
    private mutating func forget(
        _ index: Int, reason: String, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let peer = peers.list[index]
        if peer.phase == .established { effects.observe(.peerDisconnected(peer.id, reason: reason)) }
        for request in peer.download.requests { peers.inFlight.remove(request.block, from: peer.id) }
        if !peer.download.requests.isEmpty { peers.inFlight.downloadingFrom -= 1 }
        if peer.headers.isStarted { peers.syncsStarted -= 1 }
        peers.requests.disconnect(peer.id)
        peers.orphans.disconnect(peer.id)
        peers.highBandwidth.removeAll { $0 == peer.id }
        peers.pastSent += peer.traffic.bytesSent
        peers.pastReceived += peer.traffic.bytesReceived
        let mayBeV1 = !peer.isInbound && peer.transport.isUnanswered && peer.closing == nil
        peers.dialing.lost(peer.id, withV1: mayBeV1, at: now)
        peers.list.remove(at: index)
    }

    private mutating func dialDue(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        guard peers.isNetworkActive else { return }
        for (dial, endpoint) in peers.dialing.due(at: now) { effects.emit(.dial(dial, endpoint)) }
    }

    // MARK: Who may come in

    func permissions(of address: NetworkAddress, isInbound: Bool) -> PeerPermissions {
        var permissions: PeerPermissions = []
        for entry in configuration.whitelist
        where entry.subnet.contains(address) && (isInbound ? entry.isForInbound : entry.isForOutbound) {
            permissions.formUnion(entry.permissions)
        }
        return permissions
    }

    /// What -whitebind gives to those that come in by this address.
    private func permissions(at bound: Endpoint?) -> PeerPermissions {
        guard let bound else { return [] }
        var permissions: PeerPermissions = []
        for entry in configuration.whitebinds
        where entry.endpoint == bound
            || (entry.endpoint.port == bound.port && ["0.0.0.0", "::"].contains(entry.endpoint.host))
        {
            permissions.formUnion(entry.permissions)
        }
        return permissions
    }

    var inboundCount: Int { peers.list.count { $0.isInbound && $0.closing == nil } }

    /// What -maxconnections leaves for incoming peers: Core keeps eleven for its own dials.
    var inboundLimit: Int {
        max(0, min(configuration.maxConnections, ChainLimits.peersMax) - ChainLimits.peerOutbound)
    }
}
