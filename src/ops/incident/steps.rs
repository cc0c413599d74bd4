//! What proves each step of an incident's checklists, and the words round it.

use super::{About, Incident, draft, since};
use crate::config::{StepDef, StepKind};
use crate::model::assessment::{Assessment, Muted};
use crate::model::evidence::Evidence;
use crate::model::{Error, Finding, Result, Severity};
use crate::ops::Cx;
use crate::ops::assess::{self, How};
use crate::ops::checklist::{StepState, StepView};
use crate::ops::gate::judge::age;
use crate::ops::record::file_name;
use crate::ops::recovery;
use crate::text;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An assessment that is no older has the sessions as they are before anything is ended; seconds.
const FRESH: i64 = 30;
/// The fact with the command that shows what would answer the cause.
const ANSWER: &str = "answer";
/// Findings that a record names; what is beyond stands in the hand-over.
const NAMED: usize = 20;

/// What would void the step.
pub(super) fn voids_if(evidence: &str) -> &'static str {
    match evidence {
        "stabilised" | "communicated" | "contained" => "It stands until the incident is over; signing again replaces it.",
        "verified" | "handed-over" => "Void when a recovery action is taken, or a hold point before it is done again.",
        _ => "Void when a hold point before it is done again.",
    }
}

/// What to do about an open step.
pub(super) fn next(a: &About<'_>, evidence: &str, state: StepState) -> String {
    let name = text::shell_word(a.target.word());
    let failed = state == StepState::Failed;
    let first = a.incident.as_ref().and_then(|i| i.newest("assessed"));
    let fact = |name: &str| first.and_then(|e| e.facts.get(name)).filter(|v| !v.is_empty());
    let cause = || {
        let says = fact("next").map_or_else(String::new, |n| format!(" The assessment says: {}", text::clean(n)));
        says + &fact(ANSWER).map_or_else(String::new, |c| format!(" What that would do: {}", text::clean(c)))
    };
    match evidence {
        "stabilised" => "Sign who leads and what was changed last, such as a deployment or a migration.".into(),
        "assessed" if failed => "Nothing could be seen: give a role that may log in, or look from the server itself.".into(),
        "assessed" => "Looks at the server, read-only and over one connection, for a minute at most.".into(),
        "communicated" => "Say it where people look, then sign the severity and whom you told.".into(),
        "contained" => "Sign what keeps it from getting worse, or why nothing is needed.".into(),
        "traces-kept" => "Writes the assessment with all sessions into a file of its own, before anything is ended.".into(),
        "backup-known" if failed => format!("Ask who keeps backups elsewhere; one of Holdpoint's: holdpoint backup {name}."),
        "backup-known" => "Looks for the newest backup on record and the proof of its restore.".into(),
        "recovered" => format!(
            "What can be done, each approved by itself: holdpoint recover {name}, or x in the lock tree. If it was mended otherwise: holdpoint assess {name}, and this step again.{}",
            cause()
        ),
        "verified" if failed => format!("It is not over.{}", cause()),
        "verified" => "Assesses again and compares with what was found first.".into(),
        _ => "Writes the findings, the timeline and the actions.".into(),
    }
}

/// What to say to others; `None` before anything was seen.
pub(super) fn paste(a: &About<'_>) -> Option<String> {
    let i = a.incident.as_ref()?;
    let e = i.newest("assessed")?;
    let fact = |name: &str| e.facts.get(name).map(|v| text::clean(v).into_owned()).filter(|v| !v.is_empty());
    let sev = fact("sev").map_or_else(|| "no severity suggested".to_string(), |n| format!("SEV-{n} suggested"));
    let place = a.target.environment.as_ref().map_or_else(String::new, |e| format!(" ({})", text::clean(e)));
    let began = i.first().map_or_else(String::new, |f| format!(" Noticed {}.", f.at));
    let ticket = i.issue.as_ref().map_or_else(String::new, |t| format!(" {}.", text::clean(t)));
    let next = fact("next").map_or_else(String::new, |n| format!(" Next: {n}"));
    Some(format!(
        "[{sev}] {}{place}: {}{began}{ticket}{next} Incident {}; the next update comes in 30 min.",
        text::clean(&a.target.name),
        fact("cause").unwrap_or_else(|| "cause unknown.".into()),
        i.id
    ))
}

