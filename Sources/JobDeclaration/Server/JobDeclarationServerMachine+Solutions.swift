import Bitcoin
import Pool
import SansIO
import Stratum

/// Solutions become blocks: from the miner by PushSolution (SV2 section 6.4.9), from the pool by a command.
extension JobDeclarationServerMachine {
    mutating func push(
        _ message: JobDeclaration.PushSolution, on id: ConnectionID, at now: Instant,
        into effects: inout Effects
    ) {
        if connections[id]!.solutionTip != message.prevHash {
            connections[id]!.solutionTip = message.prevHash
            connections[id]!.solutions = 0
        }
        // The last job is what the specification promises; the ones before it cost a hash each to try.
        for job in jobs.reversed() where job.connection == id {
            guard let block = job.block(message) else { continue }
            connections[id]!.solutions += 1
            guard connections[id]!.solutions <= configuration.limits.solutionsPerTip else {
                effects.observe(.solutionIgnored(id, "enough solutions for this tip"))
                return
            }
            submit(block, transactions: job.transactions.count, at: now, into: &effects)
            return
        }
        // Late ones are nobody's fault, and where every share is a block they are many.
        effects.observe(.solutionIgnored(id, "no block of a declared job"))
    }

    mutating func solve(_ solution: CustomSolution, at now: Instant, into effects: inout Effects) {
        let message = JobDeclaration.PushSolution(
            extranonce: solution.extranonce, prevHash: solution.prevHash, nonce: solution.nonce,
            nTime: solution.nTime, nBits: solution.nBits, version: solution.version)
        guard let job = jobs.last(where: { $0.serial == solution.serial }), let block = job.block(message)
        else {
            effects.observe(.solutionIgnored(nil, "no block of a declared job"))
            return
        }
        submit(block, transactions: job.transactions.count, at: now, into: &effects)
    }

    private mutating func submit(
        _ block: (hash: Hash256, bytes: [UInt8]), transactions: Int, at now: Instant,
        into effects: inout Effects
    ) {
        guard !submitted.contains(block.hash) else { return }
        submitted.append(block.hash)
        if submitted.count > configuration.limits.submittedBlocks { submitted.removeFirst() }
        blocksSubmitted += 1
        effects.observe(.blockSubmitted(block.hash, transactions: transactions))
        if !ask(.submit(block.hash, block: block.bytes), by: .submit, at: now, into: &effects) {
            effects.observe(.blockJudged(block.hash, refusal: "too many calls wait for the node"))
        }
    }
}
