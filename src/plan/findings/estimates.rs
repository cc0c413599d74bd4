//! Estimates: the lowest node that was misjudged, what was built upon it, and the statistics behind it (F5, F6, F33, F34).

use super::Draft;
use super::scene::{Product, SELF_MS, SELF_SHARE, Scene, Weight};
use super::words::{count, ms, percent, shorter};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Role};
use crate::plan::expression::{Expr, Test};
use crate::sql::reserved::ident;

/// F5: factors from which an estimate is wrong, badly wrong, and hopeless (plans.md §3).
const WRONG: [f64; 3] = [10.0, 100.0, 1_000.0];
/// F5: rows on either side from which it matters (plans.md §3).
const WRONG_ROWS: f64 = 100.0;
/// F6: probes from which a nested loop is worth comparing with a hash join, and its share of the execution (plans.md §3).
const PROBES: (f64, f64) = (1_000.0, 0.3);
/// F33: rows changed since the last ANALYZE, as a share of the table (plans.md §3: the planner's own autovacuum default is the same 10 %).
const CHANGED_SHARE: f64 = 0.1;
/// F33: tables below this are planned well without statistics (plans.md §7.2 drops them too).
const SMALL_TABLE: f64 = 1_000.0;
/// F34: how much dearer the generic plan is (plans.md §3).
const GENERIC: f64 = 10.0;
/// … and by how much at least, in the planner's units: a plan that costs less is quick for any values.
const GENERIC_LEAST: f64 = 100.0;

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    let wrong = sources(s);
    let mut loops = Vec::new();
    for i in s.all() {
        loops.extend(nested_loop(s, i, &wrong));
    }
    for i in &wrong {
        let caused = loops
            .iter()
            .filter(|(_, source)| source == i)
            .filter_map(|(f, _)| f.explains_ms)
            .fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))));
        out.extend(estimate(s, *i, caused));
    }
    out.extend(loops.into_iter().map(|(f, _)| f));
    stale(s, &wrong, out);
    out.extend(generic(s));
}

/// The factor of a node whose estimate can be compared and is wrong.
fn factor(s: &Scene<'_>, i: usize) -> Option<f64> {
    let n = s.node(i);
    let e = n.estimate_error.filter(|_| !n.never_executed && n.estimate_doubt.is_none())?;
    // SQLite takes a fixed share of a range: no statistics that it keeps tell more (no STAT4 here).
    if s.product == Product::Sqlite && n.conditions.iter().any(|(_, c)| c.contains(['<', '>'])) {
        return None;
    }
    // Of HAVING a fixed share is taken, whatever is grouped.
    if s.product == Product::Postgres && n.op == "aggregate" && s.filter(i).is_some() {
        return None;
    }
    // A subquery's test may be over with its first row: fewer of them are no error.
    let cut_short = e < 0.0 && std::iter::once(i).chain(s.above(i)).any(|a| s.node(a).role == Role::SubPlan);
    if cut_short || members_were_right(s, i) {
        return None;
    }
    let most = n.est_rows?.max(n.rows.unwrap_or(0.0));
    (e.abs() >= WRONG[0] && most >= WRONG_ROWS).then_some(e)
}

/// Whether a node that passes on the rows of its members has an estimate that is off although theirs, taken together, are not: one that
/// several processes share is planned as a share of each member, rounded to whole rows.
fn members_were_right(s: &Scene<'_>, i: usize) -> bool {
    if s.node(i).op != "append" {
        return false;
    }
    let sum = |of: &dyn Fn(usize) -> Option<f64>| s.children(i).map(of).sum::<Option<f64>>();
    let planned = sum(&|c| s.node(c).est_rows.map(|e| if s.node(c).never_executed { 0.0 } else { e * s.node(c).loops.unwrap_or(1.0) }));
    let came = sum(&|c| if s.node(c).never_executed { Some(0.0) } else { s.node(c).rows_total });
    planned.zip(came).is_some_and(|(p, c)| p.max(1.0) < WRONG[0] * c.max(1.0) && c.max(1.0) < WRONG[0] * p.max(1.0))
}

