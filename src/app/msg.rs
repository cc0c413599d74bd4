//! What happened: from the terminal, from timers, and from jobs.

use super::effect::{FixAnswer, JobId, ResultId, RowsReport, RowsWork};
use super::link::Server;
use crate::config::keymap::Key;
use crate::engine::{Outcome, SessionStatus};
use crate::model::evidence::Evidence;
use crate::model::plan::Plan;
use crate::model::{Column, Finding, NodePath, Notice, Print, Result, RowBatch, SchemaNode, Waiting};
use crate::ops;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

/// How saving into a file ended.
#[derive(Debug)]
pub enum Saved {
    Written(Print),
    /// The file is there, and none was to be.
    There,
    /// The file has another text than it may have: which one, and whether it is known what it had.
    Changed {
        theirs: Result<String>,
        known: bool,
    },
}

/// One thing that happened.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "messages are few and live for moments")]
pub enum Msg {
    /// The clock; comes before each batch of other messages.
    Now(Timestamp),
    Key(Key),
    /// Text keys that came together: fast typing, or a paste by a terminal that does not bracket it.
    Keys(Vec<Key>),
    /// Bracketed paste: text, never keys.
    Paste(String),
    Resize(u16, u16),
    /// The terminal window got or lost the focus.
    Focus(bool),
    /// SIGTERM, SIGHUP, or a terminal that is gone; with the reason.
    Stop(String),
    /// Back from a stop of the process.
    Resumed,
    Timer(Timer),

