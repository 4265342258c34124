import SansIO

/// Why bytes are not a transaction or block.
public enum TransactionError: Error, Equatable, Sendable {
    case bytes(ByteReaderError)
    /// The segwit marker is set, but every witness is empty (BIP144; Core: "Superfluous witness record").
    case superfluousWitness
    /// Flag bits other than the witness bit.
    case unknownOptionalData(UInt8)
}

/// A reference to an output of an earlier transaction.
public struct OutPoint: Hashable, Sendable {
    public var txid: Hash256
    public var index: UInt32

    public init(txid: Hash256, index: UInt32) {
        self.txid = txid
        self.index = index
    }

    /// What the input of a coinbase transaction refers to.
    public static let null = OutPoint(txid: .zero, index: .max)
    public var isNull: Bool { index == .max && txid.isZero }

    public func encode(into writer: inout ByteWriter) {
        writer.write(hash: txid)
        writer.write(u32: index)
    }

    public init(from reader: inout ByteReader) throws(ByteReaderError) {
        txid = try reader.hash256()
        index = try reader.u32()
    }
}

extension OutPoint: CustomStringConvertible {
    public var description: String { "\(txid.displayHex):\(index)" }
}

public struct TransactionInput: Hashable, Sendable {
    public var previousOutput: OutPoint
    public var scriptSig: Script
    public var sequence: UInt32
    /// The stack of BIP141, the last element on top. Not part of what `txid` commits to.
    public var witness: [[UInt8]]

    public init(
        previousOutput: OutPoint, scriptSig: Script = Script(), sequence: UInt32 = .max,
        witness: [[UInt8]] = []
    ) {
        self.previousOutput = previousOutput
        self.scriptSig = scriptSig
        self.sequence = sequence
        self.witness = witness
    }
}

public struct TransactionOutput: Hashable, Sendable {
    /// In satoshi. Any 64 bits decode; whether they are money is for consensus to say.
    public var value: Int64
    public var scriptPubKey: Script

    public init(value: Int64, scriptPubKey: Script) {
        self.value = value
        self.scriptPubKey = scriptPubKey
    }

    public func encode(into writer: inout ByteWriter) {
        writer.write(u64: UInt64(bitPattern: value))
        scriptPubKey.encode(into: &writer)
    }

    public init(from reader: inout ByteReader) throws(ByteReaderError) {
        value = Int64(bitPattern: try reader.u64())
        scriptPubKey = try Script(from: &reader)
    }
}

/// A transaction and, computed once, its ids and sizes.
///
/// Making one hashes it, so that reading `txid` again and again costs nothing. Assigning to a field drops
/// what was computed; ids and sizes then are computed at each reading until `seal()`. Build from parts where
/// you can.
public struct Transaction: Sendable {
    public var version: UInt32 { didSet { cache = nil } }
    public var inputs: [TransactionInput] { didSet { cache = nil } }
    public var outputs: [TransactionOutput] { didSet { cache = nil } }
    public var lockTime: UInt32 { didSet { cache = nil } }

    /// What the serialized bytes determine.
    struct Identity: Sendable {
        var txid: Hash256
        var wtxid: Hash256
        var baseSize: UInt32
        var totalSize: UInt32
    }
    private var cache: Identity?

    public init(
        version: UInt32 = 2, inputs: [TransactionInput], outputs: [TransactionOutput], lockTime: UInt32 = 0
    ) {
        self.version = version
        self.inputs = inputs
        self.outputs = outputs
        self.lockTime = lockTime
        cache = nil
        cache = computedIdentity()
    }

    init(
        version: UInt32, inputs: [TransactionInput], outputs: [TransactionOutput], lockTime: UInt32,
        identity: Identity
    ) {
        self.version = version
        self.inputs = inputs
        self.outputs = outputs
        self.lockTime = lockTime
        cache = identity
    }

    /// Computes ids and sizes anew after fields were assigned.
    public mutating func seal() {
        if cache == nil { cache = computedIdentity() }
    }

    private var identity: Identity { cache ?? computedIdentity() }

    /// Identifies what the transaction does; witnesses do not change it.
    public var txid: Hash256 { identity.txid }
    /// Identifies the bytes with their witnesses (BIP141). Equal to `txid` where there is none.
    public var wtxid: Hash256 { identity.wtxid }
    /// Bytes without marker, flag and witnesses.
    public var baseSize: Int { Int(identity.baseSize) }
    /// Bytes as relayed.
    public var totalSize: Int { Int(identity.totalSize) }
    /// In weight units, BIP141: three times the base size and once the total size.
    public var weight: Int {
        let identity = identity
        return 3 * Int(identity.baseSize) + Int(identity.totalSize)
    }
    /// In virtual bytes: a quarter of the weight, rounded up.
    public var virtualSize: Int { (weight + 3) / 4 }

    public var hasWitness: Bool { inputs.contains { !$0.witness.isEmpty } }
    public var isCoinbase: Bool { inputs.count == 1 && inputs[0].previousOutput.isNull }
}

extension Transaction: Hashable {
    public static func == (a: Transaction, b: Transaction) -> Bool {
        a.version == b.version && a.lockTime == b.lockTime && a.inputs == b.inputs && a.outputs == b.outputs
    }
    public func hash(into hasher: inout Hasher) { hasher.combine(wtxid) }
}
