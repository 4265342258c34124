import DeviceModel
import Hardware
import Rig
import SansIO
import Testing

@Suite struct DeviceFaultTests {
    private func running(_ profile: DeviceProfile, fan: Double = 0.8) -> DevicePhysics {
        var physics = DevicePhysics(profile: profile, ambient: Celsius(25), seed: PRNG(seed: 1), at: .start)
        physics.setPower(true, at: .start)
        physics.setFrequency(Megahertz(profile.chip.nominalMegahertz), at: .start)
        physics.setFan(FanDuty(fan), at: .start)
        physics.setHashing(true, at: .start)
        physics.advance(to: .start + .minutes(30))
        return physics
    }
    private let settled = Instant.start + .minutes(30)
    private let later = Instant.start + .minutes(60)

    @Test func `warm air at the inlet warms the chips and ends with the fault`() {
        var physics = running(TestRigs.antminer)
        let before = physics.chipTemperature.degrees
        physics.add(DeviceFault(.overheating(kelvin: 12), duration: .minutes(30)), at: settled)
        physics.advance(to: settled + .minutes(29))
        #expect(physics.ambient == Celsius(25))
        #expect(physics.chipTemperature.degrees > before + 11)
        #expect(abs(physics.inletTemperature.degrees - 37) < 1e-9)
        physics.advance(to: later + .hours(1))
        #expect(abs(physics.chipTemperature.degrees - before) < 0.05)
        #expect(physics.activeFaults.isEmpty)
    }

    @Test func `one lost fan of four shows as zero revolutions and warmer chips`() {
        var physics = running(TestRigs.antminer)
        let before = (physics.chipTemperature.degrees, physics.inputPower.watts)
        physics.add(DeviceFault(.fanLoss(fans: 1)), at: settled)
        #expect(physics.fanSpeed == .zero)
        physics.advance(to: later)
        #expect(physics.chipTemperature.degrees > before.0 + 3)
        var all = running(TestRigs.antminer)
        all.add(DeviceFault(.fanLoss(fans: nil)), at: settled)
        all.advance(to: later)
        #expect(all.chipTemperature.degrees > physics.chipTemperature.degrees + 20)
    }

    @Test func `without its supply a device is off and stays off until it is started anew`() {
        var physics = running(TestRigs.antminer)
        physics.add(DeviceFault(.supplyDrop, duration: .seconds(20)), at: settled)
        #expect(!physics.isOn && physics.hashRate == .zero && physics.inputPower == .zero)
        physics.setPower(true, at: settled + .seconds(5))
        #expect(!physics.isOn)
        physics.advance(to: settled + .seconds(25))
        #expect(!physics.isOn && physics.inputPower > .zero)
        physics.setPower(true, at: settled + .seconds(26))
        #expect(physics.isOn && physics.frequency == .zero)
    }

    @Test func `a sag in voltage makes errors and saves power`() {
        var physics = running(TestRigs.bitaxe)
        let before = (physics.errorRate, physics.inputPower.watts)
        physics.add(DeviceFault(.voltageSag(share: 0.02)), at: settled)
        // 23 mV too little at 8 mV for each factor of e.
        #expect(physics.errorRate / before.0 > 15 && physics.errorRate / before.0 < 20)
        #expect(physics.inputPower.watts < before.1 * 0.98)
    }

    @Test func `a sensor falls silent, is stuck, or reads 255`() {
        var silent = running(TestRigs.bitaxe)
        silent.add(DeviceFault(.sensorFailure(.silent)), at: settled)
        let nothing = silent.read(at: settled).chipTemperature
        #expect(nothing == nil)
        var full = running(TestRigs.bitaxe)
        full.add(DeviceFault(.sensorFailure(.reads255)), at: settled)
        let most = full.read(at: settled).chipTemperature
        #expect(most == Celsius(255))
        var stuck = running(TestRigs.bitaxe)
        let last = stuck.read(at: settled).chipTemperature
        stuck.add(DeviceFault(.sensorFailure(.stuck), duration: .minutes(20)), at: settled)
        stuck.setFan(FanDuty(0.3), at: settled)
        let during = stuck.read(at: settled + .minutes(19)).chipTemperature
        #expect(during == last)
        let after = stuck.read(at: settled + .minutes(21)).chipTemperature
        #expect((after?.degrees ?? 0) > (last?.degrees ?? 0) + 5)
    }

    @Test func `years make a device hotter and needier`() {
        var profile = TestRigs.antminer
        let young = running(profile)
        profile.ageing.years = 5
        let old = running(profile)
        #expect(old.chipTemperature.degrees > young.chipTemperature.degrees + 3)
        #expect(old.errorRate > young.errorRate * 2)
        var aged = young
        aged.add(DeviceFault(.ageing(years: 5)), at: settled)
        aged.advance(to: later)
        #expect(abs(aged.chipTemperature.degrees - old.chipTemperature.degrees) < 0.1)
    }

