//! Standbys, seen from the primary, and a standby seen from itself.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, bytes};
use crate::engine::postgres::catalog::{Row, cell};
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Finding, Result, Severity};

pub(super) async fn out(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    // Of a role that may not look, the view has its rows without any figures.
    const OUT: &str = "SELECT coalesce(nullif(application_name, ''), pid::text), coalesce(host(client_addr), 'local'), coalesce(state, ''), \
        extract(epoch FROM replay_lag), pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
            ELSE pg_catalog.pg_current_wal_lsn() END, replay_lsn), coalesce(sync_state, ''), \
            coalesce(state, '') IN ('streaming', 'catchup') AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots l \
                WHERE l.active_pid = pid AND l.slot_type = 'logical'), pg_catalog.pg_wal_lsn_diff(flush_lsn, replay_lsn) \
        FROM pg_catalog.pg_stat_replication ORDER BY 5 DESC NULLS LAST LIMIT 50";
    const WANTED: &str = "SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit')";
    let found = rows(s, OUT).await?;
    let mut seen = Seen::of(check).figure("standbys", found.len() as f64);
    // Of those that are behind, the furthest: of one whose place is hidden nothing is known. Time alone misleads: an idle primary's last lag
    // stays, and a new standby has none.
    let behind = |r: &Row| number(r, 4).unwrap_or(0.0);
    let lag = |r: &Row| if behind(r) > 0.0 { number(r, 3).unwrap_or(0.0) } else { 0.0 };
    if !found.is_empty() && found.iter().all(|r| number(r, 4).is_some()) {
        let most = |of: &dyn Fn(&Row) -> f64| found.iter().map(of).fold(0.0, f64::max);
        seen = seen.figure("behind", most(&behind)).figure("lag", most(&lag));
    }
    let told: Vec<String> =
        found.iter().take(3).map(|r| format!("{} {} behind", cell(r, 0), number(r, 4).map_or("?".into(), bytes))).collect();
    seen.says = if found.is_empty() { "none is connected".into() } else { format!("{}: {}", found.len(), told.join(", ")) };
    // For when this server is down.
    seen.followers = found.iter().filter(|r| cell(r, 6) == "t").map(|r| format!("{} ({})", cell(r, 0), cell(r, 1))).collect();
    for r in &found {
        if cell(r, 2).is_empty() && !sight.sees_all {
            seen.find(
                Finding::new(Severity::Unknown, check.id, "standbys", "how far standbys are behind cannot be seen").lifts(&sight.grant),
            );
            break;
        }
        let (lag, behind) = (lag(r), behind(r));
        // It has received nearly all of it: nothing is lost with the primary, and a delay that is wanted looks just so.
        let received = number(r, 7).is_some_and(|owed| owed >= 0.9 * behind);
        let severity = Severity::of(behind, limits.of(check, "behind")).max(Severity::of(lag, limits.of(check, "lag")));
        if severity >= Severity::Warning {
            seen.find(
                Finding::new(
                    severity,
                    check.id,
                    cell(r, 0),
                    format!(
                        "standby {} ({}, {}) is {} behind, {}{}",
                        cell(r, 0),
                        cell(r, 1),
                        cell(r, 2),
                        bytes(behind),
                        age(lag),
                        if received { ": received, and not replayed" } else { "" }
                    ),
                )
                .next(match received {
                    true => {
                        "Assess the standby itself: is its replay delayed on purpose (recovery_min_apply_delay), paused, or held up by a statement?"
                    }
                    false => "Look at the way to it, and assess the standby itself: does it take what is sent?",
                }),
            );
        }
    }
    let wanted = rows(s, WANTED).await?;
    let wanted = wanted.first().cloned().unwrap_or_default();
    let synchronous = found.iter().any(|r| matches!(cell(r, 5), "sync" | "quorum"));
    if !cell(&wanted, 0).is_empty() && !matches!(cell(&wanted, 1), "off" | "local") && !synchronous && (sight.sees_all || found.is_empty())
    {
        seen.find(
            Finding::new(
                Severity::Critical,
                check.id,
                "synchronous_standby_names",
                format!("every commit waits for a synchronous standby ({}), and none is connected", cell(&wanted, 0)),
            )
            .next("Bring the standby back; or empty synchronous_standby_names and reload: commits are no longer on two machines then."),
        );
    }
    Ok(seen)
}

