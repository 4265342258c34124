import Bitcoin

struct InputText: Sendable {
    let inputPosition: Int
    let coinbaseTag: String?
    let inputAddress: String?
    let inputUnknown: String?
    let inputAmount: AmountText?
    let inputSource: String?
    let inputSourceText: HashText?
    let inputIndex: String
    let inputKind: String
    let sequence: String
    let scriptSigASM: String?
    let scriptSigHex: String
    let hasWitness: Bool
    let witness: [WitnessText]
    let spentASM: String?
}

struct WitnessText: Sendable {
    let itemIndex: Int
    let itemHex: String
    let itemNote: String
}

struct OutputText: Sendable {
    let outputPosition: Int
    let outputAddress: String?
    let outputNote: String?
    let outputAmount: AmountText
    let outputKind: String
    let outputASM: String
    let outputHex: String
    let spentBy: String?
    let spendState: String?
}

struct TransactionContent: Sendable {
    let txid: String
    let status: String
    let statusTone: String
    let marks: [String]
    let tiles: [Tile]
    let inputCount: String
    let inputs: [InputText]
    let inputsCut: String?
    let outputCount: String
    let outputs: [OutputText]
    let outputsCut: String?
    let coinbase: FactList?
    let detailFacts: FactList
    let rawSize: String
    let rawHex: String
}

/// A transaction with what is known around it.
struct FoundTransaction: Sendable {
    var transaction: Transaction
    /// The outputs it spends, by input; nil where unknown, empty for a coinbase.
    var spent: [TransactionOutput?]
    var location: ChainIndex.Location?
    var mempoolEntry: MempoolView.Entry?

    /// Satoshi.
    var fee: Int64? {
        if transaction.isCoinbase { return nil }
        return mempoolEntry?.fee ?? IndexedBlock.fee(of: transaction, spending: spent)
    }
}

extension ExplorerState {
    /// A transaction of the chain or of the mempool; nil when neither has it.
    func find(_ txid: Hash256) -> FoundTransaction? {
        if let location = index.location(of: txid), let entry = index.block(at: location.height),
            let transaction = index.transaction(at: location)
        {
            return FoundTransaction(
                transaction: transaction, spent: entry.spent[location.index], location: location)
        }
        guard let entry = mempool.entry(txid), let transaction = entry.transaction else { return nil }
        return FoundTransaction(
            transaction: transaction, spent: transaction.inputs.map { output($0.previousOutput) },
            mempoolEntry: entry)
    }

    static func transactionID(_ text: String) throws -> Hash256 {
        guard let txid = Hash256(displayHex: text) else {
            throw PageError.malformed(what: "A transaction is named by its txid, 64 hex digits", asked: text)
        }
        return txid
    }

    func foundTransaction(_ text: String) throws -> FoundTransaction {
        let txid = try Self.transactionID(text)
        if let found = find(txid) { return found }
        if mempool.entry(txid) != nil {
            throw PageError.notFound(
                what: "This transaction is in the mempool, and its bytes are still on their way", asked: text,
                hints: ["The page appears by itself in a moment."])
        }
        var hints = [
            "It is neither in the chain nor in the node's mempool.", "When it arrives, this page shows it.",
        ]
        if index.isPartial { hints.append("This explorer keeps blocks from height \(index.base) on.") }
        throw PageError.notFound(what: "No transaction has this id", asked: text, hints: hints)
    }

