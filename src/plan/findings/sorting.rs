//! Sorts and helpers of other engines that an index would spare (F38, F39).

use super::Draft;
use super::scene::{MANY, Product, SELF_MS, SELF_SHARE, Scene, Weight};
use super::words::{count, shorter, spent, spent_with, try_index};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};
use crate::plan::candidates::SMALL;
use crate::plan::expression::{self, Expr};
use crate::sql::{TokenKind, lex};

/// Functions that make one value of many rows: no index has their order.
const AGGREGATES: [&str; 7] = ["count", "sum", "avg", "min", "max", "total", "group_concat"];

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    for i in s.all() {
        if s.node(i).never_executed {
            continue;
        }
        match s.product {
            Product::Postgres => return,
            Product::Sqlite => {
                out.extend(temporary_tree(s, i));
                out.extend(automatic(s, i));
            }
            Product::MySql | Product::MariaDb => out.extend(filesort(s, i)),
        }
    }
}

/// MariaDB: a filesort over a temporary table; MySQL: a sort over one.
fn filesort(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    if s.node(i).op != "sort" {
        return None;
    }
    let is_temporary = |j: usize| {
        let n = s.node(j);
        let words = n.raw_op.to_lowercase();
        n.op == "temporary table" || words.contains("<temporary>") || words.contains("temporary table")
    };
    // Straight below, with nothing that keeps rows between.
    let temporary = s
        .subtree(i)
        .skip(1)
        .take_while(|j| {
            matches!(s.node(*j).op.as_str(), "temporary table" | "aggregate" | "stream results" | "filter")
                || is_temporary(*j)
                || s.parent(*j) == Some(i)
        })
        .find(|j| is_temporary(*j))?;
    // MariaDB charges writing the temporary table to the last table below it, as its other time, and testing its conditions too: where
    // hardly a row was left to write, that was not the table's. What a join through a buffer is charged with is comparing.
    let written = s.subtree(temporary).skip(1).filter_map(|j| s.node(j).rows_total).last();
    let few = s.plan.analyzed && written.is_some_and(|r| r < MANY);
    let buffered = s.subtree(temporary).any(|j| s.node(j).op == "block nested loop");
    let last = s.subtree(temporary).skip(1).rfind(|_| !few && !buffered).filter(|j| s.node(*j).relation.is_some());
    let other = last.and_then(|j| s.attr(j, &["r_other_time_ms"])).unwrap_or(0.0);
    let weight = match (s.weigh(&[i, temporary]), s.total_ms) {
        (Some(Weight::Timed(t)), _) => Weight::Timed(t + other),
        (None, Some(total)) if other >= SELF_MS && other >= SELF_SHARE * total => Weight::Timed(other),
        (found, _) => found?,
    };
    let input = s.subtree(temporary).skip(1).find_map(|j| s.node(j).rows_total);
    let held = s.node(temporary).rows_total;
    let rows = held.or(input).or(s.node(i).rows_total).or(s.node(i).est_rows);
    if !matches!(weight, Weight::Timed(_)) && rows.is_none_or(|r| r < MANY) {
        return None;
    }
    let key = s.condition(i, &["Sort key"]).map(|k| format!(" by {}", shorter(k))).unwrap_or_default();
    let mut draft = Draft::new("F38", Severity::Warning, weight, Confidence::Likely).at(s.path(i)).at(s.path(temporary));
    if let Some(r) = rows {
        draft = draft.number("rows", r);
    }
    let told = match (held, input, rows) {
        // Grouping makes fewer of them, and how many the plan does not tell.
        (None, Some(r), _) => format!(" made from {} rows", count(r)),
        (_, _, Some(r)) => format!(" of {} rows", count(r)),
        _ => String::new(),
    };
    let computed = s.condition(i, &["Sort key"]).is_some_and(|k| aggregates(&expression::parse(s.dialect, bare(k))));
    let grouped = s.subtree(temporary).skip(1).any(|j| in_groups(s, j));
    let spares = match s.select.as_ref() {
        // They come so already, and only what is computed of them is sorted.
        _ if computed && grouped => {
            "No index has the order of a computed value, so the sort stays: fewer groups, by a narrower WHERE, make it quicker"
        }
        _ if computed => {
            "No index has the order of a computed value, so the sort stays; one that begins with the GROUP BY columns and holds what is \
             read lets the groups come one by one"
        }
        Some(q) if q.group.is_empty() && !q.distinct && !q.order.is_empty() => {
            "An index in the order of ORDER BY spares both, where all of its columns are of one table"
        }
        // It sorts for a part of the statement.
        Some(q) if q.group.is_empty() && !q.distinct => {
            "An index that begins with the sort's columns and holds what is read may spare it, where they are of one table"
        }
        _ => "An index that begins with the GROUP BY columns spares the temporary table, one in the order of ORDER BY the sort",
    };
    let time = match last.filter(|_| other > 0.0) {
        Some(j) => spent_with(weight, &format!("testing and handing on the rows of {}", s.name(j))),
        None => spent(weight),
    };
    Some(draft.but(Confidence::Likely, "measured; whether an index can give this order depends on what is computed").say(
        format!("a sort{key} over a temporary table{told}{time}"),
        if computed && grouped { format!("{spares}.") } else { format!("{spares}: {}.", try_index(s)) },
    ))
}

