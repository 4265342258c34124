// Message catalogue: SV2 extension 0x0001.

import SansIO

/// Extension 0x0001, which asks for extensions.
public enum ExtensionsNegotiation {}

extension ExtensionsNegotiation {
    /// Must directly follow SetupConnection.Success (SV2 extension 0x0001).
    public struct RequestExtensions: V2Message {
        public static var messageType: UInt8 { 0x00 }
        public static var isChannelMessage: Bool { false }
        public static var extensionType: UInt16 { 0x0001 }

        public var requestID: UInt16
        public var requestedExtensions: [UInt16]

        public init(requestID: UInt16, requestedExtensions: [UInt16]) {
            self.requestID = requestID
            self.requestedExtensions = requestedExtensions
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU16()
            requestedExtensions = try reader.readU16s64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u16: requestID)
            writer.write(u16s64K: requestedExtensions)
        }
    }

    /// At least one extension is supported (SV2 extension 0x0001).
    public struct RequestExtensionsSuccess: V2Message {
        public static var messageType: UInt8 { 0x01 }
        public static var isChannelMessage: Bool { false }
        public static var extensionType: UInt16 { 0x0001 }

        public var requestID: UInt16
        public var supportedExtensions: [UInt16]

        public init(requestID: UInt16, supportedExtensions: [UInt16]) {
            self.requestID = requestID
            self.supportedExtensions = supportedExtensions
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU16()
            supportedExtensions = try reader.readU16s64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u16: requestID)
            writer.write(u16s64K: supportedExtensions)
        }
    }

    /// None is supported, or a required one was not asked for (SV2 extension 0x0001).
    public struct RequestExtensionsError: V2Message {
        public static var messageType: UInt8 { 0x02 }
        public static var isChannelMessage: Bool { false }
        public static var extensionType: UInt16 { 0x0001 }

        public var requestID: UInt16
        public var unsupportedExtensions: [UInt16]
        public var requiredExtensions: [UInt16]

        public init(requestID: UInt16, unsupportedExtensions: [UInt16], requiredExtensions: [UInt16]) {
            self.requestID = requestID
            self.unsupportedExtensions = unsupportedExtensions
            self.requiredExtensions = requiredExtensions
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU16()
            unsupportedExtensions = try reader.readU16s64K()
            requiredExtensions = try reader.readU16s64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u16: requestID)
            writer.write(u16s64K: unsupportedExtensions)
            writer.write(u16s64K: requiredExtensions)
        }
    }
}