    func transactionPage(_ text: String, now: Int64) throws -> Page {
        guard hasChain else { throw PageError.unavailable }
        let found = try foundTransaction(text)
        let transaction = found.transaction
        let limit = Limits.transactionParts
        let inputs = transaction.inputs.indices.prefix(limit).map { inputText(found, $0) }
        let outputs = transaction.outputs.indices.prefix(limit).map { outputText(found, $0) }
        let (status, tone) = statusText(found)
        var marks: [String] = []
        if transaction.isCoinbase { marks.append("coinbase") }
        if transaction.hasWitness && !transaction.isCoinbase { marks.append("segwit") }
        if found.mempoolEntry != nil, transaction.inputs.contains(where: { $0.sequence < 0xffff_fffe }) {
            marks.append("signals replacement")
        }
        let raw = transaction.bytes()
        return Page(
            title: "Transaction \(Characters.shortened(text, head: 8, tail: 8))", template: "transaction",
            content: TransactionContent(
                txid: transaction.txid.displayHex, status: status, statusTone: tone, marks: marks,
                tiles: transactionTiles(found, now: now),
                inputCount: Characters.grouped(transaction.inputs.count),
                inputs: inputs, inputsCut: Self.cutNote(transaction.inputs.count),
                outputCount: Characters.grouped(transaction.outputs.count), outputs: outputs,
                outputsCut: Self.cutNote(transaction.outputs.count),
                coinbase: transaction.isCoinbase ? FactList(facts: coinbaseFacts(transaction)) : nil,
                detailFacts: detailFacts(found), rawSize: Figures.bytes(raw.count),
                rawHex: Characters.cut(raw.hex)),
            place: .elsewhere, topics: [.tip, .mempool])
    }

    private static func cutNote(_ count: Int) -> String? {
        count > Limits.transactionParts
            ? "\(Characters.grouped(count - Limits.transactionParts)) more are in the raw transaction." : nil
    }

    private func statusText(_ found: FoundTransaction) -> (String, String) {
        if let location = found.location {
            return (Self.confirmationText(confirmations(of: location.height)), "confirmed")
        }
        return ("unconfirmed", "pending")
    }

    private func transactionTiles(_ found: FoundTransaction, now: Int64) -> [Tile] {
        let transaction = found.transaction
        var tiles: [Tile] = []
        if let location = found.location, let entry = index.block(at: location.height) {
            tiles.append(
                Tile("Block", Characters.grouped(location.height), note: "position \(location.index)"))
            tiles.append(
                Tile("Mined", Figures.age(of: entry.time, now: now), note: "\(Figures.utc(entry.time)) UTC"))
        } else if let entry = found.mempoolEntry {
            let position = template?.position(of: transaction.txid)
            tiles.append(
                Tile(
                    "Next block", position.map { "yes, #\($0)" } ?? "no",
                    note: whyNot(entry) ?? "by the node's template"))
            tiles.append(
                Tile("Seen", Figures.age(of: entry.time, now: now), note: "\(Figures.utc(entry.time)) UTC"))
        }
        tiles.append(Tile("Moves", Figures.bitcoin(transaction.outputTotal).trimmingZeros, unit: "BTC"))
        if let fee = found.fee {
            tiles.append(
                Tile("Fee", Characters.grouped(fee), unit: "sat", note: "\(Figures.bitcoin(fee)) BTC"))
            tiles.append(
                Tile("Fee rate", Figures.feeRate(fee, virtualSize: transaction.virtualSize), unit: "sat/vB"))
        } else if !transaction.isCoinbase {
            tiles.append(Tile("Fee", "–", note: "an input is older than this index"))
        }
        tiles.append(
            Tile(
                "Size", Characters.grouped(transaction.virtualSize), unit: "vB",
                note:
                    "\(Figures.bytes(transaction.totalSize)), \(Characters.grouped(transaction.weight)) WU"
            ))
        return tiles
    }

    /// Why a mempool transaction is not in the template; nil when it is, or when there is no template.
    func whyNot(_ entry: MempoolView.Entry) -> String? {
        guard let template, template.position(of: entry.txid) == nil else { return nil }
        if entry.dependsOn.contains(where: { mempool.entry($0) != nil && template.position(of: $0) == nil }) {
            return "waits for a parent"
        }
        if let lowest = template.lowestRate, entry.packageRate < lowest,
            template.weight + entry.weight > template.weightLimit - 8_000
        {
            return "pays less than the block's cheapest"
        }
        return entry.time >= template.currentTime ? "newer than the template" : "not in this template"
    }

