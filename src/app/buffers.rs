//! The editor's buffers as tabs: one is in the editor, the others wait. Each is saved as it is typed, and all of them
//! come back with their target.

use super::action::Action;
use super::dialog::{Answer, Confirm, Then};
use super::editor::Editor;
use super::effect::Effect;
use super::panes::query;
use super::state::{Note, Pane, State, Workspace};
use crate::config::files::EditorKeys;
use crate::model::{Print, Result};
use crate::store::buffers::{Buffer, Keep};
use crate::text;
use std::path::{Path, PathBuf};

/// A buffer that waits while another one is in the editor.
pub struct Parked {
    id: i64,
    editor: Editor,
    file: Option<PathBuf>,
    saved: u64,
    in_file: Option<u64>,
    print: Option<Print>,
}

/// What is known of the buffers beside the text in the editor.
#[derive(Default)]
pub struct Buffers {
    /// Number of the one in the editor; 0 until it has one.
    id: i64,
    /// Its place among all.
    at: usize,
    /// The others, in order.
    parked: Vec<Parked>,
    /// Version of the text that is in its file.
    in_file: Option<u64>,
    /// Which text the file had when it was read or written here, if that is known.
    print: Option<Print>,
    /// Versions of different buffers must never be the same: how many buffers there were.
    made: u64,
    last: i64,
    /// Why the last saving failed.
    failed: Option<String>,
}

/// Versions of one buffer lie this far from those of another.
const VERSIONS: u64 = 1 << 40;

/// Two versions are of the same buffer.
pub fn same(a: u64, b: u64) -> bool {
    a / VERSIONS == b / VERSIONS
}

/// A tab of the strip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// The file's name, or a number.
    pub label: String,
    pub active: bool,
    /// Its file has another text.
    pub unsaved: bool,
}

impl Buffers {
    /// Which text the file of the one in the editor had when it was read or written here, if that is known.
    pub fn print(&self) -> Option<Print> {
        self.print
    }
    /// Why the text is not saved, where the last saving failed.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }
    /// How many there are.
    pub fn count(&self) -> usize {
        self.parked.len() + 1
    }
}

/// All tabs, in order.
pub fn tabs(state: &State) -> Vec<Tab> {
    let q = &state.query;
    let name = |file: &Option<PathBuf>, n: usize| {
        let file = file.as_ref().and_then(|f| f.file_name()).map(|f| f.to_string_lossy().into_owned());
        file.unwrap_or_else(|| (n + 1).to_string())
    };
    let b = &q.buffers;
    (0..b.count())
        .map(|n| {
            let (file, unsaved) = if n == b.at {
                (&q.file, unsaved(&q.file, b.in_file, &q.editor))
            } else {
                let p = &b.parked[n - usize::from(n > b.at)];
                (&p.file, unsaved(&p.file, p.in_file, &p.editor))
            };
            Tab { label: name(file, n), active: n == b.at, unsaved }
        })
        .collect()
}

fn unsaved(file: &Option<PathBuf>, in_file: Option<u64>, editor: &Editor) -> bool {
    file.is_some() && in_file != Some(editor.version)
}

/// The key of an action in the editor's pane: while typing the leader is one key away.
fn keys(state: &State, action: Action) -> String {
    super::work::keys_in(state, Pane::Editor, action)
}

/// A path from the root: two ways to write one are the same file.
fn whole(cwd: &Path, path: &Path) -> PathBuf {
    cwd.join(path).components().filter(|c| *c != std::path::Component::CurDir).collect()
}

/// Both paths are of one file, as far as they say.
fn same_path(state: &State, a: Option<&Path>, b: Option<&Path>) -> bool {
    let cwd = &state.config.around.cwd;
    a.zip(b).is_some_and(|(a, b)| whole(cwd, a) == whole(cwd, b))
}

/// A number for a new buffer: from the clock, so that two consoles do not give the same.
fn number(state: &mut State) -> i64 {
    let b = &mut state.query.buffers;
    b.last = state.now.as_microsecond().max(b.last + 1);
    b.last
}

