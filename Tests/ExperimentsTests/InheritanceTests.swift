import DeviceModel
import Foundation
import Hardware
import SansIO
import Testing

@testable import Experiments

@Suite("Profiles that inherit")
struct InheritanceTests {
    /// Files in a folder of their own, gone at the end.
    private func withFiles(_ files: [String: String], _ body: (ProfileLibrary) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "profiles-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            try text.write(
                to: folder.appendingPathComponent(name + ".toml"), atomically: true, encoding: .utf8)
        }
        try body(ProfileLibrary(directory: folder.path))
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "accepted"
        } catch { return "\(error)" }
    }

    private var gamma: String {
        (try? String(contentsOfFile: ProfileFileTests.library.path(of: "bitaxe-gamma"), encoding: .utf8))
            ?? ""
    }

    @Test("a child takes what it does not say from its parent, and its parent's parent")
    func generations() throws {
        let files = [
            "base": gamma, "tuned": "inherits = \"base\"\nname = \"Tuned\"\n[chip]\nnominal_mhz = 600\n",
            "hot":
                "inherits = \"tuned\"\n[limits]\ntarget_celsius = 65\n[[faults]]\nkind = \"fan-loss\"\nat_seconds = 60\n",
            "healed":
                "inherits = \"hot\"\n[[faults]]\nkind = \"overheating\"\nkelvin = 3\nper_hour = 2\nduration_seconds = 9\n",
        ]
        try withFiles(files) { library in
            let base = try library.load("base")
            let hot = try library.load("hot")
            #expect(hot.name == "Tuned" && hot.maker == base.maker)
            #expect(hot.chip.nominalMegahertz == 600 && hot.limits.targetCelsius == 65)
            #expect(hot.thermal == base.thermal)
            #expect(hot.faults == [DeviceFault(.fanLoss(fans: nil), .at(.seconds(60)))])
            // A list replaces the inherited one.
            #expect(
                try library.load("healed").faults
                    == [DeviceFault(.overheating(kelvin: 3), .perHour(2), duration: .seconds(9))])
        }
    }

    @Test("a circle, too many generations and a missing parent are one clear line each")
    func impossibleParents() throws {
        var files = [
            "a": "inherits = \"b\"\n", "b": "\ninherits = \"c\"\n", "c": "inherits = \"a\"\n", "d": gamma,
        ]
        for index in 0..<10 { files["g\(index)"] = "inherits = \"g\(index + 1)\"\n" }
        files["orphan"] = "name = \"x\"\ninherits = \"bas\"\n"
        files["number"] = "inherits = 7\n"
        try withFiles(files) { library in
            #expect(
                message { _ = try library.load("a") }.contains(
                    "c.toml:1: inherits goes in a circle: a -> b -> c -> a"))
            #expect(
                message { _ = try library.load("g0") }.contains("inherits goes deeper than 8 files: g0 -> g1")
            )
            let orphan = message { _ = try library.load("orphan") }
            #expect(orphan.contains("orphan.toml:2: inherits: no device profile \"bas\""))
            #expect(message { _ = try library.load("number") }.contains("number.toml:1: inherits is 7"))
        }
    }

    @Test("a wrong value names the file in which it stands, also when that is the parent")
    func origins() throws {
        let files = [
            "base": gamma.replacingOccurrences(of: "efficiency = 0.88", with: "efficiency = 88"),
            "child": "inherits = \"base\"\nname = \"Child\"\n",
        ]
        try withFiles(files) { library in
            let found = message { _ = try library.load("child") }
            #expect(found.contains("base.toml:") && found.contains("power.efficiency is 88"))
        }
    }

    @Test(
        "impossible devices are refused with file and line",
        arguments: [
            ("[chip]\nnominal_mhz = -500", 3, "chip.nominal_mhz is -500: it must be a number of MHz"),
            ("[chip]\nfamily = \"BM137O\"", 3, "did you mean \"BM1370\"?"),
            ("[chip]\nunits = 4080", 3, "chip.units: a BM1370 has at most 2048"),
            ("[chip]\nnominal_mhz = 1500", 3, "chip.nominal_mhz: a BM1370 runs at most 1200 MHz"),
            (
                "[boards]\ncount = 2", 3,
                "boards.count: a device of the esp-miner family has at most one board"
            ),
            (
                "[boards]\nchips_per_board = 300", 3,
                "boards.chips_per_board: a chain of BM1370 addresses at most 128"
            ),
            (
                "[boards]\nchips_per_board = 7\ndomains = 2", 4,
                "boards.domains: does not divide boards.chips_per_board"
            ),
            (
                "[limits]\nshutdown_celsius = 65", nil,
                "limits.throttle_celsius: above limits.shutdown_celsius"
            ),
            ("[limits]\ntarget_celsius = 76", 3, "limits.target_celsius: above limits.throttle_celsius"),
            ("[fan]\nmin_rpm = 9000", 3, "fan.min_rpm: above fan.max_rpm"),
            ("[power]\nrated_watts = 25", 3, "power.rated_watts: asks for efficiency_fifth"),
            ("[firmware]\npersonality = \"braiin\"", 3, "did you mean \"braiins\"?"),
            ("[firmware]\nautotune = 1", 3, "firmware.autotune is 1: it must be true or false"),
            ("[[faults]]\nkind = \"fan-los\"", 3, "did you mean \"fan-loss\"?"),
            ("[[faults]]\nkind = \"missing-chips\"\nboard = 0", 3, "faults.0.chips is missing"),
            ("[[faults]]\nkind = \"silent-chain\"\nboard = 1", 4, "faults.0.board: not below boards.count"),
            ("[[faults]]\nkind = \"fan-loss\"\nat_seconds = 1\nper_hour = 2", 5, "a fault has one of them"),
            ("[[faults]]\nkind = \"fan-loss\"\nfrom_second = 1", 4, "faults.0.from_second is not a key"),
            ("[[fault]]\nkind = \"fan-loss\"", 3, "did you mean faults?"),
            (
                "[[room.ambient]]\nat_seconds = 5\ncelsius = 20\n[[room.ambient]]\nat_seconds = 5\ncelsius = 21",
                3, "room.ambient: needs times that rise"
            ),
            ("[[chip.voltage_curve]]\nmhz = 500\nvolts = 1.1", 3, "chip.voltage_curve: needs two points"),
        ] as [(String, Int?, String)])
    func impossible(text: String, line: Int?, expected: String) throws {
        let file = try SettingsFile(
            path: "mine.toml", text: "inherits = \"bitaxe-gamma\"\n" + text, takesTables: true)
        let found = message { _ = try ProfileFileTests.library.profile(from: file) }
        #expect(found.contains(expected), "\(found)")
        if let line { #expect(found.hasPrefix("mine.toml:\(line): "), "\(found)") }
    }

    @Test("every fault of a file is found at once, in the order of its lines")
    func allFaults() throws {
        let text = "inherits = \"bitaxe-gamma\"\n[chip]\nnominal_mzh = 5\nunits = -1\n[fan]\ncount = 99\n"
        let file = try SettingsFile(path: "mine.toml", text: text, takesTables: true)
        let faults = try ProfileFileTests.library.faults(in: file)
        #expect(faults.map(\.line) == [3, 4, 6])
        #expect(faults[0].message.contains("did you mean chip.nominal_mhz?"))
    }

    @Test("a new profile is right as it is written, with a parent and without")
    func template() throws {
        let values = try InheritedValues(
            SettingsFile(path: ProfileFileTests.library.path(of: "antminer-s21"), takesTables: true),
            library: ProfileFileTests.library)
        let child = ProfileTemplate.text(name: "My \"S21\"", inheriting: "antminer-s21") { values[$0] }
        let file = try SettingsFile(path: "new.toml", text: child, takesTables: true)
        let profile = try ProfileFileTests.library.profile(from: file)
        #expect(profile.name == "My \"S21\"")
        var parent = try ProfileFileTests.library.load("antminer-s21")
        parent.name = profile.name
        #expect(profile == parent)
        let alone = ProfileTemplate.text(name: "Mine", inheriting: nil) { _ in nil }
        #expect(
            try ProfileFileTests.library.faults(
                in: SettingsFile(path: "new.toml", text: alone, takesTables: true)) == [])
        for key in DeviceProfile.schema {
            #expect(child.contains(key.documentation) && alone.contains(key.documentation))
        }
    }
}
