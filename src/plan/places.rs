//! Which words of a statement a plan's node is about: its table, its conditions, its ORDER BY, GROUP BY or LIMIT.
//!
//! Found by what the words are in the query that they stand in (the same reading of scopes that completion has), never by looking
//! for letters: a column of the same name in another query, or in a string, is not marked.

use crate::model::Dialect;
use crate::model::names::Names;
use crate::model::plan::PlanNode;
use crate::sql::TokenKind;
use crate::sql::complete::scope::{Source, Words, scope, starts_query};
use std::collections::BTreeSet;
use std::ops::Range;

/// Longest statement that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// Queries of one statement that are read.
const QUERIES: usize = 200;

/// A column as a condition names it.
type Column = (Option<String>, String);

/// Part of a WHERE, ON or HAVING that stands alone between ANDs.
struct Conjunct {
    span: Range<usize>,
    said: Said,
}

/// What a condition is made of, in lower case.
#[derive(Default)]
struct Said {
    columns: BTreeSet<Column>,
    constants: BTreeSet<String>,
}

/// One query of the statement.
struct Query {
    sources: Vec<(Source, Range<usize>)>,
    conjuncts: Vec<Conjunct>,
    order: Option<Range<usize>>,
    group: Option<Range<usize>>,
    limit: Option<Range<usize>>,
    distinct: Option<Range<usize>>,
}

/// For each node in plan order the bytes of the statement that it is about, in the order of the text; none where that is not known.
pub fn places(dialect: Dialect, text: &str, root: &PlanNode) -> Vec<Vec<Range<usize>>> {
    let mut out = Vec::new();
    if text.len() > LONGEST {
        root.walk(0, &mut |_, _| out.push(Vec::new()));
        return out;
    }
    let words = Words::new(dialect, text);
    let queries = queries(&words);
    root.walk(0, &mut |_, n| {
        let mut found = node(dialect, &queries, n);
        found.sort_by_key(|r| (r.start, r.end));
        found.dedup();
        out.push(found);
    });
    out
}

/// A name by which some query of a statement reads, and the table's name in parts; no parts where a query or a WITH part has that name.
pub type Named = (String, Vec<String>);

/// What the names in the FROM lists stand for, in all queries of the statement.
pub fn named(dialect: Dialect, text: &str) -> Vec<Named> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let words = Words::new(dialect, text);
    let names = Names::default();
    let mut out: Vec<Named> = Vec::new();
    for at in starts(&words) {
        let scope = scope(&words, &names, at);
        for s in scope.sources {
            let part = s.name.len() == 1 && scope.ctes.iter().any(|c| c.eq_ignore_ascii_case(&s.name[0]));
            let found = (s.alias, if part { Vec::new() } else { s.name });
            if !out.contains(&found) {
                out.push(found);
            }
        }
    }
    out
}

fn queries(words: &Words<'_>) -> Vec<Query> {
    let names = Names::default();
    starts(words).into_iter().map(|at| query(words, scope(words, &names, at))).collect()
}

fn starts(words: &Words<'_>) -> Vec<usize> {
    // Tokens at which a query begins: the statement's own, those in brackets, those behind a set operator.
    let mut starts = vec![0];
    for i in 0..words.tokens.len() {
        if words.is(i, "(") && starts_query(words, i + 1) {
            starts.push(i + 1);
        }
        if words.is_one(i, &["union", "intersect", "except"]) {
            starts.push(i + 1 + usize::from(words.is_one(i + 1, &["all", "distinct"])));
        }
    }
    starts.truncate(QUERIES);
    starts
}

