import ASICSim
import Hardware
import SansIO
import Testing

@Suite struct ChipFaultTests {
    private func reports(
        _ faults: [DeviceFault.Kind], silicon: SiliconSpread? = nil, errorRate: Double = 0, count: Int
    ) -> [NonceReport] {
        var health = ChipFaults(boards: 2, chipsPerBoard: 10, domains: 5)
        for fault in faults { health.apply(fault) }
        var engine = HashEngine(boards: 2, chipsPerBoard: 10, mode: .model, scale: 1, seed: PRNG(seed: 11))
        engine.set(faults: health)
        if let silicon { engine.set(silicon: silicon, perE: 0.008) }
        engine.set(rate: HashRate(1_000), errorRate: errorRate, at: .start)
        engine.load(HashEngineTests.work(7, hashes: 30), delay: .zero, at: .start)
        var found: [NonceReport] = []
        var calls = 0
        while found.count < count, let due = engine.nextDeadline, calls < count * 200 {
            calls += 1
            if case .nonce(let report)? = engine.deadlineReached(at: due) { found.append(report) }
        }
        return found
    }

    @Test func `chips that are missing, dead or behind a silent chain report nothing`() {
        let found = reports(
            [.missingChips(board: 0, count: 4), .stuckDomain(board: 0, domain: 0), .silentChain(board: 1)],
            count: 300)
        #expect(found.count == 300)
        #expect(Set(found.map(\.board)) == [0])
        #expect(Set(found.map(\.chip)) == [2, 3, 4, 5])
        #expect(reports([.silentChain(board: 0), .silentChain(board: 1)], count: 1).isEmpty)
    }

    @Test func `duplicates come as often as the fault says, right after the first`() {
        let found = reports([.duplicateNonces(share: 0.2)], count: 3_000)
        var seen: [NonceReport] = []
        var duplicates = 0
        for report in found {
            if seen.last == report { duplicates += 1 }
            seen.append(report)
        }
        // Each report, the repeated ones excepted, is repeated with 20 %: 1 in 6 of all; deviation 0.6 %.
        #expect(abs(Double(duplicates) / 3_000 - 1.0 / 6) < 0.03)
        #expect(reports([], count: 500).count == Set(reports([], count: 500).map(\.nonce)).count)
    }

    @Test func `wrong ids name no job that was given`() {
        let found = reports([.wrongIDs(share: 0.1)], count: 2_000)
        let wrong = found.filter { $0.work != WorkID(7) }.count
        #expect(abs(Double(wrong) / 2_000 - 0.1) < 0.03)
        #expect(reports([.checksumErrors(share: 1)], count: 5).isEmpty)
    }

    @Test func `most wrong nonces come from the weakest chips`() {
        let silicon = SiliconSpread(seed: 4, deviation: 0.01)
        let found = reports([], silicon: silicon, errorRate: 1, count: 4_000)
        var errors = [Int](repeating: 0, count: 20)
        for report in found { errors[Int(report.board) * 10 + Int(report.chip)] += 1 }
        let ranked = (0..<20).sorted { silicon.weakness(ofChip: $0) > silicon.weakness(ofChip: $1) }
        #expect(errors[ranked[0]] > 3 * errors[ranked[10]])
        #expect(errors[ranked[10]] > errors[ranked[19]])
        #expect(silicon.weakness(ofChip: 3) == SiliconSpread(seed: 4, deviation: 0.01).weakness(ofChip: 3))
    }
}
