//! How a plan uses each of its tables: what is tested, joined and ordered by, as keys that an index could have.

mod conditions;
mod order;
mod place;
mod words;

use super::keys::{bare, key};
use super::{Key, Question};
use super::{inner, outputs};
use crate::model::Dialect;
use crate::plan::expression::{Expr, Predicate, Test};
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::known::Table;
use crate::plan::statement::Select;
use crate::sql::reserved::ident;
use conditions::{Conditions, unlike_all};
use order::order;
use place::place;
use words::{collate, looked_for};

/// A test with the key that would serve it.
#[derive(Debug, Clone)]
pub struct Tested {
    pub key: Key,
    pub predicate: Predicate,
}

/// An OR over several columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Either {
    pub text: String,
    pub arms: Vec<Arm>,
}

/// The keys that find one alternative of an OR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    pub keys: Vec<Key>,
    /// So many in front are tested for equality; one range may follow.
    pub equal: usize,
}

/// Why a test cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An index on the column is there; a cast of the column keeps it from being used.
    Cast { column: String, to: String },
    /// The engine has no index on an expression.
    NoExpressions { text: String },
    /// A text column is compared with a number, and each of its values is converted.
    Converted { column: String, kind: String, value: String },
    /// An extension is lacking.
    NoTrigrams { text: String },
    /// Alternatives of which one at least no index finds.
    Alternatives { text: String },
    /// A test by what a subquery gives.
    Subquery { text: String },
    /// `<>`, a comparison of two columns of one table, …
    Unindexable { text: String },
}

/// One table in one place of the plan.
pub struct Use<'a> {
    pub product: Product,
    pub at: usize,
    pub alias: String,
    pub table: &'a Table,
    pub table_sql: String,
    /// The plan reads a partition of it.
    pub partitioned: bool,
    /// Equal to one value, or null.
    pub fixed: Vec<Tested>,
    /// Equal to one of several.
    pub among: Vec<Tested>,
    pub range: Vec<Tested>,
    /// Unlike constants, where the engine has indexes over a part of the rows.
    pub unlike: Vec<Tested>,
    /// By the other side's name.
    pub join: Vec<(String, Key)>,
    /// Compared with `<` or `>` to the other side, likewise.
    pub range_join: Vec<(String, Key)>,
    /// Tests that only another kind of index serves, with it: method, key.
    pub special: Vec<(&'static str, Tested)>,
    /// The keys of ORDER BY under a LIMIT, where all of them are this table's.
    pub order: Vec<Key>,
    /// A LIMIT ends reading here early, without a sort between.
    pub limited: bool,
    /// IS NOT NULL: no key, but what a partial index may be made of.
    pub not_null: Vec<Predicate>,
    /// Alternatives over several columns that indexes find.
    pub either: Vec<Either>,
    pub obstacles: Vec<Obstacle>,
    /// The statement reads the table where its conditions cannot be seen: in a view (SQLite).
    pub unread: bool,
    /// `order` is for `min` or `max` of a column.
    pub extreme: bool,
    /// Columns that the statement needs of the table; `None` when all, or not known.
    pub needs: Option<Vec<String>>,
    /// Conditions on this table alone as SQL, by which the share of its rows is asked.
    pub condition: Option<String>,
    /// Part of it tests an expression, of which the server keeps no statistics: its estimate is a guess.
    pub guessed: bool,
    /// Rows looked at and kept, where the statement was run.
    pub read: Option<f64>,
    pub kept: Option<f64>,
}

impl<'a> Use<'a> {
    /// Of which nothing is known yet but where it stands.
    fn new(s: &Scene<'_>, at: usize, table: &'a Table, alias: String) -> Self {
        Use {
            product: s.product,
            at,
            alias,
            table,
            table_sql: s.qualified(table.schema.as_deref(), &table.name),
            partitioned: s.table(at).is_some_and(|own| own.name != table.name),
            limited: s.limited(at).is_some(),
            fixed: Vec::new(),
            among: Vec::new(),
            range: Vec::new(),
            unlike: Vec::new(),
            join: Vec::new(),
            range_join: Vec::new(),
            special: Vec::new(),
            order: Vec::new(),
            not_null: Vec::new(),
            either: Vec::new(),
            obstacles: Vec::new(),
            unread: false,
            extreme: false,
            needs: None,
            condition: None,
            guessed: false,
            read: None,
            kept: None,
        }
    }

    /// Whether something restricts the rows.
    pub fn tested(&self) -> bool {
        let served = [&self.fixed, &self.among, &self.range, &self.unlike].iter().any(|l| !l.is_empty());
        served || !self.special.is_empty() || !self.either.is_empty()
    }

