import SansIO
import Stratum

/// One Stratum V1 miner of a translator.
struct V1Miner: Sendable {
    /// Where its work comes from.
    enum Phase: Sendable, Equatable {
        /// Not authorized: there is nothing to open yet.
        case arriving
        /// Authorized; waits for the pool.
        case waiting
        /// Its own OpenExtendedMiningChannel was sent.
        case opening
        /// Jobs flow through the channel in this slot.
        case mining(slot: Int)
        /// The connection is being closed; what still arrives is not read.
        case closing
    }

    let id: ConnectionID
    /// Counts connections; the name of a miner that has none.
    let number: UInt32
    /// Where it connected from, without a port.
    let address: String
    var lines: V1LineDecoder
    var phase = Phase.arriving
    var session: MinerSession
    var isSubscribed = false
    var userAgent = ""
    /// As `mining.authorize` named them; the first one stands for the connection.
    var workers: [String] = []
    var settings = WorkerSettings()
    var malformedLines = 0
    var oddities = 0
    /// Good shares of this connection, whoever counted them, and those that were refused here.
    var sharesAccepted: UInt64 = 0
    var sharesRefused: UInt64 = 0

    var worker: String { workers.first ?? "" }

    var isAuthorized: Bool {
        switch phase {
        case .arriving, .closing: false
        case .waiting, .opening, .mining: true
        }
    }

    var slot: Int? {
        if case .mining(let slot) = phase { return slot }
        return nil
    }

    /// The identity of its own channel: the account and the worker's own part.
    func identity(account: String) -> String {
        guard !account.isEmpty else { return worker.isEmpty ? "miner\(number)" : worker }
        return account + "." + (V1Miner.ownPart(of: worker) ?? "miner\(number)")
    }

    /// What a share is signed with (extension 0x0002): the own part of the name that it was submitted under, if
    /// that name was authorized, else of the first one.
    func shareName(_ submitted: String) -> String {
        let name = workers.contains(submitted) ? submitted : worker
        return V1Miner.ownPart(of: name) ?? (name.isEmpty ? "miner\(number)" : name)
    }

    /// What stands behind the first dot.
    private static func ownPart(of name: String) -> String? {
        name.split(separator: ".", maxSplits: 1).dropFirst().first.map(String.init)
    }
}

/// What a miner asks for in its password: `d=1024` (a fixed difficulty), `md=512` (never below), in any order,
/// separated by commas, semicolons or blanks; also `diff` and `mindiff`. Everything else is left alone.
struct WorkerSettings: Sendable, Equatable {
    var fixedDifficulty: Double?
    var minimumDifficulty: Double?

    init() {}

    init(password: String) {
        for part in password.split(whereSeparator: { $0 == "," || $0 == ";" || $0 == " " }) {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, let value = Double(pair[1]), value > 0, value.isFinite else { continue }
            switch pair[0].lowercased() {
            case "d", "diff", "difficulty": fixedDifficulty = value
            case "md", "mindiff": minimumDifficulty = value
            default: break
            }
        }
    }
}
