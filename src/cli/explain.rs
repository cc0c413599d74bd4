//! `holdpoint explain`: a statement's plan, or one from a file, as a tree or as JSON.

use super::args::PlanFormat;
use super::{connect, output, query};
use crate::model::plan::{Plan, PlanFinding, PlanNode};
use crate::model::{Error, Kind, Result};
use crate::ops::gate::{self, Place};
use crate::ops::{Connection, Cx};
use crate::plan::known::Known;
use crate::plan::{detect, findings, origin, reconcile, share, words};
use crate::text;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

/// Columns of the narrowest usual terminal.
const NARROWEST: usize = 80;

/// How the plan is written.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    pub format: PlanFormat,
    /// Without the constants of the statement.
    pub redact: bool,
}

/// Whether the statement is run, and what is not asked about first.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    pub analyze: bool,
    /// Also when it is expected to be costly, or the server is busy.
    pub anyway: bool,
    /// Where a statement that writes is run.
    pub place: Option<Place>,
}

pub async fn explain(cx: &Cx, target: &str, sql: Option<String>, file: Option<&Path>, how: Measure, out: Out) -> Result<ExitCode> {
    let sql = query::text_of(sql, file)?;
    let conn = connect::open(cx, target).await?;
    let statements = crate::sql::split(conn.dialect(), &sql);
    let [one] = statements.as_slice() else {
        return Err(Error::usage(format!("explain takes exactly one statement, this text holds {}", statements.len())));
    };
    let statement = &sql[one.span.clone()];
    if how.analyze && crate::sql::classify(conn.dialect(), statement).class == crate::sql::Class::Dml {
        return write(cx, &conn, statement, how, out).await;
    }
    if how.place.is_some() && !how.analyze {
        return Err(Error::usage("--on-scratch is where a statement is measured: add --analyze"));
    }
    if how.analyze {
        crate::ops::explain::measurable(&conn, statement).await?;
    }
    let mut plan = crate::ops::explain::explain(cx, &conn, None, statement, false).await?;
    if how.place.is_some() {
        // Only now is it proven.
        output::message("the statement only reads: it is measured on the target, in a transaction that reads only");
    }
    // Nobody is typing: the catalogue may be asked for an estimate too.
    crate::ops::plan_facts::look_again(&conn, &mut plan, statement).await?;
    if how.analyze {
        if let Some(why) = crate::ops::explain::heavy(conn.target(), &plan).filter(|_| !how.anyway) {
            return Err(Error::new(Kind::Held, format!("the statement is not measured: {why}"))
                .hint("`--anyway` runs it all the same: it reads only, and Ctrl-C ends it on the server.")
                .hint("Without `--analyze` you see its plan."));
        }
        plan = crate::ops::explain::explain(cx, &conn, None, statement, true).await?;
    }
    show(&plan, Some(statement), out)?;
    if out.format == PlanFormat::Table {
        let how = if plan.analyzed { "analyzed, rolled back" } else { "estimated, not run" };
        output::message(how);
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures a statement that writes, where the flags say so; what it sets off is named first.
async fn write(cx: &Cx, conn: &Connection, statement: &str, how: Measure, out: Out) -> Result<ExitCode> {
    let prospect = gate::look_at_trial(conn, cx, statement).await?;
    let room = if std::io::stderr().is_terminal() { NARROWEST } else { usize::MAX };
    output::message("The statement writes. Running it:");
    for l in prospect.lines() {
        text::wrap(&text::clean_lines(&format!("  {l}")), room).iter().for_each(|l| output::message(l));
    }
    let Some(place) = how.place else {
        let held = |missing: &[gate::Missing]| missing.iter().map(|m| m.why.clone()).collect::<Vec<_>>().join("; ");
        let mut e = Error::held("held: the statement writes, and was not run");
        e = match prospect.copy.as_slice() {
            [] => e.hint(format!("`--on-scratch` measures it on a copy. {}", crate::ops::copies::foreseen(cx, conn, 1).await?)),
            missing => e.hint(format!("Not on a scratch copy: {}.", held(missing))),
        };
        e = match prospect.here.as_slice() {
            [] => e.hint("`--in-place` runs it on the target itself and rolls it back, with all that is named above."),
            missing => e.hint(format!("Not on the target itself: {}.", held(missing))),
        };
        return Err(e);
    };
    if place == Place::Here && !how.anyway {
        let mut plan = crate::ops::explain::explain(cx, conn, None, statement, false).await?;
        crate::ops::plan_facts::look_again(conn, &mut plan, statement).await?;
        if let Some(why) = crate::ops::explain::heavy(conn.target(), &plan) {
            return Err(Error::new(Kind::Held, format!("the statement is not measured: {why}"))
                .hint("`--anyway` runs it all the same, and it holds its locks as long; `--on-scratch` measures it on a copy."));
        }
    }
    if place == Place::Copy && prospect.copy.is_empty() {
        output::message(&crate::ops::copies::foreseen(cx, conn, 1).await?);
    }
    let right = gate::clear_trial(cx, conn, statement, place, &prospect.digest).await?.map_err(Error::from)?;
    let mut tried = crate::ops::write_trial::run(cx, conn, right).await?;
    if let Some(d) = tried.differs.as_ref().filter(|_| out.format == PlanFormat::Table) {
        // Before the numbers, and not once more below them.
        text::wrap(&text::clean_lines(d), room).iter().for_each(|l| output::message(l));
        tried.plan.remarks.retain(|r| r != d);
    }
    show(&tried.plan, Some(statement), out)?;
    if out.format == PlanFormat::Table {
        output::message(&format!("analyzed, {}", tried.verdict));
    }
    tried.notes.iter().for_each(|n| output::message(n));
    Ok(ExitCode::SUCCESS)
}

/// The plan of what another session runs at this moment.
pub async fn running(cx: &Cx, target: &str, id: u64, out: Out) -> Result<ExitCode> {
    let conn = connect::open(cx, target).await?;
    let plan = crate::ops::running::plan_of(cx, &conn, id).await?;
    show(&plan, plan.statement.as_deref(), out)?;
    Ok(ExitCode::SUCCESS)
}

/// How far long commands of the server are.
pub async fn progress(cx: &Cx, target: &str, format: PlanFormat) -> Result<ExitCode> {
    let conn = connect::open(cx, target).await?;
    let table = crate::ops::running::progress(&conn).await?;
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let rows = || table.rows.iter().map(|r| names.iter().zip(r).map(|(n, c)| (n.to_string(), c.clone().into())).collect());
    match format {
        PlanFormat::Json => output::json(&rows().collect::<Vec<serde_json::Map<String, serde_json::Value>>>())?,
        PlanFormat::Ndjson => {
            for r in rows() {
                let r: serde_json::Map<String, serde_json::Value> = r;
                output::write(format!("{}\n", serde_json::Value::Object(r)).as_bytes())?;
            }
        }
        PlanFormat::Markdown | PlanFormat::Html | PlanFormat::Svg | PlanFormat::Junit => {
            return Err(Error::usage("progress is told as a table or as JSON: say --format table, json or ndjson"));
        }
        PlanFormat::Table if table.rows.is_empty() => output::message("no long command that tells its progress runs on this server"),
        PlanFormat::Table => {
            let mut t = output::TextTable::new(&names);
            for r in table.rows {
                t.row(r.into_iter().map(Option::unwrap_or_default).collect());
            }
            t.print()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The plan in a file, or on standard input for `-`: no database is asked.
pub fn from_file(file: &Path, engine: Option<detect::Family>, out: Out) -> Result<ExitCode> {
    let bytes = if file == Path::new("-") {
        if std::io::stdin().is_terminal() {
            output::message("Reading a plan from the terminal; end with Ctrl-D.");
        }
        let mut b = Vec::new();
        std::io::stdin().lock().read_to_end(&mut b).map_err(|e| Error::io("reading standard input", e))?;
        b
    } else {
        std::fs::read(file).map_err(|e| Error::io(format_args!("reading {}", file.display()), e))?
    };
    let name = if file == Path::new("-") { "standard input".to_string() } else { file.display().to_string() };
    let found = origin::decoded(bytes).and_then(|read| detect::read(&read, engine));
    let mut found = found.map_err(|e| Error { message: format!("{name}: {}", e.message), ..e })?;
    findings::fill(&mut found.plan, &Known::default());
    show(&found.plan, found.plan.statement.as_deref(), out)?;
    if out.format == PlanFormat::Table {
        output::message(&format!("{}, {}", found.form, if found.plan.analyzed { "measured" } else { "estimated" }));
    }
    if found.count > 1 {
        output::message(&format!("{name} holds {} plans; this is the first one", found.count));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(plan: &Plan, statement: Option<&str>, out: Out) -> Result<()> {
    let bare = out.redact.then(|| share::redact(plan, statement));
    let plan = bare.as_ref().unwrap_or(plan);
    let statement = statement.map(|s| if out.redact { share::redact_statement(&plan.engine, s) } else { s.to_string() });
    let render = |form| output::write(share::render(plan, statement.as_deref(), form).as_bytes());
    match out.format {
        PlanFormat::Markdown => render(share::Form::Markdown),
        PlanFormat::Html => render(share::Form::Html),
        PlanFormat::Svg => render(share::Form::Svg),
        PlanFormat::Json => output::json(&crate::plan::json::document(plan)),
        PlanFormat::Ndjson => output::write(format!("{}\n", crate::plan::json::document(plan)).as_bytes()),
        PlanFormat::Table => tree(plan),
        PlanFormat::Junit => Err(Error::usage("JUnit is for the outcome of a test: holdpoint explain TARGET --test FILE --format junit")),
    }
}

/// A line of the tree: its cells, and how much of the time it took.
struct Line {
    cells: Vec<String>,
    heat: f64,
}

fn tree(plan: &Plan) -> Result<()> {
    let mut nodes: Vec<(String, &PlanNode)> = Vec::new();
    draw(&plan.root, "", "", &mut nodes);
    let whole: f64 = nodes.iter().filter_map(|(_, n)| n.self_ms).sum();
    let header: &[&str] = if plan.analyzed {
        &[">self ms", ">total ms", ">rows", ">loops", ">estimate", ">pages", "node"]
    } else {
        &[">cost", ">rows expected", "node"]
    };
    let mut lines = Vec::new();
    for (label, n) in nodes {
        let mut what = vec![label];
        // MySQL's own words hold the condition.
        what.extend(n.conditions.iter().filter(|(_, v)| !n.raw_op.contains(v.as_str())).map(|(k, v)| format!("{k}: {v}")));
        let what = what.join("  ");
        let cells = if plan.analyzed {
            let visited = if n.visited { " visited" } else { "" };
            let rows = match n.never_executed {
                true => "never run".into(),
                false => format!("{}{}{visited}", words::about(n), count(n.rows_total)),
            };
            let own = n.self_ms.map_or(String::new(), |ms| format!("{}{}", if n.approximate { "~" } else { "" }, millis(ms)));
            vec![own, n.total_ms.map_or(String::new(), millis), rows, count(n.loops), estimate(n), pages(n), what]
        } else {
            vec![n.est_total_cost.map_or(String::new(), |c| format!("{c:.2}")), count(n.est_rows), what]
        };
        lines.push(Line { cells, heat: n.self_ms.map_or(0.0, |ms| if whole > 0.0 { ms / whole } else { 0.0 }) });
    }
    let mut out = aligned(header, &lines, std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // Whether what is shown is the whole, with the remainder, however small.
    if let Some(sums) = reconcile::sums(plan) {
        out.push_str(&sums.sentence());
        out.push('\n');
    }
    output::write(out.as_bytes())?;
    let mut foot = Vec::new();
    for (name, ms) in [("planning", plan.planning_ms), ("execution", plan.execution_ms), ("outside the nodes", plan.outside_ms)] {
        if let Some(ms) = ms {
            foot.push(format!("{name} {} ms", millis(ms)));
        }
    }
    foot.extend(plan.counters.iter().map(|(k, v)| format!("{k} {}", text::thousands(*v))));
    if !foot.is_empty() {
        output::message(&foot.join(" · "));
    }
    for r in &plan.remarks {
        output::message(r);
    }
    // On a terminal a line goes on under its own indentation; in a file it stays one line.
    let room = if std::io::stderr().is_terminal() { NARROWEST } else { usize::MAX };
    for f in &plan.findings {
        text::wrap(&text::clean_lines(&finding(f)), room).iter().for_each(|l| output::message(l));
    }
    Ok(())
}

/// `F1 slow-scan, warning, certain (measured): …`, the next step and its statement below.
fn finding(f: &PlanFinding) -> String {
    let word = |v: &dyn std::fmt::Debug| format!("{v:?}").to_lowercase();
    let why = if f.because.is_empty() { String::new() } else { format!(" ({})", f.because) };
    let mut out = format!("{} {}, {}, {}{why}: {}\n    {}", f.id, f.name, word(&f.severity), word(&f.confidence), f.message, f.next);
    if let Some(sql) = &f.sql {
        out.push_str("\n    ");
        out.push_str(sql);
    }
    out
}

fn count(n: Option<f64>) -> String {
    n.map_or(String::new(), |n| text::thousands(n.round().max(0.0) as u64))
}

fn millis(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.3}") } else { format!("{ms:.1}") }
}

/// Nothing where the estimate was within a factor of two.
fn estimate(n: &PlanNode) -> String {
    match n.estimate_error {
        Some(e) if e >= 2.0 => format!("{}× more", count(Some(e))),
        Some(e) if e <= -2.0 => format!("{}× fewer", count(Some(-e))),
        _ => String::new(),
    }
}

/// Of the node alone where they are told apart.
fn pages(n: &PlanNode) -> String {
    n.self_pages.accessed().or_else(|| n.pages.accessed().filter(|_| n.children.is_empty())).map_or(String::new(), text::thousands)
}

/// Columns by name; a name that starts with `>` is right-aligned. `colour` marks who took the time: the figures say the same.
fn aligned(header: &[&str], lines: &[Line], colour: bool) -> String {
    let names: Vec<String> = header.iter().map(|h| h.trim_start_matches('>').to_string()).collect();
    let head = Line { cells: names, heat: 0.0 };
    let cleaned: Vec<(Vec<String>, f64)> =
        std::iter::once(&head).chain(lines).map(|l| (l.cells.iter().map(|c| text::clean(c).into_owned()).collect(), l.heat)).collect();
    // A column without a value is left out.
    let wanted: Vec<usize> =
        (0..header.len()).filter(|i| cleaned[1..].iter().any(|(cells, _)| cells.get(*i).is_some_and(|c| !c.is_empty()))).collect();
    let widths: Vec<usize> =
        (0..header.len()).map(|i| cleaned.iter().map(|(cells, _)| text::width(&cells[i])).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (row, (cells, heat)) in cleaned.iter().enumerate() {
        let mut line = String::new();
        for i in &wanted {
            let pad = " ".repeat(widths[*i] - text::width(&cells[*i]));
            let right = header[*i].starts_with('>');
            line.push_str(&if right { format!("{pad}{}  ", cells[*i]) } else { format!("{}{pad}  ", cells[*i]) });
        }
        let line = line.trim_end();
        let (on, off) = match heat {
            _ if !colour => ("", ""),
            _ if row == 0 => ("\x1b[1m", "\x1b[0m"),
            h if *h >= 0.5 => ("\x1b[31m", "\x1b[0m"),
            h if *h >= 0.1 => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        };
        out.push_str(&format!("{on}{line}{off}\n"));
    }
    out
}

fn draw<'a>(n: &'a PlanNode, lead: &str, below: &str, lines: &mut Vec<(String, &'a PlanNode)>) {
    let mut label = format!("{lead}{}", n.raw_op);
    for (word, what) in [(" on ", &n.relation), (" using ", &n.index)] {
        if let Some(w) = what
            && !words::says(&n.raw_op, w)
        {
            label.push_str(word);
            label.push_str(w);
        }
    }
    if let Some(s) = &n.subplan {
        label.push_str(&format!(" [{s}]"));
    }
    lines.push((label, n));
    for (i, c) in n.children.iter().enumerate() {
        let last = i + 1 == n.children.len();
        let (here, next) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
        draw(c, &format!("{below}{here}"), &format!("{below}{next}"), lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = include_str!("../plan/mysql/samples/mysql97/sl_derived.tree");

    fn drawn(raw: &str) -> String {
        let plan = detect::read(raw, None).expect("plan").plan;
        let mut nodes = Vec::new();
        draw(&plan.root, "", "", &mut nodes);
        nodes.into_iter().map(|(label, _)| format!("{label}\n")).collect()
    }

    #[test]
    fn colours_follow_the_time_and_only_where_asked() {
        let lines =
            [Line { cells: vec!["9.0".into(), "a\x1b".into()], heat: 0.9 }, Line { cells: vec!["1.0".into(), "b".into()], heat: 0.1 }];
        let plain = aligned(&[">self", "node"], &lines, false);
        assert!(!plain.contains('\x1b'), "{plain:?}");
        assert!(plain.starts_with("self  node\n 9.0  a"), "{plain}");
        let coloured = aligned(&[">self", "node"], &lines, true);
        assert!(coloured.contains("\x1b[31m 9.0") && coloured.contains("\x1b[33m 1.0"), "{coloured:?}");
        assert!(drawn(TREE).contains("Aggregate: count(0) [Select #3"), "{}", drawn(TREE));
    }
}
