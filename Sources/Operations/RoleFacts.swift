import JSONText

/// What a role says of itself at one moment: the content of its HTTP interface.
public struct RoleFacts: Sendable, Equatable {
    /// `pool`, `translator`, `jds`, `jdc`.
    public var role: String
    public var version: String
    public var uptimeSeconds: Double
    /// Nil when everything works; else what does not.
    public var complaint: String?
    /// Totals, an object.
    public var global: JSONObject
    /// Lists by name, in the order of the document: `channels`, `clients`, `workers`, `shares`, `blocks`.
    public var lists: [RoleList]
    /// Lists that other roles have and this one has not, and why.
    public var absences: [RoleAbsence]
    public var metrics: [Metric]

    public init(
        role: String, version: String, uptimeSeconds: Double, complaint: String? = nil,
        global: JSONObject = [:], lists: [RoleList] = [], absences: [RoleAbsence] = [], metrics: [Metric] = []
    ) {
        self.role = role
        self.version = version
        self.uptimeSeconds = uptimeSeconds
        self.complaint = complaint
        self.global = global
        self.lists = lists
        self.absences = absences
        self.metrics = metrics
    }
}

/// A list of a role's interface. Its objects may carry an `id` by which one of them is asked for.
public struct RoleList: Sendable, Equatable {
    public var name: String
    public var items: [JSON]
    /// Whether its objects carry an `id`.
    public var isKeyed: Bool

    /// - Parameter isKeyed: nil for what the first object shows.
    public init(_ name: String, _ items: [JSON], isKeyed: Bool? = nil) {
        self.name = name
        self.items = items
        self.isKeyed = isKeyed ?? (items.first?["id"] != nil)
    }
}

/// A list that a role has not: asking for it is answered by 404 with the reason.
public struct RoleAbsence: Sendable, Equatable {
    public var list: String
    /// One line for the caller.
    public var reason: String

    public init(_ list: String, _ reason: String) {
        self.list = list
        self.reason = reason
    }
}

/// One family of Prometheus samples.
public struct Metric: Sendable, Equatable {
    public enum Kind: String, Sendable { case counter, gauge }

    public struct Sample: Sendable, Equatable {
        public var labels: [(name: String, value: String)]
        public var value: Double

        public init(_ value: Double, _ labels: [(name: String, value: String)] = []) {
            self.labels = labels
            self.value = value
        }

        public static func == (a: Sample, b: Sample) -> Bool {
            a.value == b.value && a.labels.elementsEqual(b.labels) { $0 == $1 }
        }
    }

    public var name: String
    public var help: String
    public var kind: Kind
    public var samples: [Sample]

    public init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    public init(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        self.init(name, kind, help, [Sample(value)])
    }
}
