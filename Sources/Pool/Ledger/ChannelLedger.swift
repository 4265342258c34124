import Ledger

/// What a channel did since its last entry in the ledger.
struct ChannelLedger: Sendable {
    /// Accepted shares of one account that the ledger does not hold yet.
    struct Pending: Sendable {
        /// Nil before the first accepted share.
        var account: AccountID?
        var count: UInt32 = 0
        var work: UInt128 = 0
        var lastSequenceNumber: UInt32 = 0

        mutating func add(work: UInt128, sequenceNumber: UInt32) {
            count += 1
            let (sum, overflow) = self.work.addingReportingOverflow(work)
            self.work = overflow ? .max : sum
            lastSequenceNumber = sequenceNumber
        }

        mutating func clear() {
            count = 0
            work = 0
        }
    }

    /// Workers that extension 0x0002 named on this channel.
    struct Named: Sendable {
        var places: [String: Int] = [:]
        var pending: [Pending] = []
        /// Places with pending shares.
        var touched: [Int] = []
    }

    var own = Pending()
    var named: Named?
    /// The refused shares that the ledger holds, by ``ShareRejection/rawValue``.
    var recordedRejects: [UInt32] = []

    mutating func add(work: UInt128, sequenceNumber: UInt32, worker: String?, limit: Int) {
        guard let worker, let place = place(of: worker, limit: limit) else {
            own.add(work: work, sequenceNumber: sequenceNumber)
            return
        }
        if named!.pending[place].count == 0 { named!.touched.append(place) }
        named!.pending[place].add(work: work, sequenceNumber: sequenceNumber)
    }

    /// Nil when the channel has named enough workers; the share is then the channel's own.
    private mutating func place(of worker: String, limit: Int) -> Int? {
        if let known = named?.places[worker] { return known }
        if named == nil { named = Named() }
        guard !worker.isEmpty, named!.pending.count < limit else { return nil }
        let place = named!.pending.count
        named!.places[worker] = place
        named!.pending.append(Pending())
        return place
    }
}
