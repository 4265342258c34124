import Bitcoin
import SansIO

/// BIP341's commitments and BIP342's reserved opcodes.
enum Taproot {
    private static let leafTag = SHA256Stream(tag: "TapLeaf")
    private static let branchTag = SHA256Stream(tag: "TapBranch")
    private static let tweakTag = SHA256Stream(tag: "TapTweak")

    static func leafHash(version: UInt8, script: [UInt8]) -> Hash256 {
        var writer = ByteWriter(capacity: script.count + 8)
        writer.write(u8: version)
        writer.write(compactSize: UInt64(script.count))
        writer.write(script)
        var stream = leafTag
        stream.update(writer.bytes)
        return stream.finalize()
    }

    /// Whether the output key commits to the leaf through the control block's path.
    static func commits(program: [UInt8], control: [UInt8], leafHash: Hash256) -> Bool {
        var node = leafHash
        for at in stride(from: 33, to: control.count, by: 32) {
            node = control.withUnsafeBytes { bytes in
                node.withUnsafeBytes { own in
                    let sibling = UnsafeRawBufferPointer(rebasing: bytes[at..<at + 32])
                    let isFirst = own.lexicographicallyPrecedes(sibling)
                    var stream = branchTag
                    stream.update(isFirst ? own : sibling)
                    stream.update(isFirst ? sibling : own)
                    return stream.finalize()
                }
            }
        }
        let internalKey = Array(control[1..<33])
        var stream = tweakTag
        stream.update(internalKey)
        stream.update(node)
        let tweak = stream.finalize()
        return SignatureVerification.isTweaked(
            output: program, isOdd: control[0] & 1 == 1, internalKey: internalKey, tweak: tweak)
    }

    /// OP_SUCCESSx (BIP342): anything goes.
    static func isSuccess(_ opcode: UInt8) -> Bool {
        switch opcode {
        case 80, 98, 126...129, 131...134, 137...138, 141...142, 149...153, 187...254: true
        default: false
        }
    }
}
