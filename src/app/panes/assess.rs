//! The emergency: what is wrong with a target, as it is found, worst first; and who waits for whom. Nothing here needs an open target:
//! an assessment logs in by itself, once, and loads no tree.

pub mod recover;

use crate::app::dialog::{Dialog, Field, Form, Purpose, Takes, Viewer};
use crate::app::effect::{Effect, JobId};
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::msg::Timer;
use crate::app::panes::start;
use crate::app::state::{Note, Pane, State, Workspace};
use crate::app::work::sentence;
use crate::app::{Action, work};
use crate::model::assessment::{Assessment, Check, Seen, Summary};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::{Error, Result, Severity};
use crate::ops::assess::locks::does;
use crate::ops::assess::{self, LOCKS, News};
use crate::text;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::time::Duration;

/// From an answer to the next look at the locks, as long as somebody looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Seconds after which a picture is one of before: about what an assessment takes itself.
pub const FRESH: i64 = 15;

/// See the module.
#[derive(Debug, Default)]
pub struct Assess {
    /// Of which target; empty before the first one.
    pub target: String,
    /// The assessment that is under way.
    pub job: Option<JobId>,
    pub began: Option<Timestamp>,
    pub server: Option<String>,
    chosen: Vec<&'static Check>,
    /// As they came.
    pub seen: Vec<Seen>,
    /// Of what was seen so far.
    pub summary: Summary,
    /// All of it, at the end.
    pub whole: Option<Box<Assessment>>,
    pub error: Option<Error>,
    pub list: ListCursor,
    pub tree: Option<Tree>,
}

/// Who waits for whom, read again and again.
#[derive(Debug, Default)]
pub struct Tree {
    pub tree: LockTree,
    pub list: ListCursor,
    /// When it was so.
    pub at: Option<Timestamp>,
    /// The look that is under way.
    job: Option<JobId>,
    /// Why the last look saw nothing.
    pub problem: Option<String>,
    /// Something was done from here: what the assessment saw before is no picture of now.
    acted: bool,
}

/// A line of the list.
#[derive(Debug, Clone, Copy)]
pub enum Line<'a> {
    Seen(&'a Seen),
    /// Not read yet.
    Waits(&'static Check),
}

impl Line<'_> {
    fn id(&self) -> &str {
        match self {
            Line::Seen(s) => &s.check,
            Line::Waits(c) => c.id,
        }
    }
}

impl Assess {
    /// The worst first, among equals what explains most; then what is not read yet.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut seen: Vec<&Seen> = self.seen.iter().collect();
        seen.sort_by_key(|s| Reverse(s.severity));
        let waits = self.chosen.iter().filter(|c| self.job.is_some() && !self.seen.iter().any(|s| s.check == c.id));
        seen.into_iter().map(Line::Seen).chain(waits.map(|c| Line::Waits(c))).collect()
    }

    /// What the check under the cursor saw.
    pub fn at(&self) -> Option<&Seen> {
        match self.lines().get(self.list.at)? {
            Line::Seen(s) => Some(s),
            Line::Waits(_) => None,
        }
    }

    fn check(&self, id: &str) -> Option<&'static Check> {
        self.chosen.iter().find(|c| c.id == id).copied()
    }

    /// What was seen of the locks.
    fn locks(&self) -> Option<&Seen> {
        self.seen.iter().find(|s| s.name == LOCKS)
    }
}

impl Tree {
    /// The session under the cursor.
    pub fn chosen(&self) -> Option<&LockSession> {
        self.tree.branches.get(self.list.at).map(|b| &self.tree.sessions[b.at])
    }
}

/// Rows of the pane, top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Cause and next step.
    pub top: usize,
    pub list: usize,
    /// The line under the cursor in full, with its rule.
    pub details: usize,
}

/// Divides `height` rows: the summary takes what it needs up to a third, details what the list leaves, and at least a third.
pub fn parts(height: usize, summary: usize, lines: usize) -> Parts {
    let top = summary.min((height / 3).max(2)).min(height);
    let rest = height - top;
    let least = if rest >= 8 { (rest / 3).max(4) } else { 0 };
    let list = lines.max(1).min(rest - least);
    Parts { top, list, details: if least == 0 { 0 } else { rest - list } }
}

