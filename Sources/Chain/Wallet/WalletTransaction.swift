import Bitcoin

/// A transaction that pays to or from a wallet.
struct WalletTransaction: Sendable {
    enum State: Sendable, Equatable {
        case confirmed(block: Hash256, height: Int, position: Int, time: UInt32)
        /// Neither in the chain nor ruled out by it. Whether the pool holds it, the pool knows.
        case unconfirmed(isAbandoned: Bool)
        /// A block spends one of its inputs elsewhere.
        case conflicted(block: Hash256, height: Int)
    }

    var transaction: Transaction
    var state: State
    /// Unix seconds.
    var received: UInt32
    /// Received, or the block's time where that tells more.
    var time: UInt32
    /// Comments and the like, in the order of their names: `comment`, `to`, `replaces_txid`,
    /// `replaced_by_txid`.
    var notes: [(key: String, value: String)] = []

    var txid: Hash256 { transaction.txid }
    var isConfirmed: Bool { if case .confirmed = state { true } else { false } }
    var isAbandoned: Bool { state == .unconfirmed(isAbandoned: true) }
    var isConflicted: Bool { if case .conflicted = state { true } else { false } }

    func note(_ key: String) -> String? { notes.first { $0.key == key }?.value }

    mutating func setNote(_ key: String, _ value: String) {
        notes.removeAll { $0.key == key }
        notes.append((key, value))
        notes.sort { $0.key < $1.key }
    }

    /// Confirmations; negative below a conflicting block.
    func depth(at height: Int) -> Int {
        switch state {
        case .confirmed(_, let own, _, _): height - own + 1
        case .unconfirmed: 0
        case .conflicted(_, let own): -(height - own + 1)
        }
    }
}

/// An output that pays to a wallet.
struct WalletOutput: Sendable {
    var outPoint: OutPoint
    var value: Int64
    var script: Script
    /// Which of the wallet's transactions made it.
    var transaction: Int
    var isCoinbase: Bool
}
