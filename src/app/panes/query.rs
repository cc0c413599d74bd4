//! The query workspace: the editor and the results below it. Running statements is in [`super::running`].

use super::fix::Fix;
pub use super::results::acts::{act_results, find, found, grid_page, rows_done, want};
pub use super::results::{Progress, ResultTab};
use super::running::Running;
use crate::app::buffers::Buffers;
use crate::app::dialog::{Dialog, Field, Form, Purpose, Takes};
use crate::app::editor::Editor;
use crate::app::editor::vim::Vim;
use crate::app::effect::{How, JobId};
use crate::app::find::Find;
use crate::app::layout::arrange;
use crate::app::msg::Timer;
use crate::app::snippets::Stops;
use crate::app::state::{Note, Pane};
use crate::app::{Effect, State};
use crate::model::{Dialect, Kind, TableInfo, Waiting};
use crate::ops::export::{ExportFormat, Portion, source};
use crate::text;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
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
    /// Further results are shown as records (`\x`).
    pub expanded: bool,
    /// The same for those that are wider than the screen (`\x auto`).
    pub expanded_auto: bool,
    /// A read that runs again and again.
    pub watch: Option<crate::app::watch::Watch>,
    pub fix: Option<Fix>,
    /// Version of the editor that is saved.
    pub saved: u64,
    /// Target that the buffer belongs to.
    pub buffer_of: Option<String>,
    /// The buffers beside the one in the editor.
    pub buffers: Buffers,
    /// The .sql file that was opened or saved last.
    pub file: Option<PathBuf>,
    /// Moves by commands extend the selection.
    pub selecting: bool,
    /// Places of a snippet that are still to be filled in.
    pub stops: Option<Stops>,
    /// What is looked for in the editor.
    pub find: Find,
    /// The vim keys, if they are chosen.
    pub vim: Vim,
    /// Version of the text after the rest of a line was deleted: the next such joins it.
    pub killed: Option<u64>,
    /// The file that rows were exported into last.
    pub exported: Option<PathBuf>,
    /// When keys came last that were a paste.
    pub pasted: Option<Timestamp>,
    /// What was cut here last.
    pub clipboard: String,
    /// What was looked for in rows last.
    pub sought: String,
    /// How the columns of a statement's result were arranged last, by its text; the newest at the end.
    pub layouts: Vec<(String, super::results::columns::Columns)>,
    /// How statements run.
    pub how: How,
    /// What was made in this session and goes with it: `temporary table t`.
    pub made: Vec<String>,
    /// Tables that results come from, by what their columns say of their origin.
    pub tables: HashMap<Vec<String>, Option<TableInfo>>,
    /// The result for which one of them was looked up last.
    pub looked_up: Option<crate::app::effect::ResultId>,
    /// Keys that are kept until it is known how rows can be edited.
    pub held: Option<super::cells::Held>,
    /// Sessions that wait for the open transaction, as of the last look.
    pub waiting: Vec<Waiting>,
    /// Why it cannot be seen who waits: asked no further.
    pub waiting_unknown: Option<String>,
    /// What stands or falls with the open transaction, in order.
    pub standing: Vec<crate::app::standing::Standing>,
    /// When the transaction that is open began, as far as the console saw it.
    pub tx_since: Option<Timestamp>,
    /// What was typed for parameters last, by their names.
    pub values: BTreeMap<String, String>,
    /// The same for each statement by its fingerprint, from earlier sessions too.
    pub kept_values: BTreeMap<String, BTreeMap<String, String>>,
}

