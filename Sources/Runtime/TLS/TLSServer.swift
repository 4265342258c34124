import CLibSSL

/// Why there is no TLS.
public struct TLSFault: Error, Equatable, CustomStringConvertible {
    public let description: String
}

/// What a TLS listener shows its clients: a certificate and its key, for any number of connections. TLS 1.2 and
/// later; firmware that speaks TLS at all speaks 1.2.
public final class TLSServer: @unchecked Sendable {
    /// Not changed after `init`; OpenSSL counts references under its own lock.
    let context: OpaquePointer

    private init(bare: Void) throws(TLSFault) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw TLSServer.fault("no TLS context") }
        self.context = context
        // SSL_CTX_set_min_proto_version is a macro.
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        // A client may not make us work on new keys again and again.
        SSL_CTX_set_options(context, UInt64(1) << 30)
    }

    deinit { SSL_CTX_free(context) }

    /// With a certificate of its own making, for a year, that names `name`. Miners do not check certificates; the
    /// traffic is hidden all the same.
    public convenience init(selfSignedFor name: String) throws(TLSFault) {
        try self.init(bare: ())
        guard let key = TLSServer.newKey() else { throw TLSServer.fault("no key could be made") }
        defer { EVP_PKEY_free(key) }
        guard let certificate = TLSServer.certificate(for: name, key: key) else {
            throw TLSServer.fault("no certificate could be made")
        }
        defer { X509_free(certificate) }
        guard SSL_CTX_use_certificate(context, certificate) == 1, SSL_CTX_use_PrivateKey(context, key) == 1
        else { throw TLSServer.fault("the certificate cannot be used") }
    }

    /// With a certificate chain and its key from PEM files.
    public convenience init(certificate: String, key: String) throws(TLSFault) {
        try self.init(bare: ())
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
            throw TLSServer.fault("\(certificate) holds no certificate chain in PEM form")
        }
        guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
            throw TLSServer.fault("\(key) holds no private key in PEM form that fits \(certificate)")
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw TLSServer.fault("\(key) is not the key of \(certificate)")
        }
    }

    private static func fault(_ text: String) -> TLSFault {
        ERR_clear_error()
        return TLSFault(description: text)
    }

    /// On the curve P-256, which every TLS client knows.
    private static func newKey() -> OpaquePointer? {
        guard let maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(maker) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(maker) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(maker, &key) == 1
        else { return nil }
        return key
    }

    private static func certificate(for name: String, key: OpaquePointer) -> OpaquePointer? {
        guard let certificate = X509_new() else { return nil }
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1...Int(Int32.max)))
        X509_gmtime_adj(X509_getm_notBefore(certificate), -86_400)
        X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * 86_400)
        X509_set_pubkey(certificate, key)
        let subject = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(subject, "CN", utf8Form, name, -1, -1, 0)
        X509_set_issuer_name(certificate, subject)
        guard X509_sign(certificate, key, EVP_sha256()) > 0 else {
            X509_free(certificate)
            return nil
        }
        return certificate
    }

    /// MBSTRING_UTF8 of asn1.h, a macro.
    private static let utf8Form: Int32 = 0x1000
}
