import Bitcoin
import SansIO

/// Why a connection cannot go on. It stays failed; the caller closes it with this as the reason.
public enum V2ConnectionError: Error, Hashable, Sendable {
    case handshake(NoiseError)
    /// A header or payload whose tag does not fit: changed bytes, or a peer that does not speak Noise.
    case decryptionFailed
    /// The peer announced a payload over this connection's limit; nothing was stored for it.
    case payloadTooLarge(Int, limit: Int)
    /// More input is waiting than one whole frame: the owner did not pull its frames.
    case inputOverflow(Int)
}

/// The bytes of one Stratum V2 connection: Noise handshake, encryption and frames, without any policy. An
/// inner machine: bytes come in by ``receive(_:unixTime:into:)``, frames are pulled by ``nextFrame()``, and
/// what is to be sent is appended to the caller's writer.
///
/// After the handshake it keeps two keys, two counters and unfinished input: below 500 bytes when idle.
/// Frames larger than ``maximumPayload`` are refused when their header is read, before anything is kept for
/// them.
public struct V2Connection: Sendable {
    private enum Phase: Sendable {
        /// No encryption (optional on local links, SV2 section 4.1).
        case plain
        /// Act 1 was or will be sent; waits for act 2.
        indirect case awaitingAct2(NoiseInitiator, AuthorityPublicKey?)
        /// Waits for act 1.
        indirect case awaitingAct1(NoiseResponder)
        /// Keys are in `transport`.
        case established
        indirect case failed(V2ConnectionError)
    }

    private var phase: Phase
    private var transport: NoiseTransport
    private var input: [UInt8] = []
    private var inputStart = 0
    /// A header that was read and whose payload is not complete.
    private var header: V2FrameHeader?
    /// The longest payload accepted from here on, in bytes of plain text. Raise or lower it once
    /// SetupConnection tells which protocol this is; see ``V2Limits``.
    public var maximumPayload: Int

    private init(_ phase: Phase, maximumPayload: Int) {
        precondition((0...V2Limits.payloadMax).contains(maximumPayload))
        self.phase = phase
        self.maximumPayload = maximumPayload
        transport = NoiseTransport(send: CipherState(key: .zero), receive: CipherState(key: .zero))
    }

    /// The connecting side. Without `authority` any server is trusted. Takes one ephemeral key from
    /// `secrets`.
    public static func initiator(
        expecting authority: AuthorityPublicKey?, secrets: inout SecretGenerator,
        maximumPayload: Int = V2Limits.payloadMax
    ) -> V2Connection {
        let ephemeral = secrets.secretKey()
        let initiator = NoiseInitiator(ephemeral: ephemeral, randomness: secrets.bytes(32))
        return V2Connection(.awaitingAct2(initiator, authority), maximumPayload: maximumPayload)
    }

    /// The accepting side. Takes one ephemeral key from `secrets`.
    public static func responder(
        credentials: NoiseCredentials, secrets: inout SecretGenerator,
        maximumPayload: Int = V2Limits.payloadMax
    ) -> V2Connection {
        let ephemeral = secrets.secretKey()
        let responder = NoiseResponder(
            credentials: credentials, ephemeral: ephemeral, randomness: secrets.bytes(32))
        return V2Connection(.awaitingAct1(responder), maximumPayload: maximumPayload)
    }

    /// Frames without encryption, for either side.
    public static func plain(maximumPayload: Int = V2Limits.payloadMax) -> V2Connection {
        V2Connection(.plain, maximumPayload: maximumPayload)
    }

    /// Appends the initiator's act 1; nothing on the other kinds. Call it once, when the link is open.
    public mutating func start(into out: inout ByteWriter) {
        if case .awaitingAct2(let initiator, _) = phase { out.write(initiator.act1) }
    }

    /// True once messages can be sent.
    public var isEstablished: Bool {
        switch phase {
        case .plain, .established: true
        case .awaitingAct1, .awaitingAct2, .failed: false
        }
    }