    @Test func `missing chips, dead domains and silent chains take their part of the rate`() {
        var physics = running(TestRigs.antminer)
        let rate = physics.hashRate.terahashes
        physics.add(DeviceFault(.missingChips(board: 0, count: 6)), at: settled)
        #expect(abs(physics.hashRate.terahashes / rate - 372.0 / 378) < 1e-12)
        #expect(physics.chipFaults.answeringChips == 372)
        // A domain of three chips on another board: they answer, but draw nothing.
        physics.add(DeviceFault(.stuckDomain(board: 1, domain: 41)), at: settled)
        #expect(abs(physics.hashRate.terahashes / rate - 369.0 / 378) < 1e-12)
        #expect(physics.chipFaults.answeringChips == 372)
        let before = physics.inputPower.watts
        physics.add(DeviceFault(.silentChain(board: 2)), at: settled)
        #expect(abs(physics.hashRate.terahashes / rate - 243.0 / 378) < 1e-12)
        #expect(abs(physics.inputPower.watts / before - 1) < 1e-9)
        physics.removeFaults(named: "silent-chain", at: settled)
        #expect(abs(physics.hashRate.terahashes / rate - 369.0 / 378) < 1e-12)
    }

    @Test func `faults from the profile come at their time, and by chance as often as they say`() throws {
        var profile = TestRigs.bitaxe
        profile.faults = [
            DeviceFault(.overheating(kelvin: 5), .at(.minutes(10)), duration: .minutes(5)),
            DeviceFault(.voltageSag(share: 0.01), .perHour(6), duration: .seconds(30)),
        ]
        var physics = DevicePhysics(profile: profile, ambient: Celsius(25), seed: PRNG(seed: 3), at: .start)
        var sags = 0
        var hot: [Double] = []
        while let due = physics.nextFaultChange, due < .start + .hours(500) {
            let before = physics.activeFaults
            physics.advance(to: due)
            let after = physics.activeFaults
            if after.contains(.voltageSag(share: 0.01)), !before.contains(.voltageSag(share: 0.01)) {
                sags += 1
            }
            if after.contains(.overheating(kelvin: 5)) != before.contains(.overheating(kelvin: 5)) {
                hot.append((due - .start).seconds)
            }
        }
        #expect(hot == [600, 900])
        // 6 an hour of the time without sag: 500 h x 3600/(600 + 30) = 2857, deviation 51.
        #expect(abs(Double(sags) - 2_857) < 4 * 51)
        var twin = DevicePhysics(profile: profile, ambient: Celsius(25), seed: PRNG(seed: 3), at: .start)
        twin.advance(to: .start + .hours(500))
        physics.advance(to: .start + .hours(500))
        #expect(twin.nextFaultChange == physics.nextFaultChange)
    }

    @Test func `a day's curve warms and cools the device, and far from a look nothing is lost`() throws {
        let curve = AmbientCurve.day(from: Celsius(12), to: Celsius(36))
        #expect(curve.celsius(after: .hours(6)) == Celsius(24))
        #expect(curve.celsius(after: .hours(30)) == Celsius(24))
        #expect(curve.celsius(after: .hours(21)).degrees == 18)
        var often = running(TestRigs.antminer)
        often.setAmbient(curve, at: settled)
        var seldom = often
        var temperatures: [Double] = []
        for minute in 31...(24 * 60) {
            often.advance(to: .start + .minutes(UInt64(minute)))
            temperatures.append(often.chipTemperature.degrees)
        }
        seldom.advance(to: .start + .hours(24))
        #expect(abs(often.chipTemperature.degrees - seldom.chipTemperature.degrees) < 0.05)
        #expect(abs(often.consumedEnergy.joules / seldom.consumedEnergy.joules - 1) < 0.000_1)
        let swing = (temperatures.max() ?? 0) - (temperatures.min() ?? 0)
        #expect(swing > 23 && swing < 32)
        #expect(seldom.energyBalance.relativeResidual < 0.001)
    }

    @Test func `a supply loses most of its efficiency at light load`() throws {
        let curve = try #require(SupplyCurve(ratedWatts: 3_600, fifth: 0.928, half: 0.95, full: 0.94))
        #expect(abs(curve.efficiency(at: 720) - 0.928) < 1e-9)
        #expect(abs(curve.efficiency(at: 1_800) - 0.95) < 1e-9)
        #expect(abs(curve.efficiency(at: 3_600) - 0.94) < 1e-9)
        #expect(curve.efficiency(at: 100) < 0.8)
        #expect(curve.losses(at: 0) == 0)
        // Better at the ends than in the middle is no supply.
        #expect(SupplyCurve(ratedWatts: 3_600, fifth: 0.97, half: 0.90, full: 0.97) == nil)
    }

    @Test func `the clock of a BM1370 asks for volts along its curve`() throws {
        let curve = try #require(ChipFamilyFacts.named("BM1370")?.curve)
        #expect(abs(curve.volts(at: Megahertz(475)).volts - 1.0) < 1e-9)
        #expect(abs(curve.volts(at: Megahertz(550)).volts - 1.1) < 1e-9)
        #expect(abs(curve.volts(at: Megahertz(1_100)).volts - 1.337) < 1e-9)
        var profile = TestRigs.bitaxe
        profile.errors.voltsPerMegahertz = 0
        var physics = running(profile, fan: 1)
        #expect(abs(physics.errorRate - 0.002) < 1e-9)
        // 6 MHz more ask for 8 mV more: one factor of e.
        physics.setFrequency(Megahertz(531), at: settled)
        #expect(abs(physics.errorRate / 0.002 - 2.718_28) < 0.01)
    }

    @Test func `a device in model fidelity is small`() {
        // Beside what stands inline: the heat of three boards with its array's header.
        let boards = 3 * MemoryLayout<Double>.stride * 7 + 32
        #expect(MemoryLayout<DevicePhysics>.size + boards < 1_600)
        // Firmware, chips and physics together; a connected session adds its ciphers and jobs.
        let inline = MemoryLayout<RigMachine>.size
        #expect(inline + boards <= 4_096)
    }
}
