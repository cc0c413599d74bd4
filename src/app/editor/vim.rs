//! The vim keys: a closed list, keys in and edits out. Text is typed in INSERT as with the other keys; here are NORMAL
//! and VISUAL.

mod motion;
mod object;
mod read;
mod visual;

use super::Editor;
use super::words::{left, right};
use crate::config::keymap::{Code, Key};
use motion::{Motion, first_letter, last_line, motion};
use object::{object, words_on};
use read::{Read, read};
use std::ops::Range;
use visual::Extent;

/// What came of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// It is done, or more keys are waited for.
    Done,
    /// Text is typed from now on.
    Insert,
    /// The line that looks for text is to be opened.
    Search,
    /// The next match is to be gone to, this many times.
    Next(usize),
    /// Text went into the register: to the clipboard as well.
    Yanked,
    /// The key is none of the list.
    NotMine,
}

/// How text is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Normal,
    /// Characters.
    Visual,
    /// Whole lines.
    VisualLine,
}

/// The list as help shows it.
pub const HELP: [(&str, &str); 15] = [
    ("h j k l", "Left, down, up, right; a number before repeats it, as before all that follow."),
    ("w b e", "The next word, the word before, the end of the word."),
    ("0 ^ $", "The line's start, its first letter, its end."),
    ("gg G", "The first and the last line; with a number that line."),
    ("f t", "To the character that is typed next, or just before it."),
    ("/ n", "Looks for text, and goes to the next match."),
    ("d c y >", "With a motion, iw, i\", i', i( or ip, or twice for the line: deletes, changes, copies, indents."),
    ("p", "Puts what was deleted or copied behind the cursor, or below its line."),
    ("v V", "Selects characters or lines; d c y > and p take what is selected."),
    ("i a I A", "Types before or behind the cursor, at the line's first letter, at its end."),
    ("o O", "Types in a new line below or above."),
    ("x", "Deletes the character under the cursor."),
    ("u Ctrl-R", "Takes the last change back, makes it again."),
    (".", "Does the last change again."),
    ("Esc", "Back to NORMAL."),
];

/// A change as `.` makes it again.
#[derive(Debug, Default, Clone)]
struct Change {
    /// 0 where none was typed.
    count: usize,
    operator: Option<char>,
    rest: Vec<char>,
    /// How much of the text VISUAL had selected.
    extent: Option<Extent>,
}

/// Typing that goes on.
#[derive(Debug)]
struct Typing {
    from: usize,
    /// How often the text is to stand there at last.
    times: usize,
    /// Each stands in a line of its own.
    lines: bool,
}

/// Keys of a command that are pressed so far, and what is remembered from one to the next.
#[derive(Debug, Default)]
pub struct Vim {
    pub mode: Mode,
    pending: Vec<Key>,
    register: String,
    whole_lines: bool,
    /// The last change, and what was typed after its keys.
    last: Change,
    typed: String,
    typing: Option<Typing>,
    /// The other end of a VISUAL selection.
    anchor: usize,
    repeating: bool,
    /// An operator that waits for a search: from where, and whether `.` does it again.
    towards: Option<(char, usize, bool)>,
}

