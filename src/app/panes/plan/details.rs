//! All that is known of a node, as lines: its findings first, then times, rows, pages, conditions and whatever else the server said.

use super::words::{about, came, count, factor, label, ms};
use crate::model::Severity;
use crate::model::plan::{Confidence, Pages, Plan, PlanFinding, PlanNode};
use crate::text;

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Dim,
    Finding(Severity),
}

/// One line, cleaned: what it is about, and what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub about: String,
    pub words: String,
    pub tone: Tone,
}

fn said(about: &str, words: impl Into<String>) -> Said {
    Said { about: text::clean(about).into_owned(), words: text::clean(&words.into()).into_owned(), tone: Tone::Plain }
}

/// What to say of a plan while one of its nodes is chosen.
pub fn details(plan: &Plan, n: &PlanNode, path: &[usize]) -> Vec<Said> {
    let mut out = Vec::new();
    for f in plan.findings.iter().filter(|f| f.nodes.iter().any(|p| p == path)) {
        finding(f, &mut out);
    }
    out.extend(time(n));
    out.extend(rows(n));
    let pages: Vec<String> =
        [("", &n.self_pages), ("with children ", &n.pages)].iter().filter_map(|(who, p)| Some(format!("{who}{}", pages(p)?))).collect();
    if !pages.is_empty() {
        out.push(said("pages", pages.join(" · ")));
    }
    out.extend(n.conditions.iter().map(|(k, v)| said(k, v.clone())));
    let removed = [("filter", n.removed.filter), ("join filter", n.removed.join_filter), ("recheck", n.removed.recheck)];
    let removed: Vec<String> = removed.iter().filter_map(|(by, r)| r.map(|r| format!("{}{} by the {by}", about(n), count(r)))).collect();
    if !removed.is_empty() {
        out.push(said("removed", removed.join(", ")));
    }
    if let Some(c) = n.est_total_cost {
        let width = n.est_width.map_or_else(String::new, |w| format!(" · {} a row", text::bytes(w.max(0.0) as u64)));
        out.push(said("cost", format!("{:.2} to the first row, {c:.2} to the last{width}", n.est_startup_cost.unwrap_or(0.0))));
    }
    if n.workers_planned.is_some() || n.workers_launched.is_some() {
        let number = |w: Option<u32>| w.map_or_else(|| "?".into(), |w| w.to_string());
        out.push(said(
            "workers",
            match n.workers_launched {
                None => format!("{} planned", number(n.workers_planned)),
                launched => format!("{} of {} planned were launched", number(launched), number(n.workers_planned)),
            },
        ));
    }
    for p in &n.processes {
        let mut words = Vec::new();
        words.extend(p.total_ms.map(|v| format!("{} ms", ms(v))));
        words.extend(p.rows_total.map(|v| format!("{} {}", count(v), if v == 1.0 { "row" } else { "rows" })));
        words.extend(p.loops.map(|v| format!("{} {}", count(v), if v == 1.0 { "loop" } else { "loops" })));
        out.push(said(&p.who, words.join(", ")));
    }
    out.extend(n.attrs.iter().map(|(k, v)| said(k, v.clone())));
    if path.is_empty() {
        whole(plan, &mut out);
    }
    out
}

fn finding(f: &PlanFinding, out: &mut Vec<Said>) {
    let sure = match f.confidence {
        Confidence::Possible => "possible",
        Confidence::Likely => "likely",
        Confidence::Certain => "certain",
    };
    out.push(Said {
        tone: Tone::Finding(f.severity),
        ..said(
            &f.id,
            if f.because.is_empty() { format!("{} ({sure})", f.message) } else { format!("{} ({sure}: {})", f.message, f.because) },
        )
    });
    if !f.next.is_empty() {
        out.push(said("next", f.next.clone()));
    }
    out.extend(f.sql.iter().map(|s| said("try", s.clone())));
}

fn time(n: &PlanNode) -> Option<Said> {
    if n.never_executed {
        return Some(said("time", "never executed: another branch gave the answer first, or there was nothing to do"));
    }
    let mut out = Vec::new();
    if let Some(s) = n.self_ms {
        let err = n.self_err_ms.filter(|e| *e >= 0.05).map_or_else(String::new, |e| format!(" ± {}", ms(e)));
        let share = if n.approximate { ", a share that is known only in part" } else { "" };
        out.push(format!("self {}{err} ms{share}", ms(s)));
    }
    out.extend(n.total_ms.map(|t| format!("with children {} ms", ms(t))));
    out.extend(n.wall_ms.map(|w| format!("slowest process {} ms", ms(w))));
    out.extend(n.startup_ms.map(|s| format!("first row after {} ms", ms(s))));
    out.extend(n.loops.filter(|l| *l != 1.0).map(|l| format!("{} loops", count(l))));
    out.extend(n.clamped_ms.filter(|c| *c >= 0.0005).map(|c| format!("{} ms below zero were cut off", ms(c))));
    out.extend(n.time_doubt.clone());
    (!out.is_empty()).then(|| said("time", out.join(" · ")))
}

