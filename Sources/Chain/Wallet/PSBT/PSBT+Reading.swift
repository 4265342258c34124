import Bitcoin
import HTTPText
import SansIO

extension PSBT {
    init(base64 text: String) throws(PSBTError) {
        guard let bytes = Base64.bytes(of: text) else { throw PSBTError("invalid base64") }
        try self.init(bytes: bytes)
    }

    init(bytes: [UInt8]) throws(PSBTError) {
        guard bytes.starts(with: PSBTRecords.magic) else { throw PSBTError("Invalid PSBT magic bytes") }
        guard bytes.count <= ChainLimits.psbtBytes else { throw PSBTError("PSBT of too many bytes") }
        var reader = ByteReader(bytes.span.bytes)
        try? reader.skip(PSBTRecords.magic.count)
        var header = Header()
        for record in try PSBTRecords.read(&reader, "global") { try header.take(record) }
        try header.check()
        self.init(
            version: header.version, transactionVersion: header.transactionVersion ?? 2,
            fallbackLockTime: header.fallbackLockTime)
        modifiable = header.modifiable
        extendedKeys = header.extendedKeys
        proprietary = header.proprietary
        unknown = header.unknown
        let inputCount = header.transaction?.inputs.count ?? Int(clamping: header.inputCount ?? 0)
        let outputCount = header.transaction?.outputs.count ?? Int(clamping: header.outputCount ?? 0)
        for index in 0..<inputCount {
            guard !reader.isAtEnd else {
                throw PSBTError("Inputs provided does not match the number of inputs in transaction.")
            }
            let own = header.transaction?.inputs[index]
            inputs.append(try Input(&reader, version: version, transactionInput: own))
        }
        for index in 0..<outputCount {
            guard !reader.isAtEnd else {
                throw PSBTError("Outputs provided does not match the number of outputs in transaction.")
            }
            outputs.append(try Output(&reader, version: version, output: header.transaction?.outputs[index]))
        }
        guard reader.isAtEnd else { throw PSBTError("extra data after PSBT") }
    }

    private struct Header {
        var transaction: Transaction?
        var version: UInt32 = 0
        var transactionVersion: UInt32?
        var hasTransactionVersion = false
        var fallbackLockTime: UInt32?
        var hasFallback = false
        var inputCount: UInt64?
        var outputCount: UInt64?
        var modifiable: UInt8?
        var extendedKeys = ByteMap<KeyExpression.Origin>()
        var proprietary = ByteMap<[UInt8]>()
        var unknown = ByteMap<[UInt8]>()

        mutating func take(_ record: PSBTRecords.Record) throws(PSBTError) {
            switch record.type {
            case 0x00:
                try record.expect("Global Unsigned TX")
                guard let found = try? Transaction(bytes: record.value, witness: false) else {
                    throw PSBTRecords.Record.wrongSize
                }
                guard found.inputs.allSatisfy({ $0.scriptSig.isEmpty && $0.witness.isEmpty }) else {
                    throw PSBTError("Unsigned tx does not have empty scriptSigs and scriptWitnesses.")
                }
                transaction = found
                transactionVersion = found.version
                fallbackLockTime = found.lockTime
            case 0x01:
                try record.expect("Global XPUB", size: 79)
                guard PublicKey(bytes: Array(record.suffix[45...])) != nil else {
                    throw PSBTError("Invalid pubkey")
                }
                extendedKeys[record.suffix] = try record.origin()
            case 0x02:
                try record.expect("Global Transaction Version")
                transactionVersion = try record.u32()
                hasTransactionVersion = true
            case 0x03:
                try record.expect("Global Fallback Locktime")
                fallbackLockTime = try record.u32()
                hasFallback = true
            case 0x04:
                try record.expect("Global Input Count")
                inputCount = try record.compactSize()
            case 0x05:
                try record.expect("Global Output Count")
                outputCount = try record.compactSize()
            case 0x06:
                try record.expect("Global TX Modifiable Flags")
                guard record.value.count == 1 else { throw PSBTRecords.Record.wrongSize }
                modifiable = record.value[0]
            case 0xfb:
                try record.expect("Global PSBT Version")
                version = try record.u32()
                if version > 2 { throw PSBTError("Unsupported version number") }
            case 0xfc:
                try record.checkProprietary()
                proprietary[record.key] = record.value
            default: unknown[record.key] = record.value
            }
        }

