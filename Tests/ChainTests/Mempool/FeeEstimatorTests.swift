import Bitcoin
import SansIO
import Testing

@testable import Chain

@Suite struct FeeEstimatorTests {
    @Test("Rates that were confirmed at once are told, and rates that waited are told for longer targets")
    func learns() {
        var estimator = FeeEstimator()
        var random = PRNG(seed: 3)
        var waiting: [(txid: Hash256, height: Int)] = []
        estimator.blockConnected(height: 1, [])
        for height in 1...200 {
            var confirmed: [(txid: Hash256, rate: Int64)] = []
            for number in 0..<20 {
                let txid = SHA256.hash(Array("\(height) \(number)".utf8))
                let isRich = number < 10
                let rate = (isRich ? 20_000 : 2_000) + Int64(random.below(100))
                estimator.entered(txid, rate: rate, height: height)
                if isRich { confirmed.append((txid, rate)) } else { waiting.append((txid, height)) }
            }
            for old in waiting where height - old.height >= 6 { confirmed.append((old.txid, 2_050)) }
            waiting.removeAll { height - $0.height >= 6 }
            estimator.blockConnected(height: height + 1, confirmed)
        }
        let ids = waiting.map(\.txid)
        let soon = estimator.estimate(target: 2, isConservative: false, waiting: ids)
        let later = estimator.estimate(target: 20, isConservative: false, waiting: ids)
        #expect(soon.target == 2 && (20_000...20_100).contains(soon.rate ?? 0))
        #expect(later.target == 20 && (2_000...2_100).contains(later.rate ?? 0))
        #expect(estimator.estimate(target: 1_008, isConservative: true, waiting: ids).target == 99)
    }

    @Test("Without data there is no estimate")
    func empty() {
        var estimator = FeeEstimator()
        for height in 1...50 { estimator.blockConnected(height: height, []) }
        let none = estimator.estimate(target: 6, isConservative: false, waiting: [])
        #expect(none.rate == nil && none.target == 0)
    }
}
