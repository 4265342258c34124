import ArgumentParser
import Management
import Runtime
import SansIO

/// `--manage` and what belongs to it.
struct ManagementOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Serve the devices' own management interfaces on their fixed ports (80, 4028, 4433).",
            discussion:
                "Fleet software knows devices by address, so each device has one of 127.0.0.0/8 of its own."))
    var manage = false

    @Option(help: "The first device's address; the others follow.")
    var manageBase = "127.60.0.1"

    @Flag(help: "The API on port 4028 refuses commands that change the device.")
    var manageReadOnly = false

    /// - Throws: `ValidationError` when the base is no loopback address or has no room for so many devices.
    func addresses(for count: Int) throws -> ManagementAddresses? {
        guard manage else { return nil }
        guard let addresses = ManagementAddresses(base: manageBase, count: count, isReadOnly: manageReadOnly)
        else {
            throw ValidationError(
                "--manage-base must be an address of 127.0.0.0/8 with room for \(count) "
                    + "\(count == 1 ? "device" : "devices") behind it, such as 127.60.0.1; not \(manageBase)")
        }
        return addresses
    }
}

/// One loopback address for each device.
struct ManagementAddresses: Sendable {
    private let first: UInt32
    private let isReadOnly: Bool

    /// Nil when an address would leave 127.0.0.0/8 or be its first or last.
    init?(base: String, count: Int, isReadOnly: Bool) {
        let parts = base.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4, !parts.contains(nil) else { return nil }
        first = parts.reduce(0) { $0 << 8 | UInt32($1 ?? 0) }
        self.isReadOnly = isReadOnly
        guard first > 0x7f00_0000, UInt64(first) + UInt64(count) - 1 < 0x7fff_ffff else { return nil }
    }

    func address(_ index: Int) -> String {
        let address = first + UInt32(index)
        return (0..<4).map { String(address >> UInt32(24 - 8 * $0) & 255) }.joined(separator: ".")
    }

    func settings(_ index: Int) -> ManagementSettings {
        var settings = ManagementSettings(address: address(index))
        if isReadOnly { settings.access = .readOnly }
        return settings
    }

    /// Listens on every port that devices of this family have.
    ///
    /// - Throws: `ListenError` that says what to do.
    func listen(_ host: MachineHost<ManagedRig>, as labels: DeviceLabels) async throws {
        for port in labels.dialect.listeners {
            let endpoint = Endpoint(host: labels.address, port: port.rawValue)
            do {
                _ = try await host.listen(port.listener, on: endpoint)
            } catch let error as ListenError {
                throw error.advising("choose other addresses with --manage-base")
            }
        }
    }
}
