import DeviceModel
import Foundation
import Hardware
import Testing

@testable import Experiments

@Suite("Profile files")
struct ProfileFileTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    static let library = ProfileLibrary(directory: root + "/Profiles/devices")

    private func message(of text: String) -> String {
        do {
            _ = try Self.library.profile(from: SettingsFile(path: "mine.toml", text: text, takesTables: true))
            return "accepted"
        } catch { return "\(error)" }
    }

    private func edited(_ from: String, _ to: String) throws -> String {
        let path = Self.library.directory + "/bitaxe-gamma.toml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains(from))
        return text.replacingOccurrences(of: from, with: to)
    }

    @Test(
        "every profile of the library loads and hashes at the rate that its data sheet states",
        arguments: [
            ("bitaxe-gamma", 1.07e12), ("antminer-s19j-pro", 104e12),
        ])
    func library(name: String, hashesPerSecond: Double) throws {
        #expect(Self.library.names.contains(name))
        let profile = try Self.library.load(name)
        #expect(abs(profile.nominalHashRate.hashesPerSecond / hashesPerSecond - 1) < 0.05)
    }

    @Test("a misspelt name tells the nearest and lists all")
    func misspeltName() {
        do {
            _ = try Self.library.load("bitaxe-gama")
            Issue.record("loaded")
        } catch {
            #expect("\(error)".contains("did you mean bitaxe-gamma?"))
            #expect("\(error)".contains("antminer-s19j-pro"))
        }
    }

    @Test("a misspelt key tells file, line and the nearest right spelling")
    func misspeltKey() throws {
        let text = try edited("nominal_mhz", "nominal_mzh")
        let line =
            try #require(text.components(separatedBy: "\n").firstIndex { $0.hasPrefix("nominal_mzh") }) + 1
        let found = message(of: text)
        #expect(found.hasPrefix("mine.toml:\(line): chip.nominal_mzh"))
        #expect(found.contains("did you mean chip.nominal_mhz?"))
    }

    @Test("a wrong value tells file, line, key, what was found and what was expected")
    func wrongValue() throws {
        let found = message(of: try edited("chips_per_board = 1", "chips_per_board = \"one\""))
        #expect(found.contains("boards.chips_per_board is \"one\": it must be a whole number from 1 to 1024"))
        #expect(found.hasPrefix("mine.toml:"))
        let outOfRange = message(of: try edited("efficiency = 0.88", "efficiency = 88"))
        #expect(outOfRange.contains("power.efficiency is 88: it must be a number from 0.1 to 1.0"))
    }

    @Test("a missing key, a contradiction and broken TOML are each one clear line")
    func otherFaults() throws {
        #expect(
            message(of: try edited("units = 2040", "#")).contains(
                "chip.units is missing: it must be a number")
        )
        #expect(
            message(of: try edited("restart_celsius = 45", "restart_celsius = 80")).contains(
                "limits.restart_celsius"))
        let broken = message(of: "name = \n")
        #expect(broken.hasPrefix("mine.toml:1:"))
        #expect(!broken.contains("\n"))
        #expect(message(of: "name = [1]").contains("name must be a number, a text, true or false"))
    }

    @Test("a file that is not there is said so")
    func noFile() {
        #expect(throws: FileError(path: "/nowhere/x.toml", line: nil, message: "no such file")) {
            try SettingsFile(path: "/nowhere/x.toml")
        }
    }
}
