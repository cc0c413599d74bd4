//! Subqueries, WITH parts, kept rows and caches (F21, F22, F24, F25).

use super::Draft;
use super::joins::RESCANNED;
use super::scans::WORTH_KEEPING;
use super::scene::{MANY, Product, Scene, Weight};
use super::words::{count, percent, shorter, spent, spent_with, took};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Role};
use crate::plan::expression::Test;

/// F22: runs of a subquery; critical from here on (plans.md §3).
const RUNS: (f64, f64) = (1_000.0, 10_000.0);
/// F22: share of hits below which MariaDB's cache of a subquery does not help, in per cent (plans.md §3).
const CACHE_HITS: f64 = 50.0;
/// F24: times that kept rows are read; critical from here on (plans.md §3).
const REREAD: (f64, f64) = (100.0, 10_000.0);
/// F25: share of hits below which the cache does not help (plans.md §3), and lookups from which that is worth saying.
const HITS: (f64, f64) = (0.5, 1_000.0);

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    for i in s.all() {
        if s.node(i).never_executed {
            continue;
        }
        out.extend(per_row(s, i));
        // All pairs are wanted, or a condition was forgotten: what keeps the rows is not to blame.
        if !out.iter().any(|f| f.id == "F12" && s.parent(i).is_some_and(|p| f.nodes.iter().any(|n| n == s.path(p)))) {
            out.extend(materialize(s, i));
        }
        out.extend(memoize(s, i));
        out.extend(kept_whole(s, i));
    }
    cte(s, out);
}

fn per_row(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let cache = n.op == "subquery cache";
    if s.product == Product::Sqlite {
        return correlated(s, i);
    }
    let select_list = n.role == Role::SelectList;
    if !cache && n.role != Role::SubPlan && !select_list {
        return None;
    }
    // The cache's own block is told with the cache.
    if !cache && s.parent(i).is_some_and(|p| s.node(p).op == "subquery cache") {
        return None;
    }
    if runs_once(s, i) {
        return None;
    }
    // A row for `Select #2 (…)` is a heading: the loops are below it.
    let body = s.subtree(i).find(|j| s.node(*j).loops.is_some() && !is_kept(s, *j))?;
    // A cache that never hit is switched off after 200 rows: then only the block below counts on.
    let loops = s
        .subtree(body)
        .filter(|j| *j == body || s.parent(*j) == Some(body) && !is_kept(s, *j))
        .filter_map(|j| s.node(j).loops)
        .fold(0.0, f64::max);
    if loops < RUNS.0 {
        return None;
    }
    if cache {
        let hits = s.attr(i, &["r_hit_ratio"])?;
        if hits >= CACHE_HITS {
            return None;
        }
    }
    let weight = s.weigh_below(if n.total_ms.is_some() { i } else { body })?;
    // Without times only what ran; an estimate has no loops anyhow.
    let name = n.subplan.clone().unwrap_or_else(|| side(s, i));
    let severity = if loops >= RUNS.1 { Severity::Critical } else { Severity::Warning };
    let hits = s.attr(i, &["r_hit_ratio"]).map(|h| format!("; its cache had the answer in {h:.0} % of them")).unwrap_or_default();
    Some(
        Draft::new("F22", severity, weight, Confidence::Certain)
            .at(s.path(i))
            .number("loops", loops)
            .but(
                if cache { Confidence::Likely } else { Confidence::Certain },
                "measured; how often the cache is asked is known, how dear each miss is only in sum",
            )
            .say(
                format!("{name} ran {} times, once for each row of {}{hits}{}", count(loops), holder(s, i), took(weight)),
                "Write it as a join with a grouped subquery (or LATERAL) and compare; if it stays, index what it looks up.",
            ),
    )
}

/// Whether MySQL or MariaDB computes a subquery once, and for each row only looks up what it kept.
pub fn runs_once(s: &Scene<'_>, i: usize) -> bool {
    let once = |block: usize| s.node(block).loops.is_none_or(|l| l <= 1.0);
    match s.product {
        Product::MySql => {
            s.node(i).subplan.as_deref().is_some_and(|h| h.contains("run only once"))
                || s.subtree(i).any(|j| s.node(j).relation.as_deref() == Some("<materialized_subquery>"))
        }
        Product::MariaDb => std::iter::once(i).chain(s.children(i)).any(|j| is_kept(s, j) && s.children(j).all(once)),
        _ => false,
    }
}

