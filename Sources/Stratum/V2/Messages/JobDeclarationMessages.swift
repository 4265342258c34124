// Message catalogue: SV2 chapter 6.

import Bitcoin
import SansIO

/// The job declaration protocol (SV2 chapter 6).
public enum JobDeclaration {}

extension JobDeclaration {
    /// Asks for a token (SV2 section 6.4.2). The string comes first on the wire.
    public struct AllocateMiningJobToken: V2Message {
        public static var messageType: UInt8 { 0x50 }
        public static var isChannelMessage: Bool { false }

        public var userIdentifier: String
        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32

        public init(userIdentifier: String, requestID: UInt32) {
            self.userIdentifier = userIdentifier
            self.requestID = requestID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            userIdentifier = try reader.readString()
            requestID = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(string: userIdentifier)
            writer.write(u32: requestID)
        }
    }

    /// Grants a token and names the pool's outputs (SV2 section 6.4.3).
    public struct AllocateMiningJobTokenSuccess: V2Message {
        public static var messageType: UInt8 { 0x51 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var miningJobToken: [UInt8]
        /// Outputs with their CompactSize count and 0 satoshi as place-holders; the first is the pool's
        /// payout.
        public var coinbaseTxOutputs: [UInt8]

        public init(requestID: UInt32, miningJobToken: [UInt8], coinbaseTxOutputs: [UInt8]) {
            self.requestID = requestID
            self.miningJobToken = miningJobToken
            self.coinbaseTxOutputs = coinbaseTxOutputs
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            miningJobToken = try reader.readBytes255()
            coinbaseTxOutputs = try reader.readBytes64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(bytes255: miningJobToken)
            writer.write(bytes64K: coinbaseTxOutputs)
        }
    }

    /// The server asks for transactions it does not know (SV2 section 6.4.7).
    public struct ProvideMissingTransactions: V2Message {
        public static var messageType: UInt8 { 0x55 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// Positions in the declared list, from 0, the coinbase not counted.
        public var unknownTxPositionList: [UInt16]

        public init(requestID: UInt32, unknownTxPositionList: [UInt16]) {
            self.requestID = requestID
            self.unknownTxPositionList = unknownTxPositionList
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            unknownTxPositionList = try reader.readU16s64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(u16s64K: unknownTxPositionList)
        }
    }

    /// The transactions in the order of the request (SV2 section 6.4.8).
    public struct ProvideMissingTransactionsSuccess: V2Message {
        public static var messageType: UInt8 { 0x56 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// Whole transactions, each up to 2^24-1 bytes.
        public var transactionList: [[UInt8]]

        public init(requestID: UInt32, transactionList: [[UInt8]]) {
            self.requestID = requestID
            self.transactionList = transactionList
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            transactionList = try reader.readBlobs64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(blobs64K: transactionList)
        }
    }

    /// Declares a whole template (SV2 section 6.4.4). The coinbase halves keep their BIP141 bytes.
    public struct DeclareMiningJob: V2Message {
        public static var messageType: UInt8 { 0x57 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var miningJobToken: [UInt8]
        public var version: UInt32
        public var coinbaseTxPrefix: [UInt8]
        public var coinbaseTxSuffix: [UInt8]
        /// Witness ids in block order without the coinbase.
        public var wtxidList: [Hash256]
        public var excessData: [UInt8]

        public init(
            requestID: UInt32, miningJobToken: [UInt8], version: UInt32, coinbaseTxPrefix: [UInt8],
            coinbaseTxSuffix: [UInt8], wtxidList: [Hash256], excessData: [UInt8]
        ) {
            self.requestID = requestID
            self.miningJobToken = miningJobToken
            self.version = version
            self.coinbaseTxPrefix = coinbaseTxPrefix
            self.coinbaseTxSuffix = coinbaseTxSuffix
            self.wtxidList = wtxidList
            self.excessData = excessData
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            miningJobToken = try reader.readBytes255()
            version = try reader.readU32()
            coinbaseTxPrefix = try reader.readBytes64K()
            coinbaseTxSuffix = try reader.readBytes64K()
            wtxidList = try reader.readHashes64K()
            excessData = try reader.readBytes64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(bytes255: miningJobToken)
            writer.write(u32: version)
            writer.write(bytes64K: coinbaseTxPrefix)
            writer.write(bytes64K: coinbaseTxSuffix)
            writer.write(hashes64K: wtxidList)
            writer.write(bytes64K: excessData)
        }
    }

    /// Accepts a declaration (SV2 section 6.4.5).
    public struct DeclareMiningJobSuccess: V2Message {
        public static var messageType: UInt8 { 0x58 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// To be used in ``Mining/SetCustomMiningJob``.
        public var newMiningJobToken: [UInt8]

        public init(requestID: UInt32, newMiningJobToken: [UInt8]) {
            self.requestID = requestID
            self.newMiningJobToken = newMiningJobToken
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            newMiningJobToken = try reader.readBytes255()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(bytes255: newMiningJobToken)
        }
    }

    /// Refuses a declaration (SV2 section 6.4.6).
    public struct DeclareMiningJobError: V2Message {
        public static var messageType: UInt8 { 0x59 }
        public static var isChannelMessage: Bool { false }

        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// See ``V2ErrorCode``.
        public var errorCode: String
        public var errorDetails: [UInt8]

        public init(requestID: UInt32, errorCode: String, errorDetails: [UInt8]) {
            self.requestID = requestID
            self.errorCode = errorCode
            self.errorDetails = errorDetails
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            requestID = try reader.readU32()
            errorCode = try reader.readString()
            errorDetails = try reader.readBytes64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: requestID)
            writer.write(string: errorCode)
            writer.write(bytes64K: errorDetails)
        }
    }

    /// A block was found on the declared job (SV2 section 6.4.9).
    public struct PushSolution: V2Message {
        public static var messageType: UInt8 { 0x60 }
        public static var isChannelMessage: Bool { false }

        /// The full extranonce.
        public var extranonce: [UInt8]
        public var prevHash: Hash256
        public var nonce: UInt32
        public var nTime: UInt32
        public var nBits: UInt32
        public var version: UInt32

        public init(
            extranonce: [UInt8], prevHash: Hash256, nonce: UInt32, nTime: UInt32, nBits: UInt32,
            version: UInt32
        ) {
            self.extranonce = extranonce
            self.prevHash = prevHash
            self.nonce = nonce
            self.nTime = nTime
            self.nBits = nBits
            self.version = version
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            extranonce = try reader.readBytes32()
            prevHash = try reader.readHash()
            nonce = try reader.readU32()
            nTime = try reader.readU32()
            nBits = try reader.readU32()
            version = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(bytes32: extranonce)
            writer.write(hash: prevHash)
            writer.write(u32: nonce)
            writer.write(u32: nTime)
            writer.write(u32: nBits)
            writer.write(u32: version)
        }
    }
}
