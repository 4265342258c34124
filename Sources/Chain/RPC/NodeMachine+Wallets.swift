import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    private static let viaWallet: RPCHandler = { node, call, effects throws(RPCError) in
        try node.walletMethod(call, into: &effects)
    }

    static let wallet: [RPCMethod] = [
        RPCMethod(
            "createwallet",
            "wallet_name:str disable_private_keys:bool? blank:bool? passphrase:str? avoid_reuse:bool? "
                + "descriptors:bool? load_on_startup:bool? external_signer:bool?",
            in: "Wallet", "Creates and loads a new wallet.", run: viaWallet),
        RPCMethod(
            "getaddressinfo", "address:str", in: "Wallet", "Tells what the wallet knows of an address.",
            run: viaWallet),
        RPCMethod(
            "getbalance", "dummy:str? minconf:num? include_watchonly:bool? avoid_reuse:bool?", in: "Wallet",
            "The wallet's available balance.", run: viaWallet),
        RPCMethod("getbalances", in: "Wallet", "All of the wallet's balances.", run: viaWallet),
        RPCMethod(
            "getnewaddress", "label:str? address_type:str?", in: "Wallet",
            "A new address to receive payments.",
            run: viaWallet),
        RPCMethod(
            "getrawchangeaddress", "address_type:str?", in: "Wallet", "A new address for change.",
            run: viaWallet),
        RPCMethod("getwalletinfo", in: "Wallet", "The wallet's state.", run: viaWallet),
        RPCMethod(
            "listunspent",
            "minconf:num? maxconf:num? addresses:arr? include_unsafe:bool? "
                + "query_options:obj(minimumAmount,maximumAmount,maximumCount:num,minimumSumAmount,"
                + "include_immature_coinbase:bool)?",
            in: "Wallet", "The wallet's unspent outputs.", run: viaWallet),
        RPCMethod("listwallets", in: "Wallet", "The wallets that are loaded.", run: viaWallet),
        RPCMethod(
            "loadwallet", "filename:str load_on_startup:bool?", in: "Wallet", "Loads a wallet.",
            run: viaWallet),
        RPCMethod(
            "sendtoaddress",
            "address:str amount:amount comment:str? comment_to:str? subtractfeefromamount:bool? "
                + "replaceable:bool? conf_target:num? estimate_mode:str? avoid_reuse:bool? fee_rate:amount? "
                + "verbose:bool?",
            in: "Wallet", "Sends an amount to an address.", run: viaWallet),
        RPCMethod(
            "unloadwallet", "wallet_name:str? load_on_startup:bool?", in: "Wallet", "Unloads a wallet.",
            run: viaWallet),
    ]
}

/// Wallet calls: named wallets, P2WPKH only.
extension NodeMachine {
    mutating func walletMethod(
        _ arguments: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let name = arguments.wallet
        switch arguments.method.name {
        case "createwallet": return try createWallet(arguments, into: &effects)
        case "loadwallet": return try loadWallet(arguments, into: &effects)
        case "unloadwallet": return try unloadWallet(arguments, wallet: name, into: &effects)
        case "listwallets": return .array(wallets.loaded.map { .string(wallets.wallets[$0].name) })
        default: break
        }
        let wallet = try selectedWallet(name)
        switch arguments.method.name {
        case "getnewaddress":
            return try newAddress(arguments, typeAt: 1, branch: 0, wallet: wallet, into: &effects)
        case "getrawchangeaddress":
            return try newAddress(arguments, typeAt: 0, branch: 1, wallet: wallet, into: &effects)
        case "getbalance":
            return .amount(satoshi: wallets.balance(wallet, chain: chain, mempool: mempool).trusted)
        case "getbalances": return balances(wallet)
        case "getwalletinfo": return walletInfo(wallet)
        case "getaddressinfo": return try addressInfo(arguments, wallet: wallet)
        case "listunspent": return try listUnspent(arguments, wallet: wallet)
        default: return try sendToAddress(arguments, wallet: wallet, at: arguments.now, into: &effects)
        }
    }

