import SansIO

/// The bounds of the contract.
enum Limits {
    /// A fault lasts at least as long as anything can notice; shorter ones could come and go without end within
    /// one call.
    static let faultDurationMin = Interval.milliseconds(1)
}
