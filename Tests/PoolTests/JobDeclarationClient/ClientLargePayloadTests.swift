import Bitcoin
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

/// Messages that Noise cuts into several blocks of 65,519 bytes.
@Suite struct ClientLargePayloadTests {
    private static let transactions: [[UInt8]] = (0..<5).map { n in
        Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: SHA256.hash([UInt8(n)]), index: 0),
                    witness: [[UInt8](repeating: UInt8(n), count: 65_519 + n * 13)])
            ], outputs: [TransactionOutput(value: 1_000, scriptPubKey: ClientWorld.soloScript)]
        ).bytes()
    }

    @Test("a template's transactions go through in several Noise blocks, and to a server that misses them")
    func severalBlocks() throws {
        let (world, _) = try ClientJobsTests.mining {
            $0.provider.transactions = Self.transactions
            $0.upstream.missing = [4, 0, 1, 2, 3]
        }
        let provided = try #require(world.upstream.provided.first)
        #expect(provided.transactionList == [4, 0, 1, 2, 3].map { Self.transactions[$0] })
        #expect(provided.transactionList.reduce(0) { $0 + $1.count } > 5 * 65_519)
        #expect(world.upstream.customJobs.count == 1)
        #expect(!world.snapshot.isSolo)
    }
}
