import Bitcoin
import Foundation

struct BlockCard: Sendable {
    let cardHash: String
    let cardHeight: String
    let cardTime: MomentText?
    let cardTransactions: String
    let cardReward: String
    let cardNote: String
    let cardBar: BarText?
}

struct IntervalChart: Sendable {
    struct Column: Sendable {
        let columnHeight: Int
        let x: Int
        let y: String
        let tall: String
        let tip: String
        /// The interval is longer than the chart is high.
        let cut: Bool
    }

    let width: Int
    let columns: [Column]
    let meanY: String
    let chartLabel: String
    let oldest: String
    let newest: String
    let scale: String
}

struct FeeBand: Sendable {
    let range: String
    let bandBar: BarText
    let bandNote: String
}

struct TipText: Sendable {
    let tipHeight: Int
    let tipHash: String
    let tipHashText: HashText
    let branch: String
    let status: String
    let tone: String
}

struct LabSummary: Sendable {
    let labTitle: String?
    let labTiles: [Tile]
    let hasRoles: Bool
    let roles: [RoleText]
    let hasDevices: Bool
    let deviceStates: [StateCount]
}

struct RoleText: Sendable {
    let roleName: String
    let roleState: String
    let roleAddress: String
    let roleDetail: String

    init(_ row: RoleRow) {
        roleName = Characters.visible(row.name)
        roleState = row.state.rawValue
        roleAddress = Characters.visible(row.address)
        roleDetail = Characters.visible(row.detail)
    }
}

struct StateCount: Sendable {
    let state: String
    let count: String
    let isOn: Bool
    let stateLink: String
}

struct TemplateText: Sendable {
    let nextHeight: String?
    let templateProblem: String?
    let templateBar: BarText?
    let templateFacts: FactList?
}

struct HomeContent: Sendable {
    let tiles: [Tile]
    let nextCard: BlockCard?
    let cards: [BlockCard]
    let nextHeight: String?
    let templateProblem: String?
    let templateBar: BarText?
    let templateFacts: FactList?
    let mempoolCount: String
    let bands: [FeeBand]
    let lab: LabSummary?
    let chart: IntervalChart?
    let chartSummary: String
    let facts: [Fact]
    let warnings: [String]
    let tips: [TipText]
    let tipSummary: String
}

extension ExplorerState {
    /// Weight that a full block may have, BIP141.
    static let blockWeight = 4_000_000

    func homePage(now: Int64) -> Page {
        let chart = intervalChart()
        let next = templateText()
        return Page(
            title: "Overview", template: "home",
            content: HomeContent(
                tiles: homeTiles(), nextCard: nextCard(), cards: latestCards(now: now),
                nextHeight: next.nextHeight,
                templateProblem: next.templateProblem, templateBar: next.templateBar,
                templateFacts: next.templateFacts, mempoolCount: Characters.grouped(mempool.count),
                bands: feeBands(),
                lab: labSummary(), chart: chart?.chart, chartSummary: chart?.summary ?? "",
                facts: nodeFacts(now: now),
                warnings: node.warnings, tips: tipTexts(),
                tipSummary: node.tips.count > 1 ? "\(node.tips.count) known" : "no forks known"),
            place: .home, topics: Topic.allCases)
    }

    private func homeTiles() -> [Tile] {
        let height = index.tipHeight ?? node.blocks
        let interval = node.halvingInterval
        let remaining = interval - height % interval
        var tiles = [
            Tile(
                "Height", Characters.grouped(height),
                note: node.chain.isEmpty ? nil : Characters.visible(node.chain)),
            Tile(
                "Difficulty", node.difficulty.map { Figures.difficulty($0) } ?? "–",
                note: node.bits.isEmpty ? nil : "bits \(Characters.visible(node.bits))"),
        ]
        let rate = node.networkHashRate.map { Figures.hashRate($0) } ?? "–"
        tiles.append(Tile("Network hashrate", rate, note: "the node's estimate"))
        if let mean = meanInterval(of: Limits.chartBlocks) {
            tiles.append(Tile("Block interval", Figures.span(mean.mean), note: "mean of \(mean.count)"))
        }
        tiles.append(
            Tile(
                "Mempool", Characters.grouped(mempool.count), unit: "tx",
                note: "\(Characters.grouped(mempool.virtualBytes)) vB"))
        tiles.append(
            Tile(
                "Subsidy", Figures.bitcoin(subsidy(at: height + 1)).trimmingZeros, unit: "BTC",
                note: "halves in \(Characters.grouped(remaining)) blocks"))
        return tiles
    }

