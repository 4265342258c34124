import Bitcoin
import JSONText
import Operations
import Pool
import SansIO

/// Control calls about mining channels and their connections: a pool's, and those of a job declaration client towards
/// its devices.
struct PoolControls: Sendable {
    let send: @Sendable (PoolMachine.Command) -> Void
    /// Nil when the role is stopping.
    let snapshot: @Sendable () async -> PoolSnapshot?

    static var calls: [ControlCall] {
        let channel = ("channel", "string", "the channel's id in the list of channels")
        return [
            ControlCall(
                "drain", "Sends every peer away (Reconnect) and lets nobody new in.",
                [
                    ("host", "string", "where to; the same host without it"),
                    ("port", "integer", "the same port without it"),
                    ("grace_secs", "integer", "who stays longer is closed (30)"),
                ]),
            ControlCall("resume", "Lets new peers in again."),
            ControlCall(
                "kick", "Closes a connection.", [("client", "string", "its id in the list of clients")]),
            ControlCall(
                "close-channel", "Closes a channel.", [channel, ("reason", "string", "for the peer")]),
            ControlCall(
                "set-difficulty", "A fixed difficulty for a channel.",
                [channel, ("difficulty", "number", "above 0; null gives it back to vardiff")]),
            ControlCall("change-prefix", "Another extranonce prefix for a channel.", [channel]),
            ControlCall(
                "endpoint-changed",
                "Sends ChannelEndpointChanged: what the client agreed on about extensions is forgotten.",
                [channel]),
            ControlCall(
                "ban", "Keeps an address out.",
                [("address", "string", "without a port"), ("secs", "integer", "for so long (3600)")]),
            ControlCall("lift-ban", "Lets an address in again.", [("address", "string", "without a port")]),
        ]
    }

    /// Carries out one of ``calls``; false when the name is none of them.
    func control(_ name: String, _ fields: ControlFields) async throws -> Bool {
        switch name {
        case "drain":
            let (host, port, grace) = try fields.drain()
            send(.drain(host: host, port: port, grace: grace))
        case "resume": send(.resume)
        case "kick":
            let clients = await snapshot()?.clients ?? []
            send(.disconnect(try fields.client(among: clients.map(\.id)), "closed by the operator"))
        case "close-channel":
            let reason = try fields.text("reason") ?? "closed-by-operator"
            send(.closeChannel(try await channel(fields), reason: reason))
        case "set-difficulty":
            let difficulty = try fields.positive("difficulty")
            send(.setTarget(try await channel(fields), difficulty.map { Target(difficulty: $0) }))
        case "change-prefix": send(.changePrefix(try await channel(fields)))
        case "endpoint-changed": send(.endpointChanged(try await channel(fields)))
        case "ban":
            let seconds = try fields.number("secs", 1...31_536_000) ?? 3_600
            send(.ban(address: try fields.needed("address"), time: .seconds(UInt64(seconds))))
        case "lift-ban": send(.liftBan(address: try fields.needed("address")))
        default: return false
        }
        return true
    }

    private func channel(_ fields: ControlFields) async throws -> ChannelKey {
        let id = try fields.needed("channel")
        let channels = await snapshot()?.channels ?? []
        guard let channel = channels.first(where: { PoolFacts.id($0.key) == id }) else {
            throw ControlFault.notFound("there is no channel \(id)")
        }
        return channel.key
    }
}

extension ControlFields {
    /// Where to, and how long those who stay may do so.
    func drain() throws(ControlFault) -> (host: String, port: UInt16, grace: Interval) {
        let port = try number("port", 0...65_535) ?? 0
        let grace = try number("grace_secs", 0...86_400) ?? 30
        return (try text("host") ?? "", UInt16(port), .seconds(UInt64(grace)))
    }

    /// The connection that the field `client` names.
    func client(among ids: [ConnectionID]) throws(ControlFault) -> ConnectionID {
        let text = try needed("client")
        guard let raw = UInt64(text) else { throw .badField("client is an id of the list of clients") }
        guard ids.contains(ConnectionID(raw)) else { throw .notFound("there is no client \(raw)") }
        return ConnectionID(raw)
    }
}
