/// A miniscript as text and as script. Both walk from the root with a stack of their own.
extension Miniscript {
    private enum TextStep {
        case node(Int, isWrapped: Bool)
        case text(String)
    }

    /// The expression; `key` writes the keys.
    public func text(key: (Int) -> String) -> String { text(from: root, key: key) }

    func text(from place: Int, key: (Int) -> String) -> String {
        var out = ""
        var steps = [TextStep.node(place, isWrapped: false)]
        while let step = steps.popLast() {
            switch step {
            case .text(let text): out += text
            case .node(let place, let isWrapped):
                if let (letter, inner) = wrapper(place) {
                    out += letter
                    steps.append(.node(inner, isWrapped: true))
                    continue
                }
                if isWrapped { out += ":" }
                let (head, children) = head(place, key: key)
                out += head
                guard !children.isEmpty else { continue }
                steps.append(.text(")"))
                for (index, child) in children.enumerated().reversed() {
                    steps.append(.node(child, isWrapped: false))
                    if index > 0 { steps.append(.text(",")) }
                }
            }
        }
        return out
    }

    /// The letter of a node that is written as a wrapper, and what it wraps.
    private func wrapper(_ place: Int) -> (letter: String, inner: Int)? {
        let node = nodes[place]
        func isZero(_ child: Int) -> Bool { nodes[node.children[child]].fragment == .zero }
        let letter: String
        switch node.fragment {
        case .alt: letter = "a"
        case .swap: letter = "s"
        case .check:
            switch nodes[node.children[0]].fragment {
            case .key, .keyHash: return nil
            default: letter = "c"
            }
        case .dupIf: letter = "d"
        case .verify: letter = "v"
        case .nonZero: letter = "j"
        case .zeroNotEqual: letter = "n"
        case .andV where nodes[node.children[1]].fragment == .one: letter = "t"
        case .orI where isZero(0): return ("l", node.children[1])
        case .orI where isZero(1): letter = "u"
        default: return nil
        }
        return (letter, node.children[0])
    }

    /// What stands before the children, and which they are.
    private func head(_ place: Int, key: (Int) -> String) -> (text: String, children: [Int]) {
        let node = nodes[place]
        func multi(_ name: String, _ required: Int, _ keys: [Int]) -> (String, [Int]) {
            ("\(name)(\(required),\(keys.map(key).joined(separator: ",")))", [])
        }
        switch node.fragment {
        case .zero: return ("0", [])
        case .one: return ("1", [])
        case .key(let one): return ("pk_k(\(key(one)))", [])
        case .keyHash(let one): return ("pk_h(\(key(one)))", [])
        case .check:
            switch nodes[node.children[0]].fragment {
            case .key(let one): return ("pk(\(key(one)))", [])
            case .keyHash(let one): return ("pkh(\(key(one)))", [])
            default: return ("", [])
            }
        case .older(let value): return ("older(\(value))", [])
        case .after(let value): return ("after(\(value))", [])
        case .hash(let function, let digest): return ("\(function.rawValue)(\(digest.hex))", [])
        case .andV: return ("and_v(", node.children)
        case .andB: return ("and_b(", node.children)
        case .orB: return ("or_b(", node.children)
        case .orC: return ("or_c(", node.children)
        case .orD: return ("or_d(", node.children)
        case .orI: return ("or_i(", node.children)
        case .andOr:
            if nodes[node.children[2]].fragment == .zero { return ("and_n(", Array(node.children[..<2])) }
            return ("andor(", node.children)
        case .threshold(let required): return ("thresh(\(required),", node.children)
        case .multisig(let required, let keys): return multi("multi", required, keys)
        case .tapscriptMultisig(let required, let keys): return multi("multi_a", required, keys)
        case .alt, .swap, .dupIf, .verify, .nonZero, .zeroNotEqual: return ("", [])
        }
    }

    // MARK: Script

    private enum ScriptStep {
        /// `isVerified`: OP_VERIFY follows, which the last opcode takes in where it can.
        case node(Int, isVerified: Bool)
        case op(Opcode)
        case number(Int)
    }

