//! From a data-changing statement to the SELECT of the rows that it is about to change.

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// What keeps the rows of a SELECT from changing until the transaction ends.
const LOCK: &str = " FOR UPDATE";

/// The beginning of a SELECT of whole rows.
pub(super) const ALL: &str = "SELECT *";

/// How the rows before a statement can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// This SELECT gives the rows, and keeps them from changing meanwhile where the dialect can.
    Select(String),
    /// Nothing existed before: a plain INSERT.
    Nothing,
    /// Not derivable, with the reason.
    Unknown(&'static str),
}

/// The SELECT of the rows that `text` (one UPDATE, DELETE or INSERT) would change. Only the plain forms are taken apart:
/// one table, a WHERE; anything else is [`Before::Unknown`] rather than a guess.
pub fn before_image(dialect: Dialect, text: &str) -> Before {
    let tokens: Vec<Token> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
        .collect();
    if tokens.iter().any(|t| t.kind == TokenKind::Unterminated) {
        return Before::Unknown("the statement is not complete");
    }
    let word = |i: usize| -> String {
        match tokens.get(i) {
            Some(t) if matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier) => text[t.span.clone()].to_ascii_uppercase(),
            Some(t) => text[t.span.clone()].to_string(),
            None => String::new(),
        }
    };
    // Words outside any parentheses, with their token index.
    let mut depth = 0usize;
    let mut outer: Vec<(usize, String)> = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        match &text[t.span.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier) => outer.push((i, word(i))),
            _ => {}
        }
    }
    let at = |w: &str| outer.iter().find(|(_, o)| o == w).map(|(i, _)| *i);
    let has = |w: &str| at(w).is_some();
    let slice = |from: usize, to: usize| -> &str {
        match (tokens.get(from), tokens.get(to.wrapping_sub(1))) {
            (Some(a), Some(b)) if to > from => &text[a.span.start..b.span.end],
            _ => "",
        }
    };
    let end = at("RETURNING").unwrap_or(tokens.len());
    match word(0).as_str() {
        "INSERT" => {
            // Rows that are in its way stay as they are: IGNORE, DO NOTHING.
            let resolves = has("CONFLICT") && (has("UPDATE") || !has("NOTHING"));
            let replaces = resolves || has("DUPLICATE") || word(1) == "OR" && word(2) != "IGNORE";
            if replaces { Before::Unknown("the INSERT may change rows that exist already") } else { Before::Nothing }
        }
        "DELETE" => {
            if word(1) != "FROM" || has("USING") || has("JOIN") {
                return Before::Unknown("only DELETE FROM one table can be taken apart");
            }
            let table_end = at("WHERE").or_else(|| at("ORDER")).or_else(|| at("LIMIT")).unwrap_or(end);
            if (2..table_end).any(|i| word(i) == "FOR") {
                return Before::Unknown("it deletes only a portion of each row's time");
            }
            if slice(2, table_end).contains(',') {
                return Before::Unknown("only DELETE FROM one table can be taken apart");
            }
            select(dialect, slice(2, table_end), slice(table_end, end))
        }
        "UPDATE" => {
            let Some(set) = at("SET") else { return Before::Unknown("there is no SET") };
            // `IS DISTINCT FROM` compares.
            let joins = outer.iter().any(|(i, w)| w == "FROM" && !word(i - 1).eq_ignore_ascii_case("DISTINCT"));
            let table = slice(1, set);
            let table_words: Vec<String> = (1..set).map(word).collect();
            if joins || has("JOIN") || table.contains(',') || table_words.iter().any(|w| w == "OR" || w == "LOW_PRIORITY" || w == "IGNORE")
            {
                return Before::Unknown("only UPDATE of one table can be taken apart");
            }
            let rest = at("WHERE").or_else(|| at("ORDER")).or_else(|| at("LIMIT")).unwrap_or(end);
            select(dialect, table, slice(rest, end))
        }
        _ => Before::Unknown("only INSERT, UPDATE and DELETE of one table can be taken apart"),
    }
}

/// The table that `text` (one UPDATE, DELETE or INSERT) names as its target: its parts without quotes, unquoted ones in
/// lower case where the dialect folds them.
pub fn changed_table(dialect: Dialect, text: &str) -> Option<Vec<String>> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).map_or(String::new(), |t| text[t.span.clone()].to_ascii_uppercase());
    let mut at = match word(0).as_str() {
        "UPDATE" => 1,
        "DELETE" if word(1) == "FROM" => 2,
        "INSERT" => {
            let mut at = 1;
            // `INSERT LOW_PRIORITY t`: MariaDB and MySQL need no INTO.
            while matches!(word(at).as_str(), "LOW_PRIORITY" | "HIGH_PRIORITY" | "DELAYED" | "IGNORE") {
                at += 1;
            }
            if word(at) == "OR" {
                at += 2;
            }
            at + usize::from(word(at) == "INTO")
        }
        _ => return None,
    };
    if dialect == Dialect::Postgres && word(at) == "ONLY" {
        at += 1;
    }
    let mut parts = Vec::new();
    loop {
        let t = tokens.get(at)?;
        let raw = &text[t.span.clone()];
        parts.push(part(dialect, t.kind, raw)?);
        if word(at + 1) != "." {
            return Some(parts);
        }
        at += 2;
    }
}

