//! The hand-over as a page: one order of parts, two ways to mark them.

use super::super::kept::named;
use super::{HandOver, stamp};
use crate::model::Severity;
use crate::model::assessment::{Change, Muted, Seen};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::text;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What a page is made of.
pub(super) trait Marks {
    fn begin(&self, title: &str) -> String;
    fn heading(&self, words: &str) -> String;
    fn paragraph(&self, words: &str, severity: Severity) -> String;
    fn list(&self, items: &[(Severity, String)]) -> String;
    fn table(&self, head: &[&str], rows: &[(Severity, Vec<String>)]) -> String;
    fn end(&self) -> &'static str {
        ""
    }
}

pub(super) fn of(m: &dyn Marks, h: &HandOver) -> String {
    let a = &h.assessment;
    let mut out = m.begin(&format!("{}: {}", a.target, stamp(a.began)));
    let sev = a.summary.sev.map_or_else(String::new, |n| format!(" (suggested: SEV-{n})"));
    out += &m.paragraph(&format!("{}{sev}", a.summary.says), a.summary.severity.unwrap_or(Severity::Unknown));
    if !a.summary.next.is_empty() {
        out += &m.paragraph(&format!("Next: {}", a.summary.next), Severity::Info);
    }
    let server = a.server.as_deref().unwrap_or("No connection could be made");
    let many = text::counted(a.checks.len() as u64, "check");
    out += &m.paragraph(&format!("{server}. {many} in {:.1} s. Written {} by {}.", a.took / 1000.0, stamp(h.written), h.by), Severity::Ok);
    for n in &h.notes {
        out += &m.paragraph(n, Severity::Unknown);
    }
    if let Some(before) = a.before {
        out += &m.heading(&format!("Since {}", stamp(before)));
        let one = |c: &Change| (Severity::Info, format!("{} {}: {}", c.turn.word(), named(&c.check, &c.object), c.message));
        out += &match a.changes.is_empty() {
            true => m.paragraph("Nothing that warns is new, worse, better or gone.", Severity::Ok),
            false => m.list(&a.changes.iter().map(one).collect::<Vec<_>>()),
        };
    }
    let mut told: Vec<(Severity, String)> = Vec::new();
    for f in a.checks.iter().flat_map(|c| &c.findings).filter(|f| f.severity >= Severity::Unknown) {
        let command = f.recover.as_ref().map(|action| crate::ops::recovery::command(action, &h.word)).unwrap_or_default();
        let more: String = f.lifts.iter().chain([&f.next, &command]).filter(|t| !t.is_empty()).map(|t| format!(" → {t}")).collect();
        told.push((f.severity, format!("{} {}: {}{more}", f.severity.word(), named(&f.check, &f.object), f.message)));
    }
    told.sort_by_key(|(s, _)| Reverse(*s));
    out += &m.heading("Findings");
    out += &if told.is_empty() { m.paragraph("None.", Severity::Ok) } else { m.list(&told) };
    // Roots first, each with those behind it, as the lock tree has them.
    let tree = LockTree::of(a.checks.iter().flat_map(|c| c.sessions.clone()).collect());
    let mut order: Vec<usize> = tree.branches.iter().map(|b| b.at).collect();
    // In a circle nobody is a root.
    let placed: BTreeSet<usize> = order.iter().copied().collect();
    order.extend((0..tree.sessions.len()).filter(|at| !placed.contains(at)));
    let waiting: Vec<_> = order.into_iter().map(|at| session(&tree.sessions[at])).collect();
    if !waiting.is_empty() {
        out += &m.heading("Who waits for whom");
        out += &m.table(&["session", "user", "does", "blocked by", "statement (without constants)"], &waiting);
    }
    let one = |m: &Muted| (Severity::Info, format!("{} until {} by {}: {}", named(&m.check, &m.object), stamp(m.until), m.by, m.reason));
    let muted: Vec<_> = a.checks.iter().flat_map(|c| &c.muted).map(one).collect();
    if !muted.is_empty() {
        out += &m.heading("Muted");
        out += &m.list(&muted);
    }
    out += &m.heading("Timeline");
    let rows: Vec<_> = h.timeline.iter().map(|e| (Severity::Ok, vec![e.at.clone(), e.by.clone(), e.says.clone()])).collect();
    out += &m.table(&["UTC", "who", "what"], &rows);
    out += &m.heading("All checks");
    let row = |s: &Seen| (s.severity, vec![s.severity.word().to_string(), s.check.clone(), s.name.clone(), s.says.clone()]);
    out += &m.table(&["", "id", "check", "seen"], &a.checks.iter().map(row).collect::<Vec<_>>());
    out + m.end()
}