fn query(words: &Words<'_>, of: crate::sql::complete::scope::Scope) -> Query {
    let flat: Vec<usize> = words.flat(of.query.clone()).collect();
    let mut out = Query { sources: Vec::new(), conjuncts: Vec::new(), order: None, group: None, limit: None, distinct: None };
    out.sources = of.sources.into_iter().filter_map(|s| Some((item_span(words, s.at)?, s))).map(|(span, s)| (s, span)).collect();
    let ends = |i: usize| {
        words.is_one(
            i,
            &[
                "where",
                "group",
                "having",
                "order",
                "limit",
                "offset",
                "fetch",
                "window",
                "returning",
                "union",
                "intersect",
                "except",
                "join",
                "left",
                "right",
                "full",
                "inner",
                "cross",
                "natural",
                "for",
                "set",
                "qualify",
                ";",
                ")",
            ],
        )
    };
    let mut k = 0;
    while k < flat.len() {
        let i = flat[k];
        let clause = ["where", "on", "using", "having", "order", "group", "limit", "distinct"].into_iter().find(|w| words.is(i, w));
        k += 1;
        let Some(clause) = clause else { continue };
        // `IS DISTINCT FROM` and the ON of `DISTINCT ON` begin nothing.
        if clause == "distinct" {
            if k >= 2 && words.is(flat[k - 2], "select") {
                out.distinct = span(words, i, i);
            }
            continue;
        }
        if clause == "using" {
            // The join's columns; an ORDER BY … USING names an operator.
            if let Some(open) = flat.get(k).copied().filter(|j| words.is(*j, "("))
                && let Some(all) = span(words, i, words.close(open))
            {
                out.conjuncts.push(Conjunct { span: all, said: said(words, open + 1..words.close(open)) });
            }
            continue;
        }
        let from = k + usize::from(matches!(clause, "order" | "group"));
        let to = (from..flat.len()).find(|j| ends(flat[*j])).unwrap_or(flat.len());
        let (Some(first), Some(last)) = (flat.get(from), to.checked_sub(1).and_then(|t| flat.get(t))) else { continue };
        if from >= to {
            continue;
        }
        let last = if words.is(*last, "(") { words.close(*last) } else { *last };
        match clause {
            "where" | "on" | "having" => conjuncts(words, *first..last + 1, &mut out.conjuncts),
            "order" => out.order = span(words, i, last),
            "group" => out.group = span(words, i, last),
            _ => out.limit = span(words, i, last),
        }
        // A join's ON may be followed by another one at once.
        k = to;
    }
    out
}

/// Bytes from one token to another, both included.
fn span(words: &Words<'_>, from: usize, to: usize) -> Option<Range<usize>> {
    let to = to.min(words.tokens.len().checked_sub(1)?);
    Some(words.tokens.get(from)?.span.start..words.tokens.get(to)?.span.end)
}

/// The bytes of an item of FROM: its name and its alias; of a subquery its alias alone.
fn item_span(words: &Words<'_>, at: usize) -> Option<Range<usize>> {
    let derived = words.is(at, "(");
    let mut next = at;
    if derived {
        next = words.close(at) + 1;
    } else {
        while words.is_name(next) {
            next += 1;
            if !words.is(next, ".") {
                break;
            }
            next += 1;
        }
        if words.is(next, "(") && next > at {
            next = words.close(next) + 1;
        }
    }
    let name_end = next.checked_sub(1)?;
    let mut alias = next;
    if words.is(alias, "as") {
        alias += 1;
    }
    let has_alias = words.is_name(alias);
    match (derived, has_alias) {
        (true, true) => span(words, alias, alias),
        (true, false) => None,
        (false, true) => span(words, at, alias),
        (false, false) => span(words, at, name_end),
    }
}

/// Cuts a condition at its ANDs, also inside brackets that hold nothing else.
fn conjuncts(words: &Words<'_>, range: Range<usize>, out: &mut Vec<Conjunct>) {
    let flat: Vec<usize> = words.flat(range.clone()).collect();
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut start = range.start;
    let mut between = false;
    for i in &flat {
        if words.is(*i, "between") {
            between = true;
        } else if words.is(*i, "or") && flat.iter().all(|j| !words.is(*j, "and")) {
            continue;
        } else if words.is(*i, "and") {
            if between {
                between = false;
            } else {
                parts.push(start..*i);
                start = *i + 1;
            }
        }
    }
    parts.push(start..range.end);
    // With an OR beside them, ANDs bind tighter: such a condition is one.
    if flat.iter().any(|i| words.is(*i, "or")) {
        parts = vec![range];
    }
    for p in parts.into_iter().filter(|p| p.start < p.end) {
        let bracket = words.is(p.start, "(") && words.close(p.start) + 1 == p.end && !starts_query(words, p.start + 1);
        if bracket {
            conjuncts(words, p.start + 1..p.end - 1, out);
        } else if let Some(span) = span(words, p.start, p.end - 1) {
            out.push(Conjunct { said: said(words, p), span });
        }
    }
}

