//! What stands above the panes: questions, forms, viewers, help, palette. All of it data; what an answer does is data too.

use super::effect::{FixAnswer, Operation, ResultId, Statement};
use super::list::ListCursor;
use super::palette::Palette;
use crate::model::{Error, Kind};
use crate::ops::import::Import;
use std::borrow::Cow;
use std::path::PathBuf;
use tui_textarea::{CursorMove, TextArea};

/// Something above the panes. The topmost one takes the keys.
#[allow(clippy::large_enum_variant, reason = "a handful exists at a time")]
pub enum Dialog {
    Confirm(Confirm),
    Form(Form),
    Viewer(Viewer),
    Chart(super::chart::Chart),
    /// One value of a result.
    Cell(super::cell_view::CellView),
    Help(Help),
    Palette(Palette),
    Messages(ListCursor),
    Links(super::links::Links),
}

/// What an answer does.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    Nothing,
    Quit,
    Fix(FixAnswer),
    /// Writes the cells that are staged in the result on the screen.
    WriteEdits,
    /// Shows all of them; the question stays.
    ShowEdits,
    /// The form of a new row, or of one that is staged.
    NewRow(Option<usize>),
    DiscardEdits,
    /// Looks at what the action would do.
    Recover(crate::model::recovery::Action),
    /// Closes the result on the screen, staged changes or not.
    CloseResult,
    /// Imports what was tried.
    Import(Box<Import>),
    /// Shows all that came of trying it; the question stays.
    ShowImport(Box<Import>, Box<crate::ops::import::Report>),
    /// Runs statements after what was asked about them.
    Run(Vec<Statement>),
    /// Shows all that is known of the data fix; its question stays.
    ShowFix,
    Operate {
        title: String,
        writes: bool,
        operation: Operation,
    },
    /// Copies rows of the result on the screen, in the form that the action names.
    CopyRows(super::Action, crate::ops::export::Portion),
    /// Puts a statement at the end of the editor's text.
    ToEditor(String),
    OverwriteFile(PathBuf),
    /// Opens what a file holds now as a buffer beside the one that has the file.
    FileBeside(PathBuf, String),
    CloseBuffer,
    /// Ends a session of ours on the server.
    EndSession(u64),
    /// Runs a statement to measure it, after its cost was asked about.
    Analyze(super::panes::plan::Asked),
    /// Runs the statement that writes, which was asked about, there.
    MeasureWrite(crate::ops::gate::Place),
    /// Shows all that it sets off; the question stays.
    ShowWrite,
    /// Advice that is measured on a copy.
    MeasureAdvice(super::panes::plan::Asked),
    Connect(String),
    /// Connects to another target and takes the same range up there.
    Follow {
        target: String,
        upto: Option<i64>,
    },
    Action(super::Action),
    /// Writes an index as a migration, with a comment.
    QueueAdvice(Box<crate::plan::candidates::Candidate>, String),
    /// Runs a performance test, whatever it costs.
    RunTest(PathBuf),
    /// Asks the catalogue.
    Ask(super::panes::schema::Ask),
}

/// A question with answers by key. The safe answer stands first and is what `Esc` gives.
#[derive(Debug, Clone)]
pub struct Confirm {
    pub title: String,
    pub body: Vec<String>,
    pub answers: Vec<Answer>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub key: char,
    pub label: String,
    pub then: Then,
}

impl Answer {
    pub fn new(key: char, label: impl Into<String>, then: Then) -> Self {
        Answer { key, label: label.into(), then }
    }
}

/// What a form is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    Password {
        target: String,
        /// For an assessment, not to open it.
        assess: bool,
    },
    Unlock {
        target: String,
    },
    OpenFile,
    /// A plan from a file.
    OpenPlan,
    /// The plan on the screen, into a file.
    SharePlan,
    HandOver,
    /// What was shown, and its mark.
    Recover {
        prospect: Box<crate::model::recovery::Prospect>,
        mark: String,
    },
    /// A planner setting for one plan.
    WhatIf,
    /// Values for plans side by side.
    ParamSets,
    /// A performance test of the plan's statement; its checklist is shown then.
    WritePlanTest {
        optimize: bool,
    },
    SaveFile,
    Export,
    /// The file for the rows of a statement that is going to run.
    ExportStatement(Statement),
    /// Another result to compare this one with.
    Compare {
        now: super::effect::ResultId,
    },
    Find,
    /// Which of the loaded rows are shown.
    FilterRows,
    NewTarget,
    /// The text that is going to be written was shown; writing it is the next answer.
    Sign {
        step: String,
        solo: bool,
    },
    /// Of a step of an incident.
    SignIncident {
        which: crate::ops::checklists::Which,
        step: String,
    },
    Apply {
        target: String,
        upto: Option<i64>,
    },
    Revert {
        target: String,
        downto: Option<i64>,
    },
    StartRun,
    SaveQuery,
    Import,
    EditCell {
        result: ResultId,
        row: u64,
        column: usize,
    },
    AddRow {
        result: ResultId,
        /// The new row that is changed, by its place among what is staged.
        at: Option<usize>,
    },
    /// Values for the parameters of what is going to run.
    Values(Wanted),
}

