/// A point in a world's time: nanoseconds since the world began.
///
/// Machines never read a clock; the driver passes `now`. Wall time is a separate input, see ``WallClock``.
public struct Instant: Comparable, Hashable, Sendable {
    public var nanoseconds: UInt64

    /// The beginning of the world.
    public static let start = Instant(nanoseconds: 0)
    /// Later than anything that happens.
    public static let distantFuture = Instant(nanoseconds: .max)

    @inlinable
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    @inlinable
    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates at ``distantFuture``.
    @inlinable
    public static func + (a: Instant, b: Interval) -> Instant {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// The time from `b` to `a`, zero if `b` is the later.
    @inlinable
    public static func - (a: Instant, b: Instant) -> Interval {
        Interval(nanoseconds: a.nanoseconds > b.nanoseconds ? a.nanoseconds - b.nanoseconds : 0)
    }

    @inlinable
    public static func += (a: inout Instant, b: Interval) { a = a + b }
}

/// A length of time in nanoseconds, never negative.
public struct Interval: Comparable, Hashable, Sendable {
    public var nanoseconds: UInt64

    public static let zero = Interval(nanoseconds: 0)

    @inlinable
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Negative and not-a-number become zero; too large saturates.
    @inlinable
    public init(seconds: Double) {
        let value = seconds * 1e9
        self.nanoseconds = value > 0 ? (value < 1.8e19 ? UInt64(value) : .max) : 0
    }

    @inlinable
    public static func nanoseconds(_ value: UInt64) -> Interval { Interval(nanoseconds: value) }
    @inlinable
    public static func microseconds(_ value: UInt64) -> Interval { Interval(nanoseconds: value * 1_000) }
    @inlinable
    public static func milliseconds(_ value: UInt64) -> Interval { Interval(nanoseconds: value * 1_000_000) }
    @inlinable
    public static func seconds(_ value: UInt64) -> Interval { Interval(nanoseconds: value * 1_000_000_000) }
    @inlinable
    public static func minutes(_ value: UInt64) -> Interval { .seconds(value * 60) }
    @inlinable
    public static func hours(_ value: UInt64) -> Interval { .seconds(value * 3_600) }

    @inlinable
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    @inlinable
    public static func < (a: Interval, b: Interval) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates.
    @inlinable
    public static func + (a: Interval, b: Interval) -> Interval {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return Interval(nanoseconds: overflow ? .max : sum)
    }

    /// Saturates.
    @inlinable
    public static func * (a: Interval, b: UInt64) -> Interval {
        let (product, overflow) = a.nanoseconds.multipliedReportingOverflow(by: b)
        return Interval(nanoseconds: overflow ? .max : product)
    }
}

/// Wall time as a value: what the calendar said when the world began, so that a world may start at any date
/// and a test may set it. The driver may replace it by a command when the operating system's clock steps.
public struct WallClock: Hashable, Sendable {
    /// Nanoseconds since 1970-01-01 UTC at ``Instant/start``.
    public var unixNanosecondsAtStart: UInt64

    @inlinable
    public init(unixNanosecondsAtStart: UInt64) { self.unixNanosecondsAtStart = unixNanosecondsAtStart }

    @inlinable
    public init(unixSecondsAtStart: UInt32) {
        self.unixNanosecondsAtStart = UInt64(unixSecondsAtStart) * 1_000_000_000
    }

    /// Seconds since 1970-01-01 UTC, as block headers and certificates count them.
    @inlinable
    public func unixSeconds(at now: Instant) -> UInt32 {
        UInt32(truncatingIfNeeded: (unixNanosecondsAtStart &+ now.nanoseconds) / 1_000_000_000)
    }
}
