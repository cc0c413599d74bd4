//! Transactions that are open, and statements that run for long.

use super::{at, innodb, is_committing, number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, hidden, one_line};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Fault, Finding, Result, Severity};

/// Threads that are the server's own work.
pub(super) const OWN: &str = "'Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_IO', 'Slave_SQL', 'Slave_worker'";

/// What a session does whose commit takes long, and the next step.
const COMMITTING: (&str, &str) =
    ("is committing", "See semi-synchronous, binary logs and disk for what its commit waits for: cancelling takes nothing of it back.");

pub(super) async fn transactions(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    if !sight.sees_all {
        return Ok(Seen::blind(check, "open transactions cannot be seen", &sight.grant));
    }
    // InnoDB's list and the process list are joined here: the server would go through one for each row of the other.
    let all = innodb::open(s).await?;
    let found = &all.list;
    let longest = found.first().map_or(0, |t| t.open) as f64;
    let mut seen = Seen::of(check).figure("transactions", all.all as f64).figure("age", longest);
    if found.is_empty() {
        return Ok(seen.says("none"));
    }
    let ids: Vec<String> = found.iter().take(6).map(|t| t.session.to_string()).collect();
    let who = rows(
        s,
        &format!(
            "SELECT ID, COALESCE(USER, '?'), COALESCE(HOST, ''), COMMAND, TIME, LEFT(COALESCE(INFO, ''), 200), COALESCE(STATE, '') \
             FROM information_schema.PROCESSLIST WHERE ID IN ({})",
            ids.join(", ")
        ),
    )
    .await?;
    let limit = limits.of(check, "age");
    for t in found.iter().take(6) {
        let (open, id) = (t.open as f64, t.session);
        let p = who.iter().find(|p| at(p, 0) == id.to_string());
        let named = match p {
            Some(p) => format!("{}@{} (connection {id})", at(p, 1), at(p, 2)),
            // The session is gone: an XA transaction that was prepared, or one that is being rolled back.
            None if id == 0 => "a prepared XA transaction or one that is being recovered".to_string(),
            None => format!("connection {id}"),
        };
        if seen.says.is_empty() {
            seen.says = format!("{} open, the oldest for {}: {named}", all.all, age(open));
        }
        // Who waits for a row is somebody's victim: the lock tree tells whose.
        let mut severity = Severity::of(open, limit);
        if severity < Severity::Warning || t.waits.is_some() || seen.findings.len() == 5 {
            continue;
        }
        let holds = match (t.rows, t.changed) {
            (0, 0) => String::new(),
            (locked, changed) => format!(", {} locked, {changed} changed", crate::text::counted(locked, "row")),
        };
        // What holds nothing keeps nobody waiting; a dump whose reader is slow looks just so.
        let harmless = (t.rows, t.changed) == (0, 0);
        let (does, next, deed) = match p {
            Some(p) if marks_a_dump(at(p, 5)) => {
                severity = Severity::Info;
                ("is a dump".to_string(), "It takes its time; the history is not purged as long as it runs.".to_string(), None)
            }
            Some(p) if at(p, 3) == "Sleep" && harmless => {
                severity = severity.min(Severity::Warning);
                (
                    format!("has done nothing in it for {}", age(number(p, 4).unwrap_or(0.0))),
                    format!(
                        "It holds no row: it may be a dump (mariadb-dump --single-transaction) between two tables. Ask whose it is; KILL {id} ends the session."
                    ),
                    Some(Deed::EndIdle),
                )
            }
            Some(p) if at(p, 3) == "Sleep" => (
                format!("has done nothing in it for {}", age(number(p, 4).unwrap_or(0.0))),
                format!("KILL QUERY does nothing to it: KILL {id} ends the session (its transaction is rolled back)."),
                Some(Deed::EndIdle),
            ),
            Some(p) if t.rolls_back || at(p, 6).contains("rolling back") => {
                ("is being rolled back".to_string(), "Wait: a rollback cannot be hurried, and a restart begins it anew.".to_string(), None)
            }
            Some(p) if wants_room(at(p, 6)) => (
                format!("waits for room on a disk that is full: {}", one_line(crate::model::Dialect::MySql, at(p, 5), 100)),
                format!("Make room, or cancel it: KILL QUERY {id} gives back what it has written."),
                Some(Deed::Cancel),
            ),
            Some(p) if is_committing(at(p, 6)) => (COMMITTING.0.to_string(), COMMITTING.1.to_string(), None),
            Some(p) => (
                format!("runs: {}", one_line(crate::model::Dialect::MySql, at(p, 5), 100)),
                match t.changed == 0 && reads(at(p, 5)) {
                    true => format!("Look at its plan; it only reads: KILL QUERY {id} ends it at once."),
                    false => format!("Look at its plan; KILL QUERY {id} rolls its statement back, which may take as long again."),
                },
                Some(Deed::Cancel),
            ),
            None if id == 0 => (
                "has no session".to_string(),
                "XA RECOVER lists prepared ones: its coordinator knows whether to commit or roll back.".to_string(),
                None,
            ),
            None => ("ended meanwhile".to_string(), String::new(), None),
        };
        let words = format!("{named} has had a transaction open for {} and {does}{holds}", age(open));
        let found = Finding::new(severity, check.id, format!("connection {id}"), words).next(next);
        seen.find(match deed {
            Some(deed) => found.recover(deed, id.to_string()),
            None => found,
        });
    }
    Ok(seen)
}

