import ArgumentParser
import Dispatch
import Foundation
import JSONText
import Operations
import Synchronization

extension ConfigurationLayers {
    /// File and environment as they are now, and the command line that this process was started with.
    static func ofThisProcess() throws -> ConfigurationLayers {
        try ConfigurationLayers(
            Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment,
            of: Lab.self)
    }
}

/// Reads a running role's options once more and takes what needs no restart: on SIGHUP, and on the control call.
struct ReloadCall: Sendable {
    static let call = ControlCall(
        "reload", "Reads the configuration once more and takes what needs no restart; says what does.")

    let run: @Sendable () throws -> JSON

    /// - Parameters:
    ///   - options: the settings that a running role takes anew, by their option.
    ///   - apply: takes the options that changed; answers those that it cannot take now, with the reason.
    init<C: ParsableCommand>(
        _ type: C.Type, takes options: Set<String>, log: EventLog,
        apply: @escaping @Sendable (C, Set<String>) throws -> [String: String]
    ) throws {
        let known = Mutex(try ConfigurationLayers.ofThisProcess().settings)
        run = {
            let layers: ConfigurationLayers
            let command: C
            do {
                layers = try ConfigurationLayers.ofThisProcess()
                guard let parsed = try layers.parse() as? C else { return ["reloaded": []] }
                command = parsed
            } catch {
                let text = ReloadCall.text(of: error)
                log.note("reload_failed", "nothing reloaded: \(text, as: "reason")", .warning)
                throw ControlFault.badField(text)
            }
            let old = known.withLock { $0 }
            let changed = Set(old.keys).union(layers.settings.keys).filter { old[$0] != layers.settings[$0] }
            let wanted = changed.intersection(options)
            let refused = try apply(command, wanted)
            let taken = wanted.subtracting(refused.keys)
            // What needs a restart is named again by the next reload.
            known.withLock { known in for name in taken { known[name] = layers.settings[name] } }
            let left = changed.subtracting(taken).sorted()
            log.note("reloaded", ReloadCall.line(taken: taken.sorted(), left: left, refused))
            return [
                "reloaded": .array(taken.sorted().map { .string($0) }),
                "needs_restart": .array(left.map { .string($0) }),
                "reasons": .object(
                    JSONObject(refused.keys.sorted().map { ($0, .string(refused[$0] ?? "")) })),
            ]
        }
    }

    private static func text(of error: any Error) -> String {
        switch error {
        case let error as any CustomStringConvertible: error.description
        default: Lab.message(for: error)
        }
    }

    private static func line(
        taken: [String], left: [String], _ reasons: [String: String]
    ) -> LogSentence {
        let taken = taken.joined(separator: ", ")
        let line: LogSentence =
            taken.isEmpty ? "nothing to reload" : "reloaded: \(taken, as: "options")"
        guard !left.isEmpty else { return line }
        let named = left.map { name in reasons[name].map { "\(name) (\($0))" } ?? name }
        return line + "; needs a restart: \(named.joined(separator: ", "), as: "needs_restart")"
    }
}

/// SIGHUP as a call; keeps listening while it lives.
final class HangUpSignal: @unchecked Sendable {
    private let source: any DispatchSourceSignal

    init(_ reload: ReloadCall) {
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        // What is wrong with the configuration stands in the log already.
        source.setEventHandler { _ = try? reload.run() }
        source.resume()
    }

    deinit { source.cancel() }
}
