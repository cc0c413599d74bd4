//! What is to be done outside of `update`: `tui::jobs` does it and answers with messages.

use super::msg::Timer;
use crate::model::{NodePath, Param, Print};
use crate::ops::checklists::Which;
use crate::ops::rows::Arrangement;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Names a job, for its progress and for cancelling it.
pub type JobId = u64;
/// Names a result's rows.
pub type ResultId = u64;

/// What a saved text may take the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Of nothing: the file must be new.
    Nothing,
    /// Of the text that was read from the file or written into it last, if it is known which one that was.
    Known(Option<Print>),
    Anything,
}

/// One statement to run, exactly as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub text: String,
    /// Where it starts in the editor's text, for the place of an error; `None` when it does not come from there.
    pub offset: Option<usize>,
    /// Values of its parameters, by what they were asked for by.
    pub values: BTreeMap<String, Param>,
    /// The data of a `COPY … FROM STDIN;`.
    pub data: Option<std::sync::Arc<str>>,
    /// Its rows are shown as records (`\gx`).
    pub record: bool,
}

impl Statement {
    /// A statement of a text that begins at byte `from` of the editor's.
    pub fn of(span: &crate::sql::StatementSpan, text: &str, from: usize) -> Self {
        Statement { data: span.data(text).map(Into::into), ..Statement::new(&text[span.span.clone()], Some(from + span.span.start)) }
    }

    /// A statement without values.
    pub fn new(text: impl Into<String>, offset: Option<usize>) -> Self {
        Statement { text: text.into(), offset, values: BTreeMap::new(), data: None, record: false }
    }
}

/// How several statements run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct How {
    /// After an error the next statement runs all the same.
    pub go_on: bool,
    /// Outside a transaction BEGIN is sent first, wherever a statement may stand in one.
    pub manual: bool,
    /// They run again and again: only what the catalogue, too, proves to read.
    pub watched: bool,
}

/// Work over the kept rows of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsWork {
    /// Lists them in another order or selection, under the number of the job.
    Arrange(Arrangement),
    /// Finds the row with a key in a list of them; 0 is as they came.
    FindKey { view: u64, key: crate::ops::rows::keyed::Key },
}

/// What came of it.
#[derive(Debug)]
pub enum RowsReport {
    Arranged {
        rows: u64,
        /// Longer values were compared by so many bytes only.
        compared: crate::ops::rows::arrange::Compared,
    },
    /// Where the row stands.
    Row(Option<u64>),
}

/// What to do with a data fix that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixAnswer {
    Commit,
    RollBack,
}

/// Something to do.
#[derive(Debug)]
pub enum Effect {
    /// Restore the terminal and end with this exit code.
    Quit(u8),
    Suspend,
    /// Lets the user's own editor change the text, with the terminal given to it meanwhile.
    EditOutside {
        text: String,
        version: u64,
    },
    /// Clear and draw everything.
    Repaint,
    After(Duration, Timer),
    Copy(String),

