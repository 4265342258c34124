// Message catalogue: SV2 section 5.3, channels.

import Bitcoin
import SansIO

/// The mining protocol (SV2 chapter 5).
public enum Mining {}

extension Mining {
    /// Asks for a channel that mines headers only (SV2 section 5.3.2).
    public struct OpenStandardMiningChannel: V2Message {
        public static var messageType: UInt8 { 0x10 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var userIdentity: String
        /// Expected hashes per second; proxies without a device send 0.
        public var nominalHashRate: Float
        /// The easiest target the client accepts.
        public var maxTarget: Target

        public init(requestID: UInt32, userIdentity: String, nominalHashRate: Float, maxTarget: Target) {
            self.requestID = requestID
            self.userIdentity = userIdentity
            self.nominalHashRate = nominalHashRate
            self.maxTarget = maxTarget
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            userIdentity = try reader.readString()
            nominalHashRate = try reader.readF32()
            maxTarget = try reader.readTarget()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(string: userIdentity)
            writer.write(f32: nominalHashRate)
            writer.write(target: maxTarget)
        }
    }

    /// Opens a standard channel (SV2 section 5.3.3).
    public struct OpenStandardMiningChannelSuccess: V2Message {
        public static var messageType: UInt8 { 0x11 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var channelID: UInt32
        /// The initial target.
        public var target: Target
        /// The whole extranonce of this channel's coinbases, at most 32 bytes.
        public var extranoncePrefix: [UInt8]
        /// The group the channel belongs to; shares its number space with channels.
        public var groupChannelID: UInt32

        public init(
            requestID: UInt32, channelID: UInt32, target: Target, extranoncePrefix: [UInt8],
            groupChannelID: UInt32
        ) {
            self.requestID = requestID
            self.channelID = channelID
            self.target = target
            self.extranoncePrefix = extranoncePrefix
            self.groupChannelID = groupChannelID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            channelID = try reader.readU32()
            target = try reader.readTarget()
            extranoncePrefix = try reader.readBytes32()
            groupChannelID = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(u32: channelID)
            writer.write(target: target)
            writer.write(bytes32: extranoncePrefix)
            writer.write(u32: groupChannelID)
        }
    }

    /// Refuses either kind of channel (SV2 section 5.3.6).
    public struct OpenMiningChannelError: V2Message {
        public static var messageType: UInt8 { 0x12 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// See ``V2ErrorCode``.
        public var errorCode: String

        public init(requestID: UInt32, errorCode: String) {
            self.requestID = requestID
            self.errorCode = errorCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            errorCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(string: errorCode)
        }
    }

    /// Asks for a channel whose client rolls the extranonce (SV2 section 5.3.4).
    public struct OpenExtendedMiningChannel: V2Message {
        public static var messageType: UInt8 { 0x13 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var userIdentity: String
        /// Expected hashes per second; proxies without a device send 0.
        public var nominalHashRate: Float
        /// The easiest target the client accepts.
        public var maxTarget: Target
        /// Bytes of extranonce the client needs to roll.
        public var minExtranonceSize: UInt16

        public init(
            requestID: UInt32, userIdentity: String, nominalHashRate: Float, maxTarget: Target,
            minExtranonceSize: UInt16
        ) {
            self.requestID = requestID
            self.userIdentity = userIdentity
            self.nominalHashRate = nominalHashRate
            self.maxTarget = maxTarget
            self.minExtranonceSize = minExtranonceSize
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            userIdentity = try reader.readString()
            nominalHashRate = try reader.readF32()
            maxTarget = try reader.readTarget()
            minExtranonceSize = try reader.readU16()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(string: userIdentity)
            writer.write(f32: nominalHashRate)
            writer.write(target: maxTarget)
            writer.write(u16: minExtranonceSize)
        }
    }

