//! What a measurement is made in: asked of the server before it, and compared by `plan::environment`.

use super::{Connection, plan_facts};
use crate::engine::Session;
use crate::model::Result;
use crate::model::plan::Plan;
use crate::plan::environment::{Environment, TableState};
use crate::plan::known::{Index, Table};
use sha2::{Digest, Sha256};

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
