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
            if peers.list[index].gossip.tokens >= 1 {
                peers.list[index].gossip.tokens -= 1
            } else if !isTrusted {
                peers.list[index].gossip.rateLimited += 1
                continue
            }
            learnAddress(record, from: index, isFew: count <= 10, now: seconds, at: time)
        }
        if count < UInt64(ChainLimits.addresses) { peers.list[index].gossip.isAnswerAwaited = false }
        // A single one may be the peer's own.
        if peers.list[index].kind == .addressFetch, count > 1 {
            peers.drop(index, "addrfetch connection completed")
        }
    }

    private mutating func learnAddress(
        _ record: AddressRecord, from index: Int, isFew: Bool, now seconds: UInt32, at time: Instant
    ) {
        guard record.services & (PeerServices.network | PeerServices.networkLimited) != 0 else { return }
        var record = record
        // A time that cannot be is read as five days ago (Core).
        if record.time <= 100_000_000 || UInt64(record.time) > UInt64(seconds) + 600 {
            record.time = seconds > 432_000 ? seconds - 432_000 : 0
        }
        peers.list[index].gossip.known.insert(Self.key(record))
        if peers.bans.isBanned(record.address, at: UInt64(seconds))
            || peers.bans.isDiscouraged(record.address)
        {
            return
        }
        peers.list[index].gossip.processed += 1
        let isFresh = UInt64(record.time) + 600 > UInt64(seconds)
        // The answer to getaddr is not news.
        if isFresh, isFew, !peers.list[index].gossip.isAnswerAwaited, record.address.isRoutable {
            passOn(record, from: index, at: time)
        }
        guard record.address.network.isReachable, record.address.isRoutable else { return }
        _ = peers.book.insert(record, from: peers.list[index].networkAddress, random: &peers.random)
    }

    /// To the same one or two peers within 24 hours, whatever the address: an address gains nothing by being told
    /// again and again (Core's RelayAddress).
    private mutating func passOn(_ record: AddressRecord, from index: Int, at time: Instant) {
        let address = Self.key(record).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        let day = (time.nanoseconds / 1_000_000_000 &+ address % 86_400) / 86_400
        var choice = PRNG(seed: address ^ peers.groupSalt, stream: day)
        let count = record.address.network.isReachable || choice.next() & 1 != 0 ? 2 : 1
        var ranked: [(rank: UInt64, index: Int)] = []
        for other in peers.list.indices
        where other != index && peers.list[other].isUp && peers.list[other].gossip.isOn
            && Self.fits(record, peers.list[other])
        {
            var draw = PRNG(
                seed: address ^ peers.groupSalt &+ day, stream: UInt64(peers.list[other].number))
            ranked.append((draw.next(), other))
        }
        ranked.sort { $0.rank > $1.rank }
        for (_, other) in ranked.prefix(count) { queueAddress(record, to: other) }
    }

    /// Whether the peer's kind of addr message can hold it.
    private static func fits(_ record: AddressRecord, _ peer: Peer) -> Bool {
        peer.wantsAddressesV2 || record.address.network == .ipv4 || record.address.network == .ipv6
    }

    private mutating func queueAddress(_ record: AddressRecord, to index: Int) {
        if peers.list[index].gossip.known.contains(Self.key(record)) { return }
        guard Self.fits(record, peers.list[index]) else { return }
        if peers.list[index].gossip.pending.count < ChainLimits.addresses {
            peers.list[index].gossip.pending.append(record)
        } else {
            let place = Int(peers.random.below(UInt64(ChainLimits.addresses)))
            peers.list[index].gossip.pending[place] = record
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
        let last = gossip.refilled ?? peers.list[index].opened
        if time > last, gossip.tokens < 1_000 {
            peers.list[index].gossip.tokens = min(1_000, gossip.tokens + (time - last).seconds * 0.1)
        }
        peers.list[index].gossip.refilled = time
    }

    /// getaddr: once for each incoming peer, up to 1000 and 23 in a hundred of what is known. All that come in by
    /// the same door get the same for a day, so that asking again and again does not tell the whole book.
    mutating func sendAddresses(_ index: Int, at time: Instant) {
        guard peers.list[index].isInbound, !peers.list[index].gossip.wasAnswered else { return }
        peers.list[index].gossip.isOn = true
        peers.list[index].gossip.wasAnswered = true
        let records: [AddressRecord]
        if peers.list[index].permissions.contains(.address) {
            records = peers.book.sample(
                ChainLimits.addresses, percent: 23, at: time, random: &peers.random)
        } else {
            let door = peers.list[index].bound?.description ?? ""
            records = peers.answers.addresses(
                at: door, from: peers.book, at: time, random: &peers.random)
        }
        peers.list[index].gossip.pending = []
        for record in records { queueAddress(record, to: index) }
    }

    /// Every thirty seconds or so.
    mutating func sendGossip(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard peers.list[index].gossip.isOn, peers.list[index].gossip.next.map({ $0 < time }) ?? true else {
            return
        }
        peers.list[index].gossip.next = time + peers.random.exponential(mean: .seconds(30))
        var news: [AddressRecord] = []
        for record in peers.list[index].gossip.pending {
            let key = Self.key(record)
            if peers.list[index].gossip.known.contains(key) { continue }
            peers.list[index].gossip.known.insert(key)
            news.append(record)
        }
        peers.list[index].gossip.pending = []
        guard !news.isEmpty else { return }
        let isV2 = peers.list[index].wantsAddressesV2
        peers.say(isV2 ? .addrv2 : .addr, to: index, at: time, into: &effects) { writer in
            writer.write(compactSize: UInt64(news.count))
            for record in news { Self.write(record, isV2: isV2, into: &writer) }
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
    static func recordV2(_ reader: inout ByteReader) throws(ByteReaderError) -> AddressRecord? {
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

    static func write(_ record: AddressRecord, isV2: Bool, into writer: inout ByteWriter) {
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
