import SansIO

/// Names of the overlay networks: a Tor onion service of version 3 and an I2P destination, as people write them.
enum OverlayAddress {
    /// Nil where the text is neither, or an onion name's checksum is wrong.
    static func parse(_ text: String) -> NetworkAddress? {
        let lower = text.lowercased()
        if lower.hasSuffix(".onion"), let bytes = base32(lower.dropLast(6)), bytes.count == 35 {
            let key = Array(bytes[..<32])
            guard bytes[34] == 3, Array(bytes[32..<34]) == checksum(key) else { return nil }
            return NetworkAddress(.onion, key)
        }
        if lower.hasSuffix(".b32.i2p"), let bytes = base32(lower.dropLast(8)), bytes.count == 32 {
            return NetworkAddress(.i2p, bytes)
        }
        return nil
    }

    static func text(_ address: NetworkAddress) -> String {
        switch address.network {
        case .onion: base32(address.bytes + checksum(address.bytes) + [3]) + ".onion"
        case .i2p: base32(address.bytes) + ".b32.i2p"
        case .ipv4, .ipv6, .cjdns: address.description
        }
    }

    /// Tor's rend-spec-v3, section 6: the first two bytes of a digest over key and version.
    private static func checksum(_ key: [UInt8]) -> [UInt8] {
        Array(SHA3.digest256(Array(".onion checksum".utf8) + key + [3]).prefix(2))
    }

    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// RFC 4648 in lower case without padding.
    private static func base32(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        var pool = 0
        var bits = 0
        for byte in bytes {
            pool = (pool << 8 | Int(byte)) & 0xfff
            bits += 8
            while bits >= 5 {
                bits -= 5
                out.append(alphabet[pool >> bits & 31])
            }
        }
        if bits > 0 { out.append(alphabet[pool << (5 - bits) & 31]) }
        return String(decoding: out, as: UTF8.self)
    }

    private static func base32(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count <= 64 else { return nil }
        var out: [UInt8] = []
        var pool = 0
        var bits = 0
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            pool = (pool << 5 | value) & 0xfff
            bits += 5
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: pool >> bits))
            }
        }
        return pool & ((1 << bits) - 1) == 0 ? out : nil
    }
}

/// SHA3-256 (FIPS 202), for the few bytes of an onion name.
enum SHA3 {
    static func digest256(_ message: [UInt8]) -> [UInt8] {
        let rate = 136
        var padded = message + [6]
        padded += [UInt8](repeating: 0, count: (rate - padded.count % rate) % rate)
        padded[padded.count - 1] |= 0x80
        var state = [UInt64](repeating: 0, count: 25)
        for start in stride(from: 0, to: padded.count, by: rate) {
            for place in 0..<rate {
                state[place / 8] ^= UInt64(padded[start + place]) << UInt64(8 * (place % 8))
            }
            permute(&state)
        }
        return (0..<32).map { UInt8(truncatingIfNeeded: state[$0 / 8] >> UInt64(8 * ($0 % 8))) }
    }

    private static func rotated(_ value: UInt64, _ count: Int) -> UInt64 {
        count == 0 ? value : value << UInt64(count) | value >> UInt64(64 - count)
    }

    private static func permute(_ state: inout [UInt64]) {
        var register: UInt8 = 1
        for _ in 0..<24 {
            var columns = [UInt64](repeating: 0, count: 5)
            for x in 0..<5 {
                columns[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            }
            for place in 0..<25 {
                let x = place % 5
                state[place] ^= columns[(x + 4) % 5] ^ rotated(columns[(x + 1) % 5], 1)
            }
            // rho and pi walk the lanes in one cycle.
            var (x, y) = (1, 0)
            var lane = state[1]
            for step in 0..<24 {
                (x, y) = (y, (2 * x + 3 * y) % 5)
                let next = state[x + 5 * y]
                state[x + 5 * y] = rotated(lane, (step + 1) * (step + 2) / 2 % 64)
                lane = next
            }
            for row in stride(from: 0, to: 25, by: 5) {
                let lanes = Array(state[row..<row + 5])
                for x in 0..<5 { state[row + x] = lanes[x] ^ (~lanes[(x + 1) % 5] & lanes[(x + 2) % 5]) }
            }
            // iota: the round's constant comes from a shift register.
            for bit in 0..<7 {
                if register & 1 != 0 { state[0] ^= 1 << UInt64((1 << bit) - 1) }
                let carry = register & 0x80 != 0
                register = register << 1 ^ (carry ? 0x71 : 0)
            }
        }
    }
}
