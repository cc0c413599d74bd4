//! From the server's plans to ours: pure, no connection. Unknown keys are kept, and nothing here fails on them.
//!
//! `blocks` reads `FORMAT=JSON` of MariaDB and MySQL's first version of it; `paths` reads MySQL's TREE text and its second
//! version of JSON, which both print access paths.

use crate::model::plan::PlanNode;
use crate::text::thousands;

pub mod blocks;
pub mod paths;

/// Rows above which reading a whole table is worth a sentence.
const MANY: f64 = 1000.0;

/// Sentences that hold whatever the engine: whole tables read, rows thrown away, sorts, joins without an index.
pub(super) fn remarks(root: &PlanNode) -> Vec<String> {
    let mut out = Vec::new();
    root.walk(0, &mut |_, n| {
        let name = n.alias.as_deref().or(n.relation.as_deref()).unwrap_or("a table");
        let read = match (n.rows_total, n.removed.total()) {
            (Some(kept), removed) => Some(kept + removed.unwrap_or(0.0)),
            (None, _) => n.attrs.get("rows").and_then(|r| r.parse().ok()).or(n.est_rows),
        };
        let count = |x: f64| thousands(x.max(0.0).round() as u64);
        if n.op == "table scan" && n.relation.as_deref().is_some_and(|r| !r.starts_with('<')) && read.is_some_and(|r| r >= MANY) {
            let about = if n.rows_total.is_some() { "" } else { "about " };
            out.push(format!("reads the whole of {name}: {about}{} rows", count(read.unwrap_or(0.0))));
        }
        if let (Some(kept), Some(removed)) = (n.rows_total, n.removed.total())
            && removed >= MANY
            && removed >= 9.0 * kept
        {
            out.push(format!("{name}: {} rows read, {} kept", count(kept + removed), count(kept)));
        }
        if n.op == "block nested loop" {
            out.push(format!("joins {} without an index: each buffer of rows is compared with all of it", inner_name(n)));
        }
    });
    out
}

fn inner_name(n: &PlanNode) -> String {
    let mut name = None;
    n.walk(0, &mut |_, c| {
        if name.is_none() && c.relation.is_some() {
            name = c.alias.clone().or_else(|| c.relation.clone());
        }
    });
    name.unwrap_or_else(|| "a table".into())
}
