//! The vim keys: a closed list, keys in and edits out. Text is typed in INSERT as with the other keys; here are NORMAL
//! and VISUAL.

use super::Editor;
use super::words::{self, left, right, word_end_right, word_left};
use crate::config::keymap::{Code, Key};
use std::ops::Range;

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
    ("d c y >", "With a motion, iw, i\", i( or ip, or twice for the line: deletes, changes, copies, indents."),
    ("p", "Puts what was deleted or copied behind the cursor, or below its line."),
    ("v V", "Selects characters or lines; d c y > and p take what is selected."),
    ("i a I A", "Types before or behind the cursor, at the line's first letter, at its end."),
    ("o O", "Types in a new line below or above."),
    ("x", "Deletes the character under the cursor."),
    ("u Ctrl-R", "Takes the last change back, makes it again."),
    (".", "Does the last change again."),
    ("Esc", "Back to NORMAL."),
];

/// A place to go to, and what lies between for an operator.
struct Motion {
    to: usize,
    inclusive: bool,
    lines: bool,
}

fn exclusive(to: usize) -> Motion {
    Motion { to, inclusive: false, lines: false }
}

/// Keys of a command that are pressed so far, and what is remembered from one to the next.
#[derive(Debug, Default)]
pub struct Vim {
    pub mode: Mode,
    pending: Vec<Key>,
    register: String,
    whole_lines: bool,
    /// The last change: its keys and what was typed after them.
    last: Vec<Key>,
    typed: String,
    /// Where typing began, while it goes on.
    from: Option<usize>,
    /// The other end of a VISUAL selection.
    anchor: usize,
    repeating: bool,
}

/// A command as far as it was read.
enum Read {
    /// Complete: count, operator, and the rest.
    Command(usize, Option<char>, usize, Vec<char>),
    More,
    Not,
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

