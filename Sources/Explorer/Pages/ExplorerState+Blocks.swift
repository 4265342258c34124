import Bitcoin

struct BlockRow: Sendable {
    let rowHash: String
    let rowHeight: String
    let rowHashText: HashText
    let rowTime: MomentText
    let rowInterval: String
    let rowTransactions: String
    let rowSize: String
    let rowBar: BarText
    let rowFees: AmountText?
    let rowFinder: String?
    let rowTag: String
}

struct StaleRow: Sendable {
    let staleHeight: Int
    let staleHash: String
    let staleHashText: HashText
    let staleTime: MomentText
    let staleTag: String
}

struct BlocksContent: Sendable {
    let blocksNote: String
    let rows: [BlockRow]
    let pager: Pager?
    let hasStale: Bool
    let stale: [StaleRow]
}

struct PayRow: Sendable {
    let payAddress: String?
    let payKind: String
    let payAmount: AmountText
}

struct BlockTransactionRow: Sendable {
    let txPosition: Int
    let txID: String
    let txHash: HashText
    let txCoinbase: Bool
    let txInputs: String
    let txOutputs: String
    let txSize: String
    let txRate: String
    let txFee: AmountText?
    let txValue: AmountText
}

struct BlockContent: Sendable {
    let blockHeight: String
    let blockHash: String
    let staleChip: String?
    let confirmations: String
    let previous: String?
    let following: String?
    let tiles: [Tile]
    let finder: FactList?
    let headerFacts: FactList
    let rawHeader: String
    let coinbaseFacts: FactList
    let pays: [PayRow]
    let transactionCount: String
    let transactions: [BlockTransactionRow]
    let pager: Pager?
}

extension ExplorerState {
    func blocksPage(page asked: Int, now: Int64) throws -> Page {
        guard hasChain else { throw PageError.unavailable }
        let size = Limits.blocksPerPage
        let page = Pager.clamp(asked, total: index.count, size: size)
        let top = (index.tipHeight ?? 0) - (page - 1) * size
        let rows = (0..<size).compactMap { index.block(at: top - $0).map { row($0, now: now) } }
        let stale = index.stale.reversed().map { entry in
            StaleRow(
                staleHeight: entry.height, staleHash: entry.hash.displayHex,
                staleHashText: HashText(entry.hash),
                staleTime: MomentText(entry.time, now: now), staleTag: note(of: entry))
        }
        return Page(
            title: page == 1 ? "Blocks" : "Blocks, page \(page)", template: "blocks",
            content: BlocksContent(
                blocksNote: index.isPartial ? "from height \(Characters.grouped(index.base))" : "",
                rows: rows,
                pager: Pager(
                    total: index.count, page: page, size: size, link: { "/blocks?page=\($0)" },
                    names: ("newer", "older")),
                hasStale: !stale.isEmpty, stale: stale),
            place: .blocks, topics: [.tip, .node, .feed])
    }

    private func row(_ entry: IndexedBlock, now: Int64) -> BlockRow {
        let full = Figures.percent(Double(entry.weight), of: Double(Self.blockWeight))
        return BlockRow(
            rowHash: entry.hash.displayHex, rowHeight: "\(entry.height)", rowHashText: HashText(entry.hash),
            rowTime: MomentText(entry.time, now: now),
            rowInterval: entry.height <= 1
                ? "–" : interval(at: entry.height).map { Self.signedSpan($0) } ?? "–",
            rowTransactions: Characters.grouped(entry.block.transactions.count),
            rowSize: Figures.bytes(entry.size),
            rowBar: BarText(Double(entry.weight), of: Double(Self.blockWeight), label: "\(full) full"),
            rowFees: entry.fees.map { AmountText($0) },
            rowFinder: finder(of: entry.hash).map { Characters.visible($0.device) },
            rowTag: entry.coinbase?.words ?? "")
    }

    static func signedSpan(_ seconds: Double) -> String {
        seconds < 0 ? "−\(Figures.span(seconds))" : Figures.span(seconds)
    }

    /// A block by its hash (also a stale one) or height.
    func findBlock(_ text: String) throws -> IndexedBlock {
        if let hash = Hash256(displayHex: text) {
            if let entry = index.block(hash) ?? index.staleBlock(hash) { return entry }
            throw PageError.notFound(
                what: "No block has this hash", asked: text,
                hints: [
                    "It is neither in the chain that this explorer follows nor among the stale blocks it saw."
                ])
        }
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let height = Int(text)
        else {
            throw PageError.malformed(
                what: "A block is named by its height (digits) or by its hash (64 hex digits)", asked: text)
        }
        if let entry = index.block(at: height) { return entry }
        throw PageError.notFound(what: "No block has this height", asked: text, hints: [heightHint(height)])
    }

