//! What is true now, gathered in one place for the gate and for the checklist's view.

use crate::config::{ChecklistFile, StepDef, Target, checklist as files};
use crate::engine::Session;
use crate::model::evidence::Subject;
use crate::model::migration::{Migration, Standing};
use crate::model::{Error, Finding, Identity, Result, Severity};
use crate::ops::migrate::status::{self, Queue};
use crate::ops::record::{range_hash, shown_version, single_hash, travelling_hash};
use crate::ops::{Connection, Cx};
use crate::store::evidence::Stored;
use crate::store::journal::Verification;
use crate::store::runs::Run;
use jiff::Timestamp;

/// A target, its files, its history and its evidence at one moment.
pub(in crate::ops) struct Situation {
    pub list: ChecklistFile,
    /// Steps that apply in the target's environment.
    pub steps: Vec<StepDef>,
    pub identity: Identity,
    pub queue: Queue,
    /// The open run; the last closed one when nothing is pending.
    pub run: Option<Run>,
    /// Migrations of the range, in the order of application.
    pub range: Vec<Migration>,
    /// Why the range is not what was asked for; nothing can be cleared then.
    pub range_problem: Option<String>,
    /// Hash of the range's scripts.
    pub scripts: String,
    /// The history says that the whole range is applied.
    pub applied: bool,
    /// Hash of the live catalogue.
    pub schema: String,
    /// All evidence, newest first.
    pub evidence: Vec<Stored>,
    pub journal_broken: Option<String>,
    /// An act on this target that has no end: another console at work, or a run that was cut off.
    pub act_in_the_way: Option<String>,
    /// This very database is known under a later environment: an environment with fewer steps would go round its gate.
    pub other_environment: Option<String>,
    pub now: Timestamp,
    pub findings: Vec<Finding>,
}

impl Situation {
    pub fn versions(&self) -> Vec<i64> {
        self.range.iter().map(|m| m.version).collect()
    }
    /// What evidence has to be about.
    pub fn subject(&self, target: &str) -> Subject {
        Subject {
            target: target.into(),
            database: self.identity.subject(),
            scripts: self.scripts.clone(),
            schema: self.schema.clone(),
            backup: String::new(),
        }
    }
    pub fn open_run(&self) -> Option<&Run> {
        self.run.as_ref().filter(|r| r.open)
    }
    /// Versions with the hash of their scripts.
    pub fn hashes(&self) -> Vec<(i64, String)> {
        self.range.iter().map(|m| (m.version, single_hash(m))).collect()
    }
}

/// Looks at everything, on a given session. `upto` is used where no run is open.
pub(in crate::ops) async fn look(cx: &Cx, conn: &Connection, session: &Session, checklist: &str, upto: Option<i64>) -> Result<Situation> {
    let target = conn.target();
    let list = files::load(&cx.config, checklist)?;
    let steps: Vec<StepDef> =
        list.steps.iter().filter(|s| s.applies(target.environment.as_deref(), &cx.config.environments)).cloned().collect();
    let queue = status::status_on(cx, conn, session).await?;
    let objects = conn.catalog()?.objects(session).await?;
    let mut findings = Vec::new();
    if let Some(from) = &list.from {
        findings.push(Finding::new(
            Severity::Info,
            "own-checklist",
            checklist,
            format!("the checklist is the project's own: {}", crate::text::clean(&from.to_string_lossy())),
        ));
    }
    let evidence = cx.store.evidence(None)?;
    let journal_broken = match cx.store.look_at_journal()? {
        Verification::Intact { .. } => None,
        Verification::Broken { why, .. } => Some(why),
    };
    let nothing_pending = queue.pending().next().is_none();
    let run = match cx.store.open_run(checklist, &target.name)? {
        Some(r) => Some(r),
        None if nothing_pending => cx.store.last_run(checklist, &target.name)?.filter(|r| r.versions.is_some()),
        None => None,
    };
    let (range, applied, range_problem) = range(&queue, run.as_ref(), upto);
    let act_in_the_way = act_in_the_way(cx, &target.name)?;
    let other_environment = other_environment(cx, target, session.identity(), &evidence);
    Ok(Situation {
        steps,
        list,
        identity: session.identity().clone(),
        scripts: range_hash(&range),
        applied,
        range,
        range_problem,
        run,
        schema: travelling_hash(conn.catalog()?, &objects),
        evidence,
        journal_broken,
        act_in_the_way,
        other_environment,
        now: cx.clock.now(),
        findings,
        queue,
    })
}

