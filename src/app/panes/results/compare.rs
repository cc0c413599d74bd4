//! Several results at once: pinning them, and comparing two.

use super::{Progress, ResultTab};
use crate::app::dialog::{Dialog, Field, Form, Purpose, Viewer};
use crate::app::effect::{JobId, ResultId};
use crate::app::panes::running::{TABS, one_line};
use crate::app::state::Note;
use crate::app::{Effect, State};
use crate::model::{Kind, Result};
use crate::ops::compare::{Compared, Difference, LISTED, Value};
use crate::text;

/// Pins the result on the screen, or lets it go.
pub fn pin(state: &mut State) {
    let shown = state.query.shown;
    let others = state.query.results.iter().enumerate().filter(|(i, r)| *i != shown && r.pinned).count();
    let Some(tab) = state.query.results.get_mut(shown) else { return };
    if !tab.pinned && others + 1 >= TABS {
        // A place stays free for what runs next.
        let words = format!("{} results are pinned: let one of them go first.", TABS - 1);
        state.say(Note::info(words));
        return;
    }
    tab.pinned = !tab.pinned;
    let words = if tab.pinned { "Pinned: it stays when further results come." } else { "Not pinned any more." };
    state.say(Note::info(words));
}

/// Its statement, behind the target that it is of where another one is open.
fn named_by(tab: &ResultTab) -> String {
    match &tab.of {
        Some((target, _)) => format!("{}: {}", text::clean(target), one_line(&tab.text)),
        None => one_line(&tab.text),
    }
}

/// Why a result cannot be compared now.
fn unfit(tab: &ResultTab) -> Option<&'static str> {
    if tab.columns.is_none() {
        Some("has no rows to compare")
    } else if tab.progress == Progress::Running {
        Some("is still running")
    } else {
        None
    }
}

/// Asks what to compare the result on the screen with.
pub fn ask(state: &mut State) {
    let shown = state.query.shown;
    let Some(tab) = state.query.result() else { return };
    if let Some(why) = unfit(tab) {
        state.say(Note::info(format!("This result {why}.")));
        return;
    }
    let fits = |i: &usize| *i != shown && unfit(&state.query.results[*i]).is_none();
    // The pinned one before it, or just the one before, or any.
    let others: Vec<usize> = (0..state.query.results.len()).filter(fits).collect();
    let nearest = others.iter().rev().find(|i| **i < shown).or(others.first());
    let Some(other) = others.iter().find(|i| state.query.results[**i].pinned).or(nearest).copied() else {
        state.say(Note::info("There is no other result to compare it with."));
        return;
    };
    // A first column that is called as keys are is a likely one.
    let named = |t: &ResultTab| t.columns.as_ref().and_then(|c| c.first()).map(|c| c.name.clone());
    let key = named(tab).filter(|n| {
        let lower = n.to_lowercase();
        (lower == "id" || lower.ends_with("_id")) && named(&state.query.results[other]).as_ref() == Some(n)
    });
    let body = others.iter().map(|i| format!("{}  {}", i + 1, named_by(&state.query.results[*i]))).collect();
    let fields = vec![
        Field::new("With result", &(other + 1).to_string(), "its number; it counts as the one before"),
        Field::new("Key columns", &key.unwrap_or_default(), "names with commas between; none: row by row"),
    ];
    state.dialogs.push(Dialog::Form(Form::new(
        format!("Compare result {} with another", shown + 1),
        Purpose::Compare { now: tab.id },
        body,
        fields,
    )));
}

