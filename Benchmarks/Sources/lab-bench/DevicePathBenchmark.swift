import Bitcoin
import DeviceModel
import Firmware
import Foundation
import Hardware
import Rig
import SansIO
import Stratum

/// Devices in model fidelity on sessions of their own, V1 and V2, in virtual time: what one event costs in the device
/// itself, and what a connected device occupies. The pools are stubs that acknowledge whatever comes; their time is not
/// counted.
///
/// As `lab sim` runs them: 6 shares a minute, 27 hashes of proof a share, sensors read once a minute when all is steady.
/// LAB_BENCH_DEVICES and LAB_BENCH_MINUTES change the size.
enum DevicePathBenchmark {
    static let nanosecondsPerEventMax = 3_000.0
    static let heapBytesMax = 4_096.0
    static let daySecondsMax = 300.0

    static func run() -> Bool {
        let environment = ProcessInfo.processInfo.environment
        let devices = environment["LAB_BENCH_DEVICES"].flatMap { Int($0) } ?? 10_000
        let minutes = environment["LAB_BENCH_MINUTES"].flatMap { UInt64($0) } ?? 30
        var holds = true
        for protocolName in ["v2", "v1"] {
            let fleet = BenchFleet(devices: devices, isV2: protocolName == "v2")
            fleet.run(until: .start + .minutes(10))
            fleet.reset()
            let start = (BenchFleet.clock(CLOCK_MONOTONIC), BenchFleet.clock(CLOCK_PROCESS_CPUTIME_ID))
            fleet.run(until: .start + .minutes(10 + minutes))
            // Of the process's own time, the share that passed in devices: others may want the processor as well.
            let passed = Double(BenchFleet.clock(CLOCK_MONOTONIC) - start.0)
            let spent = Double(BenchFleet.clock(CLOCK_PROCESS_CPUTIME_ID) - start.1)
            let nanoseconds = fleet.nanoseconds * spent / passed
            let each = nanoseconds / Double(fleet.events)
            let day = nanoseconds / 1e9 * 1_440 / Double(minutes) * 10_000 / Double(devices)
            let bytes = fleet.heapBytesOfRigs()
            print(
                "\(protocolName): \(fleet.events) events, \(fleet.shares) shares, \(fleet.rejected) not mining;",
                "\(Int(each)) ns an event (budget \(Int(nanosecondsPerEventMax)));",
                "10,000 devices for 24 hours: \(Int(day)) s (budget \(Int(daySecondsMax)));",
                "\(Int(bytes)) bytes a connected device (budget \(Int(heapBytesMax)))")
            if each > nanosecondsPerEventMax || day > daySecondsMax || bytes > heapBytesMax { holds = false }
        }
        return holds
    }
}

/// The far end of one device's session: it opens what is asked for and acknowledges every share.
struct StubPool {
    enum Kind { case v2(V2Connection), v1(V1LineDecoder) }
    var kind: Kind
    var isOpen = false
    var sequence: UInt32 = 0
    var shares = 0

    static let hashes = 27.0

    /// Appends the answer. Once open nothing is read: each piece is a share.
    mutating func receive(_ bytes: [UInt8], into out: inout ByteWriter) {
        if isOpen { return acknowledge(into: &out) }
        switch kind {
        case .v2(var connection):
            try? connection.receive(bytes.span.bytes, unixTime: 1_700_000_000, into: &out)
            while let frame = try? connection.nextFrame() {
                if let message = try? Mining.Message(frame: frame), case .openStandardMiningChannel = message
                {
                    open(&connection, into: &out)
                } else if let message = try? Common.Message(frame: frame), case .setupConnection = message {
                    connection.send(Common.SetupConnectionSuccess(usedVersion: 2, flags: 0), into: &out)
                }
            }
            kind = .v2(connection)
        case .v1(var decoder):
            decoder.receive(bytes.span.bytes)
            while let message = try? decoder.nextMessage() {
                guard case .request(let request) = message, let call = try? V1.ClientCall(request) else {
                    continue
                }
                answer(call, request, into: &out)
            }
            kind = .v1(decoder)
        }
    }

