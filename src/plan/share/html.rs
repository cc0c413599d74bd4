//! One HTML page: styles inside, no script, nothing from outside. Nodes fold by `<details>`, which browsers do by themselves.

use super::{escape, own, svg, timed, title, whole};
use crate::model::Severity;
use crate::model::plan::{Plan, PlanNode};
use crate::plan::words::{about, count, label, ms, reconcile, rows};

const STYLE: &str = "
:root{--ink:#1c2330;--soft:#667085;--line:#d6dbe4;--page:#fff;--card:#f6f7fa;--h0:#9fb4cc;--h1:#5aa9c4;--h2:#d9a625;--h3:#e07b2a;--h4:#d1373f}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8f0;--soft:#98a2b3;--line:#333b4a;--page:#14181f;--card:#1c222c;--h0:#51657e;--h1:#3c93b2;--h2:#d2a02c;--h3:#e5873d;--h4:#ef5c63}}
*{box-sizing:border-box}body{margin:0;padding:2rem;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--page)}
main{max-width:78rem;margin:auto}h1{font-size:1.35rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}
p{margin:.3rem 0}.soft,dt{color:var(--soft)}pre{background:var(--card);padding:.8rem 1rem;border-radius:6px;overflow:auto;font:13px/1.5 ui-monospace,monospace}
details{margin-left:1.1rem;border-left:1px solid var(--line)}details.root{margin-left:0;border:0}summary{display:flex;gap:.8rem;align-items:baseline;padding:.15rem .5rem;cursor:pointer;border-radius:4px}
summary:hover{background:var(--card)}summary .n{flex:1;font-weight:600}summary .f{font:13px ui-monospace,monospace;color:var(--soft);white-space:nowrap}summary .b{width:9rem;height:.7rem;flex:none}
.bar{display:block;height:100%;border-radius:2px;min-width:1px}.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}.h4{background:var(--h4)}
.wrong{color:var(--h4)!important;font-weight:600}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.2rem 0 .6rem 1.6rem;font-size:13px}dd{margin:0;overflow-wrap:anywhere}
li{margin:.4rem 0}.critical{color:var(--h4)}.warning{color:var(--h3)}figure{margin:0;overflow:auto}";

/// The step of the heat's scale, as on the screen.
pub(super) fn heat(share: f64) -> usize {
    [0.02, 0.1, 0.25, 0.5].iter().filter(|limit| share >= **limit).count()
}

fn head(title: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n"
    )
}

fn sql(statement: &str) -> String {
    let lines: Vec<String> = crate::text::clean_lines(statement).lines().map(escape).collect();
    format!("<pre>{}</pre>\n", lines.join("\n"))
}

pub(super) fn page(title: &str, statement: Option<&str>, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|l| escape(l)).collect();
    let statement = statement.map_or_else(String::new, sql);
    format!("{}{statement}<pre>{}</pre>\n</main></body></html>\n", head(title), lines.join("\n"))
}

pub(super) fn render(plan: &Plan, statement: Option<&str>) -> String {
    let mut out = head(&title(plan));
    out.push_str(&format!("<p class=\"soft\">{}</p>\n", escape(&reconcile(plan))));
    out.push_str(&statement.map_or_else(String::new, sql));
    if !plan.findings.is_empty() {
        out.push_str("<h2>Findings</h2>\n<ul>\n");
        for f in &plan.findings {
            let (class, word) = match f.severity {
                Severity::Critical => ("critical", "critical"),
                Severity::Warning => ("warning", "warning"),
                _ => ("soft", "note"),
            };
            let who = f.nodes.first().and_then(|p| plan.root.at(p)).map_or_else(String::new, |n| format!(" · {}", escape(&label(n))));
            let sql = f.sql.as_ref().map_or_else(String::new, |s| format!("<pre>{}</pre>", escape(s)));
            out.push_str(&format!(
                "<li><span class=\"{class}\">{} {word}</span>{who}<br>{}<br><span class=\"soft\">{}</span>{sql}</li>\n",
                escape(&f.id),
                escape(&f.message),
                escape(&f.next)
            ));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("<h2>Steps</h2>\n");
    let timed = timed(plan);
    node(&plan.root, true, timed, whole(plan, timed), &mut out);
    out.push_str("<h2>Flame</h2>\n<figure>");
    out.push_str(&svg::picture(plan));
    out.push_str("</figure>\n</main></body></html>\n");
    out
}

fn node(n: &PlanNode, root: bool, timed: bool, sum: f64, out: &mut String) {
    let figure = own(n, timed);
    let share = figure.filter(|_| sum > 0.0).map_or(0.0, |f| (f / sum).clamp(0.0, 1.0));
    let mut figures = Vec::new();
    if n.never_executed {
        figures.push("never executed".to_string());
    }
    if n.est_rows.is_some() || n.rows.is_some() {
        let wrong = n.estimate_error.is_some_and(|e| e.abs() >= 10.0);
        let words = escape(&rows(n, "→", false));
        figures.push(if wrong { format!("<span class=\"wrong\">{words}</span> rows") } else { format!("{words} rows") });
    }
    figures.extend(n.loops.filter(|l| *l != 1.0).map(|l| format!("{} loops", count(l))));
    if let Some(f) = figure {
        let unit = if timed { "ms" } else { "cost" };
        figures.push(format!("{} {unit} · {:.0} %", if timed { ms(f) } else { count(f) }, share * 100.0));
    }
    out.push_str(&format!(
        "<details open{}><summary><span class=\"n\">{}</span><span class=\"f\">{}</span><span class=\"b\"><span class=\"bar h{}\" style=\"width:{:.1}%\"></span></span></summary>\n",
        if root { " class=\"root\"" } else { "" },
        escape(&label(n)),
        figures.join(" · "),
        heat(share),
        share * 100.0
    ));
    let mut facts: Vec<(String, String)> = n.conditions.clone();
    facts.extend(n.total_ms.map(|t| ("with children".to_string(), format!("{} ms", ms(t)))));
    facts.extend(n.removed.total().map(|r| ("removed rows".to_string(), format!("{}{}", about(n), count(r)))));
    if let Some(p) = n.self_pages.accessed() {
        facts.push(("own pages".into(), crate::text::thousands(p)));
    }
    facts.extend(n.attrs.iter().map(|(k, v)| (k.clone(), v.clone())));
    if !facts.is_empty() {
        out.push_str("<dl>");
        for (k, v) in &facts {
            out.push_str(&format!("<dt>{}</dt><dd>{}</dd>", escape(k), escape(v)));
        }
        out.push_str("</dl>\n");
    }
    for c in &n.children {
        node(c, false, timed, sum, out);
    }
    out.push_str("</details>\n");
}
