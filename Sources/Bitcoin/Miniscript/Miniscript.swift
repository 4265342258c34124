/// A script of the language Miniscript (BIP379): spending conditions whose cost, safety and satisfaction can
/// be worked out from their structure.
///
/// Keys are numbers: places in a table that the owner keeps, so that the same tree serves key expressions,
/// derived keys and bytes. The tree lies flat, children before parents, so that no depth of nesting
/// overflows a stack.
public struct Miniscript: Hashable, Sendable {
    /// Where the script stands: sizes of keys, kinds of multisig and limits depend on it.
    public enum Context: Hashable, Sendable {
        case witnessScript
        case tapscript
    }

    public enum HashFunction: String, Hashable, Sendable, CaseIterable {
        case sha256
        case hash256
        case ripemd160
        case hash160

        public var byteCount: Int { self == .sha256 || self == .hash256 ? 32 : 20 }

        var opcode: Opcode {
            switch self {
            case .sha256: .sha256
            case .hash256: .hash256
            case .ripemd160: .ripemd160
            case .hash160: .hash160
            }
        }
    }

    public enum Fragment: Hashable, Sendable {
        /// `0` and `1`.
        case zero
        case one
        /// `pk_k` and `pk_h`.
        case key(Int)
        case keyHash(Int)
        /// Raw values of OP_CHECKSEQUENCEVERIFY and OP_CHECKLOCKTIMEVERIFY, 1 to 2^31 - 1.
        case older(UInt32)
        case after(UInt32)
        case hash(HashFunction, [UInt8])
        /// The wrappers `a s c d v j n`; `t l u` and `and_n` are spelled out.
        case alt
        case swap
        case check
        case dupIf
        case verify
        case nonZero
        case zeroNotEqual
        case andV
        case andB
        case orB
        case orC
        case orD
        case orI
        case andOr
        case threshold(Int)
        /// `multi` (witness scripts) and `multi_a` (tapscript).
        case multisig(Int, keys: [Int])
        case tapscriptMultisig(Int, keys: [Int])
    }

    struct Node: Hashable, Sendable {
        var fragment: Fragment
        /// Places of the children, each before its parent's.
        var children: [Int]
        var type: MiniscriptType
        var scriptSize: Int
    }

    public let context: Context
    /// The root is the last.
    private(set) var nodes: [Node] = []

    init(_ context: Context) { self.context = context }

    /// Adds a node over nodes that are there and returns its place. Numbers must be in range.
    @discardableResult
    mutating func append(_ fragment: Fragment, _ children: [Int] = []) -> Int {
        let types = children.map { nodes[$0].type }
        let type = MiniscriptType.of(fragment, types, context)
        let inner = children.reduce(0) { $0 + nodes[$1].scriptSize }
        let own = Self.ownSize(
            fragment, children.count, isExpensive: types.first?.contains(.x) ?? false, context)
        nodes.append(Node(fragment: fragment, children: children, type: type, scriptSize: inner + own))
        return nodes.count - 1
    }

    var root: Int { nodes.count - 1 }
    public var type: MiniscriptType { nodes[root].type }
    /// Bytes of the script.
    public var scriptSize: Int { nodes[root].scriptSize }

    /// Bytes that a fragment adds to its children's.
    private static func ownSize(
        _ fragment: Fragment, _ children: Int, isExpensive: Bool, _ context: Context
    ) -> Int {
        func number(_ value: Int) -> Int {
            value <= 16 ? 1 : Script.numberBytes(Int64(value)).count + 1
        }
        switch fragment {
        case .zero, .one: return 1
        case .key: return context == .tapscript ? 33 : 34
        case .keyHash: return 24
        case .older(let value), .after(let value): return 1 + number(Int(value))
        case .hash(let function, _): return 7 + function.byteCount
        case .andV: return 0
        case .verify: return isExpensive ? 1 : 0
        case .swap, .check, .zeroNotEqual, .andB, .orB: return 1
        case .alt, .orC: return 2
        case .dupIf, .orD, .orI, .andOr: return 3
        case .nonZero: return 4
        case .threshold(let required): return children + number(required)
        case .multisig(let required, let keys):
            return 1 + number(keys.count) + number(required) + 34 * keys.count
        case .tapscriptMultisig(let required, let keys): return 34 * keys.count + number(required) + 1
        }
    }

    /// The keys of one node.
    static func keys(_ fragment: Fragment) -> [Int] {
        switch fragment {
        case .key(let key), .keyHash(let key): [key]
        case .multisig(_, let keys), .tapscriptMultisig(_, let keys): keys
        default: []
        }
    }

    /// Raw values of the relative locks (`older`), in the order of the nodes.
    public var relativeLocks: [UInt32] {
        nodes.compactMap {
            if case .older(let value) = $0.fragment { return value }
            return nil
        }
    }
}
