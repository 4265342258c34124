// Message catalogue: SV2 chapter 7.

import Bitcoin
import SansIO

/// The template distribution protocol (SV2 chapter 7).
public enum TemplateDistribution {}

extension TemplateDistribution {
    /// What the client will add to the coinbase; the server answers with a template at once (SV2 section
    /// 7.1).
    public struct CoinbaseOutputConstraints: V2Message {
        public static var messageType: UInt8 { 0x70 }
        public static var isChannelMessage: Bool { false }

        /// Bytes of serialised outputs.
        public var coinbaseOutputMaxAdditionalSize: UInt32
        public var coinbaseOutputMaxAdditionalSigops: UInt16

        public init(coinbaseOutputMaxAdditionalSize: UInt32, coinbaseOutputMaxAdditionalSigops: UInt16) {
            self.coinbaseOutputMaxAdditionalSize = coinbaseOutputMaxAdditionalSize
            self.coinbaseOutputMaxAdditionalSigops = coinbaseOutputMaxAdditionalSigops
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            coinbaseOutputMaxAdditionalSize = try reader.readU32()
            coinbaseOutputMaxAdditionalSigops = try reader.readU16()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: coinbaseOutputMaxAdditionalSize)
            writer.write(u16: coinbaseOutputMaxAdditionalSigops)
        }
    }

    /// A block template (SV2 section 7.2).
    public struct NewTemplate: V2Message {
        public static var messageType: UInt8 { 0x71 }
        public static var isChannelMessage: Bool { false }

        /// Strictly increasing.
        public var templateID: UInt64
        /// True: mine it only after the matching ``SetNewPrevHash``.
        public var futureTemplate: Bool
        public var version: UInt32
        public var coinbaseTxVersion: UInt32
        /// The start of the scriptSig (the BIP34 height); at most 8 bytes.
        public var coinbasePrefix: [UInt8]
        public var coinbaseTxInputSequence: UInt32
        /// Satoshi left for the client's outputs.
        public var coinbaseTxValueRemaining: UInt64
        public var coinbaseTxOutputsCount: UInt32
        /// Outputs that must come last, without a CompactSize count.
        public var coinbaseTxOutputs: [UInt8]
        public var coinbaseTxLocktime: UInt32
        public var merklePath: [Hash256]

        public init(
            templateID: UInt64, futureTemplate: Bool, version: UInt32, coinbaseTxVersion: UInt32,
            coinbasePrefix: [UInt8], coinbaseTxInputSequence: UInt32, coinbaseTxValueRemaining: UInt64,
            coinbaseTxOutputsCount: UInt32, coinbaseTxOutputs: [UInt8], coinbaseTxLocktime: UInt32,
            merklePath: [Hash256]
        ) {
            self.templateID = templateID
            self.futureTemplate = futureTemplate
            self.version = version
            self.coinbaseTxVersion = coinbaseTxVersion
            self.coinbasePrefix = coinbasePrefix
            self.coinbaseTxInputSequence = coinbaseTxInputSequence
            self.coinbaseTxValueRemaining = coinbaseTxValueRemaining
            self.coinbaseTxOutputsCount = coinbaseTxOutputsCount
            self.coinbaseTxOutputs = coinbaseTxOutputs
            self.coinbaseTxLocktime = coinbaseTxLocktime
            self.merklePath = merklePath
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            templateID = try reader.readU64()
            futureTemplate = try reader.readBool()
            version = try reader.readU32()
            coinbaseTxVersion = try reader.readU32()
            coinbasePrefix = try reader.readBytes255()
            coinbaseTxInputSequence = try reader.readU32()
            coinbaseTxValueRemaining = try reader.readU64()
            coinbaseTxOutputsCount = try reader.readU32()
            coinbaseTxOutputs = try reader.readBytes64K()
            coinbaseTxLocktime = try reader.readU32()
            merklePath = try reader.readHashes255()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u64: templateID)
            writer.write(bool: futureTemplate)
            writer.write(u32: version)
            writer.write(u32: coinbaseTxVersion)
            writer.write(bytes255: coinbasePrefix)
            writer.write(u32: coinbaseTxInputSequence)
            writer.write(u64: coinbaseTxValueRemaining)
            writer.write(u32: coinbaseTxOutputsCount)
            writer.write(bytes64K: coinbaseTxOutputs)
            writer.write(u32: coinbaseTxLocktime)
            writer.write(hashes255: merklePath)
        }
    }

    /// A new previous block and the template to mine on it (SV2 section 7.3).
    public struct SetNewPrevHash: V2Message {
        public static var messageType: UInt8 { 0x72 }
        public static var isChannelMessage: Bool { false }

        public var templateID: UInt64
        public var prevHash: Hash256
        /// A time to start from, not the smallest allowed.
        public var headerTimestamp: UInt32
        public var nBits: UInt32
        public var target: Target

        public init(
            templateID: UInt64, prevHash: Hash256, headerTimestamp: UInt32, nBits: UInt32, target: Target
        ) {
            self.templateID = templateID
            self.prevHash = prevHash
            self.headerTimestamp = headerTimestamp
            self.nBits = nBits
            self.target = target
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            templateID = try reader.readU64()
            prevHash = try reader.readHash()
            headerTimestamp = try reader.readU32()
            nBits = try reader.readU32()
            target = try reader.readTarget()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u64: templateID)
            writer.write(hash: prevHash)
            writer.write(u32: headerTimestamp)
            writer.write(u32: nBits)
            writer.write(target: target)
        }
    }

    /// Asks for a template's transactions (SV2 section 7.4).
    public struct RequestTransactionData: V2Message {
        public static var messageType: UInt8 { 0x73 }
        public static var isChannelMessage: Bool { false }

        public var templateID: UInt64

        public init(templateID: UInt64) {
            self.templateID = templateID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            templateID = try reader.readU64()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u64: templateID)
        }
    }

    /// A template's transactions without the coinbase (SV2 section 7.5).
    public struct RequestTransactionDataSuccess: V2Message {
        public static var messageType: UInt8 { 0x74 }
        public static var isChannelMessage: Bool { false }

        public var templateID: UInt64
        public var excessData: [UInt8]
        /// Whole transactions, each up to 2^24-1 bytes.
        public var transactionList: [[UInt8]]

        public init(templateID: UInt64, excessData: [UInt8], transactionList: [[UInt8]]) {
            self.templateID = templateID
            self.excessData = excessData
            self.transactionList = transactionList
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            templateID = try reader.readU64()
            excessData = try reader.readBytes64K()
            transactionList = try reader.readBlobs64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u64: templateID)
            writer.write(bytes64K: excessData)
            writer.write(blobs64K: transactionList)
        }
    }

    /// The template is unknown or stale (SV2 section 7.6).
    public struct RequestTransactionDataError: V2Message {
        public static var messageType: UInt8 { 0x75 }
        public static var isChannelMessage: Bool { false }

        public var templateID: UInt64
        /// See ``V2ErrorCode``.
        public var errorCode: String

        public init(templateID: UInt64, errorCode: String) {
            self.templateID = templateID
            self.errorCode = errorCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            templateID = try reader.readU64()
            errorCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u64: templateID)
            writer.write(string: errorCode)
        }
    }

    /// A block was found on a template (SV2 section 7.7).
    public struct SubmitSolution: V2Message {
        public static var messageType: UInt8 { 0x76 }
        public static var isChannelMessage: Bool { false }

        public var templateID: UInt64
        public var version: UInt32
        public var headerTimestamp: UInt32
        public var headerNonce: UInt32
        /// The whole coinbase with its witness.
        public var coinbaseTx: [UInt8]

        public init(
            templateID: UInt64, version: UInt32, headerTimestamp: UInt32, headerNonce: UInt32,
            coinbaseTx: [UInt8]
        ) {
            self.templateID = templateID
            self.version = version
            self.headerTimestamp = headerTimestamp
            self.headerNonce = headerNonce
            self.coinbaseTx = coinbaseTx
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            templateID = try reader.readU64()
            version = try reader.readU32()
            headerTimestamp = try reader.readU32()
            headerNonce = try reader.readU32()
            coinbaseTx = try reader.readBytes64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u64: templateID)
            writer.write(u32: version)
            writer.write(u32: headerTimestamp)
            writer.write(u32: headerNonce)
            writer.write(bytes64K: coinbaseTx)
        }
    }
}
