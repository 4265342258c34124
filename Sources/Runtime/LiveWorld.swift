import NIOCore
import NIOPosix
import SansIO

/// The live world's time: monotonic nanoseconds since the world began, and what the calendar said then.
public struct LiveWorld: Sendable {
    public let epoch: NIODeadline
    public let wallClock: WallClock

    /// Begins a world now.
    public init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        epoch = .now()
        wallClock = WallClock(
            unixNanosecondsAtStart: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// A world that begins at a time of the calendar, in Unix nanoseconds, which may be to come: until then its time
    /// stands at the start. Worlds of several processes that begin at one time count alike, as far as their hosts'
    /// calendars agree.
    public init(beginningAt unixNanoseconds: UInt64) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        epoch = .now() + .nanoseconds(Int64(clamping: unixNanoseconds) - now)
        wallClock = WallClock(unixNanosecondsAtStart: unixNanoseconds)
    }

    public var now: Instant { instant(.now()) }

    func instant(_ deadline: NIODeadline) -> Instant {
        let elapsed = (deadline - epoch).nanoseconds
        return Instant(nanoseconds: elapsed > 0 ? UInt64(elapsed) : 0)
    }

    func deadline(_ instant: Instant) -> NIODeadline {
        // A year ahead is as good as never and cannot overflow.
        let nanoseconds = min(instant.nanoseconds, 365 * 86_400 * 1_000_000_000)
        return epoch + .nanoseconds(Int64(nanoseconds))
    }

    /// Bytes from the operating system's generator, for keys and seeds.
    public static func entropy(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
