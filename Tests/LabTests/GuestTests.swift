import Foundation
import Hardware
import Testing

/// A computer that has a served stick in its socket: a guest of QEMU, on the processor's emulation, whose kernel and
/// drivers are Debian's own. Opt-in, since it costs minutes: LAB_QEMU=1, which `./lab test --qemu` sets.
enum Guest {
    private static let environment = ProcessInfo.processInfo.environment
    static let cgminer = environment["LAB_CGMINER"]
    static let qemu = "/usr/bin/qemu-system-x86_64"
    static let busybox = "/bin/busybox"
    static let imageMaker = "\(LabProcess.root)/Tests/LabTests/guest_image.py"

    struct Kernel {
        let image: String
        let modules: String
    }

    /// The newest kernel with the drivers of our sticks: of LAB_GUEST_KERNEL (a tree with boot and lib/modules), of the
    /// package that `./lab test --qemu` unpacked, or this machine's own.
    static let kernel: Kernel? = {
        let trees = [environment["LAB_GUEST_KERNEL"], "\(LabProcess.root)/.build/guest", ""].compactMap { $0 }
        for tree in trees {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: tree + "/lib/modules")) ?? []
            for name in names.sorted(by: >) {
                let (image, modules) = ("\(tree)/boot/vmlinuz-\(name)", "\(tree)/lib/modules/\(name)")
                guard FileManager.default.isReadableFile(atPath: image),
                    FileManager.default.fileExists(atPath: modules + "/kernel/drivers/usb/serial")
                else { continue }
                return Kernel(image: image, modules: modules)
            }
        }
        return nil
    }()

    /// Why no guest can run here; nil when one can.
    static let obstacle: String? = {
        guard environment["LAB_QEMU"] != nil else { return "LAB_QEMU is not set (./lab test --qemu)" }
        for file in [qemu, busybox, "/usr/bin/python3"]
        where !FileManager.default.isExecutableFile(atPath: file) { return "\(file) is not there" }
        if kernel == nil {
            return
                "no kernel image with its modules in LAB_GUEST_KERNEL, .build/guest or /boot and /lib/modules"
        }
        return nil
    }()

    static var miningObstacle: String? {
        if let obstacle { return obstacle }
        guard let cgminer else { return "LAB_CGMINER is not set" }
        return FileManager.default.isExecutableFile(atPath: cgminer)
            ? nil : "LAB_CGMINER=\(cgminer) is no program"
    }

    /// Starts a guest that runs `script` with these sticks plugged in, each behind its socket.
    ///
    /// - Parameter programs: put into its /bin, with their libraries.
    static func start(
        _ script: String, sockets: [String], programs: [String] = [], in directory: TemporaryDirectory
    ) async throws -> LabProcess {
        let kernel = try #require(kernel)
        let (image, text) = (directory.path + "/guest.gz", directory.path + "/guest.sh")
        try Data(script.utf8).write(to: URL(fileURLWithPath: text))
        let modules = ["xhci_pci", "cp210x", "ftdi_sio", "pl2303", "e1000"].flatMap { ["--module", $0] }
        let maker = try LabProcess(
            [imageMaker, image, "--modules", kernel.modules, "--script", text, "--busybox", busybox] + modules
                + programs.flatMap { ["--program", $0] }, executable: "/usr/bin/python3")
        #expect(try await maker.status(within: 60) == 0, "\(maker.output)\(maker.fault)")
        let sticks = sockets.enumerated().flatMap { index, socket in
            [
                "-chardev", "socket,id=r\(index),path=\(socket)", "-device",
                "usb-redir,chardev=r\(index),bus=xhci.0",
            ]
        }
        // Its only network is a wire to this machine's loopback.
        return try LabProcess(
            [
                "-accel", "tcg", "-M", "pc", "-m", "256", "-nodefaults", "-no-user-config", "-display",
                "none",
                "-no-reboot", "-kernel", kernel.image, "-initrd", image, "-append",
                "console=ttyS0 quiet panic=-1", "-serial", "stdio", "-netdev", "user,id=n0", "-device",
                "e1000,netdev=n0", "-device", "qemu-xhci,id=xhci",
            ] + sticks, executable: qemu)
    }

    /// `lab chips` that serves a stick, listening.
    static func serve(
        _ stick: String, at socket: String, _ arguments: [String] = []
    ) async throws -> LabProcess {
        let chips = try LabProcess(["chips", "--stick", stick, "--usbredir", socket] + arguments)
        let listens = try await Poll.until(seconds: 30) {
            FileManager.default.fileExists(atPath: socket) || !chips.isRunning
        }
        try #require(listens && chips.isRunning, "\(chips.output)\(chips.fault)")
        return chips
    }
}

@Suite(
    "A guest's kernel and its unmodified miner take served sticks for real ones", .serialized,
    .enabled(if: Guest.obstacle == nil, Comment(rawValue: Guest.obstacle ?? "")))
