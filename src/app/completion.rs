//! Completion in the editor: follows the typing, from names that are in memory, and never waits for the server. Names of a schema that
//! was left out are asked for when a statement names it; the list comes when they do.

use super::backslash::proposals::Argument;
use super::effect::Effect;
use super::list::ListCursor;
use super::state::State;
use crate::config::files::EditorKeys;
use crate::config::keymap::{Code, Key};
use crate::model::names::{ColumnName, Names, Relation};
use crate::model::{Column, NodeKind};
use crate::sql::complete::{LONGEST, Proposal, ProposalKind, complete, count};
use crate::sql::transaction::may_change_names;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Lines of the list that are shown at once: more would cost bytes on every key and cover the text.
pub const ROWS: usize = 6;
/// Letters of a word before the list comes by itself; behind a dot it comes at once.
const LETTERS: usize = 2;

/// The schema under which temporary tables are kept among the names. No server has one of this name.
pub const TEMPORARY: &str = "temporary tables";

/// The list under the cursor.
#[derive(Debug, Clone)]
pub struct Popup {
    pub list: Vec<Proposal>,
    pub cursor: ListCursor,
    /// Bytes of the editor's text that a proposal replaces.
    pub replace: Range<usize>,
    /// The user moved in the list: then Enter takes what is chosen, else it is a new line.
    moved: bool,
    /// The text and the cursor that it belongs to.
    version: u64,
    at: usize,
}

/// Names of the open target, and the list if one is open.
#[derive(Debug, Default)]
pub struct Completion {
    names: Option<Arc<Names>>,
    popup: Option<Popup>,
    /// The names are to be read as soon as the first list of the tree is on the screen: they must not hold it up.
    pub wanted: bool,
    /// A statement may have changed the catalogue since the last run began. Other sessions see that once its transaction has ended.
    changed: bool,
    /// Temporary tables of the session; the catalogue's names do not have them.
    temporary: Vec<Relation>,
    /// Why there are no names, once.
    pub problem: Option<String>,
    /// A name that was not among them, for which all are read again.
    pub sought: Option<String>,
    /// A list of them that is on the screen while they are read again: the shortcut, and how many dialogs there are.
    pub listed: Option<((String, String), usize)>,
    /// Schemas whose names were asked for since all were read, and why they did not come.
    asked: BTreeMap<String, Option<String>>,
    /// The version and the place of a text that waits for them, and whether the list was asked for there.
    waits: Option<(u64, usize, bool)>,
}

impl State {
    /// The list, if it belongs to the text and the cursor as they are.
    pub fn popup(&self) -> Option<&Popup> {
        let editor = &self.query.editor;
        self.completion
            .popup
            .as_ref()
            .filter(|p| self.typing() && self.dialogs.is_empty() && p.version == editor.version && p.at == editor.cursor_byte())
    }
}

impl Completion {
    /// The names of the open target, once they were read.
    pub fn names(&self) -> Option<Arc<Names>> {
        self.names.clone()
    }
}

/// Asks for the names of the target that was opened, or of one whose schema changed.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    effects.push(Effect::Names { link: state.link_no });
}

/// The statement is on its way: the list would cover what comes of it.
pub fn close(state: &mut State) {
    state.completion.popup = None;
}

/// Another target: its names are not those of the one before.
pub fn forget(state: &mut State) {
    state.completion = Completion::default();
}

/// The names came.
pub fn loaded(state: &mut State, result: crate::model::Result<Box<Names>>, effects: &mut Vec<Effect>) {
    match result {
        Ok(mut names) => {
            // What was used since the console opened stays in front.
            if let Some(old) = &state.completion.names {
                for (name, n) in &old.used {
                    let now = names.used.entry(name.clone()).or_default();
                    *now = (*n).max(*now);
                }
            }
            let names: Arc<Names> = Arc::from(names);
            if let Some(super::dialog::Dialog::Palette(p)) = state.dialogs.last_mut() {
                p.told(&names);
            }
            state.completion.names = Some(names);
            state.completion.asked.clear();
            with_temporary(state);
            came(state, effects);
        }
        // Typing goes on without proposals of names; the reason is told when they are asked for.
        Err(e) => state.completion.problem = Some(e.message),
    }
}