    private func heightHint(_ height: Int) -> String {
        guard let tip = index.tipHeight else { return "No block is indexed yet." }
        if height < index.base { return "This explorer keeps blocks from height \(index.base) on." }
        return "The chain's tip is at height \(tip)."
    }

    func blockPage(_ text: String, page asked: Int, now: Int64) throws -> Page {
        guard hasChain else { throw PageError.unavailable }
        let entry = try findBlock(text)
        let isStale = index.block(entry.hash) == nil
        let total = entry.block.transactions.count
        let page = Pager.clamp(asked, total: total, size: Limits.transactionsPerPage)
        let first = (page - 1) * Limits.transactionsPerPage
        let rows = (first..<min(total, first + Limits.transactionsPerPage)).map { transactionRow(entry, $0) }
        let hash = entry.hash.displayHex
        return Page(
            title: "Block \(entry.height)", template: "block",
            content: BlockContent(
                blockHeight: Characters.grouped(entry.height), blockHash: hash,
                staleChip: isStale ? "stale: not in the chain" : nil,
                confirmations: isStale
                    ? "0 confirmations" : Self.confirmationText(confirmations(of: entry.height)),
                previous: previousLink(of: entry, isStale: isStale),
                following: isStale ? nil : index.block(at: entry.height + 1)?.hash.displayHex,
                tiles: blockTiles(entry, now: now),
                finder: finder(of: entry.hash).map { finderFacts($0, entry) },
                headerFacts: headerFacts(entry), rawHeader: entry.block.header.bytes.hex,
                coinbaseFacts: FactList(facts: coinbaseFacts(entry.block.transactions.first)),
                pays: payRows(entry.block.transactions.first), transactionCount: Characters.grouped(total),
                transactions: rows,
                pager: Pager(
                    total: total, page: page, size: Limits.transactionsPerPage,
                    link: { "/block/\(hash)?page=\($0)#transactions" }, names: ("previous", "next"))),
            place: .blocks, topics: [.tip, .feed])
    }

    static func confirmationText(_ count: Int) -> String {
        count == 1 ? "1 confirmation" : "\(Characters.grouped(count)) confirmations"
    }

    private func previousLink(of entry: IndexedBlock, isStale: Bool) -> String? {
        let hash = entry.block.header.previousBlockHash
        return index.block(hash) != nil || index.staleBlock(hash) != nil ? hash.displayHex : nil
    }

    private func blockTiles(_ entry: IndexedBlock, now: Int64) -> [Tile] {
        let count = entry.block.transactions.count
        var tiles = [
            Tile("Mined", Figures.age(of: entry.time, now: now), note: "\(Figures.utc(entry.time)) UTC"),
            Tile("Transactions", Characters.grouped(count)),
            Tile(
                "Weight", Figures.percent(Double(entry.weight), of: Double(Self.blockWeight)),
                note: "\(Characters.grouped(entry.weight)) WU, \(Figures.bytes(entry.size))"),
            Tile("Reward", Figures.bitcoin(entry.reward).trimmingZeros, unit: "BTC"),
        ]
        if let fees = entry.fees {
            let rates = entry.block.transactions.indices.dropFirst().compactMap { index in
                entry.fee(of: index).map {
                    Double($0) / Double(max(1, entry.block.transactions[index].virtualSize))
                }
            }.sorted()
            func rate(_ index: Int) -> String { Figures.feeRate(rates[index]) }
            let note =
                rates.isEmpty
                ? nil
                : "\(rate(0))–\(rate(rates.count - 1)), median \(rate(rates.count / 2)) sat/vB"
            tiles.append(Tile("Fees", Figures.bitcoin(fees).trimmingZeros, unit: "BTC", note: note))
        } else {
            tiles.append(Tile("Fees", "–", note: "spends outputs older than this index"))
        }
        if entry.height > 1, let interval = interval(at: entry.height) {
            tiles.append(Tile("After", Self.signedSpan(interval), note: "since the block before"))
        }
        return tiles
    }

    private func finderFacts(_ finder: BlockFinder, _ entry: IndexedBlock) -> FactList {
        var facts = [
            Fact(
                "Device", Characters.visible(finder.device), link: "/devices?q=\(Self.encoded(finder.device))"
            )
        ]
        if let worker = finder.worker { facts.append(Fact("Worker", Characters.visible(worker))) }
        if let channel = finder.channelID { facts.append(Fact("Channel", "\(channel)")) }
        if let template = finder.templateID { facts.append(Fact("Template", "\(template)")) }
        if let job = finder.jobID { facts.append(Fact("Job", "\(job)")) }
        if let extranonce = finder.extranonce {
            facts.append(Fact("Extranonce", Characters.visible(extranonce), mono: true))
        }
        if let difficulty = finder.shareDifficulty {
            let network = entry.block.header.bits.target?.difficulty
            facts.append(
                Fact(
                    "Share difficulty", Figures.difficulty(difficulty),
                    hint: network.map {
                        "\(Figures.ratio(difficulty / $0)) × the network's \(Figures.difficulty($0))"
                    }))
        }
        return FactList(facts: facts)
    }