struct GuestTests {
    /// For each stick: who it is, which driver of the kernel took it, and what its chips answer on the tty.
    private static let asking = #"""
        stick() { # VID:PID QUESTION ANSWER-BYTES
            tries=0
            until folder=$(folder_of $1) && tty=$(ls $folder/*:1.0 2>/dev/null | grep ttyUSB) && [ -c /dev/$tty ]; do
                tries=$((tries + 1))
                [ $tries -gt 150 ] && echo "guest: no $1" && return
                usleep 200000
            done
            driver=$(basename $(readlink $folder/*:1.0/driver))
            echo "guest: $1 $(cat $folder/manufacturer), $(cat $folder/product) held by $driver"
            stty -F /dev/$tty 115200 raw -echo -crtscts clocal
            exec 3<>/dev/$tty
            usleep 200000
            printf "$2" >&3
            echo "guest: $1 answers $(timeout 20 dd bs=1 count=$3 <&3 2>/dev/null | hexdump -ve '1/1 "%02x"')."
            exec 3>&-
        }
        folder_of() {
            for folder in /sys/bus/usb/devices/*; do
                id=$(cat $folder/idVendor 2>/dev/null):$(cat $folder/idProduct 2>/dev/null)
                [ "$id" = "$1" ] && echo $folder && return 0
            done
            return 1
        }

        """#

    @Test(
        "Linux enumerates a Compac F and a Block Erupter, binds its drivers, and their chips answer on the tty"
    )
    func kernelDrivers() async throws {
        let directory = try TemporaryDirectory()
        let (compact, erupter) = ("\(directory.path)/compac-f", "\(directory.path)/block-erupter")
        let sticks = [
            try await Guest.serve("compac-f", at: compact, ["--pace", "1e6"]),
            try await Guest.serve("block-erupter", at: erupter, ["--pace", "1e6"]),
        ]
        func escaped(_ bytes: [UInt8]) -> String {
            bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let count = try #require(ChipCommand.read(register: 0, of: .all).frame(for: .bm1397))
        let guest = try await Guest.start(
            Self.asking + """
                stick 0403:6015 '\(escaped(count))' 9
                stick 10c4:ea60 '\(escaped(Self.goldenJob))' 4

                """,
            sockets: [compact, erupter], in: directory)
        let said = try await Poll.until(seconds: 180) {
            guest.output.contains("guest: end") || !guest.isRunning
        }
        #expect(said, "\(guest.output)\(guest.fault)")
        for line in [
            "guest: 0403:6015 GekkoScience, CompacF Bitcoin Miner held by ftdi_sio",
            "guest: 0403:6015 answers aa5513971800000006.",
            "guest: 10c4:ea60 Silicon Labs, CP2102 USB to UART Bridge Controller held by cp210x",
            "guest: 10c4:ea60 answers 000187a2.",
        ] { #expect(guest.output.contains(line), "\(guest.output)\(sticks.map(\.output))") }
    }

    /// What cgminer and bfgminer know an Icarus by: half of block 171,874, whose nonce every chip must find.
    private static let goldenJob: [UInt8] =
        bytes("4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a")
        + [UInt8](repeating: 0, count: 20) + bytes("87320b1a1426674f2fa722ce")

    private static func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).compactMap {
            UInt8(hex.dropFirst($0).prefix(2), radix: 16)
        }
    }

    @Test(
        "an unmodified cgminer in the guest mines on a served stick, and our translator accepts its shares",
        .enabled(if: Guest.miningObstacle == nil, Comment(rawValue: Guest.miningObstacle ?? "")),
        arguments: [
            ("block-erupter", ""),
            ("compac", "--gekko-compac-detect --gekko-compac-freq 25"),
        ])
    func cgminer(stick: String, options: String) async throws {
        let program = try #require(Guest.cgminer)
        let directory = try TemporaryDirectory()
        let lab = try await TranslatedPool(identity: "farm")
        let socket = directory.path + "/stick"
        // As fast as this machine hashes, for cgminer takes no nonce below difficulty 1. The fixed difficulty below
        // that lets every one count, and stays: cgminer takes one of 2^-32 or less for an impossible one.
        let chips = try await Guest.serve(stick, at: socket)
        let url = lab.address.replacing("127.0.0.1", with: "10.0.2.2")
        let name = URL(fileURLWithPath: program).lastPathComponent
        let guest = try await Guest.start(
            """
            ifconfig lo 127.0.0.1 up
            ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
            while ! grep -q PRODUCT=10c4 /sys/bus/usb/devices/*/uevent; do usleep 200000; done
            \(name) -T \(options) -o \(url) -u farm.\(stick) -p d=0.5 -l 10

            """, sockets: [socket], programs: [program], in: directory)
        let isAccepted = try await Poll.until(seconds: 900) {
            guest.output.contains("Accepted") || !guest.isRunning
        }
        #expect(isAccepted, "\(guest.output)\(guest.fault)\(chips.output)\(chips.fault)\(lab.said)")
        #expect(guest.output.contains("Accepted"), "\(guest.output)")
        #expect(!guest.output.contains("Rejected"), "\(guest.output)")
        guest.signal(SIGTERM)
        _ = try await guest.status(within: 10)
        try await lab.stop()
        let credited = try await lab.credited()
        #expect(credited.contains("\"farm\""), "\(credited)")
    }
}
