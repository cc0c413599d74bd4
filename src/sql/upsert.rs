//! An INSERT that changes the rows which are in its way: which rows those are, and what it sets in them.

use super::before::{ALL, Touch, changed_table, lock, part, touch};
use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// What `INSERT … VALUES … ON CONFLICT … DO UPDATE` and `… ON DUPLICATE KEY UPDATE` do to rows that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upsert {
    /// The SELECT of the rows that have a key of one of its rows, kept from changing where the dialect can. By further keys that the
    /// table has, other rows may be in the way.
    pub select: String,
    pub touch: Touch,
}

/// `columns` are those that the table takes where the statement names none, `key` is its key. `None` where it is no plain one of these:
/// rows of a query, REPLACE, a key that is computed by a call.
pub fn upsert(dialect: Dialect, text: &str, columns: &[String], key: &[String]) -> Option<Upsert> {
    let tokens: Vec<Token> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
        .collect();
    let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
    let word = |i: usize, w: &str| tokens.get(i).is_some_and(|t| t.kind != TokenKind::QuotedIdentifier) && raw(i).eq_ignore_ascii_case(w);
    let named = |i: usize| part(dialect, tokens.get(i)?.kind, raw(i));
    // The names in the brackets that open here, and what stands behind them; `None` where anything else is among them.
    let names = |open: usize| -> Option<(Vec<String>, usize)> {
        let (mut out, mut at) = (vec![named(open + 1)?], open + 2);
        while raw(at) == "," {
            out.push(named(at + 1)?);
            at += 2;
        }
        (raw(at) == ")").then_some((out, at + 1))
    };
    if !word(0, "INSERT") || !word(1, "INTO") {
        return None;
    }
    let parts = changed_table(dialect, text)?.len();
    let mut at = 2 + 2 * parts - 1;
    let table = &text[tokens.get(2)?.span.start..tokens.get(at - 1)?.span.end];
    if word(at, "AS") && named(at + 1).is_some() {
        at += 2;
    }
    let mut given = columns.to_vec();
    if raw(at) == "(" {
        (given, at) = names(at)?;
    }
    if !(word(at, "VALUES") || dialect == Dialect::MySql && word(at, "VALUE")) {
        return None;
    }
    at += 1;
    // Each row: where its values begin and end.
    let mut rows: Vec<Vec<(usize, usize)>> = Vec::new();
    loop {
        if raw(at) != "(" {
            return None;
        }
        let (mut depth, mut from) = (0usize, at + 1);
        let mut row = Vec::new();
        loop {
            match raw(at) {
                "" => return None,
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 || depth == 1 && raw(at) == "," {
                row.push((from, at));
                from = at + 1;
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        rows.push(row);
        if raw(at) != "," {
            break;
        }
        at += 1;
    }
    if rows.iter().any(|row| row.len() != given.len()) {
        return None;
    }
    // MySQL: `AS new`, `AS new (a, b)`.
    if dialect == Dialect::MySql && word(at, "AS") {
        at += 2;
        if raw(at) == "(" {
            at = names(at)?.1;
        }
    }
    let mut keys = vec![key.to_vec()];
    let set = if dialect == Dialect::MySql {
        ["ON", "DUPLICATE", "KEY", "UPDATE"].iter().enumerate().all(|(i, w)| word(at + i, w)).then_some(at + 4)?
    } else {
        if !word(at, "ON") || !word(at + 1, "CONFLICT") {
            return None;
        }
        keys.extend(names(at + 2).map(|(target, _)| target));
        let set = (at..tokens.len()).find(|i| word(*i, "DO") && word(i + 1, "UPDATE") && word(i + 2, "SET"))? + 3;
        // Several clauses, each of which may set other columns.
        if (set..tokens.len()).any(|i| word(i, "CONFLICT")) {
            return None;
        }
        set
    };
    let list = &text[tokens.get(set)?.span.start..];
    let Touch::Update(sets) = touch(dialect, &format!("UPDATE t SET {list}")) else { return None };
    let same = |a: &str, b: &str| if dialect == Dialect::Postgres { a == b } else { a.eq_ignore_ascii_case(b) };
    let mut ways: Vec<String> = Vec::new();
    for key in keys.iter().filter(|k| !k.is_empty()) {
        let place = |k: &String| given.iter().position(|g| same(g, k));
        let Some(of) = key.iter().map(place).collect::<Option<Vec<_>>>() else { continue };
        for row in &rows {
            // A value that the table gives itself is not known before.
            if of.iter().any(|c| word(row[*c].0, "DEFAULT")) {
                continue;
            }
            let mut one = Vec::new();
            for (name, c) in key.iter().zip(&of) {
                let (from, to) = row[*c];
                let value = &text[tokens.get(from)?.span.start..tokens.get(to.checked_sub(1).filter(|e| *e >= from)?)?.span.end];
                let constant = |i: usize| match tokens[i].kind {
                    TokenKind::Number | TokenKind::String | TokenKind::Parameter => !raw(i).starts_with('@'),
                    TokenKind::Operator => !raw(i).contains(":="),
                    TokenKind::Identifier | TokenKind::Keyword => {
                        raw(i + 1) != "(" && ["NULL", "TRUE", "FALSE", "DATE", "TIME", "TIMESTAMP", "X", "B"].iter().any(|w| word(i, w))
                            || i > from && matches!(raw(i - 1), "::" | ":")
                    }
                    TokenKind::Punctuation => matches!(raw(i), "(" | ")" | "."),
                    TokenKind::Other => raw(i) == ":",
                    _ => false,
                };
                if !(from..to).all(constant) {
                    return None;
                }
                one.push(format!("{} = {value}", dialect.quote_ident(name)));
            }
            let one = format!("({}\n)", one.join(" AND "));
            if !ways.contains(&one) {
                ways.push(one);
            }
        }
    }
    let rows = if ways.is_empty() { "1 = 0".to_string() } else { together(ways) };
    Some(Upsert { select: format!("{ALL} FROM {table} WHERE {rows}{}", lock(dialect)), touch: Touch::Update(sets) })
}

/// All of them with OR, as a tree that is no deeper than it has to be: SQLite takes a depth of 1,000.
fn together(mut ways: Vec<String>) -> String {
    while ways.len() > 1 {
        ways = ways.chunks(2).map(|two| if two.len() == 2 { format!("({} OR {})", two[0], two[1]) } else { two[0].clone() }).collect();
    }
    ways.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    fn of(dialect: Dialect, text: &str) -> Option<Upsert> {
        upsert(dialect, text, &["id".into(), "v".into()], &["id".into()])
    }

    #[test]
    fn the_rows_in_the_way_are_those_with_its_keys() {
        let u = of(
            Postgres,
            "insert into s.t as x (id, v, n) values (1, f(2), 3), (:a, 'x', 4) on conflict (v, n) do update set V = excluded.v where x.n > 2 returning *",
        );
        assert_eq!(u, None, "the key's part v is computed by a call");
        let u = of(Postgres, "insert into s.t as x (id, v) values (1, 'a'), (:a, 'x') on conflict (id) do update set V = excluded.v where x.n > 2 returning *").unwrap();
        assert_eq!(u.select, "SELECT * FROM s.t WHERE ((\"id\" = 1\n) OR (\"id\" = :a\n)) FOR UPDATE");
        assert_eq!(u.touch, Touch::Update(vec!["v".into()]));
        let u = of(MySql, "INSERT INTO t VALUES (1, now()) AS new ON DUPLICATE KEY UPDATE v = new.v, n = n + 1").unwrap();
        assert_eq!(u.select, "SELECT * FROM t WHERE (`id` = 1\n) FOR UPDATE");
        assert_eq!(u.touch, Touch::Update(vec!["v".into(), "n".into()]));
        let u = of(Sqlite, "insert into t (v) values (DEFAULT) on conflict do update set v = 1").unwrap();
        assert_eq!(u.select, "SELECT * FROM t WHERE 1 = 0", "what the table counts itself");
        for (d, text) in [
            (Postgres, "insert into t select 1, 2 on conflict (id) do update set v = 1"),
            (Postgres, "insert into t values (1, 2) on conflict (id) do nothing"),
            (Postgres, "insert into t values (1, 2)"),
            (Postgres, "insert into t values (nextval('s'), 2) on conflict (id) do update set v = 1"),
            (Postgres, "insert into t values ((select 1), 2) on conflict (id) do update set v = 1"),
            (Postgres, "insert into t values (1, 2, 3) on conflict (id) do update set v = 1"),
            (MySql, "insert into t values (@a := 1, 2) on duplicate key update v = 1"),
            (MySql, "insert into t set id = 1 on duplicate key update v = 1"),
            (Sqlite, "insert or replace into t values (1, 2)"),
            (Sqlite, "insert into t values (1, 2) on conflict (id) do nothing on conflict (v) do update set v = 1 on conflict do nothing"),
        ] {
            assert_eq!(of(d, text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            for d in [Postgres, MySql, Sqlite] {
                for begin in ["insert into t (id) values (", "insert into t values (1, 2) on conflict ("] {
                    let _ = of(d, &format!("{begin}{text}) do update set v = 1"));
                }
            }
        }
    }
}
