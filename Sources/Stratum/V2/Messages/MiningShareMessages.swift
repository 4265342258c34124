// Message catalogue: SV2 section 5.3, shares.

import SansIO

extension Mining {
    /// A share of a standard channel (SV2 section 5.3.11).
    public struct SubmitSharesStandard: V2ChannelMessage {
        public static var messageType: UInt8 { 0x1a }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Counts a channel's submissions; never verified.
        public var sequenceNumber: UInt32
        public var jobID: UInt32
        public var nonce: UInt32
        public var nTime: UInt32
        /// The whole header version, rolled bits included.
        public var version: UInt32

        public init(
            channelID: UInt32, sequenceNumber: UInt32, jobID: UInt32, nonce: UInt32, nTime: UInt32,
            version: UInt32
        ) {
            self.channelID = channelID
            self.sequenceNumber = sequenceNumber
            self.jobID = jobID
            self.nonce = nonce
            self.nTime = nTime
            self.version = version
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            sequenceNumber = try reader.readU32()
            jobID = try reader.readU32()
            nonce = try reader.readU32()
            nTime = try reader.readU32()
            version = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: sequenceNumber)
            writer.write(u32: jobID)
            writer.write(u32: nonce)
            writer.write(u32: nTime)
            writer.write(u32: version)
        }
    }

    /// A share of an extended channel (SV2 section 5.3.12).
    public struct SubmitSharesExtended: V2ChannelMessage {
        public static var messageType: UInt8 { 0x1b }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Counts a channel's submissions; never verified.
        public var sequenceNumber: UInt32
        public var jobID: UInt32
        public var nonce: UInt32
        public var nTime: UInt32
        /// The whole header version, rolled bits included.
        public var version: UInt32
        /// The rolled bytes; exactly the channel's extranonce size.
        public var extranonce: [UInt8]
        /// Extension fields behind the payload; see ``TLV``.
        public var tlvs: [TLV]

        public init(
            channelID: UInt32, sequenceNumber: UInt32, jobID: UInt32, nonce: UInt32, nTime: UInt32,
            version: UInt32, extranonce: [UInt8], tlvs: [TLV] = []
        ) {
            self.channelID = channelID
            self.sequenceNumber = sequenceNumber
            self.jobID = jobID
            self.nonce = nonce
            self.nTime = nTime
            self.version = version
            self.extranonce = extranonce
            self.tlvs = tlvs
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            sequenceNumber = try reader.readU32()
            jobID = try reader.readU32()
            nonce = try reader.readU32()
            nTime = try reader.readU32()
            version = try reader.readU32()
            extranonce = try reader.readBytes32()
            tlvs = try TLV.readAll(from: &reader)
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: sequenceNumber)
            writer.write(u32: jobID)
            writer.write(u32: nonce)
            writer.write(u32: nTime)
            writer.write(u32: version)
            writer.write(bytes32: extranonce)
            TLV.write(tlvs, into: &writer)
        }
    }

    /// Acknowledges a batch of shares (SV2 section 5.3.13).
    public struct SubmitSharesSuccess: V2ChannelMessage {
        public static var messageType: UInt8 { 0x1c }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        public var lastSequenceNumber: UInt32
        /// Shares accepted since the last acknowledgement.
        public var newSubmitsAcceptedCount: UInt32
        /// Their difficulties, summed.
        public var newSharesSum: UInt64

        public init(
            channelID: UInt32, lastSequenceNumber: UInt32, newSubmitsAcceptedCount: UInt32,
            newSharesSum: UInt64
        ) {
            self.channelID = channelID
            self.lastSequenceNumber = lastSequenceNumber
            self.newSubmitsAcceptedCount = newSubmitsAcceptedCount
            self.newSharesSum = newSharesSum
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            lastSequenceNumber = try reader.readU32()
            newSubmitsAcceptedCount = try reader.readU32()
            newSharesSum = try reader.readU64()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: lastSequenceNumber)
            writer.write(u32: newSubmitsAcceptedCount)
            writer.write(u64: newSharesSum)
        }
    }

    /// Refuses one share, at once (SV2 section 5.3.14).
    public struct SubmitSharesError: V2ChannelMessage {
        public static var messageType: UInt8 { 0x1d }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        public var sequenceNumber: UInt32
        /// See ``V2ErrorCode``.
        public var errorCode: String

        public init(channelID: UInt32, sequenceNumber: UInt32, errorCode: String) {
            self.channelID = channelID
            self.sequenceNumber = sequenceNumber
            self.errorCode = errorCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            sequenceNumber = try reader.readU32()
            errorCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: sequenceNumber)
            writer.write(string: errorCode)
        }
    }
}
