import CSecp256k1

extension ElligatorSwift {
    /// An encoding of the secret's public key; see ``encode(x:randomness:)``.
    public static func encode(secret: SecretKey, randomness: [UInt8]) -> [UInt8] {
        guard let encoding = encode(x: secret.xOnlyPublicKey.bytes, randomness: randomness) else {
            preconditionFailure("a public key lies on the curve")
        }
        return encoding
    }

    /// BIP324's `v2_ecdh`: SHA256 tagged `bip324_ellswift_xonly_ecdh` over the initiator's encoding, the
    /// responder's encoding and the x coordinate of the shared point. Both sides name the encodings in this
    /// order.
    public static func sharedSecret(
        initiator: [UInt8], responder: [UInt8], secret: SecretKey, isInitiator: Bool
    ) -> Hash256 {
        let point = sharedX(theirs: isInitiator ? responder : initiator, secret: secret)
        var message = tag
        message.reserveCapacity(224)
        message += initiator
        message += responder
        message += point
        return SHA256.hash(message)
    }

    /// The x coordinate of secret times the point that `theirs` stands for.
    public static func sharedX(theirs: [UInt8], secret: SecretKey) -> [UInt8] {
        let x = decode(theirs)
        var key = secp256k1_pubkey()
        var out = [UInt8](repeating: 0, count: 32)
        let scalar = secret.bytes
        // Neither call can fail: x comes from decode and lies on the curve, and the scalar is valid by its
        // type.
        guard secp256k1_ec_pubkey_parse(Secp256k1.context, &key, [2] + x, 33) == 1,
            secp256k1_ecdh(Secp256k1.context, &out, &key, scalar, copyX, nil) == 1
        else { preconditionFailure("x-only key agreement on a valid point") }
        return out
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
