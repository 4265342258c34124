import COpenSSL

/// RIPEMD-160 of SHA-256, which addresses and key hashes are made of.
public func hash160(_ bytes: [UInt8]) -> Hash160 { RIPEMD160.hash(SHA256.hash(bytes).bytes) }

/// RIPEMD-160 as OpenSSL's default provider has it.
public enum RIPEMD160 {
    public static func hash(_ bytes: [UInt8]) -> Hash160 {
        let digest = withUnsafeTemporaryAllocation(byteCount: 20, alignment: 8) { out in
            var length: UInt32 = 0
            let ok = EVP_Digest(bytes, bytes.count, out.baseAddress, &length, algorithm, nil)
            // OpenSSL 3 with a provider configuration that hides RIPEMD-160 cannot run a node at all.
            precondition(ok == 1 && length == 20, "this OpenSSL has no RIPEMD-160")
            return Hash160(UnsafeRawBufferPointer(out))
        }
        return digest
    }

    /// A static table of OpenSSL's, never freed and never written.
    private nonisolated(unsafe) static let algorithm = EVP_ripemd160()
}
