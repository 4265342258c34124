import Bitcoin
import SansIO

/// The key that a pool publishes and that signs its servers' certificates (SV2 section 4.7). Its text is
/// Base58Check of the little-endian version 1 and the 32 bytes of the x coordinate.
public struct AuthorityPublicKey: Hashable, Sendable, CustomStringConvertible {
    public var key: XOnlyPublicKey

    public init(_ key: XOnlyPublicKey) { self.key = key }

    /// Nil when the text is damaged, of another version, or no point has this x coordinate.
    public init?(_ text: String) {
        guard let bytes = Base58Check.decode(text), bytes.count == 34, bytes[0] == 1, bytes[1] == 0,
            let key = XOnlyPublicKey(bytes: Array(bytes[2...]))
        else { return nil }
        self.key = key
    }

    public var description: String { Base58Check.encode([1, 0] + key.bytes) }
}

/// The secret of an authority. Its text, as the reference implementation writes it, is Base58Check of the 32
/// bytes without a version.
public struct AuthoritySecretKey: Sendable {
    public var secret: SecretKey

    public init(_ secret: SecretKey) { self.secret = secret }

    public init?(_ text: String) {
        guard let bytes = Base58Check.decode(text), bytes.count == 32, let secret = SecretKey(bytes: bytes)
        else { return nil }
        self.secret = secret
    }

    public var publicKey: AuthorityPublicKey { AuthorityPublicKey(secret.xOnlyPublicKey) }
    /// For a configuration file; keep it out of logs.
    public var text: String { Base58Check.encode(secret.bytes) }
}

/// Why a certificate was refused.
public enum NoiseCertificateError: Error, Hashable, Sendable {
    case unsupportedVersion(UInt16)
    /// Valid only from this Unix time; ours is `now`.
    case notYetValid(from: UInt32, now: UInt32)
    case expired(after: UInt32, now: UInt32)
    /// The authority did not sign this certificate for this server key.
    case badSignature
}

/// What an authority says of a server's static key: valid from, valid until, signature (SV2 section 4.5.2,
/// SIGNATURE_NOISE_MESSAGE). The key itself travels beside it.
public struct NoiseCertificate: Hashable, Sendable {
    public static let byteCount = 74
    /// Seconds by which clocks may differ, as the reference implementation allows.
    public static let clockTolerance: UInt32 = 10

    /// The format; 0 is the only one.
    public var version: UInt16
    /// Unix seconds.
    public var validFrom: UInt32
    /// Unix seconds, inclusive.
    public var notValidAfter: UInt32
    /// BIP340, 64 bytes.
    public var signature: [UInt8]

    public init(version: UInt16 = 0, validFrom: UInt32, notValidAfter: UInt32, signature: [UInt8]) {
        precondition(signature.count == 64, "signature of \(signature.count) bytes")
        self.version = version
        self.validFrom = validFrom
        self.notValidAfter = notValidAfter
        self.signature = signature
    }

    init(bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount)
        func number(_ range: Range<Int>) -> UInt32 {
            bytes[range].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        self.init(
            version: UInt16(number(0..<2)), validFrom: number(2..<6), notValidAfter: number(6..<10),
            signature: Array(bytes[10...]))
    }

    var bytes: [UInt8] { signedFields + signature }

    private var signedFields: [UInt8] {
        var fields = ByteWriter()
        fields.write(u16: version)
        fields.write(u32: validFrom)
        fields.write(u32: notValidAfter)
        return fields.bytes
    }

    /// What the authority signs: SHA256(version ‖ valid_from ‖ not_valid_after ‖ x of the server's static
    /// key).
    public func message(for serverKey: XOnlyPublicKey) -> Hash256 {
        SHA256.hash(signedFields + serverKey.bytes)
    }

    /// Checks version, validity at `unixTime` (with ``clockTolerance``) and signature.
    public func verify(
        serverKey: XOnlyPublicKey, authority: AuthorityPublicKey, unixTime: UInt32
    ) throws(NoiseCertificateError) {
        guard version == 0 else { throw .unsupportedVersion(version) }
        let (now, tolerance) = (UInt64(unixTime), UInt64(Self.clockTolerance))
        guard now + tolerance >= UInt64(validFrom) else { throw .notYetValid(from: validFrom, now: unixTime) }
        guard now <= UInt64(notValidAfter) + tolerance else {
            throw .expired(after: notValidAfter, now: unixTime)
        }
        guard authority.key.verifySchnorr(signature, message(for: serverKey)) else {
            throw .badSignature
        }
    }
}

/// What a server needs to answer handshakes: its static key and the authority's word for it.
public struct NoiseCredentials: Sendable {
    public let staticKey: SecretKey
    public let certificate: NoiseCertificate
    /// One ElligatorSwift encoding of the static key, made once: it travels encrypted, so it may repeat.
    let staticEncoding: [UInt8]
    /// Of the static key; a multiplication of a point, so it is made once.
    let publicKey: XOnlyPublicKey

    public init(staticKey: SecretKey, certificate: NoiseCertificate) {
        let randomness = taggedHash("lab noise static encoding", staticKey.bytes).bytes
        self.init(
            staticKey: staticKey, certificate: certificate,
            staticEncoding: ElligatorSwift.encode(secret: staticKey, randomness: randomness))
    }

    init(staticKey: SecretKey, certificate: NoiseCertificate, staticEncoding: [UInt8]) {
        self.staticKey = staticKey
        self.certificate = certificate
        self.staticEncoding = staticEncoding
        publicKey = staticKey.xOnlyPublicKey
    }

    /// Signs a certificate for `staticKey`. The signature is deterministic: auxiliary randomness is zero.
    public static func issue(
        authority: AuthoritySecretKey, staticKey: SecretKey, validFrom: UInt32, notValidAfter: UInt32
    ) -> NoiseCredentials {
        var certificate = NoiseCertificate(
            validFrom: validFrom, notValidAfter: notValidAfter, signature: [UInt8](repeating: 0, count: 64))
        certificate.signature = authority.secret.signSchnorr(
            certificate.message(for: staticKey.xOnlyPublicKey),
            auxiliary: [UInt8](repeating: 0, count: 32))
        return NoiseCredentials(staticKey: staticKey, certificate: certificate)
    }
}
