/// One step of a script: an opcode, and the data if it is a push.
public struct ScriptInstruction: Equatable, Sendable {
    public let opcode: UInt8
    /// What is pushed by opcodes 0x00...0x4e (empty for OP_0); nil for every other opcode.
    public let data: ArraySlice<UInt8>?

    /// The name of the opcode, where it has one.
    public var named: Opcode? { Opcode(rawValue: opcode) }

    /// 1...20 for OP_1...OP_16 and for a minimal push of 17...20, as bare multisig writes its numbers.
    var smallNumber: Int? {
        if (Opcode.one.rawValue...Opcode.sixteen.rawValue).contains(opcode) {
            return Int(opcode - Opcode.one.rawValue) + 1
        }
        guard let data, data.count == 1, opcode == 1, let value = data.first, (17...20).contains(value) else {
            return nil
        }
        return Int(value)
    }
}

/// Steps through a script. Ends at its end or at a push that reaches beyond it (`isMalformed`).
public struct ScriptInstructions: Sequence, IteratorProtocol, Sendable {
    private let bytes: [UInt8]
    /// Where the next instruction begins.
    public private(set) var offset = 0
    /// The last instruction announces more data than there is.
    public private(set) var isMalformed = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    public mutating func next() -> ScriptInstruction? {
        guard offset < bytes.count, !isMalformed else { return nil }
        let opcode = bytes[offset]
        guard opcode <= Opcode.pushData4.rawValue else {
            offset += 1
            return ScriptInstruction(opcode: opcode, data: nil)
        }
        let lengthBytes = opcode < 0x4c ? 0 : 1 << Int(opcode - 0x4c)
        guard bytes.count - offset - 1 >= lengthBytes else { return malformed() }
        var length = opcode < 0x4c ? Int(opcode) : 0
        for i in 0..<lengthBytes { length |= Int(bytes[offset + 1 + i]) << (8 * i) }
        let start = offset + 1 + lengthBytes
        guard bytes.count - start >= length else { return malformed() }
        offset = start + length
        return ScriptInstruction(opcode: opcode, data: bytes[start..<offset])
    }

    private mutating func malformed() -> ScriptInstruction? {
        isMalformed = true
        return nil
    }
}

extension Script {
    public var instructions: ScriptInstructions { ScriptInstructions(bytes) }
}
