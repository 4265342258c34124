import Bitcoin
import Chain
import DeviceModel
import JobDeclaration
import Pool
import SansIO
import Simulation
import Testing
import Translator

@testable import Experiments

/// One thing goes wrong, or none, and what follows is exact. Rows 40, 41 and 60 of the reference implementation's tests,
/// and what those leave out.
@Suite struct StackScenarioTests {
    private static func stack(_ change: (inout CampaignPlan) -> Void = { _ in }) throws -> Campaign {
        let campaign = try Campaign(seed: 5, library: CampaignTests.profiles) {
            $0.faults = []
            $0.mode = .fullTemplate
            $0.aggregates = false
            change(&$0)
        }
        campaign.tally.isTracing = true
        campaign.world.run(until: Campaign.beginning)
        return campaign
    }

    /// Runs until everything works again, with shares from everybody since `instant`; false when it does not in time.
    private static func recovers(_ campaign: Campaign, within time: Interval) -> Bool {
        let start = campaign.world.now
        while campaign.world.now < start + time {
            campaign.world.run(until: campaign.world.now + .seconds(1))
            if campaign.complaints(since: start).isEmpty { return true }
        }
        return false
    }

    private static func disconnections(_ campaign: Campaign) -> Int {
        campaign.tally.trace.count { $0.contains("disconnected(") }
    }

    @Test("a job declaration client that was killed works for its pool again, and its devices with it")
    func clientRestarts() throws {
        let campaign = try Self.stack()
        let before = campaign.tally.acknowledged["declared.client"] ?? 0
        #expect(before > 0 && campaign.tally.declared > 0)
        campaign.world.kill(campaign.id(.client))
        campaign.world.run(until: campaign.world.now + .seconds(5))
        try campaign.restart(.client)
        #expect(Self.recovers(campaign, within: .minutes(3)))
        #expect(campaign.tally.acknowledged["declared.client"] ?? 0 > before)
        try campaign.checkBooks("after the restart")
        #expect(campaign.tally.faults.isEmpty, "\(campaign.tally.faults)")
    }

    @Test("V1 miners behind a translator behind a job declaration client are credited by the pool")
    func wholeFlow() throws {
        let campaign = try Self.stack { $0.translatorIsDeclared = true }
        campaign.world.run(until: campaign.world.now + .minutes(3))
        #expect(Self.recovers(campaign, within: .minutes(2)))
        let client = campaign.world.query(
            campaign.id(.client), as: JobDeclarationClientMachine.self
        ) { $0.snapshot(at: campaign.world.now) }
        // Its own device and two V1 miners, on one channel at the pool.
        #expect(client.devices.channels.count == 3)
        #expect(
            campaign.tally.accepted.keys.sorted() == ["declared.client", "extendedRig.w", "standardRig.w"])
        #expect(client.totals.sharesCredited > 40, "\(client.totals)")
        try campaign.checkBooks("at the end")
        #expect(campaign.tally.faults.isEmpty, "\(campaign.tally.faults)")
    }

    @Test("after a reorganisation everybody works on the new branch, and no share of the old one is lost")
    func reorganisation() throws {
        let campaign = try Self.stack()
        campaign.world.run(until: campaign.world.now + .minutes(4))
        let before = campaign.tip(of: .poolNode)
        let disconnections = Self.disconnections(campaign)
        campaign.strike(.init(at: .zero, role: .poolNode, kind: .reorganise(depth: 2)))
        #expect(campaign.tally.reorganisations >= 2)
        #expect(campaign.tip(of: .poolNode) != before)
        #expect(Self.recovers(campaign, within: .minutes(3)))
        #expect(Self.disconnections(campaign) == disconnections)
        try campaign.checkBooks("after the reorganisation")
        #expect(campaign.tally.faults.isEmpty, "\(campaign.tally.faults)")
    }

    @Test("one segment in ten is lost on every path: shares are late, and nobody is disconnected")
    func packetLoss() throws {
        let campaign = try Self.stack {
            let lossy = LinkProfile(
                delay: .milliseconds(30), jitterMean: .milliseconds(30), lossPerMillion: 100_000,
                retransmission: .milliseconds(600), fragmentationPerMillion: 500_000)
            $0.deviceLink = lossy
            $0.serverLink = lossy
        }
        campaign.world.run(until: campaign.world.now + .minutes(5))
        #expect(Self.recovers(campaign, within: .minutes(2)))
        #expect(Self.disconnections(campaign) == 0)
        try campaign.checkBooks("at the end")
        #expect(campaign.tally.faults.isEmpty, "\(campaign.tally.faults)")
        #expect(campaign.tally.hashes.count > 200)
    }

    @Test("certificates of a minute: whoever comes back, however late, is shown one that is good")
    func certificates() throws {
        let campaign = try Self.stack { $0.certificateValidity = .minutes(1) }
        for _ in 0..<8 {
            campaign.world.reset(connectionsOf: campaign.id(.extendedRig))
            campaign.world.reset(connectionsOf: campaign.id(.translator))
            campaign.world.run(until: campaign.world.now + .seconds(50))
        }
        #expect(Self.recovers(campaign, within: .minutes(3)))
        #expect(!campaign.tally.trace.contains { $0.contains("ertificate") })
    }

    @Test(
        "a path that forgot the connection to a node is noticed by pool and client, and they follow the chain again"
    )
    func halfOpenProvider() throws {
        let campaign = try Self.stack()
        campaign.world.sever(connectionsOf: campaign.id(.poolNode))
        campaign.world.sever(connectionsOf: campaign.id(.minerNode))
        campaign.strike(.init(at: .zero, role: .poolNode, kind: .reorganise(depth: 1)))
        campaign.world.run(until: campaign.world.now + .minutes(3))
        let pool = campaign.world.query(campaign.id(.pool), as: PoolMachine.self) {
            $0.snapshot(at: campaign.world.now)
        }
        #expect(pool.tip == campaign.tip(of: .poolNode))
        let client = campaign.world.query(
            campaign.id(.client), as: JobDeclarationClientMachine.self
        ) { $0.snapshot(at: campaign.world.now) }
        #expect(client.devices.tip == campaign.tip(of: .minerNode))
        #expect(Self.recovers(campaign, within: Campaign.recovery))
    }

    @Test("a pool that loses its power serves everybody again, with all that it acknowledged in its books")
    func poolLosesPower() throws {
        let campaign = try Self.stack()
        campaign.world.kill(campaign.id(.pool), takesPower: true)
        campaign.world.run(until: campaign.world.now + .seconds(45))
        try campaign.restart(.pool)
        #expect(Self.recovers(campaign, within: .minutes(6)))
        try campaign.checkBooks("after the restart")
        #expect(campaign.tally.faults.isEmpty, "\(campaign.tally.faults)")
    }
}
