//! The migration queue: what waits, what its scripts do, and what is known of the way back.

use super::checklist;
use crate::app::dialog::{Dialog, Viewer};
use crate::app::effect::Operation;
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State};
use crate::model::migration::{Migration, RollbackClass, Script, Standing};
use crate::model::{Error, Result, Severity};
use crate::ops::migrate::status::QueueItem;
use crate::ops::migrate::{ProofReport, Queue, StepProof};
use crate::text;

/// Which of a migration's two scripts is looked at, where there is no room for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    #[default]
    Up,
    Down,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Migrations {
    pub list: ListCursor,
    pub queue: Option<Box<Queue>>,
    pub loading: bool,
    /// Why there is no queue, or no newer one.
    pub error: Option<Error>,
    /// The last proof of this session, with what the queue does not keep: differences and times.
    pub proof: Option<Box<ProofReport>>,
    pub side: Side,
}

impl Migrations {
    /// Migrations that wait.
    pub fn pending(&self) -> usize {
        self.queue.as_ref().map_or(0, |q| q.pending().count())
    }

    pub fn items(&self) -> &[QueueItem] {
        self.queue.as_ref().map_or(&[], |q| &q.items)
    }

    /// The line under the cursor.
    pub fn chosen(&self) -> Option<&QueueItem> {
        self.items().get(self.list.at)
    }

    /// Last version of the range that the cursor means: pending ones up to the chosen one. `None`: nothing chosen that waits.
    pub fn upto(&self) -> Option<i64> {
        self.chosen().filter(|i| waits(i)).map(|i| i.version)
    }

    /// Versions that would be applied: pending ones up to `upto`, all of them when `None`.
    pub fn range(&self, upto: Option<i64>) -> Vec<i64> {
        let Some(q) = &self.queue else { return Vec::new() };
        q.pending().map(|i| i.version).filter(|v| upto.is_none_or(|u| *v <= u)).collect()
    }

    /// What the last proof of this session said of a version, if it is still the proof that the queue shows.
    fn proof_of(&self, item: &QueueItem) -> Option<&StepProof> {
        item.class?;
        self.proof.as_ref()?.steps.iter().find(|s| s.version == Some(item.version))
    }
}

/// True for what would be applied.
pub fn waits(item: &QueueItem) -> bool {
    matches!(item.standing, Standing::Pending | Standing::Late)
}

/// `0043`: versions as file names write them, at least four digits.
pub fn shown_version(version: i64) -> String {
    format!("{version:04}")
}

/// `0043…0045`, `0043`, or `nothing`.
pub fn shown_range(versions: &[i64]) -> String {
    match versions {
        [] => "nothing".into(),
        [one] => shown_version(*one),
        [first, .., last] => format!("{}…{}", shown_version(*first), shown_version(*last)),
    }
}

/// The word for where a migration stands.
pub fn standing_word(item: &QueueItem) -> &'static str {
    match item.standing {
        Standing::Applied => "applied",
        Standing::Pending if item.migration.as_ref().is_some_and(|m| m.down.is_none()) => "missing down",
        Standing::Pending => "pending",
        Standing::Late => "late",
        Standing::Edited => "edited after apply",
        Standing::LineEnds => "applied, line ends differ",
        Standing::Dirty => "half applied",
        Standing::FileMissing => "applied, file missing",
    }
}

/// The word for a proof's class.
pub fn class_word(class: RollbackClass) -> &'static str {
    match class {
        RollbackClass::Exact => "exact",
        RollbackClass::Lossy => "lossy",
        RollbackClass::Equivalent => "equivalent",
        RollbackClass::Irreversible => "irreversible",
    }
}

/// What the class means, for somebody who sees the word for the first time.
fn class_sentence(class: RollbackClass) -> &'static str {
    match class {
        RollbackClass::Exact => "after the down script, schema and data are exactly as before",
        RollbackClass::Lossy => "after the down script the schema is as before, but data is lost",
        RollbackClass::Equivalent => "after the down script it is not equal in form, but equal in effect",
        RollbackClass::Irreversible => "the down script does not take the up script back",
    }
}

fn page(state: &State) -> usize {
    arrange(state).inside(Pane::Migrations).map_or(10, |a| usize::from(list_height(a.h, state.migrations.items().len())))
}

/// From this width on both scripts are shown.
pub const BESIDE: u16 = 100;

