import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let walletHistory: [RPCMethod] = [
        RPCMethod(
            wallet: "abandontransaction", "txid:hex",
            "Gives up a transaction that is neither in the chain nor in the pool, so that its inputs are free."
        ) { node, wallet, call, _ throws(RPCError) in
            let number = try node.walletTransaction(wallet, call)
            let entry = node.wallets.wallets[wallet].transactions[number]
            guard entry.state == .unconfirmed(isAbandoned: false) || entry.isAbandoned,
                node.mempool[entry.txid] == nil
            else { throw .notFound("Transaction not eligible for abandonment") }
            var changes = Wallet.Changes()
            node.wallets.wallets[wallet].abandon(number, into: &changes)
            node.wallets.mark(changes, wallet)
            return .null
        },
        RPCMethod(
            wallet: "gettransaction", "txid:hex include_watchonly:bool? verbose:bool?",
            "What the wallet knows of a transaction."
        ) { node, wallet, call, _ throws(RPCError) in
            let number = try node.walletTransaction(wallet, call)
            let history = WalletHistory(node.wallets.wallets[wallet], node.walletView)
            var object = history.summary(number)
            let transaction = node.wallets.wallets[wallet].transactions[number].transaction
            object.append("details", .array(history.entries(number, isLong: false)))
            object.append("hex", .string(transaction.bytes().hex))
            if try call.optionalBool(2) ?? false {
                object.append(
                    "decoded",
                    .object(
                        TransactionJSON.object(
                            transaction, network: node.configuration.network.addressNetwork, tellsHex: false))
                )
            }
            object.append("lastprocessedblock", node.lastProcessedBlock)
            return .object(object)
        },
        RPCMethod(wallet: "listaddressgroupings", "", "Addresses that payments showed to belong together.") {
            node, wallet, _, _ throws(RPCError) in
            WalletHistory(node.wallets.wallets[wallet], node.walletView).groupings
        },
        RPCMethod(
            wallet: "listsinceblock",
            "blockhash:str? target_confirmations:num? include_watchonly:bool? include_removed:bool? "
                + "include_change:bool? label:str?", "The wallet's transactions since a block."
        ) { node, wallet, call, _ throws(RPCError) in try node.listSinceBlock(wallet, call) },
        RPCMethod(
            wallet: "listtransactions", "label|dummy:str? count:num? skip:num? include_watchonly:bool?",
            "The wallet's latest transactions."
        ) { node, wallet, call, _ throws(RPCError) in
            var label: String?
            if let given = try call.optionalString(0), given != "*" {
                guard !given.isEmpty else {
                    throw .parameter("Label argument must be a valid label name or \"*\".")
                }
                label = given
            }
            let count = try call.optionalInt(1) ?? 10
            let skip = try call.optionalInt(2) ?? 0
            guard count >= 0 else { throw .parameter("Negative count") }
            guard skip >= 0 else { throw .parameter("Negative from") }
            let wanted = Int(clamping: count.addingReportingOverflow(skip).partialValue)
            let history = WalletHistory(node.wallets.wallets[wallet], node.walletView)
            var newestFirst: [JSON] = []
            for number in node.wallets.wallets[wallet].transactions.indices.reversed() {
                newestFirst += history.entries(number, isLong: true, label: label)
                if newestFirst.count >= wanted { break }
            }
            return .array(newestFirst.dropFirst(Int(clamping: skip)).prefix(Int(clamping: count)).reversed())
        },
    ]
}

