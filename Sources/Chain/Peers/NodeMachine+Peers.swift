import Bitcoin
import SansIO

/// The peer-to-peer protocol, as far as others may sync from this node: handshake, headers, blocks,
/// announcements, pings. Foreign blocks and transactions are for the full node to come.
extension NodeMachine {
    mutating func peerConnectionOpened(
        _ id: ConnectionID, address: String, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard peers.peers.count < ChainLimits.peers else {
            effects.close(id, .closed("too many peers"))
            return
        }
        peers.peers.append(
            PeerSet.Peer(
                id: id, address: address, opened: now, decoder: PeerMessageDecoder(magic: peers.magic),
                lastReceived: now))
        if timers.deadline(of: .peers) == nil { timers.set(.peers, now + .minutes(1)) }
    }

    mutating func peerConnectionClosed(
        _ id: ConnectionID, reason: CloseReason, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = peers.index(id) else { return }
        if peers.peers[index].phase == .established {
            effects.observe(.peerDisconnected(id, reason: reason.description))
        }
        peers.peers.remove(at: index)
        if peers.peers.isEmpty { timers.stop(.peers) }
    }

    mutating func peerBytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = peers.index(id) else { return }
        peers.peers[index].decoder.append(bytes)
        peers.peers[index].lastReceived = now
        do throws(PeerMessageDecoder.Fault) {
            while let index = peers.index(id), let message = try peers.peers[index].decoder.next() {
                if let fault = peerMessage(message, index, at: now, into: &effects) {
                    dropPeer(id, fault, into: &effects)
                }
            }
        } catch {
            dropPeer(id, "\(error)", into: &effects)
        }
    }

    private mutating func dropPeer(
        _ id: ConnectionID, _ reason: String, into effects: inout EffectBuffer<NodeObservation>
    ) {
        peerConnectionClosed(id, reason: .closed(reason), into: &effects)
        effects.close(id, .closed(reason))
    }

    /// Handles one message; a text is the reason to disconnect.
    private mutating func peerMessage(
        _ message: PeerMessage, _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> String? {
        do throws(ByteReaderError) {
            var reader = ByteReader(message.payload.span.bytes)
            if message.command == "version" {
                return try receiveVersion(&reader, index, at: now, into: &effects)
            }
            guard peers.peers[index].phase != .awaitingVersion else { return nil }
            switch message.command {
            case "verack": becomeEstablished(index, into: &effects)
            case "wtxidrelay", "sendaddrv2":
                if peers.peers[index].phase == .established { return "\(message.command) after verack" }
            case "ping":
                let nonce = try reader.u64()
                say("pong", to: index, into: &effects) { $0.write(u64: nonce) }
            case "pong":
                if peers.peers[index].ping?.nonce == (try reader.u64()) { peers.peers[index].ping = nil }
            case "sendheaders": peers.peers[index].prefersHeaders = true
            case "getheaders": return try sendHeaders(&reader, index, into: &effects)
            case "getblocks": return try sendInventory(&reader, index, into: &effects)
            case "getdata": return try sendData(&reader, index, into: &effects)
            case "inv":
                if try reader.compactSize() > UInt64(ChainLimits.peerInventory) { return "inv too large" }
            case "getaddr": say("addr", to: index, into: &effects) { $0.write(compactSize: 0) }
            case "mempool": return "mempool without NODE_BLOOM"
            default: break
            }
            return nil
        } catch {
            return "malformed \(message.command)"
        }
    }

    private mutating func say(
        _ command: String, to index: Int, into effects: inout EffectBuffer<NodeObservation>,
        _ body: (inout ByteWriter) -> Void
    ) {
        effects.send(on: peers.peers[index].id) { writer in
            PeerMessage.write(command, magic: peers.magic, into: &writer, body)
        }
    }

    private mutating func receiveVersion(
        _ reader: inout ByteReader, _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) -> String? {
        guard peers.peers[index].phase == .awaitingVersion else { return nil }
        let version = try reader.u32()
        _ = try reader.u64()
        _ = try reader.u64()
        try reader.skip(26)
        guard version >= 31_800 else { return "obsolete version \(version)" }
        if reader.remaining >= 34 {
            try reader.skip(26)
            if try reader.u64() == peers.nonce { return "connected to self" }
        }
        if !reader.isAtEnd {
            let length = try reader.compactSize(limit: 256)
            peers.peers[index].userAgent = String(decoding: try reader.bytes(Int(length)), as: UTF8.self)
        }
        if reader.remaining >= 4 { peers.peers[index].startHeight = Int32(bitPattern: try reader.u32()) }
        peers.peers[index].version = version
        peers.peers[index].phase = .awaitingVerack
        sendVersion(index, at: now, into: &effects)
        if version >= 70_016 { say("wtxidrelay", to: index, into: &effects) { _ in } }
        say("verack", to: index, into: &effects) { _ in }
        return nil
    }

    private mutating func sendVersion(
        _ index: Int, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = unixTime(at: now)
        let nonce = peers.nonce
        let agent = Array(peers.userAgent.utf8)
        let height = UInt32(chain.height)
        say("version", to: index, into: &effects) { writer in
            writer.write(u32: UInt32(PeerSet.protocolVersion))
            writer.write(u64: PeerSet.services)
            writer.write(u64: UInt64(time))
            for services in [UInt64(0), PeerSet.services] {
                writer.write(u64: services)
                writer.write(repeating: 0, count: 18)
            }
            writer.write(u64: nonce)
            writer.write(compactSize: UInt64(agent.count))
            writer.write(agent)
            writer.write(u32: height)
            writer.write(u8: 0)
        }
    }

    private mutating func becomeEstablished(_ index: Int, into effects: inout EffectBuffer<NodeObservation>) {
        guard peers.peers[index].phase == .awaitingVerack else { return }
        peers.peers[index].phase = .established
        effects.observe(.peerConnected(peers.peers[index].id, userAgent: peers.peers[index].userAgent))
    }

    /// The locator's fork point in the active chain, and the stop hash; a text is the reason to disconnect.
    private func readLocator(
        _ reader: inout ByteReader
    ) throws(ByteReaderError) -> (fork: Int, stop: Hash256)? {
        _ = try reader.u32()
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.peerLocator) else { return nil }
        var fork: Int?
        for _ in 0..<count {
            let hash = try reader.hash256()
            if fork == nil, let id = chain.tree.id(of: hash), chain.isActive(id) {
                fork = chain.tree[id].height
            }
        }
        return (fork ?? 0, try reader.hash256())
    }

    private mutating func sendHeaders(
        _ reader: inout ByteReader, _ index: Int, into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) -> String? {
        guard let (fork, stop) = try readLocator(&reader) else { return "locator too long" }
        var headers: [BlockHeader] = []
        var height = fork + 1
        while headers.count < ChainLimits.peerHeaders, let entry = chain.entry(at: height) {
            headers.append(entry.header)
            if entry.hash == stop { break }
            height += 1
        }
        say("headers", to: index, into: &effects) { writer in
            writer.write(compactSize: UInt64(headers.count))
            for header in headers {
                header.encode(into: &writer)
                writer.write(u8: 0)
            }
        }
        return nil
    }

    private mutating func sendInventory(
        _ reader: inout ByteReader, _ index: Int, into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) -> String? {
        guard let (fork, stop) = try readLocator(&reader) else { return "locator too long" }
        var hashes: [Hash256] = []
        while hashes.count < 500, let entry = chain.entry(at: fork + 1 + hashes.count), entry.hash != stop {
            hashes.append(entry.hash)
        }
        guard !hashes.isEmpty else { return nil }
        say("inv", to: index, into: &effects) { writer in
            writer.write(compactSize: UInt64(hashes.count))
            for hash in hashes {
                writer.write(u32: 2)
                writer.write(hash: hash)
            }
        }
        return nil
    }

    private mutating func sendData(
        _ reader: inout ByteReader, _ index: Int, into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) -> String? {
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.peerInventory) else { return "getdata too large" }
        var missing: [(UInt32, Hash256)] = []
        var sent = 0
        for _ in 0..<count {
            let type = try reader.u32()
            let hash = try reader.hash256()
            let isWitness = type & 0x4000_0000 != 0 || type == 5
            let bytes: (command: String, bytes: [UInt8])? =
                switch type & ~0x4000_0000 {
                case 2, 4: blockBytes(hash, witness: isWitness || type == 4).map { ("block", $0) }
                case 1: mempool[hash].map { ("tx", $0.transaction.bytes(witness: isWitness)) }
                case 5: mempool.transaction(wtxid: hash).map { ("tx", $0.bytes()) }
                default: nil
                }
            guard let bytes, sent < ChainLimits.peerBlocksPerRequest else {
                missing.append((type, hash))
                continue
            }
            sent += 1
            say(bytes.command, to: index, into: &effects) { $0.write(bytes.bytes) }
        }
        if !missing.isEmpty {
            say("notfound", to: index, into: &effects) { writer in
                writer.write(compactSize: UInt64(missing.count))
                for (type, hash) in missing {
                    writer.write(u32: type)
                    writer.write(hash: hash)
                }
            }
        }
        return nil
    }

    private func blockBytes(_ hash: Hash256, witness: Bool) -> [UInt8]? {
        guard let id = chain.tree.id(of: hash), chain.tree[id].hasBody, !chain.tree[id].isInvalid else {
            return nil
        }
        return witness ? chain.tree[id].body : chain.block(id)?.bytes(witness: false)
    }

    /// Tells peers of the new tip: its header where they asked for headers, its hash otherwise.
    mutating func announceTip(into effects: inout EffectBuffer<NodeObservation>) {
        guard !peers.peers.isEmpty else { return }
        let tip = chain.tip
        for index in peers.peers.indices where peers.peers[index].phase == .established {
            if peers.peers[index].prefersHeaders {
                say("headers", to: index, into: &effects) { writer in
                    writer.write(compactSize: 1)
                    tip.header.encode(into: &writer)
                    writer.write(u8: 0)
                }
            } else {
                say("inv", to: index, into: &effects) { writer in
                    writer.write(compactSize: 1)
                    writer.write(u32: 2)
                    writer.write(hash: tip.hash)
                }
            }
        }
    }

    /// Pings every two minutes; drops who did not shake hands in one or answer in twenty.
    mutating func checkPeers(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        for id in peers.peers.map(\.id) {
            guard let index = peers.index(id) else { continue }
            let peer = peers.peers[index]
            if peer.phase != .established, now - peer.opened >= .minutes(1) {
                dropPeer(id, "handshake not done in a minute", into: &effects)
            } else if let ping = peer.ping {
                if now - ping.sent >= .minutes(20) { dropPeer(id, "ping timeout", into: &effects) }
            } else if peer.phase == .established {
                let nonce = peers.random.next()
                peers.peers[index].ping = (now, nonce)
                say("ping", to: index, into: &effects) { $0.write(u64: nonce) }
            }
        }
        if !peers.peers.isEmpty { timers.set(.peers, now + .minutes(2)) }
    }
}
