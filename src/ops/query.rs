//! Whether a statement may run on a target, and how (design §2.1, §2.2).

use super::{Connection, Cx};
use crate::model::{Error, Result};
use jiff::Timestamp;

/// Guarded access to a read-only target for a short time, given for its typed name.
#[derive(Debug)]
pub struct Unlock {
    target: String,
    until: Timestamp,
}

/// How a statement may run.
#[derive(Debug)]
pub enum Admission {
    /// On the ordinary query session (which is read-only unless the target is open).
    Run,
    /// Writes data on a guarded target: by [`super::datafix::begin`].
    Guarded,
    /// With the reason and what to do instead.
    Refused(Error),
}

/// `:unlock`: guarded access for 15 minutes, journaled. The name must be typed exactly.
pub fn unlock(_cx: &Cx, _conn: &Connection, _typed_target: &str) -> Result<Unlock> {
    unimplemented!()
}

impl Unlock {
    /// Seconds left; zero when it is over.
    pub fn seconds_left(&self, cx: &Cx) -> i64 {
        (self.until.as_second() - cx.clock.now().as_second()).max(0)
    }
    pub fn target(&self) -> &str {
        &self.target
    }
}

/// Decides over exactly one statement. May ask the catalogue whether a function writes.
pub async fn admit(_cx: &Cx, _conn: &Connection, _unlock: Option<&Unlock>, _text: &str) -> Result<Admission> {
    unimplemented!()
}