extension NodeMachine {
    func walletTransaction(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> Int {
        guard let number = wallets.wallets[wallet].transactionIndex[try hash(call, 0)] else {
            throw .notFound("Invalid or non-wallet transaction id")
        }
        return number
    }

    fileprivate func listSinceBlock(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let own = wallets.wallets[wallet]
        let history = WalletHistory(own, walletView)
        var depthLimit = Int.max
        var left: [JSON] = []
        let includesChange = try call.optionalBool(4) ?? false
        let label = call[5] == nil ? nil : try Self.label(call[5])
        if let text = try call.optionalString(0), !text.isEmpty {
            guard var id = chain.tree.id(of: try hash(text, name: "blockhash")) else {
                throw .notFound("Block not found")
            }
            // Down to the active chain; what was in the blocks that left it is told apart.
            while !chain.isActive(id) {
                for transaction in chain.block(id)?.transactions ?? [] {
                    guard let number = own.transactionIndex[transaction.txid] else { continue }
                    left += history.entries(
                        number, isLong: true, label: label, includesChange: includesChange, minDepth: .min)
                }
                id = chain.tree[id].previous
            }
            depthLimit = chain.height + 1 - chain.tree[id].height
        }
        let target = try call.optionalInt(1) ?? 1
        guard target >= 1 else { throw .parameter("Invalid parameter") }
        var list: [JSON] = []
        for number in own.transactions.indices
        where abs(own.transactions[number].depth(at: chain.height)) < depthLimit {
            list += history.entries(number, isLong: true, label: label, includesChange: includesChange)
        }
        let last = max(0, chain.height + 1 - Int(clamping: target))
        var object: JSONObject = ["transactions": .array(list)]
        if try call.optionalBool(3) ?? true { object.append("removed", .array(left)) }
        object.append("lastblock", .string(chain.entry(at: last)?.hash.displayHex ?? ""))
        return .object(object)
    }
}

/// A wallet's transactions as Core's RPC tells them.
struct WalletHistory {
    let wallet: Wallet
    let view: WalletView

    init(_ wallet: Wallet, _ view: WalletView) {
        self.wallet = wallet
        self.view = view
    }

    /// gettransaction's first fields.
    func summary(_ number: Int) -> JSONObject {
        let entry = wallet.transactions[number]
        let debit = wallet.debit(entry.transaction)
        let net = wallet.credit(entry.transaction) - debit
        let out = entry.transaction.outputs.reduce(Int64(0)) { $0 + $1.value }
        let fee = debit > 0 ? out - debit : 0
        var object: JSONObject = ["amount": .amount(satoshi: net - fee)]
        if debit > 0 { object.append("fee", .amount(satoshi: fee)) }
        append(number, to: &object)
        return object
    }

    private func append(_ number: Int, to object: inout JSONObject) {
        let entry = wallet.transactions[number]
        object.append("confirmations", .int(entry.depth(at: view.height)))
        if entry.transaction.isCoinbase { object.append("generated", true) }
        if case .confirmed(let block, let height, let position, let time) = entry.state {
            object.append("blockhash", .string(block.displayHex))
            object.append("blockheight", .int(height))
            object.append("blockindex", .int(position))
            object.append("blocktime", .int(time))
        } else {
            object.append("trusted", .bool(wallet.isTrusted(number, view)))
        }
        object.append("txid", .string(entry.txid.displayHex))
        object.append("wtxid", .string(entry.transaction.wtxid.displayHex))
        object.append("alternate_wtxids", [])
        object.append(
            "walletconflicts", .array(wallet.conflicts(of: number).map { .string($0.displayHex) }))
        object.append(
            "mempoolconflicts", .array(wallet.poolConflicts(of: number, view).map { .string($0.displayHex) }))
        object.append("time", .int(entry.time))
        object.append("timereceived", .int(entry.received))
        for key in ["comment", "to", "replaces_txid", "replaced_by_txid"] {
            if let note = entry.note(key) { object.append(key, .string(note)) }
        }
    }

