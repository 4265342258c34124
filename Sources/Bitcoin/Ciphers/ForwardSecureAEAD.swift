import COpenSSL

/// BIP324's FSChaCha20Poly1305: ChaCha20-Poly1305 (RFC 8439) by OpenSSL with a nonce that counts packets, and a new
/// key after every 224 of them.
public struct ForwardSecureAEAD: Sendable {
    public static let tagLength = 16

    private var key: [UInt8]
    private var packet: UInt64 = 0

    /// `key` has 32 bytes.
    public init(key: [UInt8]) {
        precondition(key.count == 32, "a key of \(key.count) bytes")
        self.key = key
    }

    /// Encrypts `data` in place and returns the tag.
    public mutating func seal(_ data: UnsafeMutableRawBufferPointer, associated: [UInt8]) -> [UInt8] {
        let tag = Self.seal(data, key: key, nonce: nonce(), associated: associated)
        advance()
        return tag
    }

    /// Decrypts `data` in place; false, and its content is of no use, when the tag does not fit.
    public mutating func open(
        _ data: UnsafeMutableRawBufferPointer, tag: [UInt8], associated: [UInt8]
    ) -> Bool {
        let isFine = Self.open(data, tag: tag, key: key, nonce: nonce(), associated: associated)
        advance()
        return isFine
    }

    private func nonce(rekeying: Bool = false) -> [UInt8] {
        let low = rekeying ? UInt32.max : UInt32(packet % ForwardSecureStream.rekeyInterval)
        let high = packet / ForwardSecureStream.rekeyInterval
        return (0..<4).map { UInt8(truncatingIfNeeded: low >> UInt32(8 * $0)) }
            + (0..<8).map { UInt8(truncatingIfNeeded: high >> UInt64(8 * $0)) }
    }

    private mutating func advance() {
        if (packet + 1) % ForwardSecureStream.rekeyInterval == 0 {
            var next = [UInt8](repeating: 0, count: 32)
            let nonce = nonce(rekeying: true)
            next.withUnsafeMutableBytes { _ = Self.seal($0, key: key, nonce: nonce, associated: []) }
            key = next
        }
        packet += 1
    }

    private static func seal(
        _ data: UnsafeMutableRawBufferPointer, key: [UInt8], nonce: [UInt8], associated: [UInt8]
    ) -> [UInt8] {
        guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("OpenSSL has no memory") }
        defer { EVP_CIPHER_CTX_free(context) }
        var written: Int32 = 0
        var tag = [UInt8](repeating: 0, count: tagLength)
        let bytes = data.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let isFine =
            EVP_EncryptInit_ex(context, EVP_chacha20_poly1305(), nil, key, nonce) == 1
            && (associated.isEmpty
                || EVP_EncryptUpdate(context, nil, &written, associated, Int32(associated.count)) == 1)
            && (data.isEmpty || EVP_EncryptUpdate(context, bytes, &written, bytes, Int32(data.count)) == 1)
            && EVP_EncryptFinal_ex(context, &tag, &written) == 1
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), &tag) == 1
        precondition(isFine, "OpenSSL refused to encrypt")
        return tag
    }

    private static func open(
        _ data: UnsafeMutableRawBufferPointer, tag: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8]
    ) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("OpenSSL has no memory") }
        defer { EVP_CIPHER_CTX_free(context) }
        var written: Int32 = 0
        var tag = tag
        var rest = [UInt8](repeating: 0, count: 16)
        let bytes = data.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return EVP_DecryptInit_ex(context, EVP_chacha20_poly1305(), nil, key, nonce) == 1
            && (associated.isEmpty
                || EVP_DecryptUpdate(context, nil, &written, associated, Int32(associated.count)) == 1)
            && (data.isEmpty || EVP_DecryptUpdate(context, bytes, &written, bytes, Int32(data.count)) == 1)
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagLength), &tag) == 1
            && EVP_DecryptFinal_ex(context, &rest, &written) == 1
    }
}