    /// Satoshi that a block of this height may create.
    func subsidy(at height: Int) -> Int64 {
        let halvings = height / node.halvingInterval
        return halvings >= 64 ? 0 : 5_000_000_000 >> Int64(halvings)
    }

    private func nextCard() -> BlockCard? {
        guard let template else { return nil }
        return BlockCard(
            cardHash: "", cardHeight: "\(template.height)", cardTime: nil,
            cardTransactions: Characters.grouped(template.txids.count + 1),
            cardReward: Figures.fixed(Double(template.coinbaseValue) / 1e8, 4), cardNote: "template",
            cardBar: BarText(
                Double(template.weight), of: Double(template.weightLimit),
                label: "\(Characters.grouped(template.weight)) weight units"))
    }

    private func latestCards(now: Int64) -> [BlockCard] {
        guard let height = index.tipHeight else { return [] }
        return (max(index.base, height - Limits.stripBlocks + 1)...height).reversed().compactMap { height in
            index.block(at: height).map { entry in
                BlockCard(
                    cardHash: entry.hash.displayHex, cardHeight: "\(height)",
                    cardTime: MomentText(entry.time, now: now),
                    cardTransactions: Characters.grouped(entry.block.transactions.count),
                    cardReward: Figures.fixed(Double(entry.reward) / 1e8, 4), cardNote: note(of: entry),
                    cardBar: BarText(
                        Double(entry.weight), of: Double(Self.blockWeight),
                        label: "\(Characters.grouped(entry.weight)) weight units"))
            }
        }
    }

    /// Who found it, or what the coinbase says.
    func note(of entry: IndexedBlock) -> String {
        if let finder = finder(of: entry.hash) { return Characters.visible(finder.device) }
        return entry.coinbase?.words ?? ""
    }

    /// Seconds between the last `count` blocks, by their own clocks.
    func meanInterval(of count: Int) -> (mean: Double, count: Int)? {
        guard let tip = index.tip else { return nil }
        // The genesis block is years older than the block after it on every test chain.
        let oldest = max(index.base, 1, tip.height - count)
        guard oldest < tip.height, let first = index.block(at: oldest) else { return nil }
        let blocks = tip.height - oldest
        return (Double(tip.time - first.time) / Double(blocks), blocks)
    }

    private func intervalChart() -> (chart: IntervalChart, summary: String)? {
        guard let tip = index.tip, let mean = meanInterval(of: Limits.chartBlocks), mean.count > 0 else {
            return nil
        }
        let heights = Array((tip.height - mean.count + 1)...tip.height)
        let intervals = heights.map { interval(at: $0) ?? 0 }
        let sorted = intervals.sorted()
        let median = sorted[sorted.count / 2]
        // A few very long waits must not flatten the rest: the chart ends at four times the mean.
        let top = max(1, min(sorted[sorted.count - 1], mean.mean * 4))
        let columns = zip(heights, intervals).enumerated().map { offset, pair in
            let share = min(1, max(0.02, pair.1 / top)) * 96
            return IntervalChart.Column(
                columnHeight: pair.0, x: offset * 8, y: Figures.fixed(100 - share, 1),
                tall: Figures.fixed(share, 1),
                tip: "block \(pair.0): after \(Figures.span(pair.1))", cut: pair.1 > top * 1.001)
        }
        let meanY = 100 - min(1, max(0, mean.mean / top)) * 96
        let chart = IntervalChart(
            width: heights.count * 8, columns: columns, meanY: Figures.fixed(meanY, 1),
            chartLabel: "Seconds between the last \(mean.count) blocks", oldest: "#\(heights[0])",
            newest: "#\(tip.height)", scale: "top \(Figures.span(top)), dashed: mean")
        return (
            chart,
            "mean \(Figures.span(mean.mean)), median \(Figures.span(median)), last \(mean.count) blocks"
        )
    }

    /// Seconds since the block before, by the blocks' clocks; negative when a clock went back.
    func interval(at height: Int) -> Double? {
        guard let entry = index.block(at: height), let before = index.block(at: height - 1) else {
            return nil
        }
        return Double(entry.time - before.time)
    }

