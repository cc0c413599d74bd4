//! New rows: a form fills one in, and changes or takes back one that is staged already.

use super::{LEFT_OUT, Staged, is_bytes, of_words, plan, typed_bytes};
use crate::app::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then};
use crate::app::effect::ResultId;
use crate::app::panes::results;
use crate::app::state::Note;
use crate::app::{Action, Effect, State};
use crate::model::{ColumnInfo, Param};
use crate::ops::cells::Editable;
use crate::sql::params::{truth, typed_value};
use crate::text;
use std::collections::BTreeMap;

/// New rows that have a key in the question.
const LISTED: usize = 9;

/// Opens the form, or asks first which of the new rows it is for.
pub(super) fn add_row(state: &mut State, plan: &Editable) {
    let Some(tab) = state.query.result() else { return };
    let rows: Vec<(usize, String)> = tab.staged.iter().enumerate().filter_map(|(i, s)| Some((i, words(s)?))).collect();
    if rows.is_empty() {
        return form(state, plan, None);
    }
    // The last ones are the ones that are still in mind.
    let rows = &rows[rows.len().saturating_sub(LISTED)..];
    let body = (1..).zip(rows).map(|(n, (_, words))| format!("{n}  change or take back: {words}")).collect();
    let mut answers = vec![Answer::new('n', "stay", Then::Nothing), Answer::new('a', "another row", Then::NewRow(None))];
    for (key, (i, _)) in ('1'..='9').zip(rows) {
        answers.push(Answer::new(key, "", Then::NewRow(Some(*i))));
    }
    state.ask(Confirm { title: format!("New rows of {} are staged", plan.table.name), body, answers });
}

/// A new row in a few words.
fn words(staged: &Staged) -> Option<String> {
    let Staged::Insert { typed, .. } = staged else { return None };
    let filled: Vec<String> = typed.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n} {v}")).collect();
    Some(text::truncate(&text::clean(&filled.join(", ")), 60).into_owned())
}

/// The form of another new row, or of one that is staged.
pub fn open(state: &mut State, at: Option<usize>) {
    if let Some(Ok(plan)) = plan(state, Action::AddRow, &mut Vec::new()) {
        form(state, &plan, at);
    }
}

fn form(state: &mut State, plan: &Editable, at: Option<usize>) {
    let Some(tab) = state.query.result() else { return };
    let filled = match at.and_then(|i| tab.staged.get(i)) {
        Some(Staged::Insert { typed, .. }) => typed.as_slice(),
        _ => &[],
    };
    let mut body =
        vec!["An empty field leaves the column to its default. NULL is no value, '' an empty text, 'quotes' make a text.".to_string()];
    if at.is_some() {
        body.push("With all fields empty the row is taken back.".into());
    }
    let hint = |c: &ColumnInfo| {
        let needed = if c.nullable || c.default { "" } else { ", needed" };
        format!("{}{needed}", c.type_name)
    };
    let value = |c: &ColumnInfo| filled.iter().find(|(n, _)| *n == c.name).map_or("", |(_, v)| v.as_str());
    let fields = plan.table.columns.iter().filter(|c| !c.generated).map(|c| Field::new(c.name.clone(), value(c), hint(c))).collect();
    let title = format!("A new row of {}", plan.table.name);
    let purpose = Purpose::AddRow { result: tab.id, at };
    state.dialogs.push(Dialog::Form(Form::new(title, purpose, body, fields)));
}

/// The form is filled in; an error keeps it.
pub fn added(
    state: &mut State,
    result: ResultId,
    at: Option<usize>,
    typed: Vec<(String, String)>,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    let dialect = state.query.editor.dialect();
    let plan = match plan(state, Action::AddRow, effects) {
        Some(plan) => plan?,
        // A statement has changed the schema meanwhile.
        None => return Err("The table is being looked up again: once more, please.".into()),
    };
    if let Some((name, _)) = typed.iter().find(|(_, v)| super::behind_quotes(v)) {
        let name = text::clean(name);
        return Err(format!("{name}: something stands behind the closing quote: put it inside, where two quotes stand for one."));
    }
    let info = |n: &str| plan.table.columns.iter().find(|c| c.name == n);
    let value = |(n, v): &(String, String)| {
        let info = info(n);
        let words = info.is_some_and(of_words);
        // `true` is a number for a column of numbers, and a word for one of texts.
        let value = match (typed_value(dialect, v), info) {
            (Param::Null, _) => Param::Null,
            (_, Some(i)) if is_bytes(dialect, i, &Param::Null, v) => typed_bytes(i, v).map_err(|e| format!("{}: {e}", text::clean(n)))?,
            (Param::Number(_), _) if words && truth(v.trim()).is_some() => Param::Text(v.clone()),
            (value, _) => value,
        };
        Ok((n.clone(), value))
    };
    let cells = typed.iter().filter(|(_, v)| !v.is_empty()).map(value).collect::<Result<Vec<(String, Param)>, String>>()?;
    let refuses = |(n, v): &&(String, Param)| *v == Param::Null && info(n).is_some_and(|c| !c.nullable && !c.default);
    if let Some((name, _)) = cells.iter().find(refuses) {
        return Err(format!("{} is NOT NULL, and has no default.", text::clean(name)));
    }
    let column = |i: &usize| plan.table.columns.get(*i).map(|c| cells.iter().find(|(n, _)| *n == c.name).map(|(_, v)| v.clone()));
    let of_result = |(c, of): (usize, &Option<usize>)| Some((c, of.as_ref().and_then(column)?));
    let shown: BTreeMap<usize, Option<Param>> = plan.columns.iter().enumerate().filter_map(of_result).collect();
    let Some(tab) = state.result_mut(result) else { return Ok(()) };
    for (column, value) in &shown {
        tab.widen_for(*column, value.as_ref().unwrap_or(&Param::Text(LEFT_OUT.into())));
    }
    let at = at.filter(|i| matches!(tab.staged.get(*i), Some(Staged::Insert { .. })));
    let said = match (at, cells.is_empty()) {
        (None, true) => "Nothing was filled in: there is no new row.".to_string(),
        (Some(i), true) => {
            tab.staged.remove(i);
            "The new row is taken back.".into()
        }
        (Some(i), false) => {
            tab.staged[i] = Staged::Insert { cells, typed, shown };
            "The new row is changed.".into()
        }
        (None, false) => {
            tab.staged.push(Staged::Insert { cells, typed, shown });
            let key = |a: Action| crate::app::keys::key_of(state, a).unwrap_or_default();
            let (write, again) = (key(Action::WriteEdits), key(Action::AddRow));
            format!("The new row is staged; {write} shows what is going to be written, {again} changes it or takes it back.")
        }
    };
    state.say(Note::info(said));
    // The new rows take lines at the foot of the grid.
    results::acts::want(state, effects);
    Ok(())
}
