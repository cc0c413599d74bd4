//! The words of a plan: what a node is called, how its figures read, where the time went. Cleaned.

use crate::model::plan::{Plan, PlanNode};
use crate::plan::reconcile::sums;
use crate::text;

/// Whether words name something already: engines differ in how much their own words say.
pub fn says(out: &str, name: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || "(),=".contains(c);
    out.split(ends).any(|w| w == name) || name.contains(ends) && out.contains(name)
}

/// `~` before a number of rows that may be off by one or more.
pub fn rough(err: f64) -> &'static str {
    if err >= 0.5 { "~" } else { "" }
}

/// `~` before rows over several loops that the server rounded to whole ones: their sum may be off by one or more.
pub fn about(n: &PlanNode) -> &'static str {
    rough(n.rows_total.and(n.rows_err).unwrap_or(0.0))
}

/// Rows of one loop: of several loops it is a mean, which releases before PostgreSQL 18 round to a whole number.
pub fn came(n: &PlanNode) -> Option<String> {
    let err = n.rows_err.zip(n.loops).map_or(0.0, |(e, l)| e / l);
    // One that is compared with its estimate has little room, and says so by the factor.
    let visited = if n.visited && n.estimate_error.is_none() { " visited" } else { "" };
    n.rows.map(|r| format!("{}{}{visited}", rough(err), count(r)))
}

/// What a node is called on one line.
pub fn label(n: &PlanNode) -> String {
    let op = if n.raw_op.is_empty() { &n.op } else { &n.raw_op };
    let mut out = text::clean(op).into_owned();
    let alias = n.alias.as_ref().filter(|a| Some(*a) != n.relation.as_ref()).map(|a| text::clean(a));
    let relation = n.relation.as_ref().map(|r| text::clean(r));
    let alias_said = alias.as_ref().is_some_and(|a| says(&out, a));
    match (&relation, &alias) {
        (Some(r), _) if alias_said && !says(&out, r) => out.push_str(&format!(" (alias of {r})")),
        (Some(r), _) if !says(&out, r) => out.push_str(&format!(" {r}")),
        _ => {}
    }
    if let Some(a) = alias.filter(|_| !alias_said) {
        out.push_str(&format!(" {a}"));
    }
    if let Some(i) = n.index.as_ref().map(|i| text::clean(i)).filter(|i| !says(&out, i)) {
        out.push_str(&format!(" using {i}"));
    }
    if let Some(s) = n.subplan.as_ref().map(|s| text::clean(s)).filter(|s| !out.contains(&**s)) {
        out.push_str(&format!(" ({s})"));
    }
    out
}

/// What a node is called where there is little room: its kind and its table.
pub fn short(n: &PlanNode) -> String {
    let op = if n.raw_op.is_empty() { &n.op } else { &n.raw_op };
    let mut out = text::clean(op).into_owned();
    if let Some(name) = n.alias.as_ref().or(n.relation.as_ref()).map(|r| text::clean(r)).filter(|r| !says(&out, r)) {
        out.push_str(&format!(" {name}"));
    }
    out
}

/// Rows for people: `20`, `9.8 k`, `10.0 M`.
pub fn count(n: f64) -> String {
    match n {
        n if n < 0.0 || n.is_nan() => "0".into(),
        // Rows of many loops have an average that is no whole number.
        n if n < 10.0 && (n - n.round()).abs() >= 0.05 => format!("{n:.1}"),
        n if n < 9_999.5 => text::thousands(n.round() as u64),
        n if n < 999_500.0 => format!("{:.1} k", n / 1e3),
        n if n < 999_500_000.0 => format!("{:.1} M", n / 1e6),
        n => format!("{:.1} G", n / 1e9),
    }
}

/// Milliseconds with the digits that carry something.
pub fn ms(v: f64) -> String {
    match v.abs() {
        a if a < 9.995 => format!("{v:.2}"),
        a if a < 999.95 => format!("{v:.1}"),
        _ => text::thousands(v.max(0.0).round() as u64),
    }
}

/// A factor with its direction: `×33`, `÷12`.
pub fn factor(e: f64, ascii: bool) -> String {
    let sign = match (e > 0.0, ascii) {
        (true, false) => '×',
        (true, true) => 'x',
        (false, false) => '÷',
        (false, true) => '/',
    };
    let e = e.abs();
    if e < 9.95 { format!("{sign}{e:.1}") } else { format!("{sign}{}", count(e).replace(' ', "")) }
}

/// `31 k → 1.0 M ×33`: what was expected and what came, of one loop.
pub fn rows(n: &PlanNode, arrow: &str, ascii: bool) -> String {
    let expected = n.est_rows.map_or_else(|| "?".into(), count);
    let came = came(n).unwrap_or_else(|| if n.never_executed { "never run".into() } else { "?".into() });
    let mut out = format!("{expected} {arrow} {came}");
    if let Some(e) = n.estimate_error.filter(|e| e.abs() >= 2.0) {
        out.push(' ');
        out.push_str(&factor(e, ascii));
    }
    out
}

