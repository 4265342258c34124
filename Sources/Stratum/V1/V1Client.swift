import Bitcoin
import JSONText
import SansIO

// What a miner says to a pool.

extension V1 {
    /// `mining.subscribe`: user agent and, to resume, the session of an earlier connection.
    public struct Subscribe: Sendable, Hashable {
        public var userAgent: String
        public var sessionID: String?

        public init(userAgent: String, sessionID: String? = nil) {
            self.userAgent = userAgent
            self.sessionID = sessionID
        }
    }

    /// `mining.authorize`.
    public struct Authorize: Sendable, Hashable {
        public var user: String
        /// Often `x`; pools read settings such as `d=1024` in it.
        public var password: String

        public init(user: String, password: String = "x") {
            self.user = user
            self.password = password
        }
    }

    /// `mining.configure` (BIP310).
    public struct Configure: Sendable, Hashable {
        public struct VersionRolling: Sendable, Hashable {
            public var mask: UInt32
            public var minBitCount: Int

            public init(mask: UInt32 = Stratum.VersionRolling.bip320Mask, minBitCount: Int = 2) {
                self.mask = mask
                self.minBitCount = minBitCount
            }
        }

        public var versionRolling: VersionRolling?
        public var minimumDifficulty: Double?
        public var subscribeExtranonce: Bool
        /// Extensions that this room does not know; they are to be answered with false.
        public var others: [String]

        public init(
            versionRolling: VersionRolling? = nil, minimumDifficulty: Double? = nil,
            subscribeExtranonce: Bool = false, others: [String] = []
        ) {
            self.versionRolling = versionRolling
            self.minimumDifficulty = minimumDifficulty
            self.subscribeExtranonce = subscribeExtranonce
            self.others = others
        }
    }

    /// `mining.submit`: a share.
    public struct Submit: Sendable, Hashable {
        public var worker: String
        public var jobID: String
        public var extranonce2: [UInt8]
        public var nTime: UInt32
        public var nonce: UInt32
        /// BIP310: the version bits inside the negotiated mask.
        public var versionBits: UInt32?

        public init(
            worker: String, jobID: String, extranonce2: [UInt8], nTime: UInt32, nonce: UInt32,
            versionBits: UInt32? = nil
        ) {
            self.worker = worker
            self.jobID = jobID
            self.extranonce2 = extranonce2
            self.nTime = nTime
            self.nonce = nonce
            self.versionBits = versionBits
        }
    }

    /// A miner's call, understood.
    public enum ClientCall: Sendable, Equatable {
        case subscribe(Subscribe)
        case authorize(Authorize)
        case configure(Configure)
        case submit(Submit)
        /// `mining.extranonce.subscribe`: the miner understands `mining.set_extranonce`.
        case extranonceSubscribe
        /// `mining.suggest_difficulty`.
        case suggestDifficulty(Double)
        /// `mining.suggest_target`.
        case suggestTarget(Target)
        /// `mining.ping`.
        case ping
        case unknown(method: String)

        public init(_ request: Request) throws(V1Error) {
            try self.init(method: request.method, params: request.params)
        }

        /// Some firmware sends calls such as `mining.suggest_difficulty` without an id.
        public init(_ notification: Notification) throws(V1Error) {
            try self.init(method: notification.method, params: notification.params)
        }

        private init(method: String, params values: [JSON]) throws(V1Error) {
            let params = V1Params(values)
            switch method {
            case "mining.subscribe":
                self = .subscribe(
                    Subscribe(
                        userAgent: String((params.optionalText(0) ?? "").prefix(V1Limits.textMax)),
                        sessionID: params.optionalText(1)))
            case "mining.authorize":
                self = .authorize(
                    Authorize(user: try params.text(0, "user"), password: params.optionalText(1) ?? ""))
            case "mining.configure": self = .configure(Configure(params))
            case "mining.submit": self = .submit(try Submit(params))
            case "mining.extranonce.subscribe": self = .extranonceSubscribe
            case "mining.suggest_difficulty":
                self = .suggestDifficulty(try params.number(0, "difficulty"))
            case "mining.suggest_target":
                guard let value = params.optionalText(0).flatMap({ UInt256(hex: $0) }) else {
                    throw .badParameter("target")
                }
                self = .suggestTarget(Target(value))
            case "mining.ping", "ping": self = .ping
            default: self = .unknown(method: String(method.prefix(V1Limits.textMax)))
            }
        }