impl Query {
    pub fn new(dialect: Dialect) -> Self {
        Query {
            editor: Editor::new(dialect, ""),
            lower: Pane::Plan,
            results: Vec::new(),
            shown: 0,
            running: None,
            expanded: false,
            expanded_auto: false,
            watch: None,
            fix: None,
            saved: 1,
            buffer_of: None,
            buffers: Buffers::default(),
            file: None,
            selecting: false,
            stops: None,
            find: Find::default(),
            vim: Vim::default(),
            killed: None,
            exported: None,
            pasted: None,
            clipboard: String::new(),
            sought: String::new(),
            layouts: Vec::new(),
            how: How::default(),
            made: Vec::new(),
            tables: HashMap::new(),
            looked_up: None,
            held: None,
            waiting: Vec::new(),
            waiting_unknown: None,
            standing: Vec::new(),
            tx_since: None,
            values: BTreeMap::new(),
            kept_values: BTreeMap::new(),
        }
    }

    /// The editor shares its place with a plan or results.
    pub fn lower_shown(&self) -> bool {
        true
    }

    pub fn result(&self) -> Option<&ResultTab> {
        self.results.get(self.shown)
    }

    /// The dialect of the result on the screen.
    pub fn result_dialect(&self) -> Dialect {
        self.result().and_then(|r| r.of.as_ref()).map_or_else(|| self.editor.dialect(), |(_, dialect)| *dialect)
    }

    pub(super) fn started(&mut self, job: JobId, offsets: &[Option<usize>], since: Timestamp) {
        self.running = Some(Running {
            job,
            offsets: offsets.to_vec(),
            cancelled: None,
            version: self.editor.version,
            values: Vec::new(),
            cursor: None,
            back: None,
            done: 0,
            failed: 0,
            cut_short: false,
            unasked: Vec::new(),
            dropped: 0,
            records: Vec::new(),
            since,
            blocked: crate::app::blocked::Blocked::of("statement"),
        });
    }
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
    // What is not on the screen has no height; it follows when it comes there.
    let Some(area) = arrange(state).inside(Pane::Editor) else { return };
    let gutter = gutter(state.query.editor.line_count());
    let rows = area.h.saturating_sub(u16::from(state.query.find.open));
    state.query.editor.follow(usize::from(rows), usize::from(area.w.saturating_sub(gutter)));
}

/// Columns that line numbers take, with the mark before and the blank after them.
pub fn gutter(lines: usize) -> u16 {
    u16::try_from(lines.max(1).to_string().len()).unwrap_or(6).max(3) + 3
}

/// Lays out the selection, or the statement under the cursor.
pub fn format(state: &mut State, effects: &mut Vec<Effect>) {
    let editor = &mut state.query.editor;
    let Some(range) = editor.selection().or_else(|| editor.statement().map(|s| s.span)) else {
        return state.say(Note::info("There is no statement here."));
    };
    let part = &editor.text()[range.clone()];
    // A terminator and blanks round a selection stay as they are.
    let end = part.trim_end_matches(|c: char| c.is_whitespace() || c == ';').len();
    let start = part.len() - part.trim_start().len();
    let range = range.start + start.min(end)..range.start + end;
    match crate::sql::format::format(editor.dialect(), &editor.text()[range.clone()]) {
        Ok(new) if new == editor.text()[range.clone()] => state.say(Note::info("It is laid out already.")),
        Ok(new) => {
            // The tokens are the same: the cursor stays at its own.
            let tokens = |text: &str| {
                crate::sql::lex(editor.reading(), text)
                    .into_iter()
                    .filter(|t| t.kind != crate::sql::TokenKind::Whitespace)
                    .map(|t| t.span)
                    .collect::<Vec<_>>()
            };
            let at = editor.cursor_byte().saturating_sub(range.start);
            let (old, now) = (tokens(&editor.text()[range.clone()]), tokens(&new));
            let of = old.iter().rposition(|t| t.start <= at);
            let to = of.and_then(|i| now.get(i).map(|t| t.start + (at - old[i].start).min(t.len()))).unwrap_or(0);
            editor.replace(range.clone(), &new);
            editor.go_to_byte(range.start + to);
            edited(state, effects);
        }
        Err(why) => state.say(Note::warning(format!("Left as it is: {why}."))),
    }
}

