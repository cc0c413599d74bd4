//! Write-ahead log: who keeps it, whether it is archived, how much there is.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, bytes};
use crate::engine::postgres::catalog::cell;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Finding, Result, Severity};

pub(super) async fn slots(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    // wal_status came with 13; a standby has no current position of its own to write at.
    let status = if s.identity().major == "12" { "''" } else { "coalesce(wal_status, '')" };
    let slots = format!(
        "SELECT slot_name::text, slot_type, coalesce(database::text, ''), active, coalesce(active_pid::text, ''), {status}, \
            pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() \
                ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn) AS kept \
         FROM pg_catalog.pg_replication_slots ORDER BY kept DESC NULLS LAST LIMIT 50"
    );
    let found = rows(s, &slots).await?;
    let kept = found.first().and_then(|r| number(r, 6)).unwrap_or(0.0);
    let mut seen = Seen::of(check).figure("slots", found.len() as f64).figure("kept", kept);
    seen.says = match found.first() {
        None => "none".into(),
        Some(r) => format!("{}, {} keeps most: {}", found.len(), cell(r, 0), bytes(kept)),
    };
    let limit = limits.of(check, "kept");
    for r in &found {
        let (name, active, status) = (cell(r, 0), cell(r, 3) == "t", cell(r, 5));
        let kept = number(r, 6).unwrap_or(0.0);
        let mut severity = Severity::of(kept, limit);
        if !active && !is_copying(name) {
            severity = severity.max(Severity::Warning);
        }
        if matches!(status, "unreserved" | "lost") {
            severity = Severity::Critical;
        }
        if severity < Severity::Warning {
            continue;
        }
        let state = if active { format!("read by pid {}", cell(r, 4)) } else { "inactive".into() };
        let told = match status {
            "lost" => format!("slot {name} ({}) is lost: its consumer has to be built anew", cell(r, 1)),
            _ => format!("slot {name} ({}, {state}) keeps {} of WAL", cell(r, 1), bytes(kept)),
        };
        let found = Finding::new(severity, check.id, name, told);
        seen.find(if active {
            found.next("Its consumer is too slow: look there first.")
        } else {
            // Its consumer may be a standby that restarts: the way to lose it stands ready only where keeping it is a danger.
            let danger = Severity::of(kept, limit) >= Severity::Warning || severity == Severity::Critical;
            let found = found.next(if status == "lost" {
                "It never comes back to life: build its consumer anew, and drop the slot (drop-slot)."
            } else {
                "Bring its consumer back; when nobody will ever read it again, drop the slot (drop-slot: its consumer has to be built anew then)."
            });
            if danger { found.recover(Deed::DropSlot, name) } else { found }
        });
        if seen.findings.len() == 5 {
            break;
        }
    }
    Ok(seen)
}

/// A slot of a subscription that makes its first copy of a table (`pg_16464_sync_16459_7710901231407700941`): between two steps nobody reads it,
/// and it goes with the copy's end.
fn is_copying(name: &str) -> bool {
    let numbers = |t: &str| t.split('_').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    name.strip_prefix("pg_").and_then(|rest| rest.split_once("_sync_")).is_some_and(|(of, table)| numbers(of) && numbers(table))
}

/// Files of WAL that stay because archiving them fails, with their bytes: whatever else lets them go, they stay. `None` where it does not fail.
pub(in crate::engine::postgres) async fn held_by_the_archiver(s: &Session) -> Option<(f64, f64)> {
    const HELD: &str = "SELECT count(*), count(*) * (SELECT setting::numeric FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size') \
        FROM pg_catalog.pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}\\.ready$' AND (SELECT last_failed_time > coalesce(last_archived_time, '-infinity') \
            OR current_setting('archive_command') = '' FROM pg_catalog.pg_stat_archiver) AND current_setting('archive_mode') <> 'off'";
    let found = rows(s, HELD).await.ok()?;
    let (files, bytes) = found.first().map(|r| (number(r, 0).unwrap_or(0.0), number(r, 1).unwrap_or(0.0)))?;
    (files > 0.0).then_some((files, bytes))
}

