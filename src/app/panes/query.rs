//! The query workspace: the editor and the results below it. Running statements is in [`super::running`].

use super::fix::Fix;
pub use super::results::{Progress, ResultTab};
use super::running::Running;
use crate::app::dialog::{Dialog, Field, Form, Purpose, Viewer};
use crate::app::editor::Editor;
use crate::app::effect::{How, JobId, ResultId};
use crate::app::layout::arrange;
use crate::app::msg::Timer;
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State};
use crate::model::{Cell, Dialect, Kind, Waiting};
use crate::ops::export::ExportFormat;
use crate::text;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Editing pauses this long before the buffer is saved.
const SAVE_AFTER: Duration = Duration::from_secs(1);

/// See the module.
pub struct Query {
    pub editor: Editor,
    /// What is below the editor: [`Pane::Results`] or [`Pane::Plan`].
    pub lower: Pane,
    pub results: Vec<ResultTab>,
    /// The result on the screen.
    pub shown: usize,
    pub running: Option<Running>,
    pub fix: Option<Fix>,
    /// Version of the editor that is saved.
    pub saved: u64,
    /// Target that the buffer belongs to.
    pub buffer_of: Option<String>,
    /// The .sql file that was opened or saved last.
    pub file: Option<PathBuf>,
    /// Moves by commands extend the selection.
    pub selecting: bool,
    /// What was cut here last.
    pub clipboard: String,
    /// What was looked for in rows last.
    pub sought: String,
    /// How statements run.
    pub how: How,
    /// What was made in this session and goes with it: `temporary table t`.
    pub made: Vec<String>,
    /// Sessions that wait for the open transaction, as of the last look.
    pub waiting: Vec<Waiting>,
    /// Why it cannot be seen who waits: asked no further.
    pub waiting_unknown: Option<String>,
    /// When the transaction that is open began, as far as the console saw it.
    pub tx_since: Option<Timestamp>,
    /// What was typed for parameters last, by their names.
    pub values: BTreeMap<String, String>,
}

impl Query {
    pub fn new(dialect: Dialect) -> Self {
        Query {
            editor: Editor::new(dialect, ""),
            lower: Pane::Plan,
            results: Vec::new(),
            shown: 0,
            running: None,
            fix: None,
            saved: 1,
            buffer_of: None,
            file: None,
            selecting: false,
            clipboard: String::new(),
            sought: String::new(),
            how: How::default(),
            made: Vec::new(),
            waiting: Vec::new(),
            waiting_unknown: None,
            tx_since: None,
            values: BTreeMap::new(),
        }
    }

    /// The editor shares its place with a plan or results.
    pub fn lower_shown(&self) -> bool {
        true
    }

    pub fn result(&self) -> Option<&ResultTab> {
        self.results.get(self.shown)
    }

    pub(super) fn started(&mut self, job: JobId, offsets: &[Option<usize>]) {
        self.running = Some(Running { job, offsets: offsets.to_vec(), version: self.editor.version, done: 0, failed: 0 });
    }
}

/// Size of the grid's rows on the screen, and its width.
pub fn grid_page(state: &State) -> (usize, u16) {
    let area = arrange(state).inside(Pane::Results).unwrap_or_default();
    // The heading, and the reason below the rows when there is one.
    let failed = state.query.result().is_some_and(|r| matches!(r.progress, Progress::Failed(_)));
    (usize::from(area.h.saturating_sub(1 + u16::from(failed))).max(1), area.w)
}

/// The editor's text or cursor changed: keep the cursor visible, save soon, plan soon.
pub fn edited(state: &mut State, effects: &mut Vec<Effect>) {
    follow(state);
    if state.query.editor.version != state.query.saved {
        effects.push(Effect::After(SAVE_AFTER, Timer::SaveBuffer { version: state.query.editor.version }));
    }
    super::plan::touched(state, effects);
}

/// Keeps the cursor on the screen.
pub fn follow(state: &mut State) {
    let area = arrange(state).inside(Pane::Editor).unwrap_or_default();
    let gutter = gutter(state.query.editor.lines().len());
    state.query.editor.follow(usize::from(area.h), usize::from(area.w.saturating_sub(gutter)));
}

/// Columns that line numbers take, with the mark before and the blank after them.
pub fn gutter(lines: usize) -> u16 {
    u16::try_from(lines.max(1).to_string().len()).unwrap_or(6).max(3) + 3
}

/// Saves the buffer if it is still the version that the timer was set for.
pub fn save_buffer(state: &mut State, version: Option<u64>, effects: &mut Vec<Effect>) {
    let now = state.query.editor.version;
    if version.is_some_and(|v| v != now) || state.query.saved == now {
        return;
    }
    if let Some(target) = state.query.buffer_of.clone() {
        state.query.saved = now;
        effects.push(Effect::SaveBuffer { target, text: state.query.editor.text().to_string() });
    }
}

