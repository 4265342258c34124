import Bitcoin
import SansIO

@testable import Chain

/// A way to lock an output that the generator knows how to open.
enum Lock {
    case anyone
    case publicKey(Int)
    case publicKeyHash(Int)
    case witnessKeyHash(Int)
    case nestedWitnessKeyHash(Int)
    /// Two of the three keys from this one on.
    case multisig(Int, Wrapper)
    case taprootKey(Int)
    /// A leaf beside the key.
    case taprootLeaf(Int, Leaf)
    /// After an absolute height or time.
    case lockTime(Int, UInt32)
    /// After a relative height or time.
    case sequence(Int, UInt32)
    /// Any script, opened by pushing these items.
    case script([UInt8], [[UInt8]], Wrapper)

    enum Wrapper: CaseIterable {
        case bare
        case p2sh
        case p2wsh
        case nested
    }

    enum Leaf: CaseIterable {
        case checkSig
        case checkSigAdd
        /// OP_SUCCESS in a branch that does not run.
        case success
        /// A leaf version that nobody defined.
        case unknownVersion
        /// A key that is not 32 bytes long.
        case unknownKey
    }

    static let keys: [SecretKey] = (1...8).compactMap {
        SecretKey(bytes: SHA256.hash([UInt8]("differential".utf8) + [$0]).bytes)
    }
    static func key(_ index: Int) -> SecretKey { keys[index % keys.count] }
    static let points = keys.map(\.publicKey)
    static func point(_ index: Int) -> PublicKey { points[index % points.count] }

    /// The script that runs, without wrapping.
    var inner: [UInt8] {
        switch self {
        case .anyone: return [0x51]
        case .publicKey(let key): return Script.p2pk(Self.point(key)).bytes
        case .publicKeyHash(let key), .witnessKeyHash(let key), .nestedWitnessKeyHash(let key):
            return Script.p2pkh(Self.point(key).hash160).bytes
        case .multisig(let key, _):
            var script = Script([0x52])
            for offset in 0..<3 { script.append(push: Self.point(key + offset).bytes) }
            return script.bytes + [0x53, 0xae]
        case .lockTime(let key, let time): return Self.timed(Int64(time), 0xb1, key)
        case .sequence(let key, let sequence): return Self.timed(Int64(sequence), 0xb2, key)
        case .script(let script, _, _): return script
        case .taprootKey: return []
        case .taprootLeaf(let key, let leaf):
            var script = Script()
            switch leaf {
            case .checkSig: script.append(push: Self.point(key).xOnly.bytes)
            case .checkSigAdd:
                script.bytes.append(0x00)
                script.append(push: Self.point(key).xOnly.bytes)
                return script.bytes + [0xba, 0x51, 0x87]
            case .success: return [0x00, 0x63, 0xbb, 0x68]
            case .unknownVersion: return [0x00]
            case .unknownKey: script.append(push: Self.point(key).bytes)
            }
            return script.bytes + [0xac]
        }
    }

    private static func timed(_ number: Int64, _ opcode: UInt8, _ key: Int) -> [UInt8] {
        var script = Script()
        script.append(number: number)
        script.bytes += [opcode, 0x75]
        script.append(push: point(key).bytes)
        return script.bytes + [0xac]
    }

    var wrapper: Wrapper {
        switch self {
        case .multisig(_, let wrapper), .script(_, _, let wrapper): wrapper
        case .lockTime, .sequence: .p2wsh
        default: .bare
        }
    }

    var scriptPubKey: Script {
        switch self {
        case .witnessKeyHash(let key): return .p2wpkh(Self.point(key).hash160)
        case .nestedWitnessKeyHash(let key):
            return .p2sh(hash160(Script.p2wpkh(Self.point(key).hash160).bytes))
        case .taprootKey(let key):
            return Self.point(key).xOnly.taprootOutputKey().map { .p2tr($0.key) } ?? Script()
        case .taprootLeaf(let key, _):
            return Self.point(key).xOnly.taprootOutputKey(merkleRoot: leafHash).map { .p2tr($0.key) }
                ?? Script()
        default: break
        }
        switch wrapper {
        case .bare: return Script(inner)
        case .p2sh: return .p2sh(hash160(inner))
        case .p2wsh: return .p2wsh(SHA256.hash(inner))
        case .nested: return .p2sh(hash160(Script.p2wsh(SHA256.hash(inner)).bytes))
        }
    }

    private var leafVersion: UInt8 {
        if case .taprootLeaf(_, .unknownVersion) = self { return 0xc2 }
        return 0xc0
    }

    private var leafHash: Hash256 { Taproot.leafHash(version: leafVersion, script: inner) }
}

/// What is wrong with an unlocking, or unusual and yet allowed.
struct Opening {
    var hashType: UInt8 = 1
    var flipsSignature = false
    var usesWrongKey = false
    /// The other root of the signature, which consensus allows.
    var usesHighS = false
    /// A length byte that BIP66 forbids.
    var breaksDER = false
    var emptySignature = false
    /// A null element of OP_CHECKMULTISIG that is not null.
    var dummy: [UInt8] = []
    var annex: [UInt8]?
    var extraWitness = false
    var cutsControl = false
    var scriptSigPrefix: [UInt8] = []
}

extension Lock {
    /// What opens input `index` of the transaction that `hasher` is about.
    func open(_ hasher: SignatureHasher, _ index: Int, _ how: Opening) -> (
        scriptSig: Script, witness: [[UInt8]]
    ) {
        var (scriptSig, witness) = plainOpening(hasher, index, how)
        if how.extraWitness { witness.insert([1], at: 0) }
        if let annex = how.annex { witness.append(annex) }
        if !how.scriptSigPrefix.isEmpty { scriptSig = Script(how.scriptSigPrefix + scriptSig.bytes) }
        return (scriptSig, witness)
    }

