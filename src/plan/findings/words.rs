//! What findings say things with: numbers, conditions, and how an index is tried.

use super::scene::{Product, Scene, Weight};
use crate::text::thousands;

/// `12,345`
pub fn count(n: f64) -> String {
    thousands(n.max(0.0).round() as u64)
}

/// `12.3 ms`
pub fn ms(n: f64) -> String {
    if n >= 10_000.0 { format!("{:.1} s", n / 1000.0) } else { format!("{n:.1} ms") }
}

/// `99.8 %`; never 100 when something is left.
pub fn percent(part: f64, whole: f64) -> String {
    let p = if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
    if (99.5..100.0).contains(&p) {
        format!("{:.1} %", p.min(99.9))
    } else if p >= 10.0 {
        format!("{p:.0} %")
    } else {
        format!("{p:.1} %")
    }
}

/// `, 12.3 ms of its own` where it was measured.
pub fn spent(w: Weight) -> String {
    match w {
        Weight::Timed(t) => format!(", {} of its own", ms(t)),
        _ => String::new(),
    }
}

/// `, 12.3 ms with the scan of o`: what it took together with another part.
pub fn spent_with(w: Weight, part: &str) -> String {
    match w {
        Weight::Timed(t) => format!(", {} with {part}", ms(t)),
        _ => String::new(),
    }
}

/// `, which took 12.3 ms`.
pub fn took(w: Weight) -> String {
    match w {
        Weight::Timed(t) => format!(", which took {}", ms(t)),
        _ => String::new(),
    }
}

/// A condition for a sentence: the whole of it stands at the node.
pub fn shorter(text: &str) -> String {
    const MOST: usize = 80;
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).filter(|t| balanced(t)).unwrap_or(text);
    if inner.chars().count() <= MOST { inner.to_string() } else { inner.chars().take(MOST - 1).chain(['…']).collect() }
}

fn balanced(text: &str) -> bool {
    let mut depth = 0i32;
    for c in text.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return false;
        }
    }
    true
}

/// How an index is tried without building it for good.
pub fn try_index(s: &Scene<'_>) -> &'static str {
    match s.product {
        Product::Postgres => "build it on a scratch copy, or let HypoPG pretend it, and compare the plans",
        Product::MySql => "build it on a scratch copy (INVISIBLE, with use_invisible_indexes on) and compare EXPLAIN ANALYZE",
        Product::MariaDb => "build it on a scratch copy and compare ANALYZE FORMAT=JSON",
        Product::Sqlite => "build it on a copy of the file and compare the plan and the VM steps",
    }
}

/// The same, of an index on the node's table.
pub fn try_on(s: &Scene<'_>, i: usize) -> String {
    match s.real_table(i) {
        Some(_) => try_index(s).to_string(),
        None => format!("{}; the plan tells only the alias {}, make it on the table that this stands for", try_index(s), s.name(i)),
    }
}
