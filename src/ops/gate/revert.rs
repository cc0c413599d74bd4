//! What a revert is about: which versions in which order, what it would lose, and what is missing for it.

use super::situation::{Situation, look};
use super::{Held, Missing, blocked, judge, losses};
use crate::config::Target;
use crate::engine::{Access, Connect, Role};
use crate::model::evidence::Subject;
use crate::model::migration::{RollbackClass, Standing};
use crate::model::{Error, Result};
use crate::ops::checklist::SCHEMA_MIGRATION;
use crate::ops::record::{range_hash, shown_range, shown_version, single_hash};
use crate::ops::{Connection, Cx};
use crate::store::evidence::Stored;
use crate::store::runs::Run;

/// What a revert would lose, to be shown before the target's name is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevertPreview {
    /// Versions in the order of reverting.
    pub versions: Vec<i64>,
    /// True while the run that applied them is open: its clearance covers the revert.
    pub covered: bool,
    /// The downs were proven on this very database; otherwise nobody knows what they lose.
    pub proven: bool,
    /// What the proof says that the downs lose, and what stands now in what they drop; sentences with counts.
    pub losses: Vec<String>,
    /// What is missing besides the typed name.
    pub missing: Vec<Missing>,
}

pub(super) struct RevertPlan {
    pub preview: RevertPreview,
    pub subject: Subject,
    pub run: String,
    /// In the order of application.
    pub range: Vec<(i64, String)>,
}

pub(super) async fn plan(cx: &Cx, conn: &Connection, downto: Option<i64>) -> Result<RevertPlan> {
    let target = conn.target();
    let session = conn.engine().connect(Connect::new(Role::Background, Access::ReadOnly)).await?;
    let s = look(cx, conn, &session, SCHEMA_MIGRATION, None).await?;
    let last = cx.store.last_run(SCHEMA_MIGRATION, &target.name)?;
    let history = History::of(target, &s, last.as_ref());
    let mut versions = history.asked(downto)?;
    let in_the_way = history.in_the_way(&versions, downto);
    if !in_the_way.is_empty() {
        return Err(Held { act: format!("reverting on {}", target.name), missing: in_the_way }.into());
    }
    if versions.is_empty() {
        return Err(Error::usage(format!("nothing is applied on {} that could be reverted", target.name))
            .hint("See the queue: holdpoint migrate status."));
    }
    versions.sort_by_key(|v| history.order(*v));
    let mut range = Vec::new();
    let mut migrations = Vec::new();
    for v in &versions {
        let m = s.queue.items.iter().find(|i| i.version == *v).and_then(|i| i.migration.clone());
        let m = m.ok_or_else(|| Error::usage(format!("the files of {} are not in the directory", shown_version(*v))))?;
        range.push((*v, single_hash(&m)));
        migrations.push(m);
    }
    let mut missing = blocked(&s);
    missing.extend(judge::without_down(conn.dialect(), &migrations).into_iter().map(|why| Missing {
        step: "down-present".into(),
        title: "Down scripts present".into(),
        why,
        next: "Write the down script.".into(),
    }));
    missing.extend(history.stands_on(&versions));
    let open = s.open_run();
    let first_environment = cx.config.environments.len() > 1 && target.environment.as_ref() == cx.config.environments.first();
    let covered = first_environment || open.is_some_and(|r| history.applied_by(&r.id, &range));
    let proof = history.proof(&range);
    if !covered {
        missing.extend(unproven(cx, &s, proof));
    }
    let losses = match proof {
        Some(p) => losses::count(&session, &p.evidence, &versions).await?,
        None => Vec::new(),
    };
    session.close().await;
    let run = open.map_or_else(|| s.run.as_ref().map(|r| r.id.clone()).unwrap_or_default(), |r| r.id.clone());
    let mut subject = s.subject(&target.name);
    subject.scripts = range_hash(&migrations);
    let preview = RevertPreview { versions: versions.into_iter().rev().collect(), covered, proven: proof.is_some(), losses, missing };
    Ok(RevertPlan { preview, subject, run, range })
}

/// What was applied to the database, by its own history and by our records.
struct History<'a> {
    target: &'a Target,
    s: &'a Situation,
    /// The run that was begun last.
    last: Option<&'a Run>,
    /// Versions whose files are there as they were applied.
    applied: Vec<i64>,
}

impl<'a> History<'a> {
    fn of(target: &'a Target, s: &'a Situation, last: Option<&'a Run>) -> Self {
        let sound = s.queue.items.iter().filter(|i| matches!(i.standing, Standing::Applied | Standing::LineEnds));
        History { target, s, last, applied: sound.map(|i| i.version).collect() }
    }

