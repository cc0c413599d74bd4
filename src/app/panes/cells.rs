//! Editing cells where they stand: changes are staged, shown as SQL, and written in one transaction. Following foreign keys, which
//! needs to know the same of a result: which table its columns come from.

use super::results::back::Back;
use super::results::{Progress, ResultTab};
use super::running;
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then, Viewer};
use crate::app::effect::{JobId, ResultId, Statement};
use crate::app::state::Note;
use crate::app::{Action, Effect, State};
use crate::config::keymap::{Code, Key};
use crate::model::names::{ForeignKey, Names};
use crate::model::{Cell, Error, Param, Result, TableInfo};
use crate::ops::cells::{CellStatement, Editable, RowEdit, Written, editable, statements};
use crate::sql::params::{truth, typed_value};
use crate::sql::single::one_table;
use crate::text;
use std::collections::BTreeMap;

/// Statements that stand in the question itself.
const SHOWN: usize = 6;
/// Longest value that is edited in one line, in bytes.
const LONGEST: usize = 4000;

/// A change of a result that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// New values by column of the result, with the old ones.
    Update {
        row: u64,
        key: Vec<(String, Param)>,
        cells: BTreeMap<usize, (Param, Param)>,
    },
    Delete {
        row: u64,
        key: Vec<(String, Param)>,
        was: Vec<(String, Param)>,
    },
    Insert {
        cells: Vec<(String, Param)>,
    },
}

impl Staged {
    fn row(&self) -> Option<u64> {
        match self {
            Staged::Update { row, .. } | Staged::Delete { row, .. } => Some(*row),
            Staged::Insert { .. } => None,
        }
    }
}

impl ResultTab {
    /// The new value of a cell that is staged.
    pub fn staged_cell(&self, row: u64, column: usize) -> Option<&Param> {
        self.staged.iter().find_map(|s| match s {
            Staged::Update { row: r, cells, .. } if *r == row => cells.get(&column).map(|(_, new)| new),
            _ => None,
        })
    }
    /// `*` for a row with new values, `-` for one that is going to be deleted.
    pub fn staged_mark(&self, row: u64) -> Option<char> {
        self.staged.iter().find(|s| s.row() == Some(row)).map(|s| if matches!(s, Staged::Delete { .. }) { '-' } else { '*' })
    }
}

/// `3 changes staged`.
pub fn words(tab: &ResultTab) -> Option<String> {
    (!tab.staged.is_empty()).then(|| format!("{} staged", text::counted(tab.staged.len() as u64, "change")))
}

/// Does an action of this file; false when it is none.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::FollowKey => follow(state, effects),
        Action::DiscardEdits => discard(state),
        Action::WriteEdits => review(state, effects),
        Action::EditCell | Action::SetNull | Action::AddRow | Action::DeleteRow => match plan(state, action, effects) {
            None => {}
            Some(Err(why)) => state.say(Note::warning(why)),
            Some(Ok(plan)) => edit(state, action, &plan),
        },
        _ => return false,
    }
    true
}

/// How the result on the screen lies on its table; `None` while the table is asked for, the reason when it cannot be edited.
fn plan(state: &mut State, then: Action, effects: &mut Vec<Effect>) -> Option<std::result::Result<Editable, String>> {
    let tab = state.query.result()?;
    let Some(columns) = tab.columns.clone() else { return Some(Err("This result has no rows to edit.".into())) };
    if !matches!(tab.progress, Progress::Done(_)) {
        return Some(Err("Read-only: the result is not complete.".into()));
    }
    if let Err(why) = one_table(state.query.editor.dialect(), &tab.text) {
        return Some(Err(format!("Read-only: {why}.")));
    }
    let mut tables: Vec<&Vec<String>> = columns.iter().filter_map(|c| c.origin.as_ref()).map(|o| &o.table).collect();
    tables.dedup();
    let table = match tables.as_slice() {
        [one] => (*one).clone(),
        [] => return Some(Err("Read-only: no column comes from a table as it is.".into())),
        _ => return Some(Err("Read-only: its rows come from several tables.".into())),
    };
    if let Some(why) = no_writing(state) {
        return Some(Err(why));
    }
    let info = known(state, &table, then, effects)?;
    Some(editable(&columns, info))
}

