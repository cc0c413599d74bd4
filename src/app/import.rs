//! Importing a file: asked for in a form, tried and rolled back, shown, and only then done.

use super::dialog::{Answer, Confirm, Dialog, Field, Form, Purpose, Takes, Then, Viewer, page_width};
use super::effect::{Effect, JobId};
use super::state::{Note, State};
use crate::model::{Result, TxState};
use crate::ops::import::reader;
use crate::ops::import::{Import, Report};
use crate::text;
use std::path::PathBuf;

/// Lines about refused rows that stand in the question itself, which is to fit a screen of 24 lines.
const REFUSED: usize = 6;
/// Lines about columns and refused rows together.
const SHOWN: usize = 10;
/// Columns of the screen that a line of the question has.
const WIDTH: usize = 68;

/// Asks what to import, into which table.
pub fn ask(state: &mut State) {
    let table =
        state.schema.chosen().filter(|n| n.node.kind == crate::model::NodeKind::Table).map_or_else(String::new, |n| n.node.name.clone());
    let fields = vec![
        Field::new("File", "", "CSV with a header, TSV, or NDJSON; its ending says which").of(Takes::File),
        Field::new("Table", &table, "one that is there; schema.table where it needs one").of(Takes::Table),
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
    let Some(form) = reader::Form::of_path(&file) else {
        return Err("The ending says none of the formats that are imported: .csv, .tsv, .ndjson.".into());
    };
    let skip_refused = match value(3) {
        "" => false,
        "skip" => true,
        _ => return Err("Refused rows: leave it empty, or type skip.".into()),
    };
    let null = Some(value(2).to_string()).filter(|n| !n.is_empty());
    Ok(Import { file, form, table: value(1).to_string(), null, skip_refused, commit: false, time_zone: None, tried: None })
}

/// Why it would not do what the session on the screen would: it has a session of its own.
fn elsewhere(state: &State, import: &Import) -> Option<Note> {
    let server = state.link.server()?;
    let note = |text: String, more: &str| Some(Note { more: vec![more.into()], ..Note::warning(text) });
    if server.status.tx != TxState::Idle {
        let text = "Nothing was imported: a transaction is open in your session, and an import is committed by itself, outside of it.";
        return note(text.into(), "Commit it or roll it back first.");
    }
    let made = |what: &str| state.query.made.iter().any(|m| m.eq_ignore_ascii_case(what));
    if made("setting role") || made("setting authorization") {
        let text = "Nothing was imported: your session has taken another role, and an import has a session of its own, with the target's.";
        return note(text.into(), "RESET ROLE first, or configure a target with that `role`.");
    }
    let tokens = crate::sql::lex(server.dialect, &import.table);
    if tokens.iter().any(|t| &import.table[t.span.clone()] == ".") {
        return None;
    }
    let bare = import.table.trim_matches(['"', '`']);
    if made(&format!("temporary table {bare}")) {
        let text =
            format!("Nothing was imported: {} is a temporary table of your session, which an import does not see.", text::clean(bare));
        return note(text, "Make it a table for that time, and drop it afterwards.");
    }
    let place = server.place_words().filter(|_| matches!(server.status.place, Some(crate::model::Place::Path(_))))?;
    let text = format!("Nothing was imported: your session looks elsewhere first ({}), and an import does not.", text::clean(&place));
    note(text, "Write the schema, or the database, before the table's name.")
}

/// Tries it, or does it.
pub fn start(state: &mut State, import: Import, effects: &mut Vec<Effect>) {
    if let Some(why) = elsewhere(state, &import) {
        return state.say(why);
    }
    let job = state.id();
    let title = if import.commit { "importing" } else { "trying the import" };
    state.job(job, title, import.commit, effects);
    if let Some(job) = state.jobs.last_mut() {
        job.blocked = Some(super::blocked::Blocked::of("import"));
    }
    effects.push(Effect::Import { link: state.link_no, job, import: Box::new(import) });
}

/// It was tried, or done.
pub fn ended(state: &mut State, job: JobId, import: Import, result: Result<Box<Report>>) {
    state.jobs.retain(|j| j.id != job);
    let report = match result {
        Err(e) => return super::work::failed(state, &e),
        Ok(r) => r,
    };
    if report.committed {
        state.say(Note::ok(report.summary()));
        if report.refused > 0 || report.unrecorded.is_some() {
            state.dialogs.push(Dialog::Viewer(whole("Import", &report, state.size.0)));
        }
        return;
    }
    if import.commit || report.taken == 0 {
        state.dialogs.push(Dialog::Viewer(whole("Nothing was imported", &report, state.size.0)));
        return;
    }
    ask_to_keep(state, import, &report);
}

/// Asks whether what was tried is to be done.
fn ask_to_keep(state: &mut State, import: Import, report: &Report) {
    let one_line = |l: String| text::truncate(&l, WIDTH).into_owned();
    let mut body = vec![report.summary()];
    let refused = short(report.refused_lines(), REFUSED, report.refused, "refused");
    let columns = short(report.column_lines(), SHOWN - refused.len(), report.columns.len() as u64, "columns");
    body.extend(refused.into_iter().map(one_line));
    body.push(one_line(report.heading()));
    body.extend(columns.into_iter().map(one_line));
    body.extend(report.asides().into_iter().map(one_line));
    // A refused row keeps the others out only until somebody says that it may be missing.
    let leaves_out = report.refused > 0 && !import.skip_refused;
    let rows = text::counted(report.taken, "row");
    let title = format!("Import {rows} into {}?", report.table);
    let (key, label) = match leaves_out {
        true => ('s', format!("skip the {} and import {}", text::counted(report.refused, "refused row"), text::thousands(report.taken))),
        false => ('i', "import".to_string()),
    };
    let show = Then::ShowImport(Box::new(import.clone()), Box::new(report.clone()));
    let then =
        Then::Import(Box::new(Import { commit: true, tried: report.run, skip_refused: import.skip_refused || leaves_out, ..import }));
    let answers = vec![Answer::new('n', "no", Then::Nothing), Answer::new('v', "view all", show), Answer::new(key, label, then)];
    state.ask(Confirm { title, body, answers });
}

/// The first lines, and how many there are behind them.
fn short(mut lines: Vec<String>, most: usize, all: u64, what: &str) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        let rest = all.saturating_sub(lines.len() as u64);
        lines.push(format!("… and {} more {what}: v shows them.", text::thousands(rest)));
    }
    lines
}

/// All that came of trying it, above its question.
pub fn show(state: &mut State, import: Import, report: &Report) {
    ask_to_keep(state, import, report);
    state.dialogs.push(Dialog::Viewer(whole("Import: what came of trying it", report, state.size.0)));
}

/// The whole report, with what came of it at its head. Reasons are broken to fit a screen of `columns`: the constraint that a server names
/// stands at their end.
fn whole(title: &str, report: &Report, columns: u16) -> Viewer {
    const BEHIND: &str = "    ";
    let width = usize::from(page_width(columns)).saturating_sub(BEHIND.len()).max(20);
    let broken = |line: String| {
        let parts = text::wrap(&line, width).into_iter().enumerate();
        parts.map(|(i, part)| if i == 0 { part } else { format!("{BEHIND}{part}") }).collect::<Vec<_>>()
    };
    let refused: Vec<String> = report.refused_lines().into_iter().flat_map(broken).collect();
    let mut lines = vec![report.summary()];
    for part in [refused, [vec![report.heading()], report.column_lines()].concat(), report.asides()] {
        if !part.is_empty() {
            lines.push(String::new());
            lines.extend(part);
        }
    }
    Viewer::new(title, lines.join("\n"))
}