/// The fact of an assessment's evidence: the checks that warned.
const WARNED: &str = "warned";

/// Runs the operation of a step and records what it found.
pub(super) async fn run(cx: &Cx, a: &About<'_>, def: &StepDef) -> Result<Evidence> {
    match def.evidence.as_str() {
        "assessed" => assessed(cx, a).await,
        "traces-kept" => traces_kept(cx, a).await,
        "backup-known" => backup_known(cx, a),
        "recovered" => recovered(cx, a),
        "verified" => verified(cx, a).await,
        "handed-over" => handed_over(cx, a),
        other => Err(Error::failed(format!("no operation of this checklist proves `{other}`"))),
    }
}

async fn look(cx: &Cx, a: &About<'_>) -> Result<Assessment> {
    let found = assess::assess(cx, a.target.clone(), &How::default(), |_| {}).await?;
    // Half a look proves nothing.
    cx.check_cancelled()?;
    Ok(found)
}

/// The last one that was made of this target.
fn last(cx: &Cx, a: &About<'_>) -> Result<Assessment> {
    let none = || Error::failed(format!("no assessment of {} is in the store", a.target.name)).hint("Make one: holdpoint assess.");
    cx.store.last_assessment(&a.target.kept_as())?.ok_or_else(none)
}

/// What warns, the worst first.
fn warnings(found: &Assessment) -> Vec<&Finding> {
    let mut all: Vec<&Finding> = found.checks.iter().flat_map(|c| &c.findings).filter(|f| f.severity >= Severity::Warning).collect();
    all.sort_by_key(|f| std::cmp::Reverse(f.severity));
    all
}

fn saw(found: &Assessment) -> bool {
    found.checks.iter().any(|c| c.severity != Severity::Unknown)
}

async fn assessed(cx: &Cx, a: &About<'_>) -> Result<Evidence> {
    // What was seen before may have been seen before the fault.
    let found = look(cx, a).await?;
    let s = &found.summary;
    let bad = warnings(&found);
    let mut d = draft(a, "assessed", saw(&found), format!("{} ({} checks)", s.says, found.checks.len()))
        .fact("cause", s.says.clone())
        .fact("check", s.check.clone())
        .fact("next", s.next.clone())
        .fact("assessed at", found.began.to_string())
        .fact("findings", bad.len().to_string())
        .fact(WARNED, bad.iter().map(|f| f.check.as_str()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" "));
    if let Some(action) = &s.recover {
        d = d.fact(ANSWER, recovery::command(action, a.target.word()));
    }
    if let Some(sev) = s.sev {
        d = d.fact("sev", sev.to_string());
    }
    for (i, f) in bad.iter().take(NAMED).enumerate() {
        d = d.fact(format!("finding {:02}", i + 1), format!("{} {}: {}", f.severity.word(), assess::named(&f.check, &f.object), f.message));
    }
    cx.record(d)
}

fn age_of(cx: &Cx, a: &Assessment) -> i64 {
    cx.clock.now().as_second() - a.began.as_second()
}

/// Where files of incidents are.
fn directory(cx: &Cx) -> PathBuf {
    cx.config.project_dir.join("incidents")
}

