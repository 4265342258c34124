import Hardware
import SansIO
import Testing

@Suite struct FaultScheduleTests {
    @Test func `a fault begins and ends at its times`() {
        var schedule = FaultSchedule(
            [DeviceFault(.fanLoss(fans: 1), .at(.seconds(10)), duration: .seconds(5))], seed: PRNG(seed: 1),
            from: .start + .seconds(100))
        #expect(schedule.nextChange == .start + .seconds(110))
        let changed1 = schedule.advance(to: .start + .seconds(109))
        #expect(!changed1)
        let changed2 = schedule.advance(to: .start + .seconds(110))
        #expect(changed2)
        #expect(schedule.active == [.fanLoss(fans: 1)])
        let changed3 = schedule.advance(to: .start + .seconds(200))
        #expect(changed3)
        #expect(schedule.active.isEmpty && schedule.nextChange == nil)
    }

    @Test func `a fault without an end stays until it is removed`() {
        var schedule = FaultSchedule([DeviceFault(.supplyDrop)], seed: PRNG(seed: 1), from: .start)
        let changed4 = schedule.advance(to: .start)
        #expect(changed4)
        let changed5 = schedule.advance(to: .start + .hours(9_000))
        #expect(!changed5)
        #expect(schedule.active == [.supplyDrop])
        schedule.remove(named: "supply-drop")
        #expect(schedule.isEmpty)
    }

    @Test func `looking seldom sees the same history as looking often`() {
        let faults = [
            DeviceFault(.voltageSag(share: 0.1), .perHour(60), duration: .seconds(7)),
            DeviceFault(.wrongIDs(share: 0.1), .perHour(5), duration: .zero),
        ]
        var often = FaultSchedule(faults, seed: PRNG(seed: 9), from: .start)
        for second in 0...7_200 { _ = often.advance(to: .start + .seconds(UInt64(second))) }
        var exact = FaultSchedule(faults, seed: PRNG(seed: 9), from: .start)
        while let due = exact.nextChange, due <= .start + .seconds(7_200) { _ = exact.advance(to: due) }
        #expect(often.nextChange == exact.nextChange)
        #expect(often.active == exact.active)
    }

    @Test func `chips that a device has not are no matter`() {
        var chips = ChipFaults(boards: 2, chipsPerBoard: 6, domains: 3)
        chips.apply(.missingChips(board: 5, count: 3))
        chips.apply(.stuckDomain(board: 0, domain: 3))
        chips.apply(.silentChain(board: -1))
        chips.apply(.overheating(kelvin: 10))
        #expect(chips.isHealthy && chips.hashingChips == 12)
        chips.apply(.missingChips(board: 0, count: 100))
        #expect(chips.answeringChips == 6 && chips.poweredChips(board: 0) == 0)
        chips.apply(.stuckDomain(board: 1, domain: 1))
        #expect(chips.hashingChips == 4 && chips.answeringChips == 6 && chips.poweredChips(board: 1) == 4)
        #expect(!chips.hashes(board: 1, chip: 2) && chips.answers(board: 1, chip: 2))
        #expect(DeviceFault.Kind.names.contains(DeviceFault.Kind.silentChain(board: 0).name))
    }
}
