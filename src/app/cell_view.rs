//! The viewer of one value, of any size: as text, as a JSON tree that folds, or in hexadecimal. Only the lines on the screen are made; a
//! place in the value is a byte, so that nobody counts the lines of a hundred megabytes.

pub mod json;

use super::list::ListCursor;
use super::{Action, Effect};
use crate::model::{Cell, RowBatch};
use crate::text::{self, Marked};
use json::Tree;
use std::borrow::Cow;
use std::sync::Arc;
use unicode_segmentation::UnicodeSegmentation;

/// Longer JSON is shown as text: a tree of it would be slow to make and too long to read.
const TREE: usize = 2 * 1024 * 1024;
/// A line without an end is broken after so many bytes.
const LINE: usize = 4096;
/// So far back the beginning of a line is looked for.
const BACK: usize = 2 * LINE;
/// Bytes in a line of hexadecimal.
pub const ROW: usize = 16;

/// How a value is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    Text,
    Tree(Tree),
    Hex,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct CellView {
    pub title: String,
    batch: Arc<RowBatch>,
    row: usize,
    column: usize,
    /// The text is `\x…` for bytes (PostgreSQL's bytea).
    escaped: bool,
    pub form: Form,
    pub wrap: bool,
    /// Text: the byte of the first line. Hexadecimal: the first line. Tree: the first visible line.
    pub top: usize,
    /// The cursor of the tree.
    pub at: usize,
    /// Columns that are scrolled out on the left.
    pub left: usize,
}

impl CellView {
    pub fn new(title: String, batch: Arc<RowBatch>, row: usize, column: usize, type_name: &str) -> Self {
        let mut v = CellView { title, batch, row, column, escaped: false, form: Form::Text, wrap: true, top: 0, at: 0, left: 0 };
        v.escaped = type_name == "bytea" && matches!(v.cell(), Cell::Text(b) if b.starts_with(b"\\x") && b.len() % 2 == 0);
        v.form = match v.cell() {
            Cell::Binary(_) => Form::Hex,
            _ if v.escaped => Form::Hex,
            _ => v.tree().map_or(Form::Text, Form::Tree),
        };
        v
    }

