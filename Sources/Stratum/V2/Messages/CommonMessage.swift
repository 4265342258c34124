import SansIO

extension Common {
    /// Every message of this protocol (SV2 section 3.6), for one exhaustive `switch`.
    public enum Message: Sendable, Equatable {
        case setupConnection(SetupConnection)
        case setupConnectionSuccess(SetupConnectionSuccess)
        case setupConnectionError(SetupConnectionError)
        case channelEndpointChanged(ChannelEndpointChanged)
        case reconnect(Reconnect)

        /// Decodes a frame. Nil when its type or extension is none of this protocol; the caller then asks
        /// another protocol or ignores it (SV2 section 3.4). The `channel_msg` bit is not compared: peers
        /// that follow the text before May 2026 send it differently for some types.
        public init?(frame: V2Frame) throws(V2DecodeError) {
            guard frame.extensionNumber == 0 else { return nil }
            switch frame.messageType {
            case SetupConnection.messageType:
                self = .setupConnection(try SetupConnection(payload: frame.payload))
            case SetupConnectionSuccess.messageType:
                self = .setupConnectionSuccess(try SetupConnectionSuccess(payload: frame.payload))
            case SetupConnectionError.messageType:
                self = .setupConnectionError(try SetupConnectionError(payload: frame.payload))
            case ChannelEndpointChanged.messageType:
                self = .channelEndpointChanged(try ChannelEndpointChanged(payload: frame.payload))
            case Reconnect.messageType: self = .reconnect(try Reconnect(payload: frame.payload))
            default: return nil
            }
        }

        /// Appends the message as a plain frame, header and payload.
        public func encodeFrame(into writer: inout ByteWriter) {
            switch self {
            case .setupConnection(let message): V2Framing.encode(message, into: &writer)
            case .setupConnectionSuccess(let message): V2Framing.encode(message, into: &writer)
            case .setupConnectionError(let message): V2Framing.encode(message, into: &writer)
            case .channelEndpointChanged(let message): V2Framing.encode(message, into: &writer)
            case .reconnect(let message): V2Framing.encode(message, into: &writer)
            }
        }

        /// The specification's name, with a dot before Success and Error.
        public var name: String {
            switch self {
            case .setupConnection: "SetupConnection"
            case .setupConnectionSuccess: "SetupConnection.Success"
            case .setupConnectionError: "SetupConnection.Error"
            case .channelEndpointChanged: "ChannelEndpointChanged"
            case .reconnect: "Reconnect"
            }
        }
    }
}
