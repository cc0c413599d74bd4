//! What a measurement was made in: server, planner settings, and how much there was to read. Two measurements are compared only
//! where these are the same. Pure; `ops::environment` asks.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows may differ by this share before data count as other data.
const SAME_ROWS: f64 = 0.01;

/// The setting that tells MySQL's cost constants, which are rows of tables there.
pub const COSTS: &str = "cost constants";
/// … where this login may not read them.
pub const NOT_READABLE: &str = "not readable";
/// … and where they are as the server came.
pub const DEFAULT: &str = "default";

/// See the module.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// `PostgreSQL 15.20`.
    pub server: String,
    /// Hash of what names the server and the database: times of another machine are other times.
    pub identity: String,
    /// Settings of the planner, and of the memory that it counts with.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Tables that the statement reads, by name.
    #[serde(default)]
    pub tables: BTreeMap<String, TableState>,
    /// Views, functions and policies that the statement reaches by name, each with a hash of its definition. `None`: not looked at, by
    /// an older Holdpoint or for want of a right.
    #[serde(default)]
    pub behind: Option<BTreeMap<String, String>>,
}

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableState {
    pub rows: u64,
    /// False: by the server's statistics, because counting would take too long.
    pub counted: bool,
    /// Hash of its columns and their types.
    pub columns: String,
    /// Its indexes: `orders_state (state, id)`.
    #[serde(default)]
    pub indexes: Vec<String>,
}

/// How two environments differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Differences {
    /// Another server version, other settings, other data: nothing can be compared.
    pub apart: Vec<String>,
    /// Another machine or database of the same kind: times cannot be compared, work can.
    pub elsewhere: bool,
    /// What was changed and may be the point of it: indexes, columns.
    pub changed: Vec<String>,
}

impl Environment {
    /// What of it could not be seen: a sentence.
    pub fn unseen(&self) -> Option<String> {
        (self.settings.get(COSTS).map(String::as_str) == Some(NOT_READABLE)).then(|| {
            "The planner's cost constants may not be read by this login (mysql.server_cost, mysql.engine_cost): whether they changed is not known."
                .to_string()
        })
    }
}

/// Whether the cost constants are known to be others: an older measurement tells none, and not every login may read them.
fn costs_differ(then: Option<&String>, now: Option<&String>) -> bool {
    let told = |v: Option<&String>| v.filter(|v| *v != NOT_READABLE).cloned();
    match (told(then), told(now)) {
        (Some(was), Some(is)) => was != is,
        (None, Some(is)) => then.is_none() && is != DEFAULT,
        (_, None) => false,
    }
}

/// Names that mean another schema's table than they did, by the plans of one statement then and now, a line each node.
pub fn meant_otherwise(then: &[String], now: &[String]) -> Vec<String> {
    fn tables(plan: &[String]) -> impl Iterator<Item = &str> {
        plan.iter().filter_map(|l| l.rsplit_once(" on ")).filter_map(|(_, t)| t.split(' ').next()).filter(|t| t.contains('.'))
    }
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
    let mut out = Vec::new();
    for was in tables(then).filter(|t| !tables(now).any(|n| n == *t)) {
        let other = tables(now).find(|n| bare(n) == bare(was) && !tables(then).any(|t| t == *n));
        out.extend(other.map(|is| format!("{} meant {was} and means {is}", bare(was))));
    }
    out.dedup();
    out
}

/// What is different in what stands behind the statement's names.
fn behind_differs(then: &Environment, now: &Environment) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(was), Some(is)) = (&then.behind, &now.behind) {
        let came = is.keys().filter(|k| !was.contains_key(*k)).map(|k| format!("{k}, which the statement's names reach, was not there"));
        let others = was.iter().filter_map(|(k, hash)| match is.get(k) {
            None => Some(format!("{k} is not there any more")),
            Some(h) if h != hash => Some(format!("{k} has another definition")),
            Some(_) => None,
        });
        out.extend(others.chain(came));
    }
    out
}

