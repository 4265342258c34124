import Bitcoin
import Firmware
import Hardware
import JSONText
import Rig
import SansIO
import Stratum
import Testing

@Suite struct MiningOnTemplatesTests {
    /// With a witness, so that its two ids differ.
    private static func payment(_ number: UInt8) -> Transaction {
        Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: SHA256.hash([number]), index: 0),
                    witness: [[number, 1, 2]])
            ],
            outputs: [TransactionOutput(value: 1_000, scriptPubKey: Script([0x51]))])
    }

    @Test func `blocks of a node's templates are whole and are taken`() throws {
        var world = try NodeWorld { $0.transactions = (1...5).map(Self.payment) }
        world.run(for: .minutes(10))
        // 100 H/s and 1,000 hashes a block: 60 in ten minutes, give or take five sigma.
        #expect(world.node.blocks.count > 20)
        #expect(world.node.faults == [])
        #expect(world.refusals == [])
        #expect(world.rig.snapshot.accepted == UInt64(world.node.blocks.count))
        #expect(world.rig.snapshot.miner.counters.discarded == 0)
        #expect(world.node.credentials == ["Basic dXNlcjpwYXNz"])
        #expect(world.disconnections == [])
        // One connection for calls and one for the long poll, for all that time.
        #expect(world.dials == 2)
    }

    @Test func `every block has a coinbase of its own and rolls the version`() throws {
        var world = try NodeWorld(hashes: 200) { $0.verdicts = Array(repeating: "inconclusive", count: 30) }
        world.run(for: .minutes(10))
        let coinbases = world.node.blocks.map { $0.transactions[0].txid }
        #expect(coinbases.count > 50)
        #expect(Set(coinbases).count == coinbases.count)
        #expect(world.refusals == Array(repeating: "inconclusive", count: 30))
    }

    @Test func `somebody else's block moves the miner at once, by the long poll`() throws {
        var world = try NodeWorld(hashes: 1e7)
        world.run(for: .seconds(7))
        #expect(world.node.polls == 1)
        world.observations.removeAll()
        world.node.newTip()
        world.flush()
        let clean = world.observations.contains {
            if case .workLoaded(_, _, let clean) = $0 { clean } else { false }
        }
        #expect(clean)
        world.run(for: .seconds(1))
        #expect(world.node.polls == 1, "it polls again")
    }

    @Test func `work is renewed with the node's time while nothing changes`() throws {
        var world = try NodeWorld(hashes: 1e7) { $0.changes = ["longpollid": nil] }
        world.run(for: .seconds(5))
        let before = world.node.calls.count
        world.node.clock += 60
        world.run(for: .minutes(1))
        #expect(world.node.calls.count - before == 3, "one call each 20 seconds")
        #expect(world.node.polls == 0)
        // No wait for a long poll that nobody offered.
        #expect(world.dials == 1)
    }

    @Test(arguments: 0..<5) func `answers are read however they are framed`(form: Int) throws {
        var world = try NodeWorld { node in
            node.transactions = [Self.payment(1)]
            node.isChunked = form == 0
            node.saysClose = form == 1
            node.endsByClose = form == 2
            node.closesAfterAnswer = form == 3
        }
        world.dripFeed = form == 4 || form == 0
        world.run(for: .minutes(5))
        #expect(world.node.blocks.count > 8)
        #expect(world.node.faults == [])
        #expect(world.refusals == [])
        #expect(world.disconnections == [])
        #expect(world.rig.snapshot.miner.reconnects == 0)
    }

    @Test func `a node that closes idle connections costs no work`() throws {
        var world = try NodeWorld(hashes: 1e7)
        world.run(for: .seconds(5))
        for _ in 0..<5 {
            world.node.closeAll()
            world.flush()
            world.run(for: .seconds(10))
            #expect(world.rig.snapshot.phase == .mining)
        }
        #expect(world.disconnections == [])
        #expect(world.node.polls == 1)
    }

    @Test func `a block whose answer was lost is sent again and counts once`() throws {
        var world = try NodeWorld { $0.losesBlockAnswer = true }
        world.run(for: .minutes(5))
        #expect(world.refusals == [])
        #expect(world.node.calls.count { $0 == "submitblock" } == world.node.blocks.count + 1)
        #expect(world.rig.snapshot.accepted == UInt64(world.node.blocks.count))
    }

    @Test func `a busy node gets its block a second later`() throws {
        var world = try NodeWorld { node in
            node.blockExcuses = [(503, "Work queue depth exceeded"), (503, "Work queue depth exceeded")]
        }
        world.run(for: .minutes(5))
        #expect(world.refusals == [])
        #expect(world.excuses.count == 2)
        #expect(world.rig.snapshot.accepted == UInt64(world.node.blocks.count))
        #expect(world.node.blocks.count > 8)
    }

    @Test func `refusals are counted by the node's own words`() throws {
        let words: [JSON] = ["inconclusive", "bad-cb-amount", "high-hash", "duplicate", "stale-prevblk"]
        var world = try NodeWorld { $0.verdicts = words }
        world.run(for: .minutes(5))
        #expect(
            world.refusals == ["inconclusive", "bad-cb-amount", "low difficulty", "duplicate", "stale"])
        #expect(world.rig.snapshot.rejected == 5)
        #expect(world.rig.snapshot.accepted > 0)
    }

    @Test func `the node's work id comes back with the block`() throws {
        var world = try NodeWorld { $0.changes = ["workid": "job 7"] }
        world.run(for: .minutes(1))
        #expect(!world.node.workIDs.isEmpty)
        #expect(world.node.workIDs.allSatisfy { $0 == "job 7" })
    }

    @Test func `auxiliary data goes into the coinbase, the long poll where the node says`() throws {
        var world = try NodeWorld(url: "http://node.example:18443/rpc") { node in
            node.changes = ["coinbaseaux": ["flags": "0a0b0c"], "longpolluri": "/lp"]
        }
        world.run(for: .minutes(2))
        #expect(!world.node.blocks.isEmpty)
        for block in world.node.blocks {
            #expect(block.transactions[0].inputs[0].scriptSig.hex.contains("0a0b0c"))
        }
        #expect(world.node.paths == ["/rpc", "/lp"])
        // Without credentials in the address they are the account's: lab.worker with the password x.
        #expect(world.node.credentials == ["Basic bGFiLndvcmtlcjp4"])
    }
}
