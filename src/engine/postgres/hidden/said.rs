//! What the text of a statement or of a function's body says: names, operators and calls, as the catalogue writes them.

use super::super::catalog::array;
use crate::model::{Dialect, Reading};
use crate::sql::{self, Token, TokenKind};
use std::collections::BTreeSet;

/// Bytes of a name that the server keeps (NAMEDATALEN - 1): it cuts longer ones off, so `SELECT * FROM long…` may mean another name.
const NAME_BYTES: usize = 63;

/// Operators that words of the grammar call: `a IN (b)` is `a = b`, and so on.
const BEHIND_WORDS: &[(&str, &[&str])] = &[
    ("in", &["=", "<>"]),
    ("between", &["<", "<=", ">", ">="]),
    ("like", &["~~", "!~~"]),
    ("ilike", &["~~*", "!~~*"]),
    ("similar", &["~", "!~"]),
    ("case", &["="]),
    ("nullif", &["="]),
    ("using", &["="]),
    ("natural", &["="]),
    ("distinct", &["="]),
];

/// Words with which a statement begins that does more than read, or that runs what stands elsewhere. A body that has none of them can
/// only compute, look and call: each of PostgreSQL's statements begins with its own word (gram.y, `stmt`).
const COMMANDS: &[&str] = &[
    "abort",
    "alter",
    "analyse",
    "analyze",
    "call",
    "checkpoint",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "delete",
    "discard",
    "do",
    "drop",
    "execute",
    "explain",
    "fetch",
    "grant",
    "import",
    "insert",
    "listen",
    "load",
    "lock",
    "merge",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "set",
    "start",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
];

/// As the end of a sentence.
pub(super) const ESCAPES: &str = "spells a name in escapes (U&)";

/// Every name, operator and call of a text, as the catalogue writes them.
#[derive(Debug, Default)]
pub(super) struct Said {
    names: BTreeSet<String>,
    operators: BTreeSet<String>,
    calls: BTreeSet<String>,
    /// What may name a relation: the last parts of names, with the schema if one stands before.
    pub places: BTreeSet<String>,
    /// Some value is made another type's: `::`, CAST, `type 'literal'`, columns of XML or JSON, or a parameter.
    pub converts: bool,
}

impl Said {
    /// Parameters of the queries for what is looked up, in their order.
    pub fn params(&self, planned: bool) -> [String; 5] {
        let converts = self.converts || planned;
        let [names, operators, calls] = [&self.names, &self.operators, &self.calls].map(list);
        [names, operators, calls, planned.to_string(), converts.to_string()]
    }

    fn gather_places(&mut self, text: &str, tokens: &[Token]) {
        let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
        for (i, t) in tokens.iter().enumerate().filter(|(i, _)| raw(i + 1) != ".") {
            let names = kept(t.kind, raw(i));
            let schemas = if i > 1 && raw(i - 1) == "." { kept(tokens[i - 2].kind, raw(i - 2)) } else { Vec::new() };
            // A session's own temporary schema has a number in its name.
            match schemas.is_empty() || schemas.iter().any(|s| s.starts_with("pg_temp")) {
                true => self.places.extend(names),
                false => self.places.extend(schemas.iter().flat_map(|s| names.iter().map(move |n| format!("{s}.{n}")))),
            }
        }
    }

    pub fn gather(&mut self, text: &str) {
        for tokens in readings(text) {
            self.gather_places(text, &tokens);
        }
        let mut before = None;
        for t in readings(text).into_iter().flatten() {
            let word = &text[t.span.clone()];
            match t.kind {
                TokenKind::Identifier | TokenKind::Keyword => {
                    let ascii = word.to_ascii_lowercase();
                    self.names.extend(kept(t.kind, word));
                    self.converts |= matches!(ascii.as_str(), "cast" | "xmltable" | "json_table");
                    if let Some((_, operators)) = BEHIND_WORDS.iter().find(|(w, _)| *w == ascii) {
                        self.operators.extend(operators.iter().map(|o| (*o).to_string()));
                    }
                }
                TokenKind::QuotedIdentifier => self.names.extend(kept(t.kind, word)),
                TokenKind::Operator => {
                    self.converts |= word == "::";
                    self.operators.insert(word.to_string());
                }
                TokenKind::String => {
                    self.converts |= matches!(before, Some(TokenKind::Identifier | TokenKind::QuotedIdentifier));
                }
                TokenKind::Parameter => self.converts = true,
                _ => {}
            }
            before = Some(t.kind);
        }
        self.calls.extend(calls_of(text).into_iter().chain(after_dots(text)));
    }
}

/// Names of the functions that a body calls, without their schemas; or what it does that hides them, as the end of a sentence.
pub(in crate::engine::postgres) fn called(body: &str) -> std::result::Result<Vec<String>, &'static str> {
    for t in sql::lex(Dialect::Postgres, body) {
        let word = &body[t.span.clone()];
        match t.kind {
            // Nobody writes names in escapes who does not want to hide them, and PL/pgSQL may say UESCAPE much later.
            TokenKind::QuotedIdentifier if !word.starts_with('"') => return Err(ESCAPES),
            TokenKind::Identifier | TokenKind::Keyword if word.eq_ignore_ascii_case("execute") => {
                return Err("builds statements while it runs");
            }
            _ => {}
        }
    }
    Ok(calls_of(body))
}

