//! One statement laid out anew: clauses on lines of their own, long lists an item a line, subqueries indented. Nothing but
//! white space is changed, and that is checked.

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// Columns that a list may take before its items get lines of their own.
const WIDE: usize = 72;
/// The same of a CASE, and of a window, which stand behind something.
const WIDE_CASE: usize = 56;

/// Words that begin a clause.
const CLAUSES: [&str; 20] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "RETURNING",
    "SET",
    "VALUES",
    "WINDOW",
    "INSERT",
    "UPDATE",
    "DELETE",
    "WITH",
];
/// Words that begin a join.
const JOINS: [&str; 8] = ["JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "STRAIGHT_JOIN"];

/// Why a statement stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is none of those whose layout is known.
    Kind,
    /// A string or a comment has no end.
    Unfinished,
    /// The tokens would have become others: must not happen, and is never used.
    Changed,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::Kind => "only SELECT, WITH, VALUES, INSERT, UPDATE, DELETE and EXPLAIN are laid out",
            Refused::Unfinished => "a quote, a bracket or a comment has no end",
            Refused::Changed => "its tokens would have changed",
        })
    }
}

/// A level of brackets.
struct Level {
    /// Columns before its clauses.
    indent: usize,
    /// It holds a query; others stay in their line.
    query: bool,
    /// Items of the clause get lines of their own.
    broken: bool,
    /// The clause that it is in, upper case.
    clause: String,
    /// A BETWEEN waits for its AND.
    between: bool,
    /// Open CASE: of each the columns before its WHEN, where they get lines.
    cases: Vec<Option<usize>>,
    /// Columns before the closing bracket, where it gets a line.
    close: Option<usize>,
}

impl Level {
    fn new(indent: usize, query: bool, close: Option<usize>) -> Level {
        Level { indent, query, broken: false, clause: String::new(), between: false, cases: Vec::new(), close }
    }
}