/// An editor whose versions no other buffer has.
fn editor(state: &mut State, content: &str) -> Editor {
    state.query.buffers.made += 1;
    let mut e = Editor::new(state.query.editor.dialect(), content);
    e.version += state.query.buffers.made * VERSIONS;
    e
}

/// Puts the buffer of the editor among the others, and another one into the editor.
fn exchange(state: &mut State, next: Parked, at: usize) {
    let old = take(state, next);
    let b = &mut state.query.buffers;
    b.parked.insert(b.at.min(b.parked.len()), old);
    b.at = at.min(b.parked.len());
}

/// Takes the buffer out of the editor and puts this one in.
fn take(state: &mut State, next: Parked) -> Parked {
    let q = &mut state.query;
    // What is typed into the next one is another step.
    q.vim.left_insert(&mut q.editor);
    let reading = q.editor.reading();
    let mut old = Parked {
        id: std::mem::replace(&mut q.buffers.id, next.id),
        editor: std::mem::replace(&mut q.editor, next.editor),
        file: std::mem::replace(&mut q.file, next.file),
        saved: std::mem::replace(&mut q.saved, next.saved),
        in_file: std::mem::replace(&mut q.buffers.in_file, next.in_file),
        print: std::mem::replace(&mut q.buffers.print, next.print),
    };
    q.editor.read_as(reading);
    q.selecting = false;
    old.editor.unselect();
    old
}

fn shown(state: &mut State, effects: &mut Vec<Effect>) {
    query::edited(state, effects);
}

/// A new empty buffer behind the one in the editor.
pub fn new(state: &mut State, effects: &mut Vec<Effect>) {
    open(state, "", None, effects);
    if state.view.workspace != Workspace::Start {
        state.go(Pane::Editor);
    }
    state.view.typing = true;
    save(state, None, effects);
}

/// A buffer with this text behind the one in the editor; a blank one without a file gives its place.
fn open(state: &mut State, content: &str, file: Option<PathBuf>, effects: &mut Vec<Effect>) {
    if state.query.buffers.id == 0 {
        state.query.buffers.id = number(state);
    }
    let blank = state.query.editor.is_blank() && state.query.file.is_none();
    let editor = editor(state, content);
    let in_file = file.is_some().then_some(editor.version);
    let print = file.is_some().then(|| Print::of(content));
    let next = Parked { id: number(state), editor, file, saved: 0, in_file, print };
    if blank && !content.is_empty() {
        let id = state.query.buffers.id;
        take(state, Parked { id, ..next });
    } else {
        let at = state.query.buffers.at + 1;
        exchange(state, next, at);
    }
    shown(state, effects);
}

/// To the next buffer or the one before, going round.
pub fn step(state: &mut State, forward: bool, effects: &mut Vec<Effect>) {
    let (count, at) = (state.query.buffers.count(), state.query.buffers.at);
    if count == 1 {
        state.say(Note::info(format!("There is one buffer. {} makes another.", keys(state, Action::NewBuffer))));
        return;
    }
    go(state, if forward { (at + 1) % count } else { (at + count - 1) % count }, effects);
}

fn go(state: &mut State, to: usize, effects: &mut Vec<Effect>) {
    let at = state.query.buffers.at;
    if to == at || to >= state.query.buffers.count() {
        return;
    }
    let next = state.query.buffers.parked.remove(to - usize::from(to > at));
    // Its place among the others, of which the one that comes is none any more.
    state.query.buffers.at -= usize::from(to < at);
    exchange(state, next, to);
    if state.view.workspace != Workspace::Start {
        state.go(Pane::Editor);
    }
    shown(state, effects);
    save(state, None, effects);
}

