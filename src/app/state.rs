//! All that the console knows, in one place.

use super::dialog::Dialog;
use super::effect::{Effect, JobId, ResultId};
use super::link::Link;
pub use super::note::{Messages, Note};
use super::panes::{assess, backups, checklist, journal, migrations, plan, query, schema, sessions, start};
use crate::config::Config;
use crate::config::keymap::{Key, Keymap};
use crate::model::{Dialect, TxState};
use jiff::Timestamp;
use std::sync::Arc;

/// A part of the screen that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pane {
    Start,
    Schema,
    Editor,
    Results,
    Plan,
    Migrations,
    Checklist,
    Backups,
    Journal,
    /// What the server runs now.
    Sessions,
    /// What is wrong with a target.
    Assess,
}

impl Pane {
    /// The pane's section in the keymap, and its title in help.
    pub fn context(self) -> &'static str {
        match self {
            Pane::Start => "start",
            Pane::Schema => "schema",
            Pane::Editor => "query",
            Pane::Results => "results",
            Pane::Plan => "plan",
            Pane::Migrations => "migrations",
            Pane::Checklist => "checklist",
            Pane::Backups => "backups",
            Pane::Journal => "journal",
            Pane::Sessions => "sessions",
            Pane::Assess => "assess",
        }
    }
}

/// What fills the main area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Workspace {
    Start,
    Schema,
    Query,
    Migrations,
    Checklist,
    Backups,
    Journal,
    Sessions,
    Assess,
}

impl Workspace {
    /// In the order of the tab strip.
    pub const TABS: [Workspace; 6] =
        [Workspace::Schema, Workspace::Query, Workspace::Migrations, Workspace::Checklist, Workspace::Backups, Workspace::Journal];

    /// The key that goes there; 0 where none does.
    pub fn number(self) -> usize {
        match self {
            Workspace::Sessions => 7,
            Workspace::Assess => 8,
            tab => Self::TABS.iter().position(|t| *t == tab).map_or(0, |i| i + 1),
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Workspace::Start => "Start",
            Workspace::Schema => "Schema",
            Workspace::Query => "Query",
            Workspace::Migrations => "Migrations",
            Workspace::Checklist => "Checklist",
            Workspace::Backups => "Backups",
            Workspace::Journal => "Journal",
            Workspace::Sessions => "Sessions",
            Workspace::Assess => "Assess",
        }
    }
}

/// Where the user is.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub workspace: Workspace,
    pub focus: Pane,
    pub zoom: bool,
    /// The editor takes printable keys.
    pub typing: bool,
}

/// Work that runs outside.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub title: String,
    pub started: Timestamp,
    pub step: String,
    pub done: u64,
    pub total: Option<u64>,
    /// Cancelling was asked for.
    pub cancelled: bool,
    /// It changes a target: the console asks before it ends meanwhile.
    pub writes: bool,
    /// Who keeps it waiting, where it runs on a session of its own that may wait for locks.
    pub blocked: Option<super::blocked::Blocked>,
}

/// See the module.
pub struct State {
    pub config: Arc<Config>,
    pub keymap: Keymap,
    /// Columns and rows.
    pub size: (u16, u16),
    pub now: Timestamp,
    /// The terminal's window has the focus, as far as it tells.
    pub focused: bool,
    pub view: View,
    pub link: Link,
    /// Counts connections: answers of an earlier one are dropped.
    pub link_no: u64,
    /// Guarded until then.
    pub unlocked: Option<Timestamp>,
    pub start: start::Start,
    pub schema: schema::Schema,
    pub query: query::Query,
    pub completion: super::completion::Completion,
    pub paths: super::paths::Paths,
    pub plan: plan::PlanPane,
    pub migrations: migrations::Migrations,
    pub checklist: checklist::Checklist,
    pub backups: backups::Backups,
    pub journal: journal::Journal,
    pub sessions: sessions::Sessions,
    pub assess: assess::Assess,
    pub dialogs: Vec<Dialog>,
    pub questions: super::rest::Questions,
    /// Keys of a started sequence (leader).
    pub sequence: Vec<Key>,
    pub messages: Messages,
    pub jobs: Vec<Job>,
    /// The operation among them that somebody waits for.
    pub work: Option<super::work::Work>,
    /// The demo's guide: shows what to do next.
    pub guide: bool,
    pub guide_state: super::guide::Guide,
    /// Another target that is gone to, and the last version of the range that is taken up there.
    pub follow: Option<(String, i64)>,
    next_id: u64,
    /// Seconds after which the clock comes, while it is armed.
    armed: Option<u64>,
    /// Which arming of the clock counts: one that is to come sooner takes the place of the one before.
    pub clock: u32,
}

