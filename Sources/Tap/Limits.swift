/// Bounds of the tap, each with its reason.
public enum TapLimits {
    /// Sessions at once: a farm's proxy, not a pool's whole front; each holds two connections.
    public static let sessions = 4_096
    /// Frames or lines of a client that wait for the upstream's handshake, or that a rule holds back. A client may
    /// open some hundred channels before the first answer.
    public static let waitingFrames = 4_096
    /// Bytes of the same, so that a few large frames do not get around the bound.
    public static let waitingBytes = 32 << 20
    /// Rules at once.
    public static let rules = 256
    /// How long a connection may take for its handshake, and the upstream to answer the dial, in seconds.
    public static let handshakeSeconds: UInt64 = 20
    /// Payload bytes of one synthetic TCP segment, as on Ethernet.
    public static let segmentBytes = 1_460
    /// Hexadecimal digits of a byte field that a line shows before it is cut; files keep everything.
    public static let shownDigits = 64
    /// Elements of a list that a line shows.
    public static let shownElements = 4
}
