import Bitcoin

/// Combiner, signer, updater and finalizer (BIP174).
extension PSBT {
    // MARK: Combining

    /// Takes over what `other` knows of the same transaction; false if it is another.
    mutating func merge(_ other: PSBT) -> Bool {
        guard let id = uniqueID, id == other.uniqueID, version == other.version else { return false }
        for index in inputs.indices { inputs[index].merge(other.inputs[index]) }
        for index in outputs.indices { outputs[index].merge(other.outputs[index]) }
        extendedKeys.merge(other.extendedKeys)
        if fallbackLockTime == nil { fallbackLockTime = other.fallbackLockTime }
        if modifiable != nil || other.modifiable != nil {
            let (mine, theirs) = (modifiable ?? 0, other.modifiable ?? 0)
            modifiable = mine & theirs & ~4 | (mine | theirs) & 4
        }
        proprietary.merge(other.proprietary)
        unknown.merge(other.unknown)
        return true
    }

    // MARK: Signing

    /// The outputs that are spent, where all are known; and the hasher over them.
    func hasher(_ transaction: Transaction) -> (hasher: SignatureHasher, knowsAllSpent: Bool) {
        let spent = inputs.map(\.spent)
        let filled = spent.map { $0 ?? TransactionOutput(value: 0, scriptPubKey: Script()) }
        return (SignatureHasher(transaction, spending: filled), spent.allSatisfy { $0 != nil })
    }

    /// Whether an input's final scripts unlock what it spends.
    func isSigned(_ index: Int, _ context: (hasher: SignatureHasher, knowsAllSpent: Bool)) -> Bool {
        guard let spent = inputs[index].spent, inputs[index].isFinal else { return false }
        return SignedInput.verifies(
            scriptSig: inputs[index].finalScriptSig, witness: inputs[index].finalWitness,
            scriptPubKey: spent.scriptPubKey, value: spent.value, hasher: context.hasher, input: index,
            knowsAllSpent: context.knowsAllSpent)
    }

    enum SigningOutcome: Error, Equatable {
        case complete
        case incomplete
        case missingInputs
        case hashTypeMismatch
    }

    /// Adds what `knowledge` knows and can sign. `context` nil only pretends to sign. With `finalizes` a
    /// complete input gets its final scripts and loses what led to them.
    mutating func sign(
        _ index: Int, knowing knowledge: SpendingKnowledge,
        _ context: (hasher: SignatureHasher, knowsAllSpent: Bool)?, hashType: UInt8? = nil,
        finalizes: Bool = true
    ) -> (outcome: SigningOutcome, data: SignatureData) {
        if let context, isSigned(index, context) { return (.complete, SignatureData()) }
        guard let spent = inputs[index].spent else { return (.missingInputs, SignatureData()) }
        // What is only told and not proved may be spent by a witness, whose signature commits to it.
        let needsWitness = inputs[index].previousTransaction == nil
        let isTaproot = spent.scriptPubKey.kind == .witnessV1Taproot
        let type = hashType ?? (isTaproot ? 0 : 1)
        if let given = inputs[index].hashType, given != UInt32(type) {
            return (.hashTypeMismatch, SignatureData())
        }
        if isTaproot ? type != 0 : type > 1 { inputs[index].hashType = UInt32(type) }
        guard inputs[index].signaturesHave(type) else { return (.hashTypeMismatch, SignatureData()) }
        let maker: SignatureMaker =
            if let context {
                .real(
                    context.hasher, input: index, value: spent.value, hashType: type,
                    knowsAllSpent: context.knowsAllSpent)
            } else {
                .dummy
            }
        var signer = ScriptSigner(knowledge, maker, starting: inputs[index].signatureData)
        let isComplete = signer.sign(spent.scriptPubKey)
        if needsWitness, !signer.data.isWitness { return (.incomplete, signer.data) }
        inputs[index].take(signer.data, isFinal: isComplete && finalizes)
        if signer.data.isWitness { inputs[index].witnessOutput = spent }
        return (isComplete ? .complete : .incomplete, signer.data)
    }

    /// Tells of an output what `knowledge` knows.
    mutating func update(output index: Int, knowing knowledge: SpendingKnowledge) {
        var signer = ScriptSigner(
            knowledge.withoutSecrets,
            .real(
                SignatureHasher(Transaction(inputs: [], outputs: []), spending: []), input: 0, value: 0,
                hashType: 1, knowsAllSpent: false),
            starting: outputs[index].signatureData)
        signer.describe(outputs[index].script)
        outputs[index].take(signer.data)
    }

    /// Whole transactions are dropped when every input is taproot's and so commits to what it spends.
    mutating func dropNeedlessTransactions() {
        let areAllTaproot = inputs.allSatisfy { input in
            guard let version = input.witnessOutput?.scriptPubKey.witnessProgram?.version else {
                return false
            }
            return version != 0 && (input.hashType ?? 0) & 0x80 == 0
        }
        guard areAllTaproot else { return }
        for index in inputs.indices { inputs[index].previousTransaction = nil }
    }

    // MARK: Finalizing

    /// Makes final scripts of the signatures that are there; true if every input has its own.
    mutating func finalize() -> Bool {
        guard let transaction = unsignedTransaction else { return false }
        let context = hasher(transaction)
        var isComplete = true
        for index in inputs.indices {
            let type = inputs[index].hashType.map { UInt8(truncatingIfNeeded: $0) }
            let outcome = sign(index, knowing: SpendingKnowledge(), context, hashType: type).outcome
            if outcome != .complete { isComplete = false }
        }
        return isComplete
    }

