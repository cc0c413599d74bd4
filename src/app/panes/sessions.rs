//! What the server runs now: statements of all sessions, who waits for whom, how far long commands are, and the plan of one. Read again
//! every two seconds, as long as somebody looks.

use super::plan::{Asked, kept};
use crate::app::dialog::{Dialog, Viewer};
use crate::app::effect::Operation;
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::msg::Timer;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State};
use crate::model::plan::Plan;
use crate::model::{Error, Kind, Result, RunningStatement};
use crate::ops::running::Look;
use crate::text;
use jiff::Timestamp;
use std::time::Duration;

/// From an answer to the next question.
const PAUSE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub struct Sessions {
    pub list: ListCursor,
    pub look: Option<Box<Look>>,
    pub error: Option<Error>,
    /// When it was so.
    pub at: Option<Timestamp>,
    /// A question is under way.
    pub loading: bool,
    /// Counts answers: a timer of an older one is dropped.
    round: u64,
}

impl Sessions {
    pub fn items(&self) -> &[RunningStatement] {
        self.look.as_ref().map_or(&[], |l| &l.statements)
    }
    pub fn chosen(&self) -> Option<&RunningStatement> {
        self.items().get(self.list.at)
    }
    /// The user's own session.
    pub fn is_own(&self, s: &RunningStatement) -> bool {
        self.look.as_ref().is_some_and(|l| l.own == Some(s.id))
    }
}

/// Rows of the pane, top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub head: usize,
    pub list: usize,
    /// What is known of the chosen one, with its rule.
    pub details: usize,
    /// What could not be seen.
    pub notes: usize,
}

/// Divides `height` rows: details take what the list leaves, and at least a third.
pub fn parts(height: usize, sessions: usize, notes: usize) -> Parts {
    let head = usize::from(height >= 3);
    let notes = notes.min(height.saturating_sub(head + 3) / 3);
    let rest = height - head - notes;
    let least = if rest >= 8 { (rest / 3).max(4) } else { 0 };
    let list = sessions.max(1).min(rest - least);
    Parts { head, list, details: if least == 0 { 0 } else { rest - list }, notes }
}

/// Lines that the notes take on a pane of `width` columns.
pub fn note_lines(state: &State, width: usize) -> Vec<String> {
    let notes = state.sessions.look.as_ref().map_or(&[][..], |l| &l.notes);
    notes.iter().flat_map(|n| text::wrap(&work::sentence(n), width.saturating_sub(3).max(20))).collect()
}

fn page(state: &State) -> usize {
    arrange(state).inside(Pane::Sessions).map_or(10, |a| {
        let notes = note_lines(state, usize::from(a.w)).len();
        parts(usize::from(a.h), state.sessions.items().len(), notes).list.max(1)
    })
}

/// Somebody looks: the pane is on the screen, and the terminal in front as far as it tells.
fn seen(state: &State) -> bool {
    state.focused && state.link.server().is_some() && arrange(state).has(Pane::Sessions)
}

/// Asks the server.
fn load(state: &mut State, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() || state.sessions.loading {
        return;
    }
    state.sessions.loading = true;
    work::read(state, Operation::Sessions, effects);
}

/// The pane came on the screen.
pub fn shown(state: &mut State, effects: &mut Vec<Effect>) {
    load(state, effects);
}

/// The terminal came to the front, or went.
pub fn looked_at(state: &mut State, effects: &mut Vec<Effect>) {
    if seen(state) {
        load(state, effects);
    }
}

/// The pause is over.
pub fn due(state: &mut State, round: u64, effects: &mut Vec<Effect>) {
    if round == state.sessions.round && seen(state) {
        load(state, effects);
    }
}