impl State {
    pub fn new(config: Arc<Config>, keymap: Keymap, size: (u16, u16), now: Timestamp) -> Self {
        State {
            start: start::Start::new(&config),
            config,
            keymap,
            size,
            now,
            focused: true,
            view: View { workspace: Workspace::Start, focus: Pane::Start, zoom: false, typing: false },
            link: Link::None,
            link_no: 0,
            unlocked: None,
            schema: schema::Schema::default(),
            query: query::Query::new(Dialect::Sqlite),
            completion: super::completion::Completion::default(),
            paths: super::paths::Paths::default(),
            plan: plan::PlanPane::default(),
            migrations: migrations::Migrations::default(),
            checklist: checklist::Checklist::default(),
            backups: backups::Backups::default(),
            journal: journal::Journal::default(),
            sessions: sessions::Sessions::default(),
            assess: assess::Assess::default(),
            dialogs: Vec::new(),
            questions: Default::default(),
            sequence: Vec::new(),
            messages: Messages::default(),
            jobs: Vec::new(),
            work: None,
            guide: false,
            guide_state: super::guide::Guide::default(),
            follow: None,
            next_id: 1,
            armed: None,
            clock: 0,
        }
    }

    /// A number that was not given before, for jobs and results.
    pub fn id(&mut self) -> u64 {
        self.ids(1)
    }
    /// The first of `n` numbers in a row.
    pub fn ids(&mut self, n: u64) -> u64 {
        let id = self.next_id;
        self.next_id += n;
        id
    }

    /// Shows a message and keeps it in the log; see [`Messages::say`].
    pub fn say(&mut self, mut note: Note) {
        note.at = Some(self.now);
        self.messages.say(note);
    }
    /// Shows a message that sums up the errors before it; a loss stays.
    pub fn sum_up(&mut self, note: Note) {
        self.messages.shown.take_if(|old| !old.loss);
        self.say(note);
    }

    /// Goes to a pane, and to a workspace that shows it.
    pub fn go(&mut self, pane: Pane) {
        self.view.focus = pane;
        let layout_has = super::layout::arrange(self).has(pane);
        match pane {
            Pane::Results | Pane::Plan => self.query.lower = pane,
            _ => {}
        }
        if self.view.zoom || (layout_has && self.view.workspace != Workspace::Start) {
            // A zoomed pane gives its place to the one gone to.
            if self.view.zoom {
                self.view.workspace = home(pane);
            }
            return;
        }
        self.view.workspace = home(pane);
        if pane == Pane::Editor {
            super::panes::query::follow(self);
        }
    }

    /// Notes that a job runs, and arms the clock for its elapsed time.
    pub fn job(&mut self, id: JobId, title: impl Into<String>, writes: bool, effects: &mut Vec<Effect>) {
        let title = title.into();
        self.jobs.push(Job {
            id,
            title,
            started: self.now,
            step: String::new(),
            done: 0,
            total: None,
            cancelled: false,
            writes,
            blocked: None,
        });
        self.tick(effects);
    }

    /// Arms the clock if something that counts seconds is on the screen.
    pub fn tick(&mut self, effects: &mut Vec<Effect>) {
        let wait = if !self.jobs.is_empty() || matches!(self.link, Link::Connecting { .. }) {
            1
        } else if self.holds_locks() {
            5
        } else if self.unlocked.is_some() {
            15
        } else {
            return;
        };
        if self.armed.is_none_or(|armed| wait < armed) {
            self.armed = Some(wait);
            self.clock = self.clock.wrapping_add(1);
            effects.push(Effect::After(std::time::Duration::from_secs(wait), super::msg::Timer::Tick(self.clock)));
        }
    }
    /// A transaction is open, on the session or for a data fix.
    pub fn holds_locks(&self) -> bool {
        self.query.fix.is_some() || self.link.server().is_some_and(|s| s.status.tx != TxState::Idle && s.status.lost.is_none())
    }
    /// The clock came.
    pub fn ticked(&mut self, effects: &mut Vec<Effect>) {
        self.armed = None;
        // While a statement runs it is known to hold things up; what is forgotten is the transaction that nobody looks at.
        if self.holds_locks() && self.query.running.is_none() && self.query.waiting_unknown.is_none() {
            effects.push(Effect::AskWaiting { link: self.link_no });
        }
        super::blocked::ask(self, effects);
        if self.unlocked.is_some_and(|until| until <= self.now) {
            self.unlocked = None;
            self.say(Note::info("The 15 minutes are over: the target is read-only again."));
        }
        self.tick(effects);
    }

