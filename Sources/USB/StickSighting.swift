import CLibUSB
import Foundation

/// A plugged-in device that is, or may be, a miner.
public struct StickSighting: Equatable, Sendable {
    public let bus: UInt8
    /// Given by the bus; a stick that is plugged in again has another.
    public let address: UInt8
    /// Bus and ports on the way, as the kernel writes it: `1-1.4`.
    public let port: String
    public let vendor: UInt16
    public let product: UInt16
    public let manufacturer: String?
    public let productString: String?
    public let serial: String?
    /// What it is; nil for a device whose numbers are a miner's and whose strings are not.
    public let kind: StickKind?
    /// The kernel's driver that holds it. It is taken over while the lab uses the stick, and given back.
    public let kernelDriver: String?
    /// Why it cannot be used; nil when it can.
    public let obstacle: USBFault?

    /// The same device since the same plugging in.
    public func isSamePlug(as other: StickSighting) -> Bool {
        bus == other.bus && address == other.address && vendor == other.vendor && product == other.product
    }

    /// By what an owner tells two sticks apart: the serial number, or the port.
    public var label: String {
        serial.map { "\(kind?.profile ?? "usb")-\($0)" } ?? "\(kind?.profile ?? "usb")-\(port)"
    }

    /// Looks at a device; nil if it cannot be a miner. What was seen before is not opened again.
    init?(device: OpaquePointer, known: [StickSighting]) {
        var descriptor = libusb_device_descriptor()
        guard libusb_get_device_descriptor(device, &descriptor) == 0,
            StickCatalog.mayBeMiner(vendor: descriptor.idVendor, product: descriptor.idProduct)
        else { return nil }
        let bus = libusb_get_bus_number(device)
        let address = libusb_get_device_address(device)
        if let before = known.first(where: {
            $0.bus == bus && $0.address == address && $0.vendor == descriptor.idVendor
                && $0.product == descriptor.idProduct && $0.obstacle == nil
        }) {
            self = before
            return
        }
        self.bus = bus
        self.address = address
        vendor = descriptor.idVendor
        product = descriptor.idProduct
        port = Self.port(of: device, bus: bus)
        var handle: OpaquePointer?
        let code = libusb_open(device, &handle)
        defer { if let handle { libusb_close(handle) } }
        let strings = SystemStrings(port: port)
        let text = { (index: UInt8, name: String) -> String? in
            handle.flatMap { Self.string(index, of: $0) } ?? strings.read(name)
        }
        manufacturer = text(descriptor.iManufacturer, "manufacturer")
        productString = text(descriptor.iProduct, "product")
        serial = text(descriptor.iSerialNumber, "serial")
        kind = StickCatalog.kind(
            vendor: vendor, product: product, manufacturer: manufacturer, productString: productString)
        var holder: String?
        if let handle, libusb_kernel_driver_active(handle, Int32(kind?.bridge.interfaces.first ?? 0)) == 1 {
            holder = strings.driver ?? "a driver of the kernel"
        }
        kernelDriver = holder
        obstacle = code == 0 ? nil : USBFault(code: code, doing: "open")
    }

    private static func port(of device: OpaquePointer, bus: UInt8) -> String {
        var ports = [UInt8](repeating: 0, count: 7)
        let count = libusb_get_port_numbers(device, &ports, 7)
        guard count > 0 else { return "\(bus)-\(libusb_get_device_address(device))" }
        return "\(bus)-" + ports.prefix(Int(count)).map(String.init).joined(separator: ".")
    }

    private static func string(_ index: UInt8, of handle: OpaquePointer) -> String? {
        guard index != 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = libusb_get_string_descriptor_ascii(handle, index, &bytes, 256)
        guard count > 0 else { return nil }
        // A device may say anything; a terminal shall not obey it.
        return String(decoding: bytes.prefix(Int(count)).filter { (0x20..<0x7f).contains($0) }, as: UTF8.self)
    }
}

/// What the kernel read from a device when it was plugged in; readable without permission to open it.
private struct SystemStrings {
    let port: String
    private var folder: String { "/sys/bus/usb/devices/\(port)" }

    func read(_ name: String) -> String? {
        guard let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) else { return nil }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return trimmed.isEmpty ? nil : String(trimmed.filter { $0.isASCII && !$0.isNewline }.prefix(255))
    }

    /// Of the first interface.
    var driver: String? {
        let link = "/sys/bus/usb/devices/\(port)/\(port):1.0/driver"
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else { return nil }
        return path.split(separator: "/").last.map(String.init)
    }
}