/// MariaDB: what a subquery found, kept. Its loops are those that look something up in it.
fn is_kept(s: &Scene<'_>, i: usize) -> bool {
    s.product == Product::MariaDb && s.node(i).op == "materialize"
}

/// MariaDB: whether the subqueries that a condition names are kept and looked up by a key. Where NULLs make it look for a partial match, it
/// may have to read all that is kept (`r_strategy`).
pub fn looked_up(s: &Scene<'_>, condition: &str) -> bool {
    let mut ids = condition.split("subquery#").skip(1).map(|t| t.chars().take_while(char::is_ascii_digit).collect::<String>()).peekable();
    let by_key = |id: String| {
        let block = format!("query block #{id}");
        let kept = s.all().find(|j| s.node(*j).raw_op == block).and_then(|j| s.parent(j)).filter(|p| is_kept(s, *p));
        kept.is_some_and(|k| !s.attr_text(k, &["r_strategy"]).unwrap_or("").contains("full scan"))
    };
    s.product == Product::MariaDb && ids.peek().is_some() && ids.all(by_key)
}

fn side(s: &Scene<'_>, i: usize) -> String {
    s.subtree(i)
        .find(|j| s.node(*j).relation.is_some())
        .map_or_else(|| s.node(i).raw_op.clone(), |j| format!("the subquery on {}", s.name(j)))
}

fn holder(s: &Scene<'_>, i: usize) -> String {
    s.above(i).find(|a| s.node(*a).relation.is_some()).map_or_else(|| "what stands around it".into(), |a| s.name(a))
}

/// SQLite says that a subquery is correlated, and with scan statistics how often it ran.
fn correlated(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if !n.raw_op.starts_with("CORRELATED ") {
        return None;
    }
    let outer: Vec<usize> = s.children(s.parent(i)?).filter(|c| s.is_scan(*c)).collect();
    let counted = s.subtree(i).skip(1).find_map(|j| s.node(j).loops).filter(|_| s.plan.analyzed);
    let around = outer.iter().filter_map(|o| if s.searches(*o) { None } else { s.table_rows(*o) }).reduce(f64::max);
    let loops = counted.or(around)?;
    if loops < RUNS.0 {
        return reread(s, i, loops, counted.is_some());
    }
    let (weight, sure) = if counted.is_some() { (Weight::Counted, Confidence::Likely) } else { (Weight::Estimated, Confidence::Possible) };
    let times = if counted.is_some() { format!("ran {} times", count(loops)) } else { format!("may run {} times", count(loops)) };
    let around = outer.last().map_or_else(|| "what stands around it".into(), |o| s.name(*o));
    Some(Draft::new("F22", Severity::Warning, weight, sure).at(s.path(i)).number("loops", loops).say(
        format!("{} {times}, once for each row of {around}", side(s, i)),
        "Write it as a join with a grouped subquery and compare the VM steps; if it stays, index what it looks up.",
    ))
}

/// F7: a whole table read by a correlated subquery, again for each row around it.
fn reread(s: &Scene<'_>, i: usize, loops: f64, counted: bool) -> Option<PlanFinding> {
    let scan = s.children(i).find(|c| s.is_scan(*c)).filter(|c| !s.searches(*c))?;
    let each = s.table_rows(scan).or(s.node(scan).rows_total.map(|r| r / loops))?;
    if loops < RESCANNED.0 || each * loops < RESCANNED.1 {
        return None;
    }
    let weight = if counted { Weight::Counted } else { Weight::Estimated };
    Some(
        Draft::new("F7", Severity::Warning, weight, Confidence::Likely)
            .at(s.path(scan))
            .at(s.path(i))
            .number("loops", loops)
            .number("rows_per_loop", each)
            .say(
                format!("{} is read whole for each row around its subquery: {} times {} rows", s.name(scan), count(loops), count(each)),
                "Index the column by which the subquery finds its rows (`--advise` names it), and compare the VM steps.",
            ),
    )
}

