import Bitcoin
import SansIO

/// The lock of an encrypted wallet: a random key seals the descriptors, and a passphrase seals that key.
struct WalletEncryption: Sendable {
    var salt: [UInt8]
    var rounds: Int
    var sealedKey: [UInt8]
    /// The key, while the wallet is unlocked.
    var openKey: [UInt8]?
    /// When it is forgotten again.
    var openUntil: Instant?

    private static let context = Array("wallet key".utf8)
    static let contentContext = Array("wallet descriptor".utf8)

    init(salt: [UInt8], rounds: Int, sealedKey: [UInt8]) {
        self.salt = salt
        self.rounds = rounds
        self.sealedKey = sealedKey
    }

    /// A new lock. `entropy` alone would let whoever has the node's seed compute the key; the passphrase is in
    /// it too.
    init(passphrase: String, entropy: [UInt8]) {
        salt = Array(taggedHash("lab/wallet/salt", entropy).bytes[..<16])
        rounds = ChainLimits.walletKeyRounds
        let stretched = Self.stretched(passphrase, salt: salt, rounds: rounds)
        let key = taggedHash("lab/wallet/key", entropy, stretched).bytes
        sealedKey = SecretBox.seal(key, key: stretched, context: Self.context)
        openKey = key
    }

    /// HMAC cannot tell a key from the same one with zero bytes behind it, so a passphrase that ends in one is
    /// hashed first.
    private static func stretched(_ passphrase: String, salt: [UInt8], rounds: Int) -> [UInt8] {
        let ends = passphrase.utf8.last == 0
        return SecretBox.key(
            passphrase: ends ? SHA256.hash(Array(passphrase.utf8)).bytes.hex : passphrase, salt: salt,
            rounds: rounds)
    }

    /// The key, if the passphrase is right.
    func key(passphrase: String) -> [UInt8]? {
        let stretched = Self.stretched(passphrase, salt: salt, rounds: rounds)
        return SecretBox.open(sealedKey, key: stretched, context: Self.context)
    }

    mutating func change(to passphrase: String, key: [UInt8]) {
        salt = Array(taggedHash("lab/wallet/salt", salt, key, Array(passphrase.utf8)).bytes[..<16])
        let stretched = Self.stretched(passphrase, salt: salt, rounds: rounds)
        sealedKey = SecretBox.seal(key, key: stretched, context: Self.context)
    }
}

extension Wallet {
    /// Seals every private descriptor.
    mutating func encrypt(_ lock: WalletEncryption) {
        guard let key = lock.openKey else { return }
        encryption = lock
        for index in descriptors.indices { descriptors[index].seal(key) }
        relock()
    }

    /// Opens the private descriptors with the key.
    mutating func unlock(_ key: [UInt8], until: Instant) {
        encryption?.openKey = key
        encryption?.openUntil = until
        for index in descriptors.indices { descriptors[index].open(key) }
    }

    mutating func relock() {
        encryption?.openKey = nil
        encryption?.openUntil = nil
        for index in descriptors.indices { descriptors[index].close() }
    }
}

extension WalletDescriptor {
    mutating func seal(_ key: [UInt8]) {
        guard case .plain(let descriptor) = secrets else { return }
        roots = Self.roots(of: descriptor).map(\.neutered)
        let text = Array(descriptor.text(isPrivate: true).utf8)
        secrets = .sealed(
            SecretBox.seal(text, key: key, context: WalletEncryption.contentContext), open: descriptor)
    }

    mutating func open(_ key: [UInt8]) {
        guard case .sealed(let box, _) = secrets,
            let text = SecretBox.open(box, key: key, context: WalletEncryption.contentContext)
        else { return }
        let descriptor = try? OutputDescriptor.parseSingle(
            String(decoding: text, as: UTF8.self), network: watch.network)
        secrets = .sealed(box, open: descriptor)
        prepare()
    }

    mutating func close() {
        guard case .sealed(let box, _) = secrets else { return }
        secrets = .sealed(box, open: nil)
        prepare()
    }
}
