import Hardware

/// The chip between the bus and the serial line, and how it is spoken to. Pure: what is asked is data.
///
/// Values are those that cgminer sends; where it sends none, the makers' application notes (AN232B for FTDI, AN571 for
/// CP210x) or the CDC PSTN class.
public enum Bridge: String, Sendable, CaseIterable {
    case cp210x = "CP210x"
    /// Two ports: the chips on the first, the stick's own microcontroller on the second.
    case cp2105 = "CP2105"
    /// FT230X: the chips' reset hangs on CBUS1.
    case ft230x = "FT230X"
    case ft232r = "FT232R"
    case pl2303 = "PL2303"
    /// One port, as USB's communication class has it.
    case cdc = "CDC-ACM"
    /// bitaxe-raw: the first port is for the board, the second for the chips.
    case cdcDual = "CDC-ACM x 2"

    /// Interfaces to claim.
    public var interfaces: [UInt8] {
        switch self {
        case .cp210x, .ft230x, .ft232r, .pl2303: [0]
        case .cp2105, .cdc: [0, 1]
        case .cdcDual: [0, 1, 2, 3]
        }
    }

    /// The interface whose bulk endpoints carry the chips' bytes.
    public var dataInterface: UInt8 {
        switch self {
        case .cp210x, .cp2105, .ft230x, .ft232r, .pl2303: 0
        case .cdc: 1
        case .cdcDual: 3
        }
    }

    /// The interface of the second port, where one is used.
    public var asideInterface: UInt8? { self == .cdcDual || self == .cp2105 ? 1 : nil }

    /// Every packet from the device begins with two bytes of status.
    public var hasStatusBytes: Bool { self == .ft230x || self == .ft232r }

    /// From plugged in to 115,200 baud, 8N1.
    public var opening: [BridgeOperation] {
        switch self {
        case .ft230x, .ft232r:
            return [
                ftdi(0, 0), ftdi(1, 0x0303), ftdi(9, Self.latencyMilliseconds), ftdi(4, 8), ftdi(2, 0),
            ] + setBaud(ChainSetup.baudAtReset) + purge
        case .cp210x: return cp210x(modem: 0x0303)
        case .cp2105:
            // The second port's requests may fail: a stick without its controller still mines.
            return cp210x(modem: 0x0101)
                + [
                    cp2105Aside(0x00, 1), cp2105Aside(0x07, 0x0101), cp2105Aside(0x03, 0x0800),
                    cp2105Aside(0x1e, 0, Self.littleEndian(ChainSetup.baudAtReset)),
                ]
        case .pl2303:
            return [
                .control(ControlTransfer(0x40, 0x01, value: 0, index: 0)),
                .control(ControlTransfer(0x21, 0x22, value: 3, index: 0)),
            ] + setBaud(ChainSetup.baudAtReset)
        case .cdc, .cdcDual:
            return setBaud(ChainSetup.baudAtReset) + [
                .control(ControlTransfer(0x21, 0x22, value: 3, index: controlInterface))
            ]
        }
    }

    /// The delay after which an FTDI hands on what does not fill a packet.
    static let latencyMilliseconds: UInt16 = 1

    public func setBaud(_ baud: UInt32) -> [BridgeOperation] {
        switch self {
        case .ft230x, .ft232r:
            let divisor = Self.ftdiDivisor(baud)
            return [.control(ControlTransfer(0x40, 3, value: divisor.value, index: divisor.index))]
        case .cp210x, .cp2105:
            return [.control(ControlTransfer(0x41, 0x1e, value: 0, index: 0, data: Self.littleEndian(baud)))]
        case .pl2303, .cdc, .cdcDual:
            // One stop bit, no parity, eight bits.
            return [
                .control(
                    ControlTransfer(
                        0x21, 0x20, value: 0, index: controlInterface,
                        data: Self.littleEndian(baud) + [0, 0, 8]))
            ]
        }
    }

