/// SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ message), BIP340.
public func taggedHash(_ tag: String, _ message: [UInt8]) -> Hash256 {
    var stream = SHA256Stream(tag: tag)
    stream.update(message)
    return stream.finalize()
}

/// The tagged hash of several parts, one behind the other.
public func taggedHash(_ tag: String, _ parts: [UInt8]...) -> Hash256 {
    var stream = SHA256Stream(tag: tag)
    for part in parts { stream.update(part) }
    return stream.finalize()
}

extension SHA256Stream {
    /// A stream that has taken a BIP340 tag. It is one whole block, so a kept copy saves two compressions per
    /// hash.
    public init(tag: String) {
        let prefix = SHA256.hash(Array(tag.utf8))
        self.init()
        update(prefix)
        update(prefix)
    }
}

/// HMAC-SHA-256, RFC 2104.
public func hmacSHA256(key: [UInt8], message: [UInt8]) -> Hash256 {
    let short = key.count > 64 ? SHA256.hash(key).bytes : key
    let block = short + [UInt8](repeating: 0, count: 64 - short.count)
    var inner = SHA256Stream()
    inner.update(block.map { $0 ^ 0x36 })
    inner.update(message)
    var outer = SHA256Stream()
    outer.update(block.map { $0 ^ 0x5c })
    outer.update(inner.finalize())
    return outer.finalize()
}
