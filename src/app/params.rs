//! Values for the parameters of statements: asked for in a form, remembered for the next time.

use super::dialog::{Dialog, Field, Form, Purpose, Wanted};
use super::effect::{Effect, Statement};
use super::panes::{files, plan, running};
use super::state::State;
use crate::model::{Dialect, Param};
use crate::sql::params::{names, placeholders, typed_value};
use std::collections::BTreeMap;

/// Most values that one form asks for: more fields than this nobody fills in by hand.
const MOST: usize = 100;

/// Names that the statements want values for, each once.
pub fn wanted<'a>(dialect: Dialect, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in texts {
        for name in names(&placeholders(dialect, text)) {
            if !out.iter().any(|n| n == name) {
                out.push(name.to_string());
            }
        }
    }
    out
}

/// Asks for values; false when nothing wants any.
pub fn ask(state: &mut State, wanted_for: Wanted) -> bool {
    let dialect = state.query.editor.dialect();
    let names = match &wanted_for {
        Wanted::Run(statements) => wanted(dialect, statements.iter().map(|s| s.text.as_str())),
        Wanted::Export { statement, .. } => wanted(dialect, std::iter::once(statement.text.as_str())),
        Wanted::Plan { text, .. } => wanted(dialect, std::iter::once(text.as_str())),
    };
    if names.is_empty() {
        return false;
    }
    if names.len() > MOST {
        let words = format!("There are {} parameters; more than {MOST} are not asked for one by one.", names.len());
        state.say(super::state::Note::warning(words));
        return true;
    }
    let body = vec!["A number is a number, NULL is no value, 'quotes' make a text; anything else is the text itself.".to_string()];
    let fields = names
        .into_iter()
        .map(|name| {
            let last = state.query.values.get(&name).cloned().unwrap_or_default();
            Field::new(name, &last, "")
        })
        .collect();
    let title = match &wanted_for {
        Wanted::Run(_) => "Values for this run",
        Wanted::Plan { .. } => "Values for the plan",
        Wanted::Export { .. } => "Values for the export",
    };
    state.dialogs.push(Dialog::Form(Form::new(title, Purpose::Values(wanted_for), body, fields)));
    true
}

/// What is remembered for these names; `None` when one of them never had a value.
pub fn remembered(state: &State, text: &str) -> Option<BTreeMap<String, Param>> {
    let names = wanted(state.query.editor.dialect(), std::iter::once(text));
    names.into_iter().map(|n| state.query.values.get(&n).map(|v| (n, typed_value(v)))).collect()
}

/// The form is filled in: on with what it was for.
pub fn given(state: &mut State, typed: Vec<(String, String)>, wanted_for: Wanted, effects: &mut Vec<Effect>) {
    let values: BTreeMap<String, Param> = typed.iter().map(|(n, v)| (n.clone(), typed_value(v))).collect();
    state.query.values.extend(typed);
    match wanted_for {
        Wanted::Run(statements) => {
            let with = statements.into_iter().map(|s| Statement { values: values.clone(), ..s }).collect();
            running::send(state, with, effects);
        }
        Wanted::Export { statement, path } => files::start(state, Statement { values, ..statement }, path, effects),
        Wanted::Plan { text, analyze } => plan::explain(state, text, values, analyze, effects),
    }
}
