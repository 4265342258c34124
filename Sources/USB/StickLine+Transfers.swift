import CLibUSB
import Dispatch
import Foundation

/// One of libusb's transfers with its buffer. Kept alive by the line as long as it is at the device.
final class Transfer {
    enum Purpose: Equatable {
        case read
        /// At the second port.
        case readAside
        case write
        case control(isOptional: Bool)
    }

    let raw: UnsafeMutablePointer<libusb_transfer>
    let buffer: UnsafeMutableBufferPointer<UInt8>
    let purpose: Purpose
    let line: StickLine
    /// What of a write is not sent yet.
    var rest: [UInt8] = []
    var endpoint: UInt8 = 0
    var attempts = 1
    var isCancelled = false
    /// Waits for what the device says; the others are orders, one at a time.
    var isRead: Bool { purpose == .read || purpose == .readAside }

    init(_ line: StickLine, _ purpose: Purpose, bytes: Int) {
        self.line = line
        self.purpose = purpose
        raw = libusb_alloc_transfer(0)
        buffer = .allocate(capacity: max(1, bytes))
        buffer.initialize(repeating: 0)
    }

    deinit {
        libusb_free_transfer(raw)
        buffer.deallocate()
    }
}

extension StickLine {
    /// Puts a transfer to the device; under the lock. A failure ends the line.
    func submit(_ transfer: Transfer) {
        guard let handle = state.handle, let endpoints = state.endpoints else { return }
        let user = Unmanaged.passUnretained(transfer).toOpaque()
        let callback: libusb_transfer_cb_fn = { raw in
            guard let raw, let user = raw.pointee.user_data else { return }
            let transfer = Unmanaged<Transfer>.fromOpaque(user).takeUnretainedValue()
            transfer.line.completed(transfer)
        }
        let base = transfer.buffer.baseAddress
        switch transfer.purpose {
        case .read, .readAside:
            let endpoint =
                transfer.purpose == .read ? endpoints.input : endpoints.asideInput ?? endpoints.input
            transfer.endpoint = endpoint
            libusb_fill_bulk_transfer(
                transfer.raw, handle, endpoint, base, Int32(transfer.buffer.count), callback, user, 0)
        case .write:
            let count = min(transfer.buffer.count, transfer.rest.count)
            _ = transfer.buffer.update(fromContentsOf: transfer.rest.prefix(count))
            libusb_fill_bulk_transfer(
                transfer.raw, handle, transfer.endpoint, base, Int32(count), callback, user,
                Limits.writeTimeout)
        case .control:
            libusb_fill_control_transfer(transfer.raw, handle, base, callback, user, Limits.controlTimeout)
        }
        if !state.transfers.contains(where: { $0 === transfer }) { state.transfers.append(transfer) }
        let code = libusb_submit_transfer(transfer.raw)
        guard code != 0 else { return }
        state.transfers.removeAll { $0 === transfer }
        if !transfer.isRead { state.isBusy = false }
        state.ending = state.ending ?? USBFault(code: code, doing: "transfer").description
    }

    /// Starts what is next if the device is free, and ends the line if that is due.
    func next() {
        var isOpen = false
        lock.withLock {
            while !state.isBusy, state.ending == nil, state.handle != nil, state.head < state.queue.count {
                let work = state.queue[state.head]
                state.head += 1
                if state.head == state.queue.count {
                    state.queue.removeAll(keepingCapacity: true)
                    state.head = 0
                }
                switch work {
                case .announce: isOpen = true
                case .bridge(let operation): begin(operation)
                }
            }
        }
        if isOpen { report(.opened) }
        settle()
    }

    /// Under the lock.
    private func begin(_ operation: BridgeOperation) {
        guard let endpoints = state.endpoints else { return }
        let transfer: Transfer
        switch operation {
        case .control(let request):
            transfer = Transfer(self, .control(isOptional: request.isOptional), bytes: 8 + request.data.count)
            libusb_fill_control_setup(
                transfer.buffer.baseAddress, request.type, request.request, request.value, request.index,
                UInt16(request.data.count))
            for (place, byte) in request.data.enumerated() { transfer.buffer[8 + place] = byte }
        case .write(let bytes), .writeAside(let bytes):
            guard !bytes.isEmpty else { return }
            transfer = Transfer(self, .write, bytes: bytes.count)
            transfer.rest = bytes
            if case .writeAside = operation {
                guard let aside = endpoints.asideOutput else { return }
                transfer.endpoint = aside
            } else {
                transfer.endpoint = endpoints.output
            }
        }
        state.isBusy = true
        submit(transfer)
    }

    /// Ends the line; the first reason counts.
    func end(_ reason: String, resets: Bool) {
        lock.withLock {
            guard state.ending == nil else { return }
            state.ending = reason
            state.resets = resets
        }
        settle()
    }