        func check() throws(PSBTError) {
            switch version {
            case 0:
                guard transaction != nil else { throw PSBTError("No unsigned transaction was provided") }
                let foreign = [
                    ("TX_VERSION", hasTransactionVersion), ("FALLBACK_LOCKTIME", hasFallback),
                    ("INPUT_COUNT", inputCount != nil), ("OUTPUT_COUNT", outputCount != nil),
                    ("TX_MODIFIABLE", modifiable != nil),
                ]
                for (name, isThere) in foreign where isThere {
                    throw PSBTError("PSBT_GLOBAL_\(name) is not allowed in PSBTv0")
                }
            case 1: throw PSBTError("There is no PSBT version 1")
            default:
                let needed = [
                    ("TX_VERSION", hasTransactionVersion), ("INPUT_COUNT", inputCount != nil),
                    ("OUTPUT_COUNT", outputCount != nil),
                ]
                for (name, isThere) in needed where !isThere {
                    throw PSBTError("PSBT_GLOBAL_\(name) is required in PSBTv2")
                }
                if transaction != nil {
                    throw PSBTError("PSBT_GLOBAL_UNSIGNED_TX is not allowed in PSBTv2")
                }
            }
        }
    }
}

extension PSBT.Input {
    init(
        _ reader: inout ByteReader, version: UInt32, transactionInput: TransactionInput?
    ) throws(PSBTError) {
        self.init(transactionInput?.previousOutput ?? .null, sequence: transactionInput?.sequence)
        var hasTransactionID = false
        var hasIndex = false
        for record in try PSBTRecords.read(&reader, "input") {
            switch record.type {
            case 0x00...0x08, 0x0a...0x0d: try takeScript(record)
            case 0x0e...0x12:
                try takeOutPoint(record, version: version)
                if record.type == 0x0e { hasTransactionID = true }
                if record.type == 0x0f { hasIndex = true }
            case 0x13...0x18: try takeTaproot(record)
            case 0x1a...0x1c: try takeMusig(record)
            case 0xfc:
                try record.checkProprietary()
                proprietary[record.key] = record.value
            default: unknown[record.key] = record.value
            }
        }
        if version >= 2 {
            guard hasTransactionID else { throw PSBTError("Previous TXID is required in PSBTv2") }
            guard hasIndex else { throw PSBTError("Previous output's index is required in PSBTv2") }
        }
        if let previousTransaction {
            guard previousTransaction.txid == previousOutput.txid else {
                throw PSBTError("Non-witness UTXO does not match outpoint hash")
            }
            guard Int(previousOutput.index) < previousTransaction.outputs.count else {
                throw PSBTError("Input specifies output index that does not exist")
            }
        }
    }

    private mutating func takeScript(_ record: PSBTRecords.Record) throws(PSBTError) {
        switch record.type {
        case 0x00:
            try record.expect("Input Non-witness UTXO")
            guard let found = try? Transaction(bytes: record.value) else {
                throw PSBTRecords.Record.wrongSize
            }
            previousTransaction = found
        case 0x01:
            try record.expect("Input Witness UTXO")
            witnessOutput = try record.output()
        case 0x02:
            let key = try record.publicKey("partial signature pubkey")
            guard SignatureEncoding.isStrictDER(record.value), let type = record.value.last,
                (1...3).contains(type & 0x7f)
            else { throw PSBTError("Signature is not a valid encoding") }
            signatures.insert(
                hash160(key).bytes, SignatureData.Partial(key: key, signature: record.value))
        case 0x03:
            try record.expect("Input Sighash Type")
            hashType = try record.u32()
        case 0x04:
            try record.expect("Input redeemScript")
            redeemScript = Script(record.value)
        case 0x05:
            try record.expect("Input witnessScript")
            witnessScript = Script(record.value)
        case 0x06: origins[try record.publicKey("BIP32 keypath")] = try record.origin()
        case 0x07:
            try record.expect("Input Final scriptSig")
            finalScriptSig = Script(record.value)
        case 0x08:
            try record.expect("Input Final scriptWitness")
            finalWitness = try Self.stack(record.value)
        default:
            let names = ["RIPEMD160", "SHA256", "Hash160", "Hash256"]
            let which = Int(record.type) - 0x0a
            try record.expect("Input \(names[which]) Preimage", size: which % 2 == 0 ? 21 : 33)
            preimages[which].insert(record.suffix, record.value)
        }
    }

