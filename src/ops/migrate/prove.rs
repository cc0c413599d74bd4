//! The rollback proof: up, down and up again on a scratch restore of the backup, with catalogue and data compared.

mod classify;
mod scratch;

use super::exec::{self, Direction, Place, Watch};
use super::files;
use super::status::class_name;
use crate::model::evidence::Evidence;
use crate::model::manifest::Fingerprint;
use crate::model::migration::{Migration, RollbackClass};
use crate::model::{Dialect, Error, Finding, Kind, Result, Severity};
use crate::ops::checklist::SCHEMA_MIGRATION;
use crate::ops::gate::judge::without_down;
use crate::ops::gate::losses;
use crate::ops::gate::situation::{Situation, look};
use crate::ops::record::{Draft, file_name, range_hash, shown_range, shown_version, single_hash, travelling_hash};
use crate::ops::{Connection, Cx, backup};
use crate::sql::{self, outside::Neighbours};
use classify::{Judgement, again, undone};
use scratch::Place as ScratchPlace;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// How one unit (a migration, or the whole range) came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProof {
    /// `None` for the whole range.
    pub version: Option<i64>,
    pub name: String,
    pub class: RollbackClass,
    /// One sentence: what was lost, why equivalent, why irreversible.
    pub summary: String,
    /// What is otherwise than before, one sentence each.
    pub differences: Vec<String>,
    /// `table.column` → values, `table` → rows.
    pub lost: BTreeMap<String, u64>,
    /// Time of the up script's statements, one by one (text's first line, time).
    pub statements: Vec<(String, Duration)>,
    pub up: Duration,
    pub down: Option<Duration>,
}

/// The proof of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofReport {
    /// Id of the backup that the scratch database was restored from.
    pub backup: String,
    pub steps: Vec<StepProof>,
    /// All ups, then all downs in reverse, then all ups again; `None` when a step of it cannot be run.
    pub range: Option<StepProof>,
    /// Whether the range counts as proven under the policy.
    pub holds: bool,
    /// Why not, one sentence each.
    pub why_not: Vec<String>,
    pub findings: Vec<Finding>,
    /// Recorded whether it holds or not.
    pub evidence: Vec<Evidence>,
}

/// Proves the pending migrations up to and including version `upto` (all when `None`; an open run's own range) on a
/// restore of the newest valid backup of this very database; takes a backup first when there is none, and verifies it in
/// the same act when that was not done yet.
pub async fn prove(cx: &Cx, conn: &Connection, upto: Option<i64>) -> Result<ProofReport> {
    cx.store.writable()?;
    let session = conn.reader().await?;
    let mut s = look(cx, conn, &session, SCHEMA_MIGRATION, upto).await?;
    if let Some(limit) = upto {
        narrow(&mut s, limit);
    }
    s.need_range(&conn.target().name)?;
    if s.applied {
        return Err(Error::usage(format!("{} is applied already on {}", shown_range(&s.versions()), conn.target().name))
            .hint("A proof is made before applying; nothing is pending now."));
    }
    let broken: Vec<&Finding> = s.queue.findings.iter().filter(|f| f.severity == Severity::Critical).collect();
    if let Some(f) = broken.first() {
        return Err(Error::failed(format!("nothing can be proven over this directory: {}", f.message)).hint(f.next.clone()));
    }
    let mut evidence = Vec::new();
    let dir = match valid_backup(cx, conn, &s) {
        Some(dir) => dir,
        None => {
            let taken = backup::take(cx, conn).await?;
            evidence.push(taken.evidence);
            taken.dir
        }
    };
    let identity = session.identity().clone();
    let usable = backup::open(cx, &identity, &dir).await?;
    cx.journal(
        "proof-begin",
        &conn.target().name,
        json!({ "summary": format!("proof of {} begun on a restore of backup {}", shown_range(&s.versions()), backup::short(&usable.manifest.id)) }),
    )?;
    let mut place = ScratchPlace::new(cx, conn, &identity, &usable, &s.schema);
    let verified = s.evidence.iter().any(|e| {
        e.tampered.is_none() && e.evidence.holds && e.evidence.kind == "restore-verified" && e.evidence.subject.backup == usable.manifest.id
    });
    let proof = run(cx, conn, &s, &mut place, !verified).await;
    evidence.append(&mut place.evidence);
    let left = place.leave().await;
    let Proof { steps, range, schema_after, added } = match proof {
        Ok(p) => p,
        Err(e) => {
            let summary = format!("proof of {} did not end: {}", shown_range(&s.versions()), e.message);
            let _ = cx.journal("proof-failed", &conn.target().name, json!({ "summary": summary }));
            return Err(e);
        }
    };
    let mut findings: Vec<Finding> = left.err().into_iter().map(|e| scratch::left_over(conn, &e)).collect();
    let (holds, why_not) = verdict(cx, &steps, range.as_ref(), s.range.len());
    let class = worst(steps.iter().chain(&range).map(|p| p.class));
    let draft = draft(cx, conn, &s, &place, &steps, range.as_ref(), holds, &why_not, class, schema_after, &added);
    evidence.push(cx.record(draft)?);
    findings.extend(backup::lacks_of(conn, &usable.manifest));
    findings.extend(s.queue.findings.iter().filter(|f| f.severity == Severity::Warning).cloned());
    Ok(ProofReport { backup: usable.manifest.id.clone(), steps, range, holds, why_not, findings, evidence })
}

