import Bitcoin
import SansIO

/// Addresses of other nodes: what peers tell, what they ask.
extension NodeMachine {
    mutating func receiveAddresses(
        _ reader: inout ByteReader, _ index: Int, isV2: Bool, at time: Instant
    ) throws(ByteReaderError) {
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.addresses) else {
            peers.punish(index, "\(isV2 ? "addrv2" : "addr") message size = \(count)")
            return
        }
        var records: [AddressRecord] = []
        for _ in 0..<count {
            if let record = isV2 ? try Self.recordV2(&reader) : try Self.recordV1(&reader) {
                records.append(record)
            }
        }
        if peers.list[index].kind == .blockRelayOnly { return }
        peers.list[index].gossip.isOn = true
        refillTokens(index, at: time)
        let seconds = UInt32(truncatingIfNeeded: time.nanoseconds / 1_000_000_000)
        let isTrusted = peers.list[index].permissions.contains(.address)
        for record in records {
            if peers.list[index].gossip.tokens < 1, !isTrusted {
                peers.list[index].gossip.rateLimited += 1
                continue
            }
            if !isTrusted { peers.list[index].gossip.tokens -= 1 }
            peers.list[index].gossip.processed += 1
            learnAddress(record, from: index, isFew: count <= 10, now: seconds, at: time)
        }
    }

    private mutating func learnAddress(
        _ record: AddressRecord, from index: Int, isFew: Bool, now seconds: UInt32, at time: Instant
    ) {
        guard record.services & (PeerServices.network | PeerServices.networkLimited) != 0 else { return }
        var record = record
        // A time that cannot be is read as five days ago (Core).
        if record.time <= 100_000_000 || record.time > seconds &+ 600 {
            record.time = seconds > 432_000 ? seconds - 432_000 : 0
        }
        peers.list[index].gossip.known.insert(Self.key(record))
        if peers.bans.isBanned(record.address, at: UInt64(seconds)) { return }
        let source = peers.list[index].networkAddress
        // Fresh news in a small message travels on to two others.
        if record.time + 600 > seconds, isFew, !peers.list[index].gossip.wasAnswered || isFew {
            passOn(record, from: index, at: time)
        }
        _ = peers.book.insert(record, from: source, random: &peers.random)
    }

    private mutating func passOn(_ record: AddressRecord, from index: Int, at time: Instant) {
        let others = peers.list.indices.filter {
            $0 != index && peers.list[$0].isUp && peers.list[$0].gossip.isOn
        }
        guard !others.isEmpty else { return }
        let first = Int(peers.random.below(UInt64(others.count)))
        for step in 0..<min(2, others.count) {
            queueAddress(record, to: others[(first + step) % others.count], at: time)
        }
    }

    private mutating func queueAddress(_ record: AddressRecord, to index: Int, at time: Instant) {
        if peers.list[index].gossip.known.contains(Self.key(record)) { return }
        if !peers.list[index].wantsAddressesV2, record.address.mapped == nil { return }
        guard peers.list[index].gossip.pending.count < ChainLimits.addresses else { return }
        peers.list[index].gossip.pending.append(record)
        if peers.list[index].gossip.next == nil {
            peers.list[index].gossip.next = time + peers.random.exponential(mean: .seconds(30))
        }
    }

    /// Identifies an address for the known set.
    private static func key(_ record: AddressRecord) -> Hash256 {
        SHA256.hash(
            [record.address.network.rawValue] + record.address.bytes
                + [UInt8(record.port >> 8), UInt8(truncatingIfNeeded: record.port)])
    }

    private mutating func refillTokens(_ index: Int, at time: Instant) {
        let gossip = peers.list[index].gossip
        if let refilled = gossip.refilled, gossip.tokens < 1_000 {
            peers.list[index].gossip.tokens = min(1_000, gossip.tokens + (time - refilled).seconds * 0.1)
        }
        peers.list[index].gossip.refilled = time
    }

    /// getaddr: once for each incoming peer, up to 1000 and 23 in a hundred of what is known.
    mutating func sendAddresses(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard peers.list[index].isInbound, !peers.list[index].gossip.wasAnswered else { return }
        peers.list[index].gossip.isOn = true
        peers.list[index].gossip.wasAnswered = true
        let percent = peers.list[index].permissions.contains(.address) ? 100 : 23
        let records = peers.book.sample(ChainLimits.addresses, percent: percent, random: &peers.random)
        peers.list[index].gossip.pending = []
        for record in records { queueAddress(record, to: index, at: time) }
        peers.list[index].gossip.next = nil
        sendGossip(index, at: time, into: &effects)
    }

    mutating func sendGossip(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let gossip = peers.list[index].gossip
        guard gossip.isOn, !gossip.pending.isEmpty, gossip.next.map({ $0 < time }) ?? true else { return }
        peers.list[index].gossip.pending = []
        peers.list[index].gossip.next = nil
        let isV2 = peers.list[index].wantsAddressesV2
        for record in gossip.pending { peers.list[index].gossip.known.insert(Self.key(record)) }
        peers.say(isV2 ? .addrv2 : .addr, to: index, at: time, into: &effects) { writer in
            writer.write(compactSize: UInt64(gossip.pending.count))
            for record in gossip.pending { Self.write(record, isV2: isV2, into: &writer) }
        }
    }

    // MARK: Bytes

    private static func recordV1(_ reader: inout ByteReader) throws(ByteReaderError) -> AddressRecord? {
        let time = try reader.u32()
        let services = try reader.u64()
        let address = NetworkAddress(mapped: try reader.bytes(16))
        return AddressRecord(address: address, port: try reader.bigEndian16(), services: services, time: time)
    }

    /// BIP155; nil for a network that is unknown or an address of the wrong length.
    private static func recordV2(_ reader: inout ByteReader) throws(ByteReaderError) -> AddressRecord? {
        let time = try reader.u32()
        let services = try reader.compactSize(limit: .max)
        let network = NetworkAddress.Network(rawValue: try reader.u8())
        let length = try reader.compactSize(limit: 512)
        let bytes = try reader.bytes(Int(length))
        let port = try reader.bigEndian16()
        guard let network, bytes.count == network.byteCount else { return nil }
        let address = network == .ipv6 ? NetworkAddress(mapped: bytes) : NetworkAddress(network, bytes)
        return AddressRecord(address: address, port: port, services: services, time: time)
    }

    private static func write(_ record: AddressRecord, isV2: Bool, into writer: inout ByteWriter) {
        writer.write(u32: record.time)
        if isV2 {
            writer.write(compactSize: record.services)
            writer.write(u8: record.address.network.rawValue)
            writer.write(compactSize: UInt64(record.address.bytes.count))
            writer.write(record.address.bytes)
        } else {
            writer.write(u64: record.services)
            writer.write(record.address.mapped ?? [UInt8](repeating: 0, count: 16))
        }
        writer.write(bigEndian16: record.port)
    }
}
