import Testing

@testable import Explorer

@Suite struct HTTPReplyDecoderTests {
    static let plain =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"a\":[1,2]}"
    static let chunked =
        "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "4;x=y\r\n{\"a\"\r\n7\r\n:[1,2]}\r\n0\r\nT: 1\r\n\r\n"

    @Test(arguments: [plain, chunked])
    func aReplyIsTheSameAtEverySplit(_ text: String) throws {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            var decoder = HTTPReplyDecoder()
            let early = try decoder.receive(bytes[..<split])
            let reply = try early ?? decoder.receive(bytes[split...])
            #expect(
                reply.map { String(decoding: $0.body, as: UTF8.self) } == "{\"a\":[1,2]}", "split at \(split)"
            )
        }
    }

    @Test(arguments: [plain, chunked])
    func aReplyMayComeByteByByteAndAnotherMayFollow(_ text: String) throws {
        var decoder = HTTPReplyDecoder()
        for _ in 0..<2 {
            var reply: HTTPReply?
            for byte in text.utf8 {
                #expect(reply == nil)
                reply = try decoder.receive([byte])
            }
            #expect(reply?.body.count == 11)
            #expect(reply?.keepsAlive == true)
        }
    }

    @Test func aReplyWithoutLengthEndsWithItsConnection() throws {
        var decoder = HTTPReplyDecoder()
        #expect(try decoder.receive(Array("HTTP/1.0 200 OK\r\n\r\nabc".utf8)) == nil)
        let reply = try decoder.end()
        #expect(reply?.body == Array("abc".utf8))
        #expect(reply?.keepsAlive == false)
    }

    @Test func whatIsCutOffOrTooLargeIsAnError() throws {
        var cut = HTTPReplyDecoder()
        #expect(try cut.receive(Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab".utf8)) == nil)
        #expect(throws: HTTPReplyError.endedEarly) { try cut.end() }
        var large = HTTPReplyDecoder(bodyLimit: 10)
        #expect(throws: HTTPReplyError.bodyTooLarge(limit: 10)) { try large.receive(Array(Self.plain.utf8)) }
        var chunks = HTTPReplyDecoder(bodyLimit: 10)
        #expect(throws: HTTPReplyError.bodyTooLarge(limit: 10)) {
            try chunks.receive(Array(Self.chunked.utf8))
        }
        var header = HTTPReplyDecoder()
        #expect(throws: HTTPReplyError.headerTooLarge(limit: Limits.replyHeaderBytes)) {
            try header.receive(Array(("HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 20_000)).utf8))
        }
        for text in [
            "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ] {
            var decoder = HTTPReplyDecoder()
            #expect(throws: HTTPReplyError.self, "\(text)") { try decoder.receive(Array(text.utf8)) }
        }
        var huge = HTTPReplyDecoder()
        #expect(throws: HTTPReplyError.self) {
            try huge.receive(
                Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n".utf8))
        }
    }

    @Test func endpointsAreReadFromTheFormsPeopleType() {
        #expect(RPCEndpoint("127.0.0.1:18443")?.port == 18_443)
        #expect(RPCEndpoint("http://localhost:8332/")?.host == "localhost")
        #expect(
            RPCEndpoint("http://user:p%40ss@node:1")
                == RPCEndpoint(host: "node", port: 1, credentials: .password(user: "user", password: "p@ss")))
        #expect(RPCEndpoint("http://[::1]:18443")?.host == "::1")
        #expect(RPCEndpoint("http://[::1]:18443")?.name == "[::1]:18443")
        for text in [
            "", "node", "https://node:1", "http://node:0", "http://node:70000", "http://node:1/wallet",
        ] {
            #expect(RPCEndpoint(text) == nil, "\(text)")
        }
    }

    @Test func aCookieThatCannotBeReadIsNamed() {
        let endpoint = RPCEndpoint(port: 1, credentials: .cookie(path: "/nonexistent/.cookie"))
        #expect(throws: RPCFailure.cookieUnreadable(path: "/nonexistent/.cookie")) {
            try endpoint.authorization()
        }
        #expect(
            RPCFailure.cookieUnreadable(path: "/nonexistent/.cookie").description.contains(
                "/nonexistent/.cookie"))
    }
}
