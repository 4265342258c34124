import Hardware
import SansIO

extension WireChain {
    /// Chips that the line reaches, in its order.
    func isReached(_ index: Int, at now: Instant) -> Bool {
        for fault in faults {
            switch fault.kind {
            case .missing(let chip) where chip == index && fault.holds(at: now): return false
            case .broken(let from) where index >= from && fault.holds(at: now): return false
            default: break
            }
        }
        return true
    }

    mutating func obey(
        _ command: ChipCommand, at instant: Instant, now: Instant, into output: inout [LineOutput]
    ) {
        // An Icarus has nothing but jobs; the decoder gives it no commands.
        switch command {
        case .chainInactive:
            for index in chips.indices where isReached(index, at: instant) {
                chips[index].isAddressed = false
                chips[index].address = 0
            }
        case .setAddress(let address):
            let taker = chips.indices.first { !chips[$0].isAddressed && isReached($0, at: instant) }
            guard let taker else { return }
            chips[taker].address = address
            chips[taker].isAddressed = true
        case .read(let register, let of):
            for index in chips.indices where isMeant(index, of, at: instant) {
                answer(register, index, at: instant, now: now, into: &output)
            }
        case .write(let register, let value, let to):
            // What was hashed before it was hashed by the old clock, ticket and report enables.
            if chips[0].map.steersHashing(register) { catchUp(to: instant, now: now, into: &output) }
            for index in chips.indices where isMeant(index, to, at: instant) {
                write(register, value, index, at: instant)
            }
        case .setClock(let code, let to):
            catchUp(to: instant, now: now, into: &output)
            for index in chips.indices where isMeant(index, to, at: instant) {
                settle(index, at: instant)
                chips[index].setClock(code, at: instant)
            }
        }
        arm(at: instant)
    }

    private func isMeant(_ index: Int, _ address: ChipAddress, at now: Instant) -> Bool {
        switch address {
        case .all: break
        case .one(let address): if chips[index].address != address { return false }
        }
        return faults.isEmpty || isReached(index, at: now)
    }

    private mutating func answer(
        _ register: UInt8, _ index: Int, at instant: Instant, now: Instant, into output: inout [LineOutput]
    ) {
        let begins = instant + Limits.turnaround
        // A host that asks all chips faster than the line carries their answers loses most of them; those cost nothing.
        guard hasRoom(for: begins, now: now) else {
            statistics.lost += 1
            return
        }
        settle(index, at: instant)
        let chip = chips[index]
        let value = chip.read(register, die: dieTemperature, at: instant)
        let reply = ChipReply.register(
            RegisterReply(value: value, address: chip.address, register: register))
        let isShort = settings.family.takesWholeHeader && !chip.hasLongReplies
        send(
            reply.frame(for: settings.family, isShort: isShort), from: begins, now: now, into: &output)
    }

    private mutating func write(_ register: UInt8, _ value: UInt32, _ index: Int, at instant: Instant) {
        let map = chips[index].map
        if map.steersHashing(register) { settle(index, at: instant) }
        chips[index].write(register, value, at: instant)
        guard index == 0 else { return }
        let holdsSpeed =
            settings.family != .bm1387 || register != map.misc || value >> 30 & 1 == 0
        // Bit 30 of BM1387's misc register leaves the speed as it is.
        if holdsSpeed, let speed = ChipBaud.of(chips[0].registers, family: settings.family) { baud = speed }
    }

    /// Brings one chip's counters up to now.
    mutating func settle(_ index: Int, at now: Instant) {
        chips[index].count(
            isHashing: work != nil && !isExpired && isHashing(index, at: now), errorRate: errorRate, at: now)
    }

    /// Whether a chip takes part in hashing, its clock and halt aside.
    func isHashing(_ index: Int, at now: Instant) -> Bool {
        for fault in faults where fault.holds(at: now) {
            switch fault.kind {
            case .missing(let chip) where chip == index: return false
            case .broken(let from) where index >= from: return false
            case .stuckDomain(let domain) where domain == index * settings.domains / settings.chips:
                return false
            default: break
            }
        }
        return true
    }
}
