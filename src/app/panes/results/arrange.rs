//! Sorting and filtering: of the rows that are kept, by a job that makes another list of them; or on the server, as a new statement that
//! is shown before it runs.

use super::{Progress, ResultTab};
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then};
use crate::app::effect::{JobId, ResultId, RowsWork, Statement};
use crate::app::panes::running;
use crate::app::state::Note;
use crate::app::{Action, Effect, State};
use crate::model::{Align, Column, Dialect, Kind, Result};
use crate::ops::rows::arrange::Compared;
use crate::ops::rows::{Arrangement, Filter, Order, Sort};
use crate::sql::{self, TokenKind};
use crate::text;

/// Order and selection of the rows in the grid.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// Names the list of rows: 0 is the rows as they came.
    pub number: u64,
    pub of: Arrangement,
    /// What was not compared whole, or by value.
    pub compared: Compared,
    /// The one that is being made.
    making: Option<(JobId, Arrangement)>,
}

impl View {
    /// What was asked for last.
    fn wanted(&self) -> &Arrangement {
        self.making.as_ref().map_or(&self.of, |(_, of)| of)
    }

    /// What the title says of it; the rightmost words first.
    pub fn words(&self, tab: &ResultTab) -> Vec<String> {
        let name = |c: usize| column_name(tab, c);
        let mut out = Vec::new();
        if let Some(s) = self.of.sort {
            let mut words = format!("sorted by {}{} (loaded rows", name(s.column), if s.descending { ", descending" } else { "" });
            let unknown = s.by == Order::Plain && tab.columns.as_ref().and_then(|c| c.get(s.column)).is_some_and(by_text);
            if unknown || self.compared.as_text {
                words.push_str(", by text");
            }
            if let Some(n) = self.compared.first {
                words.push_str(&format!(", first {} bytes", text::thousands(n as u64)));
            }
            words.push(')');
            out.push(words);
        }
        if self.of.filter.is_some() {
            out.push(format!("filtered: {} of {}", text::thousands(tab.rows), text::thousands(tab.kept)));
        }
        out
    }
}

/// Whether values of this column are sorted by their text although their own order may be another one: arrays, ranges, geometry, MySQL's ENUM and SET.
fn by_text(column: &Column) -> bool {
    const AS_TEXT: &[&str] =
        &["char", "varchar", "character", "text", "name", "bpchar", "citext", "uuid", "date", "time", "datetime", "macaddr", "macaddr8"];
    const BYTES: &[&str] = &["blob", "bytea", "binary", "varbinary", "bit", "bool"];
    let name = column.type_name.to_ascii_lowercase();
    let first = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let known = |w: &&str| first.starts_with(w) || first.ends_with("text") || first.ends_with("blob");
    column.align == Align::Left && !first.is_empty() && (name.ends_with("[]") || !AS_TEXT.iter().chain(BYTES).any(known))
}

/// The order of a column's values on the server.
fn order_of(state: &State, column: usize) -> Order {
    let column = state.query.result().and_then(|t| t.columns.as_ref()?.get(column).cloned());
    column.map_or(Order::Plain, |c| Order::of(state.query.result_dialect(), &c.type_name))
}

/// A column's name for a sentence.
pub fn column_name(tab: &ResultTab, column: usize) -> String {
    let name = tab.columns.as_ref().and_then(|c| c.get(column)).map_or("", |c| c.name.as_str());
    text::truncate(&text::clean(name), 30).into_owned()
}

/// Does an action of this file; false when it is none.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::SortRows => {
            let Some(tab) = settled(state) else { return true };
            let column = tab.column;
            // Ascending, descending, and as it came.
            let by = order_of(state, column);
            let Some(tab) = state.query.result() else { return true };
            let wanted = tab.view.wanted();
            let sort = match wanted.sort {
                Some(s) if s.column == column && s.descending => None,
                Some(s) if s.column == column => Some(Sort { column, descending: true, by }),
                _ => Some(Sort { column, descending: false, by }),
            };
            let of = Arrangement { sort, filter: wanted.filter.clone() };
            start(state, of, effects);
        }
        Action::FilterRows => ask(state),
        Action::ClearFilter => {
            let Some(tab) = settled(state) else { return true };
            if tab.view.wanted().filter.is_none() {
                state.say(Note::info("No filter is on."));
                return true;
            }
            let of = Arrangement { sort: tab.view.wanted().sort, filter: None };
            start(state, of, effects);
        }
        Action::SortOnServer => on_server(state),
        _ => return false,
    }
    true
}

