import SansIO

/// The profile's numbers as the equations want them.
struct PhysicsConstants: Sendable {
    let boards: Int
    let chipsPerBoard: Int
    let hashesPerMegahertz: Double
    let nominalVolts: Double
    let nominalMegahertz: Double
    let wattsPerVolt2MHz: Double
    let boardLeakage: Double
    let leakageReference: Double
    let leakageKelvin: Double
    let boardResistance: Double
    let boardCapacity: Double
    let airflowMax: Double
    /// Mean air over inlet-and-room per watt and cubic metre a second: half the stream's own warming, and what comes
    /// back from the outlet. 1168 J/(m³K) is air's density x heat.
    let airKelvin: Double
    let recirculation: Double
    let regulatorResistance: Double
    let supply: SupplyCurve
    let controlWatts: Double
    let idleShare: Double
    let fanCount: Int
    let fanMaxRPM: Double
    let fanMinShare: Double
    let fanMaxWatts: Double
    let fanResponse: Double
    let fanNoise: Double
    let noise: Double
    let sensorStep: Double
    /// Nil: the die is measured.
    let boardOffset: Double?
    let errorNominal: Double
    let voltsPerMHz: Double
    let voltsPerE: Double
    /// Its shape is used; see ``neededVolts(at:)``.
    let curve: VoltageCurve?
    let curveOffset: Double
    let ageing: AgeingParameters

    var hasHeat: Bool { boardResistance > 0 }

    init(_ profile: DeviceProfile) {
        let chips = Double(profile.boards.chipsPerBoard)
        boards = profile.boards.count
        chipsPerBoard = profile.boards.chipsPerBoard
        hashesPerMegahertz = 1e6 * profile.chip.units * Double(profile.chipCount)
        nominalVolts = profile.chip.nominalVolts
        nominalMegahertz = profile.chip.nominalMegahertz
        // nanofarad x volt² x megahertz is milliwatts.
        wattsPerVolt2MHz = chips * profile.chip.capacitanceNanofarad * 1e-3
        let dynamic = wattsPerVolt2MHz * nominalVolts * nominalVolts * nominalMegahertz
        boardLeakage = dynamic * profile.chip.leakageShare / (1 - profile.chip.leakageShare)
        leakageReference = profile.chip.leakageReferenceCelsius
        leakageKelvin = profile.chip.leakageKelvinPerE
        boardResistance = profile.thermal.chipResistanceKelvinPerWatt / chips
        boardCapacity = profile.thermal.boardCapacityJoulePerKelvin
        airflowMax = profile.thermal.airflowMaxCubicMetresPerSecond
        recirculation = profile.thermal.recirculationShare
        airKelvin = (0.5 + recirculation / (1 - recirculation)) / 1_168
        regulatorResistance = profile.thermal.regulatorKelvinPerWatt
        supply = profile.supplyCurve ?? SupplyCurve(efficiency: profile.power.efficiency)
        controlWatts = profile.power.controlWatts
        idleShare = profile.power.idleShare
        fanCount = profile.fan.count
        fanMaxRPM = profile.fan.maxRPM
        fanMinShare = profile.fan.maxRPM > 0 ? profile.fan.minRPM / profile.fan.maxRPM : 0
        fanMaxWatts = profile.fan.maxWatts
        fanResponse = profile.fan.responseSeconds
        fanNoise = profile.sensors.fanNoiseShare
        noise = profile.sensors.temperatureNoiseKelvin
        sensorStep = profile.sensors.temperatureStepKelvin
        boardOffset = profile.sensors.chipSource == "board" ? profile.sensors.boardOffsetKelvin : nil
        errorNominal = profile.errors.nominalRate
        voltsPerMHz = profile.errors.voltsPerMegahertz
        voltsPerE = profile.errors.undervoltVoltsPerE
        let own = profile.chip.voltageCurve
        curve = own ?? (voltsPerMHz > 0 ? nil : ChipFamilyFacts.named(profile.chip.family)?.curve)
        curveOffset = curve.map { profile.chip.nominalVolts - $0.volts(profile.chip.nominalMegahertz) } ?? 0
        ageing = profile.ageing
    }

    /// What a young device's mean chip asks for at this clock: the nominal voltage at the nominal one.
    func neededVolts(at megahertz: Double) -> Double {
        if let curve { return curve.volts(megahertz) + curveOffset }
        return nominalVolts + voltsPerMHz * (megahertz - nominalMegahertz)
    }

    /// Hardware facts, section 3.5: resistance falls with the 0.8th power of the air speed.
    static func coolingFactor(airflowShare: Double) -> Double {
        0.35 + 0.65 * DeterministicMath.pow(airflowShare, -0.8)
    }
}
