import Bitcoin
import Chain
import DeviceModel
import Firmware
import JobDeclaration
import Ledger
import Pool
import Rig
import SansIO
import Simulation
import Stratum
import Translator

/// Two nodes, a pool with its books, a job declaration server and client, a translator and five devices in the virtual
/// world, on links that fail. Everything is drawn from the seed, and the seed alone repeats it.
public final class Campaign {
    public let seed: UInt64
    let world: VirtualWorld
    var random: PRNG
    public let plan: CampaignPlan
    public let tally = CampaignTally()
    let bitaxe: DeviceProfile
    let antminer: DeviceProfile

    /// Endpoints of the roles.
    enum Address {
        static let poolTemplates = Endpoint(host: "10.0.0.1", port: 8_442)
        static let poolRPC = Endpoint(host: "10.0.0.1", port: 18_443)
        static let poolPeer = Endpoint(host: "10.0.0.1", port: 18_444)
        static let minerTemplates = Endpoint(host: "10.0.0.2", port: 8_442)
        static let pool = Endpoint(host: "10.0.0.3", port: 34_254)
        static let server = Endpoint(host: "10.0.0.4", port: 34_264)
        static let client = Endpoint(host: "10.0.0.5", port: 34_265)
        static let translator = Endpoint(host: "10.0.0.6", port: 34_255)
    }

    static let clock = WallClock(unixSecondsAtStart: 1_767_225_600)

    /// What a kill leaves behind.
    var poolNodeStorage = MemoryStorage()
    var minerNodeStorage = MemoryStorage()
    var books = MemoryStorage()
    /// How often each role was started.
    var lives: [CampaignRole: UInt32] = [:]
    private(set) var places: [CampaignRole: NodeID] = [:]
    private var book: LedgerBook?
    /// When the last fault that has an end ends.
    var lastRepair = Instant.start

    /// - Throws: ``FileError`` when the library lacks the devices' profiles.
    public init(
        seed: UInt64, library: ProfileLibrary, options: CampaignOptions = .swarm,
        change: (inout CampaignPlan) -> Void = { _ in }
    ) throws {
        self.seed = seed
        bitaxe = try library.load("bitaxe-gamma")
        antminer = try library.load("antminer-s19j-pro")
        world = VirtualWorld(seed: seed)
        world.keepsRecords = true
        var random = PRNG(seed: seed, stream: 0xca3)
        var plan = CampaignPlan(&random, options)
        change(&plan)
        self.plan = plan
        self.random = random
        for role in CampaignRole.allCases { try add(role) }
        fold(every: .seconds(10))
    }

    func id(_ role: CampaignRole) -> NodeID {
        guard let id = places[role] else { preconditionFailure("\(role) was not added") }
        return id
    }

    // MARK: Roles come and go

    private func add(_ role: CampaignRole) throws {
        let link = role.isDevice ? plan.deviceLink : plan.serverLink
        switch role {
        case .poolNode, .minerNode:
            places[role] = world.add(
                try nodeMachine(role), listening: role.listeners, link: link,
                observer: observeNode(role))
        case .pool:
            places[role] = world.add(
                poolMachine(LedgerStart()), listening: role.listeners, link: link, observer: observePool())
        case .server:
            places[role] = world.add(
                serverMachine(), listening: role.listeners, link: link, observer: observeServer())
        case .client:
            places[role] = world.add(
                clientMachine(), listening: role.listeners, link: link, observer: observeClient())
        case .translator:
            places[role] = world.add(
                translatorMachine(), listening: role.listeners, link: link, observer: observeTranslator())
        default:
            places[role] = world.add(rig(role), link: link, observer: observeRig(role))
        }
    }

    /// Starts a role anew from what its process left.
    func restart(_ role: CampaignRole) throws {
        let id = id(role)
        if world.isUp(id) { world.kill(id) }
        lives[role, default: 0] += 1
        switch role {
        case .poolNode:
            poolNodeStorage = poolNodeStorage.recovered()
            world.start(try nodeMachine(role), as: id, observer: observeNode(role))
        case .minerNode:
            minerNodeStorage = minerNodeStorage.recovered()
            world.start(try nodeMachine(role), as: id, observer: observeNode(role))
        case .pool:
            book = nil
            books = books.recovered()
            var machine = poolMachine(LedgerStart(try folded()))
            for store in [StoreID.ledgerEven, .ledgerOdd] {
                for record in world.records(of: id, in: store) {
                    machine.restore(record.span.bytes, from: store)
                }
            }
            world.start(machine, as: id, observer: observePool())
        case .server: world.start(serverMachine(), as: id, observer: observeServer())
        case .client: world.start(clientMachine(), as: id, observer: observeClient())
        case .translator: world.start(translatorMachine(), as: id, observer: observeTranslator())
        default: world.start(rig(role), as: id, observer: observeRig(role))
        }
    }

    // MARK: Books

    /// The pool's books with everything that its journal holds.
    @discardableResult
    func folded() throws -> LedgerBook {
        var book = try self.book ?? LedgerBook(books)
        let id = id(.pool)
        let records = [StoreID.ledgerEven, .ledgerOdd].flatMap { world.records(of: id, in: $0) }
        for record in records.sorted(by: { Self.sequence(of: $0) < Self.sequence(of: $1) }) {
            try book.take(record.span.bytes)
        }
        try book.commit()
        self.book = book
        return book
    }

    private static func sequence(of record: [UInt8]) -> UInt64 {
        LedgerRecord.sequence(of: record.span.bytes) ?? 0
    }

    /// What a pool's keeper of the books does.
    private func fold(every interval: Interval) {
        world.schedule(at: world.now + interval) { [weak self] world in
            guard let self else { return }
            let pool = self.id(.pool)
            if world.isUp(pool) {
                do {
                    let book = try self.folded()
                    world.send(.ledgerFolded(through: book.sequence), to: pool, as: PoolMachine.self)
                } catch { self.tally.faults.append("the books: \(error)") }
            }
            self.fold(every: interval)
        }
    }
}

/// Who takes part.
public enum CampaignRole: Int, Sendable, CaseIterable {
    /// The pool's node and the miner's own.
    case poolNode, minerNode
    case pool, server, client, translator
    /// Two at the pool, one behind the client, two over Stratum V1 behind the translator.
    case standardRig, extendedRig, declaredRig, firstV1Rig, secondV1Rig

    var isDevice: Bool { rawValue >= CampaignRole.standardRig.rawValue }
    var speaksV1: Bool { self == .firstV1Rig || self == .secondV1Rig }

    var listeners: [(ListenerID, Endpoint)] {
        typealias Address = Campaign.Address
        return switch self {
        case .poolNode:
            [
                (.templateProvider, Address.poolTemplates), (.rpc, Address.poolRPC),
                (.peerToPeer, Address.poolPeer),
            ]
        case .minerNode: [(.templateProvider, Address.minerTemplates)]
        case .pool: [(.mining, Address.pool)]
        case .server: [(.jobDeclarationServer, Address.server)]
        case .client: [(.mining, Address.client)]
        case .translator: [(.stratumV1, Address.translator)]
        default: []
        }
    }

    /// Where a device mines.
    var target: Endpoint {
        switch self {
        case .declaredRig: Campaign.Address.client
        case .firstV1Rig, .secondV1Rig: Campaign.Address.translator
        default: Campaign.Address.pool
        }
    }
}
