import Testing

@testable import Bitcoin

/// Miniscript as text, types, bounds and script.
@Suite struct MiniscriptTests {
    /// Reads an expression whose keys are hexadecimal.
    static func read(_ text: String, _ context: Miniscript.Context) -> (tree: Miniscript, keys: [[UInt8]])? {
        var keys: [[UInt8]] = []
        let tree = try? Miniscript.parse(text.utf8, context) { (text) throws(DescriptorError) in
            guard let bytes = [UInt8](hex: String(decoding: text, as: UTF8.self)), bytes.count == 33 else {
                throw DescriptorError("no key")
            }
            keys.append(context == .tapscript ? Array(bytes.dropFirst()) : bytes)
            return keys.count - 1
        }
        return tree.flatMap { $0 }.map { ($0, keys) }
    }

    static func infer(_ script: Script, _ context: Miniscript.Context, hashed: [[UInt8]]) -> (
        tree: Miniscript, keys: [[UInt8]]
    )? {
        var keys: [[UInt8]] = []
        func place(_ key: [UInt8]) -> Int {
            keys.append(key)
            return keys.count - 1
        }
        let tree = Miniscript.infer(
            script, context, key: { $0.count == (context == .tapscript ? 32 : 33) ? place($0) : nil },
            keyHash: { hash in hashed.first { hash160($0) == hash }.map { place($0) } })
        return tree.map { ($0, keys) }
    }

