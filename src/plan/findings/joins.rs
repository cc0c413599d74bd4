//! Joins: tables read again and again, pairs compared in vain, missing conditions, duplicates (F7, F11, F12, F37, F40).

use super::Draft;
use super::ddl::index_columns;
use super::scene::{MANY, Product, Scene, Weight};
use super::words::{count, shorter, spent, spent_with, took, try_on};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Role};
use crate::plan::expression::{Expr, Test};

/// F7: times a table is read, and rows read in all (plans.md §3).
pub const RESCANNED: (f64, f64) = (2.0, 100_000.0);
/// F11: pairs that the join's filter drops; critical from here on (plans.md §3).
const PAIRS: (f64, f64) = (10_000.0, 1e6);
/// F12: pairs from which a missing condition matters (plans.md §3).
const PRODUCT: f64 = 1e6;
/// F37: rows before for each row after (plans.md §3).
const DUPLICATES: f64 = 10.0;

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    for i in s.all() {
        if s.node(i).never_executed {
            continue;
        }
        let cartesian = cartesian(s, i);
        // A table read again for want of any condition is told as that.
        if cartesian.is_none() {
            out.extend(rescanned(s, i));
        }
        out.extend(cartesian);
        out.extend(join_filter(s, i));
        out.extend(late_distinct(s, i));
        out.extend(join_buffer(s, i));
    }
    out.extend(sqlite_pairs(s));
}

/// A join's condition. What MariaDB tests of an outer join stands in `trigcond(…)`.
fn read(s: &Scene<'_>, text: &str) -> Expr {
    fn bare(e: Expr) -> Expr {
        match e {
            Expr::And(parts) => Expr::And(parts.into_iter().map(bare).collect()),
            Expr::Call { name, mut args } if name == "trigcond" && args.len() == 1 => bare(args.remove(0)),
            other => other,
        }
    }
    bare(s.read(text))
}

/// The tests by which a node joins the relation of a scan, from all conditions up to the join.
fn join_columns(s: &Scene<'_>, join: usize, scan: usize) -> Vec<String> {
    let Some(alias) = s.alias(scan) else { return Vec::new() };
    let conditions =
        std::iter::once(scan).chain(s.above(scan).take_while(|a| *a >= join)).chain(s.parent(join).filter(|p| s.node(*p).op == "filter"));
    let mut tests: Vec<_> =
        conditions.flat_map(|j| &s.node(j).conditions).flat_map(|(_, text)| read(s, text).predicates_on(alias)).collect();
    if let Some(select) = s.select.as_ref().filter(|_| tests.iter().all(|t| t.test != Test::Join)) {
        tests.extend(select.conditions.iter().flat_map(|e| e.predicates_on(alias)));
    }
    let mut tests: Vec<_> = tests.into_iter().map(|p| s.uncast(scan, p)).collect();
    tests.retain(|p| p.test == Test::Join && p.column().is_some_and(|c| c.qualifier.is_some()));
    index_columns(&tests)
}

/// F7, on the inner side of a nested loop.
fn rescanned(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    if s.node(i).op != "nested loop" {
        return None;
    }
    let (outer, inner) = s.sides(i)?;
    // Nothing between that keeps the rows.
    let at = s.subtree(inner).find(|j| s.is_scan(*j)).filter(|j| {
        std::iter::once(*j)
            .chain(s.above(*j).take_while(|a| *a >= inner))
            .all(|a| a == *j || matches!(s.node(a).op.as_str(), "filter" | "gather" | "limit"))
    })?;
    let n = s.node(at);
    if n.op != "table scan" {
        return None;
    }
    let scan = s.scan(at)?;
    let loops = n.loops.or_else(|| if s.plan.analyzed { None } else { s.node(outer).est_rows })?;
    let each = match scan.read {
        Some(all) if s.plan.analyzed => all / loops.max(1.0),
        _ => s.table_rows(at).or(scan.read)?,
    };
    if loops < RESCANNED.0 || each * loops < RESCANNED.1 {
        return None;
    }
    let nodes: Vec<usize> = [at, scan.top].into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let weight = s.weigh(&nodes)?;
    let columns = join_columns(s, i, at);
    let ddl = if columns.is_empty() || s.indexed(at, &columns) { None } else { s.index_on(at, &columns) };
    let next = if columns.is_empty() {
        "The join's condition is no comparison that an index serves: try to write it as one.".to_string()
    } else {
        format!("Try an index on the join's column ({}): {}.", columns.join(", "), try_on(s, at))
    };
    let verb = if weight == Weight::Estimated { "would be" } else { "was" };
    Some(
        Draft::new("F7", if each * loops >= 10.0 * PAIRS.1 { Severity::Critical } else { Severity::Warning }, weight, Confidence::Certain)
            .at(s.path(at))
            .at(s.path(i))
            .number("loops", loops)
            .number("rows_per_loop", each)
            .sql(ddl)
            .say(
                format!("{} {verb} read whole {} times, {} rows in all{}", s.name(at), count(loops), count(each * loops), spent(weight)),
                next,
            ),
    )
}