/// Why nothing may be written here now.
fn no_writing(state: &State) -> Option<String> {
    use crate::config::AccessMode;
    let server = state.link.server()?;
    match server.target.access {
        AccessMode::Open | AccessMode::Guarded => None,
        AccessMode::ReadOnly if state.unlocked.is_some() => None,
        AccessMode::ReadOnly => {
            let key =
                crate::app::keys::key_of(state, Action::Unlock).map_or_else(String::new, |k| format!(" {k} unlocks it for 15 minutes."));
            Some(format!("Read-only: the target is.{key}"))
        }
    }
}

/// The table, if it was looked up; else it is asked for, and `then` is done again when it is there.
fn known(state: &mut State, table: &[String], then: Action, effects: &mut Vec<Effect>) -> Option<Option<TableInfo>> {
    if let Some(known) = state.query.tables.get(table) {
        return Some(known.clone());
    }
    let Some(result) = state.query.result().map(|t| t.id) else { return Some(None) };
    effects.push(Effect::TableOf { link: state.link_no, result, table: table.to_vec(), then });
    if matches!(then, Action::EditCell | Action::AddRow) {
        state.query.held = Some(Held { link: state.link_no, result, keys: Vec::new() });
        state.say(Note::info("The table is being looked up; what you type goes into the form. Esc gives up."));
    }
    None
}

/// Most keys that are kept.
const KEPT_KEYS: usize = 200;

/// Keys that are meant for a form which is not there yet: commands they are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    link: u64,
    result: ResultId,
    keys: Vec<Key>,
}

/// Keeps a key for the form that is going to open; false when none is.
pub fn held(state: &mut State, key: Key) -> bool {
    let link = state.link_no;
    let Some(held) = state.query.held.as_mut().filter(|h| h.link == link && state.dialogs.is_empty()) else {
        state.query.held = None;
        return false;
    };
    if key.code == Code::Esc || key == Key::ctrl('c') {
        state.query.held = None;
        state.say(Note::info("Given up: nothing is edited."));
    } else if held.keys.len() < KEPT_KEYS {
        held.keys.push(key);
    }
    true
}

/// A table was looked up.
pub fn table(
    state: &mut State,
    result: ResultId,
    table: Vec<String>,
    info: Result<Option<TableInfo>>,
    then: Action,
    effects: &mut Vec<Effect>,
) {
    let held = state.query.held.take_if(|h| h.result == result);
    let forms = matches!(then, Action::EditCell | Action::AddRow);
    match info {
        Ok(info) => {
            state.query.tables.insert(table, info);
            // Given up meanwhile.
            if forms && held.is_none() {
                return;
            }
            // Only if the user still looks at it.
            if state.query.result().is_some_and(|t| t.id == result) && state.dialogs.is_empty() {
                act(state, then, effects);
                // Where no form came there is nothing that they were meant for.
                for key in held.into_iter().flat_map(|h| h.keys) {
                    if state.dialogs.is_empty() {
                        break;
                    }
                    crate::app::keys::key(state, key, effects);
                }
            }
        }
        Err(e) => state.say(Note::error(&e.context("looking the table up"))),
    }
}

fn param(cell: Cell<'_>) -> std::result::Result<Param, String> {
    let whole = |b: &[u8]| std::str::from_utf8(b).map(str::to_string).map_err(|_| "Read-only: the value is not UTF-8.".to_string());
    Ok(match cell {
        Cell::Null => Param::Null,
        Cell::Text(b) => Param::Text(whole(b)?),
        Cell::Number(b) => Param::Number(whole(b)?),
        Cell::Binary(_) => return Err("Read-only: the value is binary.".into()),
    })
}

