import DeviceModel
import Hardware
import SansIO
import Testing

@Suite struct DevicePhysicsTests {
    private func running(
        _ profile: DeviceProfile, ambient: Double, fan: Double
    ) -> DevicePhysics {
        var physics = DevicePhysics(
            profile: profile, ambient: Celsius(ambient), seed: PRNG(seed: 1), at: .start)
        physics.setPower(true, at: .start)
        physics.setVoltage(Volts(profile.chip.nominalVolts), at: .start)
        physics.setFrequency(Megahertz(profile.chip.nominalMegahertz), at: .start)
        physics.setFan(FanDuty(fan), at: .start)
        physics.setHashing(true, at: .start)
        return physics
    }

    @Test func `an S19j Pro settles where its data sheet and a field test say`() {
        var physics = running(TestRigs.antminer, ambient: 25, fan: 1)
        physics.advance(to: .start + .minutes(30))
        // Nameplate 3068 W +- 5 %; the S19 Pro, whose body it shares, was computed at 63.9 degrees.
        #expect(abs(physics.inputPower.watts / 3_068 - 1) < 0.05)
        #expect(physics.chipTemperature.degrees > 55 && physics.chipTemperature.degrees < 70)
        #expect(abs(physics.hashRate.terahashes - 104) < 1)
        #expect(physics.boardTemperatures.count == 3)
    }

    @Test func `a Bitaxe Gamma settles at the power and temperature owners report`() {
        var physics = running(TestRigs.bitaxe, ambient: 25, fan: 0.6)
        physics.advance(to: .start + .minutes(30))
        #expect(physics.inputPower.watts > 16 && physics.inputPower.watts < 20)
        #expect(physics.chipTemperature.degrees > 52 && physics.chipTemperature.degrees < 66)
        #expect(abs(physics.hashRate.terahashes - 1.071) < 0.001)
    }

    @Test func `in the steady state heat in is heat out`() {
        let profile = TestRigs.antminer
        var physics = running(profile, ambient: 25, fan: 0.8)
        physics.advance(to: .start + .hours(2))
        let before = physics.chipTemperature.degrees
        let energy = physics.consumedEnergy.joules
        physics.advance(to: .start + .hours(3))
        #expect(abs(physics.chipTemperature.degrees - before) < 1e-6)
        // What the meter counted in this hour is the power it showed.
        let meter = (physics.consumedEnergy.joules - energy) / 3_600
        #expect(abs(meter / physics.inputPower.watts - 1) < 1e-9)
        // Heat flow through the resistances of all boards equals the electric power into the chips, within what the
        // spread between boards hides (2 % of it).
        let fans = profile.fan.maxWatts * 0.8 * 0.8 * 0.8
        let electric =
            (physics.inputPower.watts - profile.power.controlWatts - fans) * profile.power.efficiency
        let air = 25 + 0.5 * electric / (1_168 * 0.8 * profile.thermal.airflowMaxCubicMetresPerSecond)
        let factor = 0.35 + 0.65 * DeterministicMath.pow(0.8, -0.8)
        let resistance = profile.thermal.chipResistanceKelvinPerWatt / 126 * factor
        let flow = physics.boardTemperatures.reduce(0.0) { $0 + ($1.degrees - air) / resistance }
        #expect(abs(flow / electric - 1) < 0.04)
    }

    @Test func `how often somebody looks does not matter`() {
        var often = running(TestRigs.antminer, ambient: 30, fan: 0.7)
        var seldom = often
        for second in 1...600 { often.advance(to: .start + .seconds(UInt64(second))) }
        seldom.advance(to: .start + .seconds(600))
        #expect(abs(often.chipTemperature.degrees - seldom.chipTemperature.degrees) < 0.2)
        #expect(abs(often.consumedEnergy.joules / seldom.consumedEnergy.joules - 1) < 0.002)
    }

    @Test func `fans that stop let the chips run hot`() {
        var physics = running(TestRigs.bitaxe, ambient: 25, fan: 0.6)
        physics.advance(to: .start + .minutes(20))
        physics.setFansWork(false, at: .start + .minutes(20))
        physics.advance(to: .start + .minutes(25))
        #expect(physics.fanSpeed.revolutionsPerMinute < 10)
        #expect(physics.chipTemperature.degrees > 90)
    }

    @Test func `switched off it cools to the room and draws only what control and fans draw`() {
        let profile = TestRigs.bitaxe
        var physics = running(profile, ambient: 21, fan: 1)
        physics.advance(to: .start + .minutes(20))
        physics.setPower(false, at: .start + .minutes(20))
        physics.setFan(.off, at: .start + .minutes(20))
        physics.advance(to: .start + .hours(3))
        #expect(abs(physics.chipTemperature.degrees - 21) < 0.1)
        #expect(abs(physics.inputPower.watts - profile.power.controlWatts) < 1e-6)
        #expect(physics.hashRate == .zero)
    }

    @Test func `too little voltage and too much heat make errors`() {
        var physics = running(TestRigs.bitaxe, ambient: 25, fan: 1)
        let healthy = physics.errorRate
        #expect(abs(healthy - 0.002) < 1e-9)
        physics.setVoltage(Volts(1.142), at: .start)
        #expect(abs(physics.errorRate / healthy - 2.718_28) < 0.001)
        physics.setVoltage(Volts(0.9), at: .start)
        #expect(physics.errorRate == 0.5)
    }

    @Test func `readings are quantised and scatter around the truth`() {
        var physics = running(TestRigs.bitaxe, ambient: 25, fan: 0.6)
        physics.advance(to: .start + .hours(1))
        var sum = 0.0
        for _ in 0..<1_000 {
            let reading = physics.read(at: .start + .hours(1))
            let degrees = reading.chipTemperature?.degrees ?? 0
            sum += degrees
            #expect(degrees * 8 == Double(Int(degrees * 8)))
        }
        // Deviation of the mean: 0.3 K / sqrt(1000) = 0.01 K.
        #expect(abs(sum / 1_000 - physics.chipTemperature.degrees) < 0.05)
    }
}
