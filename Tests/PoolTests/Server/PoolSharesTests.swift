import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: shares")
struct PoolSharesTests {
    @Test(
        "a share travels from template to acknowledgement on either kind of channel",
        arguments: [false, true])
    func share(extended: Bool) throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: extended)
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == [])
        #expect(try miner.acknowledgements() == [])
        try world.advance(by: .seconds(6))
        let acknowledgement = try #require(try miner.acknowledgements().first)
        #expect(acknowledgement.newSubmitsAcceptedCount == 1)
        #expect(acknowledgement.lastSequenceNumber == 1)
        let accepted = world.observations.contains { if case .shareAccepted = $0 { true } else { false } }
        #expect(accepted)
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("ten shares make one acknowledgement, and what is left over follows by age")
    func batches() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        for _ in 0..<23 { try miner.mine() }
        try world.pump()
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount) == [10, 10])
        try world.advance(by: .seconds(6))
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount) == [10, 10, 3])
        #expect(try miner.acknowledgements().map(\.lastSequenceNumber) == [10, 20, 23])
        #expect(try miner.errors() == [])
    }

    @Test("the sums of the acknowledgements are the sum of the difficulties")
    func sums() {
        var batch = ShareBatch()
        var total: UInt64 = 0
        for n in 1...7 {
            for k in 0..<n { batch.add(sequenceNumber: UInt32(k), difficulty: 0.3) }
            total += batch.take(channelID: 2)?.newSharesSum ?? 0
        }
        #expect(total == 8)  // 28 x 0.3 = 8.4
        let nothing = batch.take(channelID: 2)
        #expect(nothing == nil)
    }

    @Test("every rule has its error code", arguments: [false, true])
    func rejections(extended: Bool) throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: extended)
        let work = try miner.work()
        let nonce = try miner.nonce(work, meeting: miner.target)
        var expected: [String] = []
        func submit(_ change: (inout TestMiner.Work) -> Void, nonce: UInt32, _ code: String?) throws {
            var changed = work
            change(&changed)
            miner.submit(changed, nonce: nonce)
            try world.pump()
            if let code { expected.append(code) }
            #expect(try miner.errors() == expected)
        }
        try submit({ _ in }, nonce: nonce, nil)
        try submit({ _ in }, nonce: nonce, "duplicate-share")
        try submit({ $0.jobID = 999 }, nonce: nonce, "invalid-job-id")
        try submit({ $0.jobID = 0 }, nonce: nonce, "invalid-job-id")
        try submit({ $0.nTime -= 1 }, nonce: nonce, "invalid-share")
        try submit({ $0.nTime = world.unixTime + 7_201 }, nonce: nonce, "invalid-share")
        try submit({ $0.version ^= 0x8000_0000 }, nonce: nonce, "invalid-non-rollable-version-bit")
        try submit({ $0.version ^= 0x10 }, nonce: nonce, "invalid-non-rollable-version-bit")
        let low = try miner.nonce(work, meeting: .max, not: miner.target)
        try submit({ _ in }, nonce: low, "difficulty-too-low")
        if extended {
            try submit({ $0.extranonce.removeLast() }, nonce: nonce, "bad-extranonce-size")
            try submit({ $0.extranonce = [] }, nonce: nonce, "bad-extranonce-size")
        }
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("all of BIP323's version bits may roll, and time may run ahead", arguments: [false, true])
    func rolling(extended: Bool) throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: extended)
        for change: UInt32 in [0x20, 0x1fff_ffe0, 0x1000_0000] {
            var work = try miner.work()
            work.version ^= change
            work.nTime += 60
            miner.submit(work, nonce: try miner.nonce(work, meeting: miner.target))
        }
        try world.pump()
        #expect(try miner.errors() == [])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 3)
    }

    @Test("without version rolling a changed version is refused")
    func fixedVersion() throws {
        var configuration = PoolWorld.configuration()
        configuration.isVersionRollingAllowed = false
        let world = try PoolWorld.ready(configuration)
        let (_, peer) = try world.miner()
        #expect(try peer.last(Common.SetupConnectionSuccess.self)?.flags == 1)
        var miner = try TestMiner.open(world, peer, extended: false)
        var work = try miner.work()
        work.version ^= 0x2000
        miner.submit(work, nonce: 0)
        try world.pump()
        #expect(try miner.errors() == ["version-rolling-not-allowed"])
    }

    @Test("a share for the old tip is stale, a late one for a past job of the same tip counts")
    func stale() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let first = try miner.work()
        let nonce = try miner.nonce(first, meeting: miner.target)
        world.provider.sendTemplate(future: false)
        try world.pump()
        miner.submit(first, nonce: nonce)
        try world.pump()
        #expect(try miner.errors() == [])
        let second = try miner.nonce(first, meeting: miner.target, from: nonce + 1)
        world.provider.newTip()
        try world.pump()
        miner.submit(first, nonce: second)
        try world.pump()
        #expect(try miner.errors() == ["stale-share"])
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == ["stale-share"])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 2)
    }

    @Test(
        "a share that is a block reaches the template provider as a whole, valid coinbase",
        arguments: [false, true])
    func block(extended: Bool) throws {
        let world = try PoolWorld.ready(networkTarget: Target(difficulty: 1e-8))
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: extended)
        let (work, nonce) = try miner.mine(target: world.provider.networkTarget)
        try world.pump()
        let solution = try #require(world.provider.solutions.first)
        #expect(solution.templateID == 1)
        #expect(solution.headerNonce == nonce)
        let coinbase = try Transaction(bytes: solution.coinbaseTx)
        #expect(coinbase.isCoinbase && coinbase.hasWitness)
        #expect(coinbase.outputs.map(\.value) == [2_500_000_001, 0])
        #expect(coinbase.inputs[0].scriptSig.bytes.starts(with: [0x02, 0xe0, 0x00]))
        #expect(coinbase.inputs[0].scriptSig.bytes.count <= 100)
        #expect(Merkle.root(first: coinbase.txid, path: world.provider.merklePath) == work.root)
        let found = world.observations.contains {
            if case .blockFound(_, _, let height, true) = $0 { height == 224 } else { false }
        }
        #expect(found)
    }

    @Test("shares for a channel that does not exist are refused by name")
    func unknownChannel() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: false)
        let work = try miner.work()
        miner.channelID = 99
        miner.submit(work, nonce: 1)
        try world.pump()
        #expect(try miner.errors() == ["invalid-channel-id"])
    }

    @Test("when a channel's memory is full its target hardens and no share is ever credited twice")
    func fullMemory() throws {
        var configuration = PoolWorld.configuration()
        configuration.limits.seenSharesPerChannel = 16
        let world = try PoolWorld.ready(configuration)
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: false)
        var found: [(TestMiner.Work, UInt32)] = []
        var next: UInt32 = 0
        for _ in 0..<60 {
            let (work, nonce) = try miner.mine(from: next)
            found.append((work, nonce))
            next = nonce + 1
        }
        try world.pump()
        let accepted = world.machine.snapshot(at: world.now).totals.sharesAccepted
        #expect(accepted > 16 && accepted < 60)
        for (work, nonce) in found { miner.submit(work, nonce: nonce) }
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == accepted)
        world.provider.newTip()
        try world.pump()
        try miner.mine()
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == accepted + 1)
    }
}