    /// One entry for each output that was sent, then one for each that was received.
    func entries(
        _ number: Int, isLong: Bool, label: String? = nil, includesChange: Bool = false, minDepth: Int = 0
    ) -> [JSON] {
        let entry = wallet.transactions[number]
        let transaction = entry.transaction
        let debit = wallet.debit(transaction)
        let fee = debit - transaction.outputs.reduce(Int64(0)) { $0 + $1.value }
        var sent: [JSON] = []
        var received: [JSON] = []
        let isDeep = entry.depth(at: view.height) >= minDepth
        for (index, output) in transaction.outputs.enumerated() {
            let isMine = wallet.isMine(output.scriptPubKey)
            if debit > 0, !includesChange, wallet.isChange(output.scriptPubKey) { continue }
            guard debit > 0 || isMine else { continue }
            let address = wallet.address(output.scriptPubKey)
            let known = address.flatMap { wallet.label($0) }
            if debit > 0, label == nil {
                var object = JSONObject()
                if let address { object.append("address", .string(address)) }
                object.append("category", "send")
                object.append("amount", .amount(satoshi: -output.value))
                if let known { object.append("label", .string(known.text)) }
                object.append("vout", .int(index))
                object.append("fee", .amount(satoshi: -fee))
                if isLong { append(number, to: &object) }
                object.append("abandoned", .bool(entry.isAbandoned))
                sent.append(.object(object))
            }
            guard isMine, isDeep, label == nil || label == known?.text ?? "" else { continue }
            var object = JSONObject()
            if let address { object.append("address", .string(address)) }
            object.append("parent_descs", parents(output.scriptPubKey))
            object.append("category", .string(category(entry)))
            object.append("amount", .amount(satoshi: output.value))
            if let known { object.append("label", .string(known.text)) }
            object.append("vout", .int(index))
            object.append("abandoned", .bool(entry.isAbandoned))
            if isLong { append(number, to: &object) }
            received.append(.object(object))
        }
        return sent + received
    }

    private func parents(_ script: Script) -> JSON {
        .array(
            wallet.place(of: script).map { [.string(wallet.descriptors[$0.descriptor].watch.text())] } ?? [])
    }

    private func category(_ entry: WalletTransaction) -> String {
        guard entry.transaction.isCoinbase else { return "receive" }
        if entry.depth(at: view.height) < 1 { return "orphan" }
        return wallet.isImmature(entry, view) ? "immature" : "generate"
    }

    /// Addresses whose coins were spent together, or that took such a payment's change.
    var groupings: JSON {
        var groups: [[String]] = []
        func join(_ addresses: [String]) {
            var joined: [String] = []
            groups.removeAll { group in
                guard group.contains(where: { addresses.contains($0) }) else { return false }
                joined += group
                return true
            }
            for address in addresses where !joined.contains(address) { joined.append(address) }
            groups.append(joined)
        }
        var balances: [String: Int64] = [:]
        for entry in wallet.transactions where !entry.isConflicted && !entry.isAbandoned {
            let spent = entry.transaction.inputs.compactMap { wallet.output($0.previousOutput) }
                .compactMap { wallet.address($0.script) }
            if !spent.isEmpty {
                let change = entry.transaction.outputs.filter { wallet.isChange($0.scriptPubKey) }
                    .compactMap { wallet.address($0.scriptPubKey) }
                join(spent + change)
            }
            for output in entry.transaction.outputs where wallet.isMine(output.scriptPubKey) {
                if let address = wallet.address(output.scriptPubKey) { join([address]) }
            }
        }
        for output in wallet.outputs where wallet.spent(output.outPoint, view) == .no {
            guard let address = wallet.address(output.script) else { continue }
            let entry = wallet.transactions[output.transaction]
            if entry.isConflicted || wallet.isImmature(entry, view) { continue }
            balances[address, default: 0] += output.value
        }
        return .array(
            groups.map { group in
                .array(
                    group.sorted().map { address in
                        var row: [JSON] = [.string(address), .amount(satoshi: balances[address] ?? 0)]
                        if let label = wallet.label(address) { row.append(.string(label.text)) }
                        return .array(row)
                    })
            })
    }
}
