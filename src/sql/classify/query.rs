//! The grammar of a query that only reads, over the tokens that count: one pass, no recursion.

use super::heads::starts_query;
use super::{Class, Tok, Verdict, shout};
use crate::model::Dialect;
use crate::sql::functions;
use crate::sql::keywords::{self, Word};
use crate::sql::lexer::TokenKind;
use std::collections::HashSet;
use std::sync::OnceLock;

/// What a scan found in a query that only reads.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) functions: Vec<String>,
    pub(super) calls: Vec<String>,
    pub(super) fields: Vec<String>,
    /// The names in `fields` and in `calls`, for looking up.
    known: HashSet<String>,
    called: HashSet<String>,
}

/// What a parenthesis holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Arguments of a call.
    Call,
    /// A query that stands where a table may.
    Source,
    Plain,
}

/// Words before a `(` that call nothing, because no function can bear the name unquoted in PostgreSQL and MySQL.
const NOT_CALLS: &str = "and or not in exists all any some between like ilike is on using from join where having as select distinct case when then \
     else end union except intersect group lateral limit offset fetch with row array interval similar isnull notnull collate window table inner \
     outer cross natural full cast trim coalesce nullif greatest least extract overlay position substring treat normalize grouping setof values \
     unique returning only to symmetric asymmetric both leading trailing placing variadic for \
     bigint bit boolean character dec decimal float int integer nchar numeric precision real smallint time timestamp varchar";

/// More of them in MySQL.
const NOT_CALLS_MYSQL: &str = "regexp rlike by distinctrow over div xor straight_join partition index key char binary varbinary double tinyint mediumint \
     unsigned signed nvarchar match";

/// The one in PostgreSQL that is no keyword: what stands in OPERATOR(…) is looked at as a word.
const NOT_CALLS_POSTGRES: &str = "operator";

/// More of them in SQLite, where nobody but the program defines functions.
const NOT_CALLS_SQLITE: &str = "by glob match regexp over filter materialized escape";

/// Words that call nothing when they follow a value: `f() OVER (…)`; anywhere else they may be a function's name.
const AFTER_A_VALUE: &str = "over filter within escape columns passing against exclude rows range groups repeatable";

/// Words that call nothing behind these.
const AFTER_A_WORD: &[(&str, &str)] = &[
    ("by", "order group partition"),
    ("rollup", "by"),
    ("cube", "by"),
    ("sets", "grouping"),
    ("materialized", "as not"),
    ("first", "fetch"),
    ("next", "fetch"),
    ("zone", "time"),
    ("of", "member"),
];

fn never_called(d: Dialect, word: &str) -> bool {
    static SETS: OnceLock<[HashSet<&'static str>; 3]> = OnceLock::new();
    let sets = SETS.get_or_init(|| {
        [NOT_CALLS_POSTGRES, NOT_CALLS_MYSQL, NOT_CALLS_SQLITE]
            .map(|own| NOT_CALLS.split_whitespace().chain(own.split_whitespace()).collect())
    });
    match d {
        Dialect::Postgres => sets[0].contains(word),
        Dialect::MySql => sets[1].contains(word),
        Dialect::Sqlite => sets[2].contains(word),
    }
}

struct Reader<'a, 'b> {
    d: Dialect,
    toks: &'b [Tok<'a>],
    /// Tokens that WITH clauses have accounted for: names of CTEs and the words of SEARCH and CYCLE.
    settled: Vec<bool>,
    /// Words that can only be names: behind `name.` or AS.
    label: Vec<bool>,
    /// Why it is no read, if it sets a user variable and does nothing worse.
    assigns: Option<&'static str>,
    found: Scan,
}

/// Scans `toks[from..]`; with `whole`, a query must start there.
pub(super) fn scan(d: Dialect, toks: &[Tok<'_>], from: usize, whole: bool) -> Result<Scan, Verdict> {
    let label = labels(toks);
    let mut reader = Reader { d, toks, settled: vec![false; toks.len()], label, assigns: None, found: Scan::default() };
    if whole && toks[from].is("with") {
        reader.with_clause(from)?;
    }
    reader.run(from, whole)?;
    match (reader.assigns, reader.found.functions.first()) {
        (Some(_), Some(name)) => Err(refuse(Class::Other, format!("it sets a user variable and calls `{name}`, which may write"))),
        (Some(why), None) => Err(refuse(Class::Session, why)),
        (None, _) => Ok(reader.found),
    }
}

/// Which words can only be names. `SELECT 1 AS as INTO t` shows why this goes from the left: the second `as` is a name,
/// so that INTO is none.
fn labels(toks: &[Tok<'_>]) -> Vec<bool> {
    let mut out = vec![false; toks.len()];
    for i in 1..toks.len() {
        let before = &toks[i - 1];
        out[i] = if before.is(".") && i >= 2 {
            let owner = &toks[i - 2];
            owner.names() || owner.is(")") || owner.is("]") || owner.kind == TokenKind::Parameter
        } else {
            before.word == "as" && !out[i - 1]
        };
    }
    out
}

fn refuse(class: Class, reason: impl Into<String>) -> Verdict {
    Verdict::not_read(class, reason)
}

fn listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|w| w == word)
}

