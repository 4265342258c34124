import Foundation
import Runtime

/// Commands that bitcoind runs when something happens (`-blocknotify=cmd %s`), each in a shell of its own.
struct ShellNotifier: Sendable {
    let blockCommands: [String]
    let startupCommands: [String]
    let shutdownCommands: [String]

    init(_ settings: BitcoindSettings) {
        blockCommands = settings.list("blocknotify").filter { !$0.isEmpty }
        startupCommands = settings.list("startupnotify").filter { !$0.isEmpty }
        shutdownCommands = settings.list("shutdownnotify").filter { !$0.isEmpty }
    }

    func tipChanged(_ hash: String) {
        for command in blockCommands { Self.run(command.replacingOccurrences(of: "%s", with: hash)) }
    }

    func started() { for command in startupCommands { Self.run(command) } }

    /// Waits for the commands, as bitcoind does.
    func stopped() { for command in shutdownCommands { Self.run(command)?.wait() } }

    @discardableResult
    private static func run(_ command: String) -> ChildProcess? {
        try? ChildProcess("/bin/sh", ["-c", command])
    }
}
