import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Tap

@Suite("Tap: files, filters, text")
struct TapReadingTests {
    static func frame(_ message: some V2Message, _ direction: TapDirection, session: UInt32 = 1) -> TapRecord
    {
        TapRecord(
            unixNanoseconds: 1_795_000_000_123_456_789, session: session, direction: direction,
            content: .frame(V2Frame(message)))
    }

    static let records: [TapRecord] = [
        TapRecord(
            unixNanoseconds: 1_795_000_000_000_000_000, session: 1, direction: .up,
            content: .opened(from: "10.0.0.9:4", upstream: "pool:3333")),
        frame(
            Mining.OpenStandardMiningChannel(
                requestID: 5, userIdentity: "a\"b", nominalHashRate: 1.5, maxTarget: .max), .up),
        frame(
            Mining.SetNewPrevHash(
                channelID: 2, jobID: 9, prevHash: .zero, minNTime: 7, nBits: 0x1d00_ffff), .down),
        frame(
            Mining.NewExtendedMiningJob(
                channelID: 1, jobID: 4, minNTime: nil, version: 0x2000_0000, versionRollingAllowed: true,
                merklePath: [.zero], coinbaseTxPrefix: [UInt8](repeating: 7, count: 3_000),
                coinbaseTxSuffix: [1]), .down, session: 2),
        TapRecord(
            unixNanoseconds: 1_795_000_001_000_000_000, session: 1, direction: .up, handling: .dropped,
            content: .line(Array(#"{"id":1,"method":"mining.submit"}"#.utf8))),
        TapRecord(
            unixNanoseconds: 1_795_000_002_000_000_000, session: 1, direction: .down,
            content: .closed(reason: "peer closed")),
    ]

    @Test("a recording reads back as it was written, and a torn last line is left out")
    func roundTrip() throws {
        let text = TapFile.header + Self.records.map(TapFile.line).joined()
        #expect(try TapFile.read(Array(text.utf8)) == Self.records)
        #expect(try TapFile.read(Array(text.utf8.dropLast(9))) == Self.records.dropLast())
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test(
        "a file that is none is refused with the line and the reason",
        arguments: [
            ("", TapFile.Fault.notATapFile), ("{\"tape\":1}\n", .notATapFile),
            (TapFile.header + "{}\n", .line(2, "t, session, dir or kind is missing")),
            (
                TapFile.header + #"{"t":1,"session":1,"dir":"up","kind":"frame","raw":"00"}"# + "\n",
                .line(2, "raw is no whole frame")
            ),
        ])
    func damagedFiles(text: String, fault: TapFile.Fault) {
        #expect(throws: fault) { try TapFile.read(Array(text.utf8)) }
    }

    @Test("names and fields are the specification's")
    func specificationsSpelling() throws {
        let open = MessageText(try #require(Self.records[1].frame))
        #expect(open.name == "OpenStandardMiningChannel")
        #expect(
            open.fields.map(\.name) == ["request_id", "user_identity", "nominal_hash_rate", "max_target"])
        let tip = MessageText(try #require(Self.records[2].frame))
        #expect(tip.fields.map(\.name) == ["channel_id", "job_id", "prev_hash", "min_ntime", "nbits"])
        #expect(tip["job_id"] == .number("9"))
        let job = MessageText(try #require(Self.records[3].frame))
        #expect(job["min_ntime"] == FieldValue.none)
        let empty = Mining.SetGroupChannel(groupChannelID: 1, channelIDs: [])
        #expect(MessageText(V2Frame(empty))["channel_ids"] == .list([]))
        #expect(job["version_rolling_allowed"] == .flag(true))
        #expect(job.line.contains("…(3000 bytes)"))
        #expect(job.json["fields"]?["coinbase_tx_prefix"]?.stringValue?.count == 6_000)
    }

    @Test("a frame that is not what it says it is keeps its bytes and names the fault")
    func malformed() {
        let text = MessageText(V2Frame(extensionType: 0x8000, messageType: 0x20, payload: [1, 2, 3]))
        #expect(text.name == "SetNewPrevHash")
        #expect(text.fault == .truncated(needed: 4, available: 3))
        #expect(text.line.contains("010203"))
        let unknown = MessageText(V2Frame(extensionType: 0x4002, messageType: 9, payload: [0xab]))
        #expect(unknown.line == "unknown(0x4002/0x09) payload=ab")
    }

    @Test(
        "filters choose by name, direction, session, channel, number and handling",
        arguments: [
            ("", [0, 1, 2, 3, 4, 5]), ("open*", [0, 1]), ("set*,newext*", [2, 3]),
            ("dir:down !close", [2, 3]),
            ("session:2", [3]), ("channel:2", [2]), ("type:0x10", [1]), ("how:dropped", [4]),
            ("mining.submit dir:up", [4]), ("!dir:up !session:2", [2, 5]),
        ])
    func filters(text: String, places: [Int]) throws {
        let filter = try #require(TapFilter(text))
        #expect(Self.records.indices.filter { filter.accepts(Self.records[$0]) } == places)
    }

    @Test(
        "a filter with an unknown key or value is refused",
        arguments: ["dir:left", "chan:1", "type:0xzz", "!"])
    func badFilters(text: String) { #expect(TapFilter(text) == nil) }

    @Test("every message of the specification has a name of its own number")
    func catalogIsUnambiguous() {
        let keys = MessageCatalog.entries.map { UInt32($0.extensionType) << 8 | UInt32($0.messageType) }
        #expect(Set(keys).count == MessageCatalog.entries.count)
        #expect(MessageCatalog.entries.count == 44)
        #expect(MessageCatalog.entries.first { $0.name == "NewMiningJob" }?.isChannelMessage == true)
    }
}
