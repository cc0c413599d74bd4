//! What the checklist says: of the step under the cursor, of the one that comes next, of evidence.

use super::{APPLIED_EARLIER, RECORD, incidents};
use crate::app::panes::migrations::{class_word, shown_range};
use crate::app::state::Pane;
use crate::app::{Action, State, work};
use crate::config::StepKind;
use crate::model::evidence::{Evidence, Grade};
use crate::ops::checklist::{RunView, StepState, StepView};
use crate::text;

/// The word for a proof's grade.
pub fn grade_word(grade: Grade) -> &'static str {
    match grade {
        Grade::Sampled => "sampled",
        Grade::Attached => "attached",
        Grade::Full => "full",
    }
}

/// What is shown below the steps: of the step under the cursor what is known and what to do. The first line is the most
/// important one.
pub fn words(state: &State) -> Vec<String> {
    let Some(v) = state.checklist.shown() else { return Vec::new() };
    let key = |a| work::keys_in(state, Pane::Checklist, a);
    if v.closed {
        return match incidents::shown(state) {
            Some(_) => incidents::closed(state, v),
            None => vec!["The run is closed.".into()],
        };
    }
    if !v.is_about() && !v.applied {
        return vec!["Nothing is pending on this target.".into()];
    }
    let at = state.checklist.list.at;
    let mut out = match v.steps.get(at) {
        Some(s) if v.next != Some(at) => of_step(s),
        _ => Vec::new(),
    };
    match v.next.and_then(|i| v.steps.get(i)) {
        None if state.checklist.other.is_some() => out.push("Every step is ticked.".into()),
        None => out.push(format!("Every step is ticked. {} reverts, {} closes the run.", key(Action::Revert), key(Action::CloseRun))),
        // The rule above these words names it.
        Some(_) if v.next != Some(at) => {}
        Some(s) => out.extend(of_next(state, v, s)),
    }
    out
}

/// A step that is not the next one.
fn of_step(s: &StepView) -> Vec<String> {
    let mut out = Vec::new();
    // A failure's summary may be its reasons in one line: they are told below, one by one.
    let told = !s.ticked() && s.why_not.iter().any(|w| !w.is_empty() && s.summary.contains(w.trim_end_matches('.')));
    if told {
        out.extend(s.why_not.iter().map(|w| work::sentence(w)));
        return out;
    }
    if !s.summary.is_empty() {
        let by = s.by.as_ref().filter(|_| s.ticked()).map_or_else(String::new, |b| format!(" ({})", text::clean(b)));
        out.push(format!("{}{by}", work::sentence(&s.summary)));
    } else if !s.help.is_empty() {
        out.push(work::sentence(&s.help));
    }
    if !s.ticked() {
        out.extend(s.why_not.iter().map(|w| work::sentence(w)).filter(|w| *w != work::sentence(&s.summary)));
    }
    if !s.voids_if.is_empty() && s.ticked() {
        out.push(work::sentence(&s.voids_if));
    }
    out
}

/// The step that comes next: what holds, and what to do.
fn of_next(state: &State, v: &RunView, s: &StepView) -> Vec<String> {
    let key = |a| work::keys_in(state, Pane::Checklist, a);
    let title = text::clean(&s.title);
    if state.checklist.running_step().is_some() {
        let cancel = work::keys(state, Action::Cancel);
        return vec![
            format!("Running: {title}. {}", work::sentence(&s.help)),
            format!("{cancel} cancels it; what was proved before stays."),
        ];
    }
    if s.act {
        return vec![format!(
            "Nothing holds: {} applies {}, after you typed the target's name.",
            key(Action::Apply),
            shown_range(&v.range)
        )];
    }
    let why = s.why_not.first().or(Some(&s.summary)).filter(|t| !t.is_empty() && *t != "not done");
    let why = why.map_or_else(|| ".".into(), |w| format!(": {}", text::clean(&dotted(w))));
    // What a program can do at once holds nobody up yet.
    let holds = s.hold || !state.checklist.of_incident();
    let held = holds && v.missing().any(|m| m.id == s.id) && (s.state != StepState::Waiting || s.kind == StepKind::Signed);
    let mut out = vec![format!("{} {title}{why}", if held { "Held." } else { "Next:" })];
    if s.kind == StepKind::Signed {
        out.push(format!("{} signs it.", key(Action::Sign)));
    } else if s.id == APPLIED_EARLIER && s.state == StepState::Failed {
        out.push(format!("{} offers to do it there.", key(Action::RunNext)));
    } else if s.id == RECORD {
        out.push(format!("{} does it, after a question; until then {} is covered.", key(Action::RunNext), key(Action::Revert)));
    } else {
        out.push(format!("{} runs it, {} all that need nobody.", key(Action::RunNext), key(Action::RunProvable)));
    }
    if !s.next.is_empty() && !s.next.starts_with("Run the step") {
        out.push(work::sentence(&s.next));
    }
    if !s.command.is_empty() && !s.next.contains(&s.command) {
        out.push(format!("Or: {}", text::clean(&s.command)));
    }
    if !s.voids_if.is_empty() {
        out.push(work::sentence(&s.voids_if));
    }
    out
}

/// Evidence as a text to read.
pub(super) fn evidence_text(e: &Evidence) -> String {
    let mut out = vec![work::sentence(&e.summary), String::new()];
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            out.push(format!("{name}: {value}"));
        }
    };
    line("Holds", if e.holds { "yes" } else { "no: it was run and did not prove it" });
    line("Grade", e.grade.map_or("", grade_word));
    line("Class", e.class.map_or("", class_word));
    line("At", &e.at);
    line("Good until", e.expires.as_deref().unwrap_or("its subject changes"));
    line("By", &format!("{} (claimed) on {}", e.by, e.host));
    line("Imported", e.imported_from.as_deref().unwrap_or(""));
    line("Environment", e.environment.as_deref().unwrap_or(""));
    line("Target", &e.subject.target);
    line("Database", &e.subject.database);
    line("Scripts", &e.subject.scripts);
    line("Schema", &e.subject.schema);
    line("Backup", &e.subject.backup);
    line("Id", &e.id);
    let facts: Vec<_> = e.facts.iter().filter(|(k, _)| *k != "nonce").collect();
    if !facts.is_empty() {
        out.extend([String::new(), "Facts".into()]);
        out.extend(facts.iter().map(|(k, v)| format!("  {k}: {v}")));
    }
    out.join("\n")
}

/// With a full stop, and otherwise as it is.
pub(super) fn dotted(s: &str) -> String {
    let s = s.trim();
    if s.ends_with(['.', '!', '?']) { s.to_string() } else { format!("{s}.") }
}
