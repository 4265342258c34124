import ArgumentParser
import Bitcoin
import Experiments
import Foundation
import JSONText
import NIOPosix
import Runtime
import SansIO
import Stratum
import Tap

/// `host:port`, `host:port/KEY` or a pool's address.
struct UpstreamArgument: ExpressibleByArgument, Sendable {
    let url: PoolURL

    init?(argument: String) {
        guard let url = PoolURL(argument.contains("://") ? argument : "stratum2+tcp://\(argument)") else {
            return nil
        }
        self.url = url
    }
}

struct TapFilterArgument: ExpressibleByArgument, Sendable {
    let filter: TapFilter

    init?(argument: String) {
        guard let filter = TapFilter(argument) else { return nil }
        self.filter = filter
    }
}

struct TapProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap",
        abstract: "Decrypts, records and prints what passes between two Stratum peers.",
        discussion: """
            Clients connect to the tap with the tap's authority key, which it prints; the tap connects to the \
            upstream. Any protocol of Stratum V2 passes, and V1 lines with --v1.

            Examples:
              lab tap --upstream 127.0.0.1:34254/KEY
              lab tap --listen 127.0.0.1:3333 --upstream 127.0.0.1:34254/KEY --record day.tap --pcap day.pcapng
              lab tap --upstream stratum+tcp://127.0.0.1:34255 --filter 'mining.notify'
              lab tap --read day.tap --filter 'Submit* channel:2' --json
              lab tap --read day.tap --pcap day.pcapng --quiet
              lab tap --dissector > sv2.lua && tshark -X lua_script:sv2.lua -r day.pcapng

            A filter's terms must all hold: a message's name (with *), dir:up|down, session:N, channel:N, type:0x1a, \
            how:forwarded|dropped|replaced|held|injected; commas for alternatives, ! in front for not.
            """)

    @Option(help: "The address for clients; port 0 takes a free one.")
    var listen = Endpoint(host: "127.0.0.1", port: 34_354)
    @Option(help: ArgumentHelp("Where clients' messages go.", valueName: "host:port[/KEY]"))
    var upstream: UpstreamArgument?
    @Option(
        help: ArgumentHelp(
            "The key that signs the tap's certificate; without one a new key is drawn.",
            valueName: "base58"))
    var authoritySecret: String?
    @Flag(help: "Stratum V1 lines instead of V2 frames.") var v1 = false
    @Flag(help: "V2 frames without encryption, on both sides.") var plain = false
    @Option(help: ArgumentHelp("Write every record to this file.", valueName: "file")) var record: String?
    @Option(help: ArgumentHelp("Write a pcapng file for Wireshark.", valueName: "file")) var pcap: String?
    @Option(help: ArgumentHelp("Read a recording instead of listening.", valueName: "file"))
    var read: String?
    @Option(help: "Print and export only these messages; see above.") var filter: TapFilterArgument?
    @Option(help: ArgumentHelp("Messages of this name never reach the other side.", valueName: "name"))
    var drop: [String] = []
    @Flag(help: "Print one JSON object per message.") var json = false
    @Flag(help: "Print no messages.") var quiet = false
    @Flag(help: "Print the Lua script that lets Wireshark read the exported file.") var dissector = false

    func validate() throws {
        if dissector { return }
        guard (read == nil) != (upstream == nil) else {
            throw ValidationError("either --upstream host:port[/KEY] or --read FILE is needed")
        }
        if read != nil, record != nil { throw ValidationError("--read and --record exclude each other") }
        if let authoritySecret, AuthoritySecretKey(authoritySecret) == nil {
            throw ValidationError("--authority-secret is no Base58Check text of 32 bytes")
        }
        if let upstream, v1, upstream.url.authority != nil {
            throw ValidationError("--v1 and an authority key exclude each other: V1 has no encryption")
        }
    }

    func run() async throws {
        if dissector { return Output.text(WiresharkDissector.script) }
        let wanted = filter?.filter ?? TapFilter()
        if let read { return try replay(read, wanted) }
        guard let upstream else { return }
        try await proxy(upstream.url, wanted)
    }

    private func replay(_ path: String, _ wanted: TapFilter) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FileError(path: path, line: nil, message: "cannot be read")
        }
        let records: [TapRecord]
        do { records = try TapFile.read(Array(data)) } catch {
            throw FileError(path: path, line: nil, message: "\(error)")
        }
        let sinks = try TapSinks(record: nil, pcap: pcap, port: 34_254, prints: !quiet, json: json, wanted)
        for record in records { sinks.take(record) }
        try sinks.finish()
    }

    private func proxy(_ url: PoolURL, _ wanted: TapFilter) async throws {
        let stop = StopSignal()
        let runtime = LabRuntime(threads: 1)
        var secrets = SecretGenerator(seed: LiveWorld.entropy(32))
        let authority =
            authoritySecret.flatMap(AuthoritySecretKey.init) ?? AuthoritySecretKey(secrets.secretKey())
        let wire: TapConfiguration.Wire = v1 || !url.isV2 ? .lines : plain ? .plain : .noise
        var configuration = TapConfiguration(
            upstream: url.endpoint, wire: wire, authority: authority, staticKey: secrets.secretKey(),
            clock: runtime.world.wallClock, secretSeed: secrets.bytes(32))
        configuration.upstreamAuthority = url.authority
        configuration.rules = drop.map { TapRule(ExpectedMessage($0), .drop) }
        let sinks = try TapSinks(
            record: record, pcap: pcap, port: url.endpoint.port, prints: !quiet, json: json, wanted)
        let host = MachineHost(
            TapMachine(configuration), loop: runtime.group.next(), world: runtime.world
        ) { record, _ in
            if let fault = sinks.take(record) { stop.request(fault) }
        }
        let bound = try await host.listen(.tap, on: listen, namesPorts: true)
        host.start()
        let scheme: PoolURL.Scheme =
            wire == .lines
            ? .stratumV1 : .stratumV2(authority: wire == .noise ? authority.publicKey : nil)
        Output.error("tap \(PoolURL(scheme: scheme, endpoint: bound)) -> \(url)\n")
        if authoritySecret == nil, wire == .noise { Output.error("authority secret \(authority.text)\n") }
        let why = await stop.wait()
        await host.stop()
        try sinks.finish()
        Output.error("\(why); \(sinks.summary)\n")
    }
}