/// The result on the screen when all its rows are here; otherwise says why not.
pub(super) fn settled(state: &mut State) -> Option<&ResultTab> {
    let why = match state.query.result() {
        None => Some("No statement has run yet."),
        Some(t) if t.columns.is_none() => Some("This result has no rows."),
        Some(t) if t.progress == Progress::Running => {
            Some("Rows are still coming. Ctrl-C ends them; what is here then can be worked with.")
        }
        Some(_) => None,
    };
    if let Some(why) = why {
        state.say(Note::info(why));
        return None;
    }
    state.query.result()
}

/// Has the list made; the one that is being made meanwhile is given up.
pub(super) fn start(state: &mut State, of: Arrangement, effects: &mut Vec<Effect>) {
    let job = state.id();
    let shown = state.query.shown;
    let Some(tab) = state.query.results.get_mut(shown) else { return };
    if !tab.staged.is_empty() {
        state.say(Note::info("Changes of cells are staged by their rows: write or discard them first."));
        return;
    }
    let before = tab.view.making.take();
    let result = tab.id;
    if of.is_plain() {
        // As they came they are at hand; the list that is not needed any more is dropped.
        tab.viewed(View::default(), tab.kept);
    } else {
        tab.view.making = Some((job, of.clone()));
    }
    if let Some((old, _)) = before {
        effects.push(Effect::Cancel { job: old });
        state.jobs.retain(|j| j.id != old);
    }
    if of.is_plain() {
        super::acts::want(state, effects);
    } else {
        state.job(job, if of.sort.is_some() { "sorting" } else { "filtering" }, false, effects);
    }
    effects.push(Effect::OnRows { job, result, work: RowsWork::Arrange(of) });
}

/// The list is made.
pub fn arranged(
    state: &mut State,
    job: JobId,
    result: ResultId,
    of: Arrangement,
    done: Result<(u64, Compared)>,
    effects: &mut Vec<Effect>,
) {
    let Some(tab) = state.result_mut(result) else { return };
    if tab.view.making.take_if(|(j, _)| *j == job).is_none() {
        return;
    }
    // A value that is being typed, or is staged, belongs to the row that stood there.
    let typing =
        state.dialogs.iter().any(|d| matches!(d, Dialog::Form(Form { purpose: Purpose::EditCell { result: r, .. }, .. }) if *r == result));
    let Some(tab) = state.result_mut(result) else { return };
    if (typing || !tab.staged.is_empty()) && done.is_ok() {
        state.say(Note::info("The rows stay as they were: a cell is being changed."));
        return;
    }
    match done {
        Ok((rows, compared)) => {
            let filtered = of
                .filter
                .as_ref()
                .map(|f| format!("{} of {} rows: {}", text::thousands(rows), text::thousands(tab.kept), text::clean(&f.text)));
            let (row, back) = (tab.row, tab.back.is_some());
            tab.viewed(View { number: job, of, compared, making: None }, rows);
            if back {
                tab.row = row.min(rows.saturating_sub(1));
            } else if let Some(words) = filtered {
                state.say(Note::info(words));
            }
            super::acts::want(state, effects);
            if back {
                super::back::seek(state, result, effects);
            }
        }
        Err(e) if e.kind == Kind::Cancelled => state.say(Note::info("Cancelled; the rows stay as they were.")),
        Err(e) => state.say(Note::error(&e)),
    }
}

