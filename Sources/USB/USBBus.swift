import CLibUSB
import Dispatch
import Foundation
import Synchronization

/// The machine's USB as the lab uses it: one thread for libusb's events, one queue for the calls that may wait for a
/// device (opening, reading strings, resetting). Nobody else waits: orders to a stick are queued, and what it says
/// comes by callbacks.
public final class USBBus: @unchecked Sendable {
    /// Set once; libusb's own locks guard it.
    let context: OpaquePointer
    /// For calls that wait.
    let desk = DispatchQueue(label: "lab.usb.desk")
    private let isStopping = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)
    private let watcher = Mutex<(@Sendable (Arrival) -> Void)?>(nil)
    private let hotplug = Mutex<libusb_hotplug_callback_handle?>(nil)
    /// On the desk only: what the last look saw.
    private var seen: [StickSighting] = []

    public enum Arrival: Sendable {
        case arrived(StickSighting)
        case left(StickSighting)
    }

    /// - Throws: ``USBFault/noBus(_:)`` where there is none, as in most containers.
    public init() throws(USBFault) {
        guard FileManager.default.fileExists(atPath: "/dev/bus/usb") || !Self.isLinux else {
            throw .noBus("/dev/bus/usb is not there")
        }
        var made: OpaquePointer?
        let code = libusb_init(&made)
        guard code == 0, let made else { throw .noBus(USBFault.text(code)) }
        context = made
        Thread.detachNewThread { [self] in turn() }
    }

    private static let isLinux: Bool = {
        #if os(Linux)
            true
        #else
            false
        #endif
    }()

    /// The event thread: callbacks of all sticks run here.
    private func turn() {
        while !isStopping.load(ordering: .acquiring) {
            var wait = timeval(tv_sec: 1, tv_usec: 0)
            let code = libusb_handle_events_timeout_completed(context, &wait, nil)
            // Interrupted calls and the like; a bus that fails for good must not spin.
            if code < 0, code != LIBUSB_ERROR_INTERRUPTED.rawValue {
                Thread.sleep(forTimeInterval: 0.01)
            }
        }
        ended.signal()
    }

    /// Ends the event thread. Every ``StickLine`` must have been closed and have said so.
    public func stop() {
        guard !isStopping.exchange(true, ordering: .acquiringAndReleasing) else { return }
        watcher.withLock { $0 = nil }
        hotplug.withLock { handle in
            if let handle { libusb_hotplug_deregister_callback(context, handle) }
            handle = nil
        }
        libusb_interrupt_event_handler(context)
        ended.wait()
        desk.sync { libusb_exit(context) }
    }

    // MARK: Looking

    /// Every known stick that is plugged in, with what keeps it from being used.
    public func sticks() -> [StickSighting] { desk.sync { look() } }

    /// Tells of sticks that are there and of those that come and go, on a thread of its own.
    public func watch(_ body: @escaping @Sendable (Arrival) -> Void) {
        watcher.withLock { $0 = body }
        if libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG.rawValue) != 0 {
            var handle: libusb_hotplug_callback_handle = 0
            let events =
                LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED.rawValue | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT.rawValue
            let code = libusb_hotplug_register_callback(
                context, Int32(events), 0, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
                LIBUSB_HOTPLUG_MATCH_ANY,
                { _, _, _, bus in
                    guard let bus else { return 0 }
                    Unmanaged<USBBus>.fromOpaque(bus).takeUnretainedValue().lookSoon()
                    return 0
                }, Unmanaged.passUnretained(self).toOpaque(), &handle)
            if code == 0 {
                let registered = handle
                hotplug.withLock { $0 = registered }
            }
        }
        rescan()
    }

    /// Hotplug events come before the system has made the device's node readable, or not at all; a look now and then
    /// costs a millisecond.
    private func rescan() {
        guard !isStopping.load(ordering: .acquiring) else { return }
        lookSoon()
        desk.asyncAfter(deadline: .now() + .milliseconds(Limits.rescanMilliseconds)) { [weak self] in
            self?.rescan()
        }
    }

    private func lookSoon() {
        desk.async { [weak self] in
            guard let self, !isStopping.load(ordering: .acquiring),
                let body = watcher.withLock({ $0 })
            else { return }
            let now = look()
            for old in seen where !now.contains(where: { $0.isSamePlug(as: old) }) { body(.left(old)) }
            for new in now where !seen.contains(where: { $0.isSamePlug(as: new) }) { body(.arrived(new)) }
            seen = now
        }
    }

    /// On the desk.
    private func look() -> [StickSighting] {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        let count = libusb_get_device_list(context, &list)
        guard count >= 0, let list else { return [] }
        defer { libusb_free_device_list(list, 1) }
        return (0..<min(count, Limits.devicesMax)).compactMap { index in
            list[index].flatMap { StickSighting(device: $0, known: seen) }
        }
    }

    /// The device of a sighting, referenced; nil when it was unplugged. On the desk.
    func device(of sighting: StickSighting) -> OpaquePointer? {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        let count = libusb_get_device_list(context, &list)
        guard count >= 0, let list else { return nil }
        defer { libusb_free_device_list(list, 1) }
        for index in 0..<count {
            guard let device = list[index], libusb_get_bus_number(device) == sighting.bus,
                libusb_get_device_address(device) == sighting.address
            else { continue }
            return libusb_ref_device(device)
        }
        return nil
    }
}
