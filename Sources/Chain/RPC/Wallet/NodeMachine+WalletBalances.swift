import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let walletBalances: [RPCMethod] = [
        RPCMethod(
            wallet: "getbalance", "dummy:str? minconf:num? include_watchonly:bool? avoid_reuse:bool?",
            "The wallet's available balance."
        ) { node, wallet, call, _ throws(RPCError) in
            if let dummy = try call.optionalString(0), dummy != "*" {
                throw RPCError(
                    code: -32, message: "dummy first argument must be excluded or set to \"*\".")
            }
            let least = Int(clamping: try call.optionalInt(1) ?? 0)
            let balance = node.wallets.wallets[wallet].balance(
                node.walletView, minDepth: least, withNonMempool: false)
            return .amount(satoshi: balance.trusted)
        },
        RPCMethod(wallet: "getbalances", "", "All of the wallet's balances.") {
            node, wallet, _, _ throws(RPCError) in
            let balance = node.wallets.wallets[wallet].balance(node.walletView)
            var mine: JSONObject = [
                "trusted": .amount(satoshi: balance.trusted),
                "untrusted_pending": .amount(satoshi: balance.pending),
                "immature": .amount(satoshi: balance.immature),
                "nonmempool": .amount(satoshi: balance.nonMempool),
            ]
            if node.wallets.wallets[wallet].flags.contains(.avoidsReuse) {
                mine.append("used", .amount(satoshi: 0))
            }
            return ["mine": .object(mine), "lastprocessedblock": node.lastProcessedBlock]
        },
        RPCMethod(
            wallet: "getreceivedbyaddress", "address:str minconf:num? include_immature_coinbase:bool?",
            "What an address received."
        ) { node, wallet, call, _ throws(RPCError) in
            let script = try node.address(try call.string(0), or: "Invalid Bitcoin address")
            guard node.wallets.wallets[wallet].isMine(script) else {
                throw .wallet("Address not found in wallet")
            }
            return try node.received(wallet, call) { $0 == script }
        },
        RPCMethod(
            wallet: "getreceivedbylabel", "label:str minconf:num? include_immature_coinbase:bool?",
            "What the addresses under a label received."
        ) { node, wallet, call, _ throws(RPCError) in
            let label = try NodeMachine.label(call[0])
            let own = node.wallets.wallets[wallet]
            guard own.labels.values.contains(where: { $0.text == label }) else {
                throw .wallet("Label not found in wallet")
            }
            return try node.received(wallet, call) { script in
                own.isMine(script) && own.address(script).flatMap { own.label($0)?.text } == label
            }
        },
        RPCMethod(wallet: "listlockunspent", "", "The outputs that are not to be spent.") {
            node, wallet, _, _ throws(RPCError) in
            .array(
                node.wallets.wallets[wallet].lockedCoins.map {
                    ["txid": .string($0.outPoint.txid.displayHex), "vout": .int($0.outPoint.index)]
                })
        },
        RPCMethod(
            wallet: "listreceivedbyaddress",
            "minconf:num? include_empty:bool? include_watchonly:bool? address_filter:str? "
                + "include_immature_coinbase:bool?", "What each address received."
        ) { node, wallet, call, _ throws(RPCError) in
            try node.listReceived(
                wallet, call, byLabel: false, filter: try call.optionalString(3),
                includesImmature: try call.optionalBool(4) ?? false)
        },
        RPCMethod(
            wallet: "listreceivedbylabel",
            "minconf:num? include_empty:bool? include_watchonly:bool? include_immature_coinbase:bool?",
            "What each label's addresses received."
        ) { node, wallet, call, _ throws(RPCError) in
            try node.listReceived(
                wallet, call, byLabel: true, filter: nil,
                includesImmature: try call.optionalBool(3) ?? false)
        },
        RPCMethod(
            wallet: "listunspent",
            "minconf:num? maxconf:num? addresses:arr? include_unsafe:bool? "
                + "query_options:obj(minimumAmount,maximumAmount,maximumCount:num,minimumSumAmount,"
                + "include_immature_coinbase:bool)?", "The wallet's unspent outputs."
        ) { node, wallet, call, _ throws(RPCError) in try node.listUnspent(wallet, call) },
        RPCMethod(
            wallet: "lockunspent", "unlock:bool transactions:arr? persistent:bool?",
            "Keeps outputs from being spent, or lets them."
        ) { node, wallet, call, _ throws(RPCError) in try node.lockUnspent(wallet, call) },
    ]
}

