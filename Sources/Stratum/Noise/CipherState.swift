import Bitcoin

/// One direction's key and counter (SV2 section 4.4.1): 40 bytes.
struct CipherState: Equatable, Sendable {
    var key: Hash256
    var counter: UInt64 = 0

    static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// Encrypts in place and writes 16 bytes of tag.
    mutating func seal(
        _ data: UnsafeMutablePointer<UInt8>, count: Int, tag: UnsafeMutablePointer<UInt8>,
        associated: UnsafeRawBufferPointer = nothing
    ) {
        ChaChaPoly.seal(
            key: key, counter: counter, associated: associated, data: data, count: count, tag: tag)
        counter += 1
    }

    /// Decrypts `count` bytes, whose tag follows them; the counter stays where it was on failure.
    mutating func open(
        _ source: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<UInt8>,
        associated: UnsafeRawBufferPointer = nothing
    ) -> Bool {
        guard
            ChaChaPoly.open(
                key: key, counter: counter, associated: associated, source: source, count: count,
                target: target)
        else { return false }
        counter += 1
        return true
    }
}

/// Both directions of an established connection.
struct NoiseTransport: Equatable, Sendable {
    var send: CipherState
    var receive: CipherState

    static let headerLength = V2FrameHeader.byteCount + ChaChaPoly.tagLength

    /// Bytes on the wire behind the header for a payload of this length: 16 more per started block of 65,519,
    /// none for no payload (SV2 section 4.6).
    static func encryptedLength(_ plain: Int) -> Int {
        let blocks = (plain + V2Limits.noiseBlockPlaintextMax - 1) / V2Limits.noiseBlockPlaintextMax
        return plain + blocks * ChaChaPoly.tagLength
    }

    /// Encrypts a frame in place. `frame` has the six header bytes at 0, the payload at 22 and room for all
    /// tags.
    mutating func seal(frame: UnsafeMutablePointer<UInt8>, payloadLength: Int) {
        send.seal(frame, count: V2FrameHeader.byteCount, tag: frame + V2FrameHeader.byteCount)
        let block = V2Limits.noiseBlockPlaintextMax
        let payload = frame + Self.headerLength
        if payloadLength > block {
            // Make room for the tags from the back, so that no byte is overwritten before it moved.
            var index = (payloadLength - 1) / block
            while index > 0 {
                let count = min(block, payloadLength - index * block)
                (payload + index * (block + ChaChaPoly.tagLength)).update(
                    from: payload + index * block, count: count)
                index -= 1
            }
        }
        var at = payload
        var left = payloadLength
        while left > 0 {
            let count = min(block, left)
            send.seal(at, count: count, tag: at + count)
            at += count + ChaChaPoly.tagLength
            left -= count
        }
    }

    /// Decrypts a payload's blocks. `source` holds `encryptedLength(payloadLength)` bytes, `target`
    /// `payloadLength`.
    mutating func open(
        payload source: UnsafePointer<UInt8>, payloadLength: Int, into target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        var (from, to, left) = (source, target, payloadLength)
        while left > 0 {
            let count = min(V2Limits.noiseBlockPlaintextMax, left)
            guard receive.open(from, count: count, into: to) else { return false }
            from += count + ChaChaPoly.tagLength
            to += count
            left -= count
        }
        return true
    }
}