/// The range up to a limit, whatever an open run is about: a proof binds to the scripts, not to the run.
fn narrow(s: &mut Situation, limit: i64) {
    if s.range.last().map(|m| m.version) == Some(limit) || s.range_problem.is_some() {
        return;
    }
    let all: Vec<Migration> = s.queue.pending().filter_map(|i| i.migration.clone()).collect();
    match all.iter().position(|m| m.version == limit) {
        Some(at) => {
            s.range = all[..=at].to_vec();
            s.scripts = range_hash(&s.range);
            s.applied = false;
        }
        None => s.range_problem = Some(format!("{} is not pending", shown_version(limit))),
    }
}

fn valid_backup(cx: &Cx, conn: &Connection, s: &Situation) -> Option<std::path::PathBuf> {
    let judge = crate::ops::gate::judge::Judge { config: &cx.config, target: conn.target(), dialect: conn.dialect(), s };
    judge.backup().and_then(|b| b.evidence.facts.get("dir").map(std::path::PathBuf::from))
}

struct Proof {
    steps: Vec<StepProof>,
    range: Option<StepProof>,
    schema_after: Option<String>,
    added: BTreeMap<i64, Vec<losses::Added>>,
}

/// Durations of the statements.
#[derive(Default)]
struct Timing {
    statements: Vec<(String, Duration)>,
    current: String,
}

