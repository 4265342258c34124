import Bitcoin

extension ScriptEngine {
    // MARK: Flow and lock times

    mutating func control(_ opcode: UInt8) throws(ScriptError) {
        switch opcode {
        case 0x61: break
        case 0x63, 0x64: try openBranch(negated: opcode == 0x64)
        case 0x67:
            guard let last = branches.popLast() else { throw .unbalancedConditional }
            branches.append(!last)
            skipping += last ? 1 : -1
        case 0x68:
            guard let last = branches.popLast() else { throw .unbalancedConditional }
            if !last { skipping -= 1 }
        case 0x69:
            try require(1)
            guard ScriptNumber.isTrue(top(1)) else { throw .verify }
            stack.removeLast()
        case 0x6a: throw .opReturn
        case 0xb1 where flags.contains(.checkLockTime): try checkLockTime()
        case 0xb2 where flags.contains(.checkSequence): try checkSequence()
        case 0xb0...0xb9: if flags.contains(.discourageUpgradableNops) { throw .discourageUpgradableNops }
        default: throw .badOpcode
        }
    }

    private mutating func openBranch(negated: Bool) throws(ScriptError) {
        var taken = false
        if skipping == 0 {
            guard let condition = stack.last else { throw .invalidStackOperation }
            let isMinimal = condition.isEmpty || condition == [1]
            if version == .tapscript, !isMinimal { throw .tapscriptMinimalIf }
            if version == .witnessV0, flags.contains(.minimalIf), !isMinimal { throw .minimalIf }
            taken = ScriptNumber.isTrue(condition) != negated
            stack.removeLast()
        }
        branches.append(taken)
        if !taken { skipping += 1 }
    }

    private func checkLockTime() throws(ScriptError) {
        try require(1)
        let lockTime = try number(top(1), size: 5)
        if lockTime < 0 { throw .negativeLockTime }
        guard checker.isLockTimeMet(lockTime) else { throw .unsatisfiedLockTime }
    }

    private func checkSequence() throws(ScriptError) {
        try require(1)
        let sequence = try number(top(1), size: 5)
        if sequence < 0 { throw .negativeLockTime }
        if sequence & (1 << 31) != 0 { return }
        guard checker.isSequenceMet(sequence) else { throw .unsatisfiedLockTime }
    }

    // MARK: Stack

    mutating func arrange(_ opcode: UInt8) throws(ScriptError) {
        let count = stack.count
        switch opcode {
        case 0x6b: alternate.append(try pop())
        case 0x6c:
            guard let value = alternate.popLast() else { throw .invalidAltStackOperation }
            stack.append(value)
        case 0x6d:
            try require(2)
            stack.removeLast(2)
        case 0x6e, 0x6f:
            let copies = opcode == 0x6e ? 2 : 3
            try require(copies)
            stack += Array(stack[(count - copies)...])
        case 0x70:
            try require(4)
            stack += Array(stack[(count - 4)..<(count - 2)])
        case 0x71:
            try require(6)
            let moved = Array(stack[(count - 6)..<(count - 4)])
            stack.removeSubrange((count - 6)..<(count - 4))
            stack += moved
        case 0x72:
            try require(4)
            stack.swapAt(count - 4, count - 2)
            stack.swapAt(count - 3, count - 1)
        case 0x73:
            try require(1)
            if ScriptNumber.isTrue(top(1)) { stack.append(top(1)) }
        case 0x74: stack.append(ScriptNumber.encode(Int64(count)))
        case 0x75: _ = try pop()
        case 0x76:
            try require(1)
            stack.append(top(1))
        case 0x77:
            try require(2)
            stack.remove(at: count - 2)
        case 0x78:
            try require(2)
            stack.append(top(2))
        case 0x79, 0x7a: try pick(removing: opcode == 0x7a)
        case 0x7b:
            try require(3)
            stack.append(stack.remove(at: count - 3))
        case 0x7c:
            try require(2)
            stack.swapAt(count - 2, count - 1)
        case 0x7d:
            try require(2)
            stack.insert(top(1), at: count - 2)
        default:
            try require(1)
            stack.append(ScriptNumber.encode(Int64(top(1).count)))
        }
    }

    private mutating func pick(removing: Bool) throws(ScriptError) {
        try require(2)
        let depth = try number(top(1))
        stack.removeLast()
        guard depth >= 0, depth < Int64(stack.count) else { throw .invalidStackOperation }
        let index = stack.count - 1 - Int(depth)
        let value = stack[index]
        if removing { stack.remove(at: index) }
        stack.append(value)
    }

    // MARK: Values

    mutating func compare(_ opcode: UInt8) throws(ScriptError) {
        try require(2)
        let equal = top(1) == top(2)
        stack.removeLast(2)
        if opcode == 0x87 {
            push(equal)
        } else if !equal {
            throw .equalVerify
        }
    }

    mutating func unary(_ opcode: UInt8) throws(ScriptError) {
        try require(1)
        let value = try number(top(1))
        stack.removeLast()
        let result: Int64 =
            switch opcode {
            case 0x8b: value + 1
            case 0x8c: value - 1
            case 0x8f: -value
            case 0x90: abs(value)
            case 0x91: value == 0 ? 1 : 0
            default: value != 0 ? 1 : 0
            }
        stack.append(ScriptNumber.encode(result))
    }

    mutating func binary(_ opcode: UInt8) throws(ScriptError) {
        try require(2)
        let a = try number(top(2))
        let b = try number(top(1))
        stack.removeLast(2)
        let result: Int64 =
            switch opcode {
            case 0x93: a + b
            case 0x94: a - b
            case 0x9a: a != 0 && b != 0 ? 1 : 0
            case 0x9b: a != 0 || b != 0 ? 1 : 0
            case 0x9c, 0x9d: a == b ? 1 : 0
            case 0x9e: a != b ? 1 : 0
            case 0x9f: a < b ? 1 : 0
            case 0xa0: a > b ? 1 : 0
            case 0xa1: a <= b ? 1 : 0
            case 0xa2: a >= b ? 1 : 0
            case 0xa3: min(a, b)
            default: max(a, b)
            }
        if opcode == 0x9d {
            if result == 0 { throw .numEqualVerify }
        } else {
            stack.append(ScriptNumber.encode(result))
        }
    }

    mutating func within() throws(ScriptError) {
        try require(3)
        let value = try number(top(3))
        let low = try number(top(2))
        let high = try number(top(1))
        stack.removeLast(3)
        push(low <= value && value < high)
    }

    mutating func hash(_ opcode: UInt8) throws(ScriptError) {
        let value = try pop()
        switch opcode {
        case 0xa6: stack.append(LegacyDigest.ripemd160(value))
        case 0xa7: stack.append(LegacyDigest.sha1(value))
        case 0xa8: stack.append(SHA256.hash(value).bytes)
        case 0xa9: stack.append(hash160(value).bytes)
        default: stack.append(SHA256.double(value).bytes)
        }
    }
}
