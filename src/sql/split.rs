//! From a script to its statements, by the lexer's tokens: strings, dollar quotes, comments, SQLite triggers
//! (`BEGIN … END`), MySQL `DELIMITER` lines and compound bodies never split wrongly.
//!
//! What stands between the `outer` spans is blank, a comment behind a statement on its line, a lone terminator, a
//! `DELIMITER` line or one of `\restrict`; nothing else is left out.

use super::lexer::{Lexer, Token, TokenKind};
use crate::model::{Dialect, Error, Reading};
use std::ops::Range;

mod script;

pub use script::Script;

/// A statement in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSpan {
    /// From the first token that is neither blank nor comment to the last byte before the terminator; as sent.
    pub span: Range<usize>,
    /// With its terminator, and the comments that stand before it. The last statement on the line of a `;` that ends
    /// PostgreSQL's `COPY … FROM STDIN` also holds the data up to and with `\.`, if there is any.
    pub outer: Range<usize>,
    /// Line on which the statement starts, from 1.
    pub line: usize,
    /// True when the terminator (or the end of the text, outside any string or comment) was reached.
    pub complete: bool,
    /// Where the data of PostgreSQL's `COPY … FROM STDIN` are: as psql reads them, from behind the line of its `;`.
    pub data: Option<Range<usize>>,
}

impl StatementSpan {
    /// The lines of data of PostgreSQL's `COPY … FROM STDIN;`, without the `\.` that ends them; `text` is what was split.
    pub fn data<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.get(self.data.clone()?)
    }
}

/// The statements of `text`. Blank and comment-only parts give none. Never fails: the rest of half-typed text is one
/// statement with `complete == false`.
///
/// A client's own command on a line of its own (`\d t` in PostgreSQL and MySQL, `.tables` in SQLite) is a statement that
/// ends with its line, so that the caller can say what it is.
pub fn split(reading: impl Into<Reading>, text: &str) -> Vec<StatementSpan> {
    split_as(text, false, &[(0, reading.into())])
}

/// [`split`] for a file that is run as a whole: there the end of the text ends the data of a `COPY … FROM STDIN`, too, as
/// in psql. In an editor it does not: what stands below would be taken for data while one types.
pub fn split_file(reading: impl Into<Reading>, text: &str) -> Vec<StatementSpan> {
    split_as(text, true, &[(0, reading.into())])
}

/// [`split`], or [`split_file`] where the end of the text ends data `to_end`, of a text whose statements change how the session reads
/// the rest: from each of these bytes on it reads so. Gives nothing without the first of them.
pub fn split_as(text: &str, to_end: bool, readings: &[(usize, Reading)]) -> Vec<StatementSpan> {
    let Some(((_, first), changes)) = readings.split_first() else { return Vec::new() };
    Splitter { to_end, changes, ..Splitter::new(*first, text) }.run().statements
}

/// The statement under the byte offset `at`: the one whose `outer` holds it, else the last one before it.
pub fn statement_at(reading: impl Into<Reading>, text: &str, at: usize) -> Option<StatementSpan> {
    split(reading, text).into_iter().take_while(|s| s.outer.start <= at).last()
}

/// Splits a migration script, and refuses what a server cannot run as it stands: psql meta-commands (`\copy`,
/// `\restrict`), an unterminated string or comment, data behind `COPY … FROM STDIN`. Errors name the line.
pub fn split_script(dialect: Dialect, text: &str) -> Result<Vec<StatementSpan>, Error> {
    let out = Splitter::new(dialect.into(), text).run();
    match out.refusals.into_iter().min_by_key(|r| r.at) {
        Some(r) => {
            let line = line_of(text, r.at);
            Err(Error::usage(format!("line {line}: {}", r.what)).hint(r.hint).at(r.at))
        }
        None => Ok(out.statements),
    }
}

