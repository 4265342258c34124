import Testing

@testable import Chain

@Suite("bitcoin.conf and bitcoind's flags")
struct BitcoinOptionsTests {
    private func options(_ words: [String], _ file: String = "") throws -> BitcoinOptions {
        var options = try BitcoinOptions(commandLine: words)
        try options.read(file, file: "bitcoin.conf")
        return options
    }

    @Test("A file's first value wins, the command line's last, and the command line beats the file")
    func precedence() throws {
        let file = "regtest=1\nrpcuser=first\nrpcuser=second\n[regtest]\nrpcport=1\nrpcport=2\n"
        let plain = try options([], file)
        #expect(try plain.networkName() == "regtest")
        #expect(plain.text("rpcuser", on: "regtest") == "first")
        #expect(plain.number("rpcport", on: "regtest") == 1)
        let given = try options(["-rpcport=3", "--rpcport=4"], file)
        #expect(given.number("rpcport", on: "regtest") == 4)
    }

    @Test("A network's section beats the head, and ports count off mainnet only there")
    func sections() throws {
        let file = "rpcuser=head\nport=5\nregtest.debug=net\n[regtest]\nrpcuser=section\n"
        let found = try options(["-regtest"], file)
        #expect(found.text("rpcuser", on: "regtest") == "section")
        #expect(found.text("port", on: "regtest") == nil)
        #expect(found.text("port", on: "main") == "5")
        #expect(found.ignoredOffMain(on: "regtest") == ["port"])
        #expect(found.list("debug", on: "regtest") == ["net"])
    }

    @Test("noX means no, noX=0 means yes, and a list forgets what came before its negation")
    func negation() throws {
        let found = try options(["-nolisten", "-norest=0", "-debug=net", "-nodebug", "-debug=rpc"])
        #expect(!found.flag("listen", on: "main", default: true))
        #expect(found.isNegated("listen", on: "main"))
        #expect(found.flag("rest", on: "main", default: false))
        #expect(found.list("debug", on: "main") == ["rpc"])
        #expect(found.notes.count == 1)
    }

    @Test("What nobody knows is refused on the command line and left out of a file")
    func unknown() throws {
        #expect(
            throws: OptionError("Error parsing command line arguments: Invalid parameter -nosuch=1")
        ) { try options(["-nosuch=1"]) }
        #expect(
            throws: OptionError(
                "Command line contains unexpected token 'generate', see bitcoind -h for a list of options.")
        ) { try options(["generate"]) }
        let found = try options([], "nosuch=1\n[typo]\nrest=1\n")
        #expect(found.ignored == ["nosuch"])
        #expect(found.unknownSections.map(\.name) == ["typo"])
    }

    @Test(
        "A file that cannot be read is refused with the line",
        arguments: [
            ("x", "parse error on line 1: x"),
            (
                "\nnolisten",
                "parse error on line 2: nolisten, if you intended to specify a negated option, use nolisten=1 instead"
            ),
            (
                "-rest=1",
                "parse error on line 1: -rest=1, options in configuration file must be specified without leading -"
            ),
            (
                "rpcpassword=a#b",
                "parse error on line 1, using # in rpcpassword can be ambiguous and should be avoided"
            ),
            (
                "conf=x",
                "conf cannot be set in the configuration file; use includeconf= if you want to include additional config files"
            ),
        ])
    func wrongFiles(text: String, message: String) throws {
        #expect(throws: OptionError(message)) { try options([], text) }
    }

    @Test("Two networks at once are refused")
    func networks() throws {
        let both = try options(["-regtest", "-signet"])
        #expect(throws: OptionError.self) { try both.networkName() }
        #expect(try options([]).networkName() == "main")
        #expect(try options(["-chain=regtest"]).networkName() == "regtest")
    }

    @Test("Included files are named in order, the section's first")
    func includes() throws {
        let found = try options(["-regtest"], "includeconf=a\n[regtest]\nincludeconf=b\n")
        #expect(found.includes(on: "regtest") == ["b", "a"])
        #expect(try options(["-noincludeconf"], "includeconf=a\n").includes(on: "main").isEmpty)
    }

    @Test("The options reach the node's configuration")
    func configuration() throws {
        var configuration = NodeUnderTest.configuration()
        let found = try options([
            "-regtest", "-rest", "-mocktime=1700000000", "-uacomment=one", "-fallbackfee=0.0002",
            "-rpcuser=u", "-rpcpassword=p", "-rpcallowip=10.0.0.0/8", "-zmqpubhashtx=tcp://127.0.0.1:28332",
            "-zmqpubrawtx=tcp://127.0.0.1:28332", "-rpcwhitelist=u:getblockcount",
        ])
        try configuration.apply(found, on: "regtest")
        #expect(configuration.rpc.servesREST)
        #expect(configuration.mockTime == 1_700_000_000)
        #expect(configuration.userAgentComments == ["one"])
        #expect(configuration.walletFeeRate == 20_000)
        #expect(configuration.rpcCredentials == "u:p")
        #expect(configuration.rpc.allows("10.9.9.9") && configuration.rpc.allows("127.0.0.1"))
        #expect(!configuration.rpc.allows("11.0.0.1"))
        #expect(configuration.rpc.publishers.count == 2)
        #expect(try configuration.rpc.publisherEndpoints().count == 1)
    }
}
