import SansIO

/// The six bytes in front of every payload (SV2 section 3.2).
public struct V2FrameHeader: Hashable, Sendable {
    public static let byteCount = 6
    /// `channel_msg`. The text calls bit 15 the least significant; it is the most significant.
    public static let channelBit: UInt16 = 0x8000

    public var extensionType: UInt16
    public var messageType: UInt8
    /// Of the payload in plain text: 0 ... 2^24-1.
    public var payloadLength: UInt32

    public init(extensionType: UInt16, messageType: UInt8, payloadLength: UInt32) {
        self.extensionType = extensionType
        self.messageType = messageType
        self.payloadLength = payloadLength
    }

    public init(from reader: inout ByteReader) throws(ByteReaderError) {
        guard reader.remaining >= Self.byteCount else {
            throw .truncated(needed: Self.byteCount, available: reader.remaining)
        }
        extensionType = try reader.u16()
        messageType = try reader.u8()
        payloadLength = try reader.u24()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.write(u16: extensionType)
        writer.write(u8: messageType)
        writer.write(u24: payloadLength)
    }

    public var isChannelMessage: Bool { extensionType & Self.channelBit != 0 }
    /// The extension type without the channel bit, which is ignored in the look-up (SV2 section 3.2).
    public var extensionNumber: UInt16 { extensionType & ~Self.channelBit }
}

/// One message as it travels, not yet understood.
public struct V2Frame: Hashable, Sendable {
    /// Bit 15 is `channel_msg`.
    public var extensionType: UInt16
    public var messageType: UInt8
    public var payload: [UInt8]

    public init(extensionType: UInt16, messageType: UInt8, payload: [UInt8]) {
        self.extensionType = extensionType
        self.messageType = messageType
        self.payload = payload
    }

    public init<M: V2Message>(_ message: M) {
        self.init(
            extensionType: M.frameExtensionType, messageType: M.messageType, payload: message.payload)
    }

    public var isChannelMessage: Bool { extensionType & V2FrameHeader.channelBit != 0 }
    public var extensionNumber: UInt16 { extensionType & ~V2FrameHeader.channelBit }

    /// The channel id in front of a channel message's payload, for proxies that forward what they do not
    /// know.
    public var channelID: UInt32? {
        guard isChannelMessage, payload.count >= 4 else { return nil }
        return UInt32(payload[0]) | UInt32(payload[1]) << 8 | UInt32(payload[2]) << 16
            | UInt32(payload[3]) << 24
    }

    /// Header and payload, plain.
    public func encode(into writer: inout ByteWriter) {
        precondition(payload.count <= V2Limits.payloadMax, "payload of \(payload.count) bytes")
        let header = V2FrameHeader(
            extensionType: extensionType, messageType: messageType, payloadLength: UInt32(payload.count))
        header.encode(into: &writer)
        writer.write(payload)
    }

    public var bytes: [UInt8] {
        var writer = ByteWriter(capacity: V2FrameHeader.byteCount + payload.count)
        encode(into: &writer)
        return writer.bytes
    }
}

/// Plain frames: what travels on a link without Noise, and what Noise encrypts.
public enum V2Framing {
    /// Appends header and payload.
    public static func encode<M: V2Message>(_ message: M, into writer: inout ByteWriter) {
        let start = writer.count
        V2FrameHeader(
            extensionType: M.frameExtensionType, messageType: M.messageType, payloadLength: 0
        ).encode(into: &writer)
        message.encode(into: &writer)
        let length = writer.count - start - V2FrameHeader.byteCount
        precondition(length <= V2Limits.payloadMax, "payload of \(length) bytes")
        writer.patch(u24: UInt32(length), at: start + 3)
    }

    /// Header and payload in a fresh array: encode once, send to many with
    /// ``V2Connection/send(encodedFrame:into:)``.
    public static func frame(_ message: some V2Message) -> [UInt8] {
        var writer = ByteWriter(capacity: 96)
        encode(message, into: &writer)
        return writer.bytes
    }
}
