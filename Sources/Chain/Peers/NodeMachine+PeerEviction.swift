import Bitcoin
import SansIO

/// Which incoming peer makes room for another (Core's eviction.cpp): those that did something of use, that nobody can
/// imitate at will, stay.
extension NodeMachine {
    func inboundCandidates() -> [Int] {
        peers.list.indices.filter {
            peers.list[$0].isInbound && peers.list[$0].closing == nil
                && !peers.list[$0].permissions.contains(.noBan)
        }
    }

    /// Whether one more incoming peer may relay transactions: only a share of them may (-inboundrelaypercent), as
    /// each costs memory for what it knows. Another may have to go for it.
    mutating func hasRelayRoom(for index: Int) -> Bool {
        guard peers.list[index].isInbound, peers.list[index].wantsTransactions else { return true }
        let limit = inboundLimit * configuration.inboundRelayPercent / 100
        let relaying = peers.list.indices.count {
            peers.list[$0].isInbound && peers.list[$0].closing == nil && peers.list[$0].wantsTransactions
        }
        guard relaying > limit else { return true }
        return evictPeer(
            from: inboundCandidates().filter { $0 != index && peers.list[$0].wantsTransactions })
    }

    /// Drops one of them; false if all are kept.
    mutating func evictPeer(from places: [Int]) -> Bool {
        var candidates = places
        /// Keeps the first `count` of those that `precedes` puts in front, where `fits`.
        func keep(_ count: Int, where fits: (Peer) -> Bool = { _ in true }, _ precedes: (Peer, Peer) -> Bool)
        {
            let order = candidates.filter { fits(peers.list[$0]) }
                .sorted { precedes(peers.list[$0], peers.list[$1]) }
            let kept = Set(order.prefix(count))
            candidates.removeAll { kept.contains($0) }
        }
        let salt = peers.groupSalt
        keep(4) { Self.group($0, salt) < Self.group($1, salt) }
        keep(8) { ($0.ping.least ?? .seconds(1 << 30)) < ($1.ping.least ?? .seconds(1 << 30)) }
        keep(4) {
            let (a, b) = ($0.relay.lastTransaction ?? .start, $1.relay.lastTransaction ?? .start)
            if a != b { return a > b }
            if $0.wantsTransactions != $1.wantsTransactions { return $0.wantsTransactions }
            return $0.opened < $1.opened
        }
        keep(8, where: { !$0.wantsTransactions && $0.canServeBlocks && $0.hasWitnesses }) {
            ($0.lastBlock ?? .start) > ($1.lastBlock ?? .start)
        }
        keep(4) {
            let (a, b) = ($0.lastBlock ?? .start, $1.lastBlock ?? .start)
            if a != b { return a > b }
            if $0.canServeBlocks != $1.canServeBlocks { return $0.canServeBlocks }
            return $0.opened < $1.opened
        }
        keep(candidates.count / 2) { ($0.opened, $0.number) < ($1.opened, $1.number) }
        if candidates.contains(where: { peers.list[$0].isPreferredForEviction }) {
            candidates.removeAll { !peers.list[$0].isPreferredForEviction }
        }
        // The youngest of the group of addresses with the most connections.
        var groups: [(key: UInt64, places: [Int])] = []
        for place in candidates {
            let key = Self.group(peers.list[place], salt)
            if let known = groups.firstIndex(where: { $0.key == key }) {
                groups[known].places.append(place)
            } else {
                groups.append((key, [place]))
            }
        }
        func youngest(_ places: [Int]) -> Int {
            places.max { peers.list[$0].number < peers.list[$1].number } ?? -1
        }
        let group = groups.max {
            ($0.places.count, youngest($0.places)) < ($1.places.count, youngest($1.places))
        }
        guard let group else { return false }
        peers.drop(youngest(group.places), "evicted for another peer")
        return true
    }

    /// The /16 (IPv4) or /32 of a peer's address under a secret salt, so that nobody knows which are kept.
    private static func group(_ peer: Peer, _ salt: UInt64) -> UInt64 {
        guard let address = peer.networkAddress else { return 0 }
        let prefix = address.bytes.prefix(address.network == .ipv4 ? 2 : 4)
        var hasher = PRNG(
            seed: prefix.reduce(UInt64(address.network.rawValue)) { $0 << 8 | UInt64($1) } ^ salt,
            stream: salt)
        return hasher.next()
    }
}
