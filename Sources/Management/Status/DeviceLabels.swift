import DeviceModel
import Firmware
import Hardware
import SansIO

/// What is printed on a device and burnt into it: it stays the same while the device runs.
public struct DeviceLabels: Sendable, Equatable {
    public var dialect: Dialect
    public var maker: String
    /// As the maker's own pages write it.
    public var model: String
    public var chip: String
    /// The firmware's version where the profile tells one; nil for the dialect's own.
    public var version: String?
    /// Hashes per clock cycle of one chip.
    public var coresPerChip: Double
    public var boards: Int
    public var chipsPerBoard: Int
    public var fans: Int
    /// Of the data sheet.
    public var nominalHashRate: HashRate
    public var nominalFrequency: Megahertz
    public var nominalVoltage: Volts
    public var nominalPower: Watts
    public var mac: [UInt8]
    public var serial: String
    public var boardSerials: [String]
    public var hostname: String
    /// Where its interfaces listen; an IPv4 address.
    public var address: String
    public var hardwareIsReal = false

    /// The firmware's version as its pages tell it.
    var firmwareVersion: String {
        if let version { return version }
        return switch dialect {
        case .antminer: AntminerForms.compileTime
        case .braiins: "0.2.0-lab"
        case .whatsminer: WhatsminerForms.firmwareVersion
        case .avalon: "21012801_4ec6bb0_211fc83"
        case .axeOS: AxeOSWeb.version
        case .cgminerGekko: "4.13.1"
        case .cgminer: "4.11.1"
        }
    }

    /// `02:AB:…`
    public var macText: String { mac.map(Self.hex).joined(separator: ":") }

    static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16, uppercase: true)
        return text.count < 2 ? "0" + text : text
    }
}

extension DeviceLabels {
    /// The labels of a simulated device. Everything individual comes from seed and stream; the hardware address is a
    /// locally administered one, so that it can never be a real device's.
    public init(
        profile: DeviceProfile, personality: Personality, seed: UInt64, stream: UInt64, address: String
    ) {
        var random = PRNG(seed: seed ^ 0x6d61_6e61_6765, stream: stream)
        let mac = [0x02] + (0..<5).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        dialect = Dialect(personality, family: profile.name)
        maker = profile.maker
        // AxeOS has two names: the device's own, and its chip's, by which fleet software knows the board.
        let named = profile.firmware.model
        model = dialect == .axeOS || named.isEmpty ? profile.name : named
        chip = dialect == .axeOS && !named.isEmpty ? named : profile.chip.family
        version = profile.firmware.version.isEmpty ? nil : profile.firmware.version
        coresPerChip = profile.chip.units
        boards = profile.boards.count
        chipsPerBoard = profile.boards.chipsPerBoard
        fans = profile.fan.count
        nominalHashRate = profile.nominalHashRate
        nominalFrequency = Megahertz(profile.chip.nominalMegahertz)
        nominalVoltage = Volts(profile.chip.nominalVolts)
        nominalPower = Self.nominalPower(profile)
        self.mac = mac
        serial = Self.serial(dialect.serialPrefix, length: 17, &random)
        boardSerials = []
        hostname = dialect.hostname(mac: mac)
        self.address = address
        for _ in 0..<boards { boardSerials.append(Self.serial(dialect.boardPrefix, length: 17, &random)) }
    }

    private static func serial(_ prefix: String, length: Int, _ random: inout PRNG) -> String {
        let letters = Array("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789".utf8)
        var text = Array(prefix.utf8)
        while text.count < length { text.append(letters[Int(random.below(UInt64(letters.count)))]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Dynamic power, leakage's share on top of it, losses, fans and controller.
    private static func nominalPower(_ profile: DeviceProfile) -> Watts {
        let chip = profile.chip
        let dynamic =
            chip.capacitanceNanofarad * 1e-9 * chip.nominalVolts * chip.nominalVolts * chip.nominalMegahertz
            * 1e6
        let chips = dynamic / max(0.1, 1 - chip.leakageShare) * Double(profile.chipCount)
        return Watts(
            chips / max(0.1, profile.power.efficiency) + profile.power.controlWatts + profile.fan.maxWatts)
    }
}