/// How far each standby says that it has replayed, and when it said so.
pub(super) async fn sample(s: &Session, sight: &Sight, check: &Check) -> Result<Result<Sample, Seen>> {
    const NOW: &str = "SELECT extract(epoch FROM clock_timestamp()), pid::text, coalesce(extract(epoch FROM reply_time), 0), \
        pg_catalog.pg_wal_lsn_diff(replay_lsn, '0/0'), pg_catalog.pg_wal_lsn_diff(flush_lsn, replay_lsn), \
        coalesce(nullif(application_name, ''), pid::text) || ' (' || coalesce(host(client_addr), 'local') || ')' \
        FROM (SELECT) one LEFT JOIN pg_catalog.pg_stat_replication ON true LIMIT 50";
    let mut out = Sample::default();
    for r in rows(s, NOW).await? {
        out.at = number(&r, 0).unwrap_or(0.0);
        if cell(&r, 1).is_empty() {
            continue;
        }
        if cell(&r, 3).is_empty() && !sight.sees_all {
            return Ok(Err(Seen::blind(check, "what standbys replay cannot be seen", &sight.grant)));
        }
        out.counters.insert(cell(&r, 1).into(), (2..5).map(|i| number(&r, i).unwrap_or(0.0)).collect());
        out.texts.insert(cell(&r, 1).into(), cell(&r, 5).into());
    }
    Ok(Ok(out))
}

/// A standby that has received more than it replays, and said the same again. What it says is as old as its last word: with that for what it
/// received it has not replayed it yet, and the next one comes 10 s later.
pub(super) fn stands(check: &Check, first: &Sample, second: &Sample) -> Seen {
    let mut seen = Seen::of(check).figure("standbys", second.counters.len() as f64);
    let mut silent = 0;
    for (pid, now) in &second.counters {
        let (Some(&[said, replayed, owed]), Some(&[before, then, owed_then])) =
            (now.first_chunk::<3>(), first.counters.get(pid).and_then(|c| c.first_chunk::<3>()))
        else {
            continue;
        };
        let owes = owed > 0.0 && owed_then > 0.0 && replayed == then;
        silent += usize::from(owes && said <= before);
        if owes && said > before {
            let name = second.texts.get(pid).map(String::as_str).unwrap_or_default();
            let words = format!(
                "standby {name} has received what it does not replay: {} wait, and nothing of it was replayed for {}",
                bytes(owed),
                age(said - before)
            );
            seen.find(
                Finding::new(Severity::Warning, check.id, name, words)
                    .next("Assess the standby itself: is its replay paused, held up by a statement, or delayed on purpose?"),
            );
        }
    }
    let says = match (second.counters.len(), seen.findings.len()) {
        (0, _) => "none is connected".into(),
        (1, 0) => "1 standby, not seen to stand still".into(),
        (n, 0) => format!("{n} standbys, none seen to stand still"),
        (_, n) => format!("{n} stand still"),
    };
    // Its next word comes within wal_receiver_status_interval.
    let more =
        if silent == 0 { String::new() } else { format!("; {silent} said nothing meanwhile: --timeframe 12 waits for their next word") };
    seen.says(says + &more)
}

