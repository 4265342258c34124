import Foundation
import Testing

/// What a user sees who types something wrong, and the commands that end by themselves.
@Suite("Commands")
struct CommandTests {
    @Test("lab alone lists the commands")
    func listsCommands() async throws {
        let result = try await LabProcess.run([])
        #expect(result.status == 0)
        for command in [
            "up", "node", "pool", "translator", "device", "miner", "fleet", "sim", "cli", "explorer",
        ] {
            #expect(result.output.contains("  \(command) "), "\(command) is not listed")
        }
    }

    @Test(
        "every command explains itself with an example",
        arguments: [
            "up", "node", "pool", "translator", "device", "miner", "fleet", "sim", "explorer",
        ])
    func help(command: String) async throws {
        let result = try await LabProcess.run([command, "--help"])
        #expect(result.status == 0)
        #expect(result.output.contains("lab \(command)"))
        #expect(result.output.contains("Example"))
    }

    @Test(
        "wrong words end with a usage status and a line that names them",
        arguments: [
            (["up", "--unknown"], "--unknown"), (["sim", "--devices", "many"], "many"),
            (["nosuch"], "nosuch"), (["sim", "--devices", "0"], "--devices"),
            (["device", "--pool", "http://x"], "http://x"),
            (["translator", "--pool", "stratum+tcp://127.0.0.1:1"], "Stratum V1"),
        ])
    func wrongWords(arguments: [String], named: String) async throws {
        let result = try await LabProcess.run(arguments)
        #expect(result.status == 64)
        #expect(result.fault.contains(named), "\(result.fault)")
    }

    @Test("a missing profile and a malformed one are each one clear line and status 65")
    func wrongProfiles() async throws {
        let missing = try await LabProcess.run([
            "sim", "--devices", "1", "--hours", "1", "--profile", "bitaxe-gama",
        ])
        #expect(missing.status == 65)
        #expect(missing.fault.contains("did you mean bitaxe-gamma?"))
        let directory = try TemporaryDirectory()
        let path = directory.path + "/mine.toml"
        let text = "name = \"Mine\"\nmaker = \"me\"\n[chip]\nfamily = \"BM1370\"\nunits = \"many\"\n"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let malformed = try await LabProcess.run(["profile", "check", path])
        #expect(malformed.status == 65)
        #expect(
            malformed.fault.contains("\(path):5: chip.units is \"many\": it must be a number"),
            "\(malformed.fault)")
        // Each fault is a line of its own: what is missing comes after what is wrong.
        let lines = malformed.fault.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("lab: \(path):") }, "\(malformed.fault)")
        #expect(
            lines.first?.contains("chip.units") == true && malformed.fault.contains("boards.count is missing")
        )
    }

    @Test("a profile is begun, checked and listed at its nameplate")
    func profiles() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/mine.toml"
        let new = ["profile", "new", "Mine", "--inherits", "antminer-t21", "--output", path]
        #expect(try await LabProcess.run(new).status == 0)
        let twice = try await LabProcess.run(new)
        #expect(twice.status == 65 && twice.fault.contains("is there already"))
        let checked = try await LabProcess.run(["profile", "check", path])
        #expect(checked.status == 0 && checked.output.contains("3 x 108 BM1368"), "\(checked.fault)")
        let list = try await LabProcess.run(["profile", "list"])
        #expect(
            list.output.contains("antminer-s21-xp") && list.output.contains("13.5 J/TH"), "\(list.output)")
        let links = try await LabProcess.run(["profile", "list", "--links"])
        #expect(links.output.contains("satellite    300.0 ms"), "\(links.output)")
        let shown = try await LabProcess.run(["profile", "show", "--resolved", "antminer-t21"])
        #expect(shown.output.contains("# antminer-s19j-pro.toml:"), "\(shown.output)")
        let schema = try await LabProcess.run(["profile", "schema"])
        #expect(schema.output.contains("https://json-schema.org/draft/2020-12/schema"))
    }

    @Test("a configuration file sets options, and a wrong key names file, line and the nearest")
    func configurationFile() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/sim.toml"
        try "devices = 3\nhours = 0.05\nscale = 1e-11\nquiet = true\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        let right = try await LabProcess.run(["sim", "--config", path])
        #expect(
            right.status == 64 || right.output.contains("devices                      3"), "\(right.fault)")
        try "devices = 3\nhuors = 1\n".write(toFile: path, atomically: true, encoding: .utf8)
        let wrong = try await LabProcess.run(["sim", "--config", path])
        #expect(wrong.status == 65)
        #expect(
            wrong.fault.contains("\(path):2: huors") && wrong.fault.contains("did you mean hours?"),
            "\(wrong.fault)")
    }

    @Test("the virtual world gives one digest for one seed and another for another")
    func digest() async throws {
        func digest(_ seed: String) async throws -> String {
            let result = try await LabProcess.run(
                ["sim", "--devices", "20", "--hours", "0.5", "--seed", seed, "--quiet"], within: 300)
            try #require(result.status == 0, "\(result.fault)")
            let line = try #require(result.output.split(separator: "\n").first { $0.hasPrefix("digest") })
            return String(line.split(separator: " ").last ?? "")
        }
        let first = try await digest("7")
        #expect(try await digest("7") == first)
        #expect(try await digest("8") != first)
        #expect(first.count == 16)
    }
}