    Connected {
        link: u64,
        server: Box<Server>,
    },
    ConnectFailed {
        link: u64,
        error: crate::model::Error,
    },
    Status {
        link: u64,
        status: SessionStatus,
    },
    /// What the server says of a statement whose connection was closed under it: the statement, when it goes on.
    LeftBehind {
        link: u64,
        backend: u64,
        result: crate::model::Result<Option<String>>,
    },
    /// The names of a list, sooner than the whole of it.
    Outline {
        link: u64,
        at: NodePath,
        names: Vec<SchemaNode>,
    },
    Children {
        link: u64,
        at: NodePath,
        result: Result<Vec<SchemaNode>>,
    },
    Definition {
        link: u64,
        at: NodePath,
        result: Result<String>,
    },
    Schema {
        link: u64,
        told: super::panes::schema::Told,
    },
    Names {
        link: u64,
        result: Result<Box<crate::model::names::Names>>,
    },
    /// Those of a schema that was left for later.
    NamesOf {
        link: u64,
        schema: String,
        result: Result<Vec<crate::model::names::Relation>>,
    },
    /// A temporary table's columns.
    TemporaryTable {
        link: u64,
        name: String,
        columns: Vec<Column>,
    },
    Run {
        job: JobId,
        event: RunEvent,
    },
    /// How two results differ.
    Compared {
        job: JobId,
        before: ResultId,
        now: ResultId,
        compared: Result<Box<ops::compare::Compared>>,
    },
    /// What a column of a result holds.
    ColumnTold {
        job: JobId,
        result: ResultId,
        column: usize,
        told: Result<ops::column::Told>,
    },
    /// The row that was looked for, and the first column of it that holds the text.
    Found {
        job: JobId,
        result: ResultId,
        found: Result<Option<(u64, usize)>>,
    },
    /// The table that a result's columns come from.
    TableOf {
        link: u64,
        result: ResultId,
        table: Vec<String>,
        info: Result<Option<crate::model::TableInfo>>,
        then: super::Action,
    },
    /// Edited cells were written, or none of them was.
    CellsWritten {
        job: JobId,
        result: ResultId,
        outcome: Result<ops::cells::Written>,
    },
    /// Edited cells of a guarded target are changed in a transaction that waits for its answer.
    CellsWait {
        job: JobId,
        result: ResultId,
        fix: Box<super::panes::fix::Report>,
    },
    /// Work over the rows of a result ended.
    RowsDone {
        job: JobId,
        result: ResultId,
        work: RowsWork,
        report: Result<RowsReport>,
    },
    /// An export ended: rows that were written, and what to know of the file; and where it is.
    Exported {
        job: JobId,
        path: PathBuf,
        result: Result<(u64, Vec<String>)>,
    },
    /// Rows as a text for the clipboard.
    RowsToCopy {
        job: JobId,
        result: Result<String>,
    },
    /// Rows that the grid asked for.
    Window {
        result: ResultId,
        view: u64,
        batches: Vec<(u64, Arc<RowBatch>)>,
        error: Option<crate::model::Error>,
    },
    Planned {
        link: u64,
        job: Option<JobId>,
        version: u64,
        text: String,
        analyze: bool,
        result: Result<Plan>,
    },
    /// Earlier plans of a statement.
    PlanHistory {
        result: Result<Vec<crate::store::plans::Kept>>,
    },
    /// Index advice.
    Advised {
        link: u64,
        job: JobId,
        result: Result<Box<crate::ops::advice::Report>>,
    },
    /// Each index was written as a pair of scripts, up and down: these files.
    AdviceQueued {
        link: u64,
        result: Result<Vec<PathBuf>>,
    },
    /// One of them: the plan, its statement, when it was kept.
    KeptPlan {
        result: Result<Box<(Plan, String, String)>>,
    },
    /// What came of a trial with the plan's statement.
    Tried {
        link: u64,
        job: JobId,
        result: Result<super::panes::plan::trial::Tried>,
    },
    /// A plan from a file, and what was read.
    PlanRead {
        path: PathBuf,
        result: Result<Box<(Plan, String)>>,
    },
    /// Runs on this target that were cut off, and what is true now.
    Recovered {
        link: u64,
        runs: Vec<Result<ops::recover::Explained>>,
    },
    Unlocked {
        link: u64,
        result: Result<Timestamp>,
    },
    /// What the server said while nothing of the user ran.
    Unasked {
        link: u64,
        notice: Notice,
    },
    /// Who waits for the open transaction.
    Waiting {
        link: u64,
        result: Result<Vec<Waiting>>,
    },
    /// Who has the lock that the running statement waits for.
    Blockers {
        job: JobId,
        result: Result<Vec<crate::model::Blocker>>,
    },
    FixEnded {
        answer: FixAnswer,
        result: Result<()>,
    },
    /// The connection of the data fix that waited for its answer is gone, and the fix with it.
    FixLost {
        why: String,
    },
    /// An import was tried, or done.
    Imported {
        job: JobId,
        import: Box<ops::import::Import>,
        result: Result<Box<ops::import::Report>>,
    },
    History {
        result: Result<Vec<crate::store::history::Ran>>,
    },
    /// The whole text of a statement that was chosen in the history; `None`: it is no longer kept.
    Recalled {
        result: Result<Option<String>>,
    },
    /// Saved queries, and sentences about files that cannot be taken.
    Library {
        saved: Vec<ops::library::Saved>,
        notes: Vec<String>,
    },
    QuerySaved {
        path: PathBuf,
        result: Result<()>,
    },
    /// The user's own editor is done with the text of that version.
    EditedOutside {
        version: u64,
        result: Result<String>,
    },
    FileOpened {
        path: PathBuf,
        result: Result<String>,
    },
    /// Names of a directory.
    Directory(super::paths::Listing),
    FileSaved {
        path: PathBuf,
        /// The editor's version of what was saved.
        version: u64,
        result: Result<Saved>,
    },
    /// Values of parameters that are kept for a target, or why they are not.
    Values {
        target: String,
        result: Result<Vec<crate::store::values::KeptValue>>,
    },
    BuffersLoaded {
        target: String,
        result: Result<Vec<crate::store::buffers::Buffer>>,
    },
    BufferReopened {
        target: String,
        result: Result<Option<crate::store::buffers::Buffer>>,
    },
    BufferSaved {
        result: Result<()>,
    },
    Progress {
        job: JobId,
        step: String,
        done: u64,
        total: Option<u64>,
    },
    /// A job ended.
    Ended {
        job: JobId,
        link: u64,
        report: Report,
    },
    /// The configuration was read again, or another one took its place.
    Configured {
        config: Arc<crate::config::Config>,
        guide: bool,
        /// A target to open at once.
        open: Option<String>,
    },
    /// One of several steps is done, and the job goes on.
    Stepped {
        link: u64,
        which: ops::checklists::Which,
        outcome: ops::checklist::StepOutcome,
    },
    /// A part of an assessment that is under way.
    Assessing {
        job: JobId,
        news: ops::assess::News,
    },
    /// A recovery action was looked at, or done.
    Recovery {
        job: JobId,
        result: Result<crate::app::panes::assess::recover::Told>,
    },
    /// An assessment is over.
    /// The locks were read again.
    LockTree {
        job: JobId,
        result: Result<Box<crate::model::assessment::Seen>>,
    },
    Assessed {
        job: JobId,
        result: Result<Box<crate::model::assessment::Assessment>>,
    },
    /// A sentence for the footer and the log.
    Said(crate::app::state::Note),
}