    func templateText() -> TemplateText {
        guard let template else {
            return TemplateText(
                nextHeight: nil, templateProblem: templateProblem ?? "The node has given no template yet.",
                templateBar: nil, templateFacts: nil)
        }
        var facts = [
            Fact("Transactions", "\(Characters.grouped(template.txids.count)) and the coinbase"),
            Fact("Pays", "\(Figures.bitcoin(template.coinbaseValue)) BTC"),
            Fact("Of that fees", "\(Figures.bitcoin(template.fees)) BTC"),
            Fact("Cheapest taken", template.lowestRate.map { "\(Figures.feeRate($0)) sat/vB" } ?? "–"),
            Fact("Signature operations", Characters.grouped(template.signatureOperations)),
            Fact("Version, bits", "0x\(String(template.version, radix: 16)), \(template.bits)", mono: true),
        ]
        if let tip = index.tip, template.previousHash != tip.hash.displayHex {
            facts.append(Fact("Builds on", "another block than the tip shown here"))
        }
        let full = Figures.percent(Double(template.weight), of: Double(template.weightLimit))
        let limit = Characters.grouped(template.weightLimit)
        return TemplateText(
            nextHeight: "\(template.height)", templateProblem: nil,
            templateBar: BarText(
                Double(template.weight), of: Double(template.weightLimit),
                label:
                    "\(Characters.grouped(template.weight)) of \(limit) weight units (\(full))"
            ),
            templateFacts: FactList(facts: facts))
    }

    func feeBands() -> [FeeBand] {
        guard !mempool.entries.isEmpty else { return [] }
        let edges: [Double] = [0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500]
        var sizes = [Int](repeating: 0, count: edges.count)
        var counts = sizes
        for entry in mempool.entries {
            let band = max(0, (edges.firstIndex { $0 > entry.rate } ?? edges.count) - 1)
            sizes[band] += entry.virtualSize
            counts[band] += 1
        }
        guard let low = counts.firstIndex(where: { $0 > 0 }), let high = counts.lastIndex(where: { $0 > 0 }),
            let widest = sizes.max()
        else { return [] }
        return (low...high).reversed().map { band in
            let size = Figures.scaled(Double(sizes[band]), unit: "vB")
            let upper = band + 1 < edges.count ? "–\(Int(edges[band + 1]))" : "+"
            return FeeBand(
                range: "\(Int(edges[band]))\(upper)",
                bandBar: BarText(
                    Double(sizes[band]), of: Double(widest), label: "\(sizes[band]) vB", tone: "cool"),
                bandNote: counts[band] == 0
                    ? "–"
                    : "\(Characters.grouped(counts[band])) tx, \(size)"
            )
        }
    }

    private func nodeFacts(now: Int64) -> [Fact] {
        let (blocks, transactions) = (
            Characters.grouped(index.count), Characters.grouped(index.transactionCount)
        )
        var facts = [
            Fact("Asked at", nodeName, mono: true),
            Fact(
                "Software", node.userAgent.isEmpty ? "–" : node.userAgent,
                hint: node.version.map { "version \($0)" }),
            Fact(
                "Chain", node.chain.isEmpty ? "–" : Characters.visible(node.chain),
                hint: node.isInitialDownload ? "in initial block download" : nil),
            Fact(
                "Indexed here",
                "\(blocks) blocks, \(transactions) transactions",
                hint: index.isPartial ? "from height \(Characters.grouped(index.base))" : nil),
        ]
        if let connections = node.connections {
            facts.append(Fact("Peers", "\(connections)", hint: node.connectionsIn.map { "\($0) inbound" }))
        }
        for peer in node.peers.prefix(6) {
            facts.append(
                Fact(
                    peer.isInbound ? "← peer" : "→ peer", peer.address, mono: true,
                    hint: peer.userAgent.isEmpty ? nil : peer.userAgent))
        }
        if let uptime = node.uptime { facts.append(Fact("Up for", Figures.span(Double(uptime)))) }
        if let received = node.bytesReceived, let sent = node.bytesSent {
            facts.append(
                Fact("Traffic", "\(Figures.bytes(Int(received))) in, \(Figures.bytes(Int(sent))) out"))
        }
        if let time = node.medianTime { facts.append(Fact("Median time", "\(Figures.utc(time)) UTC")) }
        if !node.chainWork.isEmpty {
            let digits = node.chainWork.drop { $0 == "0" }
            facts.append(Fact("Chain work", "0x\(Characters.visible(String(digits)))", mono: true))
        }
        return facts
    }

    private func tipTexts() -> [TipText] {
        node.tips.map { tip in
            let tone =
                switch tip.status {
                case "active": "active"
                case "invalid": "invalid"
                default: "fork"
                }
            return TipText(
                tipHeight: tip.height, tipHash: tip.hash, tipHashText: HashText(tip.hash),
                branch: tip.branchLength == 0 ? "–" : "\(tip.branchLength) long", status: tip.status,
                tone: tone)
        }
    }
}

extension String {
    /// "50.00000000" as "50", "0.10000000" as "0.1".
    var trimmingZeros: String {
        guard contains(".") else { return self }
        var text = self
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