/// Closes the buffer in the editor, after a question when a file lacks what was typed or a transaction is open.
pub fn close(state: &mut State, effects: &mut Vec<Effect>) {
    let mut body = Vec::new();
    if unsaved(&state.query.file, state.query.buffers.in_file, &state.query.editor)
        && let Some(file) = &state.query.file
    {
        body.push(format!("{} has not got what you typed since.", text::clean(&file.display().to_string())));
    }
    if state.holds_locks() {
        body.push("A transaction is open. It belongs to the session, not to this buffer: closing neither commits nor rolls back.".into());
    }
    if body.is_empty() {
        return closed(state, effects);
    }
    body.push(format!("The text is kept: {} opens it again.", keys(state, Action::ReopenBuffer)));
    state.ask(Confirm {
        title: "Close the buffer?".into(),
        body,
        answers: vec![Answer::new('n', "keep it open", Then::Nothing), Answer::new('c', "close it", Then::CloseBuffer)],
    });
}

/// The buffer in the editor goes.
pub fn closed(state: &mut State, effects: &mut Vec<Effect>) {
    let blank = state.query.editor.is_blank();
    save(state, None, effects);
    let (id, at) = (state.query.buffers.id, state.query.buffers.at);
    if state.query.buffers.parked.is_empty() {
        let editor = editor(state, "");
        let next = Parked { id: number(state), saved: editor.version, editor, file: None, in_file: None, print: None };
        drop(take(state, next));
    } else {
        // The one behind it comes, or the last.
        let to = at.min(state.query.buffers.parked.len() - 1);
        let next = state.query.buffers.parked.remove(to);
        drop(take(state, next));
        state.query.buffers.at = to;
    }
    if let (Some(target), true) = (state.query.buffer_of.clone(), id != 0) {
        effects.push(Effect::CloseBuffer { target, id });
    }
    if !blank {
        state.say(Note::info(format!("Closed. {} opens it again.", keys(state, Action::ReopenBuffer))));
    }
    shown(state, effects);
    save(state, None, effects);
}

/// Asks for the buffer that was closed last.
pub fn reopen(state: &mut State, effects: &mut Vec<Effect>) {
    match state.query.buffer_of.clone() {
        Some(target) => effects.push(Effect::ReopenBuffer { target }),
        None => state.say(Note::info("Buffers belong to a target: open one first.")),
    }
}

/// The buffer that was closed last came.
pub fn reopened(state: &mut State, target: &str, result: Result<Option<Buffer>>, effects: &mut Vec<Effect>) {
    match result {
        Ok(Some(b)) if state.query.buffer_of.as_deref() == Some(target) => {
            let next = unpacked(state, b);
            let at = state.query.buffers.at + 1;
            exchange(state, next, at);
            state.go(Pane::Editor);
            shown(state, effects);
            save(state, None, effects);
        }
        Ok(Some(_)) => {}
        Ok(None) => state.say(Note::info("No buffer was closed here.")),
        Err(e) => state.say(Note::error(&e)),
    }
}

fn unpacked(state: &mut State, b: Buffer) -> Parked {
    let mut editor = editor(state, &b.text);
    editor.go_to_byte(b.cursor);
    editor.crlf |= b.crlf;
    let file = b.file.map(PathBuf::from);
    let in_file = (file.is_some() && !b.unsaved).then_some(editor.version);
    // A store of before version 7 knows it only where it is the buffer's own text.
    let print = b.print.or_else(|| in_file.map(|_| Print::of(editor.file_text())));
    Parked { id: b.id, saved: editor.version, editor, file, in_file, print }
}

/// Each file that is as it was saved once, the one that was on the screen first; and the numbers of the others.
fn once(state: &State, buffers: Vec<Buffer>) -> (Vec<Buffer>, Vec<i64>) {
    let path = |b: &Buffer| b.file.as_ref().filter(|_| !b.unsaved).map(|f| whole(&state.config.around.cwd, Path::new(f)));
    let again = |i: usize, b: &Buffer| {
        path(b).is_some_and(|of| {
            let before =
                |(j, o): (usize, &Buffer)| j != i && (o.active || j < i && !b.active) && o.text == b.text && path(o) == Some(of.clone());
            buffers.iter().enumerate().any(before)
        })
    };
    let twice: Vec<bool> = buffers.iter().enumerate().map(|(i, b)| again(i, b)).collect();
    let ids = buffers.iter().zip(&twice).filter(|(_, twice)| **twice).map(|(b, _)| b.id).collect();
    (buffers.into_iter().zip(twice).filter(|(_, twice)| !twice).map(|(b, _)| b).collect(), ids)
}