/// The text came back from the user's own editor.
pub fn edited_outside(state: &mut State, version: u64, result: crate::model::Result<String>, effects: &mut Vec<Effect>) {
    let editor = &mut state.query.editor;
    match result {
        Err(e) => return state.say(Note::error(&e)),
        // The console stands still meanwhile; should it ever not, nothing that was typed is lost.
        Ok(new) if version != editor.version => {
            state.say(Note::warning("The text here changed meanwhile: what came from the editor is a buffer of its own."));
            super::super::buffers::new(state, effects);
            state.query.editor.insert(&new);
        }
        Ok(new) if new == editor.text() => return state.say(Note::info("The text came back as it was.")),
        Ok(new) => {
            editor.replace_differing(&new);
            state.say(Note::ok("The text came back; undo brings the one before."));
        }
    }
    edited(state, effects);
}

/// Asks for a file to open.
pub fn open_form(state: &mut State) {
    let from = state.query.file.as_ref().map_or_else(String::new, |p| p.display().to_string());
    let fields = vec![Field::new("File", &from, "a .sql file; it opens as a buffer of its own").of(Takes::File)];
    state.dialogs.push(Dialog::Form(Form::new("Open a file", Purpose::OpenFile, Vec::new(), fields)));
}

/// Goes to a place of the text.
pub fn go_to(state: &mut State, byte: usize, effects: &mut Vec<Effect>) {
    state.query.editor.go_to_byte(byte);
    crate::app::acts::act(state, crate::app::Action::GoQuery, effects);
}

/// Puts a statement from elsewhere into the editor: beside what is there, never in its place.
pub fn insert_text(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let editor = &mut state.query.editor;
    if editor.is_blank() {
        editor.select_all();
        editor.cut();
        editor.insert(text);
    } else {
        // Behind the statement under the cursor, with an end for the one before.
        let at = editor.statement().map_or(editor.text().len(), |s| s.outer.end);
        let before = editor.text()[..at].trim_end();
        let shortcut = before.rsplit('\n').next().is_some_and(|l| l.trim_start().starts_with('\\'));
        // Behind `-- …` a semicolon would be a part of the comment.
        let start = editor.statement().map_or(0, |s| s.outer.start.min(before.len()));
        let last = crate::sql::lex(editor.reading(), &before[start..]).pop().filter(|t| t.kind == crate::sql::TokenKind::Comment);
        let remark = last.is_some_and(|t| !before[start + t.span.start..].starts_with("/*"));
        let end = match () {
            () if before.is_empty() || before.ends_with(';') && !remark || shortcut => "",
            () if remark => "\n;",
            () => ";",
        };
        let joined = format!("{end}\n\n{}", text.trim_end());
        let place = before.len();
        editor.go_to_byte(place);
        editor.insert(&joined);
    }
    state.go(Pane::Editor);
    state.view.typing = true;
    edited(state, effects);
}

/// Asks for the name under which the statement is saved.
pub fn save_query_form(state: &mut State) {
    if state.query.editor.is_blank() {
        state.say(Note::info("There is no statement to save."));
        return;
    }
    let fields = vec![Field::new("Name", "", "a file of queries/ in the project; ~name is one of your own")];
    state.dialogs.push(Dialog::Form(Form::new("Save the query", Purpose::SaveQuery, Vec::new(), fields)));
}

/// Asks for a file to save to.
pub fn save_form(state: &mut State) {
    let to = state.query.file.as_ref().map_or_else(String::new, |p| p.display().to_string());
    let fields = vec![Field::new("File", &to, "where to save the editor's text").of(Takes::File)];
    state.dialogs.push(Dialog::Form(Form::new("Save as", Purpose::SaveFile, Vec::new(), fields)));
}

