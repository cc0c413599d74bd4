//! Drawing the list of proposals under the cursor.

use super::canvas::Canvas;
use crate::app::State;
use crate::app::completion::{ROWS, kind_word};
use crate::app::layout::Area;
use crate::app::list::ListCursor;
use crate::sql::complete::Proposal;
use crate::text::{self, Marked};

/// Widest list, in columns.
const WIDEST: usize = 60;

/// Draws the list of the editor.
pub fn draw(state: &State, at: (u16, u16), c: &mut Canvas<'_>) {
    let Some(popup) = state.popup() else { return };
    list(state, at, &state.query.editor.text()[popup.replace.clone()], &popup.list, popup.cursor, c);
}

/// Draws a list below the terminal's cursor, which stands behind what was typed, or above it where there is no room.
pub fn list(state: &State, (x, y): (u16, u16), typed: &str, list: &[Proposal], cursor: ListCursor, c: &mut Canvas<'_>) {
    let (width, height) = state.size;
    let typed = text::width(&text::clean(typed));
    let shown: Vec<_> = list.iter().enumerate().skip(cursor.top).take(ROWS).collect();
    let name = |p: &Proposal| Marked::of(&p.insert);
    let detail = |p: &Proposal| {
        let parts = [kind_word(p.kind), p.detail.as_str()];
        Marked::of(&parts.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" "))
    };
    let names = shown.iter().map(|(_, p)| text::width(&name(p).words)).max().unwrap_or(0).min(WIDEST - 4);
    let details = shown.iter().map(|(_, p)| text::width(&detail(p).words)).max().unwrap_or(0).min((WIDEST - 3).saturating_sub(names));
    let w = (names + details + 4).min(usize::from(width)) as u16;
    let h = shown.len() as u16;
    let left = x.saturating_sub(typed as u16 + 1).min(width.saturating_sub(w));
    let footer = height.saturating_sub(1);
    let top = if y + 1 + h <= footer { y + 1 } else { y.saturating_sub(h) };
    let area = Area::new(left, top, w, h);
    c.clear(area);
    for (row, (i, p)) in shown.into_iter().enumerate() {
        let y = top + row as u16;
        let chosen = i == cursor.at;
        // The edges tell the list from the text behind it without any colour.
        let (edge, style) = if chosen { (c.look.glyphs.marker, c.look.focus) } else { (c.look.glyphs.vertical, c.look.border) };
        c.put(left, y, 1, edge, style);
        c.put(left + w - 1, y, 1, c.look.glyphs.vertical, c.look.border);
        c.put_marked(left + 1, y, names as u16, &name(p), c.look.text);
        c.put_right_marked(left + w - 1, y, details as u16, &detail(p), c.look.dim);
        if chosen {
            c.restyle(Area::new(left + 1, y, w.saturating_sub(2), 1), c.look.chosen);
        }
    }
}