/// The names of a schema came that was left for later.
pub fn loaded_more(state: &mut State, schema: &str, result: crate::model::Result<Vec<Relation>>, effects: &mut Vec<Effect>) {
    match result {
        Ok(relations) => {
            let Some(names) = &mut state.completion.names else { return };
            Arc::make_mut(names).add(schema, &relations);
        }
        Err(e) => drop(state.completion.asked.insert(schema.to_string(), Some(e.message))),
    }
    super::form_list::told(state, effects);
    came(state, effects);
}

/// Names came, of the target, a schema or a directory: for the text that waits for them.
pub fn came(state: &mut State, effects: &mut Vec<Effect>) {
    let here = (state.query.editor.version, state.query.editor.cursor_byte());
    if let Some((version, at, asked)) = state.completion.waits.take()
        && (version, at) == here
        && state.typing()
        && !state.completion.popup.as_ref().is_some_and(|p| p.moved)
    {
        propose(state, asked, effects);
        if asked && state.completion.popup.is_none() && state.completion.waits.is_none() {
            state.say(super::state::Note::info("Nothing fits here."));
        }
    }
}

/// Asks for the names of schemas that are not known yet; true when there are any to wait for.
pub fn read_more(state: &mut State, schemas: &[String], effects: &mut Vec<Effect>) -> bool {
    let link = state.link_no;
    let asked = &mut state.completion.asked;
    for schema in schemas {
        if !asked.contains_key(schema) {
            asked.insert(schema.clone(), None);
            effects.push(Effect::NamesOf { link, schema: schema.clone() });
        }
    }
    // What failed is not waited for.
    schemas.iter().any(|s| matches!(asked.get(s), Some(None)))
}

/// A temporary table was made: its columns are proposed like any other's, until the session is gone.
pub fn temporary(state: &mut State, name: String, columns: &[Column]) {
    state.completion.temporary.retain(|r| *r.name != *name);
    state.completion.temporary.push(Relation {
        schema: Arc::from(TEMPORARY),
        name: name.into(),
        kind: NodeKind::Table,
        system: false,
        unwritable: Box::default(),
        keyed: Box::default(),
        columns: columns
            .iter()
            .map(|c| Arc::new(ColumnName { name: c.name.as_str().into(), type_name: Arc::from(c.type_name.as_str()) }))
            .collect(),
    });
    with_temporary(state);
}

/// A temporary table was dropped.
pub fn forget_temporary(state: &mut State, name: &str) {
    state.completion.temporary.retain(|r| *r.name != *name);
    with_temporary(state);
}

/// Puts the temporary tables in front of the others: they hide tables of the same name.
fn with_temporary(state: &mut State) {
    let Completion { names, temporary, .. } = &mut state.completion;
    let Some(names) = names else { return };
    let names = Arc::make_mut(names);
    names.relations.retain(|r| *r.schema != *TEMPORARY);
    names.relations.extend(temporary.iter().cloned());
    names.pack();
    names.path.retain(|p| p != TEMPORARY);
    if !temporary.is_empty() {
        names.path.insert(0, TEMPORARY.into());
    }
}

/// A statement was run: its names count as used, and it may have changed the catalogue.
pub fn ran(state: &mut State, text: &str) {
    let dialect = state.query.editor.dialect();
    if let Some(names) = &mut state.completion.names {
        count(&mut Arc::make_mut(names).used, dialect, text);
    }
    if may_change_names(dialect, text) {
        state.query.tables.clear();
        state.completion.changed = true;
    }
}

/// A run begins: what the one before changed is known by now, unless its transaction is open still.
pub fn run_begins(state: &mut State) {
    state.completion.changed &= in_transaction(state);
}

/// A run ended, or its transaction did: what it changed is read again as soon as others can see it. It may be asked twice, because the
/// word that the session is in a transaction may come behind the end of a run.
pub fn read_changes(state: &mut State, effects: &mut Vec<Effect>) {
    if state.completion.changed && !in_transaction(state) {
        state.query.tables.clear();
        super::panes::schema::act(state, super::Action::Refresh, effects);
    }
}

fn in_transaction(state: &State) -> bool {
    state.link.server().is_some_and(|s| s.status.tx != crate::model::TxState::Idle)
}

