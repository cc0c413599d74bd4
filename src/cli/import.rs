//! `holdpoint import`: rows of a file into a table.

use super::{connect, output};
use crate::model::{Error, Result};
use crate::ops::Cx;
use crate::ops::import::{self, Import};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

pub async fn import(cx: &Cx, target: &str, what: Import) -> Result<ExitCode> {
    let target = connect::target(cx, target)?;
    let report = loop {
        let attempt = async {
            let conn = crate::ops::connect::connect_to(cx, target.clone()).await?;
            let backend = AtomicU64::new(0);
            let own = || Some(backend.load(Ordering::Relaxed)).filter(|b| *b > 0);
            let opened = |s: &crate::engine::Session| backend.store(s.backend().unwrap_or(0), Ordering::Relaxed);
            let work = import::run(cx, &conn, None, &what, opened);
            crate::ops::waits::told(&conn, "import", &own, &output::message, work).await
        };
        match attempt.await {
            Err(e) if e.asks() => connect::ask(cx, &target, e)?,
            other => break other?,
        }
    };
    for l in report.lines() {
        output::message(&l);
    }
    if !what.commit {
        // One refused row keeps the others out, unless it is said that it may be missing.
        output::message(match report.refused > 0 && !what.skip_refused {
            true => "run it again with --commit --skip-refused to keep the rows that could be taken",
            false => "run it again with --commit to keep the rows",
        });
    }
    Ok(if report.refused == 0 && (report.committed || !what.commit) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Rows in the place of those with the same keys.
pub async fn replace(cx: &Cx, target: &str, what: Import) -> Result<ExitCode> {
    let target = connect::target(cx, target)?;
    loop {
        let attempt = async {
            let conn = crate::ops::connect::connect_to(cx, target.clone()).await?;
            let backend = AtomicU64::new(0);
            let own = || Some(backend.load(Ordering::Relaxed)).filter(|b| *b > 0);
            let opened = |s: &crate::engine::Session| backend.store(s.backend().unwrap_or(0), Ordering::Relaxed);
            let work = import::replace(cx, &conn, None, &what, opened);
            let fix = crate::ops::waits::told(&conn, "import", &own, &output::message, work).await?;
            super::query::answered(cx, &conn, fix, what.commit).await
        };
        match attempt.await {
            Err(e) if e.asks() => connect::ask(cx, &target, e)?,
            other => return other.map(|()| ExitCode::SUCCESS),
        }
    }
}

/// The form of a file: what was asked for, or its ending.
pub fn form(path: &std::path::Path, asked: Option<super::args::ImportFormat>) -> Result<import::reader::Form> {
    use super::args::ImportFormat as F;
    use import::reader::Form;
    Ok(match asked {
        Some(F::Csv) => Form::Csv,
        Some(F::Tsv) => Form::Tsv,
        Some(F::Ndjson) => Form::Ndjson,
        None => Form::of_path(path).ok_or_else(|| {
            Error::usage(format!(
                "the ending of {} says none of the formats that are imported",
                crate::text::clean(&path.display().to_string())
            ))
            .hint("Name it with --format csv, tsv or ndjson.")
        })?,
    })
}
