import Bitcoin
import JSONText
import SansIO

// What a pool says to a miner.

extension V1 {
    /// `mining.notify`: a job.
    public struct Notify: Sendable, Hashable {
        public var jobID: String
        /// In header order; the word-wise turning of the wire form is done here.
        public var prevHash: Hash256
        /// The coinbase up to extranonce1.
        public var coinbase1: [UInt8]
        /// The coinbase behind extranonce2.
        public var coinbase2: [UInt8]
        /// Siblings of the coinbase, from the leaves up.
        public var merkleBranch: [Hash256]
        public var version: UInt32
        public var nBits: UInt32
        public var nTime: UInt32
        /// True: every earlier job is worthless.
        public var cleanJobs: Bool

        public init(
            jobID: String, prevHash: Hash256, coinbase1: [UInt8], coinbase2: [UInt8],
            merkleBranch: [Hash256], version: UInt32, nBits: UInt32, nTime: UInt32, cleanJobs: Bool
        ) {
            self.jobID = jobID
            self.prevHash = prevHash
            self.coinbase1 = coinbase1
            self.coinbase2 = coinbase2
            self.merkleBranch = merkleBranch
            self.version = version
            self.nBits = nBits
            self.nTime = nTime
            self.cleanJobs = cleanJobs
        }

        public var notification: Notification {
            Notification(
                method: "mining.notify",
                params: [
                    .string(jobID), .string(V1Params.wordSwapped(prevHash).hex), .string(coinbase1.hex),
                    .string(coinbase2.hex), .array(merkleBranch.map { .string($0.hex) }),
                    .string(V1Params.hex(version)), .string(V1Params.hex(nBits)),
                    .string(V1Params.hex(nTime)), .bool(cleanJobs),
                ])
        }
    }

    /// `mining.set_difficulty`; may be fractional.
    public struct SetDifficulty: Sendable, Hashable {
        public var difficulty: Double

        public init(_ difficulty: Double) { self.difficulty = difficulty }

        public var notification: Notification {
            Notification(method: "mining.set_difficulty", params: [.double(difficulty)])
        }
    }

    /// `mining.set_extranonce`: for the jobs that follow.
    public struct SetExtranonce: Sendable, Hashable {
        public var extranonce1: [UInt8]
        public var extranonce2Size: Int

        public init(extranonce1: [UInt8], extranonce2Size: Int) {
            self.extranonce1 = extranonce1
            self.extranonce2Size = extranonce2Size
        }

        public var notification: Notification {
            Notification(
                method: "mining.set_extranonce",
                params: [.string(extranonce1.hex), .int(extranonce2Size)])
        }
    }

    /// `client.reconnect`. Nil fields mean: the same as now.
    public struct Reconnect: Sendable, Hashable {
        public var host: String?
        public var port: UInt16?
        /// Seconds to wait before.
        public var wait: Int

        public init(host: String? = nil, port: UInt16? = nil, wait: Int = 0) {
            self.host = host
            self.port = port
            self.wait = wait
        }

        public var notification: Notification {
            guard let host, let port else { return Notification(method: "client.reconnect", params: []) }
            return Notification(
                method: "client.reconnect", params: [.string(host), .int(port), .int(wait)])
        }
    }

    /// A pool's call or notice, understood.
    public enum ServerCall: Sendable, Equatable {
        case notify(Notify)
        case setDifficulty(SetDifficulty)
        case setExtranonce(SetExtranonce)
        /// `mining.set_version_mask` (BIP310).
        case setVersionMask(UInt32)
        case reconnect(Reconnect)
        /// `client.show_message`.
        case showMessage(String)
        /// `client.get_version`: wants the user agent as its result.
        case getVersion
        /// `mining.ping`: wants any result.
        case ping
        case unknown(method: String)

        public init(_ notification: Notification) throws(V1Error) {
            try self.init(method: notification.method, params: notification.params)
        }

        /// Pools number some notices (cgminer's get_version); `get_version` and `ping` want an answer.
        public init(_ request: Request) throws(V1Error) {
            try self.init(method: request.method, params: request.params)
        }

        private init(method: String, params values: [JSON]) throws(V1Error) {
            let params = V1Params(values)
            switch method {
            case "mining.notify": self = .notify(try Notify(params))
            case "mining.set_difficulty":
                let difficulty = try params.number(0, "difficulty")
                guard difficulty > 0 else { throw .badParameter("difficulty") }
                self = .setDifficulty(SetDifficulty(difficulty))
            case "mining.set_extranonce":
                self = .setExtranonce(
                    SetExtranonce(
                        extranonce1: try params.bytes(0, "extranonce1", max: V1Limits.extranonce1Max),
                        extranonce2Size: try V1.extranonce2Size(params, 1)))
            case "mining.set_version_mask": self = .setVersionMask(try params.hex32(0, "mask"))
            case "client.reconnect": self = .reconnect(Reconnect(params))
            case "client.show_message":
                self = .showMessage(String((params.optionalText(0) ?? "").prefix(V1Limits.textMax)))
            case "client.get_version": self = .getVersion
            case "mining.ping", "client.ping", "ping": self = .ping
            default: self = .unknown(method: String(method.prefix(V1Limits.textMax)))
            }
        }
    }

