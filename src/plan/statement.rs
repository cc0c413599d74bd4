//! The outermost SELECT of a statement, as far as findings need it where a plan does not tell: SQLite prints no filters, MariaDB
//! no LIMIT. Whatever is not a plain SELECT gives nothing.

use super::expression::{self, Expr, SortKey};
use crate::model::Dialect;
use crate::sql::{Token, TokenKind, lex};

/// A plain SELECT taken apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    pub distinct: bool,
    pub tables: Vec<TableRef>,
    /// WHERE and ON (and USING), all of which must hold. An ON of an outer join is among them.
    pub conditions: Vec<Expr>,
    pub group: Vec<SortKey>,
    pub order: Vec<SortKey>,
    pub limit: Option<f64>,
    pub offset: Option<f64>,
}

/// A table of the FROM list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRef {
    pub name: String,
    /// The name that columns are qualified by.
    pub alias: String,
}

impl Select {
    /// The tests on one table: qualified by its alias, or unqualified when it is the only table.
    pub fn conditions_on(&self, alias: &str) -> Vec<expression::Predicate> {
        let sole = self.tables.len() == 1;
        let own = |e: &&Expr| sole || e.columns().iter().all(|c| c.qualifier.is_some());
        self.conditions.iter().filter(own).flat_map(|e| e.predicates_on(alias)).collect()
    }
}

/// Words that begin a part of a SELECT.
const PARTS: [&str; 11] = ["select", "from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "for"];

/// Takes a statement apart; `None` for what is no plain SELECT (a WITH in front is passed over).
pub fn read(dialect: Dialect, text: &str) -> Option<Select> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| match tokens.get(i) {
        Some(t) if matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier) => text.get(t.span.clone()).unwrap_or("").to_lowercase(),
        _ => String::new(),
    };
    let is = |i: usize, s: &str| tokens.get(i).and_then(|t| text.get(t.span.clone())) == Some(s);
    let outer: Vec<usize> = {
        let mut depth = 0i32;
        (0..tokens.len())
            .filter(|i| {
                depth -= i32::from(is(*i, ")"));
                let here = depth == 0 && !is(*i, ")");
                depth += i32::from(is(*i, "("));
                here
            })
            .collect()
    };
    if !matches!(word(0).as_str(), "select" | "with")
        || outer.iter().any(|i| matches!(word(*i).as_str(), "union" | "intersect" | "except" | "into"))
    {
        return None;
    }
    let mut starts: Vec<(usize, String)> = outer.iter().map(|i| (*i, word(*i))).filter(|(_, w)| PARTS.contains(&w.as_str())).collect();
    let first = starts.iter().position(|(_, w)| w == "select")?;
    starts.drain(..first);
    let slice = |from: usize, to: usize| -> &str {
        match (tokens.get(from), to.checked_sub(1).and_then(|l| tokens.get(l))) {
            (Some(a), Some(b)) if from < to => text.get(a.span.start..b.span.end).unwrap_or(""),
            _ => "",
        }
    };
    let mut out = Select::default();
    for (n, (start, part)) in starts.iter().enumerate() {
        let mut end = starts.get(n + 1).map_or(tokens.len(), |(i, _)| *i);
        while end > *start && tokens.get(end - 1).is_some_and(|t| t.kind == TokenKind::Semicolon) {
            end -= 1;
        }
        let by = start + 1 + usize::from(word(start + 1) == "by");
        match part.as_str() {
            "select" => out.distinct = word(start + 1) == "distinct",
            "from" => from(
                dialect,
                &From { start: start + 1, end, outer: &outer, word: &word, is: &is, slice: &slice, tokens: &tokens, text },
                &mut out,
            ),
            "where" => out.conditions.push(expression::parse(dialect, slice(start + 1, end))),
            "group" => out.group = expression::sort_keys(dialect, slice(by, end)),
            "order" => out.order = expression::sort_keys(dialect, slice(by, end)),
            "limit" => {
                let number = |i: usize| slice(i, i + 1).parse::<f64>().ok();
                match (number(start + 1), is(start + 2, ",")) {
                    // `LIMIT offset, count`
                    (first, true) => (out.offset, out.limit) = (first, number(start + 3)),
                    (count, false) => out.limit = count,
                }
            }
            "offset" => out.offset = slice(start + 1, start + 2).parse().ok(),
            "fetch" => out.limit = slice(start + 2, start + 3).parse().ok(),
            _ => {}
        }
    }
    Some(out)
}