/// The range that a run is about: before its first act the pending migrations up to its limit; after that its own
/// versions, of which those that are pending (again) are the range, or all of them when none is.
fn range(queue: &Queue, run: Option<&Run>, upto: Option<i64>) -> (Vec<Migration>, bool, Option<String>) {
    let of = |version: i64| queue.items.iter().find(|i| i.version == version);
    if let Some(versions) = run.and_then(|r| r.versions.as_ref()) {
        let mut pending = Vec::new();
        let mut done = Vec::new();
        for v in versions {
            match of(*v).map(|i| (i.standing, &i.migration)) {
                Some((Standing::Pending | Standing::Late, Some(m))) => pending.push(m.clone()),
                // Neither done nor to be done again: nothing goes on before somebody has looked.
                Some((Standing::Dirty, _)) => {
                    return (
                        Vec::new(),
                        false,
                        Some(format!("{} is half applied: the history says that it did not succeed", shown_version(*v))),
                    );
                }
                Some((Standing::Applied | Standing::LineEnds | Standing::Edited, Some(m))) => done.push(m.clone()),
                _ => return (Vec::new(), false, Some(format!("the files of {} are not in the directory any more", shown_version(*v)))),
            }
        }
        return if pending.is_empty() { (done, true, None) } else { (pending, false, None) };
    }
    let upto = run.map_or(upto, |r| r.upto);
    let all: Vec<Migration> = queue.pending().filter_map(|i| i.migration.clone()).collect();
    match upto {
        None => (all, false, None),
        Some(limit) => match all.iter().position(|m| m.version == limit) {
            Some(at) => (all[..=at].to_vec(), false, None),
            None => {
                let why = match of(limit).map(|i| i.standing) {
                    None => format!("there is no migration {}", shown_version(limit)),
                    Some(_) => format!("{} is not pending", shown_version(limit)),
                };
                (Vec::new(), false, Some(why))
            }
        },
    }
}

/// Says where the database is known as one of a later environment than the target's: in what was recorded about it, or in
/// the configuration, as another target of the same place.
fn other_environment(cx: &Cx, target: &Target, identity: &Identity, evidence: &[Stored]) -> Option<String> {
    let order = &cx.config.environments;
    let place = |e: &Option<String>| e.as_ref().and_then(|e| order.iter().position(|o| o == e));
    // Without an environment every step applies: there is no stricter one.
    let own = place(&target.environment)?;
    let later = |e: &Option<String>| place(e).is_some_and(|p| p > own);
    let name = |t: &str| crate::text::clean(t).into_owned();
    if let Some(other) = cx.config.targets.values().find(|t| t.name != target.name && later(&t.environment) && t.same_place(target)) {
        let environment = other.environment.as_deref().unwrap_or_default();
        return Some(format!("{} is the same database as {}, a target of {environment}", name(&target.name), name(&other.name)));
    }
    let subject = identity.subject();
    let known = evidence.iter().find(|s| s.tampered.is_none() && s.evidence.subject.database == subject && later(&s.evidence.environment));
    known.map(|s| {
        let environment = s.evidence.environment.as_deref().unwrap_or_default();
        format!(
            "the database of {} is on record as one of {environment} (target {}, journal {})",
            name(&target.name),
            name(&s.evidence.subject.target),
            s.seq
        )
    })
}

