import Bitcoin
import JSONText
import SansIO

/// Notifications as Core's ZMQ interface sends them: three parts, topic, body and a 4-byte little-endian number that
/// counts the messages of this topic on this address.
struct Publisher: Sendable {
    private struct Source: Sendable {
        let settings: PublisherSettings
        var sequence: UInt32 = 0
    }

    private struct Subscriber: Sendable {
        let id: ConnectionID
        let listener: ListenerID
        var zmtp = ZMTPConnection()
    }

    private var sources: [Source]
    private var subscribers: [Subscriber] = []

    init(_ settings: [PublisherSettings]) { sources = settings.map { Source(settings: $0) } }

    var settings: [PublisherSettings] { sources.map(\.settings) }

    func serves(_ listener: ListenerID) -> Bool { sources.contains { $0.settings.listener == listener } }

    mutating func connectionOpened(
        _ id: ConnectionID, on listener: ListenerID, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard subscribers.count < ChainLimits.publisherSubscribers else {
            effects.close(id, .closed("too many subscribers"))
            return
        }
        subscribers.append(Subscriber(id: id, listener: listener))
        effects.send(on: id) { $0.write(ZMTPConnection.greeting) }
    }

    mutating func connectionClosed(_ id: ConnectionID) { subscribers.removeAll { $0.id == id } }

    mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = subscribers.firstIndex(where: { $0.id == id }) else { return }
        subscribers[index].zmtp.append(bytes)
        while true {
            switch subscribers[index].zmtp.next() {
            case .needsMore: return
            case .changed: continue
            case .reply(let bytes): effects.send(on: id) { $0.write(bytes) }
            case .failed(let reason):
                subscribers.remove(at: index)
                effects.close(id, .closed(reason))
                return
            }
        }
    }

    var isIdle: Bool { sources.isEmpty }

    private mutating func publish(
        _ topic: PublisherSettings.Topic, _ body: [UInt8], into effects: inout EffectBuffer<NodeObservation>
    ) {
        let name = Array(topic.rawValue.utf8)
        for index in sources.indices where sources[index].settings.topic == topic {
            let sequence = sources[index].sequence
            sources[index].sequence &+= 1
            for subscriber in subscribers
            where subscriber.listener == sources[index].settings.listener && subscriber.zmtp.wants(name) {
                effects.send(on: subscriber.id) { writer in
                    ZMTPConnection.write(name, more: true, into: &writer)
                    ZMTPConnection.write(body, more: true, into: &writer)
                    ZMTPConnection.write(
                        (0..<4).map { UInt8(sequence >> (8 * $0) & 0xff) }, more: false, into: &writer)
                }
            }
        }
    }

    // MARK: What happened

    private mutating func transaction(
        _ transaction: Transaction, into effects: inout EffectBuffer<NodeObservation>
    ) {
        publish(.hashtx, transaction.txid.bytes.reversed(), into: &effects)
        if sources.contains(where: { $0.settings.topic == .rawtx }) {
            publish(.rawtx, transaction.bytes(), into: &effects)
        }
    }

    mutating func blockConnected(_ block: Block, into effects: inout EffectBuffer<NodeObservation>) {
        if isIdle { return }
        for each in block.transactions { transaction(each, into: &effects) }
        publish(.sequence, block.hash.bytes.reversed() + [UInt8(ascii: "C")], into: &effects)
    }

    mutating func blockDisconnected(_ block: Block, into effects: inout EffectBuffer<NodeObservation>) {
        if isIdle { return }
        for each in block.transactions { transaction(each, into: &effects) }
        publish(.sequence, block.hash.bytes.reversed() + [UInt8(ascii: "D")], into: &effects)
    }

    mutating func tipChanged(
        _ hash: Hash256, bytes: () -> [UInt8], into effects: inout EffectBuffer<NodeObservation>
    ) {
        if isIdle { return }
        publish(.hashblock, hash.bytes.reversed(), into: &effects)
        if sources.contains(where: { $0.settings.topic == .rawblock }) {
            publish(.rawblock, bytes(), into: &effects)
        }
    }

    mutating func transactionAdded(
        _ added: Transaction, mempoolSequence: UInt64, into effects: inout EffectBuffer<NodeObservation>
    ) {
        if isIdle { return }
        transaction(added, into: &effects)
        publish(.sequence, Self.change("A", added.txid, mempoolSequence), into: &effects)
    }

    /// A transaction left the pool for another reason than a block.
    mutating func transactionRemoved(
        _ txid: Hash256, mempoolSequence: UInt64, into effects: inout EffectBuffer<NodeObservation>
    ) {
        if isIdle { return }
        publish(.sequence, Self.change("R", txid, mempoolSequence), into: &effects)
    }

    private static func change(_ label: Unicode.Scalar, _ txid: Hash256, _ sequence: UInt64) -> [UInt8] {
        txid.bytes.reversed() + [UInt8(ascii: label)] + (0..<8).map { UInt8(sequence >> (8 * $0) & 0xff) }
    }
}

extension RPCMethod {
    static let notifications: [RPCMethod] = [
        RPCMethod("getzmqnotifications", in: "Zmq", "The active ZeroMQ notifications.") { node, _, _ in
            .array(
                node.publisher.settings.map {
                    [
                        "type": .string($0.type), "address": .string($0.address),
                        "hwm": .int($0.highWaterMark),
                    ]
                })
        }
    ]
}
