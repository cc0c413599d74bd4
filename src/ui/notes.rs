//! What is told at the foot of the screen. What is longer than the last line takes some lines above it, until a key is pressed; what
//! is longer still names the key that shows it whole.

use super::canvas::Canvas;
use crate::app::Action;
use crate::app::State;
use crate::app::keys;
use crate::app::layout::Area;
use crate::app::note::Note;
use crate::model::Severity;
use crate::text::{self, wrap};

/// Draws the message; `end` is the column before which the last line is free, `above` the rows over it that may be covered.
pub fn draw(state: &State, note: &Note, footer: Area, end: u16, above: u16, c: &mut Canvas<'_>) {
    let style = c.look.severity(note.severity);
    let parts: Vec<String> = std::iter::once(&note.text).chain(&note.more).map(|l| text::clean(&text::beginning(l)).into_owned()).collect();
    let key = keys::keys_now(state, Action::Messages).unwrap_or_else(|| format!(":{}", Action::Messages.name()));
    let behind = match state.messages.unseen {
        0 => String::new(),
        n => format!("  (+{n}: {key})"),
    };
    let x = footer.x + 1;
    let room = usize::from(end.saturating_sub(x));
    let whole = format!("{}{behind}", parts.join("  "));
    if text::width(&whole) <= room {
        c.put(x, footer.y, end.saturating_sub(x), &whole, style);
        return;
    }
    // The last line is left to what runs; without that it belongs to the message.
    let free = end >= footer.x + footer.w;
    let most = lines(note).min(usize::from(above) + usize::from(free));
    let width = usize::from(footer.w.saturating_sub(3)).max(10);
    if most == 0 || (most == 1 && free) {
        let tail = format!(" … {key}");
        let fits = room.saturating_sub(text::width(&tail));
        let shown = c.put(x, footer.y, u16::try_from(fits).unwrap_or(0), &whole, style);
        c.put(shown, footer.y, end.saturating_sub(shown), &tail, c.look.key);
        return;
    }
    let mut all: Vec<String> = parts.iter().flat_map(|p| wrap(p, width)).collect();
    let cut = all.len() > most;
    let tail = if cut { format!(" … {key}") } else { behind };
    all.truncate(most);
    if !tail.is_empty()
        && let Some(last) = all.last_mut()
    {
        *last = text::truncate(last, width.saturating_sub(text::width(&tail))).into_owned();
    }
    let rows = all.len() as u16;
    let top = footer.y + u16::from(free) - rows;
    c.clear(Area::new(footer.x, top, footer.w, rows));
    for (i, line) in all.iter().enumerate() {
        let y = top + i as u16;
        c.put(footer.x, y, 1, c.look.glyphs.vertical, style);
        let after = c.put(x + 1, y, width as u16, line, style);
        if i + 1 == all.len() && !tail.is_empty() {
            c.put(after, y, (footer.x + footer.w).saturating_sub(after), &tail, c.look.key);
        }
    }
}

/// Lines that a message may take: it covers what is under it.
fn lines(note: &Note) -> usize {
    match note.severity {
        _ if note.loss => 8,
        Severity::Critical | Severity::Warning | Severity::Unknown => 5,
        Severity::Info | Severity::Ok => 3,
    }
}
