//! Sorts and helpers of other engines that an index would spare (F38, F39).

use super::Draft;
use super::scene::{MANY, Product, SELF_MS, SELF_SHARE, Scene, Weight};
use super::words::{count, shorter, spent, try_index};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};
use crate::plan::expression;

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
    // MariaDB charges writing the temporary table to the tables below it, as their other time, and testing their conditions too: where
    // hardly a row was left to write, that was not the table's.
    let written = s.subtree(temporary).skip(1).filter_map(|j| s.node(j).rows_total).last();
    let few = s.plan.analyzed && written.is_some_and(|r| r < MANY);
    let other: f64 = if few { 0.0 } else { s.subtree(temporary).filter_map(|j| s.attr(j, &["r_other_time_ms"])).sum() };
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
        (None, Some(r), _) => format!(" that {} rows went into", count(r)),
        (_, _, Some(r)) => format!(" of {} rows", count(r)),
        _ => String::new(),
    };
    let grouped = s.select.as_ref().is_none_or(|q| !q.group.is_empty() || q.distinct);
    let spares = if grouped {
        "An index that begins with the GROUP BY columns spares the temporary table, one in the order of ORDER BY the sort"
    } else {
        "An index in the order of ORDER BY spares both, where all of its columns are of one table"
    };
    Some(
        draft
            .but(Confidence::Likely, "measured; whether an index can give this order depends on what is computed")
            .say(format!("a sort{key} over a temporary table{told}{}", spent(weight)), format!("{spares}: {}.", try_index(s))),
    )
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
    let all_plain = keys.is_some_and(|k| !k.is_empty() && k.len() == columns.len());
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
                format!("An index in that order spares it: {}.", try_index(s)),
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
    let ddl = if real { s.index_on(i, &columns) } else { None };
    let rows = s.table_rows(i);
    let built = s.plan.counters.get("automatic index rows").copied().filter(|r| *r > 0);
    let told = match (built, rows) {
        (Some(b), _) => format!(" of {} rows", count(b as f64)),
        (None, Some(r)) => format!(" of about {} rows", count(r)),
        (None, None) => String::new(),
    };
    let mut draft =
        Draft::new("F39", Severity::Warning, if built.is_some() { Weight::Counted } else { Weight::Estimated }, Confidence::Certain)
            .at(s.path(i))
            .sql(ddl);
    // The plan says so in as many words.
    draft.found.confidence = Confidence::Certain;
    draft.found.because = "SQLite says so".into();
    if let Some(r) = built.map(|b| b as f64).or(rows) {
        draft = draft.number("rows", r);
    }
    let next = if real {
        "Make the index once, on a copy of the file first, and compare the plan and the VM steps."
    } else {
        "What is indexed here is a subquery's result: index the table below it, or keep the result in a temporary table with this index."
    };
    Some(draft.say(format!("SQLite builds an index on {} ({}){told} at each run", s.name(i), columns.join(", ")), next))
}
