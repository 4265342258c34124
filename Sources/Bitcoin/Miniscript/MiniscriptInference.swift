extension Miniscript {
    /// The expression that a script is, if it is one with a valid type. Read from the script's end, where
    /// each fragment shows itself.
    ///
    /// - Parameters:
    ///   - key: gives bytes of a key their place; nil for bytes that are no key.
    ///   - keyHash: gives the key behind a hash its place; nil if it is not known.
    public static func infer(
        _ script: Script, _ context: Context, key: ([UInt8]) -> Int?, keyHash: (Hash160) -> Int?
    ) -> Miniscript? {
        guard script.count <= scriptSizeMax(context), let ops = MiniscriptReader.ops(script) else {
            return nil
        }
        var reader = MiniscriptReader(ops, context)
        guard reader.run(key, keyHash), reader.result.isValidTopLevel else { return nil }
        return reader.result
    }
}

private struct MiniscriptReader {
    struct Op {
        var opcode: Opcode
        var data: [UInt8] = []
        /// What it pushes as a number.
        var number: Int?
    }

    private enum Step {
        /// One expression that is neither `and_v` nor wrapped for the second place.
        case single
        /// The same, with what may stand before it as `and_v`.
        case sequence
        case mayContinue
        case secondPlace
        case wrap(Miniscript.Fragment)
        /// After a wrapped expression: the opcode that must come before it.
        case wrapAfter(Opcode, Miniscript.Fragment)
        case join(Miniscript.Fragment)
        case joinAndOr
        case thresholdNext(required: Int, count: Int)
        case thresholdEnd(required: Int, count: Int)
        case endIf
        case endIfNotIf
        case endIfElse
    }

    /// From the last to the first.
    let ops: [Op]
    var at = 0
    var result: Miniscript
    private var steps: [Step] = [.sequence]
    private var built: [Int] = []

    init(_ ops: [Op], _ context: Miniscript.Context) {
        self.ops = ops
        result = Miniscript(context)
    }

    /// The script's instructions from last to first, with verifying opcodes taken apart. Nil for pushes that
    /// are not minimal and for a verify that should have been taken in.
    static func ops(_ script: Script) -> [Op]? {
        var ops: [Op] = []
        var instructions = script.instructions
        while let instruction = instructions.next() {
            if let data = instruction.data {
                guard isMinimal(data, instruction.opcode) else { return nil }
                ops.append(
                    Op(opcode: data.isEmpty ? .zero : .pushData1, data: Array(data), number: number(data)))
                continue
            }
            guard let opcode = instruction.named else { return nil }
            switch opcode {
            case .checkSigVerify: ops += [Op(opcode: .checkSig), Op(opcode: .verify)]
            case .checkMultiSigVerify: ops += [Op(opcode: .checkMultiSig), Op(opcode: .verify)]
            case .equalVerify: ops += [Op(opcode: .equal), Op(opcode: .verify)]
            case .numEqualVerify: ops += [Op(opcode: .numEqual), Op(opcode: .verify)]
            case .verify:
                switch ops.last?.opcode {
                case .checkSig, .checkMultiSig, .equal, .numEqual: return nil
                default: ops.append(Op(opcode: .verify))
                }
            default:
                let isNumber = (Opcode.one.rawValue...Opcode.sixteen.rawValue).contains(opcode.rawValue)
                let value = Int(opcode.rawValue) - Int(Opcode.one.rawValue) + 1
                ops.append(Op(opcode: opcode, number: isNumber ? value : nil))
            }
        }
        return instructions.isMalformed ? nil : ops.reversed()
    }

    private static func isMinimal(_ data: ArraySlice<UInt8>, _ opcode: UInt8) -> Bool {
        if data.count == 1, let byte = data.first, (1...16).contains(byte) || byte == 0x81 { return false }
        switch data.count {
        case ..<0x4c: return Int(opcode) == data.count
        case ...0xff: return opcode == Opcode.pushData1.rawValue
        case ...0xffff: return opcode == Opcode.pushData2.rawValue
        default: return true
        }
    }