impl Watch for Timing {
    fn before(&mut self, _at: &Place<'_>, text: &str) -> Result<()> {
        self.current = crate::text::clean(text.lines().next().unwrap_or_default()).into_owned();
        Ok(())
    }
    fn after(&mut self, _at: &Place<'_>, took: Duration, _affected: Option<u64>) -> Result<()> {
        self.statements.push((std::mem::take(&mut self.current), took));
        Ok(())
    }
    fn failed(&mut self, _at: &Place<'_>, _error: &Error) {}
}

/// One direction of one migration on scratch. The outer error ends the proof (cancelled, connection lost); the inner one
/// is the script's own.
async fn script(cx: &Cx, place: &ScratchPlace<'_>, m: &Migration, d: Direction, t: &mut Timing) -> Result<Result<Duration, Error>> {
    cx.check_cancelled()?;
    let word = if d == Direction::Up { "up" } else { "down" };
    cx.progress.update(&format!("scratch: {} {word}", shown_version(m.version)), 0, None);
    let (session, conn, private) = place.runner()?;
    match exec::run(session, conn.engine().migrations().get()?, m, d, (&cx.cancel, exec::CutOff::Anywhere), t).await {
        Ok(ran) => Ok(Ok(ran.took)),
        Err(f) if matches!(f.error.kind, Kind::Cancelled | Kind::Connect) => Err(f.error),
        // MySQL's errors for a right that is lacking: ER_DBACCESS_DENIED, TABLEACCESS, COLUMNACCESS, SPECIFIC_ACCESS, PROCACCESS,
        // BINLOG_CREATE_ROUTINE_NEED_SUPER.
        Err(f) if private && f.error.code.as_deref().is_some_and(|c| ["1044", "1142", "1143", "1227", "1370", "1419"].contains(&c)) => {
            let mut e = f.error;
            e.message = format!("{} (in a proof scripts have rights on the scratch copy alone)", e.message);
            Ok(Err(e))
        }
        Err(f) => Ok(Err(f.error)),
    }
}

/// Why a migration must not be run on scratch: a sentence that names file, line and what leaves the database.
fn leaves(dialect: Dialect, m: &Migration, around: &Neighbours) -> Option<String> {
    let (script, line, out) = files::outside(dialect, m, around)?;
    let file = file_name(&script.path);
    Some(format!("{file}:{line}: {} {}, so no proof on a scratch copy can cover it. {}", crate::text::clean(&out.what), out.why, out.next))
}

async fn run(cx: &Cx, conn: &Connection, s: &Situation, place: &mut ScratchPlace<'_>, verify: bool) -> Result<Proof> {
    let base = place.enter(&[], verify).await?;
    // What is beside the target, and what is beside the copy: to name either leaves the copy.
    let mut around = conn.catalog()?.neighbours(&conn.reader().await?).await?;
    let (scratch, copy) = place.session()?;
    let beside = copy.catalog()?.neighbours(scratch).await?;
    around.databases.extend(beside.databases);
    around.elsewhere.extend(beside.elsewhere);
    let no_down: Vec<i64> =
        s.range.iter().filter(|m| !without_down(conn.dialect(), std::slice::from_ref(m)).is_empty()).map(|m| m.version).collect();
    let mut proof = Proof { steps: Vec::new(), range: None, schema_after: None, added: BTreeMap::new() };
    let mut before = base.clone();
    // False when the scratch database is not exactly as after the ups so far: then it is restored afresh before going on.
    let mut clean = true;
    for (i, m) in s.range.iter().enumerate() {
        if !clean {
            before = place.enter(&s.range[..i], false).await?;
        }
        let leaves = leaves(conn.dialect(), m, &around);
        let (step, after, now_clean) = step(cx, place, m, &before, no_down.contains(&m.version), leaves).await?;
        proof.steps.push(step);
        clean = now_clean;
        let Some(after) = after else {
            // The up script itself fails: nothing behind it can be tried.
            return Ok(proof);
        };
        proof.added.insert(m.version, losses::added(&before, &after));
        before = after;
    }
    proof.schema_after = Some(travelling_hash(conn.catalog()?, &before.objects));
    if let ([_], [only]) = (s.range.as_slice(), proof.steps.as_slice()) {
        proof.range = Some(StepProof { version: None, name: shown_range(&s.versions()), ..only.clone() });
        return Ok(proof);
    }
    if no_down.is_empty() {
        if !clean {
            before = place.enter(&s.range, false).await?;
        }
        proof.range = Some(whole(cx, place, s, &base, &before).await?);
    }
    Ok(proof)
}

/// Whether a script of these moves a counter by itself.
fn sets_counters(dialect: Dialect, range: &[Migration]) -> bool {
    range.iter().flat_map(|m| std::iter::once(&m.up).chain(&m.down)).any(|s| sql::counters::moves_counters(dialect, &s.text))
}

/// Up, down, up again for one migration. Returns the state after its up (`None` when the up fails) and whether the
/// scratch database is in exactly that state.
async fn step(
    cx: &Cx,
    place: &ScratchPlace<'_>,
    m: &Migration,
    before: &Fingerprint,
    no_down: bool,
    leaves: Option<String>,
) -> Result<(StepProof, Option<Fingerprint>, bool)> {
    let mut timing = Timing::default();
    let irreversible = |summary: String, t: &Timing, up: Duration, down: Option<Duration>, differences: Vec<String>| StepProof {
        version: Some(m.version),
        name: m.name.clone(),
        class: RollbackClass::Irreversible,
        summary,
        differences,
        lost: BTreeMap::new(),
        statements: t.statements.clone(),
        up,
        down,
    };
    if let Some(why) = leaves {
        return Ok((irreversible(why, &timing, Duration::ZERO, None, vec![]), None, false));
    }
    let up = match script(cx, place, m, Direction::Up, &mut timing).await? {
        Ok(took) => took,
        Err(e) => {
            return Ok((irreversible(format!("the up script fails: {}", e.message), &timing, Duration::ZERO, None, vec![]), None, false));
        }
    };
    let mut after = place.fingerprint().await?;
    if no_down {
        let summary = match &m.down {
            None => "there is no down script".to_string(),
            Some(d) => format!("{} holds no statement: an empty down is not a rollback", file_name(&d.path)),
        };
        return Ok((irreversible(summary, &timing, up, None, vec![]), Some(after), true));
    }
    let mut ignored = Timing::default();
    let down = match script(cx, place, m, Direction::Down, &mut ignored).await? {
        Ok(took) => took,
        Err(e) => {
            return Ok((irreversible(format!("the down script fails: {}", e.message), &timing, up, None, vec![]), Some(after), false));
        }
    };
    let back = place.fingerprint_like(before).await?;
    let dialect = place.session()?.1.dialect();
    let mut judged = undone(before, &back, sets_counters(dialect, std::slice::from_ref(m)));
    if judged.class == RollbackClass::Irreversible {
        return Ok((irreversible(judged.summary, &timing, up, Some(down), judged.differences), Some(after), false));
    }
    if let Err(e) = script(cx, place, m, Direction::Up, &mut ignored).await? {
        let summary = format!("after the down the up script fails: {}", e.message);
        return Ok((irreversible(summary, &timing, up, Some(down), vec![]), Some(after), false));
    }
    let second = place.fingerprint_like(&after).await?;
    let same = second.same_content(&after);
    judged = again(judged, before, &after, &second);
    // The second up took its numbers too: what follows is compared with where the counters stand now.
    after.counters.clone_from(&second.counters);
    let step = StepProof {
        version: Some(m.version),
        name: m.name.clone(),
        class: judged.class,
        summary: judged.summary,
        differences: judged.differences,
        lost: judged.lost,
        statements: timing.statements,
        up,
        down: Some(down),
    };
    Ok((step, Some(after), same))
}

/// The range as one: from after all ups, all downs in reverse, compared with the beginning; all ups again.
async fn whole(cx: &Cx, place: &ScratchPlace<'_>, s: &Situation, base: &Fingerprint, after: &Fingerprint) -> Result<StepProof> {
    let name = shown_range(&s.versions());
    let mut t = Timing::default();
    let (mut down, mut up) = (Duration::ZERO, Duration::ZERO);
    let result = |j: Judgement, up, down| StepProof {
        version: None,
        name: name.clone(),
        class: j.class,
        summary: j.summary,
        differences: j.differences,
        lost: j.lost,
        statements: Vec::new(),
        up,
        down: Some(down),
    };
    for m in s.range.iter().rev() {
        match script(cx, place, m, Direction::Down, &mut t).await? {
            Ok(took) => down += took,
            Err(e) => {
                return Ok(result(
                    Judgement::irreversible(format!("the down of {} fails within the range: {}", shown_version(m.version), e.message)),
                    up,
                    down,
                ));
            }
        }
    }
    let back = place.fingerprint_like(base).await?;
    let judged = undone(base, &back, sets_counters(place.session()?.1.dialect(), &s.range));
    if judged.class == RollbackClass::Irreversible {
        return Ok(result(judged, up, down));
    }
    for m in &s.range {
        match script(cx, place, m, Direction::Up, &mut t).await? {
            Ok(took) => up += took,
            Err(e) => {
                return Ok(result(
                    Judgement::irreversible(format!("after the downs the up of {} fails: {}", shown_version(m.version), e.message)),
                    up,
                    down,
                ));
            }
        }
    }
    let second = place.fingerprint_like(after).await?;
    Ok(result(again(judged, base, after, &second), up, down))
}

/// From best to worst: exact, equivalent, lossy, irreversible.
fn rank(c: RollbackClass) -> u8 {
    match c {
        RollbackClass::Exact => 0,
        RollbackClass::Equivalent => 1,
        RollbackClass::Lossy => 2,
        RollbackClass::Irreversible => 3,
    }
}

fn worst(classes: impl Iterator<Item = RollbackClass>) -> RollbackClass {
    classes.max_by_key(|c| rank(*c)).unwrap_or(RollbackClass::Irreversible)
}

/// Whether it counts: every migration and the range exact or equivalent, or lossy where policy allows that.
fn verdict(cx: &Cx, steps: &[StepProof], range: Option<&StepProof>, wanted: usize) -> (bool, Vec<String>) {
    let mut why = Vec::new();
    for p in steps.iter().chain(range.filter(|_| wanted > 1)) {
        let what = p.version.map_or_else(|| format!("the range {}", p.name), |v| format!("{} {}", shown_version(v), p.name));
        match p.class {
            RollbackClass::Irreversible => why.push(format!("{what} is irreversible: {}", p.summary)),
            RollbackClass::Lossy if !cx.config.policy.allow_lossy => {
                why.push(format!("{what} loses data, and policy forbids that: {}", p.summary))
            }
            _ => {}
        }
    }
    if steps.len() < wanted {
        why.push(format!("{} of {wanted} migrations could be tried", steps.len()));
    }
    if range.is_none() && why.is_empty() {
        why.push("the range could not be tried as a whole".into());
    }
    (why.is_empty(), why)
}

#[allow(clippy::too_many_arguments)] // everything that the record says, gathered once
fn draft(
    cx: &Cx,
    conn: &Connection,
    s: &Situation,
    place: &ScratchPlace<'_>,
    steps: &[StepProof],
    range: Option<&StepProof>,
    holds: bool,
    why_not: &[String],
    class: RollbackClass,
    schema_after: Option<String>,
    added: &BTreeMap<i64, Vec<losses::Added>>,
) -> Draft {
    let summary = if holds {
        let lossy: Vec<String> = steps
            .iter()
            .filter(|p| matches!(p.class, RollbackClass::Lossy | RollbackClass::Equivalent))
            .map(|p| format!("{}: {}", shown_version(p.version.unwrap_or_default()), p.summary))
            .collect();
        let all = match class {
            RollbackClass::Exact => format!("{}: up, down and up again leave everything exactly as it was", shown_range(&s.versions())),
            _ => format!("{}: {}", class_name(class), lossy.join("; ")),
        };
        let but = place.lacks().map_or_else(String::new, |l| format!(", which cannot show all: {l}"));
        format!("{all}; on a restore of backup {}{but}", backup::short(place.backup_id()))
    } else {
        why_not.join("; ")
    };
    let mut d = Draft::new("rollback-proven", conn.target(), &s.identity, holds, summary)
        .scripts(&s.range)
        .fact("server major", s.identity.major.clone())
        .fact("probe rows", "not written: a down that passes on old rows may still fail on new ones")
        .fact("by", cx.operator.clone());
    d.subject.schema = s.schema.clone();
    d.subject.backup = place.backup_id().to_string();
    d.grade = place.grade();
    d.class = Some(class);
    for m in &s.range {
        d = d.fact(format!("migration.{}", m.version), single_hash(m));
    }
    for p in steps {
        let v = p.version.unwrap_or_default();
        d = d
            .fact(format!("class.{v}"), class_name(p.class))
            .fact(format!("verdict.{v}"), p.summary.clone())
            .fact(format!("up ms.{v}"), p.up.as_millis().to_string());
        if let Some(down) = p.down {
            d = d.fact(format!("down ms.{v}"), down.as_millis().to_string());
        }
        if let Some(a) = added.get(&v).filter(|a| !a.is_empty()) {
            d = d.fact(format!("added.{v}"), serde_json::to_string(a).unwrap_or_default());
        }
    }
    if let Some(r) = range {
        d = d.fact("class.range", class_name(r.class)).fact("verdict.range", r.summary.clone());
    }
    if let Some(hash) = schema_after {
        d = d.fact("schema after", hash);
    }
    d
}
