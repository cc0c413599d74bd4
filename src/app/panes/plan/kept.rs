//! Plans beside the newest one: the one that was kept by hand, the one before, and those of the history; and what is different.

use super::Asked;
use super::words::{count, factor, ms, short};
use crate::app::links::{Goal, Line, Links};
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State, keys};
use crate::model::plan::Plan;
use crate::model::{Dialect, Result};
use crate::plan::compare::{Change, Comparison, Speed, compare, figure, whole};
use crate::plan::shape;
use crate::sql::fingerprint;
use crate::store::plans::Kept;
use crate::text;
use jiff::Timestamp;

/// A plan that is not on the screen.
#[derive(Debug, Clone)]
pub struct Other {
    pub plan: Plan,
    pub asked: Asked,
    /// When it came, as far as that is known.
    pub at: Option<Timestamp>,
    pub from: Option<String>,
}

fn same_statement(dialect: Dialect, a: &str, b: &str) -> bool {
    a == b || fingerprint(dialect, a) == fingerprint(dialect, b)
}

/// Before another plan takes the screen: the one that is there is the one before.
pub(super) fn step_aside(state: &mut State) {
    let pane = &mut state.plan;
    if let Some(plan) = pane.plan.take() {
        // A guess while typing is no plan that anybody would compare with, unless nothing better is there.
        if plan.analyzed || pane.previous.as_ref().is_none_or(|p| !p.plan.analyzed) {
            pane.previous = Some(Other { plan, asked: pane.asked.clone(), at: pane.at_time, from: pane.from.clone() });
        }
    }
}

/// Keeps the plan on the screen to compare further ones with, or lets it go.
pub(super) fn pin(state: &mut State) {
    let pane = &mut state.plan;
    let Some(plan) = &pane.plan else { return };
    if pane.kept.as_ref().is_some_and(|k| k.plan == *plan) {
        pane.kept = None;
        state.say(Note::info("The plan is let go."));
        return;
    }
    pane.kept = Some(Other { plan: plan.clone(), asked: pane.asked.clone(), at: pane.at_time, from: pane.from.clone() });
    let key = keys::key_of(state, Action::ComparePlans).unwrap_or_default();
    state.say(Note::ok(format!("Kept. Change the statement or the database; {key} then compares the newest plan with this one.")));
}

/// Compares the plan on the screen with the kept one, or with the one before of the same statement.
pub(super) fn compare_now(state: &mut State) {
    let dialect = state.query.editor.dialect();
    let pane = &state.plan;
    let Some(now) = &pane.plan else { return };
    let kept = pane.kept.as_ref().filter(|k| k.plan != *now);
    // Measuring asks for the estimate first: where it is the same plan, its costs beside times tell nobody anything.
    let guess = |p: &Other| now.analyzed && !p.plan.analyzed && shape::hash(&p.plan) == shape::hash(now);
    let previous = pane.previous.as_ref().filter(|p| same_statement(dialect, &p.asked.text, &pane.asked.text) && !guess(p));
    let Some(other) = kept.or(previous) else {
        let pin = keys::key_of(state, Action::PinPlan).unwrap_or_default();
        let history = keys::key_of(state, Action::PlanHistory).unwrap_or_default();
        state.say(Note::info(format!(
            "There is no other plan to compare with: {pin} keeps this one for later, {history} shows earlier ones."
        )));
        return;
    };
    // The older one is "before", whichever of them is on the screen.
    let turned = matches!((other.at, pane.at_time), (Some(a), Some(b)) if a > b);
    let (before, after) = if turned { (now, &other.plan) } else { (&other.plan, now) };
    let c = compare(before, after);
    let words = |who: &Option<Timestamp>| who.map_or_else(|| "another time".into(), |t| t.strftime("%d %b %H:%M").to_string());
    let (a, b) = if turned { (words(&pane.at_time), words(&other.at)) } else { (words(&other.at), words(&pane.at_time)) };
    let mut lines = page(before, after, &c, !turned, usize::from(crate::app::dialog::page_width(state.size.0)));
    if !same_statement(dialect, &other.asked.text, &pane.asked.text) {
        lines.insert(0, Line { text: "The two plans are of different statements.".into(), heading: true, ..Line::default() });
    }
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(crate::app::dialog::Dialog::Links(Links::new(format!("Plans compared · {a} and {b}"), lines, Some(0), rows)));
}