fn materialize(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "materialize" || s.product != Product::Postgres {
        return None;
    }
    let loops = n.loops.filter(|l| *l >= REREAD.0)?;
    // Below a subquery it is the subquery that runs so often (F22, F23).
    let parent = s.parent(i).filter(|p| s.node(*p).op == "nested loop")?;
    // The comparing is done by the join above: both belong to it.
    let weight = s.weigh(&[i, parent])?;
    let severity = if loops >= REREAD.1 { Severity::Critical } else { Severity::Warning };
    let rows = n.rows.unwrap_or(0.0);
    Some(
        Draft::new("F24", severity, weight, Confidence::Certain)
            .at(s.path(i))
            .number("loops", loops)
            .number("rows_per_loop", rows)
            .say(
                format!("the kept rows of {} were read {} times, {} rows each{}", inner(s, i), count(loops), count(rows), spent_with(weight, "the comparing of the join above")),
                match s.condition(parent, &["Join Filter"]) {
                    None => "Nothing joins the two sides: see whether a condition was forgotten.",
                    Some(c) if s.read(c).predicates().iter().all(|p| p.test != Test::Join) => {
                        "No hash join serves this condition. Where it is an OR, write its alternatives as a UNION and compare; where it is a range, an \
                         index on the inner side's column."
                    }
                    Some(_) => {
                        "An index on the inner side's join column would spare it, or a hash join: SET LOCAL enable_material = off, then \
                         enable_nestloop = off, and compare."
                    }
                },
            ),
    )
}

fn inner(s: &Scene<'_>, i: usize) -> String {
    s.subtree(i).find(|j| s.node(*j).relation.is_some()).map_or_else(|| "the inner side".into(), |j| s.name(j))
}

fn memoize(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    if s.node(i).op != "memoize" {
        return None;
    }
    let hits = s.attr(i, &["Cache Hits", "Hits"])?;
    let misses = s.attr(i, &["Cache Misses", "Misses"])?;
    let evictions = s.attr(i, &["Cache Evictions", "Evictions"]).unwrap_or(0.0);
    let asked = hits + misses;
    let rare = hits < HITS.0 * asked;
    if asked < HITS.1 || !(rare || evictions > 0.0) {
        return None;
    }
    let weight = s.weigh_below(i)?;
    let (next, sql) = if evictions > 0.0 {
        ("Its memory was too small: measure again with more work_mem.", "SET LOCAL work_mem = '64MB'")
    } else {
        ("The values hardly repeat, so keeping them costs more than it spares: compare without it.", "SET LOCAL enable_memoize = off")
    };
    let thrown = if evictions > 0.0 { format!("; {} entries had to be thrown out", count(evictions)) } else { String::new() };
    Some(
        Draft::new("F25", if rare { Severity::Warning } else { Severity::Info }, weight, Confidence::Certain)
            .at(s.path(i))
            .number("hits", hits)
            .number("misses", misses)
            .number("evictions", evictions)
            .sql(Some(sql.into()))
            .say(
                format!(
                    "the cache before {} had {} of {} answers ({}){thrown}{}",
                    inner(s, i),
                    count(hits),
                    count(asked),
                    percent(hits, asked),
                    took(weight)
                ),
                next,
            ),
    )
}

/// What lets a test into a WITH part.
pub const UNKEPT: &str = "Leave MATERIALIZED out (before PostgreSQL 12, and where the part is read several times: NOT MATERIALIZED or a subquery in its \
    place), or write the test inside the part as well; then explain again.";

impl Scene<'_> {
    /// The WITH part that this node makes, where it is kept and one that alone reads it tests its rows: the part's name and the reader.
    pub fn tested_outside(&self, i: usize) -> Option<(&str, usize)> {
        if self.product != Product::Postgres || self.node(i).role != Role::Cte {
            return None;
        }
        let part = self.node(i).subplan.as_deref()?.strip_prefix("CTE ")?;
        let mut readers = self.all().filter(|j| self.node(*j).op == "cte scan" && self.node(*j).relation.as_deref() == Some(part));
        let reader = readers.next().filter(|_| readers.next().is_none())?;
        // A recursion is made step by step, and a write by itself.
        let whole = !matches!(self.node(i).op.as_str(), "recursive union" | "modify");
        (whole && self.filter(reader).is_some()).then_some((part, reader))
    }
}

/// F21: a WITH part that is made whole, and most of it dropped by the one that reads it.
fn kept_whole(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let (part, reader) = s.tested_outside(i)?;
    let n = s.node(reader);
    let (kept, removed) = (n.rows_total?, n.removed.total()?);
    let read = kept + removed;
    if n.never_executed || read < MANY || kept > WORTH_KEEPING * read {
        return None;
    }
    let weight = s.weigh(&[reader]).into_iter().chain(s.weigh_below(i)).reduce(|a, b| match (a, b) {
        (Weight::Timed(a), Weight::Timed(b)) => Weight::Timed(a + b),
        (a, _) => a,
    })?;
    Some(
        Draft::new("F21", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(reader))
            .at(s.path(i))
            .number("rows", read)
            .number("rows_kept", kept)
            .say(
                format!(
                    "the WITH part {part} is made whole, {} rows, and {} of them are dropped where it is read ({}){}",
                    count(read),
                    percent(removed, read),
                    shorter(&s.read(s.filter(reader)?).sql(s.dialect)),
                    spent(weight)
                ),
                UNKEPT,
            ),
    )
}