/// Lays a statement out.
pub fn format(dialect: Dialect, text: &str) -> Result<String, Refused> {
    let all = lex(dialect, text);
    let full: Vec<&Token> = all.iter().filter(|t| t.kind != TokenKind::Whitespace).collect();
    let word = |t: &Token| match t.kind {
        TokenKind::Keyword | TokenKind::Identifier => text[t.span.clone()].to_ascii_uppercase(),
        TokenKind::Punctuation => text[t.span.clone()].to_string(),
        _ => String::new(),
    };
    let words: Vec<String> = full.iter().map(|t| word(t)).collect();
    if full.iter().any(|t| t.kind == TokenKind::Unterminated) {
        return Err(Refused::Unfinished);
    }
    let head = words.iter().zip(&full).find(|(w, t)| t.kind != TokenKind::Comment && *w != "(").map_or("", |(w, _)| w.as_str());
    if !["SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "EXPLAIN", "REPLACE"].contains(&head) {
        return Err(Refused::Kind);
    }
    let gap = |i: usize| i.checked_sub(1).map_or("", |b| &text[full[b].span.end..full[i].span.start]);
    // A comment that ends a line belongs to what stands before it there.
    let ends_line = |i: usize| {
        full[i].kind == TokenKind::Comment && i > 0 && !gap(i).contains('\n') && (i + 1 == full.len() || gap(i + 1).contains('\n'))
    };
    let mut out = String::with_capacity(text.len() * 2);
    let mut levels = vec![Level::new(0, true, None)];
    for (i, t) in full.iter().enumerate() {
        let (w, part) = (words[i].as_str(), &text[t.span.clone()]);
        let before = i.checked_sub(1).map(|b| full[b]);
        let behind = ends_line(i);
        let gap = gap(i);
        let previous = (0..i).rev().find(|b| !ends_line(*b)).map_or("", |b| words[b].as_str());
        let after_line_comment = before.is_some_and(|b| b.kind == TokenKind::Comment && !text[b.span.clone()].ends_with("*/"));
        let depth = levels.len();
        // A closing bracket belongs to the level around it.
        let closes = (w == ")" || part == "]") && depth > 1;
        let close = if closes { levels.pop().and_then(|l| l.close) } else { None };
        let Some(level) = levels.last_mut() else { return Err(Refused::Unfinished) };
        let lines = level.query && !closes;
        let clause = lines && level.cases.is_empty() && starts_clause(&words, i) && previous != ".";
        let join =
            lines && level.clause == "FROM" && level.cases.is_empty() && JOINS.contains(&w) && starts_join(&words, i) && previous != ".";
        let and = lines
            && matches!(w, "AND" | "OR")
            && level.cases.is_empty()
            && !(w == "AND" && level.between)
            && matches!(level.clause.as_str(), "WHERE" | "HAVING" | "FROM" | "DELETE" | "UPDATE");
        // A comma that a comment pushed into a line of its own leads its item.
        let leads = previous == "," && out.rsplit('\n').next().is_some_and(|l| l.trim() == ",");
        let item = level.broken && !leads && !closes && (previous == "," || previous == level.clause && !clause);
        let first = previous == "(" && lines;
        // What is done with a row that is there already.
        let conflict = lines && w == "ON" && matches!(next_word(&full, &words, i + 1), Some("CONFLICT" | "DUPLICATE"));
        let frame = !level.query && level.close.is_some() && matches!(w, "PARTITION" | "ORDER" | "ROWS" | "RANGE" | "GROUPS");
        let arm = level.cases.last().copied().flatten();
        let wanted = if i == 0 || behind {
            None
        } else if let Some(indent) = close {
            Some(indent)
        } else if let Some(indent) = arm.filter(|_| matches!(w, "WHEN" | "ELSE" | "END")) {
            Some(if w == "END" { indent - 4 } else { indent })
        } else if clause || join || first || conflict || frame {
            Some(level.indent)
        } else if and {
            Some(level.indent + 2)
        } else if item && level.query {
            Some(level.indent + 4)
        } else {
            None
        };
        let glued = gap.is_empty();
        match wanted {
            // What stood together stays so, but behind a comma or a bracket nothing is glued.
            Some(indent) if !glued || matches!(previous, "," | "(" | ")") || w == ")" => new_line(&mut out, indent),
            _ if after_line_comment => new_line(&mut out, level.indent + 4),
            // Strings in a row are one string only with a line end between.
            _ if gap.contains('\n') && t.kind == TokenKind::String && before.is_some_and(|b| b.kind == TokenKind::String) => {
                new_line(&mut out, level.indent + 4);
            }
            // A comment that had a line of its own keeps one, and one behind a line stays there.
            _ if t.kind == TokenKind::Comment && gap.contains('\n') => new_line(&mut out, level.indent),
            _ if glued && !(previous == "," && t.kind != TokenKind::Comment) => {}
            _ if i == 0 || previous == "(" && !behind || w == ")" || w == "," => {}
            _ => out.push(' '),
        }
        out.push_str(part);
        if clause {
            level.clause = w.to_string();
            level.between = false;
            level.broken = matches!(w, "SELECT" | "SET" | "VALUES") && list_width(&full, &words, i) > WIDE;
        } else if lines && w == "UPDATE" && previous == "KEY" {
            (level.clause, level.broken) = (w.to_string(), list_width(&full, &words, i) > WIDE);
        }
        match w {
            "BETWEEN" => level.between = true,
            "AND" => level.between = false,
            "CASE" => level.cases.push((whole_width(&full, &words, i) > WIDE_CASE).then(|| line_indent(&out) + 4)),
            "END" => drop(level.cases.pop()),
            "(" => {
                let query = next_word(&full, &words, i + 1).is_some_and(|n| matches!(n, "SELECT" | "WITH" | "VALUES"));
                let window = previous == "OVER" || previous == "AS" && level.clause == "WINDOW";
                let lines = query || window && whole_width(&full, &words, i) > WIDE_CASE;
                let close = lines.then(|| line_indent(&out));
                let indent = close.map_or(level.indent, |c| c + 4);
                levels.push(Level::new(indent, query, close));
            }
            // ARRAY[…] is one item of the list that it stands in.
            _ if part == "[" => {
                let indent = level.indent;
                levels.push(Level::new(indent, false, None));
            }
            _ => {}
        }
    }
    if levels.len() > 1 {
        return Err(Refused::Unfinished);
    }
    let same = |a: &[Token], at: &str, b: &[Token], bt: &str| {
        let full = |t: &&Token| t.kind != TokenKind::Whitespace;
        a.iter().filter(full).map(|t| (t.kind, &at[t.span.clone()])).eq(b.iter().filter(full).map(|t| (t.kind, &bt[t.span.clone()])))
    };
    if same(&all, text, &lex(dialect, &out), &out) { Ok(out) } else { Err(Refused::Changed) }
}