    private func selectedWallet(_ name: String?) throws(RPCError) -> Int {
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
                message:
                    "No wallet is loaded. Load a wallet using loadwallet or create a new one with "
                    + "createwallet. "
                    + "(Note: A default wallet is no longer automatically created)")
        }
        guard loaded.count == 1 else {
            throw RPCError(
                code: -19,
                message:
                    "Multiple wallets are loaded. Please select which wallet to use by requesting the RPC "
                    + "through the /wallet/<walletname> URI path.")
        }
        return only
    }

    private mutating func createWallet(
        _ arguments: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let name = try arguments.string(0)
        guard !name.isEmpty else { throw .parameter("Wallet name cannot be empty") }
        guard name.utf8.count <= 255 else { throw .parameter("Wallet name of more than 255 bytes") }
        if wallets.index(of: name) != nil {
            throw .wallet(
                "Wallet file verification failed. Failed to create database path '\(name)'. "
                    + "Database already exists."
            )
        }
        guard wallets.wallets.count < ChainLimits.wallets else {
            throw .wallet("A node holds at most \(ChainLimits.wallets) wallets")
        }
        for (index, what) in [(1, "without private keys"), (2, "blank"), (7, "with an external signer")]
        where try arguments.optionalBool(index) ?? false {
            throw .wallet("A wallet \(what) is not supported")
        }
        if let passphrase = try arguments.optionalString(3), !passphrase.isEmpty {
            throw .wallet("Encrypted wallets are not supported")
        }
        wallets.add(name)
        effects.store(in: .wallet) { WalletBook.recordOfNew(name, into: &$0) }
        return ["name": .string(name)]
    }

    private mutating func loadWallet(
        _ arguments: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let name = try arguments.string(0)
        guard let index = wallets.index(of: name) else {
            throw RPCError(
                code: -18,
                message:
                    "Wallet file verification failed. Failed to load database path '\(name)'. "
                    + "Path does not exist."
            )
        }
        if wallets.wallets[index].isLoaded {
            throw RPCError(code: -35, message: "Wallet \"\(name)\" is already loaded.")
        }
        wallets.wallets[index].isLoaded = true
        effects.store(in: .wallet) { WalletBook.recordOfLoading(index, true, into: &$0) }
        return ["name": .string(name)]
    }

    private mutating func unloadWallet(
        _ arguments: RPCArguments, wallet: String?, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let index = try selectedWallet(try arguments.optionalString(0) ?? wallet)
        wallets.wallets[index].isLoaded = false
        effects.store(in: .wallet) { WalletBook.recordOfLoading(index, false, into: &$0) }
        return [:]
    }

    private mutating func newAddress(
        _ arguments: RPCArguments, typeAt index: Int, branch: UInt32, wallet: Int,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let type = try arguments.optionalString(index) ?? "bech32"
        guard ["bech32", "legacy", "p2sh-segwit", "bech32m"].contains(type) else {
            throw .notFound("Unknown address type '\(type)'")
        }
        guard type == "bech32" else { throw .wallet("Error: this wallet gives out bech32 addresses only") }
        guard wallets.wallets[wallet].next[Int(branch)] < ChainLimits.walletAddresses else {
            throw RPCError(code: -12, message: "Error: Keypool ran out")
        }
        let script = issueScript(wallet, branch, into: &effects)
        return .string(Address(script: script, network: configuration.network.addressNetwork)?.text ?? "")
    }

    /// A fresh script, durable before anybody hears of it.
    private mutating func issueScript(
        _ wallet: Int, _ branch: UInt32, into effects: inout EffectBuffer<NodeObservation>
    ) -> Script {
        let (script, address) = wallets.issue(wallet, branch)
        effects.store(in: .wallet) { WalletBook.record(of: address, into: &$0) }
        return script
    }

    private func lastProcessed() -> JSON {
        ["hash": .string(chain.tip.hash.displayHex), "height": .int(chain.height)]
    }

    private func balances(_ wallet: Int) -> JSON {
        let balance = wallets.balance(wallet, chain: chain, mempool: mempool)
        return [
            "mine": [
                "trusted": .amount(satoshi: balance.trusted),
                "untrusted_pending": .amount(satoshi: balance.pending),
                "immature": .amount(satoshi: balance.immature), "nonmempool": .amount(satoshi: 0),
            ], "lastprocessedblock": lastProcessed(),
        ]
    }

    private func walletInfo(_ index: Int) -> JSON {
        let wallet = wallets.wallets[index]
        return [
            "walletname": .string(wallet.name), "walletversion": 169_900, "format": "lab", "keypoolsize": 0,
            "keypoolsize_hd_internal": 0, "private_keys_enabled": true, "avoid_reuse": false,
            "scanning": false,
            "descriptors": true, "external_signer": false, "blank": false,
            "lastprocessedblock": lastProcessed(),
        ]
    }

    private func addressInfo(_ arguments: RPCArguments, wallet: Int) throws(RPCError) -> JSON {
        let text = try arguments.string(0)
        let script = try address(text, or: "Invalid or unsupported Segwit (Bech32) or Base58 encoding.")
        let owner = wallets.owner(of: script).flatMap { $0.wallet == wallet ? $0 : nil }
        var object: JSONObject = ["address": .string(text), "scriptPubKey": .string(script.hex)]
        object.append("ismine", .bool(owner != nil))
        object.append("solvable", .bool(owner != nil))
        object.append("iswatchonly", false)
        for (key, value) in describe(script).dropFirst() { object.append(key, value) }
        if let owner {
            object.append(
                "pubkey", .string(wallets.wallets[wallet].key(owner.branch, owner.index).publicKey.bytes.hex))
            object.append("ischange", .bool(owner.branch == 1))
            object.append("hdkeypath", .string("m/84h/1h/0h/\(owner.branch)/\(owner.index)"))
        }
        return .object(object)
    }

    private func listUnspent(_ arguments: RPCArguments, wallet: Int) throws(RPCError) -> JSON {
        let least = Int(clamping: try arguments.optionalInt(0) ?? 1)
        let most = Int(clamping: try arguments.optionalInt(1) ?? 9_999_999)
        var list: [JSON] = []
        for coin in wallets.spendable(wallet, chain: chain, mempool: mempool) {
            let confirmations = coin.height.map { chain.height - $0 + 1 } ?? 0
            guard (least...max(least, most)).contains(confirmations) else { continue }
            let script = wallets.wallets[wallet].script(coin.address.branch, coin.address.index)
            let address = Address(script: script, network: configuration.network.addressNetwork)?.text ?? ""
            list.append([
                "txid": .string(coin.outPoint.txid.displayHex), "vout": .int(coin.outPoint.index),
                "address": .string(address), "label": "", "scriptPubKey": .string(script.hex),
                "amount": .amount(satoshi: coin.value), "confirmations": .int(confirmations),
                "spendable": true,
                "solvable": true, "safe": true,
            ])
        }
        return .array(list)
    }

    private mutating func sendToAddress(
        _ arguments: RPCArguments, wallet: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let text = try arguments.string(0)
        let script = try address(text, or: "Invalid Bitcoin address: \(text)")
        let amount = try arguments.amount(1)
        guard amount > 0 else { throw .type("Invalid amount for send") }
        let subtracts = try arguments.optionalBool(4) ?? false
        // fee_rate is in satoshi per virtual byte.
        var rate = configuration.walletFeeRate
        if let given = arguments[9] {
            guard let satoshi = given.double ?? given.stringValue.flatMap({ Double($0) }), satoshi > 0,
                satoshi < 1e6
            else {
                throw .parameter("Invalid fee_rate")
            }
            rate = Int64(satoshi * 1000)
        }
        let payment = try pay(
            amount, to: script, from: wallet, rate: rate, subtracts: subtracts, into: &effects)
        do throws(Rejection) { _ = try submit(payment, at: now, into: &effects) } catch {
            throw .wallet("Error: The transaction was rejected! Reason given: \(error.reason)")
        }
        mempool.unbroadcast.insert(payment.txid)
        let txid = JSON.string(payment.txid.displayHex)
        if try arguments.optionalBool(10) ?? false { return ["txid": txid, "fee_reason": "Fallback fee"] }
        return txid
    }

    private mutating func pay(
        _ amount: Int64, to script: Script, from wallet: Int, rate: Int64, subtracts: Bool,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> Transaction {
        let plan: (inputs: [WalletCoin], amount: Int64, change: Int64)
        do throws(PaymentError) {
            plan = try wallets.plan(
                paying: amount, to: script, from: wallet, feeRate: rate, subtractFee: subtracts, chain: chain,
                mempool: mempool)
        } catch {
            switch error {
            case .insufficientFunds: throw RPCError(code: -6, message: "Insufficient funds")
            case .tooManyInputs:
                throw RPCError(
                    code: -6,
                    message:
                        "The inputs size exceeds the maximum weight. Please try sending a smaller amount or "
                        + "manually consolidating your wallet's UTXOs"
                )
            }
        }
        guard plan.amount >= Policy.dustThreshold(TransactionOutput(value: 0, scriptPubKey: script)) else {
            throw RPCError(code: -6, message: "The transaction amount is too small to pay the fee")
        }
        var outputs = [TransactionOutput(value: plan.amount, scriptPubKey: script)]
        if plan.change > 0 {
            outputs.append(
                TransactionOutput(value: plan.change, scriptPubKey: issueScript(wallet, 1, into: &effects)))
        }
        let inputs = plan.inputs.map { TransactionInput(previousOutput: $0.outPoint, sequence: 0xffff_fffd) }
        let unsigned = Transaction(
            version: 2, inputs: inputs, outputs: outputs, lockTime: UInt32(chain.height))
        return wallets.sign(unsigned, spending: plan.inputs)
    }
}
