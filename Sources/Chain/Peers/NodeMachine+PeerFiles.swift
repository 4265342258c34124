import Bitcoin
public import JSONText
import SansIO

/// What the driver keeps of peers over restarts: bans and known addresses.
extension NodeMachine {
    /// The content of banlist.json, in Core's form. The driver writes it when ``NodeObservation/bansChanged`` tells,
    /// and at the end.
    public var banListFile: [UInt8] {
        let bans = peers.bans.bans.map { ban -> JSON in
            [
                "version": 1, "ban_created": .int(ban.created), "banned_until": .int(ban.until),
                "address": .string(ban.subnet.description),
            ]
        }
        var bytes: [UInt8] = []
        let file: JSON = ["banned_nets": .array(bans)]
        file.writeIndented(into: &bytes)
        return bytes + [0x0a]
    }

    /// Entries that are over or that cannot be read are left out.
    mutating func loadBans(_ bytes: [UInt8], at now: Instant) {
        guard let file = try? JSON.parse(bytes) else { return }
        for entry in (file["banned_nets"]?.arrayValue ?? []).prefix(ChainLimits.bans) {
            guard let subnet = entry["address"]?.stringValue.flatMap({ Subnet($0) }),
                let created = entry["ban_created"]?.uint64, let until = entry["banned_until"]?.uint64
            else { continue }
            peers.bans.ban(subnet, created: created, until: max(created, until))
        }
        peers.bans.sweep(at: peerTime(now).nanoseconds / 1_000_000_000)
    }

    /// The known addresses, for the driver to write at the end. The form is our own.
    public var addressFile: [UInt8] {
        var writer = ByteWriter()
        writer.write(utf8: Self.addressFileMark)
        writer.write(compactSize: UInt64(peers.book.entries.count))
        for entry in peers.book.entries {
            writer.write(u8: entry.isTried ? 1 : 0)
            Self.write(entry.record, isV2: true, into: &writer)
            let source = entry.source ?? entry.record.address
            writer.write(u8: source.network.rawValue)
            writer.write(source.bytes)
        }
        let sum = SHA256.hash(writer.bytes).bytes
        return writer.bytes + sum
    }

    private static let addressFileMark = "lab addresses 1\n"

    /// A file that is not as it was written is left alone: addresses come again.
    mutating func loadAddresses(_ bytes: [UInt8]) {
        guard bytes.count >= 32, SHA256.hash(Array(bytes.dropLast(32))).bytes == Array(bytes.suffix(32)),
            bytes.starts(with: Self.addressFileMark.utf8)
        else { return }
        let content = Array(bytes.dropLast(32))
        var reader = ByteReader(content.span.bytes)
        do throws(ByteReaderError) {
            try reader.skip(Self.addressFileMark.utf8.count)
            let count = try reader.compactSize(limit: UInt64(ChainLimits.addressBook))
            for _ in 0..<count {
                let isTried = try reader.u8() == 1
                let record = try Self.recordV2(&reader)
                guard let network = NetworkAddress.Network(rawValue: try reader.u8()) else { return }
                let source = NetworkAddress(network, try reader.bytes(network.byteCount))
                guard let record else { continue }
                _ = peers.book.insert(record, from: source, tried: isTried, random: &peers.random)
            }
        } catch {}
    }
}
