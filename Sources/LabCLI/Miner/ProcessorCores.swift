import Bitcoin
import Foundation
import Hardware
import Synchronization

/// This computer's processor as hashing hardware: one thread to a core, behind the contract that chips stand behind.
///
/// Every thread searches its own equal part of the nonces under every version that the work allows, so no header is
/// hashed twice. It looks for other work after each slice of about two milliseconds. The processor looks after its
/// own heat: there are no sensors to read, no clock and no fan to set.
final class ProcessorCores: @unchecked Sendable {
    /// What one thread has done. Written by it alone.
    final class Meter: Sendable {
        fileprivate let hashed = Atomic<UInt64>(0)
        fileprivate let searched = Atomic<UInt64>(0)

        var hashes: UInt64 { hashed.load(ordering: .relaxed) }
        /// Time with work, in seconds; waits for the bound of the rate are part of it.
        var seconds: Double { Double(searched.load(ordering: .relaxed)) / 1e9 }
    }

    /// Hands an event to the firmware; the second argument is called when the firmware has dealt with it.
    typealias Report = @Sendable (HashboardEvent, _ handled: @escaping @Sendable () -> Void) -> Void

    /// A thread looks for other work this often.
    private static let slice = 0.002
    /// Nonces of a slice, whatever the clock says.
    private static let sliceNonces: ClosedRange<Double> = 256...4_194_304
    /// Events that the firmware has not dealt with. Targets that every second hash meets would bury it otherwise.
    private static let reportsMax = 32
    /// Nobody is owed more than this of a bounded rate after a pause.
    private static let backlog = 0.05

    let meters: [Meter]
    private let ratePerThread: Double?
    private let condition = NSCondition()
    /// Under the condition.
    private var work: MiningWork?
    private var finished = 0
    private var running = 0
    private var stops = false
    private var report: Report?
    /// Counted up with every change of the work; written under the condition.
    private let generation = Atomic<UInt64>(0)
    private let pending = Atomic<Int>(0)

    /// - Parameter rate: hashes a second of all threads together; nil for as many as there can be.
    init(threads: Int, rate: Double? = nil) {
        precondition(threads > 0, "hardware without chips")
        meters = (0..<threads).map { _ in Meter() }
        ratePerThread = rate.map { $0 / Double(threads) }
    }

    /// Starts the threads; they wait for work.
    func start(_ report: @escaping Report) {
        condition.withLock {
            self.report = report
            running = meters.count
        }
        for index in meters.indices {
            let thread = Thread { [self] in run(index) }
            thread.name = "hash \(index)"
            thread.start()
        }
    }

    /// Ends the threads and returns when they have ended.
    func stop() {
        condition.withLock {
            stops = true
            work = nil
            generation.add(1, ordering: .releasing)
            condition.broadcast()
            while running > 0 { condition.wait() }
            report = nil
        }
    }

    func carryOut(_ command: HashboardCommand) {
        switch command {
        case .enumerate: tell(.enumerated(chips: meters.count))
        case .load(let next): change(to: next)
        case .idle, .setPower(false): change(to: nil)
        case .setPower(true), .setVoltage, .setFrequency, .setFan, .readTelemetry,
            .setChipClocks, .readChipCounters:
            break
        }
    }

    private func change(to next: MiningWork?) {
        condition.withLock {
            work = next
            finished = 0
            generation.add(1, ordering: .releasing)
            condition.broadcast()
        }
    }

    private func tell(_ event: HashboardEvent) {
        let report = condition.withLock { self.report }
        pending.add(1, ordering: .relaxed)
        guard let report else { return }
        report(event) { [self] in pending.subtract(1, ordering: .relaxed) }
    }

    // MARK: Threads

    private func run(_ index: Int) {
        #if os(Linux)
            // Linux gives each thread its own niceness: hashing leaves the processor to everything else.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
        #endif
        var seen: UInt64 = 0
        var pace = Pace(rate: ratePerThread)
        while let (work, mine) = next(after: seen) {
            seen = mine
            pace.resume()
            search(work, mine, index, &pace)
        }
        condition.withLock {
            running -= 1
            condition.broadcast()
        }
    }

