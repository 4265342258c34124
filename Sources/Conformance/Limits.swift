import SansIO

/// Bounds of the conformance suite, each with its reason.
public enum ConformanceLimits {
    /// Things heard in one check, before it ends as unknown: a flood says nothing new.
    public static let heard = 4_096
    /// Messages of one check that a report shows.
    public static let evidence = 48
    /// Bytes of one message that a report shows in hexadecimal.
    public static let evidenceBytes = 512
    /// Connections of one check.
    public static let slots = 8
    /// Hashes that one share may cost: some seconds of one processor. A target that needs more is not searched.
    public static let hashesPerShare = 0x1p27
    /// A connection that cannot be made in this time will not be.
    public static let connectPatience = Interval.seconds(10)
    /// Between the pieces of a message that is sent in pieces.
    public static let piecePause = Interval.milliseconds(1)
    /// Violations that one survey keeps.
    public static let violations = 8
}
