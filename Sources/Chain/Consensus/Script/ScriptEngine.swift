import Bitcoin

/// Executes one script over a stack. Follows Core's EvalScript rule by rule, in its order of checks, so that
/// the error is the same too.
struct ScriptEngine {
    var stack: [[UInt8]]
    var alternate: [[UInt8]] = []
    /// One entry for each open OP_IF: whether its branch runs.
    var branches: [Bool] = []
    /// How many of them do not run.
    var skipping = 0
    var operations = 0
    /// Where the code that signatures commit to begins.
    var codeStart = 0
    var position: UInt32 = 0

    let script: [UInt8]
    let flags: ScriptFlags
    let checker: SignatureChecker
    let version: SignatureVersion
    var tapscript: TapscriptContext?

    init(
        stack: [[UInt8]], script: [UInt8], flags: ScriptFlags, checker: SignatureChecker,
        version: SignatureVersion, tapscript: TapscriptContext? = nil
    ) {
        self.stack = stack
        self.script = script
        self.flags = flags
        self.checker = checker
        self.version = version
        self.tapscript = tapscript
    }

    mutating func run() throws(ScriptError) {
        if version != .tapscript, script.count > ChainLimits.scriptSize { throw .scriptSize }
        var reader = ScriptReader(script)
        while !reader.isAtEnd {
            guard let (opcode, push) = reader.next() else { throw .badOpcode }
            try step(opcode, push, after: reader.offset)
            if stack.count + alternate.count > ChainLimits.scriptStack { throw .stackSize }
            position += 1
        }
        if !branches.isEmpty { throw .unbalancedConditional }
    }

    private mutating func step(_ opcode: UInt8, _ push: Range<Int>, after offset: Int) throws(ScriptError) {
        if push.count > ChainLimits.scriptElementSize { throw .pushSize }
        if version != .tapscript, opcode > 0x60 {
            operations += 1
            if operations > ChainLimits.scriptOperations { throw .opCount }
        }
        if Self.isDisabled(opcode) { throw .disabledOpcode }
        if opcode == 0xab, version == .base, flags.contains(.constScriptCode) { throw .opCodeSeparator }
        let runs = skipping == 0
        if opcode <= 0x4e {
            guard runs else { return }
            if flags.contains(.minimalData), !Self.isMinimalPush(opcode, script[push]) { throw .minimalData }
            stack.append(Array(script[push]))
        } else if runs || (0x63...0x68).contains(opcode) {
            try execute(opcode, after: offset)
        }
    }

    private mutating func execute(_ opcode: UInt8, after offset: Int) throws(ScriptError) {
        switch opcode {
        case 0x4f: stack.append([0x81])
        case 0x51...0x60: stack.append([opcode - 0x50])
        case 0x61...0x6a, 0xb0...0xb9: try control(opcode)
        case 0x6b...0x7d, 0x82: try arrange(opcode)
        case 0x87, 0x88: try compare(opcode)
        case 0x8b, 0x8c, 0x8f...0x92: try unary(opcode)
        case 0x93, 0x94, 0x9a...0xa4: try binary(opcode)
        case 0xa5: try within()
        case 0xa6...0xaa: try hash(opcode)
        case 0xab:
            codeStart = offset
            tapscript?.codeSeparator = position
        case 0xac, 0xad: try checkSignature(opcode)
        case 0xae, 0xaf: try checkMultisig(opcode)
        case 0xba: try checkSignatureAdd()
        default: throw .badOpcode
        }
    }

    // MARK: Stack access

    /// The `depth`-th element from the top, 1 being the top.
    func top(_ depth: Int) -> [UInt8] { stack[stack.count - depth] }

    func require(_ count: Int) throws(ScriptError) {
        guard stack.count >= count else { throw .invalidStackOperation }
    }

    mutating func pop() throws(ScriptError) -> [UInt8] {
        guard let last = stack.popLast() else { throw .invalidStackOperation }
        return last
    }

    mutating func push(_ value: Bool) { stack.append(value ? [1] : []) }

    func number(_ bytes: [UInt8], size: Int = 4) throws(ScriptError) -> Int64 {
        try ScriptNumber.decode(bytes, minimal: flags.contains(.minimalData), size: size)
    }

    /// OP_CAT and its kin, off since 2010, even where they do not run.
    private static func isDisabled(_ opcode: UInt8) -> Bool {
        switch opcode {
        case 0x7e...0x81, 0x83...0x86, 0x8d, 0x8e, 0x95...0x99: true
        default: false
        }
    }

    static func isMinimalPush(_ opcode: UInt8, _ data: ArraySlice<UInt8>) -> Bool {
        guard let first = data.first else { return opcode == 0 }
        if data.count == 1, (1...16).contains(first) || first == 0x81 { return false }
        if data.count <= 75 { return Int(opcode) == data.count }
        if data.count <= 255 { return opcode == 0x4c }
        if data.count <= 65_535 { return opcode == 0x4d }
        return true
    }
}
