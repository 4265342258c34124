import Bitcoin
import SansIO

extension NodeMachine {
    /// Handles one message of a peer; faults end in `drop` or `punish`.
    mutating func peerMessage(
        _ message: PeerMessage, _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let command = PeerCommand(rawValue: message.command) else { return }
        let time = peerTime(now)
        var reader = ByteReader(message.payload.span.bytes)
        do throws(ByteReaderError) {
            if command == .version {
                try receiveVersion(&reader, index, at: time, into: &effects)
                return
            }
            guard peers.list[index].phase != .awaitingVersion else { return }
            if try receiveNegotiation(command, &reader, index, at: now, into: &effects) { return }
            // Core leaves alone what comes before the verack.
            guard peers.list[index].phase == .established else { return }
            if try receiveSmallTalk(command, &reader, index, at: time, into: &effects) { return }
            switch command {
            case .headers: try receiveHeaders(&reader, index, at: now, into: &effects)
            case .getheaders: try sendHeaders(&reader, index, at: time, into: &effects)
            case .getblocks: try sendInventory(&reader, index, at: time, into: &effects)
            case .inv: try receiveInventory(&reader, index, at: time, into: &effects)
            case .getdata: try receiveGetData(&reader, index, at: time, into: &effects)
            case .notfound: try receiveNotFound(&reader, index)
            case .getblocktxn: try sendBlockTransactions(&reader, index, at: time, into: &effects)
            case .block: receiveBlock(message.payload, index, at: now, into: &effects)
            case .tx: receiveTransaction(message.payload, index, at: now, into: &effects)
            case .cmpctblock: receiveCompactBlock(message.payload, index, at: now, into: &effects)
            case .blocktxn: receiveBlockTransactions(message.payload, index, at: now, into: &effects)
            case .addr, .addrv2: try receiveAddresses(&reader, index, isV2: command == .addrv2, at: time)
            case .getaddr: sendAddresses(index, at: time)
            case .getcfilters, .getcfheaders, .getcfcheckpt:
                try serveFilters(command, &reader, index, at: time, into: &effects)
            default: break
            }
        } catch {
            peers.passOver(1, of: index)
        }
    }

    /// Pings, preferences and what is only allowed to some.
    private mutating func receiveSmallTalk(
        _ command: PeerCommand, _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) -> Bool {
        switch command {
        case .ping:
            guard peers.list[index].commonVersion > 60_000 else { return true }
            let nonce = try reader.u64()
            peers.say(.pong, to: index, at: time, into: &effects) { $0.write(u64: nonce) }
        case .pong: receivePong(&reader, index, at: time)
        case .sendheaders: peers.list[index].announcing.prefersHeaders = true
        case .sendcmpct:
            let wants = try reader.u8()
            let version = try reader.u64()
            if wants > 1 {
                peers.punish(index, "invalid sendcmpct announce field")
            } else if version == 2 {
                peers.list[index].announcing.providesCompact = true
                peers.list[index].announcing.wantsCompact = wants == 1
            }
        case .feefilter:
            let rate = Int64(bitPattern: try reader.u64())
            if (0...ChainLimits.moneyMax).contains(rate) { peers.list[index].relay.feeFilter = rate }
        case .mempool:
            if peers.list[index].permissions.contains(.mempool) {
                peers.list[index].relay.wantsMempool = true
            } else if !peers.list[index].permissions.contains(.noBan) {
                peers.drop(index, "mempool without NODE_BLOOM")
            }
        case .filterload, .filteradd, .filterclear:
            peers.drop(index, "\(command.rawValue) without NODE_BLOOM")
        default: return false
        }
        return true
    }

    private mutating func receivePong(_ reader: inout ByteReader, _ index: Int, at time: Instant) {
        guard let nonce = try? reader.u64() else {
            peers.list[index].ping.nonce = 0
            return
        }
        if let probe = peers.list[index].serving.probe, probe.nonce == nonce {
            peers.list[index].serving.probe = nil
            peers.list[index].serving.acknowledged = probe.sent
        } else if peers.list[index].ping.nonce != 0 {
            if nonce == peers.list[index].ping.nonce {
                peers.list[index].ping.answered(at: time)
            } else if nonce == 0 {
                peers.list[index].ping.nonce = 0
            }
        }
    }

    // MARK: Handshake

    mutating func sendVersion(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let peer = peers.list[index]
        peers.list[index].hasSentVersion = true
        let services = peers.services
        let agent = Array(peers.userAgent.utf8)
        let height = UInt32(chain.height)
        let relays = !refusesTransactions(peer)
        peers.say(.version, to: index, at: time, into: &effects) { writer in
            writer.write(u32: UInt32(PeerSet.protocolVersion))
            writer.write(u64: services)
            writer.write(u64: time.nanoseconds / 1_000_000_000)
            // The peer's address is left out as for every address that is not public.
            writer.write(u64: 0)
            writer.write(repeating: 0, count: 18)
            writer.write(u64: services)
            writer.write(repeating: 0, count: 18)
            writer.write(u64: peer.nonce)
            writer.write(compactSize: UInt64(agent.count))
            writer.write(agent)
            writer.write(u32: height)
            writer.write(u8: relays ? 1 : 0)
        }
    }