extension NodeMachine {
    fileprivate func received(
        _ wallet: Int, _ call: RPCArguments, _ counts: (Script) -> Bool
    ) throws(RPCError) -> JSON {
        let least = Int(clamping: try call.optionalInt(1) ?? 1)
        let includesImmature = try call.optionalBool(2) ?? false
        let own = wallets.wallets[wallet]
        let view = walletView
        var sum: Int64 = 0
        for entry in own.transactions {
            let depth = entry.depth(at: view.height)
            if depth < least || (entry.transaction.isCoinbase && depth < 1) { continue }
            if !includesImmature, own.isImmature(entry, view) { continue }
            for output in entry.transaction.outputs where counts(output.scriptPubKey) { sum += output.value }
        }
        return .amount(satoshi: sum)
    }

    private struct Tally {
        var amount: Int64 = 0
        var depth = Int.max
        var txids: [Hash256] = []
    }

    fileprivate func listReceived(
        _ wallet: Int, _ call: RPCArguments, byLabel: Bool, filter: String?, includesImmature: Bool
    ) throws(RPCError) -> JSON {
        let least = Int(clamping: try call.optionalInt(0) ?? 1)
        let includesEmpty = try call.optionalBool(1) ?? false
        if let filter, !filter.isEmpty,
            Address(filter, network: configuration.network.addressNetwork) == nil
        {
            throw .wallet("address_filter parameter was invalid")
        }
        let own = wallets.wallets[wallet]
        let view = walletView
        var tallies: [String: Tally] = [:]
        for entry in own.transactions {
            let depth = entry.depth(at: view.height)
            if depth < least || (entry.transaction.isCoinbase && depth < 1) { continue }
            if !includesImmature, own.isImmature(entry, view) { continue }
            for output in entry.transaction.outputs where own.isMine(output.scriptPubKey) {
                guard let address = own.address(output.scriptPubKey) else { continue }
                var tally = tallies[address] ?? Tally()
                tally.amount += output.value
                tally.depth = min(tally.depth, depth)
                tally.txids.append(entry.txid)
                tallies[address] = tally
            }
        }
        var list: [JSON] = []
        var byLabels = ByteMap<LabelTally>()
        for (key, label) in own.labels.entries {
            let address = String(decoding: key, as: UTF8.self)
            if let filter, !filter.isEmpty, filter != address { continue }
            let tally = tallies[address]
            if tally == nil, !includesEmpty || label.purpose == "send" { continue }
            if byLabel {
                var sum = byLabels[Array(label.text.utf8)] ?? LabelTally(amount: 0, depth: .max)
                sum.amount += tally?.amount ?? 0
                sum.depth = min(sum.depth, tally?.depth ?? .max)
                byLabels[Array(label.text.utf8)] = sum
                continue
            }
            list.append([
                "address": .string(address), "amount": .amount(satoshi: tally?.amount ?? 0),
                "confirmations": .int(tally?.depth ?? 0), "label": .string(label.text),
                "txids": .array((tally?.txids ?? []).map { .string($0.displayHex) }),
            ])
        }
        for (key, sum) in byLabels.entries {
            list.append([
                "amount": .amount(satoshi: sum.amount),
                "confirmations": .int(sum.depth == .max ? 0 : sum.depth),
                "label": .string(String(decoding: key, as: UTF8.self)),
            ])
        }
        return .array(list)
    }

    private struct LabelTally: Sendable, Equatable {
        var amount: Int64
        var depth: Int
    }

    // MARK: Coins

    fileprivate func listUnspent(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        var filter = CoinFilter()
        filter.minDepth = Int(clamping: try call.optionalInt(0) ?? 1)
        filter.maxDepth = Int(clamping: try call.optionalInt(1) ?? 9_999_999)
        filter.includesUnsafe = try call.optionalBool(3) ?? true
        var wanted: [Script] = []
        for value in try call.array(2) ?? [] {
            let text = value.stringValue ?? ""
            let script = try address(text, or: "Invalid Bitcoin address: \(text)")
            guard !wanted.contains(script) else {
                throw .parameter("Invalid parameter, duplicated address: \(text)")
            }
            wanted.append(script)
        }
        var most = Int.max
        var enough = Int64.max
        if let options = try call.object(4) {
            if let value = options["minimumAmount"] { filter.minAmount = try TransactionDraft.amount(value) }
            if let value = options["maximumAmount"] { filter.maxAmount = try TransactionDraft.amount(value) }
            if let value = options["minimumSumAmount"] { enough = try TransactionDraft.amount(value) }
            if let value = options["maximumCount"]?.int64, value > 0 { most = Int(clamping: value) }
            filter.includesImmature = options["include_immature_coinbase"]?.boolValue ?? false
        }
        guard filter.minAmount <= filter.maxAmount else { return [] }
        let own = wallets.wallets[wallet]
        var list: [JSON] = []
        var sum: Int64 = 0
        for coin in own.coins(walletView, filter) {
            if !wanted.isEmpty, !wanted.contains(coin.output.scriptPubKey) { continue }
            list.append(coinJSON(coin, own))
            sum += coin.output.value
            if list.count >= most || sum >= enough { break }
        }
        return .array(list)
    }