/// The sentence on top and the next step, broken for a pane of `width` columns; empty before anything was seen.
pub fn summary_lines(state: &State, width: usize) -> Vec<(String, Severity)> {
    let s = &state.assess.summary;
    let Some(severity) = s.severity.filter(|_| !s.says.is_empty()) else { return Vec::new() };
    let width = width.saturating_sub(4).max(20);
    let sev = s.sev.map_or_else(String::new, |n| format!(" (suggested: SEV-{n})"));
    let mut cause = text::wrap(&text::clean(&format!("{}{sev}", s.says)), width);
    let mut next = if s.next.is_empty() { Vec::new() } else { text::wrap(&text::clean(&format!("Next: {}", s.next)), width) };
    // On a small screen each has its share, and what does not fit is read in full with a key.
    let most = (usize::from(state.size.1) / 8).max(2);
    let hint = format!("… ({} shows all)", work::keys_in(state, Pane::Assess, Action::Open));
    for (lines, most) in [(&mut cause, most), (&mut next, most)] {
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                *last = format!("{} {hint}", text::truncate(last, width.saturating_sub(text::width(&hint) + 1)).trim_end_matches('…'));
            }
        }
    }
    cause.into_iter().map(|l| (l, severity)).chain(next.into_iter().map(|l| (l, Severity::Info))).collect()
}

fn page(state: &State) -> usize {
    arrange(state).inside(Pane::Assess).map_or(10, |a| {
        let (height, width) = (usize::from(a.h), usize::from(a.w));
        match &state.assess.tree {
            Some(t) => parts(height, 0, t.tree.branches.len()).list,
            None => parts(height, summary_lines(state, width).len() + 1, state.assess.lines().len()).list,
        }
        .max(1)
    })
}

/// The target that an assessment would be of: the one that is open or was tried, or the one under the cursor of the start screen.
pub fn candidate(state: &State) -> Option<String> {
    let under = || match state.start.lines.get(state.start.list.at) {
        Some(start::Line::Target { name, .. }) => Some(name.clone()),
        _ => None,
    };
    match state.view.workspace {
        Workspace::Start => under(),
        _ => state.link.target_name().map(str::to_string),
    }
}

/// Goes to the pane; where there is no target yet says so. From the start screen a target is assessed, which is now and not what was seen of it
/// before; from elsewhere so is one whose picture is old. What is under way goes on.
pub fn go(state: &mut State, effects: &mut Vec<Effect>) {
    let of = candidate(state).or_else(|| Some(state.assess.target.clone()).filter(|t| !t.is_empty()));
    let Some(target) = of else { return state.say(Note::info("Choose a target first: it need not be open.")) };
    let a = &state.assess;
    let old = a.whole.as_ref().is_some_and(|w| state.now.as_second() - w.began.as_second() > FRESH) && a.tree.is_none();
    let over = a.job.is_none()
        && match state.view.workspace {
            Workspace::Start => true,
            Workspace::Assess => false,
            _ => old,
        };
    if over { show_anew(state, &target, effects) } else { enter(state, &target, effects) }
}

fn show_anew(state: &mut State, target: &str, effects: &mut Vec<Effect>) {
    state.view.workspace = Workspace::Assess;
    state.view.typing = false;
    state.go(Pane::Assess);
    begin(state, target, None, effects);
}

/// Shows the assessment of a target, and begins it if there is none yet.
pub fn enter(state: &mut State, target: &str, effects: &mut Vec<Effect>) {
    if state.assess.target != target || state.assess.began.is_none() {
        return show_anew(state, target, effects);
    }
    state.view.workspace = Workspace::Assess;
    state.view.typing = false;
    state.go(Pane::Assess);
}

