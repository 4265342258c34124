import Firmware
import Stratum

/// The pool list as cgminer numbers it: an entry keeps its number while priorities change, and one that is disabled
/// stays in the list, which the firmware does not know of. The firmware's own list is the enabled ones in order of
/// priority.
struct PoolRoster: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var account: PoolAccount
        var isEnabled = true
        /// 0 is tried first.
        var priority: Int
    }

    /// By pool number.
    private(set) var entries: [Entry] = []

    var count: Int { entries.count }
    var enabledCount: Int { entries.count { $0.isEnabled } }
    /// What the firmware is told.
    var accounts: [PoolAccount] { order.filter { entries[$0].isEnabled }.map { entries[$0].account } }
    /// Pool numbers in order of priority.
    var order: [Int] { entries.indices.sorted { entries[$0].priority < entries[$1].priority } }

    /// Takes over the firmware's list where somebody else has changed it.
    mutating func follow(_ accounts: [PoolAccount]) {
        guard accounts != self.accounts else { return }
        let disabled = entries.filter { !$0.isEnabled }
        entries = accounts.enumerated().map { Entry(account: $1, priority: $0) }
        for (index, entry) in disabled.enumerated() where entries.count < Limits.pools {
            entries.append(
                Entry(account: entry.account, isEnabled: false, priority: accounts.count + index))
        }
    }

    /// The place in the firmware's list; nil for a disabled one.
    func place(of number: Int) -> Int? {
        order.filter { entries[$0].isEnabled }.firstIndex(of: number)
    }

    func number(at place: Int) -> Int? {
        let enabled = order.filter { entries[$0].isEnabled }
        return enabled.indices.contains(place) ? enabled[place] : nil
    }

    mutating func add(_ account: PoolAccount) {
        entries.append(Entry(account: account, priority: entries.count))
    }

    mutating func enable(_ number: Int, _ isEnabled: Bool) { entries[number].isEnabled = isEnabled }

    mutating func remove(_ number: Int) {
        entries.remove(at: number)
        renumber(order)
    }

    /// The numbers named come first, in this order; the others after them as they were.
    mutating func prefer(_ numbers: [Int]) {
        renumber(numbers + order.filter { !numbers.contains($0) })
    }

    private mutating func renumber(_ order: [Int]) {
        for (priority, number) in order.enumerated() { entries[number].priority = priority }
    }
}

extension PoolAccount {
    /// What an owner typed in; nil when it is no pool's address or too long.
    init?(url: String, user: String, password: String) {
        guard url.utf8.count <= Limits.settingText, user.utf8.count <= Limits.settingText,
            password.utf8.count <= Limits.settingText, let parsed = PoolURL(url)
        else { return nil }
        self.init(url: parsed, user: user, password: password)
    }
}
