import Bitcoin
import JSONText
import SansIO

/// bumpfee and psbtbumpfee: a payment that waits is replaced by one that pays more.
extension NodeMachine {
    mutating func bumpFee(
        _ wallet: Int, _ call: RPCArguments, asPSBT: Bool, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        if !asPSBT {
            guard wallets.wallets[wallet].hasPrivateKeys else {
                throw .wallet(
                    "bumpfee is not available with wallets that have private keys disabled. Use psbtbumpfee "
                        + "instead.")
            }
            try requireUnlocked(wallet)
        }
        let number = try walletTransaction(wallet, call)
        let options = WalletOptions(call[1]?.objectValue)
        try options.check([
            "conf_target", "fee_rate", "replaceable", "estimate_mode", "outputs", "original_change_index",
            "confTarget", "psbt_version",
        ])
        if options["conf_target"] != nil, options["confTarget"] != nil {
            throw .parameter("confTarget and conf_target options should not both be set. Use conf_target.")
        }
        let old = wallets.wallets[wallet].transactions[number]
        let spent = try checkBump(wallet, number)
        let oldFee =
            spent.reduce(Int64(0)) { $0 + $1.value }
            - old.transaction.outputs.reduce(Int64(0)) { $0 + $1.value }
        let request = try bumpRequest(wallet, old.transaction, spent, oldFee, options)
        let payment = try plan(wallet, request, code: -4)
        guard payment.fee > oldFee else {
            throw .wallet("Fee bump would not pay more than the transaction it replaces")
        }
        var object = JSONObject()
        if asPSBT {
            let version = try options.int("psbt_version") ?? 2
            guard version == 0 || version == 2 else {
                throw .parameter("The PSBT version can only be 2 or 0")
            }
            var psbt = PSBT(payment.transaction, version: UInt32(version))
            _ = fill(&psbt, wallet, signs: false, hashType: nil, derivations: true, finalizes: false)
            object.append("psbt", .string(psbt.base64))
        } else {
            let signed = try signed(payment, wallet)
            try commit(
                signed, wallet,
                notes: [("replaces_txid", old.txid.displayHex)]
                    + old.notes.filter {
                        $0.key == "comment" || $0.key == "to"
                    }, at: call.now, into: &effects)
            wallets.wallets[wallet].update(number) {
                $0.setNote("replaced_by_txid", signed.txid.displayHex)
            }
            wallets.markTransaction(wallet, number)
            object.append("txid", .string(signed.txid.displayHex))
        }
        object.append("origfee", .amount(satoshi: oldFee))
        object.append("fee", .amount(satoshi: payment.fee))
        object.append("errors", [])
        return .object(object)
    }

    /// Whether a transaction may be replaced; what it spends.
    private func checkBump(_ wallet: Int, _ number: Int) throws(RPCError) -> [TransactionOutput] {
        let own = wallets.wallets[wallet]
        let entry = own.transactions[number]
        if own.children(of: number).contains(where: { !own.transactions[$0].isConflicted }) {
            throw .parameter("Transaction has descendants in the wallet")
        }
        if let slot = mempool.slot(of: entry.txid), !mempool.entry(slot).children.isEmpty {
            throw .parameter("Transaction has descendants in the mempool")
        }
        guard entry.depth(at: chain.height) == 0 else {
            throw .wallet("Transaction has been mined, or is conflicted with a mined transaction")
        }
        if let other = entry.note("replaced_by_txid") {
            throw .wallet(
                "Cannot bump transaction \(entry.txid.displayHex) which was already bumped by transaction "
                    + other)
        }
        let spent = entry.transaction.inputs.compactMap { input in
            own.output(input.previousOutput).map {
                TransactionOutput(value: $0.value, scriptPubKey: $0.script)
            }
        }
        guard spent.count == entry.transaction.inputs.count else {
            throw .wallet("Transaction contains inputs that don't belong to this wallet")
        }
        return spent
    }

    /// An amount in bitcoin with two decimals at least.
    private static func money(_ satoshi: Int64) -> String {
        var text = JSON.amount(satoshi: satoshi).text
        while text.hasSuffix("0"), text.dropLast(2).last != "." { text.removeLast() }
        return text
    }

    private func bumpRequest(
        _ wallet: Int, _ old: Transaction, _ spent: [TransactionOutput], _ oldFee: Int64,
        _ options: WalletOptions
    ) throws(RPCError) -> PaymentRequest {
        let own = wallets.wallets[wallet]
        let size = old.virtualSize
        let step = max(ChainLimits.relayFeeRate, ChainLimits.walletFeeStep)
        let fee = try FeeChoice.rate(
            feeRate: options["fee_rate"], target: options["conf_target", "confTarget"],
            mode: options["estimate_mode"]?.stringValue, fallback: configuration.walletFeeRate)
        // Without a rate: what was paid and a step more, or what is usual if that is more.
        var rate = oldFee * 1_000 / Int64(size) + 1 + step
        if fee.isExplicit {
            rate = fee.rate
            let least = oldFee + Policy.fee(rate: ChainLimits.relayFeeRate, virtualSize: size)
            let total = Policy.fee(rate: rate, virtualSize: size)
            guard total >= least else {
                throw .parameter(
                    "Insufficient total fee \(Self.money(total)), must be at least \(Self.money(least)) (oldFee "
                        + "\(Self.money(oldFee)) + incrementalFee \(Self.money(least - oldFee)))")
            }
            guard total <= ChainLimits.walletFeeMax else {
                throw .wallet(
                    "Specified or calculated fee \(Self.money(total)) is too high (cannot be higher than "
                        + "-maxtxfee \(Self.money(ChainLimits.walletFeeMax)))")
            }
        } else {
            rate = max(rate, fee.rate)
        }
        var changeAt = old.outputs.firstIndex { own.isChange($0.scriptPubKey) }
        if let given = try options.int("original_change_index") {
            guard old.outputs.indices.contains(Int(clamping: given)) else {
                throw .parameter("Change position is out of range")
            }
            if options["outputs"] != nil {
                throw .parameter(
                    "The options 'outputs' and 'original_change_index' are incompatible. You can only either "
                        + "specify a new set of outputs, or designate a change output to be recycled.")
            }
            changeAt = Int(given)
        }
        var outputs = old.outputs
        var changeScript: Script?
        if let value = options["outputs"] {
            outputs = try TransactionDraft.payments(
                value, network: configuration.network.addressNetwork
            ).map(\.output)
        } else if let changeAt {
            changeScript = outputs.remove(at: changeAt).scriptPubKey
            // A transaction to nobody else pays to its change alone.
            if outputs.isEmpty, let changeScript {
                outputs = [
                    TransactionOutput(value: old.outputs[changeAt].value, scriptPubKey: changeScript)
                ]
            }
        }
        var request = PaymentRequest(outputs: outputs, feeRate: rate)
        if outputs.count == 1, outputs[0].scriptPubKey == changeScript {
            request.outputs[0].value = spent.reduce(Int64(0)) { $0 + $1.value }
            request.feePayers = [0]
        } else {
            request.changeScript = changeScript
            request.changePosition = changeScript == nil ? nil : min(changeAt ?? 0, outputs.count)
        }
        let isReplaceable = try options.bool("replaceable", default: true)
        request.presets = zip(old.inputs, spent).map { input, output in
            PaymentRequest.Preset(
                outPoint: input.previousOutput, output: output,
                sequence: isReplaceable ? 0xffff_fffd : 0xffff_fffe)
        }
        request.isReplaceable = isReplaceable
        request.filter.minDepth = 1
        request.lockTime = old.lockTime
        request.version = old.version
        return request
    }
}
