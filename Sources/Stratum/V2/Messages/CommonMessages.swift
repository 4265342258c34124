// Message catalogue: SV2 section 3.6.

import SansIO

/// Messages of every protocol (SV2 section 3.6).
public enum Common {}

extension Common {
    /// The first message of every connection, client to server (SV2 section 3.6.1).
    public struct SetupConnection: V2Message {
        public static var messageType: UInt8 { 0x00 }
        public static var isChannelMessage: Bool { false }

        public var `protocol`: V2Protocol
        /// Lowest protocol version the client speaks; 2 today.
        public var minVersion: UInt16
        /// Highest protocol version the client speaks; 2 today.
        public var maxVersion: UInt16
        /// Optional features, by protocol; see ``Mining/SetupFlags`` and ``JobDeclaration/SetupFlags``.
        public var flags: UInt32
        public var endpointHost: String
        public var endpointPort: UInt16
        public var vendor: String
        public var hardwareVersion: String
        public var firmware: String
        /// A unique identifier of the device as its vendor defines it; may be empty.
        public var deviceID: String

        public init(
            `protocol`: V2Protocol, minVersion: UInt16, maxVersion: UInt16, flags: UInt32,
            endpointHost: String, endpointPort: UInt16, vendor: String, hardwareVersion: String,
            firmware: String, deviceID: String
        ) {
            self.protocol = `protocol`
            self.minVersion = minVersion
            self.maxVersion = maxVersion
            self.flags = flags
            self.endpointHost = endpointHost
            self.endpointPort = endpointPort
            self.vendor = vendor
            self.hardwareVersion = hardwareVersion
            self.firmware = firmware
            self.deviceID = deviceID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            self.protocol = V2Protocol(rawValue: try reader.readU8())
            minVersion = try reader.readU16()
            maxVersion = try reader.readU16()
            flags = try reader.readU32()
            endpointHost = try reader.readString()
            endpointPort = try reader.readU16()
            vendor = try reader.readString()
            hardwareVersion = try reader.readString()
            firmware = try reader.readString()
            deviceID = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u8: `protocol`.rawValue)
            writer.write(u16: minVersion)
            writer.write(u16: maxVersion)
            writer.write(u32: flags)
            writer.write(string: endpointHost)
            writer.write(u16: endpointPort)
            writer.write(string: vendor)
            writer.write(string: hardwareVersion)
            writer.write(string: firmware)
            writer.write(string: deviceID)
        }
    }

    /// The server accepts the connection (SV2 section 3.6.2).
    public struct SetupConnectionSuccess: V2Message {
        public static var messageType: UInt8 { 0x01 }
        public static var isChannelMessage: Bool { false }

        /// The version both sides speak from here on.
        public var usedVersion: UInt16
        /// Server flags; the numbering differs from the client's, see ``Mining/SetupSuccessFlags``.
        public var flags: UInt32

        public init(usedVersion: UInt16, flags: UInt32) {
            self.usedVersion = usedVersion
            self.flags = flags
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            usedVersion = try reader.readU16()
            flags = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u16: usedVersion)
            writer.write(u32: flags)
        }
    }

    /// The server refuses the connection (SV2 section 3.6.3).
    public struct SetupConnectionError: V2Message {
        public static var messageType: UInt8 { 0x02 }
        public static var isChannelMessage: Bool { false }

        /// Every unsupported flag that the client set; 0 when the reason is another.
        public var flags: UInt32
        /// See ``V2ErrorCode``; unknown codes are only logged.
        public var errorCode: String

        public init(flags: UInt32, errorCode: String) {
            self.flags = flags
            self.errorCode = errorCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            flags = try reader.readU32()
            errorCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: flags)
            writer.write(string: errorCode)
        }
    }

    /// A channel's upstream changed: extension state of the channel is void (SV2 section 3.6.4).
    public struct ChannelEndpointChanged: V2ChannelMessage {
        public static var messageType: UInt8 { 0x03 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32

        public init(channelID: UInt32) {
            self.channelID = channelID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
        }
    }

    /// The server asks the client to connect again, possibly elsewhere (SV2 section 3.6.5). The new server's
    /// certificate must be signed by the same authority.
    public struct Reconnect: V2Message {
        public static var messageType: UInt8 { 0x04 }
        public static var isChannelMessage: Bool { false }

        /// Empty means the same host.
        public var newHost: String
        /// 0 means the same port.
        public var newPort: UInt16

        public init(newHost: String, newPort: UInt16) {
            self.newHost = newHost
            self.newPort = newPort
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            newHost = try reader.readString()
            newPort = try reader.readU16()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(string: newHost)
            writer.write(u16: newPort)
        }
    }
}