/// The plain SELECTs of a statement, the outermost first: its own, those in brackets, WITH parts among them, and the arms of a UNION.
pub fn read_each(dialect: Dialect, text: &str) -> Vec<Select> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).and_then(|t| text.get(t.span.clone())).unwrap_or("").to_lowercase();
    // Where the query begins that each open bracket holds, if it holds one.
    let mut open: Vec<Option<usize>> = vec![Some(0)];
    let mut out = Vec::new();
    let mut take = |start: Option<usize>, end: usize| {
        let span = |i: usize| tokens.get(i).map(|t| t.span.clone());
        if let Some((first, last)) = start.filter(|s| *s < end).and_then(|s| span(s).zip(span(end - 1))) {
            out.extend(text.get(first.start..last.end).and_then(|t| read(dialect, t)));
        }
    };
    for i in 0..tokens.len() {
        match word(i).as_str() {
            "(" => open.push(matches!(word(i + 1).as_str(), "select" | "with").then_some(i + 1)),
            ")" if open.len() > 1 => take(open.pop().flatten(), i),
            "union" | "intersect" | "except" => {
                if let Some(Some(start)) = open.last_mut() {
                    take(Some(*start), i);
                    *start = i + 1 + usize::from(matches!(word(i + 1).as_str(), "all" | "distinct"));
                }
            }
            _ => {}
        }
    }
    while let Some(start) = open.pop() {
        take(start, tokens.len());
    }
    out.reverse();
    out
}

/// What reading the FROM list needs of the statement.
struct From<'a> {
    start: usize,
    end: usize,
    outer: &'a [usize],
    word: &'a dyn Fn(usize) -> String,
    is: &'a dyn Fn(usize, &str) -> bool,
    slice: &'a dyn Fn(usize, usize) -> &'a str,
    tokens: &'a [Token],
    text: &'a str,
}

fn from(dialect: Dialect, f: &From<'_>, out: &mut Select) {
    const JOINS: [&str; 9] = ["join", "left", "right", "full", "inner", "outer", "cross", "natural", "straight_join"];
    let name = |i: usize| -> Option<String> {
        let t = f.tokens.get(i)?;
        let written = f.text.get(t.span.clone())?;
        match t.kind {
            TokenKind::QuotedIdentifier => written.get(1..written.len().checked_sub(1)?).map(str::to_string),
            TokenKind::Identifier | TokenKind::Keyword => Some(written.to_string()),
            _ => None,
        }
    };
    let at: Vec<usize> = f.outer.iter().copied().filter(|i| (f.start..f.end).contains(i)).collect();
    let breaks = |i: usize| (f.is)(i, ",") || JOINS.contains(&(f.word)(i).as_str());
    let mut k = 0;
    let mut table_next = true;
    while k < at.len() {
        let i = at[k];
        let w = (f.word)(i);
        if breaks(i) {
            table_next = true;
            k += 1;
        } else if w == "on" {
            let stop = at[k + 1..].iter().position(|j| breaks(*j) || (f.word)(*j) == "on").map_or(f.end, |p| at[k + 1 + p]);
            out.conditions.push(expression::parse(dialect, (f.slice)(i + 1, stop)));
            while k < at.len() && at[k] < stop {
                k += 1;
            }
        } else if w == "using" && (f.is)(i + 1, "(") {
            let close = at.iter().copied().find(|j| *j > i + 1).unwrap_or(f.end);
            let columns: Vec<String> = (i + 2..close).filter_map(name).collect();
            using(&columns, out);
            while k < at.len() && at[k] < close {
                k += 1;
            }
        } else if table_next && let Some(first) = name(i) {
            table_next = false;
            let mut own = first;
            let mut next = i + 1;
            while (f.is)(next, ".")
                && let Some(part) = name(next + 1)
            {
                own = part;
                next += 2;
            }
            if (f.word)(next) == "as" {
                next += 1;
            }
            let alias = name(next).filter(|_| {
                next < f.end
                    && !breaks(next)
                    && !["on", "using", "use", "force", "ignore", "indexed", "not"].contains(&(f.word)(next).as_str())
            });
            // A function call is no table.
            if !(f.is)(next, "(") || alias.is_some() {
                out.tables.push(TableRef { alias: alias.unwrap_or_else(|| own.clone()), name: own });
            }
            while k < at.len() && at[k] <= next && !(at[k] == next && (breaks(next) || matches!((f.word)(next).as_str(), "on" | "using"))) {
                k += 1;
            }
        } else {
            table_next = false;
            k += 1;
        }
    }
}