/// The end of a SELECT that locks its rows; empty for SQLite, whose write transaction keeps everybody else out already.
pub fn lock(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Sqlite { "" } else { LOCK }
}

/// A SELECT of [`before_image`] without its lock, for the inside of another one.
pub fn unlocked(select: &str) -> &str {
    select.strip_suffix(LOCK).unwrap_or(select)
}

/// A SELECT of [`before_image`] with this list in place of its `*`.
pub fn listing(select: &str, columns: &str) -> String {
    select.strip_prefix(ALL).map_or_else(|| select.to_string(), |rest| format!("SELECT {columns}{rest}"))
}

/// What a statement does to rows that were there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// They are gone after it.
    Delete,
    /// It gives these columns a value: names without quotes, unquoted ones in lower case where the dialect folds them.
    Update(Vec<String>),
    /// It may do anything with them.
    Any,
    /// Nothing.
    Nothing,
}

/// What `text` (one UPDATE, DELETE or INSERT) does to rows that were there before.
pub fn touch(dialect: Dialect, text: &str) -> Touch {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
    let is = |i: usize, word: &str| raw(i).eq_ignore_ascii_case(word);
    if is(0, "DELETE") {
        return Touch::Delete;
    }
    if is(0, "INSERT") && before_image(dialect, text) == Before::Nothing {
        return Touch::Nothing;
    }
    let Some(set) = (1..tokens.len()).find(|i| is(0, "UPDATE") && tokens[*i].kind != TokenKind::QuotedIdentifier && is(*i, "SET")) else {
        return Touch::Any;
    };
    let mut columns = Vec::new();
    let mut depth = 0usize;
    // At the start of the list and after each comma outside brackets stands a column, or several in brackets.
    let mut target = true;
    let mut last = None;
    for (i, t) in tokens.iter().enumerate().skip(set + 1) {
        match raw(i) {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 0 => (target, last) = (true, None),
            "," if target => columns.extend(last.take()),
            "=" | ":=" if target && depth == 0 => {
                let Some(name) = last.take() else { return Touch::Any };
                columns.push(name);
                target = false;
            }
            word if depth == 0
                && !target
                && t.kind != TokenKind::QuotedIdentifier
                && ["WHERE", "RETURNING"].iter().any(|w| word.eq_ignore_ascii_case(w)) =>
            {
                break;
            }
            // `column.field` of a composite type: the column comes first.
            _ if target && dialect == Dialect::Postgres && raw(i - 1) == "." => {}
            _ if target => last = part(dialect, t.kind, raw(i)).or(last),
            _ => {}
        }
    }
    if columns.is_empty() { Touch::Any } else { Touch::Update(columns) }
}

/// A name without its quotes; `None` for what names nothing.
pub(super) fn part(dialect: Dialect, kind: TokenKind, raw: &str) -> Option<String> {
    match kind {
        TokenKind::Identifier | TokenKind::Keyword if dialect == Dialect::Postgres => Some(raw.to_lowercase()),
        TokenKind::Identifier | TokenKind::Keyword => Some(raw.to_string()),
        TokenKind::QuotedIdentifier => {
            let mut inner = raw.chars();
            let quote = inner.next()?;
            inner.next_back();
            Some(inner.as_str().replace(&format!("{quote}{quote}"), &quote.to_string()))
        }
        _ => None,
    }
}

/// Names in `text` that are called and are not known to be harmless: for DML, of which the classifier says no more than
/// that it writes.
pub fn unknown_calls(dialect: Dialect, text: &str) -> Vec<String> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
    let mut out: Vec<String> = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        let names = matches!(t.kind, TokenKind::Identifier | TokenKind::QuotedIdentifier);
        if !names || raw(i + 1) != "(" {
            continue;
        }
        // From the first part of a qualified name on.
        let mut first = i;
        while first >= 2 && raw(first - 1) == "." {
            first -= 2;
        }
        // `INSERT INTO t (…)` and `CAST (x AS numeric(10, 2))` call nothing.
        if first > 0 && matches!(raw(first - 1).to_ascii_uppercase().as_str(), "INTO" | "AS" | "::" | "TABLE") {
            continue;
        }
        // `ON CONFLICT (id) DO …` neither, nor `ON CONFLICT (id) WHERE … DO …`.
        let is = |i: usize, word: &str| raw(i).eq_ignore_ascii_case(word);
        if first == i && i > 0 && is(i - 1, "ON") && is(i, "CONFLICT") && names_a_target(&tokens, &raw, i + 1) {
            continue;
        }
        let name: String = (first..=i).map(raw).collect();
        let plain = name.to_lowercase();
        if !super::functions::harmless(dialect, &plain) && !out.contains(&plain) {
            out.push(if t.kind == TokenKind::QuotedIdentifier { name } else { plain });
        }
    }
    out
}

