//! `holdpoint backup`: take, verify, list.

use super::args::Backup;
use super::{connect, output};
use crate::cli::Format;
use crate::model::{Error, Result};
use crate::ops::backup::{self as ops, Listed};
use crate::ops::{Connection, Cx};
use crate::text;
use std::path::PathBuf;
use std::process::ExitCode;

pub async fn backup(cx: &Cx, command: Backup) -> Result<ExitCode> {
    match command {
        Backup::Take { target, format } => {
            let conn = connect::open(cx, &target).await?;
            let report = ops::take(cx, &conn).await?;
            output::findings(&report.findings);
            match format {
                Format::Json | Format::Ndjson => output::json(&serde_json::json!({
                    "id": report.manifest.id,
                    "directory": report.dir,
                    "bytes": report.manifest.artefacts.iter().map(|a| a.bytes).sum::<u64>(),
                    "took_ms": report.manifest.took_ms,
                    "evidence": report.evidence,
                }))?,
                Format::Table | Format::Csv => {
                    output::line(&report.evidence.summary)?;
                    output::line(&format!("id {}  {}", short(&report.manifest.id), report.dir.display()))?;
                    output::message(&format!("Next: holdpoint backup verify {target}"));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Backup::Verify { target, backup, format } => {
            let conn = connect::open(cx, &target).await?;
            let dir = match backup {
                Some(b) => Some(find(cx, &conn, &b).await?),
                None => None,
            };
            let report = ops::verify(cx, &conn, dir.as_deref()).await?;
            output::findings(&report.findings);
            match format {
                Format::Json | Format::Ndjson => output::json(&serde_json::json!({
                    "id": report.backup,
                    "directory": report.dir,
                    "equal": report.differences.is_empty(),
                    "differences": report.differences,
                    "restore_ms": report.restore.as_secs_f64() * 1000.0,
                    "compare_ms": report.compare.as_secs_f64() * 1000.0,
                    "evidence": report.evidence,
                }))?,
                Format::Table | Format::Csv => {
                    output::line(&report.evidence.summary)?;
                    for d in report.differences.schema.iter().chain(&report.differences.data) {
                        output::line(&format!("  differs: {d}"))?;
                    }
                }
            }
            Ok(if report.evidence.holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
        Backup::List { target, format } => {
            let conn = connect::open(cx, &target).await?;
            let list = ops::list(cx, &conn).await?;
            print(&list, format)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The first characters of an id are enough for people.
pub fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

async fn find(cx: &Cx, conn: &Connection, name: &str) -> Result<PathBuf> {
    let as_path = PathBuf::from(name);
    if as_path.is_dir() {
        return Ok(as_path);
    }
    let list = ops::list(cx, conn).await?;
    let mut hits = list.into_iter().filter(|l| l.manifest.as_ref().is_some_and(|m| m.id.starts_with(name)));
    match (hits.next(), hits.next()) {
        (Some(one), None) => Ok(one.dir),
        (Some(_), Some(_)) => Err(Error::usage(format!("several backups have an id that begins with {}", text::clean(name)))),
        (None, _) => Err(Error::usage(format!("no backup is named {}", text::clean(name)))
            .hint(format!("`holdpoint backup list {}` lists them.", conn.target().name))),
    }
}

fn print(list: &[Listed], format: Format) -> Result<()> {
    if let Format::Json | Format::Ndjson = format {
        let rows: Vec<_> = list
            .iter()
            .map(|l| {
                serde_json::json!({
                    "id": l.manifest.as_ref().map(|m| &m.id),
                    "directory": l.dir,
                    "taken_at": l.manifest.as_ref().map(|m| &m.taken_at),
                    "taken_by": l.manifest.as_ref().map(|m| &m.taken_by),
                    "tool": l.manifest.as_ref().map(|m| &m.tool),
                    "bytes": l.bytes,
                    "age_s": l.age,
                    "same_database": l.same_database,
                    "verified_at": l.verified.as_ref().map(|v| &v.0),
                    "restore_ms": l.verified.as_ref().map(|v| v.1.as_millis() as u64),
                    "problem": l.problem,
                })
            })
            .collect();
        return output::json(&rows);
    }
    let mut t = output::TextTable::new(&["id", "taken at", "by", ">size", "restore", "directory", "note"]);
    for l in list {
        let m = l.manifest.as_ref();
        let restore = match &l.verified {
            Some((_, took)) => format!("verified, {}", text::duration(*took)),
            None => "not verified".into(),
        };
        let note = match (&l.problem, l.same_database) {
            (Some(p), _) => p.clone(),
            (None, Some(false)) => "of another database".into(),
            _ => String::new(),
        };
        t.row(vec![
            m.map_or("?".into(), |m| short(&m.id)),
            m.map_or(String::new(), |m| m.taken_at.clone()),
            m.map_or(String::new(), |m| m.taken_by.clone()),
            text::bytes(l.bytes),
            restore,
            l.dir.display().to_string(),
            note,
        ]);
    }
    t.print()
}