/// A value to be compared with what is there; bytes by their bytes.
fn seen(cell: Cell<'_>) -> Param {
    match cell {
        Cell::Binary(b) => Param::Bytes(b.to_vec()),
        Cell::Text(b) | Cell::Number(b) if std::str::from_utf8(b).is_err() => Param::TextBytes(b.to_vec()),
        Cell::Null => Param::Null,
        Cell::Text(b) => Param::Text(String::from_utf8_lossy(b).into_owned()),
        Cell::Number(b) => Param::Number(String::from_utf8_lossy(b).into_owned()),
    }
}

/// Why there is no row under the cursor.
fn not_there(tab: &ResultTab) -> String {
    if tab.rows > 0 { "The row is still being read; try again.".into() } else { "There are no rows here.".into() }
}

/// The key of the row under the cursor.
fn key_of_row(tab: &ResultTab, plan: &Editable) -> std::result::Result<Vec<(String, Param)>, String> {
    let Some((batch, r)) = tab.at(tab.row) else { return Err(not_there(tab)) };
    let one = |(name, column): (&String, &usize)| match param(batch.cell(r, *column))? {
        Param::Null => Err(format!("Read-only: the key column {} of this row is NULL.", text::clean(name))),
        value => Ok((name.clone(), value)),
    };
    plan.table.key.iter().zip(&plan.key).map(one).collect()
}

fn edit(state: &mut State, action: Action, plan: &Editable) {
    let done = match action {
        Action::EditCell => edit_cell(state, plan),
        Action::SetNull => set_null(state, plan),
        Action::DeleteRow => delete_row(state, plan),
        _ => {
            add_row(state, plan);
            Ok(())
        }
    };
    if let Err(why) = done {
        state.say(Note::warning(why));
    }
}

/// The cell under the cursor: its column of the table and its value as it was read.
fn cell_here(state: &State, plan: &Editable) -> std::result::Result<(usize, crate::model::ColumnInfo, Param), String> {
    let Some(tab) = state.query.result() else { return Err("There is no result.".into()) };
    let column = tab.column;
    let Some(info) = plan.columns.get(column).copied().flatten().and_then(|i| plan.table.columns.get(i)) else {
        return Err("Read-only: this column is computed, not stored.".into());
    };
    if info.generated {
        return Err(format!("Read-only: the server computes {}.", text::clean(&info.name)));
    }
    if tab.staged_mark(tab.row) == Some('-') {
        return Err("The row is going to be deleted.".into());
    }
    let Some(cell) = tab.chosen() else { return Err(not_there(tab)) };
    Ok((column, info.clone(), param(cell)?))
}

fn edit_cell(state: &mut State, plan: &Editable) -> std::result::Result<(), String> {
    let (column, info, old) = cell_here(state, plan)?;
    let Some(tab) = state.query.result() else { return Ok(()) };
    key_of_row(tab, plan)?;
    let now = tab.staged_cell(tab.row, column).unwrap_or(&old).text().unwrap_or_default().to_string();
    if now.len() > LONGEST || now.contains(['\n', '\r']) {
        return Err("The value has several lines or is too long to be edited here: write an UPDATE.".into());
    }
    let null = crate::app::keys::key_of(state, Action::SetNull).map(|k| format!("{k} in the grid sets NULL"));
    let type_name = Some(info.type_name).filter(|t| !t.is_empty());
    let hint: Vec<String> = type_name.into_iter().chain(null).collect();
    let field = Field::new(info.name.clone(), &now, hint.join("; "));
    let purpose = Purpose::EditCell { result: tab.id, row: tab.row, column };
    state.dialogs.push(Dialog::Form(Form::new(format!("Row {}", text::thousands(tab.row + 1)), purpose, Vec::new(), vec![field])));
    Ok(())
}

/// The form of a cell is filled in.
pub fn edited(state: &mut State, result: ResultId, row: u64, column: usize, typed: String) {
    let mut nothing = Vec::new();
    let Some(Ok(plan)) = plan(state, Action::EditCell, &mut nothing) else { return };
    let Some(tab) = state.query.result().filter(|t| t.id == result && t.row == row && t.column == column) else { return };
    let Some(Ok(old)) = tab.chosen().map(param) else { return };
    // What was a number stays one, where the engine takes the type from what is bound.
    let new = match typed_value(state.query.editor.dialect(), &typed) {
        Param::Number(n) if matches!(old, Param::Number(_)) => Param::Number(n),
        _ => Param::Text(typed),
    };
    if let Err(why) = stage(state, &plan, column, old, new) {
        state.say(Note::warning(why));
    }
}

