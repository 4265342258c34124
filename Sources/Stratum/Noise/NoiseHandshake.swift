import Bitcoin

/// Why a handshake failed. The connection must be closed; nothing more is sent.
public enum NoiseError: Error, Hashable, Sendable {
    /// Act 2's static key or certificate does not decrypt: the peer is no Noise responder, or the bytes were
    /// changed.
    case authenticationFailed
    /// The static key's 64 bytes stand for no usable point.
    case invalidStaticKey
    case certificate(NoiseCertificateError)
}

/// A value that a handshake computed on its way, for the published vectors.
enum NoiseStep: String, Sendable, CaseIterable {
    case hStart, ckStart, hAfterInitiatorKey, hAfterAct1
    case hAfterResponderKey, ecdhEphemeral, ckAfterEphemeral, kAfterEphemeral
    case encryptedStatic, hAfterStatic, ecdhStatic, ckAfterStatic, kAfterStatic
    case encryptedCertificate, hAfterCertificate, c1, c2
}

typealias NoiseTrace = (NoiseStep, [UInt8]) -> Void

/// What both sides have after act 2.
struct NoiseSession: Sendable {
    var transport: NoiseTransport
    var serverKey: XOnlyPublicKey
    var certificate: NoiseCertificate
}

/// The lengths of the acts (SV2 section 4.5). The text's 170 bytes for act 2 are older than ElligatorSwift.
enum NoiseAct {
    static let one = 64
    static let two = 64 + 64 + 16 + NoiseCertificate.byteCount + 16
}

/// The side that connects: `-> e`, then reads `<- e, ee, s, es, SIGNATURE_NOISE_MESSAGE`.
struct NoiseInitiator: Sendable {
    private let ephemeral: SecretKey
    /// The ephemeral key's encoding, which is the whole of act 1.
    let act1: [UInt8]
    private var state = SymmetricState()

    init(ephemeral: SecretKey, randomness: [UInt8], trace: NoiseTrace? = nil) {
        self.init(
            ephemeral: ephemeral, encoding: ElligatorSwift.encode(secret: ephemeral, randomness: randomness),
            trace: trace)
    }

    init(ephemeral: SecretKey, encoding: [UInt8], trace: NoiseTrace? = nil) {
        self.ephemeral = ephemeral
        act1 = encoding
        trace?(.ckStart, state.ck.bytes)
        trace?(.hStart, state.h.bytes)
        state.mixHash(act1)
        trace?(.hAfterInitiatorKey, state.h.bytes)
        // The empty payload of act 1: without a key it is only hashed.
        state.mixHash([])
        trace?(.hAfterAct1, state.h.bytes)
    }

    /// Reads act 2 (234 bytes). Without an authority the certificate is not checked.
    func finish(
        act2: ArraySlice<UInt8>, expecting authority: AuthorityPublicKey?, unixTime: UInt32,
        trace: NoiseTrace? = nil
    ) throws(NoiseError) -> NoiseSession {
        precondition(act2.count == NoiseAct.two)
        var state = state
        let start = act2.startIndex
        let theirs = Array(act2[start..<start + 64])
        state.mixHash(theirs)
        trace?(.hAfterResponderKey, state.h.bytes)
        let ee = ElligatorSwift.Peer(theirs).sharedSecret(
            ours: act1, secret: ephemeral, isInitiator: true)
        state.mixKey(ee)
        state.traceKey(trace, shared: ee, .ecdhEphemeral, .ckAfterEphemeral, .kAfterEphemeral)

        let sealedStatic = act2[start + 64..<start + 144]
        guard let staticEncoding = state.decryptAndHash(sealedStatic) else { throw .authenticationFailed }
        trace?(.encryptedStatic, Array(sealedStatic))
        trace?(.hAfterStatic, state.h.bytes)
        guard let serverKey = XOnlyPublicKey(bytes: ElligatorSwift.decode(staticEncoding)) else {
            throw .invalidStaticKey
        }
        let es = ElligatorSwift.Peer(staticEncoding).sharedSecret(
            ours: act1, secret: ephemeral, isInitiator: true)
        state.mixKey(es)
        state.traceKey(trace, shared: es, .ecdhStatic, .ckAfterStatic, .kAfterStatic)

        let sealedCertificate = act2[(start + 144)...]
        guard let plain = state.decryptAndHash(sealedCertificate) else { throw .authenticationFailed }
        trace?(.encryptedCertificate, Array(sealedCertificate))
        trace?(.hAfterCertificate, state.h.bytes)
        let certificate = NoiseCertificate(bytes: plain)
        if let authority {
            do throws(NoiseCertificateError) {
                try certificate.verify(serverKey: serverKey, authority: authority, unixTime: unixTime)
            } catch { throw .certificate(error) }
        }
        let (c1, c2) = state.split()
        trace?(.c1, c1.key.bytes)
        trace?(.c2, c2.key.bytes)
        return NoiseSession(
            transport: NoiseTransport(send: c1, receive: c2), serverKey: serverKey, certificate: certificate)
    }
}

