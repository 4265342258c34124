import Bitcoin
import JSONText
import SansIO
import Stratum
import Tap

/// The Stratum V1 side of a translator. V1 has no specification with numbered clauses; these are what mining.* means to
/// every client.
enum LineChecks {
    static let all: [Check] = [
        Check(
            "V1-01",
            "mining.subscribe is answered with subscriptions, extranonce1 and the size of extranonce2",
            [.translator],
            [
                .connect(0, .lines), call(1, "mining.subscribe", #"["conformance/1"]"#),
                answer(1) { json, notes in
                    guard let list = json["result"]?.arrayValue, list.count == 3 else {
                        return .fail("the result is no array of three")
                    }
                    guard let nonce = list[1].stringValue, [UInt8](hex: nonce) != nil else {
                        return .fail("extranonce1 is no hexadecimal text")
                    }
                    guard let size = list[2].int64, (1...16).contains(size) else {
                        return .fail("the size of extranonce2 is none")
                    }
                    return .pass("extranonce1 \(nonce), extranonce2 of \(size) bytes")
                },
            ]),
        Check(
            "V1-02", "mining.authorize is answered by true or by an error, with the call's id", [.translator],
            ready,
            [.end(.pass("answered"))]),
        Check(
            "V1-03", "After authorize come set_difficulty and notify, the difficulty first", [.translator],
            ready,
            [
                method("mining.notify") { _, notes in
                    notes.texts["mining.set_difficulty"] == nil
                        ? .fail("mining.notify came before mining.set_difficulty")
                        : .pass("difficulty \(notes.texts["mining.set_difficulty"] ?? "")")
                }
            ]),
        Check(
            "V1-04", "mining.notify has nine parameters of the right form", [.translator], ready,
            [method("mining.notify") { json, _ in judge(notify: json) }]),
        Check(
            "V1-05", "An unknown method is answered by an error with the call's id", [.translator], ready,
            [
                call(77, "mining.make_coffee", "[]"),
                answer(77) { json, _ in
                    json["error"].map(\.isNull) ?? true
                        ? .fail("no error: \(json.text)") : .pass(json["error"]?.text ?? "")
                },
            ]),
        Check(
            "V1-06", "A share of a job that there is not is refused", [.translator], ready,
            [
                call(
                    78, "mining.submit", #"["conformance.probe","ffffff","00000000","00000000","00000000"]"#),
                answer(78) { json, _ in
                    json["result"]?.boolValue == true
                        ? .fail("it was accepted") : .pass(json["error"]?.text ?? "")
                },
            ]),
        Check(
            "V1-07", "mining.configure answers for version-rolling and names a mask", [.translator],
            [
                .connect(0, .lines),
                call(
                    5, "mining.configure",
                    #"[["version-rolling"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}]"#
                ),
                answer(5) { json, _ in
                    guard json["result"]?["version-rolling"]?.boolValue == true else {
                        return .skip("version rolling is not offered")
                    }
                    guard let mask = json["result"]?["version-rolling.mask"]?.stringValue,
                        let bits = UInt32(mask, radix: 16), bits & ~0x1fff_e000 == 0
                    else { return .fail("the mask is not within the one that was asked for") }
                    return .pass("mask \(mask)")
                },
            ]),
        Check(
            "V1-08", "A line that is no JSON does not harm others", [.translator],
            [.connect(0, .lines), .send { _ in [Outgoing(0, .line("{{{ no json"))] }, .connect(1, .lines)],
            [
                .send { _ in [Outgoing(1, .line(#"{"id":1,"method":"mining.subscribe","params":[]}"#))] },
                .wait(
                    Wait(
                        slot: 1,
                        hear: { heard, _ in
                            if heard.isEnd { return .end(.fail(heard.endText)) }
                            if case .line = heard.event { return .end(.pass("another client is served")) }
                            return .ignore
                        }, timeout: .fail("another client is not served"))),
            ]),
        Check(
            "V1-09", "A line without an end is bounded: a megabyte of it closes the connection",
            [.translator],
            [
                .connect(0, .raw),
                .send { _ in [Outgoing(0, .raw([UInt8](repeating: 0x20, count: 1 << 20)))] },
                .closes(otherwise: .fail("the connection is still open")), .end(.pass("closed")),
            ]),
        Check(
            "V1-10", "Two miners get different extranonces", [.translator],
            [
                .connect(0, .lines), .connect(1, .lines), call(1, "mining.subscribe", "[]"),
                .send { _ in [Outgoing(1, .line(#"{"id":1,"method":"mining.subscribe","params":[]}"#))] },
                .rest(.seconds(2)),
                .judge { notes in
                    let all = (0...1).compactMap { slot in
                        notes.lines(slot).compactMap { $0["result"]?[1]?.stringValue }.first
                    }
                    guard all.count == 2 else { return .unknown("not both were answered in 2 s") }
                    return all[0] == all[1] ? .fail("both have \(all[0])") : .pass("\(all[0]) and \(all[1])")
                },
            ]),
    ]

    private static func call(_ id: Int, _ method: String, _ params: String) -> Step {
        .send { _ in [Outgoing(0, .line(#"{"id":\#(id),"method":"\#(method)","params":\#(params)}"#))] }
    }

    /// Subscribed and authorized.
    private static let ready: [Step] = [
        .connect(0, .lines), call(1, "mining.subscribe", #"["conformance/1"]"#),
        call(2, "mining.authorize", #"["conformance.probe","x"]"#),
        answer(2) { json, _ in
            if json["result"]?.boolValue == true { return nil }
            return json["error"].map(\.isNull) ?? true
                ? .fail("neither true nor an error: \(json.text)")
                : .unknown("authorize was refused: \(json["error"]?.text ?? "")")
        },
    ]

    private static func answer(
        _ id: Int64, _ judge: @escaping @Sendable (JSON, ProbeNotes) -> Verdict?
    ) -> Step {
        .wait(
            Wait(
                patience: .seconds(15),
                hear: { heard, notes in
                    if heard.isEnd { return .end(.fail("no answer to call \(id): \(heard.endText)")) }
                    guard case .line(let bytes) = heard.event, let json = try? JSON.parse(bytes) else {
                        return .ignore
                    }
                    note(json, in: &notes)
                    guard json["id"]?.int64 == id, json["method"]?.stringValue == nil else { return .ignore }
                    return judge(json, notes).map { .end($0) } ?? .next
                }, timeout: .fail("call \(id) was not answered")))
    }

    private static func method(
        _ name: String, _ judge: @escaping @Sendable (JSON, ProbeNotes) -> Verdict
    ) -> Step {
        .wait(
            Wait(
                patience: .seconds(15),
                hear: { heard, notes in
                    if heard.isEnd { return .end(.fail(heard.endText)) }
                    guard case .line(let bytes) = heard.event, let json = try? JSON.parse(bytes) else {
                        return .ignore
                    }
                    note(json, in: &notes)
                    return json["method"]?.stringValue == name ? .end(judge(json, notes)) : .ignore
                }, timeout: .fail("no \(name) came")))
    }

    /// Notifications that other judges ask for.
    private static func note(_ json: JSON, in notes: inout ProbeNotes) {
        guard let method = json["method"]?.stringValue else { return }
        notes.texts[method] = notes.texts[method] ?? json["params"]?[0]?.text ?? ""
    }

    private static func judge(notify json: JSON) -> Verdict {
        guard let params = json["params"]?.arrayValue, params.count == 9 else {
            return .fail("\(json["params"]?.arrayValue?.count ?? 0) parameters")
        }
        let lengths: [(Int, String, Int)] = [
            (1, "prevhash", 32), (5, "version", 4), (6, "nbits", 4), (7, "ntime", 4),
        ]
        for (place, name, count) in lengths {
            guard let bytes = params[place].stringValue.flatMap({ [UInt8](hex: $0) }), bytes.count == count
            else { return .fail("\(name) is no text of \(count) bytes in hexadecimal") }
        }
        for place in [2, 3] where params[place].stringValue.flatMap({ [UInt8](hex: $0) }) == nil {
            return .fail("a half of the coinbase is no hexadecimal text")
        }
        guard let branch = params[4].arrayValue,
            branch.allSatisfy({ $0.stringValue.flatMap { [UInt8](hex: $0) }?.count == 32 })
        else { return .fail("the merkle branch is no array of hashes") }
        guard params[8].boolValue != nil else { return .fail("clean_jobs is no boolean") }
        return .pass("job \(params[0].stringValue ?? ""), \(branch.count) siblings")
    }
}

extension ProbeNotes {
    /// What came on a connection of lines.
    func lines(_ slot: Int) -> [JSON] {
        heard.filter { $0.slot == slot }.compactMap { heard in
            if case .line(let bytes) = heard.event { try? JSON.parse(bytes) } else { nil }
        }
    }
}
