extension Mempool {
    /// What a block with this room would take; knows fees and weight, but lists no transactions.
    func selection(weight: Int, sigOps: Int, feeRateMin: Int64 = ChainLimits.blockFeeRateMin)
        -> TemplateSelection
    {
        index.select(weight: weight, sigOps: sigOps, feeRateMin: feeRateMin)
    }

    /// The chosen transactions in block order.
    func transactions(of selection: TemplateSelection) -> [PooledTransaction] {
        var list: [PooledTransaction] = []
        list.reserveCapacity(selection.count)
        for key in index.keys(of: selection) {
            if key.count == 1 {
                list.append(entry(slots(of: key).first!).pooled)
            } else {
                for slot in slots(of: key) { list.append(entry(slot).pooled) }
            }
        }
        return list
    }
}