/// Does an action of the results grid; false when it is none of its own.
pub fn act_results(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (page, width) = grid_page(state);
    let shown = state.query.shown;
    if let Some(tab) = state.query.results.get_mut(shown)
        && tab.go(action, page, width)
    {
        tab.want(page, effects);
        return true;
    }
    match action {
        Action::Open => cell_viewer(state),
        Action::Copy => {
            let value = state.query.result().and_then(ResultTab::chosen).map(|c| text::cell_string(c).unwrap_or_else(|| "NULL".into()));
            effects.extend(value.map(Effect::Copy));
        }
        Action::CopyRow => {
            let row = state.query.result().and_then(|t| t.at(t.row)).map(|(batch, r)| {
                let cell = |c| text::cell_string(batch.cell(r, c)).unwrap_or_else(|| "NULL".into());
                (0..batch.columns()).map(cell).collect::<Vec<_>>().join("\t")
            });
            effects.extend(row.map(Effect::Copy));
        }
        Action::Filter if state.query.result().is_some_and(|r| r.rows > 0) => {
            let field = Field::new("Text", &state.query.sought, "letters in any case; Enter finds the next row");
            state.dialogs.push(Dialog::Form(Form::new("Find in the rows", Purpose::Find, Vec::new(), vec![field])));
        }
        Action::Export => export_form(state),
        Action::NextResult if !state.query.results.is_empty() => {
            state.query.shown = (shown + 1) % state.query.results.len();
            want(state, effects);
        }
        Action::PreviousResult if !state.query.results.is_empty() => {
            state.query.shown = (shown + state.query.results.len() - 1) % state.query.results.len();
            want(state, effects);
        }
        Action::CloseResult => {
            let Some(tab) = state.query.results.get(shown) else { return true };
            if tab.progress == Progress::Running {
                state.say(Note::info("It is still running. Ctrl-C cancels it."));
                return true;
            }
            effects.push(Effect::DropRows { result: tab.id });
            state.query.results.remove(shown);
            state.query.shown = shown.min(state.query.results.len().saturating_sub(1));
        }
        _ => return false,
    }
    true
}

/// Looks for a text in the rows after the cursor.
pub fn find(state: &mut State, text: String, effects: &mut Vec<Effect>) {
    let Some(tab) = state.query.result() else { return };
    if text.is_empty() {
        return;
    }
    let (result, from) = (tab.id, tab.row);
    let job = state.id();
    state.job(job, "finding", false, effects);
    effects.push(Effect::FindRow { job, result, from, text: text.clone() });
    state.query.sought = text;
}

/// The row was found, or there is none.
pub fn found(state: &mut State, job: JobId, result: ResultId, row: Option<u64>, effects: &mut Vec<Effect>) {
    let cancelled = state.jobs.iter().any(|j| j.id == job && j.cancelled);
    state.jobs.retain(|j| j.id != job);
    if cancelled {
        return;
    }
    let sought = text::clean(&state.query.sought).into_owned();
    match (row, state.result_mut(result)) {
        (Some(row), Some(tab)) => {
            tab.row = row;
            state.say(Note::info(format!("Row {} holds {sought}.", text::thousands(row + 1))));
            want(state, effects);
        }
        _ => state.say(Note::info(format!("No row holds {sought}."))),
    }
}

/// After a resize or a change of tabs: rows that are on the screen now.
pub fn want(state: &mut State, effects: &mut Vec<Effect>) {
    let (page, width) = grid_page(state);
    let shown = state.query.shown;
    if let Some(tab) = state.query.results.get_mut(shown) {
        tab.follow(page, width);
        tab.want(page, effects);
    }
}

fn cell_viewer(state: &mut State) {
    let Some(tab) = state.query.result() else { return };
    if let Progress::Failed(e) = &tab.progress
        && tab.rows == 0
    {
        let mut all = vec![e.message.clone()];
        all.extend(e.code.iter().map(|c| format!("code {c}")));
        all.extend(e.detail.iter().cloned());
        all.extend(e.hints.iter().cloned());
        state.dialogs.push(Dialog::Viewer(Viewer::new("Error", all.join("\n"))));
        return;
    }
    let Some(cell) = tab.chosen() else { return };
    let column = tab.columns.as_ref().and_then(|c| c.get(tab.column));
    let name = column.map_or_else(String::new, |c| format!("{} {}", c.name, c.type_name));
    let value = match cell {
        Cell::Null => "NULL (no value)".to_string(),
        Cell::Binary(b) => hex_lines(b),
        _ => {
            let s = text::cell_string(cell).unwrap_or_default();
            pretty_json(&s).unwrap_or(s)
        }
    };
    let title = format!("row {} · {}", text::thousands(tab.row + 1), text::clean(name.trim()));
    state.dialogs.push(Dialog::Viewer(Viewer::new(title, value)));
}

