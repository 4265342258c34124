import Bitcoin
import JSONText
import SansIO

/// sendall: everything that the wallet has.
extension NodeMachine {
    mutating func sendAll(
        _ wallet: Int, _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let (options, fee) = try WalletOptions.ofSending(call, fallback: configuration.walletFeeRate)
        // Recipients without an amount share what is left.
        var open: [String] = []
        var entries: [JSON] = []
        for recipient in try call.array(0) ?? [] {
            if let text = recipient.stringValue {
                open.append(text)
                entries.append([text: 0])
            } else {
                entries.append(recipient)
            }
        }
        guard !open.isEmpty else {
            throw .parameter(
                "Must provide at least one address without a specified amount")
        }
        let payments = try TransactionDraft.payments(
            .array(entries), network: configuration.network.addressNetwork)
        let (coins, sizes, needed) = try coinsForAll(wallet, options, fee.rate)
        let outputsSize = payments.reduce(BlockChecks.compactSizeLength(payments.count)) {
            let script = $1.output.scriptPubKey.count
            return $0 + 8 + BlockChecks.compactSizeLength(script) + script
        }
        let hasWitness = sizes.contains { $0.witness > 0 }
        let weight =
            4 * (8 + BlockChecks.compactSizeLength(coins.count) + outputsSize + needed)
            + (hasWitness ? sizes.reduce(2) { $0 + max(1, $1.witness) } : 0)
        let cost = Policy.fee(rate: fee.rate, virtualSize: (weight + 3) / 4)
        let total = coins.reduce(Int64(0)) { $0 + $1.output.value }
        let fixed = payments.reduce(Int64(0)) { $0 + $1.output.value }
        let rest = total - cost - fixed
        guard total > cost else {
            throw RPCError(
                code: -6,
                message:
                    "Total value of UTXO pool too low to pay for transaction. Try using lower feerate or "
                    + "excluding uneconomic UTXOs with 'send_max' option.")
        }
        guard cost <= ChainLimits.walletFeeMax else {
            throw .wallet("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
        }
        guard total >= fixed else {
            throw RPCError(code: -6, message: "Assigned more value to outputs than available funds.")
        }
        guard rest >= 0 else {
            throw RPCError(
                code: -6, message: "Insufficient funds for fees after creating specified outputs.")
        }
        for payment in payments {
            guard let address = payment.address, !open.contains(address) else { continue }
            guard payment.output.value >= Policy.dustThreshold(payment.output) else {
                throw .parameter("Specified output amount to \(address) is below dust threshold.")
            }
        }
        var outputs = payments.map(\.output)
        var isFirst = true
        for index in outputs.indices where payments[index].address.map({ open.contains($0) }) ?? false {
            outputs[index].value = rest / Int64(open.count) + (isFirst ? rest % Int64(open.count) : 0)
            isFirst = false
            guard outputs[index].value >= Policy.dustThreshold(outputs[index]) else {
                throw RPCError(
                    code: -6, message: "Dynamically assigned remainder results in dust output.")
            }
        }
        var lock = hasRecentTip(at: call.now) ? UInt32(clamping: chain.height) : 0
        if options["locktime"] != nil { lock = try TransactionDraft.lockTime(options["locktime"]) }
        let sequence: UInt32 =
            try options.bool("replaceable", default: true) ? 0xffff_fffd : 0xffff_fffe
        let transaction = Transaction(
            version: UInt32(clamping: try options.int("version") ?? 2),
            inputs: coins.map { TransactionInput(previousOutput: $0.outPoint, sequence: sequence) },
            outputs: outputs, lockTime: lock)
        let payment = Payment(
            transaction: transaction, spent: coins.map(\.output), fee: cost, changePosition: nil)
        return try finish(payment, wallet, options, at: call.now, into: &effects)
    }

    /// Every coin, or those that are named; with the bytes of all inputs without witnesses.
    private func coinsForAll(
        _ wallet: Int, _ options: WalletOptions, _ rate: Int64
    ) throws(RPCError) -> (coins: [WalletCoin], sizes: [InputWeights.Size], base: Int) {
        var filter = CoinFilter()
        filter.minDepth = Int(clamping: try options.int("minconf") ?? 0)
        filter.version = UInt32(clamping: try options.int("version") ?? 2)
        filter.maxDepth = Int(clamping: try options.int("maxconf") ?? 9_999_999)
        let isSendMax = try options.bool("send_max", default: false)
        let own = wallets.wallets[wallet]
        var coins: [WalletCoin] = []
        if let named = options["inputs"]?.arrayValue {
            if options["send_max"] != nil {
                throw .parameter("Cannot combine send_max with specific inputs.")
            }
            let view = walletView
            for entry in named {
                let outPoint = try TransactionDraft.outPoint(entry)
                guard own.spent(outPoint, view) == .no else {
                    throw .parameter(
                        "Input not available. UTXO (\(outPoint.txid.displayHex):\(outPoint.index)) was already "
                            + "spent.")
                }
                guard let output = own.output(outPoint) else {
                    throw .parameter(
                        "Input not found. UTXO (\(outPoint.txid.displayHex):\(outPoint.index)) is not part of "
                            + "wallet.")
                }
                coins.append(
                    WalletCoin(
                        outPoint: outPoint,
                        output: TransactionOutput(value: output.value, scriptPubKey: output.script), depth: 1,
                        isOwn: true, isSafe: true))
            }
        } else {
            coins = own.coins(walletView, filter)
        }
        var weights = InputWeights()
        var kept: [WalletCoin] = []
        var sizes: [InputWeights.Size] = []
        for coin in coins {
            guard
                let size = weights.size(of: coin.output.scriptPubKey, in: own, knowing: SpendingKnowledge())
            else {
                throw .wallet(
                    "Unable to determine the size of the transaction, the wallet contains unsolvable descriptors"
                )
            }
            let cost = Policy.fee(rate: rate, virtualSize: (4 * size.base + size.witness + 3) / 4)
            if isSendMax, coin.output.value <= cost { continue }
            kept.append(coin)
            sizes.append(size)
        }
        return (kept, sizes, sizes.reduce(0) { $0 + $1.base })
    }
}
