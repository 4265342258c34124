import DeviceModel
import Foundation
import Hardware
import SansIO
import Testing

@testable import Experiments

@Suite("Devices of the library")
struct DeviceLibraryTests {
    static let library = ProfileFileTests.library

    @Test("there are the devices that fleets and desks have")
    func devices() {
        let wanted = [
            "antminer-s9", "antminer-s17", "antminer-s19", "antminer-s19-pro", "antminer-s19j-pro",
            "antminer-s19k-pro", "antminer-s19-xp", "antminer-s21", "antminer-s21-pro", "antminer-s21-xp",
            "antminer-t21", "whatsminer-m30s++", "whatsminer-m50", "whatsminer-m60", "avalon-1246",
            "avalon-a15",
            "avalon-nano-3s", "bitaxe-ultra", "bitaxe-supra", "bitaxe-gamma", "bitaxe-gamma-turbo",
            "nerdqaxe++",
            "gekko-compac-f", "gekko-r909", "antminer-u3", "block-erupter-usb",
        ]
        #expect(Set(wanted).isSubset(of: Self.library.names))
        #expect(wanted.count >= 24)
    }

    @Test("every device comes out at its nameplate in a room of 25 °C", arguments: library.names)
    func nameplate(name: String) throws {
        let profile = try Self.library.load(name)
        let plate = profile.nameplate
        #expect(plate.terahashes > 0 && plate.watts > 0)
        #expect(plate.terahashesTolerance <= 0.05 && plate.wattsTolerance <= 0.1)
        let point = profile.regulatedPoint(ambient: Celsius(25))
        #expect(!point.isRunaway)
        #expect(abs(point.hashRate.terahashes / plate.terahashes - 1) <= plate.terahashesTolerance)
        #expect(abs(point.inputPower.watts / plate.watts - 1) <= plate.wattsTolerance)
        let tolerance = plate.terahashesTolerance + plate.wattsTolerance
        #expect(abs(point.joulesPerTerahash / plate.joulesPerTerahash - 1) <= tolerance)
        let shown = point.shownTemperature.degrees
        #expect(shown >= plate.normalCelsiusMin && shown <= plate.normalCelsiusMax, "\(shown) °C")
        // A fan that must run at full speed in a cool room holds nothing.
        if profile.fan.count > 0 { #expect(point.duty < FanDuty(0.95), "\(point.duty.percent) %") }
    }

    @Test("stepped through two hours a device comes to the rest that was solved", arguments: library.names)
    func steadyState(name: String) throws {
        var profile = try Self.library.load(name)
        profile.errors.boardSpread = 0
        let solved = profile.regulatedPoint(ambient: Celsius(25))
        var physics = DevicePhysics(profile: profile, ambient: Celsius(25), seed: PRNG(seed: 1), at: .start)
        physics.setPower(true, at: .start)
        physics.setFrequency(Megahertz(profile.chip.nominalMegahertz), at: .start)
        physics.setFan(solved.duty, at: .start)
        physics.setHashing(true, at: .start)
        physics.advance(to: .start + .hours(2))
        #expect(abs(physics.chipTemperature.degrees - solved.chipTemperature.degrees) < 0.05)
        #expect(abs(physics.inputPower.watts / solved.inputPower.watts - 1) < 0.000_5)
        #expect(physics.hashRate == solved.hashRate)
        #expect(physics.energyBalance.relativeResidual < 0.001)
        #expect(physics.outletTemperature > physics.inletTemperature)
    }

    @Test(
        "chips, boards and fans are what fleet tools expect",
        arguments: [
            ("antminer-s9", 63, 3, 2), ("antminer-s17", 48, 3, 4), ("antminer-s19", 76, 3, 4),
            ("antminer-s19-pro", 114, 3, 4), ("antminer-s19j-pro", 126, 3, 4),
            ("antminer-s19k-pro", 77, 3, 4),
            ("antminer-s19-xp", 110, 3, 4), ("antminer-s21", 108, 3, 4), ("antminer-s21-plus", 55, 3, 4),
            ("antminer-s21-pro", 65, 3, 4), ("antminer-s21-xp", 91, 3, 4), ("antminer-t21", 108, 3, 4),
            ("whatsminer-m30s++", 86, 3, 2), ("whatsminer-m50", 105, 3, 2), ("whatsminer-m60", 172, 3, 2),
            ("avalon-1246", 120, 3, 4), ("avalon-a15", 160, 3, 2), ("avalon-nano-3s", 12, 1, 1),
            ("bitaxe-ultra", 1, 1, 1), ("bitaxe-supra", 1, 1, 1), ("bitaxe-gamma", 1, 1, 1),
            ("bitaxe-gamma-turbo", 2, 1, 2), ("nerdqaxe++", 4, 1, 2), ("gekko-compac-f", 1, 1, 0),
            ("gekko-r909", 6, 1, 1), ("antminer-u3", 4, 1, 1), ("block-erupter-usb", 1, 1, 0),
        ])
    func counts(name: String, chips: Int, boards: Int, fans: Int) throws {
        let profile = try Self.library.load(name)
        #expect(profile.boards.chipsPerBoard == chips)
        #expect(profile.boards.count == boards)
        #expect(profile.fan.count == fans)
        #expect(!profile.firmware.model.isEmpty)
    }

    @Test(
        "every number of a profile file says its unit, its source or how sure it is", arguments: library.names
    )
    func sources(name: String) throws {
        let text = try String(contentsOfFile: Self.library.path(of: name), encoding: .utf8)
        #expect(text.contains("Sources: ") && text.contains("[S] stated by a source"))
        for line in text.components(separatedBy: "\n") where line.contains(" = ") && !line.hasPrefix("#") {
            let value = line.components(separatedBy: " = ")[1]
            guard value.first?.isNumber == true else { continue }
            #expect(line.contains("# "), "\(name): \(line)")
        }
    }

    @Test("a hot room asks for more power and more air, and at last runs away")
    func heat() throws {
        let profile = try Self.library.load("antminer-s19-pro")
        let cool = profile.operatingPoint(ambient: Celsius(15), duty: .full)
        let warm = profile.operatingPoint(ambient: Celsius(35), duty: .full)
        #expect(warm.inputPower > cool.inputPower && warm.chipTemperature > cool.chipTemperature)
        // Hardware facts 3.5: at 35 °C and half speed leakage outruns the air.
        #expect(profile.operatingPoint(ambient: Celsius(35), duty: FanDuty(0.35)).isRunaway)
        #expect(
            profile.regulatedPoint(ambient: Celsius(15)).duty
                < profile.regulatedPoint(ambient: Celsius(30)).duty)
    }
}
