/// How a server divides the extranonces that are its own: `fixed ‖ channel's number ‖ rolled by the channel`.
public struct ExtranonceLayout: Sendable, Hashable {
    /// In front of every extranonce: a pool's own number, or what another server upstream gave.
    public var fixed: [UInt8]
    /// Bytes that number the channels, 1 to 4.
    public var indexSize: Int
    /// Bytes that an extended channel rolls.
    public var rollableSize: Int

    public init(fixed: [UInt8], indexSize: Int, rollableSize: Int) {
        precondition((1...4).contains(indexSize) && rollableSize > 0)
        precondition(fixed.count + indexSize + rollableSize <= 32, "extranonce over 32 bytes")
        self.fixed = fixed
        self.indexSize = indexSize
        self.rollableSize = rollableSize
    }

    /// Twenty bytes: the server's id, three for the channel, sixteen to roll. The reference implementation's.
    public static func pool(serverID: UInt8) -> ExtranonceLayout {
        ExtranonceLayout(fixed: [serverID], indexSize: 3, rollableSize: 16)
    }

    public var prefixSize: Int { fixed.count + indexSize }
    public var fullSize: Int { prefixSize + rollableSize }
}
