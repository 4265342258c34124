import Bitcoin
import JSONText
import Testing

@testable import Chain

/// Blocks that Core's own consensus library and bitcoind judged, with the exact reason.
@Suite(
    .enabled(
        if: Vectors.exists(BlockCases.path),
        "3 tests need vectors/derived/regtest_block_cases.json; set LAB_SHARED to the folder with vectors/"))
struct BlockCasesTests {
    @Test("Every case gets Core's verdict and reason, by submitblock's rules")
    func verdictsOfSubmitBlock() throws {
        let cases = try BlockCases.load()
        let base = try cases.baseChain()
        var judged = 0
        for one in cases.cases {
            guard let block = one.block else { continue }
            var chain = base.prefix(one.prefixHeight)
            for bytes in one.pre { _ = BlockCases.submit(bytes, to: &chain, repairing: false) }
            let verdict = BlockCases.submit(block, to: &chain, repairing: true)
            #expect(verdict == one.submitBlock, "\(one.name)")
            judged += 1
        }
        #expect(judged >= 126)
    }

    @Test("Without the repair of the coinbase's witness the reasons are the consensus library's")
    func verdictsOfConsensus() throws {
        let cases = try BlockCases.load()
        let base = try cases.baseChain()
        for one in cases.cases {
            guard let block = one.block else { continue }
            var chain = base.prefix(one.prefixHeight)
            for bytes in one.pre { _ = BlockCases.submit(bytes, to: &chain, repairing: false) }
            let before = chain.coins.count
            let verdict = BlockCases.submit(block, to: &chain, repairing: false)
            #expect((verdict == nil) == one.isValid, "\(one.name): \(verdict ?? "accepted")")
            if !one.isValid {
                #expect(verdict == one.reason, "\(one.name)")
                #expect(chain.coins.count == before, "\(one.name) left a trace in the coins")
            }
        }
    }

    @Test("Connecting and disconnecting the base chain leaves the coins as they were")
    func undoRestoresCoins() throws {
        var (chain, _) = try BlockCases.load().baseChain().parts
        let count = chain.coins.count
        let tip = chain.tip.hash
        let first = chain.active[1]
        _ = chain.invalidate(first)
        #expect(chain.height == 0)
        #expect(chain.coins.count == 0)
        _ = chain.reconsider(first)
        #expect(chain.tip.hash == tip)
        #expect(chain.coins.count == count)
    }
}

struct BlockCases {
    static let path = "vectors/derived/regtest_block_cases.json"

    struct Case {
        var name: String
        var prefixHeight: Int
        var pre: [[UInt8]]
        /// Nil where the file holds it compressed.
        var block: [UInt8]?
        var isValid: Bool
        var reason: String?
        var submitBlock: String?
    }

    /// The base chain, to be cut at any height.
    struct Base {
        var chain: Chainstate
        var blocks: [[UInt8]]

        var parts: (Chainstate, [[UInt8]]) { (chain, blocks) }

        func prefix(_ height: Int) -> Chainstate {
            if height == blocks.count { return chain }
            var cut = Chainstate(.regtest)
            for bytes in blocks.prefix(height) { _ = BlockCases.submit(bytes, to: &cut, repairing: false) }
            return cut
        }
    }

    var base: [[UInt8]]
    var cases: [Case]

    static func load() throws -> BlockCases {
        let json = try Vectors.json(path)
        func hex(_ value: JSON?) -> [UInt8]? { value?.stringValue.flatMap { [UInt8](hex: $0) } }
        let base = (json["base_chain"]?.arrayValue ?? []).compactMap { hex($0) }
        let cases = (json["cases"]?.arrayValue ?? []).map { one in
            Case(
                name: one["name"]?.stringValue ?? "", prefixHeight: Int(one["prefix_height"]?.int64 ?? 0),
                pre: (one["pre"]?.arrayValue ?? []).compactMap { hex($0) }, block: hex(one["block"]),
                isValid: one["valid"]?.boolValue ?? false, reason: one["reason"]?.stringValue,
                submitBlock: one["submitblock"]?.stringValue)
        }
        return BlockCases(base: base, cases: cases)
    }

    func baseChain() throws -> Base {
        var chain = Chainstate(.regtest)
        for bytes in base {
            let verdict = Self.submit(bytes, to: &chain, repairing: false)
            #expect(verdict == nil)
        }
        #expect(chain.height == 149)
        return Base(chain: chain, blocks: base)
    }

    /// Later than the cases' blocks, earlier than their block from the far future.
    static let now: UInt32 = 1_800_000_000

    static func submit(_ bytes: [UInt8], to chain: inout Chainstate, repairing: Bool) -> String? {
        guard var block = try? Block(bytes: bytes) else { return "undecodable" }
        if repairing { block = CoinbaseRepair.repair(block, on: chain) }
        return chain.accept(block, bytes: block.bytes(), now: now).submitResult
    }
}
