//! A data fix that waits for its answer: what it did, what it holds, who waits for it, and the question.

use super::results::Progress;
use crate::app::dialog::{Answer, Confirm, Dialog, Then, Viewer};
use crate::app::effect::{FixAnswer, ResultId};
use crate::app::state::Note;
use crate::app::{Effect, State};
use crate::model::{Error, HeldLock, Kind, Result, Waiting};
use crate::ops::datafix::{Cascades, Changes};
use crate::text;
use jiff::Timestamp;

/// Rows of the sample that stand in the question itself, so that it fits a screen of 24 lines.
const SHOWN: usize = 3;
/// Lines about cascades that stand in the question itself.
const CASCADES: usize = 4;
/// Title of all that is known of it.
const VIEW: &str = "Data fix: who waits, locks, rows";
/// Widest value in a line.
const VALUE: usize = 24;

/// What a data fix did, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub affected: u64,
    /// Where the rows are as they were.
    pub before: String,
    /// What foreign keys changed with them.
    pub cascades: Cascades,
    pub changes: Changes,
    pub locks: std::result::Result<Vec<HeldLock>, String>,
}

/// A data fix that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub result: ResultId,
    /// It writes edited cells of that result, which shows the rows as they were.
    pub edits: bool,
    pub report: Report,
    /// Since when its transaction is open.
    pub since: Timestamp,
    /// What was answered, until the server has done it.
    pub answered: Option<FixAnswer>,
}

/// The answer goes to the server; a COMMIT may take its time there.
pub fn answer(state: &mut State, answer: FixAnswer, effects: &mut Vec<Effect>) {
    if let Some(fix) = &mut state.query.fix {
        fix.answered = Some(answer);
        let words = if answer == FixAnswer::Commit { "Committing …" } else { "Rolling back …" };
        state.say(Note::info(words));
    }
    effects.push(Effect::AnswerFix(answer));
}

/// The statement has run, and its transaction is open.
pub fn begun(state: &mut State, result: ResultId, edits: bool, report: Report, effects: &mut Vec<Effect>) {
    state.query.fix = Some(Fix { result, edits, report, since: state.now, answered: None });
    state.query.waiting.clear();
    ask(state);
    state.tick(effects);
}

/// Asks what to do with the data fix that waits.
pub fn ask(state: &mut State) {
    let Some(fix) = &state.query.fix else { return };
    let target = text::clean(state.link.target_name().unwrap_or("")).into_owned();
    let r = &fix.report;
    let who = if fix.edits { "Your edits" } else { "The statement" };
    let mut body = vec![format!("{who} changed {} on {target}.", text::counted(r.affected, "row"))];
    let lines = r.changes.lines(VALUE);
    body.extend(lines.iter().take(SHOWN).cloned());
    let hidden = r.changes.beyond(r.affected, SHOWN);
    if !lines.is_empty() && hidden > 0 {
        body.push(format!("… and {} more", text::counted(hidden, "row")));
    }
    body.extend(r.changes.note.clone());
    body.extend(short(r.cascades.lines(), CASCADES));
    body.push(r.before.clone());
    body.push("Its transaction is open and holds its locks until you answer.".into());
    let answers = vec![
        Answer::new('r', "roll back", Then::Fix(FixAnswer::RollBack)),
        Answer::new('c', "commit", Then::Fix(FixAnswer::Commit)),
        Answer::new('v', "view rows and locks", Then::ShowFix),
    ];
    state.ask(Confirm { title: "Data fix".into(), body, answers });
}

/// It was answered, and this came of it.
pub fn ended(state: &mut State, answer: &FixAnswer, result: Result<()>, effects: &mut Vec<Effect>) {
    let of = state.query.fix.take();
    state.query.waiting.clear();
    let edits = of.as_ref().is_some_and(|f| f.edits);
    let kept = if edits { " Your edits are still staged." } else { "" };
    state.say(match (answer, &result) {
        (FixAnswer::Commit, Ok(())) => Note::ok("Committed."),
        (FixAnswer::RollBack, Ok(())) => Note::ok(format!("Rolled back: nothing was changed.{kept}")),
        (_, Err(e)) => Note::error(e),
    });
    let Some(of) = of.map(|f| f.result) else { return };
    if edits {
        if matches!((answer, &result), (FixAnswer::Commit, Ok(()))) {
            super::cells::read_again(state, of, effects);
        }
    } else if let Some(tab) = state.result_mut(of) {
        match (&result, &mut tab.progress) {
            (Err(e), progress) => *progress = Progress::Failed(e.clone()),
            (Ok(()), Progress::Done(outcome)) => outcome.rolled_back = *answer == FixAnswer::RollBack,
            (Ok(()), _) => {}
        }
    }
}

