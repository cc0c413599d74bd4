//! Runs that were cut off: found at the next start, compared with what is really there, and explained.

use super::record::{Draft, range_hash, shown_range, shown_version, single_hash, travelling_hash};
use super::{Connection, Cx};
use crate::model::migration::{Applied, Migration};
use crate::model::{Error, Result};
use crate::ops::migrate::status;
use crate::store::journal::Entry;
use crate::store::runs::Act;
use serde_json::{Value, json};
use std::time::Duration;

/// How long to wait for the migrator's lock before saying that the run may still be at work on the server.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// A run that began and has no end in the journal, and whose process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Id of the act in the journal.
    pub act: String,
    pub run: String,
    pub target: String,
    /// `apply` or `revert`.
    pub direction: String,
    pub started_at: String,
    pub started_by: String,
    pub host: String,
    /// Versions that the act was to run, in its order.
    pub versions: Vec<i64>,
    /// The last thing that the journal knows: `0043, statement 2 of 3 was sent and not answered`.
    pub last: String,
}

/// What is true now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub unfinished: Unfinished,
    /// One sentence: what happened.
    pub summary: String,
    /// For each version, what is true now.
    pub truths: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
    /// True when nothing half-done is left, so that the act could be marked as explained.
    pub settled: bool,
}

fn steps(begin: &Entry) -> Vec<&Value> {
    begin.body.get("steps").and_then(Value::as_array).map(|a| a.iter().collect()).unwrap_or_default()
}

fn number(v: &Value, key: &str) -> i64 {
    v.get(key).and_then(Value::as_i64).unwrap_or_default()
}

/// What the journal knows last of an act.
fn last_known(entries: &[Entry]) -> String {
    let Some(e) = entries.last() else { return "nothing was sent yet".into() };
    let at = || {
        format!("{}, statement {} of {}", shown_version(number(&e.body, "version")), number(&e.body, "statement"), number(&e.body, "of"))
    };
    match e.kind.as_str() {
        "statement-before" => format!("{} was sent and not answered", at()),
        "statement-after" => format!("{} was answered", at()),
        "statement-failed" => format!("{} failed", at()),
        "commit-before" => format!("the commit of {} was sent and not answered", shown_version(number(&e.body, "version"))),
        _ => e.sentence(),
    }
}

fn unfinished_of(cx: &Cx, act: &Act) -> Result<Unfinished> {
    let entries = cx.store.act_entries(&act.id, act.begin.seq)?;
    Ok(Unfinished {
        act: act.id.clone(),
        run: act.run.clone(),
        target: act.target.clone(),
        direction: act.begin.text("direction").unwrap_or("apply").to_string(),
        started_at: act.begin.at.clone(),
        started_by: act.begin.operator.clone(),
        host: act.host.clone(),
        versions: steps(&act.begin).iter().map(|s| number(s, "version")).collect(),
        last: last_known(&entries),
    })
}

/// Acts without an end, from the store alone: cheap, for every start. Acts whose process still runs on this host are left out.
pub fn unfinished(cx: &Cx) -> Result<Vec<Unfinished>> {
    let mut out = Vec::new();
    for act in cx.store.open_acts()? {
        if act.alive(&cx.host) != Some(true) {
            out.push(unfinished_of(cx, &act)?);
        }
    }
    Ok(out)
}

