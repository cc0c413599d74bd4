//! A plan for other people: as Markdown for a ticket, as one HTML page that needs nothing from outside, as an SVG picture. With its
//! constants or without them.

mod html;
mod markdown;
mod redact;
mod svg;

use super::words;
use crate::model::plan::{Plan, PlanNode};
use crate::text::{self, markup as escape};

pub use redact::{Constants, redact, statement as redact_statement};

/// What it is rendered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Markdown,
    Html,
    Svg,
}

impl Form {
    /// By the ending of a file's name.
    pub fn of_ending(name: &str) -> Option<Form> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        match ending.as_str() {
            "md" | "markdown" => Some(Form::Markdown),
            "html" | "htm" => Some(Form::Html),
            "svg" => Some(Form::Svg),
            _ => None,
        }
    }
}

/// Renders a plan and its statement, if there is one. Redacting is the caller's: see [`redact`].
pub fn render(plan: &Plan, statement: Option<&str>, form: Form) -> String {
    match form {
        Form::Markdown => markdown::render(plan, statement),
        Form::Html => html::render(plan, statement),
        Form::Svg => svg::render(plan),
    }
}

/// A page of lines that are aligned as on a terminal: `None` for a picture, which shows one plan.
pub fn page(title: &str, statement: Option<&str>, lines: &[String], form: Form) -> Option<String> {
    match form {
        Form::Markdown => Some(markdown::page(title, statement, lines)),
        Form::Html => Some(html::page(title, statement, lines)),
        Form::Svg => None,
    }
}

/// One line that says what it is.
fn title(plan: &Plan) -> String {
    let server = format!("{} {}", text::clean(&plan.engine), text::clean(&plan.version)).trim().to_string();
    let on = if server.is_empty() { String::new() } else { format!(" on {server}") };
    match plan.execution_ms.or(plan.root.total_ms).filter(|_| plan.analyzed) {
        Some(e) => format!("Plan, measured{on}: {} ms", words::ms(e + plan.planning_ms.unwrap_or(0.0))),
        None if plan.analyzed => format!("Plan, measured{on}"),
        None => {
            let expected = words::expected(plan);
            let expected = if expected.is_empty() { String::new() } else { format!(": {expected}") };
            format!("Plan, estimated{on} and not run{expected}")
        }
    }
}

/// The figure that a node's heat is drawn by, and its name: own time, or own cost.
fn own(n: &PlanNode, timed: bool) -> Option<f64> {
    crate::plan::compare::figure(n, timed)
}

/// Whether nodes have times.
fn timed(plan: &Plan) -> bool {
    let mut timed = false;
    plan.root.walk(0, &mut |_, n| timed |= n.self_ms.is_some());
    timed
}