/// Assesses a target.
pub fn begin(state: &mut State, target: &str, password: Option<secrecy::SecretString>, effects: &mut Vec<Effect>) {
    for job in [state.assess.job, state.assess.tree.as_ref().and_then(|t| t.job)].into_iter().flatten() {
        effects.push(Effect::Cancel { job });
    }
    if state.assess.tree.is_some() {
        effects.push(Effect::LeaveLocks);
    }
    let job = state.id();
    state.job(job, format!("assess {target}"), false, effects);
    state.assess = Assess { target: target.to_string(), job: Some(job), began: Some(state.now), ..Assess::default() };
    effects.push(Effect::Assess { job, target: target.to_string(), only: Vec::new(), password });
}

/// Something was seen.
pub fn news(state: &mut State, job: JobId, news: News) {
    if state.assess.job != Some(job) {
        return;
    }
    // The cursor stays on its check, wherever that goes; on the first line it stays there, for the worst goes to the top.
    let a = &mut state.assess;
    let on = a.lines().get(a.list.at).map(|l| l.id().to_string()).filter(|_| a.list.at > 0);
    match news {
        News::Chosen(checks) => a.chosen = checks,
        News::Server(server) => a.server = Some(server),
        News::Seen(seen) => {
            // A lock tree that was looked at again stands where the first one did.
            match a.seen.iter_mut().find(|s| s.check == seen.check) {
                Some(first) => *first = *seen,
                None => a.seen.push(*seen),
            }
            a.summary = assess::summary(&a.seen);
        }
    }
    follow(state, on);
}

fn follow(state: &mut State, on: Option<String>) {
    let place = on.and_then(|id| state.assess.lines().iter().position(|l| l.id() == id));
    let (len, page) = (state.assess.lines().len(), page(state));
    let list = &mut state.assess.list;
    list.at = place.unwrap_or(list.at);
    list.follow(len, page);
}

/// All was seen that can be, or it could not begin.
pub fn ended(state: &mut State, job: JobId, result: Result<Box<Assessment>>, effects: &mut Vec<Effect>) {
    if state.assess.job != Some(job) {
        return;
    }
    let on = state.assess.lines().get(state.assess.list.at).map(|l| l.id().to_string());
    state.assess.job = None;
    match result {
        Ok(whole) => {
            state.assess.summary = whole.summary.clone();
            state.assess.whole = Some(whole);
        }
        Err(e) => {
            if e.asks() {
                let form = Form::secret(&e, &state.assess.target, true);
                state.dialogs.push(Dialog::Form(form));
            }
            state.assess.error = Some(e);
        }
    }
    follow(state, on);
    // A tree that was opened meanwhile waited for the one connection.
    due(state, effects);
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let page = page(state);
    if let Some(tree) = &mut state.assess.tree {
        let len = tree.tree.branches.len();
        if tree.list.go(action, len, page) {
            return true;
        }
        match action {
            Action::Back | Action::LockTree => {
                let acted = tree.acted;
                leave_tree(state, effects);
                if acted {
                    let target = state.assess.target.clone();
                    begin(state, &target, None, effects);
                }
            }
            Action::Refresh => look(state, effects),
            Action::Recover => recover::ask(state),
            Action::HandOver => ask_hand_over(state),
            Action::Checklists => {
                leave_tree(state, effects);
                let target = state.assess.target.clone();
                super::checklist::incidents::show(state, &target, effects);
            }
            Action::Open => {
                if let Some(s) = tree.chosen() {
                    let viewer = Viewer::new(session_title(s), session_lines(s).join("\n")).prose(state.size.0);
                    state.dialogs.push(Dialog::Viewer(viewer));
                }
            }
            Action::Copy => effects.extend(tree.chosen().map(|s| Effect::Copy(s.statement.clone()))),
            _ => return false,
        }
        return true;
    }
    let len = state.assess.lines().len();
    if state.assess.list.go(action, len, page) {
        return true;
    }
    match action {
        Action::Refresh => {
            let target = state.assess.target.clone();
            begin(state, &target, None, effects);
        }
        Action::LockTree => open_tree(state, effects),
        Action::HandOver => ask_hand_over(state),
        Action::Checklists => {
            let target = state.assess.target.clone();
            super::checklist::incidents::show(state, &target, effects);
        }
        // Its sessions are chosen in the tree.
        Action::Recover if state.assess.at().is_some_and(|s| s.name == LOCKS && !s.sessions.is_empty()) => open_tree(state, effects),
        Action::Recover => recover::ask_of_check(state, effects),
        Action::Back => {
            let to = if state.link.target_name().is_some() { Action::GoQuery } else { Action::GoStart };
            crate::app::update::act(state, to, effects);
        }
        Action::Open => match state.assess.at() {
            Some(s) if s.name == LOCKS && !s.sessions.is_empty() => open_tree(state, effects),
            Some(s) => {
                let mut lines = details(s, state.assess.check(&s.check), &state.assess.target);
                if s.findings.iter().any(|f| f.recover.is_some()) {
                    let keys = work::keys_in(state, Pane::Assess, Action::Recover);
                    lines.extend([String::new(), format!("{keys} in the list looks at what it would do, and asks.")]);
                }
                let viewer = Viewer::new(format!("{} ({})", s.name, s.check), lines.join("\n")).prose(state.size.0);
                state.dialogs.push(Dialog::Viewer(viewer));
            }
            None => state.say(Note::info("This check has not been read yet.")),
        },
        Action::Copy => effects.extend(state.assess.at().map(|s| Effect::Copy(details(s, None, &state.assess.target).join("\n")))),
        Action::Filter => state.say(Note::info("This list has no filter: what is worst stands first.")),
        _ => return false,
    }
    true
}

