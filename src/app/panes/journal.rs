//! The journal: what was done, newest first, and whether its chain still holds.

use crate::app::dialog::{Dialog, Viewer};
use crate::app::effect::Operation;
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State};
use crate::model::{Error, Result, Severity};
use crate::ops::journal::{Entry, Verification};
use crate::text;

/// Entries that are read at a time.
pub const PAGE: usize = 200;
/// Most entries that are kept; `holdpoint journal show` gives them all.
pub const MOST: usize = 5_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Journal {
    pub list: ListCursor,
    /// Newest first; `None`: not read yet.
    pub entries: Option<Vec<Entry>>,
    pub loading: bool,
    /// No older entries are there.
    pub complete: bool,
    /// Something was done since.
    pub stale: bool,
    pub error: Option<Error>,
    /// What the last walk over the chain said.
    pub verified: Option<(Severity, String)>,
}

impl Journal {
    pub fn items(&self) -> &[Entry] {
        self.entries.as_deref().unwrap_or(&[])
    }
    pub fn chosen(&self) -> Option<&Entry> {
        self.items().get(self.list.at)
    }
}

fn page(state: &State) -> usize {
    // A heading above, what the walk said below.
    arrange(state).inside(Pane::Journal).map_or(10, |a| usize::from(a.h.saturating_sub(2)).max(1))
}

/// Reads the newest entries.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    state.journal.loading = true;
    work::read(state, Operation::Journal { before: None }, effects);
}

/// The pane came on the screen.
pub fn shown(state: &mut State, effects: &mut Vec<Effect>) {
    if (state.journal.entries.is_none() || state.journal.stale) && !state.journal.loading {
        load(state, effects);
    }
}

/// Entries came.
pub fn entries(state: &mut State, before: Option<i64>, result: Result<Vec<Entry>>) {
    let j = &mut state.journal;
    j.loading = false;
    match result {
        Err(e) => j.error = Some(e),
        Ok(fresh) => {
            j.error = None;
            let short = fresh.len() < PAGE;
            let keep = j.chosen().map(|e| e.seq).filter(|_| j.list.at > 0);
            match before {
                None => {
                    // What is older and was read stays, if nothing is missing between.
                    let reached = fresh.last().map(|e| e.seq);
                    let older = j.entries.take().unwrap_or_default();
                    let joins = reached.is_some_and(|seq| older.iter().any(|e| e.seq == seq));
                    j.complete = if joins { j.complete } else { short };
                    let mut all = fresh;
                    if joins {
                        all.extend(older.into_iter().filter(|e| reached.is_some_and(|seq| e.seq < seq)));
                    }
                    j.entries = Some(all);
                    j.stale = false;
                }
                Some(seq) => {
                    let all = j.entries.get_or_insert_default();
                    if all.last().is_some_and(|e| e.seq == seq) {
                        all.extend(fresh);
                        j.complete = short || all.len() >= MOST;
                    }
                }
            }
            if let Some(at) = keep.and_then(|seq| j.items().iter().position(|e| e.seq == seq)) {
                j.list.at = at;
            }
        }
    }
    let (len, page) = (state.journal.items().len(), page(state));
    state.journal.list.follow(len, page);
}

/// The chain was walked.
pub fn verified(state: &mut State, result: Result<Verification>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(Verification::Intact { entries, head }) => {
            let words = format!("The chain holds: {} entries, head {}.", text::thousands(entries), head.get(..12).unwrap_or(&head));
            state.journal.verified = Some((Severity::Ok, words.clone()));
            state.say(Note::ok(words));
        }
        Ok(Verification::Broken { at, why }) => {
            let words = format!("The chain is broken at {at}: {}", work::sentence(&why));
            state.journal.verified = Some((Severity::Critical, words.clone()));
            state.say(Note { severity: Severity::Critical, ..Note::info(words) });
        }
    }
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (len, page) = (state.journal.items().len(), page(state));
    if state.journal.list.go(action, len, page) {
        more(state, page, effects);
        return true;
    }
    match action {
        Action::Open => {
            if let Some(e) = state.journal.chosen() {
                let viewer = Viewer::new(format!("Journal · {}", e.seq), details(e)).prose(state.size.0);
                state.dialogs.push(Dialog::Viewer(viewer));
            }
        }
        Action::VerifyJournal => drop(work::start(state, "walking the journal's chain", false, Operation::VerifyJournal, effects)),
        Action::Refresh => load(state, effects),
        Action::Filter => state.say(Note::info("This list has no filter; it is short, or newest first.")),
        Action::Copy => {
            let text = state.journal.chosen().map(details);
            effects.extend(text.map(Effect::Copy));
        }
        _ => return false,
    }
    true
}

/// Near the end older entries are read.
fn more(state: &mut State, page: usize, effects: &mut Vec<Effect>) {
    let j = &mut state.journal;
    let near = j.list.at + page + 1 >= j.items().len();
    if near
        && !j.complete
        && !j.loading
        && let Some(last) = j.items().last().map(|e| e.seq)
    {
        j.loading = true;
        work::read(state, Operation::Journal { before: Some(last) }, effects);
    }
}

/// An entry as a text to read: its facts as JSON, and its place in the chain.
fn details(e: &Entry) -> String {
    let body = serde_json::to_string_pretty(&e.body).unwrap_or_else(|_| e.body.to_string());
    format!(
        "{}\n\nNumber    {}\nAt        {}\nKind      {}\nOperator  {} (claimed)\nHost      {}\nTarget    {}\nHash      {}\nBefore    {}\n\n{body}",
        work::sentence(&e.sentence()),
        e.seq,
        e.at,
        e.kind,
        e.operator,
        e.host,
        e.target,
        e.hash,
        e.prev_hash
    )
}