impl Vim {
    /// Keys of a command are waited for.
    pub fn waits(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What was deleted or copied last.
    pub fn register(&self) -> &str {
        &self.register
    }

    /// A key in NORMAL or VISUAL.
    pub fn key(&mut self, e: &mut Editor, key: Key) -> Did {
        self.left_insert(e);
        if key.code == Code::Esc {
            let busy = self.waits() || self.mode != Mode::Normal;
            self.pending.clear();
            self.normal(e);
            return if busy { Did::Done } else { Did::NotMine };
        }
        if key.ctrl && key.code == Code::Char('r') && !self.waits() {
            e.redo();
            self.clamp(e);
            return Did::Done;
        }
        let letter = match key.code {
            Code::Left => 'h',
            Code::Down => 'j',
            Code::Up => 'k',
            Code::Right => 'l',
            Code::Home => '0',
            Code::End => '$',
            _ => '\0',
        };
        let key = if letter == '\0' || key.ctrl || key.alt || key.shift { key } else { Key::char(letter) };
        if key.ctrl || key.alt || !matches!(key.code, Code::Char(_)) {
            self.pending.clear();
            return Did::NotMine;
        }
        self.pending.push(key);
        let keys: Vec<char> = self.pending.iter().filter_map(|k| k.typed()).collect();
        match read(&keys, self.mode != Mode::Normal) {
            Read::More => Did::Done,
            Read::Not => {
                let alone = self.pending.len() == 1;
                self.pending.clear();
                // The rest of a command that is none does nothing.
                if alone { Did::NotMine } else { Did::Done }
            }
            Read::Command(count, operator, inner, rest) => {
                self.pending.clear();
                let count = if count.max(inner) > 0 { count.max(1) * inner.max(1) } else { 0 };
                let visual = self.mode != Mode::Normal;
                let extent = visual.then(|| self.extent(e));
                let there = match rest[..] {
                    ['i', letter] if operator.is_some() => object(e, letter, count.max(1)).is_some(),
                    _ => true,
                };
                let did = self.command(e, count, operator, &rest);
                let changes = match operator {
                    // An object that is not there is no change.
                    Some('d' | 'c' | '>') => there,
                    Some(_) => false,
                    None => {
                        matches!(rest.first(), Some('x' | 'p' | 'o' | 'O' | 'A' | 'I' | 'a' | 'i'))
                            || visual && matches!(rest.first(), Some('d' | 'c' | '>'))
                    }
                };
                if changes && self.mode == Mode::Normal {
                    self.last = Change { count, operator, rest, extent };
                    self.typed.clear();
                }
                did
            }
        }
    }

    /// The search that an operator waited for led to where the cursor is; where it led nowhere, nothing is done.
    pub fn arrived(&mut self, e: &mut Editor) -> Did {
        let Some((op, from, again)) = self.towards.take() else { return Did::Done };
        let to = e.cursor_byte();
        e.go_to_byte(from);
        if to == from {
            return Did::Done;
        }
        self.repeating = again;
        let did = self.over(e, op, from, Motion { to, inclusive: false, lines: false });
        self.repeating = false;
        did
    }

    /// The search was given up.
    pub fn gives_up(&mut self) {
        self.towards = None;
    }

    /// Text is about to change while it is typed. INSERT that began otherwise than by one of these keys is one step all the same, and what
    /// `.` types again.
    pub fn types(&mut self, e: &mut Editor) {
        if self.typing.is_none() {
            self.typing = Some(Typing { from: e.cursor_byte(), times: 1, lines: false });
            self.last = Change { rest: vec!['i'], ..Change::default() };
            e.begin_step();
        }
    }

    /// Typing ended: what was typed belongs to the last change, and all of it is one step.
    pub fn left_insert(&mut self, e: &mut Editor) {
        let Some(t) = self.typing.take() else { return };
        self.typed = e.text().get(t.from..e.cursor_byte()).unwrap_or("").to_string();
        self.more(e, &t);
        e.end_step();
    }

    /// Types again what was typed once, and rests on the last character.
    fn more(&self, e: &mut Editor, t: &Typing) {
        for _ in 1..if self.typed.is_empty() && !t.lines { 1 } else { t.times } {
            if t.lines {
                e.newline();
            }
            e.insert(&self.typed);
        }
        let at = e.cursor_byte();
        if e.line_span(e.cursor_line()).start < at {
            e.go_to_byte(left(e.text(), at));
        }
    }

    /// Text is typed from the cursor on, as part of the step that is open, and stands there `times` at last.
    fn insert(&mut self, e: &mut Editor, times: usize, lines: bool) -> Did {
        self.mode = Mode::Normal;
        e.unselect();
        let t = Typing { from: e.cursor_byte(), times, lines };
        if self.repeating {
            let typed = self.typed.clone();
            e.insert(&typed);
            self.more(e, &t);
            return Did::Done;
        }
        self.typing = Some(t);
        // Ended by `left_insert`.
        e.begin_step();
        Did::Insert
    }

    fn normal(&mut self, e: &mut Editor) {
        self.mode = Mode::Normal;
        e.unselect();
        self.clamp(e);
    }

    /// In NORMAL the cursor is on a character, not behind the last one.
    fn clamp(&self, e: &mut Editor) {
        let (at, span) = (e.cursor_byte(), e.line_span(e.cursor_line()));
        if self.mode == Mode::Normal && at == span.end && span.start < at {
            e.rest_on(left(e.text(), at));
        }
    }

    fn command(&mut self, e: &mut Editor, count: usize, operator: Option<char>, rest: &[char]) -> Did {
        let n = count.max(1);
        if let Some(op) = operator {
            return self.operate(e, op, count, rest);
        }
        let visual = self.mode != Mode::Normal;
        let line = e.cursor_line();
        match rest {
            ['v'] | ['V'] => {
                let mode = if rest == ['v'] { Mode::Visual } else { Mode::VisualLine };
                if self.mode == mode {
                    self.normal(e);
                } else {
                    if !visual {
                        self.anchor = e.cursor_byte();
                    }
                    self.mode = mode;
                    self.show(e);
                }
            }
            ['d' | 'c' | 'y' | '>' | 'x'] if visual => {
                let (range, lines) = self.selected(e);
                self.normal(e);
                return self.apply(e, if rest == ['x'] { 'd' } else { rest[0] }, range, lines, n);
            }
            ['i', letter] if visual => self.select_object(e, *letter, n),
            ['p'] if visual => {
                let (range, lines) = self.selected(e);
                self.normal(e);
                self.put_over(e, range, lines, n);
            }
            ['p'] => {
                let span = e.line_span(line);
                let at = if e.cursor_byte() < span.end { right(e.text(), e.cursor_byte()) } else { span.end };
                self.put(e, if self.whole_lines { span.end } else { at }, n);
            }
            ['i'] => return self.insert(e, n, false),
            ['a'] => {
                if e.cursor_byte() < e.line_span(line).end {
                    let to = right(e.text(), e.cursor_byte());
                    e.go_to_byte(to);
                }
                return self.insert(e, n, false);
            }
            ['I'] => {
                let to = first_letter(e, line);
                e.go_to_byte(to);
                return self.insert(e, n, false);
            }
            ['A'] => {
                e.go_to_byte(e.line_span(line).end);
                return self.insert(e, n, false);
            }
            ['o'] => {
                e.go_to_byte(e.line_span(line).end);
                e.begin_step();
                e.newline();
                let did = self.insert(e, n, true);
                // Both begin the same step.
                e.end_step();
                return did;
            }
            ['O'] => {
                let span = e.line_span(line);
                let blanks: String = e.text()[span.clone()].chars().take_while(|c| *c == ' ' || *c == '\t').collect();
                e.begin_step();
                e.replace(span.start..span.start, &format!("{blanks}\n"));
                e.go_to_byte(span.start + blanks.len());
                let did = self.insert(e, n, true);
                e.end_step();
                return did;
            }
            ['x'] => {
                let (from, end) = (e.cursor_byte(), e.line_span(line).end);
                let mut to = from;
                for _ in 0..n {
                    to = right(e.text(), to).min(end);
                }
                return self.apply(e, 'd', from..to, false, 1);
            }
            ['u'] => {
                for _ in 0..n {
                    e.undo();
                }
                self.clamp(e);
            }
            ['.'] => return self.again(e, count),
            ['/'] => return Did::Search,
            ['n'] => return Did::Next(n),
            _ => {
                if let Some(mut m) = motion(e, rest, count, None) {
                    if visual && rest == ['$'] {
                        // The line's end is selected as well.
                        m.to = e.line_span(e.line_of(m.to)).end;
                    }
                    let vertical = matches!(rest, ['j' | 'k']);
                    if vertical {
                        e.go_to_line(e.line_of(m.to));
                    } else {
                        e.extend_to_byte(m.to);
                    }
                    if visual {
                        self.show(e);
                    } else {
                        if !vertical {
                            e.unselect();
                        }
                        self.clamp(e);
                    }
                }
            }
        }
        if matches!(rest, ['p']) { Did::Yanked } else { Did::Done }
    }

    /// The last change again; a count takes the place of the one that it had.
    fn again(&mut self, e: &mut Editor, count: usize) -> Did {
        if count > 0 {
            self.last.count = count;
        }
        let last = self.last.clone();
        if last.rest.is_empty() {
            return Did::Done;
        }
        self.repeating = true;
        e.begin_step();
        if let Some(x) = last.extent {
            self.select_again(e, x);
        }
        let did = self.command(e, last.count, last.operator, &last.rest);
        e.end_step();
        self.repeating = false;
        did
    }

    fn operate(&mut self, e: &mut Editor, op: char, count: usize, rest: &[char]) -> Did {
        let (at, line) = (e.cursor_byte(), e.cursor_line());
        if matches!(rest, ['/' | 'n']) {
            self.towards = Some((op, at, self.repeating));
            // What was looked for the first time is known to `.`.
            return if rest == ['/'] && !self.repeating { Did::Search } else { Did::Next(count.max(1)) };
        }
        if rest == [op] {
            let n = count.max(1);
            let end = last_line(e).max(line);
            if n > 1 && line == end {
                return Did::Done;
            }
            let last = (line + n - 1).min(end);
            let range = e.line_span(line).start..e.line_span(last).end;
            let did = self.apply(e, op, range, true, 1);
            if op == 'y' {
                e.go_to_byte(at);
            }
            return did;
        }
        if rest == ['i', 'w'] {
            let Some((last, within)) = words_on(e.text(), at, count.max(1)) else { return Did::Done };
            let from = super::words::word_at(e.text(), at).start;
            if count < 2 && from == last && e.text()[last..].chars().next().is_none_or(|c| c == '\n') {
                return self.apply(e, op, at..at, false, 1);
            }
            return self.over(e, op, from, Motion { to: last, inclusive: within, lines: false });
        }
        if let ['i', letter] = rest {
            return match object(e, *letter, count.max(1)) {
                Some((range, false)) if range.is_empty() => {
                    e.go_to_byte(range.start);
                    self.apply(e, op, range, false, 1)
                }
                Some((range, lines)) => self.apply(e, op, range, lines, 1),
                None => Did::Done,
            };
        }
        let Some(m) = motion(e, rest, count, Some(op)) else { return Did::Done };
        if m.lines {
            let (a, b) = (line.min(e.line_of(m.to)), line.max(e.line_of(m.to)));
            let did = self.apply(e, op, e.line_span(a).start..e.line_span(b).end, true, 1);
            if op == 'y' {
                // The cursor is where the text begins: here, or where the keys lead.
                e.go_to_byte(if rest == ['k'] { at } else { at.min(m.to) });
                if a < line && rest == ['k'] {
                    e.go_to_line(a);
                }
                self.clamp(e);
            }
            return did;
        }
        self.over(e, op, at, m)
    }

    /// Does an operator from a place to where a motion leads, by what vim makes of a motion's end.
    fn over(&mut self, e: &mut Editor, op: char, at: usize, m: Motion) -> Did {
        let (from, mut to) = (at.min(m.to), at.max(m.to));
        // An empty line has nothing that could be taken in.
        if m.inclusive && e.text().as_bytes().get(to) != Some(&b'\n') {
            to = right(e.text(), to);
        }
        let first = e.line_of(from);
        let indent = |at: usize| e.text()[e.line_span(first).start..at].trim().is_empty();
        // Up to the start of a line is to the end of the one before; of all that line's text it is the line.
        if !m.inclusive && e.line_of(to) > first && e.line_span(e.line_of(to)).start == to {
            to -= 1;
            if indent(from) {
                return self.apply(e, op, e.line_span(first).start..to, true, 1);
            }
        }
        // What is deleted of several lines with only blanks before and behind are the lines.
        if op == 'd' && e.line_of(to) > first && indent(from) {
            let end = e.line_span(e.line_of(to)).end;
            if e.text()[to..end].trim().is_empty() {
                return self.apply(e, op, e.line_span(first).start..end, true, 1);
            }
        }
        self.apply(e, op, from..to, false, 1)
    }

    /// Does an operator over bytes; of whole lines without the last line end.
    fn apply(&mut self, e: &mut Editor, op: char, range: Range<usize>, lines: bool, times: usize) -> Did {
        if op == '>' {
            let last = if !lines && range.end > range.start { left(e.text(), range.end) } else { range.end };
            let rows = e.line_of(range.start)..e.line_of(last) + 1;
            e.begin_step();
            for _ in 0..times {
                e.go_to_byte(range.start);
                e.indent(rows.clone());
            }
            e.end_step();
            let to = first_letter(e, rows.start);
            e.go_to_byte(to);
            self.clamp(e);
            return Did::Done;
        }
        if range.is_empty() && !lines {
            return if op == 'c' { self.insert(e, 1, false) } else { Did::Done };
        }
        self.register = e.text()[range.clone()].to_string();
        self.whole_lines = lines;
        match op {
            'y' => {
                e.go_to_byte(range.start);
                self.clamp(e);
            }
            'c' => {
                e.begin_step();
                if lines {
                    let line = e.line_of(range.start);
                    let blanks = e.text()[e.line_span(line)].chars().take_while(|c| *c == ' ' || *c == '\t').count();
                    e.replace(range.start + blanks..range.end, "");
                } else {
                    e.replace(range, "");
                }
                let did = self.insert(e, 1, false);
                e.end_step();
                return if did == Did::Insert { did } else { Did::Yanked };
            }
            _ if lines => {
                // With its line end; of the last line with the one before.
                let len = e.text().len();
                let whole = if range.end < len { range.start..range.end + 1 } else { range.start.saturating_sub(1)..range.end };
                let line = e.line_of(range.start);
                // A text that did not end in a line end still has an empty line for its last one.
                let ended = e.text().ends_with('\n');
                e.replace(whole, "");
                let to = first_letter(e, line.min(if ended { last_line(e) } else { e.line_count() - 1 }));
                e.go_to_byte(to);
                self.clamp(e);
            }
            _ => {
                e.replace(range, "");
                self.clamp(e);
            }
        }
        Did::Yanked
    }

    /// Puts the register at a place, as one step: whole lines behind a line's end.
    fn put(&mut self, e: &mut Editor, at: usize, n: usize) {
        let content = self.register.as_str();
        if content.is_empty() && !self.whole_lines {
            return;
        }
        let to = if self.whole_lines {
            e.replace(at..at, &format!("\n{}", vec![content; n].join("\n")));
            first_letter(e, e.line_of(at + 1))
        } else {
            e.replace(at..at, &content.repeat(n));
            // On the last character, of several lines on the first.
            if content.contains('\n') { at } else { left(e.text(), e.cursor_byte()) }
        };
        e.go_to_byte(to);
        self.clamp(e);
    }
}

#[cfg(test)]
mod tests;