/// The server answered.
pub fn told(state: &mut State, result: Result<Box<Look>>, effects: &mut Vec<Effect>) {
    let now = state.now;
    let s = &mut state.sessions;
    s.loading = false;
    s.round += 1;
    match result {
        Err(e) => s.error = Some(e),
        Ok(look) => {
            // The cursor stays on its session; where that is gone, on its line.
            let on = s.chosen().map(|c| c.id);
            s.error = None;
            s.at = Some(now);
            s.look = Some(look);
            if let Some(at) = on.and_then(|id| s.items().iter().position(|c| c.id == id)) {
                s.list.at = at;
            }
        }
    }
    let (len, page) = (state.sessions.items().len(), page(state));
    state.sessions.list.follow(len, page);
    // An engine that has no sessions has none in two seconds either.
    if seen(state) && state.sessions.look.is_some() {
        effects.push(Effect::After(PAUSE, Timer::Sessions { round: state.sessions.round }));
    }
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (len, page) = (state.sessions.items().len(), page(state));
    if state.sessions.list.go(action, len, page) {
        return true;
    }
    match action {
        Action::Refresh => load(state, effects),
        Action::SessionPlan | Action::Plan => plan(state, effects),
        Action::Open => {
            if let Some(s) = state.sessions.chosen() {
                let viewer = Viewer::new(format!("Session {}", s.id), details(s).join("\n")).prose(state.size.0);
                state.dialogs.push(Dialog::Viewer(viewer));
            }
        }
        Action::SessionStatement => {
            let words = state.sessions.chosen().map(|s| s.text.clone()).filter(|t| !t.trim().is_empty());
            match words {
                Some(t) => super::results::acts::to_editor(state, &t, effects),
                None => state.say(Note::info("That session tells no statement.")),
            }
        }
        Action::Copy => {
            let text = state.sessions.chosen().map(|s| s.text.clone());
            effects.extend(text.map(Effect::Copy));
        }
        Action::Filter => state.say(Note::info("This list has no filter; it is short, and what began first stands first.")),
        _ => return false,
    }
    true
}

/// Asks for the plan of what the chosen session runs.
fn plan(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(id) = state.sessions.chosen().map(|s| s.id) else {
        return state.say(Note::info("No session is chosen."));
    };
    work::start(state, format!("plan of session {id}"), false, Operation::SessionPlan(id), effects);
}

/// It came, or why there is none.
pub fn planned(state: &mut State, id: u64, result: Result<Box<Plan>>) {
    match result {
        Ok(plan) => {
            let text = plan.statement.clone().or_else(|| state.sessions.items().iter().find(|s| s.id == id).map(|s| s.text.clone()));
            let asked = Asked { text: text.unwrap_or_default(), ..Asked::default() };
            let now = Some(state.now);
            kept::show(state, *plan, asked, format!("session {id}, while it runs"), now);
        }
        Err(e) if e.kind == Kind::Cancelled => state.say(Note::info("Cancelled.")),
        Err(e) => {
            state.say(Note::error(&e));
            let mut lines = vec![work::sentence(&e.message)];
            lines.extend(e.hints.iter().flat_map(|h| [String::new(), h.clone()]));
            let viewer = Viewer::new(format!("No plan of session {id}"), lines.join("\n")).prose(state.size.0);
            state.dialogs.push(Dialog::Viewer(viewer));
        }
    }
}

/// `waits for the lock of 4711`, or what it does.
pub fn doing(s: &RunningStatement) -> String {
    if !s.blocked_by.is_empty() {
        let who: Vec<String> = s.blocked_by.iter().map(u64::to_string).collect();
        return format!("waits for a lock of {}", who.join(", "));
    }
    if let Some(far) = &s.far {
        let share = far.percent.map_or_else(String::new, |p| format!("{p:.0} % "));
        return format!("{share}{}", text::clean(&far.phase));
    }
    match (s.state.as_str(), s.waits.as_str()) {
        (state, "") => text::clean(state).into_owned(),
        ("active", waits) => format!("waits ({})", text::clean(waits)),
        (state, waits) => format!("{}, {}", text::clean(state), text::clean(waits)),
    }
}

