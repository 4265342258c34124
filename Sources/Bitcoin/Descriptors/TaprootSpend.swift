/// How a taproot output may be spent (BIP341): its internal key and the scripts that it commits to.
public struct TaprootSpend: Hashable, Sendable {
    public struct Leaf: Hashable, Sendable {
        public var script: [UInt8]
        /// 0xc0 for tapscript (BIP342).
        public var version: UInt8
        /// From the leaf's sibling up to the root's child.
        public var path: [Hash256]

        public init(script: [UInt8], version: UInt8 = 0xc0, path: [Hash256] = []) {
            self.script = script
            self.version = version
            self.path = path
        }

        public var depth: Int { path.count }

        /// BIP341's tapleaf hash.
        public var hash: Hash256 {
            var prefix = [version]
            let count = script.count
            if count < 0xfd {
                prefix.append(UInt8(count))
            } else if count <= 0xffff {
                prefix += [0xfd, UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8)]
            } else {
                prefix.append(0xfe)
                for shift in [0, 8, 16, 24] { prefix.append(UInt8(truncatingIfNeeded: count >> shift)) }
            }
            return taggedHash("TapLeaf", prefix, script)
        }
    }

    public let internalKey: XOnlyPublicKey
    /// Nil for an output without scripts.
    public let merkleRoot: Hash256?
    /// In the order of the descriptor; those that are known.
    public let leaves: [Leaf]
    /// Whether `leaves` are all that the output commits to.
    public let isComplete: Bool
    public let outputKey: XOnlyPublicKey
    public let outputIsOdd: Bool

    /// Of known leaves and a root. Nil with negligible probability.
    public init?(internalKey: XOnlyPublicKey, merkleRoot: Hash256?, leaves: [Leaf], isComplete: Bool = false)
    {
        guard let output = internalKey.taprootOutputKey(merkleRoot: merkleRoot) else { return nil }
        self.internalKey = internalKey
        self.merkleRoot = merkleRoot
        self.leaves = leaves
        self.isComplete = isComplete || merkleRoot == nil
        outputKey = output.key
        outputIsOdd = output.yIsOdd
    }

    /// Of a whole tree, whose leaves are given from left to right with their depths. Nil if the depths are
    /// those of no tree.
    public init?(internalKey: XOnlyPublicKey, tree: [(script: [UInt8], version: UInt8, depth: Int)]) {
        guard !tree.isEmpty else {
            self.init(internalKey: internalKey, merkleRoot: nil, leaves: [])
            return
        }
        // As a builder that merges two neighbours of one depth as soon as both are there.
        var pending: [(hash: Hash256, depth: Int, leaves: Range<Int>)] = []
        var leaves = tree.map { Leaf(script: $0.script, version: $0.version) }
        for (index, entry) in tree.enumerated() {
            guard entry.depth <= Limits.taprootDepthMax else { return nil }
            pending.append((leaves[index].hash, entry.depth, index..<index + 1))
            while pending.count >= 2, pending[pending.count - 1].depth == pending[pending.count - 2].depth {
                let right = pending.removeLast()
                let left = pending.removeLast()
                guard left.depth > 0 else { return nil }
                for at in left.leaves { leaves[at].path.append(right.hash) }
                for at in right.leaves { leaves[at].path.append(left.hash) }
                pending.append(
                    (
                        Self.branch(left.hash, right.hash), left.depth - 1,
                        left.leaves.lowerBound..<right.leaves.upperBound
                    ))
            }
        }
        guard pending.count == 1, pending[0].depth == 0 else { return nil }
        self.init(internalKey: internalKey, merkleRoot: pending[0].hash, leaves: leaves, isComplete: true)
    }

    /// The hash of an inner node: the smaller child first.
    public static func branch(_ a: Hash256, _ b: Hash256) -> Hash256 {
        let isOrdered = !b.bytes.lexicographicallyPrecedes(a.bytes)
        return taggedHash("TapBranch", isOrdered ? a.bytes : b.bytes, isOrdered ? b.bytes : a.bytes)
    }

    /// The control block that reveals a leaf.
    public func controlBlock(_ leaf: Leaf) -> [UInt8] {
        [leaf.version | (outputIsOdd ? 1 : 0)] + internalKey.bytes + leaf.path.flatMap(\.bytes)
    }
}