/// Asks for the file that rows of the result go to.
pub(super) fn export_form(state: &mut State) {
    let Some(tab) = state.query.result() else { return };
    if tab.columns.is_none() {
        state.say(Note::info("This result has no rows to export."));
        return;
    }
    if tab.progress == Progress::Running {
        state.say(Note::info("It is still running: an export now would miss the rows to come. Ctrl-C ends it."));
        return;
    }
    let mut body = match (&tab.progress, tab.selected()) {
        (_, Some((_, count))) => vec![format!("To be written: {}.", text::counted(count, "selected row"))],
        (Progress::Failed(_) | Progress::Cut(..), None) => {
            vec![format!("The result is partial. To be written: {}, as far as they came.", text::counted(tab.kept, "row"))]
        }
        _ => vec![format!("To be written, exactly as it came: {}.", text::counted(tab.kept, "row"))],
    };
    if tab.arranged() && tab.selected().is_none() {
        body.push("`shown` instead takes order, filter and columns of the screen.".into());
    }
    let which = if tab.selected().is_some() { "selected" } else { "all" };
    let hint = "all as they came · shown: as on the screen · selected (V)";
    let fields =
        vec![Field::new("Which rows", which, hint), export_field(state.query.result_dialect(), &tab.text, state.query.exported.as_deref())];
    // The name is what is typed most.
    let form = Form { at: 1, ..Form::new("Export rows", Purpose::Export, body, fields) };
    state.dialogs.push(Dialog::Form(form));
}

/// The field for an export's file, filled in with the name of the table that the statement reads, in the directory and the format of
/// the last one.
pub fn export_field(dialect: Dialect, statement: &str, last: Option<&Path>) -> Field {
    let name = source(dialect, statement).and_then(|mut parts| parts.pop()).unwrap_or_else(|| "rows".into());
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
    let hint = format!("by its ending: {}", ExportFormat::ENDINGS);
    let ending = last.and_then(|l| l.extension()).map_or("csv".into(), |e| e.to_string_lossy());
    let path = last.and_then(Path::parent).unwrap_or(Path::new("")).join(format!("{safe}.{ending}"));
    Field::new("File", &path.display().to_string(), hint).of(Takes::File)
}

/// The table that INSERT names for the rows of a statement.
pub fn insert_table(dialect: Dialect, statement: &str) -> Vec<String> {
    source(dialect, statement).unwrap_or_else(|| vec!["exported".into()])
}

/// Starts an export; the error is for the form.
pub fn export(state: &mut State, path: &str, which: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    let dialect = state.query.result_dialect();
    let path = PathBuf::from(path.trim());
    let Some(format) = ExportFormat::of_path(&path, dialect) else {
        return Err(format!("Which format? End the name in {}.", ExportFormat::ENDINGS.replace(' ', ", ")));
    };
    let Some(tab) = state.query.result() else { return Err("The result is gone.".into()) };
    let what = match which.trim() {
        "" | "all" => Portion::default(),
        "shown" => super::files::shown(tab),
        "selected" => super::files::selected(tab).ok_or("No rows are selected: V in the results begins a selection.")?,
        _ => return Err("Which rows: all, shown or selected.".into()),
    };
    let Some((result, columns, table)) = tab.columns.clone().map(|c| (tab.id, c, insert_table(dialect, &tab.text))) else {
        return Err("The result is gone.".into());
    };
    let job = state.id();
    state.query.exported = Some(path.clone());
    state.job(job, "exporting", false, effects);
    effects.push(Effect::Export { job, result, columns, format, table, what, path });
    Ok(())
}

/// An export ended.
pub fn exported(state: &mut State, job: JobId, path: &std::path::Path, result: crate::model::Result<(u64, Vec<String>)>) {
    state.jobs.retain(|j| j.id != job);
    let path = text::clean(&path.display().to_string()).into_owned();
    state.say(match result {
        Ok((rows, known)) => {
            let written = format!("{} written to {path}.", text::counted(rows, "row"));
            if known.is_empty() { Note::ok(written) } else { Note::warning(format!("{written} {}", known.join(" "))) }
        }
        Err(e) if e.kind == Kind::Cancelled => Note::info("The export was cancelled; no file was made."),
        Err(e) => Note::error(&e),
    });
}