    private mutating func open(_ connection: inout V2Connection, into out: inout ByteWriter) {
        let target = StratumMath.target(hashRate: Self.hashes, sharesPerMinute: 60)
        connection.send(
            Mining.OpenStandardMiningChannelSuccess(
                requestID: 1, channelID: 2, target: target, extranoncePrefix: [0, 0, 0, 7],
                groupChannelID: 1), into: &out)
        connection.send(
            Mining.NewMiningJob(
                channelID: 2, jobID: 1, minNTime: nil, version: 0x2000_0000, merkleRoot: SHA256.hash([1])),
            into: &out)
        connection.send(
            Mining.SetNewPrevHash(
                channelID: 2, jobID: 1, prevHash: SHA256.hash([2]), minNTime: 1_700_000_000,
                nBits: 0x207f_ffff), into: &out)
        isOpen = true
    }

    private mutating func answer(_ call: V1.ClientCall, _ request: V1.Request, into out: inout ByteWriter) {
        switch call {
        case .configure(let wish):
            let result = V1.ConfigureResult(versionMask: 0x1fff_e000)
            V1.Response.ok(request.id, result.json(answering: wish)).encode(into: &out)
        case .subscribe:
            let result = V1.SubscribeResult(
                sessionID: "s", extranonce1: [1, 2, 3, 4], extranonce2Size: 4)
            V1.Response.ok(request.id, result.json).encode(into: &out)
        case .authorize:
            V1.Response.ok(request.id).encode(into: &out)
            let target = StratumMath.target(hashRate: Self.hashes, sharesPerMinute: 60)
            V1.SetDifficulty(target.difficulty).notification.encode(into: &out)
            V1.Notify(
                jobID: "1", prevHash: SHA256.hash([2]), coinbase1: [UInt8](repeating: 1, count: 60),
                coinbase2: [UInt8](repeating: 2, count: 90),
                merkleBranch: (0..<12).map { SHA256.hash([$0]) }, version: 0x2000_0000,
                nBits: 0x207f_ffff, nTime: 1_700_000_000, cleanJobs: true
            ).notification.encode(into: &out)
        case .submit:
            shares += 1
            V1.Response.ok(request.id).encode(into: &out)
        default: V1.Response.ok(request.id).encode(into: &out)
        }
    }

    private mutating func acknowledge(into out: inout ByteWriter) {
        guard case .v2(var connection) = kind else { return }
        connection.send(
            Mining.SubmitSharesSuccess(
                channelID: 2, lastSequenceNumber: sequence, newSubmitsAcceptedCount: 1, newSharesSum: 1),
            into: &out)
        sequence += 1
        shares += 1
        kind = .v2(connection)
    }
}

/// Devices and their stubs on one heap of deadlines.
final class BenchFleet {
    private var rigs: [RigMachine] = []
    private var pools: [StubPool] = []
    private var heap: [(due: Instant, rig: Int)] = []
    private var effects = EffectBuffer<MinerObservation>()
    private let isV2: Bool
    private(set) var events = 0
    var shares: Int { pools.reduce(0) { $0 + $1.shares } - sharesBefore }
    private var sharesBefore = 0
    private(set) var nanoseconds = 0.0
    var rejected: Int { rigs.count { $0.snapshot.phase != .mining } }

    init(devices: Int, isV2: Bool) {
        self.isV2 = isV2
        var secrets = SecretGenerator(seed: Array("bench".utf8))
        let authority = AuthoritySecretKey(secrets.secretKey())
        let credentials = NoiseCredentials.issue(
            authority: authority, staticKey: secrets.secretKey(), validFrom: 1_600_000_000,
            notValidAfter: 2_000_000_000)
        let endpoint = Endpoint(host: "pool.example", port: 3_333)
        let url = PoolURL(
            scheme: isV2 ? .stratumV2(authority: authority.publicKey) : .stratumV1, endpoint: endpoint)
        rigs.reserveCapacity(devices)
        let profile = DeviceBenchmark.profile
        for index in 0..<devices {
            var configuration = RigConfiguration(
                profile: profile, pools: [url], userIdentity: "bench.\(index)", seed: 1,
                stream: UInt64(index),
                wallClock: WallClock(unixSecondsAtStart: 1_700_000_000))
            configuration.hashrateScale = StubPool.hashes / 10 / profile.nominalHashRate.hashesPerSecond
            configuration.instantBoot = true
            configuration.telemetryMax = .minutes(1)
            configuration.startDelay = Interval(seconds: 60 * Double(index) / Double(devices))
            rigs.append(RigMachine(configuration))
            let kind: StubPool.Kind =
                isV2
                ? .v2(.responder(credentials: credentials, secrets: &secrets)) : .v1(V1LineDecoder())
            pools.append(StubPool(kind: kind))
            push(index)
        }
    }

