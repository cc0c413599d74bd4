//! What helps against who is in the way: in words, and as an action.

use super::{COMMITS, ROLLS_BACK, Words};
use crate::model::lock_tree::{LockSession, LockTree, Root};
use crate::model::recovery::Deed;
use std::collections::BTreeSet;

/// What helps, the gentlest of all.
pub(super) enum Help<'a> {
    /// DDL that waits makes a pile-up of what was one wait: it is cancelled. The ids of others that it waits for as well.
    CancelQueued { ddl: &'a LockSession, others: Vec<String> },
    /// It has committed, and a standby has to confirm that.
    Standby,
    /// A prepared transaction: either way of finishing it may lose data, and which is right is known elsewhere.
    Coordinator,
    /// It is the server's own.
    LetFinish,
    /// Its work is being undone.
    LetUndo,
    /// A replica's applier waits. Cancelled, it would stop replication: who is in its way ends.
    FreeApplier,
    /// What it holds is older than the statement that it runs.
    EndRunning,
    /// Without a transaction it holds a lock of its session's (an advisory one, LOCK TABLES): only its end gives that back.
    EndHolder,
    /// An open transaction that does nothing can only be ended.
    EndIdle,
    /// Cancelling its statement gives back what it holds.
    Cancel,
}

impl<'a> Help<'a> {
    pub(super) fn against(root: &Root, tree: &'a LockTree, words: &Words) -> Help<'a> {
        let holder = &tree.sessions[root.at];
        if holder.state == COMMITS {
            return Help::Standby;
        }
        let queued = tree.sessions.iter().find(|s| s.waits.is_some() && (words.is_queued_ddl)(s) && s.blocked_by.contains(&holder.id));
        // Of those behind the root at least half wait for the statement as well: without it they go on.
        let frees_most = |ddl: &LockSession| behind(ddl, tree) * 2 + 1 >= root.victims;
        if let Some(ddl) = queued.filter(|d| !d.own && (root.victims > 1 && frees_most(d) || holder.own)) {
            let others = tree.roots.iter().map(|r| &tree.sessions[r.at]).filter(|o| o.id != holder.id && ddl.blocked_by.contains(&o.id));
            return Help::CancelQueued { ddl, others: others.map(|o| o.id.to_string()).collect() };
        }
        match holder.idle {
            _ if holder.id == 0 => Help::Coordinator,
            _ if holder.own => Help::LetFinish,
            _ if holder.state == ROLLS_BACK => Help::LetUndo,
            _ if queued.is_some_and(|d| d.own) => Help::FreeApplier,
            Some(_) if in_transaction(holder) => Help::EndIdle,
            Some(_) => Help::EndHolder,
            None if holder.keeps => Help::EndRunning,
            None => Help::Cancel,
        }
    }

    /// The next step, in words.
    pub(super) fn next(&self, holder: &LockSession, words: &Words) -> String {
        let id = holder.id;
        match self {
            Help::CancelQueued { ddl, others } => {
                let or = match others.as_slice() {
                    _ if id == 0 => "or have the prepared transaction finished by its coordinator".to_owned(),
                    _ if holder.own => format!("or let {id} finish, which is the server's own and is not ended"),
                    _ if holder.state == ROLLS_BACK => format!("or wait until {id} is undone"),
                    [] => format!("or end {id}"),
                    others => format!("or end {id} and {}, all of them", others.join(", ")),
                };
                format!("Cancel the waiting statement of {} {} and run it later with a {}; {or}.", words.session, ddl.id, words.timeout)
            }
            Help::Standby => format!(
                "See {}: with one back that confirms, or no longer waited for, all go on. It has committed here: cancelling rolls nothing back.",
                words.confirms
            ),
            Help::Coordinator => {
                "Finish the prepared transaction: its coordinator knows whether it commits (commit-prepared) or not (rollback-prepared)."
                    .to_owned()
            }
            Help::LetFinish => {
                format!(
                    "Session {id} is the server's own, and is not ended: let it finish; what waits for it can be cancelled and run later."
                )
            }
            Help::LetUndo => format!(
                "Wait: what {id} did is being undone, and its locks go with that. Never restart the server for it: the same is undone then, with \
                 nobody let in."
            ),
            Help::FreeApplier => format!(
                "What waits is the replica's own applier: replication stands still behind {id}. End session {id}; never cancel the applier."
            ),
            Help::EndRunning => format!(
                "End session {id} (its transaction is rolled back): what it holds is older than the statement that it runs, and cancelling that \
                 gives nothing back."
            ),
            Help::EndHolder => format!("End session {id}: it holds the lock without a transaction, and gives it back with its end alone."),
            Help::EndIdle => format!("End session {id} (its transaction is rolled back): cancelling does nothing to an idle one."),
            Help::Cancel => format!("Look at what {id} runs; cancelling it rolls its statement back."),
        }
    }

    /// The action that does it, and on which session; none where waiting helps, or somebody else has to decide.
    pub(super) fn deed(&self, holder: &LockSession) -> Option<(Deed, u64)> {
        match self {
            Help::CancelQueued { ddl, .. } => Some((Deed::Cancel, ddl.id)),
            Help::Standby | Help::Coordinator | Help::LetFinish | Help::LetUndo => None,
            Help::FreeApplier if holder.idle.is_some() && in_transaction(holder) => Some((Deed::EndIdle, holder.id)),
            Help::FreeApplier | Help::EndRunning | Help::EndHolder => Some((Deed::Terminate, holder.id)),
            Help::EndIdle => Some((Deed::EndIdle, holder.id)),
            Help::Cancel => Some((Deed::Cancel, holder.id)),
        }
    }
}

/// Sessions that wait for this one, directly or through others.
fn behind(session: &LockSession, tree: &LockTree) -> usize {
    let mut found = BTreeSet::from([session.id]);
    loop {
        let before = found.len();
        let waiting = tree.sessions.iter().filter(|s| s.waits.is_some() && s.blocked_by.iter().any(|b| found.contains(b)));
        let ids: Vec<u64> = waiting.map(|s| s.id).collect();
        found.extend(ids);
        if found.len() == before {
            return before - 1;
        }
    }
}

fn in_transaction(idle: &LockSession) -> bool {
    idle.state.starts_with("idle in transaction")
}
