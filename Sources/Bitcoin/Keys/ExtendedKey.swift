/// A key that has children (BIP32), with its private part or without.
public struct ExtendedKey: Hashable, Sendable {
    /// Nil for a public extended key.
    public let secret: SecretKey?
    public let publicKey: PublicKey
    /// 32 bytes.
    public let chainCode: [UInt8]
    /// Steps from the master key, 0...255.
    public let depth: UInt8
    /// The first four bytes of the parent's identifier; zeros for a master key.
    public let parentFingerprint: [UInt8]
    /// Which child of its parent this is, the hardened bit included.
    public let childNumber: UInt32

    /// Set in the number of a child that only the private key can derive.
    public static let hardened: UInt32 = 1 << 31

    /// The master key of a seed; nil with negligible probability.
    public init?(seed: [UInt8]) {
        let digest = SHA512.hmac(key: Array("Bitcoin seed".utf8), seed)
        guard let key = SecretKey(bytes: Array(digest[..<32])) else { return nil }
        self.init(
            secret: key, publicKey: key.publicKey, chainCode: Array(digest[32...]), depth: 0,
            parentFingerprint: [0, 0, 0, 0], childNumber: 0)
    }

    private init(
        secret: SecretKey?, publicKey: PublicKey, chainCode: [UInt8], depth: UInt8,
        parentFingerprint: [UInt8], childNumber: UInt32
    ) {
        self.secret = secret
        self.publicKey = publicKey
        self.chainCode = chainCode
        self.depth = depth
        self.parentFingerprint = parentFingerprint
        self.childNumber = childNumber
    }

    public var isPrivate: Bool { secret != nil }

    /// The same key without its private part.
    public var neutered: ExtendedKey {
        ExtendedKey(
            secret: nil, publicKey: publicKey, chainCode: chainCode, depth: depth,
            parentFingerprint: parentFingerprint, childNumber: childNumber)
    }

    /// The first four bytes of the key's identifier.
    public var fingerprint: [UInt8] { Array(publicKey.hash160.bytes[..<4]) }

    /// A child. Nil for a hardened child of a public key, below a depth of 255, and with negligible
    /// probability.
    public func child(_ number: UInt32) -> ExtendedKey? {
        guard depth < .max else { return nil }
        let isHardened = number & Self.hardened != 0
        var message = publicKey.bytes
        if isHardened {
            guard let secret else { return nil }
            message = [0] + secret.bytes
        }
        for shift in [24, 16, 8, 0] { message.append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
        let digest = SHA512.hmac(key: chainCode, message)
        guard let tweak = Hash256(bytes: Array(digest[..<32])) else { return nil }
        let childSecret = secret.flatMap { $0.adding(tweak: tweak) }
        if isPrivate, childSecret == nil { return nil }
        guard let point = childSecret?.publicKey ?? publicKey.adding(tweak: tweak) else { return nil }
        return ExtendedKey(
            secret: childSecret, publicKey: point, chainCode: Array(digest[32...]), depth: depth + 1,
            parentFingerprint: fingerprint, childNumber: number)
    }

    /// The descendant at the end of a path.
    public func descendant(_ path: [UInt32]) -> ExtendedKey? {
        var key: ExtendedKey? = self
        for number in path { key = key?.child(number) }
        return key
    }
}

// MARK: - Text

extension AddressNetwork {
    fileprivate var extendedSecretPrefix: [UInt8] {
        self == .mainnet ? [0x04, 0x88, 0xad, 0xe4] : [0x04, 0x35, 0x83, 0x94]
    }
    fileprivate var extendedPublicPrefix: [UInt8] {
        self == .mainnet ? [0x04, 0x88, 0xb2, 0x1e] : [0x04, 0x35, 0x87, 0xcf]
    }
}

extension ExtendedKey {
    /// From `xprv…`, `xpub…` (off mainnet `tprv…`, `tpub…`). Nil for another network's key, a bad checksum,
    /// a number that is no key, or a master key that claims a parent.
    public init?(_ text: String, network: AddressNetwork) {
        guard let payload = Base58Check.decode(text), payload.count == 78 else { return nil }
        let prefix = Array(payload[..<4])
        let key = Array(payload[45...])
        var secret: SecretKey?
        if prefix == network.extendedSecretPrefix {
            guard key[0] == 0, let scalar = SecretKey(bytes: Array(key[1...])) else { return nil }
            secret = scalar
        } else if prefix != network.extendedPublicPrefix {
            return nil
        }
        guard let point = secret?.publicKey ?? PublicKey(bytes: key) else { return nil }
        let parent = Array(payload[5..<9])
        let number = payload[9..<13].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if payload[4] == 0, number != 0 || parent != [0, 0, 0, 0] { return nil }
        self.init(
            secret: secret, publicKey: point, chainCode: Array(payload[13..<45]), depth: payload[4],
            parentFingerprint: parent, childNumber: number)
    }

    /// `xprv…` of a private key, `xpub…` of a public one (BIP32).
    public func text(network: AddressNetwork) -> String {
        var payload = isPrivate ? network.extendedSecretPrefix : network.extendedPublicPrefix
        payload.append(depth)
        payload += parentFingerprint
        for shift in [24, 16, 8, 0] {
            payload.append(UInt8(truncatingIfNeeded: childNumber >> UInt32(shift)))
        }
        payload += chainCode
        payload += secret.map { [0] + $0.bytes } ?? publicKey.bytes
        return Base58Check.encode(payload)
    }
}

/// Key paths as people write them: `m/84h/1h/0h/0/5`.
public enum KeyPath {
    /// Nil unless every step is a number below 2^31, hardened or not (`h`, `H` or `'`). A leading `m` is
    /// allowed.
    public static func parse(_ text: String) -> [UInt32]? {
        var steps = text.split(separator: "/", omittingEmptySubsequences: false)
        if steps.first == "m" { steps.removeFirst() }
        if steps == [""] || steps.isEmpty { return [] }
        var path: [UInt32] = []
        for step in steps {
            let isHardened = ["h", "H", "'"].contains { step.hasSuffix($0) }
            let digits = isHardened ? step.dropLast() : step
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = UInt32(digits), number < ExtendedKey.hardened
            else { return nil }
            path.append(isHardened ? number | ExtendedKey.hardened : number)
        }
        return path
    }

    /// `/84h/1h`, or with apostrophes; empty for an empty path.
    public static func text(_ path: [UInt32], apostrophe: Bool = false) -> String {
        path.reduce(into: "") { text, number in
            text += "/\(number & ~ExtendedKey.hardened)"
            if number & ExtendedKey.hardened != 0 { text += apostrophe ? "'" : "h" }
        }
    }
}