/// A disk is full, and the server waits for somebody to make room.
pub(super) fn wants_room(state: &str) -> bool {
    state.contains("free space")
}

/// Dumps of MariaDB and MySQL mark their reads so.
fn marks_a_dump(statement: &str) -> bool {
    statement.contains("SQL_NO_CACHE")
}

/// By its first word: the end of a long one is cut off. What a function of its own changes is counted with its transaction.
fn reads(statement: &str) -> bool {
    statement.trim_start().get(..6).is_some_and(|w| w.eq_ignore_ascii_case("select"))
}

pub(super) async fn long(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    let long = format!(
        "SELECT ID, COALESCE(USER, '?'), COALESCE(HOST, ''), TIME, COALESCE(STATE, ''), LEFT(COALESCE(INFO, ''), 200) \
         FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Sleep', {OWN}) AND USER NOT IN ('system user', 'event_scheduler') \
         AND ID <> CONNECTION_ID() ORDER BY TIME DESC LIMIT 50"
    );
    let found = rows(s, &long).await?;
    let longest = found.first().and_then(|r| number(r, 3)).unwrap_or(0.0);
    let all = match found.len() {
        50 => {
            let count = format!(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Sleep', {OWN}) \
                 AND USER NOT IN ('system user', 'event_scheduler') AND ID <> CONNECTION_ID()"
            );
            rows(s, &count).await?.first().and_then(|r| number(r, 0)).unwrap_or(50.0).max(50.0)
        }
        few => few as f64,
    };
    let mut seen = Seen::of(check).figure("running", all).figure("age", longest);
    let who = |r: &[Option<String>]| format!("{}@{} (connection {})", at(r, 1), at(r, 2), at(r, 0));
    seen.says = match found.first() {
        None => "nothing runs".into(),
        Some(r) => format!("{all} running, the longest for {}: {}", age(longest), who(r)),
    };
    if !sight.sees_all {
        seen.says = format!("of our own account alone: {}", seen.says);
    }
    let limit = limits.of(check, "age");
    // Who waits for a row says nothing of it in the list of processes.
    let slow = found.first().is_some_and(|r| Severity::of(number(r, 3).unwrap_or(0.0), limit) >= Severity::Warning);
    let open = if sight.sees_all && slow { innodb::open(s).await? } else { innodb::Open::default() };
    for r in &found {
        let mut severity = Severity::of(number(r, 3).unwrap_or(0.0), limit);
        if severity < Severity::Warning || seen.findings.len() == 5 {
            break;
        }
        let (state, statement) = (at(r, 4), one_line(crate::model::Dialect::MySql, at(r, 5), 120));
        let word = statement.split(' ').next().unwrap_or("").to_ascii_uppercase();
        // Building an index and the like take their time, and so does a dump: told, and no alarm.
        let slow_by_nature =
            marks_a_dump(&statement) || matches!(word.as_str(), "ALTER" | "CREATE" | "OPTIMIZE" | "LOAD" | "ANALYZE" | "CHECK");
        let for_row = open.waiting().any(|t| t.session.to_string() == at(r, 0));
        let waits = for_row || state.starts_with("Waiting for");
        if for_row || (slow_by_nature && !waits) {
            severity = Severity::Info;
        }
        let stage = if state.is_empty() { String::new() } else { format!(" ({state})") };
        let words = format!("{} has been running for {}{stage}: {statement}", who(r), age(number(r, 3).unwrap_or(0.0)));
        let found = Finding::new(severity, check.id, format!("connection {}", at(r, 0)), words);
        seen.find(match (waits, slow_by_nature) {
            _ if is_committing(state) => found.next(COMMITTING.1),
            _ if wants_room(state) => found
                .fault(Fault::WantsRoom)
                .next("The disk is full, and it waits until somebody makes room: cancelled, it gives back what it has written.")
                .recover(Deed::Cancel, at(r, 0)),
            (true, _) => found.next("It waits: look at who holds the lock."),
            (false, true) => found.next("It takes its time; the history is not purged as long as it runs."),
            (false, false) if reads(&statement) && open.changed(at(r, 0)) == 0 => {
                found.next("Look at its plan; it only reads: KILL QUERY ends it at once.").recover(Deed::Cancel, at(r, 0))
            }
            (false, false) => found.next("Look at its plan; KILL QUERY rolls its statement back.").recover(Deed::Cancel, at(r, 0)),
        });
    }
    Ok(hidden(seen, sight, check, "what other accounts run is hidden"))
}