/// Writes a hand-over into the directory of incidents; gives the file and its hash.
fn write(cx: &Cx, a: &About<'_>, found: &Assessment, what: &str, ending: &str) -> Result<(PathBuf, String)> {
    let dir = directory(cx);
    let shown = text::clean(&dir.display().to_string()).into_owned();
    std::fs::create_dir_all(&dir).map_err(|e| Error::io(format!("making {shown}"), e))?;
    let id = a.incident.as_ref().map_or("i", |i| i.id.as_str());
    let name: String = a.target.name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let stamp = cx.clock.now().strftime("%Y%m%dT%H%M%SZ");
    let path = dir.join(format!("{id}-{name}-{what}-{stamp}.{ending}"));
    assess::write_hand_over(cx, a.target, found, &path)?;
    let bytes = std::fs::read(&path).map_err(|e| Error::io(format!("reading {}", text::clean(&path.display().to_string())), e))?;
    Ok((path, hex::encode(Sha256::digest(&bytes))))
}

fn shown(path: &Path) -> String {
    text::clean(&path.display().to_string()).into_owned()
}

async fn traces_kept(cx: &Cx, a: &About<'_>) -> Result<Evidence> {
    let found = match cx.store.last_assessment(&a.target.kept_as())?.filter(|k| (0..FRESH).contains(&age_of(cx, k)) && saw(k)) {
        Some(of_now) => of_now,
        None => look(cx, a).await?,
    };
    let sessions: usize = found.checks.iter().map(|c| c.sessions.len()).sum();
    let (path, hash) = write(cx, a, &found, "before", "json")?;
    let d = draft(a, "traces-kept", true, format!("{}, {} of the locks", shown(&path), text::counted(sessions as u64, "session")))
        .fact("file", shown(&path))
        .fact("sha256", hash)
        .fact("assessed at", found.began.to_string());
    cx.record(d)
}

fn backup_known(cx: &Cx, a: &About<'_>) -> Result<Evidence> {
    let of_target = |kind: &str| -> Result<Option<Evidence>> {
        let all = cx.store.evidence(Some(kind))?;
        let ours = |e: &Evidence| e.holds && e.subject.target == a.target.name;
        Ok(all.into_iter().filter(|s| s.tampered.is_none()).map(|s| s.evidence).find(ours))
    };
    let now = cx.clock.now();
    let Some(taken) = of_target("backup-taken")? else {
        let words = format!("no backup of {} is on record here: what is lost now may be lost for good", a.target.name);
        return cx.record(draft(a, "backup-known", false, words));
    };
    let old = since(now, &taken.at);
    let restored = of_target("restore-verified")?.filter(|r| r.subject.backup == taken.subject.backup);
    let proof = match &restored {
        Some(r) => format!("its restore was proven {} ago", age(since(now, &r.at))),
        None => "its restore was not proven".to_string(),
    };
    let holds = restored.is_some() && old <= i64::try_from(cx.config.policy.backup_expires.as_secs()).unwrap_or(i64::MAX);
    let d = draft(a, "backup-known", holds, format!("the newest backup is {} old, and {proof}", age(old)))
        .fact("backup", taken.subject.backup.clone())
        .fact("taken at", taken.at.clone());
    cx.record(d)
}

fn recovered(cx: &Cx, a: &About<'_>) -> Result<Evidence> {
    let Some(i) = &a.incident else { return Err(Error::failed("no incident is open")) };
    let told: Vec<String> = i.actions.iter().map(|e| format!("{} {}", e.at, super::told(e))).collect();
    let (holds, words) = match i.actions.last() {
        Some(e) if e.kind == "recovery-done" => {
            (true, format!("{}, the last one: {}", text::counted(told.len() as u64, "recovery action"), e.sentence()))
        }
        // What was done last decides: an action that was not seen to work is not the end of it.
        Some(e) => (false, super::told(e)),
        None => calm(cx, a, i)?,
    };
    let mut d = draft(a, "recovered", holds, words);
    for (n, one) in told.iter().enumerate() {
        d = d.fact(format!("action {:02}", n + 1), one.clone());
    }
    cx.record(d)
}

/// Actions are in the journal of the machine that took them, and do not travel with the evidence.
const ELSEWHERE: &str = " on this machine (what others did on theirs is in their journals: ask before it is done again)";

