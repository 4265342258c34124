import Bitcoin
import SansIO

/// The key-value records of one map.
struct PSBTRecords {
    struct Record {
        var type: UInt64
        /// The whole key, its type included.
        var key: [UInt8]
        /// The key without its type.
        var suffix: [UInt8]
        var value: [UInt8]
    }

    static let magic: [UInt8] = [0x70, 0x73, 0x62, 0x74, 0xff]

    /// Reads to the separator. `name` is what Core calls the map: global, input, output.
    static func read(
        _ reader: inout ByteReader, _ name: String
    ) throws(PSBTError) -> [Record] {
        var records: [Record] = []
        var seen: Set<[UInt8]> = []
        while !reader.isAtEnd {
            let key: [UInt8]
            let value: [UInt8]
            do throws(ByteReaderError) {
                key = try reader.bytes(Int(try reader.compactSize()))
                if key.isEmpty { return records }
                value = try reader.bytes(Int(try reader.compactSize()))
            } catch {
                throw PSBTError("SpanReader::read(): end of data")
            }
            guard seen.insert(key).inserted else {
                throw PSBTError("Duplicate Key, \(name) key \"\(key.hex)\" already provided")
            }
            var inside = ByteReader(key.span.bytes)
            guard let type = try? inside.compactSize(limit: .max) else {
                throw PSBTError("non-canonical ReadCompactSize()")
            }
            records.append(
                Record(type: type, key: key, suffix: Array(key[inside.offset...]), value: value))
            if records.count > ChainLimits.psbtRecords { throw PSBTError("Too many records in a map") }
        }
        throw PSBTError("Separator is missing at the end of \(name == "global" ? "the" : "an") \(name) map")
    }
}

extension PSBTRecords.Record {
    func expect(_ name: String, size: Int = 1) throws(PSBTError) {
        guard key.count == size else {
            throw PSBTError("Size of key was not \(size) for the type \(name)")
        }
    }

    static let wrongSize = PSBTError("Size of value was not the stated size")

    func u32() throws(PSBTError) -> UInt32 {
        guard value.count == 4 else { throw Self.wrongSize }
        return value.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    func hash() throws(PSBTError) -> Hash256 {
        guard let hash = Hash256(bytes: value) else { throw Self.wrongSize }
        return hash
    }

    func compactSize() throws(PSBTError) -> UInt64 {
        var reader = ByteReader(value.span.bytes)
        guard let number = try? reader.compactSize(limit: .max), reader.isAtEnd else { throw Self.wrongSize }
        return number
    }

    func output() throws(PSBTError) -> TransactionOutput {
        var reader = ByteReader(value.span.bytes)
        guard let output = try? TransactionOutput(from: &reader), reader.isAtEnd else { throw Self.wrongSize }
        return output
    }

    func origin() throws(PSBTError) -> KeyExpression.Origin { try Self.origin(value[...]) }

    static func origin(_ bytes: ArraySlice<UInt8>) throws(PSBTError) -> KeyExpression.Origin {
        guard bytes.count >= 4, bytes.count % 4 == 0 else {
            throw PSBTError("Invalid length for HD key path")
        }
        let start = bytes.startIndex
        let path = stride(from: start + 4, to: bytes.endIndex, by: 4).map { at in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
        }
        return KeyExpression.Origin(fingerprint: Array(bytes[start..<start + 4]), path: path)
    }

    /// A compressed or uncompressed key behind the type.
    func publicKey(_ name: String) throws(PSBTError) -> [UInt8] {
        guard suffix.count == 33 || suffix.count == 65 else {
            throw PSBTError("Size of key was not the expected size for the type \(name)")
        }
        guard PublicKey(bytes: suffix) != nil else { throw PSBTError("Invalid pubkey") }
        return suffix
    }

    /// A taproot key's origin: hashes of its leaves, then fingerprint and path.
    func tapOrigin(_ name: String) throws(PSBTError) -> SignatureData.TapOrigin {
        try expect("\(name) Taproot BIP32 Keypath", size: 33)
        let wrong = PSBTError("\(name) Taproot BIP32 keypath has an invalid length")
        var reader = ByteReader(value.span.bytes)
        var hashes: [Hash256] = []
        do throws(ByteReaderError) {
            let count = try reader.compactSize()
            for _ in 0..<count { hashes.append(try reader.hash256()) }
        } catch {
            throw wrong
        }
        var entry = SignatureData.TapOrigin(leaves: [], origin: try Self.origin(value[reader.offset...]))
        for hash in hashes { entry.add(hash) }
        return entry
    }

    /// MuSig2's participants of an aggregate key (BIP373).
    func participants(_ name: String) throws(PSBTError) {
        try expect("\(name) MuSig2 Participants Pubkeys", size: 34)
        guard PublicKey(bytes: suffix) != nil else {
            throw PSBTError("\(name) musig2 aggregate pubkey is invalid")
        }
        for at in stride(from: 0, to: value.count - value.count % 33, by: 33)
        where PublicKey(bytes: Array(value[at..<at + 33])) == nil {
            throw PSBTError("\(name) musig2 participant pubkey is invalid")
        }
        guard value.count % 33 == 0 else {
            throw PSBTError("\(name) musig2 participants pubkeys value size is not a multiple of 33")
        }
    }

    /// The key of a nonce or partial signature, its parts in the order they are kept.
    func musigIdentity(_ name: String) throws(PSBTError) -> [UInt8] {
        guard suffix.count == 66 || suffix.count == 98 else {
            throw PSBTError("Input musig2 \(name) key is not expected size of 67 or 99 bytes")
        }
        let participant = Array(suffix[..<33])
        let aggregate = Array(suffix[33..<66])
        guard PublicKey(bytes: aggregate) != nil else {
            throw PSBTError("musig2 aggregate pubkey is invalid")
        }
        guard PublicKey(bytes: participant) != nil else {
            throw PSBTError("musig2 participant pubkey is invalid")
        }
        let leaf = suffix.count == 98 ? Array(suffix[66...]) : [UInt8](repeating: 0, count: 32)
        return aggregate + leaf + participant
    }

    /// A key whose identifier is no string, or that has no subtype, is malformed.
    func checkProprietary() throws(PSBTError) {
        var reader = ByteReader(suffix.span.bytes)
        do throws(ByteReaderError) {
            _ = try reader.bytes(Int(try reader.compactSize()))
            _ = try reader.compactSize(limit: .max)
        } catch {
            throw PSBTError("SpanReader::read(): end of data")
        }
    }
}

/// Writes records.
struct PSBTWriter {
    var writer = ByteWriter(capacity: 1_024)