/// The table is read by an index that begins with the columns of GROUP BY.
fn in_groups(s: &Scene<'_>, i: usize) -> bool {
    let columns: Option<Vec<&str>> =
        s.select.as_ref().and_then(|q| q.group.iter().map(|k| k.expr.column().map(|c| c.name.as_str())).collect());
    let taken = s.table(i).zip(s.node(i).index.as_ref()).and_then(|(t, name)| t.indexes.iter().find(|x| x.name == *name));
    columns.zip(taken).is_some_and(|(columns, x)| {
        !columns.is_empty()
            && x.keys.len() >= columns.len()
            && x.keys[..columns.len()].iter().all(|k| columns.iter().any(|c| c.eq_ignore_ascii_case(k)))
    })
}

/// A sort key without its direction.
fn bare(key: &str) -> &str {
    let key = key.trim();
    let cut = key.len().saturating_sub(" desc".len());
    key.get(cut..).filter(|end| end.eq_ignore_ascii_case(" desc")).map_or(key, |_| &key[..cut])
}

fn aggregates(e: &Expr) -> bool {
    matches!(e, Expr::Call { name, .. } if AGGREGATES.contains(&name.as_str()))
}

/// Whether the statement gives this name to a value that it computes: an ORDER BY with it is no order of a column.
fn given(s: &Scene<'_>, name: &str) -> bool {
    let Some(text) = s.known.statement.as_deref() else { return false };
    let words: Vec<&str> = lex(s.dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .filter_map(|t| text.get(t.span))
        .collect();
    words.windows(2).any(|w| (w[0] == ")" || w[0].eq_ignore_ascii_case("as")) && w[1].trim_matches('"').eq_ignore_ascii_case(name))
}

/// Whether the statement gives this name to what a function gives: `sum(total) s`.
fn stands_for_call(s: &Scene<'_>, name: &str) -> bool {
    let Some(text) = s.known.statement.as_deref() else { return false };
    let words: Vec<&str> = lex(s.dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .filter_map(|t| text.get(t.span))
        .filter(|w| !w.eq_ignore_ascii_case("as"))
        .collect();
    let calls = |before: &[&str]| {
        let mut depth = 0i32;
        let open = before.iter().rposition(|w| {
            depth += i32::from(*w == ")") - i32::from(*w == "(");
            depth == 0
        });
        open.and_then(|at| before.get(at.checked_sub(1)?)).is_some_and(|f| AGGREGATES.iter().any(|a| a.eq_ignore_ascii_case(f)))
    };
    (1..words.len()).any(|i| words[i].trim_matches('"').eq_ignore_ascii_case(name) && words[i - 1] == ")" && calls(&words[..i]))
}

fn temporary_tree(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let purpose = n.attrs.get("for").filter(|_| n.raw_op.starts_with("USE TEMP B-TREE FOR"))?;
    let parent = s.parent(i)?;
    let scans: Vec<usize> = s.children(parent).filter(|c| s.is_scan(*c)).collect();
    // Rows that come to it: counted at its own line. Else no more than the last loop looked at, or than is read whole.
    let counted = n.rows_total.filter(|_| s.plan.analyzed);
    let looked_at = scans.last().and_then(|l| s.node(*l).rows_total).filter(|_| s.plan.analyzed);
    let whole = scans.iter().filter(|c| !s.searches(**c)).filter_map(|c| s.table_rows(*c)).reduce(f64::max);
    let rows = counted.or(looked_at).or(whole).filter(|r| *r >= MANY)?;
    let keys = s.select.as_ref().map(|q| if purpose.contains("GROUP") { &q.group } else { &q.order });
    let columns: Vec<String> = keys.map(|k| k.iter().filter_map(|k| k.expr.column()).map(|c| c.name.clone()).collect()).unwrap_or_default();
    let all_plain = keys.is_some_and(|k| !k.is_empty() && k.len() == columns.len()) && !columns.iter().any(|c| given(s, c));
    let computed = keys.is_some_and(|k| k.iter().any(|k| aggregates(&k.expr))) || columns.iter().any(|c| stands_for_call(s, c));
    let sole = scans.len() == 1;
    let ddl = if all_plain && sole { s.index_on(scans[0], &columns) } else { None };
    let weight = if counted.is_some() { Weight::Counted } else { Weight::Estimated };
    Some(
        Draft::new("F38", Severity::Info, weight, Confidence::Likely)
            .at(s.path(i))
            .number("rows", rows)
            .but(if counted.is_some() { Confidence::Likely } else { Confidence::Possible }, "how many rows come to it is not counted here")
            .sql(ddl)
            .say(
                format!(
                    "{}{} rows go through a temporary b-tree for {purpose}",
                    if counted.is_some() { "" } else { "up to " },
                    count(rows)
                ),
                match (computed, all_plain && sole) {
                    (true, _) => "No index has the order of a computed value: fewer rows, by a narrower WHERE, make it quicker.".into(),
                    (_, true) => format!("An index in that order spares it: {}.", try_index(s)),
                    _ => format!("An index in that order spares it, where it is one of plain columns of one table: {}.", try_index(s)),
                },
            ),
    )
}

/// F39: SQLite names the columns itself.
fn automatic(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if !n.raw_op.contains("USING AUTOMATIC") {
        return None;
    }
    let condition = s.index_condition(i)?;
    let mut columns: Vec<String> = Vec::new();
    for c in expression::parse(s.dialect, condition).columns() {
        if !columns.contains(&c.name) {
            columns.push(c.name.clone());
        }
    }
    // Over a subquery or a CTE there is nothing to index.
    let real = s.known.tables.is_empty() || s.table(i).is_some();
    let rows = s.table_rows(i);
    let built = s.plan.counters.get("automatic index rows").copied().filter(|r| *r > 0);
    // SQLite counts one row less than there are in each index that it builds.
    let size = built.map(|b| b as f64).or(rows);
    let told = size.map_or(String::new(), |r| format!(" of about {} rows", count(r)));
    // Built of so few it costs nothing, and one that stays would gain nothing.
    let small = size.is_some_and(|r| r < SMALL);
    let ddl = if real && !small { s.index_on(i, &columns) } else { None };
    // Of few rows it is built in no time.
    let severity = if size.is_some_and(|r| r < MANY) { Severity::Info } else { Severity::Warning };
    let mut draft = Draft::new("F39", severity, if built.is_some() { Weight::Counted } else { Weight::Estimated }, Confidence::Certain)
        .at(s.path(i))
        .sql(ddl);
    // The plan says so in as many words.
    draft.found.confidence = Confidence::Certain;
    draft.found.because = "SQLite says so".into();
    if let Some(r) = size {
        draft = draft.number("rows", r);
    }
    let next = if small && real {
        "Of so few rows it is built in no time: as long as the table stays small, an index of its own would gain nothing."
    } else if real {
        "Make the index once, on a copy of the file first, and compare the plan and the VM steps."
    } else {
        "What is indexed here is a subquery's result: index the table below it, or keep the result in a temporary table with this index."
    };
    Some(draft.say(format!("SQLite builds an index on {} ({}){told} at each run", s.name(i), columns.join(", ")), next))
}
