/// A request on the control endpoint that carries data to the device, or none.
public struct ControlTransfer: Equatable, Sendable {
    public var type: UInt8
    public var request: UInt8
    public var value: UInt16
    public var index: UInt16
    public var data: [UInt8]
    /// A device that refuses it can still be used.
    public var isOptional = false

    public init(
        _ type: UInt8, _ request: UInt8, value: UInt16, index: UInt16, data: [UInt8] = [],
        isOptional: Bool = false
    ) {
        self.type = type
        self.request = request
        self.value = value
        self.index = index
        self.data = data
        self.isOptional = isOptional
    }
}

/// One thing that is done to a bridge; the next begins when it is done.
public enum BridgeOperation: Equatable, Sendable {
    case control(ControlTransfer)
    /// Bytes to the chips.
    case write([UInt8])
    /// Bytes to the second serial port, where the device has one for its own business.
    case writeAside([UInt8])
}
