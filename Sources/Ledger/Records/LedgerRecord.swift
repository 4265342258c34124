public import Bitcoin

/// Names a channel, or one named worker of a channel, for as long as the ledger lives. Numbered from 1.
public struct AccountID: Hashable, Comparable, Sendable {
    public var raw: UInt64
    public init(_ raw: UInt64) { self.raw = raw }
    public static func < (a: AccountID, b: AccountID) -> Bool { a.raw < b.raw }
}

/// What became of a block that a share made.
public enum BlockFate: UInt8, Sendable, Hashable, CaseIterable {
    /// Found and given to the template provider; nothing was heard yet.
    case found
    /// The template provider built on it.
    case accepted
    /// Built on, with ``LedgerLimits/coinbaseMaturity`` blocks on top as far as the pool saw.
    case matured
    /// Another block took its place.
    case orphaned
    /// Not given to the provider: enough blocks were sent for its tip.
    case withheld
}

/// One fact of the ledger.
public enum LedgerEntry: Sendable, Equatable {
    /// Comes before the first entry that names the account. Made when the first share is accepted, so that an
    /// identity which never proved any work costs nothing.
    case account(
        AccountID, user: String, worker: String, isExtended: Bool, isSolo: Bool, poolPercent: UInt8)
    /// Accepted shares since the account's last such entry. `work` is the sum of the shares' exact works, each
    /// floor(2^256 / (target + 1)); `lastSequenceNumber` is the miner's.
    case shares(AccountID, count: UInt32, work: UInt128, lastSequenceNumber: UInt32)
    /// Refused shares since the last such entry, by error code.
    case rejects(AccountID, code: String, count: UInt32)
    /// The account gets no more entries.
    case closed(AccountID)
    /// `reward` in satoshis is everything that the coinbase may spend; `networkWork` is the expected number of hashes
    /// of a block.
    case block(
        Hash256, height: UInt32, AccountID, reward: UInt64, networkWork: UInt128, isSubmitted: Bool)
    case fate(Hash256, BlockFate)
    /// What a block of this height would pay and cost from now on.
    case terms(height: UInt32, reward: UInt64, networkWork: UInt128)
}

/// One record of the ledger's journal: the facts of one event of the pool, in order.
public struct LedgerRecord: Sendable, Equatable {
    /// Counts records from 1 without gaps, so that none is taken twice.
    public var sequence: UInt64
    public var unixTime: UInt32
    public var entries: [LedgerEntry]

    public init(sequence: UInt64, unixTime: UInt32, entries: [LedgerEntry]) {
        self.sequence = sequence
        self.unixTime = unixTime
        self.entries = entries
    }
}

extension Target {
    /// The work of a share at this target: floor(2^256 / (value + 1)) hashes on average, as Bitcoin Core's
    /// `GetBlockProof` counts a block's. Saturates at 2^128 - 1, which no miner reaches.
    public var shareWork: UInt128 {
        let exact = work
        guard exact.l2 == 0, exact.l3 == 0 else { return .max }
        return UInt128(exact.l1) << 64 | UInt128(exact.l0)
    }
}