/// A session of the standby that keeps it from replaying: it reads what the primary has removed or locked since.
async fn held_up(s: &Session, check: &Check, limits: &Limits, stale: f64, behind: f64) -> Result<Option<Finding>> {
    // Who holds the lock that the replay waits for, else whose view of the rows is the oldest.
    const WHY: &str = "SELECT u.wait_event_type || '/' || u.wait_event, b.pid, coalesce(b.usename::text, '?'), \
        coalesce(nullif(b.application_name, ''), 'unnamed'), extract(epoch FROM clock_timestamp() - b.xact_start), coalesce(b.state, '') \
        FROM pg_catalog.pg_stat_activity u LEFT JOIN LATERAL (SELECT a.*, EXISTS (SELECT FROM pg_catalog.pg_locks w JOIN pg_catalog.pg_locks h \
                ON h.relation = w.relation AND h.database = w.database AND h.granted AND h.pid = a.pid WHERE w.pid = u.pid AND NOT w.granted) AS holds \
            FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid() \
            AND a.xact_start IS NOT NULL ORDER BY holds DESC, a.xact_start LIMIT 1) b ON true \
        WHERE u.backend_type = 'startup' AND (u.wait_event_type = 'Lock' OR u.wait_event LIKE 'RecoveryConflict%')";
    let found = rows(s, WHY).await?;
    let Some(r) = found.first() else { return Ok(None) };
    let severity = Severity::of(stale, limits.of(check, "stale"));
    if severity < Severity::Warning {
        return Ok(None);
    }
    let (pid, open) = (cell(r, 1), number(r, 4).unwrap_or(0.0));
    let who = match pid {
        "" => "a statement here that cannot be seen".to_string(),
        pid => crate::text::clean(&format!("{} (pid {pid}, {}), whose transaction is open for {}", cell(r, 2), cell(r, 3), age(open)))
            .into_owned(),
    };
    let words = format!(
        "replay is held up by {who}: {} wait, and the last transaction that can be seen here is from {} ago",
        bytes(behind),
        age(stale)
    );
    let next = "Cancel it, or let it end: max_standby_streaming_delay says how long it may hold replay up (-1: for ever).";
    let found = Finding::new(severity, check.id, &s.identity().address, words).next(next);
    Ok(Some(match cell(r, 5) {
        "active" => found.recover(Deed::Cancel, pid),
        state if state.starts_with("idle in transaction") => found.recover(Deed::EndIdle, pid),
        _ => found,
    }))
}

pub(super) async fn replay(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    if !sight.standby {
        return Ok(Seen::of(check).says("this is a primary"));
    }
    const REPLAY: &str = "SELECT pg_catalog.pg_is_wal_replay_paused(), \
        pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()), \
        extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()), \
        (SELECT status FROM pg_catalog.pg_stat_wal_receiver), (SELECT count(*) FROM pg_catalog.pg_stat_wal_receiver), \
        (SELECT setting::float8 / 1000 FROM pg_catalog.pg_settings WHERE name = 'recovery_min_apply_delay')";
    let found = rows(s, REPLAY).await?;
    let row = found.first().cloned().unwrap_or_default();
    let behind = number(&row, 1).unwrap_or(0.0);
    let paused = cell(&row, 0) == "t";
    let mut seen = Seen::of(check)
        .says(format!(
            "{}{} received and not replayed{}",
            if paused { "paused, " } else { "" },
            bytes(behind),
            number(&row, 2).map(|a| format!(", last transaction {} ago", age(a))).unwrap_or_default()
        ))
        .figure("behind", behind);
    let server = &s.identity().address;
    if paused {
        seen.find(
            Finding::new(Severity::Critical, check.id, server, format!("replay is paused, {} wait", bytes(behind)))
                .next("Find out who paused it and why; SELECT pg_wal_replay_resume(); lets it go on.")
                .recover(Deed::ResumeReplay, ""),
        );
    }
    if number(&row, 4) == Some(0.0) {
        seen.find(
            Finding::new(Severity::Critical, check.id, server, "no WAL receiver runs: nothing comes from the primary")
                .next("Look into the standby's log: can it reach and log into its primary, has the primary still got the WAL?"),
        );
    }
    if behind > 0.0
        && !paused
        && let Some(found) = held_up(s, check, limits, number(&row, 2).unwrap_or(0.0), behind).await?
    {
        seen.find(found);
        return Ok(seen);
    }
    if behind > 0.0 && !sight.sees_all {
        seen.find(
            Finding::new(Severity::Unknown, check.id, server, "whether a statement holds replay up cannot be seen").lifts(&sight.grant),
        );
    }
    let severity = Severity::of(behind, limits.of(check, "behind"));
    let delay = number(&row, 5).unwrap_or(0.0);
    if severity >= Severity::Warning && !paused && delay > 0.0 {
        let words =
            format!("{} are received and not replayed: it is set to stay {} behind (recovery_min_apply_delay)", bytes(behind), age(delay));
        seen.find(Finding::new(Severity::Info, check.id, server, words).next("Nothing, where that delay is wanted."));
    } else if severity >= Severity::Warning && !paused {
        seen.find(
            Finding::new(severity, check.id, server, format!("{} are received and not replayed", bytes(behind)))
                .next("A statement on the standby may hold replay up (max_standby_streaming_delay), or its disk is slow."),
        );
    }
    Ok(seen)
}
