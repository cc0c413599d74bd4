//! Drawing a page of lines that lead somewhere.

use super::canvas::Canvas;
use super::dialogs::{boxed, page};
use crate::app::State;
use crate::app::links::Links;

pub(super) fn draw(state: &State, d: &Links, c: &mut Canvas<'_>) {
    let look = c.look;
    let inside = boxed(c, page(state), &d.title, "Enter goes there, y copies, Esc closes");
    for (row, l) in d.lines.iter().enumerate().skip(d.list.top).take(usize::from(inside.h)) {
        let y = inside.y + (row - d.list.top) as u16;
        let chosen = row == d.list.at;
        if chosen {
            c.cursor(inside.x - 1, y, true);
        }
        let style = match (chosen && l.goal.is_some(), l.heading) {
            (true, _) => look.chosen,
            (_, true) => look.header,
            _ => look.text,
        };
        let shown: String = l.text.chars().skip(d.left).collect();
        // A sentence has no columns to keep: there the arrow is no "greater than".
        let shown = if l.heading { look.ascii_words(&shown).into_owned() } else { shown };
        let shown = if look.glyphs.ascii { plain(&shown) } else { shown };
        let x = c.put(inside.x, y, inside.w, &shown, style) + 2;
        let room = (inside.x + inside.w).saturating_sub(x);
        c.put(x, y, room, &look.ascii_words(&l.note), look.dim);
    }
}

/// Each sign of box drawing as one of ASCII, so that columns stay where they are.
fn plain(line: &str) -> String {
    let twin = |ch: char| match ch {
        '─' | '═' => '-',
        '│' | '║' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╔' | '╗' | '╚' | '╝' | '╤' | '╧' => '+',
        '◀' => '<',
        '▶' | '→' => '>',
        '…' => '~',
        '·' => '-',
        '×' => 'x',
        '÷' => '/',
        '≈' => '~',
        '←' => '<',
        other => other,
    };
    line.chars().map(twin).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn signs_of_figures_have_a_twin_of_the_same_width() {
        let line = "┌─ 60,320 rows → 600, ×100 fewer · ÷8.4 ← was …";
        let twin = plain(line);
        assert!(twin.is_ascii() && twin.chars().count() == line.chars().count(), "{twin}");
    }
}
