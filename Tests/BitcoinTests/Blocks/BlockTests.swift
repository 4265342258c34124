import Bitcoin
import SansIO
import Testing

struct MerkleTests {
    static func leaves(_ count: Int) -> [Hash256] {
        (0..<count).map { Hash256(bytes: patternBytes(32, seed: UInt64($0 + 1)))! }
    }

    /// The definition, one pair after the other.
    static func naiveRoot(_ leaves: [Hash256]) -> Hash256 {
        if leaves.count <= 1 { return leaves.first ?? .zero }
        let even = leaves.count % 2 == 0 ? leaves : leaves + [leaves[leaves.count - 1]]
        return naiveRoot(
            stride(from: 0, to: even.count, by: 2).map { SHA256.double(even[$0].bytes + even[$0 + 1].bytes) })
    }

    @Test(arguments: 0...33) func rootsAndPathsAgreeWithTheDefinition(_ count: Int) {
        let leaves = Self.leaves(count)
        let root = Merkle.root(leaves)
        #expect(root.root == Self.naiveRoot(leaves))
        #expect(!root.mutated)
        guard count > 0 else { return }
        var other = leaves
        other[0] = .zero
        let path = Merkle.path(forFirstOf: other)
        #expect(Merkle.root(first: leaves[0], path: path) == root.root)
    }

    @Test func aRepeatedTailIsSeen() {
        let three = Self.leaves(3)
        let four = three + [three[2]]
        #expect(Merkle.root(four).root == Merkle.root(three).root)
        #expect(Merkle.root(four).mutated && !Merkle.root(three).mutated)
        let six = Self.leaves(6)
        #expect(Merkle.root(six + six[4...]).mutated)
        #expect(Merkle.root(six + six[4...]).root == Merkle.root(six).root)
    }
}

struct BlockTests {
    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func block413567IsReadAndItsRootHolds() throws {
        let bytes = try Vectors.shared("core/block413567.raw")
        let block = try Block(bytes: bytes)
        #expect(block.hash.displayHex == "0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069")
        #expect(block.transactions.count == 1557)
        #expect(block.merkleRoot().root == block.header.merkleRoot)
        #expect(!block.merkleRoot().mutated)
        #expect(block.header.bits.target?.isMet(by: block.hash) == true)
        #expect(block.transactions[0].isCoinbase && !block.transactions[1].isCoinbase)
        #expect(block.transactions[0].inputs[0].scriptSig.bytes.starts(with: Script.heightPush(413_567)))
        #expect(block.bytes() == bytes)
        #expect(block.totalSize == bytes.count && block.weight == 4 * bytes.count)
        for transaction in block.transactions where transaction.txid != SHA256.double(transaction.bytes()) {
            Issue.record("\(transaction.txid)")
        }
    }

    /// Blocks of regtest, mined by Bitcoin Core: they carry witness commitments.
    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func witnessCommitmentsOfCoresBlocksHold() throws {
        let text = String(decoding: try Vectors.shared("kernel_regtest/blocks.txt"), as: UTF8.self)
        var committed = 0
        for line in text.split(whereSeparator: \.isNewline) {
            let block = try Block(bytes: try #require([UInt8](hex: String(line))))
            #expect(block.merkleRoot().root == block.header.merkleRoot)
            guard let commitment = WitnessCommitment.find(in: block.transactions[0]) else { continue }
            let item = try #require(block.transactions[0].inputs[0].witness.first)
            let reserved = try #require(Hash256(bytes: item))
            #expect(WitnessCommitment.hash(root: block.witnessMerkleRoot(), reserved: reserved) == commitment)
            committed += 1
        }
        #expect(committed > 100)
    }

    @Test func everyTruncationThrows() throws {
        let block = Block(
            header: try HeaderScannerTests.header(1),
            transactions: [TransactionTests.segwit, TransactionTests.segwit])
        let bytes = block.bytes()
        #expect(try Block(bytes: bytes) == block)
        for count in 0..<bytes.count {
            #expect(throws: TransactionError.self) { try Block(bytes: Array(bytes[..<count])) }
        }
        for count in 0..<80 {
            #expect(throws: ByteReaderError.self) { try BlockHeader(bytes: Array(bytes[..<count])) }
        }
    }

    @Test func aBlockThatAnnouncesManyTransactionsDoesNotReserveForThem() {
        let bytes = patternBytes(80) + [0xfe, 0, 0, 0, 2] + [1, 0, 0, 0]
        #expect(throws: TransactionError.self) { try Block(bytes: bytes) }
    }
}