/// Rows of the queue in a pane of `height`: scripts and verdict take the rest.
pub fn list_height(height: u16, items: usize) -> u16 {
    let items = u16::try_from(items).unwrap_or(u16::MAX);
    // At least four lines for the script and three for the verdict, where there is room at all.
    let most = (height / 2).max(3);
    items.clamp(1, most).min(height.max(1))
}

/// Reads the queue again.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(server) = state.link.server() else { return };
    if let Some(why) = &server.no_migrations {
        state.migrations.error = Some(Error::failed(why.clone()));
        return;
    }
    state.migrations.loading = true;
    work::read(state, Operation::Queue, effects);
}

/// The pane came on the screen.
pub fn shown(state: &mut State, effects: &mut Vec<Effect>) {
    if state.migrations.queue.is_none() && !state.migrations.loading {
        load(state, effects);
    }
}

/// A target was opened: the queue and the run are read in the background, and runs that were cut off are looked for.
pub fn connected(state: &mut State, effects: &mut Vec<Effect>) {
    state.migrations.loading = false;
    state.checklist.loading = false;
    if state.link.server().is_none_or(|s| s.no_migrations.is_some() || s.target.migrations.is_none()) {
        return;
    }
    load(state, effects);
    checklist::load(state, effects);
    work::read(state, Operation::CutOff, effects);
}

/// The queue came.
pub fn queue(state: &mut State, result: Result<Box<Queue>>, effects: &mut Vec<Effect>) {
    let m = &mut state.migrations;
    m.loading = false;
    match result {
        Err(e) => m.error = Some(e),
        Ok(q) => {
            let first = m.queue.is_none();
            let keep = m.chosen().map(|i| i.version);
            m.error = None;
            m.queue = Some(q);
            let at = if first {
                // The first one that waits, or the last one of all.
                m.items().iter().position(waits).unwrap_or(m.items().len().saturating_sub(1))
            } else {
                keep.and_then(|v| m.items().iter().position(|i| i.version == v)).unwrap_or(m.list.at)
            };
            m.list.at = at;
            if first
                && let Some((target, upto)) = state.follow.take()
                && state.link.target_name() == Some(&target)
            {
                take_range(state, upto, effects);
            }
        }
    }
    follow(state);
}

/// The same range as on the target that was left: a run about it is started, and its checklist shown.
fn take_range(state: &mut State, upto: i64, effects: &mut Vec<Effect>) {
    let m = &mut state.migrations;
    match m.items().iter().position(|i| i.version == upto && waits(i)) {
        Some(at) => {
            m.list.at = at;
            let issue = None;
            work::start(state, "starting the run", false, Operation::StartRun { upto: Some(upto), issue }, effects);
        }
        None => {
            state.say(Note::info(format!("{} does not wait here: it is applied, or not among the files.", shown_version(upto))));
            crate::app::update::act(state, Action::GoChecklist, effects);
        }
    }
}

fn follow(state: &mut State) {
    let (len, page) = (state.migrations.items().len(), page(state));
    state.migrations.list.follow(len, page);
}

/// A proof ended.
pub fn proved(state: &mut State, result: Result<Box<ProofReport>>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(p) => {
            let versions: Vec<i64> = p.steps.iter().filter_map(|s| s.version).collect();
            let mut note = if p.holds {
                Note::ok(format!("Proven: the way back of {}.", shown_range(&versions)))
            } else {
                let why = p.why_not.first().map_or_else(String::new, |w| format!(" {}", work::sentence(w)));
                Note::warning(format!("Not proven: the way back of {}.{why}", shown_range(&versions)))
            };
            note.more = p.why_not.iter().map(|w| text::clean(w).into_owned()).collect();
            state.say(note);
            state.migrations.proof = Some(p);
        }
    }
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (len, page) = (state.migrations.items().len(), page(state));
    if state.migrations.list.go(action, len, page) {
        return true;
    }
    match action {
        Action::Left => state.migrations.side = Side::Up,
        Action::Right => state.migrations.side = Side::Down,
        Action::Open => {
            if let Some(v) = state.migrations.chosen().map(scripts) {
                state.dialogs.push(Dialog::Viewer(v));
            }
        }
        Action::Prove => prove(state, effects),
        Action::ProveAll => prove_upto(state, None, effects),
        Action::Apply => {
            let upto = state.migrations.upto();
            checklist::ask_apply(state, upto, effects);
        }
        Action::Revert => {
            let downto = state.migrations.chosen().filter(|i| i.applied.is_some()).map(|i| i.version);
            checklist::ask_revert(state, downto, effects);
        }
        Action::StartRun => {
            let upto = state.migrations.upto();
            checklist::ask_range(state, upto);
        }
        Action::Refresh => {
            load(state, effects);
            checklist::load(state, effects);
        }
        Action::Filter => state.say(Note::info("This list has no filter; it is short, or newest first.")),
        Action::Copy => {
            let side = state.migrations.side;
            let text = state.migrations.chosen().and_then(|i| i.migration.as_ref()).and_then(|m| script(m, side)).map(|s| s.text.clone());
            effects.extend(text.map(Effect::Copy));
        }
        _ => return false,
    }
    true
}