fn set_null(state: &mut State, plan: &Editable) -> std::result::Result<(), String> {
    let (column, info, old) = cell_here(state, plan)?;
    if !info.nullable {
        return Err(format!("{} is NOT NULL.", text::clean(&info.name)));
    }
    stage(state, plan, column, old, Param::Null)
}

fn stage(state: &mut State, plan: &Editable, column: usize, old: Param, new: Param) -> std::result::Result<(), String> {
    let shown = state.query.shown;
    let Some(tab) = state.query.results.get_mut(shown) else { return Ok(()) };
    let key = key_of_row(tab, plan)?;
    let row = tab.row;
    let same = old.text() == new.text();
    let at = tab.staged.iter().position(|s| matches!(s, Staged::Update { row: r, .. } if *r == row));
    match at {
        Some(i) => {
            let Staged::Update { cells, .. } = &mut tab.staged[i] else { return Ok(()) };
            if same {
                drop(cells.remove(&column))
            } else {
                drop(cells.insert(column, (old, new)))
            }
            if cells.is_empty() {
                tab.staged.remove(i);
            }
        }
        None if !same => tab.staged.push(Staged::Update { row, key, cells: BTreeMap::from([(column, (old, new))]) }),
        None => {}
    }
    Ok(())
}

fn delete_row(state: &mut State, plan: &Editable) -> std::result::Result<(), String> {
    let shown = state.query.shown;
    let Some(tab) = state.query.results.get_mut(shown) else { return Ok(()) };
    let row = tab.row;
    // The same key takes it back.
    if let Some(i) = tab.staged.iter().position(|s| matches!(s, Staged::Delete { row: r, .. } if *r == row)) {
        tab.staged.remove(i);
        return Ok(());
    }
    let key = key_of_row(tab, plan)?;
    let Some((batch, r)) = tab.at(row) else { return Ok(()) };
    // Every value that was seen: a row that is another one by now must not go.
    let was = (0..batch.columns())
        .filter(|c| !plan.key.contains(c))
        .filter_map(|c| Some((plan.table.columns.get(plan.columns[c]?)?.name.clone(), seen(batch.cell(r, c)))))
        .collect();
    tab.staged.retain(|s| s.row() != Some(row));
    tab.staged.push(Staged::Delete { row, key, was });
    Ok(())
}

fn add_row(state: &mut State, plan: &Editable) {
    let Some(result) = state.query.result().map(|t| t.id) else { return };
    let columns: Vec<&crate::model::ColumnInfo> = plan.table.columns.iter().filter(|c| !c.generated).collect();
    let body =
        vec!["An empty field leaves the column to its default. NULL is no value, '' an empty text, 'quotes' make a text.".to_string()];
    let hint = |c: &crate::model::ColumnInfo| {
        let needed = if c.nullable || c.default { "" } else { ", needed" };
        format!("{}{needed}", c.type_name)
    };
    let fields = columns.iter().map(|c| Field::new(c.name.clone(), "", hint(c))).collect();
    let title = format!("A new row of {}", text::clean(&plan.table.name));
    state.dialogs.push(Dialog::Form(Form::new(title, Purpose::AddRow { result }, body, fields)));
}