/// Total time or cost of a plan.
fn total(plan: &Plan, measured: bool) -> Option<f64> {
    if measured { plan.execution_ms.or(plan.root.total_ms).map(|e| e + plan.planning_ms.unwrap_or(0.0)) } else { plan.root.est_total_cost }
}

/// The comparison as lines; those of the plan on the screen lead to its nodes.
pub(super) fn page(before: &Plan, after: &Plan, c: &Comparison, links: bool, width: usize) -> Vec<Line> {
    let number = |v: f64| if c.measured { ms(v) } else { count(v) };
    let unit = if c.measured { "ms" } else { "cost, not measured" };
    let mut out = Vec::new();
    if let (Some(a), Some(b)) = (total(before, c.measured), total(after, c.measured)) {
        let ratio = if a > 0.0 && b > 0.0 {
            format!("  ({}, one run each)", factor(if b >= a { b / a } else { -(a / b) }, false))
        } else {
            String::new()
        };
        let ratio = if c.measured { ratio } else { ratio.replace(", one run each", "") };
        out.push(Line::heading(format!("total   {} → {} {unit}{ratio}", number(a), number(b))));
    }
    let pages = |p: &Plan| p.root.pages.accessed();
    if let (Some(a), Some(b)) = (pages(before), pages(after)) {
        out.push(Line::plain(format!("pages   {} → {}", text::thousands(a), text::thousands(b))));
    }
    let parts: Vec<String> =
        [(Change::Replaced, "replaced"), (Change::Moved, "moved"), (Change::Added, "added"), (Change::Removed, "gone")]
            .into_iter()
            .filter_map(|(change, word)| Some(c.count(change)).filter(|n| *n > 0).map(|n| format!("{n} {word}")))
            .collect();
    out.push(Line::plain(if parts.is_empty() { "shape   the same".into() } else { format!("shape   {}", parts.join(", ")) }));
    for (i, cause) in c.causes.iter().enumerate() {
        let parts = text::wrap(&text::clean(cause), width.saturating_sub(8));
        out.extend(
            parts.into_iter().enumerate().map(|(j, p)| Line::plain(format!("{}{p}", if i + j == 0 { "cause   " } else { "        " }))),
        );
    }
    out.push(Line::plain(""));
    out.push(Line::heading(format!("{:>10}  {:>10}  {:<13}  node", "before", "after", "own time")));
    for p in &c.pairs {
        let (old, new) = (p.before.as_ref().and_then(|b| before.root.at(b)), p.after.as_ref().and_then(|a| after.root.at(a)));
        let shown =
            |n: Option<&crate::model::plan::PlanNode>| n.and_then(|n| figure(n, c.measured)).map_or_else(|| "-".to_string(), number);
        let (a, b) = (old.and_then(|n| figure(n, c.measured)), new.and_then(|n| figure(n, c.measured)));
        let by = match (a, b) {
            (Some(a), Some(b)) if a > 0.0 && b > 0.0 => format!("{} ", factor(if b >= a { b / a } else { -(a / b) }, false)),
            _ => String::new(),
        };
        let speed = match p.speed {
            Speed::Faster => format!("{by}{}", if c.measured { "faster" } else { "cheaper" }),
            Speed::Slower => format!("{by}{}", if c.measured { "slower" } else { "dearer" }),
            Speed::Even => "same".into(),
            Speed::Unknown => String::new(),
        };
        let indent = "  ".repeat(p.after.as_ref().or(p.before.as_ref()).map_or(0, Vec::len).min(20));
        let name = match (p.change, old, new) {
            (Change::Replaced, Some(o), Some(n)) => format!("{} ← was {}", super::words::label(n), super::words::label(o)),
            (Change::Moved, _, Some(n)) => format!("{}  (moved)", short(n)),
            (Change::Added, _, Some(n)) => format!("{}  (new)", short(n)),
            (_, Some(o), None) => format!("{}  (gone)", short(o)),
            (_, _, Some(n)) => short(n),
            _ => String::new(),
        };
        let apart = match (old.is_some_and(|n| n.parallel), new.is_some_and(|n| n.parallel)) {
            (true, false) if c.measured && new.is_some() => "before: sum over processes  ",
            (false, true) if c.measured && old.is_some() => "after: sum over processes  ",
            _ => "",
        };
        let note = match (p.before.as_ref().and_then(|b| whole(before, b)), p.after.as_ref().and_then(|a| whole(after, a))) {
            (Some(a), Some(b)) if (a + 1.0) / (b + 1.0) >= 2.0 || (b + 1.0) / (a + 1.0) >= 2.0 => {
                format!("{apart}expected {} → {} rows", count(a), count(b))
            }
            _ => apart.trim_end().to_string(),
        };
        let goal = p.after.clone().filter(|_| links).or_else(|| p.before.clone().filter(|_| !links)).map(Goal::PlanNode);
        out.push(Line { text: format!("{:>10}  {:>10}  {speed:<13}  {indent}{name}", shown(old), shown(new)), note, heading: false, goal });
    }
    out
}

