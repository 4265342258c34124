import Bitcoin
import JSONText
import SansIO

/// What a method does to one wallet, which the path names or which is the only one.
typealias WalletHandler =
    @Sendable (inout NodeMachine, Int, RPCArguments, inout EffectBuffer<NodeObservation>) throws(RPCError)
    -> JSON

extension RPCMethod {
    /// A method of the wallet. What it changed is on its way to disk before its answer is on its way out.
    init(
        wallet name: String, _ signature: String, _ summary: String, run: @escaping WalletHandler
    ) {
        self.init(name, signature, in: "Wallet", summary) { node, call, effects throws(RPCError) in
            let wallet = try node.selectedWallet(call.wallet)
            let result: Result<JSON, RPCError>
            do throws(RPCError) {
                result = .success(try run(&node, wallet, call, &effects))
            } catch {
                result = .failure(error)
            }
            node.storeWallets(into: &effects)
            return try result.get()
        }
    }

    /// A method about wallets as a whole.
    init(
        wallets name: String, _ signature: String, _ summary: String, run: @escaping RPCHandler
    ) {
        self.init(name, signature, in: "Wallet", summary) { node, call, effects throws(RPCError) in
            let result: Result<JSON, RPCError>
            do throws(RPCError) {
                result = .success(try run(&node, call, &effects))
            } catch {
                result = .failure(error)
            }
            node.storeWallets(into: &effects)
            return try result.get()
        }
    }

    static let wallet: [RPCMethod] =
        walletFiles + prunedFunds + walletLocks + walletAddresses + walletBalances + walletHistory
        + walletSpending
        + walletSigning + walletDescriptors
}

extension NodeMachine {
    func selectedWallet(_ name: String?) throws(RPCError) -> Int {
        if let name {
            guard let index = wallets.index(of: name), wallets.wallets[index].isLoaded else {
                throw RPCError(code: -18, message: "Requested wallet does not exist or is not loaded")
            }
            return index
        }
        let loaded = wallets.loaded
        guard let only = loaded.first else {
            throw RPCError(
                code: -18,
                message: "No wallet is loaded. Load a wallet using loadwallet or create a new one with "
                    + "createwallet. (Note: A default wallet is no longer automatically created)")
        }
        guard loaded.count == 1 else {
            throw RPCError(
                code: -19,
                message: "Multiple wallets are loaded. Please select which wallet to use by requesting the "
                    + "RPC through the /wallet/<walletname> URI path.")
        }
        return only
    }

    /// Sends what the wallets changed to disk.
    mutating func storeWallets(into effects: inout EffectBuffer<NodeObservation>) {
        for (wallet, number) in wallets.takeNotices()
        where wallets.wallets[wallet].transactions.indices.contains(number) {
            let entry = wallets.wallets[wallet].transactions[number]
            var place: (block: Hash256?, height: Int) = (nil, -1)
            if case .confirmed(let block, let height, _, _) = entry.state { place = (block, height) }
            effects.observe(
                .walletTransaction(
                    wallet: wallets.wallets[wallet].name, txid: entry.txid, block: place.block,
                    height: place.height))
        }
        if wallets.mustRewrite { effects.emit(.restart(.wallet)) }
        for (key, value) in wallets.takeDirty() {
            effects.store(in: .wallet) { WalletBook.write(key, value, into: &$0) }
        }
    }

    /// What a wallet sees of chain and pool. Not to be kept over a change of either.
    var walletView: WalletView {
        let pool = mempool
        return WalletView(
            height: chain.height, maturity: chain.parameters.coinbaseMaturity,
            isInPool: { pool[$0] != nil }, poolSpender: { pool.spender(of: $0) })
    }

    /// The fields that end many of the wallet's answers.
    var lastProcessedBlock: JSON {
        ["hash": .string(chain.tip.hash.displayHex), "height": .int(chain.height)]
    }

    func requireUnlocked(_ wallet: Int) throws(RPCError) {
        guard wallets.wallets[wallet].isLocked else { return }
        throw RPCError(
            code: -13,
            message: "Error: Please enter the wallet passphrase with walletpassphrase first.")
    }

    func requirePrivateKeys(_ wallet: Int) throws(RPCError) {
        guard !wallets.wallets[wallet].hasPrivateKeys else { return }
        throw .wallet("Error: Private keys are disabled for this wallet")
    }
}
