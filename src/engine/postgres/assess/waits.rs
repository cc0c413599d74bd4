//! What the sessions that are busy wait for: several looks in a row, since one catches a moment.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::postgres::catalog::cell;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::{Finding, Result, Severity};
use std::collections::BTreeMap;
use std::time::Duration;

/// Looks, and what lies between them: half a second in all.
const LOOKS: usize = 10;
const BETWEEN: Duration = Duration::from_millis(50);

/// The class of waits that the lock tree explains.
const LOCK: &str = "Lock";

/// Who waits for nothing computes, or waits for a processor: the server does not tell which.
const COMPUTES: &str = "computing";

const NOW: &str = "SELECT coalesce(wait_event_type, 'computing'), coalesce(wait_event, ''), count(*) FROM pg_catalog.pg_stat_activity \
    WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() GROUP BY 1, 2";

pub(super) async fn look(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    if !sight.sees_all {
        return Ok(Seen::blind(check, "what sessions of other roles wait for cannot be seen", &sight.grant));
    }
    let mut counts: BTreeMap<(String, String), f64> = BTreeMap::new();
    for at in 0..LOOKS {
        if at > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        for r in rows(s, NOW).await? {
            *counts.entry((cell(&r, 0).into(), cell(&r, 1).into())).or_default() += number(&r, 2).unwrap_or(0.0);
        }
    }
    let mut seen = judge(&counts, check, limits);
    if let Some(found) = seen.findings.iter_mut().find(|f| f.object == LOCK)
        && let Ok(Some(root)) = super::locks::in_the_way(s, sight, limits).await
    {
        named(found, root);
    }
    let computing: f64 = counts.iter().filter(|((class, _), _)| class == COMPUTES).map(|(_, n)| n).sum::<f64>() / LOOKS as f64;
    if let Some(processors) = super::machine::processors(s) {
        judge_load(&mut seen, computing, processors, check, limits);
    }
    Ok(seen)
}

/// Names who is in the way: waits that are too short for the lock tree's own check are most of what is done here all the same.
fn named(found: &mut Finding, root: Finding) {
    // Told by that check, with the same words.
    if root.severity >= Severity::Warning {
        return;
    }
    found.message = format!("{}: {}", found.message, root.message);
    found.next = root.next;
    found.recover = root.recover;
}

/// Who computes waits for nothing that the server knows of; more of them than there are processors wait for those.
fn judge_load(seen: &mut Seen, computing: f64, processors: f64, check: &Check, limits: &Limits) {
    let each = computing / processors.max(1.0);
    seen.figures.insert("per_processor".into(), each);
    let severity = Severity::of(each, limits.of(check, "per_processor"));
    // A handful on a small machine is no pile-up.
    if computing >= 16.0 && severity >= Severity::Warning {
        let words = format!("{computing:.0} sessions compute at once on {processors} processors: each waits for its turn");
        let next = "See the top statements for what they run: one that lost its index, or its plan, is the usual one.";
        seen.find(Finding::new(severity, check.id, COMPUTES, words).next(next));
    }
}

fn judge(counts: &BTreeMap<(String, String), f64>, check: &Check, limits: &Limits) -> Seen {
    let all: f64 = counts.values().sum();
    // The sum of nothing is -0.
    let busy = all.abs() / LOOKS as f64;
    let mut classes: BTreeMap<&str, f64> = BTreeMap::new();
    for ((class, _), n) in counts {
        *classes.entry(class).or_default() += n;
    }
    let mut classes: Vec<(&str, f64)> = classes.into_iter().collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut seen = Seen::of(check).figure("busy", busy);
    let Some((class, most)) = classes.first().copied() else { return seen.says("nobody is busy") };
    let share = |n: f64| 100.0 * n / all;
    let told: Vec<String> = classes.iter().take(3).map(|(c, n)| format!("{c} {:.0} %", share(*n))).collect();
    seen = seen.says(format!("{busy:.1} busy: {}", told.join(", "))).figure("share", share(most));
    let severity = Severity::of(share(most), limits.of(check, "share"));
    // A single session waits for something most of its time; so does a pg_sleep, and a vacuum that rests.
    if severity < Severity::Warning || busy < limits.of(check, "busy").0 || matches!(class, COMPUTES | "Timeout" | "Activity") {
        return seen;
    }
    let event = counts.iter().filter(|((c, _), _)| c == class).max_by(|a, b| a.1.total_cmp(b.1)).map_or("", |((_, e), _)| e.as_str());
    let words = format!("of {busy:.1} sessions that are busy {:.0} % wait for {class}, most of them for {event}", share(most));
    seen.find(Finding::new(severity, check.id, class, words).next(next(class, event)));
    seen
}

