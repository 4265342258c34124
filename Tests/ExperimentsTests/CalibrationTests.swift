import DeviceModel
import Foundation
import Hardware
import SansIO
import Testing

@testable import Experiments

/// The model against the two field tests that it was calibrated on. The rows are those of the documentation's page.
@Suite("Calibration")
struct CalibrationTests {
    struct Row {
        var device: String
        var quantity: String
        var measured: Double
        var model: Double
        /// Relative for watts, in kelvin for temperatures.
        var bound: Double

        var text: String {
            let unit = quantity.hasSuffix("W") ? "W" : "°C"
            let residual = model - measured
            let sign = residual < 0 ? "−" : "+"
            let share =
                unit == "W"
                ? String(format: "%@%.1f %%", sign, abs(residual) / measured * 100)
                : String(format: "%@%.1f K", sign, abs(residual))
            let digits = unit == "W" ? "%.0f" : "%.1f"
            return "| \(device) | \(quantity) | \(String(format: digits, measured)) | "
                + "\(String(format: digits, model)) | \(share) |"
        }
        var isWithin: Bool {
            quantity.hasSuffix("W") ? abs(model / measured - 1) <= bound : abs(model - measured) <= bound
        }
    }

    /// 111.8 TH/s with the fans at full speed and 23.1 °C at the inlet, in a duct.
    static func s19Pro() throws -> [Row] {
        let profile = try ProfileFileTests.library.load("antminer-s19-pro")
        let clock = Megahertz(profile.chip.nominalMegahertz * 111.8 / profile.nominalHashRate.terahashes)
        let point = profile.operatingPoint(ambient: Celsius(23.1), duty: .full, frequency: clock)
        return [
            Row(
                device: "S19 Pro", quantity: "wall power, W", measured: 3_320, model: point.inputPower.watts,
                bound: 0.05),
            Row(
                device: "S19 Pro", quantity: "outlet, °C", measured: 38.8,
                model: point.outletTemperature.degrees, bound: 2),
        ]
    }

    /// A room of 29 °C so small that a quarter of the outlet's warmth came back to the inlet; fans at 70 %.
    static func s9() throws -> [Row] {
        var profile = try ProfileFileTests.library.load("antminer-s9")
        profile.thermal.recirculationShare = (32.8 - 29) / (44.9 - 29)
        let point = profile.operatingPoint(ambient: Celsius(29), duty: FanDuty(0.7))
        return [
            Row(
                device: "S9", quantity: "inlet, °C", measured: 32.8, model: point.inletTemperature.degrees,
                bound: 2),
            Row(
                device: "S9", quantity: "outlet, °C", measured: 44.9, model: point.outletTemperature.degrees,
                bound: 3),
            Row(
                device: "S9", quantity: "mean chip, °C", measured: 63, model: point.chipTemperature.degrees,
                bound: 4),
        ]
    }

    @Test("the documentation's page prints the residuals that the model has")
    func page() throws {
        let path = ProfileFileTests.root + "/Sources/DeviceModel/DeviceModel.docc/Calibration.md"
        let page = try String(contentsOfFile: path, encoding: .utf8)
        for row in try Self.s19Pro() + Self.s9() {
            #expect(page.contains(row.text), "the page should say: \(row.text)")
            #expect(row.isWithin, "\(row.text)")
        }
    }

    @Test("a day's ambient moves the power as owners of a T21 saw")
    func ambient() throws {
        let profile = try ProfileFileTests.library.load("antminer-s21")
        let night = profile.operatingPoint(ambient: Celsius(15), duty: .full)
        let noon = profile.operatingPoint(ambient: Celsius(35), duty: .full)
        let growth = noon.inputPower.watts / night.inputPower.watts - 1
        #expect(growth > 0.04 && growth < 0.09)
        let path = ProfileFileTests.root + "/Sources/DeviceModel/DeviceModel.docc/Calibration.md"
        let page = try String(contentsOfFile: path, encoding: .utf8)
        #expect(page.contains(String(format: "+%.1f %% from 15 to 35 °C", growth * 100)), "\(growth)")
    }
}
