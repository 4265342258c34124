import JSONText

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
    /// - Parameter list: whose items are wanted. A role may leave out the items of lists that cost something, never
    ///   the lists themselves.
    func facts(listing list: String?) async -> RoleFacts
    /// Carries out one of ``controls``; the answer is shown to the caller.
    func control(_ name: String, _ body: JSON) async throws -> JSON
}

/// The object that came with a control call. Each question throws ``ControlFault/badField(_:)`` for a value that makes
/// no sense; a field that is null is one that is missing.
public struct ControlFields: Sendable {
    private let body: JSON

    public init(_ body: JSON) { self.body = body }

    /// Nil when it is missing; at most 255 bytes, as every text of the protocol.
    public func text(_ name: String) throws(ControlFault) -> String? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let text = value.stringValue, text.utf8.count <= 255 else {
            throw .badField("\(name) is a text of at most 255 bytes")
        }
        return text
    }

    /// Must be there and not empty.
    public func needed(_ name: String) throws(ControlFault) -> String {
        guard let text = try text(name), !text.isEmpty else { throw .badField("\(name) is missing") }
        return text
    }

    public func number(_ name: String, _ range: ClosedRange<Int64>) throws(ControlFault) -> Int64? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let number = value.int64, range.contains(number) else {
            throw .badField("\(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Above 0 and finite; nil when it is missing.
    public func positive(_ name: String) throws(ControlFault) -> Double? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let number = value.double, number > 0, number.isFinite else {
            throw .badField("\(name) is a number above 0, or null")
        }
        return number
    }
}
