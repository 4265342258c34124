import JobDeclaration
import SansIO
import Simulation

/// How much goes wrong.
public enum CampaignOptions: String, Sendable, CaseIterable {
    /// One or two faults: a first look.
    case lite
    /// Four to eleven.
    case swarm

    func faults(_ random: inout PRNG) -> UInt64 {
        switch self {
        case .lite: 1 + random.below(2)
        case .swarm: 4 + random.below(8)
        }
    }
}

/// What a seed decides besides the chances of links and devices.
public struct CampaignPlan: Sendable {
    var mode: JobDeclarationMode
    var aggregates: Bool
    var deviceLink: LinkProfile
    var serverLink: LinkProfile
    public var faults: [Fault]
    /// The translator mines at the job declaration client and not at the pool itself.
    var translatorIsDeclared = false
    var certificateValidity = Interval.hours(1)

    /// When a fault happens, since the faults began, and to whom.
    public struct Fault: Sendable, CustomStringConvertible {
        var at: Interval
        var role: CampaignRole
        var kind: Kind
        public var description: String { "\(at.seconds) s \(role) \(kind)" }
    }

    enum Kind: Sendable {
        case reset
        case sever
        case stall(Interval)
        case partition(Interval)
        /// `effects`: in the midst of an event, after so many effects.
        case kill(down: Interval, takesPower: Bool, effects: Int?)
        /// A node's last blocks are undone and replaced by one more.
        case reorganise(depth: Int)
    }

    /// The faults happen in this time.
    static let faultTime = Interval.minutes(6)

    init(_ random: inout PRNG, _ options: CampaignOptions) {
        mode = random.chance(1, in: 2) ? .fullTemplate : .coinbaseOnly
        aggregates = random.chance(1, in: 2)
        func link(_ random: inout PRNG) -> LinkProfile {
            LinkProfile(
                delay: .milliseconds(1 + random.below(40)), jitterMean: .milliseconds(1 + random.below(20)),
                lossPerMillion: random.below(30_000), fragmentationPerMillion: random.below(200_000))
        }
        deviceLink = link(&random)
        serverLink = link(&random)
        faults = (0..<options.faults(&random)).map { _ in Self.fault(&random) }
            .sorted { $0.at < $1.at }
    }

    private static func fault(_ random: inout PRNG) -> Fault {
        let role = CampaignRole.allCases[Int(random.below(UInt64(CampaignRole.allCases.count)))]
        let at = Interval.milliseconds(random.below(faultTime.nanoseconds / 1_000_000))
        let kind: Kind
        switch random.below(10) {
        case 0, 1: kind = .reset
        case 2: kind = .sever
        case 3: kind = .stall(.seconds(2 + random.below(90)))
        case 4, 5: kind = .partition(.seconds(2 + random.below(90)))
        case 6, 7, 8:
            kind = .kill(
                down: .seconds(1 + random.below(40)), takesPower: random.chance(1, in: 3),
                effects: random.chance(1, in: 2) ? Int(random.below(20)) : nil)
        default: return Fault(at: at, role: .poolNode, kind: .reorganise(depth: 1 + Int(random.below(3))))
        }
        return Fault(at: at, role: role, kind: kind)
    }
}
