//! Editing cells where they stand: changes are staged, shown as SQL, and written in one transaction. Following foreign keys, which
//! needs to know the same of a result: which table its columns come from.

mod add;
mod follow;
mod write;

use super::results::{Progress, ResultTab};
use crate::app::dialog::{Dialog, Field, Form, Purpose};
use crate::app::effect::ResultId;
use crate::app::state::Note;
use crate::app::{Action, Effect, State};
use crate::config::keymap::{Code, Key};
use crate::model::{Cell, Column, ColumnInfo, Dialect, Param, Result, TableInfo};
use crate::ops::cells::{Editable, editable, keys_come_again};
use crate::sql::params::typed_value;
use crate::sql::single::one_table;
use crate::text;
pub use add::{added, open as new_row};
use std::collections::BTreeMap;
pub use write::{discarded, read_again, show, waits, write, written};

/// Longest value that is edited in one line, in bytes.
const LONGEST: usize = 4000;

/// What stands in a new row where the server fills a value in.
pub const LEFT_OUT: &str = "(default)";

/// A change of a result that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// New values by column of the result, with the old ones.
    Update {
        row: u64,
        key: Vec<(String, Param)>,
        cells: BTreeMap<usize, (Param, Param)>,
        /// See [`crate::ops::cells::RowEdit::Update`].
        was: Vec<(String, Param)>,
    },
    Delete {
        row: u64,
        key: Vec<(String, Param)>,
        was: Vec<(String, Param)>,
    },
    Insert {
        cells: Vec<(String, Param)>,
        /// What was typed into the form's fields, by their columns.
        typed: Vec<(String, String)>,
        /// The values by column of the result, as far as its columns are the table's: none where the server fills one in.
        shown: BTreeMap<usize, Option<Param>>,
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
    /// New rows that are staged, by column of the result.
    pub fn new_rows(&self) -> impl DoubleEndedIterator<Item = &BTreeMap<usize, Option<Param>>> {
        self.staged.iter().filter_map(|s| if let Staged::Insert { shown, .. } = s { Some(shown) } else { None })
    }
    /// How many of a grid's lines the new rows take at its foot: most are left to the rows that are there, and all behind the last one are
    /// free.
    pub fn foot(&self, lines: u16) -> u16 {
        if self.record {
            return 0;
        }
        let rows = u16::try_from(self.rows - self.top.min(self.rows)).unwrap_or(u16::MAX);
        self.new_rows_high().min((lines / 3).max(lines.saturating_sub(rows)).max(1))
    }
    /// The cursor is on the last row: scrolled so that as many of the new ones as can be stand below it.
    pub fn make_room(&mut self, lines: u16) {
        if !self.record && self.row + 1 == self.rows {
            let kept = u64::from(lines.saturating_sub(self.new_rows_high()).max(1));
            self.top = self.top.max(self.rows.saturating_sub(kept));
        }
    }
    fn new_rows_high(&self) -> u16 {
        u16::try_from(self.new_rows().count()).unwrap_or(u16::MAX)
    }
}

/// `3 changes staged`.
pub fn words(tab: &ResultTab) -> Option<String> {
    (!tab.staged.is_empty()).then(|| format!("{} staged", text::counted(tab.staged.len() as u64, "change")))
}

/// Does an action of this file; false when it is none.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::FollowKey => follow::follow(state, effects),
        Action::DiscardEdits => write::discard(state),
        Action::WriteEdits if state.query.result().is_none_or(|r| r.staged.is_empty()) => state.say(Note::info("Nothing is staged.")),
        // What is known of the table may have been forgotten since: a statement changed the schema, or the connection is another one.
        Action::WriteEdits => match plan(state, action, effects) {
            None => {}
            Some(Err(why)) => state.say(Note::warning(why)),
            Some(Ok(_)) => write::review(state),
        },
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
    if let Some(why) = tab.elsewhere() {
        return Some(Err(format!("Read-only: {why}")));
    }
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
    // A column that the table did not have when it was looked up: it was changed since, elsewhere.
    let there = |c: &Column| {
        let Some((o, info)) = c.origin.as_ref().zip(info.as_ref()) else { return true };
        info.columns.iter().any(|t| t.id.eq_ignore_ascii_case(&o.column))
    };
    if !columns.iter().all(there) && state.query.looked_up != state.query.result().map(|t| t.id) {
        state.query.tables.remove(&table);
        known(state, &table, then, effects)?;
    }
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
        state.say(Note::info(LOOKED_UP));
    }
    None
}

