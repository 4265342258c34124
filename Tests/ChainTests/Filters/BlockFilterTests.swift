import Bitcoin
import JSONText
import Testing

@testable import Chain

@Suite struct BlockFilterTests {
    @Test(
        "blockfilters.json: every filter and filter header is the BIP's",
        .enabled(
            if: Vectors.exists("vectors/core/blockfilters.json"),
            "1 test needs vectors/core; set LAB_SHARED to the folder with vectors/"))
    func vectors() throws {
        var judged = 0
        for one in (try Vectors.json("vectors/core/blockfilters.json").arrayValue ?? []).dropFirst() {
            let block = try Block(bytes: try #require([UInt8](hex: one[2]?.stringValue ?? "")))
            let scripts = (one[3]?.arrayValue ?? []).compactMap { Script(hex: $0.stringValue ?? "") }
            let filter = BlockFilter(block: block, spentScripts: scripts)
            #expect(block.hash.displayHex == one[1]?.stringValue)
            #expect(filter.bytes.hex == one[5]?.stringValue)
            let previous = try #require(Hash256(displayHex: one[4]?.stringValue ?? ""))
            #expect(filter.header(previous: previous).displayHex == one[6]?.stringValue)
            for script in scripts where !script.isEmpty { #expect(filter.matches(script)) }
            #expect(BlockFilter(bytes: filter.bytes, blockHash: block.hash) == filter)
            judged += 1
        }
        print("blockfilters.json: \(judged) blocks")
        #expect(judged == 10)
    }

    @Test("A filter finds what the block pays to and spends from, and hardly anything else")
    func matching() {
        let paid = (0..<200).map { Script.p2wpkh(hash160([UInt8($0)])) }
        let spent = (0..<100).map { Script.p2sh(hash160([1, UInt8($0)])) }
        let filter = BlockFilter(block: Self.block(paying: paid + [.opReturn([1, 2])]), spentScripts: spent)
        for script in paid + spent { #expect(filter.matches(script)) }
        #expect(!filter.matches(.opReturn([1, 2])))
        let strangers = (0..<255).map { Script.p2pkh(hash160([2, UInt8($0)])) }
        #expect(strangers.filter { filter.matches($0) }.count <= 1)
        #expect(filter.matchesAny(strangers + [paid[7]]))
        #expect(!filter.matchesAny([]))
    }

    @Test("Bytes that are not a filter are refused, whatever count they claim")
    func refusesGarbage() {
        let filter = BlockFilter(block: Self.block(paying: [.p2wpkh(hash160([9]))]), spentScripts: [])
        #expect(BlockFilter(bytes: [], blockHash: .zero) == nil)
        #expect(BlockFilter(bytes: Array(filter.bytes.dropLast()), blockHash: .zero) == nil)
        #expect(BlockFilter(bytes: filter.bytes + [0], blockHash: .zero) == nil)
        #expect(BlockFilter(bytes: [0xfe, 0xff, 0xff, 0xff, 0xff], blockHash: .zero) == nil)
        #expect(BlockFilter(bytes: [0xff] + [UInt8](repeating: 0xff, count: 8), blockHash: .zero) == nil)
        #expect(BlockFilter(bytes: [0], blockHash: .zero)?.matches(.opReturn([])) == false)
    }

    static func block(paying scripts: [Script]) -> Block {
        let coinbase = Transaction(
            inputs: [TransactionInput(previousOutput: .null, scriptSig: Script([0x51, 0]))],
            outputs: scripts.map { TransactionOutput(value: 1, scriptPubKey: $0) })
        let header = BlockHeader(
            version: 4, previousBlockHash: .zero, merkleRoot: coinbase.txid, time: 1,
            bits: CompactTarget(bits: 0x207f_ffff), nonce: 0)
        return Block(header: header, transactions: [coinbase])
    }
}
