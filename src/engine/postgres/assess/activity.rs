//! Sessions: how many there are, what they do, and for how long.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, end_idle, hidden, one_line, taken};
use crate::engine::postgres::catalog::{Row, cell};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Dialect, Fault, Finding, Result, Severity};
use crate::text;

/// Seconds between the start of the main process and of those beside it from which on these were started again.
const CRASHED: f64 = 5.0;

pub(super) async fn server(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    const SERVER: &str = "SELECT extract(epoch FROM clock_timestamp() - pg_catalog.pg_postmaster_start_time()), \
        (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_catalog.pg_settings WHERE pending_restart), current_setting('server_version'), \
        (SELECT extract(epoch FROM min(backend_start) - pg_catalog.pg_postmaster_start_time()) FROM pg_catalog.pg_stat_activity \
            WHERE backend_type IN ('checkpointer', 'background writer')), \
        (SELECT extract(epoch FROM clock_timestamp() - min(backend_start)) FROM pg_catalog.pg_stat_activity \
            WHERE backend_type IN ('checkpointer', 'background writer'))";
    let found = rows(s, SERVER).await?;
    let row = found.first().cloned().unwrap_or_default();
    let up = number(&row, 0).unwrap_or(0.0);
    let role = if sight.standby { "a standby" } else { "a primary" };
    let mut seen = Seen::of(check).says(format!("PostgreSQL {}, {role}, up for {}", cell(&row, 2), age(up)));
    seen = seen.figure("up", up).figure("follows", f64::from(u8::from(sight.standby)));
    // A crash of one process ends all sessions, and the server begins anew under the same main process, whose start stays as it was.
    if let (Some(later), Some(ago)) = (number(&row, 3).filter(|l| *l > CRASHED), number(&row, 4)) {
        let recent = ago < limits.of(check, "restarted").0;
        seen.says.push_str(&format!(", recovered from a crash {} ago", age(ago)));
        seen = seen.figure("crashed", ago).figure("before", later);
        let words =
            format!("a process of the server crashed {} ago: all sessions were ended, and what was not committed is lost", age(ago));
        seen.find(
            Finding::new(if recent { Severity::Warning } else { Severity::Info }, check.id, &s.identity().address, words)
                .next("The end of its log names the process and the signal; signal 9 is the machine's, when memory runs out."),
        );
    }
    // Below the threshold is what is told here: a server that was just started.
    if up < limits.of(check, "restarted").0 {
        seen.find(
            Finding::new(Severity::Info, check.id, &s.identity().address, format!("the server was started {} ago", age(up)))
                .fault(Fault::Started)
                .next("Look into its log for why: a crash, or somebody."),
        );
    }
    if !cell(&row, 1).is_empty() {
        let words = format!("waits for a restart: {}", cell(&row, 1));
        seen.says.push_str(&format!(", {words}"));
        seen.find(
            Finding::new(Severity::Info, check.id, &s.identity().address, words)
                .next("These were changed, and hold from the next start on: it brings more than the reason for which it is done."),
        );
    }
    Ok(seen)
}