/// Asks for the plans of this statement that were kept.
pub(super) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(target) = state.link.target_name().map(str::to_string) else {
        state.say(Note::info("Plans are kept for each target: open one first."));
        return;
    };
    let text = super::ask::current(state).or_else(|| state.plan.plan.is_some().then(|| state.plan.asked.text.clone()));
    let Some(text) = text else {
        state.say(Note::info("There is no statement under the cursor."));
        return;
    };
    let dialect = state.query.editor.dialect();
    effects.push(Effect::PlanHistory { target, dialect, text });
}

/// They came: a page to choose from.
pub fn told(state: &mut State, result: Result<Vec<Kept>>) {
    let kept = match result {
        Ok(k) => k,
        Err(e) => return state.say(Note::error(&e)),
    };
    if kept.is_empty() {
        let keys = [Action::Plan, Action::Analyze].map(|a| keys::key_of(state, a).unwrap_or_default());
        state.say(Note::info(format!("No plan of this statement was kept yet: {} and {} keep theirs.", keys[0], keys[1])));
        return;
    }
    let mut lines = vec![Line::heading(format!("{:<17} {:<10} {:>14}  {:<9}  shape", "when", "", "took", "cost"))];
    for (i, k) in kept.iter().enumerate() {
        let when = k.at.get(..16).unwrap_or(&k.at).replace('T', " ");
        let took = k.ms.map_or_else(String::new, |v| format!("{} ms", ms(v)));
        let cost = k.cost.map_or_else(String::new, count);
        let how = if k.analyzed { "measured" } else { "estimated" };
        // Against the one before it in time, which stands below.
        let shape = match kept.get(i + 1) {
            Some(older) if older.shape != k.shape => format!("{} changed", k.shape.get(..6).unwrap_or_default()),
            _ => k.shape.get(..6).unwrap_or_default().to_string(),
        };
        let text = format!("{when:<17} {how:<10} {took:>14}  {cost:<9}  {shape}");
        lines.push(Line { text, goal: Some(Goal::KeptPlan(k.id)), ..Line::default() });
    }
    let compare = keys::key_of(state, Action::ComparePlans).unwrap_or_default();
    lines.push(Line::plain(""));
    lines.push(Line {
        note: format!("Enter opens one; {compare} then compares it with the plan that is on the screen now."),
        ..Line::default()
    });
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(crate::app::dialog::Dialog::Links(Links::new("Earlier plans of this statement", lines, None, rows)));
}

/// One of them was opened.
pub fn opened(state: &mut State, result: Result<(Plan, String, String)>) {
    match result {
        Ok((plan, text, at)) => {
            let when = at.get(..16).unwrap_or(&at).replace('T', " ");
            let time = at.parse().ok();
            show(state, plan, Asked { text, ..Asked::default() }, format!("the history, {when}"), time);
        }
        Err(e) => state.say(Note::error(&e)),
    }
}

/// Shows a plan that was not asked for now.
pub fn show(state: &mut State, plan: Plan, asked: Asked, from: String, at: Option<Timestamp>) {
    state.go(Pane::Plan);
    super::ask::take(state, plan, asked);
    let over = super::ask::current(state);
    let pane = &mut state.plan;
    pane.at_time = at;
    pane.from = Some(from);
    pane.over = over;
    pane.stale = false;
    // What is still on its way belongs to the text, not to this.
    pane.version += 1;
}
