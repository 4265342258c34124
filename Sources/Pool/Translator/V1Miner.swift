import SansIO
import Stratum

/// One Stratum V1 miner of a translator.
struct V1Miner: Sendable {
    /// Where its channel stands.
    enum Phase: Sendable {
        /// Not authorized: there is nothing to open yet.
        case arriving
        /// Authorized; waits for the pool.
        case waiting
        /// OpenExtendedMiningChannel was sent.
        case opening
        /// Jobs flow.
        case mining(TranslatedChannel)
        /// The connection is being closed; what still arrives is not read.
        case closing
    }

    let id: ConnectionID
    /// Also extranonce1; never 0 and unique among the miners.
    let number: UInt32
    let extranonce1: [UInt8]
    var lines: V1LineDecoder
    var phase = Phase.arriving
    var isSubscribed = false
    var userAgent = ""
    /// As `mining.authorize` named it.
    var worker = ""
    /// Version bits the miner may roll; 0 without `mining.configure`.
    var versionMask: UInt32 = 0
    /// Hashes per second, read from a suggested difficulty.
    var suggestedHashRate: Double?
    var malformedLines = 0
    var oddities = 0

    var isAuthorized: Bool {
        switch phase {
        case .arriving, .closing: false
        case .waiting, .opening, .mining: true
        }
    }

    var isClosing: Bool {
        if case .closing = phase { return true }
        return false
    }

    var channel: TranslatedChannel? {
        if case .mining(let channel) = phase { return channel }
        return nil
    }

    /// Changes the open channel in place; nil when there is none.
    mutating func withChannel<R>(_ body: (inout TranslatedChannel) -> R) -> R? {
        guard case .mining(var channel) = phase else { return nil }
        phase = .opening
        defer { phase = .mining(channel) }
        return body(&channel)
    }

    /// The identity of its channel: the account and the worker's own part.
    func identity(account: String) -> String {
        guard !account.isEmpty else { return worker }
        let own = worker.split(separator: ".", maxSplits: 1).dropFirst().first.map(String.init)
        return account + "." + (own ?? "miner\(number)")
    }
}
