/// Which further indexes the operator asked for, beside ``ChainOptions``. The node answers from what it keeps; without an index it says, as
/// Core does, that the index is off.
public struct IndexSettings: Sendable, Equatable {
    /// BIP158 filters (-blockfilterindex).
    public var blockFilters = true
    /// Statistics of the coins by height (-coinstatsindex).
    public var coinStatistics = true
    /// Spenders of outputs (-txospenderindex).
    public var spenders = true

    public init() {}
}
