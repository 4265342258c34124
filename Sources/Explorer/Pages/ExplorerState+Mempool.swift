import Bitcoin

struct MempoolRow: Sendable {
    let entryID: String
    let entryHash: HashText
    let entryTime: MomentText
    let entryRate: String
    let entryPackageRate: String
    let entrySize: String
    let entryFee: AmountText
    let entryAncestors: String
    let inTemplate: Int?
    let whyNot: String?
}

struct MempoolContent: Sendable {
    let tiles: [Tile]
    let bands: [FeeBand]
    let nextHeight: String?
    let templateProblem: String?
    let templateBar: BarText?
    let templateFacts: FactList?
    let listNote: String
    let hasEntries: Bool
    let entries: [MempoolRow]
    let pager: Pager?
}

extension ExplorerState {
    func mempoolPage(page asked: Int, now: Int64) throws -> Page {
        if !hasChain && !reach.isUp { throw PageError.unavailable }
        let total = mempool.entries.count
        let page = Pager.clamp(asked, total: total, size: Limits.mempoolPerPage)
        let first = (page - 1) * Limits.mempoolPerPage
        let rows = mempool.entries.dropFirst(first).prefix(Limits.mempoolPerPage).map { row($0, now: now) }
        let next = templateText()
        return Page(
            title: "Mempool", template: "mempool",
            content: MempoolContent(
                tiles: mempoolTiles(), bands: feeBands(), nextHeight: next.nextHeight,
                templateProblem: next.templateProblem, templateBar: next.templateBar,
                templateFacts: next.templateFacts,
                listNote: mempool.isCut
                    ? "the \(Characters.grouped(total)) with the highest fee rates"
                    : "highest fee rate first",
                hasEntries: total > 0, entries: Array(rows),
                pager: Pager(
                    total: total, page: page, size: Limits.mempoolPerPage, link: { "/mempool?page=\($0)" },
                    names: ("higher", "lower"))),
            place: .mempool, topics: [.tip, .mempool, .node])
    }

    private func mempoolTiles() -> [Tile] {
        let minimum = mempool.minimumFeeRate.map { Figures.feeRate(Double($0) / 1_000) } ?? "–"
        var tiles = [
            Tile("Transactions", Characters.grouped(mempool.count)),
            Tile(
                "Size", Characters.grouped(mempool.virtualBytes), unit: "vB",
                note: "\(Figures.fixed(Double(mempool.virtualBytes) / 1_000_000, 2)) blocks deep"),
            Tile("Fees", Figures.bitcoin(mempool.totalFee).trimmingZeros, unit: "BTC"),
            Tile("Least accepted", minimum, unit: "sat/vB"),
        ]
        if let limit = mempool.memoryLimit {
            let share = Figures.percent(Double(mempool.memoryUsage), of: Double(limit))
            tiles.append(
                Tile(
                    "Memory", Figures.bytes(Int(clamping: mempool.memoryUsage)),
                    note:
                        "\(share) of \(Figures.bytes(Int(clamping: limit)))"
                ))
        }
        return tiles
    }

    private func row(_ entry: MempoolView.Entry, now: Int64) -> MempoolRow {
        MempoolRow(
            entryID: entry.txid.displayHex, entryHash: HashText(entry.txid),
            entryTime: MomentText(entry.time, now: now), entryRate: Figures.feeRate(entry.rate),
            entryPackageRate: entry.ancestorCount > 1 ? Figures.feeRate(entry.packageRate) : "–",
            entrySize: Characters.grouped(entry.virtualSize), entryFee: AmountText(entry.fee),
            entryAncestors: entry.ancestorCount > 1 ? "\(entry.ancestorCount - 1)" : "–",
            inTemplate: template?.position(of: entry.txid), whyNot: whyNot(entry))
    }
}