/// Nodes whose estimate is wrong although nothing below them is off by half as much: there it began.
fn sources(s: &Scene<'_>) -> Vec<usize> {
    s.all()
        .filter(|i| {
            let Some(e) = factor(s, *i) else { return false };
            let below = s.subtree(*i).skip(1).any(|j| {
                let n = s.node(j);
                !n.never_executed && n.estimate_error.is_some_and(|b| b.abs() >= WRONG[0].max(e.abs() / 2.0))
            });
            !below && !made_wrong(s, *i) && matters(s, *i)
        })
        .collect()
}

/// Whether what reads a WITH part says again what was wrong where it is made.
fn made_wrong(s: &Scene<'_>, i: usize) -> bool {
    let Some(part) = s.node(i).relation.as_ref().filter(|_| s.node(i).op == "cte scan") else { return false };
    let maker = format!("CTE {part}");
    s.all().any(|j| s.node(j).role == Role::Cte && s.node(j).subplan.as_ref() == Some(&maker) && factor(s, j).is_some())
}

/// Whether this node or one that was planned upon its rows took time that counts.
fn matters(s: &Scene<'_>, i: usize) -> bool {
    let Some(total) = s.total_ms else { return true };
    std::iter::once(i)
        .chain(s.above(i))
        .chain(s.above(i).flat_map(|a| s.children(a)))
        .any(|j| s.own_ms(j).is_some_and(|own| own >= SELF_MS && own >= SELF_SHARE * total))
}

/// Whether rows are looked up by a list that a subquery makes, of which SQLite guesses the length (25 in `whereLoopAddBtreeIndex`).
fn of_list(s: &Scene<'_>, i: usize) -> bool {
    let beside = || s.parent(i).into_iter().flat_map(|p| s.children(p)).chain(s.subtree(i));
    s.product == Product::Sqlite && s.node(i).raw_op.contains("=?") && beside().any(|j| s.node(j).op == "list subquery")
}

