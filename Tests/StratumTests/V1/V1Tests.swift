import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Stratum

@Suite struct V1Tests {
    private func message(_ line: String) throws -> V1.Message { try V1.Message(line: Array(line.utf8)) }

    private func clientCall(_ line: String) throws -> V1.ClientCall {
        switch try message(line) {
        case .request(let request): return try V1.ClientCall(request)
        case .notification(let notification): return try V1.ClientCall(notification)
        case .response: throw V1Error.notAMessage
        }
    }

    private func serverCall(_ line: String) throws -> V1.ServerCall {
        switch try message(line) {
        case .request(let request): return try V1.ServerCall(request)
        case .notification(let notification): return try V1.ServerCall(notification)
        case .response: throw V1Error.notAMessage
        }
    }

    private func text(_ encode: (inout ByteWriter) -> Void) -> String {
        var writer = ByteWriter()
        encode(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static let slushNotify = #"""
        {"params": ["bf", "4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000", \#
        "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff\#
        20020862062f503253482f04b8864e5008", \#
        "072f736c7573682f000000000100f2052a010000001976a914\#
        d23fcdf86f7e756a64a7a9688ef9903327048ed988ac00000000", [], \#
        "00000002", "1c2ac4af", "504e86b9", false], "id": null, "method": "mining.notify"}
        """#

    @Test("the published example of Stratum V1 is a share of difficulty 1")
    func publishedExample() throws {
        guard case .notify(let job) = try serverCall(Self.slushNotify) else {
            Issue.record("no notify")
            return
        }
        #expect(job.prevHash.displayHex == "00000000440b921e1b77c6c0487ae5616de67f788f44ae2a5af6e2194d16b6f8")
        let result =
            #"""
            {"id": 1, "result": [[["mining.set_difficulty", "b4b6693b"], \#
            ["mining.notify", "ae6812eb"]], "08000002", 4], "error": null}
            """#
        guard case .response(let response) = try message(result) else {
            Issue.record("no response")
            return
        }
        let subscription = try V1.SubscribeResult(response.result)
        #expect(subscription.sessionID == "ae6812eb")
        #expect(subscription.extranonce2Size == 4)
        let submit =
            #"""
            {"params": ["slush.miner1", "bf", "00000001", "504e86ed", "b2957c02"], \#
            "id": 4, "method": "mining.submit"}
            """#
        guard case .submit(let share) = try clientCall(submit) else {
            Issue.record("no submit")
            return
        }
        let root = StratumMath.extendedMerkleRoot(
            prefix: job.coinbase1, extranonce: subscription.extranonce1 + share.extranonce2,
            suffix: job.coinbase2, path: job.merkleBranch)
        let header = BlockHeader(
            version: job.version, previousBlockHash: job.prevHash, merkleRoot: root, time: share.nTime,
            bits: CompactTarget(bits: job.nBits), nonce: share.nonce)
        #expect(header.hash.displayHex == "000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32")
        #expect(V1Difficulty(1).target.isMet(by: header.hash))
        #expect(try serverCall(text { job.notification.encode(into: &$0) }) == .notify(job))
    }

    @Test("every client call survives writing and reading")
    func clientCalls() throws {
        let calls: [V1.ClientCall] = [
            .subscribe(V1.Subscribe(userAgent: "lab/1", sessionID: "ab")),
            .subscribe(V1.Subscribe(userAgent: "lab/1")),
            .authorize(V1.Authorize(user: "bc1q.w", password: "d=1")),
            .configure(
                V1.Configure(versionRolling: .init(), minimumDifficulty: 0.5, subscribeExtranonce: true)),
            .submit(
                V1.Submit(
                    worker: "w", jobID: "1#2", extranonce2: [0, 1], nTime: 0x0000_0102, nonce: 0xff00_0000)),
            .submit(
                V1.Submit(
                    worker: "w\"\\", jobID: "j", extranonce2: [], nTime: 1, nonce: 2, versionBits: 0x2000)),
            .extranonceSubscribe, .suggestDifficulty(0.001), .suggestTarget(.difficultyOne), .ping,
        ]
        for (id, call) in calls.enumerated() {
            let line = text { call.request(id: .int(id)).encode(into: &$0) }
            #expect(line.hasSuffix("\n"))
            guard case .request(let request) = try message(line) else {
                Issue.record("no request: \(line)")
                continue
            }
            #expect(request.id == .int(id))
            #expect(try V1.ClientCall(request) == call)
        }
    }

    @Test("every server notice survives writing and reading")
    func serverCalls() throws {
        let notices: [(V1.Notification, V1.ServerCall)] = [
            (V1.SetDifficulty(0.0005).notification, .setDifficulty(V1.SetDifficulty(0.0005))),
            (
                V1.SetExtranonce(extranonce1: [1, 2], extranonce2Size: 6).notification,
                .setExtranonce(V1.SetExtranonce(extranonce1: [1, 2], extranonce2Size: 6))
            ),
            (V1.Reconnect().notification, .reconnect(V1.Reconnect())),
            (
                V1.Reconnect(host: "b", port: 3333, wait: 5).notification,
                .reconnect(V1.Reconnect(host: "b", port: 3333, wait: 5))
            ),
            (
                V1.Notification(method: "mining.set_version_mask", params: ["1fffe000"]),
                .setVersionMask(0x1fff_e000)
            ),
            (V1.Notification(method: "client.show_message", params: ["hi"]), .showMessage("hi")),
            (V1.Notification(method: "client.get_version", params: []), .getVersion),
            (V1.Notification(method: "mining.unheard_of", params: []), .unknown(method: "mining.unheard_of")),
        ]
        for (notification, call) in notices {
            #expect(try serverCall(text { notification.encode(into: &$0) }) == call)
        }
    }

    @Test("quirks of real firmware are read")
    func quirks() throws {
        // Ids as text, params missing, null or an object.
        guard case .request(let request) = try message(#"{"id":"abc","method":"mining.subscribe"}"#) else {
            Issue.record("no request")
            return
        }
        #expect(request.id == "abc")
        #expect(try V1.ClientCall(request) == .subscribe(V1.Subscribe(userAgent: "")))
        #expect(
            try clientCall(#"{"id":1,"method":"mining.extranonce.subscribe","params":null}"#)
                == .extranonceSubscribe)
        #expect(
            try clientCall(#"{"id":1,"method":"mining.authorize","params":["u"]}"#)
                == .authorize(V1.Authorize(user: "u", password: "")))
        // Numbers as text and the other way, 0x, few digits, JSON-RPC 2.0, calls without id.
        #expect(
            try clientCall(#"{"jsonrpc":"2.0","method":"mining.suggest_difficulty","params":["1024"]}"#)
                == .suggestDifficulty(1024))
        #expect(
            try serverCall(#"{"id":null,"method":"mining.set_difficulty","params":["0.5"]}"#)
                == .setDifficulty(V1.SetDifficulty(0.5)))
        guard
            case .submit(let share) = try clientCall(
                #"{"id":"4","method":"mining.submit","params":["w",7,"0a","0x504E86ED","1f","2000"]}"#)
        else {
            Issue.record("no submit")
            return
        }
        #expect(share.jobID == "7")
        #expect(share.nTime == 0x504e_86ed)
        #expect(share.nonce == 0x1f)
        #expect(share.versionBits == 0x2000)
        #expect(
            try serverCall(#"{"id":7,"method":"client.reconnect","params":["h","3333","10"]}"#)
                == .reconnect(V1.Reconnect(host: "h", port: 3333, wait: 10)))
        // Configure without options, and a mask of all ones.
        let configure = #"{"id":1,"method":"mining.configure","params":[["version-rolling","x"]]}"#
        guard case .configure(let call) = try clientCall(configure) else {
            Issue.record("no configure")
            return
        }
        #expect(call.versionRolling == .init(mask: .max, minBitCount: 0))
        #expect(
            V1.ConfigureResult(versionMask: 0x1fff_e000).json(answering: call).text
                == #"{"version-rolling":true,"version-rolling.mask":"1fffe000","x":false}"#)
        // Errors as array, object, text.
        for error in [#"[23,"low",null]"#, #"{"code":23,"message":"low"}"#] {
            guard case .response(let response) = try message(#"{"id":4,"result":null,"error":\#(error)}"#)
            else {
                Issue.record("no response")
                return
            }
            #expect(response.error == V1.Refusal(code: 23, text: "low"))
            #expect(!response.isAccepted)
        }
    }

    @Test("wrong parameters are named")
    func wrongParameters() {
        let cases = [
            (#"["w","j","0","00000000","00000000"]"#, "extranonce2"),
            (#"["w","j","00","zz","00000000"]"#, "ntime"),
            (#"["w","j","00","00000000","123456789"]"#, "nonce"),
            (#"["w","j","00","00000000"]"#, "nonce"), (#"[null,"j","00","00000000","0"]"#, "worker"),
            (#"["w","j","\#(String(repeating: "00", count: 17))","0","0"]"#, "extranonce2"),
            (#"["w","j","00","0","0","+1"]"#, "version bits"),
        ]
        for (params, name) in cases {
            #expect(throws: V1Error.badParameter(name)) {
                try clientCall(#"{"id":1,"method":"mining.submit","params":\#(params)}"#)
            }
        }
        for line in ["[]", "1", "{}", #"{"id":1}"#] {
            #expect(throws: V1Error.notAMessage) { try message(line) }
        }
        #expect(throws: V1Error.self) { try message("GET / HTTP/1.1") }
        for value in ["0", "-1", "1e999", "\"NaN\"", "null"] {
            #expect(throws: V1Error.self) {
                try serverCall(#"{"id":null,"method":"mining.set_difficulty","params":[\#(value)]}"#)
            }
        }
    }

    @Test("lines survive a cut at every byte, byte by byte and glued")
    func lines() throws {
        let stream = Array("{\"id\":1}\n\r\n \n[2]\r\nthree\n".utf8)
        let expected = [#"{"id":1}"#, "[2]", "three"].map { Array($0.utf8) }
        func pull(_ decoder: inout V1LineDecoder) throws -> [[UInt8]] {
            var list: [[UInt8]] = []
            while let line = try decoder.nextLine() { list.append(line) }
            return list
        }
        for cut in 0...stream.count {
            var decoder = V1LineDecoder()
            var lines: [[UInt8]] = []
            for part in [stream[..<cut], stream[cut...]] {
                decoder.receive(Array(part).span.bytes)
                lines += try pull(&decoder)
            }
            #expect(lines == expected)
        }
        var decoder = V1LineDecoder()
        var lines: [[UInt8]] = []
        for byte in stream {
            decoder.receive([byte].span.bytes)
            lines += try pull(&decoder)
        }
        #expect(lines == expected)
    }

    @Test("a line over the limit is refused, whole or not")
    func longLines() throws {
        let limit = 16
        for tail in ["", "\n"] {
            var decoder = V1LineDecoder(lineMax: limit)
            let bytes = Array((String(repeating: "x", count: limit + 1) + tail).utf8)
            decoder.receive(bytes.span.bytes)
            #expect(throws: V1Error.lineTooLong(limit: limit)) { try decoder.nextLine() }
        }
        var decoder = V1LineDecoder(lineMax: limit)
        decoder.receive([UInt8](repeating: 0x78, count: limit).span.bytes)
        let none = try decoder.nextLine()
        #expect(none == nil)
        decoder.receive([0x0a].span.bytes)
        let line = try decoder.nextLine()
        #expect(line?.count == limit)
    }

    @Test("a broken line does not stop the next one, and garbage never traps", arguments: 0..<32)
    func garbage(seed: UInt64) throws {
        var decoder = V1LineDecoder()
        decoder.receive(Array("nonsense\n{\"id\":1,\"method\":\"mining.ping\"}\n".utf8).span.bytes)
        #expect(throws: V1Error.self) { try decoder.nextMessage() }
        let message = try decoder.nextMessage()
        #expect(message == .request(V1.Request(id: 1, method: "mining.ping", params: [])))
        var random = PRNG(seed: seed)
        let alphabet = Array("{}[]\":,0123456789.eE+-ntfrualsmining.submit params id\\u\n".utf8)
        let bytes = (0..<2000).map { _ in alphabet[Int(random.below(UInt64(alphabet.count)))] }
        decoder.receive(bytes.span.bytes)
        for _ in 0..<500 { _ = try? decoder.nextMessage() }
    }
}
