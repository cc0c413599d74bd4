//! What a revert loses: what the proof counted, and what stands now in the columns and tables that the downs drop.

use crate::engine::Session;
use crate::model::evidence::Evidence;
use crate::model::manifest::Fingerprint;
use crate::model::{Dialect, Result};
use crate::text::thousands;
use serde::{Deserialize, Serialize};

/// Something that the ups add and the downs drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct Added {
    pub schema: Option<String>,
    pub table: String,
    /// `None`: the whole table.
    pub column: Option<String>,
    /// Rows, or values that are not NULL, that the proof found there after the ups.
    pub at_proof: u64,
}

impl Added {
    fn shown(&self) -> String {
        let table = match &self.schema {
            Some(s) => format!("{s}.{}", self.table),
            None => self.table.clone(),
        };
        crate::text::clean(&match &self.column {
            Some(c) => format!("{table}.{c}"),
            None => table,
        })
        .into_owned()
    }
    fn statement(&self, d: Dialect) -> String {
        let table = match &self.schema {
            Some(s) => format!("{}.{}", d.quote_ident(s), d.quote_ident(&self.table)),
            None => d.quote_ident(&self.table),
        };
        match &self.column {
            Some(c) => format!("SELECT count({}) FROM {table}", d.quote_ident(c)),
            None => format!("SELECT count(*) FROM {table}"),
        }
    }
}

/// Tables and columns of `after` that `before` has not.
pub(in crate::ops) fn added(before: &Fingerprint, after: &Fingerprint) -> Vec<Added> {
    let mut out = Vec::new();
    for (name, t) in &after.tables {
        let (schema, table) = (t.shape.schema.clone(), t.shape.name.clone());
        match before.tables.get(name) {
            None => out.push(Added { schema, table, column: None, at_proof: t.rows }),
            Some(was) => {
                for c in t.columns.iter().filter(|c| !was.columns.iter().any(|w| w.name == c.name)) {
                    out.push(Added { schema: schema.clone(), table: table.clone(), column: Some(c.name.clone()), at_proof: c.values });
                }
            }
        }
    }
    out
}

/// Sentences with counts. Counting reads the target; a table that is gone or cannot be read is said to be unknown.
pub(in crate::ops) async fn count(session: &Session, proof: &Evidence, versions: &[i64]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for v in versions {
        if proof.facts.get(&format!("class.{v}")).map(String::as_str) == Some("lossy") {
            out.extend(proof.facts.get(&format!("verdict.{v}")).cloned());
        }
        let added: Vec<Added> = proof.facts.get(&format!("added.{v}")).and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        for a in added {
            let what = if a.column.is_some() { "values" } else { "rows" };
            match session.fetch(a.statement(session.dialect())).await.ok().and_then(|t| t.scalar()?.parse::<u64>().ok()) {
                Some(0) => {}
                Some(n) => out.push(format!(
                    "{} is dropped with {} {what}, {} of them since the proof",
                    a.shown(),
                    thousands(n),
                    thousands(n.saturating_sub(a.at_proof))
                )),
                None => out.push(format!("{} is dropped; how many {what} it holds could not be counted", a.shown())),
            }
        }
    }
    Ok(out)
}
