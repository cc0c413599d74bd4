//! Why no index helps, each with what would help instead.

use super::uses::{Obstacle, Use};
use super::{Answers, Candidates, shapes};
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::findings::subplans::UNKEPT;
use crate::plan::findings::words::{percent, shorter};
use crate::sql::reserved::ident;

/// Rows changed since the statistics were made, as a share of all (plans.md §3, F33).
const STALE: f64 = 0.1;
/// An estimate that is wrong by this factor may have made the planner choose otherwise (plans.md §3, F5).
const MISJUDGED: f64 = 10.0;

/// The kind of a reason: stable, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// An index that is there serves it.
    Served,
    /// One that is there would, and the planner may not use it.
    Hidden,
    /// Of a statement that writes: rows of another table that may point to what goes are looked for without an index.
    ForeignKey,
    SmallTable,
    LowSelectivity,
    /// No condition, or every row is joined.
    EverythingRead,
    /// A cast keeps an index that is there from being used.
    Cast,
    /// The engine has no index on expressions.
    NoExpressions,
    NoTrigrams,
    Unindexable,
    /// Alternatives over several columns.
    Alternatives,
    /// The conditions on the table cannot be seen.
    NotRead,
    StaleStatistics,
    /// A WITH part is made whole before its rows are tested.
    WithPart,
    /// A LIMIT without an order ends reading soon.
    LimitLuck,
    /// The server refused to build it.
    Refused,
    /// It was imagined, and the planner does not take it or expects nothing of it.
    Tried,
    /// It was imagined, the planner takes it, and expects the cost to fall by little: a cost is no time.
    LittleExpected,
    /// It was built on a copy and measured, and did not help.
    Measured,
    /// The statement reads no table that is known.
    NoTable,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub why: Why,
    /// The table, where it is about one.
    pub table: String,
    /// One sentence.
    pub text: String,
    /// What would help instead; empty when nothing has to be done.
    pub next: String,
    /// A statement that belongs to the next step: never run by itself.
    pub sql: Option<String>,
    /// The index that it is about.
    pub index: Option<String>,
}

impl Reason {
    pub fn new(why: Why, table: &str, text: impl Into<String>) -> Reason {
        Reason { why, table: table.into(), text: text.into(), next: String::new(), sql: None, index: None }
    }
    #[must_use]
    pub fn about(mut self, index: &str) -> Reason {
        self.index = Some(index.into());
        self
    }
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Reason {
        self.next = next.into();
        self
    }
}

/// Fills [`Candidates::reasons`].
pub fn fill(s: &Scene<'_>, uses: &[Use<'_>], answers: &Answers, out: &mut Candidates) {
    // What was met on the way to the candidates.
    let mut found: Vec<Reason> = std::mem::take(&mut out.reasons);
    let mut tell = |r: Reason| {
        if !found.iter().any(|o| o.why == r.why && o.table == r.table && o.text == r.text) {
            found.push(r);
        }
    };
    if uses.is_empty() {
        // MariaDB looks at the ends of an index while it plans; a condition that can never hold reads nothing either.
        let known = s.select.as_ref().is_some_and(|q| q.tables.iter().any(|t| s.known.table(&t.name).is_some()));
        let says = if known && !s.all().any(|i| s.is_scan(i)) {
            "what the statement asks is known as soon as it is planned: no table is read for it"
        } else {
            "the statement reads no table that the catalogue knows, so there is nothing to index"
        };
        tell(Reason::new(Why::NoTable, "", says));
    }
    for u in uses {
        if let Some(r) = stale(s, u) {
            tell(r);
        }
        // What is found by other tests needs none for the subquery.
        let found = u.tested() || !u.join.is_empty() || !u.range_join.is_empty() || s.searches(u.at);
        for o in u.obstacles.iter().filter(|o| !(found && matches!(o, Obstacle::Subquery { .. }))) {
            tell(obstacle(s, u, o));
        }
    }
    let mut open: Vec<&Use<'_>> = uses.iter().filter(|u| !out.proposed.iter().any(|c| c.table == u.table_sql)).collect();
    // What tests leave of a table is the question; what is joined whole comes behind.
    open.sort_by_key(|u| !u.tested());
    for u in open {
        let name = &u.table.name;
        if let Some(r) = partial_taken(s, u) {
            tell(r);
            continue;
        }
        let mut own: Vec<&Reason> = out.dropped.iter().map(|d| &d.reason).filter(|r| r.table == *name).collect();
        own.sort_by_key(|r| r.why);
        own.dedup_by_key(|r| r.why);
        if own.is_empty() && u.obstacles.is_empty() && !u.tested() && u.join.is_empty() && u.range_join.is_empty() {
            if u.unread {
                let says = format!("{name} is read through a view or another part of the statement whose conditions are not seen here");
                tell(Reason::new(Why::NotRead, name, says).next("Ask for advice upon the view's own SELECT."));
            } else if let Some(r) = with_part(s, u) {
                tell(r);
            } else if let Some(rows) = shapes::lucky(s, u, answers) {
                tell(Reason::new(Why::LimitLuck, name, format!("the LIMIT is full after about {rows:.0} rows of {name}")));
            } else if s.select.as_ref().is_some_and(|q| q.limit.is_some() && q.order.is_empty()) {
                tell(Reason::new(
                    Why::LimitLuck,
                    name,
                    format!("the LIMIT takes the first rows of {name} that come: nothing has to be found"),
                ));
            } else {
                tell(
                    Reason::new(Why::EverythingRead, name, format!("the statement wants every row of {name}: it has no condition on it"))
                        .next("A condition, or a table of sums that is kept beside it, would make it read less."),
                );
            }
        }
        for r in own {
            let r = match r.why {
                Why::LowSelectivity => {
                    r.clone().next("Read fewer columns or fewer rows, or keep the answer: no index makes most of a table small.")
                }
                Why::Served => served(s, u, answers, r),
                _ => r.clone(),
            };
            tell(r);
        }
    }
    // Where nothing else is tested, what keeps the one test from an index is the answer.
    let untested = |table: &str| uses.iter().any(|u| u.table.name == table && !u.tested() && u.join.is_empty() && u.range_join.is_empty());
    found.sort_by_key(|r| match r.why {
        Why::NoExpressions | Why::NoTrigrams if untested(&r.table) => 1,
        // What makes every estimate doubtful is said first; what an index that is there serves is no question any more.
        Why::StaleStatistics => 0,
        Why::Served | Why::Hidden | Why::Cast | Why::LowSelectivity | Why::LimitLuck | Why::EverythingRead => 1,
        _ => 2,
    });
    out.reasons = found;
}