/// Asks for the file.
fn ask_hand_over(state: &mut State) {
    let Some(whole) = &state.assess.whole else {
        let words = if state.assess.job.is_some() { "The assessment is still under way." } else { "There is nothing to hand over yet." };
        return state.say(Note::info(words));
    };
    let name: String = whole.target.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let file = format!("handover-{name}-{}.md", whole.began.strftime("%Y%m%dT%H%MZ"));
    let body = vec![
        "Findings, what changed, who waits for whom, and what was done when, by the journal.".into(),
        "Statements lose their constants. The name ends in .md, .html or .json.".into(),
    ];
    state.dialogs.push(Dialog::Form(Form::new(
        "Hand over",
        Purpose::HandOver,
        body,
        vec![Field::new("File", &file, "a new file").of(Takes::File)],
    )));
}

/// The file was named; an error says what is wrong with the name.
pub fn hand_over(state: &mut State, file: &str, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let path = std::path::PathBuf::from(file.trim());
    assess::handover::Form::of(&path).map_err(|e| e.hints.first().cloned().unwrap_or(e.message))?;
    if let Some(whole) = &state.assess.whole {
        effects.push(Effect::HandOver { assessment: whole.clone(), path });
    }
    Ok(())
}

/// All that a check saw, line by line.
pub fn details(seen: &Seen, check: Option<&Check>, target: &str) -> Vec<String> {
    let mut out = vec![text::clean(&seen.says).into_owned()];
    for f in &seen.findings {
        out.push(String::new());
        // Of a single finding the line above is often the same.
        if f.message != seen.says {
            out.push(sentence(&f.message));
        }
        out.extend(f.lifts.iter().map(|l| format!("To see it: {}", text::clean(l))));
        if !f.next.is_empty() {
            out.push(format!("Next: {}", text::clean(&f.next)));
        }
        if let Some(action) = &f.recover {
            out.push(format!("What it would do: {}", crate::ops::recovery::command(action, target)));
        }
    }
    if let Some(check) = check {
        out.extend([String::new(), check.means.to_string(), format!("Read from {}.", check.reads)]);
        for l in check.limits {
            out.push(format!("Speaks from {} {unit}, loudly from {} {unit} ({}).", l.warning, l.critical, l.name, unit = l.unit));
        }
    }
    out
}

/// Shows who waits for whom, at first as the assessment saw it.
fn open_tree(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(locks) = state.assess.locks() else {
        let words = if state.assess.job.is_some() { "The locks have not been read yet." } else { "This assessment read no locks." };
        return state.say(Note::info(words));
    };
    let tree = Tree { tree: LockTree::of(locks.sessions.clone()), at: Some(locks.began), ..Tree::default() };
    state.assess.tree = Some(tree);
    look(state, effects);
}