/// Columns before the line that is written.
fn line_indent(out: &str) -> usize {
    let line = out.rsplit('\n').next().unwrap_or_default();
    line.len() - line.trim_start_matches(' ').len()
}

fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

fn next_word<'a>(full: &[&Token], words: &'a [String], from: usize) -> Option<&'a str> {
    (from..full.len()).find(|i| full[*i].kind != TokenKind::Comment).map(|i| words[i].as_str())
}

/// The word begins a clause where it stands.
fn starts_clause(words: &[String], i: usize) -> bool {
    let previous = |n: usize| i.checked_sub(n).map_or("", |b| words[b].as_str());
    let w = words[i].as_str();
    if !CLAUSES.contains(&w) {
        return false;
    }
    match w {
        // DELETE FROM, DISTINCT FROM, and EXTRACT(x FROM y), which is no query's level.
        "FROM" => !matches!(previous(1), "DELETE" | "DISTINCT"),
        "GROUP" => previous(1) != "WITHIN",
        "SET" => !matches!(previous(1), "CHARACTER"),
        // ON CONFLICT DO UPDATE, FOR UPDATE, ON DUPLICATE KEY UPDATE, ON DELETE.
        "UPDATE" | "DELETE" | "INSERT" => !matches!(previous(1), "DO" | "FOR" | "KEY" | "ON" | "THEN" | "NO"),
        "WITH" => i == 0 || matches!(previous(1), "(" | "EXPLAIN" | "ANALYZE"),
        // In ON DUPLICATE KEY UPDATE it is a function.
        "VALUES" => previous(1) != "DEFAULT" && !words[..i].iter().any(|w| w == "DUPLICATE"),
        // WITH … AS (…) SELECT, and UNION ALL SELECT; a function or a column named so has a bracket or a dot.
        _ => true,
    }
}

/// The first word of `LEFT OUTER JOIN` and its kin.
fn starts_join(words: &[String], i: usize) -> bool {
    let joins = |w: &str| JOINS.contains(&w) || w == "OUTER";
    let previous = i.checked_sub(1).map_or("", |b| words[b].as_str());
    let ahead = words[i..].iter().take(4).take_while(|w| joins(w)).any(|w| w == "JOIN" || w == "STRAIGHT_JOIN");
    ahead && !joins(previous)
}

/// Columns of the list behind the clause at `i` in one line; more than fit when a comment or a query stands in it.
fn list_width(full: &[&Token], words: &[String], i: usize) -> usize {
    let (mut depth, mut width) = (0usize, 0);
    for n in i + 1..full.len() {
        match words[n].as_str() {
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            "SELECT" if depth > 0 => return usize::MAX,
            "CASE" if whole_width(full, words, n) > WIDE_CASE => return usize::MAX,
            _ if depth == 0 && starts_clause(words, n) => break,
            _ => {}
        }
        if full[n].kind == TokenKind::Comment {
            return usize::MAX;
        }
        width += full[n].span.len() + 1;
    }
    width
}

