import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct GenerationTests {
    private static let address: JSON = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

    @Test("Where segwit starts later, blocks before it carry no witness, and blocks from then on do")
    func beforeSegwit() throws {
        var network = NetworkParameters.regtest
        network.softForks.segwit = 5
        var node = NodeUnderTest(NodeUnderTest.configuration(network))
        #expect(try node.call("generatetoaddress", [8, Self.address]).arrayValue?.count == 8)
        for height in 1...8 {
            let block = try #require(node.machine.chain.block(node.machine.chain.active[height]))
            #expect(block.transactions[0].hasWitness == (height >= 5))
        }
    }

    @Test("A node whose blocks have run two hours ahead of the clock says why it mines no more")
    func aheadOfTheClock() throws {
        var node = NodeUnderTest()
        _ = try node.call("generatetoaddress", [1, Self.address])
        _ = try node.call("setmocktime", [1_700_009_200])
        let failure = try node.failure("generatetoaddress", [1, Self.address])
        #expect(failure.code == -1 && failure.message == "TestBlockValidity failed: time-too-new")
        #expect(try node.call("getblockcount") == 1)
    }
}
