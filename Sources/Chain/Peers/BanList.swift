import SansIO

/// Addresses that may not connect, and those that misbehaved.
struct BanList: Sendable {
    struct Ban: Sendable, Equatable {
        var subnet: Subnet
        /// Unix seconds.
        var created: UInt64
        var until: UInt64
    }

    private(set) var bans: [Ban] = []
    /// Oldest first.
    private var discouraged: [NetworkAddress] = []

    mutating func ban(_ subnet: Subnet, created: UInt64, until: UInt64) {
        bans.removeAll { $0.subnet == subnet }
        if bans.count >= ChainLimits.bans { bans.removeFirst() }
        bans.append(Ban(subnet: subnet, created: created, until: until))
    }

    /// False if it was not banned.
    mutating func unban(_ subnet: Subnet) -> Bool {
        let count = bans.count
        bans.removeAll { $0.subnet == subnet }
        return bans.count < count
    }

    mutating func clear() { bans = [] }

    mutating func sweep(at seconds: UInt64) { bans.removeAll { $0.until <= seconds } }

    func isBanned(_ address: NetworkAddress, at seconds: UInt64) -> Bool {
        bans.contains { $0.until > seconds && $0.subnet.contains(address) }
    }

    func isBanned(_ subnet: Subnet, at seconds: UInt64) -> Bool {
        bans.contains { $0.until > seconds && $0.subnet == subnet }
    }

    mutating func discourage(_ address: NetworkAddress) {
        guard !discouraged.contains(address) else { return }
        if discouraged.count >= ChainLimits.discouraged { discouraged.removeFirst() }
        discouraged.append(address)
    }

    func isDiscouraged(_ address: NetworkAddress) -> Bool { discouraged.contains(address) }
}
