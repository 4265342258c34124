import Bitcoin
import DeviceModel
import Firmware
import Hardware
import JSONText
import Management
import Rig
import SansIO
import Stratum

/// A managed rig, a scripted pool and somebody who talks to its interfaces, in virtual time.
struct ManagedWorld: ~Copyable {
    struct Exchange {
        var bytes: [UInt8] = []
        var isClosed = false

        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// Of an API answer, without its trailing NUL.
        var json: JSON? { try? JSON.parse(bytes.last == 0 ? Array(bytes.dropLast()) : bytes) }
        /// Of an HTTP answer.
        var status: Int? { text.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        var body: String {
            text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
        }
        var bodyJSON: JSON? { try? JSON.parse(body) }
        func header(_ name: String) -> String? {
            text.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ": ") }
                .map { String($0.dropFirst(name.count + 2)) }
        }
    }

    var device: ManagedRig
    var pool: ScriptedV2Pool
    var now = Instant.start
    var observations: [MinerObservation] = []
    var dials: [Endpoint] = []
    private(set) var exchanges: [ConnectionID: Exchange] = [:]
    private var poolConnection: ConnectionID?
    private var nextConnection: UInt64 = 1
    private var effects = EffectBuffer<MinerObservation>()

    static let address = "127.60.0.9"

    init(
        _ profile: DeviceProfile, personality: Personality? = nil, access: APIAccess = .everything,
        _ change: (inout RigConfiguration) -> Void = { _ in }
    ) {
        var configuration = TestRigs.configuration(profile)
        if let personality { configuration.profile.firmware.personality = personality.rawValue }
        configuration.instantBoot = true
        change(&configuration)
        var management = ManagementSettings(address: Self.address)
        management.access = access
        device = ManagedRig(configuration, management: management)
        pool = ScriptedV2Pool(target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
    }

    mutating func run(for length: Interval) throws {
        let end = now + length
        while let due = device.nextDeadline, due <= end {
            if due > now { now = due }
            device.deadlineReached(at: now, into: &effects)
            try drain()
        }
        now = end
    }

    mutating func command(_ command: RigMachine.Command) throws {
        device.handle(command, at: now, into: &effects)
        try drain()
    }

    // MARK: Talking to the interfaces

    mutating func open(_ port: ManagementPort) throws -> ConnectionID {
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        exchanges[id] = Exchange()
        device.connectionOpened(
            id, origin: .accepted(on: port.listener, from: "127.0.0.1"), at: now, into: &effects)
        try drain()
        return id
    }

    mutating func send(_ bytes: [UInt8], on id: ConnectionID, inPieces size: Int = .max) throws {
        var rest = bytes[...]
        while !rest.isEmpty, exchanges[id]?.isClosed == false {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(piece.count)
            device.bytesReceived(piece.span.bytes, on: id, at: now, into: &effects)
            try drain()
        }
    }

    /// What came on the connection since the last call.
    mutating func take(_ id: ConnectionID) -> Exchange {
        let exchange = exchanges[id] ?? Exchange()
        exchanges[id]?.bytes = []
        return exchange
    }

    mutating func ask(_ port: ManagementPort, _ text: String, inPieces size: Int = .max) throws -> Exchange {
        let id = try open(port)
        try send(Array(text.utf8), on: id, inPieces: size)
        return take(id)
    }

    /// One JSON command of the API.
    mutating func api(_ command: String, _ parameter: String? = nil) throws -> JSON {
        var object: JSONObject = ["command": .string(command)]
        if let parameter { object.append("parameter", .string(parameter)) }
        return try ask(.api, JSON.object(object).text).json ?? .null
    }

    mutating func http(_ method: String, _ path: String, _ body: String = "", headers: String = "") throws
        -> Exchange
    {
        try ask(
            .web,
            "\(method) \(path) HTTP/1.1\r\nHost: d\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
    }

    // MARK: Effects

    private mutating func drain() throws {
        var rounds = 0
        while !effects.isEmpty {
            rounds += 1
            precondition(rounds < 1_000, "device and pool talk in circles")
            var dialed: [(DialID, Endpoint)] = []
            var closed: [ConnectionID] = []
            for effect in effects.effects {
                switch effect {
                case .observe(let what): observations.append(what)
                case .send(let id, let range):
                    if id == poolConnection {
                        try pool.receive(effects.bytes(range))
                    } else if exchanges[id]?.isClosed == false {
                        exchanges[id]?.bytes += effects.bytes(range)
                    }
                case .close(let id, _): closed.append(id)
                case .dial(let id, let endpoint):
                    dials.append(endpoint)
                    dialed.append((id, endpoint))
                case .store, .restart, .pauseReads: break
                }
            }
            effects.reset()
            for id in closed {
                if id == poolConnection { poolConnection = nil }
                exchanges[id]?.isClosed = true
                device.connectionClosed(id, reason: .closed("by the machine"), at: now, into: &effects)
            }
            for (dial, endpoint) in dialed { answer(dial, endpoint) }
            let bytes = pool.takeOutput()
            if let poolConnection, !bytes.isEmpty {
                device.bytesReceived(bytes.span.bytes, on: poolConnection, at: now, into: &effects)
            }
        }
    }

    private mutating func answer(_ dial: DialID, _ endpoint: Endpoint) {
        guard endpoint.host != "nowhere" else {
            return device.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
        }
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        if poolConnection == nil {
            poolConnection = id
            pool.opened()
        }
        device.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
    }
}

/// Devices of the families that have no profile of their own in these tests.
enum ManagedProfiles {
    static func family(_ name: String, maker: String, chips: Int, _ personality: Personality) -> DeviceProfile
    {
        var profile = TestRigs.antminer
        profile.name = name
        profile.maker = maker
        profile.firmware.model = ""
        profile.boards.chipsPerBoard = chips
        profile.firmware.personality = personality.rawValue
        return profile
    }

    static var whatsminer: DeviceProfile {
        var profile = family("Whatsminer M50", maker: "MicroBT", chips: 105, .whatsminer)
        profile.fan.count = 2
        return profile
    }
    static var avalon: DeviceProfile { family("AvalonMiner 1246", maker: "Canaan", chips: 120, .avalon) }
}
