//! Rows on their way out of the console: a statement streamed into a file, a result on the clipboard.

use super::query::{export_field, insert_table};
use super::results::ResultTab;
use super::running::{busy, one_line};
use crate::app::dialog::{Answer, Confirm, Dialog, Form, Purpose, Then, Wanted};
use crate::app::effect::{JobId, Statement};
use crate::app::state::Note;
use crate::app::{Action, Effect, State, params};
use crate::model::{Dialect, Kind};
use crate::ops::export::{ExportFormat, Portion};
use crate::sql;
use crate::text;
use std::path::PathBuf;

/// Asks for the file that the statement under the cursor is streamed into.
pub fn export_form(state: &mut State) {
    if state.link.server().is_none() {
        return state.say(Note::warning("No target is open."));
    }
    if busy(state) {
        return;
    }
    let dialect = state.query.editor.dialect();
    let editor = &state.query.editor;
    let statements = match editor.selection() {
        Some(range) => {
            let part = &editor.text()[range.clone()];
            let of = |s: &sql::StatementSpan| Statement::new(&part[s.span.clone()], Some(range.start + s.span.start));
            sql::split(editor.reading(), part).iter().map(of).collect()
        }
        None => editor.statement().iter().map(|s| Statement::new(&editor.text()[s.span.clone()], Some(s.span.start))).collect::<Vec<_>>(),
    };
    let [statement] = statements.as_slice() else {
        return state.say(Note::info(match statements.len() {
            0 => "There is no statement here.",
            _ => "A file takes the rows of one statement: select one alone.",
        }));
    };
    let body =
        vec!["It runs, and its rows go straight into the file, without coming to the screen.".to_string(), one_line(&statement.text)];
    let fields = vec![export_field(dialect, &statement.text, state.query.exported.as_deref())];
    let purpose = Purpose::ExportStatement(statement.clone());
    state.dialogs.push(Dialog::Form(Form::new("Export from the server", purpose, body, fields)));
}

/// The file was named; the error is for the form. `Ok` closes it.
pub fn export_to(state: &mut State, path: &str, statement: Statement, effects: &mut Vec<Effect>) -> Result<(), String> {
    let path = PathBuf::from(path.trim());
    let dialect = state.query.editor.dialect();
    if ExportFormat::of_path(&path, dialect).is_none() {
        return Err(format!("Which format? End the name in {}.", ExportFormat::ENDINGS.replace(' ', ", ")));
    }
    state.dialogs.pop();
    state.query.exported = Some(path.clone());
    export(state, statement, path, effects);
    Ok(())
}

/// Starts it, asking for the values of its parameters first.
pub fn export(state: &mut State, statement: Statement, path: PathBuf, effects: &mut Vec<Effect>) {
    if !busy(state) && !params::ask(state, Wanted::Export { statement: statement.clone(), path: path.clone() }) {
        start(state, statement, path, effects);
    }
}

/// Starts it, with the values of its parameters.
pub fn start(state: &mut State, mut statement: Statement, path: PathBuf, effects: &mut Vec<Effect>) {
    if statement.offset.is_some() {
        statement.text = state.query.editor.as_in_file(&statement.text);
    }
    let dialect = state.query.editor.dialect();
    let Some(format) = ExportFormat::of_path(&path, dialect) else { return };
    if busy(state) {
        return;
    }
    let job = state.id();
    state.query.started(job, &[None], state.now);
    state.job(job, format!("exporting {}", one_line(&statement.text)), false, effects);
    let table = insert_table(dialect, &statement.text);
    effects.push(Effect::ExportStatement { link: state.link_no, job, statement, how: state.query.how, format, table, path });
}

/// The format that a copy action names.
fn format_of(action: Action, dialect: Dialect) -> Option<ExportFormat> {
    Some(match action {
        Action::CopyCsv => ExportFormat::Csv,
        Action::CopyTsv => ExportFormat::Tsv,
        Action::CopyJson => ExportFormat::Json { dialect },
        Action::CopyMarkdown => ExportFormat::Markdown,
        Action::CopyInsert => ExportFormat::Insert { dialect },
        _ => return None,
    })
}

/// The rows and columns of the screen, in its order.
pub fn shown(tab: &ResultTab) -> Portion {
    let columns = (!tab.layout.is_plain()).then(|| tab.layout.order.clone());
    Portion { view: tab.view.number, columns, rows: None }
}

/// Of those the selected rows; `None` when none are.
pub fn selected(tab: &ResultTab) -> Option<Portion> {
    tab.selected().map(|range| Portion { rows: Some(range), ..shown(tab) })
}

/// Copies rows of the result: the selected ones; all of them where the screen shows just these; else it asks.
pub fn copy_rows(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let Some(tab) = state.query.result().filter(|t| t.columns.is_some()) else {
        return state.say(Note::info("There are no rows to copy."));
    };
    if let Some(what) = selected(tab) {
        return copy(state, action, what, effects);
    }
    if !tab.arranged() {
        return copy(state, action, Portion::default(), effects);
    }
    let (here, all) = (shown(tab), text::counted(tab.kept, "row"));
    let row = Portion { rows: Some((tab.row, 1)), ..here.clone() };
    let then = |what| Then::CopyRows(action, what);
    let mut answers = vec![
        Answer::new('n', "nothing", Then::Nothing),
        Answer::new('a', format!("all {all} as they came"), then(Portion::default())),
        Answer::new('s', "what is shown", then(here)),
    ];
    if tab.rows > 0 {
        answers.push(Answer::new('r', "this row", then(row)));
    }
    let body = vec!["The screen shows the rows in another order or selection, or not all columns as they came.".to_string()];
    state.ask(Confirm { title: "Copy which rows?".into(), body, answers });
}

/// Copies a portion of the result's rows.
pub fn copy(state: &mut State, action: Action, what: Portion, effects: &mut Vec<Effect>) {
    let dialect = state.query.result_dialect();
    let Some(format) = format_of(action, dialect) else { return };
    let rows = state.query.result().and_then(|t| Some((t.id, t.columns.clone()?, insert_table(dialect, &t.text))));
    let Some((result, columns, table)) = rows else {
        return state.say(Note::info("There are no rows to copy."));
    };
    let job = state.id();
    state.job(job, "copying", false, effects);
    effects.push(Effect::CopyRows { job, result, columns, format, table, what });
}

/// The rows are encoded.
pub fn copied(state: &mut State, job: JobId, result: crate::model::Result<String>, effects: &mut Vec<Effect>) {
    state.jobs.retain(|j| j.id != job);
    match result {
        Ok(text) => effects.push(Effect::Copy(text)),
        Err(e) if e.kind == Kind::Cancelled => state.say(Note::info("Not copied: cancelled.")),
        Err(e) => state.say(Note::error(&e)),
    }
}
