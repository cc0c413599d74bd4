//! What was run, saved or given before: the history, the library of saved queries, values of parameters.

use super::Shared;
use super::files::named;
use crate::app::Msg;
use crate::app::state::Note;
use crate::model::Error;
use crate::ops;
use crate::store::values::KeptValue;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Statements that the history's list holds; the store keeps more.
const RECALLED: usize = 5000;

pub fn history(shared: &Shared) {
    let result = shared.cx().store.listed(RECALLED);
    shared.send(Msg::History { result });
}

/// The whole text of a statement in the history's list.
pub fn statement(shared: &Shared, id: i64) {
    let result = shared.cx().store.text_of(id);
    shared.send(Msg::Recalled { result });
}

pub fn library(shared: &Shared) {
    let (saved, notes) = ops::library::list(&shared.cx().config);
    shared.send(Msg::Library { saved, notes });
}

/// Values that parameters had on a target.
pub fn load_values(shared: &Shared, target: String) {
    let result = shared.cx().store.values(&target);
    shared.send(Msg::Values { target, result });
}

pub fn keep_values(shared: &Shared, target: &str, values: &[KeptValue]) {
    let cx = shared.cx();
    if let Err(e) = cx.store.keep_values(target, &cx.clock.stamp(), values) {
        shared.send(Msg::Said(Note::warning(format!("The values are not kept for the next session: {}", e.message))));
    }
}

/// Writes a new file of the library; one that is there stays.
pub fn save_query(shared: &Shared, path: PathBuf, text: &str) {
    let write = || {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|e| Error::io(named("making", dir), e))?;
        }
        let made = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut f| f.write_all(text.as_bytes()));
        made.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::usage(format!("{} is there already", crate::text::clean(&path.display().to_string())))
                    .hint("Choose another name; to change the file, open it and save it.")
            }
            _ => Error::io(named("saving", &path), e),
        })
    };
    let result = write();
    shared.send(Msg::QuerySaved { path, result });
}
