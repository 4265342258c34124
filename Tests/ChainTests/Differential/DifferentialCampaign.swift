import Bitcoin
import Testing

@testable import Chain

/// Feeds the same blocks to our chain and to the kernel and compares verdict, reason and tip after each one.
struct DifferentialCampaign {
    /// Later than every block's time, earlier than those from the far future.
    static let now: UInt32 = 1_800_000_000

    let seed: UInt64
    let judge: KernelJudge
    var generator: BlockGenerator
    var chain = Chainstate(.regtest)
    /// Every branch that the generator may build on, by its tip; the youngest are kept.
    var branches: [Hash256: Branch] = [:]
    var recent: [Hash256] = []
    /// Blocks that were refused, as bytes.
    var refused: [[UInt8]] = []
    var submitted = 0
    var disagreements: [String] = []
    /// How often each reason came up; nil stands under "accepted".
    var reasons: [String: Int] = [:]
    var reorganisations = 0
    /// Blocks of side chains that failed lately, for the report.
    private var failures: [String] = []

    init(seed: UInt64, judge: KernelJudge) throws {
        self.seed = seed
        self.judge = judge
        generator = BlockGenerator(seed: seed)
        try judge.reset()
        let start = Branch()
        branches[start.tip] = start
        recent.append(start.tip)
    }

    /// The branch of the active chain.
    var active: Branch {
        guard let branch = branches[chain.tip.hash] else { preconditionFailure("an unknown tip") }
        return branch
    }

    /// Builds a base in which coinbases are mature, then submits until `count` blocks were judged.
    mutating func run(_ count: Int) throws {
        for _ in 0..<104 {
            try submit(generator.draft(on: active, payments: 0).mined(), on: active, "base")
        }
        while submitted < count, disagreements.count < 5 { try step() }
    }

    private mutating func step() throws {
        let branch = active
        switch generator.below(100) {
        case ..<30: try submit(generator.draft(on: branch).mined(), on: branch, "good")
        case ..<38: try fork()
        case ..<42: try poisonedFork()
        case ..<44: try headersFirst()
        case ..<46: try childBeforeParent()
        case ..<49: try twoBodies()
        case ..<51: try again()
        case ..<52: try garbage()
        default:
            // Blocks of megabytes are as telling when they are few.
            let heavy: Set<Mutation> = [.size, .weight, .weightEdge]
            var mutation = generator.pick(Mutation.allCases)
            if heavy.contains(mutation), !generator.chance(20) { mutation = .highS }
            guard let block = generator.mutated(mutation, on: branch) else { return }
            try submit(block, on: branch, mutation.rawValue)
            if generator.chance(5) { try submit(block, on: branch, "again " + mutation.rawValue) }
            if generator.chance(5) {
                let next = branch.appending(block, locks: generator.locks)
                try submit(generator.draft(on: next, payments: 0).mined(), on: next, "child of \(mutation)")
            }
        }
    }

    // MARK: Scenarios of several blocks

    private mutating func olderBranch() -> Branch {
        let known = recent.suffix(12).compactMap { branches[$0] }
        return generator.pick(known)
    }

    /// Good blocks on a branch that need not be the active one; enough of them reorganise.
    private mutating func fork() throws {
        var branch = olderBranch()
        for _ in 0...generator.below(5) {
            let block = generator.draft(on: branch).mined()
            try submit(block, on: branch, "fork")
            branch = branch.appending(block, locks: generator.locks)
        }
    }

    /// A longer branch with a block inside that fails only when its coins are spent.
    private mutating func poisonedFork() throws {
        var branch = olderBranch()
        let length = max(2, active.height - branch.height + 1 + generator.below(3))
        let poisoned = generator.below(length)
        for position in 0..<length {
            var block: Block?
            if position == poisoned {
                let kinds: [Mutation] = [
                    .flippedSignature, .missingInput, .coinbaseTooMuch, .spendsMore, .spentTwice, .wrongKey,
                ]
                block = generator.mutated(generator.pick(kinds), on: branch)
            }
            let next = block ?? generator.draft(on: branch).mined()
            try submit(next, on: branch, position == poisoned ? "poison" : "around poison")
            branch = branch.appending(next, locks: generator.locks)
        }
    }

    /// The headers of a branch first, then its bodies in any order; one header may be wrong.
    private mutating func headersFirst() throws {
        var branch = generator.chance(50) ? active : olderBranch()
        var blocks: [(Block, Branch)] = []
        for _ in 0...generator.below(4) {
            let kinds: [Mutation] = [.version, .bits, .timeTooOld, .coinbaseHeight, .notFinalHeight]
            let spoiled = generator.chance(10) ? generator.mutated(generator.pick(kinds), on: branch) : nil
            let block = spoiled ?? generator.draft(on: branch).mined()
            blocks.append((block, branch))
            branch = branch.appending(block, locks: generator.locks)
        }
        for (block, _) in blocks { try submitHeader(block.header) }
        while !blocks.isEmpty {
            let (block, branch) = blocks.remove(at: generator.below(blocks.count))
            try submit(block, on: branch, "body")
        }
    }

