import Bitcoin
import JSONText
import Testing

@testable import Explorer

@Suite struct PageTests {
    static let attack = "</script><img src=x onerror=alert(1)>\" ' &"
    private let renderer = PageRenderer()
    private let now: Int64 = 1_700_010_000

    private struct Fixture {
        var state = ExplorerState()
        var payment: Transaction
        var pending: Transaction
    }

    private func fixture() throws -> Fixture {
        var chain = ChainFixture(blocks: 110)
        let payment = ChainFixture.spend(
            chain.coinbase(1),
            to: [
                (3_000_000_000, ChainFixture.alice), (1_999_990_000, ChainFixture.bob),
                (0, .opReturn(Array(Self.attack.utf8))),
            ])
        chain.mine([payment], free: Array(Self.attack.utf8) + [0x1b, 0x00])
        let pending = ChainFixture.spend(payment, to: [(2_999_000_000, ChainFixture.bob)], sequence: 0)
        var state = ExplorerState()
        for (height, block) in chain.blocks.enumerated() { try state.index.connect(block, height: height) }
        state.nodeName = "127.0.0.1:18443"
        state.reach = .up
        state.lastAnswer = now
        state.node.chain = "regtest"
        state.node.blocks = chain.height
        state.node.bestHash = chain.tip.hash.displayHex
        state.node.userAgent = Characters.visible("/\(Self.attack)/")
        state.mempool.count = 1
        state.mempool.replace([
            .init(
                txid: pending.txid, virtualSize: 100, weight: 400, fee: 1_000_000, time: now - 5,
                ancestorCount: 1,
                ancestorSize: 100, ancestorFees: 1_000_000, dependsOn: [], transaction: pending)
        ])
        state.feed = LabFeed(
            title: Self.attack,
            roles: [RoleRow(name: Self.attack, state: .degraded, address: Self.attack, detail: Self.attack)],
            devices: [
                DeviceRow(
                    name: Self.attack, model: "Bitaxe", transport: "SV2", state: .hashing, hashRate: 1.2e12,
                    temperature: 95, power: 18, fan: 50, accepted: 96, stale: 4),
                DeviceRow(name: "rig-10", model: "S21", transport: "SV1", state: .offline, hashRate: 0),
                DeviceRow(
                    name: "rig-2", model: "S21", transport: "SV1", state: .hashing, hashRate: 2e14,
                    isScaled: true, power: 3_500),
            ],
            pool: PoolTotals(sharesPerSecond: 3, connections: 2, channels: 3, hashRate: 2e14, accepted: 100),
            foundBy: [
                chain.tip.hash.displayHex: BlockFinder(
                    device: Self.attack, worker: Self.attack, channelID: 9, jobID: 4, extranonce: Self.attack,
                    shareDifficulty: 1)
            ])
        return Fixture(state: state, payment: payment, pending: pending)
    }

    /// Every page of the fixture, by path.
    private func pages(_ fixture: Fixture) throws -> [(String, Page)] {
        let state = fixture.state
        let address = try #require(state.address(of: ChainFixture.alice))
        return [
            ("/", state.homePage(now: now)),
            ("/blocks", try state.blocksPage(page: 1, now: now)),
            ("/block/tip", try state.blockPage(state.node.bestHash, page: 1, now: now)),
            ("/block/0", try state.blockPage("0", page: 1, now: now)),
            ("/tx", try state.transactionPage(fixture.payment.txid.displayHex, now: now)),
            ("/tx pending", try state.transactionPage(fixture.pending.txid.displayHex, now: now)),
            (
                "/tx coinbase",
                try state.transactionPage(
                    try #require(state.index.tip).block.transactions[0].txid.displayHex, now: now)
            ),
            ("/address", try state.addressPage(address, page: 1, now: now)),
            ("/mempool", try state.mempoolPage(page: 1, now: now)),
            ("/devices", state.devicesPage(DeviceQuery(text: ""))),
            (
                "not found",
                state.page(for: .notFound(what: "x", asked: Self.attack, hints: [Self.attack]), now: now)
            ),
            ("malformed", state.page(for: .malformed(what: "x", asked: Self.attack), now: now)),
        ]
    }

    @Test func noPageLetsTextOfTheChainOrTheLabBecomeMarkup() throws {
        for (path, page) in try pages(fixture()) {
            let html = renderer.render(page)
            #expect(!html.contains("<img"), "\(path)")
            #expect(!html.contains("onerror=alert(1)>"), "\(path)")
            #expect(html.components("<script") == 1, "\(path): only the page's own script")
            #expect(!html.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" }, "\(path)")
            #expect(!html.contains("{{"), "\(path)")
        }
    }

    @Test func noPageLoadsAnythingFromElsewhereOrStylesInline() throws {
        for (path, page) in try pages(fixture()) {
            let html = renderer.render(page)
            #expect(!html.contains("http://") && !html.contains("https://"), "\(path)")
            #expect(!html.contains(" style=") && !html.contains("<style"), "\(path)")
            #expect(!html.contains(" onclick="), "\(path)")
        }
        #expect(!Stylesheet.text.contains("url(") && !Stylesheet.text.contains("@import"))
        #expect(!ClientScript.text.contains("http"))
    }

    @Test func everySectionThatIsSwappedHasItsOwnName() throws {
        for (path, page) in try pages(fixture()) {
            let html = renderer.render(page, fragment: true)
            #expect(!html.contains("<html"), "\(path)")
            let names = html.split(separator: " id=\"").dropFirst().compactMap {
                $0.split(separator: "\"").first
            }
            #expect(Set(names).count == names.count, "\(path): \(names)")
        }
    }

    @Test func aBlockSaysWhoFoundItAndWhatItsCoinbaseHolds() throws {
        let fixture = try fixture()
        let html = renderer.render(try fixture.state.blockPage("110", page: 1, now: now))
        #expect(html.contains("Found by"))
        #expect(html.contains("&lt;/script&gt;&lt;img"))
        #expect(html.contains("··"), "control characters show as dots")
        #expect(html.contains("1 confirmation<"))
        #expect(html.contains(fixture.payment.txid.displayHex))
        #expect(!renderer.render(try fixture.state.blockPage("109", page: 1, now: now)).contains("Found by"))
    }

    @Test func aTransactionShowsItsFeeAndWhereItsOutputsWent() throws {
        let fixture = try fixture()
        let html = renderer.render(
            try fixture.state.transactionPage(fixture.payment.txid.displayHex, now: now))
        #expect(html.contains("10\u{202f}000"), "the fee in satoshi")
        #expect(
            html.contains("/tx/\(fixture.pending.txid.displayHex)\">spent"),
            "spent by the mempool's transaction")
        #expect(html.contains("unspendable"))
        #expect(html.contains(fixture.payment.bytes().hex))
        let pending = renderer.render(
            try fixture.state.transactionPage(fixture.pending.txid.displayHex, now: now))
        #expect(pending.contains("unconfirmed"))
        #expect(pending.contains("signals replacement"))
    }