    /// A key in NORMAL or VISUAL. `page` is the height of the editor.
    pub fn key(&mut self, e: &mut Editor, key: Key, page: usize) -> Did {
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
                let pressed = std::mem::take(&mut self.pending);
                let did = self.command(e, count, operator, inner, &rest, page);
                let changes = matches!(operator, Some('d' | 'c' | '>'))
                    || matches!(rest.first(), Some('x' | 'p' | 'o' | 'O' | 'A' | 'I' | 'a' | 'i'));
                if changes && !self.repeating && self.mode == Mode::Normal {
                    self.last = pressed;
                    self.typed.clear();
                }
                did
            }
        }
    }

    /// Typing ended: what was typed belongs to the last change, and all of it is one step.
    pub fn left_insert(&mut self, e: &mut Editor) {
        let Some(from) = self.from.take() else { return };
        let at = e.cursor_byte();
        self.typed = e.text().get(from..at).unwrap_or("").to_string();
        e.end_step();
        if e.line_span(e.cursor_line()).start < at {
            e.go_to_byte(left(e.text(), at));
        }
    }

    /// Text is typed from the cursor on, as part of the step that is open.
    fn insert(&mut self, e: &mut Editor) -> Did {
        self.mode = Mode::Normal;
        e.unselect();
        if self.repeating {
            let typed = self.typed.clone();
            e.insert(&typed);
            let at = e.cursor_byte();
            if !typed.is_empty() && e.line_span(e.cursor_line()).start < at {
                e.go_to_byte(left(e.text(), at));
            }
            return Did::Done;
        }
        self.from = Some(e.cursor_byte());
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

    fn command(&mut self, e: &mut Editor, count: usize, operator: Option<char>, inner: usize, rest: &[char], page: usize) -> Did {
        let n = count.max(1) * inner.max(1);
        if let Some(op) = operator {
            return self.operate(e, op, count, inner, rest, page);
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
            ['i', object] if visual => {
                if let Some((range, lines)) = self.object(e, *object) {
                    self.anchor = range.start;
                    let last = left(e.text(), range.end).max(range.start);
                    e.extend_to_byte(last);
                    if lines {
                        self.mode = Mode::VisualLine;
                    }
                    self.show(e);
                }
            }
            ['p'] => {
                e.begin_step();
                if visual {
                    let (range, _) = self.selected(e);
                    self.normal(e);
                    e.replace(range.clone(), "");
                    e.go_to_byte(if self.whole_lines { range.start } else { left(e.text(), range.start) });
                }
                self.put(e, n);
                e.end_step();
            }
            ['i'] => return self.insert(e),
            ['a'] => {
                if e.cursor_byte() < e.line_span(line).end {
                    let to = right(e.text(), e.cursor_byte());
                    e.go_to_byte(to);
                }
                return self.insert(e);
            }
            ['I'] => {
                let to = first_letter(e, line);
                e.go_to_byte(to);
                return self.insert(e);
            }
            ['A'] => {
                e.go_to_byte(e.line_span(line).end);
                return self.insert(e);
            }
            ['o'] => {
                e.go_to_byte(e.line_span(line).end);
                e.begin_step();
                e.newline();
                let did = self.insert(e);
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
                let did = self.insert(e);
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
            ['.'] => return self.again(e, page),
            ['/'] => return Did::Search,
            ['n'] => return Did::Next(n),
            _ => {
                if let Some(m) = self.motion(e, rest, count, n, page) {
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

    /// The last change again.
    fn again(&mut self, e: &mut Editor, page: usize) -> Did {
        let (keys, typed) = (self.last.clone(), self.typed.clone());
        self.repeating = true;
        e.begin_step();
        for k in &keys {
            self.key(e, *k, page);
        }
        e.end_step();
        self.repeating = false;
        self.typed = typed;
        Did::Done
    }

    fn operate(&mut self, e: &mut Editor, op: char, count: usize, inner: usize, rest: &[char], page: usize) -> Did {
        let n = count.max(1) * inner.max(1);
        let line = e.cursor_line();
        if rest == [op] {
            let last = (line + n - 1).min(e.line_count() - 1);
            let range = e.line_span(line).start..e.line_span(last).end;
            return self.apply(e, op, range, true, 1);
        }
        if let ['i', object] = rest {
            return match self.object(e, *object) {
                Some((range, lines)) => self.apply(e, op, range, lines, 1),
                None => Did::Done,
            };
        }
        let at = e.cursor_byte();
        // `cw` leaves the blank behind the word, unless it begins on one.
        let on_blank = e.text()[at..].chars().next().is_none_or(char::is_whitespace);
        let rest = if op == 'c' && rest == ['w'] && !on_blank { &['e'] } else { rest };
        let counted = if count == 0 && inner == 0 { 0 } else { n };
        let Some(m) = self.motion(e, rest, counted, n, page) else { return Did::Done };
        if m.lines {
            let (a, b) = (line.min(e.line_of(m.to)), line.max(e.line_of(m.to)));
            return self.apply(e, op, e.line_span(a).start..e.line_span(b).end, true, 1);
        }
        let (mut from, mut to) = (at.min(m.to), at.max(m.to));
        if m.inclusive {
            to = right(e.text(), to);
        }
        // A word's end is never beyond the line that the last word is on.
        if rest == ['w'] {
            let part = &e.text()[from..to];
            if let Some(nl) = part.rfind('\n').filter(|nl| part[*nl..].trim().is_empty()) {
                let kept = part[..nl].trim_end_matches('\n');
                if !kept.trim().is_empty() {
                    to = from + kept.len();
                }
            }
        }
        from = from.min(to);
        self.apply(e, op, from..to, false, 1)
    }

    /// Does an operator over bytes; of whole lines without the last line end.
    fn apply(&mut self, e: &mut Editor, op: char, range: Range<usize>, lines: bool, times: usize) -> Did {
        if op == '>' {
            let rows = e.line_of(range.start)..e.line_of(range.end.max(range.start)) + 1;
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
            return if op == 'c' { self.insert(e) } else { Did::Done };
        }
        self.register = e.text()[range.clone()].to_string();
        self.whole_lines = lines;
        match op {
            'y' => {
                e.go_to_byte(if lines { e.cursor_byte().min(range.end).max(range.start) } else { range.start });
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
                let did = self.insert(e);
                e.end_step();
                return if did == Did::Insert { did } else { Did::Yanked };
            }
            _ if lines => {
                // With its line end; of the last line with the one before.
                let len = e.text().len();
                let whole = if range.end < len { range.start..range.end + 1 } else { range.start.saturating_sub(1)..range.end };
                let line = e.line_of(range.start);
                e.replace(whole, "");
                let to = first_letter(e, line.min(e.line_count() - 1));
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

    /// Puts the register behind the cursor.
    fn put(&mut self, e: &mut Editor, n: usize) {
        let content = self.register.clone();
        if content.is_empty() {
            return;
        }
        let span = e.line_span(e.cursor_line());
        if self.whole_lines {
            let below = format!("\n{}", vec![content; n].join("\n"));
            e.replace(span.end..span.end, &below);
            let to = first_letter(e, e.line_of(span.end + 1));
            e.go_to_byte(to);
        } else {
            let at = if e.cursor_byte() < span.end { right(e.text(), e.cursor_byte()) } else { span.end };
            e.replace(at..at, &content.repeat(n));
            let to = left(e.text(), e.cursor_byte());
            e.go_to_byte(to);
        }
        self.clamp(e);
    }

    /// What VISUAL has selected; whole lines without the last line end.
    fn selected(&self, e: &Editor) -> (Range<usize>, bool) {
        let (a, b) = (self.anchor.min(e.cursor_byte()), self.anchor.max(e.cursor_byte()).min(e.text().len()));
        if self.mode == Mode::VisualLine {
            (e.line_span(e.line_of(a)).start..e.line_span(e.line_of(b)).end, true)
        } else {
            (a..right(e.text(), b), false)
        }
    }

    fn show(&self, e: &mut Editor) {
        e.unselect();
        let range = self.selected(e).0;
        e.select_round(range);
    }

    fn motion(&self, e: &Editor, rest: &[char], count: usize, n: usize, _page: usize) -> Option<Motion> {
        let (text, at, line) = (e.text(), e.cursor_byte(), e.cursor_line());
        let span = e.line_span(line);
        let repeat = |f: &dyn Fn(usize) -> usize| (0..n).fold(at, |p, _| f(p));
        Some(match rest {
            ['h'] => exclusive(repeat(&|p| if p > span.start { left(text, p) } else { p })),
            ['l'] => exclusive(repeat(&|p| if p < span.end { right(text, p) } else { p })),
            ['j'] => {
                let to = (line + n).min(e.line_count() - 1);
                Motion { to: e.line_span(to).start, inclusive: false, lines: true }
            }
            ['k'] => Motion { to: e.line_span(line.saturating_sub(n)).start, inclusive: false, lines: true },
            ['w'] => exclusive(repeat(&|p| next_word(text, p))),
            ['b'] => exclusive(repeat(&|p| word_left(text, p))),
            ['e'] => {
                let end = repeat(&|p| {
                    let end = word_end_right(text, right(text, p));
                    left(text, end).max(p)
                });
                Motion { to: end, inclusive: end < text.len(), lines: false }
            }
            ['0'] => exclusive(span.start),
            ['^'] => exclusive(first_letter(e, line)),
            ['$'] => {
                let end = e.line_span((line + n - 1).min(e.line_count() - 1));
                if end.is_empty() { exclusive(end.start) } else { Motion { to: left(text, end.end), inclusive: true, lines: false } }
            }
            ['g', 'g'] | ['G'] => {
                let last = if rest == ['G'] { e.line_count() - 1 } else { 0 };
                let to = if count > 0 { count.min(e.line_count()) - 1 } else { last };
                Motion { to: first_letter(e, to), inclusive: false, lines: true }
            }
            ['f' | 't', c] => {
                let ahead = &text[right(text, at).min(span.end)..span.end];
                let (i, _) = ahead.char_indices().filter(|(_, x)| x == c).nth(n - 1)?;
                let hit = span.end - ahead.len() + i;
                Motion { to: if rest[0] == 'f' { hit } else { left(text, hit) }, inclusive: true, lines: false }
            }
            _ => return None,
        })
    }

    /// The bytes of `iw`, `i"`, `i(`, `ip` at the cursor, and whether they are whole lines.
    fn object(&self, e: &Editor, object: char) -> Option<(Range<usize>, bool)> {
        let (text, at, line) = (e.text(), e.cursor_byte(), e.cursor_line());
        match object {
            'w' => Some((words::word_at(text, at), false)),
            '"' => {
                let span = e.line_span(line);
                let quotes: Vec<usize> = text[span.clone()].match_indices('"').map(|(i, _)| span.start + i).collect();
                let pairs = quotes.chunks_exact(2).map(|p| (p[0], p[1]));
                let (a, b) = pairs.into_iter().find(|(_, b)| *b >= at)?;
                Some((a + 1..b, false))
            }
            '(' | ')' | 'b' => {
                let mut depth = 0usize;
                // On a bracket its own pair is meant.
                let from = if text[at..].starts_with('(') { at + 1 } else { at };
                let open = text[..from].char_indices().rev().find(|(_, c)| match c {
                    ')' => {
                        depth += 1;
                        false
                    }
                    '(' if depth == 0 => true,
                    '(' => {
                        depth -= 1;
                        false
                    }
                    _ => false,
                });
                let open = open?.0 + 1;
                let close = text[open..].char_indices().find(|(_, c)| match c {
                    '(' => {
                        depth += 1;
                        false
                    }
                    ')' if depth == 0 => true,
                    ')' => {
                        depth -= 1;
                        false
                    }
                    _ => false,
                });
                Some((open..open + close?.0, false))
            }
            'p' => {
                let blank = |l: usize| text[e.line_span(l)].trim().is_empty();
                let kind = blank(line);
                let first = (0..=line).rev().take_while(|l| blank(*l) == kind).last()?;
                let last = (line..e.line_count()).take_while(|l| blank(*l) == kind).last()?;
                Some((e.line_span(first).start..e.line_span(last).end, true))
            }
            _ => None,
        }
    }
}

/// The start of the next word; an empty line is one.
fn next_word(text: &str, at: usize) -> usize {
    words::word_right(text, at)
}

/// The byte of a line's first character that is no blank, or of its last one.
fn first_letter(e: &Editor, line: usize) -> usize {
    let span = e.line_span(line);
    let part = &e.text()[span.clone()];
    let blanks = part.len() - part.trim_start().len();
    if blanks == part.len() && blanks > 0 { left(e.text(), span.end) } else { span.start + blanks }
}

/// Reads count, operator, count and the rest from what was pressed.
fn read(keys: &[char], visual: bool) -> Read {
    let number = |keys: &[char], at: &mut usize| {
        let mut n = 0usize;
        while let Some(d) = keys.get(*at).and_then(|c| c.to_digit(10)).filter(|d| n > 0 || *d > 0) {
            n = (n * 10 + d as usize).min(100_000);
            *at += 1;
        }
        n
    };
    let mut at = 0;
    let count = number(keys, &mut at);
    let Some(c) = keys.get(at) else { return Read::More };
    let operator = matches!(c, 'd' | 'c' | 'y' | '>').then_some(*c).filter(|_| !visual);
    let mut inner = 0;
    if operator.is_some() {
        at += 1;
        inner = number(keys, &mut at);
    }
    let rest = &keys[at..];
    let done = |rest: &[char]| Read::Command(count, operator, inner, rest.to_vec());
    match (operator, rest) {
        (_, [] | ['g' | 'f' | 't']) => Read::More,
        (_, ['g', 'g'] | ['f' | 't', _]) => done(rest),
        (Some(_), ['i']) => Read::More,
        (Some(_), ['i', 'w' | '"' | '(' | ')' | 'b' | 'p']) => done(rest),
        (Some(op), [c]) if *c == op => done(rest),
        (_, ['h' | 'j' | 'k' | 'l' | 'w' | 'b' | 'e' | '0' | '^' | '$' | 'G']) => done(rest),
        (Some(_), _) => Read::Not,
        (None, ['i']) if visual => Read::More,
        (None, ['i', 'w' | '"' | '(' | ')' | 'b' | 'p']) if visual => done(rest),
        (None, ['d' | 'c' | 'y' | '>']) if visual => done(rest),
        (None, ['v' | 'V' | 'p' | 'x' | 'n' | '/']) => done(rest),
        (None, ['i' | 'a' | 'I' | 'A' | 'o' | 'O' | 'u' | '.']) if !visual => done(rest),
        _ => Read::Not,
    }
}

#[cfg(test)]
mod tests;
