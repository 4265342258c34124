import Stratum

/// Accepted shares that wait for one SubmitShares.Success (SV2 section 5.3.13).
struct ShareBatch: Sendable {
    private(set) var count: UInt32 = 0
    private var lastSequenceNumber: UInt32 = 0
    private var difficulty = 0.0
    /// What rounding left over; goes into the next batch so that the sums stay true to one unit in total.
    private var remainder = 0.0

    mutating func add(sequenceNumber: UInt32, difficulty: Double) {
        count += 1
        lastSequenceNumber = sequenceNumber
        self.difficulty += difficulty
    }

    /// The acknowledgement, and the batch begins anew; nil when nothing waits.
    mutating func take(channelID: UInt32) -> Mining.SubmitSharesSuccess? {
        guard count > 0 else { return nil }
        let exact = difficulty + remainder
        let sum = exact < 0x1p63 ? UInt64(max(exact, 0)) : UInt64(1) << 63
        let message = Mining.SubmitSharesSuccess(
            channelID: channelID, lastSequenceNumber: lastSequenceNumber, newSubmitsAcceptedCount: count,
            newSharesSum: sum)
        remainder = exact < 0x1p53 ? exact - Double(sum) : 0
        difficulty = 0
        count = 0
        return message
    }
}