/// The form of a new row is filled in.
pub fn added(state: &mut State, result: ResultId, fields: Vec<(String, String)>) {
    let dialect = state.query.editor.dialect();
    let Some(Ok(plan)) = plan(state, Action::AddRow, &mut Vec::new()) else { return };
    // `true` is a number for a column of numbers, and a word for one of texts.
    let of_words = |name: &str| {
        let of = plan.table.columns.iter().find(|c| c.name == name).map(|c| c.type_name.to_ascii_lowercase());
        of.is_some_and(|t| ["char", "text", "clob", "enum", "set", "json"].iter().any(|w| t.contains(w)))
    };
    let value = |(n, v): (String, String)| match typed_value(dialect, &v) {
        Param::Number(_) if of_words(&n) && truth(v.trim()).is_some() => (n, Param::Text(v)),
        value => (n, value),
    };
    let cells: Vec<(String, Param)> = fields.into_iter().filter(|(_, v)| !v.is_empty()).map(value).collect();
    if cells.is_empty() {
        state.say(Note::info("Nothing was filled in: there is no new row."));
        return;
    }
    if let Some(tab) = state.result_mut(result) {
        tab.staged.push(Staged::Insert { cells });
    }
    let key = crate::app::keys::key_of(state, Action::WriteEdits).unwrap_or_default();
    state.say(Note::info(format!("The new row is staged; {key} shows what is going to be written.")));
}

/// The statements that are staged, with their table.
fn staged(state: &State) -> Option<(ResultId, TableInfo, Vec<CellStatement>)> {
    let tab = state.query.result().filter(|t| !t.staged.is_empty())?;
    let columns = tab.columns.as_ref()?;
    let origin = columns.iter().find_map(|c| c.origin.as_ref())?;
    let plan = editable(columns, state.query.tables.get(&origin.table).cloned().flatten()).ok()?;
    let name = |c: usize| plan.columns.get(c).copied().flatten().and_then(|i| plan.table.columns.get(i)).map(|c| c.name.clone());
    let edits: Vec<RowEdit> = tab
        .staged
        .iter()
        .map(|s| match s.clone() {
            Staged::Update { key, cells, .. } => {
                RowEdit::Update { key, cells: cells.into_iter().filter_map(|(c, (old, new))| Some((name(c)?, old, new))).collect() }
            }
            Staged::Delete { key, was, .. } => RowEdit::Delete { key, was },
            Staged::Insert { cells } => RowEdit::Insert { cells },
        })
        .collect();
    let list = statements(state.query.editor.dialect(), &plan.table, &edits);
    Some((tab.id, plan.table, list))
}

/// Shows what is going to be written, and asks.
fn review(state: &mut State, _effects: &mut [Effect]) {
    if running::busy(state) {
        return;
    }
    let Some((_, table, list)) = staged(state) else {
        state.say(Note::info("Nothing is staged."));
        return;
    };
    let target = text::clean(state.link.target_name().unwrap_or("")).into_owned();
    let mut body: Vec<String> = list.iter().take(SHOWN).map(|s| format!("{};", s.shown)).collect();
    if list.len() > SHOWN {
        body.push(format!("… and {} more", list.len() - SHOWN));
    }
    body.push("One transaction; each must change exactly one row, or nothing is written.".into());
    let open = state.link.server().is_some_and(|s| s.target.access == crate::config::AccessMode::Open);
    if !open {
        body.push("They are a data fix: you see what changed, then commit or roll back.".into());
    }
    let title = format!("Write {} to {} on {target}?", text::counted(list.len() as u64, "change"), text::clean(&table.name));
    let mut answers = vec![Answer::new('n', "not yet", Then::Nothing), Answer::new('w', "write", Then::WriteEdits)];
    if list.len() > SHOWN || list.iter().any(|s| s.shown.len() > 200) {
        answers.push(Answer::new('v', "view all", Then::ShowEdits));
    }
    state.dialogs.push(Dialog::Confirm(Confirm { title, body, answers }));
}

/// All statements, above the question.
pub fn show(state: &mut State) {
    let Some((_, _, list)) = staged(state) else { return };
    review(state, &mut []);
    let all: Vec<String> = list.iter().map(|s| format!("{};", s.shown)).collect();
    state.dialogs.push(Dialog::Viewer(Viewer::new("What is going to be written", all.join("\n")).sql()));
}

/// Writes what is staged.
pub fn write(state: &mut State, effects: &mut Vec<Effect>) {
    let Some((result, table, statements)) = staged(state) else { return };
    let job = state.id();
    state.job(job, "writing changes", true, effects);
    if let Some(job) = state.jobs.last_mut() {
        job.blocked = Some(crate::app::blocked::Blocked::of("cell edit"));
    }
    effects.push(Effect::WriteCells { link: state.link_no, job, result, table: Box::new(table), statements });
}