    private static func stack(_ bytes: [UInt8]) throws(PSBTError) -> [[UInt8]] {
        var reader = ByteReader(bytes.span.bytes)
        var stack: [[UInt8]] = []
        do throws(ByteReaderError) {
            let count = try reader.compactSize()
            for _ in 0..<count { stack.append(try reader.bytes(Int(try reader.compactSize()))) }
            try reader.end()
        } catch {
            throw PSBTRecords.Record.wrongSize
        }
        return stack
    }

    private mutating func takeOutPoint(
        _ record: PSBTRecords.Record, version: UInt32
    ) throws(PSBTError) {
        let names = [
            ("Previous TXID", "Previous txid"), ("Previous Output's Index", "Previous output's index"),
            ("Sequence", "Sequence"), ("Required Time Based Locktime", "Required time based locktime"),
            ("Required Height Based Locktime", "Required height based locktime"),
        ]
        let (name, plain) = names[Int(record.type) - 0x0e]
        try record.expect("Input \(name)")
        guard version >= 2 else { throw PSBTError("\(plain) is not allowed in PSBTv0") }
        switch record.type {
        case 0x0e: previousOutput.txid = try record.hash()
        case 0x0f: previousOutput.index = try record.u32()
        case 0x10: sequence = try record.u32()
        case 0x11:
            timeLock = try record.u32()
            if let lock = timeLock, lock < 500_000_000 {
                throw PSBTError("Required time based locktime is invalid (less than 500000000)")
            }
        default:
            heightLock = try record.u32()
            if let lock = heightLock, lock >= 500_000_000 {
                throw PSBTError(
                    "Required height based locktime is invalid (greater than or equal to 500000000)")
            }
            if heightLock == 0 { throw PSBTError("Required height based locktime is invalid (0)") }
        }
    }

    private mutating func takeTaproot(_ record: PSBTRecords.Record) throws(PSBTError) {
        func checkSignature(_ path: String) throws(PSBTError) {
            guard (64...65).contains(record.value.count) else {
                let word = record.value.count < 64 ? "shorter than 64" : "longer than 65"
                throw PSBTError("Input Taproot \(path) path signature is \(word) bytes")
            }
        }
        switch record.type {
        case 0x13:
            try record.expect("Input Taproot Key Path Signature")
            try checkSignature("key")
            tapKeySignature = record.value
        case 0x14:
            try record.expect("Input Taproot Script Path Signature", size: 65)
            try checkSignature("script")
            tapScriptSignatures.insert(record.suffix, record.value)
        case 0x15:
            guard record.key.count >= 34 else {
                throw PSBTError("Input Taproot leaf script key is not at least 34 bytes")
            }
            guard (record.key.count - 2) % 32 == 0 else {
                throw PSBTError("Input Taproot leaf script key's control block size is not valid")
            }
            guard let version = record.value.last else {
                throw PSBTError("Input Taproot leaf script must be at least 1 byte")
            }
            var data = SignatureData()
            data.tapScripts = tapScripts
            data.addTapScript(Array(record.value.dropLast()), version, control: record.suffix)
            tapScripts = data.tapScripts
        case 0x16: tapOrigins[record.suffix] = try record.tapOrigin("Input")
        case 0x17:
            try record.expect("Input Taproot Internal Key")
            guard record.value.count == 32 else { throw PSBTRecords.Record.wrongSize }
            tapInternalKey = record.value
        default:
            try record.expect("Input Taproot Merkle Root")
            tapMerkleRoot = try record.hash()
        }
    }

