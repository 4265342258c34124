public import Bitcoin
import SansIO

/// Names a worker for as long as the ledger lives.
public struct WorkerID: Hashable, Comparable, Sendable {
    public var raw: UInt32
    public init(_ raw: UInt32) { self.raw = raw }
    public static func < (a: WorkerID, b: WorkerID) -> Bool { a.raw < b.raw }
}

/// A worker's sums and rates.
public struct WorkerRow: Sendable, Equatable {
    public var user: UserID
    public var name: String
    /// Its blocks pay its own address.
    public var isSolo: Bool
    /// Percent of its reward that it gives to the pool.
    public var poolPercent: UInt8
    /// Unix seconds.
    public var firstSeen: UInt32
    public var lastSeen: UInt32
    public var shares: UInt64 = 0
    /// Expected hashes.
    public var work: UInt128 = 0
    public var rejected: UInt64 = 0
    public var blocks: UInt32 = 0
    public var windows: WorkWindows
}

/// A channel of the pool, or one of its named workers.
public struct AccountRow: Sendable, Equatable {
    public var worker: WorkerID
    public var isExtended: Bool
    public var opened: UInt32
    /// 0 while it is open.
    public var closed: UInt32 = 0
    public var shares: UInt64 = 0
    public var work: UInt128 = 0
    public var lastSequenceNumber: UInt32 = 0
}

/// A time of the ledger under one set of terms.
public struct SliceRow: Sendable, Equatable {
    public var start: UInt32
    public var height: UInt32
    public var reward: UInt64
    public var networkWork: UInt128
    public var shares: UInt64 = 0
    public var work: UInt128 = 0
}

/// A block that a share made.
public struct BlockRow: Sendable, Equatable {
    public var hash: Hash256
    public var height: UInt32
    public var unixTime: UInt32
    public var worker: WorkerID
    public var user: UserID
    public var isSolo: Bool
    public var poolPercent: UInt8
    public var reward: UInt64
    public var networkWork: UInt128
    /// The last slice of its round.
    public var slice: UInt64
    public var fate: BlockFate
}

extension WorkerRow {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.write(u32: user.raw)
        writer.write(text: name)
        writer.write(u8: isSolo ? 1 : 0)
        writer.write(u8: poolPercent)
        writer.write(u32: firstSeen)
        writer.write(u32: lastSeen)
        writer.write(u64: shares)
        writer.write(leb128: work)
        writer.write(u64: rejected)
        writer.write(u32: blocks)
        windows.write(into: &writer)
        return writer.bytes
    }

    init?(_ bytes: RawSpan) {
        var reader = ByteReader(bytes)
        do {
            user = UserID(try reader.u32())
            name = try reader.ledgerText(limit: LedgerLimits.nameBytes)
            isSolo = try reader.u8() != 0
            poolPercent = try reader.u8()
            firstSeen = try reader.u32()
            lastSeen = try reader.u32()
            shares = try reader.u64()
            work = try reader.leb128(UInt128.self)
            rejected = try reader.u64()
            blocks = try reader.u32()
            windows = try WorkWindows(from: &reader)
        } catch { return nil }
    }
}

extension AccountRow {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 48)
        writer.write(u32: worker.raw)
        writer.write(u8: isExtended ? 1 : 0)
        writer.write(u32: opened)
        writer.write(u32: closed)
        writer.write(u64: shares)
        writer.write(leb128: work)
        writer.write(u32: lastSequenceNumber)
        return writer.bytes
    }

    init?(_ bytes: RawSpan) {
        var reader = ByteReader(bytes)
        do {
            worker = WorkerID(try reader.u32())
            isExtended = try reader.u8() != 0
            opened = try reader.u32()
            closed = try reader.u32()
            shares = try reader.u64()
            work = try reader.leb128(UInt128.self)
            lastSequenceNumber = try reader.u32()
        } catch { return nil }
    }
}

extension SliceRow {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.write(u32: start)
        writer.write(u32: height)
        writer.write(u64: reward)
        writer.write(leb128: networkWork)
        writer.write(u64: shares)
        writer.write(leb128: work)
        return writer.bytes
    }

    init?(_ bytes: RawSpan) {
        var reader = ByteReader(bytes)
        do {
            start = try reader.u32()
            height = try reader.u32()
            reward = try reader.u64()
            networkWork = try reader.leb128(UInt128.self)
            shares = try reader.u64()
            work = try reader.leb128(UInt128.self)
        } catch { return nil }
    }
}

extension BlockRow {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.write(hash: hash)
        writer.write(u32: height)
        writer.write(u32: unixTime)
        writer.write(u32: worker.raw)
        writer.write(u32: user.raw)
        writer.write(u8: isSolo ? 1 : 0)
        writer.write(u8: poolPercent)
        writer.write(u64: reward)
        writer.write(leb128: networkWork)
        writer.write(u64: slice)
        writer.write(u8: fate.rawValue)
        return writer.bytes
    }

    init?(_ bytes: RawSpan) {
        var reader = ByteReader(bytes)
        do {
            hash = try reader.hash256()
            height = try reader.u32()
            unixTime = try reader.u32()
            worker = WorkerID(try reader.u32())
            user = UserID(try reader.u32())
            isSolo = try reader.u8() != 0
            poolPercent = try reader.u8()
            reward = try reader.u64()
            networkWork = try reader.leb128(UInt128.self)
            slice = try reader.u64()
            guard let read = BlockFate(rawValue: try reader.u8()) else { return nil }
            fate = read
        } catch { return nil }
    }
}
