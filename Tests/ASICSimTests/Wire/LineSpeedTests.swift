import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

struct LineSpeedTests {
    @Test(arguments: [
        (ChipFamily.bm1370, "55AA 51 09 00 28 11300200 03", 1_000_000.0),
        (.bm1370, "55AA 51 09 00 28 11300000 1E", 3_125_000),
        (.bm1366, "55AA 51 09 00 28 11300200 03", 1_041_667),
        (.bm1397, "55AA 51 09 00 18 00006031 00", 3_125_000),
        (.bm1397, "55AA 51 09 00 18 00006131 1C", 1_500_000),
        (.bm1387, "58 09 00 1C 00200100 1B", 1_500_000),
    ]) func aRegisterChangesTheSpeedAndTheHostMustFollow(
        _ family: ChipFamily, _ write: String, _ host: Double
    ) {
        var bench = LineBench(WireChainSettings(family: family, chips: 1, pace: .rate(.megahashes(4))))
        bench.send(hex: write)
        bench.run(for: .milliseconds(5))
        // At the old speed nothing is understood.
        bench.send(.read(register: 0, of: .all))
        #expect(bench.bytes(within: .milliseconds(20)).isEmpty)
        #expect(bench.chain.statistics.commands == 1)
        bench.baud = host
        bench.run(for: .milliseconds(300))
        #expect(bench.ask(0).count == 1)
    }

    @Test func theThirdPLLOfABM1397DrivesTheLineAtSixMegabaud() {
        var bench = LineBench(WireChainSettings(family: .bm1397, chips: 1, pace: .rate(.megahashes(4))))
        bench.send(hex: "55AA 51 09 00 68 C0700111 00")
        bench.send(hex: "55AA 51 09 00 28 0600000F 18")
        // BCLK_SEL with a divider of eight.
        bench.send(.write(register: 0x18, value: 0x0001_6731, to: .all))
        bench.run(for: .milliseconds(10))
        #expect(bench.chain.baud == 6_250_000)
    }

    @Test func aReplyIsGarbageToAHostThatListensAtAnotherSpeed() {
        let bytes: [UInt8] = [0xaa, 0x55, 0x13, 0x70, 0, 0, 0, 0, 0, 0, 0x10]
        #expect(LineSampling.heard(bytes, sent: 1_041_667, by: 1_000_000) == bytes)
        for (sent, by) in [(115_740.0, 1_000_000.0), (1_000_000, 115_200), (3_125_000, 1_562_500)] {
            let heard = LineSampling.heard(bytes, sent: sent, by: by)
            #expect(heard != bytes)
            // A slow sender looks like many short bytes, a fast one like few.
            #expect(sent < by ? !heard.isEmpty : heard.count < bytes.count)
        }
    }

    @Test func speedsWithinFourHundredthsAreHeardBitByBit() {
        // The sampler itself agrees with the rule of thumb: five hundredths are still read, eight are not.
        let bytes = (0..<64).map { UInt8($0 * 37 & 0xff) }
        #expect(LineSampling.heard(bytes, sent: 105_000, by: 100_000) == bytes)
        #expect(LineSampling.heard(bytes, sent: 115_000, by: 100_000) != bytes)
    }

    @Test func bytesBehindASpeedChangeAreLost() {
        var bench = LineBench(WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(4))))
        let change = ChipCommand.write(register: 0x28, value: 0x1130_0000, to: .all).frame(for: .bm1370)!
        let ask = ChipCommand.read(register: 0, of: .all).frame(for: .bm1370)!
        bench.send(change + ask)
        #expect(bench.bytes(within: .milliseconds(20)).isEmpty)
        #expect(bench.chain.statistics.commands == 1)
    }
}
