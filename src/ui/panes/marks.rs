//! Glyphs and styles for how something stands, the same in every pane; and errors that take a pane's place.

use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::migrations::waits;
use crate::model::Error;
use crate::model::migration::{RollbackClass, Standing};
use crate::ops::checklist::StepState;
use crate::ops::migrate::status::QueueItem;
use crate::text;
use crate::ui::canvas::Canvas;
use crate::ui::theme::Look;
use ratatui::style::Style;

/// Columns that a glyph takes: its ASCII twin is wider.
pub fn glyph_width(look: &Look) -> u16 {
    if look.glyphs.ascii { 3 } else { 1 }
}

/// A checklist step's state.
pub fn step(look: &Look, state: StepState) -> (&'static str, Style) {
    let g = &look.glyphs;
    match state {
        StepState::Proved => (g.proved, look.ok),
        StepState::Signed => (g.signed, look.ok),
        StepState::Waiting => (g.waiting, look.dim),
        StepState::Running => (g.running, look.info),
        // The hand stands before the step; the step itself waits.
        StepState::Held => (g.waiting, look.warning),
        StepState::Failed => (g.failed, look.critical),
        StepState::Expired => (g.expired, look.warning),
        StepState::Voided => (g.voided, look.warning),
        StepState::Unknown => (g.unknown, look.unknown),
    }
}

/// The word for a step's state, for what no glyph can say alone.
pub fn step_word(state: StepState) -> &'static str {
    match state {
        StepState::Failed => "failed",
        StepState::Expired => "expired",
        StepState::Voided => "void",
        StepState::Unknown => "unknown",
        _ => "",
    }
}

/// Where a migration stands.
pub fn migration(look: &Look, item: &QueueItem) -> (&'static str, Style) {
    let g = &look.glyphs;
    match (item.standing, item.class) {
        (Standing::Applied | Standing::LineEnds, _) => (g.proved, look.ok),
        (Standing::Edited, _) => (g.voided, look.critical),
        (Standing::Dirty, _) => (g.failed, look.critical),
        (Standing::FileMissing, _) => (g.unknown, look.unknown),
        (_, Some(class)) => class_mark(look, class),
        _ if waits(item) && item.migration.as_ref().is_some_and(|m| m.down.is_none()) => (g.waiting, look.warning),
        _ => (g.waiting, look.dim),
    }
}

fn class_mark(look: &Look, class: RollbackClass) -> (&'static str, Style) {
    let g = &look.glyphs;
    match class {
        RollbackClass::Exact | RollbackClass::Equivalent => (g.waiting, look.ok),
        RollbackClass::Lossy => (g.lossy, look.warning),
        RollbackClass::Irreversible => (g.failed, look.critical),
    }
}

/// Style of a line that the cursor may be on.
pub fn row(look: &Look, chosen: bool, focused: bool) -> Style {
    match (chosen, focused) {
        (true, true) => look.chosen,
        (true, false) => look.chosen_away,
        _ => look.text,
    }
}

/// An error in a pane's place: what is the matter, then what to do.
pub fn problem(c: &mut Canvas<'_>, area: Area, e: &Error) {
    let mut lines = vec![(crate::app::work::sentence(&e.message), c.look.warning)];
    if let Some(d) = &e.detail {
        lines.extend(text::clean_lines(d).lines().map(|l| (l.to_string(), c.look.text)));
    }
    lines.extend(e.hints.iter().map(|h| (text::clean(h).into_owned(), c.look.text)));
    wrapped(c, area, &lines);
}

/// A rule with a title, inside a pane.
pub fn rule(c: &mut Canvas<'_>, area: Area, title: &str, remark: &str) {
    if area.h == 0 {
        return;
    }
    let look = c.look;
    let line = look.glyphs.rule.repeat(usize::from(area.w));
    c.put(area.x, area.y, area.w, &line, look.border);
    let mut x = area.x + 1;
    if !title.is_empty() {
        x = c.put(x, area.y, area.w.saturating_sub(2), &format!(" {title} "), look.title);
    }
    let end = area.x + area.w;
    let w = u16::try_from(text::width(remark)).unwrap_or(u16::MAX).saturating_add(2);
    if !remark.is_empty() && x + w < end {
        c.put_right(end - 1, area.y, w, &format!(" {remark} "), look.warning);
    }
}
