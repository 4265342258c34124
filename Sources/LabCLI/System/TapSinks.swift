import Foundation
import JSONText
import Runtime
import Synchronization
import Tap

/// Where a tap's records go: the recording, the packets, the screen. Files are written as records come, so that what
/// was seen is there when the process ends otherwise.
final class TapSinks: Sendable {
    private struct State {
        var recording: FileHandle?
        var packets: FileHandle?
        var export: PcapngExport
        var firstTime: UInt64?
        var messages = 0
        var sessions = 0
        var fault: String?
    }

    private let state: Mutex<State>
    private let filter: TapFilter
    private let prints: Bool
    private let json: Bool
    private let files: [String]

    init(
        record: String?, pcap: String?, port: UInt16, prints: Bool, json: Bool, _ filter: TapFilter
    ) throws {
        self.filter = filter
        self.prints = prints
        self.json = json
        files = [record, pcap].compactMap { $0 }
        let export = PcapngExport(serverPort: port)
        let recording = try TapSinks.create(record, beginning: Data(TapFile.header.utf8))
        let packets = try TapSinks.create(pcap, beginning: Data(export.header()))
        state = Mutex(State(recording: recording, packets: packets, export: export))
    }

    private static func create(_ path: String?, beginning: Data) throws -> FileHandle? {
        guard let path else { return nil }
        guard FileManager.default.createFile(atPath: path, contents: beginning),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw StoreFault(message: "\(path) cannot be written") }
        _ = try? handle.seekToEnd()
        return handle
    }

    /// The recording takes everything, screen and packets what the filter accepts. Answers why a file cannot be
    /// written any more, once.
    @discardableResult
    func take(_ record: TapRecord) -> String? {
        state.withLock { state in
            let start = state.firstTime ?? record.unixNanoseconds
            state.firstTime = start
            switch record.content {
            case .opened: state.sessions += 1
            case .frame, .line: state.messages += 1
            case .closed: break
            }
            guard state.fault == nil else { return nil }
            do {
                try state.recording?.write(contentsOf: Data(TapFile.line(record).utf8))
                guard filter.accepts(record) else { return nil }
                if let packets = state.packets {
                    try packets.write(contentsOf: Data(state.export.packets(of: record)))
                }
            } catch {
                state.fault = "a file cannot be written: \(error.localizedDescription)"
                return state.fault
            }
            if prints { Output.line(json ? record.json.text : record.text(since: start)) }
            return nil
        }
    }

    var summary: String {
        state.withLock { state in
            "\(state.messages) messages in \(state.sessions) sessions"
                + (files.isEmpty ? "" : "; written to " + files.joined(separator: " and "))
        }
    }

    func finish() throws {
        try state.withLock { state in
            try? state.recording?.close()
            try? state.packets?.close()
            if let fault = state.fault { throw StoreFault(message: fault) }
        }
    }
}
