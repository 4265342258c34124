/// One 64-byte block of the ChaCha20 key stream (RFC 8439).
enum ChaCha20 {
    /// `nonce` is the 12-byte nonce as three little-endian words.
    static func block(key: [UInt8], counter: UInt32, nonce: (UInt32, UInt32, UInt32)) -> [UInt8] {
        precondition(key.count == 32, "a key of \(key.count) bytes")
        var start: [UInt32] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]
        for word in 0..<8 {
            start.append((0..<4).reduce(0) { $0 | UInt32(key[4 * word + $1]) << UInt32(8 * $1) })
        }
        start += [counter, nonce.0, nonce.1, nonce.2]
        var state = start
        for _ in 0..<10 {
            quarter(&state, 0, 4, 8, 12)
            quarter(&state, 1, 5, 9, 13)
            quarter(&state, 2, 6, 10, 14)
            quarter(&state, 3, 7, 11, 15)
            quarter(&state, 0, 5, 10, 15)
            quarter(&state, 1, 6, 11, 12)
            quarter(&state, 2, 7, 8, 13)
            quarter(&state, 3, 4, 9, 14)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        for word in 0..<16 {
            let sum = state[word] &+ start[word]
            for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: sum >> UInt32(8 * shift))) }
        }
        return bytes
    }

    private static func quarter(_ s: inout [UInt32], _ a: Int, _ b: Int, _ c: Int, _ d: Int) {
        s[a] &+= s[b]
        s[d] = rotate(s[d] ^ s[a], 16)
        s[c] &+= s[d]
        s[b] = rotate(s[b] ^ s[c], 12)
        s[a] &+= s[b]
        s[d] = rotate(s[d] ^ s[a], 8)
        s[c] &+= s[d]
        s[b] = rotate(s[b] ^ s[c], 7)
    }

    private static func rotate(_ x: UInt32, _ count: UInt32) -> UInt32 { x << count | x >> (32 - count) }
}

/// BIP324's FSChaCha20: a stream that takes a new key after every 224 chunks, so that an old key tells nothing of
/// what was said before.
public struct ForwardSecureStream: Sendable {
    /// BIP324's REKEY_INTERVAL.
    public static let rekeyInterval: UInt64 = 224

    private var key: [UInt8]
    private var stream: [UInt8] = []
    private var block: UInt32 = 0
    private var chunk: UInt64 = 0

    /// `key` has 32 bytes.
    public init(key: [UInt8]) { self.key = key }

    /// Encrypts or decrypts one chunk.
    public mutating func crypt(_ bytes: [UInt8]) -> [UInt8] {
        let result = zip(bytes, take(bytes.count)).map { $0 ^ $1 }
        if (chunk + 1) % Self.rekeyInterval == 0 {
            key = take(32)
            stream = []
            block = 0
        }
        chunk += 1
        return result
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        while stream.count < count {
            let epoch = chunk / Self.rekeyInterval
            stream += ChaCha20.block(
                key: key, counter: block,
                nonce: (0, UInt32(truncatingIfNeeded: epoch), UInt32(truncatingIfNeeded: epoch >> 32)))
            block += 1
        }
        let taken = Array(stream[..<count])
        stream.removeFirst(count)
        return taken
    }
}
