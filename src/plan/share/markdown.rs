//! Markdown: the tree in a block of its own, because tables lose their indents.

use super::{own, timed, title, whole};
use crate::model::plan::{Plan, PlanNode};
use crate::plan::words::{count, label, ms, reconcile, rows};
use crate::text;

/// A block of code with a fence that nothing inside can end.
fn block(kind: &str, content: &str) -> String {
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{kind}\n{content}\n{fence}\n")
}

/// Text that Markdown takes as it is.
fn plain(s: &str) -> String {
    let mut out = String::new();
    for c in text::clean(s).chars() {
        if "\\`*_[]<>|#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn head(title: &str, statement: Option<&str>) -> String {
    let mut out = format!("## {}\n\n", plain(title));
    if let Some(s) = statement {
        out.push_str(&block("sql", &text::clean_lines(s)));
        out.push('\n');
    }
    out
}

pub(super) fn page(title: &str, statement: Option<&str>, lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|l| text::clean(l)).collect();
    head(title, statement) + &block("text", &lines.join("\n"))
}

pub(super) fn render(plan: &Plan, statement: Option<&str>) -> String {
    let mut out = head(&title(plan), statement);
    let sum = reconcile(plan);
    if !sum.is_empty() {
        out.push_str(&format!("{}\n\n", plain(&sum)));
    }
    out.push_str(&block("text", &tree(plan)));
    if !plan.findings.is_empty() {
        out.push_str("\n### Findings\n\n");
        for f in &plan.findings {
            let who = f.nodes.first().and_then(|p| plan.root.at(p)).map_or_else(String::new, |n| format!(" ({})", plain(&label(n))));
            out.push_str(&format!("- **{}**{who}: {} {}\n", plain(&f.id), plain(&f.message), plain(&f.next)));
            if let Some(sql) = &f.sql {
                out.push_str(&format!("\n{}", block("sql", &text::clean_lines(sql))));
            }
        }
    }
    out
}

fn tree(plan: &Plan) -> String {
    let timed = timed(plan);
    let sum = whole(plan, timed);
    let mut lines =
        vec![format!("{:>10} {:>4}  {:>24} {:>8}  node", if timed { "self ms" } else { "own cost" }, "%", "rows expected → came", "loops")];
    draw(&plan.root, "", "", &mut |lead, n: &PlanNode| {
        let figure = own(n, timed);
        let share = figure.filter(|f| sum > 0.0 && *f / sum >= 0.005).map_or_else(String::new, |f| format!("{:.0}", f / sum * 100.0));
        let figure = figure.map_or_else(String::new, |f| if timed { ms(f) } else { count(f) });
        let rows = if n.est_rows.is_none() && n.rows.is_none() { String::new() } else { rows(n, "→", false) };
        let loops = n.loops.map_or_else(String::new, count);
        let line = format!("{figure:>10} {share:>4}  {rows:>24} {loops:>8}  {lead}{}", label(n));
        lines.push(line.trim_end().to_string());
        for (k, v) in &n.conditions {
            let indent = lead.chars().count() + 2;
            lines.push(format!("{:>50}  {}{}: {}", "", " ".repeat(indent), text::clean(k), text::clean(v)));
        }
    });
    lines.join("\n")
}

fn draw<'a>(n: &'a PlanNode, lead: &str, below: &str, tell: &mut dyn FnMut(&str, &'a PlanNode)) {
    tell(lead, n);
    for (i, c) in n.children.iter().enumerate() {
        let (here, next) = if i + 1 == n.children.len() { ("└ ", "  ") } else { ("├ ", "│ ") };
        draw(c, &format!("{below}{here}"), &format!("{below}{next}"), tell);
    }
}
