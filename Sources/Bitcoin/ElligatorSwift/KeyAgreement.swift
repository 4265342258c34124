import CSecp256k1

extension ElligatorSwift {
    /// An encoding of the secret's public key; see ``encode(x:randomness:)``.
    public static func encode(secret: SecretKey, randomness: [UInt8]) -> [UInt8] {
        let x = secret.xOnlyPublicKey.bytes
        return encode(onCurve: FieldElement(bigEndian: x[...]), bytes: x, randomness: randomness)
    }

    /// The other side's key, decoded once for any number of agreements.
    public struct Peer: Sendable {
        public let encoding: [UInt8]
        private let point: secp256k1_pubkey

        /// Any 64 bytes are a key.
        public init(_ encoding: [UInt8]) {
            self.encoding = encoding
            var key = secp256k1_pubkey()
            // Cannot fail: x comes from decode and lies on the curve.
            guard secp256k1_ec_pubkey_parse(Secp256k1.context, &key, [2] + decode(encoding), 33) == 1 else {
                preconditionFailure("a decoded x coordinate has a point")
            }
            point = key
        }

        /// The x coordinate of secret times the point.
        public func sharedX(_ secret: SecretKey) -> [UInt8] {
            var point = point
            return [UInt8](unsafeUninitializedCapacity: 32) { out, count in
                // Cannot fail: the scalar is valid by its type.
                let fine = secp256k1_ecdh(
                    Secp256k1.context, out.baseAddress!, &point, secret.bytes, copyX, nil)
                precondition(fine == 1, "x-only key agreement on a valid point")
                count = 32
            }
        }

        /// BIP324's `v2_ecdh`: SHA256 tagged `bip324_ellswift_xonly_ecdh` over the initiator's encoding, the
        /// responder's encoding and the x coordinate of the shared point. Both sides name the encodings in this
        /// order; `ours` is the encoding of the secret's key.
        public func sharedSecret(ours: [UInt8], secret: SecretKey, isInitiator: Bool) -> Hash256 {
            var message = tag
            message.reserveCapacity(224)
            message += isInitiator ? ours : encoding
            message += isInitiator ? encoding : ours
            message += sharedX(secret)
            return SHA256.hash(message)
        }
    }

    /// SHA256(tag) twice, as BIP340 tagged hashes begin.
    private static let tag: [UInt8] = {
        let hash = SHA256.hash(Array("bip324_ellswift_xonly_ecdh".utf8)).bytes
        return hash + hash
    }()
}

/// Takes the x coordinate as it is; libsecp256k1's own hash would add the parity.
private func copyX(
    _ output: UnsafeMutablePointer<UInt8>?, _ x: UnsafePointer<UInt8>?, _ y: UnsafePointer<UInt8>?,
    _ data: UnsafeMutableRawPointer?
) -> Int32 {
    guard let output, let x else { return 0 }
    output.update(from: x, count: 32)
    return 1
}