/// What somebody knows about spending outputs: keys, and the scripts behind hashes.
public struct SpendingKnowledge: Sendable {
    private var keys: [Hash160: DerivedKey] = [:]
    private var keysByX: [[UInt8]: DerivedKey] = [:]
    /// Keys that a tapscript may name by the hash of their x coordinate.
    private var tapscriptKeys: [Hash160: [UInt8]] = [:]
    private var redeemScripts: [Hash160: Script] = [:]
    private var witnessScripts: [Hash256: Script] = [:]
    private var taproot: [[UInt8]: TaprootSpend] = [:]

    public init() {}

    /// A key that tells more than the one that is known replaces it.
    public mutating func add(_ key: DerivedKey) {
        let identifier = key.identifier
        if let known = keys[identifier], known.secret != nil || key.secret == nil {
            if !known.origin.path.isEmpty || key.origin.path.isEmpty { return }
        }
        var key = key
        if key.secret == nil { key.secret = keys[identifier]?.secret }
        keys[identifier] = key
        let x = key.point.xOnly.bytes
        let known = keysByX[x]
        if known == nil || known?.secret == nil || key.secret != nil { keysByX[x] = key }
    }

    /// Makes a key known by the hash that tapscript's `pk_h` has of it.
    public mutating func add(tapscriptKey key: DerivedKey) {
        let x = key.point.xOnly.bytes
        tapscriptKeys[hash160(x)] = x
    }

    public mutating func add(redeemScript script: Script) { redeemScripts[hash160(script.bytes)] = script }
    public mutating func add(witnessScript script: Script) {
        witnessScripts[SHA256.hash(script.bytes)] = script
    }

    /// Leaves of one output that come piece by piece (a PSBT's) are joined.
    public mutating func add(_ spend: TaprootSpend) {
        let key = spend.outputKey.bytes
        guard let known = taproot[key], !known.isComplete else {
            if taproot[key] == nil { taproot[key] = spend }
            return
        }
        if spend.isComplete {
            taproot[key] = spend
            return
        }
        let leaves = known.leaves + spend.leaves.filter { !known.leaves.contains($0) }
        taproot[key] =
            TaprootSpend(internalKey: known.internalKey, merkleRoot: known.merkleRoot, leaves: leaves)
            ?? spend
    }

    public func key(_ identifier: Hash160) -> DerivedKey? { keys[identifier] }
    public func key(bytes: [UInt8]) -> DerivedKey? { keys[hash160(bytes)] }
    public func key(x: [UInt8]) -> DerivedKey? { keysByX[x] }
    /// The x coordinate behind its hash.
    public func tapscriptKey(_ hash: Hash160) -> [UInt8]? { tapscriptKeys[hash] }
    public func redeemScript(_ hash: Hash160) -> Script? { redeemScripts[hash] }
    public func witnessScript(_ hash: Hash256) -> Script? { witnessScripts[hash] }
    public func taproot(_ outputKey: [UInt8]) -> TaprootSpend? { taproot[outputKey] }

    public mutating func merge(_ other: SpendingKnowledge) {
        // Order does not matter: each entry has its own place.
        for (_, key) in other.keys { add(key) }
        tapscriptKeys.merge(other.tapscriptKeys) { mine, _ in mine }
        redeemScripts.merge(other.redeemScripts) { mine, _ in mine }
        witnessScripts.merge(other.witnessScripts) { mine, _ in mine }
        for (_, spend) in other.taproot { add(spend) }
    }

    /// The same without private keys.
    public var withoutSecrets: SpendingKnowledge {
        var result = self
        result.keys = keys.mapValues(Self.neutered)
        result.keysByX = keysByX.mapValues(Self.neutered)
        return result
    }

    private static func neutered(_ key: DerivedKey) -> DerivedKey {
        var key = key
        key.secret = nil
        return key
    }
}
