//! Drawing: the state in, cells out. Nothing here changes anything, and whatever came from outside is cleaned first.

pub mod canvas;
pub mod cell_view;
pub mod chart;
mod completion;
pub mod dialogs;
pub mod frame_lines;
pub mod highlight;
mod links;
mod notes;
pub mod panes;
pub mod theme;

use crate::app::layout::{Class, arrange};
use crate::app::{Pane, State};
use canvas::Canvas;
use ratatui::Frame;
pub use theme::Look;

/// Draws the whole screen.
pub fn draw(state: &State, look: &Look, frame: &mut Frame<'_>) {
    let layout = arrange(state);
    let mut c = Canvas::new(frame.buffer_mut(), look);
    (c.rule, c.border) = (look.rule(state), look.environment_border(state));
    if layout.class == Class::TooSmall {
        let (w, h) = state.size;
        c.put(0, 0, w, &format!("Holdpoint needs 60×16; this is {w}×{h}."), look.text);
        c.put(0, 1, w, "It waits until the window is larger.", look.dim);
        return;
    }
    frame_lines::status(state, layout.status, &mut c);
    if let Some(tabs) = layout.tabs {
        frame_lines::tabs(state, tabs, &mut c);
    }
    for (x, y, h) in &layout.rules {
        for row in *y..y + h {
            c.put(*x, row, 1, look.glyphs.vertical, c.border);
        }
    }
    let mut cursor = None;
    for (pane, area) in &layout.panes {
        let inside = area.below_title();
        match pane {
            Pane::Start => panes::start::draw(state, *area, &mut c),
            Pane::Schema => panes::schema::draw(state, *area, inside, &mut c),
            Pane::Editor => cursor = panes::editor::draw(state, *area, inside, &mut c),
            Pane::Results => panes::results::draw(state, *area, inside, &mut c),
            Pane::Plan => cursor = panes::plan::draw(state, *area, inside, &mut c).or(cursor),
            Pane::Migrations => panes::migrations::draw(state, *area, inside, &mut c),
            Pane::Checklist => panes::checklist::draw(state, *area, inside, &mut c),
            Pane::Backups => panes::backups::draw(state, *area, inside, &mut c),
            Pane::Journal => panes::journal::draw(state, *area, inside, &mut c),
            Pane::Sessions => panes::sessions::draw(state, *area, inside, &mut c),
            Pane::Assess => panes::assess::draw(state, *area, inside, &mut c),
        }
    }
    if let Some(strip) = layout.guide {
        frame_lines::guide(state, strip, &mut c);
    }
    // A message covers neither the first lines nor the one that is typed into.
    let first = cursor.map_or(layout.status.y + 2, |(_, y)| y + 1);
    frame_lines::footer(state, layout.footer, layout.footer.y.saturating_sub(first), &mut c);
    if let Some(at) = cursor {
        completion::draw(state, at, &mut c);
    }
    if !state.sequence.is_empty() {
        dialogs::sequence(state, &mut c);
    }
    for (i, d) in state.dialogs.iter().enumerate() {
        let at = dialogs::draw(state, d, &mut c);
        if i + 1 == state.dialogs.len() {
            cursor = at;
        }
    }
    if let Some((x, y)) = cursor {
        frame.set_cursor_position((x, y));
    }
}
