import Testing

@testable import SansIO

@Suite("Bytes")
struct BytesTests {
    @Test("what is written is read back, and every shorter input throws without moving")
    func roundTrip() throws {
        var writer = ByteWriter()
        writer.write(u8: 0xab)
        writer.write(u16: 0x1234)
        writer.write(u24: 0xabcdef)
        writer.write(u32: 0xdead_beef)
        writer.write(u64: 0x0123_4567_89ab_cdef)
        writer.write(bigEndian16: 0x1234)
        writer.write(bigEndian32: 0xdead_beef)
        writer.write(compactSize: 0xfd)
        writer.write(utf8: "tip")
        func readAll(_ bytes: [UInt8]) throws(ByteReaderError) {
            var reader = ByteReader(bytes.span.bytes)
            let small: [UInt64] = [
                UInt64(try reader.u8()), UInt64(try reader.u16()), UInt64(try reader.u24()),
            ]
            #expect(small == [0xab, 0x1234, 0xabcdef])
            let large: [UInt64] = [UInt64(try reader.u32()), try reader.u64()]
            #expect(large == [0xdead_beef, 0x0123_4567_89ab_cdef])
            let swapped: [UInt32] = [UInt32(try reader.bigEndian16()), try reader.bigEndian32()]
            #expect(swapped == [0x1234, 0xdead_beef])
            let size = try reader.compactSize()
            #expect(size == 0xfd)
            let text = try reader.bytes(3)
            #expect(text == Array("tip".utf8))
            try reader.end()
        }
        try readAll(writer.bytes)
        for length in 0..<writer.count {
            #expect(throws: ByteReaderError.self) { try readAll(Array(writer.bytes[..<length])) }
        }
        #expect(throws: ByteReaderError.trailingBytes(1)) { try readAll(writer.bytes + [0]) }
    }

    @Test(
        "CompactSize refuses longer forms than needed and values over the bound",
        arguments: [
            [0xfd, 0xfc, 0x00], [0xfe, 0xff, 0xff, 0, 0], [0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            [0xfe, 0x01, 0x00, 0x00, 0x02],
        ] as [[UInt8]])
    func compactSize(bytes: [UInt8]) {
        var reader = ByteReader(bytes.span.bytes)
        var failed = false
        do { _ = try reader.compactSize() } catch { failed = true }
        #expect(failed)
        let offset = reader.offset
        #expect(offset == 0)
    }
}

@Suite("Effects")
struct EffectsTests {
    struct Full: Error {}

    @Test("a send that throws leaves nothing behind; what is written lies in the arena in order")
    func sends() throws {
        var effects = EffectBuffer<Int>()
        effects.send(on: ConnectionID(1)) { $0.write(utf8: "first") }
        #expect(throws: Full.self) {
            try effects.send(on: ConnectionID(1)) { (writer) throws(Full) in
                writer.write(utf8: "lost")
                throw Full()
            }
        }
        effects.send(on: ConnectionID(2)) { _ in }
        effects.observe(7)
        effects.store(in: StoreID(3)) { $0.write(utf8: "kept") }
        #expect(effects.effects.count == 3)
        guard case .send(ConnectionID(1), let first) = effects.effects[0],
            case .store(StoreID(3), let kept) = effects.effects[2]
        else {
            Issue.record("unexpected effects \(effects.effects)")
            return
        }
        #expect(Array(effects.bytes(first)) == Array("first".utf8))
        #expect(Array(effects.bytes(kept)) == Array("kept".utf8))
        effects.reset()
        let isEmpty = effects.isEmpty
        #expect(isEmpty)
    }
}

@Suite("Seeded generator")
struct PRNGTests {
    @Test("the sequence of a seed never changes")
    func fixedSequence() {
        // Derived with an independent implementation of SplitMix64 and xoshiro256** (Blackman, Vigna).
        var random = PRNG(seed: 42)
        let expected: [UInt64] = [
            1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009,
        ]
        let values = (0..<3).map { _ in random.next() }
        #expect(values == expected)
    }

    @Test("the exponential has its mean and its variance")
    func exponential() {
        var random = PRNG(seed: 7)
        let count = 200_000
        var sum = 0.0
        var squares = 0.0
        for _ in 0..<count {
            let x = random.exponential(mean: .seconds(10)).seconds
            sum += x
            squares += x * x
        }
        let mean = sum / Double(count)
        // Five standard errors: 10 / sqrt(200,000) = 0.022.
        #expect(abs(mean - 10) < 0.112)
        #expect(abs(squares / Double(count) - 200) < 5)
    }

    @Test("logarithm and exponential invert each other", arguments: [1e-300, 1e-9, 0.1, 1, 2.5, 1e9, 1e300])
    func logarithm(x: Double) {
        let back = DeterministicMath.exp(DeterministicMath.log(x))
        #expect(abs(back / x - 1) < 1e-11)
    }

    @Test("streams of one seed differ")
    func streams() {
        var seen: Set<UInt64> = []
        for index in 0..<10_000 {
            var random = PRNG(seed: 1, stream: UInt64(index))
            seen.insert(random.next())
        }
        #expect(seen.count == 10_000)
    }
}

@Suite("Containers")
struct ContainerTests {
    private func expectAppended(_ outcome: Bool) { #expect(outcome) }

    @Test("a bounded queue refuses past its bound and keeps order around the ring")
    func queue() {
        var queue = BoundedQueue<Int>(capacity: 3)
        for round in 0..<10 {
            expectAppended(queue.append(round))
            expectAppended(queue.append(round + 100))
            expectAppended(queue.append(round + 200))
            expectAppended(!queue.append(999))
            let dropped = queue.appendDroppingOldest(7)
            #expect(dropped == round)
            let popped = (0..<4).map { _ in queue.popFirst() }
            #expect(popped == [round + 100, round + 200, 7, nil])
        }
    }

    @Test("an id that outlived its element finds nothing")
    func slab() {
        var slab = Slab<String>()
        let first = slab.insert("a")
        let removed = slab.remove(first)
        #expect(removed == "a")
        let second = slab.insert("b")
        #expect(second.index == first.index)
        #expect(slab[first] == nil)
        #expect(slab[second] == "b")
        let again = slab.remove(first)
        #expect(again == nil)
        #expect(slab.count == 1)
    }

    @Test("writing to a dead slab id traps")
    func slabTraps() async {
        await #expect(processExitsWith: .failure) {
            var slab = Slab<String>()
            let id = slab.insert("a")
            slab.remove(id)
            slab[id] = "b"
        }
    }
}
