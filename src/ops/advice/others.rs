//! Other statements of the target that an index would help or hurt: the newest reads of its history that name the table, planned again
//! with the index imagined. Estimated, and no more is claimed.

use crate::engine::{Hypothetical, Session};
use crate::model::{Kind, Result};
use crate::ops::{Connection, Cx, query};
use crate::plan::candidates::Candidate;
use crate::plan::shape;
use crate::sql::{self, mentions::mentions};
use serde::Serialize;
use std::collections::BTreeSet;

/// Statements that are planned again.
const MOST: usize = 20;
/// Runs of the history that are looked through for them.
const LOOKED_THROUGH: usize = 500;
/// A cost that changes by less than this share is the same.
const SAME: f64 = 0.02;

/// A statement whose plan changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Other {
    pub sql: String,
    /// Expected costs; `None` where the engine expects none.
    pub before: Option<f64>,
    pub after: Option<f64>,
}

/// What one index does to other statements.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Others {
    /// Statements that were planned with it and without it.
    pub looked_at: usize,
    /// Their plans take it, and are expected to be cheaper (or the engine expects no costs).
    pub helped: Vec<Other>,
    /// Their plans are expected to be dearer.
    pub hurt: Vec<Other>,
    /// Their plans change, and their costs do not.
    pub changed: Vec<Other>,
}

impl Others {
    /// A sentence, and one for each statement that is told of.
    pub fn lines(&self) -> Vec<String> {
        if self.looked_at == 0 {
            return vec!["Other statements: the history of this target holds none that reads this table.".into()];
        }
        let mut out = vec![format!(
            "Other statements (estimated): of the {} of this target's history that read this table, {} {} helped, {} hurt, {} only planned otherwise.",
            self.looked_at,
            self.helped.len(),
            if self.helped.len() == 1 { "is" } else { "are" },
            self.hurt.len(),
            self.changed.len(),
        )];
        for (word, list) in [("helped", &self.helped), ("hurt", &self.hurt)] {
            for o in list.iter().take(3) {
                let line = o.sql.split_whitespace().collect::<Vec<_>>().join(" ");
                let line = crate::text::truncate(&crate::text::clean(&line), 90).into_owned();
                out.push(match (o.before, o.after) {
                    (Some(b), Some(a)) => format!("{word}: cost {b:.0} → {a:.0}: {line}"),
                    _ => format!("{word}: {line}"),
                });
            }
        }
        out
    }
}

/// The newest reads of the history that name the table, each once, without the statement itself; only what is proven to read and needs no
/// values.
pub(super) async fn reads(cx: &Cx, conn: &Connection, statement: &str, relation: &str) -> Result<Vec<String>> {
    let d = conn.dialect();
    let mut seen: BTreeSet<String> = BTreeSet::from([sql::fingerprint(d, statement)]);
    let mut out = Vec::new();
    for ran in cx.store.recall(Some(&conn.target().name), Some(relation), LOOKED_THROUGH)? {
        if out.len() == MOST {
            break;
        }
        cx.check_cancelled()?;
        let fits = ran.error.is_none()
            && sql::split(d, &ran.text).len() == 1
            && sql::params::placeholders(d, &ran.text).is_empty()
            && mentions(d, &ran.text, &[relation]).is_some();
        let verdict = sql::classify(d, &ran.text);
        if !fits || !verdict.is_read() || verdict.analyzes || !seen.insert(sql::fingerprint(d, &ran.text)) {
            continue;
        }
        let first = ran.text.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        if !matches!(first.as_str(), "select" | "with" | "values" | "table" | "(select") {
            continue;
        }
        if query::may_write(conn, &ran.text, &verdict).await?.is_none() {
            out.push(ran.text.trim_end().trim_end_matches(';').to_string());
        }
    }
    Ok(out)
}

/// Plans them with the index imagined.
pub(super) async fn imagined(
    cx: &Cx,
    engine: &dyn Hypothetical,
    session: &Session,
    statements: &[String],
    c: &Candidate,
    creates: &[&str],
) -> Result<Others> {
    let mut out = Others::default();
    for (n, text) in statements.iter().enumerate() {
        cx.check_cancelled()?;
        cx.progress.update(&format!("other statements with {}", crate::text::clean(&c.name)), n as u64, Some(statements.len() as u64));
        let with = async {
            let without = session.explain(text.as_str(), false).await?;
            Ok::<_, crate::model::Error>((without, engine.imagine(session, text, creates).await?))
        };
        let (without, with) = match with.await {
            Ok(both) => both,
            Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) => return Err(e),
            // Its table is gone, or somebody holds a lock: it says nothing about the index.
            Err(_) => continue,
        };
        out.looked_at += 1;
        out.sort(
            text,
            (without.root.est_total_cost, with.plan.root.est_total_cost),
            shape::hash(&without) != shape::hash(&with.plan) || with.used.contains(&true),
        );
    }
    Ok(out)
}

impl Others {
    /// Puts one statement where it belongs.
    pub(super) fn sort(&mut self, text: &str, (before, after): (Option<f64>, Option<f64>), changed: bool) {
        let one = Other { sql: text.to_string(), before, after };
        match (before, after) {
            (Some(b), Some(a)) if changed && a < b * (1.0 - SAME) => self.helped.push(one),
            (Some(b), Some(a)) if a > b * (1.0 + SAME) => self.hurt.push(one),
            (Some(_), Some(_)) if changed => self.changed.push(one),
            (None, _) | (_, None) if changed => self.helped.push(one),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_sorted_by_what_becomes_of_their_cost() {
        let mut o = Others { looked_at: 5, ..Others::default() };
        o.sort("a", (Some(100.0), Some(10.0)), true);
        o.sort("b", (Some(100.0), Some(120.0)), true);
        o.sort("c", (Some(100.0), Some(99.0)), true);
        o.sort("d", (Some(100.0), Some(100.0)), false);
        o.sort("e", (None, None), true);
        let of = |l: &[Other]| l.iter().map(|o| o.sql.clone()).collect::<Vec<_>>();
        assert_eq!(
            (of(&o.helped), of(&o.hurt), of(&o.changed)),
            (vec!["a".into(), "e".into()], vec!["b".to_string()], vec!["c".to_string()])
        );
        assert!(o.lines()[0].contains("of the 5") && o.lines().iter().any(|l| l == "hurt: cost 100 → 120: b"), "{:?}", o.lines());
    }
}
