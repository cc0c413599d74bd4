//! One test of a condition as an index would see it: what is tested, how, against what.

use super::{Column, Expr};
use crate::model::Dialect;

/// How a key is tested, by what a B-tree could do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Equal to one value.
    Equal,
    /// Equal to one of several.
    In,
    Null,
    NotNull,
    NotEqual,
    /// Below, above, or between.
    Range,
    /// A pattern whose beginning is fixed: `LIKE 'abc%'`.
    Prefix,
    /// A pattern whose beginning is not, or that ignores case: no B-tree serves it.
    Contains,
    /// Equal to a column of another relation.
    Join,
    /// Below or above a column of another relation.
    RangeJoin,
    /// Alternatives: the key is the whole OR.
    Or,
    /// Anything else.
    Other,
}

/// A test with its key: a plain column, or an expression over columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    pub test: Test,
    pub key: Expr,
    /// The other side, where there is one.
    pub value: Option<Expr>,
    /// As in [`Expr::Compare`], turned if the sides were: `=`, `<`, `like`.
    pub op: String,
}

impl Predicate {
    pub(super) fn of(expr: &Expr) -> Predicate {
        let make =
            |test, key: &Expr, value: Option<&Expr>, op: &str| Predicate { test, key: key.clone(), value: value.cloned(), op: op.into() };
        match expr {
            Expr::Null { what, negated } => make(if *negated { Test::NotNull } else { Test::Null }, what, None, "is"),
            Expr::In { what, negated: false, list } if list.iter().all(Expr::is_constant) => make(Test::In, what, list.first(), "in"),
            Expr::In { what, negated: true, list } => make(Test::NotEqual, what, list.first().filter(|_| list.len() == 1), "not in"),
            Expr::Or(_) => make(Test::Or, expr, None, "or"),
            // A boolean column stands for itself.
            Expr::Column(_) => make(Test::Equal, expr, None, "="),
            Expr::Not(inner) if inner.column().is_some() => make(Test::Equal, inner, None, "="),
            Expr::Not(inner) => opposite(inner).map_or_else(|| make(Test::Other, expr, None, ""), |e| Predicate::of(&e)),
            Expr::Compare { op, left, right } => {
                let (here, there) = (!left.columns().is_empty(), !right.columns().is_empty());
                let readable = !left.has_unread() && !right.has_unread();
                match (here, there) {
                    _ if !readable => make(Test::Other, expr, None, op),
                    (true, false) => make(test(op, right), left, Some(right), op),
                    (false, true) => {
                        let turned = turn(op);
                        make(test(turned, left), right, Some(left), turned)
                    }
                    (true, true) if op == "=" && one_relation(left) != one_relation(right) => make(Test::Join, left, Some(right), op),
                    (true, true)
                        if test(op, right) == Test::Range
                            && one_relation(left).is_some()
                            && one_relation(right).is_some()
                            && one_relation(left) != one_relation(right) =>
                    {
                        make(Test::RangeJoin, left, Some(right), op)
                    }
                    _ => make(Test::Other, expr, None, op),
                }
            }
            _ => make(Test::Other, expr, None, ""),
        }
    }

    /// The whole test as SQL, columns without their tables.
    pub fn sql(&self, dialect: Dialect) -> String {
        let value = self.value.as_ref().map_or(String::new(), |v| v.sql(dialect));
        match self.op.as_str() {
            "not in" if dialect == Dialect::Postgres => format!("{} <> ALL ({value})", self.key.sql(dialect)),
            "not in" => format!("{} NOT IN ({value})", self.key.sql(dialect)),
            op => format!("{} {} {value}", self.key.sql(dialect), op.to_uppercase()).trim_end().to_string(),
        }
    }

    /// The column that is tested, if nothing is done to it.
    pub fn column(&self) -> Option<&Column> {
        self.key.column()
    }

    /// The pattern of a LIKE, if it is a literal.
    pub fn pattern(&self) -> Option<String> {
        self.op.contains("like").then(|| self.value.as_ref()?.literal()).flatten()
    }

    /// For the relation of this alias: itself if its key is the relation's, a join turned so that it is, else nothing.
    pub(super) fn turned_to(self, alias: &str) -> Option<Predicate> {
        let of = |e: &Expr| {
            let columns = e.columns();
            !columns.is_empty() && columns.iter().all(|c| c.may_be_of(alias))
        };
        if of(&self.key) {
            return Some(self);
        }
        match (self.test, self.value) {
            (test @ (Test::Join | Test::RangeJoin), Some(value)) if of(&value) => {
                Some(Predicate { test, key: value, op: turn(&self.op).to_string(), value: Some(self.key) })
            }
            _ => None,
        }
    }
}

/// What is true where this is false, and unknown where it is unknown: servers turn `NOT (a = b)` into `a <> b` themselves.
fn opposite(e: &Expr) -> Option<Expr> {
    Some(match e {
        Expr::Not(inner) => (**inner).clone(),
        Expr::Null { what, negated } => Expr::Null { what: what.clone(), negated: !negated },
        Expr::In { what, list, negated } => Expr::In { what: what.clone(), list: list.clone(), negated: !negated },
        Expr::Compare { op, left, right } => {
            let op = match op.as_str() {
                "=" => "<>",
                "<>" => "=",
                "<" => ">=",
                "<=" => ">",
                ">" => "<=",
                ">=" => "<",
                _ => return None,
            };
            Expr::Compare { op: op.into(), left: left.clone(), right: right.clone() }
        }
        _ => return None,
    })
}

/// The one qualifier of all columns of an expression.
fn one_relation(e: &Expr) -> Option<&str> {
    let columns = e.columns();
    let first = columns.first()?.qualifier.as_deref()?;
    columns.iter().all(|c| c.qualifier.as_deref() == Some(first)).then_some(first)
}

fn test(op: &str, value: &Expr) -> Test {
    match op {
        "=" | "<=>" | "is not distinct from" | "is" => Test::Equal,
        "<" | "<=" | ">" | ">=" => Test::Range,
        "<>" | "is distinct from" => Test::NotEqual,
        "like" => match value.literal() {
            Some(pattern) if !pattern.starts_with(['%', '_']) => Test::Prefix,
            Some(_) => Test::Contains,
            None => Test::Other,
        },
        // SQLite: its patterns have marks of their own.
        "glob" => match value.literal() {
            Some(pattern) if !pattern.starts_with(['*', '?', '[']) => Test::Prefix,
            Some(_) => Test::Contains,
            None => Test::Other,
        },
        "ilike" => Test::Contains,
        // PostgreSQL looks for the fixed beginning of a regular expression as it does for LIKE's.
        "~" if value.literal().is_some_and(|pattern| begins_fixed(&pattern)) => Test::Prefix,
        // PostgreSQL's own for a prefix, and what it makes of LIKE 'abc%' for an index with pattern operators.
        "^@" => Test::Prefix,
        "~>=~" | "~<~" | "~>~" | "~<=~" => Test::Range,
        _ => Test::Other,
    }
}

/// Whether a regular expression begins with `^` and a letter that must stand there.
fn begins_fixed(pattern: &str) -> bool {
    let mut letters = pattern.strip_prefix('^').unwrap_or_default().chars();
    let first = letters.next().is_some_and(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '/' | ':' | '@'));
    first && !pattern.contains('|') && !letters.next().is_some_and(|c| matches!(c, '*' | '?' | '{'))
}

fn turn(op: &str) -> &str {
    match op {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same => same,
    }
}