    /// Whole minutes of guarded access that are left, rounded up.
    pub fn unlocked_minutes(&self) -> Option<i64> {
        let left = self.unlocked?.as_second() - self.now.as_second();
        (left > 0).then_some((left + 59) / 60)
    }

    /// Wide screens show the queue and the run beside the query while there is any.
    pub fn side_column(&self) -> bool {
        self.migrations.pending() > 0 || self.checklist.open()
    }

    /// The environment of the open target, if it has one.
    pub fn environment(&self) -> Option<&str> {
        match &self.link {
            Link::Open(s) => s.target.environment.as_deref(),
            other => self.config.targets.get(other.target_name()?)?.environment.as_deref(),
        }
    }

    /// The target whose name and environment stand on the screen: an assessed one need not be the open one.
    pub fn shown_target(&self) -> Option<&str> {
        let incident = self.checklist.other.as_ref().and_then(|o| o.which.target());
        match self.view.workspace {
            Workspace::Assess if !self.assess.target.is_empty() => Some(&self.assess.target),
            Workspace::Checklist if incident.is_some() => incident,
            _ => self.link.target_name(),
        }
    }
    /// What is on the screen is another target than the open one.
    pub fn shows_another(&self) -> bool {
        self.shown_target() != self.link.target_name()
    }
    pub fn shown_environment(&self) -> Option<&str> {
        if !self.shows_another() {
            return self.environment();
        }
        self.config.targets.get(self.shown_target()?)?.environment.as_deref()
    }

    /// What is on the screen is a production target.
    pub fn production(&self) -> bool {
        self.shown_environment().is_some_and(|e| self.config.is_production(e))
    }

    /// What is lost when the target is left: a run or a data fix that writes, an open transaction, changes that are staged.
    pub fn holds_something(&self) -> Option<String> {
        let staged = self.staged().map(|words| format!("{words} and not written"));
        let all: Vec<String> = self.session_holds().into_iter().chain(staged).collect();
        (!all.is_empty()).then(|| all.join(", and "))
    }

    /// `3 changes staged`.
    pub fn staged(&self) -> Option<String> {
        self.query.results.iter().find_map(super::panes::cells::words)
    }

    /// What of it ends with the connection.
    pub fn session_holds(&self) -> Option<String> {
        let mut all = Vec::new();
        all.extend(self.jobs.iter().find(|j| j.writes).map(|j| format!("{} is running", j.title)));
        if let Some(fix) = &self.query.fix {
            let committing = fix.answered == Some(super::effect::FixAnswer::Commit);
            all.push(if committing { "a data fix is being committed" } else { "a data fix waits for commit or rollback" }.into());
        }
        // With the connection its transaction is gone.
        match self.link.server().filter(|s| s.status.lost.is_none()).map(|s| s.status.tx) {
            Some(TxState::Open) => all.push("a transaction is open".into()),
            Some(TxState::Failed) => all.push("a failed transaction is open".into()),
            _ => {}
        }
        (!all.is_empty()).then(|| all.join(", and "))
    }

    /// The result tab of that id.
    pub fn result_mut(&mut self, id: ResultId) -> Option<&mut query::ResultTab> {
        self.query.results.iter_mut().find(|r| r.id == id)
    }
}

/// The workspace that a pane belongs to.
pub fn home(pane: Pane) -> Workspace {
    match pane {
        Pane::Start => Workspace::Start,
        Pane::Schema => Workspace::Schema,
        Pane::Editor | Pane::Results | Pane::Plan => Workspace::Query,
        Pane::Migrations => Workspace::Migrations,
        Pane::Checklist => Workspace::Checklist,
        Pane::Backups => Workspace::Backups,
        Pane::Journal => Workspace::Journal,
        Pane::Sessions => Workspace::Sessions,
        Pane::Assess => Workspace::Assess,
    }
}
