//! Indexes that may help a statement: taken from the parsed conditions of its plan and from what is known
//! of its tables. Nothing is tried here, so nothing here is advice: that begins where a server was asked (`ops::advice`).
//!
//! What is left out keeps its reason, and "no index helps, because …" is an answer like another.

use super::known::Known;
use crate::model::Dialect;
use crate::model::plan::Plan;
use crate::sql::reserved::ident;
use std::collections::{BTreeMap, BTreeSet};

mod inner;
mod keys;
mod outputs;
mod reasons;
mod shapes;
mod uses;

pub use reasons::{Reason, Why};
pub use shapes::{UNION, hiding};

/// A table with fewer rows is read whole in a moment: no index is worth its upkeep there (plans.md §7.2).
pub const SMALL: f64 = 1_000.0;
/// A condition that keeps more of its table is quicker by reading all of it (plans.md §3, last line; §7.2).
pub const KEEPS: f64 = 0.2;
/// Candidates of one statement at most: each is tried.
const MOST: usize = 16;
/// Indexes that are tried together at most.
pub const TOGETHER: usize = 3;

/// What an index is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    Equality,
    Range,
    Join,
    /// Rows come in the order of ORDER BY, so that a LIMIT ends early.
    Order,
    /// Has all columns that the statement needs of the table.
    Covering,
    /// Holds only the rows that a constant condition lets through.
    Partial,
    Expression,
    /// Trigrams, for patterns that begin with a wildcard.
    Pattern,
    /// Elements of arrays and documents.
    Contains,
}

impl Shape {
    /// `composite order` and the like, for lists.
    pub fn word(self) -> &'static str {
        match self {
            Shape::Equality => "equality",
            Shape::Range => "range",
            Shape::Join => "join",
            Shape::Order => "order",
            Shape::Covering => "covering",
            Shape::Partial => "partial",
            Shape::Expression => "expression",
            Shape::Pattern => "pattern",
            Shape::Contains => "contains",
        }
    }
}

/// A key of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As it stands in CREATE INDEX, without class and direction: `customer_id`, `(lower(email))`.
    pub sql: String,
    /// The column, where it is nothing else.
    pub column: Option<String>,
    /// `text_pattern_ops`, `COLLATE NOCASE`; empty for the default.
    pub class: String,
    pub down: bool,
}

/// An index that may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub name: String,
    /// The table as SQL.
    pub table: String,
    pub schema: Option<String>,
    pub relation: String,
    pub keys: Vec<Key>,
    /// So many keys in front are tested for equality: their order among each other does not matter.
    pub equal: usize,
    /// Columns that are carried along (PostgreSQL's INCLUDE).
    pub include: Vec<String>,
    pub only_where: Option<String>,
    /// `gin`; `None` for a B-tree.
    pub method: Option<String>,
    pub shapes: Vec<Shape>,
    /// Why it may help: a sentence.
    pub why: String,
    /// Told after those that are not: it lives on luck, lets the join begin at the wrong end, or has a [`Candidate::caution`].
    pub behind: bool,
    /// What may go wrong once it is there: a sentence.
    pub caution: Option<String>,
    /// The plan's nodes that it is about, as paths.
    pub nodes: Vec<Vec<usize>>,
    /// The table is divided: its index cannot be built while it is written to (PostgreSQL).
    pub partitioned: bool,
    /// Indexes that are built with it, as they help together only: each serves one of the alternatives of an OR.
    pub with: Vec<Candidate>,
    /// How a test of an expression in it can be written as one of the column.
    pub instead: Option<String>,
}

/// A candidate that is not worth trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// `orders (state)`
    pub what: String,
    pub reason: Reason,
}

impl Dropped {
    /// `Left out`, and how far it had come.
    pub fn left_out(&self) -> &'static str {
        if self.reason.why == Why::Measured { "Left out, measured" } else { "Left out" }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidates {
    /// The most promising first.
    pub proposed: Vec<Candidate>,
    pub dropped: Vec<Dropped>,
    /// Why no index helps, or (with proposals) what else stands in the way: statistics that are old, a cast.
    pub reasons: Vec<Reason>,
}

/// A question that somebody with a connection can answer, so that fewer candidates have to be tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Which share of the table's rows passes the condition?
    Kept { table: String, condition: String, rows: Option<f64> },
    /// How many different values has this key?
    Distinct { table: String, key: String, rows: Option<f64> },
}

/// Answers, by table and condition or key as SQL.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// 0 to 1.
    pub kept: BTreeMap<(String, String), f64>,
    pub distinct: BTreeMap<(String, String), f64>,
}

