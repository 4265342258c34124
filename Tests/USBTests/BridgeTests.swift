import Hardware
import Testing
import USB

/// What is asked of each bridge, as cgminer and the makers' notes have it.
@Suite("Bridges") struct BridgeTests {
    private func requests(_ operations: [BridgeOperation]) -> [ControlTransfer] {
        operations.compactMap { operation in
            if case .control(let transfer) = operation { return transfer }
            return nil
        }
    }

    @Test("an FTDI is reset, raised, made quick and set to 115,200 baud and 8N1")
    func ftdiOpening() {
        let asked = requests(Bridge.ft230x.opening)
        #expect(asked.allSatisfy { $0.type == 0x40 && $0.data.isEmpty && $0.index == 0 })
        #expect(asked.map(\.request) == [0, 1, 9, 4, 2, 3, 0, 0])
        #expect(asked.map(\.value) == [0, 0x0303, 1, 8, 0, 0x1a, 1, 2])
    }

    @Test(
        "FTDI divisors, whole and in eighths",
        arguments: [
            (115_200, 0x1a, 0), (1_500_000, 2, 0), (3_000_000, 0, 0), (2_000_000, 1, 0),
            // No fraction below 2: the nearest of 2 and 1.5 Mbaud.
            (1_600_000, 2, 0), (1_900_000, 1, 0), (2_600_000, 0, 0),
            (1_000_000, 3, 0), (9_600, 0x4138, 0), (460_800, 0x4006, 0), (57_600, 0xc034, 0),
            (2_400, 0x04e2, 0),
        ] as [(UInt32, UInt16, UInt16)])
    func divisors(baud: UInt32, value: UInt16, index: UInt16) {
        let asked = requests(Bridge.ft232r.setBaud(baud))
        #expect(asked.map(\.value) == [value])
        #expect(asked.map(\.index) == [index])
    }

    @Test("CBUS1 holds an FT230X's chips in reset; an FT232R has no such wire")
    func resets() {
        #expect(requests(Bridge.ft230x.setReset(true)).map(\.value) == [0x20f0])
        #expect(requests(Bridge.ft230x.setReset(false)).map(\.value) == [0x20f2])
        #expect(Bridge.ft232r.setReset(true).isEmpty)
        #expect(requests(Bridge.cp2105.setReset(true)).map(\.data) == [[7, 7]])
        #expect(requests(Bridge.cp2105.setReset(false)).map(\.data) == [[7, 0]])
        #expect(Bridge.cdcDual.setReset(true) == [.writeAside([7, 0, 0, 0, 6, 0, 0])])
    }

    @Test("a CP210x is enabled and given its speed in bytes", arguments: [Bridge.cp210x, .cp2105])
    func cp210x(bridge: Bridge) {
        let asked = requests(bridge.opening)
        #expect(asked.allSatisfy { $0.type == 0x41 })
        let aside: [UInt8] = bridge == .cp2105 ? [0x00, 0x07, 0x03, 0x1e] : []
        #expect(asked.map(\.request) == [0x00, 0x07, 0x03, 0x1e, 0x12] + aside)
        // The controller's port is the second interface, and may refuse.
        #expect(asked.dropFirst(5).allSatisfy { $0.index == 1 && $0.isOptional })
        #expect(asked[1].value == (bridge == .cp210x ? 0x0303 : 0x0101))
        #expect(asked[3].data == [0x00, 0xc2, 0x01, 0x00])
    }

    @Test("line coding of the communication class", arguments: [Bridge.pl2303, .cdc, .cdcDual])
    func lineCoding(bridge: Bridge) {
        let asked = requests(bridge.setBaud(115_200))
        #expect(asked.map(\.data) == [[0x00, 0xc2, 0x01, 0x00, 0, 0, 8]])
        #expect(asked[0].index == (bridge == .cdcDual ? 2 : 0))
        #expect(requests(bridge.opening).contains { $0.request == 0x22 && $0.value == 3 })
    }

    @Test("two status bytes leave each packet of an FTDI's transfer, wherever it ends")
    func status() {
        var packets = FTDIPackets()
        let data = (0..<200).map { UInt8($0) }
        for length in 0...200 {
            var transfer: [UInt8] = []
            var rest = data.prefix(length)
            repeat {
                transfer += [0x01, 0x60] + rest.prefix(62)
                rest = rest.dropFirst(62)
            } while !rest.isEmpty
            #expect(packets.strip(transfer, packet: 64) == Array(data.prefix(length)))
        }
        #expect(packets.lineErrors == 0)
        // A torn packet and one that reports an overrun.
        #expect(packets.strip([0x01], packet: 64).isEmpty)
        #expect(packets.strip([0x01, 0x62, 5], packet: 64) == [5])
        #expect(packets.lineErrors == 1)
    }
}

@Suite("Stick catalog") struct StickCatalogTests {
    @Test(
        "sticks are known by their numbers and their strings",
        arguments: [
            (UInt16(0x0403), UInt16(0x6015), "GekkoScience", "CompacF Bitcoin Miner", "compac-f"),
            (0x0403, 0x6015, "GekkoScience", "NewPac Bitcoin Miner", "newpac"),
            (0x0403, 0x6015, "GekkoScience", "R909 Bitcoin Miner", "r909"),
            (0x10c4, 0xea60, "GekkoScience", "Compac BM1384 Bitcoin Miner", "compac"),
            (0x10c4, 0xea60, "bitshopperde", "2Pac BM1384 Bitcoin Miner", "2pac"),
            (0x10c4, 0xea60, "Silicon Labs", "CP2102 USB to UART Bridge Controller", "block-erupter"),
            (0x10c4, 0xea70, "Silicon Labs", "GekkoScience Compac A2", "compac-a2"),
            (0x067b, 0x2303, "Prolific", "USB-Serial Controller", "icarus"),
        ])
    func known(vendor: UInt16, product: UInt16, manufacturer: String, string: String, profile: String) {
        let kind = StickCatalog.kind(
            vendor: vendor, product: product, manufacturer: manufacturer, productString: string)
        #expect(kind?.profile == profile)
    }

    @Test("an ordinary serial cable with a stick's numbers is no stick")
    func cable() {
        let kind = StickCatalog.kind(
            vendor: 0x0403, product: 0x6015, manufacturer: "FTDI", productString: "FT230X Basic UART")
        #expect(kind == nil)
        #expect(StickCatalog.mayBeMiner(vendor: 0x0403, product: 0x6015))
        #expect(!StickCatalog.mayBeMiner(vendor: 0x1d6b, product: 2))
    }

    @Test("profiles have names of their own, and a clock within their range")
    func names() {
        let names = StickCatalog.all.map(\.profile)
        #expect(Set(names).count == names.count)
        for kind in StickCatalog.all { #expect(kind.clockRange.contains(kind.clock)) }
    }
}