    /// Holds the chips in reset, or lets go. Nothing where no wire of the bridge does that.
    public func setReset(_ held: Bool) -> [BridgeOperation] {
        switch self {
        // CBUS bit mode: CBUS1 is the output, low is reset; CBUS0 stays as it is.
        case .ft230x: [ftdi(11, held ? 0x20f0 : 0x20f2)]
        // The regulator of the chips: mask and state of the port's latch.
        case .cp2105:
            [
                .control(
                    ControlTransfer(0x41, 0xff, value: 0x37e1, index: 0, data: [0x07, held ? 0x07 : 0x00]))
            ]
        // bitaxe-raw: length, id, bus, page 6 (GPIO), pin 0, level; reset is active low.
        case .cdcDual: [.writeAside([7, 0, 0, 0, 6, 0, held ? 0 : 1])]
        case .cp210x, .ft232r, .pl2303, .cdc: []
        }
    }

    /// Throws away what stands in the bridge's buffers.
    public var purge: [BridgeOperation] {
        switch self {
        case .ft230x, .ft232r: [ftdi(0, 1), ftdi(0, 2)]
        case .cp210x, .cp2105:
            [.control(ControlTransfer(0x41, 0x12, value: 0x000f, index: 0, isOptional: true))]
        case .pl2303, .cdc, .cdcDual: []
        }
    }

    private var controlInterface: UInt16 { self == .cdcDual ? 2 : 0 }

    private func ftdi(_ request: UInt8, _ value: UInt16) -> BridgeOperation {
        .control(ControlTransfer(0x40, request, value: value, index: 0))
    }

    private func cp2105Aside(_ request: UInt8, _ value: UInt16, _ data: [UInt8] = []) -> BridgeOperation {
        .control(ControlTransfer(0x41, request, value: value, index: 1, data: data, isOptional: true))
    }

    private func cp210x(modem: UInt16) -> [BridgeOperation] {
        [
            .control(ControlTransfer(0x41, 0x00, value: 1, index: 0)),
            .control(ControlTransfer(0x41, 0x07, value: modem, index: 0)),
            .control(ControlTransfer(0x41, 0x03, value: 0x0800, index: 0)),
        ] + setBaud(ChainSetup.baudAtReset) + purge
    }

    /// 3 MHz / (n + k/8), the eighths in a code of three bits of which the third travels in the index. Below 2 there
    /// are no fractions: "a divisor of 0 will give 3 MBaud, and a divisor of 1 will give 2 MBaud" (FTDI, AN232B-05).
    static func ftdiDivisor(_ baud: UInt32) -> (value: UInt16, index: UInt16) {
        let baud = max(183, min(3_000_000, baud))
        let eighths = (24_000_000 + UInt64(baud) / 2) / UInt64(baud)
        // 3, 2 and 1.5 Mbaud: whichever divides nearest.
        if eighths < 10 { return (0, 0) }
        if eighths < 14 { return (1, 0) }
        if eighths < 16 { return (2, 0) }
        let codes: [UInt16] = [0, 3, 2, 4, 1, 5, 6, 7]
        let code = codes[Int(eighths & 7)]
        let whole = UInt16(min(0x3fff, eighths >> 3))
        return (whole | (code & 3) << 14, code >> 2)
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
}

/// What an FTDI puts into its packets from the device: two bytes of status, then data.
public struct FTDIPackets: Sendable {
    /// Packets whose status said that bytes were lost or broken on the line.
    public private(set) var lineErrors = 0

    public init() {}

    /// The data of one transfer, which is as many whole packets as fit and perhaps one short one.
    public mutating func strip(_ transfer: some Collection<UInt8>, packet size: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(transfer.count)
        var rest = transfer[...]
        while !rest.isEmpty {
            let packet = rest.prefix(max(3, size))
            rest = rest.dropFirst(max(3, size))
            // Overrun, parity, framing.
            if let status = packet.dropFirst().first, status & 0x0e != 0 { lineErrors += 1 }
            result += packet.dropFirst(2)
        }
        return result
    }
}
