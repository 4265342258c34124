import Bitcoin
import SansIO

/// A peer's address on the network, as BIP155 tells them apart.
public struct NetworkAddress: Hashable, Sendable, Comparable {
    public enum Network: UInt8, Sendable {
        case ipv4 = 1
        case ipv6 = 2
        case onion = 4
        case i2p = 5
        case cjdns = 6

        var byteCount: Int {
            switch self {
            case .ipv4: 4
            case .ipv6, .cjdns: 16
            case .onion, .i2p: 32
            }
        }

        /// Whether this node could dial it: it has no proxy.
        var isReachable: Bool { self == .ipv4 || self == .ipv6 }

        var name: String {
            switch self {
            case .ipv4: "ipv4"
            case .ipv6: "ipv6"
            case .onion: "onion"
            case .i2p: "i2p"
            case .cjdns: "cjdns"
            }
        }
    }

    public var network: Network
    /// 4, 16 or 32 bytes in network order.
    public var bytes: [UInt8]

    public static func < (a: NetworkAddress, b: NetworkAddress) -> Bool {
        if a.network != b.network { return a.network.rawValue < b.network.rawValue }
        return a.bytes.lexicographicallyPrecedes(b.bytes)
    }

    init(_ network: Network, _ bytes: [UInt8]) {
        self.network = network
        self.bytes = bytes
    }

    /// From 16 bytes as version 1's addr writes them; IPv4 is mapped into IPv6.
    init(mapped bytes: [UInt8]) {
        precondition(bytes.count == 16, "\(bytes.count) bytes of address")
        let isV4 = bytes.prefix(12).elementsEqual(Self.v4Prefix)
        self.init(isV4 ? .ipv4 : .ipv6, isV4 ? Array(bytes[12...]) : bytes)
    }

    /// 16 bytes as version 1's addr writes them; nil where that cannot be.
    var mapped: [UInt8]? {
        switch network {
        case .ipv4: Self.v4Prefix + bytes
        case .ipv6, .cjdns: bytes
        case .onion, .i2p: nil
        }
    }

    private static let v4Prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

    /// A literal IPv4 or IPv6 address, or the name of an onion service or I2P destination; other names are no
    /// addresses.
    public init?(_ text: String) {
        if let bytes = Self.v4(text[...]) {
            self.init(.ipv4, bytes)
        } else if let bytes = Self.v6(text) {
            self.init(mapped: bytes)
        } else if let address = OverlayAddress.parse(text) {
            self = address
        } else {
            return nil
        }
    }

    private static func v4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func v6(_ text: String) -> [UInt8]? {
        guard text.contains(":") else { return nil }
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return nil }
        var sides: [[UInt8]] = []
        for half in halves {
            var bytes: [UInt8] = []
            let groups = half.isEmpty ? [] : half.split(separator: ":", omittingEmptySubsequences: false)
            for (index, group) in groups.enumerated() {
                if index == groups.count - 1, let tail = v4(group) {
                    bytes += tail
                } else if (1...4).contains(group.utf8.count), let value = UInt16(group, radix: 16) {
                    bytes += [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
                } else {
                    return nil
                }
            }
            sides.append(bytes)
        }
        if sides.count == 1 { return sides[0].count == 16 ? sides[0] : nil }
        let missing = 16 - sides[0].count - sides[1].count
        return missing >= 2 ? sides[0] + [UInt8](repeating: 0, count: missing) + sides[1] : nil
    }

