import COpenSSL

/// The digests that devices' interfaces still use. None of them protects anything here.
enum MessageDigest {
    static func md5(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_md5()) }
    static func sha1(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha1()) }
    static func sha256(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha256()) }

    static func md5Text(_ text: String) -> String { hex(md5(Array(text.utf8))) }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func digest(_ bytes: [UInt8], _ algorithm: OpaquePointer?) -> [UInt8] {
        var length: UInt32 = 0
        var out = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        let ok = EVP_Digest(bytes, bytes.count, &out, &length, algorithm, nil)
        precondition(ok == 1, "the digest is missing from this libcrypto")
        return Array(out.prefix(Int(length)))
    }

    /// AES-256 in ECB without padding, as btminer's API encrypts; nil when the length is no multiple of 16.
    static func aesECB(_ bytes: [UInt8], key: [UInt8], encrypts: Bool) -> [UInt8]? {
        guard key.count == 32, bytes.count % 16 == 0, bytes.count <= Limits.lengthPrefixedRequest,
            let context = EVP_CIPHER_CTX_new()
        else { return nil }
        defer { EVP_CIPHER_CTX_free(context) }
        var out = [UInt8](repeating: 0, count: bytes.count + 32)
        var length: Int32 = 0
        guard EVP_CipherInit_ex(context, EVP_aes_256_ecb(), nil, key, nil, encrypts ? 1 : 0) == 1,
            EVP_CIPHER_CTX_set_padding(context, 0) == 1,
            EVP_CipherUpdate(context, &out, &length, bytes, Int32(bytes.count)) == 1
        else { return nil }
        return Array(out.prefix(Int(length)))
    }
}

/// The password hash `$1$SALT$…` of crypt(3), by which btminer's API knows its callers. Written from the description
/// of the algorithm by Poul-Henning Kamp (FreeBSD 2.0).
enum MD5Crypt {
    private static let alphabet = Array(
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// What follows the last `$`: 22 letters. At most eight letters of the salt count.
    static func hash(_ word: String, salt: String) -> String {
        let word = Array(word.utf8)
        let salt = Array(salt.utf8.prefix(8))
        let inner = MessageDigest.md5(word + salt + word)
        var text = word + Array("$1$".utf8) + salt
        for offset in stride(from: 0, to: word.count, by: 16) {
            text += inner.prefix(min(16, word.count - offset))
        }
        var bits = word.count
        while bits > 0 {
            text.append(bits & 1 == 1 ? 0 : word[0])
            bits >>= 1
        }
        var result = MessageDigest.md5(text)
        for round in 0..<1_000 {
            var step: [UInt8] = round & 1 == 1 ? word : result
            if round % 3 != 0 { step += salt }
            if round % 7 != 0 { step += word }
            step += round & 1 == 1 ? result : word
            result = MessageDigest.md5(step)
        }
        return letters(result)
    }

    private static func letters(_ digest: [UInt8]) -> String {
        var text: [UInt8] = []
        func write(_ value: UInt32, _ count: Int) {
            var value = value
            for _ in 0..<count {
                text.append(alphabet[Int(value & 63)])
                value >>= 6
            }
        }
        for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
            write(UInt32(digest[a]) << 16 | UInt32(digest[b]) << 8 | UInt32(digest[c]), 4)
        }
        write(UInt32(digest[11]), 2)
        return String(decoding: text, as: UTF8.self)
    }
}