/// The buffers of a target came. What was typed meanwhile stays, as one more.
pub fn loaded(state: &mut State, target: &str, result: Result<Vec<Buffer>>, effects: &mut Vec<Effect>) {
    if state.query.buffer_of.as_deref() != Some(target) {
        return;
    }
    let buffers = match result {
        Ok(b) if b.is_empty() => return,
        Ok(b) => b,
        Err(e) => return state.say(Note::error(&e)),
    };
    let blank = state.query.editor.is_blank() && state.query.file.is_none() && state.query.buffers.parked.is_empty();
    let (buffers, twice) = once(state, buffers);
    for id in twice {
        effects.push(Effect::CloseBuffer { target: target.to_string(), id });
    }
    let active = buffers.iter().position(|b| b.active).unwrap_or(0);
    let mut all: Vec<Parked> = Vec::with_capacity(buffers.len());
    for mut b in buffers {
        if b.id == 0 {
            b.id = number(state);
        }
        all.push(unpacked(state, b));
    }
    if blank {
        let next = all.remove(active);
        drop(take(state, next));
        state.query.buffers.at = active;
        state.query.buffers.parked = all;
    } else {
        // A file of the command line, or what was typed while the target opened.
        let file = state.query.file.clone();
        let as_the_file = |p: &Parked| p.in_file == Some(p.editor.version) && same_path(state, p.file.as_deref(), file.as_deref());
        let there = all.iter().position(as_the_file).map(|at| all.remove(at));
        let q = &mut state.query;
        match there {
            // It goes on as the buffer that the file had: it is kept once.
            Some(p) if q.saved != q.editor.version => q.buffers.id = p.id,
            Some(p) if p.id != q.buffers.id => effects.push(Effect::CloseBuffer { target: target.to_string(), id: p.id }),
            _ => {}
        }
        let b = &mut state.query.buffers;
        let first = b.parked.drain(..).collect::<Vec<_>>();
        b.at += all.len();
        b.parked = all;
        b.parked.extend(first);
    }
    shown(state, effects);
}

/// Another target: its buffers are others. What is here was saved.
pub fn forget(state: &mut State) {
    let editor = editor(state, "");
    let saved = editor.version;
    drop(take(state, Parked { id: 0, editor, file: None, saved, in_file: None, print: None }));
    state.query.buffers.parked.clear();
    state.query.buffers.at = 0;
}

/// Saves all buffers that changed; with a version only if the editor's text is still that one.
pub fn save(state: &mut State, version: Option<u64>, effects: &mut Vec<Effect>) {
    let now = state.query.editor.version;
    if version.is_some_and(|v| v != now) {
        return;
    }
    if let Some((target, buffers)) = to_keep(state, version.is_none() && state.query.buffers.count() > 1) {
        effects.push(Effect::SaveBuffers { target, buffers });
    }
}

/// What is not saved yet; `always`: the order and the cursors too, when no text has changed.
pub fn to_keep(state: &mut State, always: bool) -> Option<(String, Vec<Keep>)> {
    let target = state.query.buffer_of.clone()?;
    if state.query.buffers.id == 0 {
        if state.query.saved == state.query.editor.version {
            return None;
        }
        state.query.buffers.id = number(state);
    }
    // The next console may stand in another directory.
    let from = state.config.around.cwd.clone();
    let q = &mut state.query;
    let keep = |id: i64, e: &Editor, file: &Option<PathBuf>, saved: u64, in_file: Option<u64>, print: Option<Print>| Keep {
        id,
        text: (saved != e.version).then(|| e.text().to_string()),
        cursor: e.cursor_byte(),
        file: file.as_ref().and_then(|f| whole(&from, f).to_str().map(str::to_string)),
        crlf: e.crlf,
        unsaved: unsaved(file, in_file, e),
        print,
        active: false,
    };
    let mut out: Vec<Keep> = q.buffers.parked.iter().map(|p| keep(p.id, &p.editor, &p.file, p.saved, p.in_file, p.print)).collect();
    let here = keep(q.buffers.id, &q.editor, &q.file, q.saved, q.buffers.in_file, q.buffers.print);
    out.insert(q.buffers.at.min(out.len()), Keep { active: true, ..here });
    if !always && out.iter().all(|k| k.text.is_none()) {
        return None;
    }
    q.saved = q.editor.version;
    for p in &mut q.buffers.parked {
        p.saved = p.editor.version;
    }
    Some((target, out))
}