/// Asks for a filter.
fn ask(state: &mut State) {
    let Some(tab) = settled(state) else { return };
    let column = column_name(tab, tab.column);
    let (text, of) = match &tab.view.wanted().filter {
        Some(f) => (f.text.clone(), f.column.map_or_else(|| "*".into(), |c| column_name(tab, c))),
        None => (String::new(), column),
    };
    let fields = vec![
        Field::new("Value", &text, "text · = != < <= > >= value · ~ pattern · is (not) null"),
        Field::new("Column", &of, "* is any column"),
    ];
    let body = vec![format!("Of the {} that are loaded, these are shown.", text::counted(tab.kept, "row"))];
    state.dialogs.push(Dialog::Form(Form::new("Filter the loaded rows", Purpose::FilterRows, body, fields)));
}

/// The form was filled in; the error is for the form.
pub fn filter(state: &mut State, value: &str, column: &str, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let Some(tab) = state.query.result() else { return Err("The result is gone.".into()) };
    let of = match column.trim() {
        "" | "*" => None,
        // Names need not be unique: the cursor's column is meant first.
        name if name == column_name(tab, tab.column) => Some(tab.column),
        name => {
            let columns = tab.columns.as_deref().unwrap_or_default();
            let exact = (0..columns.len()).find(|c| column_name(tab, *c) == name);
            let found = exact.or_else(|| (0..columns.len()).find(|c| column_name(tab, *c).eq_ignore_ascii_case(name)));
            Some(found.ok_or_else(|| format!("There is no column {}; * is any.", text::clean(name)))?)
        }
    };
    let order = of.map_or(Order::Plain, |c| order_of(state, c));
    let Some(tab) = state.query.result() else { return Err("The result is gone.".into()) };
    let parsed = Filter::parse(value, of)?;
    let style = of.and_then(|c| tab.columns.as_ref()?.get(c)?.ambiguous()).filter(|_| parsed.compares());
    if let Some(style) = style.filter(|s| s.starts_with("DateStyle")) {
        let set = crate::model::Column::plain_style(style);
        return Err(format!("Written by {}, they cannot be compared here: {set} and run it again.", text::clean(style)));
    }
    let of = Arrangement { sort: tab.view.wanted().sort, filter: Some(parsed.by(order)?) };
    start(state, of, effects);
    Ok(())
}

/// A statement that gives the same rows, whose columns have these names, in the order of one, or why there is none.
pub fn ordered(
    dialect: Dialect,
    statement: &str,
    names: &[&str],
    column: usize,
    descending: bool,
) -> std::result::Result<String, &'static str> {
    let blank = |t: &&sql::Token| matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    let tokens = sql::lex(dialect, statement);
    let first = tokens.iter().find(|t| !blank(t)).map(|t| statement[t.span.clone()].to_ascii_uppercase());
    if sql::locking::without_locks(dialect, statement).is_some() {
        return Err("It locks the rows that it reads: asked for again, it would lock them again.");
    }
    if !matches!(first.as_deref(), Some("SELECT" | "WITH" | "VALUES" | "TABLE")) || !sql::classify(dialect, statement).is_read() {
        return Err("Only a SELECT can be asked for again in another order.");
    }
    if sql::split(dialect, statement).len() != 1 {
        return Err("Only one statement can be asked for again.");
    }
    let end = tokens.iter().rfind(|t| !blank(t) && t.kind != TokenKind::Semicolon).map_or(0, |t| t.span.end);
    let inner = statement[..end].trim_start();
    // By its place: the name may be ambiguous, or need quotes.
    let by = format!("{}{}", column + 1, if descending { " DESC" } else { "" });
    let twice = |i: usize| names[..i].iter().any(|n| n.eq_ignore_ascii_case(names[i]));
    if dialect == Dialect::MySql && (0..names.len()).any(twice) {
        // A subquery may not have two columns of one name there, and takes other names only so.
        let names: Vec<String> = apart(names).iter().map(|n| dialect.quote_ident(n)).collect();
        return Ok(format!("WITH loaded ({}) AS (\n{inner}\n)\nSELECT * FROM loaded\nORDER BY {by}", names.join(", ")));
    }
    Ok(format!("SELECT * FROM (\n{inner}\n) AS loaded\nORDER BY {by}"))
}