    Connect {
        link: u64,
        target: String,
        password: Option<SecretString>,
    },
    Disconnect,
    Children {
        link: u64,
        at: NodePath,
    },
    Definition {
        link: u64,
        at: NodePath,
    },
    /// Asks the catalogue something for the schema pane.
    Schema {
        link: u64,
        ask: super::panes::schema::Ask,
    },
    /// Reads the names that completion proposes.
    Names {
        link: u64,
    },
    /// Reads those of a schema that was left for later.
    NamesOf {
        link: u64,
        schema: String,
    },
    /// Reads the columns of a temporary table, which only the user's own session sees.
    TemporaryTable {
        link: u64,
        name: String,
    },
    /// Runs the first rows of a table as the engine would name it.
    Preview {
        link: u64,
        job: JobId,
        result: ResultId,
        at: NodePath,
    },
    Run {
        link: u64,
        job: JobId,
        /// The first statement's result; the others follow by one.
        result: ResultId,
        statements: Vec<Statement>,
        how: How,
    },
    Cancel {
        job: JobId,
    },
    /// Closes the connection of the user's session under a statement that cancelling did not end.
    Sever {
        link: u64,
    },
    /// Ends a session of ours on the server that goes on without its connection.
    EndSession {
        link: u64,
        backend: u64,
    },
    ReadRows {
        result: ResultId,
        /// In the order of this list of rows; 0 is as they came.
        view: u64,
        first: u64,
        count: u64,
    },
    /// Looks for the nearest row on the way from `from` that holds the text, going round once.
    FindRow {
        job: JobId,
        result: ResultId,
        /// In the order of this list of rows; 0 is as they came.
        view: u64,
        from: u64,
        way: crate::ops::find::Way,
        text: String,
    },
    /// Works over the kept rows of a result.
    OnRows {
        job: JobId,
        result: ResultId,
        work: RowsWork,
    },
    /// Looks up the table that columns of a result come from, and then does the action again.
    TableOf {
        link: u64,
        result: ResultId,
        table: Vec<String>,
        then: super::Action,
    },
    /// Writes edited cells in one transaction.
    WriteCells {
        link: u64,
        job: JobId,
        result: ResultId,
        table: Box<crate::model::TableInfo>,
        statements: Vec<crate::ops::cells::CellStatement>,
    },
    /// Writes kept rows into a new file.
    Export {
        job: JobId,
        result: ResultId,
        columns: std::sync::Arc<[crate::model::Column]>,
        format: crate::ops::export::ExportFormat,
        /// What INSERT names, in its parts.
        table: Vec<String>,
        what: crate::ops::export::Portion,
        path: PathBuf,
    },
    /// Runs a statement and writes its rows into a new file as they come.
    ExportStatement {
        link: u64,
        job: JobId,
        statement: Statement,
        how: How,
        format: crate::ops::export::ExportFormat,
        /// What INSERT names, in its parts.
        table: Vec<String>,
        path: PathBuf,
    },
    /// Puts kept rows together as a text to copy.
    CopyRows {
        job: JobId,
        result: ResultId,
        columns: std::sync::Arc<[crate::model::Column]>,
        format: crate::ops::export::ExportFormat,
        table: Vec<String>,
        what: crate::ops::export::Portion,
    },
    /// Compares all kept rows of two results, with their columns; without keys by their places.
    CompareResults {
        job: JobId,
        before: (ResultId, std::sync::Arc<[crate::model::Column]>),
        now: (ResultId, std::sync::Arc<[crate::model::Column]>),
        keys: Vec<String>,
    },
    /// Looks at a column of the kept rows as a whole.
    LookAtColumn {
        job: JobId,
        result: ResultId,
        column: usize,
        ask: crate::ops::column::Ask,
    },
    DropRows {
        result: ResultId,
    },
    /// The plan that follows the typing and is under way is not wanted any more: ended on the server too.
    CancelLivePlan,
    /// Lists the plans of a statement that were kept.
    PlanHistory {
        target: String,
        dialect: crate::model::Dialect,
        text: String,
    },
    OpenKeptPlan {
        id: i64,
    },
    /// Index advice upon a statement, its values in the places of its parameters; measured on a scratch copy where that is wanted.
    Advise {
        link: u64,
        job: JobId,
        text: String,
        values: BTreeMap<String, Param>,
        measure: bool,
    },
    /// Writes an index as a pair of migration scripts, with a comment.
    QueueAdvice {
        link: u64,
        candidate: Box<crate::plan::candidates::Candidate>,
        why: String,
    },
    /// Tries something with the plan's statement.
    Trial {
        link: u64,
        job: JobId,
        trial: Box<super::panes::plan::trial::Trial>,
    },
    /// Reads a plan from a file.
    OpenPlan(PathBuf),
    /// Writes a plan that is rendered already.
    SharePlan {
        path: PathBuf,
        text: String,
    },
    Explain {
        link: u64,
        job: Option<JobId>,
        version: u64,
        /// As typed: what comes back belongs to this text.
        text: String,
        /// Stand in the places of its parameters.
        values: BTreeMap<String, Param>,
        analyze: bool,
    },
    Unlock {
        link: u64,
        typed: String,
    },
    Lock,
    AnswerFix(FixAnswer),
    /// Asks the server who waits for the open transaction.
    AskWaiting {
        link: u64,
    },

