//! What a measurement is made in: asked of the server before it, and compared by `plan::environment`.

use super::{Connection, plan_facts};
use crate::engine::Session;
use crate::model::plan::Plan;
use crate::model::{CanonicalObject, Result};
use crate::plan::environment::{Environment, TableState};
use crate::plan::known::{Index, Table};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Rows up to which a table is counted; beyond that the server's statistics must do.
const COUNTED: u64 = 1_000_000;

/// The environment of a plan of this statement.
pub async fn gather(conn: &Connection, session: &Session, plan: &Plan, text: &str) -> Result<Environment> {
    let known = plan_facts::gather(conn, session, plan, text).await?;
    let id = session.identity();
    let mut out = Environment {
        server: format!("{} {}", id.product, id.version),
        identity: short_hash(&id.subject()),
        settings: conn.engine().measuring().planner_settings(session).await?,
        ..Environment::default()
    };
    for t in &known.tables {
        let name = t.schema.as_ref().map_or_else(|| t.name.clone(), |s| format!("{s}.{}", t.name));
        out.tables.insert(name, state(conn, session, t).await);
    }
    Ok(out)
}

/// Operators that stand behind ORDER BY, DISTINCT, IN, BETWEEN, LIKE and the like, where nobody wrote them.
const COMPARE: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "~~", "~~*", "!~~", "!~~*"];

/// What an object is named by in a text.
enum Name {
    Words(Vec<String>),
    /// An operator.
    Sign(String),
}

/// What stands behind the names of these texts: views, functions and policies, as far as one leads to the next, each with a hash of its
/// definition. Words are enough to say that one may be reached: one too many is harmless while it stays what it is.
/// `None` where this login does not see all definitions.
pub async fn behind(conn: &Connection, session: &Session, texts: &[&str]) -> Option<BTreeMap<String, String>> {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
    };
    let mut left: Vec<(Name, CanonicalObject)> = Vec::new();
    for o in conn.engine().catalog().get().ok()?.objects(session).await.ok()? {
        let full = o.name.split('(').next().unwrap_or_default();
        let named = match o.kind.as_str() {
            "view" | "materialized-view" | "function" | "aggregate" | "package" | "package body" | "operator" => full,
            // It goes by its table.
            "policy" => full.rsplit_once('.').map_or(full, |(table, _)| table),
            _ => continue,
        };
        let named = named.rsplit('.').next().unwrap_or(named);
        let name = if o.kind == "operator" { Name::Sign(named.to_string()) } else { Name::Words(words(named)) };
        left.push((name, o));
    }
    let mut known: BTreeSet<String> = texts.iter().flat_map(|t| words(t)).collect();
    let mut said: String = texts.join("\n");
    let mut out = BTreeMap::new();
    loop {
        let (reached, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(name, _)| match name {
            Name::Words(words) => words.iter().all(|w| known.contains(w)),
            Name::Sign(sign) => COMPARE.contains(&sign.as_str()) || said.contains(sign),
        });
        if reached.is_empty() {
            return Some(out);
        }
        for (_, o) in reached {
            known.extend(words(&o.definition));
            said.push_str(&o.definition);
            out.insert(format!("{} {}", o.kind, o.name), short_hash(&o.definition));
        }
        left = rest;
    }
}

async fn state(conn: &Connection, session: &Session, t: &Table) -> TableState {
    let quote = |name: &str| conn.dialect().quote_ident(name);
    let full = t.schema.as_ref().map_or_else(|| quote(&t.name), |s| format!("{}.{}", quote(s), quote(&t.name)));
    // One more than is counted: then it is known that there are more.
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM {full} LIMIT {}) holdpoint_counted", COUNTED + 1);
    let counted = match session.fetch(count).await {
        Ok(table) => table.scalar().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n <= COUNTED),
        Err(_) => None,
    };
    let columns: Vec<String> = t.columns.iter().map(|c| format!("{} {}", c.name, c.type_name)).collect();
    let told = |i: &Index| {
        let only = i.only_where.as_ref().map_or(String::new(), |w| format!(" where {w}"));
        format!("{} ({}){only}", i.name, i.keys.join(", "))
    };
    let hidden = t.hidden.iter().map(|i| format!("{}, hidden from the planner", told(i)));
    let mut indexes: Vec<String> = t.indexes.iter().map(told).chain(hidden).collect();
    indexes.sort();
    TableState {
        rows: counted.unwrap_or_else(|| t.rows.unwrap_or(0.0).max(0.0) as u64),
        counted: counted.is_some(),
        columns: short_hash(&columns.join("\n")),
        indexes,
    }
}

/// 16 hexadecimal digits: enough to tell apart, and no path or address in a file that is shared.
fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}
