/// Correctness, malleability and time locks of a Miniscript expression as properties, named by the letters
/// of BIP379. The empty set is no valid type.
public struct MiniscriptType: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    private init(bit: UInt32) { rawValue = 1 << bit }

    /// Base, verify, key, wrapped: exactly one of them.
    public static let B = Self(bit: 0)
    public static let V = Self(bit: 1)
    public static let K = Self(bit: 2)
    public static let W = Self(bit: 3)
    /// Takes no, or exactly one, stack element.
    public static let z = Self(bit: 4)
    public static let o = Self(bit: 5)
    /// Needs no zero on top when satisfied.
    public static let n = Self(bit: 6)
    /// Can be dissatisfied.
    public static let d = Self(bit: 7)
    /// Leaves exactly 1 when satisfied.
    public static let u = Self(bit: 8)
    /// Its dissatisfaction is not malleable.
    public static let e = Self(bit: 9)
    /// Every dissatisfaction has a signature.
    public static let f = Self(bit: 10)
    /// Every satisfaction has a signature.
    public static let s = Self(bit: 11)
    /// A satisfaction that is not malleable exists for every way to satisfy.
    public static let m = Self(bit: 12)
    /// A verify form costs an opcode of its own.
    public static let x = Self(bit: 13)
    /// Locks: relative by time, relative by height, absolute by time, absolute by height.
    public static let g = Self(bit: 14)
    public static let h = Self(bit: 15)
    public static let i = Self(bit: 16)
    public static let j = Self(bit: 17)
    /// No satisfaction mixes locks by time and by height.
    public static let k = Self(bit: 18)

    static let locks = Self(rawValue: g.rawValue | h.rawValue | i.rawValue | j.rawValue)
    static let locksAndMix = Self(rawValue: locks.rawValue | k.rawValue)

    static func | (a: Self, b: Self) -> Self { Self(rawValue: a.rawValue | b.rawValue) }
    static func & (a: Self, b: Self) -> Self { Self(rawValue: a.rawValue & b.rawValue) }
    func has(_ wanted: Self) -> Bool { wanted.rawValue & ~rawValue == 0 }
    func when(_ condition: Bool) -> Self { condition ? self : [] }

    var isBaseKeyOrWrapped: Bool { !isDisjoint(with: .B | .K | .W) }

    /// Whether both together may need a lock by time and one by height.
    private func conflicts(_ other: Self) -> Bool {
        contains(.g) && other.contains(.h) || contains(.h) && other.contains(.g)
            || contains(.i) && other.contains(.j) || contains(.j) && other.contains(.i)
    }

    /// The type of a fragment over children of these types; empty if they do not fit.
    static func of(_ fragment: Miniscript.Fragment, _ types: [Self], _ context: Miniscript.Context) -> Self {
        let found =
            switch types.count {
            case 0: leaf(fragment)
            case 1:
                if case .threshold(let required) = fragment {
                    threshold(required, types)
                } else {
                    wrapper(fragment, types[0], context)
                }
            default:
                switch fragment {
                case .threshold(let required): threshold(required, types)
                case .andOr: andOr(types[0], types[1], types[2])
                case .andV, .andB: and(fragment, types[0], types[1])
                default: or(fragment, types[0], types[1])
                }
            }
        // Without one of the four basic types nothing else means anything.
        return found.isDisjoint(with: .B | .V | .K | .W) ? [] : found
    }

    private static func leaf(_ fragment: Miniscript.Fragment) -> Self {
        switch fragment {
        case .zero: [.B, .z, .u, .d, .e, .m, .s, .x, .k]
        case .one: [.B, .z, .u, .f, .m, .x, .k]
        case .key: [.K, .o, .n, .u, .d, .e, .m, .s, .x, .k]
        case .keyHash: [.K, .n, .u, .d, .e, .m, .s, .x, .k]
        case .older(let value): [.B, .z, .f, .m, .x, .k, value & 1 << 22 != 0 ? .g : .h]
        case .after(let value): [.B, .z, .f, .m, .x, .k, value >= 500_000_000 ? .i : .j]
        case .hash: [.B, .o, .n, .u, .d, .m, .k]
        case .multisig: [.B, .n, .u, .d, .e, .m, .s, .k]
        case .tapscriptMultisig: [.B, .u, .d, .e, .m, .s, .k]
        default: []
        }
    }

    private static let aProperties: Self = [.u, .d, .f, .e, .m, .s]
    private static let sProperties: Self = [.u, .d, .f, .e, .m, .s, .x]
    private static let cProperties: Self = [.o, .n, .d, .f, .e, .m]
    private static let vProperties: Self = [.z, .o, .n, .m, .s]
    private static let jProperties: Self = [.o, .u, .m, .s]
    private static let nProperties: Self = [.B, .z, .o, .n, .d, .f, .e, .m, .s]
    private static let ndx: Self = [.n, .d, .x]

    private static func wrapper(
        _ fragment: Miniscript.Fragment, _ x: Self, _ context: Miniscript.Context
    ) -> Self {
        let kept = x & locksAndMix
        switch fragment {
        case .zeroNotEqual: return kept | x & nProperties | .u | .x
        case .alt: return x.has(.B) ? kept | .W | x & aProperties | .x : []
        case .swap: return x.has(.B | .o) ? kept | .W | x & sProperties : []
        case .check: return x.has(.K) ? kept | .B | x & cProperties | .u | .s : []
        case .dupIf:
            guard x.has(.V | .z) else { return [] }
            // MINIMALIF is consensus in tapscript only.
            return kept | .B | .o | e.when(x.has(.f)) | x & (.m | .s) | u.when(context == .tapscript) | ndx
        case .verify: return x.has(.B) ? kept | .V | x & vProperties | .f | .x : []
        case .nonZero:
            guard x.has(.B | .n) else { return [] }
            return kept | .B | e.when(x.has(.f)) | x & jProperties | ndx
        default: return []
        }
    }

    private static func and(_ fragment: Miniscript.Fragment, _ x: Self, _ y: Self) -> Self {
        let both = x & y
        let either = x | y
        let shared: Self =
            x & n | (y & n).when(x.has(.z)) | (either & o).when(either.has(.z)) | both & (.m | .z)
            | either & s | either & locks | k.when(both.has(.k) && !x.conflicts(y))
        if case .andV = fragment {
            return (y & (.K | .V | .B)).when(x.has(.V)) | shared | f.when(y.has(.f) || x.has(.s))
                | y & (.u | .x)
        }
        return (x & B).when(y.has(.W)) | shared | (both & e).when(both.has(.s)) | both & d
            | f.when(both.has(.f) || x.has(.s | .f) || y.has(.s | .f)) | .u | .x
    }

    private static func or(_ fragment: Miniscript.Fragment, _ x: Self, _ y: Self) -> Self {
        let both = x & y
        let either = x | y
        let shared: Self = either & locks | both & k | .x
        switch fragment {
        case .orB:
            return B.when(x.has(.B | .d) && y.has(.W | .d)) | (either & o).when(either.has(.z))
                | (both & m).when(either.has(.s) && both.has(.e)) | both & (.z | .s | .e) | .d | .u | shared
        case .orC, .orD:
            let safe: Self =
                (x & o).when(y.has(.z)) | (both & m).when(x.has(.e) && either.has(.s)) | both & (.z | .s)
            let fits = x.has(.B | .d | .u)
            if case .orC = fragment { return (y & V).when(fits) | safe | .f | shared }
            return (y & B).when(fits) | safe | y & (.u | .f | .d | .e) | shared
        case .orI:
            return both & (.V | .B | .K | .u | .f | .s) | o.when(both.has(.z))
                | (either & e).when(either.has(.f)) | (both & m).when(either.has(.s)) | either & d | shared
        default: return []
        }
    }

    private static func andOr(_ x: Self, _ y: Self, _ z: Self) -> Self {
        let all = x & y & z
        let any = x | y | z
        let branches = x | y & z
        let base: Self = (y & z & (.B | .K | .V)).when(x.has(.B | .d | .u))
        let shape: Self = all & Self.z | (branches & o).when(branches.has(Self.z)) | y & z & u | z & d
        let forced = x.has(.s) || y.has(.f)
        let safety: Self =
            (z & (.f | .e)).when(forced) | (all & m).when(x.has(.e) && any.has(.s)) | z & (x | y) & s
        return base | shape | safety | .x | any & locks | k.when(all.has(.k) && !x.conflicts(y))
    }

    private static func threshold(_ required: Int, _ types: [Self]) -> Self {
        var expressions = true
        var nonmalleable = true
        var safe = 0
        var arguments = 0
        var found: Self = .k
        for (place, type) in types.enumerated() {
            guard type.has((place == 0 ? .B : .W) | .d | .u) else { return [] }
            if !type.contains(.e) { expressions = false }
            if !type.contains(.m) { nonmalleable = false }
            if type.contains(.s) { safe += 1 }
            arguments += type.contains(.z) ? 0 : type.contains(.o) ? 1 : 2
            let isUnmixed = (found & type).contains(.k) && (required <= 1 || !found.conflicts(type))
            found = (found | type) & locks | k.when(isUnmixed)
        }
        let count = types.count
        return .B | .d | .u | z.when(arguments == 0) | o.when(arguments == 1)
            | e.when(expressions && safe == count)
            | m.when(expressions && nonmalleable && safe >= count - required)
            | s.when(safe >= count - required + 1) | found
    }
}