/// Columns and constants of a range of tokens, without those of queries inside.
fn said(words: &Words<'_>, range: Range<usize>) -> Said {
    let mut out = Said::default();
    let mut i = range.start;
    while i < range.end {
        if words.is(i, "(") && starts_query(words, i + 1) {
            i = words.close(i) + 1;
            continue;
        }
        if words.is(i, "::") {
            // The type of a cast.
            i += 2;
            continue;
        }
        let Some(token) = words.tokens.get(i) else { break };
        match token.kind {
            TokenKind::String | TokenKind::Number => {
                let text = words.text(i).trim_matches('\'').to_lowercase();
                out.constants.insert(text);
            }
            _ if words.is_name(i) => {
                let mut parts = vec![words.name(i).to_lowercase()];
                while words.is(i + 1, ".") && words.is_name(i + 2) && i + 2 < range.end {
                    i += 2;
                    parts.push(words.name(i).to_lowercase());
                }
                if !words.is(i + 1, "(") {
                    let name = parts.pop().unwrap_or_default();
                    out.columns.insert((parts.pop(), name));
                }
            }
            _ => {}
        }
        i += 1;
    }
    out
}

fn node(dialect: Dialect, queries: &[Query], n: &PlanNode) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let own = source(queries, n);
    if let Some((q, s)) = own {
        out.push(queries[q].sources[s].1.clone());
    }
    let clause: fn(&Query) -> &Option<Range<usize>> = match n.op.as_str() {
        "sort" | "incremental sort" => |q| &q.order,
        "limit" => |q| &q.limit,
        "group" => |q| &q.group,
        op if op.contains("aggregate") => |q| &q.group,
        "unique" => |q| &q.distinct,
        _ => |_| &None,
    };
    // The query whose table is read below.
    let below = first_source(queries, n).map_or(0, |(q, _)| q);
    if let Some(found) = queries.get(below).and_then(|q| clause(q).clone()) {
        out.push(found);
        return out;
    }
    for (_, condition) in &n.conditions {
        let words = Words::new(dialect, condition);
        let wanted = said(&words, 0..words.tokens.len());
        if wanted.columns.is_empty() {
            continue;
        }
        let mut found: Vec<(bool, Range<usize>)> = Vec::new();
        for (i, q) in queries.iter().enumerate() {
            if own.is_some_and(|(mine, _)| mine != i) {
                continue;
            }
            for c in &q.conjuncts {
                if let Some(exact) = matches(&c.said, &wanted, n, q) {
                    found.push((exact, c.span.clone()));
                }
            }
        }
        let exact = found.iter().any(|(e, _)| *e);
        out.extend(found.into_iter().filter(|(e, _)| *e == exact).map(|(_, r)| r));
    }
    out
}

/// Whether a part of the statement's condition is in the node's one; true when its constants are there too.
fn matches(part: &Said, node: &Said, n: &PlanNode, q: &Query) -> Option<bool> {
    if part.columns.is_empty() {
        return None;
    }
    let me = [n.alias.as_ref(), n.relation.as_ref()].into_iter().flatten().map(|s| s.to_lowercase()).collect::<Vec<_>>();
    for (qualifier, name) in &part.columns {
        let there = node.columns.iter().any(|(theirs, column)| {
            column == name
                && match (qualifier, theirs) {
                    (Some(a), Some(b)) => a == b || renumbered(b, a),
                    // Of its own table a node need not say the name.
                    (Some(a), None) => me.is_empty() || me.iter().any(|m| m == a || renumbered(m, a)) || q.sources.len() == 1,
                    (None, _) => true,
                }
        });
        if !there {
            return None;
        }
    }
    Some(part.constants.iter().all(|c| node.constants.iter().any(|k| k == c || k.starts_with(c.as_str()))))
}

/// PostgreSQL calls the second `orders` of a statement `orders_1`.
fn renumbered(theirs: &str, name: &str) -> bool {
    theirs.strip_prefix(name).and_then(|r| r.strip_prefix('_')).is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
}