/// An unfinished act on the target, as a sentence.
fn act_in_the_way(cx: &Cx, target: &str) -> Result<Option<String>> {
    for act in cx.store.open_acts()? {
        if act.target == target {
            let what = act.begin.text("direction").unwrap_or("act").to_string();
            return Ok(Some(match act.alive(&cx.host) {
                Some(true) => format!("another console is at work here: {what}, begun {} by {}", act.begin.at, act.begin.operator),
                Some(false) => format!(
                    "the {what} begun {} by {} was cut off, and what it left has not been looked at",
                    act.begin.at, act.begin.operator
                ),
                None => format!("the {what} begun {} by {} on {} has no end on record", act.begin.at, act.begin.operator, act.host),
            }));
        }
    }
    Ok(None)
}

impl Situation {
    /// An error when the range is empty or not what was asked for.
    pub fn need_range(&self, target: &str) -> Result<()> {
        if let Some(why) = &self.range_problem {
            if self.queue.items.iter().any(|i| i.standing == Standing::Dirty) {
                return Err(Error::held(format!("held: {why} (target {target})"))
                    .hint("holdpoint migrate status explains it. Finish or undo it by hand, then mend the history row."));
            }
            return Err(Error::usage(format!("{why} (target {target})")).hint("See the queue: holdpoint migrate status."));
        }
        if self.range.is_empty() {
            return Err(
                Error::usage(format!("nothing is pending on {target}")).hint("Put the scripts into the target's migrations directory.")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::migration::Script;
    use crate::ops::migrate::status::QueueItem;
    use std::path::PathBuf;

    fn queue(items: &[(i64, Standing)]) -> Queue {
        let item = |&(version, standing): &(i64, Standing)| QueueItem {
            version,
            name: "m".into(),
            standing,
            migration: Some(Migration {
                version,
                name: "m".into(),
                up: Script { path: PathBuf::new(), text: String::new(), sha256: String::new() },
                down: None,
                no_transaction: false,
            }),
            applied: None,
            class: None,
            verdict: None,
        };
        Queue {
            dir: PathBuf::new(),
            items: items.iter().map(item).collect(),
            findings: vec![],
            transactional_ddl: true,
            history_present: true,
        }
    }
    fn run(upto: Option<i64>, versions: Option<Vec<i64>>) -> Run {
        Run {
            id: "r".into(),
            checklist: "c".into(),
            target: "t".into(),
            database: "d".into(),
            issue: None,
            upto,
            versions,
            started_by: "mira".into(),
            started_at: String::new(),
            open: true,
            seq: 1,
        }
    }
    fn versions(r: &(Vec<Migration>, bool, Option<String>)) -> Vec<i64> {
        r.0.iter().map(|m| m.version).collect()
    }

    #[test]
    fn a_range_is_a_prefix_of_what_is_pending() {
        use Standing::*;
        let q = queue(&[(1, Applied), (2, Pending), (3, Pending), (4, Pending)]);
        assert_eq!(versions(&range(&q, None, None)), [2, 3, 4]);
        assert_eq!(versions(&range(&q, None, Some(3))), [2, 3]);
        assert_eq!(versions(&range(&q, Some(&run(Some(2), None)), Some(4))), [2], "an open run keeps its own");
        assert!(range(&q, None, Some(1)).2.unwrap().contains("0001 is not pending"));
        assert!(range(&q, None, Some(9)).2.unwrap().contains("no migration 0009"));
    }

    #[test]
    fn after_its_act_a_run_is_about_its_own_versions() {
        use Standing::*;
        let r = run(None, Some(vec![2, 3]));
        let applied = range(&queue(&[(2, Applied), (3, Applied), (4, Pending)]), Some(&r), None);
        assert_eq!((versions(&applied), applied.1), (vec![2, 3], true));
        let half = range(&queue(&[(2, Applied), (3, Pending), (4, Pending)]), Some(&r), None);
        assert_eq!((versions(&half), half.1), (vec![3], false));
        let reverted = range(&queue(&[(2, Pending), (3, Pending), (4, Pending)]), Some(&r), None);
        assert_eq!((versions(&reverted), reverted.1), (vec![2, 3], false));
    }
}
