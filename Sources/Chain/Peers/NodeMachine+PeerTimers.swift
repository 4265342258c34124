import Bitcoin
import SansIO

/// What is done for a peer after each of its messages and when time has passed, in Core's order.
extension NodeMachine {
    mutating func checkPeers(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        let wasBusy = beginPeers()
        let time = peerTime(now)
        peers.nextDownloadCheck = nil
        leaveInitialDownload(at: time)
        for index in peers.list.indices {
            checkInactivity(index, at: time)
            attend(index, at: time, into: &effects)
        }
        flushRequests(at: time, into: &effects)
        rebroadcast(at: time)
        endPeers(wasBusy, at: now, into: &effects)
    }

    mutating func attend(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard peers.list[index].closing == nil else { return }
        peers.shakeHands(index, at: time, into: &effects)
        if !peers.list[index].isInbound, !peers.list[index].hasSentVersion,
            peers.list[index].transport.isReady
        {
            sendVersion(index, at: time, into: &effects)
        }
        guard peers.list[index].phase == .established else { return }
        if peers.list[index].kind == .addressFetch,
            time > peers.list[index].opened + ChainLimits.peerAddressFetch
        {
            peers.drop(index, "addrfetch connection timed out")
            return
        }
        peers.headers.catchUp(chain.tree)
        sendPing(index, at: time, into: &effects)
        sendGossip(index, at: time, into: &effects)
        sendSendHeaders(index, at: time, into: &effects)
        startSync(index, at: time, into: &effects)
        announceBlocks(index, at: time, into: &effects)
        announceTransactions(index, at: time, into: &effects)
        checkDownload(index, at: time)
        considerChainSync(index, at: time, into: &effects)
        requestBlocks(index, at: time, into: &effects)
        sendFeeFilter(index, at: time, into: &effects)
        serve(index, at: time, into: &effects)
    }

    private mutating func checkInactivity(_ index: Int, at time: Instant) {
        let peer = peers.list[index]
        let age = time - peer.opened
        guard age > configuration.peerTimeout else { return }
        if peer.phase != .established {
            peers.drop(index, "handshake not done in \(Int(configuration.peerTimeout.seconds)) s")
        } else if time - (peer.traffic.lastReceived ?? peer.opened) > ChainLimits.peerSilence {
            peers.drop(index, "nothing heard for 20 minutes")
        } else if peer.ping.nonce != 0, let started = peer.ping.started,
            time - started > ChainLimits.peerSilence
        {
            peers.drop(index, "ping timeout")
        }
    }

    private mutating func sendPing(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let ping = peers.list[index].ping
        let isDue =
            ping.nonce == 0 && (ping.started.map { time - $0 > ChainLimits.peerPingInterval } ?? true)
        guard ping.isQueued || isDue, peers.list[index].commonVersion > 60_000 else { return }
        let nonce = peers.random.next() | 1
        peers.list[index].ping.isQueued = false
        peers.list[index].ping.started = time
        peers.list[index].ping.nonce = nonce
        peers.say(.ping, to: index, at: time, into: &effects) { $0.write(u64: nonce) }
    }

    private mutating func sendSendHeaders(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard !peers.list[index].announcing.hasSentSendHeaders, peers.list[index].commonVersion >= 70_012,
            let best = peers.list[index].headers.best, chain.tree[best].height > 0
        else { return }
        peers.list[index].announcing.hasSentSendHeaders = true
        peers.say(.sendheaders, to: index, at: time, into: &effects)
    }

    /// Sets the one deadline for everything that peers wait for.
    mutating func schedulePeers(at now: Instant) {
        var next = peers.isNetworkActive ? peers.dialing.nextDeadline : nil
        // Stalled downloads are looked for every second, however much others have to say meanwhile.
        if peers.inFlight.count == 0 {
            peers.nextDownloadCheck = nil
        } else if peers.nextDownloadCheck == nil {
            peers.nextDownloadCheck = peerTime(now) + .seconds(1)
        }
        // A set clock stands still: nothing but a dial becomes due by waiting.
        if mockTime == nil,
            let time = peers.nextDeadline(timeout: configuration.peerTimeout)
        {
            let start = clock.unixNanosecondsAtStart
            let own = Instant(nanoseconds: time.nanoseconds > start ? time.nanoseconds - start : 0)
            next = min(next ?? .distantFuture, own)
        }
        if let next { timers.set(.peers, next) } else { timers.stop(.peers) }
    }
}

extension PeerSet {
    /// The earliest instant at which something becomes due; everything counts in unix time.
    func nextDeadline(timeout: Interval) -> Instant? {
        var next = Instant.distantFuture
        func consider(_ instant: Instant?) {
            if let instant, instant < next { next = instant }
        }
        let moment = Interval.milliseconds(1)
        // By place: copying a peer would count references to all it holds.
        for place in list.indices {
            if list[place].phase != .established {
                consider(list[place].opened + timeout + moment)
                continue
            }
            if list[place].kind == .addressFetch {
                consider(list[place].opened + ChainLimits.peerAddressFetch + moment)
            }
            let silence = (list[place].traffic.lastReceived ?? list[place].opened) + ChainLimits.peerSilence
            consider(max(silence, list[place].opened + timeout) + moment)
            if let started = list[place].ping.started {
                let wait =
                    list[place].ping.nonce == 0
                    ? started + ChainLimits.peerPingInterval
                    : max(started + ChainLimits.peerSilence, list[place].opened + timeout)
                consider(wait + moment)
            }
            if !list[place].relay.pending.isEmpty || list[place].relay.wantsMempool {
                consider(list[place].relay.next.map { $0 + moment })
            }
            consider(list[place].chainSync.deadline.map { $0 + moment })
            if !list[place].gossip.pending.isEmpty { consider(list[place].gossip.next.map { $0 + moment }) }
            if !isBlocksOnly { consider(list[place].relay.nextFeeFilter.map { $0 + moment }) }
        }
        consider(nextDownloadCheck)
        consider(requests.nextDeadline)
        consider(nextRebroadcast)
        return next == .distantFuture ? nil : next
    }
}