impl<'a> Reader<'a, '_> {
    fn word(&self, i: usize) -> &str {
        self.toks.get(i).map_or("", |t| t.word.as_str())
    }

    fn is(&self, i: usize, text: &str) -> bool {
        self.toks.get(i).is_some_and(|t| t.is(text))
    }

    /// WITH [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (query) [SEARCH …] [CYCLE …], … and then a query.
    fn with_clause(&mut self, at: usize) -> Result<(), Verdict> {
        let odd = |t: Option<&Tok<'a>>| {
            let what = t.map_or("the end", |t| t.text);
            refuse(Class::Other, format!("WITH is followed by `{what}` where the read grammar has no place for it"))
        };
        let mut i = at + 1 + usize::from(self.word(at + 1) == "recursive");
        loop {
            if !self.toks.get(i).is_some_and(Tok::names) {
                return Err(odd(self.toks.get(i)));
            }
            self.settled[i] = true;
            i += 1;
            if self.is(i, "(") {
                let close = self.toks[i].close;
                if !self.toks[i + 1..close.max(i + 1)].iter().all(|t| t.names() || t.is(",")) {
                    return Err(odd(self.toks.get(i + 1)));
                }
                self.settled[i..=close].fill(true);
                i = close + 1;
            }
            if self.word(i) != "as" {
                return Err(odd(self.toks.get(i)));
            }
            i += 1;
            i += usize::from(self.word(i) == "not" && self.word(i + 1) == "materialized");
            i += usize::from(self.word(i) == "materialized");
            if !self.is(i, "(") {
                return Err(odd(self.toks.get(i)));
            }
            match self.toks.get(i + 1) {
                Some(t) if starts_query(t) => {}
                Some(t) => return Err(self.wrong_start(t, "in WITH")),
                None => return Err(odd(None)),
            }
            i = self.toks[i].close + 1;
            i = self.search_and_cycle(i);
            if !self.is(i, ",") {
                break;
            }
            i += 1;
        }
        match self.toks.get(i) {
            Some(t) if starts_query(t) && t.word != "with" => Ok(()),
            Some(t) => Err(self.wrong_start(t, "after WITH")),
            None => Err(odd(None)),
        }
    }

    /// Steps over `SEARCH … SET name` and `CYCLE … SET name [TO … DEFAULT …] USING name` (PostgreSQL), `CYCLE … RESTRICT` (MariaDB).
    fn search_and_cycle(&mut self, mut i: usize) -> usize {
        while matches!(self.word(i), "search" | "cycle") {
            let cycle = self.word(i) == "cycle";
            let from = i;
            i += 1;
            while self.toks.get(i).is_some_and(|t| t.names() || t.is(",")) && !matches!(self.word(i), "set" | "restrict") {
                i += 1;
            }
            if self.word(i) == "set" {
                i += 2;
                if cycle && self.word(i) == "to" && self.word(i + 2) == "default" {
                    i += 4;
                }
                if cycle && self.word(i) == "using" {
                    i += 2;
                }
            } else {
                i += 1;
            }
            let end = i.min(self.toks.len());
            // Only names, commas and the words of the clause may hide behind it.
            for at in from..end {
                let t = &self.toks[at];
                self.settled[at] = t.is(",")
                    || t.names() && !matches!(keywords::word(self.d, t.word.as_bytes()), Some(Word::Refused))
                    || matches!(t.word.as_str(), "set" | "default" | "restrict");
            }
        }
        i
    }

    /// The verdict for a statement that stands where a query must.
    fn wrong_start(&self, t: &Tok<'_>, place: &str) -> Verdict {
        let word = shout(&t.word);
        match t.word.as_str() {
            "insert" | "update" | "delete" | "merge" | "replace" => refuse(Class::Dml, format!("{word} {place} writes")),
            "" => refuse(Class::Other, format!("`{}` {place} begins no query", t.text)),
            _ => refuse(Class::Other, format!("{word} {place} is not a query, so it may write")),
        }
    }

    fn run(&mut self, from: usize, whole: bool) -> Result<(), Verdict> {
        let mut groups: Vec<Group> = Vec::new();
        // What the parenthesis held that ended last.
        let mut closed = Group::Plain;
        let mut i = from;
        while i < self.toks.len() {
            let t = &self.toks[i];
            if self.settled[i] {
                i += 1;
                continue;
            }
            if t.is("(") {
                groups.push(self.open(i, from, closed)?);
            } else if t.is(")") {
                closed = groups.pop().unwrap_or(Group::Plain);
            } else if t.is(":=") && self.d == Dialect::MySql && (whole || !self.toks[0].is("set")) {
                self.assigns = Some("`:=` sets a user variable");
            }
            if self.d == Dialect::Postgres && t.names() && i > from && self.is(i - 1, ".") && !self.is(i + 1, "(") {
                let name = unquote(t);
                if self.found.known.insert(name.clone()) {
                    self.found.fields.push(name);
                }
            }
            if !t.word.is_empty() {
                self.check_word(i, from, whole, groups.last().copied())?;
            } else if t.kind == TokenKind::QuotedIdentifier {
                self.check_name(t)?;
            }
            i += 1;
        }
        Ok(())
    }

    fn check_word(&mut self, i: usize, from: usize, whole: bool, group: Option<Group>) -> Result<(), Verdict> {
        let toks = self.toks;
        let word = |i: usize| toks.get(i).map_or("", |t| t.word.as_str());
        let t = &toks[i];
        let (w, next) = (t.word.as_str(), word(i + 1));
        let prev = if i > from { word(i - 1) } else { "" };
        self.check_name(t)?;
        if self.label[i] {
            // MariaDB in Oracle mode.
            if self.d == Dialect::MySql && w == "nextval" {
                return Err(refuse(Class::Other, "`nextval` moves a sequence"));
            }
            return Ok(());
        }
        match w {
            // MySQL's string functions that are named like statements.
            "insert" | "replace" | "truncate" | "repeat" | "default" if self.is(i + 1, "(") && functions::harmless(self.d, w) => {
                return Ok(());
            }
            // CONVERT(x USING …), CHAR(10) CHARACTER SET utf8mb4.
            "set" if self.d == Dialect::MySql && matches!(prev, "character" | "char" | "charset") => return Ok(()),
            "set" if !whole => return Ok(()),
            "default" | "on" | "off" | "local" | "read" | "write" if !whole && self.toks[0].is("set") => return Ok(()),
            // JSON_TABLE: `DEFAULT '0' ON EMPTY`.
            "default" if self.d == Dialect::MySql && word(i + 2) == "on" && matches!(word(i + 3), "empty" | "error") => return Ok(()),
            "into" if self.d == Dialect::MySql && toks.get(i + 1).is_some_and(|t| t.kind == TokenKind::Parameter) => {
                self.assigns = Some("INTO sets a user variable");
                return Ok(());
            }
            "into" => return Err(self.writes_into(i)),
            // JSON_VALUE(… RETURNING type): of a change the word never stands among arguments.
            "returning" if group == Some(Group::Call) => return Ok(()),
            "for" => return self.check_for(i, group),
            "lock" if self.d == Dialect::MySql => return Err(refuse(Class::Other, "LOCK IN SHARE MODE takes row locks")),
            "select" if whole || i > from => return self.check_select(i, from, prev),
            "union" | "except" | "intersect" => {
                let after = i + 1 + usize::from(matches!(next, "all" | "distinct"));
                return match self.toks.get(after) {
                    Some(t) if starts_query(t) && t.word != "with" => Ok(()),
                    Some(t) => Err(self.wrong_start(t, &format!("after {}", shout(w)))),
                    None => Err(refuse(Class::Other, format!("{} is followed by nothing", shout(w)))),
                };
            }
            "operator" if self.d == Dialect::Postgres && self.is(i + 1, "(") && self.word(i + 2) != "pg_catalog" => {
                return Err(refuse(Class::Other, "OPERATOR(…) calls a function that cannot be told"));
            }
            _ => {}
        }
        match keywords::word(self.d, w.as_bytes()) {
            Some(Word::Refused) => Err(match w {
                "insert" | "update" | "delete" | "merge" | "replace" => refuse(Class::Dml, format!("{} writes", shout(w))),
                "create" | "alter" | "drop" | "truncate" => refuse(Class::Ddl, format!("{} changes the schema", shout(w))),
                _ => refuse(Class::Other, format!("{} has no place in a query that only reads", shout(w))),
            }),
            _ if self.d == Dialect::MySql && w.starts_with('$') => {
                Err(refuse(Class::Other, format!("`{}` begins with a dollar sign, which newer servers read as a quote", t.text)))
            }
            _ => Ok(()),
        }
    }

    /// Names that do something wherever they stand.
    fn check_name(&self, t: &Tok<'_>) -> Result<(), Verdict> {
        let escaped = t.word.is_empty() && t.text.as_bytes().get(1) == Some(&b'&');
        if self.d == Dialect::Postgres && escaped {
            return Err(refuse(Class::Other, format!("{} is a name with escapes, which may hide any function", t.text)));
        }
        if self.d != Dialect::Sqlite {
            return Ok(());
        }
        // A pragma works as a table, too.
        let name = unquote(t).to_ascii_lowercase();
        if name.starts_with("pragma_") && !functions::harmless(self.d, &name) {
            return Err(refuse(Class::Other, format!("`{name}` is not on the list of pragmas that only show")));
        }
        Ok(())
    }

    fn check_select(&self, i: usize, from: usize, prev: &str) -> Result<(), Verdict> {
        let placed = i == from
            || self.is(i - 1, "(")
            || self.is(i - 1, ")")
            || matches!(prev, "union" | "except" | "intersect" | "all" | "distinct")
            || self.settled[i - 1];
        if placed { Ok(()) } else { Err(refuse(Class::Other, "SELECT stands where the read grammar has no place for it")) }
    }

    fn writes_into(&self, i: usize) -> Verdict {
        match (self.d, self.word(i + 1)) {
            (Dialect::Postgres, _) => refuse(Class::Ddl, "SELECT … INTO creates a table"),
            (Dialect::MySql, w @ ("outfile" | "dumpfile")) => {
                refuse(Class::Other, format!("INTO {} writes a file on the server", shout(w)))
            }
            _ => refuse(Class::Other, "INTO writes"),
        }
    }

    fn check_for(&self, i: usize, group: Option<Group>) -> Result<(), Verdict> {
        let next = self.word(i + 1);
        if self.word(i.wrapping_sub(1)) == "value" && self.word(i.wrapping_sub(2)) == "next" {
            return Err(refuse(Class::Other, "NEXT VALUE FOR moves a sequence"));
        }
        if self.word(i.wrapping_sub(1)) == "value" && self.word(i.wrapping_sub(2)) == "previous" {
            return Err(refuse(
                Class::Other,
                "PREVIOUS VALUE FOR asks a sequence for what it gave this session, and only one that writes has that",
            ));
        }
        match next {
            "update" | "share" | "no" | "key" => Err(refuse(Class::Other, format!("FOR {} takes row locks", shout(next)))),
            // Index hints, temporal tables, JSON_TABLE, and SUBSTRING(x FROM 1 FOR 2).
            "join" | "order" | "group" | "system_time" | "ordinality" => Ok(()),
            "read" if self.d == Dialect::Postgres && self.word(i + 2) == "only" => Ok(()),
            _ if group == Some(Group::Call) || self.d == Dialect::Sqlite => Ok(()),
            _ => Err(refuse(Class::Other, "FOR has no place here in a query that only reads")),
        }
    }

    /// Judges the parenthesis at `i`: a query, the arguments of a call, or a plain one.
    fn open(&mut self, i: usize, from: usize, closed: Group) -> Result<Group, Verdict> {
        if self.is(i + 1, "with") {
            self.with_clause(i + 1)?;
        }
        let queried = self.toks.get(i + 1).is_some_and(starts_query);
        if i <= from {
            return Ok(if queried { Group::Source } else { Group::Plain });
        }
        let before = &self.toks[i - 1];
        if before.kind == TokenKind::String {
            // With ANSI_QUOTES a name; otherwise the server refuses it.
            return if self.d == Dialect::MySql && before.text.starts_with('"') {
                Err(refuse(Class::Other, format!("{} before a parenthesis may call a function", before.text)))
            } else {
                Ok(Group::Plain)
            };
        }
        if !before.names() {
            let source = queried && (before.is("(") || before.is(","));
            return Ok(if source { Group::Source } else { Group::Plain });
        }
        let unquoted = !before.word.is_empty();
        let qualified = i >= from + 2 && self.is(i - 2, ".");
        if unquoted && !qualified && !self.label[i - 1] && self.is_syntax(i - 1, from) {
            // SUBSTRING(… FROM … FOR …) and its kin are calls as far as FOR goes.
            let call = matches!(before.word.as_str(), "substring" | "overlay" | "position" | "trim" | "extract" | "cast" | "columns");
            let source = queried && matches!(before.word.as_str(), "from" | "join" | "lateral");
            return Ok(if call {
                Group::Call
            } else if source {
                Group::Source
            } else {
                Group::Plain
            });
        }
        // The whole name: a.b.c
        let mut start = i - 1;
        while start >= from + 2 && self.is(start - 1, ".") && self.toks[start - 2].names() {
            start -= 2;
        }
        if start > from {
            let lead = &self.toks[start - 1];
            // A type: x::numeric(10, 2), CAST(x AS varchar(3)), or the columns of an alias.
            if lead.is("::") || lead.word == "as" && !self.label[start - 1] {
                return Ok(Group::Plain);
            }
            // An alias with columns behind a source or a call: FROM f(x) t(a, b).
            if lead.is(")") && closed != Group::Plain || lead.word == "ordinality" {
                return Ok(Group::Plain);
            }
        }
        self.call(start, i)?;
        Ok(Group::Call)
    }

    /// True if the unquoted word at `i`, before a parenthesis, calls nothing.
    fn is_syntax(&self, i: usize, from: usize) -> bool {
        let w = self.word(i);
        if never_called(self.d, w) {
            return true;
        }
        if i <= from {
            return false;
        }
        let before = &self.toks[i - 1];
        if AFTER_A_WORD.iter().any(|(word, lead)| *word == w && listed(lead, &before.word)) {
            return true;
        }
        if matches!(w, "rollup" | "cube") && before.is(",") {
            return self.toks[from..i].iter().rev().any(|t| t.word == "by");
        }
        let value = match before.kind {
            TokenKind::String | TokenKind::Number | TokenKind::Parameter | TokenKind::QuotedIdentifier => true,
            TokenKind::Punctuation => before.is(")") || before.is("]"),
            TokenKind::Identifier | TokenKind::Keyword => {
                self.label[i - 1] || !matches!(keywords::word(self.d, before.word.as_bytes()), Some(Word::Query))
            }
            _ => false,
        };
        value && listed(AFTER_A_VALUE, w)
    }

    /// Notes the call of the name at `start..end`.
    fn call(&mut self, start: usize, end: usize) -> Result<(), Verdict> {
        let parts: Vec<&Tok<'a>> = self.toks[start..end].iter().filter(|t| t.names()).collect();
        let mut names = Vec::with_capacity(parts.len());
        for t in &parts {
            let name = unquote(t);
            // Only PostgreSQL tells "Lower" from lower.
            let name = if self.d == Dialect::Postgres { name } else { name.to_lowercase() };
            if name.contains('.') || name.is_empty() {
                return Err(refuse(Class::Other, format!("{} is a function name that cannot be looked up", t.text)));
            }
            names.push(name);
        }
        let last = names.last().map_or("", String::as_str);
        if let Some(what) = functions::denied(self.d, &last.to_lowercase()) {
            // LAST_INSERT_ID() without an argument only shows.
            let shows = last == "last_insert_id" && self.is(end, "(") && self.toks[end].close == end + 1;
            if !shows {
                return Err(refuse(Class::Other, format!("`{last}` {what}")));
            }
        }
        let harmless = match names.as_slice() {
            [name] => functions::harmless(self.d, name) || name == "last_insert_id" && self.d == Dialect::MySql,
            [schema, name] => self.d == Dialect::Postgres && schema == "pg_catalog" && functions::harmless(self.d, name),
            _ => false,
        };
        let full = names.join(".");
        if self.found.called.insert(full.clone()) {
            if !harmless {
                self.found.functions.push(full.clone());
            }
            self.found.calls.push(full);
        }
        Ok(())
    }
}

/// The name that a word or a quoted name stands for.
fn unquote(t: &Tok<'_>) -> String {
    if !t.word.is_empty() {
        return t.word.clone();
    }
    let inner = t.text.get(1..t.text.len().saturating_sub(1)).unwrap_or_default();
    match t.text.as_bytes().first() {
        Some(b'"') => inner.replace("\"\"", "\""),
        Some(b'`') => inner.replace("``", "`"),
        _ => inner.to_owned(),
    }
}
