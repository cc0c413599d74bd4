//! Drawing what the server runs now.

use super::marks;
use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::sessions::{details, doing_in, note_lines, parts};
use crate::app::{Action, Pane, State, work};
use crate::model::RunningStatement;
use crate::text;
use crate::ui::canvas::Canvas;
use ratatui::style::Style;

/// Columns of a line, in its order.
struct Widths {
    id: u16,
    who: u16,
    age: u16,
    doing: u16,
}

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let s = &state.sessions;
    let focused = state.view.focus == Pane::Sessions;
    let remark = match (&s.look, s.at) {
        (None, _) if s.loading => "reading …".to_string(),
        (Some(_), Some(at)) => {
            let seconds = (state.now.as_second() - at.as_second()).max(0);
            let old = if seconds > 5 { format!(" · {seconds} s ago") } else { String::new() };
            format!("{}{old}", text::counted(s.items().len() as u64, "session"))
        }
        _ => String::new(),
    };
    c.title(area, "Sessions · running now", &remark, focused);
    if s.look.is_none() {
        match &s.error {
            Some(e) => marks::problem(c, inside, e),
            None if state.link.server().is_none() => wrapped(c, inside, &[("No target is open.".into(), look.dim)]),
            None => {}
        }
        return;
    }
    let notes = note_lines(state, usize::from(inside.w));
    let p = parts(usize::from(inside.h), s.items().len(), notes.len());
    let (head, rest) = inside.split_top(p.head as u16);
    let (list, rest) = rest.split_top(p.list as u16);
    let (below, foot) = rest.split_top(p.details as u16);
    let widths = match inside.w {
        w if w >= 120 => Widths { id: 9, who: 30, age: 12, doing: 34 },
        w if w >= 90 => Widths { id: 8, who: 20, age: 12, doing: 26 },
        _ => Widths { id: 7, who: 12, age: 10, doing: 24 },
    };
    if head.h > 0 {
        line(
            c,
            head,
            &widths,
            [("session", look.dim), ("user", look.dim), ("since", look.dim), ("does", look.dim), ("statement", look.dim)],
        );
    }
    if s.items().is_empty() {
        c.put(list.x + 2, list.y, list.w.saturating_sub(2), "Nothing runs now that this login can see.", look.dim);
    }
    for (i, item) in s.items().iter().enumerate().skip(s.list.top).take(usize::from(list.h)) {
        let y = list.y + (i - s.list.top) as u16;
        row(state, i, item, Area { y, h: 1, ..list }, &widths, c);
    }
    if below.h > 0 {
        chosen(state, below, c);
    }
    for (i, n) in notes.iter().enumerate().take(usize::from(foot.h)) {
        c.put(foot.x + 2, foot.y + i as u16, foot.w.saturating_sub(2), &look.ascii_words(n), look.unknown);
    }
}

/// What is known of the session under the cursor.
fn chosen(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let (top, rest) = area.split_top(1);
    let s = &state.sessions;
    let Some(item) = s.chosen() else { return marks::rule(c, top, "", "") };
    let own = if s.is_own(item) { ", this console's own" } else { "" };
    let error = s.error.as_ref().map_or_else(String::new, |e| text::clean(&e.message).into_owned());
    let key = work::keys_in(state, Pane::Sessions, Action::SessionPlan);
    let remark = if error.is_empty() { format!("{key} its plan") } else { error };
    marks::rule(c, top, &format!("Session {}{own}", item.id), &look.ascii_words(&remark));
    let lines: Vec<(String, Style)> = details(item).into_iter().map(|l| (look.ascii_words(&l).into_owned(), look.text)).collect();
    wrapped(c, rest, &lines);
}

fn row(state: &State, i: usize, item: &RunningStatement, area: Area, widths: &Widths, c: &mut Canvas<'_>) {
    let look = c.look;
    let s = &state.sessions;
    let focused = state.view.focus == Pane::Sessions;
    let chosen = i == s.list.at;
    if chosen {
        c.cursor(area.x, area.y, focused);
    }
    let row = marks::row(look, chosen, focused);
    let who = match (s.is_own(item), item.user.as_str(), area.w >= 120) {
        (true, ..) => "this console".to_string(),
        (_, "", _) => "the server".to_string(),
        (_, user, true) if !item.client.is_empty() => text::clean(&format!("{user} {}", item.client)).into_owned(),
        (_, user, _) => text::clean(user).into_owned(),
    };
    // How long a transaction does nothing in it tells more than how long its last statement took.
    let since = item.ms.map_or_else(String::new, text::age);
    let style = match () {
        () if !item.blocked_by.is_empty() => look.critical,
        () if item.state.starts_with("idle in transaction") => look.warning,
        () if item.far.is_some() => look.info,
        () => look.text,
    };
    let statement = text::clean(&text::one_line(&item.text)).into_owned();
    let id = item.id.to_string();
    let does = look.ascii_words(&doing_in(item, usize::from(widths.doing))).into_owned();
    let cells = [(id.as_str(), look.dim), (who.as_str(), row), (since.as_str(), row), (does.as_str(), style), (statement.as_str(), row)];
    line(c, area, widths, cells);
}

fn line(c: &mut Canvas<'_>, area: Area, widths: &Widths, cells: [(&str, Style); 5]) {
    let mut x = area.x + 2;
    let end = area.x + area.w;
    for ((words, style), w) in cells.into_iter().zip([widths.id, widths.who, widths.age, widths.doing, end]) {
        let w = w.min(end.saturating_sub(x));
        c.put(x, area.y, w, words, style);
        x = x.saturating_add(w + 1).min(end);
    }
}
