//! Takes the constants of the statement out of a plan.

use crate::model::Dialect;
use crate::model::plan::{Plan, PlanNode};
use crate::sql::{TokenKind, lex};

fn dialect(engine: &str) -> Dialect {
    match engine {
        "SQLite" => Dialect::Sqlite,
        "MariaDB" | "MySQL" => Dialect::MySql,
        _ => Dialect::Postgres,
    }
}

/// A statement with `?` in place of its constants.
pub fn statement(engine: &str, text: &str) -> String {
    constants(dialect(engine), text, true)
}

/// Replaces texts, and numbers too where they are part of a condition. What is cut off in the middle of a text goes as well.
fn constants(dialect: Dialect, text: &str, numbers: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for t in lex(dialect, text) {
        match t.kind {
            TokenKind::String | TokenKind::Unterminated => out.push('?'),
            TokenKind::Number if numbers => out.push('?'),
            // A comment may hold anything.
            TokenKind::Comment => out.push(' '),
            _ => out.push_str(&text[t.span]),
        }
    }
    out
}

/// A figure of the server's, with or without its unit.
fn figure(value: &str) -> bool {
    let number = value.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ' || c == '%');
    number.parse::<f64>().is_ok() || matches!(value, "true" | "false" | "Memory" | "Disk")
}

/// The plan without constants: in conditions, attributes, findings. The server's own text is left out, because it is one text.
pub fn redact(plan: &Plan) -> Plan {
    let of = dialect(&plan.engine);
    let mut out = plan.clone();
    out.raw = String::new();
    out.statement = out.statement.map(|s| constants(of, &s, true));
    for v in out.attrs.values_mut().filter(|v| !figure(v)) {
        *v = constants(of, v, true);
    }
    for r in &mut out.remarks {
        *r = constants(of, r, false);
    }
    for f in &mut out.findings {
        f.message = constants(of, &f.message, false);
        f.next = constants(of, &f.next, false);
        f.because = constants(of, &f.because, false);
        f.sql = f.sql.take().map(|s| constants(of, &s, true));
    }
    node(of, &mut out.root);
    out
}

fn node(of: Dialect, n: &mut PlanNode) {
    n.raw_op = constants(of, &n.raw_op, true);
    for (_, v) in &mut n.conditions {
        *v = constants(of, v, true);
    }
    for v in n.attrs.values_mut().filter(|v| !figure(v)) {
        *v = constants(of, v, true);
    }
    n.children.iter_mut().for_each(|c| node(of, c));
}