/// What is different in `now`.
pub fn differences(then: &Environment, now: &Environment) -> Differences {
    let mut out = Differences { elsewhere: then.identity != now.identity, ..Differences::default() };
    if then.server != now.server {
        out.apart.push(format!("the server was {} and is {}", then.server, now.server));
    }
    for name in then.settings.keys().chain(now.settings.keys().filter(|k| !then.settings.contains_key(*k))) {
        let of = |e: &Environment| e.settings.get(name).map_or("not told".to_string(), Clone::clone);
        let (was, is) = (then.settings.get(name), now.settings.get(name));
        if if name == COSTS { costs_differ(was, is) } else { was != is } {
            out.apart.push(format!("the setting {name} was {} and is {}", of(then), of(now)));
        }
    }
    out.apart.extend(behind_differs(then, now));
    for (name, was) in &then.tables {
        // A table that is not read any more is a plan's business, or it was never there: the statement tells.
        let Some(is) = now.tables.get(name) else { continue };
        let most = was.rows.max(is.rows) as f64;
        if was.rows.abs_diff(is.rows) as f64 > most * SAME_ROWS {
            let thousands = crate::text::thousands;
            out.apart.push(format!("{name} held {} rows and holds {}", thousands(was.rows), thousands(is.rows)));
        }
        if was.columns != is.columns {
            out.changed.push(format!("{name} has other columns"));
        }
        out.changed.extend(is.indexes.iter().filter(|i| !was.indexes.contains(i)).map(|i| format!("{name} has the index {i}")));
        out.changed.extend(was.indexes.iter().filter(|i| !is.indexes.contains(i)).map(|i| format!("{name} has no index {i} any more")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_cost_constants_are_another_environment() {
        let with = |costs: Option<&str>| {
            let mut e = environment();
            e.settings.extend(costs.map(|c| (COSTS.to_string(), c.to_string())));
            e
        };
        let apart = |then: Option<&str>, now: Option<&str>| !differences(&with(then), &with(now)).apart.is_empty();
        assert!(apart(Some(DEFAULT), Some("row_evaluate_cost = 9")) && apart(None, Some("row_evaluate_cost = 9")));
        assert!(!apart(Some(DEFAULT), Some(DEFAULT)) && !apart(None, Some(DEFAULT)));
        // What may not be read is told as that, and is no difference.
        assert!(!apart(Some(DEFAULT), Some(NOT_READABLE)) && !apart(None, Some(NOT_READABLE)));
        assert!(with(Some(NOT_READABLE)).unseen().is_some() && with(Some(DEFAULT)).unseen().is_none());
    }

    fn environment() -> Environment {
        let table = TableState { rows: 1000, counted: true, columns: "c".into(), indexes: vec!["orders_pkey (id)".into()] };
        Environment {
            server: "PostgreSQL 15.20".into(),
            identity: "a".into(),
            settings: BTreeMap::from([("work_mem".into(), "4MB".into())]),
            tables: BTreeMap::from([("public.orders".into(), table)]),
            behind: Some(BTreeMap::from([("view public.v".into(), "1".into())])),
        }
    }

    #[test]
    fn another_view_or_another_table_of_the_name_is_another_environment() {
        let apart = |now: &Environment| differences(&environment(), now).apart;
        let mut now = environment();
        now.behind = Some(BTreeMap::from([("view public.v".into(), "2".into())]));
        assert_eq!(apart(&now), ["view public.v has another definition"]);
        now.behind = Some(BTreeMap::from([("view alt.v".into(), "1".into())]));
        assert_eq!(apart(&now).len(), 2, "{:?}", apart(&now));
        // An older baseline, or a login that may not look.
        now.behind = None;
        assert!(apart(&now).is_empty() && differences(&now, &environment()).apart.is_empty());
        let plan = |table: &str| vec!["Limit".to_string(), format!("  Index Scan on {table} using orders_pkey")];
        assert_eq!(meant_otherwise(&plan("public.orders"), &plan("alt.orders")), ["orders meant public.orders and means alt.orders"]);
        assert!(meant_otherwise(&plan("public.orders"), &plan("public.orders")).is_empty());
        assert!(meant_otherwise(&plan("public.orders"), &plan("public.other")).is_empty());
    }

    #[test]
    fn the_same_is_no_difference_and_an_index_may_be_the_point() {
        assert_eq!(differences(&environment(), &environment()), Differences::default());
        let mut now = environment();
        now.tables.get_mut("public.orders").unwrap().indexes.push("orders_state (state)".into());
        now.tables.get_mut("public.orders").unwrap().rows = 1005;
        let d = differences(&environment(), &now);
        assert!(d.apart.is_empty() && !d.elsewhere, "{d:?}");
        assert_eq!(d.changed, ["public.orders has the index orders_state (state)"]);
    }

    #[test]
    fn other_servers_settings_and_data_are_told() {
        let mut now = environment();
        now.server = "PostgreSQL 16.4".into();
        now.settings.insert("work_mem".into(), "64MB".into());
        now.tables.get_mut("public.orders").unwrap().rows = 2000;
        now.identity = "b".into();
        let d = differences(&environment(), &now);
        assert!(d.elsewhere);
        let all = d.apart.join("; ");
        assert!(all.contains("15.20 and is PostgreSQL 16.4") && all.contains("work_mem was 4MB and is 64MB"), "{all}");
        assert!(all.contains("public.orders held 1,000 rows and holds 2,000"), "{all}");
    }
}
