import SansIO

extension ExtensionsNegotiation {
    /// Every message of this protocol (SV2 extension 0x0001), for one exhaustive `switch`.
    public enum Message: Sendable, Equatable {
        case requestExtensions(RequestExtensions)
        case requestExtensionsSuccess(RequestExtensionsSuccess)
        case requestExtensionsError(RequestExtensionsError)

        /// Decodes a frame. Nil when its type or extension is none of this protocol; the caller then asks
        /// another protocol or ignores it (SV2 section 3.4). The `channel_msg` bit is not compared: peers
        /// that follow the text before May 2026 send it differently for some types.
        public init?(frame: V2Frame) throws(V2DecodeError) {
            guard frame.extensionNumber == 1 else { return nil }
            switch frame.messageType {
            case RequestExtensions.messageType:
                self = .requestExtensions(try RequestExtensions(payload: frame.payload))
            case RequestExtensionsSuccess.messageType:
                self = .requestExtensionsSuccess(try RequestExtensionsSuccess(payload: frame.payload))
            case RequestExtensionsError.messageType:
                self = .requestExtensionsError(try RequestExtensionsError(payload: frame.payload))
            default: return nil
            }
        }

        /// Appends the message as a plain frame, header and payload.
        public func encodeFrame(into writer: inout ByteWriter) {
            switch self {
            case .requestExtensions(let message): V2Framing.encode(message, into: &writer)
            case .requestExtensionsSuccess(let message): V2Framing.encode(message, into: &writer)
            case .requestExtensionsError(let message): V2Framing.encode(message, into: &writer)
            }
        }

        /// The specification's name, with a dot before Success and Error.
        public var name: String {
            switch self {
            case .requestExtensions: "RequestExtensions"
            case .requestExtensionsSuccess: "RequestExtensions.Success"
            case .requestExtensionsError: "RequestExtensions.Error"
            }
        }
    }
}
