import CSecp256k1

extension SecretKey {
    /// An ECDSA signature of a digest: DER, low S, nonce by RFC 6979. Without the sighash byte.
    ///
    /// With `grinds`, R is below 2^255 too, so that the signature has at most 70 bytes: as Core, a counter
    /// is tried as extra entropy until it is (twice on average).
    public func signECDSA(_ digest: Hash256, grinds: Bool = false) -> [UInt8] {
        var signature = sign(digest, counter: 0)
        var counter: UInt32 = 0
        while grinds, signature[3] == 33 {
            counter += 1
            signature = sign(digest, counter: counter)
        }
        return signature
    }

    private func sign(_ digest: Hash256, counter: UInt32) -> [UInt8] {
        var signature = secp256k1_ecdsa_signature()
        var entropy = [UInt8](repeating: 0, count: 32)
        for i in 0..<4 { entropy[i] = UInt8(truncatingIfNeeded: counter >> UInt32(8 * i)) }
        let ok = entropy.withUnsafeBytes { raw in
            secp256k1_ecdsa_sign(
                Secp256k1.context, &signature, digest.bytes, bytes, nil, counter == 0 ? nil : raw.baseAddress)
        }
        precondition(ok == 1, "signing with a valid key does not fail")
        // Two integers of at most 33 bytes and six bytes around them.
        return [UInt8](unsafeUninitializedCapacity: 72) { out, count in
            count = 72
            _ = secp256k1_ecdsa_signature_serialize_der(
                Secp256k1.context, out.baseAddress!, &count, &signature)
        }
    }

    /// A BIP340 signature (64 bytes) of a 32-byte message. `auxiliary` is 32 bytes of fresh randomness; with
    /// zeros or none the signature is still safe, but more exposed to side channels.
    public func signSchnorr(_ message: Hash256, auxiliary: [UInt8] = []) -> [UInt8] {
        precondition(auxiliary.isEmpty || auxiliary.count == 32, "auxiliary randomness has 32 bytes")
        var pair = secp256k1_keypair()
        let made = secp256k1_keypair_create(Secp256k1.context, &pair, bytes)
        precondition(made == 1, "a SecretKey is a valid scalar")
        let randomness = auxiliary.isEmpty ? [UInt8](repeating: 0, count: 32) : auxiliary
        return [UInt8](unsafeUninitializedCapacity: 64) { out, count in
            let ok = secp256k1_schnorrsig_sign32(
                Secp256k1.context, out.baseAddress!, message.bytes, &pair, randomness)
            precondition(ok == 1, "signing with a valid key does not fail")
            count = 64
        }
    }
}

extension PublicKey {
    /// Whether the signature is good. Strict DER is asked for; a high S is taken as its low twin, because
    /// consensus does not care (policy checks that on the bytes).
    public func verifyECDSA(_ signature: [UInt8], _ digest: Hash256) -> Bool {
        var parsedSignature = secp256k1_ecdsa_signature()
        guard
            secp256k1_ecdsa_signature_parse_der(
                Secp256k1.context, &parsedSignature, signature, signature.count) == 1
        else { return false }
        return verify(parsedSignature, digest)
    }

    /// As `verifyECDSA`, with 64 bytes r ‖ s.
    public func verifyECDSA(compact signature: [UInt8], _ digest: Hash256) -> Bool {
        var parsedSignature = secp256k1_ecdsa_signature()
        guard signature.count == 64,
            secp256k1_ecdsa_signature_parse_compact(Secp256k1.context, &parsedSignature, signature) == 1
        else { return false }
        return verify(parsedSignature, digest)
    }

    private func verify(_ signature: secp256k1_ecdsa_signature, _ digest: Hash256) -> Bool {
        var low = secp256k1_ecdsa_signature()
        var signature = signature
        _ = secp256k1_ecdsa_signature_normalize(Secp256k1.context, &low, &signature)
        var key = parsed
        return secp256k1_ecdsa_verify(Secp256k1.context, &low, digest.bytes, &key) == 1
    }
}

extension XOnlyPublicKey {
    /// Whether a BIP340 signature of a message of any length is good.
    public func verifySchnorr(_ signature: [UInt8], _ message: [UInt8]) -> Bool {
        guard signature.count == 64 else { return false }
        var key = parsed
        return secp256k1_schnorrsig_verify(Secp256k1.context, signature, message, message.count, &key) == 1
    }

    /// Whether a BIP340 signature of a 32-byte message is good.
    public func verifySchnorr(_ signature: [UInt8], _ message: Hash256) -> Bool {
        verifySchnorr(signature, message.bytes)
    }
}

/// Consensus's questions to the curve, on bytes as scripts hold them: any bytes in, yes or no out. Each key and
/// signature is parsed once and nothing is allocated.
public enum SignatureVerification {
    /// `signature` is r ‖ s, 64 bytes; a high s is as good as a low one. `key` has 33 or 65 bytes, also in the
    /// hybrid form.
    public static func ecdsa(
        _ signature: UnsafePointer<UInt8>, key: [UInt8], digest: Hash256
    ) -> Bool {
        var point = secp256k1_pubkey()
        var parsed = secp256k1_ecdsa_signature()
        guard secp256k1_ec_pubkey_parse(Secp256k1.context, &point, key, key.count) == 1,
            secp256k1_ecdsa_signature_parse_compact(Secp256k1.context, &parsed, signature) == 1
        else { return false }
        var low = secp256k1_ecdsa_signature()
        _ = secp256k1_ecdsa_signature_normalize(Secp256k1.context, &low, &parsed)
        return digest.withUnsafeBytes { message in
            secp256k1_ecdsa_verify(
                Secp256k1.context, &low, message.baseAddress!.assumingMemoryBound(to: UInt8.self), &point)
                == 1
        }
    }

    /// BIP340; the first 64 bytes of `signature` count, which must be there.
    public static func schnorr(_ signature: [UInt8], key: [UInt8], digest: Hash256) -> Bool {
        var point = secp256k1_xonly_pubkey()
        guard key.count == 32, signature.count >= 64,
            secp256k1_xonly_pubkey_parse(Secp256k1.context, &point, key) == 1
        else { return false }
        return digest.withUnsafeBytes { message in
            secp256k1_schnorrsig_verify(
                Secp256k1.context, signature, message.baseAddress!.assumingMemoryBound(to: UInt8.self), 32,
                &point)
                == 1
        }
    }

    /// Whether `output` is the internal key plus `tweak` times the generator, its y of this parity (BIP341).
    public static func isTweaked(output: [UInt8], isOdd: Bool, internalKey: [UInt8], tweak: Hash256) -> Bool {
        var point = secp256k1_xonly_pubkey()
        guard output.count == 32, internalKey.count == 32,
            secp256k1_xonly_pubkey_parse(Secp256k1.context, &point, internalKey) == 1
        else { return false }
        return tweak.withUnsafeBytes { scalar in
            secp256k1_xonly_pubkey_tweak_add_check(
                Secp256k1.context, output, isOdd ? 1 : 0, &point,
                scalar.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 1
        }
    }
}
