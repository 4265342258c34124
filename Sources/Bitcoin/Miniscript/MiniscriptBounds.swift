/// What satisfying a script may cost at most; nil for the impossible.
public struct MiniscriptBounds: Hashable, Sendable {
    /// Opcodes that count towards the 201 of a witness script.
    public internal(set) var operations: Int?
    /// Elements of the witness without script and control block.
    public internal(set) var stackSize: Int?
    /// Elements on the stack while the script runs.
    public internal(set) var executionStackSize: Int?
    /// Bytes of the witness's elements with their lengths, without script and control block.
    public internal(set) var witnessSize: Int?
}

/// The stack's movement through a script: how much higher than at its end it stands at the beginning, and at
/// most anywhere.
private struct StackEffect {
    var difference: Int
    var peak: Int

    init(_ difference: Int, _ peak: Int) {
        self.difference = difference
        self.peak = peak
    }

    static let level = StackEffect(0, 0)
    static let push = StackEffect(-1, 0)
    /// OP_IF, a binary operator, OP_EQUAL, OP_CHECKSIG, OP_VERIFY.
    static let take = StackEffect(1, 1)
    static let takeTwo = StackEffect(2, 2)
}

/// For satisfying and for dissatisfying.
private struct Costs {
    var operations = 0
    var keys: (yes: Int?, no: Int?) = (nil, nil)
    var stack: (yes: StackEffect?, no: StackEffect?) = (nil, nil)
    var bytes: (yes: Int?, no: Int?) = (nil, nil)
}

private func + (a: Int?, b: Int?) -> Int? {
    guard let a, let b else { return nil }
    return a + b
}
private func + (a: StackEffect?, b: StackEffect?) -> StackEffect? {
    guard let a, let b else { return nil }
    return StackEffect(a.difference + b.difference, max(b.peak, b.difference + a.peak))
}
private func most(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b else { return a ?? b }
    return max(a, b)
}
private func most(_ a: StackEffect?, _ b: StackEffect?) -> StackEffect? {
    guard let a, let b else { return a ?? b }
    return StackEffect(max(a.difference, b.difference), max(a.peak, b.peak))
}

extension Miniscript {
    /// What the whole script costs.
    public var bounds: MiniscriptBounds { allBounds(from: root)[0] }

    /// What every node costs as a script of its own, in the order of the nodes, from a place on.
    func allBounds(from first: Int) -> [MiniscriptBounds] {
        var costs: [Costs] = []
        costs.reserveCapacity(nodes.count)
        for node in nodes { costs.append(self.costs(node, node.children.map { costs[$0] })) }
        return (first..<nodes.count).map { place in
            let cost = costs[place]
            let left = nodes[place].type.isBaseKeyOrWrapped ? 1 : 0
            return MiniscriptBounds(
                operations: cost.keys.yes.map { $0 + cost.operations },
                stackSize: cost.stack.yes.map { $0.difference + left },
                executionStackSize: cost.stack.yes.map { $0.peak + left }, witnessSize: cost.bytes.yes)
        }
    }

    private func costs(_ node: Node, _ inner: [Costs]) -> Costs {
        switch node.fragment {
        case .threshold(let required): return threshold(required, inner)
        default: break
        }
        var result =
            switch inner.count {
            case 0: leaf(node.fragment)
            case 1: wrapper(node, inner[0])
            case 2: pair(node.fragment, inner[0], inner[1])
            default: andOr(inner[0], inner[1], inner[2])
            }
        result.operations += inner.reduce(0) { $0 + $1.operations }
        return result
    }

    private func leaf(_ fragment: Fragment) -> Costs {
        let isTapscript = context == .tapscript
        let signature = isTapscript ? 66 : 73
        let key = isTapscript ? 33 : 34
        switch fragment {
        case .zero: return Costs(keys: (nil, 0), stack: (nil, .push), bytes: (nil, 0))
        case .one: return Costs(keys: (0, nil), stack: (.push, nil), bytes: (0, nil))
        case .older, .after:
            return Costs(operations: 1, keys: (0, nil), stack: (.push, nil), bytes: (0, nil))
        case .key: return Costs(keys: (0, 0), stack: (.push, .push), bytes: (signature, 1))
        case .keyHash:
            let effect = StackEffect.push + .level + .push + .takeTwo
            return Costs(
                operations: 3, keys: (0, 0), stack: (effect, effect), bytes: (signature + key, 1 + key))
        case .hash:
            let effect = StackEffect.push + .push + .takeTwo + .level + .push + .take
            return Costs(operations: 4, keys: (0, nil), stack: (effect, nil), bytes: (33, nil))
        case .multisig(let required, let keys):
            let effect = StackEffect(required, required + keys.count + 2)
            return Costs(
                operations: 1, keys: (keys.count, keys.count), stack: (effect, effect),
                bytes: (required * signature + 1, required + 1))
        case .tapscriptMultisig(let required, let keys):
            let effect = StackEffect(keys.count - 1, keys.count)
            return Costs(
                operations: keys.count + 1, keys: (0, 0), stack: (effect, effect),
                bytes: (required * signature + keys.count - required, keys.count))
        default: return Costs()
        }
    }

