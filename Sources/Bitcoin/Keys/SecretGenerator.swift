/// A deterministic stream of bytes that nobody can tell from random without the seed: SHA-256 in counter
/// mode.
///
/// Machines hold one instead of asking the operating system, so that a run can be replayed. The live world
/// seeds it with 32 bytes from the operating system; a simulation with its own seed.
public struct SecretGenerator: Sendable, Equatable {
    private let key: Hash256
    private var counter: UInt64 = 0

    public init(seed: [UInt8]) { key = taggedHash("lab/secrets", seed) }

    /// An independent generator, for a child that draws at its own pace.
    public mutating func fork() -> SecretGenerator { SecretGenerator(seed: bytes(32)) }

    /// The next bytes of the stream. Each call begins with a fresh block.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0, "a count is not negative")
        var result: [UInt8] = []
        result.reserveCapacity(count + 31)
        while result.count < count { nextBlock().withUnsafeBytes { result.append(contentsOf: $0) } }
        result.removeLast(result.count - count)
        return result
    }

    /// A key; draws again in the case (probability 2^-128) that 32 bytes are none.
    public mutating func secretKey() -> SecretKey {
        while true {
            if let key = SecretKey(bytes: bytes(32)) { return key }
        }
    }

    private mutating func nextBlock() -> Hash256 {
        var stream = SHA256Stream()
        stream.update(key)
        withUnsafeBytes(of: counter.littleEndian) { stream.update($0) }
        counter += 1
        return stream.finalize()
    }
}