/// The names, numbered where one is there already or would be too long for a column.
fn apart(names: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let fits = (1..=60).contains(&name.chars().count()) && !name.ends_with(' ');
        let base = if fits { (*name).to_string() } else { format!("column_{}", i + 1) };
        let mut own = base.clone();
        let mut n = 2;
        let taken = |own: &str, out: &[String]| {
            out.iter().any(|o| o.eq_ignore_ascii_case(own)) || own != *name && names.iter().any(|o| o.eq_ignore_ascii_case(own))
        };
        while taken(&own, &out) {
            own = format!("{base}_{n}");
            n += 1;
        }
        out.push(own);
    }
    out
}

fn on_server(state: &mut State) {
    let dialect = state.query.editor.dialect();
    if state.link.server().is_none() {
        state.say(Note::warning("No target is open."));
        return;
    }
    if running::busy(state) {
        return;
    }
    let Some(tab) = state.query.result() else {
        state.say(Note::info("No statement has run yet."));
        return;
    };
    if let Some(why) = tab.elsewhere() {
        return state.say(Note::info(why));
    }
    // With the values that the statement was run with.
    let run = |text: &str| Then::Run(vec![Statement { values: tab.values.clone(), ..Statement::new(text, None) }]);
    let names: Vec<&str> = tab.columns.iter().flat_map(|c| c.iter()).map(|c| c.name.as_str()).collect();
    let by = |descending| ordered(dialect, &tab.text, &names, tab.column, descending);
    let (rising, falling) = match (by(false), by(true)) {
        (Ok(a), Ok(d)) => (a, d),
        (Err(why), _) | (_, Err(why)) => {
            state.say(Note::info(why));
            return;
        }
    };
    let mut body =
        vec![format!("By {}, as a new statement of its own; yours stays as it is:", column_name(tab, tab.column)), String::new()];
    body.extend(rising.lines().take(12).map(str::to_string));
    body.push(String::new());
    body.push("The server reads everything again, and where NULL comes is its own choice.".into());
    let answers = vec![
        Answer::new('n', "no", Then::Nothing),
        Answer::new('a', "run ascending", run(&rising)),
        Answer::new('d', "descending", run(&falling)),
        Answer::new('e', "put into the editor", Then::ToEditor(rising)),
    ];
    state.ask(Confirm { title: "Sort on the server".into(), body, answers });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_the_server_alone_knows_is_called_one_by_text() {
        let of = |type_name: &str| {
            by_text(&Column { name: "c".into(), type_name: type_name.into(), align: Align::Left, origin: None, style: None })
        };
        assert!(["enum", "set", "mood", "integer[]", "point"].into_iter().all(of));
        assert!(!["text", "varchar(20)", "date", "uuid", "tinytext"].into_iter().any(of));
    }

    #[test]
    fn a_select_is_wrapped_and_nothing_else_is() {
        let sql = ordered(Dialect::Sqlite, "select a, b from t order by a; -- the end;\n", &["a", "b"], 1, true).unwrap();
        assert_eq!(sql, "SELECT * FROM (\nselect a, b from t order by a\n) AS loaded\nORDER BY 2 DESC");
        assert_eq!(sql::split(Dialect::Sqlite, &sql).len(), 1);
        assert!(ordered(Dialect::Postgres, "/* all */ WITH x AS (SELECT 1) SELECT * FROM x", &["a"], 0, false).is_ok());
        let sql = ordered(Dialect::MySql, "select a.id, b.ID, x id_2 from a join b", &["id", "ID", "id_2"], 1, false).unwrap();
        assert_eq!(
            sql,
            "WITH loaded (`id`, `ID_3`, `id_2`) AS (\nselect a.id, b.ID, x id_2 from a join b\n)\nSELECT * FROM loaded\nORDER BY 2"
        );
        for no in [
            "update t set a = 1 returning a",
            "explain select 1",
            "with x as (delete from t returning a) select * from x",
            "pragma table_info(t)",
            "select * from t for update",
        ] {
            assert!(ordered(Dialect::Postgres, no, &["a"], 0, false).is_err(), "{no}");
        }
    }
}
