import Bitcoin
import SansIO
import Testing

struct TransactionTests {
    static let segwit = Transaction(
        version: 2,
        inputs: [
            TransactionInput(
                previousOutput: OutPoint(txid: Hash256(bytes: patternBytes(32))!, index: 1),
                scriptSig: Script([0x51]), sequence: 0xffff_fffd, witness: [[1, 2, 3], [], [4]]),
            TransactionInput(
                previousOutput: OutPoint(txid: Hash256(bytes: patternBytes(32, seed: 2))!, index: 0)),
        ],
        outputs: [
            TransactionOutput(value: 5_000_000_000, scriptPubKey: .p2wpkh(.zero)),
            TransactionOutput(value: -1, scriptPubKey: Script()),
        ], lockTime: 77)

    @Test func whatIsEncodedIsReadBack() throws {
        let bytes = Self.segwit.bytes()
        let again = try Transaction(bytes: bytes)
        #expect(again == Self.segwit)
        #expect(again.txid == Self.segwit.txid && again.wtxid == Self.segwit.wtxid)
        #expect(again.txid == SHA256.double(Self.segwit.bytes(witness: false)))
        #expect(again.wtxid == SHA256.double(bytes))
        #expect(again.totalSize == bytes.count)
        #expect(again.baseSize == Self.segwit.bytes(witness: false).count)
        #expect(again.weight == 3 * again.baseSize + again.totalSize)
        #expect(bytes[4...5].elementsEqual([0, 1]))
    }

    @Test func assigningToAFieldChangesTheIds() {
        var transaction = Self.segwit
        transaction.lockTime = 78
        #expect(transaction.txid != Self.segwit.txid)
        let unsealed = transaction.wtxid
        transaction.seal()
        #expect(transaction.wtxid == unsealed)
        transaction.inputs[0].witness = []
        #expect(transaction.txid == transaction.wtxid)
    }

    @Test func everyTruncationThrows() {
        let bytes = Self.segwit.bytes()
        for count in 0..<bytes.count {
            #expect(throws: TransactionError.self) { try Transaction(bytes: Array(bytes[..<count])) }
        }
        #expect(throws: TransactionError.bytes(.trailingBytes(1))) { try Transaction(bytes: bytes + [0]) }
    }

    @Test func everyChangedByteThrowsOrReadsBackAsItself() {
        let bytes = Self.segwit.bytes()
        for place in bytes.indices {
            for value: UInt8 in [0x00, 0x01, 0x02, 0x80, 0xfc, 0xfd, 0xfe, 0xff] {
                var changed = bytes
                changed[place] = value
                guard let transaction = try? Transaction(bytes: changed) else { continue }
                #expect(transaction.bytes() == changed || transaction.inputs.isEmpty)
                #expect(transaction.computedIds == [transaction.txid, transaction.wtxid])
            }
        }
    }

    @Test func anEmptyWitnessInTheExtendedFormIsSuperfluous() {
        var writer = ByteWriter()
        writer.write(u32: 1)
        writer.write([0, 1, 1] + [UInt8](repeating: 7, count: 36) + [0] + [0xff, 0xff, 0xff, 0xff])
        writer.write([0, 0, 0, 0, 0, 0])
        #expect(throws: TransactionError.superfluousWitness) { try Transaction(bytes: writer.bytes) }
    }

    @Test func unknownFlagsAreRefused() {
        let bytes = Self.segwit.bytes()
        for flags: UInt8 in [2, 3, 0x81] {
            var changed = bytes
            changed[5] = flags
            #expect(throws: TransactionError.self) { try Transaction(bytes: changed) }
        }
        var changed = bytes
        changed[5] = 3
        #expect(throws: TransactionError.unknownOptionalData(2)) { try Transaction(bytes: changed) }
    }

    @Test func aCountIsNotBelieved() {
        // 2^25 inputs, outputs and witness items (the most that a CompactSize may say), and nothing behind.
        let much: [UInt8] = [0xfe, 0, 0, 0, 2]
        let version: [UInt8] = [1, 0, 0, 0]
        let input = [1] + [UInt8](repeating: 7, count: 36) + [0, 0, 0, 0, 0]
        for bytes in [version + much, version + input + much, version + [0, 1] + input + [0] + much] {
            #expect(throws: TransactionError.self) { try Transaction(bytes: bytes) }
        }
        let absurd: [UInt8] = [0xff, 0, 0, 0, 0, 1, 0, 0, 0]
        #expect(throws: TransactionError.bytes(.tooLarge(1 << 32, limit: 0x0200_0000))) {
            try Transaction(bytes: version + absurd)
        }
        #expect(throws: TransactionError.bytes(.compactSizeNotCanonical(5))) {
            try Transaction(bytes: version + [0xfd, 5, 0])
        }
    }

    @Test func aTransactionWithoutInputsIsReadInTheOldFormOnly() throws {
        let bytes: [UInt8] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]
        let transaction = try Transaction(bytes: bytes, witness: false)
        #expect(transaction.inputs.isEmpty && transaction.outputs.count == 1 && transaction.lockTime == 9)
        #expect(throws: TransactionError.self) { try Transaction(bytes: bytes) }
        #expect(try Transaction(bytes: [1, 0, 0, 0, 0, 0, 9, 0, 0, 0]).outputs.isEmpty)
    }
}

extension Transaction {
    /// The ids computed from the fields, without what decoding remembered.
    fileprivate var computedIds: [Hash256] {
        let fresh = Transaction(version: version, inputs: inputs, outputs: outputs, lockTime: lockTime)
        return [fresh.txid, fresh.wtxid]
    }
}
