import CSecp256k1

/// The library's context. It is only read after it was made, so every thread may use it.
enum Secp256k1 {
    nonisolated(unsafe) static let context: OpaquePointer = {
        guard let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_NONE)) else {
            preconditionFailure("no memory for secp256k1's tables")
        }
        return context
    }()
}

/// A private key: 32 bytes that are a number from 1 to the order of the curve less one.
public struct SecretKey: Hashable, Sendable {
    public let bytes: [UInt8]

    /// Nil unless 32 bytes and a valid scalar.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32, secp256k1_ec_seckey_verify(Secp256k1.context, bytes) == 1 else { return nil }
        self.bytes = bytes
    }

    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    public var publicKey: PublicKey {
        var key = secp256k1_pubkey()
        let ok = secp256k1_ec_pubkey_create(Secp256k1.context, &key, bytes)
        precondition(ok == 1, "a SecretKey is a valid scalar")
        return PublicKey(key)
    }

    public var xOnlyPublicKey: XOnlyPublicKey { publicKey.xOnly }

    /// The scalar plus a tweak modulo the order; nil if the result is no key (BIP32, BIP341).
    public func adding(tweak: Hash256) -> SecretKey? {
        var result = bytes
        guard secp256k1_ec_seckey_tweak_add(Secp256k1.context, &result, tweak.bytes) == 1 else { return nil }
        return SecretKey(bytes: result)
    }

    public var negated: SecretKey {
        var result = bytes
        let ok = secp256k1_ec_seckey_negate(Secp256k1.context, &result)
        guard ok == 1, let key = SecretKey(bytes: result) else {
            preconditionFailure("the negation of a key is one")
        }
        return key
    }

    /// The key that spends a taproot output by its key path (BIP341): tweaked with the hash of the internal
    /// key and the merkle root of the scripts, if there are any. Nil with negligible probability.
    public func taprootTweaked(merkleRoot: Hash256? = nil) -> SecretKey? {
        let point = publicKey
        let even = point.bytes[0] == 2 ? self : negated
        return even.adding(tweak: point.xOnly.taprootTweak(merkleRoot: merkleRoot))
    }
}

extension SecretKey: CustomStringConvertible {
    /// Never the key.
    public var description: String { "SecretKey(…)" }
}

/// A point of the curve in 33 bytes.
public struct PublicKey: Hashable, Sendable {
    public let bytes: [UInt8]

    /// From 33, 65 bytes (also the hybrid form); nil if that is no point of the curve.
    public init?(bytes: [UInt8]) {
        var key = secp256k1_pubkey()
        guard secp256k1_ec_pubkey_parse(Secp256k1.context, &key, bytes, bytes.count) == 1 else { return nil }
        self.init(key)
    }

    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    init(_ key: secp256k1_pubkey) {
        var key = key
        var count = 33
        bytes = [UInt8](unsafeUninitializedCapacity: 33) { out, initialized in
            _ = secp256k1_ec_pubkey_serialize(
                Secp256k1.context, out.baseAddress!, &count, &key, UInt32(SECP256K1_EC_COMPRESSED))
            initialized = count
        }
    }

    var parsed: secp256k1_pubkey {
        var key = secp256k1_pubkey()
        let ok = secp256k1_ec_pubkey_parse(Secp256k1.context, &key, bytes, bytes.count)
        precondition(ok == 1, "a PublicKey is a point")
        return key
    }

    /// The 65 bytes of old wallets: 4, x and y.
    public var uncompressedBytes: [UInt8] {
        var key = parsed
        var count = 65
        return [UInt8](unsafeUninitializedCapacity: 65) { out, initialized in
            _ = secp256k1_ec_pubkey_serialize(
                Secp256k1.context, out.baseAddress!, &count, &key, UInt32(SECP256K1_EC_UNCOMPRESSED))
            initialized = count
        }
    }

    public var xOnly: XOnlyPublicKey { XOnlyPublicKey(uncheckedBytes: Array(bytes[1...])) }

    /// What a P2PKH or P2WPKH output commits to.
    public var hash160: Hash160 { Bitcoin.hash160(bytes) }

    /// Point plus tweak times generator; nil if that is infinity.
    public func adding(tweak: Hash256) -> PublicKey? {
        var key = parsed
        guard secp256k1_ec_pubkey_tweak_add(Secp256k1.context, &key, tweak.bytes) == 1 else { return nil }
        return PublicKey(key)
    }
}

extension PublicKey: CustomStringConvertible {
    public var description: String { bytes.hex }
}

/// The x coordinate of a point with an even y, BIP340.
public struct XOnlyPublicKey: Hashable, Sendable {
    public let bytes: [UInt8]

    /// Nil unless 32 bytes that are the x coordinate of a point.
    public init?(bytes: [UInt8]) {
        var key = secp256k1_xonly_pubkey()
        guard bytes.count == 32, secp256k1_xonly_pubkey_parse(Secp256k1.context, &key, bytes) == 1 else {
            return nil
        }
        self.bytes = bytes
    }

    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    init(uncheckedBytes bytes: [UInt8]) { self.bytes = bytes }

    var parsed: secp256k1_xonly_pubkey {
        var key = secp256k1_xonly_pubkey()
        let ok = secp256k1_xonly_pubkey_parse(Secp256k1.context, &key, bytes)
        precondition(ok == 1, "an XOnlyPublicKey is on the curve")
        return key
    }

    /// The tweak of BIP341 for this internal key.
    public func taprootTweak(merkleRoot: Hash256? = nil) -> Hash256 {
        taggedHash("TapTweak", bytes + (merkleRoot?.bytes ?? []))
    }

    /// The output key of BIP341 for this internal key, and whether its y is odd. Nil with negligible
    /// probability.
    public func taprootOutputKey(merkleRoot: Hash256? = nil) -> (key: XOnlyPublicKey, yIsOdd: Bool)? {
        guard let internalPoint = PublicKey(bytes: [2] + bytes),
            let point = internalPoint.adding(tweak: taprootTweak(merkleRoot: merkleRoot))
        else { return nil }
        return (point.xOnly, point.bytes[0] == 3)
    }
}

extension XOnlyPublicKey: CustomStringConvertible {
    public var description: String { bytes.hex }
}
