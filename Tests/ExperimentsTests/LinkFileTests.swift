import Foundation
import SansIO
import Simulation
import Testing

@testable import Experiments

@Suite("Link files")
struct LinkFileTests {
    static let library = LinkLibrary(directory: ProfileFileTests.root + "/Profiles/links")

    @Test("the library has the six paths, each slower or worse than the one before")
    func links() throws {
        #expect(Self.library.names == ["dsl", "fibre", "lan", "lte-flaky", "satellite", "tor"])
        let order = ["lan", "fibre", "dsl", "lte-flaky"]
        let links = try order.map { try Self.library.load($0) }
        for (near, far) in zip(links, links.dropFirst()) {
            #expect(near.profile.delay < far.profile.delay)
            #expect(near.profile.lossPerMillion <= far.profile.lossPerMillion)
        }
        let satellite = try Self.library.load("satellite")
        #expect(satellite.profile.delay >= .milliseconds(240))
        #expect(satellite.profile.bytesPerSecond == 625_000)
        #expect(try Self.library.load("tor").profile.fragmentationPerMillion == 200_000)
        for name in Self.library.names { #expect(try !Self.library.load(name).summary.isEmpty) }
    }

    private func message(_ text: String) -> String {
        do {
            _ = try LinkLibrary.link(from: SettingsFile(path: "my.toml", text: text))
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test("a wrong key or value names file, line, key, expectation and spelling")
    func faults() {
        #expect(message("name = \"x\"\ndelay_ms = 5\n") == "accepted")
        #expect(
            message("name = \"x\"\ndelay_ms = -5\n")
                == "my.toml:2: delay_ms is -5: it must be a number of ms from 0.0 to 60000.0")
        #expect(
            message("name = \"x\"\ndelay_ms = 5\njiter_ms = 1\n")
                == "my.toml:3: jiter_ms is not a key of a link profile: did you mean jitter_ms?")
        #expect(
            message("name = \"x\"\n")
                == "my.toml: delay_ms is missing: it must be a number of ms from 0.0 to 60000.0")
        #expect(message("delay_ms = 1\n") == "my.toml: name is missing: it must be a text")
        #expect(message("name = \"x\"\ndelay_ms = true\n").contains("delay_ms is true"))
        do {
            _ = try Self.library.load("fiber")
            Issue.record("loaded")
        } catch { #expect("\(error)".contains("did you mean fibre?")) }
    }

    @Test("a flaky path breaks as often as it says, at the same times for the same seed")
    func interruptions() throws {
        let link = try Self.library.load("lte-flaky")
        var one = link.interruptions(seed: PRNG(seed: 1), from: .start)
        var two = link.interruptions(seed: PRNG(seed: 1), from: .start)
        var resets = 0
        var stalls = 0
        var last = Instant.start
        while let next = one.take(), next.at < .start + .hours(1_000) {
            #expect(next.at >= last)
            last = next.at
            let twin = two.take()
            #expect(twin?.at == next.at && twin?.what == next.what)
            switch next.what {
            case .reset: resets += 1
            case .stall(let end):
                #expect(end - next.at == .seconds(8))
                stalls += 1
            }
        }
        // 2 an hour: 2000 +- 45; 6 an hour with 8 s each: 3600/608 an hour, 5921 +- 77.
        #expect(abs(resets - 2_000) < 180)
        #expect(abs(stalls - 5_921) < 310)
        #expect(try Self.library.load("lan").interruptions(seed: PRNG(seed: 1), from: .start).next == nil)
    }
}
