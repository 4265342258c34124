import SansIO

extension PRNG {
    /// A uniform permutation (Fisher and Yates), from this generator alone.
    mutating func permute<T>(_ list: inout [T]) {
        guard list.count > 1 else { return }
        for last in stride(from: list.count - 1, to: 0, by: -1) {
            list.swapAt(last, Int(below(UInt64(last) + 1)))
        }
    }
}