    private func inputText(_ found: FoundTransaction, _ position: Int) -> InputText {
        let input = found.transaction.inputs[position]
        let isCoinbase = found.transaction.isCoinbase
        let spent = found.spent.indices.contains(position) ? found.spent[position] : nil
        let address = spent.flatMap { self.address(of: $0.scriptPubKey) }
        let unknown: String? =
            if isCoinbase || address != nil { nil } else if let spent {
                Self.outputLabel(spent.scriptPubKey)
            } else {
                "unknown: older than this index"
            }
        let witness = input.witness.prefix(Limits.transactionParts).enumerated().map { offset, item in
            WitnessText(
                itemIndex: offset, itemHex: item.isEmpty ? "(empty)" : Characters.cut(item.hex, to: 20_000),
                itemNote: "\(item.count) B")
        }
        return InputText(
            inputPosition: position,
            coinbaseTag: isCoinbase ? Coinbase(found.transaction).words : nil, inputAddress: address,
            inputUnknown: unknown, inputAmount: spent.map { AmountText($0.value) },
            inputSource: isCoinbase ? nil : input.previousOutput.txid.displayHex,
            inputSourceText: isCoinbase ? nil : HashText(input.previousOutput.txid),
            inputIndex: "\(input.previousOutput.index)",
            inputKind: isCoinbase ? "newly created" : spent?.scriptPubKey.kind.shortName ?? "",
            sequence: "0x\(Self.hex8(input.sequence))",
            scriptSigASM: input.scriptSig.bytes.isEmpty
                ? nil
                : (isCoinbase ? "(not a script: a coinbase's bytes are free)" : input.scriptSig.assembly),
            scriptSigHex: Characters.cut(input.scriptSig.bytes.hex, to: 20_000), hasWitness: !witness.isEmpty,
            witness: Array(witness), spentASM: spent.map { $0.scriptPubKey.assembly })
    }

    private func outputText(_ found: FoundTransaction, _ position: Int) -> OutputText {
        let output = found.transaction.outputs[position]
        let script = output.scriptPubKey
        let point = OutPoint(txid: found.transaction.txid, index: UInt32(position))
        let address = self.address(of: script)
        var note: String?
        if address == nil {
            let isCommitment = script.bytes.starts(with: WitnessCommitment.prefix)
            note =
                isCommitment
                ? "witness commitment" : script.dataText.map { "“\($0)”" } ?? script.kind.shortName
        }
        let spender =
            index.spender(of: point).flatMap { index.transaction(at: $0.location)?.txid }
            ?? mempool.spender(of: point)
        return OutputText(
            outputPosition: position, outputAddress: address, outputNote: note,
            outputAmount: AmountText(output.value),
            outputKind: script.kind.shortName, outputASM: script.bytes.isEmpty ? "(empty)" : script.assembly,
            outputHex: script.bytes.isEmpty ? "(empty)" : Characters.cut(script.bytes.hex, to: 20_000),
            spentBy: spender?.displayHex,
            spendState: spender != nil ? nil : script.isUnspendable ? "unspendable" : "unspent")
    }

    private func detailFacts(_ found: FoundTransaction) -> FactList {
        let transaction = found.transaction
        var facts: [Fact] = []
        if let location = found.location, let entry = index.block(at: location.height) {
            facts.append(
                Fact("Block", entry.hash.displayHex, mono: true, link: "/block/\(entry.hash.displayHex)"))
        }
        facts += [
            Fact("Wtxid", transaction.wtxid.displayHex, mono: true, copyable: true),
            Fact("Version", "\(transaction.version)"),
            Fact("Lock time", Self.lockTimeText(transaction)),
            Fact(
                "Size", "\(Characters.grouped(transaction.totalSize)) B",
                hint:
                    "\(Characters.grouped(transaction.baseSize)) B without witness"
            ),
        ]
        if let entry = found.mempoolEntry, entry.ancestorCount > 1 {
            facts.append(
                Fact(
                    "With ancestors", "\(Figures.feeRate(entry.packageRate)) sat/vB",
                    hint: "\(entry.ancestorCount) transactions, \(Characters.grouped(entry.ancestorSize)) vB")
            )
        }
        return FactList(facts: facts)
    }

    private static func lockTimeText(_ transaction: Transaction) -> String {
        let value = transaction.lockTime
        if value == 0 { return "0 (none)" }
        let isOff = transaction.inputs.allSatisfy { $0.sequence == .max }
        let meaning = value < 500_000_000 ? "after block \(value)" : "after \(Figures.utc(Int64(value))) UTC"
        return "\(value) (\(isOff ? "switched off by the sequences" : meaning))"
    }
}
