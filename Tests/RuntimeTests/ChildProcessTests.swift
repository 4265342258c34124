import Foundation
import Testing

@testable import Runtime

@Suite struct ChildProcessTests {
    @Test("A program's streams and exit status are its caller's")
    func streams() throws {
        let child = try ChildProcess(
            "/bin/sh", ["-c", "read line; echo \"got $line\"; echo bad >&2; exit 7"], input: .pipe,
            output: .pipe, errors: .pipe)
        child.input?.write(Data("word\n".utf8))
        #expect(child.output?.readDataToEndOfFile() == Data("got word\n".utf8))
        #expect(child.errors?.readDataToEndOfFile() == Data("bad\n".utf8))
        #expect(child.wait() == 7)
        #expect(!child.isRunning)
    }

    @Test("A program that a signal ends answers as in a shell")
    func signals() throws {
        let child = try ChildProcess("/bin/sleep", ["600"])
        #expect(child.exitStatus == nil)
        child.signal(SIGTERM)
        #expect(child.wait() == 128 + SIGTERM)
    }

    @Test("What cannot be started is named")
    func missing() {
        #expect(throws: ChildProcess.Fault.self) { try ChildProcess("/no/such/program", []) }
    }

    @Test("The child holds none of the caller's files")
    func descriptors() throws {
        let file = open("/dev/null", O_RDONLY)
        defer { close(file) }
        let child = try ChildProcess("/bin/ls", ["/proc/self/fd"], output: .pipe)
        let text = String(decoding: child.output?.readDataToEndOfFile() ?? Data(), as: UTF8.self)
        // The fourth is the folder that ls reads.
        #expect(text.split(separator: "\n").count == 4, "\(text)")
        #expect(child.wait() == 0)
    }
}