    /// Once the line ends: takes back what is at the device, and lets the device go when nothing is.
    private func settle() {
        let over: (handle: UnsafeSendable<OpaquePointer>, reason: String, resets: Bool)? = lock.withLock {
            guard let reason = state.ending, let handle = state.handle, !state.isOver else { return nil }
            for transfer in state.transfers where !transfer.isCancelled {
                transfer.isCancelled = true
                libusb_cancel_transfer(transfer.raw)
            }
            guard state.transfers.isEmpty else { return nil }
            state.isOver = true
            state.handle = nil
            return (UnsafeSendable(value: handle), reason, state.resets)
        }
        guard let over else { return }
        let (handle, reason, resets) = over
        bus.desk.async { [self] in
            if resets { libusb_reset_device(handle.value) }
            for interface in bridge.interfaces { libusb_release_interface(handle.value, Int32(interface)) }
            libusb_close(handle.value)
            report(.closed(reason))
        }
    }

    /// Every transfer's end, on the event thread.
    func completed(_ transfer: Transfer) {
        let status = transfer.raw.pointee.status
        let count = Int(transfer.raw.pointee.actual_length)
        switch transfer.purpose {
        case .read, .readAside: readDone(transfer, status, count)
        case .write: writeDone(transfer, status, count)
        case .control(let isOptional): controlDone(transfer, status, isOptional: isOptional)
        }
    }

    private func readDone(_ transfer: Transfer, _ status: libusb_transfer_status, _ count: Int) {
        var data: [UInt8] = []
        lock.withLock {
            // Time-outs and cancellations may carry bytes too.
            if count > 0, let packet = state.endpoints?.packet {
                let bytes = transfer.buffer.prefix(count)
                data = bridge.hasStatusBytes ? state.packets.strip(bytes, packet: packet) : Array(bytes)
                state.counters.lineErrors = state.packets.lineErrors
                state.counters.bytesIn += data.count
            }
            judge(transfer, status)
        }
        if !data.isEmpty { report(transfer.purpose == .read ? .received(data) : .receivedAside(data)) }
        settle()
    }

    private func writeDone(_ transfer: Transfer, _ status: libusb_transfer_status, _ count: Int) {
        lock.withLock {
            transfer.rest.removeFirst(min(count, transfer.rest.count))
            state.counters.bytesOut += count
            if status == LIBUSB_TRANSFER_COMPLETED, transfer.rest.isEmpty {
                state.failures = 0
                return finish(transfer)
            }
            if status == LIBUSB_TRANSFER_COMPLETED { state.counters.shortWrites += 1 }
            judge(transfer, status)
        }
        next()
    }

    private func controlDone(_ transfer: Transfer, _ status: libusb_transfer_status, isOptional: Bool) {
        lock.withLock {
            if status == LIBUSB_TRANSFER_COMPLETED { return finish(transfer) }
            if status == LIBUSB_TRANSFER_STALL {
                state.counters.stalls += 1
                if isOptional { return finish(transfer) }
                // A control endpoint's stall ends with the next request.
                transfer.attempts += 1
                if transfer.attempts <= 3 { return submit(transfer) }
                finish(transfer)
                let request = transfer.buffer.count > 1 ? transfer.buffer[1] : 0
                state.ending = state.ending ?? "the bridge refuses request \(request)"
                return
            }
            judge(transfer, status)
        }
        next()
    }

    /// Under the lock: the transfer is not at the device any more.
    private func finish(_ transfer: Transfer) {
        state.transfers.removeAll { $0 === transfer }
        if !transfer.isRead { state.isBusy = false }
    }

    /// Under the lock: what to do with a transfer that is to go on, by how it ended.
    private func judge(_ transfer: Transfer, _ status: libusb_transfer_status) {
        guard state.ending == nil else { return finish(transfer) }
        switch status {
        case LIBUSB_TRANSFER_COMPLETED:
            if transfer.isRead { state.failures = 0 }
            submit(transfer)
        case LIBUSB_TRANSFER_NO_DEVICE:
            finish(transfer)
            state.ending = "unplugged"
        case LIBUSB_TRANSFER_CANCELLED:
            finish(transfer)
        case LIBUSB_TRANSFER_STALL:
            state.counters.stalls += 1
            again(transfer, clearsHalt: true, reason: "the device stalls")
        case LIBUSB_TRANSFER_TIMED_OUT:
            state.counters.timeouts += 1
            again(transfer, clearsHalt: false, reason: "the device takes no more bytes")
        default:
            state.counters.errors += 1
            again(transfer, clearsHalt: false, reason: "transfers fail")
        }
    }

    /// Under the lock: once more after a moment, unless it failed too often.
    private func again(_ transfer: Transfer, clearsHalt: Bool, reason: String) {
        state.failures += 1
        guard state.failures < Limits.failuresMax else {
            finish(transfer)
            state.ending = state.ending ?? reason
            return
        }
        let endpoint = transfer.endpoint
        let waiting = UnsafeSendable(value: transfer)
        bus.desk.asyncAfter(deadline: .now() + .milliseconds(Limits.retryMilliseconds)) { [self] in
            let handle = lock.withLock { UnsafeSendable(value: state.handle) }
            if clearsHalt, let handle = handle.value { libusb_clear_halt(handle, endpoint) }
            lock.withLock {
                if state.ending == nil { submit(waiting.value) } else { finish(waiting.value) }
            }
            settle()
        }
    }
}

/// Carries a pointer or an object to a thread that is the only one to use it.
struct UnsafeSendable<Value>: @unchecked Sendable {
    let value: Value
}
