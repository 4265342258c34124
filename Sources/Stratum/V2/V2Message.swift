import SansIO

/// One message type of Stratum V2. Encoding writes the payload only; the frame is ``V2Framing``'s.
///
/// Messages that this process builds must keep the field bounds of SV2 section 3.1: a `B0_32` over 32 bytes
/// or a `SEQ0_255` over 255 elements is a fault of the caller and traps. Strings are cut at 255 bytes
/// instead, because they often carry what a peer said.
public protocol V2Message: Sendable, Equatable {
    static var messageType: UInt8 { get }
    /// Bit 15 of the frame's extension type: the payload begins with a channel id (SV2 section 3.2).
    static var isChannelMessage: Bool { get }
    /// The extension without its channel bit; 0 for the core protocols.
    static var extensionType: UInt16 { get }

    /// Reads the payload's fields and leaves the reader behind the last one.
    init(from reader: inout ByteReader) throws(V2DecodeError)
    func encode(into writer: inout ByteWriter)
}

/// A message whose payload begins with a channel (or group channel) id.
public protocol V2ChannelMessage: V2Message {
    var channelID: UInt32 { get set }
}

/// Why a payload is not the message its frame announces.
public enum V2DecodeError: Error, Equatable, Sendable {
    case truncated(needed: Int, available: Int)
    /// Bytes behind the last field; only messages that an extension may lengthen allow any.
    case trailingBytes(Int)
    /// A length prefix over what the data type allows (a `B0_32` of more than 32 bytes).
    case tooLong(Int, limit: Int)
    /// `OPTION[T]` counts 0 or 1.
    case optionCount(UInt8)
    /// Bytes behind a lengthened message that are no sequence of TLVs in either byte order.
    case malformedTLV
    /// The frame is of another type than the one asked for.
    case unexpectedMessage(extensionType: UInt16, messageType: UInt8)
}

extension V2DecodeError {
    init(_ error: ByteReaderError) {
        switch error {
        case .truncated(let needed, let available): self = .truncated(needed: needed, available: available)
        case .trailingBytes(let count): self = .trailingBytes(count)
        case .tooLarge(let value, let limit):
            self = .tooLong(Int(clamping: value), limit: Int(clamping: limit))
        case .compactSizeNotCanonical(let value): self = .tooLong(Int(clamping: value), limit: 0)
        }
    }
}

extension V2Message {
    public static var extensionType: UInt16 { 0 }

    /// The frame header's first field: the extension with the channel bit.
    public static var frameExtensionType: UInt16 {
        isChannelMessage ? extensionType | V2FrameHeader.channelBit : extensionType
    }

    /// Decodes a whole payload; bytes behind the last field are an error.
    public init(payload: [UInt8]) throws(V2DecodeError) {
        var reader = ByteReader(payload.span.bytes)
        try self.init(from: &reader)
        guard reader.isAtEnd else { throw .trailingBytes(reader.remaining) }
    }

    /// Decodes a frame that must be of this type.
    public init(frame: V2Frame) throws(V2DecodeError) {
        guard frame.messageType == Self.messageType, frame.extensionNumber == Self.extensionType else {
            throw .unexpectedMessage(extensionType: frame.extensionType, messageType: frame.messageType)
        }
        try self.init(payload: frame.payload)
    }

    /// The payload as an array; for tests and tools, not for hot paths.
    public var payload: [UInt8] {
        var writer = ByteWriter()
        encode(into: &writer)
        return writer.bytes
    }
}

/// The `protocol` field of SetupConnection (SV2 section 3.6.1). Values unknown today are kept.
public struct V2Protocol: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public init(integerLiteral value: UInt8) { rawValue = value }

    public static let mining = V2Protocol(rawValue: 0)
    public static let jobDeclaration = V2Protocol(rawValue: 1)
    public static let templateDistribution = V2Protocol(rawValue: 2)
}

/// The only protocol version there is.
public let v2ProtocolVersion: UInt16 = 2
