import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let walletFiles: [RPCMethod] = [
        RPCMethod(wallet: "backupwallet", "destination:str", "Writes the wallet to a file.") {
            node, wallet, call, _ throws(RPCError) in
            let path = try call.string(0)
            // The backup tells how far the wallet has looked.
            node.wallets.wallets[wallet].best = (node.chain.tip.hash, node.chain.height)
            guard node.configuration.backups?.write(node.wallets.backup(of: wallet), to: path) ?? false else {
                throw .wallet("Error: Wallet backup failed!")
            }
            return .null
        },
        RPCMethod(
            wallet: "exportwatchonlywallet", "destination:str",
            "Writes the wallet without its private keys to a file."
        ) { node, wallet, call, _ throws(RPCError) in
            let path = try call.string(0)
            guard !path.isEmpty else { throw .wallet("Error: Export destination cannot be empty") }
            guard let files = node.configuration.backups, !files.exists(path) else {
                throw .wallet("Error: Export destination '\(path)' already exists")
            }
            node.wallets.wallets[wallet].best = (node.chain.tip.hash, node.chain.height)
            guard files.write(node.wallets.watchOnlyBackup(of: wallet), to: path) else {
                throw .wallet("Error: Export failed")
            }
            return ["exported_file": .string(path)]
        },
        RPCMethod(
            wallets: "restorewallet", "wallet_name:str backup_file:str load_on_startup:bool?",
            "Makes a wallet of a backup and loads it."
        ) { node, call, _ throws(RPCError) in try node.restoreWallet(call) },
        RPCMethod(
            wallets: "createwallet",
            "wallet_name:str disable_private_keys:bool? blank:bool? passphrase:str? avoid_reuse:bool? "
                + "descriptors:bool? load_on_startup:bool? external_signer:bool?",
            "Creates and loads a new wallet."
        ) { node, call, _ throws(RPCError) in try node.createWallet(call) },
        RPCMethod(
            wallets: "migratewallet", "wallet_name:str? passphrase:str? load_wallet:bool?",
            "Turns a wallet of old into a descriptor wallet; here all are."
        ) { _, _, _ throws(RPCError) in throw .wallet("Error: This wallet is already a descriptor wallet") },
        RPCMethod(wallet: "getwalletinfo", "", "The wallet's state.") { node, wallet, _, _ throws(RPCError) in
            node.walletInfo(wallet)
        },
        RPCMethod(wallets: "listwalletdir", "", "The wallets that there are, loaded or not.") {
            node, _, _ throws(RPCError) in
            let names = node.wallets.wallets.map(\.name).sorted()
            return ["wallets": .array(names.map { ["name": .string($0), "warnings": []] })]
        },
        RPCMethod(wallets: "listwallets", "", "The wallets that are loaded.") { node, _, _ throws(RPCError) in
            .array(node.wallets.loaded.map { .string(node.wallets.wallets[$0].name) })
        },
        RPCMethod(wallets: "loadwallet", "filename:str load_on_startup:bool?", "Loads a wallet.") {
            node, call, _ throws(RPCError) in try node.loadWallet(call)
        },
        RPCMethod(
            wallet: "setwalletflag", "flag:str value:bool?", "Changes a flag of the wallet."
        ) { node, wallet, call, _ throws(RPCError) in try node.setWalletFlag(wallet, call) },
        RPCMethod(wallets: "unloadwallet", "wallet_name:str? load_on_startup:bool?", "Unloads a wallet.") {
            node, call, _ throws(RPCError) in try node.unloadWallet(call)
        },
    ]
}

extension NodeMachine {
    fileprivate mutating func createWallet(_ call: RPCArguments) throws(RPCError) -> JSON {
        let name = try call.string(0)
        guard !name.isEmpty else { throw .parameter("Wallet name cannot be empty") }
        guard name.utf8.count <= ChainLimits.walletText else {
            throw .parameter("Wallet name of more than \(ChainLimits.walletText) bytes")
        }
        if try call.optionalBool(5) == false {
            throw .wallet(
                "descriptors argument must be set to \"true\"; it is no longer possible to create a legacy "
                    + "wallet.")
        }
        if try call.optionalBool(7) ?? false {
            throw .wallet("Compiled without external signing support (required for external signing)")
        }
        var flags: Wallet.Flags = []
        if try call.optionalBool(1) ?? false { flags.insert(.disablesPrivateKeys) }
        let isBlank = try call.optionalBool(2) ?? false
        if isBlank { flags.insert(.isBlank) }
        if try call.optionalBool(4) ?? false { flags.insert(.avoidsReuse) }
        let passphrase = try call.optionalString(3)
        var warnings: [JSON] = []
        if passphrase == "" {
            warnings.append(
                "Empty string given as passphrase, wallet will not be encrypted.")
        }
        if let passphrase, !passphrase.isEmpty, flags.contains(.disablesPrivateKeys) {
            throw .wallet(
                "Passphrase provided but private keys are disabled. A passphrase is only used to encrypt "
                    + "private keys, so cannot be used for wallets with private keys disabled.")
        }
        if wallets.index(of: name) != nil {
            throw .wallet(
                "Wallet file verification failed. Failed to create database path '\(name)'. "
                    + "Database already exists.")
        }
        guard wallets.wallets.count < ChainLimits.wallets else {
            throw .wallet("A node holds at most \(ChainLimits.wallets) wallets")
        }
        let now = unixTime(at: call.now)
        let wallet = wallets.create(name, flags: flags, birth: now, best: (chain.tip.hash, chain.height))
        wallets.wallets[wallet].loadsOnStart = try call.optionalBool(6)
        if let passphrase, !passphrase.isEmpty {
            let lock = WalletEncryption(
                passphrase: passphrase, entropy: wallets.entropy(wallet, "lock"))
            wallets.wallets[wallet].encryption = lock
            if !isBlank { wallets.addKeys(wallet, extra: lock.openKey ?? [], now: now) }
            wallets.wallets[wallet].relock()
        } else if !isBlank, !flags.contains(.disablesPrivateKeys) {
            wallets.addKeys(wallet, now: now)
        }
        var object: JSONObject = ["name": .string(name)]
        if !warnings.isEmpty { object.append("warnings", .array(warnings)) }
        return .object(object)
    }