/// The item of FROM that a node reads: (query, source).
fn source(queries: &[Query], n: &PlanNode) -> Option<(usize, usize)> {
    let relation = n.relation.as_ref().map(|r| r.to_lowercase());
    let alias = n.alias.as_ref().map(|a| a.to_lowercase()).or_else(|| relation.clone())?;
    let all =
        || queries.iter().enumerate().flat_map(|(q, query)| query.sources.iter().enumerate().map(move |(s, (source, _))| (q, s, source)));
    let relates = |s: &Source| {
        let name = s.name.last().map(|n| n.to_lowercase());
        // A view or a CTE is read under another name, and a subquery has none.
        let last = relation.as_deref().and_then(|r| r.rsplit('.').next());
        relation.is_none() || name.is_none() || name == relation || name.as_deref() == last
    };
    let exact = all().find(|(_, _, s)| s.alias.to_lowercase() == alias && relates(s));
    if let Some((q, s, _)) = exact {
        return Some((q, s));
    }
    // The N-th further one of the name.
    let (base, number) = alias.rsplit_once('_')?;
    let number: usize = number.parse().ok()?;
    all().filter(|(_, _, s)| s.alias.to_lowercase() == base && relates(s)).nth(number).map(|(q, s, _)| (q, s))
}

fn first_source(queries: &[Query], n: &PlanNode) -> Option<(usize, usize)> {
    let mut found = None;
    n.walk(0, &mut |_, below| {
        if found.is_none() {
            found = source(queries, below);
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_queries_are_told_with_what_they_stand_for() {
        let all = named(
            Dialect::MySql,
            "with c as (select 1 from shop.`big t` b) select * from orders o, c join (select 2 from items) d where o.id in (select id from c)",
        );
        let mut told: Vec<String> = all.iter().map(|(alias, name)| format!("{alias}={}", name.join("."))).collect();
        told.sort();
        assert_eq!(told, ["b=shop.big t", "c=", "d=", "items=items", "o=orders"]);
    }

    #[test]
    fn a_table_may_bear_a_keyword_of_its_dialect() {
        let told = |d: Dialect, text: &str| -> Vec<String> {
            named(d, text).iter().map(|(alias, name)| format!("{alias}={}", name.join("."))).collect()
        };
        let text = "select * from events e join comment on comment.id = e.id left join shop.user u using (id) limit 3";
        assert_eq!(told(Dialect::MySql, text), ["e=events", "comment=comment", "u=shop.user"]);
        assert_eq!(told(Dialect::Postgres, "select * from comment c where c.id = 1 offset 3"), ["c=comment"]);
        assert_eq!(told(Dialect::Sqlite, "select * from plan, 'x' where 1"), ["plan=plan"]);
        // What is reserved, and what goes on with the statement, is no table.
        assert_eq!(told(Dialect::MySql, "select * from limit 3"), [""; 0]);
        assert_eq!(told(Dialect::Postgres, "select 1 into temp kept from comment"), ["comment=comment"]);
    }

    fn scan(relation: &str, alias: &str, filter: &str) -> PlanNode {
        PlanNode {
            op: "table scan".into(),
            relation: Some(relation.into()),
            alias: Some(alias.into()),
            conditions: if filter.is_empty() { Vec::new() } else { vec![("Filter".into(), filter.into())] },
            ..PlanNode::default()
        }
    }

    fn marked(text: &str, n: PlanNode) -> Vec<String> {
        let all = places(Dialect::Postgres, text, &n);
        all[0].iter().map(|r| text[r.clone()].to_string()).collect()
    }

    const JOIN: &str = "select c.name, sum(o.total), 'orders o state' from customers c join orders as o on o.customer_id = c.id \
                        where o.state = 'paid' and o.total between 1 and 9 and c.state = 'paid' group by 1 order by 2 desc limit 20";

    #[test]
    fn a_scan_marks_its_table_and_its_own_conditions() {
        assert_eq!(marked(JOIN, scan("orders", "o", "((state)::text = 'paid'::text)")), ["orders as o", "o.state = 'paid'"]);
        assert_eq!(marked(JOIN, scan("customers", "c", "((c.state)::text = 'paid'::text)")), ["customers c", "c.state = 'paid'"]);
        let both = "(((o.state)::text = 'paid'::text) AND (o.total >= '1'::numeric) AND (o.total <= '9'::numeric))";
        assert_eq!(marked(JOIN, scan("orders", "o", both)), ["orders as o", "o.state = 'paid'", "o.total between 1 and 9"]);
    }

    #[test]
    fn joins_and_clauses() {
        let join = PlanNode {
            op: "hash join".into(),
            conditions: vec![("Hash Cond".into(), "(o.customer_id = c.id)".into())],
            ..PlanNode::default()
        };
        assert_eq!(marked(JOIN, join), ["o.customer_id = c.id"]);
        let over = |op: &str| PlanNode { op: op.into(), children: vec![scan("orders", "o", "")], ..PlanNode::default() };
        assert_eq!(marked(JOIN, over("sort")), ["order by 2 desc"]);
        assert_eq!(marked(JOIN, over("aggregate")), ["group by 1"]);
        assert_eq!(marked(JOIN, over("limit")), ["limit 20"]);
    }

    #[test]
    fn a_join_by_using_is_marked_and_a_table_with_its_schema() {
        let text = "select c_name, sum(qty) from orders o join items i using (o_id, part) where i.qty > 3";
        assert_eq!(marked(text, scan("public.items", "i", "((i.qty > 3) AND (i.o_id = o.o_id))")), ["items i", "i.qty > 3"]);
        let join = PlanNode {
            op: "hash join".into(),
            conditions: vec![("Hash Cond".into(), "((i.o_id = o.o_id) AND (i.part = o.part))".into())],
            ..PlanNode::default()
        };
        assert_eq!(marked(text, join), ["using (o_id, part)"]);
    }

    #[test]
    fn queries_inside_have_their_own_tables() {
        let text = "select * from orders where state = 'a' and id in (select order_id from items where state = 'a') and total > (select avg(total) from orders where state = 'b')";
        assert_eq!(marked(text, scan("items", "items", "(state = 'a'::text)")), ["items", "state = 'a'"]);
        let at = places(Dialect::Postgres, text, &scan("items", "items", "(state = 'a'::text)"))[0][1].start;
        assert!(at > text.find("items").unwrap(), "the inner one");
        assert_eq!(marked(text, scan("orders", "orders_1", "(state = 'b'::text)")), ["orders", "state = 'b'"]);
    }

    #[test]
    fn the_constant_tells_two_conditions_of_one_column_apart() {
        let text = "select 1 from t where a > 5 and a < 9";
        assert_eq!(marked(text, scan("t", "t", "(a > 5)")), ["t", "a > 5"]);
        // What was worked out by the server matches by its columns.
        assert_eq!(marked(text, scan("t", "t", "(a > 77)")), ["t", "a > 5", "a < 9"]);
    }

    #[test]
    fn either_or_is_one_condition_and_a_string_is_none() {
        let text = "select 'from t where a = 1' from t where (a = 1 or b = 2) and (c = 3)";
        assert_eq!(marked(text, scan("t", "t", "((a = 1) OR (b = 2))")), ["t", "a = 1 or b = 2"]);
        assert_eq!(marked(text, scan("t", "t", "(c = 3)")), ["t", "c = 3"]);
    }

    #[test]
    fn other_dialects_quote_otherwise() {
        let text = "select * from shop.orders `o` where o.state = 'paid'";
        let n = scan("orders", "o", "(`shop`.`o`.`state` = 'paid')");
        let all = places(Dialect::MySql, text, &n);
        assert_eq!(all[0].iter().map(|r| &text[r.clone()]).collect::<Vec<_>>(), ["shop.orders `o`", "o.state = 'paid'"]);
    }

    #[test]
    fn half_a_statement_is_no_trouble() {
        for text in
            ["", "select", "select * from", "select * from t where (a = ", "with x as (select 1 from t where a", "( ( ( select ) union"]
        {
            assert_eq!(places(Dialect::Postgres, text, &scan("t", "t", "(a = 1)")).len(), 1, "{text}");
        }
    }
}
