import Hardware
import SansIO

extension Experiment {
    /// Every key that an experiment file may have.
    public static let schema: [ExperimentKey] =
        general + networkKeys + stackKeys + fleetKeys + timelineKeys + judgement

    private static let general: [ExperimentKey] = [
        .text("name", "what the experiment is called in reports", required: true) { $0.name = $2 },
        .text("summary", "what it shows, in a sentence") { $0.summary = $2 },
        .integer("seed", 0...Int(Int64.max), "of everything that is drawn") { $0.seed = UInt64($2) },
        .integer(
            "repetitions", 1...1_000, "runs with seed, seed + 1, …; intervals of confidence need several"
        ) {
            $0.repetitions = $2
        },
    ]

    private static let networkKeys: [ExperimentKey] = [
        .choice(
            "network.chain", NetworkPlan.Chain.self,
            "labnet has a difficulty to choose; on regtest every share is a block"
        ) {
            $0.network.chain = $2
        },
        .duration("network.block_interval", 0.1...1_209_600, "mean time between blocks") {
            $0.network.blockInterval = $2
        },
        .choice(
            "network.block_source", NetworkPlan.BlockSource.self,
            "blocks by the fleet's own shares, by the clock, or by chance at the interval"
        ) { $0.network.blockSource = $2 },
        .number(
            "network.transactions_per_second", "1/s", 0...1_000, "transactions that the node's wallet sends"
        ) {
            $0.network.transactionsPerSecond = $2
        },
        .number("network.reorganisations_per_hour", "1/h", 0...3_600, "tips replaced by a competing block") {
            $0.network.reorganisationsPerHour = $2
        },
    ]

    private static let stackKeys: [ExperimentKey] = [
        .text(
            "stack.target", "a pool by URL instead of the lab's own; two are compared by the same fleet",
            list: true
        ) {
            (plan: inout Experiment, _: Int, url: String) throws(PlanError) in
            plan.stack.targets.append(url)
            if plan.stack.targets.count > 2 { throw PlanError("two targets can be compared, not more") }
        },
        .number(
            "stack.shares_per_minute", "1/min", 0.1...6_000,
            "shares per minute and device that vardiff aims at"
        ) {
            $0.stack.sharesPerMinute = $2
        },
        .choice("stack.vardiff", ["classic", "ckpool", "lab", "off"], "difficulty control of the pool") {
            $0.stack.isVardiffEnabled = $2 != "off"
            if $2 != "off" { $0.stack.vardiff = $2 }
        },
        .duration("stack.job_interval", 1...3_600, "a job on the present tip at least so often") {
            $0.stack.jobInterval = $2
        },
        .integer("stack.share_batch", 1...1_000, "shares that one acknowledgement may stand for") {
            $0.stack.shareBatch = UInt32($2)
        },
        .duration("stack.share_batch_age", 0...3_600, "how long an acknowledgement may wait for its batch") {
            $0.stack.shareBatchAge = $2
        },
        .integer("stack.aggregation", 1...10_000, "devices that the translator puts on one upstream channel")
        {
            $0.stack.aggregation = $2
        },
        .integer(
            "stack.speculative_pool", 1...1_000_000,
            "waiting transactions from which on the node tells a new tip with an empty template first"
        ) { $0.stack.speculativePool = $2 },
        .integer("stack.block_weight", 40_000...4_000_000, "weight units up to which the node fills blocks") {
            $0.stack.blockWeight = $2
        },
        .choice(
            "stack.declaration", ["full-template", "coinbase-only"], "mode of the job declaration client"
        ) {
            $0.stack.declaration = $2
        },
    ]

    private static let fleetKeys: [ExperimentKey] = [
        .text("fleets.*.name", "what the fleet is called in thresholds and reports", required: true) {
            $0.fleets[$1].name = $2
        },
        .integer("fleets.*.count", 1...1_000_000, "devices", required: true) { $0.fleets[$1].count = $2 },
        .text(
            "fleets.*.profiles", "device profiles, each with a weight after a colon: \"bitaxe-gamma:3\"",
            required: true, list: true
        ) {
            (plan: inout Experiment, index: Int, text: String) throws(PlanError) in
            plan.fleets[index].parts.append(try FleetPlan.Part(text))
        },
        .choice(
            "fleets.*.protocol", FleetPlan.Speech.self,
            "Stratum V1, or V2 with the profile's own or a given kind of channel"
        ) {
            $0.fleets[$1].speech = $2
        },
        .choice("fleets.*.via", FleetPlan.Via.self, "what the devices dial") { $0.fleets[$1].via = $2 },
        .text("fleets.*.link", "a link profile") { $0.fleets[$1].link = $2 },
        .number("fleets.*.delay_ms", "ms", 0...60_000, "one-way delay instead of the link profile's") {
            $0.fleets[$1].delay = Interval(seconds: $2 / 1_000)
        },
        .number("fleets.*.jitter_ms", "ms", 0...60_000, "mean of an exponential addition to it") {
            $0.fleets[$1].jitter = Interval(seconds: $2 / 1_000)
        },
        .number("fleets.*.scale", "", 1e-15...1, "hashrate scale: nominal times this is announced and mined")
        {
            $0.fleets[$1].hashrateScale = $2
        },
        .duration("fleets.*.ramp", 0...86_400, "devices are switched on evenly over this time") {
            $0.fleets[$1].ramp = $2
        },
        .duration("fleets.*.start", 0...2_592_000, "when the first device is switched on") {
            $0.fleets[$1].start = $2
        },
        .number("fleets.*.ambient", "°C", -40...70, "temperature of the room") { $0.fleets[$1].ambient = $2 },
        .boolean("fleets.*.boot", "devices boot as real ones do, which takes seconds to minutes") {
            $0.fleets[$1].boots = $2
        },
        .duration("fleets.*.backoff", 0.01...3_600, "first pause before a reconnection, doubled each time") {
            $0.fleets[$1].backoff = $2
        },
    ]

