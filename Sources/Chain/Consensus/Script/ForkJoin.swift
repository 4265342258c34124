import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Work that falls into independent parts, done on all processors before the call returns. No thread outlives it,
/// and the answer does not depend on which thread did what: to the caller it is a pure function.
enum ForkJoin {
    /// Parts that a thread takes at a time, and the least that are worth a thread: a part is tens of
    /// microseconds, starting a thread is about as much.
    private static let stride = 8

    /// Processors of this machine, at most 16: beyond that a block's inputs are too few.
    private static let processors = max(1, min(16, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    /// The lowest number below `count` that does not pass; nil when all pass.
    static func firstFailure(among count: Int, passes: (Int) -> Bool) -> Int? {
        let threads = min(processors, count / stride)
        guard threads > 1 else { return (0..<count).first { !passes($0) } }
        return withoutActuallyEscaping(passes) { passes in
            let work = Work(count: count, stride: stride, passes: passes)
            let helpers = (1..<threads).compactMap { _ in start(work) }
            work.run()
            for helper in helpers { pthread_join(helper, nil) }
            let lowest = work.lowest.load(ordering: .acquiring)
            return lowest < count ? lowest : nil
        }
    }

    /// Starts a helper; nil when the system gives no thread, whose share the others then do.
    private static func start(_ work: Work) -> pthread_t? {
        let retained = Unmanaged.passRetained(work)
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { Work.enter($0) }, retained.toOpaque())
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { $0.flatMap { Work.enter($0) } }, retained.toOpaque())
        #endif
        guard status == 0 else {
            retained.release()
            return nil
        }
        return thread
    }

    /// Shared by the threads of one call. The closure is only called between start and join.
    private final class Work: @unchecked Sendable {
        let next = Atomic<Int>(0)
        let lowest = Atomic<Int>(.max)
        let count: Int
        let stride: Int
        let passes: (Int) -> Bool

        init(count: Int, stride: Int, passes: @escaping (Int) -> Bool) {
            self.count = count
            self.stride = stride
            self.passes = passes
        }

        static func enter(_ raw: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
            Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().run()
            return nil
        }

        /// Takes parts in ascending order, so that everything below a failure has been looked at as well.
        func run() {
            while true {
                let first = next.add(stride, ordering: .relaxed).oldValue
                guard first < min(count, lowest.load(ordering: .relaxed)) else { return }
                for part in first..<min(first + stride, count) where !passes(part) {
                    lowest.min(part, ordering: .acquiringAndReleasing)
                    break
                }
            }
        }
    }
}
