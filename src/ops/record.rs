//! Writing to the store in an operation's name: journal entries and evidence.

use super::Cx;
use crate::config::Target;
use crate::engine::Catalog;
use crate::engine::fingerprint::schema_hash;
use crate::model::evidence::{Evidence, Grade, Subject};
use crate::model::migration::{Migration, RollbackClass};
use crate::model::{CanonicalObject, Identity, Result};
use crate::store::evidence::content_id;
use crate::store::journal::NewEntry;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

impl Cx {
    pub(in crate::ops) fn entry(&self, kind: &str, target: &str, body: Value) -> NewEntry {
        NewEntry {
            at: self.clock.stamp(),
            kind: kind.into(),
            operator: self.operator.clone(),
            host: self.host.clone(),
            target: target.into(),
            body,
        }
    }

    pub(in crate::ops) fn journal(&self, kind: &str, target: &str, body: Value) -> Result<i64> {
        self.store.append(&self.entry(kind, target, body))
    }

    /// Completes a draft (time, name, host, id) and records it.
    pub(in crate::ops) fn record(&self, draft: Draft) -> Result<Evidence> {
        let mut e = Evidence {
            id: String::new(),
            kind: draft.kind.into(),
            subject: draft.subject,
            grade: draft.grade,
            summary: draft.summary,
            facts: draft.facts,
            class: draft.class,
            holds: draft.holds,
            at: self.clock.stamp(),
            expires: None,
            by: draft.by.unwrap_or_else(|| self.operator.clone()),
            host: self.host.clone(),
            imported_from: None,
            environment: draft.environment,
        };
        // The second is the store's unit of time; doing the same thing twice within one must still give two records.
        e.facts.insert("nonce".into(), short_id());
        e.id = content_id(&e);
        self.store.record_evidence(&e, self.entry("evidence", &e.subject.target, Value::Null))?;
        Ok(e)
    }
}

/// Evidence as an operation fills it in.
pub(in crate::ops) struct Draft {
    pub kind: &'static str,
    pub subject: Subject,
    pub holds: bool,
    pub summary: String,
    pub grade: Option<Grade>,
    pub class: Option<RollbackClass>,
    pub facts: BTreeMap<String, String>,
    pub by: Option<String>,
    pub environment: Option<String>,
}

impl Draft {
    pub fn new(kind: &'static str, target: &Target, identity: &Identity, holds: bool, summary: impl Into<String>) -> Self {
        let mut d = Draft::unseen(kind, target, holds, summary);
        d.subject.database = identity.subject();
        d.fact("server", format!("{} {}", identity.product, identity.version))
    }
    /// About a target that was not asked who it is: an incident is on record also while nobody can log in.
    pub fn unseen(kind: &'static str, target: &Target, holds: bool, summary: impl Into<String>) -> Self {
        Draft {
            kind,
            subject: Subject {
                target: target.name.clone(),
                database: String::new(),
                scripts: String::new(),
                schema: String::new(),
                backup: String::new(),
            },
            holds,
            summary: summary.into(),
            grade: None,
            class: None,
            facts: BTreeMap::new(),
            by: None,
            environment: target.environment.clone(),
        }
    }
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }
    /// Binds the evidence to these scripts: their common hash, and each file's own so that a change can be named.
    pub fn scripts(mut self, range: &[Migration]) -> Self {
        self.subject.scripts = range_hash(range);
        for m in range {
            self.facts.insert(format!("script.{}", file_name(&m.up.path)), m.up.sha256.clone());
            if let Some(down) = &m.down {
                self.facts.insert(format!("script.{}", file_name(&down.path)), down.sha256.clone());
            }
        }
        self
    }
}

/// SHA-256 over a migration's version and its two scripts' hashes, hex.
pub(in crate::ops) fn single_hash(m: &Migration) -> String {
    let mut h = Sha256::new();
    h.update(b"holdpoint migration 1\n");
    h.update(m.version.to_le_bytes());
    h.update(m.up.sha256.as_bytes());
    h.update(m.down.as_ref().map_or("-", |d| d.sha256.as_str()).as_bytes());
    hex::encode(h.finalize())
}

/// SHA-256 over the migrations' hashes in order, hex; empty for an empty range.
pub(in crate::ops) fn range_hash(range: &[Migration]) -> String {
    if range.is_empty() {
        return String::new();
    }
    let mut h = Sha256::new();
    h.update(b"holdpoint range 1\n");
    for m in range {
        h.update(single_hash(m).as_bytes());
    }
    hex::encode(h.finalize())
}

/// Eight random hex digits: names runs and acts. The randomness is the standard library's hash seed, which is per process and call.
pub(in crate::ops) fn short_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    let mut h = std::collections::hash_map::RandomState::new().build_hasher();
    h.write_u32(std::process::id());
    h.write_i128(jiff::Timestamp::now().as_nanosecond());
    format!("{:08x}", h.finish() as u32)
}

/// The file's name, fit for display.
pub(in crate::ops) fn file_name(path: &Path) -> String {
    crate::text::clean(&path.file_name().unwrap_or_default().to_string_lossy()).into_owned()
}

/// `0043`: versions are shown as the file names write them, at least four digits.
pub(in crate::ops) fn shown_version(version: i64) -> String {
    format!("{version:04}")
}

/// `0043…0045`, or `0043`.
pub(in crate::ops) fn shown_range(versions: &[i64]) -> String {
    match versions {
        [] => "nothing".into(),
        [one] => shown_version(*one),
        [first, .., last] => format!("{}…{}", shown_version(*first), shown_version(*last)),
    }
}

/// Hash of a catalogue as a restore brings it back: kinds that do not travel (owners, privileges) are left out, so that the
/// live database and a scratch copy of it have one hash.
pub(in crate::ops) fn travelling_hash(catalog: &dyn Catalog, objects: &[CanonicalObject]) -> String {
    let left_out = catalog.not_restored();
    let mut kept: Vec<CanonicalObject> = objects.iter().filter(|o| !left_out.contains(&o.kind.as_str())).cloned().collect();
    kept.sort();
    schema_hash(&kept)
}
