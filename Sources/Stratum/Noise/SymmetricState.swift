import Bitcoin

/// The running hash `h`, the chaining key `ck` and the handshake's cipher key `k` (SV2 section 4.4.2).
struct SymmetricState: Equatable, Sendable {
    private(set) var h: Hash256
    private(set) var ck: Hash256
    /// Nil until the first key agreement: nothing is encrypted before it.
    private(set) var cipher: CipherState?

    static let protocolName = "Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256"

    /// Both sides before the first act, with an empty prologue.
    init() {
        ck = SHA256.hash(Array(Self.protocolName.utf8))
        h = SHA256.hash(ck.bytes)
    }

    mutating func mixHash(_ data: some Sequence<UInt8>) {
        h = SHA256.hash(h.bytes + data)
    }

    mutating func mixKey(_ material: Hash256) {
        let (next, key) = Self.hkdf(ck, material.bytes)
        ck = next
        cipher = CipherState(key: key)
    }

    /// The ciphertext with its tag; the plain text itself while there is no key.
    mutating func encryptAndHash(_ plain: [UInt8]) -> [UInt8] {
        guard cipher != nil else {
            mixHash(plain)
            return plain
        }
        var out = plain + [UInt8](repeating: 0, count: ChaChaPoly.tagLength)
        h.withUnsafeBytes { associated in
            out.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                cipher?.seal(base, count: plain.count, tag: base + plain.count, associated: associated)
            }
        }
        mixHash(out)
        return out
    }

    /// Nil when the tag does not fit.
    mutating func decryptAndHash(_ sealed: ArraySlice<UInt8>) -> [UInt8]? {
        guard cipher != nil else {
            mixHash(sealed)
            return Array(sealed)
        }
        let count = sealed.count - ChaChaPoly.tagLength
        guard count >= 0 else { return nil }
        // The cipher's last step may write (nothing) behind the text, so the buffer keeps one byte more than
        // zero.
        var out = [UInt8](repeating: 0, count: count + 1)
        let fits = h.withUnsafeBytes { associated in
            out.withUnsafeMutableBufferPointer { target in
                sealed.withUnsafeBufferPointer { source in
                    guard let from = source.baseAddress, let to = target.baseAddress else { return false }
                    return cipher?.open(from, count: count, into: to, associated: associated) ?? false
                }
            }
        }
        guard fits else { return nil }
        out.removeLast()
        mixHash(sealed)
        return out
    }

    /// The transport keys: c1 from initiator to responder, c2 the other way.
    func split() -> (c1: CipherState, c2: CipherState) {
        let (first, second) = Self.hkdf(ck, [])
        return (CipherState(key: first), CipherState(key: second))
    }

    /// Noise's HKDF with two outputs and no info.
    static func hkdf(_ chainingKey: Hash256, _ material: [UInt8]) -> (Hash256, Hash256) {
        let temporary = hmacSHA256(key: chainingKey.bytes, message: material).bytes
        let first = hmacSHA256(key: temporary, message: [1])
        let second = hmacSHA256(key: temporary, message: first.bytes + [2])
        return (first, second)
    }
}
