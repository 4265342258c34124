import CSHA256

/// Bitcoin's merkle tree: double SHA-256 of pairs, the last hash of an odd row paired with itself.
public enum Merkle {
    /// The root, zero for no leaves. `mutated` says that two equal hashes were paired as left and right,
    /// which lets different lists of transactions have one root (CVE-2012-2459); Core refuses such a block.
    public static func root(_ leaves: [Hash256]) -> (root: Hash256, mutated: Bool) {
        guard !leaves.isEmpty else { return (.zero, false) }
        var row = leaves
        var mutated = false
        while row.count > 1 {
            for i in stride(from: 0, to: row.count - 1, by: 2) where row[i] == row[i + 1] { mutated = true }
            combine(&row)
        }
        return (row[0], mutated)
    }

    /// The siblings on the way from the first leaf to the root, lowest first. The first leaf's own value does
    /// not matter: a miner changes its coinbase and keeps the path.
    public static func path(forFirstOf leaves: [Hash256]) -> [Hash256] {
        var path: [Hash256] = []
        var row = leaves
        while row.count > 1 {
            path.append(row[1])
            combine(&row)
        }
        return path
    }

    /// The root above a first leaf.
    public static func root(first: Hash256, path: [Hash256]) -> Hash256 {
        path.reduce(first) { SHA256.doublePair($0, $1) }
    }

    /// Replaces a row by the one above it, in place: the kernels take many pairs at once and may write over
    /// what they have read.
    private static func combine(_ row: inout [Hash256]) {
        if row.count % 2 != 0 { row.append(row[row.count - 1]) }
        let pairs = row.count / 2
        row.withUnsafeMutableBytes { raw in
            let bytes = raw.baseAddress!.assumingMemoryBound(to: UInt8.self)
            csha256_double64(bytes, bytes, pairs)
        }
        row.removeLast(pairs)
    }
}
