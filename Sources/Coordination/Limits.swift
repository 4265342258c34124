import SansIO

enum Limits {
    /// Bytes of a line before its sender has shown the token: a greeting has some hundreds.
    static let greetingBytes = 4 << 10
    /// Bytes of a line: an experiment's text, or a second of many fleets with full histograms.
    static let lineBytes = 8 << 20
    /// Connections besides one for each shard: strangers and claimants of taken leases.
    static let strangersMax = 32
    /// How long a connection may be without a greeting.
    static let greetingTime = Interval.seconds(5)
    /// How long a shard may be silent while it runs: it sends a line each second.
    static let silenceMax = Interval.seconds(15)
    /// Seconds of a shard that wait for the slowest one; more than ``silenceMax`` has.
    static let openSecondsMax = 64
    /// Between two dials of a worker whose coordinator is not there yet, and for how long it tries.
    static let dialPause = Interval.milliseconds(500)
    static let dialTime = Interval.seconds(60)
    /// Characters of a reason that somebody else wrote.
    static let reasonMax = 200
}