fn rows(n: &PlanNode) -> Option<Said> {
    let mut out = Vec::new();
    out.extend(n.est_rows.map(|e| format!("expected {}", count(e))));
    out.extend(came(n).map(|r| format!("came {r}")));
    if let (Some(total), Some(l)) = (n.rows_total, n.loops.filter(|l| *l != 1.0)) {
        let err = n.rows_err.filter(|e| *e >= 0.5).map_or_else(String::new, |e| format!(" ± {}", count(e)));
        out.push(format!("{}{err} in {} loops", count(total), count(l)));
    }
    match (n.estimate_error, &n.estimate_doubt) {
        (Some(e), _) if e.abs() >= 2.0 => {
            out.push(format!("{} {} than expected", factor(e.abs(), false), if e > 0.0 { "more" } else { "fewer" }))
        }
        (None, Some(why)) => out.push(format!("no estimate error: {why}")),
        _ => {}
    }
    (!out.is_empty()).then(|| said("rows", out.join(" · ")))
}

/// `hit 1,204, read 83,007`; nothing when none is known.
fn pages(p: &Pages) -> Option<String> {
    let parts = [
        ("hit", p.hit),
        ("read", p.read),
        ("dirtied", p.dirtied),
        ("written", p.written),
        ("temp read", p.temp_read),
        ("temp written", p.temp_written),
    ];
    let known: Vec<String> = parts.iter().filter_map(|(k, v)| v.map(|v| format!("{k} {}", text::thousands(v)))).collect();
    // Six times nothing is one nothing.
    let some: Vec<String> = parts.iter().filter_map(|(k, v)| v.filter(|v| *v > 0).map(|v| format!("{k} {}", text::thousands(v)))).collect();
    match (known.is_empty(), some.is_empty()) {
        (true, _) => None,
        (false, true) => Some("none".into()),
        (false, false) => Some(some.join(", ")),
    }
}

/// What belongs to the statement, said where its root is chosen.
fn whole(plan: &Plan, out: &mut Vec<Said>) {
    for t in &plan.triggers {
        let constraint = t.constraint.as_ref().filter(|_| !t.name.is_empty());
        let name = constraint.map_or_else(|| t.title().to_string(), |c| format!("{} ({c})", t.name));
        let of = t.relation.as_ref().map_or_else(String::new, |r| format!(" on {r}"));
        let calls = t.calls.map_or_else(String::new, |c| format!(", {} calls", count(c)));
        let time = t.ms.map_or_else(String::new, |v| format!(", {} ms", ms(v)));
        out.push(said("trigger", format!("{name}{of}{calls}{time}")));
    }
    if let Some(j) = &plan.jit {
        let parts = [
            ("generation", j.generation_ms),
            ("inlining", j.inlining_ms),
            ("optimization", j.optimization_ms),
            ("emission", j.emission_ms),
            ("in all", j.total_ms),
        ];
        let mut words: Vec<String> = j.functions.iter().map(|f| format!("{} functions", count(*f))).collect();
        words.extend(parts.iter().filter_map(|(k, v)| v.map(|v| format!("{k} {} ms", ms(v)))));
        out.push(said("jit", words.join(", ")));
    }
    out.extend(plan.counters.iter().map(|(k, v)| said(k, text::thousands(*v))));
    out.extend(plan.settings.iter().map(|(k, v)| said(k, v.clone())));
    out.extend(plan.attrs.iter().map(|(k, v)| said(k, v.clone())));
    out.extend(plan.remarks.iter().map(|r| Said { tone: Tone::Finding(Severity::Info), ..said("", r.clone()) }));
}

/// The same as one text, for the viewer and the clipboard.
pub fn page(plan: &Plan, n: &PlanNode, path: &[usize]) -> String {
    let mut out = vec![label(n), String::new()];
    for s in details(plan, n, path) {
        out.push(if s.about.is_empty() { s.words } else { format!("{:<14} {}", s.about, s.words) });
    }
    out.join("\n")
}