fn estimate(s: &Scene<'_>, i: usize, caused: Option<f64>) -> Option<PlanFinding> {
    let n = s.node(i);
    let e = factor(s, i)?;
    let (plan, got) = (n.est_rows?, n.rows?);
    let severity = match () {
        () if of_list(s, i) => Severity::Info,
        () if e.abs() >= WRONG[2] => Severity::Critical,
        () => Severity::Warning,
    };
    let weight = match (s.plan.analyzed, s.own_ms(i)) {
        (true, Some(own)) => Weight::Timed(caused.unwrap_or(own).max(own)),
        _ => Weight::Counted,
    };
    let conditions: Vec<Expr> = n
        .conditions
        .iter()
        .filter(|(k, _)| ["filter", "cond", "lookup", "condition"].iter().any(|w| k.to_lowercase().contains(w)))
        .map(|(_, v)| unwrapped(s.read(v)))
        // A subquery's or a CTE's filter speaks of columns that have no statistics.
        .collect();
    // MySQL's Filter node speaks of the scan below it.
    let about = if n.relation.is_some() {
        i
    } else {
        s.children(i).next().filter(|c| n.op == "filter" && s.node(*c).relation.is_some()).unwrap_or(i)
    };
    let alias = s.alias(about).unwrap_or("");
    let mut columns: Vec<String> = Vec::new();
    let (mut computed, mut converted, mut contains) = (None, false, None);
    for p in conditions.iter().flat_map(|c| c.predicates_on(alias)).map(|p| s.uncast(about, p)) {
        match p.column() {
            Some(_) if s.converted(about, &p).is_some() => converted = true,
            Some(c) if p.test == Test::Contains && s.product.is_mysql() => contains = Some(c.name.clone()),
            Some(c) if p.test != Test::Join && !columns.contains(&c.name) => columns.push(c.name.clone()),
            None if matches!(p.test, Test::Equal | Test::Range | Test::In) && computed.is_none() && p.key.cast_column().is_none() => {
                computed = Some(p.key.clone())
            }
            _ => {}
        }
    }
    let from = if columns.is_empty() { String::new() } else { format!(", tested on {}", columns.join(", ")) };
    let per = n.loops.filter(|l| *l > 1.0).map(|l| format!(" in each of {} loops", count(l))).unwrap_or_default();
    let direction = if e > 0.0 { "more" } else { "fewer" };
    let message =
        format!("{}: {} rows were planned and {} came{per}, ×{} {direction}{from}", s.name(about), count(plan), rows(got), count(e.abs()));
    let hidden = s.is_scan(about)
        && columns.is_empty()
        && conditions.iter().flat_map(|c| c.predicates_on(alias)).any(|p| s.uncast(about, p).key.cast_column().is_some());
    // Statistics of one column tell nothing of alternatives.
    let either = s.product == Product::MariaDb
        && columns.is_empty()
        && conditions.iter().flat_map(Expr::conjuncts).any(|e| matches!(e, Expr::Or(_)));
    let mut asked = false;
    conditions.iter().for_each(|c| c.walk(&mut |e| asked |= matches!(e, Expr::Subquery(_))));
    let apart = conditions.iter().find_map(|c| unlike_several(s, c));
    let (next, sql) = match hidden {
        _ if converted && columns.is_empty() => (
            "A comparison of text with a number hides the column's statistics: write the value as text first (F8), then explain again.".to_string(),
            None,
        ),
        _ if s.node(about).op == "cte scan" && !s.node(about).raw_op.starts_with("Work") => (
            "Of what a WITH part holds there are no statistics: the planner takes a fixed share of it. Written inside the part the test is \
             estimated by the table's: compare the plans."
                .to_string(),
            None,
        ),
        false if contains.is_some() && columns.is_empty() => (
            format!(
                "No statistics tell how many values of {} hold a pattern without a fixed beginning: the planner takes a fixed share. Mend the test \
                 first (F10), then explain again.",
                contains.unwrap_or_default()
            ),
            None,
        ),
        false if computed.is_some() && columns.is_empty() && s.product.is_mysql() => (
            format!(
                "No statistics are of {}: the planner takes a fixed share. Compare the column by itself first (F9), then explain again.",
                computed.as_ref().map_or(String::new(), |e| shorter(&e.sql(s.dialect)))
            ),
            None,
        ),
        false if either && s.table(about).is_some_and(|t| t.statistics.missing != Some(true)) => (
            "No statistics tell how many rows pass one of several alternatives: the planner takes it that all of them do. Where the plan above \
             suffers, write them as a UNION, and explain again."
                .to_string(),
            None,
        ),
        false if apart.is_some() => (
            format!(
                "The planner takes each <> for independent of the others. Written as {}, the shares of the values are added up: compare the plans.",
                apart.unwrap_or_default()
            ),
            None,
        ),
        false if asked => (
            "What a subquery answers cannot be estimated: the planner takes a fixed share of the rows. Write it as a join and explain again.".to_string(),
            None,
        ),
        false if of_list(s, i) => (
            "SQLite takes a fixed number of values for the list that a subquery makes, and no statistics change that. Written as a join it is \
             estimated by the table's: compare the plans where the order of tables suffers."
                .to_string(),
            None,
        ),
        true => (
            "A cast hides the column's statistics from the planner: compare without it first (F8, F9), then explain again.".to_string(),
            None,
        ),
        false => remedy(s, about, &columns, computed.as_ref()),
    };
    let mut draft = Draft::new("F5", severity, weight, Confidence::Certain)
        .at(s.path(i))
        .number("plan_rows", plan)
        .number("rows", got)
        .number("factor", e)
        .sql(sql);
    if n.approximate {
        draft = draft.but(Confidence::Likely, "the node's share of the rows is approximate");
    }
    Some(draft.say(message, next))
}