    @Test func anAddressAddsUpAndShowsWhatIsPending() throws {
        let fixture = try fixture()
        let address = try #require(fixture.state.address(of: ChainFixture.alice))
        let html = renderer.render(try fixture.state.addressPage(address, page: 1, now: now))
        #expect(html.contains("<b>30 <u>BTC</u></b>"))
        #expect(html.contains("Unconfirmed"))
        #expect(html.contains("<b>-30 <u>BTC</u></b>"))
        let unused = try #require(fixture.state.address(of: ChainFixture.script(0x77)))
        let empty = renderer.render(try fixture.state.addressPage(unused, page: 1, now: now))
        #expect(empty.contains("No transaction of this address"))
        #expect(throws: PageError.self) { try fixture.state.addressPage("bc1qxyz", page: 1, now: now) }
    }

    @Test func devicesAreSortedFilteredAndCounted() throws {
        let state = try fixture().state
        #expect(state.chosenDevices(DeviceQuery(text: "rig")).map(\.name) == ["rig-2", "rig-10"])
        #expect(state.chosenDevices(DeviceQuery(state: .offline)).map(\.name) == ["rig-10"])
        #expect(state.chosenDevices(DeviceQuery(sort: .rate, isDescending: true)).first?.name == "rig-2")
        let html = renderer.render(state.devicesPage(DeviceQuery()))
        #expect(html.contains("1.20 TH/s"))
        #expect(html.contains("scaled"))
        #expect(html.contains("4 (4.0 %)"))
        #expect(html.contains("hot"))
        #expect(renderer.render(state.devicesPage(DeviceQuery(text: "zzz"))).contains("No device matches"))
        #expect(renderer.render(ExplorerState().devicesPage(DeviceQuery())).contains("No devices report"))
    }

    @Test func searchesLeadToThePlaceOrSayWhatWasTried() throws {
        let fixture = try fixture()
        let state = fixture.state
        #expect(try state.place(of: " 110 ") == "/block/110")
        #expect(try state.place(of: state.node.bestHash.uppercased()) == "/block/\(state.node.bestHash)")
        #expect(
            try state.place(of: fixture.pending.txid.displayHex) == "/tx/\(fixture.pending.txid.displayHex)")
        let address = try #require(state.address(of: ChainFixture.bob))
        #expect(try state.place(of: address) == "/address/\(address)")
        for text in ["111", "nonsense", String(repeating: "0", count: 64), ""] {
            #expect(throws: PageError.self, "\(text)") { try state.place(of: text) }
        }
    }

    @Test func aNodeThatIsAwayIsNamedOnEveryPage() throws {
        var state = try fixture().state
        state.reach = .down("no connection to the node at 127.0.0.1:18443: connection refused")
        let banner = try #require(state.banner(now: now))
        #expect(banner.kind == "down")
        #expect(banner.detail.contains("127.0.0.1:18443"))
        var empty = ExplorerState()
        empty.reach = state.reach
        #expect(throws: PageError.unavailable) { try empty.blocksPage(page: 1, now: now) }
        let page = empty.unavailablePage(now: now)
        #expect(page.status == 503)
        #expect(renderer.render(page).contains("connection refused"))
        empty.reach = .warmingUp("Loading block index…")
        #expect(renderer.render(empty.unavailablePage(now: now)).contains("Loading block index…"))
    }

    @Test func pagesAreClampedToWhatThereIs() throws {
        let state = try fixture().state
        let html = renderer.render(try state.blocksPage(page: 9_999, now: now))
        #expect(html.contains("101–111 of 111"))
        #expect(Pager(total: 25, page: 1, size: 25, link: { "\($0)" }, names: ("a", "b")) == nil)
        #expect(Pager.clamp(-4, total: 0, size: 10) == 1)
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(_ text: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