/// The line is `\restrict` or `\unrestrict`, between which pg_dump since 2025 (13.22 to 17.6) puts what it writes: psql then takes no
/// commands of its own out of the dump. Here nothing in a file is such a command, so there is nothing to do.
pub fn restricts(dialect: Dialect, line: &str) -> bool {
    dialect == Dialect::Postgres && matches!(line.split_whitespace().next(), Some("\\restrict" | "\\unrestrict"))
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&b| b == b'\n').count() + 1
}

/// Why a script cannot run, and where.
struct Refusal {
    at: usize,
    what: String,
    hint: String,
}

#[derive(Default)]
struct Outcome {
    statements: Vec<StatementSpan>,
    refusals: Vec<Refusal>,
}

/// How far a statement's own `;` reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// The first terminator ends it.
    Plain,
    /// PostgreSQL's CREATE FUNCTION: `BEGIN ATOMIC … END` may come.
    Atomic,
    /// PostgreSQL's CREATE RULE: `DO (a; b)`.
    Rule,
    /// SQLite's CREATE TRIGGER: ends at `; END ;`, as `sqlite3_complete` has it.
    Trigger,
    /// MySQL's CREATE PROCEDURE and its kin, and MariaDB's BEGIN NOT ATOMIC.
    Compound,
}

/// The statement that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    start: usize,
    outer: usize,
    line: usize,
    /// End of the last token that belongs to it when no terminator follows.
    end: usize,
    /// The first words, upper case, as far as they decide the body.
    head: Vec<String>,
    body: Body,
    /// Open BEGIN, CASE, IF, LOOP …, or parentheses for a rule.
    depth: usize,
    /// The last two words or marks that count, upper case.
    before: [String; 2],
    /// A line feed stood behind its last token.
    line_ended: bool,
    broken: bool,
}

struct Splitter<'a> {
    dialect: Dialect,
    text: &'a str,
    lexer: Lexer<'a>,
    /// Where the session begins to read in other ways.
    changes: &'a [(usize, Reading)],
    delimiter: Option<String>,
    out: Outcome,
    pending: Option<Pending>,
    /// Where the next statement's outer span starts: its first comment, unless that ends the line of the one before.
    comment: Option<usize>,
    /// True from a terminator to the end of its line.
    same_line: bool,
    /// How far a search ahead of the tokens has read: what stands before depends on the text up to here.
    reach: usize,
    /// Lines counted up to this offset.
    counted: (usize, usize),
    /// False once a search for `\.` to the end of the text found nothing: keeps the whole linear.
    data_ahead: bool,
    /// The end of a line on which something stands behind a COPY that the line does not end: no data can follow.
    open_line: Option<usize>,
    /// The end of the text ends data as well.
    to_end: bool,
    /// The text is the rest of a line: data follow behind it, in the order of `copies`.
    rest_of_line: bool,
    /// The statements that wait for data.
    copies: Vec<usize>,
}

/// Words that may open a block in a MySQL body where a statement may start.
const BLOCKS: [&str; 5] = ["IF", "LOOP", "WHILE", "REPEAT", "FOR"];

impl<'a> Splitter<'a> {
    fn new(reading: Reading, text: &'a str) -> Self {
        Splitter {
            dialect: reading.dialect,
            text,
            lexer: Lexer::new(reading, text),
            changes: &[],
            delimiter: None,
            out: Outcome::default(),
            pending: None,
            comment: None,
            same_line: false,
            reach: 0,
            counted: (0, 1),
            data_ahead: true,
            open_line: None,
            to_end: false,
            rest_of_line: false,
            copies: Vec::new(),
        }
    }

    fn line(&mut self, at: usize) -> usize {
        let (from, line) = self.counted;
        let more = self.text.as_bytes().get(from..at).map_or(0, |b| b.iter().filter(|&&b| b == b'\n').count());
        self.counted = (at.max(from), line + more);
        line + more
    }

