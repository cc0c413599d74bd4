//! The conditions of one table, gathered from the plan and from the statement's own words.

use crate::plan::expression::{Expr, Predicate, Test};
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::statement::{Select, TableRef};

/// What plan and statement test of a table.
pub(super) struct Conditions<'s, 'a> {
    s: &'s Scene<'a>,
    alias: &'s str,
    /// Whole conditions on this table alone that mean something outside the statement.
    pub local: Vec<Expr>,
    pub tests: Vec<Predicate>,
}

impl<'s, 'a> Conditions<'s, 'a> {
    /// Those of the table in one place of the plan; `query` reads it, `inner` are the statement's subqueries.
    pub fn of(s: &'s Scene<'a>, i: usize, alias: &'s str, query: Option<&Select>, inner: &[Select]) -> Self {
        let mut out = Conditions { s, alias, local: Vec::new(), tests: Vec::new() };
        out.plan(i);
        // Where the statement names the table itself, its own words say what a plan leaves out.
        if let Some(q) = query.filter(|_| s.product != Product::Postgres || out.local.is_empty()) {
            out.statement(q, inner);
        }
        out
    }

    fn plan(&mut self, i: usize) {
        let s = self.s;
        let top = s.parent(i).filter(|p| s.node(*p).op == "filter" && s.children(*p).next() == Some(i));
        // A bitmap may be put together of several indexes: what they find together is what is checked again.
        let found_by = s.condition(i, &["Recheck Cond"]).filter(|_| s.product == Product::Postgres).or_else(|| s.index_condition(i));
        for text in s.filter(i).into_iter().chain(top.and_then(|p| s.filter(p))).chain(found_by) {
            // SQLite prints `c=?`: the statement has the value.
            if s.product.is_mysql() && Some(text) == s.index_condition(i) {
                self.take(&s.read(&looked_up(text)));
            } else if s.product != Product::Sqlite {
                self.take(&s.read(text));
            }
        }
        for a in s.above(i) {
            for (name, text) in &s.node(a).conditions {
                if !["sort", "group", "output", "presort", "cache", "limit"].iter().any(|w| name.to_lowercase().starts_with(w)) {
                    self.take_joins(&s.read(text));
                }
            }
        }
    }

    fn statement(&mut self, q: &Select, inner: &[Select]) {
        let s = self.s;
        let sole = q.tables.len() == 1;
        let around: Vec<&Select> = s.select.iter().chain(inner).filter(|o| !std::ptr::eq(*o, q)).collect();
        let own = s.select.as_ref().is_some_and(|o| std::ptr::eq(o, q));
        let conditions: Vec<Expr> = match s.product {
            _ if !own || s.product == Product::Sqlite => q.conditions.iter().map(|e| qualified(s, q, &around, e)).collect(),
            _ => q.conditions.clone(),
        };
        for e in conditions.iter().flat_map(Expr::conjuncts) {
            if sole || e.columns().iter().all(|c| c.qualifier.is_some()) {
                self.take(e);
            }
        }
    }

    fn take(&mut self, e: &Expr) {
        for part in e.conjuncts() {
            for p in part.predicates_on(self.alias) {
                let told = !joins(&p) && !p.key.has_unread() && askable(part, self.alias);
                if told && !self.local.iter().any(|l| l.sql(self.s.dialect) == part.sql(self.s.dialect)) {
                    self.local.push(part.clone());
                }
                self.tests.push(p);
            }
        }
    }

    /// Of what a node above tests only the joins are the table's own matter.
    fn take_joins(&mut self, e: &Expr) {
        for part in e.conjuncts() {
            self.tests.extend(part.predicates_on(self.alias).into_iter().filter(joins));
        }
    }
}

fn joins(p: &Predicate) -> bool {
    matches!(p.test, Test::Join | Test::RangeJoin)
}

/// The query of the statement that reads the table of this place, if it can be told.
pub(super) fn query<'q>(s: &'q Scene<'_>, i: usize, alias: &str, inner: &'q [Select]) -> Option<&'q Select> {
    let names = |q: &&Select| q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(alias));
    // Arms of a UNION may name a table alike: they stand in the plan in the order of the text.
    let before = (0..i).filter(|j| s.is_scan(*j) && s.alias(*j).is_some_and(|a| a.eq_ignore_ascii_case(alias))).count();
    let arm = || inner.iter().filter(names).nth(before).or_else(|| inner.iter().find(names));
    s.select.as_ref().filter(names).or_else(arm)
}

/// MySQL and MariaDB print `const` and `func` for values that a lookup has from elsewhere: they are no columns.
fn looked_up(text: &str) -> String {
    let value = |part: &str| match part.rsplit_once(" = ") {
        Some((key, "const" | "func")) => format!("{key} = ?"),
        _ => part.to_string(),
    };
    text.split(" and ").map(value).collect::<Vec<_>>().join(" and ")
}

/// Whether a condition means something outside its statement: no other relation, no parameter, no subplan.
fn askable(e: &Expr, alias: &str) -> bool {
    let mut fine = true;
    e.walk(&mut |x| match x {
        Expr::Column(c) => fine &= c.may_be_of(alias),
        Expr::Parameter(_) | Expr::Subquery(_) | Expr::Unread(_) => fine = false,
        _ => {}
    });
    fine
}

/// The condition with every column's relation in front, as far as the catalogue tells: in a subquery a bare name may be of the query around
/// it. The query's own tables come first.
fn qualified(s: &Scene<'_>, q: &Select, others: &[&Select], e: &Expr) -> Expr {
    let owner = |tables: &[TableRef], name: &str| -> Option<String> {
        let mut found = tables
            .iter()
            .filter(|t| s.known.table(&t.name).is_some_and(|known| known.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name))));
        match (found.next(), found.next()) {
            (Some(t), None) => Some(t.alias.clone()),
            _ => None,
        }
    };
    let mut out = e.clone();
    out.each_column(&mut |c| {
        if c.qualifier.is_none() && c.name != "*" {
            c.qualifier = owner(&q.tables, &c.name).or_else(|| others.iter().find_map(|o| owner(&o.tables, &c.name)));
        }
    });
    out
}

/// The conditions with all that say that one column is unlike a value in one list. A planner that is asked for them one by one takes them
/// for independent of each other, and none of them is: what is `a` is no `b`.
pub(super) fn unlike_all(conditions: Vec<Expr>) -> Vec<Expr> {
    let mut out: Vec<Expr> = Vec::new();
    let mut lists: Vec<(Box<Expr>, Vec<Expr>)> = Vec::new();
    for e in conditions {
        match e {
            Expr::Compare { op, left, right } if op == "<>" && left.column().is_some() && right.is_constant() => {
                match lists.iter_mut().find(|(what, _)| *what == left) {
                    Some((_, list)) => list.push(*right),
                    None => lists.push((left, vec![*right])),
                }
            }
            e => out.push(e),
        }
    }
    out.extend(lists.into_iter().map(|(what, list)| match <[Expr; 1]>::try_from(list) {
        Ok([right]) => Expr::Compare { op: "<>".into(), left: what, right: Box::new(right) },
        Err(list) => Expr::In { what, list, negated: true },
    }));
    out
}