    private func headerFacts(_ entry: IndexedBlock) -> FactList {
        let header = entry.block.header
        let target = header.bits.target
        let reached = Target(littleEndian: entry.hash).difficulty
        var facts = [
            Fact(
                "Version", "0x" + Self.hex8(header.version), mono: true,
                hint: Self.versionNote(header.version)),
            Fact(
                "Previous", header.previousBlockHash.displayHex, mono: true,
                link: previousLink(of: entry, isStale: false).map { "/block/\($0)" }),
            Fact("Merkle root", header.merkleRoot.displayHex, mono: true),
            Fact("Time", "\(Figures.utc(entry.time)) UTC", hint: "\(header.time)"),
            Fact("Bits", Self.hex8(header.bits.bits), mono: true),
            Fact("Target", target?.littleEndianHash.displayHex ?? "invalid", mono: true),
            Fact("Difficulty", target.map { Figures.difficulty($0.difficulty) } ?? "–"),
        ]
        if reached.isFinite, let target {
            facts.append(
                Fact(
                    "Hash meets", Figures.difficulty(reached),
                    hint: "\(Figures.ratio(reached / target.difficulty)) × what was needed"))
        }
        facts.append(Fact("Nonce", "0x" + Self.hex8(header.nonce), mono: true, hint: "\(header.nonce)"))
        return FactList(facts: facts)
    }

    /// Which of the bits that BIP320 gives to miners are set, and whether BIP9 signals.
    static func versionNote(_ version: UInt32) -> String? {
        guard version & 0xe000_0000 == 0x2000_0000 else { return nil }
        let rolled = version & 0x1fff_e000
        let signals = (0..<29).filter { version >> UInt32($0) & 1 == 1 && !(13...28).contains($0) }
        var notes: [String] = []
        if rolled != 0 {
            notes.append("bits 13–28: \(String(rolled >> 13, radix: 16)) (rolled or signalling)")
        }
        if !signals.isEmpty {
            notes.append("signals bit \(signals.map(String.init).joined(separator: ", "))")
        }
        return notes.isEmpty ? nil : notes.joined(separator: "; ")
    }

    func coinbaseFacts(_ transaction: Transaction?) -> [Fact] {
        guard let transaction, transaction.isCoinbase else { return [Fact("Coinbase", "none")] }
        let coinbase = Coinbase(transaction)
        var facts = [
            Fact("Height (BIP34)", coinbase.height.map { "\($0)" } ?? "not there"),
            Fact("Tag", coinbase.words.isEmpty ? "–" : coinbase.words),
            Fact("As text", coinbase.tag.isEmpty ? "–" : coinbase.tag, mono: true),
            Fact(
                "Script", transaction.inputs[0].scriptSig.bytes.hex, mono: true,
                hint: "\(transaction.inputs[0].scriptSig.bytes.count) bytes of at most 100"),
            Fact(
                "Sequence, lock time",
                "0x\(Self.hex8(transaction.inputs[0].sequence)), \(transaction.lockTime)", mono: true),
            Fact("Witness commitment", coinbase.witnessCommitment?.hex ?? "none", mono: true),
        ]
        if let reserved = coinbase.reserved {
            facts.append(Fact("Reserved value", Characters.cut(reserved.hex, to: 200), mono: true))
        }
        return facts
    }

    private func payRows(_ transaction: Transaction?) -> [PayRow] {
        (transaction?.outputs ?? []).prefix(Limits.transactionParts).map { output in
            PayRow(
                payAddress: address(of: output.scriptPubKey),
                payKind: Self.outputLabel(output.scriptPubKey), payAmount: AmountText(output.value))
        }
    }

    static func outputLabel(_ script: Script) -> String {
        if script.bytes.starts(with: WitnessCommitment.prefix) { return "witness commitment" }
        return script.kind.shortName
    }

    private func transactionRow(_ entry: IndexedBlock, _ position: Int) -> BlockTransactionRow {
        let transaction = entry.block.transactions[position]
        let fee = entry.fee(of: position)
        return BlockTransactionRow(
            txPosition: position, txID: transaction.txid.displayHex, txHash: HashText(transaction.txid),
            txCoinbase: position == 0, txInputs: Characters.grouped(transaction.inputs.count),
            txOutputs: Characters.grouped(transaction.outputs.count),
            txSize: Characters.grouped(transaction.virtualSize),
            txRate: fee.map { Figures.feeRate($0, virtualSize: transaction.virtualSize) } ?? "–",
            txFee: fee.map { AmountText($0) }, txValue: AmountText(transaction.outputTotal))
    }

    static func hex8(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// For a query string: everything but letters, digits and a few marks is percent-encoded.
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95: result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }
        return result
    }
}