/// F21: scans of one materialised WITH part.
fn cte(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    let mut told: Vec<String> = Vec::new();
    for i in s.all() {
        let n = s.node(i);
        let name = match s.product {
            Product::Postgres if n.op == "cte scan" && n.raw_op.starts_with("CTE") => n.relation.clone(),
            Product::MySql if n.raw_op.contains("CTE ") => {
                n.raw_op.split("CTE ").nth(1).and_then(|r| r.split([' ', ':']).next()).map(str::to_string)
            }
            Product::MariaDb if n.relation.as_deref().is_some_and(|r| r.starts_with("<derived")) => n.relation.clone(),
            Product::Sqlite if n.raw_op.starts_with("MATERIALIZE ") => n.relation.clone(),
            _ => None,
        };
        let Some(name) = name.filter(|n| !told.contains(n)) else { continue };
        told.push(name.clone());
        let scans: Vec<usize> = s
            .all()
            .filter(|j| {
                let m = s.node(*j);
                !m.never_executed
                    && match s.product {
                        Product::Postgres => m.op == "cte scan" && m.relation.as_deref() == Some(&name) && m.raw_op.starts_with("CTE"),
                        Product::MySql => m.raw_op.contains(&format!("CTE {name}")),
                        Product::MariaDb => m.relation.as_deref() == Some(&name),
                        Product::Sqlite => m.relation.as_deref() == Some(&name) && m.raw_op.starts_with("SCAN"),
                    }
            })
            .collect();
        // A scan that is repeated by a join reads it as often.
        let times: f64 = scans.iter().map(|j| s.node(*j).loops.unwrap_or(1.0).max(1.0)).sum();
        // Inside a correlated subquery it is computed anew for each of its runs.
        let maker = format!("CTE {name}");
        let made = s.all().find(|j| s.node(*j).role == Role::Cte && s.node(*j).subplan.as_ref() == Some(&maker));
        let times = times / made.and_then(|j| s.node(j).loops).unwrap_or(1.0).max(1.0);
        if times < 2.0 || s.product == Product::MariaDb && scans.len() < 2 {
            continue;
        }
        let rows = |j: usize| match (s.node(j).rows_total, s.plan.analyzed) {
            (Some(r), _) => (r + s.node(j).removed.total().unwrap_or(0.0)) / s.node(j).loops.unwrap_or(1.0).max(1.0),
            (None, false) => s.node(j).est_rows.unwrap_or(0.0),
            (None, true) => 0.0,
        };
        let most = if s.product == Product::Sqlite && !s.plan.analyzed {
            // What the part holds is at most what it is made of, as far as statistics tell.
            s.subtree(i).filter(|j| s.is_scan(*j)).filter_map(|j| s.table_rows(j)).fold(0.0, f64::max)
        } else {
            scans.iter().map(|j| rows(*j)).fold(0.0, f64::max)
        };
        if most < MANY {
            continue;
        }
        // MySQL: what reads the rows stands over where they are made.
        let readers: Vec<usize> = match s.product {
            Product::MySql => scans.iter().filter_map(|j| s.parent(*j)).collect(),
            _ => scans.clone(),
        };
        let weight = if s.product == Product::Sqlite {
            Weight::Estimated
        } else {
            match s.weigh(&readers) {
                Some(w) => w,
                None => continue,
            }
        };
        let mut draft = Draft::new("F21", Severity::Warning, weight, Confidence::Likely).number("scans", times).number("rows", most);
        for j in &scans {
            draft = draft.at(s.path(*j));
        }
        let next = match s.product {
            Product::Postgres => {
                "Compare with WITH … AS NOT MATERIALIZED (each use then sees its own conditions), or keep it in a temporary table with an index."
            }
            Product::Sqlite => "Compare with AS NOT MATERIALIZED, or keep it in a temporary table with an index.",
            _ => "Compare with a temporary table that has an index on what it is looked up by.",
        };
        out.push(
            draft.but(Confidence::Likely, "measured; whether computing it again with narrower conditions is quicker has to be tried").say(
                format!("{name} is kept once and read {} times, up to {} rows each{}", count(times), count(most), spent(weight)),
                next,
            ),
        );
    }
}