/// Whether a function's body says a word of [`COMMANDS`], be it as a name.
pub(super) fn says_command(body: &str) -> bool {
    sql::lex(Dialect::Postgres, body).into_iter().any(|t| {
        matches!(t.kind, TokenKind::Identifier | TokenKind::Keyword)
            && COMMANDS.contains(&body[t.span.clone()].to_ascii_lowercase().as_str())
    })
}

/// The tokens that mean something, and where a backslash leaves it open how the server reads strings, those of the other reading.
fn readings(text: &str) -> Vec<Vec<Token>> {
    let other = text.contains('\\').then(|| Reading::postgres(false));
    let means = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    let of = |r: Reading| sql::lex(r, text).into_iter().filter(means).collect();
    std::iter::once(Dialect::Postgres.into()).chain(other).map(of).collect()
}

/// Names that stand before a parenthesis, without their schemas, as the server keeps them. `INSERT INTO t (…)` calls nothing.
pub(in crate::engine::postgres) fn calls_of(body: &str) -> Vec<String> {
    let mut out = BTreeSet::new();
    for tokens in readings(body) {
        let raw = |i: usize| tokens.get(i).map_or("", |t| &body[t.span.clone()]);
        for i in (0..tokens.len()).filter(|i| raw(i + 1) == "(") {
            let mut first = i;
            while first >= 2 && raw(first - 1) == "." {
                first -= 2;
            }
            if first == 0 || !raw(first - 1).eq_ignore_ascii_case("into") {
                out.extend(kept(tokens[i].kind, raw(i)));
            }
        }
    }
    out.into_iter().collect()
}

/// Names behind a dot: `row.name` calls a function of that name, if there is no such column.
pub(in crate::engine::postgres) fn after_dots(text: &str) -> Vec<String> {
    let mut out = BTreeSet::new();
    for tokens in readings(text) {
        let raw = |i: usize| &text[tokens[i].span.clone()];
        out.extend((1..tokens.len()).filter(|i| raw(i - 1) == ".").flat_map(|i| kept(tokens[i].kind, raw(i))));
    }
    out.into_iter().collect()
}

/// How the server may keep a name, if a token can be one. It folds ASCII letters; others only where the encoding has one byte for each.
fn kept(kind: TokenKind, word: &str) -> Vec<String> {
    let names = match kind {
        TokenKind::Identifier | TokenKind::Keyword => vec![word.to_ascii_lowercase(), word.to_lowercase()],
        TokenKind::QuotedIdentifier => {
            vec![word.strip_prefix('"').and_then(|w| w.strip_suffix('"')).unwrap_or(word).replace("\"\"", "\"")]
        }
        _ => Vec::new(),
    };
    let cut = |name: &String| {
        let end = (0..=NAME_BYTES).rev().find(|&i| name.is_char_boundary(i)).unwrap_or(0);
        (name.len() > NAME_BYTES).then(|| name[..end].to_string())
    };
    let cuts: Vec<String> = names.iter().filter_map(cut).collect();
    names.into_iter().chain(cuts).collect()
}

pub(super) fn list(set: &BTreeSet<String>) -> String {
    array(&set.iter().cloned().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        let mut out = Said::default();
        out.gather(text);
        out
    }

    #[test]
    fn names_operators_and_calls_are_gathered() {
        let s = said("select \"Wei\"\"rd\", t.f, public.G(x) from V_a where a #### 2");
        assert!(s.names.contains("v_a") && s.names.contains("Wei\"rd"), "{s:?}");
        assert!(s.operators.contains("####") && !s.operators.contains("="), "{s:?}");
        assert!(s.calls.contains("g") && s.calls.contains("f"), "{s:?}");
    }

    #[test]
    fn names_are_cut_and_folded_as_the_server_does_it() {
        let long = "é".repeat(40);
        let s = said(&format!("select * from {long}, \"{long}x\", VÉ"));
        assert!(s.names.contains(&"é".repeat(31)) && s.names.contains(&long), "{s:?}");
        assert!(s.names.contains("vÉ") && s.names.contains("vé"), "{s:?}");
    }

    #[test]
    fn a_body_that_says_a_command_is_told() {
        for body in ["begin copy (select 1) to 'x'; return 1; end", "begin if a then Notify x; end if; end", "select 1; set x = 1"] {
            assert!(says_command(body), "{body}");
        }
        for body in ["begin return value ~ 'copy'; end", "/* insert */ select \"update\" from t", "begin raise exception 'delete'; end"] {
            assert!(!says_command(body), "{body}");
        }
    }

    #[test]
    fn what_converts_is_seen() {
        for text in ["select a::b", "select cast(a as b)", "select t '(7)'", "select \"t\" /* */ '(7)'", "select $1"] {
            assert!(said(text).converts, "{text}");
        }
        assert!(!said("select 'a', t.b from t where c = 'd'").converts);
        assert!(said("select 1 where a in (1)").operators.contains("="));
    }
}
