/// What the active faults do to the chips of a device and to the line behind them.
public struct ChipFaults: Equatable, Sendable {
    public let boards: Int
    public let chipsPerBoard: Int
    /// Chips of a domain are neighbours; `chipsPerBoard` is a multiple of the domains.
    public let domains: Int

    /// For each board, how many of its last chips are absent.
    public private(set) var missing: [Int] = []
    /// Domains that do not hash, each once.
    public private(set) var stuck: [StuckDomain] = []
    /// Boards that do not answer, each once, in order.
    public private(set) var silent: [Int] = []
    /// Shares of the nonces, 0...1.
    public private(set) var duplicateShare = 0.0
    public private(set) var checksumErrorShare = 0.0
    public private(set) var wrongIDShare = 0.0

    public struct StuckDomain: Equatable, Sendable {
        public let board: Int
        public let domain: Int
    }

    /// Healthy chips.
    public init(boards: Int, chipsPerBoard: Int, domains: Int = 1) {
        precondition(boards > 0 && chipsPerBoard > 0 && domains > 0)
        self.boards = boards
        self.chipsPerBoard = chipsPerBoard
        self.domains = min(domains, chipsPerBoard)
    }

    /// Adds what one fault does to chips; others are ignored, as is a board or domain that the device has not.
    public mutating func apply(_ fault: DeviceFault.Kind) {
        switch fault {
        case .missingChips(let board, let count):
            guard has(board: board) else { return }
            if missing.isEmpty { missing = [Int](repeating: 0, count: boards) }
            missing[board] = min(chipsPerBoard, missing[board] + max(0, count))
        case .stuckDomain(let board, let domain):
            let new = StuckDomain(board: board, domain: domain)
            guard has(board: board), domain >= 0, domain < domains, !stuck.contains(new) else { return }
            stuck.append(new)
        case .silentChain(let board):
            guard has(board: board), !silent.contains(board) else { return }
            silent.append(board)
            silent.sort()
        case .duplicateNonces(let share): duplicateShare = min(1, duplicateShare + share)
        case .checksumErrors(let share): checksumErrorShare = min(1, checksumErrorShare + share)
        case .wrongIDs(let share): wrongIDShare = min(1, wrongIDShare + share)
        case .overheating, .fanLoss, .supplyDrop, .voltageSag, .sensorFailure, .ageing: break
        }
    }

    /// Nothing is wrong with the chips.
    public var isHealthy: Bool {
        self == ChipFaults(boards: boards, chipsPerBoard: chipsPerBoard, domains: domains)
    }

    /// Whether a chip's nonces reach the driver: it is there, its domain works, its chain answers.
    public func hashes(board: Int, chip: Int) -> Bool {
        guard answers(board: board, chip: chip) else { return false }
        let domain = chip * domains / chipsPerBoard
        return !stuck.contains(StuckDomain(board: board, domain: domain))
    }

    /// Whether a chip answers when it is counted.
    public func answers(board: Int, chip: Int) -> Bool {
        !silent.contains(board) && (missing.isEmpty || chip < chipsPerBoard - missing[board])
    }

    /// Chips that answer when they are counted.
    public var answeringChips: Int { count(answers) }
    /// Chips whose nonces reach the driver.
    public var hashingChips: Int { count(hashes) }

    /// Chips of one board that draw power: all but the missing ones and those of a domain without current.
    public func poweredChips(board: Int) -> Int {
        var powered = 0
        for chip in 0..<(chipsPerBoard - (missing.isEmpty ? 0 : missing[board])) {
            let domain = chip * domains / chipsPerBoard
            if !stuck.contains(StuckDomain(board: board, domain: domain)) { powered += 1 }
        }
        return powered
    }

    private func has(board: Int) -> Bool { board >= 0 && board < boards }

    private func count(_ isCounted: (Int, Int) -> Bool) -> Int {
        guard !missing.isEmpty || !stuck.isEmpty || !silent.isEmpty else { return boards * chipsPerBoard }
        var sum = 0
        for board in 0..<boards {
            for chip in 0..<chipsPerBoard where isCounted(board, chip) { sum += 1 }
        }
        return sum
    }
}
