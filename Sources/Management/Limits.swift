import SansIO

/// The bounds of the management interfaces.
enum Limits {
    /// Bytes of a cgminer API request: its buffer (TMPBUFSIZ).
    static let apiRequest = 8_192
    /// Real firmware answers what one `recv` brought. What is still incomplete after this time is answered likewise.
    static let apiPatience = Interval.milliseconds(500)
    /// Bytes of a Whatsminer v3 request: pool lists and settings have some hundred.
    static let lengthPrefixedRequest = 65_536
    /// Bytes of an HTTP request's head, as small servers on devices have it.
    static let httpHead = 4_096
    /// Bytes of an HTTP request's body: settings have some hundred; a firmware image is refused.
    static let httpBody = 65_536
    /// Connections to one device at the same time; an ESP32 holds fewer, a controller board more.
    static let connections = 64
    /// A connection on which nothing comes for so long is closed.
    static let idle = Interval.seconds(30)
    /// Bytes that a live log's peer may send us unasked.
    static let webSocketMessage = 4_096
    /// Digest nonces that a device remembers, and how long: lighttpd's have ten minutes.
    static let nonces = 64
    static let nonceLifetime = Interval.minutes(10)
    /// Whatsminer tokens live for half an hour, and a device holds this many.
    static let tokens = 32
    static let tokenLifetime = Interval.minutes(30)
    /// Points of AxeOS's statistics (its buffer has 720).
    static let statistics = 720
    /// Lines of a device's log that a newcomer is shown.
    static let logLines = 64
    /// Boards whose own counters are kept.
    static let boards = 16
    /// Pools of one device's list.
    static let pools = 8
    /// Characters of a setting that an owner gives.
    static let settingText = 256
}
