import CLibUSB

/// What went wrong on the bus, in words for an operator.
public enum USBFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no bus: no controller, or a container without one.
    case noBus(String)
    case noPermission
    /// Another program holds the interface.
    case busy
    case gone
    /// The device does not have the endpoints that its kind should.
    case notAsKnown(String)
    case failed(String)

    public init(code: Int32, doing action: String) {
        self =
            switch code {
            case LIBUSB_ERROR_ACCESS.rawValue: .noPermission
            case LIBUSB_ERROR_BUSY.rawValue: .busy
            case LIBUSB_ERROR_NO_DEVICE.rawValue, LIBUSB_ERROR_NOT_FOUND.rawValue: .gone
            default: .failed("\(action): \(Self.text(code))")
            }
    }

    static func text(_ code: Int32) -> String { String(cString: libusb_error_name(code)) }

    public var description: String {
        switch self {
        case .noBus(let text): "no USB bus here (\(text))"
        case .noPermission: "no permission to open it"
        case .busy: "another program holds it"
        case .gone: "it is not plugged in any more"
        case .notAsKnown(let text): "not as known: \(text)"
        case .failed(let text): text
        }
    }

    /// What its owner can do.
    public var remedy: String? {
        switch self {
        case .noPermission: "install the udev rule that `lab usb rules` prints, then plug it in again"
        case .busy: "end the other mining program"
        case .noBus, .gone, .notAsKnown, .failed: nil
        }
    }
}
