import Bitcoin
import Foundation
import Testing

@testable import Chain

/// Our consensus against Bitcoin Core's own (libbitcoinkernel), block by block.
@Suite(
    .serialized,
    .enabled(
        if: KernelJudge.isPresent,
        "2 tests need py-bitcoinkernel: `./lab test` installs it, or set LAB_KERNEL_PYTHON to a Python that has it"
    ))
struct DifferentialTests {
    /// Blocks that one chain takes: longer ones only repeat themselves.
    static let blocksPerChain = 750

    /// How many blocks: LAB_DIFFERENTIAL, or enough for a test run of every day.
    static let blocks = ProcessInfo.processInfo.environment["LAB_DIFFERENTIAL"].flatMap { Int($0) } ?? 1_500
    /// Another seed than the usual one: LAB_DIFFERENTIAL_SEED.
    static let seed = ProcessInfo.processInfo.environment["LAB_DIFFERENTIAL_SEED"].flatMap { UInt64($0) } ?? 1

    @Test("Generated blocks, good and spoiled, get the kernel's verdict, reason and tip")
    func agreement() throws {
        let judge = try KernelJudge()
        var submitted = 0
        var reorganisations = 0
        var reasons: [String: Int] = [:]
        var seed = Self.seed
        while submitted < Self.blocks {
            var campaign = try DifferentialCampaign(seed: seed, judge: judge)
            try campaign.run(min(Self.blocksPerChain, Self.blocks - submitted))
            for text in campaign.disagreements { Issue.record("\(text)") }
            submitted += campaign.submitted
            reorganisations += campaign.reorganisations
            reasons.merge(campaign.reasons, uniquingKeysWith: +)
            seed += 1
            if !campaign.disagreements.isEmpty { break }
        }
        print(
            "differential: \(submitted) blocks, \(reorganisations) reorganisations, \(reasons.count) verdicts"
        )
        if Self.blocks > 1_500 {
            for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                print("  \(count)\t\(reason)")
            }
        }
        #expect(reasons["accepted", default: 0] > submitted / 4, "the generator makes too few good blocks")
        #expect(reasons.count > 25, "the generator reaches too few rules")
    }
}