    @Test(
        "Every case has the validity, the types, the script and the bounds that Bitcoin Core states",
        arguments: [Miniscript.Context.witnessScript, .tapscript])
    func cases(context: Miniscript.Context) throws {
        let isTapscript = context == .tapscript
        var valid = 0
        for row in try Vectors.own("miniscript/expressions.json") {
            let text = try #require(row["expression"] as? String)
            let mode = try #require(row["mode"] as? Int)
            let found = Self.read(text, context)
            guard mode & 1 != 0, mode & (isTapscript ? 32 : 16) == 0 else {
                #expect(found?.tree.isValidTopLevel != true, "valid: \(text)")
                continue
            }
            let (tree, keys) = try #require(found, "not read: \(text)")
            valid += 1
            #expect(tree.isValidTopLevel, "\(text)")
            #expect(tree.isNonmalleable == (mode & 2 != 0), "malleability of \(text)")
            #expect(tree.needsSignature == (mode & 4 != 0), "signature of \(text)")
            #expect(tree.isUnmixed == (mode & 8 == 0), "locks of \(text)")
            let script = tree.script(keys: keys)
            #expect(script.count == tree.scriptSize, "size of \(text)")
            if let wanted = row[isTapscript ? "tapscript" : "witnessScript"] as? String {
                #expect(script.hex == wanted, "script of \(text)")
            }
            let bounds = tree.bounds
            if let wanted = row["operations"] as? Int { #expect(bounds.operations == wanted, "\(text)") }
            if let wanted = row["stack"] as? Int { #expect(bounds.stackSize == wanted, "\(text)") }
            if let wanted = row[isTapscript ? "tapscriptWitnessBytes" : "witnessBytes"] as? Int {
                #expect(bounds.witnessSize == wanted, "witness of \(text)")
            }
            if let wanted = row["execution"] as? Int {
                #expect(bounds.executionStackSize == wanted, "execution of \(text)")
            }
            let back = try #require(Self.infer(script, context, hashed: keys), "not inferred: \(text)")
            #expect(back.tree.script(keys: back.keys) == script, "another script: \(text)")
        }
        #expect(valid > 50)
    }

    @Test("Text is written in the shortest form and read back the same")
    func text() throws {
        let key = "03" + [UInt8](repeating: 0x11, count: 32).hex
        for (text, short) in [
            ("c:pk_k(\(key))", "pk(\(key))"), ("and_v(vc:pk_k(\(key)),1)", "tv:pk(\(key))"),
            ("andor(pk(\(key)),older(9),0)", "and_n(pk(\(key)),older(9))"),
            ("or_i(0,or_i(after(5),0))", "lu:after(5)"), ("sc:pk_h(\(key))", "s:pkh(\(key))"),
        ] {
            let found = try #require(Self.read(text, .witnessScript))
            #expect(found.tree.text { found.keys[$0].hex } == short)
            #expect(
                Self.read(short, .witnessScript)?.tree.script(keys: found.keys)
                    == found.tree.script(keys: found.keys))
        }
    }

    @Test(
        "Text that is no expression is refused",
        arguments: [
            "", "after(-1)", "after(+1)", "older()", "thresh(-1,0)", "thresh(1)", "multi(+1,02)", "pk(",
            "pk()", "1)", "and_v(1,1",
            "and_v(1)", "x:1", "vv:1", ":1", "0,0", "sha256(00)", "older(2147483648)", "thresh(2,1)",
            "or_i(1,1,1)",
        ])
    func refused(text: String) { #expect(Self.read(text, .witnessScript) == nil) }

    @Test("Scripts with pushes or verifies that are not the shortest are no miniscript")
    func notMinimal() throws {
        let key = "2103" + [UInt8](repeating: 0x11, count: 32).hex
        for hex in [key + "ac6951", "4c" + key + "ac", "0105b2", "0000", "5187"] {
            #expect(Self.infer(try #require(Script(hex: hex)), .witnessScript, hashed: []) == nil, "\(hex)")
        }
    }

    @Test("A hundred thousand wrappers overflow no stack")
    func depth() throws {
        let text = String(repeating: "n", count: 100_000) + ":pk(02\([UInt8](repeating: 7, count: 32).hex))"
        let (tree, keys) = try #require(Self.read(text, .tapscript))
        let script = tree.script(keys: keys)
        #expect(script.count == 100_034)
        #expect(Self.infer(script, .tapscript, hashed: [])?.tree.bounds == tree.bounds)
        #expect(tree.text { "02" + keys[$0].hex } == text)
    }

    @Test("Core's complaints about what is not sane")
    func complaints() throws {
        let a = "[d34db33f]02" + DescriptorTests.key.dropFirst(2)
        let b = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
        for (body, words) in [
            (
                "wsh(and_b(ripemd160(1fd9b55a054a2b3f658d97e6b84cf3ee00be429a),a:1))",
                "witnesses without signature exist"
            ),
            ("wsh(0)", "0 is not satisfiable"),
            ("wsh(and_v(v:pk(\(a)),pk(\(a))))", "contains duplicate public keys"),
            (
                "wsh(and_v(v:pk(\(a)),and_b(after(1),a:after(1000000000))))",
                "and_b(after(1),a:after(1000000000)) is not sane: contains mixes"
            ),
            ("wsh(or_i(pk(\(a)),or_i(1,1)))", "malleable witnesses exist"),
            ("wsh(and_v(pk(\(a)),pk(\(b))))", "is invalid"),
            ("sh(and_v(v:pk(\(a)),pk(\(b))))", "Miniscript expressions can only be used in wsh or tr."),
            ("wsh(and_v(v:pk(no),pk(\(b))))", "key 'no' is not valid"),
            ("wsh(foo(1))", "A function is needed within P2WSH"),
        ] {
            let error = #expect(throws: DescriptorError.self) {
                try OutputDescriptor.parse(body, network: .regtest)
            }
            #expect(error?.message.contains(words) == true, "\(body): \(error?.message ?? "-")")
        }
    }

    @Test("A descriptor with a multipath step inside a miniscript is several")
    func multipath() throws {
        let found = try OutputDescriptor.parse(
            "wsh(and_v(v:pk(\(DescriptorTests.master)/<0;1>/*),older(6)))", network: .mainnet)
        #expect(found.count == 2 && found[0] != found[1])
        #expect(
            found[1].text(isPrivate: true).hasPrefix(
                "wsh(and_v(v:pk(\(DescriptorTests.master)/1/*),older(6)))#"))
    }
}
