//! Drawing the viewer of one value.

use super::canvas::Canvas;
use crate::app::cell_view::json::Node;
use crate::app::cell_view::{CellView, Form, ROW};
use crate::app::layout::Area;
use crate::text::{self, Marked};

/// The line below the value: where one is, and the keys that are its own.
pub fn foot(v: &CellView, wrap: &str, form: &str, inside: (usize, usize)) -> String {
    let size = text::bytes(v.len() as u64);
    let place = match v.percent() {
        0 => size,
        _ if v.ends_within(inside.0, inside.1) => format!("the end of {size}"),
        p => format!("{p} % of {size}"),
    };
    let what = match &v.form {
        Form::Text if v.wrap => format!("{wrap} unwraps, {form} hexadecimal"),
        Form::Text => format!("{wrap} wraps, {form} hexadecimal"),
        Form::Tree(_) => format!("Enter folds, {form} text"),
        Form::Hex => format!("{form} text"),
    };
    format!("{place} · {what} · y copies, Esc closes")
}

/// Draws the value.
pub fn draw(v: &CellView, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    match &v.form {
        Form::Text if v.is_empty() => {
            c.put(inside.x, inside.y, inside.w, "an empty text, which is not NULL", look.dim);
        }
        Form::Text => {
            let mut at = v.top;
            for y in inside.y..inside.y + inside.h {
                let Some((line, next)) = v.line(at, usize::from(inside.w)) else { break };
                let rest = if v.left == 0 { line } else { line.behind(v.left) };
                c.put_marked(inside.x, y, inside.w, &rest, look.text);
                at = next;
            }
        }
        Form::Hex => {
            for row in 0..usize::from(inside.h) {
                let line = v.hex_line(v.top + row);
                if line.is_empty() {
                    break;
                }
                let (size, blanks) = if inside.w < HEX { (2, 2 * ROW + ROW / 2 - 1) } else { (1, 3 * ROW - 1) };
                let hex: Vec<String> = line.chunks(size).map(hex::encode).collect();
                let shown: String = line.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' }).collect();
                let words = format!("{:08x}  {:<blanks$}  {shown}", (v.top + row) * ROW, hex.join(" "));
                let rest: String = words.chars().skip(v.left).collect();
                c.put(inside.x, inside.y + row as u16, inside.w, &rest, look.text);
            }
        }
        Form::Tree(tree) => {
            for row in 0..usize::from(inside.h) {
                let Some(n) = tree.node(v.top + row) else { break };
                let y = inside.y + row as u16;
                let here = v.top + row == v.at;
                if here {
                    c.cursor(inside.x.saturating_sub(1), y, true);
                }
                node(v.text(), n, Area::new(inside.x, y, inside.w, 1), here, c);
            }
        }
    }
}

/// Columns of a line of hexadecimal with a blank behind each byte; a narrower screen has one behind each second byte.
const HEX: u16 = 75;

/// At most so many bytes of a key or value stand in a line.
const SHOWN: usize = 1000;

fn piece(source: &str, range: &std::ops::Range<usize>) -> Marked {
    let mut end = range.end.min(range.start + SHOWN);
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    Marked::of(source.get(range.start..end).unwrap_or(""))
}

fn node(source: &str, n: &Node, area: Area, here: bool, c: &mut Canvas<'_>) {
    let look = c.look;
    let end = area.x + area.w;
    let indent = u16::try_from(n.depth * 2).unwrap_or(u16::MAX).min(area.w / 2);
    let mark = match n.children {
        Some(k) if k.count > 0 && n.open => look.glyphs.open,
        Some(k) if k.count > 0 => look.glyphs.closed,
        _ => "",
    };
    let mut x = area.x + indent;
    c.put(x, area.y, 1, mark, look.dim);
    x += 2;
    if let Some(key) = &n.key {
        x = c.put_marked(x, area.y, end.saturating_sub(x), &piece(source, key), if here { look.chosen } else { look.header });
        x = c.put(x, area.y, end.saturating_sub(x), ": ", look.dim);
    }
    let value = piece(source, &n.value);
    let (words, style) = match n.children {
        Some(k) => (
            Marked::of(&format!(
                "{} {}",
                if k.object { "{}" } else { "[]" },
                text::counted(k.count as u64, if k.object { "key" } else { "value" })
            )),
            look.dim,
        ),
        None if value.words.starts_with('"') => (value, look.string),
        None if value.words == "null" => (value, look.null),
        None => (value, look.number),
    };
    c.put_marked(x, area.y, end.saturating_sub(x), &words, if here && n.key.is_none() { look.chosen } else { style });
}