/// A key was typed into the editor: the list follows, comes or goes.
pub fn typed(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let open = state.completion.popup.take().is_some();
    let word = |c: char| c.is_alphanumeric() || c == '_' || matches!(c, '.' | '"' | '`' | '@' | ':');
    let goes_on = match key.code {
        // Any letter may be one of a file's name.
        _ if key.typed().is_some() && path(state).is_some() => true,
        Code::Backspace => open,
        // A foreign key may tell all that comes.
        Code::Char(' ') => behind_join(state),
        _ => key.typed().is_some_and(word),
    };
    if goes_on {
        propose(state, false, effects);
    }
}

/// The cursor stands behind the JOIN or ON that was just typed, and its blank.
fn behind_join(state: &State) -> bool {
    let editor = &state.query.editor;
    let line = editor.line_span(editor.cursor_line()).start;
    let Some(before) = editor.text().get(line..editor.cursor_byte()).and_then(|l| l.strip_suffix(' ')) else { return false };
    let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    word.eq_ignore_ascii_case("join") || word.eq_ignore_ascii_case("on")
}

/// The list was asked for.
pub fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    // What is in a directory may be another thing by now.
    state.paths.forget();
    let unread = propose(state, true, effects);
    if state.completion.popup.is_none() && !state.paths.busy() {
        let words = match (&state.completion.names, &state.completion.problem) {
            (Some(_), _) if !unread.is_empty() => {
                let name = crate::text::clean(&unread[0]).into_owned();
                match state.completion.asked.get(&unread[0]) {
                    Some(Some(why)) => format!("The names of {name} cannot be read: {why}"),
                    _ => format!("The names of {name} are still being read."),
                }
            }
            (None, Some(why)) => format!("No names to propose: {why}"),
            (None, None) => "The names are still being read.".into(),
            _ if too_long(state) => format!("Nothing is proposed in a statement of more than {}.", crate::text::bytes(LONGEST as u64)),
            _ => "Nothing fits here.".into(),
        };
        state.say(super::state::Note::info(words));
    }
}

/// The part of the text that is read for proposals.
fn read_by(editor: &super::editor::Editor) -> (usize, usize) {
    let here = editor.statement();
    here.as_ref().map_or((0, editor.text().len()), |s| (s.outer.start, s.outer.end.max(editor.cursor_byte())))
}

fn too_long(state: &State) -> bool {
    let (start, end) = read_by(&state.query.editor);
    end - start > LONGEST
}

/// Gives the schemas that are named there and whose names are not known yet.
fn propose(state: &mut State, asked: bool, effects: &mut Vec<Effect>) -> Vec<String> {
    if let Some((line, argument)) = path(state) {
        propose_files(state, line, &argument, asked, effects);
        return Vec::new();
    }
    let empty = Names::default();
    let names = state.completion.names.as_deref().unwrap_or(&empty);
    let editor = &state.query.editor;
    let at = editor.cursor_byte();
    let line = editor.indented(editor.cursor_line());
    let (start, found) = if at > line && editor.is_backslash(line) {
        (line, super::backslash::proposals::proposals(editor.dialect(), &editor.text()[line..at], names))
    } else {
        // The statement alone is read, not the whole buffer.
        let (start, end) = read_by(editor);
        if end - start > LONGEST {
            return Vec::new();
        }
        (start, complete(editor.dialect(), &editor.text()[start..end], at - start, names))
    };
    let replace = start + found.replace.start..start + found.replace.end;
    let typed = &editor.text()[replace.clone()];
    let behind_dot = editor.text()[..replace.start].ends_with(['.', '@']) || editor.text()[..replace.start].ends_with("::");
    let joins = typed.is_empty() && found.list.first().is_some_and(|p| p.kind == ProposalKind::Join) && behind_join(state);
    let enough = asked || behind_dot || joins || typed.chars().count() >= LETTERS && !found.complete;
    let version = editor.version;
    let unread = found.unread;
    let reading = state.completion.names.is_none() && state.completion.problem.is_none();
    state.completion.waits = (reading || !unread.is_empty()).then_some((version, at, asked));
    read_more(state, &unread, effects);
    if !enough || found.list.is_empty() {
        return unread;
    }
    state.completion.popup = Some(Popup { list: found.list, cursor: ListCursor::default(), replace, moved: false, version, at });
    unread
}

