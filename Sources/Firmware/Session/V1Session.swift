import Bitcoin
import SansIO
import Stratum

/// A mining device's side of Stratum V1.
struct V1Session: Sendable {
    init(settings: FirmwareSettings, endpoint: Endpoint) {}

    var isOpen: Bool { false }

    mutating func start(into out: inout ByteWriter) {}

    mutating func receive(
        _ bytes: RawSpan, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        throw .failed("Stratum V1 is not there yet")
    }

    mutating func nextWork(elapsed: Interval) -> SessionWork? { nil }

    mutating func submit(
        _ ticket: ShareTicket, nonce: UInt32, version: UInt32, time: UInt32, into out: inout ByteWriter
    ) -> UInt32? { nil }
}