/// Without an action of ours: whether a newer assessment than the incident's own finds nothing wrong any more.
fn calm(cx: &Cx, a: &About<'_>, i: &Incident) -> Result<(bool, String)> {
    let first = i.newest("assessed").and_then(|e| e.facts.get("assessed at")?.parse::<Timestamp>().ok());
    let newer = cx.store.last_assessment(&a.target.kept_as())?.filter(|l| first.is_none_or(|f| l.began > f) && saw(l));
    let own = i.newest("assessed").is_some_and(|e| e.facts.get("findings").is_some_and(|n| n == "0"));
    let cause = i.newest("assessed").and_then(|e| e.facts.get("check")).cloned().unwrap_or_default();
    Ok(match newer {
        // The same rule as for the effect: what warns beside the cause is no reason to wait.
        Some(l) => match judged(&l, &cause, i.newest("assessed").and_then(warned).as_ref()) {
            (true, words) => (true, format!("{words}, and no action of Holdpoint's was taken")),
            (false, words) => (false, format!("no action was taken{ELSEWHERE}, and an assessment still says: {words}")),
        },
        None if own => (true, "nothing had to be done: the assessment found nothing wrong".into()),
        None => (false, format!("no recovery action was taken since the assessment{ELSEWHERE}")),
    })
}

async fn verified(cx: &Cx, a: &About<'_>) -> Result<Evidence> {
    let first = a.incident.as_ref().and_then(|i| i.newest("assessed"));
    let check = first.and_then(|e| e.facts.get("check")).cloned().unwrap_or_default();
    let found = look(cx, a).await?;
    let (holds, words) = judged(&found, &check, first.and_then(warned).as_ref());
    let mut d = draft(a, "verified", holds, words)
        .fact("says", found.summary.says.clone())
        .fact("next", found.summary.next.clone())
        .fact("assessed at", found.began.to_string());
    for (i, f) in warnings(&found).iter().take(NAMED).enumerate() {
        d = d.fact(format!("left {:02}", i + 1), format!("{} {}: {}", f.severity.word(), assess::named(&f.check, &f.object), f.message));
    }
    cx.record(d)
}

/// The checks that warned when an incident was assessed, where that is on record.
fn warned(assessed: &Evidence) -> Option<BTreeSet<&str>> {
    assessed.facts.get(WARNED).map(|all| all.split(' ').collect())
}

/// Whether a later assessment says that it is over: the check that named the cause warns no more and could see, nothing is critical, and
/// nothing warns that did not among the `warned` of the incident's assessment: that is another fault.
fn judged(found: &Assessment, cause: &str, warned: Option<&BTreeSet<&str>>) -> (bool, String) {
    let bad = warnings(found);
    let of_cause = found.checks.iter().find(|c| c.check == cause);
    let says = &found.summary.says;
    if !saw(found) {
        return (false, format!("nothing could be seen: {says}"));
    }
    match of_cause.map(|c| c.severity) {
        Some(Severity::Unknown) => return (false, format!("whether the cause ({cause}) is gone could not be seen")),
        Some(s) if s >= Severity::Warning => return (false, format!("the cause ({cause}) is still there: {says}")),
        _ => {}
    }
    // Who silences it has not mended it.
    let silenced = |m: &&Muted| m.was.is_some_and(|was| was >= Severity::Warning);
    if let Some(m) = of_cause.and_then(|c| c.muted.iter().find(silenced)) {
        let until = m.until.strftime("%Y-%m-%d %H:%M UTC");
        return (false, format!("the cause ({cause}) is not gone: it is muted until {until}, and says so still"));
    }
    if bad.first().is_some_and(|f| f.severity == Severity::Critical) {
        return (false, format!("something is critical: {says}"));
    }
    if let Some(new) = bad.iter().find(|f| warned.is_some_and(|w| !w.contains(f.check.as_str()))) {
        let words = format!("something warns that did not when this incident was assessed: {}", text::clean(&new.message));
        return (false, format!("{words}. Assess it anew, then that is looked for, too"));
    }
    let left = match bad.len() {
        0 => "nothing warns".to_string(),
        n => format!("{} left, none critical", text::counted(n as u64, "warning")),
    };
    (true, if cause.is_empty() { left } else { format!("the cause ({cause}) is gone, {left}") })
}

