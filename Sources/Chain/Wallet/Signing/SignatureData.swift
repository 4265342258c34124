import Bitcoin

/// What is known of the signatures of one input: what came with it, and what signing added.
struct SignatureData: Sendable {
    struct Partial: Sendable, Equatable {
        var key: [UInt8]
        var signature: [UInt8]
    }
    struct TapOrigin: Sendable, Equatable {
        /// The leaves that the key is in, sorted.
        var leaves: [Hash256]
        var origin: KeyExpression.Origin

        mutating func add(_ leaf: Hash256) {
            guard !leaves.contains(leaf) else { return }
            leaves.append(leaf)
            leaves.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        }
    }
    struct TapScript: Sendable, Equatable {
        var script: [UInt8]
        var version: UInt8
        /// The shortest first.
        var controls: [[UInt8]]
    }

    var isComplete = false
    /// A witness was made (or would be, with the signatures).
    var isWitness = false
    var scriptSig = Script()
    var witness: [[UInt8]] = []
    var redeemScript: Script?
    var witnessScript: Script?
    /// ECDSA signatures by key identifier.
    var signatures = ByteMap<Partial>()
    /// By public key.
    var origins = ByteMap<KeyExpression.Origin>()

    /// By their digests: RIPEMD160, SHA256, HASH160 and HASH256, as PSBT orders them.
    var preimages = [ByteMap<[UInt8]>](repeating: ByteMap(), count: 4)

    static func place(of function: Miniscript.HashFunction) -> Int {
        switch function {
        case .ripemd160: 0
        case .sha256: 1
        case .hash160: 2
        case .hash256: 3
        }
    }

    var tapKeySignature: [UInt8] = []
    /// By x-only key and leaf hash.
    var tapScriptSignatures = ByteMap<[UInt8]>()
    var tapInternalKey: [UInt8] = []
    var tapMerkleRoot: Hash256?
    /// By script and version.
    var tapScripts = ByteMap<TapScript>()
    /// By x-only key.
    var tapOrigins = ByteMap<TapOrigin>()
    /// Depth, version and script of every leaf, for outputs.
    var tapTree: [(script: [UInt8], version: UInt8, depth: Int)] = []

    var missingKeys: [Hash160] = []
    var missingSignatures: [Hash160] = []
    var missingRedeemScript: Hash160?
    var missingWitnessScript: Hash256?

    mutating func addTapScript(_ script: [UInt8], _ version: UInt8, control: [UInt8]) {
        var entry =
            tapScripts[script + [version]] ?? TapScript(script: script, version: version, controls: [])
        if !entry.controls.contains(control) {
            entry.controls.append(control)
            entry.controls.sort {
                $0.count != $1.count ? $0.count < $1.count : $0.lexicographicallyPrecedes($1)
            }
        }
        tapScripts[script + [version]] = entry
    }

    mutating func add(_ spend: TaprootSpend) {
        if tapInternalKey.isEmpty { tapInternalKey = spend.internalKey.bytes }
        if tapMerkleRoot == nil { tapMerkleRoot = spend.merkleRoot }
        for leaf in spend.leaves {
            addTapScript(leaf.script, leaf.version, control: spend.controlBlock(leaf))
        }
        if spend.isComplete { tapTree = spend.leaves.map { ($0.script, $0.version, $0.depth) } }
    }
}

/// Signs digests, or pretends to, so that a signed transaction's size is known before its fee.
enum SignatureMaker {
    /// `hashType` 0 is taproot's default and means ALL elsewhere.
    case real(SignatureHasher, input: Int, value: Int64, hashType: UInt8, knowsAllSpent: Bool)
    /// Signatures of the size that real ones have; every known key signs.
    case dummy

    var isDummy: Bool {
        if case .dummy = self { return true }
        return false
    }

    func ecdsa(
        _ key: DerivedKey?, scriptCode: [UInt8], isWitness: Bool
    ) -> [UInt8]? {
        switch self {
        case .dummy:
            // 70 bytes (a ground signature) and the hash type.
            return [UInt8](repeating: 0, count: 71)
        case .real(let hasher, let input, let value, let hashType, _):
            guard let key, let secret = key.secret, !isWitness || key.isCompressed else { return nil }
            let type = hashType == 0 ? 1 : hashType
            let digest =
                isWitness
                ? hasher.witnessV0(
                    input: input, scriptCode: scriptCode, value: value, hashType: UInt32(type))
                : hasher.legacy(input: input, scriptCode: scriptCode, hashType: UInt32(type))
            return secret.signECDSA(digest, grinds: true) + [type]
        }
    }

    /// On the key path (`leaf` nil) `tweak` says whether the key is an internal one, with its merkle root.
    func schnorr(_ key: DerivedKey?, leaf: Hash256?, tweak: (root: Hash256?, isInternal: Bool)) -> [UInt8]? {
        switch self {
        case .dummy: return [UInt8](repeating: 0, count: 64)
        case .real(let hasher, let input, _, let hashType, let knowsAllSpent):
            guard knowsAllSpent, var secret = key?.secret,
                let digest = hasher.taproot(
                    input: input, hashType: hashType, annex: nil,
                    leaf: leaf.map { ($0, codeSeparator: .max) })
            else { return nil }
            if leaf == nil, tweak.isInternal {
                guard let tweaked = secret.taprootTweaked(merkleRoot: tweak.root) else { return nil }
                secret = tweaked
            }
            return secret.signSchnorr(digest) + (hashType == 0 ? [] : [hashType])
        }
    }
}
