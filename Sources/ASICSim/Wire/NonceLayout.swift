import Hardware

/// Which nonces a chip tries, and which of them at the same time.
///
/// A nonce read as it travels (most significant byte first) has bits for the core and bits for a counter, so the cores
/// of a chip try nonces that lie a fixed distance apart. In the order of a header's number, whose first byte on the
/// wire is the least significant, that distance is ``stride``.
public struct NonceLayout: Sendable, Equatable {
    public let family: ChipFamily
    /// Nonces that one tick of the counter tries: the cores, or 256 of a chip that counts straight on.
    public let lanes: Int
    public let stride: UInt32

    public init(_ family: ChipFamily) {
        self.family = family
        switch family {
        case .bm1362, .bm1366, .bm1368, .bm1370:
            lanes = family.cores
            stride = 2
        case .bm1397:
            // Seven bits name a core: 128 places for 168 cores. All places are tried.
            lanes = 128
            stride = 2
        case .bm1387:
            lanes = family.cores
            stride = 1 << 24
        case .bm1384, .icarus, .antminerU:
            lanes = 256
            stride = 1 << 24
        }
    }

    /// Ticks of a whole round of the counter.
    var ticksMax: UInt64 {
        switch family {
        case .bm1362, .bm1366, .bm1368, .bm1370, .bm1397: 1 << 25
        case .bm1387: 1 << 19
        case .bm1384, .icarus, .antminerU: 1 << 24
        }
    }

    /// Where a chip's counter begins.
    func origin(address: UInt8, nonceOffset: UInt32) -> UInt64 {
        switch family {
        case .bm1362, .bm1366: UInt64(address & 0xfe) << 17
        case .bm1368, .bm1370:
            nonceOffset >> 31 == 1 ? UInt64(nonceOffset & 0xffff) << 9 : UInt64(address) << 17
        case .bm1397: UInt64(address) << 17
        case .bm1387: UInt64(address)
        case .bm1384: UInt64(address) << 16
        case .icarus, .antminerU: 0
        }
    }

    /// The header's nonce of the first lane at a tick after the origin; wraps as the counter does.
    func firstNonce(origin: UInt64, tick: UInt64) -> UInt32 {
        switch family {
        case .bm1362, .bm1366, .bm1368, .bm1370, .bm1397:
            return UInt32(truncatingIfNeeded: (origin + tick) & 0x1ff_ffff).byteSwapped
        case .bm1387:
            let count = UInt32(truncatingIfNeeded: tick & 0x7_ffff)
            let wire =
                UInt32(origin & 0xfc) << 24 | (count & 3) << 24 | (count >> 2 & 0xffff) << 8
                | (count >> 18) << 7
            return wire.byteSwapped
        case .bm1384, .icarus, .antminerU:
            return UInt32(truncatingIfNeeded: ((origin + tick) & 0xff_ffff) << 8).byteSwapped
        }
    }

    /// The core that tried a nonce, counted from 0; nil where the bits do not say.
    public func core(ofWireNonce nonce: UInt32) -> Int? {
        switch family {
        case .bm1362, .bm1366, .bm1368, .bm1370, .bm1397: Int(nonce >> 25)
        case .bm1387: Int(nonce & 0x7f)
        case .bm1384, .icarus, .antminerU: nil
        }
    }

    /// The address that the bits of a nonce name, where a chip with an even share of the space put it. Families whose
    /// counter may run beyond its share (BM1368, BM1370) name the share that the nonce lies in.
    public func address(ofWireNonce nonce: UInt32) -> UInt8? {
        switch family {
        case .bm1362, .bm1366: UInt8(nonce >> 17 & 0xfe)
        case .bm1368, .bm1370, .bm1397: UInt8(nonce >> 17 & 0xff)
        case .bm1387: UInt8(nonce >> 24 & 0xfc)
        case .bm1384: UInt8(nonce >> 24)
        case .icarus, .antminerU: nil
        }
    }
}
