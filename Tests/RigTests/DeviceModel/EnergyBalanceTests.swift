import DeviceModel
import Hardware
import SansIO
import Testing

@Suite struct EnergyBalanceTests {
    /// What a firmware, a room and bad luck may do to a device, drawn from a seed.
    private struct Action {
        var at: Instant
        var act: (inout DevicePhysics, Instant) -> Void
    }

    private func actions(_ profile: DeviceProfile, seed: UInt64, until end: Instant) -> [Action] {
        var random = PRNG(seed: seed)
        var now = Instant.start
        var list = [
            Action(at: now) { $0.setPower(true, at: $1) },
            Action(at: now) { $0.setFrequency(Megahertz(profile.chip.nominalMegahertz), at: $1) },
            Action(at: now) { $0.setFan(FanDuty(0.7), at: $1) },
            Action(at: now) { $0.setHashing(true, at: $1) },
        ]
        while true {
            now += random.exponential(mean: .seconds(45))
            guard now < end else { return list }
            // To the hundredth of a second, so that steps of every length meet it alike.
            now = Instant(nanoseconds: now.nanoseconds / 5_000_000_000 * 5_000_000_000)
            let share = random.uniform()
            switch random.below(9) {
            case 0: list.append(Action(at: now) { $0.setPower(false, at: $1) })
            case 1: list.append(Action(at: now) { $0.setPower(true, at: $1) })
            case 2, 3:
                let clock = Megahertz(profile.chip.nominalMegahertz * (0.4 + 0.7 * share))
                list.append(Action(at: now) { $0.setPower(true, at: $1) })
                list.append(Action(at: now) { $0.setFrequency(clock, at: $1) })
            case 4, 5: list.append(Action(at: now) { $0.setFan(FanDuty(share), at: $1) })
            case 6:
                list.append(
                    Action(at: now) {
                        $0.setVoltage(Volts(profile.chip.nominalVolts * (0.85 + 0.2 * share)), at: $1)
                    })
            case 7: list.append(Action(at: now) { $0.setAmbient(Celsius(5 + 40 * share), at: $1) })
            default: list.append(Action(at: now) { $0.setHashing(share > 0.4, at: $1) })
            }
        }
    }

    private func run(
        _ profile: DeviceProfile, _ actions: [Action], step: Interval, until end: Instant,
        look: (inout DevicePhysics, Instant) -> Void
    ) -> DevicePhysics {
        var physics = DevicePhysics(profile: profile, ambient: Celsius(25), seed: PRNG(seed: 5), at: .start)
        var next = 0
        var now = Instant.start
        while now < end {
            while next < actions.count, actions[next].at <= now {
                actions[next].act(&physics, now)
                next += 1
            }
            now += step
            physics.advance(to: now)
            look(&physics, now)
        }
        return physics
    }

    @Test(arguments: ["bitaxe", "antminer"], [1, 2, 3] as [UInt64])
    func `whatever is done to a device, energy in is heat out and heat kept`(which: String, seed: UInt64) {
        let profile = which == "bitaxe" ? TestRigs.bitaxe : TestRigs.antminer
        let end = Instant.start + .minutes(8)
        let actions = actions(profile, seed: seed, until: end)
        for step in [10, 40, 250, 1_000, 2_500, 5_000] as [UInt64] {
            let physics = run(profile, actions, step: .milliseconds(step), until: end) { _, _ in }
            let balance = physics.energyBalance
            #expect(balance.relativeResidual < 0.001, "\(which), seed \(seed), step \(step) ms: \(balance)")
            #expect(balance.supplied == physics.consumedEnergy)
            #expect(balance.supplied > .zero && balance.expelled > .zero)
        }
    }

    @Test(arguments: ["bitaxe", "antminer"])
    func `a meter on the plug and a thermometer in the air find the same balance`(which: String) {
        var profile = which == "bitaxe" ? TestRigs.bitaxe : TestRigs.antminer
        profile.power.ratedWatts = 0
        let end = Instant.start + .minutes(8)
        let step = Interval.milliseconds(10)
        // Trapezoids over what anybody can read at each instant, against what the device counted.
        var wall = 0.0
        var chips = 0.0
        var flow = 0.0
        var last: (wall: Double, chips: Double, flow: Double)?
        let physics = run(profile, actions(profile, seed: 9, until: end), step: step, until: end) {
            physics, _ in
            let speed = physics.fanSpeed.revolutionsPerMinute / profile.fan.maxRPM
            let fans = profile.fan.maxWatts * speed * speed * speed
            let wallNow = physics.inputPower.watts
            let chipsNow = (wallNow - profile.power.controlWatts - fans) * profile.power.efficiency
            let now = (wall: wallNow, chips: chipsNow, flow: physics.heatFlow.watts)
            wall += (now.wall + (last ?? now).wall) / 2 * step.seconds
            chips += (now.chips + (last ?? now).chips) / 2 * step.seconds
            flow += (now.flow + (last ?? now).flow) / 2 * step.seconds
            last = now
        }
        let balance = physics.energyBalance
        #expect(abs(wall / balance.supplied.joules - 1) < 0.001)
        // The boards' store is temperature times capacity; what left them is the flow.
        let warmth = physics.boardTemperatures.reduce(0.0) { $0 + $1.degrees - 25 }
        let stored = warmth * profile.thermal.boardCapacityJoulePerKelvin
        #expect(abs(stored - balance.stored.joules) < 1e-6 * balance.supplied.joules)
        #expect(abs(chips - flow - stored) < 0.001 * chips, "\(chips) \(flow) \(stored)")
    }

    @Test(arguments: ["bitaxe", "antminer"], [1, 2, 3] as [UInt64])
    func `steps from ten milliseconds to five seconds follow the same trajectory`(which: String, seed: UInt64)
    {
        let profile = which == "bitaxe" ? TestRigs.bitaxe : TestRigs.antminer
        let end = Instant.start + .minutes(8)
        let actions = actions(profile, seed: seed, until: end)
        var reference: [Instant: Double] = [:]
        _ = run(profile, actions, step: .milliseconds(10), until: end) { physics, now in
            if now.nanoseconds % 5_000_000_000 == 0 { reference[now] = physics.chipTemperature.degrees }
        }
        let rise = (reference.values.max() ?? 0) - (reference.values.min() ?? 0)
        #expect(rise > 10)
        for step in [100, 500, 1_000, 2_500, 5_000] as [UInt64] {
            var worst = 0.0
            _ = run(profile, actions, step: .milliseconds(step), until: end) { physics, now in
                guard let expected = reference[now] else { return }
                worst = max(worst, abs(physics.chipTemperature.degrees - expected))
            }
            #expect(worst < 0.01 * rise, "\(which), seed \(seed), step \(step) ms: \(worst) K of \(rise)")
        }
    }

    @Test func `a device whose heat does not add up is found out`() {
        let broken = EnergyBalance(supplied: Joules(1_000), expelled: Joules(700), stored: Joules(298))
        #expect(abs(broken.relativeResidual - 0.002) < 1e-12)
        #expect(EnergyBalance(supplied: .zero, expelled: .zero, stored: .zero).relativeResidual == 0)
        let later = EnergyBalance(supplied: Joules(3_000), expelled: Joules(2_700), stored: Joules(298))
        #expect(later.since(broken).residual == .zero)
    }
}
