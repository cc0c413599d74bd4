//! Plans that leave and plans that come: a file for other people, a file or a text of theirs.

use super::{Asked, kept};
use crate::app::dialog::{Dialog, Field, Form, Purpose, Takes};
use crate::app::state::Note;
use crate::app::{Effect, State};
use crate::model::Result;
use crate::model::plan::Plan;
use crate::plan::share::{Form as Shape, redact, redact_statement, render};
use crate::sql::{self, Class};
use crate::text;
use std::path::Path;

/// Longest text in the editor that may be a plan, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// Asks for a file.
pub(super) fn ask(state: &mut State) {
    if state.plan.plan.is_none() {
        return;
    }
    let body = vec![
        "The ending says the form: .md for a ticket, .html for a page that needs nothing else, .svg for a picture, .json for programs."
            .into(),
        "A plan holds the constants of its statement: without them ? stands in their places.".into(),
    ];
    let fields = vec![
        Field::new("File", "plan.html", "an existing file is never written over").of(Takes::File),
        Field::new("Constants", "yes", "yes, or no to leave them out"),
    ];
    state.dialogs.push(Dialog::Form(Form::new("Share the plan", Purpose::SharePlan, body, fields)));
}

/// The form is filled in: what is wrong with it, or the plan goes out.
pub fn submit(state: &State, file: &str, constants: &str, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let Some(plan) = &state.plan.plan else { return Err("There is no plan any more.".into()) };
    let keep = match constants.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" => true,
        "no" | "n" => false,
        _ => return Err("Constants: yes or no?".into()),
    };
    let file = file.trim();
    if file.is_empty() {
        return Err("Which file?".into());
    }
    let asked = &state.plan.asked.text;
    let bare;
    let (plan, statement) = if keep {
        (plan, asked.clone())
    } else {
        bare = redact(plan, Some(asked));
        (&bare, redact_statement(&plan.engine, asked))
    };
    let statement = Some(statement.as_str()).filter(|s| !s.trim().is_empty());
    let text = match Shape::of_ending(file) {
        Some(form) => render(plan, statement, form),
        None if file.to_ascii_lowercase().ends_with(".json") => format!("{:#}\n", crate::plan::json::document(plan)),
        None => return Err("The ending says the form: .md, .html, .svg or .json.".into()),
    };
    effects.push(Effect::SharePlan { path: file.into(), text });
    Ok(())
}

/// Asks for the file of a plan.
pub(super) fn ask_file(state: &mut State) {
    let body =
        vec!["What EXPLAIN printed, as text or JSON, of PostgreSQL, MySQL, MariaDB or SQLite; also from a log or a frame of psql.".into()];
    let fields = vec![Field::new("File", "", "a plan that you paste into the editor is opened by the plan key there").of(Takes::File)];
    state.dialogs.push(Dialog::Form(Form::new("Open a plan", Purpose::OpenPlan, body, fields)));
}

/// A file was read.
pub fn read(state: &mut State, path: &Path, result: Result<(Plan, String)>) {
    match result {
        Ok((plan, note)) => {
            let from = text::clean(&path.display().to_string()).into_owned();
            opened(state, plan, from, &note);
        }
        Err(e) => state.say(Note::error(&e)),
    }
}

/// The editor holds a plan and no statement: shows it; false when it holds none.
pub(super) fn of_editor(state: &mut State) -> bool {
    let text = state.query.editor.text();
    if text.len() > LARGEST || text.trim().is_empty() {
        return false;
    }
    let current = super::ask::current(state).unwrap_or_default();
    if sql::classify(state.query.editor.dialect(), &current).class != Class::Other {
        return false;
    }
    let Ok((plan, note)) = crate::ops::plans::read(state.query.editor.text()) else { return false };
    opened(state, plan, "the editor's text".into(), &note);
    true
}

fn opened(state: &mut State, plan: Plan, from: String, note: &str) {
    let text = plan.statement.clone().unwrap_or_default();
    kept::show(state, plan, Asked { text, ..Asked::default() }, from, None);
    if !note.is_empty() {
        state.say(Note::info(note.to_string()));
    }
}
