import Bitcoin
import SansIO
import Stratum

/// A solution that a client sent, as a block.
struct TemplateSolution {
    var client: ConnectionID
    var templateID: UInt64
    var block: Block
}

/// The server's side of SV2's template distribution: clients, what was promised to whom, and the templates
/// that may still be solved. An inner machine of the node; it never looks at the chain by itself.
struct TemplateProvider: Sendable {
    /// Clients that reserve the same room in the coinbase share one template and its encoded messages.
    struct Constraints: Hashable, Sendable {
        var additionalSize: UInt32
        var additionalSigOps: UInt16

        /// Weight kept free of transactions (SV2 chapter 7: 1168 for the frame and 4 for each byte; 400 more
        /// for the scriptSig, as the reference provider does; Core's minimum is 2000).
        var reservedWeight: Int { max(ChainLimits.reservedWeightMin, 1_168 + 400 + 4 * Int(additionalSize)) }
        var reservedSigOps: Int { max(ChainLimits.reservedSigOps, 4 * Int(additionalSigOps)) }
    }

    /// How far a client has come.
    enum Phase: Sendable, Equatable {
        /// The handshake or SetupConnection is still to come.
        case opening
        /// Set up; nothing is sent before it says what it will add to the coinbase.
        case unconstrained
        /// Gets every template for these constraints.
        case served(Constraints)
    }

    struct Client: Sendable {
        let id: ConnectionID
        var connection: V2Connection
        var phase: Phase = .opening
    }

    struct Served: Sendable {
        let id: UInt64
        let template: BlockTemplate
        /// When it stops being answerable after the tip moved on; nil while it builds on the tip.
        var staleAt: Instant?
    }

    /// What all clients of the same constraints were told last.
    struct Group: Sendable {
        let constraints: Constraints
        var id: UInt64
        var fees: Int64
        var mempoolVersion: UInt64
        /// NewTemplate (future) and SetNewPrevHash as plain frames, for clients that join.
        var pair: [[UInt8]]
        /// Whether it was sent ahead of the pool's update and holds no transactions for that reason.
        var isSpeculative = false
    }

    /// In the order of their ids, so in the order of arrival.
    var clients: [Client] = []
    var groups: [Group] = []
    /// In the order of their ids.
    var served: [Served] = []
    var nextID: UInt64 = 1
    /// The answer to the last request for transactions, as a plain frame: clients ask for the same template.
    private var encodedTransactions: (id: UInt64, frame: [UInt8])?

    static let grace = Interval.seconds(10)

    var hasServedClients: Bool { !groups.isEmpty }

    func clientIndex(_ id: ConnectionID) -> Int? {
        var low = 0
        var high = clients.count
        while low < high {
            let middle = (low + high) / 2
            if clients[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < clients.count && clients[low].id == id ? low : nil
    }

    mutating func open(_ id: ConnectionID, connection: V2Connection) {
        clients.append(Client(id: id, connection: connection))
    }

    /// True if there was such a client.
    mutating func close(_ id: ConnectionID) -> Bool {
        guard let index = clientIndex(id) else { return false }
        clients.remove(at: index)
        dropIdleGroups()
        return true
    }

    mutating func dropIdleGroups() {
        groups.removeAll { group in !clients.contains { $0.phase == .served(group.constraints) } }
    }

    func template(_ id: UInt64, at now: Instant) -> BlockTemplate? {
        guard let found = served.last(where: { $0.id == id }) else { return nil }
        if let staleAt = found.staleAt, staleAt <= now { return nil }
        return found.template
    }

    /// RequestTransactionData.Success as a plain frame, encoded once for all clients that ask.
    mutating func transactionsFrame(of template: BlockTemplate, id: UInt64) -> [UInt8] {
        if let encoded = encodedTransactions, encoded.id == id { return encoded.frame }
        let frame = V2Framing.frame(
            TemplateDistribution.RequestTransactionDataSuccess(
                templateID: id, excessData: WitnessCommitment.reservedValue,
                transactionList: template.entries.map { $0.transaction.bytes() }))
        encodedTransactions = (id, frame)
        return frame
    }

    /// Makes a template known under a new id.
    mutating func publish(_ template: BlockTemplate) -> UInt64 {
        let id = nextID
        nextID += 1
        served.append(Served(id: id, template: template))
        if served.count > ChainLimits.templatesKept { served.removeFirst() }
        return id
    }

    /// The tip moved: what builds on another block has its days counted. Returns when to sweep.
    mutating func tipChanged(to tip: Hash256, at now: Instant) -> Instant? {
        for index in served.indices
        where served[index].staleAt == nil && served[index].template.previous != tip {
            served[index].staleAt = now + Self.grace
        }
        return nextSweep
    }

    mutating func sweep(at now: Instant) -> Instant? {
        served.removeAll { $0.staleAt.map { $0 <= now } ?? false }
        if let encoded = encodedTransactions, !served.contains(where: { $0.id == encoded.id }) {
            encodedTransactions = nil
        }
        return nextSweep
    }

    private var nextSweep: Instant? { served.lazy.compactMap(\.staleAt).min() }

    /// The new pair for one group of constraints, built and encoded once.
    mutating func renew(_ constraints: Constraints, template: BlockTemplate, time: UInt32) -> Group {
        let id = publish(template)
        let pair = [
            V2Framing.frame(Self.newTemplate(template, id: id, isFuture: true)),
            V2Framing.frame(
                TemplateDistribution.SetNewPrevHash(
                    templateID: id, prevHash: template.previous, headerTimestamp: template.time(at: time),
                    nBits: template.bits.bits, target: template.target)),
        ]
        let group = Group(
            constraints: constraints, id: id, fees: template.totalFees,
            mempoolVersion: template.mempoolVersion, pair: pair)
        if let index = groups.firstIndex(where: { $0.constraints == constraints }) {
            groups[index] = group
        } else {
            groups.append(group)
        }
        return group
    }

    static func newTemplate(
        _ template: BlockTemplate, id: UInt64, isFuture: Bool
    ) -> TemplateDistribution.NewTemplate {
        var outputs = ByteWriter(capacity: 47)
        TransactionOutput(value: 0, scriptPubKey: template.commitment).encode(into: &outputs)
        return TemplateDistribution.NewTemplate(
            templateID: id, futureTemplate: isFuture, version: template.version, coinbaseTxVersion: 2,
            coinbasePrefix: Script.heightPush(template.height), coinbaseTxInputSequence: 0xffff_fffe,
            coinbaseTxValueRemaining: UInt64(template.coinbaseValue), coinbaseTxOutputsCount: 1,
            coinbaseTxOutputs: outputs.bytes, coinbaseTxLocktime: UInt32(template.height - 1),
            merklePath: template.merklePath)
    }
}