    public var isLoopback: Bool {
        network == .ipv4
            ? bytes[0] == 127 : network == .ipv6 && bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    /// Whether the address may belong to a node of the public network (Core's IsRoutable).
    public var isRoutable: Bool {
        switch network {
        case .ipv4:
            let (a, b, c) = (bytes[0], bytes[1], bytes[2])
            let isPrivate = a == 10 || (a == 192 && b == 168) || (a == 172 && (16...31).contains(b))
            let isSpecial =
                a == 0 || a == 127 || (a == 169 && b == 254) || (a == 100 && (64...127).contains(b))
            let isTest =
                (a == 198 && (b == 18 || b == 19)) || (a == 192 && b == 0 && c == 2)
                || (a == 198 && b == 51 && c == 100) || (a == 203 && b == 0 && c == 113)
            return !isPrivate && !isSpecial && !isTest && bytes != [255, 255, 255, 255]
        case .ipv6:
            let isZero = bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] <= 1
            let isLinkLocal = bytes.prefix(8).elementsEqual([0xfe, 0x80, 0, 0, 0, 0, 0, 0])
            let isUniqueLocal = bytes[0] & 0xfe == 0xfc
            let isDocumentation = bytes.prefix(4).elementsEqual([0x20, 0x01, 0x0d, 0xb8])
            let isOrchid =
                bytes.prefix(3).elementsEqual([0x20, 0x01, 0x00])
                && (bytes[3] & 0xf0 == 0x10 || bytes[3] & 0xf0 == 0x20)
            return !isZero && !isLinkLocal && !isUniqueLocal && !isDocumentation && !isOrchid
        case .onion, .i2p: return true
        case .cjdns: return bytes[0] == 0xfc
        }
    }

    /// The first /16 (IPv4) or /32 (IPv6): who shares it is likely one operator.
    var group: [UInt8] { [network.rawValue] + bytes.prefix(network == .ipv4 ? 2 : 4) }
}

extension NetworkAddress: CustomStringConvertible {
    public var description: String {
        switch network {
        case .ipv4: return bytes.map(String.init).joined(separator: ".")
        case .ipv6, .cjdns: return Self.text(bytes)
        case .onion, .i2p: return OverlayAddress.text(self)
        }
    }

    /// RFC 5952: the longest run of zero groups is left out.
    private static func text(_ bytes: [UInt8]) -> String {
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count, end - start >= 2 { best = start..<end }
            start = max(end, start + 1)
        }
        let words = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return words.joined(separator: ":") }
        return words[..<best.lowerBound].joined(separator: ":") + "::"
            + words[best.upperBound...].joined(separator: ":")
    }
}

/// Addresses that share their first bits.
public struct Subnet: Hashable, Sendable, CustomStringConvertible {
    public let address: NetworkAddress
    public let bits: Int

    public init(_ address: NetworkAddress, bits: Int? = nil) {
        let width = address.bytes.count * 8
        self.bits = bits ?? width
        precondition((0...width).contains(self.bits), "a subnet of \(self.bits) bits")
        var masked = address
        for index in masked.bytes.indices {
            let kept = max(0, min(8, self.bits - index * 8))
            masked.bytes[index] &= UInt8(truncatingIfNeeded: 0xff00 >> kept)
        }
        self.address = masked
    }

    /// `address`, `address/bits` or `address/mask`; nil otherwise.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ NetworkAddress(String($0)) }) else { return nil }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        // An overlay's addresses have no neighbours.
        guard address.network == .ipv4 || address.network == .ipv6 else { return nil }
        if let bits = Int(parts[1]), (0...address.bytes.count * 8).contains(bits) {
            self.init(address, bits: bits)
        } else if let mask = NetworkAddress(String(parts[1])), mask.network == address.network {
            var bits = 0
            while bits < mask.bytes.count * 8, mask.bytes[bits / 8] & (0x80 >> UInt8(bits % 8)) != 0 {
                bits += 1
            }
            guard Subnet(mask, bits: bits).address == mask else { return nil }
            self.init(address, bits: bits)
        } else {
            return nil
        }
    }

    public func contains(_ other: NetworkAddress) -> Bool {
        other.network == address.network && Subnet(other, bits: bits).address == address
    }

    public var description: String {
        switch address.network {
        case .ipv4, .ipv6: "\(address)/\(bits)"
        case .onion, .i2p, .cjdns: "\(address)"
        }
    }
}