fn handed_over(cx: &Cx, a: &About<'_>) -> Result<Evidence> {
    // Whoever comes next must not look for what nobody said.
    let view = super::show(a);
    let waits = |s: &&StepView| s.kind == StepKind::Signed && !s.ticked();
    let unsigned: Vec<&str> = view.steps.iter().filter(waits).map(|s| s.id.as_str()).collect();
    if !unsigned.is_empty() {
        return cx.record(draft(a, "handed-over", false, format!("not signed yet: {}", unsigned.join(", "))));
    }
    let found = last(cx, a)?;
    let (page, hash) = write(cx, a, &found, "handover", "html")?;
    let (text, _) = write(cx, a, &found, "handover", "md")?;
    let d =
        draft(a, "handed-over", true, format!("{} and {}", shown(&text), file_name(&page))).fact("file", shown(&page)).fact("sha256", hash);
    cx.record(d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::assessment::{Check, Seen, Summary};

    fn found(seen: &[(&'static str, Severity)]) -> Assessment {
        let checks = seen.iter().map(|(id, severity)| {
            let mut s = Seen::of(&Check { id, name: id, reads: "", means: "", limits: &[], twice: false });
            if *severity > Severity::Ok {
                s.find(Finding::new(*severity, id, "x", "it says so"));
            }
            s
        });
        let t = Timestamp::UNIX_EPOCH;
        let summary = Summary { says: "It says so.".into(), ..Summary::default() };
        Assessment {
            target: "t".into(),
            server: None,
            began: t,
            took: 0.0,
            budget: 0.0,
            summary,
            checks: checks.collect(),
            notes: Vec::new(),
            before: None,
            changes: Vec::new(),
        }
    }

    #[test]
    fn it_is_over_when_the_cause_was_seen_to_be_gone_and_nothing_is_critical() {
        use Severity::{Critical, Ok, Unknown, Warning};
        let holds = |seen: &[(&'static str, Severity)]| judged(&found(seen), "PG06", None).0;
        assert!(holds(&[("PG06", Ok), ("PG27", Warning)]));
        assert!(!holds(&[("PG06", Warning), ("PG27", Ok)]), "the cause warns");
        let mut quiet = found(&[("PG06", Warning), ("PG27", Warning)]);
        let hour = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1);
        let mute = |check: &str| Muted {
            check: check.into(),
            object: String::new(),
            reason: "later".into(),
            until: hour,
            by: "a".into(),
            was: None,
        };
        let mutes = [mute("PG06"), mute("PG27")];
        quiet.checks = quiet.checks.into_iter().map(|c| c.muted_by(&mutes, Timestamp::UNIX_EPOCH)).collect();
        let (over, words) = judged(&quiet, "PG06", None);
        assert!(!over && words.contains("is muted until 1970-01-01 01:00 UTC"), "{words}");
        assert!(judged(&quiet, "PG14", None).0, "what was muted beside it is somebody's decision");
        assert!(!holds(&[("PG06", Unknown), ("PG27", Ok)]), "what could not be seen is not gone");
        assert!(!holds(&[("PG06", Ok), ("PG27", Critical)]), "another thing is critical");
        assert!(!holds(&[("connect", Unknown)]), "nothing was seen");
        assert!(judged(&found(&[("PG27", Ok)]), "", None).0, "nothing had been wrong");
        let warned = BTreeSet::from(["PG06", "PG27"]);
        assert!(judged(&found(&[("PG06", Ok), ("PG27", Warning)]), "PG06", Some(&warned)).0, "it warned before");
        let (over, words) = judged(&found(&[("PG06", Ok), ("PG04", Warning)]), "PG06", Some(&warned));
        assert!(!over && words.contains("did not when this incident was assessed"), "{words}");
    }
}
