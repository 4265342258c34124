public import SansIO

/// One `-zmqpub<topic>=<address>`: what is published where.
public struct PublisherSettings: Sendable, Equatable {
    public enum Topic: String, Sendable, CaseIterable {
        case hashblock, hashtx, rawblock, rawtx, sequence
    }

    public var topic: Topic
    /// As the operator wrote it: `tcp://127.0.0.1:28332`. Topics with the same address share its listener.
    public var address: String
    public var listener: ListenerID
    /// Messages that ZeroMQ would queue for a slow subscriber; told by getzmqnotifications. Here the driver's bound
    /// on outbound bytes ends a subscriber that does not read.
    public var highWaterMark: Int

    public init(topic: Topic, address: String, listener: ListenerID, highWaterMark: Int = 1_000) {
        self.topic = topic
        self.address = address
        self.listener = listener
        self.highWaterMark = highWaterMark
    }

    /// Core's name of the notification.
    var type: String { "pub\(topic.rawValue)" }
}

extension ListenerID {
    /// The listener of the publisher's address number `index`.
    public static func publisher(_ index: UInt8) -> ListenerID { ListenerID(16 + index) }
}