    pub fn cell(&self) -> Cell<'_> {
        self.batch.cell(self.row, self.column)
    }

    /// The value's bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        match self.cell() {
            Cell::Null => b"",
            Cell::Text(b) | Cell::Number(b) | Cell::Binary(b) => b,
        }
    }

    /// The value as text; the tree's pieces are of it.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or("")
    }

    fn tree(&self) -> Option<Tree> {
        if self.bytes().len() > TREE {
            return None;
        }
        Tree::parse(std::str::from_utf8(self.bytes()).ok()?)
    }

    /// Bytes of the value, which an escaped text has fewer of than characters.
    pub fn len(&self) -> usize {
        if self.escaped { (self.bytes().len() - 2) / 2 } else { self.bytes().len() }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a line of hexadecimal.
    pub fn hex_line(&self, line: usize) -> Vec<u8> {
        let (from, to) = ((line * ROW).min(self.len()), ((line + 1) * ROW).min(self.len()));
        if !self.escaped {
            return self.bytes()[from..to].to_vec();
        }
        let digits = &self.bytes()[2 + 2 * from..2 + 2 * to];
        hex::decode(digits).unwrap_or_default()
    }

    /// The text line that begins at a byte: its cleaned words, and where the next one begins. `None` at the end. `width` is that of the
    /// screen.
    pub fn line(&self, from: usize, width: usize) -> Option<(Marked, usize)> {
        let bytes = self.bytes();
        if from >= bytes.len() {
            return None;
        }
        // What could fill the screen's width, not more: a line of combining characters is broken sooner.
        let most = if self.wrap { (8 * width + 64).min(LINE) } else { LINE };
        let rest = &bytes[from..bytes.len().min(from + most)];
        // Most lines are plain ASCII, and going back looks at many.
        let plain = |b: &u8| (0x20..0x7f).contains(b);
        if self.wrap && rest.len() > width && rest[..=width].iter().all(plain) {
            return Some((Marked::of(&String::from_utf8_lossy(&rest[..width])), from + width));
        }
        let (rest, ended) = match rest.iter().position(|b| *b == b'\n') {
            Some(at) => (&rest[..at], true),
            None => (rest, false),
        };
        let binary = matches!(self.cell(), Cell::Binary(_));
        let cut = !ended && from + rest.len() < bytes.len();
        let mut out = Marked::default();
        let (mut used, mut taken) = (0, 0);
        for chunk in rest.utf8_chunks() {
            for cluster in chunk.valid().graphemes(true) {
                let mut escaped = Marked::default();
                let plain = match cluster {
                    "\t" => "    ",
                    // Windows' line ends are line ends.
                    "\r" if ended && taken + 1 == rest.len() => "",
                    c if matches!(text::clean(c), Cow::Borrowed(_)) && text::width(c) > 0 => c,
                    c => {
                        escaped.push_line(c);
                        ""
                    }
                };
                let w = text::width(plain) + text::width(&escaped.words);
                if self.wrap && used + w > width && taken > 0 {
                    return Some((out, from + taken));
                }
                out.words.push_str(plain);
                out.append(escaped);
                used += w;
                taken += cluster.len();
            }
            // A character that the limit cut in half belongs to the next line.
            if cut && !binary && taken > 0 && taken + chunk.invalid().len() == rest.len() && chunk.invalid().len() < 4 {
                return Some((out, from + taken));
            }
            for b in chunk.invalid() {
                if self.wrap && used + 4 > width && taken > 0 {
                    return Some((out, from + taken));
                }
                out.push_escape(&format!("\\x{b:02x}"));
                used += 4;
                taken += 1;
            }
        }
        Some((out, from + taken + usize::from(ended)))
    }

    /// Where the line before a byte begins.
    fn before(&self, from: usize, width: usize) -> usize {
        let bytes = self.bytes();
        let from = from.min(bytes.len());
        let back = from.saturating_sub(BACK);
        // The line break that ends the line before is not the one that is looked for.
        let within = &bytes[back..from.saturating_sub(1)];
        let start = match within.iter().rposition(|b| *b == b'\n') {
            Some(at) => back + at + 1,
            None if back == 0 => 0,
            // In a line that is too long to find its beginning, a whole number of screen lines back: exact for ASCII.
            None => {
                let step = if self.wrap { width.max(1) } else { LINE };
                let at = from - (BACK / step).max(1) * step;
                (at..from).find(|i| bytes[*i] & 0xc0 != 0x80).unwrap_or(at)
            }
        };
        let mut last = start;
        let mut at = start;
        while let Some((_, next)) = self.line(at, width) {
            if next >= from || next <= at {
                return at;
            }
            last = at;
            at = next;
        }
        last
    }

    /// Lines of the value where they can be counted.
    fn lines(&self) -> usize {
        match &self.form {
            Form::Text => 0,
            Form::Tree(t) => t.visible.len(),
            Form::Hex => self.len().div_ceil(ROW),
        }
    }

    /// How far down the first line on the screen is, from 0 to 100.
    pub fn percent(&self) -> usize {
        let (at, of) = match &self.form {
            Form::Text => (self.top, self.bytes().len()),
            _ => (self.top, self.lines()),
        };
        (at * 100).checked_div(of).unwrap_or(0)
    }

    /// The last of the value is on a screen of this width and height.
    pub fn ends_within(&self, width: usize, height: usize) -> bool {
        match &self.form {
            Form::Text => {
                let last = (0..height).try_fold(self.top, |at, _| self.line(at, width).map(|(_, next)| next));
                last.is_none_or(|at| at >= self.bytes().len())
            }
            _ => self.top + height >= self.lines(),
        }
    }

    /// The next form that the value can have.
    fn turn(&mut self) {
        let form = match &self.form {
            Form::Tree(_) => Form::Text,
            Form::Text => Form::Hex,
            Form::Hex => self.tree().map_or(Form::Text, Form::Tree),
        };
        (self.form, self.top, self.at, self.left) = (form, 0, 0, 0);
    }

    /// Does an action on a screen of `rows` lines and `width` columns; false when the viewer is to be closed.
    pub fn act(&mut self, action: Action, rows: usize, width: usize, effects: &mut Vec<Effect>) -> bool {
        match action {
            Action::Back => return false,
            Action::ToggleWrap => (self.wrap, self.left) = (!self.wrap, 0),
            Action::CellForm => self.turn(),
            Action::Copy => effects.push(Effect::Copy(self.copied())),
            _ => {}
        }
        let len = self.lines();
        if let Form::Tree(tree) = &mut self.form {
            match action {
                Action::Open => {
                    let open = tree.node(self.at).is_some_and(|n| n.open);
                    tree.fold(self.at, !open);
                }
                Action::Right => drop(tree.fold(self.at, true)),
                Action::Left if !tree.fold(self.at, false) => self.at = tree.parent(self.at).unwrap_or(self.at),
                _ => {}
            }
            let mut list = ListCursor { at: self.at, top: self.top };
            if !list.go(action, tree.visible.len(), rows) {
                list.follow(tree.visible.len(), rows);
            }
            (self.at, self.top) = (list.at, list.top);
            return true;
        }
        match action {
            Action::Open => return false,
            Action::Left => self.left = self.left.saturating_sub(8),
            Action::Right if !self.wrap || self.form == Form::Hex => self.left += 8,
            _ => {}
        }
        if self.form == Form::Hex {
            let last = len.saturating_sub(rows);
            self.top = match action {
                Action::Up => self.top.saturating_sub(1),
                Action::Down => self.top + 1,
                Action::PageUp => self.top.saturating_sub(rows.saturating_sub(1).max(1)),
                Action::PageDown => self.top + rows.saturating_sub(1).max(1),
                Action::First => 0,
                Action::Last => last,
                _ => self.top,
            }
            .min(last);
            return true;
        }
        let leap = match action {
            Action::PageUp | Action::PageDown => rows.saturating_sub(1).max(1),
            _ => 1,
        };
        match action {
            Action::Up | Action::PageUp => self.top = (0..leap).fold(self.top, |at, _| if at == 0 { 0 } else { self.before(at, width) }),
            Action::Down | Action::PageDown => {
                for _ in 0..leap {
                    // The end stays on the last line of the screen.
                    if self.fits(rows, width) {
                        break;
                    }
                    self.top = self.line(self.top, width).map_or(self.top, |(_, next)| next);
                }
            }
            Action::First => self.top = 0,
            Action::Last => {
                self.top = (0..rows).fold(self.bytes().len(), |at, _| if at == 0 { 0 } else { self.before(at, width) });
            }
            _ => {}
        }
        true
    }

    /// The rest of the value is on the screen.
    fn fits(&self, rows: usize, width: usize) -> bool {
        let mut at = self.top;
        for _ in 0..rows {
            match self.line(at, width) {
                Some((_, next)) => at = next,
                None => return true,
            }
        }
        at >= self.bytes().len()
    }

    /// What `y` copies: in a tree the node's own text, otherwise the whole value; what no clipboard takes goes into a file.
    fn copied(&self) -> String {
        if let Form::Tree(t) = &self.form
            && let Some(n) = t.node(self.at)
        {
            return self.text()[n.value.clone()].to_string();
        }
        text::cell_string(self.cell()).unwrap_or_else(|| "NULL".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BatchBuilder;

    fn view(cell: Cell<'_>) -> CellView {
        let mut b = BatchBuilder::new(1);
        b.push(cell);
        CellView::new("t".into(), Arc::new(b.take()), 0, 0, "")
    }

    fn screen(v: &CellView, rows: usize, width: usize) -> Vec<String> {
        let mut at = v.top;
        let mut out = Vec::new();
        while out.len() < rows
            && let Some((line, next)) = v.line(at, width)
        {
            out.push(line.words);
            at = next;
        }
        out
    }

    #[test]
    fn text_is_wrapped_cleaned_and_loses_nothing() {
        let mut v = view(Cell::Text("one two\r\nthrée\x1b[2J漢字\n\nlast\u{202e}".as_bytes()));
        assert_eq!(screen(&v, 9, 6), ["one tw", "o", "thrée␛", "[2J漢", "字", "", "last", "\\u{202e}"]);
        v.act(Action::ToggleWrap, 5, 6, &mut Vec::new());
        assert_eq!(screen(&v, 9, 6), ["one two", "thrée␛[2J漢字", "", "last\\u{202e}"]);
        let v = view(Cell::Text(b"a\xff\xfeb"));
        assert_eq!(screen(&v, 2, 20), ["a\\xff\\xfeb"]);
    }

    #[test]
    fn a_hundred_megabytes_do_not_stall() {
        let big = vec![b'x'; 100 * 1024 * 1024];
        let mut v = view(Cell::Text(&big));
        let begun = std::time::Instant::now();
        let mut none = Vec::new();
        for action in
            [Action::Last, Action::Up, Action::PageUp, Action::PageDown, Action::Last, Action::Down, Action::First, Action::PageDown]
        {
            assert!(v.act(action, 40, 100, &mut none));
            assert!(!screen(&v, 40, 100).is_empty());
        }
        assert_eq!(v.top, 39 * 100);
        v.act(Action::Last, 40, 100, &mut none);
        assert_eq!(screen(&v, 41, 100).len(), 40);
        let end = v.top;
        v.act(Action::PageUp, 40, 100, &mut none);
        v.act(Action::PageDown, 40, 100, &mut none);
        assert_eq!(v.top, end, "there and back");
        v.act(Action::CellForm, 40, 100, &mut none);
        v.act(Action::Last, 40, 100, &mut none);
        assert_eq!(v.hex_line(v.top + 39), [b'x'; 16]);
        // Even unoptimised this looks at a few screens only; reading all of it for each key would take a minute.
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn bytes_are_hexadecimal_and_json_a_tree() {
        let v = view(Cell::Binary(&[0, 1, 0xff]));
        assert_eq!((v.form.clone(), v.hex_line(0), v.len()), (Form::Hex, vec![0, 1, 0xff], 3));
        let mut b = BatchBuilder::new(1);
        b.push(Cell::Text(b"\\x00ff41"));
        let v = CellView::new("t".into(), Arc::new(b.take()), 0, 0, "bytea");
        assert_eq!((v.form.clone(), v.hex_line(0)), (Form::Hex, vec![0, 0xff, 0x41]));
        let mut v = view(Cell::Text(br#"{"a": [1, 2], "b": "x"}"#));
        let mut effects = Vec::new();
        v.act(Action::Down, 10, 80, &mut effects);
        v.act(Action::Copy, 10, 80, &mut effects);
        assert!(matches!(&effects[..], [Effect::Copy(s)] if s == "[1, 2]"), "{effects:?}");
        v.act(Action::Open, 10, 80, &mut effects);
        let Form::Tree(t) = &v.form else { panic!() };
        assert_eq!(t.visible.len(), 3);
        assert!(!v.act(Action::Back, 10, 80, &mut effects));
        v.act(Action::CellForm, 10, 80, &mut effects);
        assert_eq!(v.form, Form::Text);
        v.act(Action::CellForm, 10, 80, &mut effects);
        assert_eq!(v.form, Form::Hex);
    }

    proptest::proptest! {
        #[test]
        fn going_down_and_up_meets_every_line(s in "[a-zé漢\u{1f600} \n\t]{0,300}", width in 2usize..30) {
            let v = view(Cell::Text(s.as_bytes()));
            let mut starts = vec![];
            let mut at = 0;
            while let Some((line, next)) = v.line(at, width) {
                proptest::prop_assert!(text::width(&line.words) <= width.max(4), "{line:?}");
                proptest::prop_assert!(next > at);
                starts.push(at);
                at = next;
            }
            proptest::prop_assert_eq!(at, s.len());
            let mut up = vec![];
            while at > 0 {
                at = v.before(at, width);
                up.push(at);
            }
            up.reverse();
            proptest::prop_assert_eq!(up, starts);
        }
    }
}