/// Columns of the CASE or the bracket at `i` in one line, with what ends it.
fn whole_width(full: &[&Token], words: &[String], i: usize) -> usize {
    let (mut open, mut width) = (0usize, 0);
    let end = if words[i] == "(" { ")" } else { "END" };
    for n in i..full.len() {
        match words[n].as_str() {
            w if w == words[i] => open += 1,
            w if w == end => open -= 1,
            _ if full[n].kind == TokenKind::Comment => return usize::MAX,
            _ => {}
        }
        width += full[n].span.len() + 1;
        if open == 0 {
            break;
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn f(text: &str) -> String {
        format(Dialect::Postgres, text).unwrap()
    }

    #[test]
    fn clauses_get_lines_and_long_lists_an_item_a_line() {
        assert_eq!(
            f("select id,name from   t where a=1 and b between 1 and 2 or c order by id limit 5"),
            "select id, name\nfrom t\nwhere a=1\n  and b between 1 and 2\n  or c\norder by id\nlimit 5"
        );
        let long = "select a_rather_long_column_name, another_rather_long_name as x, count(*) filter (where y > 1) from t";
        assert_eq!(
            f(long),
            "select\n    a_rather_long_column_name,\n    another_rather_long_name as x,\n    count(*) filter (where y > 1)\nfrom t"
        );
    }

    #[test]
    fn queries_in_lists_cases_windows_and_conflicts_are_laid_out_as_by_hand() {
        assert_eq!(
            f("select id, (select count(*) from b where b.a = a.id and b.x in (select y from z)) as n from a"),
            "select\n    id,\n    (\n        select count(*)\n        from b\n        where b.a = a.id\n          and b.x in (\n              select y\n              from z\n          )\n    ) as n\nfrom a"
        );
        let case = "case when state = 'paid' then 'done' when state = 'open' then 'waits' else 'unknown' end";
        assert_eq!(
            f(&format!("select {case} as s, sum({case}) from t where x = case when a then b end")),
            "select\n    case\n        when state = 'paid' then 'done'\n        when state = 'open' then 'waits'\n        else 'unknown'\n    end as s,\n    sum(case\n        when state = 'paid' then 'done'\n        when state = 'open' then 'waits'\n        else 'unknown'\n    end)\nfrom t\nwhere x = case when a then b end"
        );
        assert_eq!(
            f(
                "select row_number() over (partition by customer_id, state order by created_at desc rows between 1 preceding and current row), rank() over (order by a) from t"
            ),
            "select\n    row_number() over (\n        partition by customer_id, state\n        order by created_at desc\n        rows between 1 preceding and current row\n    ),\n    rank() over (order by a)\nfrom t"
        );
        assert_eq!(
            f("insert into t (id, a) values (1, 2) on conflict (id) do update set a = excluded.a where t.a < 3 returning id"),
            "insert into t (id, a)\nvalues (1, 2)\non conflict (id) do update\nset a = excluded.a\nwhere t.a < 3\nreturning id"
        );
        let text = "insert into t (id, a) values (1, 2) on duplicate key update a = values(a), b = b + 1";
        assert_eq!(
            format(Dialect::MySql, text).unwrap(),
            "insert into t (id, a)\nvalues (1, 2)\non duplicate key update a = values(a), b = b + 1"
        );
    }

    #[test]
    fn an_array_is_one_item() {
        let long = "select a_rather_long_column_name, array[1,2, 3] as numbers, another_rather_long_name, x[1] from t where y[2] = 1 and z";
        let laid = "select\n    a_rather_long_column_name,\n    array[1, 2, 3] as numbers,\n    another_rather_long_name,\n    x[1]\nfrom t\nwhere y[2] = 1\n  and z";
        assert_eq!(f(long), laid);
    }

    #[test]
    fn joins_subqueries_and_writes() {
        assert_eq!(
            f(
                "select * from a left outer join b on a.id = b.id and b.x join c using (id) where a.id in (select id from d where left(x, 1) = 'y')"
            ),
            "select *\nfrom a\nleft outer join b on a.id = b.id\n  and b.x\njoin c using (id)\nwhere a.id in (\n    select id\n    from d\n    where left(x, 1) = 'y'\n)"
        );
        assert_eq!(
            f("with x as (select 1) insert into t (a, b) select * from x on conflict do update set a = 1 returning *"),
            "with x as (\n    select 1\n)\ninsert into t (a, b)\nselect *\nfrom x\non conflict do update\nset a = 1\nreturning *"
        );
        assert_eq!(f("delete from t where extract(year from d) = 1"), "delete from t\nwhere extract(year from d) = 1");
        assert_eq!(f("select 1 union all select 2"), "select 1\nunion all\nselect 2");
    }

    #[test]
    fn comments_and_strings_keep_what_they_mean() {
        assert_eq!(f("select 1 -- one\n, 2 from t"), "select\n    1 -- one\n    , 2\nfrom t");
        assert_eq!(f("select a, -- first\nb, /* second */\nc from t"), "select\n    a, -- first\n    b, /* second */\n    c\nfrom t");
        assert_eq!(f("select -- all\na, -- first\n-- of b\nb from t"), "select -- all\n    a, -- first\n    -- of b\n    b\nfrom t");
        assert_eq!(
            f("select * from t where a in ( -- those\nselect 1) -- known\nand f(a, -- x\nb)"),
            "select *\nfrom t\nwhere a in ( -- those\n    select 1\n) -- known\n  and f(a, -- x\n    b)"
        );
        assert_eq!(f("select a, /* of b */ b from t"), "select\n    a,\n    /* of b */ b\nfrom t");
        assert_eq!(f("select 'a'\n'b'"), "select 'a'\n    'b'");
        assert_eq!(format(Dialect::MySql, "select count(*), f (1) from t").unwrap(), "select count(*), f (1)\nfrom t");
        assert_eq!(format(Dialect::Postgres, "create table t (a int)"), Err(Refused::Kind));
        assert_eq!(format(Dialect::Postgres, "select 'a"), Err(Refused::Unfinished));
        assert_eq!(format(Dialect::Postgres, "select (1"), Err(Refused::Unfinished));
    }

    const PIECES: [&str; 33] = [
        "select ",
        "from ",
        "where ",
        "a",
        ", ",
        ",",
        "(",
        ")",
        " and ",
        "between 1 and 2 ",
        "'x' ",
        "'x'\n",
        "-- c\n",
        "/* c */",
        " join ",
        "left ",
        "on ",
        "case when a then b end ",
        "order by ",
        "values ",
        "with x as (",
        "insert into t ",
        "update ",
        "set ",
        "f(",
        "x.",
        "::",
        "-",
        "1",
        "$1",
        "\n",
        "union all ",
        "exists (",
    ];

    proptest! {
        #[test]
        fn any_text_keeps_its_tokens(d in prop::sample::select(vec![Dialect::Postgres, Dialect::MySql, Dialect::Sqlite]),
            rest in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
            let text = format!("select {}", rest.concat());
            let full = |t: &str| -> Vec<String> {
                lex(d, t).iter().filter(|x| x.kind != TokenKind::Whitespace).map(|x| t[x.span.clone()].to_string()).collect()
            };
            match format(d, &text) {
                Ok(out) => prop_assert_eq!(full(&out), full(&text)),
                // A Tcl name of SQLite, `$a::f(x)` or `$1(x)`, ends at a blank: one without its end is refused, as it must be.
                Err(e) => {
                    let tcl = d == Dialect::Sqlite && (text.contains("::") || text.contains("$1("));
                    prop_assert!(e != Refused::Changed || tcl, "{:?}", text);
                }
            }
        }
    }
}