/// The changes are written, or none of them is.
pub fn written(state: &mut State, job: JobId, result: ResultId, outcome: std::result::Result<Written, Error>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    match outcome {
        Err(e) => crate::app::work::failed(state, &e),
        Ok(done) => {
            let open = state.link.server().is_some_and(|s| s.status.tx != crate::model::TxState::Idle);
            let more = if open { " The transaction is still open: commit or roll back." } else { "" };
            state.say(Note::ok(format!("{} written.{more}", text::counted(done.rows, "row"))));
            if let Some(e) = done.unrecorded {
                state.say(Note::warning(format!("Written, but not recorded in the journal: {}", e.message)));
            }
            read_again(state, result, effects);
        }
    }
}

/// What is on the screen is older than what is written: the rows are read again.
pub fn read_again(state: &mut State, result: ResultId, effects: &mut Vec<Effect>) {
    let shown = state.query.result().is_some_and(|t| t.id == result);
    let plan = shown.then(|| plan(state, Action::EditCell, &mut Vec::new())).flatten().and_then(std::result::Result::ok);
    if let Some(tab) = state.result_mut(result) {
        let back = Back::of(tab, plan.as_ref());
        tab.staged.clear();
        let again = Statement { text: tab.text.clone(), offset: tab.offset, values: tab.values.clone(), data: None };
        running::again(state, result, again, effects);
        if let Some(r) = &mut state.query.running {
            r.back = Some(back);
        }
    }
}

/// The changes are made in a transaction that waits for its answer.
pub fn waits(state: &mut State, job: JobId, result: ResultId, report: super::fix::Report, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    super::fix::begun(state, result, true, report, effects);
}

fn discard(state: &mut State) {
    let Some(words) = state.query.result().and_then(words) else {
        state.say(Note::info("Nothing is staged."));
        return;
    };
    state.dialogs.push(Dialog::Confirm(Confirm {
        title: "Discard the changes?".into(),
        body: vec![format!("{words}; nothing of it is written yet.")],
        answers: vec![Answer::new('n', "keep them", Then::Nothing), Answer::new('d', "discard", Then::DiscardEdits)],
    }));
}

/// Throws away what is staged.
pub fn discarded(state: &mut State) {
    let shown = state.query.shown;
    if let Some(tab) = state.query.results.get_mut(shown) {
        tab.staged.clear();
    }
}

/// Goes along a foreign key of the cell's column; without one, to the tables that refer to it.
fn follow(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(tab) = state.query.result() else { return };
    let Some(origin) = tab.columns.as_ref().and_then(|c| c.get(tab.column)).and_then(|c| c.origin.clone()) else {
        state.say(Note::info("This column is computed: it refers to nothing."));
        return;
    };
    let Some(info) = known(state, &origin.table, Action::FollowKey, effects) else { return };
    let (Some(info), Some(names)) = (info, state.completion.names()) else {
        state.say(Note::info("The foreign keys of its table are not known."));
        return;
    };
    let Some(column) = info.columns.iter().find(|c| c.id.eq_ignore_ascii_case(&origin.column)).map(|c| c.name.clone()) else { return };
    let choices = references(&names, &info, &column);
    let mut ways: Vec<(String, Statement)> = Vec::new();
    let mut why = None;
    for (label, table, pairs) in choices {
        match way(state, &origin.table, &info, table, &pairs) {
            Ok(statement) => ways.push((label, statement)),
            Err(e) => why = Some(e),
        }
    }
    match ways.len() {
        0 => state.say(Note::info(why.unwrap_or_else(|| format!("No foreign key leads from {} or to it.", text::clean(&column))))),
        1 => {
            if !running::busy(state) {
                running::send(state, ways.into_iter().map(|(_, s)| s).collect(), effects);
            }
        }
        _ => {
            let mut answers = vec![Answer::new('n', "stay", Then::Nothing)];
            let body = ways.iter().take(9).enumerate().map(|(i, (label, _))| format!("{}  {label}", i + 1)).collect();
            for (i, (_, s)) in ways.into_iter().take(9).enumerate() {
                answers.push(Answer::new(char::from(b'1' + i as u8), "", Then::Run(vec![s])));
            }
            state.dialogs.push(Dialog::Confirm(Confirm { title: "Where to?".into(), body, answers }));
        }
    }
}

