import Hardware

/// A USB miner that the lab knows: how the bus shows it, and what hangs behind it.
public struct StickKind: Equatable, Sendable {
    /// What `--profile` calls it.
    public let profile: String
    public let name: String
    public let vendor: UInt16
    public let product: UInt16
    /// The product string; nil takes any, after the kinds that name one.
    public let productString: String?
    /// Part of the manufacturer string; nil takes any.
    public let manufacturer: [String]?
    public let bridge: Bridge
    public let setup: ChainSetup
    /// What it is run at unless told otherwise, and the range that its driver allows.
    public let clock: Megahertz
    public let clockRange: ClosedRange<Megahertz>
    public let volts: Double

    /// At ``clock``, by the number of the chips' units.
    public func hashRate(at clock: Megahertz) -> HashRate {
        HashRate(clock.megahertz * 1e6 * Double(setup.unitsPerChip * setup.chips))
    }

    public func matches(vendor: UInt16, product: UInt16, manufacturer: String?, productString: String?)
        -> Bool
    {
        guard vendor == self.vendor, product == self.product else { return false }
        if let wanted = self.productString, wanted != productString { return false }
        if let words = self.manufacturer {
            guard let manufacturer, words.contains(where: { manufacturer.contains($0) }) else { return false }
        }
        return true
    }
}

/// All that are known. Identity strings as cgminer matches them.
public enum StickCatalog {
    public static func kind(named profile: String) -> StickKind? { all.first { $0.profile == profile } }

    /// The first that fits; kinds that name their strings come first.
    public static func kind(
        vendor: UInt16, product: UInt16, manufacturer: String?, productString: String?
    ) -> StickKind? {
        all.first {
            $0.matches(
                vendor: vendor, product: product, manufacturer: manufacturer, productString: productString)
        }
    }

    /// Whether a device of these numbers may be a miner, whatever its strings say.
    public static func mayBeMiner(vendor: UInt16, product: UInt16) -> Bool {
        all.contains { $0.vendor == vendor && $0.product == product }
    }

    /// Vendor and product numbers, each once, in order.
    public static var numbers: [(vendor: UInt16, product: UInt16)] {
        var seen: [UInt32] = []
        for kind in all {
            let both = UInt32(kind.vendor) << 16 | UInt32(kind.product)
            if !seen.contains(both) { seen.append(both) }
        }
        return seen.map { (UInt16($0 >> 16), UInt16($0 & 0xffff)) }
    }

    public static let all: [StickKind] = gekko1384 + gekkoFTDI + gekkoCP2105 + icarus + antminer + bitaxe

    private static let gekkoMakers = ["GekkoScience", "bitshopperde"]

    private static let gekko1384: [StickKind] = [
        ("compac", "Compac", 1), ("2pac", "2Pac", 2), ("terminus", "Terminus", 2),
    ]
    .map { profile, word, chips in
        StickKind(
            profile: profile, name: "GekkoScience \(word)", vendor: 0x10c4, product: 0xea60,
            productString: "\(word) BM1384 Bitcoin Miner", manufacturer: gekkoMakers, bridge: .cp210x,
            setup: ChainSetup(family: .bm1384, chips: chips, ticketMax: 1), clock: Megahertz(150),
            clockRange: Megahertz(6.25)...Megahertz(500), volts: 0.65)
    }

    private static let gekkoFTDI: [StickKind] = [
        ftdi("newpac", "NewPac", .bm1387, chips: 2, clock: 100, range: 50...900),
        ftdi("r606", "R606", .bm1387, chips: 12, clock: 550, range: 50...900),
        ftdi("compac-f", "CompacF", .bm1397, chips: 1, clock: 400, range: 100...800),
        ftdi("r909", "R909", .bm1397, chips: 6, clock: 450, range: 100...800),
    ]

    private static func ftdi(
        _ profile: String, _ word: String, _ family: ChipFamily, chips: Int, clock: Double,
        range: ClosedRange<Double>
    ) -> StickKind {
        StickKind(
            profile: profile, name: "GekkoScience \(word)", vendor: 0x0403, product: 0x6015,
            productString: "\(word) Bitcoin Miner", manufacturer: gekkoMakers, bridge: .ft230x,
            setup: ChainSetup(family: family, chips: chips, baud: 1_500_000, ticketMax: 16),
            clock: Megahertz(clock), clockRange: Megahertz(range.lowerBound)...Megahertz(range.upperBound),
            volts: 0.4)
    }