/// What values were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Run(Vec<Statement>),
    Plan { text: String, analyze: bool },
    Export { statement: Statement, path: PathBuf },
}

/// One line to type.
pub struct Field {
    pub label: Cow<'static, str>,
    pub input: TextArea<'static>,
    pub secret: bool,
    /// Grey text behind the label.
    pub hint: String,
    pub takes: Takes,
}

/// What a field is about: what can be completed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Words,
    /// A path, or where that is said a URL.
    File,
    /// A table, as it is written in SQL.
    Table,
}

impl Field {
    /// A value that stands there already is selected: what is typed takes its place, and a key that moves keeps it.
    pub fn new(label: impl Into<Cow<'static, str>>, value: &str, hint: impl Into<String>) -> Self {
        let mut input = TextArea::new(vec![value.replace(['\n', '\r'], " ")]);
        if !value.is_empty() {
            input.select_all();
        }
        Field { label: label.into(), input, secret: false, hint: hint.into(), takes: Takes::Words }
    }
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
    pub fn of(mut self, takes: Takes) -> Self {
        self.takes = takes;
        self
    }
    /// Another text, with the cursor behind so many letters.
    pub fn set(&mut self, value: String, letters: usize) {
        self.input = TextArea::new(vec![value]);
        self.input.move_cursor(CursorMove::Jump(0, u16::try_from(letters).unwrap_or(u16::MAX)));
    }
    pub fn value(&self) -> &str {
        self.input.lines().first().map_or("", String::as_str)
    }
}

/// Lines to type.
pub struct Form {
    pub title: String,
    pub body: Vec<String>,
    /// Lines of the body that were scrolled past, where it is longer than the screen.
    pub scroll: usize,
    pub fields: Vec<Field>,
    pub at: usize,
    pub purpose: Purpose,
    /// Why the last try was refused.
    pub problem: Option<String>,
    /// Proposals for the field that is typed into.
    pub list: Option<super::form_list::FormList>,
    /// The text that they were asked for, while what they are made of is read.
    pub waits: Option<super::form_list::Waits>,
    /// Keys that wait for them, too.
    pub held: Option<Vec<crate::config::keymap::Key>>,
}

/// Most lines of a hint.
const HINT_LINES: usize = 3;

/// How a form lies on the screen.
pub struct FormShape {
    pub width: u16,
    /// Its text, broken to the width.
    pub body: Vec<String>,
    pub problem: Vec<String>,
    /// Rows of a field: the hint of the one that is typed into has one below it, where there are hints.
    pub rows: usize,
    /// The hint of the field that is typed into, broken to its room.
    pub hint: Vec<String>,
    /// Rows that the longest hint takes beyond its one.
    pub spare: usize,
    /// Columns of the labels.
    pub labels: u16,
    /// Rows of all of it, with its frame.
    pub height: usize,
    /// Rows that the text has: what is typed into stays on the screen.
    pub room: usize,
}

impl Form {
    /// On a screen of this size.
    pub fn shape(&self, (columns, rows): (u16, u16)) -> FormShape {
        use crate::text::{clean, paragraph, width};
        let most = |of: &dyn Fn(&Field) -> usize| self.fields.iter().map(of).max().unwrap_or(0);
        let labels = most(&|f| width(&clean(&f.label))).min(24) as u16 + 2;
        // As wide as the longest hint wants, where the screen is.
        let hints = most(&|f| width(&f.hint)).min(200) as u16;
        let across = (labels + hints + 5).clamp(76, 130).min(columns.saturating_sub(4));
        let broken = |l: &String| paragraph(l, usize::from(across.saturating_sub(4)));
        let body: Vec<String> = self.body.iter().flat_map(broken).collect();
        let problem: Vec<String> = self.problem.iter().flat_map(broken).collect();
        let hint = |f: &Field| {
            let mut lines = paragraph(&f.hint, usize::from(across.saturating_sub(labels + 5)));
            // Some types tell all of their values.
            if lines.len() > HINT_LINES {
                lines.truncate(HINT_LINES);
                lines[HINT_LINES - 1].push_str(" …");
            }
            lines
        };
        let hints = most(&|f| if f.hint.is_empty() { 0 } else { hint(f).len() });
        let (each, spare) = (1 + hints.min(1), hints.saturating_sub(1));
        let hint = self.fields.get(self.at).filter(|f| !f.hint.is_empty()).map(hint).unwrap_or_default();
        let gap = usize::from(!body.is_empty());
        let height = (body.len() + gap + self.fields.len() * each + spare + problem.len() + 2).min(usize::from(rows.saturating_sub(2)));
        let room = height.saturating_sub(2 + each + spare + problem.len() + gap);
        FormShape { width: across, body, problem, rows: each, hint, spare, labels, height, room }
    }