fn join_filter(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let removed = n.removed.join_filter.filter(|r| *r >= PAIRS.0)?;
    let weight = s.weigh(&[i])?;
    // MariaDB's buffered join has no filter but the join's.
    let names: &[&str] = if n.op == "block nested loop" { &["Filter"] } else { &["Join Filter"] };
    let text = s.condition(i, names).unwrap_or("");
    let e = read(s, text);
    let either = e.conjuncts().iter().any(|c| matches!(c, Expr::Or(_)));
    let next = if either {
        "Split the OR: one join for each alternative, put together with UNION, and compare."
    } else if e.predicates().iter().any(|p| p.test == Test::Join) && s.product == Product::MariaDb {
        "The columns are compared one by one for want of a better way: try an index on them, or SET join_cache_level = 4 (hashed buffers), and compare."
    } else if e.predicates().iter().any(|p| p.test == Test::Join) {
        "The columns are compared one by one for want of a better way: try an index on them, or SET LOCAL enable_nestloop = off, and compare."
    } else {
        "A comparison other than = has to try every pair: narrow both sides first, or make it a range that an index serves, and compare."
    };
    let severity = if removed >= PAIRS.1 { Severity::Critical } else { Severity::Warning };
    let on = if text.is_empty() { String::new() } else { format!(" ({})", shorter(text)) };
    let mut draft = Draft::new("F11", severity, weight, Confidence::Certain).at(s.path(i)).number("pairs_removed", removed);
    // A row without a partner comes out of an outer join as well: what came out is no count of the pairs that were kept.
    let outer = [" left", " right", " full", " anti"].iter().any(|w| n.raw_op.to_lowercase().contains(w));
    let told = match n.rows_total {
        Some(out) if outer => {
            draft = draft.number("rows", out);
            format!("compared {} pairs in vain; {} rows came out, those without a partner among them", count(removed), count(out))
        }
        Some(kept) => {
            draft = draft.number("rows", kept);
            format!("compared {} pairs and kept {}", count(removed + kept), count(kept))
        }
        // An outer join's rows without a partner are no pairs, and MariaDB does not count them.
        None => format!("compared {} pairs in vain", count(removed)),
    };
    Some(draft.say(format!("the join {told}{on}{}", spent(weight)), next))
}

/// F12: no condition anywhere that ties the two sides.
fn cartesian(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if s.product == Product::Sqlite || !matches!(n.op.as_str(), "nested loop" | "hash join" | "block nested loop") {
        return None;
    }
    let words = n.raw_op.to_lowercase();
    // These stop at the first match, or look only whether there is one.
    if words.contains("semi") || words.contains("anti") {
        return None;
    }
    let (outer, inner) = s.sides(i)?;
    let unconditional = words.contains("no condition");
    if !unconditional && n.op == "hash join" {
        return None;
    }
    // MySQL's Hash has no figures of its own.
    let out_rows = |j: usize| {
        s.subtree(j)
            .take_while(|k| *k == j || s.node(s.parent(*k).unwrap_or(j)).op == "hash")
            .find_map(|k| if s.plan.analyzed { s.node(k).rows_total } else { s.node(k).est_rows })
    };
    let left = out_rows(outer)?;
    // What is kept and read again counts once.
    let right = match (s.plan.analyzed, s.node(inner).loops) {
        (true, Some(l)) if l > 0.0 => out_rows(inner)? / l,
        _ => out_rows(inner)?,
    };
    let pairs = left * right;
    if pairs < PRODUCT || left < 2.0 || right < 2.0 {
        return None;
    }
    let weight = s.weigh_below(i)?;
    if !unconditional && tied(s, i, outer, inner) {
        return None;
    }
    Some(
        Draft::new("F12", Severity::Critical, weight, Confidence::Likely)
            .at(s.path(i))
            .number("outer_rows", left)
            .number("inner_rows", right)
            .number("pairs", pairs)
            .but(Confidence::Likely, "the plan shows no condition between the two sides; it may be what is wanted")
            .say(
                format!(
                    "nothing ties {} to {}: {} × {} rows make {} pairs{}",
                    side(s, outer),
                    side(s, inner),
                    count(left),
                    count(right),
                    count(pairs),
                    took(weight)
                ),
                "Look for a forgotten join condition between them; if all pairs are wanted, aggregate each side first.",
            ),
    )
}

