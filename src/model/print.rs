//! A text's fingerprint, to see later whether it is still the same.

use sha2::{Digest, Sha256};

/// SHA-256 of a text's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print([u8; 32]);

impl Print {
    pub fn of(text: impl AsRef<[u8]>) -> Print {
        Print(Sha256::digest(text.as_ref()).into())
    }
    /// As 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
    /// What [`Print::to_hex`] wrote.
    pub fn from_hex(digits: &str) -> Option<Print> {
        hex::decode(digits).ok()?.try_into().ok().map(Print)
    }
}