/// MariaDB's tests of an outer join's ON without what it wraps them in.
fn unwrapped(e: Expr) -> Expr {
    match e {
        Expr::And(parts) => Expr::And(parts.into_iter().map(unwrapped).collect()),
        Expr::Call { name, args } if name == "trigcond" && args.len() == 1 => {
            args.into_iter().next().map_or(Expr::And(Vec::new()), unwrapped)
        }
        other => other,
    }
}

/// `state NOT IN ('a', 'b')` for a column of which several values are excluded one by one (PostgreSQL).
fn unlike_several(s: &Scene<'_>, condition: &Expr) -> Option<String> {
    let mut found: Vec<(&Expr, Vec<String>)> = Vec::new();
    for e in condition.conjuncts() {
        if let Expr::Compare { op, left, right } = e
            && op == "<>"
            && left.column().is_some()
            && right.is_constant()
            && s.product == Product::Postgres
        {
            let value = match &**right {
                Expr::Cast { what, .. } => what.sql(s.dialect),
                other => other.sql(s.dialect),
            };
            match found.iter_mut().find(|(c, _)| *c == &**left) {
                Some((_, values)) => values.push(value),
                None => found.push((left, vec![value])),
            }
        }
    }
    let (column, values) = found.into_iter().find(|(_, v)| v.len() > 1)?;
    Some(format!("{} NOT IN ({})", column.sql(s.dialect), values.join(", ")))
}

fn rows(n: f64) -> String {
    if n > 0.0 && n < 10.0 && n.fract() > 0.001 { format!("{n:.1}") } else { count(n) }
}

/// `orders_city_zip_stat`, within the 63 bytes of a name.
fn statistics_name(s: &Scene<'_>, i: usize, of: &[String]) -> String {
    let table = s.node(i).relation.as_deref().map_or("", |r| r.rsplit('.').next().unwrap_or(r)).trim_matches('"');
    let mut name: String = std::iter::once(table).chain(of.iter().map(String::as_str)).collect::<Vec<_>>().join("_");
    while name.len() > 58 {
        name.pop();
    }
    ident(s.dialect, &format!("{name}_stat"))
}

