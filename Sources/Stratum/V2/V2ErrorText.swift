/// What an operator reads when a connection cannot go on. The cases stay for programs; these are for logs, so each
/// says what was seen and, where one exists, what usually explains it.

extension NoiseCertificateError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unsupportedVersion(let version): "its certificate has version \(version), 0 is known"
        case .notYetValid(let from, let now):
            "its certificate is valid from Unix time \(from) only and here it is \(now): clocks differ"
        case .expired(let after, let now): "its certificate ended at Unix time \(after) and here it is \(now)"
        case .badSignature:
            "its certificate is not signed by the authority key given for it: wrong key or peer"
        }
    }
}

extension NoiseError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .authenticationFailed: "the Noise handshake failed: no Stratum V2 server answers there"
        case .invalidStaticKey: "the Noise handshake failed: the server's key is no point"
        case .certificate(let error): error.description
        }
    }
}

extension V2ConnectionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .handshake(let error): error.description
        case .decryptionFailed: "a frame does not decrypt"
        case .payloadTooLarge(let size, let limit): "a frame of \(size) bytes, \(limit) are taken"
        case .inputOverflow(let size): "\(size) bytes of input beyond one frame"
        }
    }
}

extension V2ClientHandshakeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .connection(let error): error.description
        case .unexpectedMessage(let extensionType, let messageType):
            "message 0x\(String(messageType, radix: 16)) of extension \(extensionType) instead of an answer to "
                + "SetupConnection"
        case .malformed(let error): "malformed answer to SetupConnection: \(error)"
        case .versionNotOffered(let version): "it chose protocol version \(version), which was not offered"
        }
    }
}