fn prove(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(item) = state.migrations.chosen() else {
        return prove_upto(state, None, effects);
    };
    if !waits(item) {
        let words = format!("{} is {}: only what waits is proven. Choose a pending one.", shown_version(item.version), standing_word(item));
        return state.say(Note::info(words));
    }
    let upto = item.version;
    prove_upto(state, Some(upto), effects);
}

/// Starts the proof of the pending migrations up to a version.
fn prove_upto(state: &mut State, upto: Option<i64>, effects: &mut Vec<Effect>) {
    let range = state.migrations.range(upto);
    if range.is_empty() {
        let why =
            if state.migrations.queue.is_some() { "Nothing is pending: there is nothing to prove." } else { "The queue is not read yet." };
        return state.say(Note::info(why));
    }
    work::start(state, format!("proving {}", shown_range(&range)), false, Operation::Prove(upto), effects);
}

/// The script of a side.
pub fn script(m: &Migration, side: Side) -> Option<&Script> {
    match side {
        Side::Up => Some(&m.up),
        Side::Down => m.down.as_ref(),
    }
}

/// Name of a script's file, fit for the screen.
pub fn file_name(s: &Script) -> String {
    text::clean(&s.path.file_name().unwrap_or_default().to_string_lossy()).into_owned()
}

/// Both scripts in one text to read.
fn scripts(item: &QueueItem) -> Viewer {
    let title = format!("{} {}", shown_version(item.version), item.name);
    let Some(m) = &item.migration else {
        return Viewer::new(title, "The database's history names this migration, and the directory has no file of it.");
    };
    let down = match &m.down {
        Some(d) => format!("-- {}\n{}", file_name(d), d.text),
        None => "-- There is no down script.".into(),
    };
    Viewer::new(title, format!("-- {}\n{}\n\n{down}", file_name(&m.up), m.up.text.trim_end())).sql()
}

/// What stands under the scripts, most important first: severity and sentence.
pub fn verdict(state: &State) -> Vec<(Severity, String)> {
    let m = &state.migrations;
    let mut out = Vec::new();
    let Some(item) = m.chosen() else { return out };
    let v = shown_version(item.version);
    match item.class {
        Some(class) => {
            let severity = match class {
                RollbackClass::Exact | RollbackClass::Equivalent => Severity::Ok,
                RollbackClass::Lossy => Severity::Warning,
                RollbackClass::Irreversible => Severity::Critical,
            };
            let what = item.verdict.as_deref().filter(|s| !s.is_empty()).unwrap_or(class_sentence(class));
            out.push((severity, format!("{v} {}: {}", class_word(class), work::sentence(what))));
        }
        None if waits(item) => {
            let key = work::keys_in(state, Pane::Migrations, Action::Prove);
            out.push((Severity::Info, format!("{v} is not proven yet: {key} runs up, down and up again on a restored copy.")));
        }
        None => {
            let when = item.applied.as_ref().map_or_else(String::new, |a| format!(" on {}", text::clean(&a.installed_on)));
            out.push((Severity::Ok, format!("{v}: {}{when}.", standing_word(item))));
        }
    }
    if let Some(p) = m.proof_of(item) {
        for d in &p.differences {
            out.push((Severity::Warning, work::sentence(d)));
        }
        let down = p.down.map_or_else(String::new, |d| format!(", down {}", text::duration(d)));
        out.push((Severity::Info, format!("On the copy: up {}{down}.", text::duration(p.up))));
    }
    // What concerns this migration comes before what concerns others.
    let findings = m.queue.as_ref().map_or(&[][..], |q| &q.findings);
    let mine = |object: &str| object.contains(&v) || (!item.name.is_empty() && object.contains(&item.name));
    let (own, other): (Vec<_>, Vec<_>) = findings.iter().partition(|f| mine(&f.object));
    for f in own.into_iter().chain(other) {
        let next = if f.next.is_empty() { String::new() } else { format!(" {}", work::sentence(&f.next)) };
        out.push((f.severity, format!("{}{next}", work::sentence(&f.message))));
    }
    out
}
