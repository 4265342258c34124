import SansIO

/// How a device's interfaces are set up.
public struct ManagementSettings: Sendable, Equatable {
    /// The IPv4 address that the device says it has.
    public var address: String
    public var access = APIAccess.everything
    /// Nil: as delivered.
    public var credentials: WebCredentials?

    public init(address: String) { self.address = address }
}

extension ManagementPort {
    /// The name of the listener in the machine.
    public var listener: ListenerID {
        switch self {
        case .web: ListenerID(80)
        case .api: ListenerID(40)
        case .apiV3: ListenerID(44)
        }
    }

    init?(_ listener: ListenerID) {
        guard let port = Self.allCases.first(where: { $0.listener == listener }) else { return nil }
        self = port
    }
}