    /// The transaction with its final scripts.
    var extracted: Transaction? {
        guard let transaction = unsignedTransaction else { return nil }
        let filled = zip(transaction.inputs, inputs).map { input, own in
            TransactionInput(
                previousOutput: input.previousOutput, scriptSig: own.finalScriptSig, sequence: input.sequence,
                witness: own.finalWitness)
        }
        return Transaction(
            version: transaction.version, inputs: filled, outputs: transaction.outputs,
            lockTime: transaction.lockTime)
    }
}

extension PSBT.Input {
    mutating func merge(_ other: PSBT.Input) {
        if previousTransaction == nil { previousTransaction = other.previousTransaction }
        if witnessOutput == nil { witnessOutput = other.witnessOutput }
        signatures.merge(other.signatures)
        for index in preimages.indices { preimages[index].merge(other.preimages[index]) }
        origins.merge(other.origins)
        proprietary.merge(other.proprietary)
        unknown.merge(other.unknown)
        tapScriptSignatures.merge(other.tapScriptSignatures)
        tapScripts.merge(other.tapScripts)
        tapOrigins.merge(other.tapOrigins)
        if redeemScript.isEmpty { redeemScript = other.redeemScript }
        if witnessScript.isEmpty { witnessScript = other.witnessScript }
        if finalScriptSig.isEmpty { finalScriptSig = other.finalScriptSig }
        if finalWitness.isEmpty { finalWitness = other.finalWitness }
        if tapKeySignature.isEmpty { tapKeySignature = other.tapKeySignature }
        if tapInternalKey.isEmpty { tapInternalKey = other.tapInternalKey }
        if tapMerkleRoot == nil { tapMerkleRoot = other.tapMerkleRoot }
        musigParticipants.merge(other.musigParticipants)
        musigNonces.merge(other.musigNonces)
        musigSignatures.merge(other.musigSignatures)
        if sequence == nil { sequence = other.sequence }
        if timeLock == nil { timeLock = other.timeLock }
        if heightLock == nil { heightLock = other.heightLock }
    }

    /// Whether the signatures that are there were made with this hash type.
    fileprivate func signaturesHave(_ type: UInt8) -> Bool {
        let schnorr = [tapKeySignature].filter { !$0.isEmpty } + tapScriptSignatures.values
        guard type != 0 else { return schnorr.allSatisfy { $0.count == 64 } }
        return schnorr.allSatisfy { $0.count == 65 && $0.last == type }
            && signatures.values.allSatisfy { $0.signature.last == type }
    }

    fileprivate var signatureData: SignatureData {
        var data = SignatureData()
        if isFinal {
            data.scriptSig = finalScriptSig
            data.witness = finalWitness
            data.isComplete = true
            return data
        }
        data.signatures = signatures
        if !redeemScript.isEmpty { data.redeemScript = redeemScript }
        if !witnessScript.isEmpty { data.witnessScript = witnessScript }
        data.origins = origins
        data.preimages = preimages
        data.tapKeySignature = tapKeySignature
        data.tapScriptSignatures = tapScriptSignatures
        data.tapInternalKey = tapInternalKey
        data.tapMerkleRoot = tapMerkleRoot
        data.tapScripts = tapScripts
        data.tapOrigins = tapOrigins
        return data
    }

    fileprivate mutating func take(_ data: SignatureData, isFinal: Bool) {
        guard !isFinal else {
            signatures.removeAll()
            origins.removeAll()
            redeemScript = Script()
            witnessScript = Script()
            if !data.scriptSig.isEmpty { finalScriptSig = data.scriptSig }
            if !data.witness.isEmpty { finalWitness = data.witness }
            return
        }
        signatures.merge(data.signatures)
        if redeemScript.isEmpty, let script = data.redeemScript { redeemScript = script }
        if witnessScript.isEmpty, let script = data.witnessScript { witnessScript = script }
        origins.merge(data.origins)
        if !data.tapKeySignature.isEmpty { tapKeySignature = data.tapKeySignature }
        tapScriptSignatures.merge(data.tapScriptSignatures)
        if !data.tapInternalKey.isEmpty { tapInternalKey = data.tapInternalKey }
        if let root = data.tapMerkleRoot { tapMerkleRoot = root }
        tapScripts.merge(data.tapScripts)
        tapOrigins.merge(data.tapOrigins)
    }
}

extension PSBT.Output {
    fileprivate mutating func merge(_ other: PSBT.Output) {
        origins.merge(other.origins)
        proprietary.merge(other.proprietary)
        unknown.merge(other.unknown)
        tapOrigins.merge(other.tapOrigins)
        if redeemScript.isEmpty { redeemScript = other.redeemScript }
        if witnessScript.isEmpty { witnessScript = other.witnessScript }
        if tapInternalKey.isEmpty { tapInternalKey = other.tapInternalKey }
        if tapTree.isEmpty { tapTree = other.tapTree }
        musigParticipants.merge(other.musigParticipants)
    }

    fileprivate var signatureData: SignatureData {
        var data = SignatureData()
        if !redeemScript.isEmpty { data.redeemScript = redeemScript }
        if !witnessScript.isEmpty { data.witnessScript = witnessScript }
        data.origins = origins
        data.tapInternalKey = tapInternalKey
        data.tapOrigins = tapOrigins
        return data
    }

    fileprivate mutating func take(_ data: SignatureData) {
        if redeemScript.isEmpty, let script = data.redeemScript { redeemScript = script }
        if witnessScript.isEmpty, let script = data.witnessScript { witnessScript = script }
        origins.merge(data.origins)
        if !data.tapInternalKey.isEmpty { tapInternalKey = data.tapInternalKey }
        if tapTree.isEmpty {
            tapTree = data.tapTree.map {
                TapLeaf(depth: UInt8($0.depth), version: $0.version, script: $0.script)
            }
        }
        tapOrigins.merge(data.tapOrigins)
    }
}
