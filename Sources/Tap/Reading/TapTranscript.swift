import Stratum

/// What a test expects to be said: `"up SetupConnection"`, `"down SetNewPrevHash"`, or a name alone for either way.
public struct ExpectedMessage: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    public var direction: TapDirection?
    /// The specification's name; `*` stands for any run of characters.
    public var name: String

    public init(_ name: String, _ direction: TapDirection? = nil) {
        self.name = name
        self.direction = direction
    }

    public init(stringLiteral value: String) {
        let parts = value.split(separator: " ", maxSplits: 1)
        if parts.count == 2, let direction = TapDirection(rawValue: String(parts[0])) {
            self.init(String(parts[1]), direction)
        } else {
            self.init(value)
        }
    }

    public func matches(_ record: TapRecord) -> Bool {
        guard direction == nil || direction == record.direction else { return false }
        return TapFilter.matches(record.name.lowercased()[...], name.lowercased()[...])
    }

    public var description: String { direction.map { "\($0.rawValue) \(name)" } ?? name }
}

/// Why messages did not come in the order that was asked for.
public struct OrderMismatch: Error, Sendable, Equatable, CustomStringConvertible {
    public var missing: ExpectedMessage
    /// Its place in the list, counted from 0.
    public var place: Int
    /// What came after the last message that fitted, as `up SetupConnection`.
    public var heard: [String]

    public var description: String {
        let rest = heard.isEmpty ? "nothing" : heard.joined(separator: ", ")
        return "message \(place + 1), \(missing), did not come; after the one before it came \(rest)"
    }
}

/// What went through the tap, for tests: assertions of order, and taking what was seen.
public struct TapTranscript: Sendable, Equatable {
    public private(set) var records: [TapRecord]

    public init(_ records: [TapRecord] = []) { self.records = records }

    public mutating func append(_ record: TapRecord) { records.append(record) }

    /// Messages that reached the side they travel to; without opening and closing.
    public var delivered: [TapRecord] {
        records.filter { record in
            switch record.content {
            case .frame, .line: record.isDelivered
            case .opened, .closed: false
            }
        }
    }

    /// Throws unless the messages came in this order; others may stand between them.
    public func expect(_ order: [ExpectedMessage], session: UInt32? = nil) throws(OrderMismatch) {
        try follow(order, session: session, withGaps: true)
    }

    /// Throws unless the messages came in this order from the session's start, with nothing between them.
    public func expectExactly(_ order: [ExpectedMessage], session: UInt32? = nil) throws(OrderMismatch) {
        try follow(order, session: session, withGaps: false)
    }

    private func follow(
        _ order: [ExpectedMessage], session: UInt32?, withGaps: Bool
    ) throws(OrderMismatch) {
        let heard = delivered.filter { session == nil || $0.session == session }
        var next = 0
        for (place, expected) in order.enumerated() {
            let end = withGaps ? heard.count : min(next + 1, heard.count)
            guard let found = heard[next..<max(next, end)].firstIndex(where: expected.matches) else {
                let rest = heard[next...].prefix(16).map { "\($0.direction.rawValue) \($0.name)" }
                throw OrderMismatch(missing: expected, place: place, heard: Array(rest))
            }
            next = found + 1
        }
    }

    /// The first delivered message that fits, and forgets everything up to it; nil, and nothing is forgotten, when
    /// none came yet.
    public mutating func take(_ expected: ExpectedMessage) -> TapRecord? {
        let found = records.firstIndex { record in
            switch record.content {
            case .frame, .line: record.isDelivered && expected.matches(record)
            case .opened, .closed: false
            }
        }
        guard let found else { return nil }
        let record = records[found]
        records.removeSubrange(...found)
        return record
    }
}