pub(super) async fn connections(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    // Of what a role may not look into it still sees that it is there, but not its kind: those with a database are counted.
    const COUNTS: &str = "SELECT count(*), count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state LIKE 'idle in transaction%'), \
        count(*) FILTER (WHERE state = 'idle'), count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FILTER (WHERE state IS NULL), \
        count(*) FILTER (WHERE wait_event = 'SyncRep'), (SELECT i.pid FROM pg_catalog.pg_stat_activity i WHERE i.state = 'idle' \
            AND i.backend_type = 'client backend' AND i.pid <> pg_catalog.pg_backend_pid() ORDER BY i.state_change LIMIT 1), \
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int \
            - coalesce(current_setting('reserved_connections', true)::int, 0), \
        (SELECT count(DISTINCT l.pid) FROM pg_catalog.pg_locks l \
            WHERE NOT l.granted AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = l.pid)) \
        FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL)";
    const WHO: &str = "SELECT coalesce(usename::text, '?'), coalesce(nullif(application_name, ''), 'unnamed'), count(*), \
        count(*) FILTER (WHERE state = 'idle'), count(*) FILTER (WHERE state IS NULL) FROM pg_catalog.pg_stat_activity \
        WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 3";
    let found = rows(s, COUNTS).await?;
    let row = found.first().cloned().unwrap_or_default();
    let at = |i: usize| number(&row, i).unwrap_or(0.0);
    // A login that waits for the catalogue has its place, and stands among the sessions only when it is over.
    let unfinished = at(9);
    let (all, active, open, idle, hidden, most) = (at(0) + unfinished, at(1), at(2), at(3), at(5), at(8).max(1.0));
    let waiting = at(4) + unfinished;
    let commits = at(6);
    let used = 100.0 * all / most;
    let mut says = format!("{all} of {most} ({used:.0} %)");
    for (n, what) in [
        (active, "active"),
        (at(4), "waiting for locks"),
        (unfinished, "waiting for locks to log in"),
        (open, "idle in transaction"),
        (idle, "idle"),
    ] {
        if n > 0.0 {
            says.push_str(&format!(", {n} {what}"));
        }
    }
    let mut seen = Seen::of(check).says(says).figures(&[
        ("used", used),
        ("connections", all),
        ("most", most),
        ("active", active),
        ("waiting", waiting),
        ("idle", idle),
    ]);
    let severity = Severity::of(used, limits.of(check, "used"));
    if severity >= Severity::Warning {
        let who: Vec<String> = rows(s, WHO)
            .await?
            .iter()
            .map(|r| {
                // A state that is hidden is not idle, and not busy either.
                let does = match (cell(r, 4), cell(r, 3)) {
                    ("0", idle) => format!("{idle} idle"),
                    (some, _) if some == cell(r, 2) => "what they do is hidden".into(),
                    (some, idle) => format!("{idle} idle, what {some} do is hidden"),
                };
                format!("{} of {} ({does})", cell(r, 2), text::clean(&format!("{}/{}", cell(r, 0), cell(r, 1))))
            })
            .collect();
        let longest = Some(cell(&row, 7)).filter(|pid| !pid.is_empty() && idle > all / 2.0 && severity >= Severity::Critical);
        let (next, end) = if commits > 0.0 && commits + waiting >= active / 2.0 {
            ("Commits wait for a standby to confirm them, and hold up the others: see standbys.".to_string(), None)
        } else if waiting >= active / 2.0 && waiting > 0.0 {
            ("Most of them wait for locks: end the root of the lock tree, and they go on.".to_string(), None)
        } else if hidden > all / 2.0 {
            (format!("What most of them do is hidden, and what to do depends on it: {}", sight.grant), None)
        } else if let Some(pid) = longest {
            (end_idle(pid, "idle_session_timeout"), Some(pid.to_string()))
        } else if idle > all / 2.0 {
            ("Most of them are idle: lower the pool's size, or set idle_session_timeout for that role.".to_string(), None)
        } else {
            ("Find out why the statements take longer than usual; more connections would make it worse.".to_string(), None)
        };
        seen.find(taken(severity, check, &s.identity().address, (all, most), &who, next, end));
    }
    // Roles and databases may have a limit of their own, below the server's. Superusers have none.
    const LIMITED: &str = "SELECT 'role', r.rolname::text, r.rolconnlimit, count(a.pid) FROM pg_catalog.pg_roles r \
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.usesysid = r.oid WHERE r.rolconnlimit > 0 AND NOT r.rolsuper GROUP BY 1, 2, 3 \
        UNION ALL SELECT 'database', d.datname::text, d.datconnlimit, count(a.pid) FROM pg_catalog.pg_database d \
            LEFT JOIN pg_catalog.pg_stat_activity a ON a.datid = d.oid AND a.usesysid IS NOT NULL \
            WHERE d.datconnlimit >= 0 AND d.datallowconn GROUP BY 1, 2, 3 ORDER BY 1, 2 LIMIT 200";
    for r in rows(s, LIMITED).await? {
        let (kind, name) = (cell(&r, 0), text::clean(cell(&r, 1)).into_owned());
        let (most, used) = (number(&r, 2).unwrap_or(0.0), number(&r, 3).unwrap_or(0.0));
        if used >= most {
            let quoted = Dialect::Postgres.quote_ident(cell(&r, 1));
            let words = format!("{kind} {name} has {used} of {most} connections that it may have: the next login is refused");
            seen.says.push_str(&format!("; {kind} {name} {used} of its {most}"));
            seen.find(Finding::new(Severity::Warning, check.id, format!("{kind} {name}"), words).next(format!(
                "Close what is idle, or give it more: ALTER {} {quoted} CONNECTION LIMIT -1; takes the limit away.",
                kind.to_uppercase()
            )));
        }
    }
    if hidden > 0.0 && !sight.sees_all {
        seen.find(
            Finding::new(Severity::Unknown, check.id, "sessions", format!("what {hidden} sessions of other roles do is hidden"))
                .lifts(&sight.grant),
        );
    }
    Ok(seen)
}

