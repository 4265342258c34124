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
public struct SignatureChecker: Sendable {
    let hasher: SignatureHasher
    let index: Int
    /// Signatures that are known to be good; nil to ask the curve always.
    let cache: ValidationCache?
    /// Whether good signatures are put into the cache: the pool does, blocks only look.
    let remembers: Bool

    public init(
        _ hasher: SignatureHasher, input index: Int, cache: ValidationCache? = nil, remembers: Bool = false
    ) {
        self.hasher = hasher
        self.index = index
        self.cache = cache
        self.remembers = remembers
    }

    var input: TransactionInput { hasher.transaction.inputs[index] }
    var spent: TransactionOutput { hasher.spentOutputs[index] }

    /// `signature` with its hash type byte; false for anything that does not parse.
    func ecdsa(_ signature: [UInt8], key: [UInt8], scriptCode: [UInt8], version: SignatureVersion) -> Bool {
        guard let hashType = signature.last, isKeyShaped(key) else { return false }
        let digest =
            version == .witnessV0
            ? hasher.witnessV0(
                input: index, scriptCode: scriptCode, value: spent.value, hashType: UInt32(hashType))
            : hasher.legacy(input: index, scriptCode: scriptCode, hashType: UInt32(hashType))
        return isKnown(.ecdsa, signature, key, digest) {
            guard let both = SignatureEncoding.parseLax(signature, count: signature.count - 1) else {
                return false
            }
            return both.span.withUnsafeBufferPointer {
                SignatureVerification.ecdsa($0.baseAddress!, key: key, digest: digest)
            }
        }
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
        let isGood = isKnown(.schnorr, signature, key, digest) {
            SignatureVerification.schnorr(signature, key: key, digest: digest)
        }
        guard isGood else { throw .schnorrSig }
    }

    private func isKnown(
        _ kind: ValidationCache.Kind, _ signature: [UInt8], _ key: [UInt8], _ digest: Hash256,
        or verify: () -> Bool
    ) -> Bool {
        guard let cache, remembers || !cache.hasNoSignatures else { return verify() }
        let tag = cache.tag(kind, digest: digest, key: key, signature: signature)
        if cache.containsSignature(tag) { return true }
        guard verify() else { return false }
        if remembers { cache.insertSignature(tag) }
        return true
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
