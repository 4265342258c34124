import Chain
import SansIO

/// What bitcoind would listen on.
struct BitcoindListeners {
    var rpc: [Endpoint] = []
    /// The RPC address was left to us, so ::1 may be missing.
    var isDefaultRPC = false
    var peer: [Endpoint] = []
    /// SV2 template distribution (-sv2), which Core leaves to a program of its own.
    var templates: Endpoint?

    init(_ settings: BitcoindSettings) throws(OptionError) {
        let port = try Self.port("rpcport", settings) ?? BitcoinPorts.rpc(settings.network)
        if settings.flag("server", default: true) {
            let allows = !settings.list("rpcallowip").isEmpty
            let binds = settings.list("rpcbind")
            // Without a list of who may connect, an address beyond loopback would be a mistake.
            if allows, !binds.isEmpty {
                for text in binds { rpc.append(try Self.endpoint(text, port, option: "rpcbind")) }
            } else {
                isDefaultRPC = true
                rpc = [Endpoint(host: "127.0.0.1", port: port), Endpoint(host: "::1", port: port)]
            }
        }
        let peerPort = try Self.port("port", settings) ?? BitcoinPorts.peer(settings.network)
        let binds =
            settings.list("bind")
            + settings.list("whitebind").map { $0.split(separator: "@").last.map(String.init) ?? $0 }
        let isSolitary =
            !settings.list("connect").isEmpty || settings.options.isNegated("connect", on: settings.network)
        if settings.flag("listen", default: !binds.isEmpty || !isSolitary) {
            for text in binds {
                // `=onion` marks where a local Tor daemon connects to; here it is one more listener.
                let plain = text.split(separator: "=", maxSplits: 1).first.map(String.init) ?? text
                peer.append(try Self.endpoint(plain, peerPort, option: "bind"))
            }
            if binds.isEmpty { peer = [Endpoint(host: "127.0.0.1", port: peerPort)] }
        } else if !settings.list("bind").isEmpty || !settings.list("whitebind").isEmpty {
            throw OptionError("Cannot set -bind or -whitebind together with -listen=0")
        }
        if settings.flag("sv2", default: false) {
            let port = try Self.port("sv2port", settings) ?? 18_447
            templates = try Self.endpoint(settings.text("sv2bind") ?? "127.0.0.1", port, option: "sv2bind")
        }
    }

    private static func port(_ name: String, _ settings: BitcoindSettings) throws(OptionError) -> UInt16? {
        guard let text = settings.text(name) else { return nil }
        guard let port = UInt16(text), port > 0 else {
            throw OptionError("Invalid port specified in -\(name): '\(text)'")
        }
        return port
    }

    private static func endpoint(_ text: String, _ port: UInt16, option: String) throws(OptionError)
        -> Endpoint
    {
        if let endpoint = Endpoint(text), !(text.contains("::") && !text.hasPrefix("[")) { return endpoint }
        var host = text
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty,
            host.contains(":") == text.contains("::") || host.contains(".") || host == "localhost"
        else { throw OptionError("Invalid port specified in -\(option): '\(text)'") }
        return Endpoint(host: host == "localhost" ? "127.0.0.1" : host, port: port)
    }
}
