import Bitcoin
import HTTPText
import SansIO

extension PSBT {
    var base64: String { Base64.encode(bytes) }

    /// In the order that Core writes.
    var bytes: [UInt8] {
        var out = PSBTWriter()
        out.writer.write(PSBTRecords.magic)
        if version < 2, let transaction = unsignedTransaction {
            out.record(0x00, [], transaction.bytes(witness: false))
        }
        // By origin first, as Core's map has it.
        let keys = extendedKeys.entries.sorted { a, b in
            let (left, right) = (PSBTWriter.bytes(a.value), PSBTWriter.bytes(b.value))
            return left == right
                ? a.key.lexicographicallyPrecedes(b.key) : left.lexicographicallyPrecedes(right)
        }
        for (key, origin) in keys { out.record(0x01, key, PSBTWriter.bytes(origin)) }
        if version >= 2 {
            out.record(0x02, u32: transactionVersion)
            if let fallbackLockTime { out.record(0x03, u32: fallbackLockTime) }
            out.record(0x04, compactSize: inputs.count)
            out.record(0x05, compactSize: outputs.count)
            if let modifiable { out.record(0x06, [], [modifiable]) }
            out.record(0xfb, u32: version)
        }
        out.records(proprietary)
        out.records(unknown)
        out.separator()
        for input in inputs { input.write(into: &out, version: version) }
        for output in outputs { output.write(into: &out, version: version) }
        return out.writer.bytes
    }
}

extension PSBT.Input {
    func write(into out: inout PSBTWriter, version: UInt32) {
        if let previousTransaction { out.record(0x00, [], previousTransaction.bytes(witness: false)) }
        if let witnessOutput { out.record(0x01, output: witnessOutput) }
        if !isFinal {
            writeSigning(into: &out)
            writeTaproot(into: &out)
        }
        if !finalScriptSig.isEmpty { out.record(0x07, [], finalScriptSig.bytes) }
        if !finalWitness.isEmpty {
            var inner = ByteWriter(capacity: 128)
            inner.write(compactSize: UInt64(finalWitness.count))
            for item in finalWitness {
                inner.write(compactSize: UInt64(item.count))
                inner.write(item)
            }
            out.record(0x08, [], inner.bytes)
        }
        if version >= 2 {
            out.record(0x0e, [], previousOutput.txid.bytes)
            out.record(0x0f, u32: previousOutput.index)
            if let sequence { out.record(0x10, u32: sequence) }
            if let timeLock { out.record(0x11, u32: timeLock) }
            if let heightLock { out.record(0x12, u32: heightLock) }
        }
        out.records(proprietary)
        out.records(unknown)
        out.separator()
    }

    private func writeSigning(into out: inout PSBTWriter) {
        for partial in signatures.values { out.record(0x02, partial.key, partial.signature) }
        if let hashType { out.record(0x03, u32: hashType) }
        if !redeemScript.isEmpty { out.record(0x04, [], redeemScript.bytes) }
        if !witnessScript.isEmpty { out.record(0x05, [], witnessScript.bytes) }
        out.origins(0x06, origins)
        for (which, map) in preimages.enumerated() {
            for (hash, preimage) in map.entries { out.record(0x0a + UInt8(which), hash, preimage) }
        }
    }

    private func writeTaproot(into out: inout PSBTWriter) {
        if !tapKeySignature.isEmpty { out.record(0x13, [], tapKeySignature) }
        for (key, signature) in tapScriptSignatures.entries { out.record(0x14, key, signature) }
        for entry in tapScripts.values {
            for control in entry.controls { out.record(0x15, control, entry.script + [entry.version]) }
        }
        out.tapOrigins(0x16, tapOrigins)
        if !tapInternalKey.isEmpty { out.record(0x17, [], tapInternalKey) }
        if let tapMerkleRoot { out.record(0x18, [], tapMerkleRoot.bytes) }
        for (key, value) in musigParticipants.entries { out.record(0x1a, key, value) }
        for (type, map) in [(UInt8(0x1b), musigNonces), (0x1c, musigSignatures)] {
            for (key, value) in map.entries {
                let leaf = key[33..<65].allSatisfy { $0 == 0 } ? [] : Array(key[33..<65])
                out.record(type, Array(key[65...]) + key[..<33] + leaf, value)
            }
        }
    }
}

extension PSBT.Output {
    func write(into out: inout PSBTWriter, version: UInt32) {
        if !redeemScript.isEmpty { out.record(0x00, [], redeemScript.bytes) }
        if !witnessScript.isEmpty { out.record(0x01, [], witnessScript.bytes) }
        out.origins(0x02, origins)
        if version >= 2 {
            var inner = ByteWriter(capacity: 8)
            inner.write(u64: UInt64(bitPattern: value))
            out.record(0x03, [], inner.bytes)
            out.record(0x04, [], script.bytes)
        }
        out.records(proprietary)
        if !tapInternalKey.isEmpty { out.record(0x05, [], tapInternalKey) }
        if !tapTree.isEmpty {
            var inner = ByteWriter(capacity: 128)
            for leaf in tapTree {
                inner.write(u8: leaf.depth)
                inner.write(u8: leaf.version)
                inner.write(compactSize: UInt64(leaf.script.count))
                inner.write(leaf.script)
            }
            out.record(0x06, [], inner.bytes)
        }
        out.tapOrigins(0x07, tapOrigins)
        for (key, value) in musigParticipants.entries { out.record(0x08, key, value) }
        out.records(unknown)
        out.separator()
    }
}
