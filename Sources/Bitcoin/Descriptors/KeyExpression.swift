/// A key in an output descriptor (BIP380): a plain key, or an extended key with a path that may end in a
/// wildcard; either may tell its origin.
public struct KeyExpression: Hashable, Sendable {
    /// Whose descendant a key is, where only that descendant is written.
    public struct Origin: Hashable, Sendable {
        /// Four bytes of the master key's identifier.
        public var fingerprint: [UInt8]
        public var path: [UInt32]

        public init(fingerprint: [UInt8], path: [UInt32]) {
            precondition(fingerprint.count == 4, "a fingerprint has four bytes")
            self.fingerprint = fingerprint
            self.path = path
        }

        /// `d34db33f/44h/0h`.
        public func text(apostrophe: Bool = false) -> String {
            fingerprint.hex + KeyPath.text(path, apostrophe: apostrophe)
        }
    }

    /// What stands before the path.
    public enum Root: Hashable, Sendable {
        /// In taproot's expressions (`isXOnly`) the 32 bytes of its x coordinate alone are written.
        case point(PublicKey, isCompressed: Bool, isXOnly: Bool, secret: SecretKey?)
        case extended(ExtendedKey)
    }

    public enum Wildcard: Hashable, Sendable {
        case none
        case normal
        case hardened
    }

    public var origin: Origin?
    public var root: Root
    public var path: [UInt32] = []
    public var wildcard = Wildcard.none
    /// Hardened steps are written with `'` instead of `h`.
    public var usesApostrophe = false

    public init(root: Root) { self.root = root }

    public var isRanged: Bool { wildcard != .none }

    /// Whether any private key is known.
    public var isPrivate: Bool {
        switch root {
        case .point(_, _, _, let secret): secret != nil
        case .extended(let key): key.isPrivate
        }
    }

    /// Whether a public key needs the private one to be derived.
    public var isHardened: Bool {
        wildcard == .hardened || path.contains { $0 & ExtendedKey.hardened != 0 }
    }

    /// Bytes of the key in a script that is not taproot's.
    var byteCount: Int {
        if case .point(_, isCompressed: false, _, _) = root { return 65 }
        return 33
    }
}

// MARK: - Text

extension KeyExpression {
    /// The expression. `isPrivate` writes the private keys that are known, public ones elsewhere.
    public func text(network: AddressNetwork, isPrivate: Bool = false) -> String {
        let prefix = origin.map { "[\($0.text(apostrophe: usesApostrophe))]" } ?? ""
        switch root {
        case .point(let point, let isCompressed, let isXOnly, let secret):
            if isPrivate, let secret {
                return prefix + secret.wif(network: network, compressed: isCompressed)
            }
            return prefix + (isXOnly ? point.xOnly.bytes : bytes(point, isCompressed)).hex
        case .extended(let key):
            return prefix + (isPrivate ? key : key.neutered).text(network: network)
                + KeyPath.text(path, apostrophe: usesApostrophe) + wildcardText(apostrophe: usesApostrophe)
        }
    }

    private func wildcardText(apostrophe: Bool) -> String {
        switch wildcard {
        case .none: ""
        case .normal: "/*"
        case .hardened: apostrophe ? "/*'" : "/*h"
        }
    }

    private func bytes(_ point: PublicKey, _ isCompressed: Bool) -> [UInt8] {
        isCompressed ? point.bytes : point.uncompressedBytes
    }

    /// The same keys written with the extended public key behind the last hardened step, and `h` for
    /// hardened, so that a watcher needs no private key. Nil if the private key for that step is unknown.
    public var normalized: KeyExpression? {
        var result = self
        result.usesApostrophe = false
        guard case .extended(let key) = root else {
            if case .point(let point, let isCompressed, let isXOnly, _) = root {
                result.root = .point(point, isCompressed: isCompressed, isXOnly: isXOnly, secret: nil)
            }
            return result
        }
        guard wildcard != .hardened,
            let last = path.lastIndex(where: { $0 & ExtendedKey.hardened != 0 })
        else {
            result.root = .extended(key.neutered)
            return result
        }
        let steps = Array(path[...last])
        guard let parent = key.descendant(steps) else { return nil }
        let above = origin ?? Origin(fingerprint: key.fingerprint, path: [])
        result.origin = Origin(fingerprint: above.fingerprint, path: above.path + steps)
        result.root = .extended(parent.neutered)
        result.path = Array(path[(last + 1)...])
        return result
    }
}

// MARK: - Derivation

/// One public key that a descriptor comes to, and what is known of it.
public struct DerivedKey: Hashable, Sendable {
    public var point: PublicKey
    public var isCompressed: Bool
    public var secret: SecretKey?
    public var origin: KeyExpression.Origin

    public init(
        point: PublicKey, isCompressed: Bool = true, secret: SecretKey? = nil,
        origin: KeyExpression.Origin? = nil
    ) {
        self.point = point
        self.isCompressed = isCompressed
        self.secret = secret
        let own = isCompressed ? point.hash160 : hash160(point.uncompressedBytes)
        self.origin = origin ?? KeyExpression.Origin(fingerprint: Array(own.bytes[..<4]), path: [])
    }

    /// The key as scripts hold it: 33 bytes, or 65.
    public var bytes: [UInt8] { isCompressed ? point.bytes : point.uncompressedBytes }
    public var identifier: Hash160 { hash160(bytes) }
}

/// Derives the keys of one expression quickly: the part before the wildcard is walked once.
public struct KeyDeriver: Sendable {
    private let expression: KeyExpression
    private let parent: ExtendedKey?
    private let originAbove: KeyExpression.Origin?

    /// Nil where a hardened step needs a private key that is not known.
    public init?(_ expression: KeyExpression) {
        self.expression = expression
        guard case .extended(let key) = expression.root else {
            parent = nil
            originAbove = expression.origin
            return
        }
        // Public derivation costs half, but hardened steps need the private key.
        guard let parent = key.descendant(expression.path) else { return nil }
        if expression.wildcard == .hardened, !parent.isPrivate { return nil }
        self.parent = parent
        let above = expression.origin ?? KeyExpression.Origin(fingerprint: key.fingerprint, path: [])
        originAbove = KeyExpression.Origin(
            fingerprint: above.fingerprint, path: above.path + expression.path)
    }

    /// The key at an index, which matters for ranged expressions only.
    public func key(at index: UInt32) -> DerivedKey? {
        switch expression.root {
        case .point(let point, let isCompressed, _, let secret):
            return DerivedKey(point: point, isCompressed: isCompressed, secret: secret, origin: originAbove)
        case .extended:
            guard let parent, var origin = originAbove else { return nil }
            let number = expression.wildcard == .hardened ? index | ExtendedKey.hardened : index
            guard expression.isRanged else {
                return DerivedKey(point: parent.publicKey, secret: parent.secret, origin: origin)
            }
            guard let child = parent.child(number) else { return nil }
            origin.path.append(number)
            return DerivedKey(point: child.publicKey, secret: child.secret, origin: origin)
        }
    }
}
