//! Importing a file: asked for in a form, tried and rolled back, shown, and only then done.

use super::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Then, Viewer};
use super::effect::{Effect, JobId};
use super::state::{Note, State};
use crate::model::Result;
use crate::ops::import::reader;
use crate::ops::import::{Import, Report};
use crate::text;
use std::path::PathBuf;

/// Lines of the report that stand in the question itself.
const SHOWN: usize = 9;

/// Asks what to import, into which table.
pub fn ask(state: &mut State) {
    let table =
        state.schema.chosen().filter(|n| n.node.kind == crate::model::NodeKind::Table).map_or_else(String::new, |n| n.node.name.clone());
    let fields = vec![
        Field::new("File", "", "CSV with a header, TSV, or NDJSON; its ending says which"),
        Field::new("Table", &table, "one that is there; schema.table where it needs one"),
        Field::new("NULL", "", "text that stands for NULL; empty: nothing at all does, and \"\" is an empty text"),
        Field::new("Refused rows", "", "empty: one keeps all out; skip: they are left out and told"),
    ];
    let body = vec!["Everything is tried in one transaction and rolled back first; you see what came of it, and decide.".to_string()];
    state.dialogs.push(Dialog::Form(Form::new("Import", Purpose::Import, body, fields)));
}

/// What the form asks for; the error is for the form.
pub fn asked(values: &[String]) -> std::result::Result<Import, String> {
    let value = |i: usize| values.get(i).map_or("", |v| v.trim());
    if value(0).is_empty() || value(1).is_empty() {
        return Err("A file and a table are needed.".into());
    }
    let file = PathBuf::from(value(0));
    let Some(form) = reader::Form::of_path(&file) else { return Err("The ending says no format: .csv, .tsv, .ndjson.".into()) };
    let skip_refused = match value(3) {
        "" => false,
        "skip" => true,
        _ => return Err("Refused rows: leave it empty, or type skip.".into()),
    };
    let null = Some(value(2).to_string()).filter(|n| !n.is_empty());
    Ok(Import { file, form, table: value(1).to_string(), null, skip_refused, commit: false })
}

/// Tries it, or does it.
pub fn start(state: &mut State, import: Import, effects: &mut Vec<Effect>) {
    let job = state.id();
    let title = if import.commit { "importing" } else { "trying the import" };
    state.job(job, title, import.commit, effects);
    effects.push(Effect::Import { link: state.link_no, job, import: Box::new(import) });
}

/// It was tried, or done.
pub fn ended(state: &mut State, job: JobId, import: Import, result: Result<Box<Report>>) {
    state.jobs.retain(|j| j.id != job);
    let report = match result {
        Err(e) => return super::work::failed(state, &e),
        Ok(r) => r,
    };
    let lines = report.lines();
    if report.committed {
        state.say(Note::ok(lines.last().cloned().unwrap_or_default()));
        if report.refused > 0 {
            state.dialogs.push(Dialog::Viewer(Viewer::new("Import", lines.join("\n"))));
        }
        return;
    }
    // A refused row keeps the others out only until somebody says that it may be missing.
    let leaves_out = report.refused > 0 && !import.skip_refused;
    if import.commit || report.taken == 0 {
        state.dialogs.push(Dialog::Viewer(Viewer::new("Nothing was imported", lines.join("\n"))));
        return;
    }
    let mut body = lines;
    if body.len() > SHOWN {
        let last = body.pop();
        body.truncate(SHOWN - 2);
        body.push("…".into());
        body.extend(last);
    }
    let rows = text::counted(report.taken, "row");
    let title = format!("Import {rows} into {}?", text::clean(&report.table));
    let (key, label) = match leaves_out {
        true => ('s', format!("skip the {} and import {}", text::counted(report.refused, "refused row"), text::thousands(report.taken))),
        false => ('i', "import".to_string()),
    };
    let then = Then::Import(Box::new(Import { commit: true, skip_refused: import.skip_refused || leaves_out, ..import }));
    let answers = vec![Answer::new('n', "no", Then::Nothing), Answer::new(key, label, then)];
    state.dialogs.push(Dialog::Confirm(Confirm { title, body, answers }));
}
