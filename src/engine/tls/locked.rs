//! Private keys with a pass phrase: opened once, and kept open in memory until the process ends. A file that changes is another key.

use crate::model::{Error, Kind, Result};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

type Opened = BTreeMap<[u8; 32], Arc<SecretDocument>>;
static OPENED: Mutex<Opened> = Mutex::new(BTreeMap::new());

/// The key of these bytes of a file, if it was opened.
pub fn opened(file: &[u8]) -> Option<Arc<SecretDocument>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).get(&<[u8; 32]>::from(Sha256::digest(file))).cloned()
}

/// The file as it would be without its pass phrase, if it was opened: for a driver that reads keys itself.
pub fn opened_pem(key: &Path) -> Option<Vec<u8>> {
    let document = opened(&std::fs::read(key).ok()?)?;
    document.to_pem("PRIVATE KEY", LineEnding::LF).ok().map(|pem| pem.as_bytes().to_vec())
}

/// The part of a file that is an encrypted key (PKCS#8).
fn section(file: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(file).ok()?;
    let from = text.find(BEGIN)?;
    let end = text[from..].find(END)?;
    Some(&text[from..from + end + END.len()])
}

/// True when the file's key has a pass phrase that nobody has given yet.
pub fn locked(key: &Path) -> bool {
    std::fs::read(key).is_ok_and(|file| section(&file).is_some() && opened(&file).is_none())
}

/// Asks for the pass phrase of a file.
pub fn wanted(key: &Path) -> Error {
    Error::new(Kind::PasswordNeeded, format!("the private key {} wants its pass phrase", shown(key)))
}

fn shown(key: &Path) -> String {
    crate::text::clean(&key.display().to_string()).into_owned()
}

/// Opens a key.
///
/// # Errors
/// [`Kind::PasswordNeeded`] when the pass phrase is another one; usage when the file is of a kind that cannot be opened here.
pub fn open(key: &Path, passphrase: &SecretString) -> Result<()> {
    let file = std::fs::read(key).map_err(|e| Error::io(format_args!("reading the private key {}", shown(key)), e))?;
    let Some(pem) = section(&file) else { return Ok(()) };
    let (_, document) =
        SecretDocument::from_pem(pem).map_err(|e| Error::usage(format!("cannot read the private key {}: {e}", shown(key))))?;
    let unknown = |why: String| {
        Error::usage(format!("the private key {} cannot be opened here: {why}", shown(key)))
            .hint("Decrypt it into a file that you alone may read (openssl pkey -in … -out …), or encrypt it anew (openssl pkcs8 -topk8 -v2 aes-256-cbc -in … -out …).")
    };
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|e| unknown(e.to_string()))?;
    let plain = info.decrypt(passphrase.expose_secret()).map_err(|e| match e {
        pkcs8::Error::EncryptedPrivateKey(
            e @ (pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs8::pkcs5::Error::NoPbes1CryptSupport
            | pkcs8::pkcs5::Error::AlgorithmParametersInvalid { .. }),
        ) => unknown(e.to_string()),
        // The padding, or what came out of it, makes no sense.
        _ => Error::new(Kind::PasswordNeeded, format!("that pass phrase does not open the private key {}", shown(key))),
    })?;
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).insert(Sha256::digest(&file).into(), Arc::new(plain));
    Ok(())
}
