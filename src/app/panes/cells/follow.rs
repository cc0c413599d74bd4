//! Following foreign keys: from a cell to the row that it refers to, or to the rows that refer to it.

use super::{known, not_there, param};
use crate::app::dialog::{Answer, Confirm, Then};
use crate::app::effect::Statement;
use crate::app::panes::running;
use crate::app::state::Note;
use crate::app::{Action, Effect, State};
use crate::model::names::{ForeignKey, Names};
use crate::model::{Cell, ColumnInfo, Param, TableInfo};
use crate::text;
use std::collections::BTreeMap;

/// Goes along a foreign key of the cell's column; without one, to the tables that refer to it.
pub(super) fn follow(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(tab) = state.query.result() else { return };
    if let Some(why) = tab.elsewhere() {
        return state.say(Note::info(why));
    }
    if tab.columns.as_ref().is_none_or(|c| c.is_empty()) {
        return state.say(Note::info("This result has no rows to follow."));
    }
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
        0 => state.say(Note::info(why.unwrap_or_else(|| {
            let column = text::clean(&column);
            format!("No foreign key leads from {column} or to it, as the names were read; R in the schema pane reads them again.")
        }))),
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
            state.ask(Confirm { title: "Where to?".into(), body, answers });
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

/// A key's value as its column compares it: BIT of MariaDB and MySQL is a number that is sent as bytes, and equals no string of them.
fn as_bound(column: Option<&ColumnInfo>, value: Param) -> Param {
    match value {
        Param::Bytes(b) if b.len() <= 8 && column.is_some_and(|c| c.type_name.to_ascii_lowercase().starts_with("bit(")) => {
            Param::Number(b.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte)).to_string())
        }
        other => other,
    }
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
        let column = info.columns.iter().find(|c| c.name == *own);
        let id = column.map(|c| c.id.as_str());
        let at = columns.iter().position(|c| c.origin.as_ref().is_some_and(|o| o.table == origin && Some(o.column.as_str()) == id));
        let Some(at) = at else { return Err(format!("The foreign key needs {}, which is not in the result.", text::clean(own))) };
        let value = match batch.cell(r, at) {
            Cell::Null => return Err("NULL refers to nothing.".into()),
            cell => as_bound(column, param(cell)?),
        };
        let name = format!(":key_{}", i + 1);
        conditions.push(format!("{} = {name}", dialect.quote_ident(theirs)));
        values.insert(name, value);
    }
    let text =
        format!("SELECT * FROM {}.{} WHERE {}", dialect.quote_ident(other.0), dialect.quote_ident(other.1), conditions.join(" AND "));
    Ok(Statement { text, offset: None, values, data: None, record: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_followed_by_their_number() {
        let column = |type_name: &str| ColumnInfo { type_name: type_name.into(), ..ColumnInfo::default() };
        let bytes = || Param::Bytes(vec![1, 1]);
        assert_eq!(as_bound(Some(&column("bit(9)")), bytes()), Param::Number("257".into()));
        assert_eq!(as_bound(Some(&column("varbinary(9)")), bytes()), bytes());
        assert_eq!(as_bound(None, bytes()), bytes());
    }
}