        /// The call as a request.
        public func request(id: JSON) -> Request {
            switch self {
            case .subscribe(let call):
                Request(
                    id: id, method: "mining.subscribe",
                    params: [.string(call.userAgent)] + (call.sessionID.map { [.string($0)] } ?? []))
            case .authorize(let call):
                Request(
                    id: id, method: "mining.authorize", params: [.string(call.user), .string(call.password)])
            case .configure(let call): Request(id: id, method: "mining.configure", params: call.params)
            case .submit(let call): Request(id: id, method: "mining.submit", params: call.params)
            case .extranonceSubscribe: Request(id: id, method: "mining.extranonce.subscribe", params: [])
            case .suggestDifficulty(let value):
                Request(id: id, method: "mining.suggest_difficulty", params: [.double(value)])
            case .suggestTarget(let target):
                Request(id: id, method: "mining.suggest_target", params: [.string(target.value.hex)])
            case .ping: Request(id: id, method: "mining.ping", params: [])
            case .unknown(let method): Request(id: id, method: method, params: [])
            }
        }
    }
}

extension V1.Submit {
    init(_ params: V1Params) throws(V1Error) {
        self.init(
            worker: try params.text(0, "worker"), jobID: try params.text(1, "job id"),
            extranonce2: try params.bytes(2, "extranonce2", max: V1Limits.extranonce2Max),
            nTime: try params.hex32(3, "ntime"), nonce: try params.hex32(4, "nonce"),
            versionBits: params[5] == nil ? nil : try params.hex32(5, "version bits"))
    }

    var params: [JSON] {
        var list: [JSON] = [
            .string(worker), .string(jobID), .string(extranonce2.hex), .string(V1Params.hex(nTime)),
            .string(V1Params.hex(nonce)),
        ]
        if let versionBits { list.append(.string(V1Params.hex(versionBits))) }
        return list
    }
}

extension V1.Configure {
    /// Never fails: an extension whose parameters are wrong counts as not asked for.
    init(_ params: V1Params) {
        self.init()
        let options = params[1] ?? .null
        for name in (params[0]?.arrayValue ?? []).prefix(16).compactMap(\.stringValue) {
            switch name {
            case "version-rolling":
                versionRolling = VersionRolling(
                    mask: options["version-rolling.mask"].flatMap(V1Params.hex32) ?? .max,
                    minBitCount: options["version-rolling.min-bit-count"].flatMap(V1Params.number)
                        .map { Int(clamping: Int64(max(0, min($0, 32)))) } ?? 0)
            case "minimum-difficulty":
                minimumDifficulty = options["minimum-difficulty.value"].flatMap(V1Params.number)
            case "subscribe-extranonce": subscribeExtranonce = true
            default: others.append(String(name.prefix(V1Limits.textMax)))
            }
        }
    }

    var params: [JSON] {
        var names: [JSON] = []
        var options = JSONObject()
        if let versionRolling {
            names.append("version-rolling")
            options["version-rolling.mask"] = .string(V1Params.hex(versionRolling.mask))
            options["version-rolling.min-bit-count"] = .int(versionRolling.minBitCount)
        }
        if let minimumDifficulty {
            names.append("minimum-difficulty")
            options["minimum-difficulty.value"] = .double(minimumDifficulty)
        }
        if subscribeExtranonce { names.append("subscribe-extranonce") }
        names += others.map { .string($0) }
        return [.array(names), .object(options)]
    }
}
