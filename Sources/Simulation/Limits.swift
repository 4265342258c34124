import SansIO

/// What the kernels of the virtual world's hosts wait for.
enum Limits {
    /// A dial that nobody answers is given up; the live world's time.
    static let dialTimeout = Interval.seconds(10)
    /// From bytes that nobody acknowledges to the end of the connection: Linux's fifteen retransmissions.
    static let retransmissionGiveUp = Interval.minutes(15)
    /// A retransmission reaches a host that is back at the latest after so long.
    static let retransmissionPause = Interval.seconds(30)
}