    /// The result of `mining.subscribe`.
    public struct SubscribeResult: Sendable, Hashable {
        public var sessionID: String
        public var extranonce1: [UInt8]
        /// Bytes the miner rolls.
        public var extranonce2Size: Int

        public init(sessionID: String, extranonce1: [UInt8], extranonce2Size: Int) {
            self.sessionID = sessionID
            self.extranonce1 = extranonce1
            self.extranonce2Size = extranonce2Size
        }

        public init(_ result: JSON) throws(V1Error) {
            let params = V1Params(result.arrayValue ?? [])
            extranonce1 = try params.bytes(1, "extranonce1", max: V1Limits.extranonce1Max)
            extranonce2Size = try V1.extranonce2Size(params, 2)
            // [["mining.set_difficulty", id], ["mining.notify", id]], or the inner pair alone, or null.
            let pairs = params[0]?.arrayValue ?? []
            let named = pairs.first { $0[0]?.stringValue == "mining.notify" }?[1]
            sessionID = (named ?? pairs.last?[1] ?? pairs.last)?.stringValue ?? ""
        }

        public var json: JSON {
            [
                [["mining.set_difficulty", .string(sessionID)], ["mining.notify", .string(sessionID)]],
                .string(extranonce1.hex), .int(extranonce2Size),
            ]
        }
    }

    /// The result of `mining.configure` (BIP310).
    public struct ConfigureResult: Sendable, Hashable {
        /// The mask the pool grants; nil when version rolling is refused.
        public var versionMask: UInt32?
        public var minimumDifficulty: Bool
        public var subscribeExtranonce: Bool

        public init(versionMask: UInt32?, minimumDifficulty: Bool = false, subscribeExtranonce: Bool = false)
        {
            self.versionMask = versionMask
            self.minimumDifficulty = minimumDifficulty
            self.subscribeExtranonce = subscribeExtranonce
        }

        public init(_ result: JSON) {
            versionMask =
                result["version-rolling"].map(V1Params.flag) == true
                ? result["version-rolling.mask"].flatMap(V1Params.hex32) : nil
            minimumDifficulty = result["minimum-difficulty"].map(V1Params.flag) ?? false
            subscribeExtranonce = result["subscribe-extranonce"].map(V1Params.flag) ?? false
        }

        /// Answers each extension that was asked for, and no other.
        public func json(answering call: Configure) -> JSON {
            var object = JSONObject()
            if call.versionRolling != nil {
                object["version-rolling"] = .bool(versionMask != nil)
                if let versionMask { object["version-rolling.mask"] = .string(V1Params.hex(versionMask)) }
            }
            if call.minimumDifficulty != nil { object["minimum-difficulty"] = .bool(minimumDifficulty) }
            if call.subscribeExtranonce { object["subscribe-extranonce"] = .bool(subscribeExtranonce) }
            for name in call.others { object[name] = false }
            return .object(object)
        }
    }

    fileprivate static func extranonce2Size(_ params: V1Params, _ index: Int) throws(V1Error) -> Int {
        let size = try params.count(index, "extranonce2 size")
        guard size <= V1Limits.extranonce2Max else { throw .badParameter("extranonce2 size") }
        return size
    }
}

extension V1.Notify {
    init(_ params: V1Params) throws(V1Error) {
        guard let prevHash = params[1]?.stringValue.flatMap({ Hash256(hex: $0) }) else {
            throw .badParameter("prevhash")
        }
        guard let branch = params[4]?.arrayValue, branch.count <= V1Limits.merkleBranchMax else {
            throw .badParameter("merkle branch")
        }
        var hashes: [Hash256] = []
        for sibling in branch {
            guard let hash = sibling.stringValue.flatMap({ Hash256(hex: $0) }) else {
                throw .badParameter("merkle branch")
            }
            hashes.append(hash)
        }
        self.init(
            jobID: try params.text(0, "job id"), prevHash: V1Params.wordSwapped(prevHash),
            coinbase1: try params.bytes(2, "coinb1", max: V1Limits.lineFromServerMax),
            coinbase2: try params.bytes(3, "coinb2", max: V1Limits.lineFromServerMax),
            merkleBranch: hashes, version: try params.hex32(5, "version"),
            nBits: try params.hex32(6, "nbits"),
            nTime: try params.hex32(7, "ntime"), cleanJobs: params.flag(8))
    }
}

extension V1.Reconnect {
    /// Never fails: what is missing or wrong means the same as now. The port may be text.
    init(_ params: V1Params) {
        let port = params[1].flatMap(V1Params.whole).flatMap { UInt16(exactly: $0) }
        let wait = params[2].flatMap(V1Params.whole).map { min($0, 86_400) } ?? 0
        let host = params.optionalText(0).flatMap { $0.isEmpty ? nil : $0 }
        self.init(host: host, port: port, wait: wait)
    }
}