    fn refuse(&mut self, at: usize, what: impl Into<String>, hint: impl Into<String>) {
        self.out.refusals.push(Refusal { at, what: what.into(), hint: hint.into() });
    }

    fn run(mut self) -> Outcome {
        while self.step().is_some() {}
        self.end();
        self.out
    }

    /// The text is at its end.
    fn end(&mut self) {
        if self.pending.is_some() {
            self.finish(self.text.len(), None);
        }
    }

    /// Takes the next token; `None` at the end of the text.
    fn step(&mut self) -> Option<Token> {
        while let Some(((at, reading), later)) = self.changes.split_first()
            && self.lexer.pos >= *at
        {
            (self.lexer.reading, self.changes) = (*reading, later);
        }
        let token = self.lexer.next_token()?;
        let part = &self.text[token.span.clone()];
        match token.kind {
            TokenKind::Whitespace => {
                if part.contains('\n') {
                    self.same_line = false;
                    if let Some(p) = &mut self.pending {
                        p.line_ended = true;
                    }
                }
                return Some(token);
            }
            TokenKind::Comment => {
                match &mut self.pending {
                    // Without a terminator a statement ends with its line: a comment there is still its own.
                    Some(p) if !p.line_ended => p.end = token.span.end,
                    None if !self.same_line => self.comment = self.comment.or(Some(token.span.start)),
                    _ => {}
                }
                self.same_line &= !part.contains('\n');
                return Some(token);
            }
            _ => self.same_line = false,
        }
        if self.pending.is_none() {
            if self.own_line(&token, self.comment) {
                self.comment = None;
                self.same_line = false;
                return Some(token);
            }
            let outer = self.comment.take().unwrap_or(token.span.start);
            let line = self.line(token.span.start);
            self.pending = Some(Pending::new(token.span.start, outer, line));
        }
        let ended = self.pending.as_ref().and_then(|p| self.terminator(&token, p));
        if let Some((at, len)) = ended {
            self.lexer.pos = at + len;
            self.finish(at, Some(at + len));
            self.same_line = self.lexer.pos == at + len;
            return Some(token);
        }
        let delimited = self.delimiter.is_some();
        let p = self.pending.as_mut()?;
        p.take(self.dialect, &token, part, delimited);
        if token.kind == TokenKind::Unterminated {
            p.broken = true;
            let what = if part.starts_with("/*") { "a comment is opened and never closed" } else { "a quote is opened and never closed" };
            self.refuse(token.span.start, what, "Close it; everything behind it would otherwise be part of it.");
        } else if part == "\\" && token.kind == TokenKind::Other {
            self.client_command(token.span.start);
        }
        Some(token)
    }

    /// The terminator that starts in this token, if it ends the pending statement: its offset and length.
    fn terminator(&self, token: &Token, p: &Pending) -> Option<(usize, usize)> {
        if let Some(delimiter) = &self.delimiter {
            if matches!(token.kind, TokenKind::String | TokenKind::QuotedIdentifier | TokenKind::Unterminated) {
                return None;
            }
            // It may start anywhere in a word (`END$$`) and reach over several tokens (`//`).
            let from = token.span.start;
            let at = (from..token.span.end).find(|&i| self.text.as_bytes()[i..].starts_with(delimiter.as_bytes()))?;
            return Some((at, delimiter.len()));
        }
        // psql's `\;` joins two statements into one message, which is nothing to be taken apart in silence.
        let joins = self.dialect == Dialect::Postgres && self.text[..token.span.start].ends_with('\\');
        if token.kind != TokenKind::Semicolon || joins {
            return None;
        }
        let ends = match p.body {
            Body::Plain => true,
            Body::Atomic | Body::Rule | Body::Compound => p.depth == 0,
            Body::Trigger => p.before[1] == "END" && p.before[0] == ";",
        };
        ends.then_some((token.span.start, 1))
    }