    /// Opens an extended channel (SV2 section 5.3.5). The group channel id is younger (October 2025) than
    /// many clients.
    public struct OpenExtendedMiningChannelSuccess: V2Message {
        public static var messageType: UInt8 { 0x14 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var channelID: UInt32
        /// The initial target.
        public var target: Target
        /// Bytes the client rolls; a share's extranonce has exactly this length.
        public var extranonceSize: UInt16
        /// Comes before the rolled bytes in the coinbase; at most 32 bytes.
        public var extranoncePrefix: [UInt8]
        /// The group the channel belongs to; shares its number space with channels.
        public var groupChannelID: UInt32

        public init(
            requestID: UInt32, channelID: UInt32, target: Target, extranonceSize: UInt16,
            extranoncePrefix: [UInt8], groupChannelID: UInt32
        ) {
            self.requestID = requestID
            self.channelID = channelID
            self.target = target
            self.extranonceSize = extranonceSize
            self.extranoncePrefix = extranoncePrefix
            self.groupChannelID = groupChannelID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            channelID = try reader.readU32()
            target = try reader.readTarget()
            extranonceSize = try reader.readU16()
            extranoncePrefix = try reader.readBytes32()
            groupChannelID = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(u32: channelID)
            writer.write(target: target)
            writer.write(u16: extranonceSize)
            writer.write(bytes32: extranoncePrefix)
            writer.write(u32: groupChannelID)
        }
    }

    /// The client's hash rate changed or it wants a harder target (SV2 section 5.3.7). No answer on success.
    public struct UpdateChannel: V2ChannelMessage {
        public static var messageType: UInt8 { 0x16 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Expected hashes per second.
        public var nominalHashRate: Float
        /// If below the current target the server must honour it with ``SetTarget``.
        public var maximumTarget: Target

        public init(channelID: UInt32, nominalHashRate: Float, maximumTarget: Target) {
            self.channelID = channelID
            self.nominalHashRate = nominalHashRate
            self.maximumTarget = maximumTarget
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            nominalHashRate = try reader.readF32()
            maximumTarget = try reader.readTarget()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(f32: nominalHashRate)
            writer.write(target: maximumTarget)
        }
    }

    /// Refuses an ``UpdateChannel`` (SV2 section 5.3.8).
    public struct UpdateChannelError: V2ChannelMessage {
        public static var messageType: UInt8 { 0x17 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// See ``V2ErrorCode``.
        public var errorCode: String

        public init(channelID: UInt32, errorCode: String) {
            self.channelID = channelID
            self.errorCode = errorCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            errorCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(string: errorCode)
        }
    }

    /// Ends a channel, or every channel of a group (SV2 section 5.3.9). Either side sends it.
    public struct CloseChannel: V2ChannelMessage {
        public static var messageType: UInt8 { 0x18 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Free text for the log.
        public var reasonCode: String

        public init(channelID: UInt32, reasonCode: String) {
            self.channelID = channelID
            self.reasonCode = reasonCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            reasonCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(string: reasonCode)
        }
    }

    /// Changes the prefix for jobs sent from here on; older jobs keep theirs (SV2 section 5.3.10). Ignored
    /// when addressed to a group.
    public struct SetExtranoncePrefix: V2ChannelMessage {
        public static var messageType: UInt8 { 0x19 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        public var extranoncePrefix: [UInt8]

        public init(channelID: UInt32, extranoncePrefix: [UInt8]) {
            self.channelID = channelID
            self.extranoncePrefix = extranoncePrefix
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            extranoncePrefix = try reader.readBytes32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(bytes32: extranoncePrefix)
        }
    }

    /// The target of jobs sent from here on and of future jobs; an active job keeps its own (SV2 section
    /// 5.3.21). May address a group.
    public struct SetTarget: V2ChannelMessage {
        public static var messageType: UInt8 { 0x21 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        public var maximumTarget: Target

        public init(channelID: UInt32, maximumTarget: Target) {
            self.channelID = channelID
            self.maximumTarget = maximumTarget
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            maximumTarget = try reader.readTarget()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(target: maximumTarget)
        }
    }

    /// Moves channels into a group (SV2 section 5.3.22).
    public struct SetGroupChannel: V2Message {
        public static var messageType: UInt8 { 0x25 }
        public static var isChannelMessage: Bool { false }

        public var groupChannelID: UInt32
        public var channelIDs: [UInt32]

        public init(groupChannelID: UInt32, channelIDs: [UInt32]) {
            self.groupChannelID = groupChannelID
            self.channelIDs = channelIDs
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            groupChannelID = try reader.readU32()
            channelIDs = try reader.readU32s64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: groupChannelID)
            writer.write(u32s64K: channelIDs)
        }
    }
}