/// JSON objects and arrays with line breaks; anything else as it is.
fn pretty_json(s: &str) -> Option<String> {
    if !s.starts_with(['{', '[']) || s.len() > 1_000_000 {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(s).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

/// Bytes in hexadecimal beside what of them is printable, at most 64 kB.
fn hex_lines(bytes: &[u8]) -> String {
    let mut out = format!("{} bytes\n", text::thousands(bytes.len() as u64));
    for (i, line) in bytes.chunks(16).take(4096).enumerate() {
        let hex: Vec<String> = line.iter().map(|b| format!("{b:02x}")).collect();
        let shown: String = line.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' }).collect();
        out.push_str(&format!("{:08x}  {:<47}  {shown}\n", i * 16, hex.join(" ")));
    }
    if bytes.len() > 65_536 {
        out.push_str("… the rest is not shown\n");
    }
    out
}

/// Asks for a file to open.
pub fn open_form(state: &mut State) {
    let from = state.query.file.as_ref().map_or_else(String::new, |p| p.display().to_string());
    let fields = vec![Field::new("File", &from, "a .sql file; the buffer that is here now stays saved")];
    state.dialogs.push(Dialog::Form(Form::new("Open a file", Purpose::OpenFile, Vec::new(), fields)));
}

/// Asks for a file to save to.
pub fn save_form(state: &mut State) {
    let to = state.query.file.as_ref().map_or_else(String::new, |p| p.display().to_string());
    let fields = vec![Field::new("File", &to, "where to save the editor's text")];
    state.dialogs.push(Dialog::Form(Form::new("Save as", Purpose::SaveFile, Vec::new(), fields)));
}

/// Asks for the file that all rows of the result go to.
fn export_form(state: &mut State) {
    let Some(tab) = state.query.result() else { return };
    if tab.columns.is_none() {
        state.say(Note::info("This result has no rows to export."));
        return;
    }
    if tab.progress == Progress::Running {
        state.say(Note::info("It is still running: an export now would miss the rows to come. Ctrl-C ends it."));
        return;
    }
    let body = match &tab.progress {
        Progress::Failed(_) => vec![format!("The result is partial: the {} rows that came are written.", text::thousands(tab.rows))],
        _ => vec![format!("All {} rows are written, exactly as they came.", text::thousands(tab.rows))],
    };
    let name = source(&tab.text).unwrap_or_else(|| "rows".into());
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
    let hint = format!("the ending says the format: {}", ExportFormat::ENDINGS);
    let fields = vec![Field::new("File", &format!("{safe}.csv"), hint)];
    state.dialogs.push(Dialog::Form(Form::new("Export rows", Purpose::Export, body, fields)));
}

/// The first table that a statement reads, for a file's name and for INSERT.
fn source(statement: &str) -> Option<String> {
    let mut words = statement.split(|c: char| c.is_whitespace() || c == '(').filter(|w| !w.is_empty());
    words.find(|w| w.eq_ignore_ascii_case("from"))?;
    let name = words.next()?.trim_end_matches([';', ',', ')']);
    let last = name.rsplit('.').next()?.trim_matches(['"', '`', '[', ']']);
    (!last.is_empty()).then(|| last.to_string())
}

/// Starts an export; the error is for the form.
pub fn export(state: &mut State, path: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    let dialect = state.query.editor.dialect();
    let path = PathBuf::from(path.trim());
    let Some(format) = ExportFormat::of_path(&path, dialect) else {
        return Err(format!("Which format? End the name in {}.", ExportFormat::ENDINGS.replace(' ', ", ")));
    };
    let Some((result, columns, table)) =
        state.query.result().and_then(|t| Some((t.id, t.columns.clone()?, source(&t.text).unwrap_or_else(|| "exported".into()))))
    else {
        return Err("The result is gone.".into());
    };
    let job = state.id();
    state.job(job, "exporting", false, effects);
    effects.push(Effect::Export { job, result, columns, format, table, path });
    Ok(())
}

/// An export ended.
pub fn exported(state: &mut State, job: JobId, path: &std::path::Path, result: crate::model::Result<u64>) {
    state.jobs.retain(|j| j.id != job);
    let path = text::clean(&path.display().to_string()).into_owned();
    state.say(match result {
        Ok(rows) => Note::ok(format!("{} rows written to {path}.", text::thousands(rows))),
        Err(e) if e.kind == Kind::Cancelled => Note::info("The export was cancelled; no file was made."),
        Err(e) => Note::error(&e),
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_table_gives_a_file_its_name() {
        for (text, name) in [
            ("select * from orders where id = 1", Some("orders")),
            ("SELECT a FROM public.\"Orders\";", Some("Orders")),
            ("select 1", None),
        ] {
            assert_eq!(super::source(text).as_deref(), name, "{text}");
        }
    }
}