    /// Literal tests that a partial index could be made of: the column, the test, and it as SQL.
    pub fn literals(&self, dialect: Dialect) -> Vec<(String, Test, String)> {
        let tests = self.fixed.iter().filter_map(|t| Some((t.key.column.clone()?, &t.predicate)));
        let not_null = self.not_null.iter().filter_map(|p| Some((p.column()?.name.clone(), p)));
        tests.chain(not_null).filter_map(|(c, p)| Some((c.clone(), p.test, literal_sql(&c, p, dialect)?))).collect()
    }

    pub fn questions(&self, out: &mut Vec<Question>) {
        let (table, rows) = (self.table_sql.clone(), self.table.rows);
        let mut ask = |q: Question| {
            if !out.contains(&q) {
                out.push(q);
            }
        };
        if rows.is_some_and(|r| r < super::SMALL) {
            return;
        }
        if let Some(condition) = &self.condition {
            ask(Question::Kept { table: table.clone(), condition: condition.clone(), rows });
        }
        let dialect = self.dialect();
        if !matches!(dialect, Dialect::MySql) {
            for (column, test, condition) in self.literals(dialect) {
                ask(Question::Kept { table: table.clone(), condition, rows });
                if test == Test::Equal && !self.table.spread.contains_key(&column) {
                    ask(Question::Distinct { table: table.clone(), key: ident(dialect, &column), rows });
                }
            }
        }
    }

    fn dialect(&self) -> Dialect {
        match self.product {
            Product::Postgres => Dialect::Postgres,
            Product::Sqlite => Dialect::Sqlite,
            Product::MySql | Product::MariaDb => Dialect::MySql,
        }
    }
}

/// A condition with a literal, its column bare: what the server prints is casted, and a literal takes the column's type by itself.
fn literal_sql(column: &str, p: &Predicate, dialect: Dialect) -> Option<String> {
    let column = ident(dialect, column);
    match p.test {
        Test::Null => Some(format!("{column} IS NULL")),
        Test::NotNull => Some(format!("{column} IS NOT NULL")),
        Test::Equal => match &p.value {
            Some(v) => Some(format!("{column} = {}", constant(v)?)),
            // A boolean that stands for itself.
            None => None,
        },
        _ => None,
    }
}

fn constant(e: &Expr) -> Option<String> {
    match e {
        Expr::Constant(t) => Some(t.clone()).filter(|t| !t.eq_ignore_ascii_case("null")),
        Expr::Cast { what, .. } | Expr::Collate { what, .. } => constant(what),
        _ => None,
    }
}

/// All uses of known tables, in plan order.
pub fn of<'a>(s: &'a Scene<'a>) -> Vec<Use<'a>> {
    let text = s.known.statement.as_deref().or(s.plan.statement.as_deref());
    let inner = text.filter(|_| s.product != Product::Postgres).map(|t| inner::selects(s.dialect, t)).unwrap_or_default();
    s.all().filter(|i| s.is_scan(*i)).filter_map(|i| read(s, i, &inner)).collect()
}

fn read<'a>(s: &'a Scene<'a>, i: usize, inner: &[Select]) -> Option<Use<'a>> {
    let mut u = Use::new(s, i, s.indexed_table(i)?, s.alias(i)?.to_string());
    let query = conditions::query(s, i, &u.alias, inner);
    u.unread = s.product == Product::Sqlite && query.is_none();
    let alias = u.alias.clone();
    let Conditions { local, tests, .. } = Conditions::of(s, i, &alias, query, inner);
    for p in tests.into_iter().map(|p| s.searchable(p)).filter(|p| s.steady(i, p)) {
        place(s, &mut u, &p);
    }
    if s.product.is_mysql() {
        for q in s.select.iter().chain(inner) {
            looked_for(s, &mut u, q);
        }
    }
    // Among other tests it is what a partial index is made of; alone it is found like a range.
    if !u.tested() && u.join.is_empty() && u.range_join.is_empty() && u.obstacles.is_empty() {
        for p in u.not_null.clone() {
            if let Ok(Some(key)) = key(s, &u, &p) {
                u.range.push(Tested { key, predicate: p });
            }
        }
    }
    if let Some(q) = s.select.as_ref().filter(|_| s.product == Product::Postgres) {
        collate(&mut u, q);
    }
    let measurable = |p: &Predicate| matches!(p.test, Test::Null | Test::NotNull) || bare(s, u.table, &p.key).column().is_some();
    u.guessed = local.iter().flat_map(|e| e.predicates_on(&u.alias)).any(|p| !measurable(&p));
    if !local.is_empty() {
        let parts: Vec<String> = unlike_all(local).iter().map(|e| e.sql(s.dialect)).collect();
        u.condition = Some(parts.join(" AND "));
    }
    order(s, &mut u);
    u.needs = outputs::needed(s, i, &u.alias, u.table);
    // An estimate of rows without statistics of the column (MariaDB's `filtered` of 100) says nothing.
    if let Some(scan) = s.scan(i).filter(|_| s.plan.analyzed) {
        (u.read, u.kept) = (scan.read, scan.kept);
    }
    Some(u)
}