    private mutating func takeMusig(_ record: PSBTRecords.Record) throws(PSBTError) {
        switch record.type {
        case 0x1a:
            try record.participants("Input")
            musigParticipants[record.suffix] = record.value
        case 0x1b:
            let identity = try record.musigIdentity("pubnonce")
            guard record.value.count == 66 else {
                throw PSBTError("Input musig2 pubnonce value is not 66 bytes")
            }
            musigNonces[identity] = record.value
        default:
            let identity = try record.musigIdentity("partial sig")
            guard record.value.count == 32 else { throw PSBTRecords.Record.wrongSize }
            musigSignatures[identity] = record.value
        }
    }
}

extension PSBT.Output {
    init(
        _ reader: inout ByteReader, version: UInt32, output: TransactionOutput?
    ) throws(PSBTError) {
        self.init(output ?? TransactionOutput(value: 0, scriptPubKey: Script()))
        var hasAmount = false
        var hasScript = false
        for record in try PSBTRecords.read(&reader, "output") {
            switch record.type {
            case 0x00:
                try record.expect("Output redeemScript")
                redeemScript = Script(record.value)
            case 0x01:
                try record.expect("Output witnessScript")
                witnessScript = Script(record.value)
            case 0x02: origins[try record.publicKey("BIP32 keypath")] = try record.origin()
            case 0x03:
                try record.expect("Output Amount")
                guard version >= 2 else { throw PSBTError("Output amount is not allowed in PSBTv0") }
                guard record.value.count == 8 else { throw PSBTRecords.Record.wrongSize }
                value = Int64(bitPattern: record.value.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
                hasAmount = true
            case 0x04:
                try record.expect("Output Script")
                guard version >= 2 else { throw PSBTError("Output script is not allowed in PSBTv0") }
                script = Script(record.value)
                hasScript = true
            case 0x05:
                try record.expect("Output Taproot Internal Key")
                guard record.value.count == 32 else { throw PSBTRecords.Record.wrongSize }
                tapInternalKey = record.value
            case 0x06:
                try record.expect("Output Taproot Tree Key")
                tapTree = try Self.tree(record.value)
            case 0x07: tapOrigins[record.suffix] = try record.tapOrigin("Output")
            case 0x08:
                try record.participants("Output")
                musigParticipants[record.suffix] = record.value
            case 0xfc:
                try record.checkProprietary()
                proprietary[record.key] = record.value
            default: unknown[record.key] = record.value
            }
        }
        if version >= 2 {
            guard hasAmount else { throw PSBTError("Output amount is required in PSBTv2") }
            guard hasScript else { throw PSBTError("Output script is required in PSBTv2") }
        }
    }

    private static func tree(_ bytes: [UInt8]) throws(PSBTError) -> [TapLeaf] {
        guard !bytes.isEmpty else { throw PSBTError("Output Taproot tree must not be empty") }
        var reader = ByteReader(bytes.span.bytes)
        var leaves: [TapLeaf] = []
        while !reader.isAtEnd {
            let leaf: TapLeaf
            do throws(ByteReaderError) {
                let depth = try reader.u8()
                let version = try reader.u8()
                leaf = TapLeaf(
                    depth: depth, version: version, script: try reader.bytes(Int(try reader.compactSize())))
            } catch {
                throw PSBTError("SpanReader::read(): end of data")
            }
            if leaf.depth > 128 {
                throw PSBTError("Output Taproot tree has as leaf greater than Taproot maximum depth")
            }
            if leaf.version & 1 != 0 {
                throw PSBTError("Output Taproot tree has a leaf with an invalid leaf version")
            }
            leaves.append(leaf)
        }
        guard let key = XOnlyPublicKey(bytes: Self.anyPoint),
            TaprootSpend(
                internalKey: key, tree: leaves.map { ($0.script, $0.version, Int($0.depth)) }) != nil
        else { throw PSBTError("Output Taproot tree is malformed") }
        return leaves
    }

    /// The generator's x: the shape of a tree does not depend on the key.
    private static let anyPoint: [UInt8] =
        [UInt8](hex: "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798") ?? []
}
