import Foundation

/// What an error number of the operating system means, in plain words.
func systemReason(_ code: Int32) -> String {
    switch code {
    case ECONNREFUSED: "connection refused (nothing listens there)"
    case ECONNRESET, EPIPE: "it closed the connection"
    case EHOSTUNREACH, ENETUNREACH: "no route to it"
    case EADDRINUSE: "the address is already in use"
    case EACCES: "permission denied"
    case EADDRNOTAVAIL: "this machine has no such address"
    default: String(cString: strerror(code))
    }
}

func isAddressInUse(_ code: Int32) -> Bool { code == EADDRINUSE }
