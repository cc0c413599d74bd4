//! Private keys with a pass phrase: opened once, and kept open in memory until the process ends. A file that changes is another key.

use crate::model::{Error, Kind, Result};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

type Opened = BTreeMap<[u8; 32], Arc<SecretDocument>>;
static OPENED: Mutex<Opened> = Mutex::new(BTreeMap::new());
/// Those that were lent to a program, as files of memory.
static LENT: Mutex<BTreeMap<[u8; 32], File>> = Mutex::new(BTreeMap::new());

fn print(file: &[u8]) -> [u8; 32] {
    Sha256::digest(file).into()
}

/// The key of these bytes of a file, if it was opened.
pub fn opened(file: &[u8]) -> Option<Arc<SecretDocument>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).get(&print(file)).cloned()
}

/// The file as it would be without its pass phrase, if it was opened: for a driver that reads keys itself.
pub fn opened_pem(key: &Path) -> Option<Vec<u8>> {
    let document = opened(&std::fs::read(key).ok()?)?;
    document.to_pem("PRIVATE KEY", LineEnding::LF).ok().map(|pem| pem.as_bytes().to_vec())
}

/// Where a program that is started here reads a private key: the file itself, or, where that has a pass phrase, what it was opened to. That
/// is in memory alone, and there for the user's own programs until this process ends: nothing is written to a disk.
///
/// # Errors
/// [`Kind::PassphraseNeeded`] when the key was not opened: the program would ask the terminal, or fail without saying why.
pub fn lent(key: &Path) -> Result<PathBuf> {
    let io = |e| Error::io(format_args!("reading the private key {}", shown(key)), e);
    let file = std::fs::read(key).map_err(io)?;
    if section(&file).is_none() {
        return Ok(key.to_path_buf());
    }
    let Some(pem) = opened_pem(key) else { return Err(wanted(key)) };
    let mut lent = LENT.lock().unwrap_or_else(PoisonError::into_inner);
    let made = match lent.entry(print(&file)) {
        std::collections::btree_map::Entry::Occupied(o) => o.into_mut(),
        std::collections::btree_map::Entry::Vacant(v) => v.insert(in_memory(key, &pem)?),
    };
    Ok(PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(made))))
}

#[cfg(target_os = "linux")]
fn in_memory(key: &Path, pem: &[u8]) -> Result<File> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    // Closed in every program that is started: the one that it is lent to opens it by its path.
    let made = rustix::fs::memfd_create("key", rustix::fs::MemfdFlags::CLOEXEC).map_err(std::io::Error::from).and_then(|fd| {
        let mut file = File::from(fd);
        // libpq takes no key that others may read.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(pem)?;
        Ok(file)
    });
    made.map_err(|e| Error::io(format_args!("handing on the private key {}", shown(key)), e))
}

#[cfg(not(target_os = "linux"))]
fn in_memory(key: &Path, _pem: &[u8]) -> Result<File> {
    Err(Error::usage(format!("the server's own programs cannot be given the opened private key {} on this system", shown(key)))
        .hint("Decrypt it into a file that you alone may read (openssl pkey -in … -out …), and name that one for this target."))
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
    Error::new(Kind::PassphraseNeeded, format!("the private key {} wants its pass phrase", shown(key)))
}

fn shown(key: &Path) -> String {
    crate::text::clean(&key.display().to_string()).into_owned()
}

/// Opens a key.
///
/// # Errors
/// [`Kind::PassphraseNeeded`] when the pass phrase is another one; usage when the file is of a kind that cannot be opened here.
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
        _ => Error::new(Kind::PassphraseNeeded, format!("that pass phrase does not open the private key {}", shown(key))),
    })?;
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).insert(print(&file), Arc::new(plain));
    Ok(())
}