    fileprivate mutating func restoreWallet(_ call: RPCArguments) throws(RPCError) -> JSON {
        let name = try call.string(0)
        guard !name.isEmpty else { throw .parameter("Wallet name cannot be empty") }
        guard let file = configuration.backups?.read(try call.string(1)) else {
            throw .parameter("Backup file does not exist")
        }
        guard wallets.index(of: name) == nil else {
            throw RPCError(
                code: -36, message: "Failed to restore wallet. Database file exists in '\(name)'.")
        }
        guard wallets.wallets.count < ChainLimits.wallets else {
            throw .wallet("A node holds at most \(ChainLimits.wallets) wallets")
        }
        guard let wallet = wallets.restore(backup: file, as: name) else {
            throw RPCError(
                code: -18,
                message:
                    "Wallet file verification failed. Failed to load database path '\(name)'. Data is not "
                    + "in recognized format.")
        }
        if let start = try call.optionalBool(2) { wallets.wallets[wallet].loadsOnStart = start }
        wallets.markHeader(wallet)
        catchUp(wallet: wallet, at: call.now)
        return ["name": .string(name)]
    }

    fileprivate mutating func loadWallet(_ call: RPCArguments) throws(RPCError) -> JSON {
        let name = try call.string(0)
        guard let wallet = wallets.index(of: name) else {
            throw RPCError(
                code: -18,
                message: "Wallet file verification failed. Failed to load database path '\(name)'. "
                    + "Path does not exist.")
        }
        if wallets.wallets[wallet].isLoaded {
            throw RPCError(code: -35, message: "Wallet \"\(name)\" is already loaded.")
        }
        if let pruned = chain.pruneHeight, pruned > wallets.wallets[wallet].best?.height ?? 0 {
            throw .wallet(
                "Prune: last wallet synchronisation goes beyond pruned data. You need to -reindex (download the "
                    + "whole blockchain again in case of a pruned node)")
        }
        wallets.wallets[wallet].isLoaded = true
        if let start = try call.optionalBool(1) { wallets.wallets[wallet].loadsOnStart = start }
        wallets.markHeader(wallet)
        catchUp(wallet: wallet, at: call.now)
        return ["name": .string(name)]
    }

    fileprivate mutating func unloadWallet(_ call: RPCArguments) throws(RPCError) -> JSON {
        let named = try call.optionalString(0)
        if let named, let path = call.wallet, named != path {
            throw .parameter(
                "The RPC endpoint wallet and the wallet name parameter specify different wallets")
        }
        if named == nil, call.wallet == nil {
            throw .parameter(
                "Either the RPC endpoint wallet or the wallet name parameter must be provided")
        }
        let wallet = try selectedWallet(named ?? call.wallet)
        wallets.wallets[wallet].isLoaded = false
        wallets.wallets[wallet].lockedCoins.removeAll { !$0.isPersistent }
        wallets.wallets[wallet].relock()
        if let start = try call.optionalBool(1) { wallets.wallets[wallet].loadsOnStart = start }
        wallets.markHeader(wallet)
        return [:]
    }

