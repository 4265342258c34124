import SansIO

extension Transaction {
    /// Appends the transaction as BIP144 serializes it. Without any witness, or without `witness`, in the old
    /// form.
    public func encode(into writer: inout ByteWriter, witness: Bool = true) {
        let extended = witness && hasWitness
        writer.write(u32: version)
        if extended {
            // An empty list of inputs, which no transaction has, marks the extended form.
            writer.write(u8: 0)
            writer.write(u8: 1)
        }
        encodeBody(into: &writer)
        if extended { encodeWitnesses(into: &writer) }
        writer.write(u32: lockTime)
    }

    public func bytes(witness: Bool = true) -> [UInt8] {
        var writer = ByteWriter(capacity: witness ? totalSize : baseSize)
        encode(into: &writer, witness: witness)
        return writer.bytes
    }

    private func encodeBody(into writer: inout ByteWriter) {
        writer.write(compactSize: UInt64(inputs.count))
        for input in inputs {
            input.previousOutput.encode(into: &writer)
            input.scriptSig.encode(into: &writer)
            writer.write(u32: input.sequence)
        }
        writer.write(compactSize: UInt64(outputs.count))
        for output in outputs { output.encode(into: &writer) }
    }

    private func encodeWitnesses(into writer: inout ByteWriter) {
        for input in inputs {
            writer.write(compactSize: UInt64(input.witness.count))
            for item in input.witness {
                writer.write(compactSize: UInt64(item.count))
                writer.write(item)
            }
        }
    }

    func computedIdentity() -> Identity {
        var writer = ByteWriter(capacity: 256 + 160 * inputs.count + 48 * outputs.count)
        encode(into: &writer, witness: false)
        let txid = SHA256.double(writer.bytes)
        let baseSize = UInt32(writer.count)
        guard hasWitness else {
            return Identity(txid: txid, wtxid: txid, baseSize: baseSize, totalSize: baseSize)
        }
        writer.removeAll()
        encode(into: &writer)
        let wtxid = SHA256.double(writer.bytes)
        return Identity(txid: txid, wtxid: wtxid, baseSize: baseSize, totalSize: UInt32(writer.count))
    }
}

extension Transaction {
    /// Reads one transaction, as Core's `UnserializeTransaction`. Without `witness`, the old form only, which
    /// lets a transaction without inputs be read.
    ///
    /// Counts are not believed: memory is reserved for at most what the bytes that are really there can hold.
    public init(from reader: inout ByteReader, witness: Bool = true) throws(TransactionError) {
        let start = reader
        let parts: TransactionReading
        let identity: Identity
        do throws(ByteReaderError) {
            parts = try TransactionReading(from: &reader, witness: witness)
            identity = try parts.identity(from: start)
        } catch {
            throw .bytes(error)
        }
        if parts.hasSuperfluousWitness { throw .superfluousWitness }
        if parts.unknownFlags != 0 { throw .unknownOptionalData(parts.unknownFlags) }
        self.init(
            version: parts.version, inputs: parts.inputs, outputs: parts.outputs, lockTime: parts.lockTime,
            identity: identity)
    }

    /// Reads a transaction that is all of `bytes`.
    public init(bytes: [UInt8], witness: Bool = true) throws(TransactionError) {
        var reader = ByteReader(bytes.span.bytes)
        try self.init(from: &reader, witness: witness)
        guard reader.isAtEnd else { throw .bytes(.trailingBytes(reader.remaining)) }
    }
}
