import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

struct UsbRedirTests {
    private func host(_ name: String, pace: HashPace = .rate(.megahashes(2)), shift: Int = 0) -> RedirHost {
        let identity = StickIdentity.named(name)!
        let settings = WireChainSettings(
            family: identity.family, chips: identity.chips, pace: pace, difficultyShift: shift)
        let host = RedirHost(UsbRedirStick(identity, settings))
        host.greet()
        return host
    }

    @Test func theGreetingSaysWhatTheDeviceIs() throws {
        let host = host("compac-f")
        let hello = try #require(host.packet(0))
        #expect(hello.body.count == 68 && Array(hello.body[64...]) == [0x72, 0, 0, 0])
        let interfaces = try #require(host.packet(4))
        #expect(interfaces.body.count == 4 + 4 * 32 && interfaces.body[0] == 1)
        let endpoints = try #require(host.packet(5))
        // Types, intervals, interfaces, packet sizes: control and bulk, 02 out and 81 in.
        #expect(endpoints.body.count == 3 * 32 + 64)
        #expect(endpoints.body[0] == 0 && endpoints.body[16] == 0)
        #expect(endpoints.body[2] == 2 && endpoints.body[17] == 2 && endpoints.body[1] == 0xff)
        #expect(Array(endpoints.body[(96 + 4)..<(96 + 6)]) == [64, 0])
        let device = try #require(host.packet(1))
        // Release 10.00: by any other, Linux takes it for another generation of FTDI's.
        #expect(device.body == [1, 0, 0, 0, 0x03, 0x04, 0x15, 0x60, 0, 0x10])
    }

    @Test func aPeerWithoutCapabilitiesGetsTheShortForms() throws {
        let host = RedirHost(UsbRedirStick(StickIdentity.named("compac-f")!), capabilities: 0)
        host.greet()
        #expect(try #require(host.packet(5)).body.count == 96)
        #expect(try #require(host.packet(1)).body.count == 8)
        let id = host.send(6, [1])
        #expect(host.packet(8, id: id)?.body == [0, 1])
    }

