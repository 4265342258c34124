public import Bitcoin
import SansIO

/// BIP158's basic filter of a block: a compressed set of the scripts that it pays to and spends from. A light
/// client asks it for its own scripts and downloads the block when one may be in it.
public struct BlockFilter: Sendable, Equatable {
    /// The key of the hash is its first half.
    public let blockHash: Hash256
    /// A CompactSize count and the coded set, as in a `cfilter` message.
    public let bytes: [UInt8]

    /// BIP158's P: bits of a code's remainder.
    private static let parameter = 19
    /// BIP158's M: one false match in this many questions.
    private static let inverseRate: UInt64 = 784_931

    /// From a block and the locking scripts of the outputs that it spends, in any order.
    public init(block: Block, spentScripts: [Script]) {
        blockHash = block.hash
        var scripts = Set<Script>()
        for transaction in block.transactions {
            for output in transaction.outputs where output.scriptPubKey.bytes.first != 0x6a {
                scripts.insert(output.scriptPubKey)
            }
        }
        scripts.formUnion(spentScripts)
        scripts.remove(Script())
        bytes = Self.encode(scripts, Self.key(of: blockHash))
    }

    /// From what a peer or a store sent; nil when that is not a set of as many elements as it says, with
    /// nothing behind them.
    public init?(bytes: [UInt8], blockHash: Hash256) {
        guard let (count, start) = Self.count(of: bytes), count <= UInt32.max else { return nil }
        var reader = GolombRiceReader(bytes, at: start)
        for _ in 0..<count where reader.next(parameter: Self.parameter) == nil { return nil }
        guard reader.isAtEnd else { return nil }
        self.bytes = bytes
        self.blockHash = blockHash
    }

    /// Double SHA-256 of the bytes.
    public var filterHash: Hash256 { SHA256.double(bytes) }

    /// BIP157: commits to this filter and all before it. Before the genesis there is zero.
    public func header(previous: Hash256) -> Hash256 {
        Self.header(filterHash: filterHash, previous: previous)
    }

    public static func header(filterHash: Hash256, previous: Hash256) -> Hash256 {
        SHA256.doublePair(filterHash, previous)
    }

    public func matches(_ script: Script) -> Bool { matchesAny([script]) }

    /// Whether one of the scripts may be in the block; false is certain.
    public func matchesAny(_ scripts: [Script]) -> Bool {
        guard let (count, start) = Self.count(of: bytes), count > 0, !scripts.isEmpty else { return false }
        let queries = Self.hashes(of: scripts, count: count, Self.key(of: blockHash))
        var reader = GolombRiceReader(bytes, at: start)
        var value: UInt64 = 0
        var index = 0
        for _ in 0..<count {
            guard let delta = reader.next(parameter: Self.parameter) else { return false }
            value &+= delta
            while index < queries.count, queries[index] < value { index += 1 }
            guard index < queries.count else { return false }
            if queries[index] == value { return true }
        }
        return false
    }

    private static func key(of hash: Hash256) -> SipHash {
        hash.withUnsafeBytes {
            SipHash(
                k0: UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)),
                k1: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    private static func encode(_ scripts: Set<Script>, _ key: SipHash) -> [UInt8] {
        var prefix = ByteWriter(capacity: 9)
        prefix.write(compactSize: UInt64(scripts.count))
        var writer = GolombRiceWriter(after: prefix.bytes)
        var last: UInt64 = 0
        // The order of a set does not matter: the hashes are sorted.
        for value in hashes(of: scripts, count: UInt64(scripts.count), key) {
            writer.write(value - last, parameter: parameter)
            last = value
        }
        writer.finish()
        return writer.bytes
    }

    /// Each script as a number below count times M, in ascending order.
    private static func hashes(of scripts: some Sequence<Script>, count: UInt64, _ key: SipHash) -> [UInt64] {
        let range = count * inverseRate
        return scripts.map { script in
            script.bytes.withUnsafeBytes { key.digest($0) }.multipliedFullWidth(by: range).high
        }.sorted()
    }

    private static func count(of bytes: [UInt8]) -> (count: UInt64, start: Int)? {
        var reader = ByteReader(bytes.span.bytes)
        guard let count = try? reader.compactSize() else { return nil }
        return (count, reader.offset)
    }
}