    private static let gekkoCP2105: [StickKind] = [
        ("compac-a1", "Compac A1", ChipFamily.bm1362), ("compac-a2", "Compac A2", .bm1370),
    ].map { profile, word, family in
        var setup = ChainSetup(family: family, chips: 1, ticketMax: 64)
        setup.hasMeter = true
        return StickKind(
            profile: profile, name: "GekkoScience \(word)", vendor: 0x10c4, product: 0xea70,
            productString: "GekkoScience \(word)", manufacturer: ["Silicon Labs"], bridge: .cp2105,
            setup: setup, clock: Megahertz(300),
            clockRange: Megahertz(100)...Megahertz(800), volts: 0.3)
    }

    /// These have no strings of their own; the detection job tells whether they are what they seem.
    private static let icarus: [StickKind] = [
        icarus("block-erupter", "Block Erupter", 0x10c4, 0xea60, .cp210x),
        icarus("icarus", "Icarus", 0x067b, 0x2303, .pl2303),
        icarus("bitforce-lancelot", "Lancelot", 0x0403, 0x6001, .ft232r),
    ]

    private static func icarus(
        _ profile: String, _ name: String, _ vendor: UInt16, _ product: UInt16, _ bridge: Bridge
    ) -> StickKind {
        StickKind(
            profile: profile, name: name, vendor: vendor, product: product, productString: nil,
            manufacturer: nil, bridge: bridge, setup: ChainSetup(family: .icarus, chips: 1),
            clock: Megahertz(336), clockRange: Megahertz(1)...Megahertz(1_000), volts: 1.2)
    }

    /// On the bus these are a CP2102 like a Block Erupter, and only their answers of five bytes differ: they must be
    /// named. Source: cgminer, driver-icarus.c [S] for clock codes and defaults; confidence of the rest beside it.
    private static let antminer: [StickKind] = [
        // BM1380: 0.125 µs x MHz a hash [S] are 8 a cycle [D]; 200 MHz are 1.6 GH/s. Volts [E].
        antminer(
            "antminer-u1", "Antminer U1", units: 8, clock: 200, range: 125...500, reference: 25, volts: 1.05),
        // The same chip with a larger heat sink, sold for 2 GH/s [E].
        antminer(
            "antminer-u2", "Antminer U2", units: 8, clock: 250, range: 125...500, reference: 25, volts: 1.05),
        // Four BM1382 of 63 cores that take one job together: 63 GH/s at 250 MHz [S]. 0.775 V is cgminer's default,
        // which it sets and this driver does not.
        antminer(
            "antminer-u3", "Antminer U3", units: 252, clock: 225, range: 100...250, reference: 50,
            volts: 0.775),
    ]

    private static func antminer(
        _ profile: String, _ name: String, units: Int, clock: Double, range: ClosedRange<Double>,
        reference: Double, volts: Double
    ) -> StickKind {
        var setup = ChainSetup(family: .antminerU, chips: 1, initialClock: Megahertz(clock))
        setup.unitsPerChip = units
        setup.clockReference = Megahertz(reference)
        return StickKind(
            profile: profile, name: name, vendor: 0x10c4, product: 0xea60, productString: nil,
            manufacturer: nil,
            bridge: .cp210x, setup: setup, clock: Megahertz(clock),
            clockRange: Megahertz(range.lowerBound)...Megahertz(range.upperBound), volts: volts)
    }

    /// Firmware that gives the computer the chips of a Bitaxe. Numbers of the Raspberry Pi and pid.codes, so the
    /// product string decides.
    private static let bitaxe: [StickKind] = [
        StickKind(
            profile: "bitaxe-raw", name: "Bitaxe (bitaxe-raw)", vendor: 0xc0de, product: 0xcafe,
            productString: "Bitaxe", manufacturer: nil, bridge: .cdcDual,
            setup: ChainSetup(family: .bm1370, chips: 1, baud: 1_000_000, ticketMax: 256),
            clock: Megahertz(525), clockRange: Megahertz(50)...Megahertz(800), volts: 1.15)
    ]
}
