import ArgumentParser
import Hardware
import JSONText
import USB

struct USBCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usb",
        abstract: "Lists, tests and mines with real USB sticks.",
        discussion: """
            GekkoScience Compac, 2Pac, Terminus, NewPac, R606, Compac F, R909, Compac A1 and A2; Block Erupter, Icarus, \
            Lancelot; Antminer U1 to U3, which --profile must name; Bitaxe with bitaxe-raw.

            Examples:
              lab usb list
              lab usb probe
              lab usb mine --pool stratum+tcp://127.0.0.1:34255 --clock 300
              lab usb rules | sudo tee /etc/udev/rules.d/70-mining-sticks.rules
            """,
        subcommands: [USBListCommand.self, USBProbeCommand.self, USBMineCommand.self, USBRulesCommand.self])

    /// The bus, or the end of the command with one line.
    static func bus() throws -> USBBus {
        do { return try USBBus() } catch { throw CommandFault(error.description) }
    }

    static func kind(_ name: String?) throws -> StickKind? {
        guard let name else { return nil }
        if let kind = StickCatalog.kind(named: name) { return kind }
        let names = StickCatalog.all.map(\.profile).joined(separator: ", ")
        throw ValidationError("--profile \(name) is no stick; there are \(names)")
    }
}

struct USBListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Every plugged-in stick: what it is, and what keeps it from being used.",
        discussion: """
            Devices with a stick's numbers and foreign strings (an ordinary serial cable) are named as unknown. Without \
            a USB bus, as in most containers, it says so.

            Examples:
              lab usb list
              lab usb list --json
            """)

    @Flag(help: "One JSON array instead of the table.") var json = false

    func run() throws {
        let bus: USBBus
        do { bus = try USBBus() } catch {
            // Nothing is plugged in where nothing can be.
            return Output.line(json ? "[]" : error.description)
        }
        let sticks = bus.sticks()
        bus.stop()
        if json { return Output.line(JSON.array(sticks.map(Self.object)).text) }
        guard !sticks.isEmpty else { return Output.line("no mining stick is plugged in") }
        for stick in sticks { Output.line(Self.line(stick)) }
    }

    private static func numbers(_ stick: StickSighting) -> String {
        [stick.vendor, stick.product].map { number in
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }.joined(separator: ":")
    }

    static func line(_ stick: StickSighting) -> String {
        let what = stick.kind.map {
            "\($0.name) (\($0.profile), \($0.setup.chips) x \($0.setup.family.rawValue), \($0.bridge.rawValue))"
        }
        let unknown = "unknown, \"\(stick.productString ?? "")\": no stick, or one that --profile must name"
        var text = "\(stick.port)  \(numbers(stick))  \(what ?? unknown)"
        if let serial = stick.serial { text += "  serial \(serial)" }
        if let obstacle = stick.obstacle {
            text += "\n     blocked: \(obstacle.description)"
            if let remedy = obstacle.remedy { text += "; \(remedy)" }
        } else if let driver = stick.kernelDriver {
            text += "\n     held by \(driver), which is taken off while the lab mines and comes back after"
        }
        return text
    }

    private static func object(_ stick: StickSighting) -> JSON {
        func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
        return .object(
            JSONObject([
                ("port", .string(stick.port)), ("id", .string(numbers(stick))),
                ("profile", text(stick.kind?.profile)), ("name", text(stick.kind?.name)),
                ("bridge", text(stick.kind?.bridge.rawValue)), ("manufacturer", text(stick.manufacturer)),
                ("product", text(stick.productString)), ("serial", text(stick.serial)),
                ("kernelDriver", text(stick.kernelDriver)), ("blocked", text(stick.obstacle?.description)),
                ("remedy", text(stick.obstacle?.remedy)),
            ]))
    }
}

struct USBRulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Prints the udev rule that lets the lab open sticks.",
        discussion: """
            Examples:
              lab usb rules | sudo tee /etc/udev/rules.d/70-mining-sticks.rules
              sudo udevadm control --reload && sudo udevadm trigger
            """)

    func run() throws {
        Output.line(
            "# Mining sticks for the users at this machine's seat and the group plugdev (lab usb rules).")
        for (vendor, product) in StickCatalog.numbers {
            let names = StickCatalog.all.filter { $0.vendor == vendor && $0.product == product }.map(\.name)
            Output.line("# " + names.joined(separator: ", "))
            Output.line(
                "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"\(Self.hex(vendor))\", "
                    + "ATTR{idProduct}==\"\(Self.hex(product))\", MODE=\"0660\", GROUP=\"plugdev\", TAG+=\"uaccess\""
            )
        }
    }

    private static func hex(_ number: UInt16) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