fn side(s: &Scene<'_>, i: usize) -> String {
    s.subtree(i).find(|j| s.node(*j).relation.is_some()).map_or_else(|| s.node(i).raw_op.clone(), |j| s.name(j))
}

/// Whether a condition of the join or of its inner side speaks of both sides, or the inner side depends on the outer one at all.
fn tied(s: &Scene<'_>, i: usize, outer: usize, inner: usize) -> bool {
    let names = |of: usize| -> Vec<String> {
        s.subtree(of)
            .flat_map(|j| [s.node(j).alias.clone(), s.node(j).relation.as_ref().map(|r| r.rsplit('.').next().unwrap_or(r).to_string())])
            .flatten()
            .map(|n| n.to_lowercase())
            .collect()
    };
    let (left, right) = (names(outer), names(inner));
    let speaks = |text: &str, of: &[String]| {
        s.read(text).columns().iter().any(|c| c.qualifier.as_ref().is_some_and(|q| of.contains(&q.to_lowercase())))
    };
    let own = s.node(i).conditions.iter().any(|(k, t)| k != "Output" && !t.is_empty());
    if own {
        return true;
    }
    // A filter of its own over the join (MySQL), and whatever below the inner side names the outer one or is not understood.
    let above = s.parent(i).filter(|p| s.node(*p).op == "filter" && matches!(s.product, Product::MySql | Product::MariaDb));
    let over = above.is_some_and(|p| s.node(p).conditions.iter().any(|(_, t)| speaks(t, &left) && speaks(t, &right)));
    over || s.subtree(inner).any(|j| {
        let n = s.node(j);
        n.attrs.contains_key("Cache Key")
            || n.op.contains("function")
            || n.conditions.iter().any(|(_, t)| {
                let e = s.read(t);
                let mut parameter = false;
                e.walk(&mut |x| parameter |= matches!(x, Expr::Parameter(p) if p.starts_with('$')));
                e.has_unread() || parameter || speaks(t, &left)
            })
    })
}

