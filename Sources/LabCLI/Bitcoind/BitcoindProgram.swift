import Bitcoin
import Chain
import Foundation
import Runtime
import SansIO

/// `lab bitcoind`, or `lab` under the name bitcoind: the node with bitcoind's own flags, files and manners, so that
/// what starts a bitcoind can start this.
enum BitcoindProgram {
    static func run(_ arguments: [String]) async -> Int32 {
        if let status = answerAtOnce(arguments) { return status }
        // What the node writes is its user's alone, as bitcoind's is.
        umask(0o077)
        let settings: BitcoindSettings
        let listeners: BitcoindListeners
        do {
            settings = try BitcoindSettings(commandLine: arguments)
            listeners = try BitcoindListeners(settings)
        } catch { return fail("\(error)") }
        let isDaemon = settings.flag("daemon", default: false) || settings.flag("daemonwait", default: false)
        if isDaemon, ProcessInfo.processInfo.environment[Daemon.variable] == nil {
            return Daemon.start(arguments, waits: settings.flag("daemonwait", default: false))
        }
        let logPath =
            settings.options.isNegated("debuglogfile", on: settings.network)
            ? nil : settings.path(settings.text("debuglogfile") ?? "debug.log")
        if let logPath, !DebugLog.canWrite(logPath) {
            return fail("Could not open debug log file \(logPath)")
        }
        let log = DebugLog(path: logPath, prints: settings.flag("printtoconsole", default: !isDaemon))
        warn(settings, log)
        do {
            return try await serve(settings, listeners, logPath ?? "", log)
        } catch {
            log.note("Error: \(error)")
            if let error = error as? OptionError, error.isPlain {
                FileHandle.standardError.write(Data("\(error.message)\n".utf8))
                return 1
            }
            return fail("\(error)")
        }
    }

    private static func serve(
        _ settings: BitcoindSettings, _ listeners: BitcoindListeners, _ logPath: String, _ log: DebugLog
    ) async throws -> Int32 {
        let stop = StopSignal()
        let directory: DataDirectory
        do { directory = try DataDirectory(settings.directory) } catch {
            throw OptionError(
                "Cannot obtain a lock on directory \(settings.directory). Bitcoin Core is probably already running."
            )
        }
        let pidPath =
            settings.options.isNegated("pid", on: settings.network)
            ? nil : settings.path(settings.text("pid") ?? "bitcoind.pid")
        if let pidPath {
            do { try "\(getpid())\n".write(toFile: pidPath, atomically: true, encoding: .utf8) } catch {
                throw OptionError("Unable to create the PID file '\(pidPath)': \(error.localizedDescription)")
            }
        }
        defer { if let pidPath { try? FileManager.default.removeItem(atPath: pidPath) } }
        log.note("lab bitcoind on \(settings.network), data in \(settings.directory)")
        let node = try await BitcoindNode.start(
            settings, listeners, directory: directory, logPath: logPath, log: log, stop: stop)
        let why = await stop.wait()
        log.note("\(why), stopping")
        await node.stop()
        log.note("Shutdown done")
        return 0
    }

    private static func warn(_ settings: BitcoindSettings, _ log: DebugLog) {
        for note in settings.options.notes { log.note("Warning: \(note)") }
        for name in settings.options.ignored {
            log.note("Warning: Ignoring unknown configuration value \(name)")
        }
        var warnings: [String] = []
        for section in settings.options.unknownSections {
            warnings.append("\(section.file):\(section.line) Section [\(section.name)] is not recognized.")
        }
        for name in settings.options.ignoredOffMain(on: settings.network) {
            warnings.append(
                "Config setting for -\(name) only applied on \(settings.network) network when in "
                    + "[\(settings.network)] section.")
        }
        for warning in warnings {
            log.note("Warning: \(warning)")
            Output.error("Warning: \(warning)\n")
        }
    }

    /// -version and -help need no node.
    private static func answerAtOnce(_ arguments: [String]) -> Int32? {
        let plain = Set(arguments.map { $0.hasPrefix("--") ? String($0.dropFirst()) : $0 })
        if plain.contains("-version") {
            Output.text("Bitcoin Core daemon version v31.0.0 (compatible; mining-lab)\n")
            return 0
        }
        guard !plain.isDisjoint(with: ["-?", "-h", "-help"]) else { return nil }
        Output.text(
            """
            lab bitcoind: the lab's node with bitcoind's options

            Usage: lab bitcoind [options]

            Options and bitcoin.conf are those of Bitcoin Core v31 (https://bitcoincore.org). Differences:
            - Without -bind peers are served on 127.0.0.1, not on every address.
            - -sv2 [-sv2port=18447] [-sv2bind=127.0.0.1] serves Stratum V2 templates.
            - Networks: -regtest (the one that is complete), and those that the node knows the rules of.

            Example:
              lab bitcoind -regtest -datadir=/tmp/node -txindex -rpcuser=u -rpcpassword=p

            """)
        return 0
    }

    static func fail(_ message: String) -> Int32 {
        Output.error("Error: \(message)\n")
        return 1
    }
}
