//! A text's fingerprint, to see later whether it is still the same.

use sha2::{Digest, Sha256};

/// SHA-256 of a text's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print([u8; 32]);

impl Print {
    pub fn of(text: impl AsRef<[u8]>) -> Print {
        Print(Sha256::digest(text.as_ref()).into())
    }
}
