//! Rows on their way out: from the server into a file, from what is kept to the clipboard.

use super::files::resolve;
use super::rows::{listed, spill};
use super::statements::{begin, finished, typed_place, unkept};
use super::{Shared, lock};
use crate::app::Msg;
use crate::app::effect::{How, JobId, ResultId, Statement};
use crate::model::{Column, Error, Result};
use crate::ops::Cx;
use crate::ops::export::{self, Encoder, Exported, NewFile, Portion, each};
use crate::ops::query::{Admission, admit};
use crate::ops::statements::{Ended, Ledger, rows_lost};
use crate::sql::params;
use crate::store::spill::RowSpill;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Most bytes of rows that are put together for the clipboard; beyond that a file is the place.
const MOST: usize = 16 * 1024 * 1024;

/// Streams a statement of the user from the server into a new file.
pub async fn statement(shared: Arc<Shared>, link: u64, job: JobId, statement: Statement, how: How, encoder: Encoder, path: PathBuf) {
    let Some(live) = shared.live(link) else { return finished(&shared, job) };
    live.used.store(true, std::sync::atomic::Ordering::SeqCst);
    let cx = shared.job_cx(job);
    let path = resolve(&shared, &path);
    let unlock = lock(&shared.unlock).clone();
    let run = async {
        let text = statement.text.as_str();
        let bound = params::bind(live.query.status().reading, text, &statement.values)
            .map_err(|name| Error::usage(format!("the parameter {} has no value", crate::text::clean(&name))))?;
        match admit(&cx, &live.connection, unlock.as_deref(), &bound.text).await? {
            Admission::Run => {}
            Admission::Refused(e) => return Err(e),
            Admission::Guarded => {
                return Err(Error::held("held: a data fix asks before it commits, and has no rows to export").hint("Run it instead."));
            }
        }
        if how.manual {
            begin(&live, text).await.map_err(|e| e.context("beginning a transaction"))?;
        }
        let mut ledger = Ledger::new(&cx, &live.connection);
        ledger.sends(text, live.query.status());
        let begun = Instant::now();
        let outcome = export::to_file(&cx, &live.query, bound.clone(), encoder, &path).await.map_err(|e| typed_place(e, &bound));
        let done = outcome.as_ref().ok();
        let ended = Ended {
            text,
            took: begun.elapsed(),
            rows: done.map_or(0, |d| d.rows),
            affected: done.and_then(|d| d.affected),
            tag: None,
            error: outcome.as_ref().err(),
        };
        let kept = ledger.note(&ended, live.query.status().tx).and_then(|()| ledger.keep());
        unkept(&shared, kept);
        match outcome {
            Ok(Exported { lost: Some(why), affected, rows, .. }) => {
                Err(rows_lost(why, live.connection.dialect(), text, affected.or(Some(rows)), live.query.status().tx))
            }
            outcome => outcome,
        }
    };
    let outcome = run.await;
    let result = outcome.map(|done| {
        let more = crate::text::counted(u64::from(done.left_out), "further result");
        let left_out = (done.left_out > 0).then(|| format!("The statement gave {more}: a file holds one, and they are not in it."));
        (done.rows, left_out.into_iter().chain(done.otherwise).collect())
    });
    shared.send(Msg::Exported { job, path, result });
    finished(&shared, job);
}

/// Encodes the kept rows of a result as one text, for the clipboard.
pub fn copy_rows(shared: &Shared, cx: &Cx, job: JobId, result: ResultId, columns: &[Column], encoder: Encoder, what: &Portion) {
    let result = encoded(shared, cx, result, columns, encoder, what);
    shared.unregister(job);
    shared.send(Msg::RowsToCopy { job, result });
}

fn encoded(shared: &Shared, cx: &Cx, result: ResultId, columns: &[Column], encoder: Encoder, what: &Portion) -> Result<String> {
    let rows = spill(shared, result)?;
    let index = listed(shared, result, what.view)?;
    let mut encoder = encoder.only(what.columns.clone());
    let mut out = Vec::new();
    encoder.columns(columns, &mut out)?;
    export::each(cx, &rows, index.as_deref().map(Vec::as_slice), what.rows, |batch| {
        encoder.batch(batch, &mut out)?;
        if out.len() > MOST {
            return Err(Error::failed(format!("not copied: the rows are more than {}", crate::text::bytes(MOST as u64)))
                .hint("Export them into a file."));
        }
        Ok(())
    })?;
    encoder.finish(&serde_json::json!({}), &mut out);
    String::from_utf8(out).map_err(|_| {
        Error::failed("not copied: there is text among the rows that is not UTF-8, and a clipboard would change it")
            .hint("Export them into a file: it keeps the bytes.")
    })
}

/// Writes the kept rows of a result into a file that must not be there yet: beside it first, so that a full disk or a
/// cancel leaves no half of it.
#[allow(clippy::too_many_arguments, reason = "they are the effect's")]
pub fn kept_rows(
    shared: &Shared,
    cx: &Cx,
    job: JobId,
    result: ResultId,
    columns: &[Column],
    encoder: Encoder,
    what: &Portion,
    path: PathBuf,
) {
    let path = resolve(shared, &path);
    let kept = || Ok((spill(shared, result)?, listed(shared, result, what.view)?));
    let encoder = encoder.only(what.columns.clone());
    let written = kept().and_then(|(rows, index)| write_rows(cx, &rows, index.as_deref(), what.rows, columns, encoder, &path));
    shared.unregister(job);
    shared.send(Msg::Exported { job, path, result: written });
}

fn write_rows(
    cx: &Cx,
    rows: &RowSpill,
    index: Option<&Vec<u32>>,
    range: Option<(u64, u64)>,
    columns: &[Column],
    mut encoder: Encoder,
    path: &Path,
) -> Result<(u64, Vec<String>)> {
    let mut file = NewFile::create(path)?;
    let mut out = Vec::new();
    encoder.columns(columns, &mut out)?;
    let total = each(cx, rows, index.map(Vec::as_slice), range, |batch| {
        encoder.batch(batch, &mut out)?;
        file.write(&out)?;
        out.clear();
        Ok(())
    })?;
    encoder.finish(&serde_json::json!({}), &mut out);
    file.write(&out)?;
    file.finish()?;
    Ok((total, encoder.read_otherwise()))
}
