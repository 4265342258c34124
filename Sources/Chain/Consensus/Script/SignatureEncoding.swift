/// Encodings of signatures and keys: strict as BIP66 wants them, and lax as blocks before it had them.
enum SignatureEncoding {
    /// BIP66's test, on the signature with its hash type byte.
    static func isStrictDER(_ sig: [UInt8]) -> Bool {
        guard sig.count >= 9, sig.count <= 73, sig[0] == 0x30, Int(sig[1]) == sig.count - 3 else {
            return false
        }
        let lenR = Int(sig[3])
        guard 5 + lenR < sig.count else { return false }
        let lenS = Int(sig[5 + lenR])
        guard lenR + lenS + 7 == sig.count else { return false }
        guard sig[2] == 0x02, lenR > 0, sig[4] & 0x80 == 0 else { return false }
        if lenR > 1, sig[4] == 0, sig[5] & 0x80 == 0 { return false }
        guard sig[lenR + 4] == 0x02, lenS > 0, sig[lenR + 6] & 0x80 == 0 else { return false }
        return !(lenS > 1 && sig[lenR + 6] == 0 && sig[lenR + 7] & 0x80 == 0)
    }

    /// The two numbers of the first `count` bytes, as r ‖ s in 64 bytes; nil where even the lax parser (Core's
    /// ecdsa_signature_parse_der_lax) gives up, and for numbers of more than 256 bits.
    static func parseLax(_ sig: [UInt8], count: Int) -> InlineArray<64, UInt8>? {
        var at = 0
        guard take(sig, count, &at) == 0x30, skipLength(sig, count, &at) else { return nil }
        guard let r = integer(sig, count, &at), let s = integer(sig, count, &at) else { return nil }
        guard r.count <= 32, s.count <= 32 else { return nil }
        var both = InlineArray<64, UInt8>(repeating: 0)
        for (offset, index) in r.enumerated() { both[32 - r.count + offset] = sig[index] }
        for (offset, index) in s.enumerated() { both[64 - s.count + offset] = sig[index] }
        return both
    }

    /// Strict DER of two 32-byte numbers.
    static func der(r: [UInt8], s: [UInt8]) -> [UInt8] {
        func integer(_ value: [UInt8]) -> [UInt8] {
            var trimmed = Array(value.drop { $0 == 0 })
            if trimmed.isEmpty || trimmed[0] & 0x80 != 0 { trimmed.insert(0, at: 0) }
            return [0x02, UInt8(trimmed.count)] + trimmed
        }
        let body = integer(r) + integer(s)
        return [0x30, UInt8(body.count)] + body
    }

    static func isCompressedOrUncompressed(_ key: [UInt8]) -> Bool {
        switch key.first {
        case 4: key.count == 65
        case 2, 3: key.count == 33
        default: false
        }
    }

    static func isCompressed(_ key: [UInt8]) -> Bool {
        key.count == 33 && (key[0] == 2 || key[0] == 3)
    }

    private static func take(_ bytes: [UInt8], _ end: Int, _ at: inout Int) -> UInt8? {
        guard at < end else { return nil }
        defer { at += 1 }
        return bytes[at]
    }

    private static func skipLength(_ bytes: [UInt8], _ end: Int, _ at: inout Int) -> Bool {
        guard let first = take(bytes, end, &at) else { return false }
        guard first & 0x80 != 0 else { return true }
        let count = Int(first & 0x7f)
        guard count <= end - at else { return false }
        at += count
        return true
    }

    /// Where an integer's bytes lie, without leading zeros.
    private static func integer(_ bytes: [UInt8], _ end: Int, _ at: inout Int) -> Range<Int>? {
        guard take(bytes, end, &at) == 0x02, let first = take(bytes, end, &at) else { return nil }
        var length = Int(first)
        if first & 0x80 != 0 {
            var count = Int(first & 0x7f)
            guard count <= end - at else { return nil }
            while count > 0, bytes[at] == 0 {
                at += 1
                count -= 1
            }
            guard count < 4 else { return nil }
            length = 0
            for _ in 0..<count {
                length = length << 8 | Int(bytes[at])
                at += 1
            }
        }
        guard length <= end - at else { return nil }
        defer { at += length }
        var start = at
        while start < at + length, bytes[start] == 0 { start += 1 }
        return start..<at + length
    }
}
