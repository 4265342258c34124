import CLibUSB
import Dispatch
import Foundation
import Hardware

/// The serial line of one plugged-in stick. Orders are queued and carried out one after the other by asynchronous
/// transfers; what the chips say comes by the callback, from the bus's event thread, in order. No call waits.
public final class StickLine: @unchecked Sendable {
    public enum Event: Sendable, Equatable {
        /// At 115,200 baud, nothing sent yet.
        case opened
        case received([UInt8])
        /// From the second port, where one is used.
        case receivedAside([UInt8])
        /// The last event.
        case closed(String)
    }

    public struct Counters: Sendable, Equatable {
        public var bytesIn = 0
        public var bytesOut = 0
        public var stalls = 0
        public var timeouts = 0
        public var errors = 0
        public var shortWrites = 0
        public var lineErrors = 0
        public init() {}
    }

    let bus: USBBus
    public let sighting: StickSighting
    public let bridge: Bridge
    let report: @Sendable (Event) -> Void
    let lock = NSLock()
    /// Touched under the lock only.
    var state = State()

    enum Work {
        case bridge(BridgeOperation)
        /// The opening is done.
        case announce
    }

    struct State {
        var handle: OpaquePointer?
        var endpoints: Endpoints?
        var queue: [Work] = []
        /// The first of the queue that is not done.
        var head = 0
        /// A control request or a write is at the device.
        var isBusy = false
        var transfers: [Transfer] = []
        /// Why the line ends, once it does.
        var ending: String?
        var isOver = false
        /// Reset the device before it is let go.
        var resets = false
        var failures = 0
        var packets = FTDIPackets()
        var counters = Counters()
    }

    struct Endpoints: Sendable {
        var input: UInt8
        var output: UInt8
        var packet: Int
        var asideInput: UInt8?
        var asideOutput: UInt8?
    }

    /// Begins to open the stick; ``Event/opened`` or ``Event/closed(_:)`` tells how that went.
    public init(
        _ sighting: StickSighting, bridge: Bridge, on bus: USBBus, report: @escaping @Sendable (Event) -> Void
    ) {
        self.sighting = sighting
        self.bridge = bridge
        self.bus = bus
        self.report = report
        bus.desk.async { [self] in open() }
    }

    public var counters: Counters { lock.withLock { state.counters } }

    // MARK: From any thread

    /// Queues orders. ``LineOrder/restart`` resets the device on its bus and closes the line.
    public func perform(_ orders: [LineOrder]) {
        for order in orders {
            let operations: [BridgeOperation]
            switch order {
            case .write(let bytes): operations = [.write(bytes)]
            case .writeAside(let bytes): operations = [.writeAside(bytes)]
            case .setBaud(let baud): operations = bridge.setBaud(baud)
            case .setReset(let held): operations = bridge.setReset(held)
            case .purge: operations = bridge.purge
            case .restart: return end("reset: the chips did not answer", resets: true)
            }
            let isFull = lock.withLock {
                guard state.ending == nil else { return false }
                if state.queue.count - state.head + operations.count > Limits.operationsMax { return true }
                state.queue += operations.map { .bridge($0) }
                return false
            }
            if isFull { return end("the device does not keep up", resets: false) }
        }
        next()
    }

    public func close(_ reason: String = "closed") { end(reason, resets: false) }

    // MARK: Opening, on the desk

    private func open() {
        do throws(USBFault) {
            guard let device = bus.device(of: sighting) else { throw .gone }
            defer { libusb_unref_device(device) }
            var handle: OpaquePointer?
            try Self.check(libusb_open(device, &handle), "open")
            guard let handle else { throw .gone }
            do throws(USBFault) {
                let endpoints = try claim(handle, device)
                start(handle, endpoints)
            } catch {
                libusb_close(handle)
                throw error
            }
        } catch {
            lock.withLock {
                state.ending = state.ending ?? error.description
                state.isOver = true
            }
            report(.closed(error.description))
        }
    }

    private static func check(_ code: Int32, _ action: String) throws(USBFault) {
        guard code >= 0 else { throw USBFault(code: code, doing: action) }
    }

    private func claim(_ handle: OpaquePointer, _ device: OpaquePointer) throws(USBFault) -> Endpoints {
        // Where the system cannot do that (macOS), claiming says what is wrong.
        _ = libusb_set_auto_detach_kernel_driver(handle, 1)
        for interface in bridge.interfaces {
            try Self.check(libusb_claim_interface(handle, Int32(interface)), "claim interface \(interface)")
        }
        var configuration: UnsafeMutablePointer<libusb_config_descriptor>?
        try Self.check(libusb_get_active_config_descriptor(device, &configuration), "configuration")
        guard let configuration else { throw .gone }
        defer { libusb_free_config_descriptor(configuration) }
        guard let data = Self.bulk(configuration.pointee, bridge.dataInterface) else {
            throw .notAsKnown("no bulk endpoints on interface \(bridge.dataInterface)")
        }
        let aside = bridge.asideInterface.flatMap { Self.bulk(configuration.pointee, $0) }
        return Endpoints(
            input: data.input, output: data.output, packet: data.packet, asideInput: aside?.input,
            asideOutput: aside?.output)
    }

    private static func bulk(
        _ configuration: libusb_config_descriptor, _ number: UInt8
    ) -> (input: UInt8, output: UInt8, packet: Int)? {
        for index in 0..<Int(configuration.bNumInterfaces) {
            let interface = configuration.interface[index]
            guard interface.num_altsetting > 0, let setting = interface.altsetting,
                setting.pointee.bInterfaceNumber == number
            else { continue }
            var input: (UInt8, Int)?
            var output: UInt8?
            for place in 0..<Int(setting.pointee.bNumEndpoints) {
                let endpoint = setting.pointee.endpoint[place]
                guard endpoint.bmAttributes & 3 == 2 else { continue }
                if endpoint.bEndpointAddress & 0x80 != 0 {
                    input = input ?? (endpoint.bEndpointAddress, Int(endpoint.wMaxPacketSize & 0x7ff))
                } else {
                    output = output ?? endpoint.bEndpointAddress
                }
            }
            if let input, let output, input.1 > 0 { return (input.0, output, input.1) }
        }
        return nil
    }

    private func start(_ handle: OpaquePointer, _ endpoints: Endpoints) {
        var reads = (0..<Limits.reads).map { _ in Transfer(self, .read, bytes: Limits.readBytes) }
        if endpoints.asideInput != nil { reads.append(Transfer(self, .readAside, bytes: Limits.readBytes)) }
        lock.withLock {
            state.handle = handle
            state.endpoints = endpoints
            state.queue = bridge.opening.map { .bridge($0) } + [.announce] + state.queue
            guard state.ending == nil else { return }
            for read in reads { submit(read) }
        }
        next()
    }
}
