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
    public var metrics: [Metric]

    public init(
        role: String, version: String, uptimeSeconds: Double, complaint: String? = nil,
        global: JSONObject = [:], lists: [RoleList] = [], metrics: [Metric] = []
    ) {
        self.role = role
        self.version = version
        self.uptimeSeconds = uptimeSeconds
        self.complaint = complaint
        self.global = global
        self.lists = lists
        self.metrics = metrics
    }
}

/// A list of a role's interface. Its objects may carry an `id` by which one of them is asked for.
public struct RoleList: Sendable, Equatable {
    public var name: String
    public var items: [JSON]

    public init(_ name: String, _ items: [JSON]) {
        self.name = name
        self.items = items
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

/// Something that an operator may ask of a role.
public struct ControlCall: Sendable, Equatable {
    /// The last part of the path: `drain`.
    public var name: String
    /// What it does, for the OpenAPI document.
    public var summary: String
    /// Field name and what it holds, for the OpenAPI document.
    public var fields: [(name: String, type: String, meaning: String)]

    public init(
        _ name: String, _ summary: String, _ fields: [(name: String, type: String, meaning: String)] = []
    ) {
        self.name = name
        self.summary = summary
        self.fields = fields
    }

    public static func == (a: ControlCall, b: ControlCall) -> Bool {
        a.name == b.name && a.summary == b.summary
    }
}

/// Why a control call was not carried out.
public enum ControlFault: Error, Equatable, Sendable {
    /// A field is missing or has a value that makes no sense.
    case badField(String)
    /// There is no such channel, connection or address.
    case notFound(String)
}

/// A role as its HTTP interface sees it.
public protocol RoleSource: Sendable {
    var controls: [ControlCall] { get }
    func facts() async -> RoleFacts
    /// Carries out one of ``controls``; the answer is shown to the caller.
    func control(_ name: String, _ body: JSON) async throws -> JSON
}