    /// Ends the pending statement at `at`; `terminated` is the end of its terminator.
    fn finish(&mut self, at: usize, terminated: Option<usize>) {
        let Some(p) = self.pending.take() else { return };
        let end = match terminated {
            // Only what the servers take for blanks: a no-break space may end a name.
            Some(_) => p.start + self.text[p.start..at].trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b').len(),
            None => p.end,
        };
        if end <= p.start {
            return; // A lone terminator.
        }
        let open = match p.body {
            Body::Plain => false,
            Body::Trigger => terminated.is_none() && p.before[1] != "END",
            Body::Atomic | Body::Rule | Body::Compound => p.depth > 0,
        };
        let complete = !p.broken && (!open || self.delimiter.is_some()) && self.lexer.version_depth == 0;
        if !complete && !p.broken {
            self.refuse(
                p.start,
                "the statement that starts here is not finished at the end of the file",
                "A block (BEGIN …, CASE …, a parenthesis or a version comment) is opened and never closed.",
            );
        }
        let outer = p.outer..terminated.unwrap_or(end);
        let span = p.start..end;
        let copies = self.dialect == Dialect::Postgres && p.copies_from_stdin();
        if copies && terminated.is_some() {
            self.refuse(
                p.start,
                "COPY … FROM STDIN takes its data from the script, which a server cannot read",
                "Write the rows as INSERT statements, or load them with psql and keep them out of the migration.",
            );
        }
        if self.dialect == Dialect::MySql && p.head.first().is_some_and(|w| w == "SOURCE") {
            self.refuse(
                p.start,
                "`source` is a command of the client",
                "Put that file's statements here; the server does not know `source`.",
            );
        }
        self.out.statements.push(StatementSpan { span, outer, line: p.line, complete, data: None });
        match terminated {
            Some(_) if copies && self.rest_of_line => self.copies.push(self.out.statements.len() - 1),
            Some(after) if copies => self.take_data(after),
            _ => {}
        }
    }

    /// Takes what follows the COPY that was just read and ends at `after`: the statements on the rest of its line, which
    /// psql runs afterwards, and then the data of each COPY among them, in their order. Without data nothing is taken.
    fn take_data(&mut self, after: usize) {
        if self.open_line.is_some_and(|end| after <= end) {
            return;
        }
        let line_end = if self.data_ahead { self.line_end(after) } else { self.text.len() };
        if !self.data_ahead || line_end == self.text.len() && !self.to_end {
            self.reach = self.text.len();
            return;
        }
        self.reach = self.reach.max((line_end + 1).min(self.text.len()));
        let mut rest = Splitter { rest_of_line: true, ..Splitter::new(self.lexer.reading, &self.text[after..line_end]) };
        while rest.step().is_some() {}
        if rest.pending.is_some() {
            self.open_line = Some(line_end);
            return;
        }
        let mut at = (line_end + 1).min(self.text.len());
        let mut blocks = Vec::new();
        while blocks.len() <= rest.copies.len() {
            let Some((data, behind)) = self.data_block(at) else { break };
            blocks.push(data);
            at = behind;
        }
        if blocks.is_empty() {
            return;
        }
        let line = self.line(after);
        let own = self.out.statements.len() - 1;
        let shift = |r: Range<usize>| r.start + after..r.end + after;
        let moved = |s: StatementSpan| StatementSpan { span: shift(s.span), outer: shift(s.outer), line, ..s };
        self.out.statements.extend(rest.out.statements.into_iter().map(moved));
        self.out.refusals.extend(rest.out.refusals.into_iter().map(|r| Refusal { at: r.at + after, ..r }));
        let copies = std::iter::once(own).chain(rest.copies.iter().map(|c| own + 1 + c));
        for (copy, data) in copies.zip(blocks) {
            self.out.statements[copy].data = Some(data);
        }
        if let Some(last) = self.out.statements.last_mut() {
            last.outer.end = at;
        }
        self.lexer.pos = at;
    }