/// The line of the cursor, and the path in it that the cursor is at the end of.
fn path(state: &State) -> Option<(usize, Argument)> {
    let editor = &state.query.editor;
    let at = editor.cursor_byte();
    let line = editor.indented(editor.cursor_line());
    let shortcut = state.typing() && at > line && editor.is_backslash(line);
    shortcut.then(|| Argument::of(editor.dialect(), &editor.text()[line..at])).flatten().map(|a| (line, a))
}

fn propose_files(state: &mut State, line: usize, argument: &Argument, asked: bool, effects: &mut Vec<Effect>) {
    let (version, at) = (state.query.editor.version, state.query.editor.cursor_byte());
    let begins = super::paths::split(&argument.path).1;
    if !asked && begins.chars().count() < LETTERS && (argument.path.is_empty() || !begins.is_empty()) {
        return;
    }
    // The user's own directory has no name in any other.
    let home = (argument.path == "~").then(|| vec![super::paths::Name { name: "~".into(), directory: true }]);
    let Some(names) = home.or_else(|| Some(super::paths::listing(state, &argument.path, effects)?.fitting(begins).cloned().collect()))
    else {
        state.completion.waits = Some((version, at, asked));
        return;
    };
    if let [one] = names.as_slice()
        && one.name == begins
        && !one.directory
    {
        return;
    }
    let (from, list) = argument.proposals(&names);
    if !list.is_empty() {
        let replace = line + from..at;
        state.completion.popup = Some(Popup { list, cursor: ListCursor::default(), replace, moved: false, version, at });
    }
}

/// A key while the list is open; false: the editor takes it.
pub fn key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    // Behind a shortcut that takes a file the key does what it does in a shell.
    if key == Key::plain(Code::Tab) && state.popup().is_none() && path(state).is_some() {
        ask(state, effects);
        return true;
    }
    if state.popup().is_none() || key.ctrl || key.alt {
        return false;
    }
    let Some(popup) = &mut state.completion.popup else { return false };
    match key.code {
        Code::Up | Code::Down => {
            let action = if key.code == Code::Up { super::Action::Up } else { super::Action::Down };
            popup.cursor.go(action, popup.list.len(), ROWS);
            popup.moved = true;
            true
        }
        Code::Tab if !key.shift => take(state, effects),
        Code::Enter if popup.moved => take(state, effects),
        Code::Esc => {
            state.completion.popup = None;
            state.completion.waits = None;
            // The list came by itself: in vim's INSERT the same key has to lead out of it.
            state.config.editor_keys != EditorKeys::Vim
        }
        _ => false,
    }
}

fn take(state: &mut State, effects: &mut Vec<Effect>) -> bool {
    let Some(popup) = state.completion.popup.take() else { return false };
    let Some(chosen) = popup.list.get(popup.cursor.at) else { return false };
    // A function's bracket may stand there already.
    let open = state.query.editor.text().get(popup.replace.end..).is_some_and(|behind| behind.starts_with('('));
    let insert = chosen.insert.strip_suffix('(').filter(|_| open).unwrap_or(&chosen.insert);
    state.query.editor.replace(popup.replace, insert);
    super::panes::query::edited(state, effects);
    // A directory leads on.
    if chosen.insert.ends_with('/') {
        propose(state, false, effects);
    }
    true
}

/// The word that tells a proposal's kind in the list.
pub fn kind_word(kind: ProposalKind) -> &'static str {
    match kind {
        ProposalKind::Column => "",
        ProposalKind::Alias => "alias",
        ProposalKind::Table => "table",
        ProposalKind::View => "view",
        ProposalKind::Query => "query",
        ProposalKind::Schema => "schema",
        ProposalKind::Function => "function",
        ProposalKind::Procedure => "procedure",
        ProposalKind::Type => "type",
        ProposalKind::Setting => "setting",
        ProposalKind::Index => "index",
        ProposalKind::Trigger => "trigger",
        ProposalKind::Event => "event",
        ProposalKind::Sequence => "sequence",
        ProposalKind::Role => "role",
        ProposalKind::Constraint => "constraint",
        ProposalKind::Keyword => "",
        ProposalKind::Join => "",
    }
}
