import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    /// Encryption at rest.
    static let walletLocks: [RPCMethod] = [
        RPCMethod(wallet: "encryptwallet", "passphrase:str", "Encrypts the wallet with a passphrase.") {
            node, wallet, call, _ throws(RPCError) in
            guard node.wallets.wallets[wallet].hasPrivateKeys else {
                throw RPCError(
                    code: -16,
                    message: "Error: wallet does not contain private keys, nothing to encrypt.")
            }
            guard node.wallets.wallets[wallet].encryption == nil else {
                throw .wrongEncryptionState("running with an encrypted wallet, but encryptwallet was called")
            }
            let passphrase = try call.string(0)
            guard !passphrase.isEmpty else { throw .parameter("passphrase cannot be empty") }
            node.encrypt(wallet, passphrase, now: node.unixTime(at: call.now))
            return
                "wallet encrypted; The keypool has been flushed and a new HD seed was generated. You need to make a new backup with the backupwallet RPC."
        },
        RPCMethod(wallet: "walletlock", "", "Forgets the wallet's key.") {
            node, wallet, _, _ throws(RPCError) in
            try node.requireEncrypted(wallet, "walletlock")
            node.wallets.wallets[wallet].relock()
            return .null
        },
        RPCMethod(
            wallet: "walletpassphrase", "passphrase:str timeout:num",
            "Unlocks the wallet for a number of seconds."
        ) { node, wallet, call, _ throws(RPCError) in
            try node.requireEncrypted(wallet, "walletpassphrase")
            let passphrase = try call.string(0)
            let seconds = try call.int(1)
            guard seconds >= 0 else { throw .parameter("Timeout cannot be negative.") }
            guard !passphrase.isEmpty else { throw .parameter("passphrase cannot be empty") }
            guard let key = node.wallets.wallets[wallet].encryption?.key(passphrase: passphrase) else {
                throw .wrongPassphrase(passphrase)
            }
            let until = call.now + .seconds(UInt64(min(seconds, 100_000_000)))
            node.wallets.wallets[wallet].unlock(key, until: until)
            node.timers.set(.walletLock, min(node.timers.deadline(of: .walletLock) ?? .distantFuture, until))
            return .null
        },
        RPCMethod(
            wallet: "walletpassphrasechange", "oldpassphrase:str newpassphrase:str",
            "Changes the wallet's passphrase."
        ) { node, wallet, call, _ throws(RPCError) in
            try node.requireEncrypted(wallet, "walletpassphrasechange")
            let old = try call.string(0)
            let new = try call.string(1)
            guard !old.isEmpty, !new.isEmpty else { throw .parameter("passphrase cannot be empty") }
            guard let key = node.wallets.wallets[wallet].encryption?.key(passphrase: old) else {
                throw .wrongPassphrase(old, isOld: true)
            }
            node.wallets.wallets[wallet].encryption?.change(to: new, key: key)
            node.wallets.markHeader(wallet)
            return .null
        },
    ]
}

extension RPCError {
    /// A passphrase with a zero byte may have been set by a version that cut it there.
    static func wrongPassphrase(_ passphrase: String, isOld: Bool = false) -> RPCError {
        guard passphrase.utf8.contains(0) else {
            return RPCError(code: -14, message: "Error: The wallet passphrase entered was incorrect.")
        }
        return RPCError(
            code: -14,
            message:
                "Error: The \(isOld ? "old " : "")wallet passphrase entered is incorrect. It contains a null "
                + "character (ie - a zero byte). If the passphrase was set with a version of this software prior "
                + "to 25.0, please try again with only the characters up to — but not including — the first null "
                + "character.")
    }

    static func wrongEncryptionState(_ what: String) -> RPCError {
        RPCError(code: -15, message: "Error: \(what).")
    }
}

extension NodeMachine {
    fileprivate func requireEncrypted(_ wallet: Int, _ method: String) throws(RPCError) {
        guard wallets.wallets[wallet].encryption == nil else { return }
        throw .wrongEncryptionState("running with an unencrypted wallet, but \(method) was called")
    }

    /// Seals what there is, and goes on with keys that only the passphrase leads to.
    fileprivate mutating func encrypt(_ wallet: Int, _ passphrase: String, now: UInt32) {
        let lock = WalletEncryption(passphrase: passphrase, entropy: wallets.entropy(wallet, "lock"))
        guard let key = lock.openKey else { return }
        wallets.wallets[wallet].encrypt(lock)
        wallets.wallets[wallet].unlock(key, until: .start)
        if !wallets.wallets[wallet].flags.contains(.isBlank) {
            wallets.addKeys(wallet, extra: key, now: now)
        }
        // The records of the keys in the clear must not stay on the disk.
        wallets.mustRewrite = true
        wallets.wallets[wallet].relock()
    }

    /// Forgets the keys whose time is over.
    mutating func relockWallets(at now: Instant) {
        var next: Instant?
        for index in wallets.wallets.indices {
            guard let until = wallets.wallets[index].encryption?.openUntil else { continue }
            if until <= now {
                wallets.wallets[index].relock()
            } else {
                next = min(next ?? .distantFuture, until)
            }
        }
        if let next { timers.set(.walletLock, next) }
    }
}
