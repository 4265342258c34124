public import Bitcoin
import Synchronization

/// What was verified already: single signatures, and all scripts of a transaction. The memory pool fills it and
/// blocks look into it. It never changes a verdict, only the time that one takes, so copies of a chain may share
/// one, and any thread may ask it.
///
/// Entries are 128 bits of a hash that begins with a secret, so that nobody can choose what collides.
public final class ValidationCache: Sendable {
    /// A salted hash, cut to what identifies an entry.
    struct Tag: Sendable, Equatable {
        var low: UInt64
        var high: UInt64
    }

    enum Kind: UInt8 {
        case ecdsa = 0x45
        case schnorr = 0x53
        case scripts = 0x54
    }

    private let salted: SHA256Stream
    private let signatures: Mutex<TagTable>
    private let scripts: Mutex<TagTable>

    /// `salt` is a secret of the node; without one, whoever sends transactions can make entries collide.
    public init(salt: [UInt8] = []) {
        salted = SHA256Stream(tag: "lab/validation cache " + salt.hex)
        signatures = Mutex(TagTable(buckets: ChainLimits.cachedSignatures / TagTable.ways))
        scripts = Mutex(TagTable(buckets: ChainLimits.cachedScripts / TagTable.ways))
    }

    /// Whether all scripts of the transaction are known to pass under these flags.
    public func containsScripts(of wtxid: Hash256, flags: ScriptFlags) -> Bool {
        let tag = tag(wtxid, flags)
        return scripts.withLock { $0.contains(tag) }
    }

    /// Remembers that all scripts of the transaction pass under these flags. The spent outputs need not be
    /// named: the transaction's id commits to theirs.
    public func insertScripts(of wtxid: Hash256, flags: ScriptFlags) {
        let tag = tag(wtxid, flags)
        scripts.withLock { $0.insert(tag) }
    }

    /// Entries of both kinds.
    public var count: Int { signatures.withLock(\.count) + scripts.withLock(\.count) }

    var hasNoSignatures: Bool { signatures.withLock { $0.count == 0 } }
    var hasNoScripts: Bool { scripts.withLock { $0.count == 0 } }

    func containsSignature(_ tag: Tag) -> Bool { signatures.withLock { $0.contains(tag) } }
    func insertSignature(_ tag: Tag) { signatures.withLock { $0.insert(tag) } }

    func tag(_ kind: Kind, digest: Hash256, key: [UInt8], signature: [UInt8]) -> Tag {
        var stream = salted
        stream.update(byte: kind.rawValue)
        stream.update(digest)
        // The key's first byte and the kind fix its length, so that no two pairs read the same.
        stream.update(key)
        stream.update(signature)
        return Tag(stream.finalize())
    }

    private func tag(_ wtxid: Hash256, _ flags: ScriptFlags) -> Tag {
        var stream = salted
        stream.update(byte: Kind.scripts.rawValue)
        stream.update(wtxid)
        withUnsafeBytes(of: flags.rawValue.littleEndian) { stream.update($0) }
        return Tag(stream.finalize())
    }
}

extension ValidationCache.Tag {
    init(_ hash: Hash256) {
        (low, high) = hash.withUnsafeBytes {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        // Zero marks an empty place.
        if low == 0 { low = 1 }
    }
}

/// A set of tags in buckets of four; a full bucket forgets its entries in turn. Allocated with the first entry.
struct TagTable {
    static let ways = 4

    private let buckets: Int
    private var places: [ValidationCache.Tag] = []
    private var turn = 0
    private(set) var count = 0

    init(buckets: Int) { self.buckets = buckets }

    func contains(_ tag: ValidationCache.Tag) -> Bool {
        guard !places.isEmpty else { return false }
        let first = start(of: tag)
        return places[first] == tag || places[first + 1] == tag || places[first + 2] == tag
            || places[first + 3] == tag
    }

    mutating func insert(_ tag: ValidationCache.Tag) {
        guard !contains(tag) else { return }
        if places.isEmpty {
            places = Array(repeating: ValidationCache.Tag(low: 0, high: 0), count: buckets * Self.ways)
        }
        let first = start(of: tag)
        for place in first..<first + Self.ways where places[place].low == 0 {
            places[place] = tag
            count += 1
            return
        }
        places[first + turn] = tag
        turn = (turn + 1) % Self.ways
    }

    private func start(of tag: ValidationCache.Tag) -> Int { Int(tag.high % UInt64(buckets)) * Self.ways }
}
