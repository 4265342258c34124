import SansIO

/// Addresses of other nodes, from peers and from the operator, in a bounded table.
struct AddressBook: Sendable {
    struct Entry: Sendable, Equatable {
        var record: AddressRecord
        /// Who told us.
        var source: NetworkAddress?
        /// We were connected to it once.
        var isTried = false
    }

    private(set) var entries: [Entry] = []
    private var places: [Key: Int] = [:]

    private struct Key: Hashable {
        var address: NetworkAddress
        var port: UInt16
    }

    /// False if it was known; then its time and services are brought up to date. A full book replaces the entry
    /// that was heard of longest ago among eight that `random` picks.
    mutating func insert(
        _ record: AddressRecord, from source: NetworkAddress?, tried: Bool = false, random: inout PRNG
    ) -> Bool {
        let key = Key(address: record.address, port: record.port)
        if let place = places[key] {
            entries[place].record.time = max(entries[place].record.time, record.time)
            entries[place].record.services |= record.services
            if tried { entries[place].isTried = true }
            return false
        }
        let entry = Entry(record: record, source: source, isTried: tried)
        if entries.count < ChainLimits.addressBook {
            places[key] = entries.count
            entries.append(entry)
            return true
        }
        var oldest = Int(random.below(UInt64(entries.count)))
        for _ in 0..<7 {
            let other = Int(random.below(UInt64(entries.count)))
            if (entries[other].isTried ? 1 : 0, entries[other].record.time)
                < (entries[oldest].isTried ? 1 : 0, entries[oldest].record.time)
            {
                oldest = other
            }
        }
        places[Key(address: entries[oldest].record.address, port: entries[oldest].record.port)] = nil
        entries[oldest] = entry
        places[key] = oldest
        return true
    }

    mutating func connected(_ address: NetworkAddress, port: UInt16, services: UInt64, at seconds: UInt32) {
        guard let place = places[Key(address: address, port: port)] else { return }
        entries[place].isTried = true
        entries[place].record.services = services
        entries[place].record.time = seconds
    }

    /// Up to `count` entries drawn at random, at most `percent` of all; none that nobody has seen for thirty days or
    /// that is said to be seen in the future (Core's IsTerrible).
    func sample(_ count: Int, percent: Int, at time: Instant, random: inout PRNG) -> [AddressRecord] {
        let most = percent == 100 ? entries.count : entries.count * percent / 100
        let seconds = time.nanoseconds / 1_000_000_000
        var order = Array(entries.indices)
        var list: [AddressRecord] = []
        while list.count < min(count, most), !order.isEmpty {
            let at = Int(random.below(UInt64(order.count)))
            let record = entries[order[at]].record
            if UInt64(record.time) <= seconds + 600, UInt64(record.time) + 30 * 86_400 >= seconds {
                list.append(record)
            }
            order.swapAt(at, order.count - 1)
            order.removeLast()
        }
        return list
    }
}
