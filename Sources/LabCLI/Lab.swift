import ArgumentParser
import Experiments
import Foundation
import Runtime

/// The program. `lab` alone lists the commands.
@main
struct Lab: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract:
            "The laboratory for Bitcoin mining: devices, pool, node and explorer, real or in virtual time.",
        discussion: """
            Start with `lab up`. Every service binds to 127.0.0.1 unless told otherwise. A role's options can also \
            stand in a TOML file, `lab pool --config pool.toml`, one key per option, and in the environment: \
            LAB_POOL_SHARES_PER_MINUTE=12 is `lab pool --shares-per-minute 12`. The command line stands above the \
            environment, the environment above the file. Lists are separated by commas.
            """,
        version: LabVersion.text,
        subcommands: [
            UpCommand.self, NodeCommand.self, PoolCommand.self, JobDeclarationServerCommand.self,
            JobDeclarationClientCommand.self, TranslatorCommand.self, DeviceCommand.self, MinerCommand.self,
            FleetCommand.self, RunCommand.self, ExperimentCommand.self, CookbookCommand.self,
            SwarmCommand.self,
            WorkerCommand.self, CoordinateCommand.self, RunsCommand.self, ReportCommand.self,
            CompareCommand.self,
            USBCommand.self, SimCommand.self, ExplorerCommand.self, CliCommand.self,
            TapProxyCommand.self,
            ConformCommand.self, VardiffCommand.self, LedgerCommand.self,
            BitcoindCommand.self, ProfileCommand.self, ChipsCommand.self, AddressCommand.self,
        ])

    static func main() async {
        await ForeignCommands.endIfForeign(CommandLine.arguments)
        do {
            let layers = try ConfigurationLayers.ofThisProcess()
            if layers.arguments.isEmpty {
                Output.text(helpMessage() + "\n")
                return
            }
            var command = try layers.parse()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.end(with: error)
        }
    }
}

/// One table of failures and exit statuses.
enum Failure {
    /// sysexits(3): usage, unusable input, service unavailable.
    static func status(of error: any Error) -> Int32 {
        switch error {
        case is FileError: 65
        case is EnvironmentFault, is UsageFault: 64
        case is ListenError, is StoreError, is StoreFault: 69
        case let code as ExitCode: code.rawValue
        default: 1
        }
    }

    static func end(with error: any Error) -> Never {
        switch error {
        case is FileError, is EnvironmentFault, is UsageFault, is ListenError, is StoreError, is StoreFault,
            is CommandFault:
            Output.fault("\(error)")
            exit(status(of: error))
        default:
            let isWrongUse = Lab.exitCode(for: error) == .validationFailure
            guard isWrongUse,
                ["run", "worker", "coordinate"].contains(CommandLine.arguments.dropFirst().first)
            else {
                Lab.exit(withError: error)
            }
            // The statuses of runs are their own: 1 and 2 say what was measured.
            Output.error(Lab.fullMessage(for: error) + "\n")
            exit(RunCommand.usageStatus)
        }
    }
}

/// A command that cannot do what was asked, in one line.
struct CommandFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A command that was asked for what it never does, in one line.
struct UsageFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What `--version` and every HTTP interface say.
enum LabVersion {
    static let text = "0.1.0"
}
