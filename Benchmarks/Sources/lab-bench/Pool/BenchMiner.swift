import Bitcoin
import Foundation
import SansIO
import Stratum

/// One blocking connection to a pool with one standard channel: what a load generator needs and no more.
struct BenchMiner {
    enum Failure: Error { case system(String, Int32), closed, refused(String) }

    let socket: Int32
    private var link: V2Connection
    private(set) var channel: UInt32 = 0
    private var job: UInt32 = 0
    private var version: UInt32 = 0
    private var nTime: UInt32 = 0
    private var sequence: UInt32 = 0
    private(set) var accepted = 0
    private(set) var rejected = 0
    private(set) var tips = 0
    private var out = ByteWriter(capacity: 512)
    private var input = [UInt8](repeating: 0, count: 4_096)

    init(port: UInt16, secrets: inout SecretGenerator) throws {
        socket = try BenchMiner.dial(port)
        link = .initiator(expecting: nil, secrets: &secrets)
    }

    mutating func greet() throws {
        link.start(into: &out)
        try flush()
    }

    mutating func finishHandshake() throws {
        while !link.isEstablished { try read() }
    }

    /// A connected socket to a port of this machine.
    static func dial(_ port: UInt16) throws -> Int32 {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw Failure.system("socket", errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure.system("connect", errno) }
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        return socket
    }

    /// Reads without sleeping: a sleeper's wake-up would be paid by the server that is measured.
    static func receive(_ socket: Int32, _ buffer: inout [UInt8]) throws -> Int {
        while true {
            let n = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if n > 0 { return n }
            guard n < 0, errno == EAGAIN else { throw Failure.closed }
        }
    }

    func shut() { _ = Foundation.close(socket) }

    /// SetupConnection and a standard channel, up to the first tip.
    mutating func setUp() throws {
        try greet()
        try finishHandshake()
        link.send(
            Common.SetupConnection(
                protocol: .mining, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "127.0.0.1",
                endpointPort: 0, vendor: "bench", hardwareVersion: "", firmware: "", deviceID: ""),
            into: &out)
        try open(request: 1)
        try flush()
        while tips == 0 { try receive() }
    }

    /// One more channel; its answers are read by ``receive()``.
    mutating func open(request: UInt32) throws {
        link.send(
            Mining.OpenStandardMiningChannel(
                requestID: request, userIdentity: "bench", nominalHashRate: 1, maxTarget: Target(.max)),
            into: &out)
    }

    mutating func submit(_ count: Int) throws {
        for _ in 0..<count {
            sequence += 1
            link.send(
                Mining.SubmitSharesStandard(
                    channelID: channel, sequenceNumber: sequence, jobID: job, nonce: sequence, nTime: nTime,
                    version: version), into: &out)
        }
        try flush()
    }

    mutating func flush() throws {
        let bytes = out.bytes
        var sent = 0
        while sent < bytes.count {
            let n = bytes.withUnsafeBytes { send(socket, $0.baseAddress! + sent, bytes.count - sent, 0) }
            guard n > 0 else { throw Failure.system("send", errno) }
            sent += n
        }
        out.removeAll()
    }

    /// Takes what one read brings.
    mutating func receive() throws {
        try read()
        while let frame = try link.nextFrame() { try take(frame) }
    }

    private mutating func read() throws {
        let count = try BenchMiner.receive(socket, &input)
        try input.withUnsafeBytes { bytes in
            try link.receive(
                UnsafeRawBufferPointer(rebasing: bytes[..<count]).bytes, unixTime: UInt32(time(nil)),
                into: &out)
        }
    }

    private mutating func take(_ frame: V2Frame) throws {
        if let refusal = try? Common.SetupConnectionError(frame: frame), frame.messageType == 2 {
            throw Failure.refused(refusal.errorCode)
        }
        guard frame.messageType >= 0x10, let message = try Mining.Message(frame: frame) else { return }
        switch message {
        case .openStandardMiningChannelSuccess(let success):
            if channel == 0 { channel = success.channelID }
        case .openMiningChannelError(let refusal): throw Failure.refused(refusal.errorCode)
        case .newMiningJob(let job):
            self.job = job.jobID
            version = job.version
        case .setNewPrevHash(let tip):
            nTime = tip.minNTime
            tips += 1
        case .submitSharesSuccess(let success): accepted += Int(success.newSubmitsAcceptedCount)
        case .submitSharesError: rejected += 1
        default: break
        }
    }
}