    private mutating func receiveVersion(
        _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        guard peers.list[index].phase == .awaitingVersion else { return }
        let version = try reader.u32()
        let services = try reader.u64()
        let theirTime = max(0, Int64(bitPattern: try reader.u64()))
        try reader.skip(8)
        let address = NetworkAddress(mapped: try reader.bytes(16))
        let port = try reader.bigEndian16()
        if let wanted = desiredServices(of: peers.list[index], offered: services, at: time),
            services & wanted != wanted
        {
            peers.drop(index, "does not offer the expected services")
            return
        }
        guard Int32(bitPattern: version) >= 31_800 else {
            peers.drop(index, "obsolete version \(version)")
            return
        }
        var nonce: UInt64 = 1
        var wantsTransactions = true
        if !reader.isAtEnd {
            try reader.skip(26)
            nonce = try reader.u64()
        }
        if !reader.isAtEnd {
            let length = try reader.compactSize(limit: 256)
            peers.list[index].userAgent = Self.sanitized(try reader.bytes(Int(length)))
        }
        if !reader.isAtEnd { peers.list[index].startHeight = Int32(bitPattern: try reader.u32()) }
        if !reader.isAtEnd { wantsTransactions = try reader.u8() != 0 }
        if peers.list[index].isInbound,
            peers.list.contains(where: { !$0.isInbound && $0.phase != .established && $0.nonce == nonce })
        {
            peers.drop(index, "connected to self")
            return
        }
        if peers.list[index].isInbound { sendVersion(index, at: time, into: &effects) }
        peers.list[index].version = version
        peers.list[index].services = services
        peers.list[index].wantsTransactions = wantsTransactions
        if address.bytes.contains(where: { $0 != 0 }) {
            peers.list[index].localAddress = "\(Endpoint(host: address.description, port: port))"
        }
        peers.list[index].timeOffset = theirTime &- Int64(time.nanoseconds / 1_000_000_000)
        peers.list[index].phase = .awaitingVerack
        if peers.list[index].commonVersion >= 70_016 {
            peers.say(.wtxidrelay, to: index, at: time, into: &effects)
            peers.say(.sendaddrv2, to: index, at: time, into: &effects)
        }
        guard hasRelayRoom(for: index) else {
            peers.drop(index, "too many peers that want transactions")
            return
        }
        peers.say(.verack, to: index, at: time, into: &effects)
        if peers.list[index].kind == .feeler {
            peers.drop(index, "feeler connection completed")
        } else if !peers.list[index].isInbound, peers.list[index].kind != .blockRelayOnly {
            peers.list[index].gossip.isOn = true
            peers.list[index].gossip.isAnswerAwaited = true
            peers.list[index].gossip.tokens += 1_000
            peers.say(.getaddr, to: index, at: time, into: &effects)
        }
    }

    /// What a peer that this node chose itself must offer; nil for others. One that keeps only the newest blocks will
    /// do while the tip is at most a day old.
    private func desiredServices(of peer: Peer, offered services: UInt64, at time: Instant) -> UInt64? {
        switch peer.kind {
        case .inbound, .manual, .feeler: return nil
        case .outboundFullRelay, .blockRelayOnly, .addressFetch: break
        }
        let behind = Int64(time.nanoseconds / 1_000_000_000) - Int64(chain.tip.header.time)
        let isClose = behind < 144 * configuration.network.work.targetSpacing
        let isLimited = services & PeerServices.networkLimited != 0 && isClose
        return PeerServices.witness | (isLimited ? PeerServices.networkLimited : PeerServices.network)
    }

    /// Only what Core lets through into a log or an RPC answer.
    private static func sanitized(_ bytes: [UInt8]) -> String {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;-_/:?@()".utf8)
        return String(decoding: bytes.filter { allowed.contains($0) }, as: UTF8.self)
    }

    /// What is agreed upon between `version` and `verack`.
    private mutating func receiveNegotiation(
        _ command: PeerCommand, _ reader: inout ByteReader, _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) -> Bool {
        let isUp = peers.list[index].phase == .established
        switch command {
        case .verack:
            if !isUp { becomeEstablished(index, at: now, into: &effects) }
        case .wtxidrelay, .sendaddrv2:
            if isUp {
                peers.drop(index, "\(command.rawValue) after verack")
            } else if command == .wtxidrelay {
                if peers.list[index].commonVersion >= 70_016 { peers.list[index].usesWitnessIDs = true }
            } else {
                peers.list[index].wantsAddressesV2 = true
            }
        case .sendtxrcncl, .feature: break
        default: return false
        }
        return true
    }

    private mutating func becomeEstablished(
        _ index: Int, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        peers.list[index].phase = .established
        let peer = peers.list[index]
        effects.observe(.peerConnected(peer.id, userAgent: peer.userAgent))
        peers.dialing.established(peer.id)
        if !peer.isInbound, let address = peer.networkAddress, let port = Endpoint(peer.address)?.port {
            peers.book.connected(
                address, port: port, services: peer.services,
                at: UInt32(truncatingIfNeeded: time.nanoseconds / 1_000_000_000))
        }
        if peer.commonVersion >= 70_014 { sendCompact(index, highBandwidth: false, at: time, into: &effects) }
        attend(index, at: time, into: &effects)
    }

    mutating func sendCompact(
        _ index: Int, highBandwidth: Bool, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        peers.list[index].announcing.isHighBandwidth = highBandwidth
        peers.say(.sendcmpct, to: index, at: time, into: &effects) { writer in
            writer.write(u8: highBandwidth ? 1 : 0)
            writer.write(u64: 2)
        }
    }

    /// Whether this peer may not send us transactions (-blocksonly, block-relay-only).
    func refusesTransactions(_ peer: Peer) -> Bool {
        !peer.relaysTransactions || (peers.isBlocksOnly && !peer.permissions.contains(.relay))
    }
}
