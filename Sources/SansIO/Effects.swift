/// A role's durable record streams. Each role names its own as static members.
public struct StoreID: Hashable, Sendable {
    public var raw: UInt8
    @inlinable
    public init(_ raw: UInt8) { self.raw = raw }
}

/// What a machine asks its driver to do. Bytes live in the buffer's arena; the effect holds their range.
public enum Effect<Observation: Sendable & Equatable>: Sendable, Equatable {
    /// Send the arena's bytes in this range.
    case send(ConnectionID, Range<Int>)
    /// Send what was handed over before, then close.
    case close(ConnectionID, CloseReason)
    /// Open a connection; answered by `connectionOpened(origin: .dialed)` or `dialFailed`.
    case dial(DialID, Endpoint)
    /// Append the arena's bytes in this range as one record to a durable stream. The record
    /// must be on the disk before any later `.send` leaves, so that what was acknowledged to a peer survives the
    /// process and a power cut.
    case store(StoreID, Range<Int>)
    /// Forget every earlier record of a durable stream, on the disk too. The records that follow take their place
    /// all at once, when the next `.send` leaves at the latest; before that the earlier ones are what is restored.
    case restart(StoreID)
    /// Stop (true) or resume (false) reading from a connection.
    case pauseReads(ConnectionID, Bool)
    case observe(Observation)
}

/// The ordered effects of one machine call, owned and reused by the driver.
public struct EffectBuffer<Observation: Sendable & Equatable>: ~Copyable {
    @usableFromInline var pending: [Effect<Observation>] = []
    @usableFromInline var arena = ByteWriter()

    @inlinable
    public init() {
        pending.reserveCapacity(16)
        arena.reserveCapacity(4096)
    }

    /// In the order in which they must be carried out.
    @inlinable
    public var effects: [Effect<Observation>] { pending }

    @inlinable
    public var isEmpty: Bool { pending.isEmpty }

    /// How many effects wait. A driver walks by index: a loop over ``effects`` would hold a second reference to
    /// the storage, and ``reset()`` would then have to allocate it anew.
    @inlinable
    public var count: Int { pending.count }

    @inlinable
    public subscript(index: Int) -> Effect<Observation> { pending[index] }

    @inlinable
    public mutating func emit(_ effect: Effect<Observation>) { append(effect) }

    @inlinable
    public mutating func observe(_ observation: Observation) { append(.observe(observation)) }

    @inlinable
    public mutating func close(_ id: ConnectionID, _ reason: CloseReason) { append(.close(id, reason)) }

    /// Appends what `body` writes and records `.send`. Nothing is sent when `body` throws or writes nothing.
    @inlinable
    public mutating func send<E: Error>(
        on id: ConnectionID, _ body: (inout ByteWriter) throws(E) -> Void
    ) throws(E) {
        let start = arena.count
        do throws(E) { try body(&arena) } catch {
            arena.truncate(to: start)
            throw error
        }
        if arena.count > start { append(.send(id, start..<arena.count)) }
    }

    /// Appends what `body` writes as one durable record.
    @inlinable
    public mutating func store<E: Error>(
        in store: StoreID, _ body: (inout ByteWriter) throws(E) -> Void
    ) throws(E) {
        let start = arena.count
        do throws(E) { try body(&arena) } catch {
            arena.truncate(to: start)
            throw error
        }
        append(.store(store, start..<arena.count))
    }

    /// A copy of the bytes of a `.send` or `.store` range. Never a slice: an array made of a slice of the whole
    /// arena would take over the arena's storage, which then had to be allocated anew.
    @inlinable
    public func bytes(_ range: Range<Int>) -> [UInt8] { withBytes(range) { Array($0) } }

    /// Lends the bytes of a range without a copy.
    @inlinable
    public func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        arena.bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Forgets everything and keeps the storage; the driver calls it after each complete drain.
    @inlinable
    public mutating func reset() {
        pending.removeAll(keepingCapacity: true)
        arena.removeAll()
    }

    @inlinable
    mutating func append(_ effect: Effect<Observation>) { pending.append(effect) }
}