pub(super) async fn archiver(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    const ARCHIVER: &str = "SELECT current_setting('archive_mode'), failed_count, last_failed_time > coalesce(last_archived_time, '-infinity'), \
        extract(epoch FROM clock_timestamp() - last_archived_time), coalesce(last_failed_wal, ''), \
        extract(epoch FROM clock_timestamp() - last_failed_time), current_setting('archive_command'), \
        coalesce(current_setting('archive_library', true), '') FROM pg_catalog.pg_stat_archiver";
    let found = rows(s, ARCHIVER).await?;
    let row = found.first().cloned().unwrap_or_default();
    if cell(&row, 0) == "off" || (sight.standby && cell(&row, 0) != "always") {
        return Ok(Seen::of(check).says(if sight.standby { "this standby does not archive" } else { "archive_mode is off" }));
    }
    let last = number(&row, 3).map_or("never".to_string(), |a| format!("{} ago", age(a)));
    let mut seen = Seen::of(check).says(format!("last archived {last}"));
    let nothing_set = cell(&row, 6).trim().is_empty() && cell(&row, 7).is_empty();
    if nothing_set {
        let words =
            format!("archive_mode is on, and archive_command is empty: nothing is archived (last {last}), and all WAL stays on the disk");
        seen.find(
            Finding::new(Severity::Critical, check.id, "archive_command", words)
                .next("Find out who emptied it and why; ALTER SYSTEM SET archive_command = 'what it was'; and reload."),
        );
    } else if cell(&row, 2) == "t" {
        seen.find(
            Finding::new(
                Severity::Critical,
                check.id,
                "archive_command",
                match number(&row, 3) {
                    Some(_) => format!(
                        "archiving fails ({}), last success {last}: nothing since then can be recovered to, and WAL stays on the disk",
                        cell(&row, 4)
                    ),
                    None => format!(
                        "archiving fails ({}) and has never succeeded: nothing can be recovered to, and WAL stays on the disk",
                        cell(&row, 4)
                    ),
                },
            )
            .next("Look into the server's log for what archive_command says; its place is full, or cannot be reached."),
        );
    }
    if !sight.sees_all {
        seen.find(
            Finding::new(Severity::Unknown, check.id, "pg_wal", "how many files wait for the archive cannot be seen").lifts(&sight.grant),
        );
        return Ok(seen);
    }
    const READY: &str = "SELECT count(*), extract(epoch FROM clock_timestamp() - min(modification)) \
        FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready'";
    let waiting = rows(s, READY).await?;
    let (ready, oldest) = waiting.first().map_or((0.0, 0.0), |r| (number(r, 0).unwrap_or(0.0), number(r, 1).unwrap_or(0.0)));
    // Where one was archived meanwhile, those that wait have their turn.
    let still = oldest.min(number(&row, 3).unwrap_or(oldest));
    seen = seen.figure("ready", ready).figure("oldest", still);
    seen.says.push_str(&format!(", {ready} waiting"));
    let severity = Severity::of(ready, limits.of(check, "ready"));
    if severity >= Severity::Warning && seen.severity < Severity::Critical {
        seen.find(
            Finding::new(
                severity,
                check.id,
                "pg_wal",
                format!("{} of WAL waiting for the archive", crate::text::counted(ready as u64, "file")),
            )
            .next("Archiving is slower than writing: look at its place and its network."),
        );
    }
    let hangs = if ready > 0.0 { Severity::of(still, limits.of(check, "oldest")) } else { Severity::Ok };
    if hangs >= Severity::Warning && hangs > seen.severity {
        let words = format!(
            "archiving stands still: {} of WAL wait, and nothing was archived for {}",
            crate::text::counted(ready as u64, "file"),
            age(still)
        );
        seen.find(
            Finding::new(hangs, check.id, "archive_command", words)
                .next("archive_command hangs, though it reports no failure: see on the server's machine what its process waits for (its place, its network)."),
        );
    }
    Ok(seen)
}

pub(super) async fn size(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    if !sight.sees_all {
        return Ok(Seen::blind(check, "how much WAL there is cannot be seen", &sight.grant));
    }
    const SIZE: &str = "SELECT sum(size), count(*), (SELECT setting::numeric * 1048576 FROM pg_catalog.pg_settings WHERE name = 'max_wal_size') \
        FROM pg_catalog.pg_ls_waldir()";
    let found = rows(s, SIZE).await?;
    let row = found.first().cloned().unwrap_or_default();
    let (size, most) = (number(&row, 0).unwrap_or(0.0), number(&row, 2).unwrap_or(0.0).max(1.0));
    let times = size / most;
    let mut seen = Seen::of(check)
        .says(format!("{} in {} files, max_wal_size {}", bytes(size), cell(&row, 1), bytes(most)))
        .figure("bytes", size)
        .figure("times", times);
    let severity = Severity::of(times, limits.of(check, "times"));
    if severity >= Severity::Warning {
        seen.find(
            Finding::new(severity, check.id, "pg_wal", format!("{} of WAL are kept, {times:.1} times max_wal_size", bytes(size)))
                .next(
                    "A slot, the archiver or wal_keep_size keeps it: look at those. Where none does it came since the last checkpoint, and goes with the next; \
                     never delete files in pg_wal.",
                ),
        );
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_a_first_copy_is_known_by_its_name() {
        assert!(is_copying("pg_16464_sync_16459_7710901231407700941"));
        assert!(!is_copying("pg_basebackup_1") && !is_copying("debezium_sync_1") && !is_copying("pg_a_sync_b"));
    }
}
