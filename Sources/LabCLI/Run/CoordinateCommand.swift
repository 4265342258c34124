import ArgumentParser
import Experiments
import Foundation
import Runtime
import SansIO

struct CoordinateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinate",
        abstract: "Runs an experiment with workers that are started elsewhere.",
        discussion: """
            Workers find it by LAB_COORDINATOR and show LAB_RUN_ID and LAB_TOKEN, which it takes from its own environment. \
            The run begins when all of them are ready; the verdict is this command's. Workers on other hosts need \
            stack.target: our own stack listens on loopback.

            Examples:
              LAB_RUN_ID=storm LAB_TOKEN=secret lab coordinate storm.toml --expect 8 --listen 0.0.0.0:7000
            """)

    @OptionGroup var experiment: RunCommand
    @Option(help: "How many workers.") var expect: Int
    @Option(help: ArgumentHelp("Where they find it.", valueName: "host:port")) var listen: Endpoint

    func validate() throws {
        guard (1...10_000).contains(expect) else { throw ValidationError("--expect must be 1 to 10000") }
        guard !experiment.virtual else {
            throw ValidationError("workers are for the live world, not --virtual")
        }
    }

    func run() async throws {
        try await RunCommand.reporting {
            let environment = ProcessInfo.processInfo.environment
            guard let id = environment["LAB_RUN_ID"], !id.isEmpty, let token = environment["LAB_TOKEN"],
                !token.isEmpty
            else { throw EnvironmentFault("LAB_RUN_ID and LAB_TOKEN must be set, for the workers as well") }
            try await experiment.runAll(
                shards: .expected(expect, listen: listen, run: id, token: token))
        }
    }
}
