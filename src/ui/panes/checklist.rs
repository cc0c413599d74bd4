//! Drawing the checklist: each step with its proof, where it holds, and what to do next.

use super::marks;
use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::backups::age_words;
use crate::app::panes::checklist::{grade_word, list_height, running_job, words};
use crate::app::panes::migrations::{class_word, shown_range};
use crate::app::{Action, Pane, State, work};
use crate::config::StepKind;
use crate::ops::checklist::{RunView, StepState, StepView};
use crate::text;
use crate::ui::canvas::Canvas;
use jiff::Timestamp;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let list = &state.checklist;
    let ticks = list.ticks().map_or_else(String::new, |(t, n)| format!("{t} of {n}"));
    let remark = if list.reading() && list.shown().is_none() { "reading …".to_string() } else { ticks };
    c.title(area, "Checklist", &remark, state.view.focus == Pane::Checklist);
    let Some(view) = list.shown() else {
        match list.problem() {
            Some(e) => {
                let key = work::keys_in(state, Pane::Checklist, Action::Checklists);
                let mut e = e.clone();
                if state.link.server().is_some() {
                    e.hints.push(format!("{key} lists the checklists."));
                }
                marks::problem(c, inside, &e);
            }
            None if state.link.server().is_none() => {
                c.put(inside.x + 2, inside.y, inside.w, "no target is open", look.dim);
            }
            None => {}
        }
        return;
    };
    let (head, body) = inside.split_top(1);
    c.put(head.x + 1, head.y, head.w.saturating_sub(1), &look.ascii_words(&heading(state, view, look.glyphs.dot)), look.header);
    let (steps, rest) = body.split_top(list_height(inside.h, view.steps.len()));
    for (i, step) in view.steps.iter().enumerate().skip(list.list.top).take(usize::from(steps.h)) {
        let y = steps.y + (i - list.list.top) as u16;
        row(state, view, i, step, Area { y, h: 1, ..steps }, c);
    }
    let (line, rest) = rest.split_top(1);
    next_line(state, view, line, c);
    let lines: Vec<(String, _)> = words(state)
        .into_iter()
        .enumerate()
        .map(|(i, w)| (look.ascii_words(&w).into_owned(), if i == 0 { first_style(state, view, c) } else { look.text }))
        .collect();
    wrapped(c, rest, &lines);
}

/// The rule under the steps: what comes next and its key, wherever the cursor is.
fn next_line(state: &State, view: &RunView, area: Area, c: &mut Canvas<'_>) {
    let list = &state.checklist;
    let Some((i, next)) = view.next.and_then(|i| Some((i, view.steps.get(i)?))).filter(|_| list.running_step().is_none() && !view.closed)
    else {
        return marks::rule(c, area, "", "");
    };
    let key = |a| work::keys_in(state, Pane::Checklist, a);
    let how = match (next.act, next.kind) {
        (true, _) => format!("{} applies", key(Action::Apply)),
        (_, StepKind::Signed) => format!("{} signs it", key(Action::Sign)),
        _ => format!("{} runs it", key(Action::RunNext)),
    };
    // Under the cursor the words below say it in full.
    let (title, remark) = match list.list.at == i {
        true => (String::new(), String::new()),
        false => (view.steps.get(list.list.at).map_or_else(String::new, |s| text::clean(&s.title).into_owned()), {
            format!("next: {}, {how}", text::clean(&next.title))
        }),
    };
    let fits = text::width(&title) + text::width(&remark) + 8 <= usize::from(area.w);
    marks::rule(c, area, if fits { &title } else { "" }, &c.look.ascii_words(&remark));
}

fn first_style(state: &State, view: &RunView, c: &Canvas<'_>) -> ratatui::style::Style {
    let next = view.next.and_then(|i| view.steps.get(i));
    match next {
        Some(s) if state.checklist.list.at == view.next.unwrap_or(0) && !s.act && s.hold => c.look.warning,
        _ => c.look.text,
    }
}

/// `0004…0006 · Schema migration · OPS-4711 · started 14:01 by mira`.
fn heading(state: &State, view: &RunView, dot: &str) -> String {
    let mut parts = Vec::new();
    if !view.range.is_empty() {
        parts.push(shown_range(&view.range));
    }
    if let Some(s) = &view.subject {
        parts.push(text::clean(s).into_owned());
    }
    parts.push(text::clean(&view.title).into_owned());
    if let Some(i) = &view.issue {
        parts.push(text::clean(i).into_owned());
    }
    match (&view.started_at, &view.started_by) {
        (Some(at), by) => {
            let by = by.as_ref().map_or_else(String::new, |b| format!(" by {}", text::clean(b)));
            parts.push(format!("started {}{by}", short_time(at, state.now)));
        }
        // What is about a subject has no run of its own: its evidence stands by itself.
        (None, _) if view.subject.is_some() => {}
        (None, _) => parts.push("not started".into()),
    }
    if view.closed {
        parts.push("closed".into());
    } else if view.applied {
        parts.push("applied".into());
    }
    parts.join(&format!(" {dot} "))
}

