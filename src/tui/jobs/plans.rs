//! Plans that come from files and go into them.

use super::{Shared, files};
use crate::app::Msg;
use crate::app::state::Note;
use crate::model::Error;
use crate::ops;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Reads a plan that somebody saved.
pub fn open(shared: &Shared, path: PathBuf) {
    let path = files::resolve(shared, &path);
    let result = files::read(&path).and_then(|text| ops::plans::read(&text)).map(Box::new);
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
