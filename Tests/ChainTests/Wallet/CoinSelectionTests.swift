import Bitcoin
import SansIO
import Testing

@testable import Chain

@Suite struct CoinSelectionTests {
    static func coins(_ values: [Int64], fee: Int64 = 680, later: Int64 = 680) -> [CoinCandidate] {
        values.enumerated().map { index, value in
            CoinCandidate(
                coin: WalletCoin(
                    outPoint: OutPoint(txid: .zero, index: UInt32(index)),
                    output: TransactionOutput(value: value, scriptPubKey: .p2wpkh(.zero)), depth: 6,
                    isOwn: true, isSafe: true),
                weight: 272, fee: fee, longTermFee: later)
        }
    }

    static func selection(_ target: Int64) -> CoinSelection {
        CoinSelection(
            target: target, costOfChange: 514, changeFee: 310, minChange: 294, changeTarget: 50_000,
            weightLimit: 399_000)
    }

    @Test("An exact sum is found, however it is hidden among the coins")
    func exact() throws {
        let candidates = Self.coins([100_680, 200_680, 300_680, 400_680, 1_000_680, 5_000_680])
        let found = try #require(Self.selection(700_000).branchAndBound(candidates))
        #expect(found.coins.reduce(0) { $0 + $1.effectiveValue } == 700_000)
        #expect(Self.selection(650_000).branchAndBound(candidates) == nil)
        #expect(Self.selection(50_000_000).branchAndBound(candidates) == nil)
    }

    @Test("Every selection reaches its target within its weight, or says that there is none")
    func reaches() {
        var random = PRNG(seed: 7)
        for round in 0..<200 {
            let values = (0..<Int(1 + random.below(40))).map { _ in Int64(1_000 + random.below(2_000_000)) }
            let candidates = Self.coins(values)
            let target = Int64(1 + random.below(3_000_000))
            let total = candidates.reduce(Int64(0)) { $0 + max(0, $1.effectiveValue) }
            let selection = Self.selection(target)
            if let result = selection.select(candidates, random: &random) {
                #expect(result.coins.reduce(0) { $0 + $1.effectiveValue } >= target, "round \(round)")
                let points = Set(result.coins.map(\.coin.outPoint))
                #expect(points.count == result.coins.count)
            } else {
                #expect(total < target, "round \(round): \(total) for \(target)")
            }
        }
    }
}