    pub fn new(title: impl Into<String>, purpose: Purpose, body: Vec<String>, fields: Vec<Field>) -> Self {
        Form { title: title.into(), body, scroll: 0, fields, at: 0, purpose, problem: None, list: None, waits: None, held: None }
    }
    /// Asks for what an error [asks](Error::asks) for: the password of a target, or the pass phrase of its private key.
    pub fn secret(error: &Error, target: &str, assess: bool) -> Self {
        let what = if error.kind == Kind::PassphraseNeeded { "Pass phrase" } else { "Password" };
        let fields = vec![Field::new(what, "", "kept in memory until Holdpoint ends").secret()];
        let purpose = Purpose::Password { target: target.to_string(), assess };
        Form::new(format!("{what} for {target}"), purpose, vec![crate::text::clean(&error.message).into_owned()], fields)
    }
    pub fn value(&self, i: usize) -> &str {
        self.fields.get(i).map_or("", Field::value)
    }
}

/// A text to read.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub title: String,
    /// Lines, cleaned.
    pub lines: Vec<String>,
    /// What `y` copies.
    pub original: String,
    pub top: usize,
    pub left: usize,
    /// The text is SQL: drawn with colours.
    pub sql: bool,
}

impl Viewer {
    pub fn new(title: impl Into<String>, original: impl Into<String>) -> Self {
        let original = original.into();
        let lines = crate::text::clean_lines(&original).lines().map(str::to_string).collect();
        Viewer { title: title.into(), lines, original, top: 0, left: 0, sql: false }
    }
    pub fn sql(mut self) -> Self {
        self.sql = true;
        self
    }
    /// Prose: broken into lines that fit a screen of `columns`, or are good to read on a wider one.
    pub fn prose(mut self, columns: u16) -> Self {
        let width = usize::from(columns.saturating_sub(8)).clamp(30, 96);
        self.lines = crate::text::wrap(&self.lines.join("\n"), width);
        self
    }
}

/// Columns inside a page that is read, on a screen of `width` columns.
pub fn page_width(width: u16) -> u16 {
    width.saturating_sub(4).min(120).saturating_sub(4)
}

/// Help of a pane.
#[derive(Debug, Clone, Default)]
pub struct Help {
    /// Lines: (keys, sentence); a line without keys is a heading.
    pub lines: Vec<(String, String)>,
    pub title: String,
    pub top: usize,
    /// What is looked for, while it is typed and after.
    pub sought: String,
    pub typing: bool,
    /// The line that holds it.
    pub found: Option<usize>,
}

impl Help {
    /// Goes to the next line that holds what is looked for (in any case), from a line on or back from it, round the ends.
    pub fn seek(&mut self, from: usize, way: crate::ops::find::Way, page: usize) {
        let sought = self.sought.to_lowercase();
        let len = self.lines.len();
        let holds = |i: &usize| {
            let (keys, words) = &self.lines[*i];
            keys.to_lowercase().contains(&sought) || words.to_lowercase().contains(&sought)
        };
        self.found = match way {
            _ if sought.is_empty() || len == 0 => None,
            crate::ops::find::Way::Forwards => (0..len).map(|i| (from + i) % len).find(holds),
            crate::ops::find::Way::Backwards => (0..len).map(|i| (from + len - i) % len).find(holds),
        };
        if let Some(at) = self.found.filter(|at| *at < self.top || *at >= self.top + page) {
            self.top = at.saturating_sub(page / 3).min(len.saturating_sub(page));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Field;
    use crate::app::keys::field;
    use crate::config::keymap::{Code, Key};

    #[test]
    fn what_is_typed_takes_the_place_of_what_stood_there() {
        let typed = |keys: &[Key]| {
            let mut of = Field::new("File", "mig.sql", "");
            keys.iter().for_each(|k| assert!(field(&mut of.input, *k)));
            of.value().to_string()
        };
        assert_eq!(typed(&[Key::char('a'), Key::char('b')]), "ab");
        assert_eq!(typed(&[Key { code: Code::End, ..Key::char('x') }, Key::char('b')]), "mig.sqlb");
        assert_eq!(typed(&[Key { code: Code::Backspace, ..Key::char('x') }]), "");
    }
}