fn remedy(s: &Scene<'_>, i: usize, columns: &[String], computed: Option<&Expr>) -> (String, Option<String>) {
    let is_table = s.is_scan(i);
    let certain = s.table_sql(i).filter(|_| is_table);
    if let (true, None) = (is_table, &certain) {
        let what = columns.first().map(|c| format!(", those of {c} among them")).unwrap_or_default();
        return (format!("Refresh the statistics of the table that {} stands for{what}, and explain again.", s.name(i)), None);
    }
    let Some(table) = certain else {
        let next = match s.product {
            _ if s.node(i).raw_op.eq_ignore_ascii_case("recursive union") => {
                "How often a recursion goes on cannot be known beforehand, and no statistics mend it. Where the plan above suffers, keep its \
                 rows in a temporary table, ANALYZE that, and go on from there."
            }
            Product::Postgres if s.node(i).op == "function scan" => {
                "What a function gives is declared (ROWS), 1,000 where it is not: declare it, or keep the rows in a temporary table, ANALYZE that, \
                 and go on from there."
            }
            Product::Postgres if left_out(s, i) => {
                "It looks for rows without a partner by a column that is none of the join's: test a column of the join's condition for NULL, or write \
                 NOT EXISTS. Then it is planned as an anti join; compare."
            }
            Product::Postgres => {
                "The tables below are judged well: look at the join's or the group's columns together. Split the query there and explain the parts."
            }
            _ => "The tables below are judged well: split the query at this step and explain the parts.",
        };
        return (next.into(), None);
    };
    match s.product {
        Product::Postgres => {
            if let Some(e) = computed {
                let text = e.sql(s.dialect);
                return (
                    format!(
                        "An expression has no statistics of its own: give it some (PostgreSQL 14 and later), ANALYZE, and explain again: {text}."
                    ),
                    // The name may be left out from PostgreSQL 16 on only.
                    Some(format!("CREATE STATISTICS {} ON ({text}) FROM {table}", statistics_name(s, i, &["expression".to_string()]))),
                );
            }
            if columns.len() > 1 {
                let list: Vec<String> = columns.iter().map(|c| ident(s.dialect, c)).collect();
                return (
                    format!(
                        "ANALYZE {table} and explain again; if it stays wrong, {} depend on each other: statistics on them together say so.",
                        columns.join(" and ")
                    ),
                    Some(format!(
                        "CREATE STATISTICS {} (dependencies, mcv) ON {} FROM {table}",
                        statistics_name(s, i, columns),
                        list.join(", ")
                    )),
                );
            }
            let finer = columns.first().map(|c| {
                format!(
                    "; if it stays wrong: ALTER TABLE {table} ALTER COLUMN {} SET STATISTICS 1000, ANALYZE, and again",
                    ident(s.dialect, c)
                )
            });
            (format!("ANALYZE {table} and explain again{}.", finer.unwrap_or_default()), Some(format!("ANALYZE {table}")))
        }
        Product::MySql => match columns.first() {
            Some(c) => (
                format!("A histogram on {c} tells how its values are spread: make one and explain again."),
                Some(format!("ANALYZE TABLE {table} UPDATE HISTOGRAM ON {}", ident(s.dialect, c))),
            ),
            None => ("Refresh the statistics and explain again.".into(), Some(format!("ANALYZE TABLE {table}"))),
        },
        Product::MariaDb => match columns.first() {
            // Which of several it misjudged, the plan does not tell.
            Some(_) => (
                format!(
                    "Statistics on {} that the optimizer keeps tell how values are spread: make them and explain again.",
                    columns.join(" and ")
                ),
                Some(format!(
                    "ANALYZE TABLE {table} PERSISTENT FOR COLUMNS ({}) INDEXES ()",
                    columns.iter().map(|c| ident(s.dialect, c)).collect::<Vec<_>>().join(", ")
                )),
            ),
            None => ("Refresh the statistics and explain again.".into(), Some(format!("ANALYZE TABLE {table}"))),
        },
        Product::Sqlite => ("Refresh the statistics and look at the plan again.".into(), Some(format!("ANALYZE {table}"))),
    }
}

/// Whether a node is an outer join of which only the rows are wanted that have no partner.
fn left_out(s: &Scene<'_>, i: usize) -> bool {
    let n = s.node(i);
    let outer = [" Left Join", " Right Join"].iter().any(|w| n.raw_op.ends_with(w));
    outer && s.filter(i).is_some_and(|f| s.read(f).predicates().iter().any(|p| p.test == Test::Null))
}

/// F6, with the node to blame.
fn nested_loop(s: &Scene<'_>, i: usize, wrong: &[usize]) -> Option<(PlanFinding, usize)> {
    let n = s.node(i);
    if n.op != "nested loop" || n.never_executed || s.product != Product::Postgres {
        return None;
    }
    let (outer, inner) = s.sides(i)?;
    let (o, probe) = (s.node(outer), s.node(inner));
    let loops = probe.loops.filter(|l| *l >= PROBES.0)?;
    let planned = o.est_rows? * o.loops.unwrap_or(1.0);
    // More probes than planned: fewer would have made a nested loop only better.
    let source = s.subtree(outer).find(|j| wrong.contains(j) && factor(s, *j).is_some_and(|e| e > 0.0))?;
    if loops < WRONG[0] * planned.max(1.0) {
        return None;
    }
    let total = s.total_ms?;
    let below = probe.wall_ms.or(probe.total_ms)?;
    // Rounded means times many loops may come to more than there was.
    let spent = (s.own_ms(i)? + below).min(total);
    if spent < PROBES.1 * total || spent < SELF_MS {
        return None;
    }
    let found = Draft::new("F6", Severity::Warning, Weight::Timed(spent), Confidence::Likely)
        .at(s.path(i))
        .at(s.path(source))
        .number("probes_planned", planned)
        .number("probes", loops)
        .but(Confidence::Likely, "measured, but whether another join is quicker has to be tried")
        .sql(Some("SET LOCAL enable_nestloop = off".into()))
        .say(
            format!(
                "the nested loop over {} planned {} probes and made {}: {} of {}",
                s.name(inner),
                count(planned),
                count(loops),
                ms(spent),
                ms(total)
            ),
            format!(
                "Mend the estimate of {} first (F5), then explain again; as a test: SET LOCAL enable_nestloop = off and compare.",
                s.name(source)
            ),
        );
    Some((found, source))
}