    /// The script with these keys: 33 bytes each, or 32 in tapscript.
    public func script(keys: [[UInt8]]) -> Script {
        var script = Script()
        var steps = [ScriptStep.node(root, isVerified: false)]
        while let step = steps.popLast() {
            switch step {
            case .op(let opcode): script.append(op: opcode)
            case .number(let number): script.append(number: Int64(number))
            case .node(let place, let isVerified):
                let node = nodes[place]
                if node.children.isEmpty {
                    Self.append(node.fragment, isVerified: isVerified, keys, to: &script)
                } else {
                    steps += scriptSteps(node, isVerified: isVerified).reversed()
                }
            }
        }
        return script
    }

    private func scriptSteps(_ node: Node, isVerified: Bool) -> [ScriptStep] {
        func child(_ index: Int) -> ScriptStep { .node(node.children[index], isVerified: false) }
        switch node.fragment {
        case .alt: return [.op(.toAltStack), child(0), .op(.fromAltStack)]
        case .swap: return [.op(.swap), .node(node.children[0], isVerified: isVerified)]
        case .check: return [child(0), .op(isVerified ? .checkSigVerify : .checkSig)]
        case .dupIf: return [.op(.dup), .op(.if), child(0), .op(.endIf)]
        case .verify:
            let inner = ScriptStep.node(node.children[0], isVerified: true)
            return nodes[node.children[0]].type.contains(.x) ? [inner, .op(.verify)] : [inner]
        case .nonZero: return [.op(.size), .op(.zeroNotEqual), .op(.if), child(0), .op(.endIf)]
        case .zeroNotEqual: return [child(0), .op(.zeroNotEqual)]
        case .andV: return [child(0), .node(node.children[1], isVerified: isVerified)]
        case .andB: return [child(0), child(1), .op(.boolAnd)]
        case .orB: return [child(0), child(1), .op(.boolOr)]
        case .orC: return [child(0), .op(.notIf), child(1), .op(.endIf)]
        case .orD: return [child(0), .op(.ifDup), .op(.notIf), child(1), .op(.endIf)]
        case .orI: return [.op(.if), child(0), .op(.else), child(1), .op(.endIf)]
        case .andOr: return [child(0), .op(.notIf), child(2), .op(.else), child(1), .op(.endIf)]
        case .threshold(let required):
            var steps = [child(0)]
            for index in node.children.indices.dropFirst() { steps += [child(index), .op(.add)] }
            return steps + [.number(required), .op(isVerified ? .equalVerify : .equal)]
        default: return []
        }
    }

    private static func append(
        _ fragment: Fragment, isVerified: Bool, _ keys: [[UInt8]], to script: inout Script
    ) {
        switch fragment {
        case .zero: script.append(op: .zero)
        case .one: script.append(op: .one)
        case .key(let key): script.append(push: keys[key])
        case .keyHash(let key):
            script.append(op: .dup)
            script.append(op: .hash160)
            script.append(push: Bitcoin.hash160(keys[key]).bytes)
            script.append(op: .equalVerify)
        case .older(let value):
            script.append(number: Int64(value))
            script.append(op: .checkSequenceVerify)
        case .after(let value):
            script.append(number: Int64(value))
            script.append(op: .checkLockTimeVerify)
        case .hash(let function, let digest):
            script.append(op: .size)
            script.append(number: 32)
            script.append(op: .equalVerify)
            script.append(op: function.opcode)
            script.append(push: digest)
            script.append(op: isVerified ? .equalVerify : .equal)
        case .multisig(let required, let places):
            script.append(number: Int64(required))
            for key in places { script.append(push: keys[key]) }
            script.append(number: Int64(places.count))
            script.append(op: isVerified ? .checkMultiSigVerify : .checkMultiSig)
        case .tapscriptMultisig(let required, let places):
            for (index, key) in places.enumerated() {
                script.append(push: keys[key])
                script.append(op: index == 0 ? .checkSig : .checkSigAdd)
            }
            script.append(number: Int64(required))
            script.append(op: isVerified ? .numEqualVerify : .numEqual)
        default: break
        }
    }
}