/// Cost and rows that were expected, of a plan that was not run.
pub fn expected(plan: &Plan) -> String {
    let mut out = Vec::new();
    if let Some(cost) = plan.root.est_total_cost {
        out.push(format!("cost {}", text::thousands(cost.max(0.0).round() as u64)));
    }
    if let Some(rows) = plan.root.est_rows {
        out.push(format!("expects {} rows", count(rows)));
    }
    out.join(" · ")
}

/// Where the total went: what is shown adds up to what the server reports, and what remains is named. Counters where there are no
/// times.
pub fn reconcile(plan: &Plan) -> String {
    let sums = sums(plan);
    // A plan that times the whole alone has nothing that could add up.
    let Some(s) = sums.as_ref().filter(|s| s.nodes_ms > 0.0 || s.parallel_ms > 0.0) else {
        let counters = plan.counters.iter().filter(|(_, v)| **v > 0);
        let mut words: Vec<String> = plan.execution_ms.iter().map(|e| format!("{} ms", ms(*e))).collect();
        words.extend(counters.map(|(k, v)| format!("{} {}", text::clean(k), text::thousands(*v))));
        return words.join(" · ");
    };
    let mut parts: Vec<(&str, f64)> = Vec::new();
    parts.extend(plan.planning_ms.map(|p| ("planning", p)));
    parts.push(("nodes", s.nodes_ms));
    parts.push(("slowest processes", s.parallel_ms));
    let rounding = s.remainder_ms.abs() <= s.err_ms + 0.001;
    parts.push((if rounding { "rounding" } else { "not explained" }, s.remainder_ms));
    parts.push(("after the root", s.detached_ms));
    parts.push(("triggers", s.outside.triggers_ms));
    parts.push(("serialization", s.outside.serialization_ms));
    parts.push(("outside the nodes", s.outside.rest_ms.unwrap_or(0.0)));
    let total = parts.iter().map(|(_, v)| v).sum::<f64>();
    let mut out = format!("{} ms =", ms(total));
    for (i, (name, v)) in parts.iter().filter(|(_, v)| v.abs() >= 0.005).enumerate() {
        let sign = match (i, *v < 0.0) {
            (0, _) => "",
            (_, true) => " −",
            (_, false) => " +",
        };
        out.push_str(&format!("{sign} {name} {}", ms(v.abs())));
    }
    if s.parallel_ms > 0.0 {
        out.push_str(&format!(" · {} ms of work in processes", ms(s.process_ms)));
    }
    match &s.pages {
        Some(p) if p.agree() => out.push_str(" · pages add up"),
        Some(_) => out.push_str(" · pages do not add up"),
        None => {}
    }
    if let Some(u) = plan.unattributed_ms.filter(|u| *u >= 0.005) {
        out.push_str(&format!(" · {} ms of the nodes belong to no single one", ms(u)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let shown: Vec<String> = [0.0, 0.3, 20.0, 9_999.0, 31_000.0, 1.0e6, 2.5e9].into_iter().map(count).collect();
        assert_eq!(shown, ["0", "0.3", "20", "9,999", "31.0 k", "1.0 M", "2.5 G"]);
        assert_eq!([ms(0.008), ms(12.34), ms(1_234.5)], ["0.01", "12.3", "1,235"]);
        assert_eq!([factor(33.2, false), factor(-2.4, false), factor(-12_000.0, true)], ["×33", "÷2.4", "/12.0k"]);
    }

    #[test]
    fn a_node_is_named_once() {
        let n = PlanNode {
            raw_op: "SEARCH o USING INDEX by_customer (customer_id=?)".into(),
            relation: Some("orders".into()),
            alias: Some("o".into()),
            index: Some("by_customer".into()),
            ..PlanNode::default()
        };
        assert_eq!(label(&n), "SEARCH o USING INDEX by_customer (customer_id=?) (alias of orders)");
        let n = PlanNode { raw_op: "Index Scan".into(), ..n };
        assert_eq!(label(&n), "Index Scan orders o using by_customer");
        assert_eq!(short(&n), "Index Scan o");
    }

    #[test]
    fn rounded_rows_are_shown_as_such() {
        let n = |rows: f64, loops: f64, err: f64| PlanNode {
            est_rows: Some(2.0),
            rows: Some(rows),
            rows_total: Some(rows * loops),
            loops: Some(loops),
            rows_err: Some(err),
            ..PlanNode::default()
        };
        // 50,000 loops of no row, as PostgreSQL 15 prints them, may be 25,000 rows.
        let old = n(0.0, 50_000.0, 25_000.0);
        assert_eq!((rows(&old, "→", false).as_str(), about(&old)), ("2 → ~0", "~"));
        // PostgreSQL 18 prints two decimals: a loop's rows are known, their sum is not.
        let new = n(0.4, 50_000.0, 250.0);
        assert_eq!((rows(&new, "→", false).as_str(), about(&new)), ("2 → 0.4", "~"));
        let once = n(7.0, 1.0, 0.0);
        assert_eq!((rows(&once, "→", false).as_str(), about(&once)), ("2 → 7", ""));
    }
}
