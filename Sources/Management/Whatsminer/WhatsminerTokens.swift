import HTTPText
import JSONText
import SansIO

/// The secrets of btminer's privileged API: who knows the password derives from a token's salts a key, under which
/// requests and answers are encrypted, and a signature that each request carries.
struct WhatsminerTokens: Sendable {
    private struct Token: Sendable {
        var time: String
        var newSalt: String
        var since: Instant
        var signature: String
    }

    /// As delivered; `update_pwd` changes it.
    private(set) var password = "admin"
    /// The account of the v3 API.
    let superPassword = "super"
    /// Of the device's own password file; also the v3 API's.
    let salt: String
    private var key: [UInt8]
    private var hashed: String
    private var tokens: [Token] = []
    private var chance: PRNG

    init(seed: PRNG) {
        chance = seed
        salt = Self.letters(8, &chance)
        hashed = MD5Crypt.hash(password, salt: salt)
        key = MessageDigest.sha256(Array(hashed.utf8))
    }

    private static func letters(_ count: Int, _ chance: inout PRNG) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(
            decoding: (0..<count).map { _ in alphabet[Int(chance.below(UInt64(alphabet.count)))] },
            as: UTF8.self)
    }

    /// Answers `get_token`; nil when too many live.
    mutating func issue(unixTime: UInt32, at now: Instant) -> JSON? {
        tokens.removeAll { now - $0.since > Limits.tokenLifetime }
        guard tokens.count < Limits.tokens else { return nil }
        let time = String(String(unixTime).suffix(4))
        let newSalt = Self.letters(8, &chance)
        tokens.append(
            Token(
                time: time, newSalt: newSalt, since: now,
                signature: MD5Crypt.hash(hashed + time, salt: newSalt)))
        return ["time": .string(time), "salt": .string(salt), "newsalt": .string(newSalt)]
    }

    mutating func isValid(_ signature: String, at now: Instant) -> Bool {
        tokens.removeAll { now - $0.since > Limits.tokenLifetime }
        return tokens.contains { $0.signature == signature }
    }

    mutating func changePassword(from old: String, to new: String) -> Bool {
        guard old == password, !new.isEmpty, new.utf8.count <= 8 else { return false }
        password = new
        hashed = MD5Crypt.hash(new, salt: salt)
        key = MessageDigest.sha256(Array(hashed.utf8))
        tokens = []
        return true
    }

    /// The request in `{"enc":1,"data":"…"}`; nil when it is none under our key.
    func decrypt(_ base64: String) -> JSONObject? {
        guard let bytes = Base64.bytes(of: base64.replacing("\n", with: "")),
            var plain = MessageDigest.aesECB(bytes, key: key, encrypts: false)
        else { return nil }
        while plain.last == 0 { plain.removeLast() }
        return (try? JSON.parse(plain, depthLimit: 8))?.objectValue
    }

    func encrypt(_ json: JSON) -> String {
        var bytes = Array(json.text.utf8)
        while bytes.count % 16 != 0 { bytes.append(0) }
        return MessageDigest.aesECB(bytes, key: key, encrypts: true).map(Base64.encode) ?? ""
    }

    /// The first eight letters of the digest of command, password, salt and time.
    func proves(_ token: String, command: String, time: String) -> Bool {
        let digest = MessageDigest.sha256(Array((command + superPassword + salt + time).utf8))
        return token == String(Base64.encode(digest).prefix(8))
    }
}

/// The form in which btminer answers what is not cgminer's.
enum WhatsminerAnswer {
    static func success(_ message: JSON = "API command OK", code: Int = 131, when: UInt32) -> JSON {
        [
            "STATUS": "S", "When": .int(when), "Code": .int(code), "Msg": message,
            "Description": "",
        ]
    }

    static func failure(_ code: Int, _ message: String, when: UInt32 = 0) -> JSON {
        [
            "STATUS": "E", "When": .int(when), "Code": .int(code), "Msg": .string(message), "Description": "",
        ]
    }
}