fn stale(s: &Scene<'_>, wrong: &[usize], out: &mut Vec<PlanFinding>) {
    let mut told: Vec<&str> = Vec::new();
    for i in s.all() {
        if !s.is_scan(i) || s.node(i).never_executed || matches!(s.node(i).role, Role::SelectList) && s.node(i).relation.is_none() {
            continue;
        }
        let Some(t) = s.table(i) else { continue };
        if told.contains(&t.name.as_str()) {
            continue;
        }
        let rows_of = t.rows.unwrap_or(0.0);
        let seen = s.node(i).rows_total.unwrap_or(0.0).max(rows_of);
        let changed = t.statistics.changed;
        let missing = t.statistics.missing == Some(true);
        let old = changed.is_some_and(|c| c >= CHANGED_SHARE * rows_of.max(1.0) && c >= SMALL_TABLE);
        // SQLite plans without any statistics as a habit: it matters where there is a choice of indexes or an order of joins.
        let matters = s.product != Product::Sqlite || t.indexes.len() > 1 || s.select.as_ref().is_some_and(|q| q.tables.len() > 1);
        let big = seen >= SMALL_TABLE || s.product == Product::Sqlite;
        if !(missing && big && matters || old) {
            continue;
        }
        told.push(&t.name);
        let blamed = wrong.iter().any(|w| s.subtree(*w).any(|j| s.relation(j) == s.relation(i)));
        let severity = if blamed { Severity::Warning } else { Severity::Info };
        let table = s.qualified(t.schema.as_deref(), &t.name);
        let made = t.statistics.made.as_ref().map(|m| format!(", made {m}")).unwrap_or_default();
        let message = match changed {
            Some(c) if !missing => {
                format!(
                    "{}: {} rows changed since its statistics{made}, {} of its {}",
                    t.name,
                    count(c),
                    percent(c, rows_of),
                    count(rows_of)
                )
            }
            _ => format!("{}: there are no statistics of it", t.name),
        };
        let sql = match s.product {
            Product::MySql | Product::MariaDb => format!("ANALYZE TABLE {table}"),
            _ => format!("ANALYZE {table}"),
        };
        let mut draft =
            Draft::new("F33", severity, Weight::Counted, Confidence::Certain).at(s.path(i)).number("table_rows", rows_of).sql(Some(sql));
        if let Some(c) = changed {
            draft = draft.number("rows_changed", c);
        }
        draft.found.confidence = Confidence::Certain;
        draft.found.because = "as the server's catalogue tells it".into();
        out.push(draft.say(message, "Make them anew and explain again: what changes in the plan, the old statistics caused."));
    }
}

fn generic(s: &Scene<'_>) -> Option<PlanFinding> {
    let generic = s.known.generic_cost?;
    let custom = s.plan.root.est_total_cost.filter(|c| *c > 0.0)?;
    // The ratio of two nothings is none.
    if generic < GENERIC * custom || generic - custom < GENERIC_LEAST {
        return None;
    }
    let mut draft = Draft::new("F34", Severity::Warning, Weight::Estimated, Confidence::Possible)
        .at(&[])
        .number("custom_cost", custom)
        .number("generic_cost", generic)
        .sql(Some("SET plan_cache_mode = force_custom_plan".into()));
    draft.found.because = "both are the planner's costs: nothing was measured".into();
    Some(draft.say(
        format!(
            "with these values the plan costs {}, for any values {}: prepared, the sixth run may be slow",
            count(custom),
            count(generic)
        ),
        "Measure with SET plan_cache_mode = force_generic_plan and with force_custom_plan, for a common and for a rare value.",
    ))
}
