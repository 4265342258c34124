import Bitcoin
import Pool
import SansIO
import Stratum

/// AllocateMiningJobToken (SV2 section 6.4.2).
extension JobDeclarationServerMachine {
    mutating func allocate(
        _ message: JobDeclaration.AllocateMiningJobToken, on id: ConnectionID, at now: Instant,
        into effects: inout Effects
    ) {
        let limits = configuration.limits
        connections[id]!.allocations += 1
        guard connections[id]!.allocations <= limits.allocationsPerMinute else {
            close(id, "more than \(limits.allocationsPerMinute) tokens in a minute", into: &effects)
            return
        }
        guard connections[id]!.phase == .coinbaseOnly || tip != nil else {
            // A token would only be answered by errors before the node said its first word.
            guard connections[id]!.heldAllocations.count < limits.tokensPerConnection else {
                countOddity(on: id, into: &effects)
                return
            }
            connections[id]!.heldAllocations.append(message)
            if !waiting.contains(id) { waiting.append(id) }
            return
        }
        grant(message, on: id, at: now, into: &effects)
    }

    private mutating func grant(
        _ message: JobDeclaration.AllocateMiningJobToken, on id: ConnectionID, at now: Instant,
        into effects: inout Effects
    ) {
        let secret = configuration.tokenSecret
        let outputs = configuration.payout.placeholders
        let isFullTemplate = connections[id]!.phase == .fullTemplate
        let token = MiningJobToken(
            serial: secrets.bytes(16), expires: expiry(at: now),
            identity: secret.digest(.identity, Array(message.userIdentifier.utf8)),
            poolOutputs: secret.digest(.poolOutputs, outputs),
            grant: isFullTemplate ? .declaration : .coinbaseOnly)
        if isFullTemplate {
            // The oldest makes room: a client that hoards loses what it hoarded.
            if connections[id]!.tokens.count >= configuration.limits.tokensPerConnection {
                connections[id]!.tokens.removeFirst()
            }
            connections[id]!.tokens.append(
                .init(serial: token.serial, expires: token.expires, identity: token.identity))
        }
        tokensAllocated += 1
        connections[id]!.tokensAllocated += 1
        connections[id]!.identity = message.userIdentifier
        connections[id]!.link.send(
            JobDeclaration.AllocateMiningJobTokenSuccess(
                requestID: message.requestID, miningJobToken: token.bytes(under: secret),
                coinbaseTxOutputs: outputs), into: &out)
        effects.observe(.tokenAllocated(id, identity: message.userIdentifier))
    }

    /// The node said its first word.
    mutating func grantHeld(at now: Instant, into effects: inout Effects) {
        let ids = waiting
        waiting = []
        for id in ids {
            guard let held = connections[id]?.heldAllocations else { continue }
            connections[id]!.heldAllocations = []
            for message in held { grant(message, on: id, at: now, into: &effects) }
            flush(id, into: &effects)
        }
    }

    func expiry(at now: Instant) -> UInt32 {
        let seconds = UInt32(clamping: configuration.limits.tokenLifetime.nanoseconds / 1_000_000_000)
        let (end, overflow) = clock.unixSeconds(at: now).addingReportingOverflow(seconds)
        return overflow ? .max : end
    }
}
