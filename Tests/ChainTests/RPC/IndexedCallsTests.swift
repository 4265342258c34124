import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite("Calls that read indexes and chosen rules")
struct IndexedCallsTests {
    private static func node() throws -> NodeUnderTest {
        var configuration = NodeUnderTest.configuration()
        configuration.chain.spenderIndex = true
        configuration.chain.filterIndex = true
        return NodeUnderTest(configuration)
    }

    @Test("The spender of a confirmed output is found, and forgotten when its block is left")
    func spenders() throws {
        var node = try Self.node()
        let address = try TemplateProviderTests.fund(&node)
        let txid = try node.call("sendtoaddress", [.string(address), 1])
        let sent = try #require(txid.stringValue)
        let spent = try #require(
            try node.call("getrawtransaction", [.string(sent), 1])["vin"]?.arrayValue?.first)
        let place: JSON = ["txid": spent["txid"] ?? .null, "vout": spent["vout"] ?? .null]
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000_000))
        let found = try node.call("gettxspendingprevout", [[place]])
        #expect(found.arrayValue?.first?["spendingtxid"] == txid)
        let tip = node.machine.chain.tip.hash
        #expect(found.arrayValue?.first?["blockhash"] == .string(tip.displayHex))
        node.handle(.invalidateBlock(tip))
        let again = try node.call("gettxspendingprevout", [[place], ["mempool_only": false]])
        #expect(again.arrayValue?.first?["blockhash"] == nil)
        #expect(again.arrayValue?.first?["spendingtxid"] == txid)
    }

    @Test("Stored filters are those that the blocks give, over a reorganisation and a restart")
    func filters() throws {
        var node = try Self.node()
        node.handle(.generate(count: 3, script: .anyone, maxTries: 1_000_000))
        let left = node.machine.chain.tip.hash
        node.handle(.invalidateBlock(left))
        node.handle(.generate(count: 2, script: .anyone, maxTries: 1_000_000))
        node.handle(.commit)
        let computed = Chainstate.filterOfAll(node.machine.chain)
        #expect(node.machine.chain.filter(of: node.machine.chain.tipID)?.header == computed)
        let again = node.restarted(node.machine.configuration)
        #expect(again.machine.chain.filter(of: again.machine.chain.tipID)?.header == computed)
    }

    @Test("scanblocks finds the blocks of a script and getdescriptoractivity what happened there")
    func scans() throws {
        var node = try Self.node()
        node.handle(.generate(count: 2, script: .anyone, maxTries: 1_000_000))
        node.handle(.generate(count: 1, script: Script(bytes: [0x52]), maxTries: 1_000_000))
        let tip = JSON.string(node.machine.chain.tip.hash.displayHex)
        let found = try node.call("scanblocks", ["start", ["raw(52)"]])
        #expect(found["relevant_blocks"] == [tip])
        let activity = try node.call("getdescriptoractivity", [[tip], ["raw(52)"]])["activity"]
        #expect(activity?.arrayValue?.count == 1)
        #expect(activity?.arrayValue?.first?["type"] == "receive")
    }

    @Test("verifychain undoes and connects the last blocks and leaves the chain as it was")
    func verify() throws {
        var node = try Self.node()
        _ = try TemplateProviderTests.fund(&node)
        let before = try node.call("gettxoutsetinfo", ["muhash"])
        for level in 0...4 {
            let verdict = try node.call("verifychain", [.int(level), 0])
            #expect(verdict == true)
        }
        let after = try node.call("gettxoutsetinfo", ["muhash"])
        #expect(after == before)
    }

    @Test("Soft forks start where -testactivationheight says, and templates name them")
    func activation() throws {
        let options = try BitcoinOptions(commandLine: [
            "-regtest", "-testactivationheight=segwit@10", "-testactivationheight=csv@5",
        ])
        let network = try NetworkParameters(options, on: "regtest")
        #expect(network.softForks.segwit == 10)
        #expect(network.softForks.csv == 5)
        var node = NodeUnderTest(network)
        let early = try node.call("getblocktemplate", [["rules": ["segwit"]]])
        #expect(early["rules"] == ["csv"])
        #expect(early["vbavailable"] == [:])
        #expect(throws: OptionError("Invalid name (x@2) for -testactivationheight=name@height.")) {
            try NetworkParameters(
                BitcoinOptions(commandLine: ["-regtest", "-testactivationheight=x@2"]), on: "regtest")
        }
    }

    @Test("Fee estimates outlive the node in their file, and what is none is refused")
    func estimates() {
        var estimator = FeeEstimator()
        for height in 1...40 {
            let txid = SHA256.double([UInt8(height)])
            estimator.entered(txid, rate: 5_000, height: height - 1)
            estimator.blockConnected(height: height, [(txid, 5_000)])
        }
        var other = FeeEstimator()
        let isTaken = other.restore(estimator.bytes)
        #expect(isTaken)
        let none: [Hash256] = []
        #expect(
            other.estimate(target: 6, isConservative: false, waiting: none).rate
                == estimator.estimate(target: 6, isConservative: false, waiting: none).rate)
        let isNonsenseTaken = other.restore([1, 2, 3])
        #expect(!isNonsenseTaken)
        #expect(other.bytes == estimator.bytes)
    }

    @Test(
        "A mistyped address is told with the places of up to two errors",
        arguments: [
            ("bcrt1q049edschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Invalid Bech32 checksum", [9]),
            ("bcrt1qax9suht3qv95sw33xavx8crpxduefdrsvgsklu", "Invalid Bech32 checksum", [22, 43]),
            ("bcrtq049ldschfnwystcqnsvyfpj23mpsg3jcedq9xv", "Missing separator", []),
            (
                "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJJfn",
                "Invalid checksum or length of Base58 address (P2PKH or P2SH)", []
            ),
        ])
    func addresses(text: String, message: String, places: [Int]) throws {
        var node = NodeUnderTest()
        let answer = try node.call("validateaddress", [.string(text)])
        #expect(answer["error"]?.stringValue == message)
        #expect(answer["error_locations"] == .array(places.map { .int($0) }))
    }
}

extension Chainstate {
    /// The tip's filter header, computed from the blocks alone.
    fileprivate static func filterOfAll(_ chain: Chainstate) -> Hash256? {
        var header = Hash256.zero
        for id in chain.active {
            guard let block = chain.block(id), let spent = chain.undo(id) else { return nil }
            header = BlockFilter(block: block, spentScripts: spent.map(\.scriptPubKey)).header(
                previous: header)
        }
        return header
    }
}
