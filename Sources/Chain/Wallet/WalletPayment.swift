import Bitcoin
import SansIO

/// Balance as getbalances splits it, in satoshi.
struct WalletBalance: Equatable {
    var trusted: Int64 = 0
    var pending: Int64 = 0
    var immature: Int64 = 0
}

/// Why a payment cannot be made.
enum PaymentError: Error, Equatable {
    case insufficientFunds
    case tooManyInputs
}

extension WalletBook {
    func balance(_ wallet: Int, chain: Chainstate, mempool: Mempool) -> WalletBalance {
        var balance = WalletBalance()
        for coin in coins.all where coin.address.wallet == wallet {
            guard mempool.spenderSlot(of: coin.outPoint) == nil else { continue }
            if isImmature(coin, chain) {
                balance.immature += coin.value
            } else if coin.height != nil || coin.isOwnChange {
                balance.trusted += coin.value
            } else {
                balance.pending += coin.value
            }
        }
        return balance
    }

    /// What may be spent now: mature, trusted, and not spoken for.
    func spendable(_ wallet: Int, chain: Chainstate, mempool: Mempool) -> [WalletCoin] {
        coins.all.filter { coin in
            coin.address.wallet == wallet && !isImmature(coin, chain)
                && (coin.height != nil || coin.isOwnChange)
                && mempool.spenderSlot(of: coin.outPoint) == nil
        }
    }

    /// Core asks for one confirmation more than consensus does.
    func isImmature(_ coin: WalletCoin, _ chain: Chainstate) -> Bool {
        guard coin.isCoinbase, let height = coin.height else { return false }
        return chain.height - height + 1 <= chain.parameters.coinbaseMaturity
    }

    /// Chooses coins, largest first, for a payment of `amount` at `feeRate` satoshi per 1000 virtual bytes.
    /// With
    /// `subtractFee` the receiver pays the fee. Change below dust goes to the miner. Nothing is changed.
    func plan(
        paying amount: Int64, to script: Script, from wallet: Int, feeRate: Int64, subtractFee: Bool,
        chain: Chainstate,
        mempool: Mempool
    ) throws(PaymentError) -> (inputs: [WalletCoin], amount: Int64, change: Int64) {
        let available = spendable(wallet, chain: chain, mempool: mempool).sorted {
            $0.value != $1.value ? $0.value > $1.value : ($0.height ?? .max) < ($1.height ?? .max)
        }
        let frame = 4 * (4 + 4 + 1 + 2 + 8 + 1 + script.bytes.count) + 2
        let changeOutput = TransactionOutput(value: 0, scriptPubKey: .p2wpkh(.zero))
        var inputs: [WalletCoin] = []
        var sum: Int64 = 0
        for coin in available {
            inputs.append(coin)
            sum += coin.value
            if inputs.count > ChainLimits.walletInputs { throw .tooManyInputs }
            // 164 for the input; 109 for its witness: two counts, a signature of 72 bytes at most, a key.
            let weight = frame + inputs.count * (164 + 109)
            let bare = Policy.fee(rate: feeRate, virtualSize: (weight + 3) / 4)
            let withChange = Policy.fee(rate: feeRate, virtualSize: (weight + 4 * 31 + 3) / 4)
            let needed = subtractFee ? amount : amount + bare
            guard sum >= needed else { continue }
            let change = sum - amount - (subtractFee ? 0 : withChange)
            if change >= Policy.dustThreshold(changeOutput) {
                return (inputs, subtractFee ? amount - withChange : amount, change)
            }
            return (inputs, subtractFee ? sum - bare : amount, 0)
        }
        throw .insufficientFunds
    }

    /// Signs every input, each a P2WPKH coin of a wallet.
    func sign(_ transaction: Transaction, spending coins: [WalletCoin]) -> Transaction {
        let outputs = coins.map { coin in
            TransactionOutput(
                value: coin.value,
                scriptPubKey: wallets[coin.address.wallet].script(coin.address.branch, coin.address.index))
        }
        let hasher = SignatureHasher(transaction, spending: outputs)
        var inputs = transaction.inputs
        for (position, coin) in coins.enumerated() {
            let key = wallets[coin.address.wallet].key(coin.address.branch, coin.address.index)
            let publicKey = key.publicKey
            let digest = hasher.witnessV0(
                input: position, scriptCode: Script.p2pkh(publicKey.hash160).bytes, value: coin.value,
                hashType: 1)
            inputs[position].witness = [key.signECDSA(digest) + [1], publicKey.bytes]
        }
        return Transaction(
            version: transaction.version, inputs: inputs, outputs: transaction.outputs,
            lockTime: transaction.lockTime)
    }
}