    /// A number of up to four bytes, written the shortest way.
    private static func number(_ data: ArraySlice<UInt8>) -> Int? {
        guard data.count <= 4 else { return nil }
        var value = 0
        for (place, byte) in data.enumerated() { value |= Int(byte) << (8 * place) }
        if let last = data.last, last & 0x80 != 0 { value = -(value & ~(0x80 << (8 * (data.count - 1)))) }
        return Script.numberBytes(Int64(value)) == Array(data) ? value : nil
    }

    // MARK: Steps

    private func opcode(_ ahead: Int = 0) -> Opcode? { at + ahead < ops.count ? ops[at + ahead].opcode : nil }
    private var left: Int { ops.count - at }

    private mutating func skip(_ opcode: Opcode) -> Bool {
        guard self.opcode() == opcode else { return false }
        at += 1
        return true
    }

    private mutating func build(_ fragment: Miniscript.Fragment, _ count: Int = 0) -> Bool {
        guard built.count >= count else { return false }
        // What was read first stands last.
        let children = Array(built.suffix(count).reversed())
        built.removeLast(count)
        built.append(result.append(fragment, children))
        return !result.type.isEmpty && result.scriptSize <= Miniscript.scriptSizeMax(result.context)
    }

    mutating func run(_ key: ([UInt8]) -> Int?, _ keyHash: (Hash160) -> Int?) -> Bool {
        while let step = steps.popLast() {
            let isFine: Bool
            switch step {
            case .single:
                if let leaf = leaf(key, keyHash) {
                    isFine = leaf
                } else {
                    isFine = inner()
                }
            case .sequence:
                steps += [.mayContinue, .single]
                isFine = true
            case .mayContinue:
                isFine = true
                switch opcode() {
                case nil, .if, .else, .notIf, .toAltStack, .swap: break
                default: steps += [.join(.andV), .sequence]
                }
            case .secondPlace:
                if skip(.fromAltStack) {
                    steps.append(.wrapAfter(.toAltStack, .alt))
                } else {
                    steps.append(.wrapAfter(.swap, .swap))
                }
                steps.append(.sequence)
                isFine = left > 0
            case .wrap(let fragment): isFine = build(fragment, 1)
            case .wrapAfter(let opcode, let fragment): isFine = skip(opcode) && build(fragment, 1)
            case .join(let fragment): isFine = build(fragment, 2)
            case .joinAndOr: isFine = joinAndOr()
            case .thresholdNext(let required, let count):
                if skip(.add) {
                    steps += [.thresholdNext(required: required, count: count + 1), .secondPlace]
                } else {
                    steps += [.thresholdEnd(required: required, count: count + 1), .single]
                }
                isFine = left > 0
            case .thresholdEnd(let required, let count):
                isFine = required <= count && build(.threshold(required), count)
            case .endIf, .endIfNotIf, .endIfElse: isFine = conditional(step)
            }
            guard isFine else { return false }
        }
        return at == ops.count && built.count == 1
    }

    /// X NOTIF Z ELSE Y ENDIF was read as Y, Z, X.
    private mutating func joinAndOr() -> Bool {
        guard built.count >= 3 else { return false }
        let (y, z, x) = (built[built.count - 3], built[built.count - 2], built[built.count - 1])
        built.replaceSubrange((built.count - 3)..., with: [z, y, x])
        return build(.andOr, 3)
    }

    private mutating func conditional(_ step: Step) -> Bool {
        switch step {
        case .endIf:
            if skip(.else) {
                steps += [.endIfElse, .sequence]
            } else if opcode() == .if, opcode(1) == .dup {
                at += 2
                steps.append(.wrap(.dupIf))
            } else if opcode() == .if, opcode(1) == .zeroNotEqual, opcode(2) == .size {
                at += 3
                steps.append(.wrap(.nonZero))
            } else {
                guard skip(.notIf) else { return false }
                steps.append(.endIfNotIf)
            }
            return true
        case .endIfNotIf:
            steps += [.join(skip(.ifDup) ? .orD : .orC), .single]
            return left > 0
        default:
            if skip(.if) { return build(.orI, 2) }
            guard skip(.notIf) else { return false }
            steps += [.joinAndOr, .single]
            return true
        }
    }

    // MARK: Expressions by their last opcode

