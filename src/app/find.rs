//! Looking for text in the editor, and putting other text in its place. A line at the foot of the editor takes what is
//! typed; the cursor goes to the next match at once.

use super::editor::vim::Did;
use super::effect::Effect;
use super::keys::field;
use super::panes::query;
use super::state::{Note, Pane, State};
use crate::config::files::EditorKeys;
use crate::config::keymap::{Code, Key};
use crate::text;
use regex::{Regex, RegexBuilder};
use std::ops::Range;
use tui_textarea::TextArea;

/// Matches that are counted and shown; beyond it they are found all the same.
const COUNTED: usize = 100_000;
/// Memory that a typed expression may take when it is compiled, in bytes.
const COMPILED: usize = 4 * 1024 * 1024;

/// What is looked for.
#[derive(Default)]
pub struct Find {
    /// The line is shown and takes the keys.
    pub open: bool,
    pub needle: TextArea<'static>,
    /// What is put in its place, when that was asked for.
    pub with: Option<TextArea<'static>>,
    /// The second field takes the keys.
    pub in_with: bool,
    /// The text is a regular expression.
    pub regex: bool,
    /// Why the expression cannot be used.
    pub problem: Option<String>,
    /// Where the search goes on from.
    origin: usize,
    /// Where the cursor was when the line was opened.
    home: usize,
    /// The selected lines, of which alone matches are replaced: where they begin, and how many bytes stand behind them, which no replacement
    /// in them changes, and no undoing of it.
    within: Option<(usize, usize)>,
    /// Opened by vim's `/`: Enter ends it.
    once: Option<Once>,
    found: Found,
}

/// What stands again when such a search is given up.
struct Once {
    needle: String,
    cursor: usize,
}

/// Version of the text, what is looked for, whether that is an expression, and the lines that were selected.
type Of = (u64, String, bool, Option<(usize, usize)>);

/// Matches of a pattern in one version of the text.
#[derive(Default)]
struct Found {
    of: Option<Of>,
    pattern: Option<Regex>,
    matches: Vec<Range<usize>>,
}

fn line<'a>(t: &'a TextArea<'static>) -> &'a str {
    t.lines().first().map_or("", String::as_str)
}

/// Any case, unless a capital is typed.
fn compile(needle: &str, regex: bool) -> Result<Regex, String> {
    let mut escaped = false;
    let capital = needle.chars().any(|c| {
        let counts = c.is_uppercase() && !(regex && escaped);
        escaped = c == '\\' && !escaped;
        counts
    });
    let pattern = if regex { needle.to_string() } else { regex::escape(needle) };
    RegexBuilder::new(&pattern).case_insensitive(!capital).multi_line(true).size_limit(COMPILED).build().map_err(|e| {
        // The last line says what is wrong; those before draw the place.
        e.to_string().lines().last().unwrap_or("it is no regular expression").trim_start_matches("error: ").to_string()
    })
}

impl Find {
    /// What is looked for, as typed.
    pub fn needle(&self) -> &str {
        line(&self.needle)
    }

    /// The matches in the text as it is, as far as they are counted.
    pub fn matches(&self) -> &[Range<usize>] {
        &self.found.matches
    }
    /// There are more than are counted.
    pub fn more(&self) -> bool {
        self.found.matches.len() >= COUNTED
    }

