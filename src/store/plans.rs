//! Plans that were asked for, so that the one of last week is still there when the statement has become slow.

use super::{Store, store_error};
use crate::model::plan::Plan;
use crate::model::{Error, Kind, Result};
use rusqlite::{OptionalExtension, params};

/// The table of version 4 of the store.
pub(super) const TABLES: &str = "
CREATE TABLE plans (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, target TEXT NOT NULL, fingerprint TEXT NOT NULL, shape TEXT NOT NULL,
  analyzed INTEGER NOT NULL, ms REAL, cost REAL, text TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX plans_statement ON plans (target, fingerprint, id);
";

/// Plans that are kept of one statement of a target; the oldest go first.
const OF_ONE: i64 = 50;
/// Plans that are kept of a target.
const KEPT: i64 = 2_000;
/// A plan's own text is kept up to so many bytes: the nodes are kept in any case.
const RAW: usize = 256 * 1024;
/// Larger plans are not kept, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// A plan in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub id: i64,
    /// RFC 3339, UTC.
    pub at: String,
    pub shape: String,
    pub analyzed: bool,
    /// Planning and execution, milliseconds.
    pub ms: Option<f64>,
    /// The root's expected cost.
    pub cost: Option<f64>,
    pub text: String,
}

/// A plan that was just asked for.
#[derive(Debug)]
pub struct NewPlan<'a> {
    /// RFC 3339, UTC.
    pub at: String,
    pub target: &'a str,
    /// `sql::fingerprint` of the statement.
    pub fingerprint: String,
    /// `plan::shape::hash` of the plan.
    pub shape: String,
    /// The statement; has passed `sql::redact`.
    pub text: String,
    pub plan: &'a Plan,
}