/// Saving ended. Where it failed, all of it is to be saved again.
pub fn kept(state: &mut State, result: Result<()>, effects: &mut Vec<Effect>) {
    match result {
        Ok(()) if state.query.buffers.failed.take().is_some() => {
            state.say(Note::ok("The editor's text is saved again."));
            super::acts::quit_again(state, effects);
        }
        Ok(()) => {}
        Err(e) => {
            not_saved(state);
            state.say(Note::error(&e));
            state.query.buffers.failed = Some(e.message);
        }
    }
}

fn not_saved(state: &mut State) {
    state.query.saved = 0;
    for p in &mut state.query.buffers.parked {
        p.saved = 0;
    }
}

/// A file was read: it opens as a buffer of its own, or its buffer is gone to.
pub fn file_opened(state: &mut State, path: PathBuf, content: &str, effects: &mut Vec<Effect>) {
    let name = text::clean(&path.display().to_string()).into_owned();
    let at = state.query.buffers.at;
    let there = if same_path(state, state.query.file.as_deref(), Some(&path)) {
        Some(at)
    } else {
        let n = state.query.buffers.parked.iter().position(|p| same_path(state, p.file.as_deref(), Some(&path)));
        n.map(|n| n + usize::from(n >= at))
    };
    if let Some(n) = there {
        go(state, n, effects);
        let q = &mut state.query;
        if q.editor.file_text() == content {
            (q.buffers.in_file, q.buffers.print) = (Some(q.editor.version), Some(Print::of(content)));
            state.say(Note::info(format!("{name} is open here.")));
        } else if unsaved(&q.file, q.buffers.in_file, &q.editor) {
            state.say(Note::warning(format!("{name} is open here with changes that are not saved; the file has another text.")));
        } else {
            q.editor.take_text(content);
            q.editor.go_to_byte(0);
            (q.buffers.in_file, q.buffers.print) = (Some(q.editor.version), Some(Print::of(content)));
            state.say(Note::info(format!("{name} had changed: read again. Undo brings the text before.")));
        }
    } else {
        open(state, content, Some(path), effects);
        state.say(Note::info(format!("Opened {name}.")));
    }
    if state.view.workspace != Workspace::Start {
        state.go(Pane::Editor);
    }
    // One opens a file to read and write in it: no letter may run it.
    state.view.typing = state.config.editor_keys != EditorKeys::Vim;
    shown(state, effects);
    save(state, None, effects);
}

/// What a file holds now, as a buffer of its own without a file. The one in the editor, whose file it is, may go over it.
pub fn beside(state: &mut State, path: &Path, theirs: &str, effects: &mut Vec<Effect>) {
    if state.query.file.as_deref() == Some(path) {
        state.query.buffers.print = Some(Print::of(theirs));
    }
    open(state, theirs, None, effects);
    save(state, None, effects);
}

/// The text of this version was written into a file.
pub fn file_saved(state: &mut State, path: &Path, version: u64, print: Print, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    if same(q.editor.version, version) {
        q.file = Some(path.to_path_buf());
        (q.buffers.in_file, q.buffers.print) = (Some(version), Some(print));
        // With its text: what the file has is true of this one alone.
        q.saved = 0;
    } else if let Some(p) = q.buffers.parked.iter_mut().find(|p| same(p.editor.version, version)) {
        p.file = Some(path.to_path_buf());
        (p.in_file, p.print, p.saved) = (Some(version), Some(print), 0);
    }
    state.say(Note::ok(format!("Saved to {}.", text::clean(&path.display().to_string()))));
    if let Some((target, buffers)) = to_keep(state, true) {
        effects.push(Effect::SaveBuffers { target, buffers });
    }
}
