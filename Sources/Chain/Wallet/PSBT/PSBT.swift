import Bitcoin
import SansIO

/// Why bytes are no partially signed transaction; the words are Bitcoin Core's.
struct PSBTError: Error, Equatable {
    var message: String

    init(_ message: String) { self.message = message }
}

/// A partially signed transaction: version 0 (BIP174) and 2 (BIP370), with taproot's fields (BIP371). What it
/// does not know (MuSig2, proprietary and unknown records) it keeps.
struct PSBT: Sendable, Equatable {
    /// 0 or 2.
    var version: UInt32
    var transactionVersion: UInt32
    /// In version 0 the transaction's lock time.
    var fallbackLockTime: UInt32?
    /// Bit 0: inputs, bit 1: outputs may be added; bit 2: a signature is SIGHASH_SINGLE.
    var modifiable: UInt8?
    /// Extended keys of 78 bytes; by fingerprint and path, then key.
    var extendedKeys = ByteMap<KeyExpression.Origin>()
    var inputs: [Input]
    var outputs: [Output]
    var proprietary = ByteMap<[UInt8]>()
    var unknown = ByteMap<[UInt8]>()

    struct Input: Sendable, Equatable {
        var previousOutput: OutPoint
        var sequence: UInt32?
        var timeLock: UInt32?
        var heightLock: UInt32?

        /// The whole transaction that made the output, where it is given.
        var previousTransaction: Transaction?
        var witnessOutput: TransactionOutput?
        /// By key identifier.
        var signatures = ByteMap<SignatureData.Partial>()
        var hashType: UInt32?
        var redeemScript = Script()
        var witnessScript = Script()
        /// By public key.
        var origins = ByteMap<KeyExpression.Origin>()
        var finalScriptSig = Script()
        var finalWitness: [[UInt8]] = []
        /// RIPEMD160, SHA256, HASH160 and HASH256, in that order, by hash.
        var preimages = [ByteMap<[UInt8]>](repeating: ByteMap(), count: 4)

        var tapKeySignature: [UInt8] = []
        var tapScriptSignatures = ByteMap<[UInt8]>()
        var tapScripts = ByteMap<SignatureData.TapScript>()
        var tapOrigins = ByteMap<SignatureData.TapOrigin>()
        var tapInternalKey: [UInt8] = []
        var tapMerkleRoot: Hash256?

        /// By aggregate key, the participants one behind the other.
        var musigParticipants = ByteMap<[UInt8]>()
        /// By aggregate key, leaf hash (zeros for none) and participant.
        var musigNonces = ByteMap<[UInt8]>()
        var musigSignatures = ByteMap<[UInt8]>()

        var proprietary = ByteMap<[UInt8]>()
        var unknown = ByteMap<[UInt8]>()

        init(_ previousOutput: OutPoint, sequence: UInt32? = nil) {
            self.previousOutput = previousOutput
            self.sequence = sequence
        }

        var isFinal: Bool { !finalScriptSig.isEmpty || !finalWitness.isEmpty }

        /// The output that is spent; nil if it is not told, or what is told is another one.
        var spent: TransactionOutput? {
            guard let transaction = previousTransaction else { return witnessOutput }
            let index = Int(previousOutput.index)
            guard transaction.outputs.indices.contains(index), transaction.txid == previousOutput.txid else {
                return nil
            }
            return transaction.outputs[index]
        }

        var hasSignatures: Bool {
            isFinal || !signatures.isEmpty || !tapKeySignature.isEmpty || !tapScriptSignatures.isEmpty
                || !musigSignatures.isEmpty
        }
    }

    struct Output: Sendable, Equatable {
        var value: Int64
        var script: Script
        var redeemScript = Script()
        var witnessScript = Script()
        var origins = ByteMap<KeyExpression.Origin>()
        var tapInternalKey: [UInt8] = []
        var tapTree: [TapLeaf] = []
        var tapOrigins = ByteMap<SignatureData.TapOrigin>()
        var musigParticipants = ByteMap<[UInt8]>()
        var proprietary = ByteMap<[UInt8]>()
        var unknown = ByteMap<[UInt8]>()

        struct TapLeaf: Sendable, Equatable {
            var depth: UInt8
            var version: UInt8
            var script: [UInt8]
        }

        init(_ output: TransactionOutput) {
            value = output.value
            script = output.scriptPubKey
        }
    }

    /// Of a transaction without its signatures.
    init(_ transaction: Transaction, version: UInt32 = 2) {
        self.version = version
        transactionVersion = transaction.version
        fallbackLockTime = transaction.lockTime
        inputs = transaction.inputs.map { Input($0.previousOutput, sequence: $0.sequence) }
        outputs = transaction.outputs.map { Output($0) }
    }

    init(version: UInt32, transactionVersion: UInt32, fallbackLockTime: UInt32?) {
        self.version = version
        self.transactionVersion = transactionVersion
        self.fallbackLockTime = fallbackLockTime
        inputs = []
        outputs = []
    }

    /// BIP370: the greatest required lock time of the kind that all inputs can live with, heights before
    /// times; nil if there is no such kind.
    var lockTime: UInt32? {
        guard version >= 2 else { return fallbackLockTime ?? 0 }
        var time: UInt32? = 0
        var height: UInt32? = 0
        for input in inputs {
            if input.timeLock != nil, input.heightLock == nil { height = nil }
            if input.timeLock == nil, input.heightLock != nil { time = nil }
            if time == nil, height == nil { return nil }
            if let lock = input.timeLock, let known = time { time = max(known, lock) }
            if let lock = input.heightLock, let known = height { height = max(known, lock) }
        }
        if let height, height > 0 { return height }
        if let time, time > 0 { return time }
        return fallbackLockTime ?? 0
    }

    var unsignedTransaction: Transaction? {
        guard let lockTime else { return nil }
        return Transaction(
            version: transactionVersion,
            inputs: inputs.map {
                TransactionInput(previousOutput: $0.previousOutput, sequence: $0.sequence ?? .max)
            },
            outputs: outputs.map { TransactionOutput(value: $0.value, scriptPubKey: $0.script) },
            lockTime: lockTime)
    }

    /// What two of them must agree on to be combined.
    var uniqueID: Hash256? {
        guard let transaction = unsignedTransaction else { return nil }
        guard version >= 2 else { return transaction.txid }
        return Transaction(
            version: transaction.version,
            inputs: transaction.inputs.map {
                TransactionInput(previousOutput: $0.previousOutput, sequence: 0)
            },
            outputs: transaction.outputs, lockTime: transaction.lockTime
        ).txid
    }
}
