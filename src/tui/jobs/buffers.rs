//! The editor's buffers: into the store, and back.

use super::Shared;
use super::files;
use crate::app::Msg;
use crate::model::Result;
use crate::store::buffers::{Buffer, Keep};
use std::path::PathBuf;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

/// Does one thing after the other: an older text must never be saved over a newer one.
pub struct Queue(mpsc::Sender<Box<dyn FnOnce() + Send>>);

impl Queue {
    pub fn new() -> Queue {
        let (tx, rx) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        std::thread::spawn(move || rx.into_iter().for_each(|work| work()));
        Queue(tx)
    }
    pub fn push(&self, work: impl FnOnce() + Send + 'static) {
        // The thread ends with the queue, not before.
        let _ = self.0.send(Box::new(work));
    }
    /// Waits until all that was pushed is done, at most `limit`.
    pub fn wait(&self, limit: Duration) {
        let (tx, rx) = mpsc::channel();
        self.push(move || {
            let _ = tx.send(());
        });
        let _ = rx.recv_timeout(limit);
    }
}

/// Names this console among others that write into the same buffers.
static WRITER: LazyLock<String> = LazyLock::new(|| format!("{}-{}", std::process::id(), jiff::Timestamp::now()));

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// Saves; a store that cannot be used leaves a file for the text on the screen, as before there were several.
pub fn save(shared: &Shared, target: &str, buffers: &[Keep]) {
    let cx = shared.cx();
    let result = match cx.store.problem() {
        None => cx.store.keep_buffers(target, &WRITER, &now(), buffers),
        Some(_) => match buffers.iter().find(|b| b.active).and_then(|b| b.text.as_ref()) {
            Some(text) => save_into_file(shared, target, text),
            None => Ok(()),
        },
    };
    shared.send(Msg::BufferSaved { result });
}

pub fn load(shared: &Shared, target: String) {
    let cx = shared.cx();
    let kept = match cx.store.problem() {
        None => cx.store.buffers(&target, &WRITER),
        Some(_) => Ok(Vec::new()),
    };
    let result = kept.and_then(|kept| match kept.is_empty() {
        false => Ok(kept),
        // From a console that kept one buffer in a file.
        true => Ok(load_from_file(shared, &target)?.map(alone).into_iter().collect()),
    });
    shared.send(Msg::BuffersLoaded { target, result });
}

fn alone(text: String) -> Buffer {
    Buffer { id: 0, text, cursor: 0, file: None, crlf: false, unsaved: false, print: None, active: true }
}

pub fn close(shared: &Shared, target: &str, id: i64) {
    if let Err(e) = shared.cx().store.close_buffer(target, id, &now()) {
        shared.send(Msg::BufferSaved { result: Err(e) });
    }
}

pub fn reopen(shared: &Shared, target: String) {
    let result = shared.cx().store.reopen_buffer(&target, &WRITER);
    shared.send(Msg::BufferReopened { target, result });
}

fn file_of(shared: &Shared, target: &str) -> PathBuf {
    // A target from a URL may bear any name; a file name may not.
    let name = percent_encoding::utf8_percent_encode(target, percent_encoding::NON_ALPHANUMERIC);
    shared.cx().config.state_dir.join("buffers").join(format!("{name}.sql"))
}

/// The text that an earlier console, or one without a store, kept for a target.
fn load_from_file(shared: &Shared, target: &str) -> Result<Option<String>> {
    let path = file_of(shared, target);
    if path.exists() { files::read(&path).map(Some) } else { Ok(None) }
}

/// Keeps one text for a target where there is no store.
fn save_into_file(shared: &Shared, target: &str, text: &str) -> Result<()> {
    let path = file_of(shared, target);
    path.parent().map_or(Ok(()), files::private_dir).and_then(|()| files::replace(&path, text, Some(0o600)))
}
