import Foundation
import Testing

/// Documentation/Scenarios.md against what is there.
@Suite("The table of scenarios")
struct ScenarioTableTests {
    private static let page =
        (try? String(contentsOfFile: "\(HouseTests.root)/Documentation/Scenarios.md", encoding: .utf8)) ?? ""

    @Test("every test that it names exists, in the file that it names")
    func tests() {
        var files: [String: String] = [:]
        for path in HouseTests.files(under: "Tests", suffix: ".swift") {
            files[path] = (try? String(contentsOfFile: "\(HouseTests.root)/\(path)", encoding: .utf8)) ?? ""
        }
        var count = 0
        for line in Self.page.split(separator: "\n") where line.hasPrefix("|") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            for (column, cell) in cells.enumerated() {
                for match in cell.matches(of: /`([A-Z][A-Za-z0-9]+Tests)\.([A-Za-z0-9]+)`/) {
                    count += 1
                    let (suite, name) = (String(match.1), String(match.2))
                    let found = files.keys.filter { path in
                        ["struct", "class", "extension"].contains { files[path]!.contains("\($0) \(suite)") }
                            && files[path]!.contains("func \(name)(")
                    }
                    #expect(!found.isEmpty, "\(suite).\(name) is in no file")
                    guard cells.indices.contains(column + 1), cells[column + 1].hasSuffix(".swift") else {
                        continue
                    }
                    #expect(
                        found.contains("Tests/" + cells[column + 1]),
                        "\(suite).\(name) is not in \(cells[column + 1])")
                }
            }
        }
        #expect(count > 90)
    }

    @Test("it has all 92 rows of the reference implementation's tests")
    func rows() {
        var rows: Set<Int> = []
        for match in Self.page.matches(of: /\n\| ([0-9]+)(?:–([0-9]+))? \|/) {
            guard let first = Int(match.1) else { continue }
            rows.formUnion(first...(match.2.flatMap { Int($0) } ?? first))
        }
        #expect((1...92).filter { !rows.contains($0) } == [])
    }
}