fn who(r: &Row) -> String {
    format!("{} (pid {}, {})", cell(r, 1), cell(r, 0), cell(r, 2))
}

pub(super) async fn idle(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    const IDLE: &str = "SELECT a.pid, coalesce(a.usename::text, '?'), coalesce(nullif(a.application_name, ''), 'unnamed'), \
        extract(epoch FROM clock_timestamp() - a.state_change), extract(epoch FROM clock_timestamp() - a.xact_start), left(a.query, 200), count(*) OVER () \
        FROM pg_catalog.pg_stat_activity a WHERE a.state LIKE 'idle in transaction%' AND a.pid <> pg_catalog.pg_backend_pid() \
        ORDER BY a.state_change LIMIT 50";
    let found = rows(s, IDLE).await?;
    let longest = found.first().and_then(|r| number(r, 3)).unwrap_or(0.0);
    // Fifty are looked at, and all are counted.
    let all = found.first().and_then(|r| number(r, 6)).unwrap_or(0.0);
    let mut seen = Seen::of(check).figure("sessions", all).figure("idle", longest);
    seen.says = match found.first() {
        None => "no transaction is left open".into(),
        Some(r) => format!("{}, the longest for {}: {}", text::counted(all as u64, "session"), age(longest), who(r)),
    };
    let limit = limits.of(check, "idle");
    for r in &found {
        let severity = Severity::of(number(r, 3).unwrap_or(0.0), limit);
        if severity < Severity::Warning || seen.findings.len() == 5 {
            break;
        }
        seen.find(
            Finding::new(
                severity,
                check.id,
                format!("pid {}", cell(r, 0)),
                format!(
                    "{} has had a transaction open for {} and done nothing in it for {}; last: {}",
                    who(r),
                    age(number(r, 4).unwrap_or(0.0)),
                    age(number(r, 3).unwrap_or(0.0)),
                    one_line(Dialect::Postgres, cell(r, 5), 120)
                ),
            )
            .next("Cancelling does nothing to it: end the session (its transaction is rolled back).")
            .recover(Deed::EndIdle, cell(r, 0)),
        );
    }
    Ok(of_others(seen, sight, check))
}

/// What was found is of our own role alone, when it may not look into others.
fn of_others(mut seen: Seen, sight: &Sight, check: &Check) -> Seen {
    if !sight.sees_all && seen.severity < Severity::Warning {
        seen.says = format!("of our own role alone: {}", seen.says);
    }
    hidden(seen, sight, check, "sessions of other roles cannot be looked into")
}

/// Seconds without a statement from which on a session is idle in its transaction, which is PG04's to tell.
const IDLE: f64 = 60.0;

