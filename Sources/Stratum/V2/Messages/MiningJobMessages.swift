// Message catalogue: SV2 section 5.3, jobs.

import Bitcoin
import SansIO

extension Mining {
    /// A job for a standard channel (SV2 section 5.3.15).
    public struct NewMiningJob: V2ChannelMessage {
        public static var messageType: UInt8 { 0x15 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        public var jobID: UInt32
        /// Nil: a future job, to be started by ``SetNewPrevHash``. Set: mine at once on the current previous
        /// hash.
        public var minNTime: UInt32?
        /// The header's version; rollable bits are BIP323's unless the connection requires a fixed version.
        public var version: UInt32
        public var merkleRoot: Hash256

        public init(
            channelID: UInt32, jobID: UInt32, minNTime: UInt32? = nil, version: UInt32, merkleRoot: Hash256
        ) {
            self.channelID = channelID
            self.jobID = jobID
            self.minNTime = minNTime
            self.version = version
            self.merkleRoot = merkleRoot
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            jobID = try reader.readU32()
            minNTime = try reader.readOptionU32()
            version = try reader.readU32()
            merkleRoot = try reader.readHash()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: jobID)
            writer.write(optionU32: minNTime)
            writer.write(u32: version)
            writer.write(hash: merkleRoot)
        }
    }

    /// A job for an extended channel or a whole group (SV2 section 5.3.16). The coinbase halves carry no
    /// witness data.
    public struct NewExtendedMiningJob: V2ChannelMessage {
        public static var messageType: UInt8 { 0x1f }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        public var jobID: UInt32
        /// Nil: a future job, to be started by ``SetNewPrevHash``.
        public var minNTime: UInt32?
        public var version: UInt32
        public var versionRollingAllowed: Bool
        /// Siblings of the coinbase, from the leaves up.
        public var merklePath: [Hash256]
        /// The coinbase up to the full extranonce.
        public var coinbaseTxPrefix: [UInt8]
        /// The coinbase behind the full extranonce.
        public var coinbaseTxSuffix: [UInt8]

