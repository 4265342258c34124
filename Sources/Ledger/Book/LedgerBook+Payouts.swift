import Bitcoin
import SansIO

/// The payout schemes over a book. They only read; the arithmetic is ``Distribution``'s.
extension LedgerBook {
    /// How a pool pays.
    public struct PayoutTerms: Sendable, Hashable {
        public var scheme: PayoutScheme
        /// Hundredths of a percent.
        public var feeBasisPoints: UInt32
        /// PPLNS: the window in thousandths of a block's expected hashes; 2,000 is two blocks' worth.
        public var windowPermille: UInt32

        public init(_ scheme: PayoutScheme, feeBasisPoints: UInt32 = 0, windowPermille: UInt32 = 2_000) {
            self.scheme = scheme
            self.feeBasisPoints = feeBasisPoints
            self.windowPermille = windowPermille
        }
    }

    /// How a block's reward is divided. A block of a solo miner goes to that miner under every scheme. FPPS has no
    /// payments for a block, because its shares were paid when they were found: the reward is the pool's.
    public func distribution(of block: BlockRow, terms: PayoutTerms) -> Distribution {
        if block.isSolo || terms.scheme == .solo {
            return Distribution(
                block.reward, to: block.isSolo ? block.user : .pool, poolPercent: block.poolPercent)
        }
        switch terms.scheme {
        case .proportional:
            let round = slices(after: roundStart(before: block), through: block.slice)
            return .proportional(block.reward, round: round, feeBasisPoints: terms.feeBasisPoints)
        case .pplns:
            let window = Self.window(of: block.networkWork, permille: terms.windowPermille)
            return .pplns(
                block.reward, slices: slices(endingAt: block.slice, holding: window), window: window,
                feeBasisPoints: terms.feeBasisPoints)
        case .fpps, .solo:
            return Distribution(block.reward, to: .pool, poolPercent: 0)
        }
    }

    /// FPPS: what the shares of the slices `first...last` are worth.
    public func fullPayPerShare(from first: UInt64, through last: UInt64, feeBasisPoints: UInt32 = 0)
        -> Distribution
    {
        .fpps(slices: slices(after: first - min(first, 1), through: last), feeBasisPoints: feeBasisPoints)
    }

    /// The last slice of the round before this block's: the slice of the submitted block before it; 0 for the first.
    func roundStart(before block: BlockRow) -> UInt64 {
        guard let number = storage.value(LedgerTable.blockNumbers, block.hash.bytes) else { return 0 }
        var earlier = LedgerTable.count(number)
        while earlier > 1 {
            earlier -= 1
            if let row = self.block(number: earlier), row.fate != .withheld, !row.isSolo { return row.slice }
        }
        return 0
    }

    /// Slices of the round or period `after + 1 ... last`, oldest first, without the work of solo miners.
    public func slices(after: UInt64, through last: UInt64) -> [WorkSlice] {
        guard last > after else { return [] }
        return (after + 1...last).map(workSlice)
    }

    /// The latest slices up to `last` that hold `window` of work, oldest first.
    func slices(endingAt last: UInt64, holding window: UInt128) -> [WorkSlice] {
        var result: [WorkSlice] = []
        var held: UInt128 = 0
        var index = last
        while index > 0, held < window {
            let slice = workSlice(index)
            held.addSaturating(slice.work)
            result.append(slice)
            index -= 1
        }
        return result.reversed()
    }

    private func workSlice(_ index: UInt64) -> WorkSlice {
        let row = slice(index)
        var contributions: [Contribution] = []
        storage.scan(LedgerTable.credits, prefix: LedgerTable.key(index)) { key, value in
            let id = key.withUnsafeBytes { WorkerID(UInt32(LedgerTable.number($0.dropFirst(8)))) }
            guard
                let worker = LedgerTable.row(
                    storage, LedgerTable.workers, LedgerTable.key(id.raw), WorkerRow.init), !worker.isSolo
            else { return true }
            contributions += Self.contributions(of: worker, work: CreditRow(value).work)
            return true
        }
        return WorkSlice(
            index: index, reward: row.reward, networkWork: row.networkWork, contributions: contributions)
    }

    /// A worker's work, less the part that it gives to the pool (rounded down).
    private static func contributions(of worker: WorkerRow, work: UInt128) -> [Contribution] {
        guard worker.poolPercent > 0 else { return [Contribution(worker.user, work)] }
        let percent = UInt128(min(worker.poolPercent, 100))
        let donated = (100 as UInt128).dividingFullWidth(work.multipliedFullWidth(by: percent)).quotient
        return [Contribution(.pool, donated), Contribution(worker.user, work - donated)]
    }

    static func window(of networkWork: UInt128, permille: UInt32) -> UInt128 {
        let product = networkWork.multipliedFullWidth(by: UInt128(permille))
        guard product.high < 1_000 else { return .max }
        return (1_000 as UInt128).dividingFullWidth(product).quotient
    }
}
