import Bitcoin
import CChaChaPoly
import COpenSSL

/// ChaCha20-Poly1305 (RFC 8439): by `CChaChaPoly` for short messages, by OpenSSL for long ones. A frame's header and a
/// share are short, and OpenSSL's general interface takes three times the cipher's own time for each. Its context costs about 1 kB and 400 ns to make, so each
/// thread keeps two of them, one per direction, and every call sets the nonce, and the key when it is another than
/// the last call's (a frame's header and payload share theirs); a connection holds only key and counter.
enum ChaChaPoly {
    static let tagLength = 16
    /// Up to so many bytes the plain code is faster than the call of the optimised one (measured: equal near 256).
    static let shortMax = 256

    /// Encrypts `count` bytes at `data` in place and writes the tag. The nonce is Noise's: four zero bytes
    /// and the counter, little-endian.
    static func seal(
        key: Hash256, counter: UInt64, associated: UnsafeRawBufferPointer,
        data: UnsafeMutablePointer<UInt8>, count: Int, tag: UnsafeMutablePointer<UInt8>
    ) {
        if count <= shortMax {
            return withKeyAndNonce(key, counter) { bytes, _ in
                cchachapoly_seal(
                    bytes, counter, associated.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    associated.count, data, count, tag)
            }
        }
        sealByOpenSSL(
            key: key, counter: counter, associated: associated, data: data, count: count, tag: tag)
    }

    /// Decrypts `count` bytes from `source` to `target` (which may be the same) and checks the tag behind
    /// them. False, and `target` holds nothing to be used, when the tag does not fit.
    static func open(
        key: Hash256, counter: UInt64, associated: UnsafeRawBufferPointer,
        source: UnsafePointer<UInt8>, count: Int, target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        if count <= shortMax {
            return withKeyAndNonce(key, counter) { bytes, _ in
                cchachapoly_open(
                    bytes, counter, associated.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    associated.count, source, count, target) == 1
            }
        }
        return openByOpenSSL(
            key: key, counter: counter, associated: associated, source: source, count: count, target: target)
    }

    static func sealByOpenSSL(
        key: Hash256, counter: UInt64, associated: UnsafeRawBufferPointer,
        data: UnsafeMutablePointer<UInt8>, count: Int, tag: UnsafeMutablePointer<UInt8>
    ) {
        let contexts = Contexts.current
        let context = contexts.pointee.seal
        let isKeyed = contexts.pointee.sealKey == key
        contexts.pointee.sealKey = key
        var written: Int32 = 0
        let fine = withKeyAndNonce(key, counter) { bytes, nonce in
            let key = isKeyed ? nil : bytes
            return
                EVP_EncryptInit_ex(context, nil, nil, key, nonce) == 1
                && (associated.isEmpty
                    || EVP_EncryptUpdate(
                        context, nil, &written,
                        associated.baseAddress?.assumingMemoryBound(to: UInt8.self),
                        Int32(associated.count)) == 1)
                && (count == 0 || EVP_EncryptUpdate(context, data, &written, data, Int32(count)) == 1)
                && EVP_EncryptFinal_ex(context, tag, &written) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), tag) == 1
        }
        precondition(fine, "OpenSSL refused to encrypt")
    }

    static func openByOpenSSL(
        key: Hash256, counter: UInt64, associated: UnsafeRawBufferPointer,
        source: UnsafePointer<UInt8>, count: Int, target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let contexts = Contexts.current
        let context = contexts.pointee.open
        let isKeyed = contexts.pointee.openKey == key
        contexts.pointee.openKey = key
        var written: Int32 = 0
        let tag = UnsafeMutablePointer(mutating: source + count)
        return withKeyAndNonce(key, counter) { bytes, nonce in
            let key = isKeyed ? nil : bytes
            return
                EVP_DecryptInit_ex(context, nil, nil, key, nonce) == 1
                && (associated.isEmpty
                    || EVP_DecryptUpdate(
                        context, nil, &written,
                        associated.baseAddress?.assumingMemoryBound(to: UInt8.self),
                        Int32(associated.count)) == 1)
                && (count == 0 || EVP_DecryptUpdate(context, target, &written, source, Int32(count)) == 1)
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagLength), tag) == 1
                && EVP_DecryptFinal_ex(context, target + count, &written) == 1
        }
    }

    /// Lends the key and the nonce: 32 zero bits and the counter, as Noise lays it out for this cipher.
    @inline(__always)
    private static func withKeyAndNonce<R>(
        _ key: Hash256, _ counter: UInt64,
        _ body: (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?) -> R
    ) -> R {
        let nonce: (UInt32, UInt32, UInt32) = (
            0, UInt32(truncatingIfNeeded: counter).littleEndian,
            UInt32(truncatingIfNeeded: counter >> 32).littleEndian
        )
        return key.withUnsafeBytes { key in
            withUnsafeBytes(of: nonce) { nonce in
                body(
                    key.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    nonce.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
        }
    }

    /// A thread's two cipher contexts.
    private struct Contexts {
        var seal: OpaquePointer
        var open: OpaquePointer
        /// The key that each context was given last; nil before the first.
        var sealKey: Hash256?
        var openKey: Hash256?

        static var current: UnsafeMutablePointer<Contexts> {
            if let stored = CRYPTO_THREAD_get_local(Slot.pointer) {
                return stored.assumingMemoryBound(to: Contexts.self)
            }
            return make()
        }

        @inline(never)
        private static func make() -> UnsafeMutablePointer<Contexts> {
            guard let seal = EVP_CIPHER_CTX_new(), let open = EVP_CIPHER_CTX_new(),
                EVP_EncryptInit_ex(seal, EVP_chacha20_poly1305(), nil, nil, nil) == 1,
                EVP_DecryptInit_ex(open, EVP_chacha20_poly1305(), nil, nil, nil) == 1
            else { preconditionFailure("OpenSSL has no ChaCha20-Poly1305") }
            let stored = UnsafeMutablePointer<Contexts>.allocate(capacity: 1)
            stored.initialize(to: Contexts(seal: seal, open: open))
            precondition(CRYPTO_THREAD_set_local(Slot.pointer, stored) == 1)
            return stored
        }
    }

    /// The process's thread-local slot. The pointer is written once, before anything reads it, and never
    /// freed.
    private enum Slot {
        nonisolated(unsafe) static let pointer: UnsafeMutablePointer<CRYPTO_THREAD_LOCAL> = {
            let slot = UnsafeMutablePointer<CRYPTO_THREAD_LOCAL>.allocate(capacity: 1)
            slot.initialize(to: CRYPTO_THREAD_LOCAL())
            let made = CRYPTO_THREAD_init_local(slot) { stored in
                guard let stored else { return }
                let contexts = stored.assumingMemoryBound(to: Contexts.self)
                EVP_CIPHER_CTX_free(contexts.pointee.seal)
                EVP_CIPHER_CTX_free(contexts.pointee.open)
                contexts.deallocate()
            }
            precondition(made == 1, "no thread-local slot")
            return slot
        }()
    }
}