    /// Takes bytes from the link, finishing the handshake when they complete it; a responder's act 2 is
    /// appended to `out`. Pull ``nextFrame()`` until nil afterwards. `unixTime` (seconds) only matters to the
    /// initiator, which checks the server's certificate with it.
    public mutating func receive(
        _ bytes: RawSpan, unixTime: UInt32, into out: inout ByteWriter
    ) throws(V2ConnectionError) {
        if case .failed(let error) = phase { throw error }
        dropRead()
        let bound = NoiseTransport.headerLength + NoiseTransport.encryptedLength(maximumPayload)
        guard input.count <= max(bound, NoiseAct.two) else { throw fail(.inputOverflow(input.count)) }
        bytes.withUnsafeBytes { input.append(contentsOf: $0) }
        switch phase {
        case .plain, .established, .failed: break
        case .awaitingAct1(let responder):
            guard input.count >= NoiseAct.one else { return }
            let (act2, session) = responder.respond(act1: Array(input[..<NoiseAct.one]))
            out.write(act2)
            establish(session, read: NoiseAct.one)
        case .awaitingAct2(let initiator, let authority):
            guard input.count >= NoiseAct.two else { return }
            do throws(NoiseError) {
                let session = try initiator.finish(
                    act2: input[..<NoiseAct.two], expecting: authority, unixTime: unixTime)
                establish(session, read: NoiseAct.two)
            } catch { throw fail(.handshake(error)) }
        }
    }

    /// The next whole message, or nil when there is none yet.
    public mutating func nextFrame() throws(V2ConnectionError) -> V2Frame? {
        switch phase {
        case .plain: return try nextPlainFrame()
        case .established: return try nextSealedFrame()
        case .awaitingAct1, .awaitingAct2: return nil
        case .failed(let error): throw error
        }
    }

    /// Appends the message's frame, encrypted when the connection is.
    public mutating func send<M: V2Message>(_ message: M, into out: inout ByteWriter) {
        switch phase {
        case .plain: V2Framing.encode(message, into: &out)
        case .established:
            let start = out.count
            V2FrameHeader(
                extensionType: M.frameExtensionType, messageType: M.messageType, payloadLength: 0
            ).encode(into: &out)
            reserveTag(in: &out)
            message.encode(into: &out)
            let length = out.count - start - NoiseTransport.headerLength
            precondition(length <= V2Limits.payloadMax, "payload of \(length) bytes")
            out.patch(u24: UInt32(length), at: start + 3)
            seal(from: start, payloadLength: length, in: &out)
        case .awaitingAct1, .awaitingAct2, .failed:
            preconditionFailure("nothing can be sent before the handshake is complete, or after a failure")
        }
    }

    /// Appends a frame that was encoded before (header and payload in plain text, see
    /// ``V2Framing/frame(_:)``): encode once, encrypt per connection.
    public mutating func send(encodedFrame frame: [UInt8], into out: inout ByteWriter) {
        precondition(frame.count >= V2FrameHeader.byteCount, "frame of \(frame.count) bytes")
        switch phase {
        case .plain: out.write(frame)
        case .established:
            let start = out.count
            out.write(frame[..<V2FrameHeader.byteCount])
            reserveTag(in: &out)
            out.write(frame[V2FrameHeader.byteCount...])
            seal(from: start, payloadLength: frame.count - V2FrameHeader.byteCount, in: &out)
        case .awaitingAct1, .awaitingAct2, .failed:
            preconditionFailure("nothing can be sent before the handshake is complete, or after a failure")
        }
    }

    /// Appends a frame as it is, for proxies.
    public mutating func send(frame: V2Frame, into out: inout ByteWriter) {
        send(encodedFrame: frame.bytes, into: &out)
    }
}

extension V2Connection {
    private mutating func establish(_ session: NoiseSession, read count: Int) {
        transport = session.transport
        inputStart = count
        phase = .established
        releaseIfRead()
    }

    @inline(never)
    private mutating func fail(_ error: V2ConnectionError) -> V2ConnectionError {
        phase = .failed(error)
        input = []
        inputStart = 0
        header = nil
        return error
    }

    private func reserveTag(in out: inout ByteWriter) {
        out.write(u64: 0)
        out.write(u64: 0)
    }