/// SQLite prints no conditions: the statement tells whether two scans are tied (F12), and which table is read again (F7).
fn sqlite_pairs(s: &Scene<'_>) -> Vec<PlanFinding> {
    let mut out = Vec::new();
    let Some(select) = s.select.as_ref().filter(|_| s.product == Product::Sqlite) else { return out };
    let loops: Vec<usize> = s.children(0).filter(|i| s.is_scan(*i)).collect();
    for (n, i) in loops.iter().enumerate().skip(1) {
        let i = *i;
        let outer: Vec<usize> = loops[..n].to_vec();
        let Some(alias) = s.alias(i) else { continue };
        let counted = s.node(i).loops.filter(|l| s.plan.analyzed && *l > 0.0);
        // A search by a constant alone finds the same rows for each row before it.
        let found = counted.and_then(|l| Some(s.node(i).rows_total? / l)).filter(|_| s.searches(i));
        let whole = !s.searches(i) && matches!(s.node(i).op.as_str(), "table scan" | "index only scan" | "index scan");
        let Some(each) = found.or_else(|| s.table_rows(i).filter(|_| whole)) else { continue };
        // Rows of the loops before it: known where each is read whole or counted.
        let before = counted
            .or_else(|| outer.iter().map(|o| if s.searches(*o) { None } else { s.table_rows(*o) }).try_fold(1.0, |a, r| r.map(|r| a * r)));
        let Some(before) = before.filter(|b| *b >= RESCANNED.0) else { continue };
        let tests: Vec<_> = select.conditions.iter().flat_map(|e| e.predicates_on(alias)).filter(|p| p.test == Test::Join).collect();
        let speaks = select.conditions.iter().flat_map(Expr::conjuncts).any(|e| {
            let of = |a: &str| e.columns().iter().any(|c| c.qualifier.as_deref().is_some_and(|q| q.eq_ignore_ascii_case(a)));
            let unqualified = e.columns().iter().any(|c| c.qualifier.is_none());
            e.has_unread() || unqualified && e.columns().len() > 1 || of(alias) && outer.iter().any(|o| s.alias(*o).is_some_and(of))
        });
        let weight = if counted.is_some() { Weight::Counted } else { Weight::Estimated };
        let pairs = each * before;
        if !speaks && pairs >= PRODUCT {
            out.push(
                Draft::new("F12", Severity::Critical, weight, Confidence::Likely)
                    .at(s.path(i))
                    .number("pairs", pairs)
                    .number("inner_rows", each)
                    .number("outer_rows", before)
                    .say(
                        format!(
                            "nothing ties {} to {}: {} × {} rows make {} pairs",
                            s.name(outer[outer.len() - 1]),
                            s.name(i),
                            count(before),
                            count(each),
                            count(pairs)
                        ),
                        "Look for a forgotten join condition between them.",
                    ),
            );
        } else if whole && speaks && pairs >= RESCANNED.1 {
            let columns = index_columns(&tests);
            out.push(
                Draft::new("F7", Severity::Warning, weight, Confidence::Likely)
                    .at(s.path(i))
                    .number("loops", before)
                    .number("rows_per_loop", each)
                    .sql(if columns.is_empty() { None } else { s.index_on(i, &columns) })
                    .say(
                        format!("{} is read whole for each row before it: {} times {} rows", s.name(i), count(before), count(each)),
                        if columns.is_empty() {
                            "Try to write the join's condition as a comparison that an index serves.".to_string()
                        } else {
                            format!("Try an index on ({}): {}.", columns.join(", "), try_on(s, i))
                        },
                    ),
            );
        }
    }
    out
}

/// F37: a join that makes rows which are thrown together again.
fn late_distinct(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let words = n.raw_op.to_lowercase();
    let (distinct, because) = match s.product {
        Product::Postgres if n.op == "distinct" => (true, ""),
        // Groups without an aggregate are what DISTINCT and IN make; the output tells, if it was printed.
        Product::Postgres if n.op == "aggregate" && !words.contains("partial") && s.condition(i, &["Group Key"]).is_some() => match s
            .attr_text(i, &["Output"])
        {
            Some(output) => {
                let keys: Vec<Expr> =
                    crate::plan::expression::sort_keys(s.dialect, s.condition(i, &["Group Key"])?).into_iter().map(|k| k.expr).collect();
                let listed = crate::plan::expression::sort_keys(s.dialect, output);
                (listed.iter().all(|k| keys.contains(&k.expr)), "")
            }
            None => (s.select.as_ref().is_some_and(|q| q.distinct), "the plan does not tell whether something is added up"),
        },
        Product::MySql => (words.contains("deduplication") || n.op == "distinct", ""),
        Product::MariaDb => (
            matches!(n.op.as_str(), "temporary table" | "distinct") && s.select.as_ref().is_some_and(|q| q.distinct),
            "the plan does not tell what the temporary table is for",
        ),
        Product::Sqlite => (n.attrs.get("for").is_some_and(|f| f == "DISTINCT"), "what the join made is not counted"),
        _ => (false, ""),
    };
    if !distinct {
        return None;
    }
    let (before, after, joined) = if s.product == Product::Sqlite {
        let loops: Vec<usize> = s.children(0).filter(|c| s.is_scan(*c)).collect();
        let most = loops.iter().filter_map(|l| s.table_rows(*l)).fold(0.0, f64::max);
        (most, s.plan.root.rows_total?, loops.len() > 1)
    } else {
        let input = s.children(i).find(|c| s.node(*c).role == Role::Outer)?;
        // Straight over the join, perhaps with a sort between.
        let below = s.subtree(input).find(|j| {
            !matches!(s.node(*j).op.as_str(), "sort" | "filter" | "gather" | "aggregate" | "result" | "stream results" | "temporary table")
        })?;
        let joined = matches!(s.node(below).op.as_str(), "nested loop" | "hash join" | "merge join" | "block nested loop");
        let rows = |j: usize| if s.plan.analyzed { s.node(j).rows_total } else { s.node(j).est_rows };
        let after = rows(i).or(s.plan.root.rows_total)?;
        (rows(below)?, after, joined)
    };
    if !joined || before < MANY || before < DUPLICATES * after.max(1.0) {
        return None;
    }
    let weight = if s.product == Product::Sqlite { Weight::Estimated } else { s.weigh_below(i)? };
    let sure = if because.is_empty() { Confidence::Certain } else { Confidence::Possible };
    Some(
        Draft::new("F37", Severity::Warning, weight, sure)
            .at(s.path(i))
            .number("rows_before", before)
            .number("rows_after", after)
            .but(sure, because)
            .say(
                format!("the join makes {} rows of which {} are left without duplicates{}", count(before), count(after), took(weight)),
                "If the joined table only has to have a match, ask with EXISTS instead of JOIN and DISTINCT, and compare.",
            ),
    )
}

