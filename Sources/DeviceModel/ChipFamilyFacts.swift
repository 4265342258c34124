import Hardware

/// What is known of a family of chips as silicon: how wide it is and what voltage a clock asks for. Profiles are held
/// against it. Families with a public serial protocol are also in ``Hardware/ChipFamily``.
public struct ChipFamilyFacts: Equatable, Sendable {
    /// The chip's own name, as profiles spell it.
    public let name: String
    /// Small cores on the die; a chip never hashes more per clock cycle.
    public let unitsMax: Double
    /// No profile may ask for more.
    public let megahertzMax: Double
    /// What one chain can address.
    public let chipsPerBoardMax: Int
    /// Volts of the chip's supply over its clock; nil where nothing is known and the profile's slope is used.
    public let curve: VoltageCurve?

    private init(
        _ name: String, units: Double, megahertz: Double, chips: Int = 128, curve: VoltageCurve? = nil
    ) {
        self.name = name
        unitsMax = units
        megahertzMax = megahertz
        chipsPerBoardMax = chips
        self.curve = curve
    }

    /// Nil for a family that nobody here knows.
    public static func named(_ name: String) -> ChipFamilyFacts? { known.first { $0.name == name } }

    /// Cores and sub-cores are those of drivers (ESP-Miner, cgminer, mujina); clocks are what firmware lets be set.
    /// The curve of the BM1370 fits the defaults of ESP-Miner and NerdQAxe; those of BM1366, BM1368 and BM1397 go
    /// through the ends of ESP-Miner's lists of clocks and voltages; the others are unknown.
    public static let known: [ChipFamilyFacts] = [
        ChipFamilyFacts("AM01", units: 1, megahertz: 500, chips: 1),
        ChipFamilyFacts("BM1382", units: 63, megahertz: 500),
        ChipFamilyFacts("BM1384", units: 55, megahertz: 500),
        ChipFamilyFacts("BM1385", units: 50, megahertz: 1_000),
        ChipFamilyFacts("BM1387", units: 114, megahertz: 1_200),
        ChipFamilyFacts("BM1391", units: 672, megahertz: 1_000),
        ChipFamilyFacts("BM1393", units: 672, megahertz: 1_000),
        ChipFamilyFacts("BM1396", units: 672, megahertz: 1_000),
        ChipFamilyFacts(
            "BM1397", units: 672, megahertz: 1_000, curve: VoltageCurve((400, 1.10), (600, 1.50))),
        ChipFamilyFacts("BM1398", units: 672, megahertz: 1_000),
        ChipFamilyFacts("BM1362", units: 520, megahertz: 1_000),
        ChipFamilyFacts(
            "BM1366", units: 896, megahertz: 1_000, curve: VoltageCurve((400, 1.10), (575, 1.30))),
        ChipFamilyFacts(
            "BM1368", units: 1_280, megahertz: 1_000, curve: VoltageCurve((400, 1.10), (575, 1.30))),
        ChipFamilyFacts(
            "BM1370", units: 2_048, megahertz: 1_200,
            curve: VoltageCurve((400, 0.90), (550, 1.10), (1_000, 1.297), (1_200, 1.377))),
        ChipFamilyFacts("BM1372", units: 6_784, megahertz: 1_000),
        ChipFamilyFacts("BM1373", units: 6_784, megahertz: 1_000),
        ChipFamilyFacts("KF1950", units: 1_024, megahertz: 1_200, chips: 256),
        ChipFamilyFacts("KF1968", units: 1_024, megahertz: 1_200, chips: 256),
        ChipFamilyFacts("KF1973", units: 1_024, megahertz: 1_200, chips: 256),
        ChipFamilyFacts("A3205", units: 1_024, megahertz: 1_200, chips: 256),
        ChipFamilyFacts("A15", units: 1_024, megahertz: 1_200, chips: 256),
        ChipFamilyFacts("CPU", units: 4_096, megahertz: 10_000, chips: 1_024),
    ]
}