/// The table is read for a WITH part that is kept, and what reads that part tests its rows: the test does not get in to the table.
fn with_part(s: &Scene<'_>, u: &Use<'_>) -> Option<Reason> {
    let (part, reader) = std::iter::once(u.at).chain(s.above(u.at)).find_map(|a| s.tested_outside(a))?;
    let tests = s.filter(reader).map(|f| shorter(&s.read(f).sql(s.dialect)))?;
    let says = format!("every row of {} goes into the WITH part {part}, which is made whole before {tests} is tested", u.table.name);
    Some(Reason::new(Why::WithPart, &u.table.name, says).next(UNKEPT))
}

/// An index that fits is there: either the plan takes it, or the planner thinks otherwise.
fn served(s: &Scene<'_>, u: &Use<'_>, answers: &Answers, r: &Reason) -> Reason {
    let node = s.node(u.at);
    let some = s.subtree(u.at).any(|i| s.node(i).index.is_some());
    if some && r.text.starts_with(shapes::EACH) {
        return r.clone().next("The plan uses them.");
    }
    let Some(index) = &r.index else {
        // SQLite's own words for its rowid.
        let taken = s.subtree(u.at).any(|i| s.node(i).raw_op.contains("INTEGER PRIMARY KEY"));
        return if taken { r.clone().next("The plan uses it.") } else { read_whole(s, u, None).unwrap_or_else(|| r.clone()) };
    };
    let taken = s.subtree(u.at).any(|i| s.node(i).index.as_ref() == Some(index)) || node.index.as_ref() == Some(index);
    if taken {
        return r.clone().next("The plan uses it.");
    }
    if let Some(r) = read_whole(s, u, Some(index)) {
        return r;
    }
    let other = |i: usize| s.node(i).index.as_deref().or_else(|| s.node(i).raw_op.contains("INTEGER PRIMARY KEY").then_some("the rowid"));
    if let Some(other) = s.subtree(u.at).find_map(other) {
        if u.partitioned {
            return r.clone().next(format!("The plan uses {other}, which a partition has."));
        }
        if !s.searches(u.at) && u.tested() {
            return r.clone().next(format!("The plan reads all of {other}: see by switching the other way off what this one would cost."));
        }
        let says = format!("the plan takes {other} already, and {index} would serve as well");
        return Reason { text: says, ..r.clone() };
    }
    if let Some(keeping) = shapes::most(u, answers).filter(|_| u.tested()) {
        return r.clone().next(format!("The plan does not take it: {keeping}, and reading the whole table is quicker."));
    }
    // Statistics that are old are a reason of their own.
    let first = if u.table.statistics.missing == Some(true) { "refresh the statistics, or " } else { "" };
    r.clone().next(format!("The plan does not take it: {first}see by switching the other way off what it would cost."))
}

/// The plan goes by an index over a part of the rows. Where those are all that is wanted, it prints no condition any more.
fn partial_taken(s: &Scene<'_>, u: &Use<'_>) -> Option<Reason> {
    let names: Vec<&str> = s.subtree(u.at).filter_map(|i| s.node(i).index.as_deref()).collect();
    let i = u.table.indexes.iter().find(|i| i.only_where.is_some() && names.contains(&i.name.as_str()))?;
    let rows = i.only_where.as_deref().filter(|w| *w != "…").map_or(String::new(), |w| format!(", of the rows with {},", shorter(w)));
    let says = format!("the index {}{rows} serves that already", i.name);
    Some(Reason::new(Why::Served, &u.table.name, says).about(&i.name).next("The plan uses it."))
}

