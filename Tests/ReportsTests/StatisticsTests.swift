import Testing

@testable import Reports

@Suite("Statistics")
struct StatisticsTests {
    /// Two-sided 5 %, from the printed tables (Abramowitz and Stegun, table 26.10).
    @Test(
        "critical values are those of the tables",
        arguments: [
            (1.0, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980), (1e6, 1.960),
        ])
    func critical(degrees: Double, expected: Double) {
        #expect(abs(StudentT.critical(0.05, degrees: degrees) - expected) < 0.0006)
    }

    @Test("a mean's interval is the one of the textbook")
    func interval() throws {
        let sample = Sample([4.9, 5.1, 5.0, 5.3, 4.7])
        #expect(abs(sample.mean - 5) < 1e-12)
        // s² = 0.05, t = 2.776: 2.776 √(0.05 / 5)
        #expect(abs(try #require(sample.halfWidth) - 0.2776) < 0.0001)
        #expect(Sample([1]).halfWidth == nil)
    }

    /// Sleep data of Student (1908), as R's t.test(extra ~ group): t = -1.8608, df = 17.776, p = 0.07939,
    /// interval -3.3655 to 0.2055.
    @Test("Welch's test is R's on Student's sleep data")
    func sleep() throws {
        let first = Sample([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
        let second = Sample([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
        let test = WelchTest(first, second)
        #expect(abs(test.difference - 1.58) < 1e-9)
        #expect(abs(try #require(test.probability) - 0.07939) < 0.00001)
        let half = try #require(test.halfWidth)
        #expect(abs(test.difference - half + 0.2054832) < 0.00001)
        #expect(test.finding == .noDifferenceShown)
    }

    @Test("what differs is said to differ, and one run says nothing")
    func findings() {
        #expect(WelchTest(Sample([1, 1.1, 0.9]), Sample([2, 2.1, 1.9])).finding == .differs)
        #expect(WelchTest(Sample([1]), Sample([2, 2.1, 1.9])).finding == .tooFew)
        #expect(WelchTest(Sample([3, 3]), Sample([3, 3])).finding == .noDifferenceShown)
        #expect(WelchTest(Sample([3, 3]), Sample([4, 4])).finding == .differs)
    }
}
