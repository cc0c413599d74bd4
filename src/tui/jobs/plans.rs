//! Plans from files and of earlier runs, sharing them, and advice upon a statement.

use super::{Shared, files};
use crate::app::Msg;
use crate::app::effect::JobId;
use crate::app::state::Note;
use crate::model::{Dialect, Error, Param};
use crate::ops::{self, Cx};
use crate::plan::candidates::Candidate;
use crate::plan::origin;
use crate::sql::params;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Kept plans of a statement.
pub fn history(shared: &Shared, target: &str, dialect: Dialect, text: &str) {
    let result = ops::plans::of_statement(&shared.cx(), target, dialect, text);
    shared.send(Msg::PlanHistory { result });
}

/// Opens one of them.
pub fn open_kept(shared: &Shared, id: i64) {
    let result = shared.cx().store.plan(id).map(Box::new);
    shared.send(Msg::KeptPlan { result });
}

/// Reads a plan that somebody saved.
pub fn open(shared: &Shared, path: PathBuf) {
    let path = files::resolve(shared, &path);
    let result = files::bytes(&path).and_then(origin::decoded).and_then(|text| ops::plans::read(&text)).map(Box::new);
    shared.send(Msg::PlanRead { path, result });
}

/// Writes a plan for other people into a new file.
pub fn share(shared: &Shared, path: PathBuf, text: &str) {
    let path = files::resolve(shared, &path);
    let shown = crate::text::clean(&path.display().to_string()).into_owned();
    let made = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut f| f.write_all(text.as_bytes()));
    let note = match made {
        Ok(()) => Note::ok(format!("The plan is in {shown}.")),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Note::warning(format!("{shown} is there already: choose another name.")),
        Err(e) => Note::error(&Error::io(format!("writing {shown}"), e)),
    };
    shared.send(Msg::Said(note));
}

/// Index advice upon a statement.
pub async fn advise(shared: Arc<Shared>, cx: Cx, link: u64, job: JobId, text: String, values: BTreeMap<String, Param>, measure: bool) {
    let Some(live) = shared.live(link) else { return };
    let sent = params::inline(live.connection.dialect(), &text, &values).unwrap_or(text);
    let wanted = ops::advice::Wanted { measure, ..ops::advice::Wanted::default() };
    let result = ops::advice::advise(&cx, &live.connection, &sent, wanted).await.map(Box::new);
    shared.unregister(job);
    shared.send(Msg::Advised { link, job, result });
}

/// Writes an accepted index as a pair of migration scripts.
pub fn queue(shared: &Shared, link: u64, candidate: &Candidate, why: &str) {
    let Some(live) = shared.live(link) else { return };
    let result = ops::advice::queue(&shared.cx(), &live.connection, candidate, why)
        .map(|all| all.into_iter().flat_map(|q| [q.up, q.down]).collect());
    shared.send(Msg::AdviceQueued { link, result });
}