/// Starts comparing; the error is for the form.
pub fn start(state: &mut State, now: ResultId, number: &str, keys: &str, effects: &mut Vec<Effect>) -> std::result::Result<(), String> {
    let Some(tab) = state.query.results.iter().find(|r| r.id == now) else { return Err("The result is gone.".into()) };
    let other = number.trim().parse::<usize>().ok().and_then(|n| state.query.results.get(n.checked_sub(1)?));
    let Some(other) = other else { return Err(format!("There is no result {}.", number.trim())) };
    if other.id == now {
        return Err("That is the same result.".into());
    }
    if let Some(why) = unfit(other) {
        return Err(format!("That result {why}."));
    }
    let (Some(a), Some(b)) = (other.columns.clone(), tab.columns.clone()) else { return Err("The result is gone.".into()) };
    let keys = keys.split(',').map(|k| k.trim().to_string()).filter(|k| !k.is_empty()).collect();
    let before = (other.id, a);
    let job = state.id();
    state.job(job, "comparing", false, effects);
    effects.push(Effect::CompareResults { job, before, now: (now, b), keys });
    Ok(())
}

/// The comparison is there.
pub fn compared(state: &mut State, job: JobId, before: ResultId, now: ResultId, compared: Result<Box<Compared>>) {
    let cancelled = state.jobs.iter().any(|j| j.id == job && j.cancelled);
    state.jobs.retain(|j| j.id != job);
    let tab = |id: ResultId| state.query.results.iter().enumerate().find(|(_, r)| r.id == id);
    let (Some(a), Some(b)) = (tab(before).filter(|_| !cancelled), tab(now)) else { return };
    match compared {
        Ok(c) => {
            let title = format!("Result {} compared with {}", b.0 + 1, a.0 + 1);
            let text = lines(&c, (a.0 + 1, a.1), (b.0 + 1, b.1)).join("\n");
            state.dialogs.push(Dialog::Viewer(Viewer::new(title, text)));
        }
        Err(e) if e.kind == Kind::Cancelled => {}
        Err(e) => state.say(Note::error(&e)),
    }
}

/// A value that is unlike any other: NULL bare, text in quotes.
fn shown(v: &Value) -> String {
    v.as_ref().map_or_else(|| "NULL".to_string(), |v| format!("'{v}'"))
}

fn lines(c: &Compared, before: (usize, &ResultTab), now: (usize, &ResultTab)) -> Vec<String> {
    let n = |n: u64| text::counted(n, "row");
    let mut out = Vec::new();
    for (number, tab) in [before, now] {
        let partial = if tab.partial() { ", which is partial" } else { "" };
        out.push(format!("{number}  {} · {}{partial}", named_by(tab), n(tab.kept)));
    }
    out.push(String::new());
    out.push(format!("{:<22}{}", "the same", n(c.same)));
    out.push(format!("{:<22}{}", "changed", n(c.changed)));
    out.push(format!("{:<22}{}", format!("only in {}", before.0), n(c.gone)));
    out.push(format!("{:<22}{}", format!("only in {}", now.0), n(c.new)));
    for (number, names) in [(before.0, &c.only.0), (now.0, &c.only.1)] {
        if !names.is_empty() {
            out.push(format!("{:<22}{}", format!("columns only in {number}"), names.join(", ")));
        }
    }
    let all = c.changed + c.gone + c.new;
    if all > 0 {
        out.push(String::new());
    }
    let row = |values: &[Value]| values.iter().map(shown).collect::<Vec<_>>().join("  ");
    for d in &c.listed {
        match d {
            Difference::Gone { row: r, values } => out.push(format!("- row {} in {}: {}", text::thousands(r + 1), before.0, row(values))),
            Difference::New { row: r, values } => out.push(format!("+ row {} in {}: {}", text::thousands(r + 1), now.0, row(values))),
            Difference::Changed { before: a, now: b, key, cells } => {
                let key = if key.is_empty() { String::new() } else { format!(" {}", row(key)) };
                let (a, b) = (text::thousands(a + 1), text::thousands(b + 1));
                out.push(format!("~{key} row {a} in {}, row {b} in {}:", before.0, now.0));
                out.extend(cells.iter().map(|(name, old, new)| format!("    {name}: {} -> {}", shown(old), shown(new))));
            }
        }
    }
    if all > c.listed.len() as u64 {
        out.push(format!("… the first {} of {} differences are listed", text::thousands(LISTED as u64), text::thousands(all)));
    }
    out
}