    private func coinJSON(_ coin: WalletCoin, _ own: Wallet) -> JSON {
        let script = coin.output.scriptPubKey
        let network = configuration.network.addressNetwork
        let knowledge = own.knowledge(of: script, withSecrets: false) ?? SpendingKnowledge()
        var object: JSONObject = [
            "txid": .string(coin.outPoint.txid.displayHex), "vout": .int(coin.outPoint.index),
        ]
        if let address = own.address(script) {
            object.append("address", .string(address))
            if let label = own.label(address) { object.append("label", .string(label.text)) }
            if script.kind == .scriptHash,
                let redeem = script.hash160.flatMap({ knowledge.redeemScript($0) })
            {
                object.append("redeemScript", .string(redeem.hex))
                if redeem.kind == .witnessV0ScriptHash { appendWitnessScript(redeem, knowledge, to: &object) }
            } else if script.kind == .witnessV0ScriptHash {
                appendWitnessScript(script, knowledge, to: &object)
            }
        }
        object.append("scriptPubKey", .string(script.hex))
        object.append("amount", .amount(satoshi: coin.output.value))
        object.append("confirmations", .int(coin.depth))
        if coin.depth == 0, let entry = mempool[coin.outPoint.txid], let slot = mempool.slot(of: entry.txid) {
            let family = mempool.ancestors(of: [slot]).map { mempool.entry($0) }
            object.append("ancestorcount", .int(family.count))
            object.append("ancestorsize", .int(family.reduce(0) { $0 + $1.virtualSize }))
            object.append("ancestorfees", .int(family.reduce(Int64(0)) { $0 + $1.fee }))
        }
        object.append("spendable", true)
        let inferred = OutputDescriptor.infer(script, knowing: knowledge, network: network)
        object.append("solvable", .bool(inferred.isSolvable))
        if inferred.isSolvable { object.append("desc", .string(inferred.text)) }
        object.append("parent_descs", parentDescriptors(script, own))
        if own.flags.contains(.avoidsReuse) { object.append("reused", false) }
        object.append("safe", .bool(coin.isSafe))
        return .object(object)
    }

    private func appendWitnessScript(
        _ program: Script, _ knowledge: SpendingKnowledge, to object: inout JSONObject
    ) {
        guard
            let script = Hash256(bytes: Array(program.bytes[2...])).flatMap({ knowledge.witnessScript($0) })
        else { return }
        object.append("witnessScript", .string(script.hex))
    }

    func parentDescriptors(_ script: Script, _ own: Wallet) -> JSON {
        .array(own.place(of: script).map { [.string(own.descriptors[$0.descriptor].watch.text())] } ?? [])
    }

    fileprivate mutating func lockUnspent(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let unlocks = try call.optionalBool(0) ?? false
        let isPersistent = try call.optionalBool(2) ?? false
        guard let list = try call.array(1) else {
            guard unlocks else { return true }
            for coin in wallets.wallets[wallet].lockedCoins where coin.isPersistent {
                wallets.markLock(wallet, coin.outPoint, isSet: false)
            }
            wallets.wallets[wallet].lockedCoins = []
            return true
        }
        var outPoints: [OutPoint] = []
        let view = walletView
        for entry in list {
            let outPoint = try TransactionDraft.outPoint(entry)
            let own = wallets.wallets[wallet]
            guard let known = own.transaction(outPoint.txid) else {
                throw .parameter("Invalid parameter, unknown transaction")
            }
            guard Int(outPoint.index) < known.transaction.outputs.count else {
                throw .parameter("Invalid parameter, vout index out of bounds")
            }
            guard own.spent(outPoint, view) == .no else {
                throw .parameter("Invalid parameter, expected unspent output")
            }
            let isLocked = own.isLockedCoin(outPoint)
            if unlocks, !isLocked { throw .parameter("Invalid parameter, expected locked output") }
            if !unlocks, isLocked, !isPersistent {
                throw .parameter("Invalid parameter, output already locked")
            }
            outPoints.append(outPoint)
        }
        for outPoint in outPoints {
            wallets.wallets[wallet].lockedCoins.removeAll { $0.outPoint == outPoint }
            if !unlocks {
                wallets.wallets[wallet].lockedCoins.append(
                    Wallet.LockedCoin(outPoint: outPoint, isPersistent: isPersistent))
            }
            if unlocks || isPersistent { wallets.markLock(wallet, outPoint, isSet: !unlocks) }
        }
        return true
    }
}