/// Where to look on.
fn next(class: &str, event: &str) -> String {
    match (class, event) {
        (LOCK, _) => "The lock tree names who is in the way.".into(),
        ("IO", _) => "The disk is what they wait for: see disk, checkpoints, temporary files and the top statements.".into(),
        ("LWLock", _) => {
            format!("They are in each other's way inside the server ({event}): fewer sessions at once help, more make it worse.")
        }
        ("Client", _) => "The application, or the network, does not take what they send: look there.".into(),
        ("IPC", "SyncRep") => "Commits wait for a standby to confirm: see standbys.".into(),
        ("BufferPin", _) => "They wait for pages that somebody else looks at: a cursor that is left open.".into(),
        _ => format!("Look up {event} among the wait events in the server's manual."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Assessing;
    use crate::engine::postgres::Postgres;

    fn judged(counts: &[(&str, &str, f64)]) -> Seen {
        let pg = Postgres::new(crate::config::Target::bare("t", crate::config::EngineKind::Postgres), None);
        let check = pg.checks().iter().find(|c| c.id == "PG08").unwrap();
        judge(&counts.iter().map(|(c, e, n)| ((c.to_string(), e.to_string()), *n)).collect(), check, &Limits::default())
    }

    #[test]
    fn who_is_in_the_way_of_short_waits_is_named_with_what_helps() {
        let mut found = judged(&[(LOCK, "relation", 40.0)]).findings.remove(0);
        let root = |severity| {
            let f = Finding::new(severity, "PG06", "pid 7", "4 sessions wait behind pid 7").next("End pid 7.");
            f.recover(crate::model::recovery::Deed::EndIdle, "7")
        };
        let plain = found.clone();
        named(&mut found, root(Severity::Warning));
        assert_eq!(found, plain, "the other check tells it");
        named(&mut found, root(Severity::Info));
        assert_eq!((found.check.as_str(), found.next.as_str()), ("PG08", "End pid 7."));
        assert!(found.message.ends_with("for relation: 4 sessions wait behind pid 7") && found.recover.is_some(), "{found:?}");
    }

    #[test]
    fn one_kind_of_wait_that_takes_most_of_many_sessions_is_told_with_where_to_look() {
        let seen = judged(&[("IO", "DataFileRead", 60.0), ("IO", "WALWrite", 10.0), (COMPUTES, "", 30.0)]);
        assert_eq!((seen.severity, seen.says.as_str()), (Severity::Warning, "10.0 busy: IO 70 %, computing 30 %"));
        assert!(seen.findings[0].message.ends_with("70 % wait for IO, most of them for DataFileRead"), "{seen:#?}");
        assert!(judged(&[("IPC", "SyncRep", 80.0)]).findings[0].next.contains("standby"));
        assert_eq!(judged(&[("IO", "DataFileRead", 10.0)]).severity, Severity::Ok, "one session alone");
        assert_eq!(judged(&[(COMPUTES, "", 100.0)]).severity, Severity::Ok);
        assert_eq!(judged(&[("Timeout", "PgSleep", 100.0)]).severity, Severity::Ok);
        assert_eq!(judged(&[]).says, "nobody is busy");
        let pg = Postgres::new(crate::config::Target::bare("t", crate::config::EngineKind::Postgres), None);
        let check = pg.checks().iter().find(|c| c.id == "PG08").unwrap();
        let load = |computing: f64, processors: f64| {
            let mut seen = Seen::of(check);
            judge_load(&mut seen, computing, processors, check, &Limits::default());
            seen.severity
        };
        assert_eq!(
            (load(65.0, 2.0), load(40.0, 16.0), load(12.0, 1.0), load(20.0, 64.0)),
            (Severity::Critical, Severity::Warning, Severity::Ok, Severity::Ok)
        );
    }
}
