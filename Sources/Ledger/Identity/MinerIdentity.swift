public import Bitcoin

/// Who works on a channel and where its reward goes, as `user_identity` says it (SV2 section 5.3.2). The patterns and
/// their order are the reference implementation's:
///
/// | pattern | reward of a block in solo mode |
/// |---|---|
/// | `ADDRESS` or `ADDRESS.worker` | the miner's |
/// | `sri/solo/ADDRESS[/worker]` | the miner's |
/// | `sri/donate[/worker]` | the pool's |
/// | `sri/donate/PERCENT/ADDRESS[/worker]` | PERCENT (1 to 99) to the pool, the rest to the miner |
/// | any other beginning with `sri/` | refused: `invalid-user-identity` |
/// | `user`, `user.worker`, empty | the pool's |
public struct MinerIdentity: Hashable, Sendable {
    /// What a miner wants done with a block's reward.
    public enum Reward: Hashable, Sendable {
        /// Nothing said: the pool's, or what its payout scheme says.
        case pool
        /// Everything to the pool, and no share in a payout scheme.
        case donated
        /// To the miner's address, less `poolPercent` (0 to 99). `isExplicit` is false for a bare address, which
        /// names a payee where the pool has a payout scheme and a solo miner where it has none.
        case miner(Script, poolPercent: UInt8, isExplicit: Bool)
    }

    /// The account: an address, a name, or empty for who gave none.
    public var user: String
    /// May be empty.
    public var worker: String
    public var reward: Reward

    /// Nil for a pattern that is begun with `sri/` and wrong, an address of another network included.
    public init?(_ text: String, network: AddressNetwork) {
        let (head, tail) = Self.split(text[...], at: ".")
        if let address = Address(String(head), network: network) {
            self.init(
                user: address.text, worker: String(tail),
                reward: .miner(address.scriptPubKey, poolPercent: 0, isExplicit: false))
            return
        }
        let parts = text.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false).map(
            String.init)
        guard parts.first == "sri", parts.count > 1 else {
            self.init(user: String(head), worker: String(tail), reward: .pool)
            return
        }
        let rest: (Int) -> String = { $0 < parts.count ? parts[$0...].joined(separator: "/") : "" }
        switch parts[1] {
        case "solo":
            guard parts.count > 2, let address = Address(parts[2], network: network) else { return nil }
            self.init(address, worker: rest(3), poolPercent: 0)
        case "donate" where parts.count <= 3:
            self.init(user: "", worker: rest(2), reward: .donated)
        case "donate":
            guard let percent = UInt8(parts[2]), (1...99).contains(percent),
                let address = Address(parts[3], network: network)
            else { return nil }
            self.init(address, worker: rest(4), poolPercent: percent)
        default: return nil
        }
    }

    private init(user: String, worker: String, reward: Reward) {
        self.user = user
        self.worker = worker
        self.reward = reward
    }

    private init(_ address: Address, worker: String, poolPercent: UInt8) {
        self.init(
            user: address.text, worker: worker,
            reward: .miner(address.scriptPubKey, poolPercent: poolPercent, isExplicit: true))
    }

    /// Percent of this miner's reward that it gives to the pool.
    public var poolPercent: UInt8 {
        switch reward {
        case .pool: 0
        case .donated: 100
        case .miner(_, let percent, _): percent
        }
    }

    /// Whether its blocks pay its own address in the coinbase: always when it asks for that by name, and for a bare
    /// address where the pool has no other scheme.
    public func isSolo(under scheme: PayoutScheme) -> Bool {
        guard case .miner(_, _, let isExplicit) = reward else { return false }
        return isExplicit || scheme == .solo
    }

    private static func split(_ text: Substring, at mark: Character) -> (Substring, Substring) {
        guard let place = text.firstIndex(of: mark) else { return (text, "") }
        return (text[..<place], text[text.index(after: place)...])
    }
}
