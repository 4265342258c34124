/// What a spender can show for a miniscript.
public protocol MiniscriptSatisfier {
    /// A signature by the key at a place, with its hash type; every key is asked.
    mutating func signature(_ key: Int) -> [UInt8]?
    /// The key as scripts hold it.
    func publicKey(_ key: Int) -> [UInt8]
    /// The 32 bytes behind a digest.
    func preimage(_ function: Miniscript.HashFunction, _ digest: [UInt8]) -> [UInt8]?
    /// Whether the input's sequence, or the transaction's lock time, meets a raw value.
    func isMet(older value: UInt32) -> Bool
    func isMet(after value: UInt32) -> Bool
}

/// A way to satisfy or dissatisfy an expression: stack elements, the last on top.
private struct Way {
    var isPossible = true
    var hasSignature = false
    var isMalleable = false
    var size = 0
    var stack: [[UInt8]] = []

    init() {}
    init(_ element: [UInt8]) {
        stack = [element]
        size = element.count + 1
    }

    static let empty = Way()
    static let zero = Way([])
    static let one = Way([1])
    static let impossible = {
        var way = Way()
        way.isPossible = false
        return way
    }()
    /// Any wrong preimage will do.
    static let wrongPreimage = Way([UInt8](repeating: 0, count: 32)).malleable()

    static func signed(_ signature: [UInt8]?) -> Way {
        guard let signature else { return .impossible }
        var way = Way(signature)
        way.hasSignature = true
        return way
    }

    func malleable(_ condition: Bool = true) -> Way {
        var way = self
        if isPossible { way.isMalleable = condition }
        return way
    }

    static func + (a: Way, b: Way) -> Way {
        guard a.isPossible, b.isPossible else { return .impossible }
        var way = a
        way.stack += b.stack
        way.size += b.size
        way.hasSignature = a.hasSignature || b.hasSignature
        way.isMalleable = a.isMalleable || b.isMalleable
        return way
    }

    /// The better of two. One without a signature is what a third party can always turn to, so it must be
    /// taken; and if both are without, each can be turned into the other.
    static func | (a: Way, b: Way) -> Way {
        guard a.isPossible else { return b }
        guard b.isPossible else { return a }
        if a.hasSignature != b.hasSignature { return a.hasSignature ? b : a }
        if !a.hasSignature { return (a.size <= b.size ? a : b).malleable() }
        if a.isMalleable != b.isMalleable { return a.isMalleable ? b : a }
        return a.size <= b.size ? a : b
    }
}

private struct Ways {
    var yes: Way
    var no: Way
}

extension Miniscript {
    /// The smallest witness that satisfies the script, without script and control block; nil if there is
    /// none.
    ///
    /// - Parameter allowsMalleable: also a witness that a third party could change.
    public func satisfy<Satisfier: MiniscriptSatisfier>(
        _ satisfier: inout Satisfier, allowsMalleable: Bool = false
    ) -> [[UInt8]]? {
        var ways: [Ways] = []
        ways.reserveCapacity(nodes.count)
        for node in nodes {
            let inner = node.children.map { ways[$0] }
            // What is taken up is not kept twice.
            for child in node.children { ways[child] = Ways(yes: .impossible, no: .impossible) }
            ways.append(
                node.children.isEmpty
                    ? Self.leaf(node.fragment, &satisfier) : Self.combined(node.fragment, inner))
        }
        let best = ways[root].yes
        guard best.isPossible else { return nil }
        guard allowsMalleable || !best.isMalleable && best.hasSignature else { return nil }
        return best.stack
    }

    private static func leaf<Satisfier: MiniscriptSatisfier>(
        _ fragment: Fragment, _ satisfier: inout Satisfier
    ) -> Ways {
        switch fragment {
        case .one: return Ways(yes: .empty, no: .impossible)
        case .key(let key): return Ways(yes: .signed(satisfier.signature(key)), no: .zero)
        case .keyHash(let key):
            let bytes = Way(satisfier.publicKey(key))
            return Ways(yes: .signed(satisfier.signature(key)) + bytes, no: .zero + bytes)
        case .older(let value):
            return Ways(yes: satisfier.isMet(older: value) ? .empty : .impossible, no: .impossible)
        case .after(let value):
            return Ways(yes: satisfier.isMet(after: value) ? .empty : .impossible, no: .impossible)
        case .hash(let function, let digest):
            let preimage = satisfier.preimage(function, digest)
            return Ways(yes: preimage.map { Way($0) } ?? .impossible, no: .wrongPreimage)
        case .multisig(let required, let keys):
            // The element too many that OP_CHECKMULTISIG takes.
            var ways = [Way.zero]
            for key in keys { ways = added(ways, .signed(satisfier.signature(key)), .empty) }
            let no = (0..<required).reduce(Way.zero) { way, _ in way + .zero }
            return Ways(yes: ways[required], no: no)
        case .tapscriptMultisig(let required, let keys):
            // The first key's signature lies on top.
            var ways = [Way.empty]
            for key in keys.reversed() { ways = added(ways, .signed(satisfier.signature(key)), .zero) }
            return Ways(yes: ways[required], no: ways[0])
        default: return Ways(yes: .impossible, no: .empty)
        }
    }

    /// From the best ways with 0, 1, 2, … satisfied members to those with one member more to choose.
    private static func added(_ ways: [Way], _ yes: Way, _ no: Way) -> [Way] {
        (0...ways.count).map { count in
            if count == 0 { return ways[0] + no }
            if count == ways.count { return ways[count - 1] + yes }
            return ways[count] + no | (ways[count - 1] + yes)
        }
    }

    private static func combined(_ fragment: Fragment, _ inner: [Ways]) -> Ways {
        let x = inner[0]
        let y = inner.count > 1 ? inner[1] : x
        switch fragment {
        case .dupIf: return Ways(yes: x.yes + .one, no: .zero)
        case .verify: return Ways(yes: x.yes, no: .impossible)
        case .nonZero:
            // Where it can be dissatisfied without a signature, perhaps also with something else than zero.
            return Ways(yes: x.yes, no: .zero.malleable(x.no.isPossible && !x.no.hasSignature))
        case .andV: return Ways(yes: y.yes + x.yes, no: y.no + x.yes)
        case .andB:
            let mixed = (y.yes + x.no).malleable() | (y.no + x.yes).malleable()
            return Ways(yes: y.yes + x.yes, no: y.no + x.no | mixed)
        case .orB:
            let one = y.no + x.yes | (y.yes + x.no)
            return Ways(yes: one | (y.yes + x.yes).malleable(), no: y.no + x.no)
        case .orC: return Ways(yes: x.yes | (y.yes + x.no), no: .impossible)
        case .orD: return Ways(yes: x.yes | (y.yes + x.no), no: y.no + x.no)
        case .orI: return Ways(yes: x.yes + .one | (y.yes + .zero), no: x.no + .one | (y.no + .zero))
        case .andOr:
            let z = inner[2]
            return Ways(yes: y.yes + x.yes | (z.yes + x.no), no: y.no + x.yes | (z.no + x.no))
        case .threshold(let required):
            var ways = [Way.empty]
            for member in inner.reversed() { ways = added(ways, member.yes, member.no) }
            var no = Way.impossible
            for count in ways.indices where count != required {
                no = no | (count == 0 ? ways[0] : ways[count].malleable())
            }
            return Ways(yes: ways[required], no: no)
        default: return x
        }
    }
}
