//! The client's own certificate and private key: read, held against each other, and said in words what is wrong with the files. Whether a
//! certificate is good is the server's to judge: one of X.509 version 1, which the library below cannot read, is sent as it is.

use super::{der_value, locked, public_key};
use crate::model::{Error, Result};
use crate::text;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;

/// Reads both files. The key may stand in the certificate's file.
///
/// # Errors
/// Usage: a file cannot be read, holds something else (the other one, DER), or they do not belong together.
pub fn read(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let shown = |p: &Path| text::clean(&p.display().to_string()).into_owned();
    let file = |p: &Path, what: &str| std::fs::read(p).map_err(|e| Error::usage(format!("cannot read {what} {}: {}", shown(p), plain(&e))));
    let bytes = file(cert, "the client certificate")?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| Error::usage(format!("cannot read the client certificate {}: {e}", shown(cert))))?;
    if chain.is_empty() {
        return Err(no_section(&bytes, &format!("there is no client certificate in {}", shown(cert)), "PRIVATE KEY", "openssl x509"));
    }
    let bytes = file(key, "the private key")?;
    if locked::locked(key) {
        return Err(locked::wanted(key));
    }
    let open = locked::opened(&bytes);
    if open.is_none() && holds(&bytes, "Proc-Type: 4,ENCRYPTED") {
        return Err(Error::usage(format!("the private key {} is encrypted in a way of old", shown(key)))
            .hint("Its pass phrase is not asked for: write it as PKCS#8, encrypted (openssl pkcs8 -topk8 -v2 aes-256-cbc -in … -out …) or not (openssl pkey -in … -out …)."));
    }
    let read = match &open {
        Some(document) => PrivateKeyDer::try_from(document.as_bytes().to_vec()).map_err(|_| rustls::pki_types::pem::Error::NoItemsFound),
        None => PrivateKeyDer::from_pem_slice(&bytes),
    };
    let der = match read {
        Ok(der) => der,
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            return Err(no_section(&bytes, &format!("there is no private key in {}", shown(key)), "CERTIFICATE", "openssl pkey"));
        }
        Err(e) => return Err(Error::usage(format!("cannot read the private key {}: {e}", shown(key)))),
    };
    let signing = provider
        .key_provider
        .load_private_key(der)
        .map_err(|_| Error::usage(format!("the private key {} is of no kind that can be used here (RSA, ECDSA, Ed25519)", shown(key))))?;
    let of_key = signing.public_key().and_then(|k| bits(&k));
    let of_certificate = chain.first().and_then(|c| public_key(c));
    if let (Some(a), Some(b)) = (of_key, of_certificate)
        && a != b
    {
        return Err(Error::usage(format!("the private key {} belongs to another certificate than {}", shown(key), shown(cert))));
    }
    Ok(CertifiedKey::new(chain, signing))
}

/// A file without the section that is looked for: what it holds instead is told.
fn no_section(bytes: &[u8], what: &str, other: &str, tool: &str) -> Error {
    let e = Error::usage(what.to_string());
    if holds(bytes, other) {
        e.hint(format!("It holds a {}: `sslcert` and `sslkey` may have been swapped.", other.to_lowercase()))
    } else if bytes.first() == Some(&0x30) {
        e.hint(format!("It is DER; a PEM file is needed ({tool} -inform der -in … -out …)."))
    } else {
        e.hint("A PEM file is needed: -----BEGIN …")
    }
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|w| w == words.as_bytes())
}

/// What the system says, without its number.
fn plain(e: &std::io::Error) -> String {
    let all = e.to_string();
    all.split(" (os error").next().unwrap_or(&all).to_string()
}

/// The key itself in what says of which kind it is (RFC 5280, 4.1.2.7).
fn bits(info: &[u8]) -> Option<Vec<u8>> {
    let (info, _) = der_value(info, 0x30)?;
    let (_, bits) = der_value(info, 0x30)?;
    match der_value(bits, 0x03)?.0 {
        [0, key @ ..] => Some(key.to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn openssl(dir: &Path, args: &str) {
        let done = Command::new("openssl").current_dir(dir).args(args.split(' ')).output().expect("openssl");
        assert!(done.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn files_are_judged_before_they_are_sent() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        // The recipe of the servers' manuals: version 1, because there is no -extfile.
        openssl(dir.path(), "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=ca");
        openssl(dir.path(), "req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=ann");
        openssl(dir.path(), "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -set_serial 7 -out client.crt");
        openssl(dir.path(), "pkey -in client.key -aes256 -passout pass:x -out locked.key");
        openssl(dir.path(), "rsa -in client.key -aes256 -traditional -passout pass:x -out old.key");
        openssl(dir.path(), "pkey -in client.key -outform der -out client.der");
        let provider = super::super::provider();
        let read = |cert: &str, key: &str| read(&at(cert), &at(key), &provider);
        let good = read("client.crt", "client.key").expect("a version 1 certificate is sent as it is");
        assert_eq!(good.cert.len(), 1);
        let refused = |cert: &str, key: &str| {
            let e = read(cert, key).map(|_| ()).expect_err("refused");
            format!("{} {}", e.message, e.hints.join(" "))
        };
        for (cert, key, words) in [
            ("none.crt", "client.key", "none.crt: No such file or directory"),
            ("client.crt", "none.key", "cannot read the private key"),
            ("client.crt", "locked.key", "locked.key wants its pass phrase"),
            ("client.crt", "old.key", "old.key is encrypted in a way of old"),
            ("client.crt", "client.der", "It is DER"),
            ("client.crt", "client.crt", "may have been swapped"),
            ("client.key", "client.crt", "may have been swapped"),
            ("client.crt", "ca.key", "belongs to another certificate"),
        ] {
            let told = refused(cert, key);
            assert!(told.contains(words), "{cert} {key}: {told}");
        }
        // Opened by its pass phrase, it is as good as the other one; by another phrase it is not.
        let say = |phrase: &str| locked::open(&at("locked.key"), &phrase.to_string().into());
        let e = say("y").expect_err("another one");
        assert!(e.kind == crate::model::Kind::PassphraseNeeded && e.message.contains("does not open the private key"), "{e:?}");
        assert!(locked::locked(&at("locked.key")));
        say("x").expect("opened");
        assert!(!locked::locked(&at("locked.key")));
        read("client.crt", "locked.key").expect("an opened key");
        assert!(locked::opened_pem(&at("locked.key")).is_some_and(|p| p.starts_with(b"-----BEGIN PRIVATE KEY-----")));
        openssl(dir.path(), "pkcs8 -topk8 -v2 des3 -in client.key -passout pass:x -out des.key");
        locked::open(&at("des.key"), &"x".to_string().into()).expect("3DES");
        openssl(dir.path(), "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512 -in client.key -passout pass:x -out aes.key");
        locked::open(&at("aes.key"), &"x".to_string().into()).expect("AES-128");
    }
}
