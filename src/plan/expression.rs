//! The conditions that servers print in their plans, read into a tree: PostgreSQL's deparsed `((q = 7) AND (lower((name)::text) ~~ '%x%'::text))`,
//! MySQL's and MariaDB's `` (`b`.`q` = 7) ``, SQLite's `q=? AND r>?`.
//!
//! Reading never fails: what is not understood is [`Expr::Unread`] with its text, and findings and advice that would build upon
//! it say nothing. The tests that an index can serve are taken from the tree by [`Expr::predicates`].

use crate::model::Dialect;
use crate::sql::reserved;

mod predicate;
mod reader;

pub use predicate::{Predicate, Test};

/// A column as the condition names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column {
    /// Alias or table, without a schema; `None` where the server leaves it out because only one relation is there.
    pub qualifier: Option<String>,
    /// Without quotes.
    pub name: String,
}

/// A condition or an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// Two sides and an operator that gives true or false, in lower case: `=`, `<>`, `like`, `not ilike`, `@>`, `is distinct from`.
    Compare {
        op: String,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `IN (…)` and `= ANY (…)`; `negated` for `NOT IN` and `<> ALL`. An array that is one literal is one element.
    In {
        what: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    /// `IS NULL`, `IS NOT NULL`.
    Null {
        what: Box<Expr>,
        negated: bool,
    },
    Column(Column),
    /// A literal as it stands there, quotes and all.
    Constant(String),
    /// `$1`, `?`, `(InitPlan 1).col1`: a value that is known only when the statement runs.
    Parameter(String),
    Cast {
        what: Box<Expr>,
        to: String,
    },
    /// A function, an aggregate, or anything written like one; the name in lower case unless it is quoted. What has words between its
    /// parts has them all as its name, with a [`HOLE`] for each part: `CASE WHEN ▢ THEN ▢ END`.
    Call {
        name: String,
        args: Vec<Expr>,
    },
    /// Two sides and an operator that gives a value: `+`, `||`, `->>`.
    Arithmetic {
        op: String,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Unary {
        op: String,
        what: Box<Expr>,
    },
    Collate {
        what: Box<Expr>,
        collation: String,
    },
    Row(Vec<Expr>),
    /// `SubPlan 1`, `hashed SubPlan 1`, or a subquery's text.
    Subquery(String),
    /// Text that was not understood.
    Unread(String),
}

/// Where a part stands in the name of an [`Expr::Call`] with words of its own. It is in no name: PostgreSQL, MySQL and SQLite print none.
const HOLE: char = '\u{1}';

/// A key of a sort, a group or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    pub expr: Expr,
    pub descending: bool,
    /// `None` where nothing is said: the server's own default.
    pub nulls_first: Option<bool>,
}

/// The engine's name in a [`Plan`](crate::model::plan::Plan) tells how its conditions are written.
pub fn dialect_of(engine: &str) -> Dialect {
    match engine {
        "MySQL" | "MariaDB" => Dialect::MySql,
        "SQLite" => Dialect::Sqlite,
        _ => Dialect::Postgres,
    }
}

/// Reads one condition or expression.
pub fn parse(dialect: Dialect, text: &str) -> Expr {
    reader::Reader::new(dialect, text).whole()
}

/// Reads a list of keys: `name DESC NULLS LAST, lower(t.x)`.
pub fn sort_keys(dialect: Dialect, text: &str) -> Vec<SortKey> {
    reader::Reader::new(dialect, text).keys()
}

impl Column {
    /// Whether the column can be one of the relation with this alias (or name): an unqualified one can be.
    pub fn may_be_of(&self, alias: &str) -> bool {
        self.qualifier.as_deref().is_none_or(|q| q.eq_ignore_ascii_case(alias))
    }
}

impl Expr {
    /// The parts that must all hold.
    pub fn conjuncts(&self) -> Vec<&Expr> {
        match self {
            Expr::And(parts) => parts.iter().flat_map(Expr::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// The direct parts, in the order in which they are written.
    pub fn parts(&self) -> Vec<&Expr> {
        match self {
            Expr::And(v) | Expr::Or(v) | Expr::Row(v) | Expr::Call { args: v, .. } => v.iter().collect(),
            Expr::Compare { left, right, .. } | Expr::Arithmetic { left, right, .. } => vec![left, right],
            Expr::In { what, list, .. } => std::iter::once(&**what).chain(list).collect(),
            Expr::Not(what) | Expr::Null { what, .. } | Expr::Cast { what, .. } | Expr::Unary { what, .. } | Expr::Collate { what, .. } => {
                vec![what]
            }
            Expr::Column(_) | Expr::Constant(_) | Expr::Parameter(_) | Expr::Subquery(_) | Expr::Unread(_) => Vec::new(),
        }
    }

    /// Visits this expression and all below it.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        for p in self.parts() {
            p.walk(visit);
        }
    }

    /// Changes the columns below.
    pub fn each_column(&mut self, change: &mut dyn FnMut(&mut Column)) {
        match self {
            Expr::Column(c) => change(c),
            Expr::And(v) | Expr::Or(v) | Expr::Row(v) | Expr::Call { args: v, .. } => v.iter_mut().for_each(|e| e.each_column(change)),
            Expr::Compare { left, right, .. } | Expr::Arithmetic { left, right, .. } => {
                left.each_column(change);
                right.each_column(change);
            }
            Expr::In { what, list, .. } => {
                what.each_column(change);
                list.iter_mut().for_each(|e| e.each_column(change));
            }
            Expr::Not(what) | Expr::Null { what, .. } | Expr::Cast { what, .. } | Expr::Unary { what, .. } | Expr::Collate { what, .. } => {
                what.each_column(change);
            }
            Expr::Constant(_) | Expr::Parameter(_) | Expr::Subquery(_) | Expr::Unread(_) => {}
        }
    }

    /// Changes the names of functions below.
    pub fn each_call(&mut self, change: &mut dyn FnMut(&mut String)) {
        match self {
            Expr::Call { name, args } => {
                change(name);
                args.iter_mut().for_each(|e| e.each_call(change));
            }
            Expr::And(v) | Expr::Or(v) | Expr::Row(v) => v.iter_mut().for_each(|e| e.each_call(change)),
            Expr::Compare { left, right, .. } | Expr::Arithmetic { left, right, .. } => {
                left.each_call(change);
                right.each_call(change);
            }
            Expr::In { what, list, .. } => {
                what.each_call(change);
                list.iter_mut().for_each(|e| e.each_call(change));
            }
            Expr::Not(what) | Expr::Null { what, .. } | Expr::Cast { what, .. } | Expr::Unary { what, .. } | Expr::Collate { what, .. } => {
                what.each_call(change);
            }
            Expr::Column(_) | Expr::Constant(_) | Expr::Parameter(_) | Expr::Subquery(_) | Expr::Unread(_) => {}
        }
    }

    /// The columns that are named, each once, in the order of their first mention.
    pub fn columns(&self) -> Vec<&Column> {
        let mut out: Vec<&Column> = Vec::new();
        self.walk(&mut |e| {
            if let Expr::Column(c) = e
                && !out.contains(&c)
            {
                out.push(c);
            }
        });
        out
    }

    /// Whether something in it was not understood.
    pub fn has_unread(&self) -> bool {
        let mut found = false;
        self.walk(&mut |e| found |= matches!(e, Expr::Unread(_)));
        found
    }

    /// Whether it is the same for every row: no column and no subquery.
    pub fn is_constant(&self) -> bool {
        let mut constant = true;
        self.walk(&mut |e| constant &= !matches!(e, Expr::Column(_) | Expr::Subquery(_) | Expr::Unread(_)));
        constant
    }

    /// The column, if this is nothing else: a collation is looked through, a cast is not.
    pub fn column(&self) -> Option<&Column> {
        match self {
            Expr::Column(c) => Some(c),
            Expr::Collate { what, .. } => what.column(),
            _ => None,
        }
    }

    /// The column below casts, and the outermost cast's type.
    pub fn cast_column(&self) -> Option<(&Column, &str)> {
        let Expr::Cast { what, to } = self else { return None };
        let mut inner = &**what;
        while let Expr::Cast { what, .. } | Expr::Collate { what, .. } = inner {
            inner = what;
        }
        Some((inner.column()?, to))
    }

    /// The text of a string literal without its quotes, looked for below casts.
    pub fn literal(&self) -> Option<String> {
        match self {
            Expr::Cast { what, .. } | Expr::Collate { what, .. } => what.literal(),
            Expr::Constant(text) => {
                let start = text.find('\'')?;
                let inner = text.get(start + 1..)?.strip_suffix('\'')?;
                Some(inner.replace("''", "'"))
            }
            _ => None,
        }
    }

    /// The tests that must all hold, as an index would see them; `None` of them where there is only what was not understood.
    pub fn predicates(&self) -> Vec<Predicate> {
        self.conjuncts().into_iter().map(Predicate::of).collect()
    }

    /// [`Expr::predicates`] on columns of one relation, a join's test turned so that its key is the relation's.
    pub fn predicates_on(&self, alias: &str) -> Vec<Predicate> {
        self.predicates().into_iter().filter_map(|p| p.turned_to(alias)).collect()
    }

    /// As SQL of the dialect, columns without their tables: what stands in an index's definition or a CHECK.
    pub fn sql(&self, dialect: Dialect) -> String {
        let mut out = String::new();
        self.write(dialect, false, &mut out);
        out
    }

    /// As SQL with the columns qualified as they were.
    pub fn qualified_sql(&self, dialect: Dialect) -> String {
        let mut out = String::new();
        self.write(dialect, true, &mut out);
        out
    }

    fn write(&self, dialect: Dialect, qualify: bool, out: &mut String) {
        let list = |parts: &[Expr], between: &str, out: &mut String| {
            for (i, p) in parts.iter().enumerate() {
                if i > 0 {
                    out.push_str(between);
                }
                p.write(dialect, qualify, out);
            }
        };
        match self {
            Expr::And(parts) | Expr::Or(parts) => {
                out.push('(');
                list(parts, if matches!(self, Expr::And(_)) { " AND " } else { " OR " }, out);
                out.push(')');
            }
            Expr::Not(what) => {
                out.push_str("(NOT ");
                what.write(dialect, qualify, out);
                out.push(')');
            }
            Expr::Compare { op, left, right } | Expr::Arithmetic { op, left, right } => {
                out.push('(');
                left.write(dialect, qualify, out);
                out.push(' ');
                out.push_str(&op.to_uppercase());
                out.push(' ');
                right.write(dialect, qualify, out);
                out.push(')');
            }
            Expr::In { what, list: items, negated } => {
                out.push('(');
                what.write(dialect, qualify, out);
                let whole = matches!(items.as_slice(), [Expr::Cast { to, .. }] if to.ends_with("[]"))
                    || items.len() == 1 && dialect == Dialect::Postgres;
                out.push_str(match (whole, negated) {
                    (true, false) => " = ANY (",
                    (true, true) => " <> ALL (",
                    (false, false) => " IN (",
                    (false, true) => " NOT IN (",
                });
                list(items, ", ", out);
                out.push_str("))");
            }
            Expr::Null { what, negated } => {
                out.push('(');
                what.write(dialect, qualify, out);
                out.push_str(if *negated { " IS NOT NULL)" } else { " IS NULL)" });
            }
            Expr::Column(c) => {
                if let Some(q) = c.qualifier.as_deref().filter(|_| qualify) {
                    out.push_str(&reserved::ident(dialect, q));
                    out.push('.');
                }
                out.push_str(&if c.name == "*" { "*".to_string() } else { reserved::ident(dialect, &c.name) });
            }
            Expr::Constant(t) | Expr::Parameter(t) | Expr::Unread(t) => out.push_str(t),
            Expr::Subquery(t) => {
                out.push('(');
                out.push_str(t);
                out.push(')');
            }
            Expr::Cast { what, to } if dialect == Dialect::Postgres => {
                out.push('(');
                what.write(dialect, qualify, out);
                out.push_str(")::");
                out.push_str(to);
            }
            Expr::Cast { what, to } => {
                out.push_str("CAST(");
                what.write(dialect, qualify, out);
                out.push_str(" AS ");
                out.push_str(to);
                out.push(')');
            }
            Expr::Call { name, args } => match (name.strip_prefix('.'), name.as_str(), args.as_slice()) {
                (Some(field), _, [of]) => {
                    out.push('(');
                    of.write(dialect, qualify, out);
                    out.push_str(").");
                    out.push_str(&reserved::ident(dialect, field));
                }
                (_, "[]", [of, rest @ ..]) => {
                    out.push('(');
                    of.write(dialect, qualify, out);
                    out.push_str(")[");
                    list(rest, ":", out);
                    out.push(']');
                }
                (_, "extract", [field, of]) => {
                    out.push_str("EXTRACT(");
                    field.write(dialect, qualify, out);
                    out.push_str(" FROM ");
                    of.write(dialect, qualify, out);
                    out.push(')');
                }
                (_, "at time zone", [of, zone]) => {
                    out.push('(');
                    of.write(dialect, qualify, out);
                    out.push_str(" AT TIME ZONE ");
                    zone.write(dialect, qualify, out);
                    out.push(')');
                }
                (_, "array", items) => {
                    out.push_str("ARRAY[");
                    list(items, ", ", out);
                    out.push(']');
                }
                _ if name.contains(HOLE) => {
                    let mut args = args.iter();
                    for part in name.split_inclusive(HOLE) {
                        out.push_str(part.trim_end_matches(HOLE));
                        if let Some(arg) = args.next().filter(|_| part.ends_with(HOLE)) {
                            arg.write(dialect, qualify, out);
                        }
                    }
                }
                _ => {
                    out.push_str(name);
                    if !reader::BARE.contains(&name.as_str()) {
                        out.push('(');
                        list(args, ", ", out);
                        out.push(')');
                    }
                }
            },
            Expr::Unary { op, what } => {
                out.push('(');
                out.push_str(op);
                out.push(' ');
                what.write(dialect, qualify, out);
                out.push(')');
            }
            Expr::Collate { what, collation } => {
                out.push('(');
                what.write(dialect, qualify, out);
                out.push_str(" COLLATE ");
                out.push_str(&if dialect == Dialect::Postgres { dialect.quote_ident(collation) } else { collation.clone() });
                out.push(')');
            }
            Expr::Row(items) => {
                out.push_str(if items.len() == 1 { "ROW(" } else { "(" });
                list(items, ", ", out);
                out.push(')');
            }
        }
    }
}

#[cfg(test)]
mod tests;
