import Testing

@testable import SansIO

@Suite("Timers")
struct TimersTests {
    enum Timer: Int, CaseIterable { case handshake, vardiff, refresh }

    @Test("the table's next deadline is the earliest that is set, and firing stops it")
    func table() {
        var table = TimerTable<Timer>()
        #expect(table.next == nil)
        table.set(.vardiff, .start + .seconds(5))
        table.set(.handshake, .start + .seconds(9))
        #expect(table.next == .start + .seconds(5))
        let fired = [4, 5, 6].map { table.fire(.vardiff, at: .start + .seconds($0)) }
        #expect(fired == [false, true, false])
        table.stop(.handshake)
        #expect(table.next == nil)
        let stopped = table.fire(.handshake, at: .distantFuture)
        #expect(!stopped)
    }

    @Test(
        "the queue agrees with a naive model on random settings, stops and pops",
        arguments: [1, 2, 3] as [UInt64])
    func queueModel(seed: UInt64) {
        var random = PRNG(seed: seed)
        var queue = TimerQueue<Int>()
        var model: [Int: (Instant, UInt64)] = [:]
        var sequence: UInt64 = 0
        for step in 0..<20_000 {
            let key = Int(random.below(50))
            switch random.below(4) {
            case 0, 1:
                let deadline = Instant(nanoseconds: random.below(1_000))
                sequence += 1
                queue.set(key, deadline)
                model[key] = (deadline, sequence)
            case 2:
                queue.stop(key)
                model[key] = nil
            default:
                let now = Instant(nanoseconds: random.below(1_000))
                let due = model.filter { $0.value.0 <= now }.min { $0.value < $1.value }?.key
                let popped = queue.popDue(at: now)
                #expect(popped == due, "seed \(seed) step \(step)")
                if let due { model[due] = nil }
            }
            #expect(queue.count == model.count)
            #expect(queue.next == model.values.map(\.0).min(), "seed \(seed) step \(step)")
        }
    }

    @Test("equal deadlines pop in the order in which they were set")
    func ties() {
        var queue = TimerQueue<String>()
        for key in ["c", "a", "b"] { queue.set(key, .start + .seconds(1)) }
        queue.set("c", .start + .seconds(1))
        let order = (0..<3).compactMap { _ in queue.popDue(at: .start + .seconds(1)) }
        #expect(order == ["a", "b", "c"])
    }
}
