import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct MempoolFileTests {
    @Test("Transactions, arrival times, deltas and what no peer has fetched survive a restart")
    func roundTrip() throws {
        var world = try PoolWorld(coins: 2)
        let parent = PoolWorld.spend([world.coin()], fee: 2_000)
        let child = PoolWorld.spend([PoolWorld.output(parent)], fee: 3_000)
        try world.send(parent)
        try world.send(child)
        let elsewhere = String(repeating: "11", count: 32)
        _ = try world.node.call("prioritisetransaction", [.string(child.txid.displayHex), .null, 500])
        _ = try world.node.call("prioritisetransaction", [.string(elsewhere), .null, -700])
        let before = try world.node.call("getrawmempool", [true])
        #expect(try world.node.call("savemempool")["filename"] == "mempool.dat")
        #expect(
            world.node.observations.contains { if case .mempoolSaveRequested = $0 { true } else { false } })
        let bytes = world.node.machine.mempoolFile.bytes()

        var later = world.node.restarted(NodeUnderTest.configuration(time: 1_700_023_600))
        later.handle(.loadMempool(bytes))
        #expect(try later.call("getmempoolinfo")["loaded"] == false)
        // A file that is written before the old one was read loses nothing.
        #expect(later.machine.mempoolFile.waiting.count == 2)
        later.wait(.seconds(1))
        #expect(try later.call("getmempoolinfo")["loaded"] == true)
        #expect(later.observations.contains(.mempoolLoaded(accepted: 2, of: 2, fault: nil)))
        #expect(try later.call("getrawmempool", [true]) == before)
        let deltas = try later.call("getprioritisedtransactions")
        #expect(deltas[elsewhere]?["fee_delta"] == -700)
        #expect(later.machine.mempoolFile.bytes() == bytes)
    }

    @Test("Files of version 2 are read through their obfuscation; damaged files are told and change nothing")
    func faults() throws {
        var world = try PoolWorld(coins: 1)
        try world.send(PoolWorld.spend([world.coin()], fee: 2_000))
        let plain = world.node.machine.mempoolFile.bytes()
        let key: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        var hidden: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0, 8] + key + plain.dropFirst(8)
        for place in 17..<hidden.count { hidden[place] ^= key[place % 8] }
        #expect(try MempoolFile(bytes: hidden).bytes() == plain)
        for length in 0..<plain.count {
            #expect(throws: MempoolFile.Fault.self) { try MempoolFile(bytes: Array(plain.prefix(length))) }
        }
        #expect(throws: MempoolFile.Fault.unknownVersion(9)) {
            try MempoolFile(bytes: [9, 0, 0, 0, 0, 0, 0, 0])
        }
        world.node.handle(.loadMempool([1, 2, 3]))
        #expect(world.node.machine.mempool.count == 1)
        #expect(world.node.observations.contains(.mempoolLoaded(accepted: 0, of: 0, fault: "truncated")))
    }
}