    private static let timelineKeys: [ExperimentKey] = [
        .text("phases.*.name", "what the phase is called in thresholds and reports", required: true) {
            $0.phases[$1].name = $2
        },
        .duration("phases.*.duration", 1...2_592_000, "its length", required: true) {
            $0.phases[$1].duration = $2
        },
        .duration("actions.*.at", 0...2_592_000, "since the run's beginning", required: true) {
            $0.actions[$1].at = $2
        },
        .choice("actions.*.do", ActionPlan.What.self, "what is done", required: true) {
            $0.actions[$1].what = $2
        },
        .text("actions.*.fleet", "whose devices; without it, all") {
            (plan: inout Experiment, index: Int, name: String) throws(PlanError) in
            guard let fleet = plan.fleets.firstIndex(where: { $0.name == name }) else {
                throw PlanError("is \"\(name)\": there is no fleet of that name")
            }
            plan.actions[index].fleet = fleet
        },
        .number("actions.*.percent", "%", 0.001...100, "the first so many of the fleet's devices") {
            $0.actions[$1].percent = $2
        },
        .number("actions.*.value", "", -1e9...1e9, "factor, °C, ms or blocks: see the action") {
            $0.actions[$1].value = $2
        },
        .duration("actions.*.duration", 0...2_592_000, "how long it takes or lasts") {
            $0.actions[$1].duration = $2
        },
        .choice("actions.*.role", ["pool", "node", "jds", "jdc", "translator"], "whom to kill") {
            $0.actions[$1].role = $2
        },
        .choice(
            "actions.*.fault", DeviceFault.Kind.names,
            "the hardware fault; value is its kelvin, share, years, fans or chips"
        ) { $0.actions[$1].fault = $2 },
    ]

    private static let judgement: [ExperimentKey] = [
        .text(
            "thresholds",
            "what the run must hold: \"stale_rate < 0.002\", \"submit p(99) < 250ms in storm abort\"",
            list: true
        ) {
            (plan: inout Experiment, _: Int, text: String) throws(PlanError) in
            plan.thresholds.append(try Threshold(text))
        },
        .text("sweep.key", "a key of this file that takes several values, as fleets.0.delay_ms") {
            var sweep = $0.sweep ?? SweepPlan()
            sweep.key = $2
            $0.sweep = sweep
        },
        .any("sweep.values", "its values, a run for each", list: true) {
            var sweep = $0.sweep ?? SweepPlan()
            sweep.values.append($2)
            $0.sweep = sweep
        },
        .any("sweep.long", "more values, which only runs with --long take", list: true) {
            var sweep = $0.sweep ?? SweepPlan()
            sweep.long.append($2)
            $0.sweep = sweep
        },
        .text("references.*.measure", "a measure as in thresholds, without a comparison", required: true) {
            (plan: inout Experiment, index: Int, text: String) throws(PlanError) in
            var words = Words(text)
            var measure = try Measure(&words)
            try measure.scope(&words)
            if let rest = words.next() { throw PlanError("\"\(rest)\" is too much after a measure") }
            plan.references[index].measure = text
        },
        .any("references.*.sweep", "the value of the sweep for which it holds; without it, for all") {
            $0.references[$1].sweep = $2
        },
        .number(
            "references.*.expected", "", -1e18...1e18, "what others found or a closed form says",
            required: true
        ) {
            $0.references[$1].expected = $2
        },
        .number("references.*.low", "", -1e18...1e18, "the pass band's lower end") {
            $0.references[$1].low = $2
        },
        .number("references.*.high", "", -1e18...1e18, "the pass band's upper end") {
            $0.references[$1].high = $2
        },
        .text("references.*.source", "who says so", required: true) { $0.references[$1].source = $2 },
    ]
}

extension FleetPlan.Part {
    /// `bitaxe-gamma` or `bitaxe-gamma:3`.
    init(_ text: String) throws(PlanError) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        var weight = 1
        if parts.count == 2 {
            guard let number = Int(parts[1]), (1...1_000_000).contains(number) else {
                throw PlanError("is \"\(text)\": the weight after the colon must be a whole number from 1")
            }
            weight = number
        }
        guard let name = parts.first, !name.isEmpty else {
            throw PlanError("is \"\(text)\": a profile's name is missing")
        }
        self.init(profile: name, weight: weight)
    }
}