    func reset() {
        events = 0
        sharesBefore += shares
        nanoseconds = 0
    }

    func run(until end: Instant) {
        while let first = heap.first, first.due <= end {
            let index = first.rig
            let now = first.due
            pop()
            guard let due = rigs[index].nextDeadline, due <= now else {
                push(index)
                continue
            }
            call { $0.rigs[index].deadlineReached(at: now, into: &$0.effects) }
            settle(index, at: now)
            push(index)
        }
    }

    /// Carries out effects until the device has no more to say.
    private func settle(_ index: Int, at now: Instant) {
        while !effects.isEmpty {
            var out = ByteWriter()
            var dialed: DialID?
            for effect in 0..<effects.count {
                switch effects[effect] {
                case .send(_, let range):
                    pools[index].receive(effects.bytes(range), into: &out)
                case .dial(let id, _): dialed = id
                default: break
                }
            }
            effects.reset()
            if let dialed {
                call {
                    $0.rigs[index].connectionOpened(
                        ConnectionID(1), origin: .dialed(dialed), at: now, into: &$0.effects)
                }
            }
            if out.count > 0 {
                let bytes = out.bytes
                call {
                    $0.rigs[index].bytesReceived(
                        bytes.span.bytes, on: ConnectionID(1), at: now, into: &$0.effects)
                }
            }
        }
    }

    @inline(__always)
    private func call(_ body: (BenchFleet) -> Void) {
        let start = Self.clock(CLOCK_MONOTONIC)
        body(self)
        nanoseconds += Double(Self.clock(CLOCK_MONOTONIC) - start)
        events += 1
    }

    @inline(__always)
    static func clock(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// What the heap gives back when the devices go, each.
    func heapBytesOfRigs() -> Double {
        let count = rigs.count
        let before = Self.heapBytes
        rigs = []
        return Double(before - Self.heapBytes) / Double(count)
    }

    /// Bytes that are allocated and not freed, by the allocator's own account.
    private static var heapBytes: Int {
        typealias Report = @convention(c) (Int32, UnsafeMutableRawPointer) -> Int32
        guard let symbol = dlsym(nil, "malloc_info"), let file = tmpfile() else { return 0 }
        defer { fclose(file) }
        _ = unsafeBitCast(symbol, to: Report.self)(0, UnsafeMutableRawPointer(file))
        rewind(file)
        var text: [UInt8] = []
        var byte = getc(file)
        while byte != EOF {
            text.append(UInt8(byte))
            byte = getc(file)
        }
        let report = String(decoding: text, as: UTF8.self)
        /// The last of its kind is of all arenas together.
        func last(_ pattern: Regex<(Substring, Substring)>) -> Int {
            report.matches(of: pattern).last.flatMap { Int($0.1) } ?? 0
        }
        return last(/<system type="current" size="([0-9]+)"/)
            - last(/<total type="fast" count="[0-9]+" size="([0-9]+)"/)
            - last(/<total type="rest" count="[0-9]+" size="([0-9]+)"/)
            + last(/<total type="mmap" count="[0-9]+" size="([0-9]+)"/)
    }

    private func push(_ rig: Int) {
        guard let due = rigs[rig].nextDeadline else { return }
        heap.append((due, rig))
        var i = heap.count - 1
        while i > 0, heap[i].due < heap[(i - 1) / 2].due {
            heap.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    private func pop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var i = 0
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2] where child < heap.count && heap[child].due < heap[least].due
            {
                least = child
            }
            guard least != i else { return }
            heap.swapAt(i, least)
            i = least
        }
    }
}
