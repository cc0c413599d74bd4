//! Who waits for whom: for rows as InnoDB tells, for tables as the server tells, where it does.

mod judge;
mod metadata;
mod picture;
mod process;

pub(super) use picture::ACKNOWLEDGED;
pub(in crate::engine::mysql) use picture::is_committing;

use crate::engine::Session;
use crate::engine::assessing::{AGAIN, Words, is_hasty, moved};
use crate::model::Result;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::lock_tree::{LockSession, LockTree};
use judge::judge;
use picture::{for_rows, part, shown, tree};

const WORDS: Words = Words {
    dialect: crate::model::Dialect::MySql,
    session: "connection",
    is_queued_ddl,
    veiled: "",
    timeout: "lock_wait_timeout",
    confirms: "semi-synchronous",
};

/// DDL wants a lock that lets nobody in, and whoever comes later waits behind it.
fn is_queued_ddl(session: &LockSession) -> bool {
    session.wants.starts_with(metadata::EXCLUSIVE)
}

/// It waits, and nobody is known to be in its way.
fn is_unexplained(s: &LockSession) -> bool {
    s.waits.is_some() && s.blocked_by.is_empty()
}

/// The tree that is shown.
pub(super) async fn shown_tree(s: &Session, sight: &Sight) -> Result<LockTree> {
    Ok(LockTree::of(shown(&tree(s, sight).await?)))
}

pub(super) async fn look(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    let mut picture = tree(s, sight).await?;
    let tables = check.id == "MY07";
    // All who wait stand in one tree, for rows or for tables.
    let sessions = if tables { Vec::new() } else { shown(&picture) };
    picture.tree = if tables { part(&picture, &picture.for_tables) } else { for_rows(&picture) };
    if !tables && is_hasty(&picture.tree, check, limits) {
        tokio::time::sleep(AGAIN).await;
        let later = tree(s, sight).await?;
        picture.tree = moved(&picture.tree, for_rows(&later), check, limits);
        let sessions = shown(&later);
        return Ok(Seen { sessions, ..judge(&picture, sight, check, limits) });
    }
    Ok(Seen { sessions, ..judge(&picture, sight, check, limits) })
}
