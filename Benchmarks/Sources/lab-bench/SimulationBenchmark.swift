import Foundation

/// Budget: at least 500 times real time with 1,000 devices. LAB_BENCH_HOURS shortens the day.
enum SimulationBenchmark {
    static func run() -> Bool {
        let hours = ProcessInfo.processInfo.environment["LAB_BENCH_HOURS"] ?? "24"
        guard
            let program = try? Program([
                "sim", "--devices", "1000", "--hours", hours, "--seed", "7", "--quiet",
            ])
        else {
            print("cannot start \(Program.binary)")
            return false
        }
        program.process.waitUntilExit()
        print(program.output, terminator: "")
        guard let text = program.output.firstMatch(of: /speed-up\s+([0-9]+)/), let speed = Double(text.1)
        else {
            return false
        }
        print("speed-up \(speed) (budget 500)")
        return speed >= 500
    }
}