fn session(s: &LockSession) -> (Severity, Vec<String>) {
    let by: Vec<String> = s.blocked_by.iter().map(u64::to_string).collect();
    let severity = if s.waits.is_none() { Severity::Critical } else { Severity::Ok };
    let waits = s.waits.map_or_else(|| s.state.clone(), |w| format!("waits {w} s for {}", s.wants));
    let statement = s.statement.split_whitespace().collect::<Vec<_>>().join(" ");
    (severity, vec![s.id.to_string(), s.user.clone(), waits, by.join(", "), statement])
}

pub(super) struct Markdown;

/// Cleaned, in one line, with nothing in it that Markdown would take for its own.
fn plain(words: &str) -> String {
    let mut out = String::new();
    for c in text::clean(words).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Marks for Markdown {
    fn begin(&self, title: &str) -> String {
        format!("# {}\n", plain(title))
    }
    fn heading(&self, words: &str) -> String {
        format!("\n## {}\n\n", plain(words))
    }
    fn paragraph(&self, words: &str, severity: Severity) -> String {
        let words = plain(words);
        if severity >= Severity::Warning { format!("\n**{words}**\n") } else { format!("\n{words}\n") }
    }
    fn list(&self, items: &[(Severity, String)]) -> String {
        items.iter().map(|(_, words)| format!("- {}\n", plain(words))).collect()
    }
    fn table(&self, head: &[&str], rows: &[(Severity, Vec<String>)]) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut out = line(head.iter().map(|h| plain(h)).collect());
        out += &line(head.iter().map(|_| "---".to_string()).collect());
        out.extend(rows.iter().map(|(_, cells)| line(cells.iter().map(|c| plain(c)).collect())));
        out
    }
}

pub(super) struct Html;

/// Styles inside, no script, nothing from outside: it is mailed around.
const STYLE: &str = "
:root{--ink:#1c2330;--soft:#667085;--line:#d6dbe4;--page:#fff;--warn:#b25a10;--bad:#c22533}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8f0;--soft:#98a2b3;--line:#333b4a;--page:#14181f;--warn:#e5873d;--bad:#ef5c63}}
body{margin:0;padding:2rem;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--page)}main{max-width:70rem;margin:auto}
h1{font-size:1.35rem}h2{font-size:1.05rem;margin:1.8rem 0 .4rem}p{margin:.3rem 0}li{margin:.35rem 0}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--soft);font-weight:500}.warning{color:var(--warn)}.critical{color:var(--bad);font-weight:600}.unknown{color:var(--soft)}";

impl Html {
    fn class(s: Severity) -> &'static str {
        match s {
            Severity::Critical => " class=\"critical\"",
            Severity::Warning => " class=\"warning\"",
            Severity::Unknown => " class=\"unknown\"",
            Severity::Ok | Severity::Info => "",
        }
    }
}

impl Marks for Html {
    fn begin(&self, title: &str) -> String {
        let title = text::markup(title);
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n"
        )
    }
    fn heading(&self, words: &str) -> String {
        format!("<h2>{}</h2>\n", text::markup(words))
    }
    fn paragraph(&self, words: &str, severity: Severity) -> String {
        format!("<p{}>{}</p>\n", Html::class(severity), text::markup(words))
    }
    fn list(&self, items: &[(Severity, String)]) -> String {
        let items: String = items.iter().map(|(s, words)| format!("<li{}>{}</li>\n", Html::class(*s), text::markup(words))).collect();
        format!("<ul>\n{items}</ul>\n")
    }
    fn table(&self, head: &[&str], rows: &[(Severity, Vec<String>)]) -> String {
        let head: String = head.iter().map(|h| format!("<th>{}</th>", text::markup(h))).collect();
        let row = |(s, cells): &(Severity, Vec<String>)| {
            let cells: String = cells.iter().map(|c| format!("<td>{}</td>", text::markup(c))).collect();
            format!("<tr{}>{cells}</tr>\n", Html::class(*s))
        };
        format!("<table><tr>{head}</tr>\n{}</table>\n", rows.iter().map(row).collect::<String>())
    }
    fn end(&self) -> &'static str {
        "</main></body></html>\n"
    }
}