/// The same in so many columns: whom it waits for is never cut, only counted.
pub fn doing_in(s: &RunningStatement, columns: usize) -> String {
    let whole = doing(s);
    if s.blocked_by.is_empty() || text::width(&whole) <= columns {
        return whole;
    }
    for named in (1..=s.blocked_by.len()).rev() {
        let who: Vec<String> = s.blocked_by.iter().take(named).map(u64::to_string).collect();
        let more = s.blocked_by.len() - named;
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        let short = format!("waits for {}{more}", who.join(", "));
        if text::width(&short) <= columns || named == 1 {
            return short;
        }
    }
    whole
}

/// All that is known of a session, line by line; the statement comes first.
pub fn details(s: &RunningStatement) -> Vec<String> {
    let mut facts: Vec<(&str, String)> = Vec::new();
    let mut line = |name: &'static str, value: String| facts.push((name, value));
    if let Some(far) = &s.far {
        let share = far.percent.map_or_else(String::new, |p| format!("{p:.1} %"));
        let parts = [far.command.as_str(), far.relation.as_str(), far.phase.as_str(), far.work.as_str(), share.as_str()];
        let parts: Vec<String> = parts.iter().filter(|p| !p.is_empty()).map(|p| text::clean(p).into_owned()).collect();
        line("How far", parts.join(" · "));
    }
    let does = doing(s);
    line("State", text::clean(&s.state).into_owned());
    line("Does", if does == s.state { String::new() } else { does });
    line("Waits for", text::clean(&s.waits).into_owned());
    line("Since", s.ms.map_or_else(String::new, text::age));
    line("Transaction", s.tx_ms.map_or_else(String::new, |ms| format!("open for {}", text::age(ms))));
    line("Session", s.id.to_string());
    line("User", text::clean(&s.user).into_owned());
    line("Client", text::clean(&s.client).into_owned());
    line("Database", text::clean(&s.database).into_owned());
    known(&s.text, &facts)
}

/// All that is known of a session: its statement comes first, then each fact that there is.
pub fn known(statement: &str, facts: &[(&str, String)]) -> Vec<String> {
    let mut out: Vec<String> = text::clean_lines(statement.trim()).lines().map(str::to_string).collect();
    if out.is_empty() {
        out.push("It tells no statement.".into());
    }
    out.push(String::new());
    out.extend(facts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name:<12} {value}")));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HowFar;

    #[test]
    fn rows_are_divided_without_a_rest() {
        for h in 0..60 {
            for (sessions, notes) in [(0, 0), (1, 0), (5, 1), (200, 4)] {
                let p = parts(h, sessions, notes);
                assert_eq!(p.head + p.list + p.details + p.notes, if p.details == 0 { p.head + p.list + p.notes } else { h }, "{h}: {p:?}");
                assert!(h < 4 || p.list >= 1, "{h}: {p:?}");
            }
        }
    }

    #[test]
    fn what_a_session_does_is_said_in_a_few_words() {
        let s = |state: &str, waits: &str| RunningStatement { state: state.into(), waits: waits.into(), ..Default::default() };
        assert_eq!(doing(&s("active", "")), "active");
        assert_eq!(doing(&s("active", "IO: DataFileRead")), "waits (IO: DataFileRead)");
        assert_eq!(doing(&RunningStatement { blocked_by: vec![7, 9], ..s("active", "Lock: tuple") }), "waits for a lock of 7, 9");
        let waiting = |who: &[u64]| RunningStatement { blocked_by: who.to_vec(), ..s("active", "Lock: tuple") };
        assert_eq!(doing_in(&waiting(&[317]), 24), "waits for a lock of 317");
        assert_eq!(doing_in(&waiting(&[31_755]), 24), "waits for 31755");
        assert_eq!(doing_in(&waiting(&[31_755, 31_760]), 24), "waits for 31755, 31760");
        assert_eq!(doing_in(&waiting(&[31_755, 31_760, 4_194_304]), 24), "waits for 31755 +2");
        assert_eq!(doing_in(&s("active", ""), 3), "active");
        let far = HowFar { phase: "building index\u{1b}".into(), percent: Some(25.4), ..HowFar::default() };
        let words = doing(&RunningStatement { far: Some(far), ..s("active", "") });
        assert!(words.starts_with("25 % building index") && !words.contains('\u{1b}'), "{words}");
    }
}