    /// The data of a COPY that begin at `from`, and the end of the line `\.` behind them.
    fn data_block(&mut self, from: usize) -> Option<(Range<usize>, usize)> {
        let mut at = from;
        for line in self.text[from..].split_inclusive('\n') {
            let start = at;
            at += line.len();
            if line.trim_end_matches(['\n', '\r']) == "\\." {
                return Some((from..start, at));
            }
        }
        if self.to_end {
            return Some((from..at, at));
        }
        self.data_ahead = false;
        self.reach = self.text.len();
        None
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |n| at + n)
    }

    fn client_command(&mut self, at: usize) {
        let word: String = self.text[at..].chars().take_while(|c| !c.is_whitespace()).take(24).collect();
        let client = if self.dialect == Dialect::Postgres { "psql" } else { "the client" };
        self.refuse(
            at,
            format!("`{word}` is a command of {client}, not SQL"),
            format!("Remove it, or write it as SQL: a migration goes to the server without {client}."),
        );
    }

    /// Lines that are no SQL, recognised where a statement could start. True when one was taken.
    fn own_line(&mut self, token: &Token, comment: Option<usize>) -> bool {
        let start = token.span.start;
        let part = &self.text[token.span.clone()];
        let end = self.line_end(start);
        if self.dialect == Dialect::MySql
            && part.eq_ignore_ascii_case("delimiter")
            && self.text.as_bytes().get(token.span.end).is_none_or(u8::is_ascii_whitespace)
        {
            match self.text[token.span.end..end.max(token.span.end)].split_whitespace().next() {
                Some(";") => self.delimiter = None,
                Some(d) => self.delimiter = Some(d.to_owned()),
                None => self.refuse(start, "DELIMITER names no delimiter", "Write it behind the word: `DELIMITER //`."),
            }
            self.lexer.pos = end.max(token.span.end);
            return true;
        }
        let meta = part == "\\" && token.kind == TokenKind::Other && self.dialect != Dialect::Sqlite;
        let dot = part == "."
            && self.dialect == Dialect::Sqlite
            && self.text.as_bytes().get(token.span.end).is_some_and(u8::is_ascii_alphabetic)
            && (start == 0 || self.text[..start].ends_with('\n'));
        if !meta && !dot {
            return false;
        }
        if dot {
            let word: String = self.text[start..].chars().take_while(|c| !c.is_whitespace()).take(24).collect();
            self.refuse(
                start,
                format!("`{word}` is a command of sqlite3, not SQL"),
                "Remove it, or write it as SQL: a migration goes to the library without the sqlite3 program.",
            );
        } else {
            self.client_command(start);
        }
        let span = start..start + self.text[start..end].trim_end().len();
        let line = self.line(start);
        self.lexer.pos = end;
        if restricts(self.dialect, &self.text[span.clone()]) {
            return true;
        }
        self.out.statements.push(StatementSpan { outer: comment.unwrap_or(start)..span.end, span, line, complete: true, data: None });
        true
    }
}

impl Pending {
    fn new(start: usize, outer: usize, line: usize) -> Self {
        Pending {
            start,
            outer,
            line,
            end: start,
            head: Vec::new(),
            body: Body::Plain,
            depth: 0,
            before: [String::new(), String::new()],
            line_ended: false,
            broken: false,
        }
    }

    fn copies_from_stdin(&self) -> bool {
        self.head.first().is_some_and(|w| w == "COPY") && self.head.last().is_some_and(|w| w == "STDIN")
    }