    /// The field that takes the keys.
    fn typed_into(&mut self) -> &mut TextArea<'static> {
        match &mut self.with {
            Some(w) if self.in_with => w,
            _ => &mut self.needle,
        }
    }

    /// Matches are those of the selected lines alone.
    pub fn in_selection(&self) -> bool {
        self.within.is_some()
    }

    /// A match counts: it lies in what was selected. Where that ends in front of a line, the line's beginning is no part of it.
    fn counts(&self, source: &str, m: &Range<usize>) -> bool {
        self.within.is_none_or(|(start, behind)| {
            let end = source.len().saturating_sub(behind);
            let last = m.start == end && source.get(..end).is_some_and(|s| s.ends_with('\n'));
            start <= m.start && m.end <= end && !last
        })
    }

    /// Brings the matches up to the text.
    fn look(&mut self, source: &str, version: u64) {
        let of = (version, self.needle().to_string(), self.regex, self.within);
        if self.found.of.as_ref() == Some(&of) {
            return;
        }
        self.problem = None;
        self.found = Found::default();
        if !of.1.is_empty() {
            match compile(&of.1, self.regex) {
                Ok(p) => {
                    self.found.matches = p.find_iter(source).map(|m| m.range()).filter(|m| self.counts(source, m)).take(COUNTED).collect();
                    self.found.pattern = Some(p);
                }
                Err(why) => self.problem = Some(why),
            }
        }
        self.found.of = Some(of);
    }

    /// The match that begins at `from` or behind it.
    fn at_or_behind(&self, source: &str, from: usize) -> Option<Range<usize>> {
        let i = self.found.matches.partition_point(|m| m.start < from);
        match self.found.matches.get(i) {
            Some(m) => Some(m.clone()),
            None if self.more() => {
                let p = self.found.pattern.as_ref()?;
                // A match may hold `from`; it begins before.
                let mut from = from.max(self.found.matches.last()?.end);
                if from > source.len() {
                    return None;
                }
                while !source.is_char_boundary(from) {
                    from += 1;
                }
                p.find_at(source, from).map(|m| m.range()).filter(|m| self.counts(source, m))
            }
            None => None,
        }
    }

    fn before(&self, source: &str, from: usize) -> Option<Range<usize>> {
        let i = self.found.matches.partition_point(|m| m.start < from);
        if i == self.found.matches.len() && self.more() {
            let p = self.found.pattern.as_ref()?;
            return p.find_iter(source).map(|m| m.range()).take_while(|m| m.start < from).filter(|m| self.counts(source, m)).last();
        }
        i.checked_sub(1).map(|i| self.found.matches[i].clone())
    }

    /// Where the cursor stands among the matches, from 1.
    pub fn place(&self, cursor: usize) -> Option<usize> {
        self.found.matches.binary_search_by_key(&cursor, |m| m.start).ok().map(|i| i + 1)
    }
}

/// Opens the line; a selection inside one line is what is looked for, and one of several lines is what is replaced in. Texts of an earlier search are selected: typing takes their place.
pub fn open(state: &mut State, replace: bool, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    let find = &mut q.find;
    let part = q.editor.selection().map(|r| &q.editor.text()[r]).filter(|p| !p.contains('\n'));
    if let Some(part) = part {
        find.needle = TextArea::new(vec![part.to_string()]);
    }
    find.needle.select_all();
    find.within = q.editor.selection().filter(|_| replace && part.is_none()).map(|r| (r.start, q.editor.text().len() - r.end));
    find.origin = q.editor.selection().map_or(q.editor.cursor_byte(), |r| r.start);
    find.home = find.origin;
    find.open = true;
    find.once = None;
    find.in_with = replace && part.is_some();
    if replace {
        find.with.get_or_insert_with(TextArea::default).select_all();
    } else {
        find.with = None;
    }
    state.go(Pane::Editor);
    typed(state, effects);
}

/// Opens the line as vim's `/` does: empty, for what stands behind the cursor, until Enter.
pub fn once(state: &mut State, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    let cursor = q.editor.cursor_byte();
    let find = &mut q.find;
    find.once = Some(Once { needle: find.needle().to_string(), cursor });
    (find.needle, find.with, find.in_with, find.within) = (TextArea::default(), None, false, None);
    find.origin = cursor + q.editor.text()[cursor..].chars().next().map_or(0, char::len_utf8);
    find.open = true;
    query::edited(state, effects);
}

/// A search of vim's led somewhere: an operator that waited for it is done.
pub fn arrived(state: &mut State) {
    let q = &mut state.query;
    match q.vim.arrived(&mut q.editor) {
        Did::Insert => state.view.typing = true,
        Did::Yanked => q.clipboard = q.vim.register().to_string(),
        _ => {}
    }
}

/// Enter behind vim's `/`: the cursor is on the match already. Nothing typed means what was looked for before.
fn ended(state: &mut State, once: Once, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    q.find.open = false;
    if q.find.needle().is_empty() {
        q.find.needle = TextArea::new(vec![once.needle]);
        return next(state, true, effects);
    }
    if q.find.matches().is_empty() {
        let why = q.find.problem.clone().unwrap_or_else(|| "It is not in this text".into());
        let words = format!("{}: {why}", text::clean(q.find.needle()));
        state.say(Note::info(words));
    }
    query::edited(state, effects);
}