    mutating func record(_ type: UInt8, _ suffix: [UInt8] = [], _ value: [UInt8]) {
        raw([type] + suffix, value)
    }

    mutating func raw(_ key: [UInt8], _ value: [UInt8]) {
        writer.write(compactSize: UInt64(key.count))
        writer.write(key)
        writer.write(compactSize: UInt64(value.count))
        writer.write(value)
    }

    mutating func record(_ type: UInt8, u32 value: UInt32) {
        var inner = ByteWriter(capacity: 4)
        inner.write(u32: value)
        record(type, [], inner.bytes)
    }

    mutating func record(_ type: UInt8, compactSize value: Int) {
        var inner = ByteWriter(capacity: 9)
        inner.write(compactSize: UInt64(value))
        record(type, [], inner.bytes)
    }

    mutating func record(_ type: UInt8, output: TransactionOutput) {
        var inner = ByteWriter(capacity: 64)
        output.encode(into: &inner)
        record(type, [], inner.bytes)
    }

    mutating func records(_ map: ByteMap<[UInt8]>) {
        for (key, value) in map.entries { raw(key, value) }
    }

    mutating func origins(_ type: UInt8, _ map: ByteMap<KeyExpression.Origin>) {
        for (key, origin) in map.entries { record(type, key, Self.bytes(origin)) }
    }

    mutating func tapOrigins(_ type: UInt8, _ map: ByteMap<SignatureData.TapOrigin>) {
        for (key, entry) in map.entries {
            var inner = ByteWriter(capacity: 64)
            inner.write(compactSize: UInt64(entry.leaves.count))
            for leaf in entry.leaves { inner.write(hash: leaf) }
            inner.write(Self.bytes(entry.origin))
            record(type, key, inner.bytes)
        }
    }

    mutating func separator() { writer.write(u8: 0) }

    static func bytes(_ origin: KeyExpression.Origin) -> [UInt8] {
        var inner = ByteWriter(capacity: 4 + 4 * origin.path.count)
        inner.write(origin.fingerprint)
        for step in origin.path { inner.write(u32: step) }
        return inner.bytes
    }
}

/// The key of a proprietary record: type, identifier and subtype.
enum ProprietaryKey {
    static func parts(_ key: [UInt8]) -> (identifier: [UInt8], subtype: UInt64) {
        var reader = ByteReader(key.span.bytes)
        _ = try? reader.compactSize(limit: .max)
        let identifier = (try? reader.bytes(Int(clamping: (try? reader.compactSize()) ?? 0))) ?? []
        return (identifier, (try? reader.compactSize(limit: .max)) ?? 0)
    }
}
