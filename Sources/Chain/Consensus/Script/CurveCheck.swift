import Bitcoin

/// Script's questions to the curve: any bytes in, yes or no out.
enum CurveCheck {
    /// `r` and `s` as 32 bytes big-endian; a high `s` is as good as a low one.
    static func ecdsa(r: [UInt8], s: [UInt8], key: [UInt8], digest: Hash256) -> Bool {
        guard let key = PublicKey(bytes: key) else { return false }
        return key.verifyECDSA(compact: r + s, digest)
    }

    /// BIP340.
    static func schnorr(_ signature: [UInt8], key: [UInt8], digest: Hash256) -> Bool {
        guard let key = XOnlyPublicKey(bytes: key) else { return false }
        return key.verifySchnorr(signature, digest)
    }

    /// Whether `output` is the internal key plus `tweak` times the generator, its y of this parity (BIP341).
    static func isTweaked(output: [UInt8], isOdd: Bool, internalKey: [UInt8], tweak: Hash256) -> Bool {
        guard let point = PublicKey(bytes: [2] + internalKey)?.adding(tweak: tweak) else { return false }
        return point.bytes[0] == (isOdd ? 3 : 2) && point.bytes[1...].elementsEqual(output)
    }

    /// Whether the DER signature's s is at most half the order (BIP62 rule 5). What does not parse has no
    /// high s, nor has an s beyond the order, which the library reads as zero.
    static func isLowS(_ der: [UInt8]) -> Bool {
        guard let (_, s) = SignatureEncoding.parseLax(der) else { return true }
        return !halfOrder.lexicographicallyPrecedes(s) || !s.lexicographicallyPrecedes(order)
    }

    private static let order = bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
    private static let halfOrder = bytes("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")

    private static func bytes(_ hex: String) -> [UInt8] { [UInt8](hex: hex) ?? [] }
}
