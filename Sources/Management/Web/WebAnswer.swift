import Firmware
import JSONText
import SansIO

/// What a web interface makes of one request.
struct WebAnswer: Equatable {
    var status: Int
    var type: String
    var body: [UInt8]
    var headers: [(String, String)] = []
    /// Carried out in this order, up to the first that is refused.
    var commands: [OperatorCommand] = []
    /// The body in place of ``body`` when the device refuses, and the status.
    var refused: [UInt8]?
    var refusedStatus = 200
    /// The connection becomes a web socket that gets the device's log.
    var opensLog = false

    init(
        _ status: Int, type: String = "application/json", body: String, headers: [(String, String)] = [],
        _ commands: [OperatorCommand] = []
    ) {
        self.status = status
        self.type = type
        self.body = Array(body.utf8)
        self.headers = headers
        self.commands = commands
    }

    init(_ json: JSON, _ commands: [OperatorCommand] = [], refused: JSON? = nil, refusedStatus: Int = 200) {
        self.init(200, body: json.text, commands)
        self.refused = refused.map { Array($0.text.utf8) }
        self.refusedStatus = refusedStatus
    }

    static let notFound = WebAnswer(404, type: "text/html", body: "404 Not Found")

    static func == (a: WebAnswer, b: WebAnswer) -> Bool {
        a.status == b.status && a.type == b.type && a.body == b.body && a.commands == b.commands
            && a.headers.elementsEqual(b.headers, by: ==) && a.refused == b.refused
            && a.refusedStatus == b.refusedStatus && a.opensLog == b.opensLog
    }
}

/// Who may see a device's pages.
public struct WebCredentials: Sendable, Equatable {
    public var user: String
    public var password: String

    public init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    /// As the makers deliver their devices.
    public static func delivered(_ dialect: Dialect) -> WebCredentials {
        switch dialect {
        case .whatsminer: WebCredentials(user: "admin", password: "admin")
        default: WebCredentials(user: "root", password: "root")
        }
    }
}
