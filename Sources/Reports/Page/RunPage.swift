struct RunPage {
    let run: StoredRun
    init(_ run: StoredRun) { self.run = run }
    var text: String { "" }
}
