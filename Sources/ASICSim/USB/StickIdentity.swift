import Hardware

/// The chip between USB and a serial line.
public enum USBBridge: String, Sendable, Hashable, CaseIterable {
    /// FTDI: each packet to the host begins with two status bytes, and goes when it is full or the latency timer says.
    case ft230x
    case cp2102
    /// Two interfaces: the chips, and a small controller that measures.
    case cp2105
    case pl2303

    struct Endpoint { let address: UInt8, isInterrupt: Bool, packet: Int }

    /// By interface.
    var endpoints: [[Endpoint]] {
        func bulk(_ address: UInt8, _ packet: Int = 64) -> Endpoint {
            Endpoint(address: address, isInterrupt: false, packet: packet)
        }
        return switch self {
        case .ft230x: [[bulk(0x81), bulk(0x02)]]
        case .cp2102: [[bulk(0x81), bulk(0x01)]]
        case .cp2105: [[bulk(0x81), bulk(0x01)], [bulk(0x82, 32), bulk(0x02, 32)]]
        case .pl2303: [[Endpoint(address: 0x81, isInterrupt: true, packet: 10), bulk(0x02), bulk(0x83)]]
        }
    }

    /// bcdDevice as the makers set it. The kernel's drivers tell the generations of a bridge by it: an FT230X that
    /// gave 1.00 would be an FT8U100AX, whose writes begin with a byte of length (Linux, ftdi_determine_type).
    var release: UInt16 {
        switch self {
        case .ft230x: 0x1000
        case .cp2102, .cp2105: 0x0100
        case .pl2303: 0x0300
        }
    }

    /// Speed before anybody sets one.
    static let baudAtPlug = 9_600.0
}

/// A USB stick: how it names itself, and what is behind its bridge. Drivers match all of it (cgminer: VID, PID and
/// both strings).
public struct StickIdentity: Sendable, Equatable {
    public var name: String
    public var vendor: UInt16
    public var product: UInt16
    /// bcdDevice.
    public var release: UInt16
    public var manufacturer: String
    public var title: String
    public var serial: String
    public var bridge: USBBridge
    public var family: ChipFamily
    public var chips: Int
    /// Where the chip of the profile counts otherwise than its family.
    public var unitsPerChip: Double?

    private init(
        _ name: String, _ vendor: UInt16, _ product: UInt16, _ manufacturer: String, _ title: String,
        _ bridge: USBBridge, _ family: ChipFamily, chips: Int, unitsPerChip: Double? = nil
    ) {
        self.name = name
        self.vendor = vendor
        self.product = product
        release = bridge.release
        self.manufacturer = manufacturer
        self.title = title
        serial = "10000001"
        self.bridge = bridge
        self.family = family
        self.chips = chips
        self.unitsPerChip = unitsPerChip
    }

    /// The sticks that can be served. Strings and numbers as cgminer's usbutils.c has them.
    public static let all: [StickIdentity] = [
        StickIdentity(
            "block-erupter", 0x10c4, 0xea60, "Silicon Labs", "CP2102 USB to UART Bridge Controller", .cp2102,
            .icarus,
            chips: 1),
        // Four BM1382 with 63 cores each, which take one job together.
        StickIdentity(
            "antminer-u3", 0x10c4, 0xea60, "Silicon Labs", "Antminer U3", .cp2102, .antminerU, chips: 1,
            unitsPerChip: 252),
        StickIdentity(
            "icarus", 0x067b, 0x2303, "Prolific Technology Inc.", "USB-Serial Controller", .pl2303, .icarus,
            chips: 1),
        StickIdentity(
            "compac", 0x10c4, 0xea60, "GekkoScience", "Compac BM1384 Bitcoin Miner", .cp2102, .bm1384,
            chips: 1),
        StickIdentity(
            "2pac", 0x10c4, 0xea60, "GekkoScience", "2Pac BM1384 Bitcoin Miner", .cp2102, .bm1384, chips: 2),
        StickIdentity(
            "newpac", 0x0403, 0x6015, "GekkoScience", "NewPac Bitcoin Miner", .ft230x, .bm1387, chips: 2),
        StickIdentity(
            "r606", 0x0403, 0x6015, "GekkoScience", "R606 Bitcoin Miner", .ft230x, .bm1387, chips: 12),
        StickIdentity(
            "compac-f", 0x0403, 0x6015, "GekkoScience", "CompacF Bitcoin Miner", .ft230x, .bm1397, chips: 1),
        StickIdentity(
            "r909", 0x0403, 0x6015, "GekkoScience", "R909 Bitcoin Miner", .ft230x, .bm1397, chips: 6),
        StickIdentity(
            "compac-a1", 0x10c4, 0xea70, "Silicon Labs", "GekkoScience Compac A1", .cp2105, .bm1362, chips: 1),
        StickIdentity(
            "compac-a2", 0x10c4, 0xea70, "Silicon Labs", "GekkoScience Compac A2", .cp2105, .bm1370, chips: 1),
    ]

    public static func named(_ name: String) -> StickIdentity? { all.first { $0.name == name } }

    // MARK: Descriptors

    var deviceDescriptor: [UInt8] {
        [18, 1, 0, 2, 0, 0, 0, 64] + vendor.bytes + product.bytes + release.bytes + [1, 2, 3, 1]
    }

    var configurationDescriptor: [UInt8] {
        let interfaces = bridge.endpoints
        var body: [UInt8] = []
        for (number, endpoints) in interfaces.enumerated() {
            body += [9, 4, UInt8(number), 0, UInt8(endpoints.count), 0xff, bridge == .pl2303 ? 0 : 0xff]
            body += [bridge == .pl2303 ? 0 : 0xff, 2]
            for endpoint in endpoints {
                body += [7, 5, endpoint.address, endpoint.isInterrupt ? 3 : 2]
                body += UInt16(endpoint.packet).bytes + [endpoint.isInterrupt ? 1 : 0]
            }
        }
        return [9, 2] + UInt16(9 + body.count).bytes + [UInt8(interfaces.count), 1, 0, 0x80, 250] + body
    }

    /// Nil for a string that the stick does not have.
    func stringDescriptor(_ index: UInt8) -> [UInt8]? {
        if index == 0 { return [4, 3, 9, 4] }
        let texts = [manufacturer, title, serial]
        guard index <= texts.count else { return nil }
        let units = texts[Int(index) - 1].utf16.flatMap(\.bytes)
        return [UInt8(2 + units.count), 3] + units
    }
}

extension UInt16 {
    /// Least significant first.
    var bytes: [UInt8] { [UInt8(self & 0xff), UInt8(self >> 8)] }
}

extension UInt32 {
    /// Least significant first.
    var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * UInt32($0))) } }
}