    /// Reads a fragment without expressions inside; nil if another begins here, false if it is wrong.
    private mutating func leaf(_ key: ([UInt8]) -> Int?, _ keyHash: (Hash160) -> Int?) -> Bool? {
        guard at < ops.count else { return false }
        let first = ops[at]
        if first.opcode == .one || first.opcode == .zero {
            at += 1
            return build(first.opcode == .one ? .one : .zero)
        }
        if first.data.count == 33 || first.data.count == 32 {
            guard let place = key(first.data) else { return false }
            at += 1
            return build(.key(place))
        }
        if left >= 5, first.opcode == .verify, opcode(1) == .equal, ops[at + 2].data.count == 20,
            opcode(3) == .hash160, opcode(4) == .dup, let hash = Hash160(bytes: ops[at + 2].data)
        {
            guard let place = keyHash(hash) else { return false }
            at += 5
            return build(.keyHash(place))
        }
        if first.opcode == .checkSequenceVerify || first.opcode == .checkLockTimeVerify, left >= 2,
            let value = ops[at + 1].number
        {
            guard (1..<1 << 31).contains(value) else { return false }
            at += 2
            return build(
                first.opcode == .checkSequenceVerify ? .older(UInt32(value)) : .after(UInt32(value)))
        }
        if let function = hashFunction {
            let digest = ops[at + 1].data
            at += 7
            return build(.hash(function, digest))
        }
        switch first.opcode {
        case .checkMultiSig where left >= 3: return multisig(key)
        case .numEqual where left >= 4: return tapscriptMultisig(key)
        default: return nil
        }
    }

    private var hashFunction: Miniscript.HashFunction? {
        guard left >= 7, opcode() == .equal, opcode(3) == .verify, opcode(4) == .equal,
            ops[at + 5].number == 32, opcode(6) == .size
        else { return nil }
        return Miniscript.HashFunction.allCases.first {
            $0.opcode == opcode(2) && $0.byteCount == ops[at + 1].data.count
        }
    }

    private mutating func multisig(_ key: ([UInt8]) -> Int?) -> Bool {
        guard result.context == .witnessScript, let count = ops[at + 1].number,
            (1...Limits.multisigKeysMax).contains(count), left >= 3 + count
        else { return false }
        var keys: [Int] = []
        for op in ops[(at + 2)..<(at + 2 + count)] {
            guard op.data.count == 33, let place = key(op.data) else { return false }
            keys.append(place)
        }
        guard let required = ops[at + 2 + count].number, (1...count).contains(required) else { return false }
        at += 3 + count
        return build(.multisig(required, keys: keys.reversed()))
    }

    private mutating func tapscriptMultisig(_ key: ([UInt8]) -> Int?) -> Bool {
        guard result.context == .tapscript, let required = ops[at + 1].number,
            (1...Limits.tapscriptMultisigKeysMax).contains(required)
        else { return false }
        var keys: [Int] = []
        var place = at + 2
        while true {
            guard ops.count - place >= 2, keys.count < Limits.tapscriptMultisigKeysMax,
                ops[place].opcode == .checkSigAdd || ops[place].opcode == .checkSig,
                ops[place + 1].data.count == 32, let found = key(ops[place + 1].data)
            else { return false }
            keys.append(found)
            place += 2
            if ops[place - 2].opcode == .checkSig { break }
        }
        guard keys.count >= required else { return false }
        at = place
        return build(.tapscriptMultisig(required, keys: keys.reversed()))
    }

    /// Begins a fragment with expressions inside. `and_v` stays outside of wrappers and of the first places
    /// of `and_b` and `or_b`, where it makes the same script.
    private mutating func inner() -> Bool {
        let first = ops[at].opcode
        if first == .equal, left >= 3, let required = ops[at + 1].number {
            at += 2
            steps.append(.thresholdNext(required: required, count: 0))
            return required >= 1
        }
        at += 1
        switch first {
        case .checkSig: steps += [.wrap(.check), .single]
        case .verify: steps += [.wrap(.verify), .single]
        case .zeroNotEqual: steps += [.wrap(.zeroNotEqual), .single]
        case .endIf: steps += [.endIf, .sequence]
        case .boolAnd: steps += [.join(.andB), .single, .secondPlace]
        case .boolOr: steps += [.join(.orB), .single, .secondPlace]
        default: return false
        }
        return true
    }
}
