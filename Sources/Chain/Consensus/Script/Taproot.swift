import Bitcoin
import SansIO

/// BIP341's commitments and BIP342's reserved opcodes.
enum Taproot {
    static func leafHash(version: UInt8, script: [UInt8]) -> Hash256 {
        var writer = ByteWriter(capacity: script.count + 8)
        writer.write(u8: version)
        writer.write(compactSize: UInt64(script.count))
        writer.write(script)
        return taggedHash("TapLeaf", writer.bytes)
    }

    /// Whether the output key commits to the leaf through the control block's path.
    static func commits(program: [UInt8], control: [UInt8], leafHash: Hash256) -> Bool {
        var node = leafHash.bytes
        for at in stride(from: 33, to: control.count, by: 32) {
            let sibling = Array(control[at..<at + 32])
            let isFirst = node.lexicographicallyPrecedes(sibling)
            node = taggedHash("TapBranch", isFirst ? node + sibling : sibling + node).bytes
        }
        let internalKey = Array(control[1..<33])
        let tweak = taggedHash("TapTweak", internalKey + node)
        return CurveCheck.isTweaked(
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