/// A timer that `Effect::After` armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Elapsed times of running work, open transactions and unlocked targets: which arming of the clock it is.
    Tick(u32),
    SaveBuffer {
        version: u64,
    },
    LivePlan {
        version: u64,
    },
    /// What the server runs is read again, if it is still looked at; of that answer.
    Sessions {
        round: u64,
    },
    /// Who waits for whom is read again, if it is still looked at.
    LockTree,
    /// The next run of what is watched is due; the run before.
    Watch {
        job: JobId,
    },
    /// Nothing came behind the letter that answers a question.
    Letter {
        question: u64,
    },
    /// Keys have waited long enough for the names that a field is completed from.
    FormKeys,
    /// A question has stood for a moment: which one, and how many keys had come when this began.
    Rest {
        question: u64,
        presses: u64,
    },
}

/// What running statements tells.
#[derive(Debug)]
pub enum RunEvent {
    /// A statement starts; its rows go to this result.
    Started {
        result: ResultId,
        index: usize,
        text: String,
    },
    Columns {
        result: ResultId,
        columns: Arc<[Column]>,
    },
    /// Rows that are kept so far, with the first ones on their way to the screen.
    Rows {
        result: ResultId,
        total: u64,
        first: Option<Arc<RowBatch>>,
    },
    Notice {
        result: ResultId,
        notice: Notice,
    },
    /// The statement goes on with a further result: what came before is whole.
    Further {
        before: ResultId,
        outcome: Outcome,
        result: ResultId,
        columns: Arc<[Column]>,
    },
    Done {
        result: ResultId,
        outcome: Outcome,
    },
    /// The statement that is done ran to its end, and not all of its rows are kept.
    Cut {
        result: ResultId,
        why: crate::model::Error,
    },
    Failed {
        result: ResultId,
        error: crate::model::Error,
    },
    /// The statement ended the open transaction in another way than its words say, or the server did with its error.
    Unasked {
        result: ResultId,
        message: String,
        /// What stands behind it does not run, also where a run goes on after errors.
        gone: bool,
    },
    /// What the statement did to the open transaction.
    Passed {
        result: ResultId,
        passed: ops::statements::Passed,
    },
    /// A data fix waits for the answer.
    Fix {
        result: ResultId,
        fix: Box<crate::app::panes::fix::Report>,
    },
    /// No further statement will run.
    Finished,
}

/// What an operation gave.
#[derive(Debug)]
pub enum Report {
    Queue(Result<Box<ops::migrate::Queue>>),
    Checklist {
        which: ops::checklists::Which,
        result: Result<Box<ops::checklist::RunView>>,
    },
    Checklists(Result<Vec<ops::checklists::Listed>>),
    CutOff(Result<CutOff>),
    Step {
        which: ops::checklists::Which,
        result: Result<ops::checklist::StepOutcome>,
    },
    /// After running all that needs nobody.
    Steps {
        which: ops::checklists::Which,
        result: Result<Box<ops::checklist::RunView>>,
    },
    RunStarted(Result<Box<ops::checklist::RunView>>),
    Signed(Result<Box<Evidence>>),
    Evidence(Result<Option<Box<Evidence>>>),
    Proof(Result<Box<ops::migrate::ProofReport>>),
    /// What the gate said of a range: the versions that it would clear, or why it holds.
    Gate {
        upto: Option<i64>,
        result: Result<Result<Vec<i64>, ops::gate::Held>>,
    },
    Applied(Result<Result<Ran, ops::gate::Held>>),
    RevertPreview {
        downto: Option<i64>,
        result: Result<ops::gate::RevertPreview>,
    },
    Reverted(Result<Result<Ran, ops::gate::Held>>),
    Rehearsed {
        target: String,
        result: Result<Ran>,
    },
    RunClosed(Result<()>),
    Backups(Result<Vec<ops::backup::Listed>>),
    Taken(Result<Box<ops::backup::TakeReport>>),
    Verified(Result<Box<ops::backup::VerifyReport>>),
    Journal {
        before: Option<i64>,
        result: Result<Vec<ops::journal::Entry>>,
    },
    JournalVerified(Result<ops::journal::Verification>),
    Sessions(Result<Box<ops::running::Look>>),
    SessionPlan {
        id: u64,
        result: Result<Box<Plan>>,
    },
    Demo(Result<PathBuf>),
    TargetWritten(Result<String>),
}

/// What a run of scripts did: the rights that `ops` returns beside it are to be had again, and do not travel in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub run: String,
    pub steps: Vec<ops::migrate::StepRun>,
    pub took: std::time::Duration,
    pub findings: Vec<Finding>,
}

/// Runs without an end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CutOff {
    /// On this target, compared with what is there now.
    pub here: Vec<ops::recover::Explained>,
    /// On other targets: these have to be opened to be explained.
    pub elsewhere: Vec<ops::recover::Unfinished>,
}
