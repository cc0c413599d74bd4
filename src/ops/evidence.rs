//! Evidence as files: export on one host, import on another, hash-bound, with the source shown.

use super::Cx;
use super::record::file_name;
use crate::model::evidence::Evidence;
use crate::model::{Error, Result};
use crate::store::evidence::content_id;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Format of a bundle.
const FORMAT: u32 = 1;
/// Largest bundle that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// What an import took in.
#[derive(Debug, Clone)]
pub struct ImportReport {
    pub taken: Vec<Evidence>,
    /// Already there.
    pub known: usize,
    /// Host that exported it.
    pub source: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    /// `holdpoint evidence`.
    what: String,
    format: u32,
    exported_at: String,
    exported_by: String,
    host: String,
    /// Oldest first: the order in which things happened.
    evidence: Vec<Evidence>,
    /// SHA-256 over the lines above, hex.
    sha256: String,
}

impl Bundle {
    fn hash(&self) -> String {
        let mut h = Sha256::new();
        h.update(b"holdpoint evidence bundle 1\n");
        for part in [&self.what, &self.exported_at, &self.exported_by, &self.host] {
            h.update((part.len() as u64).to_le_bytes());
            h.update(part.as_bytes());
        }
        for e in &self.evidence {
            h.update(e.id.as_bytes());
        }
        hex::encode(h.finalize())
    }
}

/// All sound evidence of a target (of all targets when `None`), newest first.
pub fn list(cx: &Cx, target: Option<&str>) -> Result<Vec<Evidence>> {
    let all = cx.store.evidence(None)?;
    Ok(all
        .into_iter()
        .filter(|s| s.tampered.is_none() && target.is_none_or(|t| s.evidence.subject.target == t))
        .map(|s| s.evidence)
        .collect())
}

/// The bundle as text, for stdout.
pub fn export_text(cx: &Cx, target: Option<&str>) -> Result<String> {
    bundle(cx, target).map(|b| b.0)
}

fn bundle(cx: &Cx, target: Option<&str>) -> Result<(String, usize)> {
    let mut evidence = list(cx, target)?;
    evidence.reverse();
    if evidence.is_empty() {
        let what =
            target.map_or("there is no evidence in the store".to_string(), |t| format!("there is no evidence about {t} in the store"));
        return Err(Error::usage(what));
    }
    let count = evidence.len();
    let mut b = Bundle {
        what: "holdpoint evidence".into(),
        format: FORMAT,
        exported_at: cx.clock.stamp(),
        exported_by: cx.operator.clone(),
        host: cx.host.clone(),
        evidence,
        sha256: String::new(),
    };
    b.sha256 = b.hash();
    let text = serde_json::to_string_pretty(&b).map_err(|e| Error::failed(format!("writing the bundle: {e}")))?;
    let summary = format!("{count} pieces of evidence exported");
    cx.journal("evidence-exported", target.unwrap_or_default(), json!({ "summary": summary, "sha256": b.sha256 }))?;
    Ok((text + "\n", count))
}

/// Writes a bundle of the target's evidence; returns how many records it holds. An existing file is not overwritten.
pub fn export(cx: &Cx, target: Option<&str>, to: &Path) -> Result<usize> {
    let (text, count) = bundle(cx, target)?;
    let writing = |e| Error::io(format!("writing {}", crate::text::clean(&to.to_string_lossy())), e);
    let mut f = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(to).map_err(writing)?;
    f.write_all(text.as_bytes()).and_then(|()| f.sync_all()).map_err(writing)?;
    Ok(count)
}

/// Reads a bundle. An edited or cut bundle is refused as a whole; nothing of it is taken.
pub fn import(cx: &Cx, from: &Path) -> Result<ImportReport> {
    let reading = |e| Error::io(format!("reading {}", crate::text::clean(&from.to_string_lossy())), e);
    if std::fs::metadata(from).map_err(reading)?.len() > LARGEST {
        return Err(Error::usage(format!("{} is too large to be a bundle of evidence", file_name(from))));
    }
    let text = std::fs::read_to_string(from).map_err(reading)?;
    let (source, evidence, hash) = check(&text).map_err(|why| {
        let refused = format!("{} is refused: {why}", file_name(from));
        // That somebody tried is worth a record; the refusal stands whether or not it can be written.
        let _ = cx.journal("evidence-refused", "", json!({ "summary": refused }));
        Error::failed(refused).hint("Export it again on the host that it comes from, and copy the file unchanged.")
    })?;
    let all = evidence.len();
    let marked: Vec<Evidence> = evidence.into_iter().map(|e| Evidence { imported_from: Some(source.clone()), ..e }).collect();
    cx.journal(
        "evidence-import",
        "",
        json!({ "summary": format!("import of {all} pieces of evidence from {}", crate::text::clean(&source)), "file": from.to_string_lossy(), "sha256": hash }),
    )?;
    let taken = cx.store.record_all(&marked, &cx.entry("evidence", "", Value::Null))?;
    Ok(ImportReport { known: all - taken.len(), taken, source })
}

fn check(text: &str) -> Result<(String, Vec<Evidence>, String), String> {
    let b: Bundle = serde_json::from_str(text).map_err(|e| format!("it is no bundle of evidence, or was cut: {e}"))?;
    if b.what != "holdpoint evidence" {
        return Err("it is no bundle of evidence".into());
    }
    if b.format != FORMAT {
        return Err(format!("it has format {}, and this Holdpoint knows {FORMAT}", b.format));
    }
    for e in &b.evidence {
        if content_id(e) != e.id {
            return Err(format!(
                "the record of {} of {} was edited: its content does not fit its id",
                crate::text::clean(&e.kind),
                crate::text::clean(&e.at)
            ));
        }
    }
    if b.hash() != b.sha256 {
        return Err("records were taken out, added or reordered: it does not fit its hash".into());
    }
    Ok((b.host, b.evidence, b.sha256))
}
