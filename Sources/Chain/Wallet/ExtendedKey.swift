import Bitcoin

/// A secret key that has children (BIP32). Private derivation only: the node signs with what it derives.
struct ExtendedKey: Sendable {
    var key: SecretKey
    /// 32 bytes.
    var chainCode: [UInt8]

    static let hardened: UInt32 = 1 << 31

    /// The master key; nil with negligible probability.
    init?(seed: [UInt8]) {
        let digest = SHA512.hmac(key: Array("Bitcoin seed".utf8), seed)
        guard let key = SecretKey(bytes: Array(digest[..<32])) else { return nil }
        self.key = key
        chainCode = Array(digest[32...])
    }

    private init(key: SecretKey, chainCode: [UInt8]) {
        self.key = key
        self.chainCode = chainCode
    }

    /// The child; nil with negligible probability.
    func child(_ index: UInt32) -> ExtendedKey? {
        let isHardened = index & Self.hardened != 0
        var message = isHardened ? [0] + key.bytes : key.publicKey.bytes
        for shift in [24, 16, 8, 0] { message.append(UInt8(truncatingIfNeeded: index >> UInt32(shift))) }
        let digest = SHA512.hmac(key: chainCode, message)
        guard let tweak = Hash256(bytes: Array(digest[..<32])), let child = key.adding(tweak: tweak) else {
            return nil
        }
        return ExtendedKey(key: child, chainCode: Array(digest[32...]))
    }

    func descendant(_ path: [UInt32]) -> ExtendedKey? {
        var key: ExtendedKey? = self
        for index in path { key = key?.child(index) }
        return key
    }
}
