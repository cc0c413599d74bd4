//! Drawing the journal.

use super::marks;
use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::{Action, Pane, State, work};
use crate::text;
use crate::ui::canvas::Canvas;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let j = &state.journal;
    let remark = match (&j.entries, j.loading) {
        (None, true) => "reading …".to_string(),
        (Some(e), _) if e.is_empty() => String::new(),
        (Some(e), _) => format!("{} {}newest", text::thousands(e.len() as u64), if j.complete { "entries, " } else { "read, " }),
        _ => String::new(),
    };
    c.title(area, "Journal", &remark, state.view.focus == Pane::Journal);
    if let Some(e) = j.error.as_ref().filter(|_| j.entries.is_none()) {
        return marks::problem(c, inside, e);
    }
    if j.entries.is_some() && j.items().is_empty() {
        return wrapped(c, inside, &[("Nothing is recorded yet.".into(), look.dim)]);
    }
    let wide = inside.w >= 100;
    let (time_w, who_w, target_w, kind_w): (u16, u16, u16, u16) = if wide { (19, 12, 16, 18) } else { (11, 0, 11, 16) };
    let (head, body) = inside.split_top(1);
    let (body, foot) = body.split_top(body.h.saturating_sub(1));
    let end = inside.x + inside.w;
    let columns = |c: &mut Canvas<'_>, y: u16, cells: [(&str, ratatui::style::Style); 5]| {
        let mut x = inside.x + 2;
        for ((words, style), w) in cells.into_iter().zip([time_w, who_w, target_w, kind_w, end]) {
            if w > 0 {
                c.put(x, y, w.min(end.saturating_sub(x)), words, style);
                x += w + 1;
            }
        }
    };
    let dim = look.dim;
    columns(c, head.y, [(if wide { "time (UTC)" } else { "UTC" }, dim), ("operator", dim), ("target", dim), ("kind", dim), ("what", dim)]);
    for (i, e) in j.items().iter().enumerate().skip(j.list.top).take(usize::from(body.h)) {
        let y = body.y + (i - j.list.top) as u16;
        let chosen = i == j.list.at;
        if chosen {
            c.cursor(inside.x, y, state.view.focus == Pane::Journal);
        }
        let time = text::clean(&e.at);
        let time =
            if wide { time.get(..19).unwrap_or(&time).replace('T', " ") } else { time.get(5..16).unwrap_or(&time).replace('T', " ") };
        let row = marks::row(look, chosen, state.view.focus == Pane::Journal);
        let sentence = look.ascii_words(&text::clean(&e.sentence())).into_owned();
        columns(
            c,
            y,
            [
                (&time, dim),
                (&text::clean(&e.operator), look.text),
                (&text::clean(&e.target), look.text),
                (&text::clean(&e.kind), look.text),
                (&sentence, row),
            ],
        );
    }
    let key = work::keys_in(state, Pane::Journal, Action::VerifyJournal);
    let (words, style) = match &j.verified {
        Some((s, words)) => (text::clean(words).into_owned(), look.severity(*s)),
        None => (format!("{key} walks the chain of hashes and names the first record that does not fit."), dim),
    };
    c.put(foot.x + 2, foot.y, foot.w.saturating_sub(2), &words, style);
}