/// A table that nothing restricts is read once for a join, though it could be looked up. Statistics are no reason for that, unless the plan
/// misjudged what it is joined with.
fn read_whole(s: &Scene<'_>, u: &Use<'_>, index: Option<&str>) -> Option<Reason> {
    let whole = !u.tested() && !u.join.is_empty() && !s.searches(u.at);
    // SQLite's loops of one join stand side by side.
    let joins = |op: &str| matches!(op, "hash join" | "merge join" | "nested loop" | "block nested loop");
    let join = s.above(u.at).find(|a| s.product == Product::Sqlite || joins(&s.node(*a).op))?;
    let judged = |i: usize| s.node(i).estimate_error.is_none_or(|e| e.abs() < MISJUDGED);
    if !whole || u.table.statistics.missing == Some(true) || !s.subtree(join).all(judged) {
        return None;
    }
    let says = format!(
        "all of {} is read once for the join, in place of a lookup by {} for each row of the other side",
        u.table.name,
        index.unwrap_or("its rowid")
    );
    let compare = match s.product {
        Product::Postgres => "SET LOCAL enable_hashjoin = off and enable_mergejoin = off",
        Product::MySql | Product::MariaDb => "STRAIGHT_JOIN the other way round",
        Product::Sqlite => "CROSS JOIN the other way round",
    };
    let next = format!("The planner expects that to be quicker; {compare} shows what the lookups would cost.");
    Some(Reason { index: index.map(str::to_string), ..Reason::new(Why::Served, &u.table.name, says).next(next) })
}

fn stale(s: &Scene<'_>, u: &Use<'_>) -> Option<Reason> {
    let name = &u.table.name;
    let st = &u.table.statistics;
    if u.table.rows.is_some_and(|r| r < super::SMALL) && st.missing != Some(true) {
        return None;
    }
    let told = match (st.missing, st.changed, u.table.rows) {
        (Some(true), _, _) if s.product == Product::Sqlite => return None,
        (Some(true), _, _) => format!("{name} has no statistics: the planner guesses, and so does every estimate here"),
        (_, Some(changed), Some(rows)) if rows > 0.0 && changed >= STALE * rows => {
            format!("{} of {name} changed since its statistics were made: estimates may be far off", percent(changed.min(rows), rows))
        }
        _ => return None,
    };
    let sql = match s.product {
        Product::MySql | Product::MariaDb => format!("ANALYZE TABLE {}", u.table_sql),
        _ => format!("ANALYZE {}", u.table_sql),
    };
    let mut r = Reason::new(Why::StaleStatistics, name, told).next("ANALYZE first, then ask again.");
    r.sql = Some(sql);
    Some(r)
}

fn obstacle(s: &Scene<'_>, u: &Use<'_>, o: &Obstacle) -> Reason {
    let name = &u.table.name;
    match o {
        Obstacle::Cast { column, to } => {
            let kind = u.table.type_of(column).unwrap_or_else(|| "another type".into());
            Reason::new(
                Why::Cast,
                name,
                format!("an index on {column} of {name} is there, and the cast of {column} ({kind}) to {to} keeps it from being used"),
            )
            .next(format!("Compare {column} with a value of its own type instead of casting it."))
        }
        Obstacle::Converted { column, kind, value } => Reason::new(
            Why::Cast,
            name,
            format!("{column} of {name} ({kind}) is compared with the number {value}: each value is converted, and no index on it can be searched"),
        )
        .next(format!("Write the value as text: {} = '{value}'.", ident(s.dialect, column))),
        Obstacle::NoExpressions { text } => {
            Reason::new(Why::NoExpressions, name, format!("the test is of {text}, and MariaDB has no index on an expression"))
                .next("Write it as a test of the column itself (a range in place of a function), or index a generated column.")
        }
        Obstacle::NoTrigrams { text } => {
            let mut r = Reason::new(
                Why::NoTrigrams,
                name,
                format!("only trigrams find a piece in the middle of {text}, and pg_trgm is not installed"),
            )
            .next("Install pg_trgm, then ask again.");
            r.sql = Some("CREATE EXTENSION pg_trgm".into());
            r
        }
        Obstacle::Alternatives { text } => {
            Reason::new(Why::Alternatives, name, format!("no index finds each of the alternatives {text} on {name}")).next(shapes::UNION)
        }
        Obstacle::Subquery { text } => {
            Reason::new(Why::Unindexable, name, format!("no B-tree serves the test of {text} on {name}"))
        }
        Obstacle::Unindexable { text } => {
            let next = if s.product == Product::Postgres {
                ""
            } else {
                "A full-text index is another kind of search, with another kind of condition."
            };
            let wild = text.to_lowercase().contains("like");
            Reason::new(Why::Unindexable, name, format!("no B-tree serves the test of {text} on {name}")).next(if wild { next } else { "" })
        }
    }
}
