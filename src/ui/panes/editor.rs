//! Drawing the editor.

use crate::app::buffers::{Tab, tabs};
use crate::app::editor::vim::Mode;
use crate::app::editor::{shown_width, words};
use crate::app::layout::Area;
use crate::app::panes::query::gutter;
use crate::app::work::keys_in;
use crate::app::{Action, Pane, State};
use crate::config::files::EditorKeys;
use crate::text;
use crate::ui::canvas::Canvas;
use crate::ui::highlight::{LineBox, line};
use ratatui::style::{Modifier, Style};
use std::borrow::Cow;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Longest statement in which brackets are looked for beyond the screen, and longest lines of which all tokens are made.
const READ: usize = 64 * 1024;

/// Draws the pane; returns where the terminal's cursor belongs while text is typed.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let look = c.look;
    let focused = state.view.focus == Pane::Editor;
    let editor = &state.query.editor;
    let remark = strip(state, usize::from(area.w) * 2 / 3);
    let title = match (state.config.editor_keys, state.query.vim.mode) {
        (EditorKeys::Vim, _) if state.view.typing => "Query · INSERT",
        (EditorKeys::Vim, Mode::Normal) => "Query · NORMAL",
        (EditorKeys::Vim, Mode::Visual) => "Query · VISUAL",
        (EditorKeys::Vim, Mode::VisualLine) => "Query · VISUAL LINE",
        _ if focused && !state.view.typing => "Query (commands)",
        _ => "Query",
    };
    let title = &look.ascii_words(title);
    let find = &state.query.find;
    let whole = inside;
    let inside = if find.open { Area { h: inside.h.saturating_sub(1), ..inside } } else { inside };
    c.title(area, title, &remark, focused);
    let gutter = gutter(editor.line_count());
    let here = editor.statement();
    let statement = here.as_ref().map(|s| (editor.line_of(s.span.start), editor.line_of(s.span.end.max(s.span.start + 1) - 1)));
    let selection = editor.selection();
    let cursor_line = editor.cursor_line();
    let error = editor.error.as_ref().map(|(at, _)| (editor.line_of(*at), *at));
    let x0 = inside.x + gutter;
    let width = inside.w.saturating_sub(gutter);
    let shown = editor.line_span(editor.top).start..editor.line_span(editor.top + usize::from(inside.h)).end;
    // Of lines that go far beyond the screen only what is in view.
    let tokens = (shown.len() <= READ).then(|| editor.tokens(shown));
    let tokens_of = |part: Range<usize>| tokens.as_deref().map_or_else(|| editor.tokens(part), Cow::Borrowed);
    let brackets = focused.then(|| {
        let read = match here {
            Some(s) if s.outer.len() <= READ => editor.tokens(s.outer),
            _ => tokens_of(editor.in_view(cursor_line, usize::from(width)).0),
        };
        words::brackets(editor.text(), &read, editor.cursor_byte())
    });
    let brackets = brackets.flatten();
    let marked = crate::app::panes::plan::marks::marked(state);
    let found_here = find.place(editor.cursor_byte()).map(|n| find.matches()[n - 1].clone());
    for row in 0..inside.h {
        let n = editor.top + usize::from(row);
        if n >= editor.line_count() {
            break;
        }
        let y = inside.y + row;
        let (mark, style) = match (error, statement) {
            (Some((l, _)), _) if l == n => (look.glyphs.failed, look.critical),
            (_, Some((a, b))) if a <= n && n <= b => (look.glyphs.statement, look.statement),
            _ => (" ", look.dim),
        };
        c.put(inside.x, y, gutter.saturating_sub(2), mark, style);
        c.put_right(inside.x + gutter - 1, y, gutter.saturating_sub(2), &(n + 1).to_string(), look.dim);
        let span = editor.line_span(n);
        let (part, mut column) = editor.in_view(n, usize::from(width));
        let found = find.open.then(|| {
            let all = find.matches();
            let first = all.partition_point(|m| m.end <= part.start);
            &all[first..first + all[first..].partition_point(|m| m.start < part.end)]
        });
        if editor.left > 0 && !span.is_empty() {
            c.put(x0 - 1, y, 1, if look.glyphs.ascii { "<" } else { "‹" }, look.dim);
        }
        line(c, &LineBox { x: x0, y, width, left: editor.left, column }, editor.text(), part.clone(), &tokens_of(part.clone()));
        // What is selected, the brackets that belong together, and the place of the error.
        let end = editor.left + usize::from(width);
        // Behind the line's last character there is a place, too.
        let behind = (part.end == span.end).then_some((part.len(), " "));
        for (i, cluster) in editor.text()[part.clone()].grapheme_indices(true).chain(behind) {
            let w = shown_width(cluster);
            let bytes = part.start + i..part.start + i + cluster.len();
            let within = |r: &Range<usize>| r.start < bytes.end && bytes.start < r.end;
            if column + w > end {
                break;
            }
            if column >= editor.left {
                let cell = Area::new(x0 + (column - editor.left) as u16, y, w as u16, 1);
                if brackets.is_some_and(|(a, b)| a == bytes.start || b == bytes.start) {
                    c.restyle(cell, look.key);
                }
                if found.is_some_and(|f| f.iter().any(within)) {
                    c.restyle(cell, if found_here.as_ref().is_some_and(within) { look.selection } else { look.key });
                }
                if marked.iter().any(within) {
                    // What the chosen step of the plan is about: underlined, so that colours stay those of the words.
                    c.restyle(cell, Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD));
                }
                if selection.as_ref().is_some_and(within) {
                    c.restyle(cell, look.selection);
                }
                if error.is_some_and(|(_, at)| bytes.contains(&at)) {
                    c.restyle(cell, look.error);
                }
            }
            column += w;
        }
    }
    if editor.text().is_empty() {
        // `i` is another key in the schema: what leads here depends on where one is.
        let hint = match focused {
            true if state.view.typing => "type SQL here".to_string(),
            true => format!("press {} to type SQL here", keys_in(state, Pane::Editor, Action::Insert)),
            false => format!("press {} to type SQL here", keys_in(state, state.view.focus, Action::GoQuery)),
        };
        c.put(x0, inside.y, width, &hint, look.dim);
    }
    if find.open && focused {
        return find_line(state, whole, c);
    }
    if !focused {
        return None;
    }
    let column = editor.cursor_column().checked_sub(editor.left)?;
    let row = cursor_line.checked_sub(editor.top)?;
    if column >= usize::from(width) || row >= usize::from(inside.h) {
        return None;
    }
    let at = (x0 + column as u16, inside.y + row as u16);
    if state.view.typing {
        return Some(at);
    }
    c.restyle(Area::new(at.0, at.1, 1, 1), look.chosen);
    None
}