/// Compares journal, history table and schema, says what is true, and journals that when it is settled.
pub async fn explain(cx: &Cx, conn: &Connection, what: &Unfinished) -> Result<Explained> {
    let act = cx
        .store
        .open_acts()?
        .into_iter()
        .find(|a| a.id == what.act)
        .ok_or_else(|| Error::usage(format!("{} is not open any more: it was explained already", what.act)))?;
    if act.alive(&cx.host) == Some(true) {
        return Err(Error::held(format!("held: the {} begun by {} is still at work", what.direction, what.started_by)));
    }
    let target = conn.target();
    if act.target != target.name {
        return Err(Error::usage(format!("the run was on {}, and this is {}", act.target, target.name)));
    }
    let engine = conn.engine().migrations().get()?;
    let session = conn.migrator().await?;
    // Under the lock: what was cut off here may still run on the server.
    engine.lock(&session, LOCK_WAIT).await.map_err(|e| {
        e.context("whether the run that was cut off still works on the server cannot be told")
            .hint("Wait for that connection to end, then look again.")
    })?;
    let looked = async {
        let history = engine.history(&session).await?.unwrap_or_default();
        let queue = status::status_on(cx, conn, &session).await?;
        let objects = conn.catalog()?.objects(&session).await?;
        Ok::<_, Error>((history, queue, travelling_hash(conn.catalog()?, &objects)))
    }
    .await;
    let _ = engine.unlock(&session).await;
    let identity = session.identity().clone();
    session.close().await;
    let (history, queue, schema) = looked?;
    if act.begin.text("database").is_some_and(|d| d != identity.subject()) {
        return Err(Error::held(format!("held: the run was on another database than {} leads to now", target.name)));
    }
    let entries = cx.store.act_entries(&act.id, act.begin.seq)?;
    let truths: Vec<Truth> = steps(&act.begin).iter().map(|s| truth(s, &what.direction, &entries, &history)).collect();
    let none_changed = truths.iter().all(|t| t.state == State::Before);
    let settled_history = truths.iter().all(|t| t.state != State::Half);
    let schema_before = act.begin.text("schema").unwrap_or_default();
    let schema_fits = !none_changed || schema_before.is_empty() || schema == schema_before;
    let settled = settled_history && schema_fits;
    let mut sentences: Vec<String> = truths.iter().map(|t| t.sentence.clone()).collect();
    if none_changed && !schema_before.is_empty() {
        sentences.push(match schema_fits {
            true => "The schema is exactly as it was before the run.".into(),
            false => "The schema is not as it was before the run: something took effect that the history does not name, or somebody else changed it.".into(),
        });
    }
    let done: Vec<i64> = truths.iter().filter(|t| t.state == State::After).map(|t| t.version).collect();
    let past = if what.direction == "apply" { "applied" } else { "reverted" };
    let summary = format!(
        "The {} of {} on {}, begun {} by {}, was cut off: {}. {}",
        what.direction,
        shown_range(&what.versions),
        target.name,
        what.started_at,
        what.started_by,
        what.last,
        match (done.len(), settled) {
            (_, false) => "It left something half done.".to_string(),
            (0, true) => format!("Nothing of it is {past}."),
            (n, true) if n == truths.len() => format!("All of it is {past} all the same."),
            (_, true) => format!("{} {} {past}, the rest is not.", shown_range(&done), if done.len() == 1 { "is" } else { "are" }),
        }
    );
    let next = next(target, &what.direction, settled, &truths, schema_fits);
    if settled {
        let files: Vec<Migration> = queue.items.iter().filter_map(|i| i.migration.clone()).collect();
        settle(cx, conn, &identity, &act, what, &truths, &files)?;
        let body = json!({ "summary": summary, "act": act.id, "run": act.run, "truths": sentences });
        cx.store.end_act(&act.id, "explained", &cx.entry("act-explained", &target.name, body))?;
    }
    Ok(Explained { unfinished: what.clone(), summary, truths: sentences, next, settled })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// As before the act.
    Before,
    /// As the act wanted it.
    After,
    Half,
}

struct Truth {
    version: i64,
    state: State,
    sentence: String,
    /// Hash of the scripts that the act was to run.
    scripts: String,
}

/// What is true of one migration: the history decides, the journal explains.
fn truth(step: &Value, direction: &str, entries: &[Entry], history: &[Applied]) -> Truth {
    let version = number(step, "version");
    let name = step.get("name").and_then(Value::as_str).unwrap_or_default();
    let v = format!("{} {}", shown_version(version), crate::text::clean(name));
    let row = history.iter().find(|h| h.version == version);
    let of = number(step, "statements");
    let about = |kind: &str| entries.iter().filter(|e| e.kind == kind && number(&e.body, "version") == version).count() as i64;
    let (sent, answered) = (about("statement-before"), about("statement-after"));
    let in_transaction = step.get("in_transaction").and_then(Value::as_bool).unwrap_or(true);
    let half = || {
        let unanswered = if sent > answered { format!("; statement {sent} was sent and its answer is not known") } else { String::new() };
        format!("{v}: half done. {answered} of {of} statements were answered{unanswered}.")
    };
    let (state, sentence) = match (direction, row) {
        (_, Some(r)) if !r.success => (State::Half, half()),
        ("apply", Some(_)) => (State::After, format!("{v}: applied. The history names it, and its transaction was committed.")),
        ("apply", None) if sent == 0 => (State::Before, format!("{v}: not applied, nothing of it was sent.")),
        ("apply", None) if in_transaction => {
            (State::Before, format!("{v}: not applied. {sent} of {of} statements were sent, and the server rolled them back."))
        }
        ("apply", None) => (State::Half, half()),
        (_, None) => (State::After, format!("{v}: reverted. The history does not name it any more.")),
        (_, Some(_)) if sent == 0 => (State::Before, format!("{v}: not reverted, nothing of its down was sent.")),
        (_, Some(_)) => {
            (State::Before, format!("{v}: not reverted. {sent} of {of} statements were sent, and the server rolled them back."))
        }
    };
    let scripts = step.get("scripts").and_then(Value::as_str).unwrap_or_default().to_string();
    Truth { version, state, sentence, scripts }
}

