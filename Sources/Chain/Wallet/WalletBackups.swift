/// Files that callers of `backupwallet` and `restorewallet` name, which a driver lends to the node.
public protocol WalletBackups: Sendable {
    /// Whether there is a file or folder of that name.
    func exists(_ path: String) -> Bool
    /// The whole file; nil if there is none.
    func read(_ path: String) -> [UInt8]?
    /// Writes a whole file; false if that failed, as for a folder.
    func write(_ bytes: [UInt8], to path: String) -> Bool
}
