import COpenSSL

/// Secrets under a passphrase: a key stretched by PBKDF2 with HMAC-SHA-512 (RFC 8018), and AES-256-GCM.
public enum SecretBox {
    /// The key of a passphrase, 32 bytes. `rounds` makes each guess cost as much.
    public static func key(passphrase: String, salt: [UInt8], rounds: Int) -> [UInt8] {
        let password = Array(passphrase.utf8)
        return [UInt8](unsafeUninitializedCapacity: 32) { out, count in
            let ok = password.withUnsafeBytes { raw in
                PKCS5_PBKDF2_HMAC(
                    raw.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(password.count), salt,
                    Int32(salt.count), Int32(rounds), EVP_sha512(), 32, out.baseAddress)
            }
            precondition(ok == 1, "PBKDF2 with sound parameters does not fail")
            count = 32
        }
    }

    /// Nonce of 12 bytes, ciphertext, tag of 16 bytes. The nonce is a hash of key and content, so that no
    /// two contents share one; `context` is bound to the box without being in it.
    public static func seal(_ content: [UInt8], key: [UInt8], context: [UInt8]) -> [UInt8] {
        precondition(key.count == 32, "a key of \(key.count) bytes")
        let nonce = Array(taggedHash("lab/secret box", key, context, content).bytes[..<12])
        var sealed = [UInt8](repeating: 0, count: content.count)
        var tag = [UInt8](repeating: 0, count: 16)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var length: Int32 = 0
        var ok = EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce)
        ok &= EVP_EncryptUpdate(cipher, nil, &length, context, Int32(context.count))
        ok &= EVP_EncryptUpdate(cipher, &sealed, &length, content, Int32(content.count))
        ok &= EVP_EncryptFinal_ex(cipher, &tag, &length)
        ok &= EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, &tag)
        precondition(ok == 1, "sealing with a sound key does not fail")
        return nonce + sealed + tag
    }

    /// Nil for another key or context, or a changed box.
    public static func open(_ box: [UInt8], key: [UInt8], context: [UInt8]) -> [UInt8]? {
        guard box.count >= 28, key.count == 32 else { return nil }
        let nonce = Array(box[..<12])
        let sealed = Array(box[12..<box.count - 16])
        var tag = Array(box[(box.count - 16)...])
        var content = [UInt8](repeating: 0, count: sealed.count + 16)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var length: Int32 = 0
        var rest: Int32 = 0
        var ok = EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce)
        ok &= EVP_DecryptUpdate(cipher, nil, &length, context, Int32(context.count))
        ok &= EVP_DecryptUpdate(cipher, &content, &length, sealed, Int32(sealed.count))
        ok &= EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, 16, &tag)
        guard ok == 1, EVP_DecryptFinal_ex(cipher, &tag, &rest) == 1 else { return nil }
        return Array(content[..<sealed.count])
    }
}