/// Stands at the foot until the table is there.
const LOOKED_UP: &str = "The table is being looked up; what you type goes into the form. Esc gives up.";

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
    if forms {
        state.messages.shown.take_if(|n| n.text == LOOKED_UP);
    }
    match info {
        Ok(info) => {
            state.query.tables.insert(table, info);
            state.query.looked_up = Some(result);
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
        Err(e) => state.say(Note::error(&e)),
    }
}

fn param(cell: Cell<'_>) -> std::result::Result<Param, String> {
    let whole = |b: &[u8]| std::str::from_utf8(b).map(str::to_string).map_err(|_| "Read-only: the value is not UTF-8.".to_string());
    Ok(match cell {
        Cell::Null => Param::Null,
        Cell::Text(b) => Param::Text(whole(b)?),
        Cell::Number(b) => Param::Number(whole(b)?),
        Cell::Binary(b) => Param::Bytes(b.to_vec()),
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

/// What stands for a value in a form, where it is read again as in the form of a new row.
fn in_form(value: &Param) -> String {
    match (value, value.text()) {
        (Param::Bytes(b), _) => format!("\\x{}", hex::encode(b)),
        (_, None) => "NULL".into(),
        (_, Some(t)) => match typed_value(Dialect::Postgres, t) {
            // It would be taken for no value, or for what its quotes hold.
            Param::Null => format!("'{t}'"),
            Param::Text(read) if read != t => format!("'{}'", t.replace('\'', "''")),
            _ => t.to_string(),
        },
    }
}

/// The bits of a BIT column as SQL writes them, b'101', and the one of BIT(1) without quotes: as many bytes as hold them, like the server's.
fn typed_bits(info: &ColumnInfo, typed: &str) -> Option<Vec<u8>> {
    let width: usize = info.type_name.to_ascii_lowercase().strip_prefix("bit(")?.strip_suffix(')')?.parse().ok()?;
    let digits = match typed {
        "0" | "1" if width == 1 => typed,
        _ => typed.strip_prefix(['b', 'B'])?.strip_prefix('\'')?.strip_suffix('\'')?,
    };
    let value = u64::from_str_radix(digits, 2).ok().filter(|_| digits.len() <= width)?;
    Some(value.to_be_bytes()[8 - width.div_ceil(8)..].to_vec())
}

/// Bytes as they are typed: `\x` or `0x`, and pairs of hexadecimal digits.
fn typed_bytes(info: &ColumnInfo, typed: &str) -> std::result::Result<Param, String> {
    let typed = typed.trim();
    if let Some(bytes) = typed_bits(info, typed) {
        return Ok(Param::Bytes(bytes));
    }
    // In quotes a text, as the form says: its bytes.
    if let Param::Text(text) = typed_value(Dialect::MySql, typed)
        && typed.starts_with('\'')
    {
        return Ok(Param::Bytes(text.into_bytes()));
    }
    let digits = ["\\x", "0x", "0X"].iter().find_map(|p| typed.strip_prefix(p));
    match digits.map(hex::decode) {
        Some(Ok(bytes)) => Ok(Param::Bytes(bytes)),
        _ => Err("Bytes are typed as \\x and pairs of hexadecimal digits: \\x00ff; a text stands in quotes.".into()),
    }
}

/// Whether what is typed for a column stands for bytes; PostgreSQL reads `\x…` itself. A column of SQLite may hold text as well.
fn is_bytes(dialect: Dialect, info: &ColumnInfo, old: &Param, typed: &str) -> bool {
    match dialect {
        Dialect::Postgres => false,
        Dialect::MySql => matches!(old, Param::Bytes(_)) || info.binary(dialect),
        Dialect::Sqlite => matches!(old, Param::Bytes(_)) || info.binary(dialect) && typed.trim_start().starts_with("\\x"),
    }
}

/// The column holds texts: there `true` is a word.
fn of_words(info: &ColumnInfo) -> bool {
    let of = info.type_name.to_ascii_lowercase();
    ["char", "text", "clob", "enum", "set", "json"].iter().any(|w| of.contains(w))
}

/// Something stands behind the quote that closes a text: some texts are shown in quotes in the form, and what is added behind must not make
/// these a part of the value.
fn behind_quotes(typed: &str) -> bool {
    let Some(inside) = typed.trim().strip_prefix('\'') else { return false };
    let inside = inside.replace("''", "");
    inside.find('\'').is_some_and(|at| at + 1 < inside.len())
}

/// The new value of a cell.
fn typed_for(dialect: Dialect, info: &ColumnInfo, old: &Param, typed: String) -> std::result::Result<Param, String> {
    let read = typed_value(dialect, &typed);
    if behind_quotes(&typed) {
        return Err("Something stands behind the closing quote: put it inside. In quotes two stand for one: 'it''s' is it's.".into());
    }
    if read == Param::Null {
        return if info.nullable { Ok(read) } else { Err(format!("{} is NOT NULL.", text::clean(&info.name))) };
    }
    if is_bytes(dialect, info, old, &typed) {
        return typed_bytes(info, &typed);
    }
    let quoted = typed.trim().starts_with('\'');
    // What was a number stays one, where the engine takes the type from what is bound; `true` is one there, too.
    Ok(match read {
        Param::Text(t) if quoted => Param::Text(t),
        Param::Number(n) if matches!(old, Param::Number(_)) || *old == Param::Null && !of_words(info) => Param::Number(n),
        _ => Param::Text(typed),
    })
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
            add::add_row(state, plan);
            Ok(())
        }
    };
    if let Err(why) = done {
        state.say(Note::warning(why));
    }
}

/// The cell under the cursor: its column of the table and its value as it was read.
fn cell_here(state: &State, plan: &Editable) -> std::result::Result<(usize, ColumnInfo, Param), String> {
    let Some(tab) = state.query.result() else { return Err("There is no result.".into()) };
    let column = tab.column;
    let Some(info) = plan.columns.get(column).copied().flatten().and_then(|i| plan.table.columns.get(i)) else {
        return Err("Read-only: this column is computed, not stored.".into());
    };
    if info.generated {
        return Err(format!("Read-only: the server computes {}.", text::clean(&info.name)));
    }
    if let Some(style) = tab.columns.as_ref().and_then(|c| c.get(column)).and_then(Column::ambiguous) {
        return Err(format!(
            "Read-only: {} is written so that it may be read as another value ({}). {} and run it again.",
            text::clean(&info.name),
            text::clean(style),
            Column::plain_style(style)
        ));
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
    let now = in_form(tab.staged_cell(tab.row, column).unwrap_or(&old));
    if now.len() > LONGEST || now.contains(['\n', '\r']) {
        return Err("The value has several lines or is too long to be edited here: write an UPDATE.".into());
    }
    let bytes = is_bytes(state.query.editor.dialect(), &info, &old, &now).then(|| "\\x and hexadecimal digits".to_string());
    let type_name = Some(info.type_name).filter(|t| !t.is_empty());
    let reads = "NULL is no value, 'quotes' make a text".to_string();
    let hint: Vec<String> = type_name.into_iter().chain(bytes).chain([reads]).collect();
    let field = Field::new(info.name.clone(), &now, hint.join("; "));
    let purpose = Purpose::EditCell { result: tab.id, row: tab.row, column };
    state.dialogs.push(Dialog::Form(Form::new(format!("Row {}", text::thousands(tab.row + 1)), purpose, Vec::new(), vec![field])));
    Ok(())
}

/// The form of a cell is filled in; the error is for the form, which keeps what was typed.
pub fn edited(state: &mut State, result: ResultId, row: u64, column: usize, typed: String) -> std::result::Result<(), String> {
    let mut nothing = Vec::new();
    let gone = || "The cell is not there any more.".to_string();
    let plan = plan(state, Action::EditCell, &mut nothing).ok_or_else(gone)??;
    let tab = state.query.result().filter(|t| t.id == result && t.row == row && t.column == column).ok_or_else(gone)?;
    let old = tab.chosen().map(param).ok_or_else(gone)??;
    let info = plan.columns.get(column).copied().flatten().and_then(|i| plan.table.columns.get(i)).ok_or_else(gone)?;
    let new = typed_for(state.query.editor.dialect(), info, &old, typed)?;
    stage(state, &plan, column, old, new)
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
    let was = if keys_come_again(state.query.editor.dialect()) { seen_of_row(tab, plan) } else { Vec::new() };
    let bytes = |p: &Param| matches!(p, Param::Bytes(_));
    let same = if bytes(&old) || bytes(&new) { old == new } else { old.text() == new.text() };
    let at = tab.staged.iter().position(|s| matches!(s, Staged::Update { row: r, .. } if *r == row));
    tab.widen_for(column, &new);
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
        None if !same => tab.staged.push(Staged::Update { row, key, cells: BTreeMap::from([(column, (old, new))]), was }),
        None => {}
    }
    Ok(())
}

/// Every value of the row that was seen, beside its key: a row that is another one by now must neither go nor change.
fn seen_of_row(tab: &ResultTab, plan: &Editable) -> Vec<(String, Param)> {
    let Some((batch, r)) = tab.at(tab.row) else { return Vec::new() };
    let named = |c: usize| Some((plan.table.columns.get(plan.columns[c]?)?.name.clone(), seen(batch.cell(r, c))));
    (0..batch.columns()).filter(|c| !plan.key.contains(c)).filter_map(named).collect()
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
    let was = seen_of_row(tab, plan);
    tab.staged.retain(|s| s.row() != Some(row));
    tab.staged.push(Staged::Delete { row, key, was });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_fits_the_column() {
        let column = |type_name: &str| ColumnInfo { name: "c".into(), type_name: type_name.into(), ..ColumnInfo::default() };
        let text = |s: &str| Ok(Param::Text(s.into()));
        let number = |s: &str| Ok(Param::Number(s.into()));
        let bytes = || Param::Bytes(b"a".to_vec());
        use Dialect::{MySql, Postgres, Sqlite};
        for (dialect, type_name, old, typed, new) in [
            (MySql, "varbinary(9)", bytes(), "\\x00FF", Ok(Param::Bytes(vec![0, 255]))),
            (MySql, "blob", Param::Null, "0x00ff", Ok(Param::Bytes(vec![0, 255]))),
            (MySql, "blob", bytes(), "'it''s'", Ok(Param::Bytes(b"it's".to_vec()))),
            (MySql, "bit(10)", Param::Null, "b'1000000001'", Ok(Param::Bytes(vec![2, 1]))),
            (MySql, "bit(1)", Param::Bytes(vec![0]), "1", Ok(Param::Bytes(vec![1]))),
            (MySql, "bit(64)", Param::Null, "b'1'", Ok(Param::Bytes(vec![0, 0, 0, 0, 0, 0, 0, 1]))),
            (Sqlite, "BLOB", Param::Null, "plain", text("plain")),
            (Sqlite, "", bytes(), "\\x61", Ok(bytes())),
            (Postgres, "bytea", Param::Text("\\x61".into()), "\\x62", text("\\x62")),
            (MySql, "tinyint(1)", Param::Null, "true", number("1")),
            (Sqlite, "BOOLEAN", Param::Number("1".into()), "False", number("0")),
            (MySql, "varchar(9)", Param::Null, "true", text("true")),
            (Sqlite, "", Param::Text("no".into()), "true", text("true")),
            (Postgres, "boolean", Param::Null, "true", text("true")),
            (Postgres, "text", Param::Text("'q'".into()), "'''q''!'", text("'q'!")),
            (Sqlite, "text", Param::Null, "'tis", text("'tis")),
        ] {
            assert_eq!(typed_for(dialect, &column(type_name), &old, typed.into()), new, "{type_name} {typed}");
        }
        // Behind what the form shows of the texts NULL and 'q'.
        for typed in ["'NULL'S", "'''q'''!", " 'a' b"] {
            let why = typed_for(Sqlite, &column("text"), &Param::Text("NULL".into()), typed.into()).unwrap_err();
            assert!(why.contains("behind the closing quote"), "{typed}: {why}");
        }
        assert!(typed_for(MySql, &column("blob"), &bytes(), "61".into()).is_err());
        assert!(typed_for(Sqlite, &column(""), &bytes(), "\\x6".into()).is_err());
        // Ten, or two bits; and more bits than there are.
        assert!(typed_for(MySql, &column("bit(4)"), &Param::Null, "10".into()).is_err());
        assert!(typed_for(MySql, &column("bit(2)"), &Param::Null, "b'101'".into()).is_err());
        assert_eq!(in_form(&bytes()), "\\x61");
    }

    #[test]
    fn every_value_that_was_seen_names_its_row() {
        assert_eq!(seen(Cell::Binary(b"\x00\xff")), Param::Bytes(vec![0, 255]));
        assert_eq!(seen(Cell::Text(b"\xff")), Param::TextBytes(vec![255]));
        assert_eq!(seen(Cell::Text(b"a")), Param::Text("a".into()));
        assert_eq!(seen(Cell::Null), Param::Null);
    }
}
