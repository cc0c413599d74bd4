//! Values for the parameters of statements: asked for in a form, remembered for the next time.

use super::dialog::{Dialog, Field, Form, Purpose, Wanted};
use super::effect::{Effect, Statement};
use super::panes::{files, plan, running};
use super::state::State;
use crate::model::{Param, Reading};
use crate::sql::fingerprint::fingerprint;
use crate::sql::params::{names, placeholders, typed_value};
use crate::sql::redact::{looks_secret, secret_among_values};
use crate::store::values::KeptValue;
use std::collections::BTreeMap;

/// Most values that one form asks for: more fields than this nobody fills in by hand.
const MOST: usize = 100;

/// Names that the statements want values for, each once.
pub fn wanted<'a>(reading: impl Into<Reading>, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let reading = reading.into();
    let mut out: Vec<String> = Vec::new();
    for text in texts {
        for name in names(&placeholders(reading, text)) {
            if !out.iter().any(|n| n == name) {
                out.push(name.to_string());
            }
        }
    }
    out
}

/// The statements that want values.
fn texts(wanted_for: &Wanted) -> Vec<String> {
    match wanted_for {
        Wanted::Run(statements) => statements.iter().map(|s| s.text.clone()).collect(),
        Wanted::Export { statement, .. } => vec![statement.text.clone()],
        Wanted::Plan { text, .. } => vec![text.clone()],
    }
}

/// Asks for values; false when nothing wants any.
pub fn ask(state: &mut State, wanted_for: Wanted) -> bool {
    let texts = texts(&wanted_for);
    let names = wanted(state.query.editor.reading(), texts.iter().map(String::as_str));
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
            let last = texts.iter().find_map(|t| last(state, t, &name)).unwrap_or_default();
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

/// What was typed last for a parameter of this statement, or for one of its name anywhere. A number is no name: `$1` of another
/// statement is something else.
fn last(state: &State, text: &str, name: &str) -> Option<String> {
    let of = fingerprint(state.query.editor.dialect(), text);
    let own = state.query.kept_values.get(&of).and_then(|v| v.get(name));
    own.or_else(|| state.query.values.get(name).filter(|_| !numbered(name))).cloned()
}

/// `$1`, `?2`.
fn numbered(name: &str) -> bool {
    name.strip_prefix(['$', '?']).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

/// A value was set by name: it is the one for every statement.
pub fn set(state: &mut State, name: String, value: String) {
    state.query.kept_values.values_mut().for_each(|v| drop(v.remove(&name)));
    state.query.values.insert(name, value);
}

/// A value is forgotten; false when there was none. What the store keeps comes back with the next session.
pub fn unset(state: &mut State, name: &str) -> bool {
    let kept = state.query.kept_values.values_mut().filter_map(|v| v.remove(name)).count();
    state.query.values.remove(name).is_some() || kept > 0
}

/// Values that the store keeps came.
pub fn loaded(state: &mut State, values: Vec<KeptValue>) {
    state.query.kept_values.clear();
    for v in values {
        state.query.kept_values.entry(v.statement).or_default().insert(v.name, v.value);
    }
}

/// Remembers what was typed for these statements: for the session, and in the store what looks like no secret, where the target
/// keeps a history.
fn keep(state: &mut State, typed: &[(String, String)], texts: &[String], effects: &mut Vec<Effect>) {
    let dialect = state.query.editor.dialect();
    let target = state.link.server().filter(|s| s.target.history).map(|s| s.target.name.clone());
    let mut values = Vec::new();
    for text in texts {
        let of = fingerprint(dialect, text);
        let own = wanted(dialect, std::iter::once(text.as_str()));
        let secret = secret_among_values(dialect, text);
        for (name, value) in typed.iter().filter(|(n, _)| own.contains(n)) {
            state.query.kept_values.entry(of.clone()).or_default().insert(name.clone(), value.clone());
            if !secret && !looks_secret(name, value) {
                values.push(KeptValue { statement: of.clone(), name: name.clone(), value: value.clone() });
            }
        }
    }
    if let Some(target) = target.filter(|_| !values.is_empty()) {
        effects.push(Effect::KeepValues { target, values });
    }
}

/// What is remembered for these names; `None` when one of them never had a value.
pub fn remembered(state: &State, text: &str) -> Option<BTreeMap<String, Param>> {
    let names = wanted(state.query.editor.dialect(), std::iter::once(text));
    names.into_iter().map(|n| last(state, text, &n).map(|v| (n, typed_value(state.query.editor.dialect(), &v)))).collect()
}

/// The form is filled in: on with what it was for.
pub fn given(state: &mut State, typed: Vec<(String, String)>, wanted_for: Wanted, effects: &mut Vec<Effect>) {
    let dialect = state.query.editor.dialect();
    let values: BTreeMap<String, Param> = typed.iter().map(|(n, v)| (n.clone(), typed_value(dialect, v))).collect();
    let texts = texts(&wanted_for);
    keep(state, &typed, &texts, effects);
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