fn leave_tree(state: &mut State, effects: &mut Vec<Effect>) {
    let left = state.assess.tree.take();
    effects.extend(left.and_then(|t| t.job).map(|job| Effect::Cancel { job }));
    effects.push(Effect::LeaveLocks);
}

/// Reads the locks again: a login and one question. While an assessment is under way it has the one connection.
fn look(state: &mut State, effects: &mut Vec<Effect>) {
    if state.assess.job.is_some() || state.assess.tree.as_ref().is_none_or(|t| t.job.is_some()) {
        return;
    }
    let job = state.id();
    let target = state.assess.target.clone();
    if let Some(tree) = &mut state.assess.tree {
        tree.job = Some(job);
    }
    effects.push(Effect::LookAtLocks { job, target });
}

/// The locks were read again.
pub fn looked(state: &mut State, job: JobId, result: Result<Box<Seen>>, effects: &mut Vec<Effect>) {
    let Some(tree) = state.assess.tree.as_mut().filter(|t| t.job == Some(job)) else { return };
    tree.job = None;
    match result {
        Ok(seen) if seen.severity != Severity::Unknown || !seen.sessions.is_empty() => {
            // The cursor stays on its session; where that is gone, on its line.
            let on = tree.chosen().map(|s| s.id);
            tree.tree = LockTree::of(seen.sessions);
            tree.at = Some(state.now);
            tree.problem = None;
            let place = on.and_then(|id| tree.tree.branches.iter().position(|b| tree.tree.sessions[b.at].id == id));
            tree.list.at = place.unwrap_or(tree.list.at);
        }
        Ok(seen) => tree.problem = Some(seen.says),
        Err(e) => tree.problem = Some(e.message),
    }
    let len = tree.tree.branches.len();
    let page = page(state);
    if let Some(tree) = &mut state.assess.tree {
        tree.list.follow(len, page);
    }
    // Nobody looks: nothing is kept open for it.
    effects.push(if seen_now(state) { Effect::After(PAUSE, Timer::LockTree) } else { Effect::LeaveLocks });
}

/// Somebody looks at the tree: it is on the screen, and the terminal in front as far as it tells.
fn seen_now(state: &State) -> bool {
    state.focused && state.assess.tree.is_some() && arrange(state).has(Pane::Assess)
}

/// The pause is over, the pane came on the screen, or the terminal to the front.
pub fn due(state: &mut State, effects: &mut Vec<Effect>) {
    if seen_now(state) && !state.dialogs.is_empty() {
        // What is asked covers the tree, and acts by a connection of its own, which may be the last one.
        effects.push(Effect::After(PAUSE, Timer::LockTree));
    } else if seen_now(state) {
        look(state, effects);
    } else if state.assess.tree.is_some() {
        effects.push(Effect::LeaveLocks);
    }
}

/// `Session 4711`.
pub fn session_title(s: &LockSession) -> String {
    if s.id == 0 { "Prepared transaction".into() } else { format!("Session {}", s.id) }
}

/// All that is known of a session in the tree; the statement comes first.
pub fn session_lines(s: &LockSession) -> Vec<String> {
    let who: Vec<String> = s.blocked_by.iter().map(u64::to_string).collect();
    let open = s.open_for.map_or_else(String::new, |n| format!("open for {}", text::age(n.saturating_mul(1000))));
    let clean = |t: &str| text::clean(t).into_owned();
    super::sessions::known(
        &s.statement,
        &[
            ("Does", does(s)),
            ("Blocked by", who.join(", ")),
            ("Transaction", open),
            ("User", clean(&s.user)),
            ("Client", clean(&s.client)),
            ("Database", clean(&s.database)),
            ("Connected", clean(&s.began)),
        ],
    )
}

/// What can be done now, for the pane's own line: the live keys.
pub fn keys(state: &State) -> String {
    let key = |a| work::keys_in(state, Pane::Assess, a);
    match (&state.assess.tree, state.assess.job) {
        (Some(_), _) => format!("{} act, {} back", key(Action::Recover), key(Action::Back)),
        (None, Some(_)) => format!("{} stops it", key(Action::Cancel)),
        (None, None) => format!("{} again", key(Action::Refresh)),
    }
}
