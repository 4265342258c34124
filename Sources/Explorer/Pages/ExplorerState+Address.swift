import Bitcoin

struct HistoryRow: Sendable {
    let historyID: String
    let historyHash: HashText
    let historyHeight: String?
    let historyTime: MomentText?
    let direction: String
    let sign: String
    let historyAmount: AmountText
}

struct UnspentRow: Sendable {
    let unspentID: String
    let unspentHash: HashText
    let unspentIndex: Int
    let unspentHeight: Int
    let unspentDepth: String
    let unspentAmount: AmountText
    let immature: String?
}

struct AddressContent: Sendable {
    let addressText: String
    let addressKind: String
    let tiles: [Tile]
    let partial: String?
    let historyCount: String
    let history: [HistoryRow]
    let pager: Pager?
    let unspentNote: String
    let hasUnspent: Bool
    let unspent: [UnspentRow]
}

/// What unconfirmed transactions would do to a script.
struct PendingChange: Sendable, Equatable {
    var txid: Hash256
    var time: Int64
    var received: Int64
    var sent: Int64
}

extension ExplorerState {
    func parseAddress(_ text: String) throws -> Address {
        guard let address = Address(text, network: node.addressNetwork) else {
            throw PageError.malformed(
                what: "This is no address of \(Characters.visible(node.chain))", asked: text)
        }
        return address
    }

    func pendingChanges(of script: Script) -> [PendingChange] {
        mempool.entries.compactMap { entry in
            guard let transaction = entry.transaction else { return nil }
            let received = transaction.outputs.reduce(0) { $1.scriptPubKey == script ? $0 &+ $1.value : $0 }
            var sent: Int64 = 0
            for input in transaction.inputs {
                if let output = output(input.previousOutput), output.scriptPubKey == script {
                    sent &+= output.value
                }
            }
            guard received > 0 || sent > 0 else { return nil }
            return PendingChange(txid: entry.txid, time: entry.time, received: received, sent: sent)
        }
    }

    func addressPage(_ text: String, page asked: Int, now: Int64) throws -> Page {
        guard hasChain else { throw PageError.unavailable }
        let address = try parseAddress(text)
        let script = address.scriptPubKey
        let history = index.history(of: script) ?? ChainIndex.History()
        let pending = pendingChanges(of: script).sorted { $0.time > $1.time }
        let total = history.items.count + pending.count
        let page = Pager.clamp(asked, total: total, size: Limits.historyPerPage)
        let first = (page - 1) * Limits.historyPerPage
        let rows = (first..<max(first, min(total, first + Limits.historyPerPage))).compactMap { position in
            position < pending.count
                ? row(pending[position], now: now)
                : row(history.items[history.items.count - 1 - (position - pending.count)], now: now)
        }
        let unspent = index.unspent(of: script, limit: Limits.unspentShown).map {
            row($0.point, $0.output, $0.location)
        }
        return Page(
            title: "Address \(Characters.shortened(address.text))", template: "address",
            content: AddressContent(
                addressText: address.text, addressKind: script.kind.shortName,
                tiles: addressTiles(history, pending), partial: partialNote(history),
                historyCount: Characters.grouped(total), history: rows,
                pager: Pager(
                    total: total, page: page, size: Limits.historyPerPage,
                    link: { "/address/\(address.text)?page=\($0)" }, names: ("newer", "older")),
                unspentNote: history.unspentCount > unspent.count
                    ? "newest \(unspent.count) of \(Characters.grouped(history.unspentCount))"
                    : "\(unspent.count)",
                hasUnspent: !unspent.isEmpty, unspent: unspent),
            topics: [.tip, .mempool])
    }

    private func partialNote(_ history: ChainIndex.History) -> String? {
        guard index.isPartial else { return nil }
        let base = Characters.grouped(index.base)
        return "This explorer knows blocks from height \(base) on; what came before is not counted."
    }

    private func addressTiles(_ history: ChainIndex.History, _ pending: [PendingChange]) -> [Tile] {
        var tiles = [
            Tile("Balance", Figures.bitcoin(history.balance).trimmingZeros, unit: "BTC"),
            Tile("Received", Figures.bitcoin(history.received).trimmingZeros, unit: "BTC"),
            Tile("Sent", Figures.bitcoin(history.sent).trimmingZeros, unit: "BTC"),
            Tile("Unspent outputs", Characters.grouped(history.unspentCount)),
        ]
        if !pending.isEmpty {
            let change = pending.reduce(0) { $0 &+ $1.received &- $1.sent }
            tiles.append(
                Tile(
                    "Unconfirmed", (change > 0 ? "+" : "") + Figures.bitcoin(change).trimmingZeros,
                    unit: "BTC", note: "\(pending.count) in the mempool"))
        }
        return tiles
    }

    private func row(_ pending: PendingChange, now: Int64) -> HistoryRow {
        historyRow(
            pending.txid, height: nil, time: pending.time, change: pending.received &- pending.sent, now: now)
    }

    private func row(_ item: ChainIndex.HistoryItem, now: Int64) -> HistoryRow? {
        guard let txid = index.transaction(at: item.location)?.txid else { return nil }
        return historyRow(
            txid, height: item.location.height, time: index.block(at: item.location.height)?.time,
            change: item.received &- item.sent, now: now)
    }

    private func historyRow(_ txid: Hash256, height: Int?, time: Int64?, change: Int64, now: Int64)
        -> HistoryRow
    {
        HistoryRow(
            historyID: txid.displayHex, historyHash: HashText(txid), historyHeight: height.map { "\($0)" },
            historyTime: time.map { MomentText($0, now: now) }, direction: change < 0 ? "minus" : "plus",
            sign: change < 0 ? "−" : "+", historyAmount: AmountText(Int64(clamping: change.magnitude)))
    }

    private func row(
        _ point: OutPoint, _ output: TransactionOutput, _ location: ChainIndex.Location
    ) -> UnspentRow {
        let depth = confirmations(of: location.height)
        // A coinbase output may be spent in the block that is 100 above it, COINBASE_MATURITY.
        let left = location.index == 0 ? 100 - depth : 0
        return UnspentRow(
            unspentID: point.txid.displayHex, unspentHash: HashText(point.txid),
            unspentIndex: Int(point.index),
            unspentHeight: location.height, unspentDepth: Characters.grouped(depth),
            unspentAmount: AmountText(output.value), immature: left > 0 ? "matures in \(left)" : nil)
    }
}