/// F40: MariaDB's join buffer, and MySQL's before 8.0.20.
fn join_buffer(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let buffer = match s.product {
        // The others look rows up, in a hash table (BNLH) or an index (BKA, BKAH), instead of comparing all of them.
        Product::MariaDb => {
            n.op == "block nested loop" && s.attr_text(i, &["join_type"]).is_none_or(|t| t.trim().eq_ignore_ascii_case("BNL"))
        }
        Product::MySql => s.attr_text(i, &["using_join_buffer"]).is_some_and(|b| b.contains("Block Nested Loop")),
        _ => false,
    };
    if !buffer {
        return None;
    }
    // Of several buffers one over the other, each table belongs to its own.
    let inner = s.children(i).find(|c| s.node(*c).role == Role::Inner).or_else(|| s.children(i).last());
    let scan = if s.is_scan(i) { i } else { s.subtree(inner?).find(|j| s.is_scan(*j))? };
    let rows = s
        .node(scan)
        .rows_total
        .map(|r| r + s.node(scan).removed.total().unwrap_or(0.0))
        .or(s.attr(scan, &["rows"]))
        .or(s.node(scan).est_rows)?;
    let outer = s.sides(i).map(|(o, _)| o).and_then(|o| if s.plan.analyzed { s.node(o).rows_total } else { s.node(o).est_rows });
    let compared = n.loops.zip(s.attr(i, &["r_effective_rows"])).map(|(rows, each)| rows * each);
    let pairs = compared.or_else(|| outer.map(|o| o * rows / s.node(scan).loops.unwrap_or(1.0).max(1.0)));
    let weight = s.weigh(&[i, scan])?;
    // Nothing measured: only where many pairs are compared.
    if !matches!(weight, Weight::Timed(_)) && pairs.unwrap_or(rows) < RESCANNED.1 {
        return None;
    }
    let columns = join_columns(s, i, scan);
    let ddl = if columns.is_empty() || s.indexed(scan, &columns) { None } else { s.index_on(scan, &columns) };
    let told = pairs.map(|p| format!(", {} pairs", count(p))).unwrap_or_default();
    let took = if scan == i { spent(weight) } else { spent_with(weight, &format!("reading {}", s.name(scan))) };
    let mut draft =
        Draft::new("F40", Severity::Warning, weight, Confidence::Certain).at(s.path(i)).at(s.path(scan)).number("rows", rows).sql(ddl);
    if let Some(p) = pairs {
        draft = draft.number("pairs", p);
    }
    let next = if columns.is_empty() {
        "The join has no comparison that an index serves: try to write one, or compare with join_cache_level = 8.".to_string()
    } else {
        format!(
            "Try an index on the join's column ({}): {}; or compare with SET join_cache_level = 4 (hashed buffers).",
            columns.join(", "),
            try_on(s, scan)
        )
    };
    Some(draft.say(format!("{} is joined through a buffer, each row compared with all in it{told}{took}", s.name(scan)), next))
}
