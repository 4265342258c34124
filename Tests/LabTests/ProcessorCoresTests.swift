import Bitcoin
import Foundation
import Hardware
import Synchronization
import Testing

@testable import LabCLI

@Suite("The processor as hashing hardware")
struct ProcessorCoresTests {
    /// What the hardware reported, kept without being dealt with until ``handle()``.
    private final class Firmware: Sendable {
        private let state = Mutex<(events: [HashboardEvent], waiting: [@Sendable () -> Void])>(([], []))
        let handlesAtOnce: Bool

        init(handlesAtOnce: Bool = true) { self.handlesAtOnce = handlesAtOnce }

        func take(_ event: HashboardEvent, _ handled: @escaping @Sendable () -> Void) {
            state.withLock {
                $0.events.append(event)
                if !handlesAtOnce { $0.waiting.append(handled) }
            }
            if handlesAtOnce { handled() }
        }

        func handle() {
            let waiting = state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for handled in waiting { handled() }
        }

        var events: [HashboardEvent] { state.withLock { $0.events } }
        var nonces: [NonceReport] {
            events.compactMap { if case .nonce(let report) = $0 { report } else { nil } }
        }
    }

    private static func work(_ id: UInt32, hashes: Double, mask: UInt32 = 0x1fff_e000) -> MiningWork {
        let header = BlockHeader(
            version: 0x2000_0000, previousBlockHash: SHA256.hash([UInt8(id)]), merkleRoot: SHA256.hash([2]),
            time: 1_700_000_000, bits: CompactTarget(bits: 0x207f_ffff), nonce: 0)
        return MiningWork(
            id: WorkID(id), header: header, target: Target(UInt256(clamping: 0x1p256 / hashes)),
            versionMask: mask)
    }

    private static func started(
        threads: Int = 3, rate: Double? = nil, _ firmware: Firmware
    ) -> ProcessorCores {
        let cores = ProcessorCores(threads: threads, rate: rate)
        cores.start { event, handled in firmware.take(event, handled) }
        return cores
    }

    @Test func `every reported nonce is true, none comes twice, and every thread finds some`() async throws {
        let firmware = Firmware()
        let cores = Self.started(firmware)
        defer { cores.stop() }
        let work = Self.work(1, hashes: 2_000)
        cores.carryOut(.enumerate)
        cores.carryOut(.load(work))
        let all = try await Poll.until(seconds: 60) { Set(firmware.nonces.map(\.chip)).count == 3 }
        #expect(all)
        #expect(firmware.events.first == .enumerated(chips: 3))
        for report in firmware.nonces {
            var header = work.header
            header.nonce = report.nonce
            header.version = report.version
            #expect(work.target.isMet(by: header.hash))
            #expect((report.version ^ work.header.version) & ~work.versionMask == 0)
            #expect(report.work == work.id)
            // Three equal parts of the nonces; the last has what the division leaves.
            #expect(min(report.nonce / (UInt32.max / 3), 2) == UInt32(report.chip))
        }
        let seen = Set(firmware.nonces.map { UInt64($0.nonce) << 32 | UInt64($0.version) })
        #expect(seen.count == firmware.nonces.count)
        #expect(cores.meters.allSatisfy { $0.hashes > 0 && $0.seconds > 0 })
    }

    @Test func `new work replaces the old, and without work nothing is hashed`() async throws {
        let firmware = Firmware()
        let cores = Self.started(firmware)
        defer { cores.stop() }
        cores.carryOut(.load(Self.work(1, hashes: 0x1p200)))
        #expect(try await Poll.until(seconds: 60) { cores.meters.allSatisfy { $0.hashes > 0 } })
        cores.carryOut(.load(Self.work(2, hashes: 1_000)))
        #expect(try await Poll.until(seconds: 60) { !firmware.nonces.isEmpty })
        #expect(firmware.nonces.allSatisfy { $0.work == WorkID(2) })
        cores.carryOut(.idle)
        var last: [UInt64] = []
        // Two looks alike: every thread has seen that there is nothing to do.
        let rests = try await Poll.until(seconds: 60) {
            let now = cores.meters.map(\.hashes)
            defer { last = now }
            return now == last
        }
        #expect(rests)
    }

    @Test func `a firmware that is slow is not buried under nonces`() async throws {
        let firmware = Firmware(handlesAtOnce: false)
        let cores = Self.started(firmware)
        cores.carryOut(.load(Self.work(1, hashes: 1)))
        #expect(try await Poll.until(seconds: 60) { firmware.nonces.count >= 32 })
        // Each thread may have found one more between looking and reporting.
        #expect(firmware.nonces.count <= 32 + 3)
        firmware.handle()
        #expect(try await Poll.until(seconds: 60) { firmware.nonces.count > 40 })
        // Threads that wait for the firmware end all the same.
        cores.stop()
    }

    @Test func `a bounded rate is kept`() async throws {
        let firmware = Firmware()
        let cores = Self.started(threads: 2, rate: 20_000, firmware)
        let began = ContinuousClock.now
        cores.carryOut(.load(Self.work(1, hashes: 0x1p200)))
        #expect(try await Poll.until(seconds: 60) { cores.meters.reduce(0) { $0 + $1.hashes } >= 10_000 })
        cores.stop()
        let hashes = cores.meters.reduce(0) { $0 + $1.hashes }
        // What a twentieth of a second may be owed comes on top, and one slice.
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        #expect(Double(hashes) <= 20_000 * (seconds + 0.1))
    }
}