        public init(
            channelID: UInt32, jobID: UInt32, minNTime: UInt32? = nil, version: UInt32,
            versionRollingAllowed: Bool, merklePath: [Hash256], coinbaseTxPrefix: [UInt8],
            coinbaseTxSuffix: [UInt8]
        ) {
            self.channelID = channelID
            self.jobID = jobID
            self.minNTime = minNTime
            self.version = version
            self.versionRollingAllowed = versionRollingAllowed
            self.merklePath = merklePath
            self.coinbaseTxPrefix = coinbaseTxPrefix
            self.coinbaseTxSuffix = coinbaseTxSuffix
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            jobID = try reader.readU32()
            minNTime = try reader.readOptionU32()
            version = try reader.readU32()
            versionRollingAllowed = try reader.readBool()
            merklePath = try reader.readHashes255()
            coinbaseTxPrefix = try reader.readBytes64K()
            coinbaseTxSuffix = try reader.readBytes64K()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: jobID)
            writer.write(optionU32: minNTime)
            writer.write(u32: version)
            writer.write(bool: versionRollingAllowed)
            writer.write(hashes255: merklePath)
            writer.write(bytes64K: coinbaseTxPrefix)
            writer.write(bytes64K: coinbaseTxSuffix)
        }
    }

    /// A new previous block: starts one future job and ends every other (SV2 section 5.3.17).
    public struct SetNewPrevHash: V2ChannelMessage {
        public static var messageType: UInt8 { 0x20 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// A job sent before as future on this channel.
        public var jobID: UInt32
        public var prevHash: Hash256
        /// Smallest header time.
        public var minNTime: UInt32
        /// The block's compact target.
        public var nBits: UInt32

        public init(channelID: UInt32, jobID: UInt32, prevHash: Hash256, minNTime: UInt32, nBits: UInt32) {
            self.channelID = channelID
            self.jobID = jobID
            self.prevHash = prevHash
            self.minNTime = minNTime
            self.nBits = nBits
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            jobID = try reader.readU32()
            prevHash = try reader.readHash()
            minNTime = try reader.readU32()
            nBits = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: jobID)
            writer.write(hash: prevHash)
            writer.write(u32: minNTime)
            writer.write(u32: nBits)
        }
    }

    /// A client that declared its own job asks for its pool-side job id (SV2 section 5.3.18).
    public struct SetCustomMiningJob: V2ChannelMessage {
        public static var messageType: UInt8 { 0x22 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        public var miningJobToken: [UInt8]
        public var version: UInt32
        public var prevHash: Hash256
        public var minNTime: UInt32
        public var nBits: UInt32
        public var coinbaseTxVersion: UInt32
        /// The start of the coinbase's scriptSig, before the extranonce.
        public var coinbasePrefix: [UInt8]
        public var coinbaseTxInputNSequence: UInt32
        /// Outputs as in a transaction, with their CompactSize count.
        public var coinbaseTxOutputs: [UInt8]
        public var coinbaseTxLocktime: UInt32
        public var merklePath: [Hash256]

        public init(
            channelID: UInt32, requestID: UInt32, miningJobToken: [UInt8], version: UInt32,
            prevHash: Hash256, minNTime: UInt32, nBits: UInt32, coinbaseTxVersion: UInt32,
            coinbasePrefix: [UInt8], coinbaseTxInputNSequence: UInt32, coinbaseTxOutputs: [UInt8],
            coinbaseTxLocktime: UInt32, merklePath: [Hash256]
        ) {
            self.channelID = channelID
            self.requestID = requestID
            self.miningJobToken = miningJobToken
            self.version = version
            self.prevHash = prevHash
            self.minNTime = minNTime
            self.nBits = nBits
            self.coinbaseTxVersion = coinbaseTxVersion
            self.coinbasePrefix = coinbasePrefix
            self.coinbaseTxInputNSequence = coinbaseTxInputNSequence
            self.coinbaseTxOutputs = coinbaseTxOutputs
            self.coinbaseTxLocktime = coinbaseTxLocktime
            self.merklePath = merklePath
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            requestID = try reader.readU32()
            miningJobToken = try reader.readBytes255()
            version = try reader.readU32()
            prevHash = try reader.readHash()
            minNTime = try reader.readU32()
            nBits = try reader.readU32()
            coinbaseTxVersion = try reader.readU32()
            coinbasePrefix = try reader.readBytes255()
            coinbaseTxInputNSequence = try reader.readU32()
            coinbaseTxOutputs = try reader.readBytes64K()
            coinbaseTxLocktime = try reader.readU32()
            merklePath = try reader.readHashes255()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: requestID)
            writer.write(bytes255: miningJobToken)
            writer.write(u32: version)
            writer.write(hash: prevHash)
            writer.write(u32: minNTime)
            writer.write(u32: nBits)
            writer.write(u32: coinbaseTxVersion)
            writer.write(bytes255: coinbasePrefix)
            writer.write(u32: coinbaseTxInputNSequence)
            writer.write(bytes64K: coinbaseTxOutputs)
            writer.write(u32: coinbaseTxLocktime)
            writer.write(hashes255: merklePath)
        }
    }

    /// Accepts a custom job (SV2 section 5.3.19).
    public struct SetCustomMiningJobSuccess: V2ChannelMessage {
        public static var messageType: UInt8 { 0x23 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// The server's id, to be used in shares.
        public var jobID: UInt32

        public init(channelID: UInt32, requestID: UInt32, jobID: UInt32) {
            self.channelID = channelID
            self.requestID = requestID
            self.jobID = jobID
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            requestID = try reader.readU32()
            jobID = try reader.readU32()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: requestID)
            writer.write(u32: jobID)
        }
    }

    /// Refuses a custom job (SV2 section 5.3.20).
    public struct SetCustomMiningJobError: V2ChannelMessage {
        public static var messageType: UInt8 { 0x24 }
        public static var isChannelMessage: Bool { true }

        public var channelID: UInt32
        /// Echoed by the answer; chosen by the sender of the request.
        public var requestID: UInt32
        /// See ``V2ErrorCode``.
        public var errorCode: String

        public init(channelID: UInt32, requestID: UInt32, errorCode: String) {
            self.channelID = channelID
            self.requestID = requestID
            self.errorCode = errorCode
        }

        public init(from reader: inout ByteReader) throws(V2DecodeError) {
            channelID = try reader.readU32()
            requestID = try reader.readU32()
            errorCode = try reader.readString()
        }

        public func encode(into writer: inout ByteWriter) {
            writer.write(u32: channelID)
            writer.write(u32: requestID)
            writer.write(string: errorCode)
        }
    }
}
