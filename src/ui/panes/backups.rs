//! Drawing the list of backups.

use super::marks;
use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::backups::{age_words, short_id};
use crate::app::{Action, Pane, State, work};
use crate::ops::backup::Listed;
use crate::text;
use crate::ui::canvas::Canvas;
use jiff::Timestamp;
use ratatui::style::Style;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let b = &state.backups;
    let of = state.link.target_name().map_or_else(String::new, |t| format!(" of {t}"));
    let remark = match (&b.listed, b.loading) {
        (None, true) => "reading …".to_string(),
        (Some(l), _) => format!("{}", l.len()),
        _ => String::new(),
    };
    c.title(area, &format!("Backups{of}"), &remark, state.view.focus == Pane::Backups);
    let key = |a| work::keys_in(state, Pane::Backups, a);
    if let Some(e) = b.error.as_ref().filter(|_| b.listed.is_none()) {
        return marks::problem(c, inside, e);
    }
    if b.listed.is_some() && b.items().is_empty() {
        let lines = [
            ("There is no backup of this target yet.".to_string(), look.text),
            (
                format!(
                    "{} takes one; {} then restores it into the scratch place and compares.",
                    key(Action::TakeBackup),
                    key(Action::VerifyBackup)
                ),
                look.dim,
            ),
        ];
        return wrapped(c, inside, &lines);
    }
    let (head, body) = inside.split_top(1);
    let (body, foot) = body.split_top(body.h.saturating_sub(2));
    let columns = columns(inside.w);
    let draw_row = |c: &mut Canvas<'_>, y: u16, cells: [(&str, Style); 6]| {
        let mut x = inside.x + 2;
        for ((words, style), w) in cells.into_iter().zip(columns) {
            if w == 0 {
                continue;
            }
            c.put(x, y, w.min((inside.x + inside.w).saturating_sub(x)), words, style);
            x += w + 1;
        }
    };
    draw_row(
        c,
        head.y,
        [("id", look.dim), ("taken (UTC)", look.dim), ("age", look.dim), ("size", look.dim), ("by", look.dim), ("verified", look.dim)],
    );
    for (i, l) in b.items().iter().enumerate().skip(b.list.top).take(usize::from(body.h)) {
        let y = body.y + (i - b.list.top) as u16;
        let chosen = i == b.list.at;
        if chosen {
            c.cursor(inside.x, y, state.view.focus == Pane::Backups);
        }
        let row = marks::row(look, chosen, state.view.focus == Pane::Backups);
        let (id, taken, by) = match &l.manifest {
            Some(m) => {
                (short_id(&m.id), m.taken_at.get(..16).unwrap_or(&m.taken_at).replace('T', " "), text::clean(&m.taken_by).into_owned())
            }
            None => (text::clean(&l.dir.file_name().unwrap_or_default().to_string_lossy()).into_owned(), String::new(), String::new()),
        };
        let (verdict, style) = verdict(l, c);
        let size = format!("{:>8}", text::bytes(l.bytes));
        draw_row(
            c,
            y,
            [
                (&id, row),
                (&text::clean(&taken), look.text),
                (&age(state, l), look.text),
                (&size, look.text),
                (&by, look.text),
                (&verdict, style),
            ],
        );
    }
    let (line, foot) = foot.split_top(1);
    marks::rule(c, line, "", "");
    let hint = match b.chosen() {
        Some(l) if l.same_database == Some(false) => "It is of another database than the one that is open: it proves nothing here.".into(),
        Some(l) if l.manifest.is_some() && l.verified.is_none() => {
            format!("Not verified: {} restores it into the scratch place and compares it with its manifest.", key(Action::VerifyBackup))
        }
        Some(l) if l.manifest.is_some() => "Restored and compared: equal to its manifest.".to_string(),
        Some(_) => "It has no manifest: it was cut off, or it is no backup of Holdpoint's.".into(),
        None => String::new(),
    };
    wrapped(c, foot, &[(hint, look.text)]);
}

/// Widths of id, taken, age, size, by, verified; 0 leaves a column out.
fn columns(width: u16) -> [u16; 6] {
    let fixed: [u16; 5] = if width >= 90 { [12, 16, 11, 9, 14] } else { [11, 16, 11, 8, 0] };
    let used: u16 = fixed.iter().filter(|w| **w > 0).map(|w| w + 1).sum::<u16>() + 2;
    [fixed[0], fixed[1], fixed[2], fixed[3], fixed[4], width.saturating_sub(used)]
}

fn age(state: &State, l: &Listed) -> String {
    let taken = l.manifest.as_ref().and_then(|m| m.taken_at.parse::<Timestamp>().ok());
    match (taken, l.age) {
        (Some(t), _) => age_words(state.now.as_second() - t.as_second()),
        (None, Some(s)) => age_words(s),
        _ => String::new(),
    }
}

fn verdict(l: &Listed, c: &Canvas<'_>) -> (String, Style) {
    let look = c.look;
    let g = &look.glyphs;
    if let Some(p) = &l.problem {
        return (format!("{} {}", g.failed, text::clean(p)), look.critical);
    }
    if l.same_database == Some(false) {
        return (format!("{} of another database", g.unknown), look.warning);
    }
    match &l.verified {
        Some((_, rto)) => (format!("{} restore took {}", g.proved, text::duration(*rto)), look.ok),
        None => (format!("{} not verified", g.waiting), look.warning),
    }
}
