//! The shape of a plan: what is done to which relations in which order, without numbers and without the constants of the statement.
//! Two plans of one statement have the same shape when the planner chose the same way; the history of plans is kept by it.

use crate::model::Dialect;
use crate::model::plan::{Plan, PlanNode};
use crate::sql::{TokenKind, lex};
use sha2::{Digest, Sha256};

/// Fingerprint of the shape: 32 hexadecimal digits. Operations, relations, indexes, roles and conditions count; estimates,
/// actuals, settings, workers and constants do not.
pub fn hash(plan: &Plan) -> String {
    let dialect = match plan.engine.as_str() {
        "SQLite" => Dialect::Sqlite,
        "MariaDB" | "MySQL" => Dialect::MySql,
        _ => Dialect::Postgres,
    };
    let mut digest = Sha256::new();
    digest.update(plan.engine.as_bytes());
    plan.root.walk(0, &mut |depth, n| node(&mut digest, dialect, depth, n));
    hex::encode(&digest.finalize()[..16])
}

fn node(digest: &mut Sha256, dialect: Dialect, depth: usize, n: &PlanNode) {
    // Each field ends with a byte that no text holds, so that neighbours cannot run into each other.
    let mut field = |text: &str| {
        digest.update(text.as_bytes());
        digest.update([0xff]);
    };
    field(&depth.to_string());
    field(&format!("{:?}", n.role));
    for text in [Some(&n.op), Some(&n.raw_op), n.relation.as_ref(), n.alias.as_ref(), n.index.as_ref(), n.subplan.as_ref()] {
        field(text.map_or("", String::as_str));
    }
    for (key, text) in &n.conditions {
        field(key);
        field(&without_constants(dialect, text));
    }
}

/// The text with `?` in place of every constant, and of every list of constants.
pub fn without_constants(dialect: Dialect, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for t in lex(dialect, text) {
        match t.kind {
            TokenKind::String | TokenKind::Number => {
                // `IN (1, 2, 3)` has the shape of `IN (1)`.
                if out.ends_with("?,") {
                    out.pop();
                } else if out.ends_with("?, ") {
                    out.truncate(out.len() - 2);
                } else {
                    out.push('?');
                }
            }
            _ => out.push_str(&text[t.span]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(filter: &str, rows: f64) -> Plan {
        let mut root = PlanNode { op: "limit".into(), ..PlanNode::default() };
        root.children.push(PlanNode {
            op: "table scan".into(),
            relation: Some("orders".into()),
            conditions: vec![("Filter".into(), filter.into())],
            est_rows: Some(rows),
            ..PlanNode::default()
        });
        Plan { engine: "PostgreSQL".into(), root, ..Plan::default() }
    }

    #[test]
    fn constants_and_numbers_are_no_part_of_it() {
        let a = hash(&plan("((state)::text = 'paid'::text)", 5.0));
        assert_eq!(a, hash(&plan("((state)::text = 'o''pen'::text)", 99.0)));
        assert_ne!(a, hash(&plan("((region)::text = 'paid'::text)", 5.0)));
        assert_eq!(a.len(), 32);
    }

    #[test]
    fn where_a_node_stands_is() {
        let mut p = plan("(a > 1)", 1.0);
        let nested = hash(&p);
        let scan = p.root.children.pop().unwrap();
        p.root = scan;
        assert_ne!(nested, hash(&p));
        let inner = hash(&p);
        p.root.index = Some("orders_a".into());
        assert_ne!(inner, hash(&p));
    }

    #[test]
    fn lists_of_constants_are_one() {
        let d = Dialect::Postgres;
        assert_eq!(without_constants(d, "(a = ANY ('{1,2}'::integer[]))"), "(a = ANY (?::integer[]))");
        assert_eq!(without_constants(Dialect::MySql, "a in (1, 2, 3) and b = 4"), "a in (?) and b = ?");
        assert_eq!(without_constants(d, "(a.x1 = $1)"), "(a.x1 = $1)");
    }
}