    /// Down to this version; without one what the open run applied, else the last one, else the last version alone.
    fn asked(&self, downto: Option<i64>) -> Result<Vec<i64>> {
        let Some(limit) = downto else {
            let runs = self.s.open_run().into_iter().chain(self.last);
            let of_run = |r: &Run| -> Vec<i64> { r.versions.iter().flatten().copied().filter(|v| self.applied.contains(v)).collect() };
            let of_runs = runs.map(of_run).find(|v| !v.is_empty());
            return Ok(of_runs.unwrap_or_else(|| self.applied.last().copied().into_iter().collect()));
        };
        if !self.applied.contains(&limit) {
            return Err(Error::usage(format!("{} is not applied on {}", shown_version(limit), self.target.name))
                .hint("See the queue: holdpoint migrate status."));
        }
        Ok(self.applied.iter().copied().filter(|v| *v >= limit).collect())
    }

    /// What stands in the history whatever became of its files: the order of reverting must not skip any.
    fn in_the_way(&self, versions: &[i64], downto: Option<i64>) -> Vec<Missing> {
        let run = self.s.open_run().or(self.last);
        let of_run = |v: i64| downto.is_none() && run.is_some_and(|r| r.versions.iter().flatten().any(|of| *of == v));
        let lowest = versions.iter().min();
        let items = self.s.queue.items.iter().filter(|i| lowest.is_none_or(|l| i.version >= *l) || of_run(i.version));
        items
            .filter_map(|i| {
                let what = match i.standing {
                    Standing::FileMissing => "is applied, and its files are missing",
                    Standing::Dirty => "is half applied",
                    Standing::Edited => "was edited after it was applied",
                    _ => return None,
                };
                Some(Missing {
                    step: "files-intact".into(),
                    title: "Files intact".into(),
                    why: format!("{} {} {what}", shown_version(i.version), i.name),
                    next: "Bring the files back as they were applied (`holdpoint migrate status` shows the queue); nothing was reverted."
                        .into(),
                })
            })
            .collect()
    }

    /// Our records of what was applied to this very database, newest first.
    fn applications(&self) -> impl Iterator<Item = &'a Stored> {
        let database = self.s.identity.subject();
        self.s
            .evidence
            .iter()
            .filter(move |e| e.tampered.is_none() && e.evidence.kind == "applied" && e.evidence.subject.database == database)
    }

    /// By our own records where there are any, by version otherwise.
    fn order(&self, version: i64) -> (i64, i64) {
        let unit = |e: &&Stored| e.evidence.facts.get("unit").map(String::as_str) == Some("migration") && is_of(e, version);
        (self.applications().find(unit).map_or(0, |e| e.seq), version)
    }

    /// What was applied after them and is not reverted with them.
    fn stands_on(&self, versions: &[i64]) -> Option<Missing> {
        let on = |v: i64| versions.iter().any(|r| self.order(v) > self.order(*r));
        let later: Vec<i64> = self.applied.iter().copied().filter(|v| !versions.contains(v) && on(*v)).collect();
        (!later.is_empty()).then(|| Missing {
            step: "order".into(),
            title: "In reverse order".into(),
            why: format!("{} was applied later and stands on it", shown_range(&later)),
            next: format!(
                "Revert that first, or all of it: holdpoint migrate revert {} --to {}",
                self.target.name,
                shown_version(versions[0])
            ),
        })
    }

    /// All of them were applied by this run, with exactly these scripts.
    fn applied_by(&self, run: &str, range: &[(i64, String)]) -> bool {
        let by_run = |e: &Stored| e.evidence.facts.get("run").map(String::as_str) == Some(run);
        range.iter().all(|(v, hash)| self.applications().any(|e| by_run(e) && is_of(e, *v) && e.evidence.subject.scripts == *hash))
    }

    /// That exactly these scripts can be rolled back.
    fn proof(&self, range: &[(i64, String)]) -> Option<&'a Stored> {
        let database = self.s.identity.subject();
        self.s.evidence.iter().find(|e| {
            e.tampered.is_none()
                && e.evidence.holds
                && e.evidence.kind == "rollback-proven"
                && e.evidence.subject.database == database
                && range.iter().all(|(v, hash)| e.evidence.facts.get(&format!("migration.{v}")) == Some(hash))
        })
    }
}

fn is_of(e: &Stored, version: i64) -> bool {
    e.evidence.facts.get("version").and_then(|n| n.parse().ok()) == Some(version)
}

/// Why the proof does not do, where the revert needs one.
fn unproven(cx: &Cx, s: &Situation, proof: Option<&Stored>) -> Option<Missing> {
    let why = match proof {
        None => "no proof of exactly these scripts is on record".to_string(),
        Some(p) if p.evidence.class == Some(RollbackClass::Lossy) && !cx.config.policy.allow_lossy => {
            format!("policy forbids a rollback that loses data: {}", p.evidence.summary)
        }
        Some(p) if p.evidence.facts.get("schema after") != Some(&s.schema) => {
            "the schema is not the one that the proof found after the ups".into()
        }
        Some(_) => return None,
    };
    Some(Missing {
        step: "rollback-proven".into(),
        title: "Rollback proven".into(),
        why,
        next: "Bring back the scripts as they were applied; or write a new migration that undoes it, and prove that.".into(),
    })
}
