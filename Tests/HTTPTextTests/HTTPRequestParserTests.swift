import HTTPText
import SansIO
import Testing

@Suite struct HTTPRequestParserTests {
    static let plain =
        "POST /wallet/w HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\nContent-Length: 4\r\n\r\nbody"
    static let bareLineFeeds = "POST / HTTP/1.1\nContent-Length: 4\n\nbody"
    static let chunkedBesideLength =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n"
        + "3\r\nbod\r\n1;x=y\r\ny\r\n0\r\nTrailer: z\r\n\r\n"

    static func feed(_ text: String, cutAt cuts: [Int] = []) -> [HTTPRequestParser.Step] {
        var parser = HTTPRequestParser(headLimit: 8_192, bodyLimit: 0x0200_0000)
        var steps: [HTTPRequestParser.Step] = []
        let bytes = Array(text.utf8)
        var start = 0
        for end in cuts + [bytes.count] {
            parser.append(Array(bytes[start..<end]).span.bytes)
            start = end
            while true {
                let step = parser.next()
                if step == .needsMore { break }
                steps.append(step)
                if case .failed = step { return steps }
            }
        }
        return steps
    }

    static func bodies(_ steps: [HTTPRequestParser.Step]) -> [String] {
        steps.compactMap { step in
            guard case .request(let request) = step else { return nil }
            return String(decoding: request.body, as: UTF8.self)
        }
    }

    @Test(
        "Every request is read the same at every cut and byte by byte",
        arguments: [plain, bareLineFeeds, chunkedBesideLength])
    func cuts(text: String) {
        let whole = Self.feed(text)
        #expect(Self.bodies(whole) == ["body"])
        for cut in 1..<text.utf8.count { #expect(Self.feed(text, cutAt: [cut]) == whole) }
        #expect(Self.feed(text, cutAt: Array(1..<text.utf8.count)) == whole)
        #expect(Self.bodies(Self.feed(text + text + text)) == ["body", "body", "body"])
    }

    @Test("Method, path, authorization and keep-alive are told")
    func fields() {
        guard case .request(let request)? = Self.feed(Self.plain).first else {
            Issue.record("no request")
            return
        }
        #expect(request.method == "POST")
        #expect(request.path == "/wallet/w")
        #expect(request.authorization == "Basic eDp5")
        #expect(request.header("host") == "a")
        #expect(request.keepsAlive)
        let old = Self.feed("GET / HTTP/1.0\r\n\r\n")
        guard case .request(let request)? = old.first else {
            Issue.record("no request")
            return
        }
        #expect(!request.keepsAlive)
        #expect(request.body.isEmpty)
    }

    @Test("A client that expects 100 is told to continue once, unless the body is there already")
    func continues() {
        let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        #expect(Self.feed(head + "ab", cutAt: [head.utf8.count]).first == .expectsContinue)
        #expect(Self.bodies(Self.feed(head + "ab", cutAt: [head.utf8.count])) == ["ab"])
        #expect(Self.feed(head + "ab").count == 1)
    }

    @Test(
        "What is too large or no HTTP is refused before it is stored",
        arguments: [
            ("POST / HTTP/1.1\r\nX: " + String(repeating: "a", count: 9_000) + "\r\n\r\n", 400),
            (String(repeating: "a", count: 9_000), 400),
            ("POST / HTTP/1.1\r\nContent-Length: 40000000\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400), ("hello\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nnocolon\r\n\r\n", 400), ("GET / HTTP/9.9\r\n\r\n", 400),
            ("GET /a\0b HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3000000\r\n", 413),
        ])
    func refusals(text: String, status: Int) {
        #expect(Self.feed(text) == [.failed(status: status)])
    }
}