/// The line that looks for text, at the foot of the pane; returns where the cursor is in it.
fn find_line(state: &State, area: Area, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let find = &state.query.find;
    let y = (area.y + area.h).checked_sub(1)?;
    c.clear(Area::new(area.x, y, area.w, 1));
    let end = area.x + area.w;
    let count = match (&find.problem, find.matches().len()) {
        (Some(why), _) => text::clean(why).into_owned(),
        (None, 0) if find.needle().is_empty() => String::new(),
        (None, 0) => "none".into(),
        (None, n) => {
            let all = format!("{n}{}", if find.more() { "+" } else { "" });
            find.place(state.query.editor.cursor_byte()).map_or_else(|| all.clone(), |at| format!("{at} of {all}"))
        }
    };
    let keys = match (&find.with, find.in_with) {
        (Some(_), true) => "Enter one  A-a all  Tab  Esc",
        (Some(_), false) => "Enter next  A-a all  Tab  Esc",
        (None, _) => "Enter next  A-r replace  A-x regex  Esc",
    };
    let mut x = area.x;
    let mut cursor = None;
    let mut put = |label: &str, value: &tui_value::Value<'_>, active: bool, c: &mut Canvas<'_>| {
        x = c.put(x, y, end.saturating_sub(x), label, c.look.dim);
        if active {
            let column = text::width(&text::clean(&value.text.chars().take(value.cursor).collect::<String>()));
            cursor = Some(((x + u16::try_from(column).unwrap_or(0)).min(end.saturating_sub(1)), y));
        }
        let look = if active && value.selected { c.look.chosen } else { c.look.text };
        x = c.put(x, y, end.saturating_sub(x), &text::clean(value.text), look);
    };
    let label = if find.regex { "Find (regex): " } else { "Find: " };
    put(label, &tui_value::of(&find.needle), !find.in_with, c);
    if let Some(with) = &find.with {
        put("  with: ", &tui_value::of(with), find.in_with, c);
    }
    let count = if find.in_selection() { format!("{count} in the selection") } else { count };
    x = c.put(x + 2, y, end.saturating_sub(x + 2), count.trim_start(), c.look.strong);
    let room = usize::from(end.saturating_sub(x + 2));
    if text::width(keys) <= room {
        c.put_right(end, y, end.saturating_sub(x + 2), keys, c.look.dim);
    }
    cursor
}

/// What a one-line field holds.
mod tui_value {
    pub struct Value<'a> {
        pub text: &'a str,
        /// Characters before the cursor.
        pub cursor: usize,
        /// All of it is: there is no other selection in such a field.
        pub selected: bool,
    }

    pub fn of<'a>(input: &'a tui_textarea::TextArea<'static>) -> Value<'a> {
        Value { text: input.lines().first().map_or("", String::as_str), cursor: input.cursor().1, selected: input.is_selecting() }
    }
}

/// The tabs of all buffers, the one on the screen in brackets; with one buffer its file. What does not fit gives way to
/// a count.
fn strip(state: &State, width: usize) -> String {
    let tabs = tabs(state);
    if tabs.len() == 1 {
        return state.query.file.as_ref().map_or_else(String::new, |p| {
            let unsaved = if tabs[0].unsaved { " *" } else { "" };
            format!("{}{unsaved}", p.display())
        });
    }
    let word = |t: &Tab| {
        let label = format!("{}{}", text::truncate(&t.label, 20), if t.unsaved { "*" } else { "" });
        if t.active { format!("[{label}]") } else { label }
    };
    let all = tabs.iter().map(word).collect::<Vec<_>>().join("  ");
    if text::width(&all) <= width {
        return all;
    }
    let at = tabs.iter().position(|t| t.active).unwrap_or(0);
    format!("{} {} of {}", word(&tabs[at]), at + 1, tabs.len())
}
