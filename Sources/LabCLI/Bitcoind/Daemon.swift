import Foundation

/// `-daemon`: the same program once more, in a session of its own, while this one ends.
enum Daemon {
    /// glibc's POSIX_SPAWN_SETSID, which the importer does not see.
    private static let newSession: Int16 = 0x80
    /// Set for the child: the descriptor that it tells its readiness on.
    static let variable = "LAB_DAEMON_READY"

    static func start(_ arguments: [String], waits: Bool) -> Int32 {
        Output.text("Bitcoin Core starting\n")
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return BitcoindProgram.fail("no pipe for the daemon") }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setflags(&attributes, Daemon.newSession)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        for descriptor in [0, 1, 2] as [Int32] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        posix_spawn_file_actions_addclose(&actions, ends[0])
        let words = ["bitcoind"] + arguments
        let environment =
            ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" } + ["\(variable)=\(ends[1])"]
        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process = pid_t()
        let status = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &argv, &envp)
        close(ends[1])
        guard status == 0 else { return BitcoindProgram.fail("the daemon cannot be started (\(status))") }
        guard waits else { return 0 }
        var byte = UInt8(0)
        if read(ends[0], &byte, 1) == 1, byte == 1 { return 0 }
        Output.error("Error during initialization - check debug.log for details\n")
        return 1
    }

    /// Tells the waiting parent that all is up.
    static func tellReady() {
        guard let text = ProcessInfo.processInfo.environment[variable], let end = Int32(text) else { return }
        var byte = UInt8(1)
        _ = write(end, &byte, 1)
        close(end)
    }
}