    fileprivate func walletInfo(_ index: Int) -> JSON {
        let wallet = wallets.wallets[index]
        var object: JSONObject = [
            "walletname": .string(wallet.name), "walletversion": 169_900, "format": "sqlite",
            "txcount": .int(wallet.transactions.count),
        ]
        func known(_ isInternal: Bool) -> Int {
            wallet.descriptors.filter { $0.isActive && $0.isInternal == isInternal }.reduce(0) {
                $0 + Int($1.rangeEnd - $1.next)
            }
        }
        object.append("keypoolsize", .int(known(false)))
        if wallet.hasPrivateKeys { object.append("keypoolsize_hd_internal", .int(known(true))) }
        if let encryption = wallet.encryption {
            let until = encryption.openUntil.map { clock.unixSeconds(at: $0) } ?? 0
            object.append("unlocked_until", .int(wallet.isLocked ? 0 : until))
        }
        object.append("private_keys_enabled", .bool(wallet.hasPrivateKeys))
        object.append("avoid_reuse", .bool(wallet.flags.contains(.avoidsReuse)))
        object.append("scanning", false)
        object.append("descriptors", true)
        object.append("external_signer", false)
        object.append("blank", .bool(wallet.flags.contains(.isBlank)))
        // A transaction before the descriptors' own times moves the birth back.
        let births = wallet.descriptors.map(\.timestamp) + wallet.transactions.map(\.time)
        if let first = births.min() { object.append("birthtime", .int(first)) }
        var flags: [JSON] = []
        if wallet.flags.contains(.avoidsReuse) { flags.append("avoid_reuse") }
        if wallet.flags.contains(.isBlank) { flags.append("blank") }
        flags.append("last_hardened_xpub_cached")
        if !wallet.hasPrivateKeys { flags.append("disable_private_keys") }
        flags.append("descriptor_wallet")
        object.append("flags", .array(flags))
        object.append("lastprocessedblock", lastProcessedBlock)
        return .object(object)
    }

    fileprivate mutating func setWalletFlag(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let name = try call.string(0)
        let value = try call.optionalBool(1) ?? true
        guard ["avoid_reuse", "blank", "disable_private_keys", "descriptor_wallet"].contains(name) else {
            throw .parameter("Unknown wallet flag: \(name)")
        }
        guard name == "avoid_reuse" else { throw .parameter("Wallet flag is immutable: \(name)") }
        guard wallets.wallets[wallet].flags.contains(.avoidsReuse) != value else {
            throw .parameter("Wallet flag is already set to \(value): \(name)")
        }
        if value {
            wallets.wallets[wallet].flags.insert(.avoidsReuse)
        } else {
            wallets.wallets[wallet].flags.remove(.avoidsReuse)
        }
        wallets.markHeader(wallet)
        return ["flag_name": .string(name), "flag_state": .bool(value)]
    }

    /// Loads a wallet of that name if there is one and it is not loaded.
    mutating func loadWallet(
        _ name: String, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        catchUpWallets(at: now)
        guard let wallet = wallets.index(of: name), !wallets.wallets[wallet].isLoaded else { return }
        wallets.wallets[wallet].isLoaded = true
        wallets.markHeader(wallet)
        catchUp(wallet: wallet, at: now)
        storeWallets(into: &effects)
    }

    // MARK: Catching up

    /// After a restart: builds the wallets and lets the loaded ones see what they missed.
    mutating func catchUpWallets(at now: Instant) {
        guard walletsLagBehind else { return }
        walletsLagBehind = false
        wallets.finishRestoring()
        for wallet in wallets.loaded { catchUp(wallet: wallet, at: now) }
    }

    /// Looks at the blocks since the wallet's last one, and offers the pool what it does not hold.
    mutating func catchUp(wallet: Int, at now: Instant) {
        var start = 1
        if let best = wallets.wallets[wallet].best, chain.entry(at: best.height)?.hash == best.hash {
            start = best.height + 1
        } else {
            // A reorganisation was missed, or the place was never written: everything is looked at again.
            for number in wallets.wallets[wallet].transactions.indices {
                let entry = wallets.wallets[wallet].transactions[number]
                guard case .confirmed(let block, let height, _, _) = entry.state,
                    chain.entry(at: height)?.hash != block
                else { continue }
                let isCoinbase = entry.transaction.isCoinbase
                wallets.wallets[wallet].update(number) { $0.state = .unconfirmed(isAbandoned: isCoinbase) }
                wallets.markTransaction(wallet, number)
            }
        }
        rescan(wallet, from: start, to: chain.height)
        for entry in wallets.wallets[wallet].transactions
        where entry.state == .unconfirmed(isAbandoned: false) && mempool[entry.txid] == nil {
            _ = try? mempool.accept(entry.transaction, chain: chain, time: unixTime(at: now))
        }
        lookIntoPool(wallet, at: now)
    }

    /// Shows a wallet what waits in the pool.
    mutating func lookIntoPool(_ wallet: Int, at now: Instant) {
        for entry in mempool.entries {
            var changes = Wallet.Changes()
            wallets.wallets[wallet].entered(
                entry.transaction, now: unixTime(at: now), gap: wallets.gap, into: &changes)
            wallets.mark(changes, wallet)
        }
    }

    /// Shows a wallet blocks of the active chain.
    mutating func rescan(_ wallet: Int, from start: Int, to end: Int) {
        guard start <= end else { return }
        for height in max(start, 0)...end {
            guard let entry = chain.entry(at: height), let id = chain.tree.id(of: entry.hash),
                let block = chain.block(id)
            else { continue }
            var changes = Wallet.Changes()
            wallets.wallets[wallet].connected(
                block, at: Wallet.BlockPlace(hash: entry.hash, height: height, time: entry.header.time),
                now: nil, gap: wallets.gap, into: &changes)
            wallets.mark(changes, wallet)
        }
        wallets.wallets[wallet].best = (chain.tip.hash, chain.height)
        wallets.markHeader(wallet)
    }
}