fn next(target: &crate::config::Target, direction: &str, settled: bool, truths: &[Truth], schema_fits: bool) -> Vec<String> {
    let name = &target.name;
    let mut out = Vec::new();
    if !schema_fits {
        out.push("Compare the schema with the scripts; when it is as it should be, close the run and start another.".to_string());
    }
    for t in truths.iter().filter(|t| t.state == State::Half) {
        let v = shown_version(t.version);
        out.push(format!("{v}: compare its statements with the schema. Either run what is missing by hand and set success = true in _sqlx_migrations, or undo what took effect and delete the row."));
    }
    if !settled {
        out.push(format!("Then look again: holdpoint migrate status {name}"));
        return out;
    }
    let all_before = truths.iter().all(|t| t.state == State::Before);
    let all_after = truths.iter().all(|t| t.state == State::After);
    out.push(match (direction, all_before, all_after) {
        (_, true, _) => format!("Nothing needs mending: run it again, holdpoint migrate {direction} {name}"),
        ("apply", _, true) => format!("Go on with the checklist: holdpoint run schema-migration {name}"),
        ("apply", ..) => format!("Take back what is applied (holdpoint migrate revert {name}), or prove and apply the rest."),
        (_, _, true) => "Nothing needs mending: the range is reverted.".to_string(),
        _ => format!("Revert the rest: holdpoint migrate revert {name}"),
    });
    out
}

/// Records what turned out to be done, as the act itself would have.
fn settle(
    cx: &Cx,
    conn: &Connection,
    identity: &crate::model::Identity,
    act: &Act,
    what: &Unfinished,
    truths: &[Truth],
    files: &[Migration],
) -> Result<()> {
    let kind = if what.direction == "apply" { "applied" } else { "reverted" };
    let known = cx.store.evidence(Some(kind))?;
    let mut range = Vec::new();
    for t in truths.iter().filter(|t| t.state == State::After) {
        // Only for the very scripts that were sent: files edited since are another thing.
        let Some(m) = files.iter().find(|m| m.version == t.version && single_hash(m) == t.scripts) else { continue };
        range.push(m.clone());
        let there = known.iter().any(|k| {
            k.evidence.facts.get("act") == Some(&act.id) && k.evidence.facts.get("version").and_then(|v| v.parse().ok()) == Some(t.version)
        });
        if there {
            continue;
        }
        let summary = format!("{} {} {kind}, found so after the run was cut off", shown_version(m.version), m.name);
        let mut d = Draft::new(kind, conn.target(), identity, true, summary)
            .scripts(std::slice::from_ref(m))
            .fact("unit", "migration")
            .fact("version", m.version.to_string())
            .fact("run", act.run.clone())
            .fact("act", act.id.clone());
        d.subject.scripts = single_hash(m);
        cx.record(d)?;
    }
    if !range.is_empty() && range.len() == truths.len() {
        if what.direction != "apply" {
            range.reverse();
        }
        let versions: Vec<i64> = range.iter().map(|m| m.version).collect();
        let summary = format!("{} {kind}, found so after the run was cut off", shown_range(&versions));
        let mut d = Draft::new(kind, conn.target(), identity, true, summary)
            .scripts(&range)
            .fact("unit", "range")
            .fact("run", act.run.clone())
            .fact("act", act.id.clone());
        d.subject.scripts = range_hash(&range);
        for c in act.begin.body.get("cleared").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(step), Some(id)) = (c.get("step").and_then(Value::as_str), c.get("evidence").and_then(Value::as_str)) {
                d = d.fact(format!("cleared by {step}"), id);
            }
        }
        if let Some(hash) = act.begin.text("schema_predicted") {
            d = d.fact("schema predicted", hash);
        }
        cx.record(d)?;
    }
    Ok(())
}
