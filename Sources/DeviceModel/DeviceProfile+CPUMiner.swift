extension DeviceProfile {
    /// This computer's own processor as a miner: no boot, no heat, no fan. One core that does about 10 million
    /// hashes per second; the hash engine's rate decides what it really does.
    public static let cpuMiner: DeviceProfile = {
        var profile = DeviceProfile.empty
        profile.name = "CPU miner"
        profile.maker = "mining-lab"
        profile.chip.family = "CPU"
        profile.chip.units = 1
        profile.chip.nominalMegahertz = 10
        profile.chip.nominalVolts = 1
        profile.thermal.boardCapacityJoulePerKelvin = 100
        profile.limits.minimumMegahertz = 0.001
        profile.limits.fanMinimumPercent = 0
        profile.limits.fanStartPercent = 0
        profile.limits.fanIdlePercent = 0
        profile.errors.boardSpread = 0
        profile.sensors.temperatureNoiseKelvin = 0
        profile.firmware.telemetrySecondsMin = 30
        profile.firmware.telemetrySecondsMax = 60
        profile.errors.chipSpread = 0
        return profile
    }()
}