    private mutating func childBeforeParent() throws {
        let branch = active
        let parent = generator.draft(on: branch).mined()
        let next = branch.appending(parent, locks: generator.locks)
        let child = generator.draft(on: next, payments: 0).mined()
        try submit(child, on: next, "orphan")
        try submit(parent, on: branch, "parent")
        try submit(child, on: next, "orphan again")
    }

    /// A wrong body under a good header, then the right one.
    private mutating func twoBodies() throws {
        let branch = active
        var block = generator.draft(on: branch).mined()
        let good = block
        switch generator.below(4) {
        case 0:
            // CVE-2012-2459: the last transactions again, under the same root.
            var count = 1
            while block.transactions.count % (2 * count) == 0 { count *= 2 }
            guard block.transactions.count > 1 else { break }
            block.transactions += block.transactions.suffix(count)
        case 1: block.transactions[0].inputs[0].witness = [[UInt8](repeating: 1, count: 32)]
        case 2: block.transactions[0].inputs[0].witness = []
        default: block.transactions.append(block.transactions[0])
        }
        for index in block.transactions.indices { block.transactions[index].seal() }
        if block != good { try submit(block, on: branch, "wrong body") }
        try submit(good, on: branch, "right body")
    }

    private mutating func again() throws {
        guard !refused.isEmpty else { return }
        let bytes = generator.pick(refused)
        try compare(bytes, "refused before")
    }

    private mutating func garbage() throws {
        let branch = active
        var bytes = generator.draft(on: branch).mined().bytes()
        if generator.chance(50) {
            bytes.removeLast(1 + generator.below(min(60, bytes.count - 1)))
        } else {
            // Not the header: a new hash would be another block.
            bytes[80] = 0xff
        }
        try compare(bytes, "garbage")
    }

    // MARK: Comparison

    private mutating func submit(_ block: Block, on branch: Branch, _ what: String) throws {
        let reason = try compare(block.bytes(), what)
        let hash = block.hash
        if reason != nil {
            refused.append(block.bytes())
            if refused.count > 40 { refused.removeFirst() }
        } else if branches[hash] == nil {
            remember(branch.appending(block, locks: generator.locks))
        }
    }

    private mutating func remember(_ branch: Branch) {
        branches[branch.tip] = branch
        recent.append(branch.tip)
        // The active chain's last blocks stay, for forks.
        guard recent.count > 60 else { return }
        let old = recent.removeFirst()
        if old != chain.tip.hash { branches[old] = nil } else { recent.append(old) }
    }

    @discardableResult
    private mutating func compare(_ bytes: [UInt8], _ what: String) throws -> String? {
        submitted += 1
        let before = chain.tip.hash
        let reason = judgeOurselves(bytes)
        if chain.tip.hash != before, chain.tip.header.previousBlockHash != before { reorganisations += 1 }
        reasons[reason ?? "accepted", default: 0] += 1
        let ours = KernelJudge.Verdict(reason: reason, height: chain.height, tip: chain.tip.hash.displayHex)
        let theirs = try judge.block(bytes)
        if ours != theirs {
            disagreements.append(
                "seed \(seed), block \(submitted) (\(what)): ours \(ours) \(failures); kernel \(theirs); "
                    + (bytes.count < 20_000 ? bytes.hex : "\(bytes.count) bytes"))
        }
        return reason
    }

    private mutating func judgeOurselves(_ bytes: [UInt8]) -> String? {
        guard let block = try? Block(bytes: bytes) else { return "undecodable" }
        let verdict = chain.accept(block, bytes: bytes, now: Self.now)
        failures = verdict.failures.map { "\(chain.tree[$0.id].hash) \($0.rejection)" }
        return verdict.rejection?.reason
    }

    private mutating func submitHeader(_ header: BlockHeader) throws {
        var reason: String?
        do throws(Rejection) { _ = try chain.accept(header, hash: header.hash, now: Self.now) } catch {
            reason = error.reason
        }
        let theirs = try judge.header(header.bytes)
        if reason != theirs.reason {
            disagreements.append(
                "seed \(seed), header after block \(submitted): ours \(reason ?? "accepted"); "
                    + "kernel \(theirs.reason ?? "accepted"); \(header.bytes.hex)")
        }
    }
}
