import CLibSSL

/// One connection's TLS over memory: sealed bytes in, plain bytes out, and the other way round. It touches no
/// socket.
final class TLSSession {
    enum Progress {
        case open
        /// The peer ended TLS in order.
        case ended
        case failed
    }

    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private(set) var isEstablished = false

    /// Nil when memory is short.
    init?(_ server: TLSServer) {
        guard let session = SSL_new(server.context) else { return nil }
        guard let incoming = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            return nil
        }
        guard let outgoing = BIO_new(BIO_s_mem()) else {
            BIO_free(incoming)
            SSL_free(session)
            return nil
        }
        // The session owns both from here on.
        SSL_set_bio(session, incoming, outgoing)
        SSL_set_accept_state(session)
        (self.session, self.incoming, self.outgoing) = (session, incoming, outgoing)
    }

    deinit { SSL_free(session) }

    /// Takes sealed bytes and hands plain ones to `body`, piece by piece, as long as it answers true.
    func receive(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) -> Progress {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let taken = BIO_write(incoming, base, Int32(min(rest.count, 1 << 20)))
            guard taken > 0 else { return .failed }
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(taken)...])
        }
        if !isEstablished {
            let result = SSL_do_handshake(session)
            guard result == 1 else { return progress(result) }
            isEstablished = true
        }
        return withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
            while true {
                let count = SSL_read(session, buffer.baseAddress, Int32(buffer.count))
                guard count > 0 else { return progress(count) }
                guard body(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])) else { return .open }
            }
        }
    }

    /// Seals plain bytes; false when that cannot be done.
    func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return true }
        return SSL_write(session, base, Int32(clamping: bytes.count)) == Int32(clamping: bytes.count)
    }

    /// Says goodbye.
    func shutdown() { if isEstablished { SSL_shutdown(session) } }

    /// Sealed bytes that wait to be sent.
    var waiting: Int { Int(BIO_ctrl_pending(outgoing)) }

    func takeWaiting(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        max(0, Int(BIO_read(outgoing, buffer.baseAddress, Int32(clamping: buffer.count))))
    }

    private func progress(_ result: Int32) -> Progress {
        let error = SSL_get_error(session, result)
        ERR_clear_error()
        switch error {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .open
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed
        }
    }
}