/// The line changed: the nearest match from where the search began.
fn typed(state: &mut State, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    q.find.look(q.editor.text(), q.editor.version);
    let to = q.find.at_or_behind(q.editor.text(), q.find.origin).or_else(|| q.find.at_or_behind(q.editor.text(), 0));
    let home = q.find.once.as_ref().map_or(q.find.origin, |o| o.cursor);
    q.editor.go_to_byte(to.map_or(home, |m| m.start));
    query::edited(state, effects);
}

/// Goes to the next match, or the one before, going round.
pub fn next(state: &mut State, forward: bool, effects: &mut Vec<Effect>) {
    if state.query.find.needle().is_empty() {
        return open(state, false, effects);
    }
    let q = &mut state.query;
    q.find.look(q.editor.text(), q.editor.version);
    let (source, at) = (q.editor.text(), q.editor.cursor_byte());
    let to = if forward {
        q.find.at_or_behind(source, at + 1).or_else(|| q.find.at_or_behind(source, 0))
    } else {
        q.find.before(source, at).or_else(|| q.find.before(source, source.len() + 1))
    };
    match to {
        Some(m) => {
            let round = (m.start <= at) == forward && !q.find.open;
            q.editor.go_to_byte(m.start);
            q.find.origin = m.start;
            let count = format!("{}{}", q.find.matches().len(), if q.find.more() { "+" } else { "" });
            let place = q.find.place(m.start).map_or_else(|| "?".to_string(), |n| n.to_string());
            if !q.find.open {
                let round = if round { ", gone round" } else { "" };
                state.say(Note::info(format!("{place} of {count}{round}")));
            }
        }
        None => {
            let why = q.find.problem.clone().unwrap_or_else(|| "It is not in this text".into());
            let words = format!("{}: {}", text::clean(q.find.needle()), why);
            state.say(Note::info(words));
        }
    }
    query::edited(state, effects);
}

/// What comes in the place of a match.
fn replacement(find: &Find, source: &str, m: &Range<usize>) -> String {
    let with = find.with.as_ref().map_or("", line);
    if !find.regex {
        return with.to_string();
    }
    let mut out = String::new();
    if let Some(c) = find.found.pattern.as_ref().and_then(|p| p.captures_at(source, m.start)) {
        c.expand(with, &mut out);
    }
    out
}

/// Replaces the match at the cursor and goes to the next one; away from a match it only goes.
fn replace(state: &mut State, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    q.find.look(q.editor.text(), q.editor.version);
    let at = q.editor.cursor_byte();
    if let Some(m) = q.find.at_or_behind(q.editor.text(), at).filter(|m| m.start == at) {
        let new = replacement(&q.find, q.editor.text(), &m);
        let place = m.is_empty();
        q.editor.replace(m, &new);
        // A place like a line's end is there still: the next one is behind it.
        q.find.origin = q.editor.cursor_byte() + usize::from(place);
        return typed(state, effects);
    }
    next(state, true, effects);
}

/// Replaces all matches as one step.
fn replace_all(state: &mut State, effects: &mut Vec<Effect>) {
    let q = &mut state.query;
    q.find.look(q.editor.text(), q.editor.version);
    let Some(p) = q.find.found.pattern.as_ref() else { return };
    let source = q.editor.text();
    let (mut out, mut last, mut first, mut n) = (String::new(), 0, None, 0usize);
    for m in p.find_iter(source).map(|m| m.range()).filter(|m| q.find.counts(source, m)) {
        if first.is_none() {
            (first, last) = (Some(m.start), m.start);
        }
        out.push_str(&source[last..m.start]);
        out.push_str(&replacement(&q.find, source, &m));
        last = m.end;
        n += 1;
    }
    let Some(first) = first else {
        return state.say(Note::info("Nothing to replace."));
    };
    let at = q.editor.cursor_byte();
    let place = if q.find.in_selection() { " in the selection" } else { "" };
    q.editor.replace(first..last, &out);
    q.editor.go_to_byte(at);
    // The line stays: the Esc that closes it would otherwise leave the editor, and what is typed next be commands.
    q.find.look(q.editor.text(), q.editor.version);
    state.say(Note::ok(format!(
        "{} match{} replaced{place}; undo takes all of it back.",
        text::thousands(n as u64),
        if n == 1 { "" } else { "es" }
    )));
    query::edited(state, effects);
}

