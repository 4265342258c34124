import Experiments
import Foundation
import SansIO
import Testing

/// The whole stack in the virtual world while links and processes fail, then while they do not.
@Suite struct CampaignTests {
    /// `LAB_CAMPAIGN=1000` runs so many seeds; `LAB_CAMPAIGN_SEED=7` that one alone, and prints what was said in it.
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["LAB_CAMPAIGN_SEED"].flatMap(UInt64.init) { return [one] }
        return Array(0..<(environment["LAB_CAMPAIGN"].flatMap(UInt64.init) ?? 6))
    }()

    static let profiles = ProfileLibrary(
        directory: #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Profiles/devices"
    )

    @Test("no acknowledged share is lost or paid twice, whatever fails, and all comes back", arguments: seeds)
    func campaign(seed: UInt64) throws {
        let campaign = try Campaign(seed: seed, library: Self.profiles)
        let environment = ProcessInfo.processInfo.environment
        campaign.tally.isTracing = environment["LAB_CAMPAIGN_SEED"] != nil
        let outcome = try campaign.run()
        let replay = "LAB_CAMPAIGN_SEED=\(seed) ./lab test --filter CampaignTests"
        #expect(
            outcome.faults.isEmpty,
            """
            seed \(seed): \(outcome.faults.prefix(10).joined(separator: "; ")) \
            after \(campaign.plan.faults); again with \(replay)
            """)
        #expect(outcome.shares > 50, "seed \(seed): \(replay)")
        for line in campaign.tally.trace { print(line) }
        if environment["LAB_CAMPAIGN"] != nil {
            print(
                "campaign \(seed): \(outcome.shares) shares \(campaign.tally.accepted.sorted { $0.key < $1.key }), \(outcome.blocks) blocks,",
                "\(outcome.reorganisations) undone, back after \(outcome.recovery?.seconds ?? -1) s")
        }
    }

    @Test("a campaign is its seed")
    func determinism() throws {
        let first = try Campaign(seed: 3, library: Self.profiles).run()
        #expect(try Campaign(seed: 3, library: Self.profiles).run() == first)
    }
}