    /// Waits for work that this thread has not seen; nil at the end.
    private func next(after seen: UInt64) -> (MiningWork, UInt64)? {
        condition.withLock {
            while !stops {
                let present = generation.load(ordering: .acquiring)
                if let work, present != seen { return (work, present) }
                condition.wait()
            }
            return nil
        }
    }

    private func isCurrent(_ mine: UInt64) -> Bool { generation.load(ordering: .acquiring) == mine }

    private func search(_ work: MiningWork, _ mine: UInt64, _ index: Int, _ pace: inout Pace) {
        let share = (1 << 32) / UInt64(meters.count)
        let first = UInt64(index) * share
        let end = index == meters.count - 1 ? 1 << 32 : first + share
        var header = work.header
        for counter in 0..<VersionCounter.count(mask: work.versionMask) {
            header.version = VersionCounter.roll(
                work.header.version, mask: work.versionMask, counter: UInt32(truncatingIfNeeded: counter))
            let scanner = HeaderScanner(header: header)
            var nonce = first
            while nonce < end {
                guard isCurrent(mine) else { return }
                let last = min(nonce + pace.nonces, end)
                let found = scanner.find(target: work.target, nonces: nonce..<last)
                let next = found.map { UInt64($0) + 1 } ?? last
                let isTold =
                    found.map { tell($0, header.version, of: work, mine, index) } ?? true
                pace.count(next - nonce, isWhole: found == nil) { isCurrent(mine) }
                meters[index].hashed.add(next - nonce, ordering: .relaxed)
                meters[index].searched.add(pace.takeElapsed(), ordering: .relaxed)
                guard isTold else { return }
                nonce = next
            }
        }
        finish(work.id, mine)
    }

    /// Reports a nonce once the firmware has room for it; false when the work is over meanwhile.
    private func tell(
        _ nonce: UInt32, _ version: UInt32, of work: MiningWork, _ mine: UInt64, _ index: Int
    ) -> Bool {
        while pending.load(ordering: .relaxed) >= Self.reportsMax {
            guard isCurrent(mine) else { return false }
            usleep(200)
        }
        tell(
            .nonce(
                NonceReport(
                    work: work.id, nonce: nonce, version: version, board: 0, chip: UInt16(clamping: index))))
        return true
    }

    /// The last thread to end its part says that nothing is left.
    private func finish(_ id: WorkID, _ mine: UInt64) {
        let isLast = condition.withLock {
            guard isCurrent(mine) else { return false }
            finished += 1
            return finished == meters.count
        }
        if isLast { tell(.exhausted(id)) }
    }

    /// How many nonces make a slice, and when a bounded rate allows the next.
    private struct Pace {
        let rate: Double?
        private var slice: Double
        private var last = Pace.clock
        private var mark = Pace.clock
        private var due = 0.0

        init(rate: Double?) {
            self.rate = rate
            slice = 4_096
        }

        var nonces: UInt64 {
            let most = rate.map { max(1, $0 * ProcessorCores.slice) } ?? ProcessorCores.sliceNonces.upperBound
            return UInt64(max(1, min(slice, most)))
        }

        static var clock: Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }

        /// A slice was searched; waits as long as the rate and the work ask.
        mutating func count(_ hashed: UInt64, isWhole: Bool, while isCurrent: () -> Bool) {
            var now = Pace.clock
            let spent = now - last
            if isWhole, spent > 0 {
                let fitting = slice * min(2, max(0.5, ProcessorCores.slice / spent))
                slice = min(
                    max(fitting, ProcessorCores.sliceNonces.lowerBound), ProcessorCores.sliceNonces.upperBound
                )
            }
            if let rate {
                due = max(due, now - ProcessorCores.backlog) + Double(hashed) / rate
                while now < due, isCurrent() {
                    usleep(UInt32(min(2_000, max(1, (due - now) * 1e6))))
                    now = Pace.clock
                }
            }
            last = now
        }

        /// Nanoseconds since the last call, without waits for work.
        mutating func takeElapsed() -> UInt64 {
            defer { mark = last }
            return UInt64(max(0, (last - mark) * 1e9))
        }

        /// Work comes after a wait.
        mutating func resume() {
            last = Pace.clock
            mark = last
        }
    }
}