/// A key while the line is open; false: it is not the line's.
pub fn key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    if !state.query.find.open || state.view.focus != Pane::Editor {
        return false;
    }
    let find = &mut state.query.find;
    match (key.code, key.ctrl, key.alt) {
        (Code::Esc, ..) => {
            (find.open, find.within) = (false, None);
            state.query.vim.gives_up();
            let find = &mut state.query.find;
            if let Some(once) = find.once.take() {
                find.needle = TextArea::new(vec![once.needle]);
                state.query.editor.go_to_byte(once.cursor);
            }
            query::edited(state, effects);
        }
        (Code::Enter, false, false) if find.once.is_some() => {
            if let Some(once) = find.once.take() {
                ended(state, once, effects);
                arrived(state);
            }
        }
        (Code::Char('g'), true, _) => {
            (find.open, find.within) = (false, None);
            let home = find.once.take().map_or(find.home, |o| o.cursor);
            state.query.vim.gives_up();
            state.query.editor.go_to_byte(home);
            query::edited(state, effects);
        }
        (Code::Tab, ..) if find.with.is_some() => {
            find.in_with = !find.in_with;
            find.typed_into().select_all();
        }
        (Code::Char('r'), _, true) => {
            find.with.get_or_insert_with(TextArea::default).select_all();
            find.in_with = true;
        }
        (Code::Char('a'), _, true) if find.with.is_some() => replace_all(state, effects),
        (Code::Char('x'), _, true) => {
            find.regex = !find.regex;
            typed(state, effects);
        }
        (Code::Enter, ..) if find.in_with => replace(state, effects),
        (Code::Enter, false, false) if !key.shift => next(state, true, effects),
        (Code::Enter | Code::Up, ..) => next(state, false, effects),
        (Code::Down, ..) => next(state, true, effects),
        // Again what opened the line, with the emacs keys.
        (Code::Char('s'), true, _) if state.config.editor_keys == EditorKeys::Emacs => next(state, true, effects),
        (Code::Char('f'), true, _) => find.in_with = false,
        (Code::Char('v' | 'c' | 'q' | 'p'), true, _) => return false,
        _ => {
            if !field(find.typed_into(), key) {
                return false;
            }
            if !find.in_with {
                typed(state, effects);
            }
        }
    }
    true
}

/// Text was pasted while the line is open.
pub fn paste(state: &mut State, content: &str, effects: &mut Vec<Effect>) {
    let find = &mut state.query.find;
    let content = content.lines().next().unwrap_or("");
    match &mut find.with {
        Some(w) if find.in_with => drop(w.insert_str(content)),
        _ => {
            find.needle.insert_str(content);
            typed(state, effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_unless_a_capital_is_typed() {
        for (needle, regex, source, found) in [
            ("select", false, "SELECT select", 2),
            ("Select", false, "SELECT select Select", 1),
            ("a.b", false, "axb a.b", 1),
            ("a.b", true, "axb a.b", 2),
            (r"\Sx", true, "ax AX", 2),
            ("ÄX", false, "äx ÄX", 1),
            ("äx", false, "äx ÄX", 2),
        ] {
            let p = compile(needle, regex).unwrap();
            assert_eq!(p.find_iter(source).count(), found, "{needle}");
        }
        assert!(compile("(", true).unwrap_err().contains("unclosed"));
    }

    #[test]
    fn beyond_what_is_counted_matches_are_found_all_the_same() {
        let source = "a ".repeat(COUNTED + 10);
        let mut f = Find { needle: TextArea::new(vec!["a".into()]), ..Find::default() };
        f.look(&source, 1);
        assert!(f.more());
        let at = 2 * (COUNTED + 5);
        assert_eq!(f.at_or_behind(&source, at), Some(at..at + 1));
        assert_eq!(f.before(&source, at), Some(at - 2..at - 1));
        assert_eq!(f.at_or_behind(&source, source.len()), None);
    }
}