/// The time of day when it is of today (UTC), else the date and the time.
fn short_time(at: &str, now: Timestamp) -> String {
    let now = now.to_string();
    let clean = text::clean(at);
    match (clean.get(..10), clean.get(11..16), now.get(..10)) {
        (Some(day), Some(time), Some(today)) if day == today => time.to_string(),
        (Some(day), Some(time), _) => format!("{day} {time}"),
        _ => clean.into_owned(),
    }
}

fn row(state: &State, view: &RunView, i: usize, step: &StepView, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let list = &state.checklist;
    let focused = state.view.focus == Pane::Checklist;
    let chosen = i == list.list.at;
    let glyph_w = marks::glyph_width(look);
    let now = list.state_of(i).unwrap_or(step.state);
    let end = area.x + area.w;
    let y = area.y;
    if chosen {
        c.cursor(area.x, y, focused);
    }
    let holds_here = view.next == Some(i) && step.hold && !step.act && now != StepState::Running;
    if holds_here {
        c.put(area.x + 1, y, glyph_w, look.glyphs.held, look.warning);
    }
    let (glyph, style) = marks::step(look, now);
    c.put(area.x + 2 + glyph_w, y, glyph_w, glyph, style);
    let mut x = area.x + 3 + 2 * glyph_w;
    // The age on the right, where there is room for it.
    let age = if now == StepState::Running { String::new() } else { age_of(state, step) };
    let mut right = end;
    if !age.is_empty() && area.w >= 60 {
        right = c.put_right(end.saturating_sub(1), y, 14, &age, look.dim).saturating_sub(1);
    }
    let title_style = if step.ticked() || chosen || view.next == Some(i) { marks::row(look, chosen, focused) } else { look.dim };
    let title_style = if chosen { marks::row(look, chosen, focused) } else { title_style };
    x = c.put(x, y, right.saturating_sub(x), &text::clean(&step.title), title_style) + 2;
    if now == StepState::Running {
        running(state, x, right, y, c);
        return;
    }
    let mut words = Vec::new();
    let word = marks::step_word(now);
    if !word.is_empty() {
        words.push(word.to_string());
    }
    if let Some(g) = step.grade.filter(|_| step.ticked()) {
        words.push(grade_word(g).to_string());
    }
    // Unless the summary begins with it.
    if let Some(k) = step.class.filter(|k| step.ticked() && !step.summary.starts_with(class_word(*k))) {
        words.push(class_word(k).to_string());
    }
    if holds_here {
        words.push("blocks everything below".into());
    } else if !step.summary.is_empty() && (step.ticked() || !word.is_empty()) {
        words.push(text::clean(&step.summary).into_owned());
    }
    if x < right {
        let style = if holds_here { look.warning } else { look.dim };
        c.put(x, y, right - x, &look.ascii_words(&words.join(&format!(" {} ", look.glyphs.dot))), style);
    }
}

/// Age of the evidence now, whenever the run was read.
fn age_of(state: &State, step: &StepView) -> String {
    match step.at.as_ref().filter(|_| step.state != StepState::Waiting).and_then(|a| a.parse::<Timestamp>().ok()) {
        Some(at) => age_words(state.now.as_second() - at.as_second()),
        None => step.age.clone().unwrap_or_default(),
    }
}

/// What the job is doing, how far it is, and for how long.
fn running(state: &State, x: u16, right: u16, y: u16, c: &mut Canvas<'_>) {
    let look = c.look;
    let Some(job) = running_job(state).and_then(|(id, _)| state.jobs.iter().find(|j| j.id == id)) else { return };
    let seconds = (state.now.as_second() - job.started.as_second()).max(0);
    let time = format!("{:02}:{:02}", seconds / 60, seconds % 60);
    let mut right = c.put_right(right.saturating_sub(1), y, 6, &time, look.info).saturating_sub(1);
    if let Some(total) = job.total.filter(|t| *t > 0) {
        let share = job.done.min(total) * 100 / total;
        right = c.put_right(right, y, 5, &format!("{share} %"), look.info).saturating_sub(1);
        if right > x + 24 {
            let filled = usize::try_from(share / 10).unwrap_or(0);
            let bar = look.glyphs.bar[7].repeat(filled);
            c.put(right - 10, y, 10, &bar, look.info);
            right -= 11;
        }
    }
    c.put(x, y, right.saturating_sub(x), &look.ascii_words(&text::clean(&job.step)), look.dim);
}
