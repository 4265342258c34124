/// What an operator can set of the pool's policy; the defaults are Core's.
public struct MempoolOptions: Sendable, Equatable {
    /// -maxmempool, in bytes of memory.
    public var bytesMax = ChainLimits.mempoolBytes
    /// -mempoolexpiry, in seconds.
    public var expiry = ChainLimits.mempoolExpiry
    /// -minrelaytxfee, satoshi per 1000 virtual bytes.
    public var relayFeeRate = ChainLimits.relayFeeRate
    /// -incrementalrelayfee, satoshi per 1000 virtual bytes.
    public var incrementalFeeRate = ChainLimits.relayFeeRate
    /// -dustrelayfee, satoshi per 1000 virtual bytes.
    public var dustFeeRate = ChainLimits.dustFeeRate
    /// False is -acceptnonstdtxn=1, for test chains.
    public var requiresStandard = true
    /// -datacarriersize; 0 is -datacarrier=0.
    public var dataCarrierMax = ChainLimits.dataCarrier
    public var permitsBareMultisig = true
    /// -bytespersigop.
    public var bytesPerSigOp = ChainLimits.bytesPerSigOp
    /// -limitclustercount; at most 64.
    public var clusterCountMax = ChainLimits.clusterCount
    /// -limitclustersize, in virtual bytes.
    public var clusterSizeMax = ChainLimits.clusterSize

    public init() {}
}

/// The rate below which nothing enters because the pool was full lately: raised by evictions, halved every
/// twelve hours once a block came, sooner while the pool is far from full (Core's rolling minimum fee).
struct RollingFee: Sendable, Equatable {
    /// Satoshi per 1000 virtual bytes.
    private var rate = 0.0
    private var updated: UInt32 = 0
    private var hadBlock = true

    mutating func evicted(at rate: Int64) {
        guard Double(rate) > self.rate else { return }
        self.rate = Double(rate)
        hadBlock = false
    }

    mutating func blockConnected(at time: UInt32) {
        updated = time
        hadBlock = true
    }

    /// Lets the rate fall to its value at `time`.
    mutating func decay(to time: UInt32, usage: Int, options: MempoolOptions) {
        guard hadBlock, rate != 0, time > updated &+ 10, time > updated else { return }
        var halfLife = Double(ChainLimits.rollingFeeHalfLife)
        if usage < options.bytesMax / 4 {
            halfLife /= 4
        } else if usage < options.bytesMax / 2 {
            halfLife /= 2
        }
        rate *= Self.half(toThe: Double(time - updated) / halfLife)
        updated = time
        if rate < Double(options.incrementalFeeRate) / 2 { rate = 0 }
    }

    /// Satoshi per 1000 virtual bytes; 0 while the pool has room.
    func minimum(_ options: MempoolOptions) -> Int64 {
        let rounded = Int64(rate.rounded())
        return !hadBlock || rate == 0 ? rounded : max(rounded, options.incrementalFeeRate)
    }

    /// 2 to the minus `exponent`, by square roots alone: the same on every processor.
    private static func half(toThe exponent: Double) -> Double {
        guard exponent < 64 else { return 0 }
        var result = 1.0
        for _ in 0..<Int(exponent) { result /= 2 }
        var fraction = exponent - Double(Int(exponent))
        var root = 0.5
        for _ in 0..<32 {
            root = root.squareRoot()
            fraction *= 2
            if fraction >= 1 {
                result *= root
                fraction -= 1
            }
        }
        return result
    }
}