/// The side that was connected to. Any 64 bytes are a valid act 1, so it cannot fail.
struct NoiseResponder: Sendable {
    private let credentials: NoiseCredentials
    private let ephemeral: SecretKey
    private let randomness: [UInt8]

    init(credentials: NoiseCredentials, ephemeral: SecretKey, randomness: [UInt8]) {
        self.credentials = credentials
        self.ephemeral = ephemeral
        self.randomness = randomness
    }

    /// Act 2 (234 bytes) and the session.
    func respond(act1: [UInt8], trace: NoiseTrace? = nil) -> (act2: [UInt8], session: NoiseSession) {
        precondition(act1.count == NoiseAct.one)
        var state = SymmetricState()
        trace?(.ckStart, state.ck.bytes)
        trace?(.hStart, state.h.bytes)
        state.mixHash(act1)
        trace?(.hAfterInitiatorKey, state.h.bytes)
        state.mixHash([])
        trace?(.hAfterAct1, state.h.bytes)

        let ours = ElligatorSwift.encode(secret: ephemeral, randomness: randomness)
        state.mixHash(ours)
        trace?(.hAfterResponderKey, state.h.bytes)
        let theirs = ElligatorSwift.Peer(act1)
        let ee = theirs.sharedSecret(ours: ours, secret: ephemeral, isInitiator: false)
        state.mixKey(ee)
        state.traceKey(trace, shared: ee, .ecdhEphemeral, .ckAfterEphemeral, .kAfterEphemeral)

        let sealedStatic = state.encryptAndHash(credentials.staticEncoding)
        trace?(.encryptedStatic, sealedStatic)
        trace?(.hAfterStatic, state.h.bytes)
        let es = theirs.sharedSecret(
            ours: credentials.staticEncoding, secret: credentials.staticKey, isInitiator: false)
        state.mixKey(es)
        state.traceKey(trace, shared: es, .ecdhStatic, .ckAfterStatic, .kAfterStatic)

        let sealedCertificate = state.encryptAndHash(credentials.certificate.bytes)
        trace?(.encryptedCertificate, sealedCertificate)
        trace?(.hAfterCertificate, state.h.bytes)
        let (c1, c2) = state.split()
        trace?(.c1, c1.key.bytes)
        trace?(.c2, c2.key.bytes)
        let session = NoiseSession(
            transport: NoiseTransport(send: c2, receive: c1),
            serverKey: credentials.publicKey, certificate: credentials.certificate)
        return (ours + sealedStatic + sealedCertificate, session)
    }
}

extension SymmetricState {
    fileprivate func traceKey(
        _ trace: NoiseTrace?, shared: Hash256, _ sharedStep: NoiseStep, _ ckStep: NoiseStep,
        _ kStep: NoiseStep
    ) {
        guard let trace, let cipher else { return }
        trace(sharedStep, shared.bytes)
        trace(ckStep, ck.bytes)
        trace(kStep, cipher.key.bytes)
    }
}