impl Store {
    /// Remembers a plan. One that is not measured and has the shape and the cost of the newest one is not kept again.
    pub fn remember_plan(&self, new: &NewPlan<'_>) -> Result<()> {
        let plan = new.plan;
        let slim;
        let kept = if plan.raw.len() > RAW {
            slim = Plan { raw: String::new(), ..plan.clone() };
            &slim
        } else {
            plan
        };
        let body = serde_json::to_string(kept).map_err(|e| Error::new(Kind::Failed, format!("the plan cannot be written: {e}")))?;
        if body.len() > LARGEST {
            return Ok(());
        }
        let ms = plan.execution_ms.or(plan.root.total_ms).filter(|_| plan.analyzed).map(|e| e + plan.planning_ms.unwrap_or(0.0));
        self.write(|tx| {
            let newest: Option<(String, Option<f64>, i64)> = tx
                .query_row(
                    "SELECT shape, cost, id FROM plans WHERE target = ?1 AND fingerprint = ?2 ORDER BY id DESC LIMIT 1",
                    params![new.target, new.fingerprint],
                    |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
                )
                .optional()
                .map_err(store_error)?;
            if let Some((.., id)) =
                newest.filter(|(shape, cost, _)| !plan.analyzed && *shape == new.shape && *cost == plan.root.est_total_cost)
            {
                // It may not have known which indexes there are.
                if plan.indexes.is_some() {
                    tx.execute("UPDATE plans SET body = ?1 WHERE id = ?2 AND analyzed = 0", params![body, id]).map_err(store_error)?;
                }
                return Ok(());
            }
            tx.execute(
                "INSERT INTO plans (at, target, fingerprint, shape, analyzed, ms, cost, text, body) VALUES (?,?,?,?,?,?,?,?,?)",
                params![new.at, new.target, new.fingerprint, new.shape, plan.analyzed, ms, plan.root.est_total_cost, new.text, body],
            )
            .map_err(store_error)?;
            tx.execute(
                "DELETE FROM plans WHERE target = ?1 AND fingerprint = ?2 AND id <=
                   (SELECT id FROM plans WHERE target = ?1 AND fingerprint = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
                params![new.target, new.fingerprint, OF_ONE],
            )
            .map_err(store_error)?;
            tx.execute(
                "DELETE FROM plans WHERE target = ?1 AND id <= (SELECT id FROM plans WHERE target = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![new.target, KEPT],
            )
            .map_err(store_error)?;
            Ok(())
        })
    }

    /// The plans of a statement of a target, newest first.
    pub fn plans_of(&self, target: &str, fingerprint: &str) -> Result<Vec<Kept>> {
        self.read(|db| {
            let mut st = db
                .prepare_cached(
                    "SELECT id, at, shape, analyzed, ms, cost, text FROM plans WHERE target = ?1 AND fingerprint = ?2 ORDER BY id DESC",
                )
                .map_err(store_error)?;
            let rows = st
                .query_map(params![target, fingerprint], |r| {
                    Ok(Kept {
                        id: r.get(0)?,
                        at: r.get(1)?,
                        shape: r.get(2)?,
                        analyzed: r.get(3)?,
                        ms: r.get(4)?,
                        cost: r.get(5)?,
                        text: r.get(6)?,
                    })
                })
                .map_err(store_error)?;
            rows.map(|r| r.map_err(store_error)).collect()
        })
    }

    /// A plan that was kept, with its statement and the time.
    pub fn plan(&self, id: i64) -> Result<(Plan, String, String)> {
        let (body, text, at): (String, String, String) = self.read(|db| {
            db.query_row("SELECT body, text, at FROM plans WHERE id = ?1", params![id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .optional()
                .map_err(store_error)?
                .ok_or_else(|| Error::new(Kind::Failed, "this plan is not kept any more"))
        })?;
        let plan = serde_json::from_str(&body).map_err(|e| {
            Error::new(Kind::Io, format!("the kept plan cannot be read: {e}")).hint("Another version of Holdpoint wrote it.")
        })?;
        Ok((plan, text, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::PlanNode;

    fn plan(cost: f64, ms: Option<f64>) -> Plan {
        let root = PlanNode { op: "table scan".into(), est_total_cost: Some(cost), ..PlanNode::default() };
        Plan { analyzed: ms.is_some(), execution_ms: ms, root, raw: "Seq Scan".into(), ..Plan::default() }
    }

    fn keep(s: &Store, target: &str, shape: &str, p: &Plan) {
        let at = "2026-11-21T00:00:00Z".into();
        let text = "select 1".into();
        s.remember_plan(&NewPlan { at, target, fingerprint: "f".into(), shape: shape.into(), text, plan: p }).unwrap();
    }

    #[test]
    fn plans_come_back_newest_first_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        keep(&s, "t", "a", &plan(10.0, None));
        keep(&s, "t", "a", &plan(10.0, None));
        assert_eq!(s.plans_of("t", "f").unwrap().len(), 1, "the same estimate twice is one");
        let known = Plan { indexes: Some(vec!["i".into()]), ..plan(10.0, None) };
        keep(&s, "t", "a", &known);
        let one = s.plans_of("t", "f").unwrap();
        assert_eq!((one.len(), s.plan(one[0].id).unwrap().0), (1, known), "… which knows the indexes when one of them did");
        keep(&s, "t", "a", &plan(10.0, Some(5.0)));
        keep(&s, "t", "a", &plan(10.0, Some(6.0)));
        keep(&s, "t", "b", &plan(12.0, None));
        keep(&s, "other", "b", &plan(12.0, None));
        let all = s.plans_of("t", "f").unwrap();
        assert_eq!(
            all.iter().map(|k| (k.shape.as_str(), k.ms)).collect::<Vec<_>>(),
            [("b", None), ("a", Some(6.0)), ("a", Some(5.0)), ("a", None)]
        );
        assert_eq!(s.plan(all[1].id).unwrap(), (plan(10.0, Some(6.0)), "select 1".to_string(), "2026-11-21T00:00:00Z".to_string()));
        assert!(s.plan(999).unwrap_err().message.contains("not kept any more"));
        assert!(s.plans_of("t", "other").unwrap().is_empty());
    }

    #[test]
    fn the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        for i in 0..OF_ONE + 5 {
            keep(&s, "t", "a", &plan(1.0, Some(i as f64)));
        }
        let all = s.plans_of("t", "f").unwrap();
        assert_eq!((all.len() as i64, all.last().unwrap().ms), (OF_ONE, Some(5.0)));
    }
}
