//! Drawing the journal pane.

use crate::app::layout::Area;
use crate::app::{Pane, State};
use crate::ui::canvas::Canvas;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let pane = Pane::Journal;
    c.title(area, "Journal", "", state.view.focus == pane);
    c.put(inside.x + 1, inside.y, inside.w, "", c.look.dim);
}