    private func wrapper(_ node: Node, _ x: Costs) -> Costs {
        var result = Costs(keys: x.keys, stack: x.stack, bytes: x.bytes)
        switch node.fragment {
        case .alt: result.operations = 2
        case .swap, .zeroNotEqual: result.operations = 1
        case .check:
            result.operations = 1
            result.stack = (x.stack.yes + StackEffect.take, x.stack.no + StackEffect.take)
        case .dupIf:
            let effect: StackEffect? = StackEffect.push + StackEffect.take
            result = Costs(
                operations: 3, keys: (x.keys.yes, 0), stack: (effect + x.stack.yes, effect),
                bytes: (2 + x.bytes.yes, 1))
        case .verify:
            result = Costs(
                operations: nodes[node.children[0]].type.contains(.x) ? 1 : 0, keys: (x.keys.yes, nil),
                stack: (x.stack.yes + StackEffect.take, nil), bytes: (x.bytes.yes, nil))
        case .nonZero:
            let effect: StackEffect? = StackEffect.push + StackEffect.level + StackEffect.take
            result = Costs(
                operations: 4, keys: (x.keys.yes, 0), stack: (effect + x.stack.yes, effect),
                bytes: (x.bytes.yes, 1))
        default: break
        }
        return result
    }

    private func pair(_ fragment: Fragment, _ x: Costs, _ y: Costs) -> Costs {
        let branch: StackEffect? = .take
        let bothNo = (keys: x.keys.no + y.keys.no, bytes: x.bytes.no + y.bytes.no)
        let second = (keys: x.keys.no + y.keys.yes, bytes: x.bytes.no + y.bytes.yes)
        switch fragment {
        case .andV:
            return Costs(
                keys: (x.keys.yes + y.keys.yes, nil), stack: (x.stack.yes + y.stack.yes, nil),
                bytes: (x.bytes.yes + y.bytes.yes, nil))
        case .andB:
            return Costs(
                operations: 1, keys: (x.keys.yes + y.keys.yes, bothNo.keys),
                stack: (x.stack.yes + y.stack.yes + branch, x.stack.no + y.stack.no + branch),
                bytes: (x.bytes.yes + y.bytes.yes, bothNo.bytes))
        case .orB:
            return Costs(
                operations: 1, keys: (most(x.keys.yes + y.keys.no, second.keys), bothNo.keys),
                stack: (
                    most(x.stack.yes + y.stack.no, x.stack.no + y.stack.yes) + branch,
                    x.stack.no + y.stack.no + branch
                ),
                bytes: (most(x.bytes.yes + y.bytes.no, second.bytes), bothNo.bytes))
        case .orC:
            return Costs(
                operations: 2, keys: (most(x.keys.yes, second.keys), nil),
                stack: (most(x.stack.yes + branch, x.stack.no + branch + y.stack.yes), nil),
                bytes: (most(x.bytes.yes, second.bytes), nil))
        case .orD:
            // OP_IFDUP copies what is not zero.
            let copied: StackEffect? = .push
            return Costs(
                operations: 3, keys: (most(x.keys.yes, second.keys), bothNo.keys),
                stack: (
                    most(x.stack.yes + copied + branch, x.stack.no + branch + y.stack.yes),
                    x.stack.no + branch + y.stack.no
                ),
                bytes: (most(x.bytes.yes, second.bytes), bothNo.bytes))
        case .orI:
            return Costs(
                operations: 3, keys: (most(x.keys.yes, y.keys.yes), most(x.keys.no, y.keys.no)),
                stack: (
                    branch + most(x.stack.yes, y.stack.yes), branch + most(x.stack.no, y.stack.no)
                ),
                bytes: (most(x.bytes.yes + 2, y.bytes.yes + 1), most(x.bytes.no + 2, y.bytes.no + 1)))
        default: return Costs()
        }
    }

    private func andOr(_ x: Costs, _ y: Costs, _ z: Costs) -> Costs {
        let branch: StackEffect? = .take
        return Costs(
            operations: 3,
            keys: (most(x.keys.yes + y.keys.yes, x.keys.no + z.keys.yes), x.keys.no + z.keys.no),
            stack: (
                most(x.stack.yes + branch + y.stack.yes, x.stack.no + branch + z.stack.yes),
                x.stack.no + branch + z.stack.no
            ),
            bytes: (most(x.bytes.yes + y.bytes.yes, x.bytes.no + z.bytes.yes), x.bytes.no + z.bytes.no))
    }

    /// Entry `j` of each list is the most that `j` satisfied children of those seen so far cost.
    private func threshold(_ required: Int, _ inner: [Costs]) -> Costs {
        var keys: [Int?] = [0]
        var bytes: [Int?] = [0]
        var stack: [StackEffect?] = [StackEffect.level]
        for (place, x) in inner.enumerated() {
            let add: StackEffect? = place == 0 ? StackEffect.level : .take
            let last = keys.count
            var next: (keys: [Int?], bytes: [Int?], stack: [StackEffect?]) = ([], [], [])
            for j in 0...last {
                let isKept = j < last
                let isTaken = j > 0
                next.keys.append(
                    most(isKept ? keys[j] + x.keys.no : nil, isTaken ? keys[j - 1] + x.keys.yes : nil))
                next.bytes.append(
                    most(isKept ? bytes[j] + x.bytes.no : nil, isTaken ? bytes[j - 1] + x.bytes.yes : nil))
                next.stack.append(
                    most(isKept ? stack[j] + x.stack.no : nil, isTaken ? stack[j - 1] + x.stack.yes : nil)
                        + add)
            }
            (keys, bytes, stack) = next
        }
        let end: StackEffect? = StackEffect.push + StackEffect.take
        return Costs(
            operations: inner.reduce(0) { $0 + $1.operations + 1 }, keys: (keys[required], keys[0]),
            stack: (stack[required] + end, stack[0] + end), bytes: (bytes[required], bytes[0]))
    }
}
