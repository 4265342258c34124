import Bitcoin
import SansIO

/// Which addresses one peer was told and may tell us.
struct AddressGossip: Sendable {
    /// Addresses are exchanged with it: it is outbound, or sent addr, addrv2 or getaddr.
    var isOn = false
    /// We sent getaddr and have not seen the end of the answer.
    var isAnswerAwaited = false
    /// It got its answer to getaddr.
    var wasAnswered = false
    /// Addresses it may still tell us now; grows by 0.1 a second up to 1000 (Core).
    var tokens = 1.0
    var refilled: Instant?
    var processed: UInt64 = 0
    var rateLimited: UInt64 = 0
    var pending: [AddressRecord] = []
    var known = RecentHashes(capacity: ChainLimits.peerKnownAddresses)
    var next: Instant?
}

/// Answers to getaddr, one for each address that peers come in by, kept for about a day (Core's
/// m_addr_response_caches).
struct AddressAnswers: Sendable {
    private struct Answer: Sendable {
        var door: String
        var until: Instant
        var records: [AddressRecord]
    }

    private var answers: [Answer] = []

    mutating func addresses(
        at door: String, from book: AddressBook, at time: Instant, random: inout PRNG
    ) -> [AddressRecord] {
        if let known = answers.first(where: { $0.door == door }), time <= known.until { return known.records }
        answers.removeAll { $0.door == door }
        if answers.count >= ChainLimits.addressAnswers { answers.removeFirst() }
        let records = book.sample(ChainLimits.addresses, percent: 23, at: time, random: &random)
        let until = time + .seconds(21 * 3_600 + random.below(6 * 3_600))
        answers.append(Answer(door: door, until: until, records: records))
        return records
    }
}

/// An address with what was said of it.
struct AddressRecord: Sendable, Equatable {
    var address: NetworkAddress
    var port: UInt16
    var services: UInt64
    /// Unix seconds.
    var time: UInt32
}
