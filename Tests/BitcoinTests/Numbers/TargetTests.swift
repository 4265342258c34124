import Bitcoin
import Testing

struct TargetTests {
    /// From Bitcoin Core's arith_uint256_tests, bignum_SetCompact: bits, value, what it compacts to, flags.
    static let compactCases: [(bits: UInt32, value: String, again: UInt32, negative: Bool, overflow: Bool)] =
        [
            (0, "0", 0, false, false), (0x0012_3456, "0", 0, false, false),
            (0x0100_3456, "0", 0, false, false),
            (0x0200_0056, "0", 0, false, false), (0x0300_0000, "0", 0, false, false),
            (0x0400_0000, "0", 0, false, false), (0x0092_3456, "0", 0, false, false),
            (0x0180_3456, "0", 0, false, false), (0x0280_0056, "0", 0, false, false),
            (0x0380_0000, "0", 0, false, false), (0x0480_0000, "0", 0, false, false),
            (0x0112_3456, "12", 0x0112_0000, false, false), (0x01fe_dcba, "7e", 0x017e_0000, true, false),
            (0x0212_3456, "1234", 0x0212_3400, false, false),
            (0x0312_3456, "123456", 0x0312_3456, false, false),
            (0x0412_3456, "12345600", 0x0412_3456, false, false),
            (0x0492_3456, "12345600", 0x0412_3456, true, false),
            (0x0500_9234, "92340000", 0x0500_9234, false, false),
            (
                0x2012_3456, "1234560000000000000000000000000000000000000000000000000000000000", 0x2012_3456,
                false, false
            ),
        ]

    @Test(arguments: compactCases.indices) func bitsAreReadAsCoreReadsThem(_ index: Int) {
        let item = Self.compactCases[index]
        let decoded = CompactTarget(bits: item.bits).decoded
        #expect(decoded.value == UInt256(hex: item.value))
        #expect(decoded.isNegative == item.negative)
        #expect(decoded.overflows == item.overflow)
        #expect(CompactTarget(Target(decoded.value)).bits == item.again)
        let usable = !item.negative && !item.overflow && item.value != "0"
        #expect((CompactTarget(bits: item.bits).target != nil) == usable)
    }

    @Test func bitsBeyond256BitsOverflow() {
        for bits: UInt32 in [0xff12_3456, 0x2300_0001, 0x2200_0100, 0x2101_0000] {
            #expect(CompactTarget(bits: bits).decoded.overflows)
            #expect(CompactTarget(bits: bits).target == nil)
        }
        for bits: UInt32 in [0x2200_00ff, 0x2100_ffff, 0x207f_ffff] {
            #expect(CompactTarget(bits: bits).target != nil)
        }
    }

    @Test func aSignificandThatWouldSetTheSignMovesDown() {
        #expect(CompactTarget(Target(0x80)).bits == 0x0200_8000)
        #expect(CompactTarget(.max).bits == 0x2100_ffff)
    }

    @Test func theGenesisBitsAreDifficultyOne() {
        let target = CompactTarget(bits: 0x1d00_ffff).target
        #expect(target == .difficultyOne)
        #expect(target?.difficulty == 1)
        #expect(Target(difficulty: 1) == .difficultyOne)
        #expect(target?.work == UInt256(0x1_0001_0001))
        #expect(CompactTarget(bits: 0x207f_ffff).target?.work == 2)
    }

    @Test func difficultiesAreKeptWithinTargets() {
        #expect(Target(difficulty: 0) == .max)
        #expect(Target(difficulty: -3) == .max)
        #expect(Target(difficulty: .nan) == .max)
        #expect(Target(difficulty: 1e-300) == .max)
        #expect(Target(difficulty: 1e300) == Target(.one))
        #expect(Target(difficulty: .infinity) == Target(.one))
        for difficulty in [1e-9, 0.25, 2, 1234.5, 1e14] {
            #expect(abs(Target(difficulty: difficulty).difficulty / difficulty - 1) < 1e-12)
        }
    }

    @Test func aHashEqualToTheTargetMeetsIt() {
        let target = Target(UInt256(1) << 200)
        #expect(target.isMet(by: target.littleEndianHash))
        #expect(!target.isMet(by: (target.value + .one).littleEndianHash))
        #expect(target.isMet(by: (target.value - .one).littleEndianHash))
        #expect(Target.max.expectedHashes == 1)
        #expect(abs(Target.difficultyOne.expectedHashes / 4_295_032_833 - 1) < 1e-12)
    }
}
