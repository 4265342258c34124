import Bitcoin
import SansIO

/// A `mining_job_token` (SV2 sections 5.3.18, 6.4.3 and 6.4.5), opened.
///
/// A token carries what it proves and a MAC over it, so that the pool needs no word with the server that issued it,
/// be it in the same process or on another continent:
/// - somebody who knows the secret gave it out, for this identity and these pool outputs, and it has not expired;
/// - `declared`: a node judged the block with exactly this version, tip, coinbase and merkle path valid but for its
///   proof of work.
///
/// It does not prove that its bearer is the one who asked for it, nor that it was not used before: identity and use
/// are for the pool to check, and two pools that share a secret count uses apart.
public struct MiningJobToken: Sendable, Equatable {
    public enum Grant: Sendable, Equatable {
        /// Coinbase-only mode: good for SetCustomMiningJob as it is.
        case coinbaseOnly
        /// Full-template mode: good for one DeclareMiningJob.
        case declaration
        /// Full-template mode: good for SetCustomMiningJob with this work.
        case declared(DeclaredWork)
    }

    /// Sixteen bytes of the issuer's seeded generator: names the token and nobody can guess it.
    public var serial: [UInt8]
    /// Unix seconds; good until then.
    public var expires: UInt32
    /// ``TokenSecret/Purpose/identity``.
    public var identity: [UInt8]
    /// ``TokenSecret/Purpose/poolOutputs``.
    public var poolOutputs: [UInt8]
    public var grant: Grant

    public init(serial: [UInt8], expires: UInt32, identity: [UInt8], poolOutputs: [UInt8], grant: Grant) {
        precondition(serial.count == 16 && identity.count == 16 && poolOutputs.count == 16)
        self.serial = serial
        self.expires = expires
        self.identity = identity
        self.poolOutputs = poolOutputs
        self.grant = grant
    }

    private static let format: UInt8 = 1

    /// How long a token is good; a pool that takes tokens back reckons with it.
    public static let lifetime = Interval.minutes(30)

    /// The bytes on the wire, at most 186.
    public func bytes(under secret: TokenSecret) -> [UInt8] {
        var writer = ByteWriter(capacity: 192)
        writer.write(u8: MiningJobToken.format)
        switch grant {
        case .coinbaseOnly: writer.write(u8: 0)
        case .declaration: writer.write(u8: 1)
        case .declared: writer.write(u8: 2)
        }
        writer.write(serial)
        writer.write(u32: expires)
        writer.write(identity)
        writer.write(poolOutputs)
        if case .declared(let work) = grant { work.encode(into: &writer) }
        writer.write(secret.seal(writer.bytes))
        return writer.bytes
    }

    /// Nil for bytes that nobody with the secret wrote. Expiry is not looked at.
    public init?(_ bytes: [UInt8], under secret: TokenSecret) {
        guard bytes.count > 32, bytes[0] == MiningJobToken.format else { return nil }
        let body = Array(bytes[..<(bytes.count - 32)])
        var difference: UInt8 = 0
        for (mine, theirs) in zip(secret.seal(body), bytes[body.count...]) { difference |= mine ^ theirs }
        guard difference == 0 else { return nil }
        var reader = ByteReader(body.span.bytes)
        do throws(ByteReaderError) {
            try reader.skip(1)
            let kind = try reader.u8()
            serial = try reader.bytes(16)
            expires = try reader.u32()
            identity = try reader.bytes(16)
            poolOutputs = try reader.bytes(16)
            switch kind {
            case 0: grant = .coinbaseOnly
            case 1: grant = .declaration
            case 2: grant = .declared(try DeclaredWork(from: &reader))
            default: return nil
            }
            try reader.end()
        } catch { return nil }
    }
}

/// What a declared job was judged with: fields as they are, longer ones as keyed digests.
public struct DeclaredWork: Sendable, Equatable {
    public var version: UInt32
    public var prevHash: Hash256
    public var nBits: UInt32
    /// The earliest header time that the tip allows.
    public var minNTime: UInt32
    public var coinbaseVersion: UInt32
    public var sequence: UInt32
    public var lockTime: UInt32
    /// Bytes between the declared halves of the coinbase.
    public var extranonceSize: UInt8
    /// The scriptSig before the extranonce.
    public var scriptPrefix: [UInt8]
    public var outputs: [UInt8]
    public var merklePath: [UInt8]

    public init(
        version: UInt32, prevHash: Hash256, nBits: UInt32, minNTime: UInt32, coinbaseVersion: UInt32,
        sequence: UInt32, lockTime: UInt32, extranonceSize: UInt8, scriptPrefix: [UInt8], outputs: [UInt8],
        merklePath: [Hash256], secret: TokenSecret
    ) {
        self.version = version
        self.prevHash = prevHash
        self.nBits = nBits
        self.minNTime = minNTime
        self.coinbaseVersion = coinbaseVersion
        self.sequence = sequence
        self.lockTime = lockTime
        self.extranonceSize = extranonceSize
        self.scriptPrefix = secret.digest(.scriptPrefix, scriptPrefix)
        self.outputs = secret.digest(.outputs, outputs)
        self.merklePath = secret.digest(.merklePath, merklePath.flatMap(\.bytes))
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(u32: version)
        writer.write(hash: prevHash)
        for value in [nBits, minNTime, coinbaseVersion, sequence, lockTime] { writer.write(u32: value) }
        writer.write(u8: extranonceSize)
        writer.write(scriptPrefix)
        writer.write(outputs)
        writer.write(merklePath)
    }

    init(from reader: inout ByteReader) throws(ByteReaderError) {
        version = try reader.u32()
        prevHash = try reader.hash256()
        nBits = try reader.u32()
        minNTime = try reader.u32()
        coinbaseVersion = try reader.u32()
        sequence = try reader.u32()
        lockTime = try reader.u32()
        extranonceSize = try reader.u8()
        scriptPrefix = try reader.bytes(16)
        outputs = try reader.bytes(16)
        merklePath = try reader.bytes(16)
    }
}
