/// How blocks are filled: bitcoind's -blockmaxweight, -blockreservedweight and -blockmintxfee.
public struct TemplateOptions: Sendable, Equatable {
    /// Weight units of a whole block, header and coinbase included.
    public var weightMax = ChainLimits.blockWeight
    /// Weight units kept for header, transaction count and coinbase.
    public var reservedWeight = ChainLimits.reservedWeight
    /// Satoshi per 1000 virtual bytes below which nothing is mined.
    public var feeRateMin = ChainLimits.blockFeeRateMin

    /// What the header's version says instead of the deployments' bits, for tests (-blockversion).
    public var version: UInt32?

    public init() {}
}
