import Bitcoin
import Testing

struct UInt256Tests {
    @Test func arithmeticAgreesWithPythonsIntegers() throws {
        let cases = try Vectors.own("uint256/arithmetic.json")
        #expect(cases.count > 200)
        for item in cases {
            func number(_ key: String) throws -> UInt256 {
                let text = try #require(item[key] as? String)
                return try #require(UInt256(hex: text))
            }
            let a = try number("a")
            let b = try number("b")
            let sum = a.addingReportingOverflow(b)
            #expect(try sum.partialValue == number("sum") && sum.overflow == item["sumOverflows"] as? Bool)
            let difference = a.subtractingReportingOverflow(b)
            #expect(try difference.partialValue == number("difference"))
            #expect(
                difference.overflow == item["differenceOverflows"] as? Bool && difference.overflow == (a < b))
            let product = a.multipliedReportingOverflow(by: b)
            #expect(try product.partialValue == number("product"))
            #expect(product.overflow == item["productOverflows"] as? Bool)
            let shift = try #require(item["shift"] as? Int)
            #expect(try a << shift == number("left"))
            #expect(try a >> shift == number("right"))
            #expect(a.bitWidth == item["bitWidth"] as? Int)
            #expect(try Target(a).work == number("work"))
            #expect(CompactTarget(Target(a)).description == item["compact"] as? String)
            guard !b.isZero else { continue }
            let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
            #expect(try quotient == number("quotient") && remainder == number("remainder"), "\(a) / \(b)")
        }
    }

    @Test func divisionUndoesMultiplicationWithRemainder() {
        for seed in 0..<2000 as Range<UInt64> {
            let bytes = patternBytes(64, seed: seed)
            let a = UInt256(littleEndian: Hash256(bytes: Array(bytes[..<32]))!) >> Int(seed % 97)
            let b = UInt256(littleEndian: Hash256(bytes: Array(bytes[32...]))!) >> Int(seed % 251) | .one
            let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
            #expect(remainder < b)
            #expect(quotient * b + remainder == a)
        }
    }

    @Test func aHashIsReadWithItsFirstByteLeastSignificant() throws {
        let hash = try #require(Hash256(hex: "01" + String(repeating: "00", count: 30) + "80"))
        let number = UInt256(littleEndian: hash)
        #expect(number == UInt256(l0: 1, l1: 0, l2: 0, l3: 0x8000_0000_0000_0000))
        #expect(number.littleEndianHash == hash)
        #expect(number.hex == "80" + String(repeating: "0", count: 61) + "1")
    }

    @Test func doublesAreClampedAndComeBack() {
        #expect(UInt256(clamping: -1) == .zero)
        #expect(UInt256(clamping: .nan) == .zero)
        #expect(UInt256(clamping: 0.99) == .zero)
        #expect(UInt256(clamping: .infinity) == .max)
        #expect(UInt256(clamping: 0x1p256) == .max)
        #expect(UInt256(clamping: 3.9) == 3)
        for exponent in 0..<256 {
            let value = 1.375 * Double(sign: .plus, exponent: exponent, significand: 1)
            #expect(UInt256(clamping: value).double == (exponent < 3 ? value.rounded(.down) : value))
        }
    }
}
