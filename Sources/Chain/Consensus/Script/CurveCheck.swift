import Bitcoin

/// Questions about signatures that the curve's library does not answer.
enum CurveCheck {
    /// Whether the DER signature's s is at most half the order (BIP62 rule 5). What does not parse has no
    /// high s, nor has an s beyond the order, which the library reads as zero.
    static func isLowS(_ der: [UInt8]) -> Bool {
        guard let both = SignatureEncoding.parseLax(der, count: der.count) else { return true }
        let s = (32..<64).map { both[$0] }
        return !halfOrder.lexicographicallyPrecedes(s) || !s.lexicographicallyPrecedes(order)
    }

    private static let order = bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
    private static let halfOrder = bytes("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")

    private static func bytes(_ hex: String) -> [UInt8] { [UInt8](hex: hex) ?? [] }
}
