import Bitcoin
import JSONText
import Testing

@testable import Explorer

@Suite struct TextTests {
    @Test func escapingSeesAQuoteUnderACombiningMark() {
        #expect(Characters.escaped("<a href=\"x\">'&`") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#96;")
        let sneaky = "\"\u{301} onmouseover=x <\u{338}script"
        let escaped = Characters.escaped(sneaky)
        #expect(!escaped.unicodeScalars.contains("\""))
        #expect(!escaped.unicodeScalars.contains("<"))
    }

    @Test func bytesOfTheChainBecomePrintableASCIIAndDots() {
        #expect(Characters.visible([0x1b, 0x5b, 0x41, 0x00, 0xff, 0x7e, 0x7f] as [UInt8]) == "·[A··~·")
    }

    @Test func namesLoseControlAndDirectionCharactersOnly() {
        #expect(Characters.visible("rig-é 1\n\u{202e}evil\u{0}") == "rig-é 1··evil·")
        #expect(Characters.visible(String(repeating: "x", count: 900)).count == 400)
    }

    @Test func figuresReadAsMinersWriteThem() {
        #expect(Figures.hashRate(1.234e12) == "1.23 TH/s")
        #expect(Figures.hashRate(999.6e9) == "1.00 TH/s")
        #expect(Figures.hashRate(0) == "0 H/s")
        #expect(Figures.hashRate(0.45) == "450 mH/s")
        #expect(Figures.hashRate(.nan) == "–")
        #expect(Figures.difficulty(4.656542373906925e-10) == "4.66×10⁻¹⁰")
        #expect(Figures.difficulty(65_536) == "65.5k")
        #expect(Figures.bitcoin(2_100_000_000_000_000) == "21\u{202f}000\u{202f}000.00000000")
        #expect(Figures.bitcoin(-1) == "-0.00000001")
        #expect(Figures.bitcoin(.min).hasPrefix("-"))
        #expect(Figures.utc(1_795_375_805) == "2026-11-22 19:30:05")
        #expect(Figures.utc(-1) == "1969-12-31 23:59:59")
        #expect(Figures.utc(951_782_400) == "2000-02-29 00:00:00")
        #expect(Figures.age(of: 100, now: 100 + 3_600) == "60 min ago")
        #expect(Figures.age(of: 1_000, now: 0) == "in 17 min")
    }

    @Test func faintZerosNeverTakeTheFirstTwoDecimals() {
        #expect(AmountText(5_000_000_000).head == "50.00")
        #expect(AmountText(5_000_000_000).zeros == "000000")
        #expect(AmountText(1).head == "0.00000001")
        #expect(AmountText(1).zeros == "")
        #expect(AmountText(120_000_000).head == "1.20")
    }

    @Test func amountsOfRPCAreReadExactly() {
        #expect(Satoshi(decimal: "0.00001000")?.value == 1_000)
        #expect(Satoshi(decimal: "20999999.9769")?.value == 2_099_999_997_690_000)
        #expect(Satoshi(decimal: "-0.5")?.value == -50_000_000)
        #expect(Satoshi(decimal: "1e-05")?.value == 1_000)
        #expect(Satoshi(decimal: "3")?.value == 300_000_000)
        #expect(Satoshi(decimal: "1.2.3") == nil)
        #expect(Satoshi(decimal: "99999999999999999") == nil)
    }

    @Test func assemblyIsPrintedAsCoreDoes() {
        #expect(Script([0x51]).assembly == "1")
        #expect(
            Script([0x76, 0xa9, 0x02, 0xe8, 0x03, 0x88, 0xac]).assembly
                == "OP_DUP OP_HASH160 1000 OP_EQUALVERIFY OP_CHECKSIG")
        #expect(Script([0x01, 0x81]).assembly == "-1")
        #expect(Script([0x00, 0x05, 1, 2, 3, 4, 5]).assembly == "0 0102030405")
        #expect(Script([0x51, 0x20, 0x01]).assembly == "1 [error]")
    }

    @Test func percentEncodingIsUndoneOrRefused() {
        #expect("a%20b%2Fc".removingURLPercentEncoding() == "a b/c")
        #expect("%zz".removingURLPercentEncoding() == nil)
        #expect("%4".removingURLPercentEncoding() == nil)
        #expect(ExplorerState.encoded("rig 1/é") == "rig%201%2f%c3%a9")
    }

    @Test func mempoolAndTemplateAreReadFromTheNodesAnswers() throws {
        let a = String(repeating: "a", count: 64)
        let b = String(repeating: "b", count: 64)
        let verbose = try JSON.parse(
            """
            {"\(a)":{"vsize":100,"weight":400,"time":5,"ancestorcount":1,"ancestorsize":100,
            "fees":{"base":0.00000200,"ancestor":0.00000200},"depends":[]},
            "\(b)":{"vsize":100,"weight":400,"time":6,"ancestorcount":2,"ancestorsize":200,
            "fees":{"base":0.00001000,"ancestor":0.00001200},"depends":["\(a)"]}}
            """)
        var view = MempoolView()
        view.read(verbose: verbose)
        #expect(view.entries.map(\.fee) == [1_000, 200])
        #expect(view.entries[0].packageRate == 6)
        #expect(view.entries[0].dependsOn.map(\.displayHex) == [a])
        let template = try #require(
            TemplateView(
                try JSON.parse(
                    """
                    {"height":7,"coinbasevalue":5000001200,"transactions":[
                    {"txid":"\(a)","fee":200,"weight":400,"sigops":1},
                    {"txid":"\(b)","fee":1000,"weight":400,"sigops":1}]}
                    """)))
        #expect(template.fees == 1_200)
        #expect(template.lowestRate == 2)
        #expect(template.position(of: view.entries[0].txid) == 2)
        #expect(TemplateView(["height": 1]) == nil)
    }
}
