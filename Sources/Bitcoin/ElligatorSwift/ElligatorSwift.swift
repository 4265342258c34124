/// ElligatorSwift (BIP324, after Chavez-Saab, Rodriguez-Henriquez and Tibouchi): public keys as 64 bytes that
/// look random, and the x-only key agreement on them. Debian's libsecp256k1 has no such module, so the field
/// code is our own; it sees public values only, and the scalar multiplication stays in libsecp256k1.
public enum ElligatorSwift {
    /// Length of an encoding.
    public static let byteCount = 64

    /// The x coordinate (32 bytes) that any 64 bytes stand for. Never fails: every string is an encoding.
    public static func decode(_ encoding: [UInt8]) -> [UInt8] {
        precondition(encoding.count == byteCount, "an encoding has 64 bytes, not \(encoding.count)")
        return x(
            u: FieldElement(bigEndian: encoding[0..<32]), t: FieldElement(bigEndian: encoding[32..<64])
        ).bytes
    }

    /// An encoding of the point with this x coordinate; nil if no point has it. `randomness` (32 bytes, fresh
    /// and unpredictable) picks one of the about 2^256 encodings: for k = 0, 1, 2, … try u =
    /// SHA256(randomness ‖ x ‖ LE32(2k)) and case = first byte of SHA256(randomness ‖ x ‖ LE32(2k+1)) mod 8.
    public static func encode(x bytes: [UInt8], randomness: [UInt8]) -> [UInt8]? {
        precondition(bytes.count == 32 && randomness.count == 32)
        let x = FieldElement(bigEndian: bytes[...])
        return isOnCurve(x) ? encode(onCurve: x, bytes: bytes, randomness: randomness) : nil
    }

    /// The same for an x coordinate that is known to have a point.
    static func encode(onCurve x: FieldElement, bytes: [UInt8], randomness: [UInt8]) -> [UInt8] {
        var seed = randomness + bytes + [0, 0, 0, 0]
        func block(_ counter: UInt32) -> [UInt8] {
            for i in 0..<4 { seed[64 + i] = UInt8(truncatingIfNeeded: counter >> (8 * UInt32(i))) }
            return SHA256.hash(seed).bytes
        }
        // Each try succeeds with a chance near 1/4; 2^31 failures in a row do not happen.
        var counter: UInt32 = 0
        while true {
            let u = FieldElement(bigEndian: block(counter)[...])
            let branch = Int(block(counter &+ 1)[0] & 7)
            if !u.isZero, let t = t(x: x, u: u, branch: branch) { return u.bytes + t.bytes }
            counter &+= 2
        }
    }

    private static func isOnCurve(_ x: FieldElement) -> Bool { (x.square * x + .seven).isSquare }

    /// BIP324 `xswiftec`.
    static func x(u: FieldElement, t: FieldElement) -> FieldElement {
        let u = u.isZero ? FieldElement.one : u
        var t = t.isZero ? FieldElement.one : t
        let curve = u.square * u + .seven
        if (curve + t.square).isZero { t = t + t }
        // One inversion for X = (u^3 + 7 - t^2) / 2t and Y = (X + t) / (root(-3) u) and 1/Y:
        // with d = 2t and n = u^3 + 7 - t^2, X + t = (n + 2t^2) / d = (u^3 + 7 + t^2) / d, which is not zero.
        let square = t.square
        let d = t + t
        let n = curve - square
        let m = curve + square
        let cu = FieldElement.rootOfMinus3 * u
        // 1/d, 1/(d cu) and 1/m from the inverse of d * cu * m.
        let all = (d * cu * m).inverse
        let y = m.square * all  // m / (d cu)
        let xOverY = n * cu * d * cu * all  // n / d * d cu / m = n cu / m
        let first = u + (y + y).square
        if isOnCurve(first) { return first }
        let second = (-xOverY - u) * .half
        if isOnCurve(second) { return second }
        return (xOverY - u) * .half
    }

    /// BIP324 `xswiftec_inv`: a t with x(u, t) = x, one of up to eight; nil when this branch has none.
    static func t(x: FieldElement, u: FieldElement, branch: Int) -> FieldElement? {
        let v: FieldElement
        let w: FieldElement
        let curve = u.square * u + .seven
        if branch & 2 == 0 {
            if isOnCurve(-x - u) { return nil }
            v = x
            let denominator = u.square + u * v + v.square
            // A quotient is a square when the product is; the inversion waits until that is known.
            guard (-curve * denominator).isSquare else { return nil }
            guard let root = (-curve * denominator.inverse).squareRoot else { return nil }
            w = root
        } else {
            let s = x - u
            if s.isZero { return nil }
            let fourCurve = (curve + curve) + (curve + curve)
            let threeS = s + s + s
            guard let root = s.squareRoot, let r = (-s * (fourCurve + threeS * u.square)).squareRoot else {
                return nil
            }
            w = root
            if branch & 1 == 1, r.isZero { return nil }
            v = (r * s.inverse - u) * .half
        }
        let sign = branch & 1 == 0 ? FieldElement.one - .rootOfMinus3 : .one + .rootOfMinus3
        let t = w * (u * sign * .half + v)
        return branch & 5 == 0 || branch & 5 == 5 ? -t : t
    }
}
