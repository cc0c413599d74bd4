//! `holdpoint explain --test` and `--write-test`: performance tests, with exit codes that a pipeline understands.

use super::args::PlanFormat;
use super::explain::Out;
use super::{connect, output};
use crate::model::{Error, Kind, Result};
use crate::ops::plan_test::{self, NewTest};
use crate::ops::{Connection, Cx};
use crate::plan::share::Constants;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

/// `SET:NAME=VALUE` from the command line, by set and name.
pub fn sets(given: &[String]) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for g in given {
        // A placeholder may begin with a colon of its own: `common::state=paid`.
        let parts = g.split_once(':').and_then(|(set, rest)| Some((set, rest.split_once('=')?)));
        let Some((set, (name, value))) = parts.filter(|(set, (name, _))| !set.is_empty() && !name.is_empty()) else {
            let shown = crate::text::clean(g);
            return Err(
                Error::usage(format!("--param-set {shown}: this is not SET:NAME=VALUE")).hint("Such as --param-set common:state=paid.")
            );
        };
        if out.entry(set.to_string()).or_default().insert(name.to_string(), value.to_string()).is_some() {
            return Err(Error::usage(format!("--param-set gives {} of {} twice", crate::text::clean(name), crate::text::clean(set))));
        }
    }
    Ok(out)
}

pub async fn test(cx: &Cx, target: &str, file: &Path, anyway: bool, out: Out) -> Result<ExitCode> {
    // What is wrong with the file is found before anything is connected to.
    let test = plan_test::load(file)?;
    let Out { format, redact } = out;
    if format == PlanFormat::Svg {
        output::page("A test", "", &[], format)?;
    }
    let conn = connect::open(cx, target).await?;
    let report = match plan_test::run(cx, &conn, file, anyway).await {
        Ok(r) => r,
        Err(e) => {
            // What the server refuses is no requirement that failed: nothing can be said of them.
            let e = match e.kind {
                Kind::Statement | Kind::Failed | Kind::Io => Error { kind: Kind::Unknown, ..e },
                _ => e,
            };
            let e = if redact { bare(&test.constants(conn.dialect()), e) } else { e };
            unsaid(&test.name, target, &e, format)?;
            return Err(e);
        }
    };
    // On record it is whole.
    keep(cx, &conn, &report).await;
    let report = if redact { report.redacted(conn.dialect(), &test) } else { report };
    match format {
        PlanFormat::Json => output::json(&report)?,
        PlanFormat::Ndjson => {
            let line = serde_json::to_string(&report).map_err(|e| Error::failed(format!("writing the report: {e}")))?;
            output::write(format!("{line}\n").as_bytes())?;
        }
        PlanFormat::Junit => output::write(report.junit().as_bytes())?,
        PlanFormat::Table | PlanFormat::Markdown | PlanFormat::Html | PlanFormat::Svg => {
            let sql = if redact { crate::sql::without_constants(conn.dialect(), &test.sql) } else { test.sql };
            output::page(&format!("Performance test {}", report.name), &sql, &report.lines(), format)?;
        }
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// An error without constants.
pub fn bare(c: &Constants, e: Error) -> Error {
    let without = |t: &String| c.refusal(t);
    Error { message: without(&e.message), detail: e.detail.as_ref().map(without), hints: e.hints.iter().map(without).collect(), ..e }
}

/// For machines that read a report: one that says why there is none.
fn unsaid(name: &str, target: &str, e: &Error, format: PlanFormat) -> Result<()> {
    match format {
        PlanFormat::Junit => output::write(plan_test::junit_of_error(name, target, &e.message).as_bytes()),
        PlanFormat::Json | PlanFormat::Ndjson => {
            let verdict = if matches!(e.kind, Kind::Held | Kind::ReadOnly) { "unsafe" } else { "inconclusive" };
            let told = serde_json::json!({
                "name": name, "target": target, "verdict": verdict, "error": { "message": e.message, "hints": e.hints },
            });
            if format == PlanFormat::Json { output::json(&told) } else { output::write(format!("{told}\n").as_bytes()) }
        }
        _ => Ok(()),
    }
}

/// The evidence; a store that cannot be written keeps no test from being told.
async fn keep(cx: &Cx, conn: &Connection, report: &plan_test::TestReport) {
    if let Err(e) = plan_test::record(cx, conn, report).await {
        output::message(&format!("the run is not on record: {}", e.message));
    }
}

pub async fn write(
    cx: &Cx,
    target: &str,
    sql: String,
    to: &Path,
    require: Vec<String>,
    given: super::what_if::Given,
    anyway: bool,
) -> Result<ExitCode> {
    let conn = connect::open(cx, target).await?;
    let parameters = given.sets(&conn, &sql).await?;
    let name = to.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let test = plan_test::create(cx, &conn, to, &NewTest { name, sql, require, parameters }, anyway).await?;
    for (set, m) in test.baseline.iter().flat_map(|b| &b.sets) {
        let median = crate::plan::measure::median(&m.times).unwrap_or_default();
        output::message(&format!("{set}: {} runs, median {}", m.times.len(), crate::plan::measure::millis(median)));
    }
    let file = to.display();
    output::message(&format!("{file} is written, with this measurement as its baseline. Next: holdpoint explain {target} --test {file}"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_taken_apart() {
        let of = |words: &[&str]| sets(&words.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        let found = of(&["common:state=paid", "common:id=1=2", "rare::state=lost"]).unwrap();
        assert_eq!(found["common"]["id"], "1=2");
        assert_eq!(found["rare"][":state"], "lost");
        for wrong in ["common", "common:state", ":state=1", "common:=1"] {
            assert!(of(&[wrong]).unwrap_err().message.contains("not SET:NAME=VALUE"), "{wrong}");
        }
        assert!(of(&["a:b=1", "a:b=2"]).unwrap_err().message.contains("twice"));
    }
}