/// Whether the parenthesis that opens here holds what `ON CONFLICT` names. What a JOIN goes by may be a function of that name: behind its
/// arguments no DO stands, and behind a condition only that of an `ON CONFLICT` of its own.
fn names_a_target<'a>(tokens: &[Token], raw: &impl Fn(usize) -> &'a str, open: usize) -> bool {
    let mut depth = 0;
    let mut close = None;
    for i in open..tokens.len() {
        match raw(i) {
            "(" => depth += 1,
            ")" if depth == 0 => return false,
            ")" => depth -= 1,
            _ if depth > 0 => continue,
            word if word.eq_ignore_ascii_case("do") => return true,
            word if close == Some(i - 1) && !word.eq_ignore_ascii_case("where") => return false,
            word if word.eq_ignore_ascii_case("on") && raw(i + 1).eq_ignore_ascii_case("conflict") => return false,
            _ => {}
        }
        if depth == 0 && close.is_none() {
            close = Some(i);
        }
    }
    false
}

fn select(dialect: Dialect, table: &str, rest: &str) -> Before {
    if table.is_empty() {
        return Before::Unknown("no table is named");
    }
    // SQLite has no row locks: its write transaction keeps everybody else out already.
    let lock = lock(dialect);
    // The statement may end in a line comment: what follows goes on a new line.
    let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
    Before::Select(format!("{ALL} FROM {table}{rest}{lock}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_conflict_are_no_call() {
        let calls = |text: &str| unknown_calls(Dialect::Postgres, text);
        assert!(calls("insert into t (a, b) values (1, 2) on conflict (a, b) do nothing").is_empty());
        assert_eq!(calls("insert into t select 1 from a join b on conflict (a.id) where true on conflict (id) do nothing"), ["conflict"]);
        assert!(calls("insert into t values (5) on conflict (lower(e)) where act and (id > 1) do update set e = 'B'").is_empty());
        let joined =
            "insert into t select 1 from a join b on conflict (lower(a.id)) where (a.id > 1) on conflict (id) where act do nothing";
        assert_eq!(calls(joined), ["conflict"]);
        assert_eq!(calls("insert into t values (ev(1)) on conflict (id) do nothing"), ["ev"]);
    }

    fn select_of(dialect: Dialect, text: &str) -> String {
        match before_image(dialect, text) {
            Before::Select(s) => s,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn plain_forms_are_taken_apart() {
        assert_eq!(
            select_of(Dialect::Postgres, "update orders o set state = (select max(x) from y where z) where o.id = 7 returning id;"),
            "SELECT * FROM orders o\nwhere o.id = 7 FOR UPDATE"
        );
        assert_eq!(select_of(Dialect::Sqlite, "DELETE FROM \"from\" WHERE id IN (1, 2)"), "SELECT * FROM \"from\"\nWHERE id IN (1, 2)");
        assert_eq!(select_of(Dialect::MySql, "delete from t"), "SELECT * FROM t FOR UPDATE");
        let portion = "delete from t for portion of p from '2026-01-01' to '2026-02-01' where id = 1";
        assert!(matches!(before_image(Dialect::MySql, portion), Before::Unknown(_)));
        for text in ["insert low_priority sq values (1)", "INSERT HIGH_PRIORITY INTO sq VALUES (1)", "insert sq select t.into from t"] {
            assert_eq!(changed_table(Dialect::MySql, text), Some(vec!["sq".to_string()]), "{text}");
        }
        assert_eq!(
            select_of(Dialect::Postgres, "update t set v = 'a' where v is distinct from 'a'"),
            "SELECT * FROM t\nwhere v is distinct from 'a' FOR UPDATE"
        );
        assert_eq!(
            select_of(Dialect::MySql, "update t set a = 1 where b = 2 order by id limit 3"),
            "SELECT * FROM t\nwhere b = 2 order by id limit 3 FOR UPDATE"
        );
    }

    #[test]
    fn inserts_need_none_unless_they_replace() {
        assert_eq!(before_image(Dialect::Postgres, "insert into t values (1)"), Before::Nothing);
        assert!(matches!(
            before_image(Dialect::Postgres, "insert into t values (1) on conflict (id) do update set a = 1"),
            Before::Unknown(_)
        ));
        for text in ["insert or replace into t values (1)", "insert or rollback into t values (1)"] {
            assert!(matches!(before_image(Dialect::Sqlite, text), Before::Unknown(_)), "{text}");
        }
        let both = "insert into t values (1) on conflict (a) do nothing on conflict (b) do update set c = 1";
        assert!(matches!(before_image(Dialect::Sqlite, both), Before::Unknown(_)));
        assert!(matches!(
            before_image(Dialect::MySql, "insert ignore into t values (1) on duplicate key update a = 1"),
            Before::Unknown(_)
        ));
        // What is in the way stays as it is.
        assert_eq!(before_image(Dialect::Sqlite, "insert or ignore into t values (1)"), Before::Nothing);
        assert_eq!(before_image(Dialect::MySql, "insert ignore into t values (1)"), Before::Nothing);
        assert_eq!(before_image(Dialect::Postgres, "insert into t values (1) on conflict (id) do nothing returning id"), Before::Nothing);
    }

    #[test]
    fn what_is_not_plain_is_not_guessed() {
        for text in [
            "update a, b set a.x = b.x",
            "update a join b on a.id = b.id set a.x = 1",
            "update a set x = b.x from b where b.id = a.id",
            "delete a from a join b on true",
            "delete from a using b where a.id = b.id",
            "with x as (select 1) update t set a = 1",
            "merge into t using s on true when matched then delete",
            "delete from t where name = 'x",
        ] {
            assert!(matches!(before_image(Dialect::Postgres, text), Before::Unknown(_)), "{text}");
        }
    }

    #[test]
    fn the_changed_table_is_named() {
        let of = |d, t| changed_table(d, t).unwrap_or_default().join("/");
        assert_eq!(of(Dialect::Postgres, "update only Shop.\"Or\"\"ders\" o set a = 1"), "shop/Or\"ders");
        assert_eq!(of(Dialect::MySql, "delete from `a``b`.T where 1"), "a`b/T");
        assert_eq!(of(Dialect::Sqlite, "insert or replace into [my t] values (1)"), "my t");
        assert_eq!(of(Dialect::Postgres, "insert into t (a) values (1)"), "t");
        assert_eq!(changed_table(Dialect::Postgres, "merge into t"), None);
    }

    #[test]
    fn calls_that_are_not_known_are_gathered() {
        let of = |t| unknown_calls(Dialect::Postgres, t);
        assert_eq!(
            of("update t set a = lower(b), c = wr() where d = public.f(1) returning (select pg_terminate_backend(1))"),
            ["wr", "public.f", "pg_terminate_backend"]
        );
        assert!(of("insert into t (a, b) values (cast('1' as numeric(10, 2)), coalesce(x, 1))").is_empty());
    }

    #[test]
    fn what_is_touched_is_known() {
        let of = |d, t| touch(d, t);
        let update = |c: &[&str]| Touch::Update(c.iter().map(|x| (*x).to_string()).collect());
        assert_eq!(of(Dialect::Postgres, "delete from t where id = 1"), Touch::Delete);
        assert_eq!(of(Dialect::Postgres, "insert into t values (1)"), Touch::Nothing);
        assert_eq!(of(Dialect::Postgres, "insert into t values (1) on conflict (id) do update set a = 1"), Touch::Any);
        assert_eq!(
            of(Dialect::Postgres, "update t set Id = id + f(1, 2), \"B b\" = (select x from y where z = 1), c = 3 where d = 4"),
            update(&["id", "B b", "c"])
        );
        assert_eq!(of(Dialect::Postgres, "update t set (a, b) = (1, 2), c = 3 returning d = 4"), update(&["a", "b", "c"]));
        assert_eq!(of(Dialect::MySql, "update t set t.`A` = 1, b := 2 order by c limit 3"), update(&["A", "b"]));
        assert_eq!(of(Dialect::Postgres, "merge into t using u on a = b when matched then update set a = 1"), Touch::Any);
        assert_eq!(of(Dialect::Postgres, "update t set a[1] = 2, d.e = 5"), update(&["a", "d"]));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let _ = before_image(d, &text);
                let _ = before_image(d, &format!("update {text}"));
                let _ = before_image(d, &format!("delete from {text}"));
                let _ = changed_table(d, &format!("insert {text}"));
                let _ = changed_table(d, &format!("update {text}"));
                let _ = unknown_calls(d, &text);
                let _ = touch(d, &format!("update t set {text}"));
            }
        }
    }
}