type Way<'a> = (String, (&'a str, &'a str), Vec<(&'a str, &'a str)>);

/// Foreign keys of a column: where they lead, as (words, table, pairs of own and other column). Outwards first; when none leads
/// outwards, those that come in.
fn references<'a>(names: &'a Names, info: &TableInfo, column: &str) -> Vec<Way<'a>> {
    let is = |t: &(std::sync::Arc<str>, Box<str>)| *t.0 == *info.schema && *t.1 == *info.name;
    fn pairs<'k>(own: &'k [Box<str>], other: &'k [Box<str>]) -> Vec<(&'k str, &'k str)> {
        own.iter().map(|c| &**c).zip(other.iter().map(|c| &**c)).collect()
    }
    let with = |k: &ForeignKey, own: &[Box<str>]| own.iter().any(|c| **c == *column) && !k.columns.is_empty();
    let out: Vec<Way<'a>> = names
        .foreign_keys
        .iter()
        .filter(|k| is(&k.table) && with(k, &k.columns))
        .map(|k| (format!("to {}", k.referenced.1), (&*k.referenced.0, &*k.referenced.1), pairs(&k.columns, &k.referenced_columns)))
        .collect();
    if !out.is_empty() {
        return out;
    }
    names
        .foreign_keys
        .iter()
        .filter(|k| is(&k.referenced) && with(k, &k.referenced_columns))
        .map(|k| {
            let label = format!("rows of {} by {}", k.table.1, k.columns.join(", "));
            (label, (&*k.table.0, &*k.table.1), pairs(&k.referenced_columns, &k.columns))
        })
        .collect()
}

/// The statement that shows the other end for the row under the cursor.
fn way(
    state: &State,
    origin: &[String],
    info: &TableInfo,
    other: (&str, &str),
    pairs: &[(&str, &str)],
) -> std::result::Result<Statement, String> {
    let dialect = state.query.editor.dialect();
    let Some(tab) = state.query.result() else { return Err("There is no result.".into()) };
    let (Some(columns), Some((batch, r))) = (&tab.columns, tab.at(tab.row)) else {
        return Err(not_there(tab));
    };
    let mut conditions = Vec::new();
    let mut values = BTreeMap::new();
    for (i, (own, theirs)) in pairs.iter().enumerate() {
        let id = info.columns.iter().find(|c| c.name == *own).map(|c| c.id.as_str());
        let at = columns.iter().position(|c| c.origin.as_ref().is_some_and(|o| o.table == origin && Some(o.column.as_str()) == id));
        let Some(at) = at else { return Err(format!("The foreign key needs {}, which is not in the result.", text::clean(own))) };
        let value = match batch.cell(r, at) {
            Cell::Null => return Err("NULL refers to nothing.".into()),
            cell => param(cell)?,
        };
        let name = format!(":key_{}", i + 1);
        conditions.push(format!("{} = {name}", dialect.quote_ident(theirs)));
        values.insert(name, value);
    }
    let text =
        format!("SELECT * FROM {}.{} WHERE {}", dialect.quote_ident(other.0), dialect.quote_ident(other.1), conditions.join(" AND "));
    Ok(Statement { text, offset: None, values, data: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_was_seen_names_its_row() {
        assert_eq!(seen(Cell::Binary(b"\x00\xff")), Param::Bytes(vec![0, 255]));
        assert_eq!(seen(Cell::Text(b"\xff")), Param::TextBytes(vec![255]));
        assert_eq!(seen(Cell::Text(b"a")), Param::Text("a".into()));
        assert_eq!(seen(Cell::Null), Param::Null);
    }
}
