import ASICSim
import Bitcoin
import DeviceModel
import Foundation
import Hardware
import Rig
import SansIO
import Stratum

/// One device in model fidelity: a step of its physics, and what it occupies.
enum DeviceBenchmark {
    static let stepNanosecondsMax = 1_000.0
    static let deviceBytesMax = 4_096.0

    static func run() -> Bool {
        let hasSpeed = measureSteps()
        let hasRoom = measureMemory()
        return hasSpeed && hasRoom
    }

    /// A large air-cooled device of three boards.
    static var profile: DeviceProfile {
        var profile = DeviceProfile.cpuMiner
        profile.chip.family = "BM1398"
        profile.chip.units = 672
        profile.chip.nominalMegahertz = 478.6
        profile.chip.nominalVolts = 0.36
        profile.chip.capacitanceNanofarad = 122.3
        profile.chip.leakageShare = 0.12
        profile.chip.leakageReferenceCelsius = 65
        profile.chip.leakageKelvinPerE = 36
        profile.boards.count = 3
        profile.boards.chipsPerBoard = 114
        profile.boards.domains = 38
        profile.thermal.chipResistanceKelvinPerWatt = 3.7
        profile.thermal.boardCapacityJoulePerKelvin = 1_900
        profile.thermal.airflowMaxCubicMetresPerSecond = 0.175
        profile.power.efficiency = 0.94
        profile.power.efficiencyHalf = 0.95
        profile.power.efficiencyFifth = 0.928
        profile.power.ratedWatts = 3_600
        profile.fan.count = 4
        profile.fan.maxRPM = 6_150
        profile.fan.maxWatts = 110
        profile.errors.boardSpread = 0.02
        profile.errors.nominalRate = 0.002
        profile.sensors.temperatureNoiseKelvin = 0.3
        return profile
    }

    private static func measureSteps() -> Bool {
        let settled = nanosecondsPerStep("settled", fans: { _ in 0.8 }, step: .seconds(1))
        let warming = nanosecondsPerStep(
            "clock and heat moving", fans: { _ in 0.8 },
            clocks: { $0 % 20 == 0 ? ($0 / 20 % 2 == 0 ? 478.6 : 300) : nil },
            step: .seconds(1))
        // Fans that never rest ask for the shortest steps; each is one of the integrator's.
        let hunting = nanosecondsPerStep(
            "fans moving", fans: { $0 % 2 == 0 ? 0.80 : 0.82 }, step: .seconds(1))
        return max(settled, warming, hunting) <= stepNanosecondsMax
    }

    private static func nanosecondsPerStep(
        _ name: String, fans: (Int) -> Double, clocks: (Int) -> Double? = { _ in nil }, step: Interval
    ) -> Double {
        var physics = DevicePhysics(profile: profile, ambient: Celsius(25), seed: PRNG(seed: 1), at: .start)
        physics.setPower(true, at: .start)
        physics.setFrequency(Megahertz(478.6), at: .start)
        physics.setFan(FanDuty(0.8), at: .start)
        physics.setHashing(true, at: .start)
        physics.advance(to: .start + .hours(1))
        var now = Instant.start + .hours(1)
        let steps = 300_000
        var best = Double.infinity
        for _ in 0..<3 {
            let start = ContinuousClock.now
            for index in 0..<steps {
                physics.setFan(FanDuty(fans(index)), at: now)
                if let clock = clocks(index) { physics.setFrequency(Megahertz(clock), at: now) }
                now += step
                physics.advance(to: now)
            }
            best = min(best, (ContinuousClock.now - start) / .nanoseconds(1) / Double(steps))
        }
        let warmth = Int(physics.chipTemperature.degrees)
        print(
            "physics of three boards, \(name): \(Int(best)) ns a step (budget \(Int(stepNanosecondsMax))), \(warmth) °C"
        )
        return best
    }

    private static func measureMemory() -> Bool {
        let count = 10_000
        let profile = profile
        let before = resident()
        var physics: [DevicePhysics] = []
        var engines: [HashEngine] = []
        physics.reserveCapacity(count)
        engines.reserveCapacity(count)
        for index in 0..<count {
            let seed = PRNG(seed: 1, stream: UInt64(index))
            physics.append(DevicePhysics(profile: profile, ambient: Celsius(25), seed: seed, at: .start))
            engines.append(HashEngine(boards: 3, chipsPerBoard: 114, mode: .model, scale: 1, seed: seed))
        }
        let model = Double(resident() - before) / Double(count)
        print("physics and chips of \(count) devices: \(Int(model)) bytes each")
        guard let pool = PoolURL("stratum+tcp://127.0.0.1:3333") else { return false }
        let middle = resident()
        var rigs: [RigMachine] = []
        rigs.reserveCapacity(count)
        for index in 0..<count {
            rigs.append(
                RigMachine(
                    RigConfiguration(
                        profile: profile, pools: [pool], userIdentity: "bench", seed: 1,
                        stream: UInt64(index),
                        wallClock: WallClock(unixSecondsAtStart: 1_700_000_000))))
        }
        let whole = Double(resident() - middle) / Double(count)
        print("with firmware, not connected: \(Int(whole)) bytes each (budget \(Int(deviceBytesMax)))")
        return withExtendedLifetime((physics, engines, rigs)) { whole <= deviceBytesMax }
    }

    /// Resident bytes of this process.
    private static func resident() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        return (status.firstMatch(of: /VmRSS:\s+([0-9]+) kB/).flatMap { Int($0.1) } ?? 0) * 1_024
    }
}
