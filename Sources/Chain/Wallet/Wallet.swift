import Bitcoin

/// An output that a wallet can spend.
struct WalletCoin: Sendable, Equatable {
    var outPoint: OutPoint
    var value: Int64
    /// Nil while its transaction waits in the pool.
    var height: Int?
    var isCoinbase: Bool
    /// Made by a payment of this very wallet, so it may be spent unconfirmed.
    var isOwnChange: Bool
    var address: WalletAddress
}

/// Where a script of a wallet comes from.
struct WalletAddress: Sendable, Hashable {
    var wallet: Int
    /// 0 receives, 1 takes change (BIP44).
    var branch: UInt32
    var index: UInt32
}

/// One named wallet: keys by BIP84 (m/84'/1'/0'), all made from the node's seed and the wallet's name.
struct Wallet: Sendable {
    let name: String
    var isLoaded = true
    /// Next unused index of the two branches.
    var next: [UInt32] = [0, 0]
    private let branches: [ExtendedKey]

    init(name: String, seed: [UInt8]) {
        self.name = name
        let master = taggedHash("lab/wallet", seed + Array(name.utf8)).bytes
        let account: [UInt32] = [84, 1, 0].map { $0 | ExtendedKey.hardened }
        guard let root = ExtendedKey(seed: master)?.descendant(account), let receive = root.child(0),
            let change = root.child(1)
        else { preconditionFailure("a seed without keys: probability 2^-127") }
        branches = [receive, change]
    }

    func key(_ branch: UInt32, _ index: UInt32) -> SecretKey {
        guard let key = branches[Int(branch)].child(index)?.secret else {
            preconditionFailure("an index without a key: probability 2^-127")
        }
        return key
    }

    func script(_ branch: UInt32, _ index: UInt32) -> Script { .p2wpkh(key(branch, index).publicKey.hash160) }
}

/// Coins in the order of arrival, found by their outpoint.
struct WalletCoins: Sendable {
    private var slots: [WalletCoin?] = []
    private var index: [OutPoint: Int] = [:]

    var all: [WalletCoin] { slots.compactMap { $0 } }

    subscript(outPoint: OutPoint) -> WalletCoin? { index[outPoint].flatMap { slots[$0] } }

    mutating func set(_ coin: WalletCoin) {
        if let at = index[coin.outPoint] {
            slots[at] = coin
            return
        }
        index[coin.outPoint] = slots.count
        slots.append(coin)
    }

    @discardableResult
    mutating func remove(_ outPoint: OutPoint) -> WalletCoin? {
        guard let at = index.removeValue(forKey: outPoint) else { return nil }
        let coin = slots[at]
        slots[at] = nil
        if slots.count > 64, index.count * 2 < slots.count { compact() }
        return coin
    }

    private mutating func compact() {
        slots = slots.filter { $0 != nil }
        for (at, coin) in slots.enumerated() { if let coin { index[coin.outPoint] = at } }
    }
}