    private func plainOpening(
        _ hasher: SignatureHasher, _ index: Int, _ how: Opening
    ) -> (scriptSig: Script, witness: [[UInt8]]) {
        switch self {
        case .anyone: return (Script(), [])
        case .publicKey(let key):
            return place([legacy(hasher, index, key, how)], in: .bare)
        case .publicKeyHash(let key):
            return place([legacy(hasher, index, key, how), Self.point(key).bytes], in: .bare)
        case .witnessKeyHash(let key):
            return (Script(), [segwit(hasher, index, key, how), Self.point(key).bytes])
        case .nestedWitnessKeyHash(let key):
            var script = Script()
            script.append(push: Script.p2wpkh(Self.point(key).hash160).bytes)
            return (script, [segwit(hasher, index, key, how), Self.point(key).bytes])
        case .multisig(let key, let wrapper):
            let isOld = wrapper == .bare || wrapper == .p2sh
            let signatures = [key, key + 2].map {
                isOld ? legacy(hasher, index, $0, how) : segwit(hasher, index, $0, how)
            }
            return place([how.dummy] + signatures, in: wrapper)
        case .lockTime(let key, _), .sequence(let key, _):
            return place([segwit(hasher, index, key, how)], in: .p2wsh)
        case .script(_, let items, let wrapper): return place(items, in: wrapper)
        case .taprootKey(let key):
            let secret = Self.key(how.usesWrongKey ? key + 1 : key).taprootTweaked()
            return (Script(), [schnorr(hasher, index, secret, nil, how)])
        case .taprootLeaf(let key, let leaf):
            return (Script(), leafWitness(hasher, index, key, leaf, how))
        }
    }

    private func leafWitness(
        _ hasher: SignatureHasher, _ index: Int, _ key: Int, _ leaf: Leaf, _ how: Opening
    ) -> [[UInt8]] {
        let secret = Self.key(how.usesWrongKey ? key + 1 : key)
        var witness: [[UInt8]] = []
        switch leaf {
        case .checkSig, .checkSigAdd: witness = [schnorr(hasher, index, secret, leafHash, how)]
        case .unknownKey: witness = [[1]]
        case .success, .unknownVersion: break
        }
        let internalKey = Self.point(key).xOnly
        let isOdd = internalKey.taprootOutputKey(merkleRoot: leafHash)?.yIsOdd ?? false
        var control = [leafVersion | (isOdd ? 1 : 0)] + internalKey.bytes
        if how.cutsControl { control.removeLast() }
        return witness + [inner, control]
    }

    private func place(_ items: [[UInt8]], in wrapper: Wrapper) -> (scriptSig: Script, witness: [[UInt8]]) {
        var script = Script()
        switch wrapper {
        case .bare, .p2sh:
            for item in items { script.append(push: item) }
            if wrapper == .p2sh { script.append(push: inner) }
            return (script, [])
        case .p2wsh: return (script, items + [inner])
        case .nested:
            script.append(push: Script.p2wsh(SHA256.hash(inner)).bytes)
            return (script, items + [inner])
        }
    }

    private func legacy(_ hasher: SignatureHasher, _ index: Int, _ key: Int, _ how: Opening) -> [UInt8] {
        let digest = hasher.legacy(input: index, scriptCode: inner, hashType: UInt32(how.hashType))
        return Self.der(Self.key(how.usesWrongKey ? key + 1 : key).signECDSA(digest), how)
    }

    private func segwit(_ hasher: SignatureHasher, _ index: Int, _ key: Int, _ how: Opening) -> [UInt8] {
        let digest = hasher.witnessV0(
            input: index, scriptCode: inner, value: hasher.spentOutputs[index].value,
            hashType: UInt32(how.hashType))
        return Self.der(Self.key(how.usesWrongKey ? key + 1 : key).signECDSA(digest), how)
    }

    private static func der(_ signature: [UInt8], _ how: Opening) -> [UInt8] {
        if how.emptySignature { return [] }
        var signature = signature
        if how.usesHighS { signature = highS(signature) }
        if how.flipsSignature { signature[signature.count - 3] ^= 1 }
        if how.breaksDER { signature[1] += 1 }
        return signature + [how.hashType]
    }

    private static func highS(_ der: [UInt8]) -> [UInt8] {
        guard let both = SignatureEncoding.parseLax(der, count: der.count),
            let order = UInt256(hex: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
        else { return der }
        let bytes = (0..<64).map { both[$0] }
        guard let s = UInt256(hex: Array(bytes[32...]).hex), let other = [UInt8](hex: (order - s).hex) else {
            return der
        }
        return SignatureEncoding.der(r: Array(bytes[..<32]), s: other)
    }

    private func schnorr(
        _ hasher: SignatureHasher, _ index: Int, _ key: SecretKey?, _ leaf: Hash256?, _ how: Opening
    ) -> [UInt8] {
        if how.emptySignature { return [] }
        let type = how.hashType == 1 ? 0 : how.hashType
        let known = hasher.taproot(
            input: index, hashType: type, annex: how.annex, leaf: leaf.map { ($0, .max) })
        var signature = key?.signSchnorr(known ?? .zero) ?? []
        if how.flipsSignature { signature[40] ^= 1 }
        return type == 0 ? signature : signature + [type]
    }
}