    @Test(arguments: StickIdentity.all.map(\.name)) func everyStickNamesItselfAsDriversWantIt(_ name: String)
        throws
    {
        let host = host(name)
        let identity = try #require(StickIdentity.named(name))
        let device = try #require(host.control(0x80, 6, 0x0100, length: 64)).data
        #expect(
            device.count == 18
                && Array(device[8..<12]) == little(UInt64(identity.vendor), 2)
                    + little(UInt64(identity.product), 2)
        )
        let configuration = try #require(host.control(0x80, 6, 0x0200, length: 255)).data
        #expect(configuration.count == Int(configuration[2]))
        // A driver first asks for nine bytes.
        #expect(try #require(host.control(0x80, 6, 0x0200, length: 9)).data == Array(configuration.prefix(9)))
        for (index, text) in [(1, identity.manufacturer), (2, identity.title)] as [(UInt16, String)] {
            let string = try #require(host.control(0x80, 6, 0x0300 | index, 0x0409, length: 255)).data
            let units = stride(from: 2, to: string.count, by: 2).map {
                UInt16(string[$0]) | UInt16(string[$0 + 1]) << 8
            }
            #expect(String(decoding: units, as: UTF16.self) == text)
        }
        // A full-speed device has no qualifier: stall.
        #expect(try #require(host.control(0x80, 6, 0x0600, length: 10)).status == 4)
        #expect(try #require(host.control(0xc0, 0x77, 0)).status == 4)
        let id = host.send(6, [1])
        #expect(host.packet(8, id: id)?.body == [0, 1])
    }

    @Test func aCompacFIsInitialisedAsCgminerDoesIt() throws {
        let host = host("compac-f", shift: 14)
        // cgminer's FTDI start: reset, latency, data, flow, modem, baud 1a, then the chips' reset on CBUS1.
        for (request, value) in [(0, 0), (9, 1), (4, 8), (2, 0), (1, 0x303), (3, 0x1a)] as [(UInt8, UInt16)] {
            #expect(try #require(host.control(0x40, request, value)).status == 0)
        }
        for value in [0x20f2, 0x20f0] as [UInt16] {
            #expect(try #require(host.control(0x40, 11, value)).status == 0)
        }
        host.bulkOut(0x02, [UInt8](hex: "55aa520500000a")!)
        #expect(host.read(0x81, for: .milliseconds(50), isFTDI: true).isEmpty, "held in reset")
        _ = host.control(0x40, 11, 0x20f2)
        host.run(for: .milliseconds(200))
        host.bulkOut(0x02, [UInt8](hex: "55aa520500000a")!)
        #expect(
            host.read(0x81, for: .milliseconds(50), isFTDI: true) == [UInt8](hex: "aa55139718000000" + "06")!)
        for frame in [
            "55aa5305000003", "55aa400500001c", "55aa510900800000" + "00001c", "55aa51090084000000" + "0011",
            "55aa5109003c8000807410", "55aa510900140000000008", "55aa51090068c070011100",
            "55aa510900280600000f18",
            "55aa510900180000" + "61311c",
        ] {
            host.bulkOut(0x02, [UInt8](hex: frame) ?? [])
            host.run(for: .milliseconds(10))
        }
    }

    @Test func anFTDIPutsTwoStatusBytesBeforeEveryPacketAndKeepsItsTimer() throws {
        let host = host("r909")
        _ = host.control(0x40, 3, 0x1a)
        _ = host.control(0x40, 9, 5)
        // Nothing to say: two bytes, when the timer has run out.
        host.run(for: .milliseconds(20))
        let first = host.bulkIn(0x81, 64)
        #expect(host.bulk(id: first)?.data == [0x01, 0x60])
        let second = host.bulkIn(0x81, 64)
        host.run(for: .milliseconds(4))
        #expect(host.bulk(id: second) == nil)
        host.run(for: .milliseconds(2))
        #expect(host.bulk(id: second)?.data == [0x01, 0x60])
        // Two questions to six chips are 108 bytes, more than one packet, all there before anybody reads.
        host.bulkOut(0x02, [UInt8](hex: "55aa520500000a55aa520500000a")!)
        host.run(for: .milliseconds(30))
        let read = host.bulkIn(0x81, 512)
        let data = try #require(host.bulk(id: read)).data
        #expect(data.count == 112 && data.prefix(2) == [0x01, 0x60] && data[64..<66] == [0x01, 0x60])
        #expect(data[2..<4] == [0xaa, 0x55])
    }

    @Test func aBlockErupterAnswersTheDetectionJobWithinItsTime() throws {
        let host = host("block-erupter")
        // IFC_ENABLE, MHS, line control, 115,200 baud.
        #expect(try #require(host.control(0x41, 0x00, 1)).status == 0)
        #expect(try #require(host.control(0x41, 0x07, 0x0303)).status == 0)
        #expect(try #require(host.control(0x41, 0x03, 0x0800)).status == 0)
        #expect(try #require(host.control(0x41, 0x1e, 0, data: [0x00, 0xc2, 0x01, 0x00])).status == 0)
        #expect(try #require(host.control(0xc0, 0xff, 0x370b, length: 1)).data == [2])
        let job =
            "4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a"
            + "00000000000000000000000000000000" + "0000000087320b1a1426674f2fa722ce"
        let written = host.bulkOut(0x01, [UInt8](hex: job)!)
        #expect(host.read(0x81, for: .milliseconds(100), isFTDI: false) == [0x00, 0x01, 0x87, 0xa2])
        #expect(host.bulk(id: written)?.length == 64)
    }

    @Test func aCancelledReadComesBackAsCancelled() throws {
        let host = host("compac")
        let id = host.bulkIn(0x81, 64)
        host.run(for: .milliseconds(100))
        #expect(host.bulk(id: id) == nil)
        // Cancel names the transfer by its own id.
        host.send(little(21, 4) + little(0, 4) + little(id, 8))
        host.run(for: .milliseconds(1))
        #expect(host.bulk(id: id)?.status == 1)
    }

    @Test func theSecondInterfaceOfACompacA1IsItsThermometer() throws {
        let host = host("compac-a1")
        host.bulkOut(0x02, Array("?vG.".utf8))
        let id = host.bulkIn(0x82, 32)
        #expect(host.bulk(id: id)?.data.count == 8)
        // The regulator's pins turn the chips off.
        host.bulkOut(0x01, [UInt8](hex: "55aa520500000a")!)
        _ = host.control(0x41, 0x1e, 0, data: [0x00, 0xc2, 0x01, 0x00])
        _ = host.control(0x41, 0xff, 0x37e1, 0, data: [7, 7])
        #expect(host.stick.chain.isInReset)
        _ = host.control(0x41, 0xff, 0x37e1, 0, data: [7, 0])
        #expect(!host.stick.chain.isInReset)
    }

    @Test func garbageEndsTheConnectionOrIsIgnoredButNeverTraps() {
        var random = PRNG(seed: 5)
        for round in 0..<300 {
            let host = RedirHost(UsbRedirStick(StickIdentity.all[round % StickIdentity.all.count]))
            if round % 3 > 0 { host.greet() }
            for _ in 0..<20 {
                let body = (0..<Int(random.below(40))).map { _ in UInt8(random.below(256)) }
                switch random.below(4) {
                case 0: host.send(body)
                case 1: host.send(UInt32(random.below(110)), body)
                case 2:
                    _ = host.control(
                        UInt8(random.below(256)), UInt8(random.below(256)), UInt16(random.below(65_536)))
                default: host.bulkOut(UInt8(random.below(256)), body)
                }
            }
        }
        let host = RedirHost(UsbRedirStick(StickIdentity.all[0]))
        host.send([UInt8](repeating: 0xff, count: 12))
        #expect(host.stick.fault != nil)
    }
}