/// Functions that a plan's conditions name without a schema.
pub fn functions(plan: &Plan) -> BTreeSet<String> {
    let dialect = super::expression::dialect_of(&plan.engine);
    let mut out = BTreeSet::new();
    plan.root.walk(0, &mut |_, n| {
        for (_, text) in n.conditions.iter().filter(|(_, t)| t.contains('(')) {
            super::expression::parse(dialect, text).each_call(&mut |name| {
                out.insert(name.trim_matches('"').to_string());
            });
        }
    });
    out
}

/// What should be asked before [`find`].
pub fn questions(plan: &Plan, known: &Known) -> Vec<Question> {
    let scene = super::findings::scene::Scene::new(plan, known);
    let mut out = Vec::new();
    for u in uses::of(&scene) {
        u.questions(&mut out);
    }
    out
}

/// The candidates for a plan. Without facts about its tables there are none.
pub fn find(plan: &Plan, known: &Known, answers: &Answers) -> Candidates {
    let scene = super::findings::scene::Scene::new(plan, known);
    let uses = uses::of(&scene);
    let mut out = Candidates::default();
    for u in &uses {
        shapes::propose(&scene, u, &uses, answers, &mut out);
    }
    out.proposed.sort_by_key(rank);
    out.proposed.truncate(MOST);
    reasons::fill(&scene, &uses, answers, &mut out);
    out
}

/// What serves most of the statement first.
fn rank(c: &Candidate) -> (bool, usize, usize) {
    let first = match c.shapes.first() {
        Some(Shape::Order) => 0,
        Some(Shape::Join) => 1,
        Some(Shape::Equality | Shape::Range | Shape::Expression) => 2,
        _ => 3,
    };
    (c.behind, c.shapes.iter().filter(|s| matches!(s, Shape::Covering | Shape::Partial)).count(), first)
}

impl Candidate {
    /// `orders (customer_id, created_at DESC) INCLUDE (total) WHERE …`
    pub fn spec(&self, dialect: Dialect) -> String {
        self.all().map(|c| format!("{} {}", c.table, c.body(dialect))).collect::<Vec<_>>().join(" and ")
    }

    /// Itself and those that are built with it.
    pub fn all(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::once(self).chain(&self.with)
    }

    fn body(&self, dialect: Dialect) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|k| {
                let class = if k.class.is_empty() { String::new() } else { format!(" {}", k.class) };
                format!("{}{class}{}", k.sql, if k.down { " DESC" } else { "" })
            })
            .collect();
        let using = self.method.as_ref().map_or(String::new(), |m| format!("USING {m} "));
        let include: Vec<String> = self.include.iter().map(|c| ident(dialect, c)).collect();
        let include = if include.is_empty() { String::new() } else { format!(" INCLUDE ({})", include.join(", ")) };
        let only = self.only_where.as_ref().map_or(String::new(), |w| format!(" WHERE {w}"));
        format!("{using}({}){include}{only}", keys.join(", "))
    }

    /// The statements that make it and those that are built with it, for people.
    pub fn creates(&self, dialect: Dialect, online: bool) -> String {
        self.all().map(|c| c.create(dialect, online)).collect::<Vec<_>>().join("; ")
    }

    /// What undoes [`Candidate::creates`].
    pub fn drops(&self, dialect: Dialect, online: bool) -> String {
        self.all().map(|c| c.drop_sql(dialect, online)).collect::<Vec<_>>().join("; ")
    }

    /// `CREATE INDEX …` of this one; `online` for one that lets writing go on where the engine has a word for that.
    pub fn create(&self, dialect: Dialect, online: bool) -> String {
        let how = if online && self.online(dialect) { "CONCURRENTLY " } else { "" };
        format!("CREATE INDEX {how}{} ON {} {}", ident(dialect, &self.name), self.table, self.body(dialect))
    }

    /// What undoes [`Candidate::create`].
    pub fn drop_sql(&self, dialect: Dialect, online: bool) -> String {
        let name = ident(dialect, &self.name);
        match dialect {
            Dialect::MySql => format!("DROP INDEX {name} ON {}", self.table),
            _ => {
                let schema = self.schema.as_ref().filter(|_| dialect == Dialect::Postgres);
                let schema = schema.map_or(String::new(), |s| format!("{}.", ident(dialect, s)));
                format!("DROP INDEX {}{schema}{name}", if online && self.online(dialect) { "CONCURRENTLY " } else { "" })
            }
        }
    }

    /// Whether building it without stopping writers takes a word of its own.
    pub fn online(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Postgres && !self.partitioned
    }
}

#[cfg(test)]
mod tests;
