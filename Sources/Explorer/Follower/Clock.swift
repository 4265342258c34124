import Foundation

/// Wall time, Unix seconds. The explorer is an edge: it may read the clock.
func unixNow() -> Int64 { Int64(Date().timeIntervalSince1970) }
