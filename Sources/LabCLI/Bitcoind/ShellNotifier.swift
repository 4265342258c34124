import Bitcoin
import Foundation
import Runtime

/// Commands that bitcoind runs when something happens (`-blocknotify=cmd %s`), each in a shell of its own.
struct ShellNotifier: Sendable {
    let blockCommands: [String]
    let walletCommands: [String]
    let startupCommands: [String]
    let shutdownCommands: [String]

    init(_ settings: BitcoindSettings) {
        blockCommands = settings.list("blocknotify").filter { !$0.isEmpty }
        walletCommands = settings.list("walletnotify").filter { !$0.isEmpty }
        startupCommands = settings.list("startupnotify").filter { !$0.isEmpty }
        shutdownCommands = settings.list("shutdownnotify").filter { !$0.isEmpty }
    }

    func tipChanged(_ hash: String) {
        for command in blockCommands { Self.run(command.replacingOccurrences(of: "%s", with: hash)) }
    }

    /// `%s` is the transaction, `%w` the wallet, `%b` its block or "unconfirmed", `%h` the height or -1.
    func walletTransaction(wallet: String, txid: Hash256, block: Hash256?, height: Int) {
        for command in walletCommands {
            var text = ""
            var rest = command[...]
            while let percent = rest.firstIndex(of: "%") {
                text += rest[..<percent]
                let mark = rest[rest.index(after: percent)...].first
                switch mark {
                case "s": text += txid.displayHex
                case "b": text += block?.displayHex ?? "unconfirmed"
                case "h": text += String(height)
                case "w": text += Self.quoted(wallet)
                default: text += "%" + (mark.map { String($0) } ?? "")
                }
                rest = rest[rest.index(after: percent)...].dropFirst()
            }
            Self.run(text + rest)
        }
    }

    /// As one word of the shell, whatever is in it.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacingOccurrences(of: "'", with: "'\"'\"'") + "'"
    }

    func started() { for command in startupCommands { Self.run(command) } }

    /// Waits for the commands, as bitcoind does.
    func stopped() { for command in shutdownCommands { Self.run(command)?.wait() } }

    @discardableResult
    private static func run(_ command: String) -> ChildProcess? {
        try? ChildProcess("/bin/sh", ["-c", command])
    }
}