    private mutating func seal(from start: Int, payloadLength: Int, in out: inout ByteWriter) {
        let tags = NoiseTransport.encryptedLength(payloadLength) - payloadLength
        if tags == ChaChaPoly.tagLength {
            reserveTag(in: &out)
        } else {
            out.write(repeating: 0, count: tags)
        }
        out.withMutableBytes(from: start) { raw in
            guard let frame = raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            transport.seal(frame: frame, payloadLength: payloadLength)
        }
    }

    private var waiting: Int { input.count - inputStart }

    /// Moves unread input to the front.
    private mutating func dropRead() {
        guard inputStart > 0 else { return }
        input.removeSubrange(..<inputStart)
        inputStart = 0
    }

    /// Once everything is read, large storage goes back and small storage is kept for the next message.
    private mutating func releaseIfRead() {
        guard inputStart == input.count else { return }
        inputStart = 0
        if input.capacity > V2Limits.idleInputCapacity {
            input = []
        } else {
            input.removeAll(keepingCapacity: true)
        }
    }

    private func checkLength(_ header: V2FrameHeader) throws(V2ConnectionError) {
        guard header.payloadLength <= maximumPayload else {
            throw .payloadTooLarge(Int(header.payloadLength), limit: maximumPayload)
        }
    }

    private func readHeader(_ bytes: UnsafeRawPointer) -> V2FrameHeader {
        func byte(_ i: Int) -> UInt8 { bytes.load(fromByteOffset: i, as: UInt8.self) }
        return V2FrameHeader(
            extensionType: UInt16(byte(0)) | UInt16(byte(1)) << 8, messageType: byte(2),
            payloadLength: UInt32(byte(3)) | UInt32(byte(4)) << 8 | UInt32(byte(5)) << 16)
    }

    private mutating func accept(_ header: V2FrameHeader, read count: Int) throws(V2ConnectionError) {
        do throws(V2ConnectionError) { try checkLength(header) } catch { throw fail(error) }
        inputStart += count
        self.header = header
    }

    private mutating func nextPlainFrame() throws(V2ConnectionError) -> V2Frame? {
        if header == nil {
            guard waiting >= V2FrameHeader.byteCount else {
                releaseIfRead()
                return nil
            }
            let read = input.withUnsafeBytes { readHeader($0.baseAddress! + inputStart) }
            try accept(read, read: V2FrameHeader.byteCount)
        }
        guard let header, waiting >= Int(header.payloadLength) else { return nil }
        let end = inputStart + Int(header.payloadLength)
        let frame = V2Frame(
            extensionType: header.extensionType, messageType: header.messageType,
            payload: Array(input[inputStart..<end]))
        inputStart = end
        self.header = nil
        return frame
    }

    private mutating func nextSealedFrame() throws(V2ConnectionError) -> V2Frame? {
        if header == nil {
            guard waiting >= NoiseTransport.headerLength else {
                releaseIfRead()
                return nil
            }
            guard let opened = openHeader() else { throw fail(.decryptionFailed) }
            try accept(opened, read: NoiseTransport.headerLength)
        }
        guard let header else { return nil }
        let length = Int(header.payloadLength)
        let sealed = NoiseTransport.encryptedLength(length)
        guard waiting >= sealed else { return nil }
        var fits = true
        var payload: [UInt8] = []
        if length > 0 {
            payload = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
                count = length
                fits = openPayload(length, into: buffer.baseAddress!)
            }
        }
        guard fits else { throw fail(.decryptionFailed) }
        inputStart += sealed
        self.header = nil
        return V2Frame(
            extensionType: header.extensionType, messageType: header.messageType, payload: payload)
    }

    private mutating func openHeader() -> V2FrameHeader? {
        var plain: UInt64 = 0
        let fits = withUnsafeMutableBytes(of: &plain) { target in
            input.withUnsafeBufferPointer { source in
                transport.receive.open(
                    source.baseAddress! + inputStart, count: V2FrameHeader.byteCount,
                    into: target.baseAddress!.assumingMemoryBound(to: UInt8.self))
            }
        }
        return fits ? withUnsafeBytes(of: plain) { readHeader($0.baseAddress!) } : nil
    }

    private mutating func openPayload(_ length: Int, into target: UnsafeMutablePointer<UInt8>) -> Bool {
        input.withUnsafeBufferPointer { source in
            transport.open(
                payload: source.baseAddress! + inputStart, payloadLength: length, into: target)
        }
    }
}
