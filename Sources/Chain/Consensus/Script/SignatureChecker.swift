public import Bitcoin

/// Which rules a script runs under.
enum SignatureVersion: Sendable {
    case base
    case witnessV0
    case tapscript
}

/// What tapscript carries along while it runs.
struct TapscriptContext {
    var leafHash: Hash256
    var annex: [UInt8]?
    /// Opcode position of the last executed code separator, all ones for none.
    var codeSeparator: UInt32 = .max
    /// BIP342's signature budget, in weight units.
    var validationWeight: Int
}

/// Checks signatures and lock times of one input.
public struct SignatureChecker {
    let hasher: SignatureHasher
    let index: Int

    public init(_ hasher: SignatureHasher, input index: Int) {
        self.hasher = hasher
        self.index = index
    }

    var input: TransactionInput { hasher.transaction.inputs[index] }
    var spent: TransactionOutput { hasher.spentOutputs[index] }

    /// `signature` with its hash type byte; false for anything that does not parse.
    func ecdsa(_ signature: [UInt8], key: [UInt8], scriptCode: [UInt8], version: SignatureVersion) -> Bool {
        guard let hashType = signature.last, isKeyShaped(key) else { return false }
        guard let (r, s) = SignatureEncoding.parseLax(Array(signature.dropLast())) else { return false }
        let digest =
            version == .witnessV0
            ? hasher.witnessV0(
                input: index, scriptCode: scriptCode, value: spent.value, hashType: UInt32(hashType))
            : hasher.legacy(input: index, scriptCode: scriptCode, hashType: UInt32(hashType))
        return CurveCheck.ecdsa(r: r, s: s, key: key, digest: digest)
    }

    /// BIP341's signature check; throws the reason, as every failure but an empty signature ends the script.
    func schnorr(_ signature: [UInt8], key: [UInt8], annex: [UInt8]?, context: TapscriptContext?)
        throws(ScriptError)
    {
        guard signature.count == 64 || signature.count == 65 else { throw .schnorrSigSize }
        var hashType: UInt8 = 0
        if signature.count == 65 {
            hashType = signature[64]
            if hashType == 0 { throw .schnorrSigHashType }
        }
        let leaf = context.map { (hash: $0.leafHash, codeSeparator: $0.codeSeparator) }
        guard let digest = hasher.taproot(input: index, hashType: hashType, annex: annex, leaf: leaf) else {
            throw .schnorrSigHashType
        }
        guard CurveCheck.schnorr(Array(signature.prefix(64)), key: key, digest: digest) else {
            throw .schnorrSig
        }
    }

    /// BIP65.
    func isLockTimeMet(_ lockTime: Int64) -> Bool {
        let threshold: Int64 = 500_000_000
        let own = Int64(hasher.transaction.lockTime)
        guard (own < threshold) == (lockTime < threshold), lockTime <= own else { return false }
        return input.sequence != .max
    }

    /// BIP112.
    func isSequenceMet(_ sequence: Int64) -> Bool {
        let typeFlag: Int64 = 1 << 22
        let mask: Int64 = typeFlag | 0xffff
        guard hasher.transaction.version >= 2, input.sequence & (1 << 31) == 0 else { return false }
        let own = Int64(input.sequence) & mask
        let wanted = sequence & mask
        guard (own < typeFlag) == (wanted < typeFlag) else { return false }
        return wanted <= own
    }

    private func isKeyShaped(_ key: [UInt8]) -> Bool {
        switch key.first {
        case 2, 3: key.count == 33
        case 4, 6, 7: key.count == 65
        default: false
        }
    }
}