/// Its connection is gone before it was answered.
pub fn lost(state: &mut State, why: &str) {
    let Some(fix) = state.query.fix.take() else { return };
    state.query.waiting.clear();
    state.dialogs.retain(|d| match d {
        Dialog::Confirm(c) => !c.answers.iter().any(|a| matches!(a.then, Then::Fix(_))),
        Dialog::Viewer(v) => v.title != VIEW,
        _ => true,
    });
    let error = Error::new(Kind::Connect, format!("the data fix is NOT committed: its connection is lost: {why}")).hint(if fix.edits {
        "The server rolled it back: nothing was changed. The edits are still staged."
    } else {
        "The server rolled it back: nothing was changed. Run the statement again."
    });
    let mut body = vec!["The connection of the data fix is lost, and nothing of it was changed.".to_string()];
    body.push(text::clean(why).into_owned());
    body.push(fix.report.before);
    state.ask(Confirm { title: "NOT committed".into(), body, answers: vec![Answer::new('o', "understood", Then::Nothing)] });
    state.say(Note::error(&error));
    if let Some(tab) = state.result_mut(fix.result).filter(|_| !fix.edits) {
        tab.progress = Progress::Failed(error);
    }
}

/// The first lines, and how many more there are.
fn short(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most {
        let rest = lines.split_off(most - 1);
        lines.push(format!("… and {}: v shows them.", text::counted(rest.len() as u64, "more line")));
    }
    lines
}

/// All that is known of it, above the question.
pub fn show(state: &mut State) {
    ask(state);
    let Some(fix) = &state.query.fix else { return };
    let r = &fix.report;
    let mut out = vec![format!("{} changed. {}", text::counted(r.affected, "row"), r.before), String::new()];
    match (&state.query.waiting_unknown, state.query.waiting.as_slice()) {
        (Some(why), _) => out.push(format!("Who waits cannot be seen: {why}")),
        (None, []) => out.push("Nobody was waiting for it at the last look.".into()),
        (None, waiting) => {
            out.push("Waiting for it:".into());
            out.extend(waiting.iter().map(|w| format!("  {} for {} s: {}", w.who, w.seconds, super::running::one_line(&w.statement))));
        }
    }
    out.push(String::new());
    match &r.locks {
        Ok(locks) if locks.is_empty() => out.push("The server lists no locks of this transaction.".into()),
        Ok(locks) => {
            out.push("Locks held until the answer:".into());
            out.extend(locks.iter().map(|l| format!("  {}  {}", l.object, l.mode)));
        }
        Err(why) => out.push(format!("Locks cannot be seen: {why}")),
    }
    let cascades = r.cascades.lines();
    if !cascades.is_empty() {
        out.push(String::new());
        out.extend(cascades);
        let saved = r.cascades.tables.iter().filter_map(|t| t.saved.as_ref().map(|p| format!("  {} as it was: {}", t.table, p.display())));
        out.extend(saved);
    }
    // The list that may be long stands last.
    let rows = r.changes.lines(200);
    if !rows.is_empty() {
        out.push(String::new());
        let hidden = r.changes.beyond(r.affected, rows.len());
        out.push(if hidden > 0 { format!("The first {}:", text::counted(rows.len() as u64, "row")) } else { "The rows:".into() });
        out.extend(rows.into_iter().map(|l| format!("  {l}")));
        if hidden > 0 {
            out.push(format!("  … and {} more", text::counted(hidden, "row")));
        }
    }
    out.extend(r.changes.note.clone());
    state.dialogs.push(Dialog::Viewer(Viewer::new(VIEW, out.join("\n")).prose(state.size.0)));
}

/// Who waits for the open transaction: news are told, at once and plainly.
pub fn waiting(state: &mut State, result: Result<Vec<Waiting>>) {
    match result {
        Ok(now) => {
            let before = state.query.waiting.len();
            if now.len() > before
                && let Some(first) = now.first()
            {
                let sessions = text::counted(now.len() as u64, "session");
                let verb = if now.len() == 1 { "waits" } else { "wait" };
                state.say(Note::warning(format!(
                    "{sessions} {verb} for your transaction: {} for {} s: {}",
                    text::clean(&first.who),
                    first.seconds,
                    super::running::one_line(&first.statement)
                )));
            } else if now.is_empty() && before > 0 {
                state.say(Note::ok("Nobody waits for your transaction any more."));
            }
            state.query.waiting = now;
        }
        Err(e) => state.query.waiting_unknown = Some(e.message),
    }
}

/// How long a transaction has been open: `0:42`, `12:05`, `2:00:11`.
pub fn clock(since: Timestamp, now: Timestamp) -> String {
    let s = (now.as_second() - since.as_second()).max(0);
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_hours() {
        let at = |s| Timestamp::from_second(s).unwrap();
        assert_eq!(clock(at(0), at(42)), "0:42");
        assert_eq!(clock(at(0), at(7211)), "2:00:11");
        assert_eq!(clock(at(5), at(0)), "0:00");
    }
}
