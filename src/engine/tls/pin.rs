//! Servers that are trusted by their own certificate, for a driver that lets nobody look at certificates.
//!
//! A certificate that is its own root is no chain, and the library below refuses it as a server's. The driver then takes
//! any certificate, but checks that the server holds the key of the one that it shows. Which keys count is said here:
//! signatures are verified by the process's provider, and while such a connection is made, by the wanted keys only.

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm};
use rustls::server::ParsedCertificate;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

struct Pins {
    keys: Vec<Vec<u8>>,
    proven: AtomicBool,
}

tokio::task_local! {
    static PINS: Arc<Pins>;
}

/// Public keys of certificates; with a name only of those that carry it.
pub fn keys(certificates: &[CertificateDer<'_>], name: Option<&ServerName<'_>>) -> Vec<Vec<u8>> {
    let carries = |c: &CertificateDer<'_>| match name {
        Some(n) => ParsedCertificate::try_from(c).and_then(|p| verify_server_name(&p, n)).is_ok(),
        None => true,
    };
    certificates.iter().filter(|c| carries(c)).filter_map(|c| public_key(c)).collect()
}

/// Makes a connection whose server has to hold one of these keys. The second value is true once it has proven that; a
/// connection without it must not be used.
pub async fn only<T>(keys: Vec<Vec<u8>>, connect: impl Future<Output = T>) -> (T, bool) {
    let pins = Arc::new(Pins { keys, proven: AtomicBool::new(false) });
    let made = PINS.scope(pins.clone(), connect).await;
    (made, pins.proven.load(Ordering::Acquire))
}

/// Makes the process's provider look at the keys, and take a client's certificate as it is. False where another one is there already: then nothing can be pinned.
pub fn ready() -> bool {
    static READY: OnceLock<bool> = OnceLock::new();
    *READY.get_or_init(|| {
        let ours = super::provider();
        let all = ours.signature_verification_algorithms;
        let wrap = |of: &[&'static dyn SignatureVerificationAlgorithm]| -> &'static [&'static dyn SignatureVerificationAlgorithm] {
            let wrapped = of.iter().map(|a| &*Box::leak(Box::new(Watched(*a))) as &'static dyn SignatureVerificationAlgorithm);
            Box::leak(wrapped.collect::<Vec<_>>().into_boxed_slice())
        };
        let mapping = all.mapping.iter().map(|(scheme, of)| (*scheme, wrap(of))).collect::<Vec<_>>();
        let algorithms = WebPkiSupportedAlgorithms { all: wrap(all.all), mapping: Box::leak(mapping.into_boxed_slice()) };
        let key_provider = Box::leak(Box::new(super::identity::Unasked(ours.key_provider)));
        CryptoProvider { signature_verification_algorithms: algorithms, key_provider, ..(*ours).clone() }.install_default().is_ok()
    })
}

/// An algorithm that takes only the wanted keys while some are wanted.
#[derive(Debug)]
struct Watched(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Watched {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let Ok(pins) = PINS.try_with(Arc::clone) else { return self.0.verify_signature(key, message, signature) };
        if !pins.keys.iter().any(|k| k == key) {
            return Err(InvalidSignature);
        }
        self.0.verify_signature(key, message, signature)?;
        pins.proven.store(true, Ordering::Release);
        Ok(())
    }
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
    fn fips(&self) -> bool {
        self.0.fips()
    }
}

/// The bits of a certificate's public key (RFC 5280, 4.1).
pub fn public_key(certificate: &[u8]) -> Option<Vec<u8>> {
    use super::der_value;
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

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = public_key(&bytes);
        }
    }

    #[tokio::test]
    async fn only_the_wanted_keys_count_while_some_are_wanted() {
        /// Takes every signature.
        #[derive(Debug)]
        struct Any;
        impl SignatureVerificationAlgorithm for Any {
            fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
                Ok(())
            }
            fn public_key_alg_id(&self) -> AlgorithmIdentifier {
                AlgorithmIdentifier::from_slice(&[])
            }
            fn signature_alg_id(&self) -> AlgorithmIdentifier {
                AlgorithmIdentifier::from_slice(&[])
            }
        }
        let watched = Watched(&Any);
        let verify = |key: &'static [u8]| async move { Watched(&Any).verify_signature(key, b"", b"").is_ok() };
        assert!(watched.verify_signature(b"a", b"", b"").is_ok(), "nothing is wanted");
        assert_eq!(only(vec![b"a".to_vec()], verify(b"a")).await, (true, true));
        assert_eq!(only(vec![b"a".to_vec()], verify(b"b")).await, (false, false));
        assert_eq!(only(vec![b"a".to_vec()], async { true }).await, (true, false), "nobody asked for a proof");
    }
}
