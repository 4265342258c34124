import CSecp256k1
import SansIO

/// Messages signed by the key of a P2PKH address, in the form that wallets have exchanged since 2011: a header
/// byte and a compact signature from which the key is recovered.
public enum SignedMessage {
    /// What is signed: the magic and the message, each with its length in front, hashed twice.
    public static func digest(_ message: String) -> Hash256 {
        var writer = ByteWriter(capacity: message.utf8.count + 32)
        for text in ["Bitcoin Signed Message:\n", message] {
            writer.write(compactSize: UInt64(text.utf8.count))
            writer.write(utf8: text)
        }
        return SHA256.double(writer.bytes)
    }

    /// 65 bytes.
    public static func sign(_ message: String, _ key: SecretKey, isCompressed: Bool = true) -> [UInt8] {
        var signature = secp256k1_ecdsa_recoverable_signature()
        let ok = secp256k1_ecdsa_sign_recoverable(
            Secp256k1.context, &signature, digest(message).bytes, key.bytes, nil, nil)
        precondition(ok == 1, "signing with a valid key does not fail")
        var recovery: Int32 = 0
        let compact = [UInt8](unsafeUninitializedCapacity: 64) { out, count in
            _ = secp256k1_ecdsa_recoverable_signature_serialize_compact(
                Secp256k1.context, out.baseAddress!, &recovery, &signature)
            count = 64
        }
        return [27 + UInt8(recovery) + (isCompressed ? 4 : 0)] + compact
    }

    /// The identifier of the key that signed; nil for a signature that is none.
    public static func signer(_ message: String, _ signature: [UInt8]) -> Hash160? {
        guard signature.count == 65, (27...34).contains(signature[0]) else { return nil }
        let header = Int32(signature[0]) - 27
        var parsed = secp256k1_ecdsa_recoverable_signature()
        guard
            secp256k1_ecdsa_recoverable_signature_parse_compact(
                Secp256k1.context, &parsed, Array(signature[1...]), header & 3) == 1
        else { return nil }
        var key = secp256k1_pubkey()
        guard secp256k1_ecdsa_recover(Secp256k1.context, &key, &parsed, digest(message).bytes) == 1 else {
            return nil
        }
        let point = PublicKey(key)
        return header & 4 != 0 ? point.hash160 : hash160(point.uncompressedBytes)
    }
}
