import Hardware
import SansIO

/// A control transfer's eight bytes and data.
struct ControlRequest: Equatable {
    var type: UInt8
    var request: UInt8
    var value: UInt16
    var index: UInt16
    var length: UInt16
    var data: [UInt8]
}

/// What the requests of a driver set in a bridge.
struct BridgeState: Sendable, Equatable {
    var baud = USBBridge.baudAtPlug
    /// FTDI: milliseconds until a packet goes that is not full.
    var latency: UInt8 = 16
    /// The chips' reset line; a stick comes up with its chips running.
    var holdsReset = false
    /// What the driver wanted gone: bytes towards the host.
    var purges = false
    /// CP2105: what the pins of the regulator were set to.
    var latch: UInt8 = 0
}

extension BridgeState {
    /// Obeys a vendor or class request.
    ///
    /// - Returns: bytes for a request that reads, nothing for one that writes; nil is a stall.
    mutating func answer(_ request: ControlRequest, _ bridge: USBBridge) -> [UInt8]? {
        switch bridge {
        case .ft230x: answerFTDI(request)
        case .cp2102, .cp2105: answerSiliconLabs(request, isDouble: bridge == .cp2105)
        case .pl2303: answerProlific(request)
        }
    }

    private mutating func answerFTDI(_ request: ControlRequest) -> [UInt8]? {
        switch (request.type, request.request) {
        case (0x40, 0):
            if request.value <= 1 { purges = true }
        case (0x40, 3): baud = Self.ftdiBaud(value: request.value, index: request.index)
        case (0x40, 9): latency = UInt8(clamping: max(1, request.value))
        case (0x40, 11):
            // Mode 0x20 drives the CBUS pins; CBUS1 is the chips' reset, active low.
            if request.value >> 8 == 0x20 { holdsReset = request.value & 0x20 != 0 && request.value & 2 == 0 }
        case (0x40, _): break
        case (0xc0, 5): return [0x01, 0x60]
        case (0xc0, 10): return [latency]
        case (0xc0, 12): return [holdsReset ? 0 : 2]
        case (0xc0, 0x90): return [0xff, 0xff]
        default: return nil
        }
        return []
    }

    /// 3 MHz / (n + k / 8): n in the low fourteen bits, k coded in the two above and the lowest of the index. A
    /// divisor of 0 is 3 Mbaud and one of 1 is 2 Mbaud (FTDI, AN232B-05; Linux's ftdi_sio and libftdi write the same).
    static func ftdiBaud(value: UInt16, index: UInt16) -> Double {
        if index & 1 == 0, value <= 1 { return value == 0 ? 3e6 : 2e6 }
        let eighths: [Double] = [0, 4, 2, 1, 3, 5, 6, 7]
        let code = Int(value >> 14) | Int(index & 1) << 2
        return 3e6 / max(1, Double(value & 0x3fff) + eighths[code] / 8)
    }

    private mutating func answerSiliconLabs(_ request: ControlRequest, isDouble: Bool) -> [UInt8]? {
        // The second interface of a CP2105 has a speed of its own, which nobody on the chips' line hears of.
        let isChips = request.index & 0xff == 0
        switch (request.type, request.request) {
        case (0x41, 0x1e):
            guard request.data.count == 4 else { return nil }
            let speed = request.data.reversed().reduce(0) { $0 << 8 | UInt32($1) }
            if isChips, speed > 0 { baud = Double(speed) }
        case (0x41, 0x01):
            if isChips, request.value > 0 { baud = 3_686_400 / Double(request.value) }
        case (0x41, 0x12):
            if isChips { purges = true }
        case (0x41, 0xff), (0x40, 0xff):
            guard request.value == 0x37e1, request.data.count >= 2 else { return [] }
            latch = latch & ~request.data[0] | request.data[0] & request.data[1]
            // GSA: 07 07 turns the regulator and the chips off, 07 00 on.
            holdsReset = latch & 7 != 0
        case (0x41, _), (0x40, _): break
        case (0xc1, 0x1d): return UInt32(baud).bytes
        case (0xc1, 0x04): return [0, 8]
        case (0xc1, 0x08): return [0xb3]
        case (0xc1, 0x10): return [UInt8](repeating: 0, count: 19)
        case (0xc1, 0x14): return [UInt8](repeating: 0, count: 16)
        case (0xc0, 0xff) where request.value == 0x370b: return [isDouble ? 5 : 2]
        case (0xc0, 0xff) where request.value == 0x00c2: return [latch]
        default: return nil
        }
        return []
    }

    private mutating func answerProlific(_ request: ControlRequest) -> [UInt8]? {
        switch (request.type, request.request) {
        case (0x21, 0x20):
            guard request.data.count >= 4 else { return nil }
            let speed = request.data[..<4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
            if speed > 0 { baud = Double(speed) }
        case (0x40, 1):
            if request.value == 8 || request.value == 9 { purges = true }
        case (0x21, 0x22), (0x21, 0x23): break
        case (0xa1, 0x21): return UInt32(baud).bytes + [0, 0, 8]
        case (0xc0, 1): return [0]
        default: return nil
        }
        return []
    }
}