    /// Takes a token that does not end the statement.
    fn take(&mut self, dialect: Dialect, token: &Token, part: &str, delimited: bool) {
        self.end = token.span.end;
        self.line_ended = false;
        if part == "(" && self.before[1] == "COPY" && self.head.len() == 1 {
            self.head.push(part.to_owned()); // COPY (query) TO …, which may read from a table of any name
        }
        let plain = matches!(token.kind, TokenKind::Keyword | TokenKind::Identifier) && part.len() <= 16;
        let word = if plain { part.to_ascii_uppercase() } else { part.get(..1).unwrap_or_default().to_owned() };
        if plain {
            self.heading(dialect, &word);
        }
        match self.body {
            Body::Plain | Body::Trigger => {}
            _ if delimited => {}
            Body::Rule => match part {
                "(" => self.depth += 1,
                ")" => self.depth = self.depth.saturating_sub(1),
                _ => {}
            },
            Body::Atomic if plain => match word.as_str() {
                // Only `BEGIN ATOMIC` opens a body; the word before tells.
                "ATOMIC" if self.depth == 0 && self.before[1] == "BEGIN" => self.depth = 1,
                "CASE" if self.depth > 0 => self.depth += 1,
                "END" => self.depth = self.depth.saturating_sub(1),
                _ => {}
            },
            Body::Compound if plain && self.before[1] != "." && self.before[1] != "AS" => {
                let ended = self.before[1] == "END";
                let starts = match self.before[1].as_str() {
                    ";" | ":" | "BEGIN" | "THEN" | "ELSE" | "DO" | "LOOP" | "REPEAT" | "ROW" => true,
                    ")" | "SQL" | "DATA" | "DETERMINISTIC" | "INVOKER" | "DEFINER" | "'" => self.depth == 0,
                    _ => false,
                };
                match word.as_str() {
                    "BEGIN" => self.depth += 1,
                    "CASE" if !ended => self.depth += 1,
                    "END" => self.depth = self.depth.saturating_sub(1),
                    w if BLOCKS.contains(&w) && starts && !ended => self.depth += 1,
                    _ => {}
                }
            }
            Body::Atomic | Body::Compound => {}
        }
        self.before.swap(0, 1);
        self.before[1] = word;
    }

    /// Settles the body from the first words. Only words that can matter are kept.
    fn heading(&mut self, dialect: Dialect, word: &str) {
        let first = self.head.first().map(String::as_str);
        match first {
            None => self.head.push(word.to_owned()),
            Some("COPY") => {
                // The last two words are enough: FROM, then STDIN right behind it.
                let from = self.before[1] == "FROM";
                if word == "STDIN" && from && self.head.len() == 1 {
                    self.head.push(word.to_owned());
                }
            }
            // MariaDB's anonymous block.
            Some("BEGIN") if dialect == Dialect::MySql && self.body == Body::Plain && word == "NOT" && self.before[1] == "BEGIN" => {
                self.body = Body::Compound;
                self.depth = 1;
            }
            Some("EXPLAIN") if dialect == Dialect::Sqlite && word == "CREATE" => self.head = vec![word.to_owned()],
            Some("CREATE") if self.body == Body::Plain && self.head.len() < 12 => {
                self.body = match (dialect, word) {
                    (Dialect::Postgres, "FUNCTION" | "PROCEDURE") => Body::Atomic,
                    (Dialect::Postgres, "RULE") => Body::Rule,
                    (Dialect::Sqlite, "TRIGGER") => Body::Trigger,
                    (Dialect::MySql, "PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" | "PACKAGE") => Body::Compound,
                    _ => Body::Plain,
                };
                // Whatever names the kind of object ends the search: a table may have a column `trigger`.
                let passed = matches!(
                    word,
                    "OR" | "REPLACE" | "TEMP" | "TEMPORARY" | "DEFINER" | "CURRENT_USER" | "CURRENT_ROLE" | "AGGREGATE" | "CONSTRAINT"
                ) || self.before[1] == "="
                    || self.before[1].starts_with('@');
                if self.body == Body::Plain && !passed {
                    self.head.resize(12, String::new());
                } else {
                    self.head.push(word.to_owned());
                }
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
pub(in crate::sql) mod tests;