/// Sum of the nodes' own figures.
fn whole(plan: &Plan, timed: bool) -> f64 {
    let mut sum = 0.0;
    plan.root.walk(0, &mut |_, n| sum += own(n, timed).unwrap_or(0.0));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;
    use crate::model::plan::{PlanFinding, Removed};

    fn plan() -> Plan {
        let scan = PlanNode {
            op: "table scan".into(),
            raw_op: "Seq Scan".into(),
            relation: Some("orders".into()),
            alias: Some("o".into()),
            est_rows: Some(31_000.0),
            rows: Some(1_000_000.0),
            loops: Some(1.0),
            self_ms: Some(655.0),
            total_ms: Some(655.0),
            estimate_error: Some(32.0),
            removed: Removed { filter: Some(9e6), ..Removed::default() },
            conditions: vec![("Filter".into(), "((state)::text = 'paid & <b>sent</b>'::text AND total > 4711)".into())],
            ..PlanNode::default()
        };
        let root = PlanNode {
            op: "sort".into(),
            raw_op: "Sort".into(),
            self_ms: Some(4.0),
            total_ms: Some(659.0),
            attrs: [("Sort Space Used".to_string(), "26".to_string()), ("Output".to_string(), "('secret'::text || name)".to_string())]
                .into(),
            children: vec![scan],
            ..PlanNode::default()
        };
        let mut finding = PlanFinding { id: "F1".into(), severity: Severity::Critical, nodes: vec![vec![0]], ..PlanFinding::default() };
        finding.message = "Reads 10,000,000 rows to keep those with state = 'paid & <b>sent</b>'.".into();
        finding.sql = Some("CREATE INDEX ON orders (state) WHERE total > 4711".into());
        Plan {
            engine: "PostgreSQL".into(),
            version: "15.20".into(),
            analyzed: true,
            planning_ms: Some(0.6),
            execution_ms: Some(660.0),
            outside_ms: Some(1.0),
            root,
            raw: "Filter: state = 'paid & <b>sent</b>'".into(),
            findings: vec![finding],
            ..Plan::default()
        }
    }

    const SQL: &str = "select * from orders where state = 'paid & <b>sent</b>' and total > 4711";

    #[test]
    fn every_form_tells_the_whole_plan() {
        for form in [Form::Markdown, Form::Html, Form::Svg] {
            let out = render(&plan(), Some(SQL), form);
            for words in ["Seq Scan orders o", "Sort", "655"] {
                assert!(out.contains(words), "{form:?} lacks {words}:\n{out}");
            }
            if form != Form::Svg {
                for words in ["660.6", "F1", "select * from orders", "Filter", "31.0 k", "1.0 M"] {
                    assert!(out.contains(words), "{form:?} lacks {words}:\n{out}");
                }
            }
        }
    }

    #[test]
    fn a_page_needs_nothing_from_outside_and_runs_nothing() {
        for form in [Form::Html, Form::Svg] {
            let out = render(&plan(), Some(SQL), form);
            for never in ["<script", "http://", "https://", "url(", "@import", "onload", "onclick", "<b>sent", "<link", "<img", "src="] {
                let out = out.replace("http://www.w3.org/2000/svg", "");
                assert!(!out.contains(never), "{form:?} has {never}");
            }
        }
        let html = render(&plan(), Some(SQL), Form::Html);
        assert!(html.contains("default-src 'none'") && html.starts_with("<!doctype html>"));
    }

    #[test]
    fn without_constants_none_is_left_anywhere() {
        let bare = redact(&plan(), Some(SQL));
        let sql = redact_statement("PostgreSQL", SQL);
        assert_eq!(sql, "select * from orders where state = ? and total > ?");
        for form in [Form::Markdown, Form::Html, Form::Svg] {
            let out = render(&bare, Some(&sql), form);
            for secret in ["paid", "sent", "4711", "secret"] {
                assert!(!out.contains(secret), "{form:?} tells {secret}:\n{out}");
            }
        }
        let json = serde_json::to_string(&bare).unwrap();
        assert!(!json.contains("paid") && !json.contains("4711") && !json.contains("secret"), "{json}");
        // Figures are no constants of the statement.
        assert_eq!(bare.root.attrs["Sort Space Used"], "26");
        assert!(bare.findings[0].message.contains("10,000,000 rows"), "{}", bare.findings[0].message);
        assert_eq!(bare.root.children[0].conditions[0].1, "((state)::text = ?::text AND total > ?)");
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut p = plan();
        p.root.children[0].relation = Some("x\u{1b}[31m</td><script>alert(1)</script>```".into());
        for form in [Form::Markdown, Form::Html, Form::Svg] {
            let out = render(&p, Some("select '```'"), form);
            assert!(!out.contains('\u{1b}'), "{form:?}");
            if form != Form::Markdown {
                assert!(!out.contains("<script"), "{form:?}");
            }
        }
        let md = render(&p, Some("select '```'"), Form::Markdown);
        assert!(md.contains("````"), "the fence is longer than any inside\n{md}");
    }

    #[test]
    fn a_plan_without_figures_is_drawn_too() {
        let leaf = || PlanNode { raw_op: "SCAN a".into(), ..PlanNode::default() };
        let p = Plan {
            engine: "SQLite".into(),
            root: PlanNode { raw_op: "QUERY PLAN".into(), children: vec![leaf(), leaf()], ..PlanNode::default() },
            ..Plan::default()
        };
        for form in [Form::Markdown, Form::Html, Form::Svg] {
            let out = render(&p, None, form);
            assert!(out.matches("SCAN a").count() >= 2, "{form:?}\n{out}");
            assert!(!out.contains("NaN") && !out.contains("inf"), "{out}");
        }
    }
}