    /// Asks the server who has the lock that the running statement waits for.
    AskBlockers {
        link: u64,
        job: JobId,
    },

    Import {
        link: u64,
        job: JobId,
        import: Box<crate::ops::import::Import>,
    },
    /// Reads what was run, newest first, of all targets.
    History,
    /// Reads the whole text of one of them.
    Recall(i64),
    /// Reads the saved queries.
    Library,
    /// Writes a new file of the library.
    SaveQuery {
        path: PathBuf,
        text: String,
    },
    OpenFile(PathBuf),
    /// Reads the names of a directory that begin so; answered by `Msg::Directory`.
    ListDirectory {
        directory: String,
        begins: String,
    },
    SaveFile {
        path: PathBuf,
        text: String,
        /// The editor's version of that text.
        version: u64,
        over: Over,
    },
    LoadBuffers {
        target: String,
    },
    /// Reads the values of parameters that are kept for a target.
    LoadValues {
        target: String,
    },
    /// Keeps values of parameters for the next session.
    KeepValues {
        target: String,
        values: Vec<crate::store::values::KeptValue>,
    },
    /// Keeps all buffers of a target, in order.
    SaveBuffers {
        target: String,
        buffers: Vec<crate::store::buffers::Keep>,
    },
    CloseBuffer {
        target: String,
        id: i64,
    },
    /// Reads the buffer again that was closed last.
    ReopenBuffer {
        target: String,
    },

    /// Reads the locks of a target, by a session that is kept until [`Effect::LeaveLocks`].
    LookAtLocks {
        job: JobId,
        target: String,
    },
    LeaveLocks,

    /// Assesses a target by a connection of its own; the checks of these names, or all.
    Assess {
        job: JobId,
        target: String,
        only: Vec<String>,
        /// That was typed for it.
        password: Option<secrecy::SecretString>,
    },
    /// Looks at what a recovery action would do to its object, or does it.
    Recover {
        job: JobId,
        target: String,
        action: crate::model::recovery::Action,
        /// What was typed; `None` looks only.
        yes: Option<crate::ops::gate::Yes>,
    },
    /// Writes the hand-over of an assessment into a new file.
    HandOver {
        assessment: Box<crate::model::assessment::Assessment>,
        path: PathBuf,
    },
    /// An operation with a report.
    Operate {
        link: u64,
        job: JobId,
        operation: Operation,
    },
}

/// An operation of `ops` that the console asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Queue,
    /// How that checklist stands.
    Checklist(Which),
    /// All checklists, to choose from.
    Checklists,
    /// Runs that were cut off: those of this target are compared with it and explained.
    CutOff,
    StartRun {
        upto: Option<i64>,
        issue: Option<String>,
    },
    RunNext(Which),
    RunProvable(Which),
    Sign {
        step: String,
        name: String,
        text: String,
        typed_target: Option<String>,
    },
    /// A step of an incident, whose target need not be open.
    SignIncident {
        which: Which,
        step: String,
        name: String,
        text: String,
    },
    /// The evidence of that id, whole.
    Evidence(String),
    /// Up to and including that version; all pending ones when `None`.
    Prove(Option<i64>),
    /// Asks the gate whether the range may be applied; nothing else happens.
    CheckGate {
        upto: Option<i64>,
    },
    Apply {
        upto: Option<i64>,
        typed: String,
    },
    PreviewRevert {
        downto: Option<i64>,
    },
    Revert {
        downto: Option<i64>,
        typed: String,
    },
    CloseRun,
    /// Applies, reverts and applies again on another target, of the first environment.
    Rehearse {
        target: String,
        upto: Option<i64>,
    },
    Backups,
    TakeBackup,
    VerifyBackup(Option<PathBuf>),
    /// The newest entries, or those before a number.
    Journal {
        before: Option<i64>,
    },
    VerifyJournal,
    /// What the sessions of the server run now.
    Sessions,
    /// The plan of what that session runs now.
    SessionPlan(u64),
    Demo,
    /// Writes a target into the project file; the text was shown before.
    WriteTarget {
        path: PathBuf,
        text: String,
        name: String,
    },
}