/// `JOIN b USING (c)`: the last table's column equals that of a table before it. Which of them has it, only the catalogue knows: of
/// another one the condition names a column that is not there, and serves nothing.
fn using(columns: &[String], out: &mut Select) {
    let Some((last, before)) = out.tables.split_last() else { return };
    let of =
        |t: &TableRef, name: &String| Box::new(Expr::Column(expression::Column { qualifier: Some(t.alias.clone()), name: name.clone() }));
    let equal = |name: &String, t: &TableRef| Expr::Compare { op: "=".into(), left: of(last, name), right: of(t, name) };
    let conditions: Vec<Expr> = columns.iter().flat_map(|c| before.iter().rev().map(move |t| (c, t))).map(|(c, t)| equal(c, t)).collect();
    out.conditions.extend(conditions);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_is_taken_apart() {
        let s = read(
            Dialect::Sqlite,
            "with x as (select 1 from y limit 3) select distinct o.id from main.orders as o left join customers c on c.id = o.customer_id and c.z > 3, notes
             where o.q = 7 and (o.r in (select a from b limit 5) or o.s = 1) group by o.id order by o.d desc limit 10 offset 5000;",
        )
        .unwrap();
        let tables: Vec<(&str, &str)> = s.tables.iter().map(|t| (t.name.as_str(), t.alias.as_str())).collect();
        assert_eq!(tables, [("orders", "o"), ("customers", "c"), ("notes", "notes")]);
        assert_eq!((s.distinct, s.limit, s.offset), (true, Some(10.0), Some(5000.0)));
        assert_eq!(s.conditions.len(), 2);
        assert_eq!(s.conditions_on("o").len(), 3, "{:?}", s.conditions_on("o"));
        assert_eq!(s.conditions_on("c").len(), 2);
        assert_eq!((s.order.len(), s.order[0].descending, s.group.len()), (1, true, 1));
        assert_eq!(read(Dialect::MySql, "select * from t limit 5000, 10").unwrap().offset, Some(5000.0));
        let s = read(Dialect::Postgres, "select * from t where lower(name) = 'x' offset 100 fetch first 10 rows only").unwrap();
        assert_eq!((s.limit, s.offset, s.conditions_on("t").len()), (Some(10.0), Some(100.0), 1));
        assert_eq!(read(Dialect::Postgres, "select 1 union select 2"), None);
        assert_eq!(read(Dialect::Postgres, "update t set a = 1"), None);
        let s = read(Dialect::Sqlite, "select * from a, b where a.x = b.x").unwrap();
        assert_eq!((s.tables.len(), s.conditions_on("a").len()), (2, 1));
        let s = read(Dialect::Sqlite, "select * from a join b using (x, `y`) left join c c2 using(z) where b.q = 1").unwrap();
        assert_eq!(s.tables.iter().map(|t| t.alias.as_str()).collect::<Vec<_>>(), ["a", "b", "c2"]);
        let on_b: Vec<String> = s.conditions_on("b").iter().filter_map(|p| Some(p.column()?.name.clone())).collect();
        assert_eq!(on_b, ["x", "y", "z", "q"]);
    }

    #[test]
    fn every_query_of_a_statement_is_read() {
        let text = "with b as (select * from orders where status = 1) select b.id, (select max(x) from lines) from b, (select * from c) d \
                    where exists (select 1 from e where e.id = b.id) union all select id from f;";
        let tables = |text: &str| -> Vec<String> {
            read_each(Dialect::Sqlite, text).iter().flat_map(|s| s.tables.iter().map(|t| t.name.clone())).collect()
        };
        for table in ["orders", "lines", "b", "c", "e", "f"] {
            assert!(tables(text).iter().any(|t| t == table), "{table}: {:?}", tables(text));
        }
        assert_eq!(tables("select * from a where x in (1, 2)"), ["a"]);
        assert!(read_each(Dialect::Sqlite, "update t set a = 1").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(select |from |where |join |on |limit |offset |,|\\(|\\)|[a-z.=1'\"`;]{1,3}| |as |with |é){0,30}") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let _ = read(d, &text).map(|s| s.conditions_on("a"));
                let _ = read_each(d, &text);
            }
        }
    }
}
