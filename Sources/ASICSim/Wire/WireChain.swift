import Bitcoin
import Hardware
import SansIO

/// A reply on its way to the host.
public struct LineOutput: Sendable, Equatable {
    /// As the host hears them: garbage if its speed is not the chips'.
    public var bytes: [UInt8]
    /// When the last bit has left; never before the call that gave it out.
    public var due: Instant

    public init(bytes: [UInt8], due: Instant) {
        self.bytes = bytes
        self.due = due
    }
}

/// A chain of chips behind one serial line: bytes in, bytes out, and every nonce that it reports is a true one.
///
/// A value without a clock: the driver hands it bytes and instants and calls ``deadlineReached(at:into:)`` when
/// ``nextDeadline`` has come. It takes bytes at the host's speed, ten bits each, acts on a frame when its last bit has
/// come, and answers on a line of its own that no two frames share.
public struct WireChain: Sendable {
    public let settings: WireChainSettings
    public internal(set) var chips: [WireChip]
    /// What the line and the chips did since the beginning.
    public internal(set) var statistics = WireChainStatistics()
    /// For chips that measure it (BM1368).
    public var dieTemperature = Celsius(55)
    /// Faults may be changed at any time; scheduled ones begin and end by themselves.
    public var faults: [ChipFault]
    /// A share of the hashes that go wrong, for the error counters (register 4C); the nonces themselves go wrong by
    /// ``ChipFault/Kind/wrongNonce``.
    public var errorRate = 0.0

    /// The chips' speed, by the first chip's registers.
    public internal(set) var baud = ChipBaud.atReset
    /// The host's speed as it last showed itself.
    public internal(set) var hostBaud: Double?
    public private(set) var isInReset = false
    /// When the host's last byte so far has arrived: a driver may hold back further bytes until then.
    public private(set) var inputBusyUntil = Instant.start

    var decoder: ChipFrameDecoder
    var outputBusyUntil = Instant.start
    var work: ChainWork?
    /// A job on its way into the cores; the old one is hashed until then.
    var incoming: (work: ChainWork, at: Instant)?
    var hashedUntil = Instant.start
    /// Hashes done beyond what was owed.
    var ahead = 0.0
    /// The chip whose turn is next. Not set back by a new job: else the first chips would find more than the last.
    var turn = 0
    var due: Instant?
    var isExpired = false
    var busyWorks = 0
    let layout: NonceLayout
    var random: PRNG

    public init(_ settings: WireChainSettings) {
        precondition((1...Limits.chipsPerChainMax).contains(settings.chips), "an address has eight bits")
        self.settings = settings
        faults = settings.faults
        layout = NonceLayout(settings.family)
        decoder = ChipFrameDecoder(family: settings.family)
        random = PRNG(seed: settings.seed)
        chips = Self.fresh(settings, at: .start)
        reset(at: .start)
    }

    private static func fresh(_ settings: WireChainSettings, at now: Instant) -> [WireChip] {
        let units = settings.unitsPerChip ?? Double(settings.family.units)
        return (0..<settings.chips).map { _ in
            WireChip(settings.family, units: units, lockTime: settings.lockTime, at: now)
        }
    }

    /// The reset line of the chips, true for held down. All that was told them is forgotten, as is what was being sent.
    public mutating func setReset(_ held: Bool, at now: Instant) {
        if held != isInReset { reset(at: now) }
        isInReset = held
    }

    private mutating func reset(at now: Instant) {
        chips = Self.fresh(settings, at: now)
        decoder.reset()
        work = nil
        incoming = nil
        due = nil
        busyWorks = 0
        outputBusyUntil = now
        baud = ChipBaud.of(chips[0].registers, family: settings.family) ?? ChipBaud.atReset
    }

    /// When ``deadlineReached(at:into:)`` is wanted; nil while there is nothing to hash.
    public var nextDeadline: Instant? { due }

    // MARK: From the host

    /// Bytes that the host begins to send now, or when its earlier ones are through.
    ///
    /// - Parameter hostBaud: bits per second of the host's port.
    public mutating func receive(
        _ bytes: some Collection<UInt8>, baud hostBaud: Double, at now: Instant,
        into output: inout [LineOutput]
    ) {
        guard !bytes.isEmpty, hostBaud > 0 else { return }
        self.hostBaud = hostBaud
        var start = max(now, inputBusyUntil)
        if start > inputBusyUntil + Limits.frameGap { decoder.reset() }
        let perByte = 10e9 / hostBaud
        inputBusyUntil = start + Interval(nanoseconds: UInt64(perByte * Double(bytes.count)))
        statistics.bytesIn += UInt64(bytes.count)
        guard !isInReset else { return }
        var rest = Array(bytes)
        while !rest.isEmpty {
            let speed = self.baud
            let isClear = LineSampling.agree(hostBaud, speed)
            let before = decoder.consumed + UInt64(decoder.pending.count)
            decoder.append(isClear ? rest : LineSampling.heard(rest, sent: hostBaud, by: speed))
            rest = []
            while let frame = decoder.next() {
                // Where in this burst the frame ended; what was heard as garbage has no places, and takes effect at once.
                let taken = isClear && decoder.consumed > before ? decoder.consumed - before : 0
                let at = start + Interval(nanoseconds: UInt64(perByte * Double(taken)))
                apply(frame, at: at, now: now, into: &output)
                guard self.baud != speed else { continue }
                // What follows comes at the old speed to chips that listen at the new.
                rest = isClear ? Array(decoder.pending) : []
                decoder.reset()
                start = at
                break
            }
        }
    }

    private mutating func apply(
        _ frame: ChipFrame, at instant: Instant, now: Instant, into output: inout [LineOutput]
    ) {
        switch frame {
        case .malformed: statistics.malformed += 1
        case .command(let command):
            statistics.commands += 1
            obey(command, at: instant, now: now, into: &output)
        case .job(let job):
            statistics.jobs += 1
            load(job, at: instant, now: now, into: &output)
        }
    }

    // MARK: To the host

    /// Whether the line still takes a frame that begins then.
    func hasRoom(for instant: Instant, now: Instant) -> Bool {
        outputBusyUntil < max(now, instant) + Limits.replyBacklog
    }

    /// Puts a frame on the line, behind what is there.
    mutating func send(
        _ frame: [UInt8], from instant: Instant, now: Instant, into output: inout [LineOutput]
    ) {
        guard hasRoom(for: instant, now: now) else {
            statistics.lost += 1
            return
        }
        if strikes(.silent, at: instant) { return }
        var bytes = frame
        if strikes(.checksum, at: instant), let last = bytes.indices.last {
            bytes[last] ^= 1 << UInt8(random.below(5))
        }
        let start = max(outputBusyUntil, instant)
        outputBusyUntil = start + Interval(nanoseconds: UInt64(10e9 * Double(bytes.count) / baud))
        statistics.bytesOut += UInt64(bytes.count)
        if let hostBaud, !LineSampling.agree(baud, hostBaud) {
            bytes = LineSampling.heard(bytes, sent: baud, by: hostBaud)
            if bytes.isEmpty { return }
        }
        output.append(LineOutput(bytes: bytes, due: max(outputBusyUntil, now)))
    }

    /// Whether a fault of this kind strikes an event now. Draws no random number without such a fault.
    mutating func strikes(_ kind: ChipFault.Kind, at now: Instant) -> Bool {
        var struck = false
        for fault in faults where fault.kind == kind && fault.strikes(at: now, &random) { struck = true }
        return struck
    }

    /// The host's port was set to another speed.
    public mutating func setHostBaud(_ baud: Double) { hostBaud = baud }
}
