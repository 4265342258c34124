import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

struct MalformedInputTests {
    @Test func aFrameThatIsNoneIsDroppedAndTheNextUnderstood() {
        var bench = LineBench(WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(4))))
        // What cgminer's BM1370 driver really sends: data under the header of chain inactive.
        bench.send(hex: "55AA 53 05 00 18 F0 00 C1 00 04")
        bench.send(hex: "00 55 55 AA 52 05 00 00 0B")
        bench.send(hex: "55AA 52 05 00 00 0A")
        #expect(bench.bytes(within: .milliseconds(20)).count == 9)
        #expect(bench.chain.statistics.commands == 1)
    }

    @Test(arguments: ChipFamily.allCases) func framesMayBeCutAnywhere(_ family: ChipFamily) {
        let header = header(9)
        func play(cut: Int) -> [LineOutput] {
            var bench = LineBench(
                WireChainSettings(family: family, chips: 1, pace: .rate(.megahashes(1)), difficultyShift: 20))
            bench.prepare()
            let frames =
                (ChipCommand.read(register: 0, of: .all).frame(for: family) ?? [])
                + job(header, id: 0x18, for: family).frame(for: family)!
            for start in stride(from: 0, to: frames.count, by: cut) {
                bench.send(Array(frames[start..<min(frames.count, start + cut)]))
            }
            bench.run(for: .milliseconds(300))
            return bench.heard
        }
        let whole = play(cut: 4096)
        #expect(!whole.isEmpty)
        for cut in [1, 2, 3, 5, 7, 63, 64, 65] {
            let bytes = play(cut: cut).map(\.bytes)
            #expect(bytes == whole.map(\.bytes))
        }
    }

    @Test(arguments: ChipFamily.allCases) func garbageNeitherTrapsNorStopsAChain(_ family: ChipFamily) {
        var random = PRNG(seed: 11)
        for round in 0..<25 {
            var bench = LineBench(
                WireChainSettings(family: family, chips: 1 + round % 3, pace: .rate(.megahashes(0.05))))
            for _ in 0..<20 {
                var bytes = (0..<Int(random.below(120))).map { _ in UInt8(random.below(256)) }
                // Often something that begins well.
                if random.chance(1, in: 2) {
                    var command =
                        ChipCommand.write(
                            register: UInt8(random.below(256)), value: UInt32(random.below(1 << 32)), to: .all
                        ).frame(for: family) ?? [0x84, 0, 0, 0x11]
                    if random.chance(1, in: 3) { command[Int(random.below(UInt64(command.count)))] ^= 4 }
                    bytes += command
                }
                if random.chance(1, in: 3) {
                    bytes += job(header(UInt32(round)), id: UInt8(random.below(128)), for: family)
                        .frame(for: family)!
                }
                bench.baud = [115_200, 1_000_000, 3_125_000, 1, 9_600][Int(random.below(5))]
                bench.send(bytes)
                bench.run(for: .milliseconds(1 + random.below(30)))
            }
            // A reset puts everything right again.
            bench.chain.setReset(true, at: bench.now)
            bench.run(for: .seconds(100_000))
            bench.chain.setReset(false, at: bench.now)
            bench.baud = 115_200
            bench.decoder.reset()
            bench.decoder.isShort = family.takesWholeHeader
            if family.framing == .bare || family.framing == .preamble {
                #expect(bench.ask(0).count == bench.chain.settings.chips)
            }
        }
    }
}