pub(super) async fn long(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    const LONG: &str = "SELECT a.pid, coalesce(a.usename::text, '?'), coalesce(nullif(a.application_name, ''), 'unnamed'), \
        extract(epoch FROM clock_timestamp() - a.query_start), CASE WHEN a.wait_event = 'SyncRep' THEN 'SyncRep' ELSE coalesce(a.wait_event_type, '') END, left(a.query, 200), \
        a.application_name = 'pg_dump' OR a.query ~* '^\\s*(create|reindex|vacuum|copy|cluster|refresh)\\M', count(*) OVER () \
        FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.state = 'active' AND a.pid <> pg_catalog.pg_backend_pid() \
        ORDER BY a.query_start LIMIT 50";
    // One statement after another, each of them short, keeps a transaction as well.
    const CHATTY: &str = "SELECT a.pid, coalesce(a.usename::text, '?'), coalesce(nullif(a.application_name, ''), 'unnamed'), \
        extract(epoch FROM clock_timestamp() - a.xact_start), extract(epoch FROM clock_timestamp() - a.query_start), left(a.query, 200), \
        a.application_name = 'pg_dump', CASE WHEN a.state = 'active' THEN 0 ELSE extract(epoch FROM clock_timestamp() - a.state_change) END \
        FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid() AND a.xact_start IS NOT NULL \
        AND (a.state = 'active' OR a.state LIKE 'idle in transaction%') AND a.xact_start < a.query_start ORDER BY a.xact_start LIMIT 50";
    let found = rows(s, LONG).await?;
    let chatty = rows(s, CHATTY).await?;
    let longest = found.first().and_then(|r| number(r, 3)).unwrap_or(0.0);
    let all = found.first().and_then(|r| number(r, 7)).unwrap_or(0.0);
    let mut seen = Seen::of(check).figure("running", all).figure("age", longest);
    seen.says = match found.first() {
        None => "nothing runs".into(),
        Some(r) => format!("{all} running, the longest for {}: {}", age(longest), who(r)),
    };
    let limit = limits.of(check, "age");
    for r in &found {
        let mut severity = Severity::of(number(r, 3).unwrap_or(0.0), limit);
        if severity < Severity::Warning || seen.findings.len() == 5 {
            break;
        }
        // A dump or an index takes its time: told, and no alarm.
        let slow_by_nature = cell(r, 6) == "t";
        // Who waits is no cause: another check has what is in its way.
        let (waits, then) = match cell(r, 4) {
            "Lock" => (", waiting for a lock", "It waits: look at who holds the lock."),
            "SyncRep" => (", waiting for a standby to confirm its commit", "It has committed here: see standbys for what it waits for."),
            _ => ("", ""),
        };
        if slow_by_nature || !waits.is_empty() {
            severity = Severity::Info;
        }
        let found = Finding::new(
            severity,
            check.id,
            format!("pid {}", cell(r, 0)),
            format!(
                "{} has been running for {}{waits}: {}",
                who(r),
                age(number(r, 3).unwrap_or(0.0)),
                one_line(Dialect::Postgres, cell(r, 5), 120)
            ),
        );
        seen.find(match (waits.is_empty(), slow_by_nature) {
            (false, _) => found.next(then),
            (true, true) => found.next("It takes its time; it holds back vacuum as long as it runs."),
            (true, false) => found.next("Look at its plan; cancelling it rolls its statement back.").recover(Deed::Cancel, cell(r, 0)),
        });
    }
    for r in &chatty {
        let (open, statement, idle) = (number(r, 3).unwrap_or(0.0), number(r, 4).unwrap_or(0.0), number(r, 7).unwrap_or(0.0));
        let severity = Severity::of(open, limit);
        // What runs for long is told above, who does nothing by another check.
        if severity < Severity::Warning || Severity::of(statement, limit) >= Severity::Warning || idle >= IDLE || seen.findings.len() >= 5 {
            continue;
        }
        let severity = if cell(r, 6) == "t" { Severity::Info } else { severity };
        let words = format!(
            "{} has had a transaction open for {}, one statement after another; now: {}",
            who(r),
            age(open),
            one_line(Dialect::Postgres, cell(r, 5), 120)
        );
        let next =
            "It keeps its locks, and vacuum from cleaning up, until it ends: ask whose it is. Ending the session rolls all of it back.";
        seen.find(Finding::new(severity, check.id, format!("pid {}", cell(r, 0)), words).next(next).recover(Deed::Terminate, cell(r, 0)));
        seen.says = format!("{}; a transaction has been open for {}", seen.says, age(open));
    }
    Ok(of_others(seen, sight, check))
}
