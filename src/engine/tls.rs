//! TLS for engines that speak to a network: roots, client certificates, and libpq's levels of verification.

pub mod identity;
pub mod locked;
mod words;

use crate::config::SslMode;
use crate::model::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
pub use words::{about_client, obstacle, words};

/// The certificates of a PEM file. An error names the file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bad = |why: String| Error::usage(format!("cannot read certificates from {}: {why}", path.display()));
    let certs = CertificateDer::pem_file_iter(path)
        .map_err(|e| bad(e.to_string()))?
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| bad(e.to_string()))?;
    if certs.is_empty() { Err(bad("no certificate in it".into())) } else { Ok(certs) }
}

/// Trust anchors: those of `custom`, else the system's. Certificates that the library cannot use as anchors are skipped
/// as long as one stays.
pub fn roots(custom: Option<&Path>) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let certs = match custom {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    let (taken, _) = store.add_parsable_certificates(certs.iter().cloned());
    if taken == 0 && custom.is_none() {
        return Err(Error::usage("this system has no root certificates, so a server's certificate cannot be verified")
            .hint("Install the package ca-certificates, or name the certificate authority with `sslrootcert`."));
    }
    Ok((store, certs))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client configuration for `mode`: `prefer` and `require` encrypt and verify nothing, as in libpq; `require` with an
/// explicit root verifies the chain, as in libpq too. `mode` is not `disable` here.
pub fn client_config(mode: SslMode, root: Option<&Path>, cert: Option<&Path>, key: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let provider = provider();
    let check = match mode {
        SslMode::VerifyFull => Check::Full,
        SslMode::VerifyCa => Check::Chain,
        SslMode::Require if root.is_some() => Check::Chain,
        _ => Check::Nothing,
    };
    let verifier = match check {
        Check::Nothing => Verifier { check, chain: None, pinned: Vec::new(), provider: provider.clone() },
        _ => {
            let (store, certs) = roots(root)?;
            let chain = if store.is_empty() {
                None
            } else {
                let v = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
                    .build()
                    .map_err(|e| Error::usage(format!("the root certificates cannot be used: {e}")))?;
                Some(v)
            };
            let pinned = if root.is_some() { certs } else { Vec::new() };
            Verifier { check, chain, pinned, provider: provider.clone() }
        }
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::failed(format!("TLS cannot be set up: {e}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match (cert, key) {
        (Some(cert), key) => {
            let own = identity::read(cert, key.unwrap_or(cert), &provider)?;
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)))
        }
        (None, _) => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// The name to verify and to send as SNI. IP addresses are verified as addresses.
pub fn server_name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_string())
        .map_err(|_| Error::usage(format!("`{host}` is neither a host name nor an address that TLS could verify")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    Full,
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    /// `None` when no anchor could be parsed; then only `pinned` counts.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates of the given root file: a server that holds the key of one of them is trusted. OpenSSL does the same
    /// with self-signed certificates, which webpki refuses as end entities.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if self.check == Check::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        if let Some(trusted) = self.pinned.iter().find(|c| same_key(c, end_entity)) {
            if self.check == Check::Full {
                verify_server_name(&ParsedCertificate::try_from(trusted)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let Some(chain) = &self.chain else {
            return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        };
        match chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The chain is verified before the name is looked at, so these errors mean that the chain is good.
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                if self.check == Check::Chain =>
            {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        if self.check == Check::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        if self.check == Check::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// `tls-server-end-point` channel binding (RFC 5929): the certificate's hash under its own signature's hash function, with
/// SHA-256 in place of MD5 and SHA-1. `None` where the signature names no single hash (Ed25519, RSA-PSS).
pub fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    use sha2::Digest;
    let (outer, _) = der_value(certificate, 0x30)?;
    let (_tbs, rest) = der_value(outer, 0x30)?;
    let (algorithm, _) = der_value(rest, 0x30)?;
    let (oid, _) = der_value(algorithm, 0x06)?;
    // RSA: 1.2.840.113549.1.1.n; ECDSA: 1.2.840.10045.4.3.n and 4.1 (SHA-1).
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    let bits = if let Some(n) = oid.strip_prefix(RSA) {
        match n {
            [4 | 5 | 11] => 256,
            [12] => 384,
            [13] => 512,
            _ => return None,
        }
    } else {
        match oid.strip_prefix(ECDSA)? {
            [1] | [3, 2] => 256,
            [3, 3] => 384,
            [3, 4] => 512,
            _ => return None,
        }
    };
    Some(match bits {
        256 => sha2::Sha256::digest(certificate).to_vec(),
        384 => sha2::Sha384::digest(certificate).to_vec(),
        _ => sha2::Sha512::digest(certificate).to_vec(),
    })
}

/// The bits of a certificate's public key (RFC 5280, 4.1).
fn public_key(certificate: &[u8]) -> Option<Vec<u8>> {
    let (outer, _) = der_value(certificate, 0x30)?;
    let (mut rest, _) = der_value(outer, 0x30)?;
    if let Some((_, behind)) = der_value(rest, 0xa0) {
        rest = behind;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for tag in [0x02, 0x30, 0x30, 0x30, 0x30] {
        rest = der_value(rest, tag)?.1;
    }
    let (info, _) = der_value(rest, 0x30)?;
    let (_, bits) = der_value(info, 0x30)?;
    match der_value(bits, 0x03)?.0 {
        [0, key @ ..] => Some(key.to_vec()),
        _ => None,
    }
}

fn same_key(a: &[u8], b: &[u8]) -> bool {
    a == b || public_key(a).is_some_and(|k| public_key(b) == Some(k))
}

/// Content of the DER element at the start of `der`, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [t, first, rest @ ..] = der else { return None };
    if *t != tag {
        return None;
    }
    let (len, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let n = usize::from(*first & 0x7f);
        if n == 0 || n > 4 || rest.len() < n {
            return None;
        }
        (rest[..n].iter().fold(0usize, |l, b| (l << 8) | usize::from(*b)), &rest[n..])
    };
    (rest.len() >= len).then(|| rest.split_at(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's outline: tbsCertificate of `n` bytes, then the signature algorithm.
    fn outline(oid: &[u8], n: usize) -> Vec<u8> {
        let mut tbs = vec![0x30, 0x82, (n >> 8) as u8, n as u8];
        tbs.extend(std::iter::repeat_n(0u8, n));
        let mut alg = vec![0x30, oid.len() as u8 + 2, 0x06, oid.len() as u8];
        alg.extend_from_slice(oid);
        let len = tbs.len() + alg.len();
        let mut out = vec![0x30, 0x82, (len >> 8) as u8, len as u8];
        out.extend(tbs);
        out.extend(alg);
        out
    }

    #[test]
    fn the_binding_follows_the_signature_algorithm() {
        let rsa = |n: u8| outline(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, n], 300);
        assert_eq!(end_point_hash(&rsa(5)).map(|h| h.len()), Some(32));
        assert_eq!(end_point_hash(&rsa(11)).map(|h| h.len()), Some(32));
        assert_eq!(end_point_hash(&rsa(13)).map(|h| h.len()), Some(64));
        assert_eq!(end_point_hash(&rsa(10)), None, "PSS names its hash elsewhere");
        let ec = outline(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 3], 10);
        assert_eq!(end_point_hash(&ec).map(|h| h.len()), Some(48));
        assert_eq!(end_point_hash(&outline(&[0x2b, 0x65, 0x70], 10)), None, "Ed25519");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = end_point_hash(&bytes);
            let _ = public_key(&bytes);
        }
    }
}
