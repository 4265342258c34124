import Glibc

/// The controlling terminal in raw mode, on its alternate screen. Restored by ``leave()`` whatever happened.
final class Terminal: @unchecked Sendable {
    private var original = termios()
    private var isRaw = false

    /// Nil unless both standard input and output are a terminal.
    init?() {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return nil }
        guard tcgetattr(STDIN_FILENO, &original) == 0 else { return nil }
    }

    func enter() {
        var raw = original
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        isRaw = true
        write("\u{1b}[?1049h\u{1b}[?25l")
    }

    func leave() {
        guard isRaw else { return }
        isRaw = false
        write("\u{1b}[?25h\u{1b}[?1049l")
        tcsetattr(STDIN_FILENO, TCSANOW, &original)
    }

    /// Columns and rows.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// The keys pressed within `milliseconds`, none if there were none.
    func keys(within milliseconds: Int32) -> [UInt8] {
        var poller = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, milliseconds) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    /// Draws a whole frame: each line cut to the width, the rest of the screen cleared.
    func draw(_ lines: [String]) {
        let (columns, rows) = size
        var frame = "\u{1b}[H"
        for line in lines.prefix(rows) {
            frame += StyledText.cut(line, to: columns) + "\u{1b}[0m\u{1b}[K\r\n"
        }
        if lines.count >= rows { frame.removeLast(2) }
        write(frame + "\u{1b}[J")
    }

    private func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// Text with colour codes, measured without them.
enum StyledText {
    static func bold(_ text: String) -> String { "\u{1b}[1m\(text)\u{1b}[22m" }
    static func dim(_ text: String) -> String { "\u{1b}[2m\(text)\u{1b}[22m" }
    static func green(_ text: String) -> String { "\u{1b}[32m\(text)\u{1b}[39m" }
    static func yellow(_ text: String) -> String { "\u{1b}[33m\(text)\u{1b}[39m" }
    static func red(_ text: String) -> String { "\u{1b}[31m\(text)\u{1b}[39m" }

    /// The first `width` visible characters with all codes kept.
    static func cut(_ text: String, to width: Int) -> String {
        var visible = 0
        var result = ""
        var isCode = false
        for character in text {
            if character == "\u{1b}" { isCode = true }
            if !isCode {
                visible += 1
                if visible > width { continue }
            }
            result.append(character)
            if isCode, character.isLetter { isCode = false }
        }
        return result
    }

    /// Exactly `width` characters: padded on the right, or cut with an ellipsis.
    static func pad(_ text: String, _ width: Int) -> String {
        if text.count > width { return String(text.prefix(max(0, width - 1))) + "…" }
        return text + String(repeating: " ", count: width - text.count)
    }

    /// Right-aligned in `width` characters.
    static func right(_ text: String, _ width: Int) -> String {
        text.count >= width ? text : String(repeating: " ", count: width - text.count) + text
    }
}
