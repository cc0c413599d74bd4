//! What the server does by itself, or should: vacuum, long commands, room in sequences, versions of collations.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{age, hidden, thousands};
use crate::engine::postgres::catalog::{Row, cell};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::recovery::{Action, Deed};
use crate::model::{Finding, Result, Severity};

pub(super) async fn autovacuum(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    if sight.standby {
        return Ok(Seen::of(check).says("nothing is vacuumed on a standby"));
    }
    const WORKERS: &str = "SELECT a.pid, extract(epoch FROM clock_timestamp() - a.xact_start), coalesce(a.query, ''), coalesce(a.wait_event_type, ''), \
        current_setting('autovacuum_max_workers') FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'autovacuum worker' ORDER BY 2 DESC NULLS LAST";
    const DEAD: &str = "SELECT t.schemaname || '.' || t.relname, t.n_dead_tup, t.n_live_tup, \
            EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o WHERE o.option_name = 'autovacuum_enabled' \
                AND lower(o.option_value) NOT IN ('on', 'true', 'yes', '1')) \
        FROM pg_catalog.pg_stat_user_tables t JOIN pg_catalog.pg_class c ON c.oid = t.relid \
        WHERE t.n_dead_tup > 10000 AND t.n_dead_tup > 0.1 * (t.n_live_tup + t.n_dead_tup) ORDER BY t.n_dead_tup DESC LIMIT 5";
    let workers = rows(s, WORKERS).await?;
    let dead = rows(s, DEAD).await?;
    let most = workers.first().and_then(|r| number(r, 4)).unwrap_or(f64::INFINITY);
    let mut seen = Seen::of(check).figure("workers", workers.len() as f64).figure("tables", dead.len() as f64);
    let worst = dead.first().map(|r| (cell(r, 0), number(r, 1).unwrap_or(0.0)));
    seen = seen.figure("dead", worst.map_or(0.0, |w| w.1));
    let left_alone = dead.first().is_some_and(|r| cell(r, 3) == "t");
    seen.says = match (workers.len(), worst) {
        (0, None) if !sight.sees_all => "no table needs a worker; whether any runs cannot be seen".into(),
        (0, None) => "no worker runs, no table needs one".into(),
        (n, None) => format!("{n} workers run"),
        (n, Some((table, rows))) => format!("{n} workers run; {table} has most dead rows: {}", thousands(rows)),
    };
    for r in workers.iter().filter(|r| cell(r, 2).contains("to prevent wraparound") && cell(r, 3) == "Lock").take(3) {
        seen.find(
            Finding::new(
                Severity::Warning,
                check.id,
                format!("pid {}", cell(r, 0)),
                format!("a vacuum against wraparound waits for a lock since {}: {}", age(number(r, 1).unwrap_or(0.0)), cell(r, 2)),
            )
            .next("The lock tree names who is in its way: end that; this vacuum must run."),
        );
    }
    // Autovacuum comes to such a table by itself, and in each database in turn.
    const BEYOND: &str = "SELECT count(*), max(pg_catalog.age(relfrozenxid)) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm', 't') \
        AND relfrozenxid <> '0' AND pg_catalog.age(relfrozenxid) > 1.1 * current_setting('autovacuum_freeze_max_age')::float8";
    let beyond = rows(s, BEYOND).await?.first().and_then(|r| Some((number(r, 0)?, number(r, 1)?))).filter(|(n, _)| *n > 0.0);
    let at_it = workers.iter().any(|r| cell(r, 2).contains("to prevent wraparound"));
    if let Some((n, oldest)) = beyond {
        let tables = crate::text::counted(n as u64, "table");
        seen.says = format!(
            "{tables} beyond autovacuum_freeze_max_age, the oldest {} transactions old; {}",
            thousands(oldest),
            match at_it {
                true => "a vacuum against wraparound runs",
                false => "no vacuum against wraparound runs",
            }
        );
        if !at_it && sight.sees_all {
            let words =
                format!("{tables} of {} should have been frozen long ago, and no vacuum against wraparound runs", s.identity().database);
            seen.find(
                Finding::new(Severity::Warning, check.id, "autovacuum_freeze_max_age", words)
                    .next("See whether autovacuum is on and gets through (the log tells what ended it); the check wraparound says how much room is left."),
            );
        }
    }
    let waiting = Severity::of(worst.map_or(0.0, |w| w.1), limits.of(check, "dead"));
    if workers.len() as f64 >= most && waiting >= Severity::Warning {
        let (table, count) = worst.unwrap_or(("", 0.0));
        let words = format!("all {most} autovacuum workers are busy, while {table} has {} dead rows", thousands(count));
        let mut found = Finding::new(Severity::Warning, check.id, table, words)
            .next("Raise autovacuum_vacuum_cost_limit and reload: more workers alone share the same limit.");
        // -1 stands for vacuum_cost_limit.
        const LIMIT: &str = "SELECT 2 * CASE WHEN current_setting('autovacuum_vacuum_cost_limit')::int > 0 \
            THEN current_setting('autovacuum_vacuum_cost_limit')::int ELSE current_setting('vacuum_cost_limit')::int END";
        if let Some(twice) = rows(s, LIMIT).await?.first().and_then(|r| number(r, 0)).filter(|n| *n <= 10_000.0) {
            found.recover =
                Some(Action { deed: Deed::RaiseLimit, object: "autovacuum_vacuum_cost_limit".into(), value: Some(format!("{twice}")) });
        }
        seen.find(found);
    } else if waiting >= Severity::Warning {
        let (table, count) = worst.unwrap_or(("", 0.0));
        let words = format!("{table} has {} dead rows that vacuum has not removed", thousands(count));
        let (words, next) = match left_alone {
            true => (
                format!("{words}: autovacuum is switched off for it"),
                "VACUUM it, which locks nobody out; then ALTER TABLE … RESET (autovacuum_enabled) lets autovacuum come to it. Never VACUUM FULL now.",
            ),
            false => (words, "See the xmin horizon for who keeps them; else VACUUM it, which locks nobody out. Never VACUUM FULL now."),
        };
        seen.find(Finding::new(waiting, check.id, table, words).next(next).recover(Deed::Vacuum, table));
    }
    Ok(hidden(seen, sight, check, "what autovacuum's workers do cannot be seen"))
}

pub(super) async fn progress(s: &Session, sight: &Sight, check: &Check) -> Result<Seen> {
    // COPY's view came with 14, the one of base backups with 13.
    let mut parts = vec![
        "SELECT 'VACUUM', pid, phase, relid, heap_blks_scanned::float8, heap_blks_total::float8 FROM pg_catalog.pg_stat_progress_vacuum",
        "SELECT command, pid, phase, relid, blocks_done::float8, blocks_total::float8 FROM pg_catalog.pg_stat_progress_create_index",
        "SELECT command, pid, phase, relid, heap_blks_scanned::float8, heap_blks_total::float8 FROM pg_catalog.pg_stat_progress_cluster",
    ];
    if sight.version >= 130_000 {
        parts.push(
            "SELECT 'base backup', pid, phase, NULL::oid, backup_streamed::float8, backup_total::float8 FROM pg_catalog.pg_stat_progress_basebackup",
        );
    }
    if sight.version >= 140_000 {
        parts.push("SELECT command, pid, type, relid, bytes_processed::float8, nullif(bytes_total, 0)::float8 FROM pg_catalog.pg_stat_progress_copy");
    }
    let text = format!(
        "SELECT p.command, p.pid, p.phase, coalesce(c.relname::text, p.relid::text, ''), p.done, p.whole FROM ({}) p(command, pid, phase, relid, done, whole) \
         LEFT JOIN pg_catalog.pg_class c ON c.oid = p.relid LIMIT 20",
        parts.join(" UNION ALL ")
    );
    let found = rows(s, &text).await?;
    let told: Vec<String> = found
        .iter()
        .map(|r| {
            let share = match (number(r, 4), number(r, 5)) {
                (Some(done), Some(whole)) if whole > 0.0 => format!(", {:.0} %", 100.0 * done / whole),
                _ => String::new(),
            };
            format!("{} {} (pid {}): {}{share}", cell(r, 0), cell(r, 3), cell(r, 1), cell(r, 2))
        })
        .collect();
    let seen = Seen::of(check).figure("commands", found.len() as f64);
    if !sight.sees_all && found.iter().any(|r| cell(r, 3).is_empty()) {
        let what = format!("{} of other roles cannot be looked into", crate::text::counted(found.len() as u64, "long command"));
        return Ok(hidden(seen.says(what.clone()), sight, check, &what));
    }
    Ok(seen.says(if told.is_empty() { "no long command runs".to_string() } else { told.join("; ") }))
}

/// A share in per cent that says 100 only of what is full.
fn share(used: f64) -> String {
    if used < 99.5 { format!("{used:.0}") } else { format!("{}", (used * 100.0).floor() / 100.0) }
}

pub(super) async fn sequences(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    // Reading a sequence opens it: one that somebody has locked, or wants to, is left out. What a column's type can hold may be less than
    // the sequence gives: the column that owns it, and those whose default it is.
    const SEQUENCES: &str = "WITH q AS MATERIALIZED (SELECT s.seqrelid, s.seqmax, s.seqincrement, n.nspname || '.' || c.relname AS name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted, u.most \
        FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        LEFT JOIN LATERAL (SELECT min(CASE t.typname WHEN 'int2' THEN 32767 WHEN 'int4' THEN 2147483647 END) AS most FROM (\
            SELECT d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid \
                AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 \
            UNION ALL SELECT f.adrelid, f.adnum FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid \
                WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid) o(rel, num) \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = o.rel AND a.attnum = o.num JOIN pg_catalog.pg_type t ON t.oid = a.atttypid) u ON true \
        WHERE NOT s.seqcycle AND s.seqincrement > 0 AND c.relpersistence <> 'u' \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock') LIMIT 500) \
        SELECT name, CASE WHEN pg_catalog.has_sequence_privilege(seqrelid, 'SELECT,USAGE') THEN pg_catalog.pg_sequence_last_value(seqrelid) END, \
            least(seqmax, most), \
            pg_catalog.has_sequence_privilege(seqrelid, 'SELECT,USAGE'), seqmax < coalesce(most, 9223372036854775807), quoted FROM q";
    let found = rows(s, SEQUENCES).await?;
    let mut all: Vec<(f64, f64, &Row)> = found
        .iter()
        .filter_map(|r| {
            let (last, most) = (number(r, 1)?, number(r, 2)?);
            Some((100.0 * last / most, most - last, r))
        })
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let unseen = found.iter().filter(|r| cell(r, 3) != "t").count();
    let mut seen = Seen::of(check).figure("used", all.first().map_or(0.0, |a| a.0)).figure("sequences", found.len() as f64);
    let database = &s.identity().database;
    seen.says = match all.first() {
        None => format!("none that is used can be seen in {database}"),
        Some((used, _, r)) => format!("{} in {database}, the fullest {} {} %", all.len(), cell(r, 0), share(*used)),
    };
    for (used, left, r) in all.iter().take(5) {
        let (name, narrow) = (cell(r, 0), cell(r, 4) == "t");
        let severity = Severity::of(*used, limits.of(check, "used"));
        if severity >= Severity::Warning {
            // Its own end may come before its column's.
            let wider = format!("ALTER SEQUENCE {} AS bigint, or MAXVALUE, lets it go on at once: its column has room.", cell(r, 5));
            let (words, next) = match (*left > 0.0, narrow) {
                (true, true) => (format!("{name} has used {} % of its own numbers, {} are left", share(*used), thousands(*left)), wider),
                (true, false) => (
                    format!("{name} has used {} % of the numbers that its column can hold, {} are left", share(*used), thousands(*left)),
                    "Make the column, and those that refer to it, bigint: the table is written anew, so plan it before the end.".into(),
                ),
                (false, true) => (format!("{name} has given its last number: every insert that takes one fails"), wider),
                (false, false) => (
                    format!("{name} has given the last number that its column can hold: every insert that takes one fails"),
                    format!(
                        "At once, where the applications bear negative numbers and none is used: ALTER SEQUENCE {0} MINVALUE {1} START {1} RESTART \
                         {1} MAXVALUE -1; For good the column, and those that refer to it, become bigint: that writes the table anew and locks it.",
                        cell(r, 5),
                        -(number(r, 2).unwrap_or(0.0) as i64) - 1
                    ),
                ),
            };
            let next = if sight.standby { format!("On its primary: {next}") } else { next };
            seen.find(Finding::new(severity, check.id, name, words).next(next));
        }
    }
    if unseen > 0 && seen.severity < Severity::Warning {
        let what = format!("{} cannot be read", crate::text::counted(unseen as u64, "sequence"));
        let lifts =
            format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA … TO {};", crate::model::Dialect::Postgres.quote_ident(&s.identity().user));
        seen.find(Finding::new(Severity::Unknown, check.id, "sequences", what).lifts(lifts));
    }
    Ok(seen)
}

pub(super) async fn collations(s: &Session, sight: &Sight, check: &Check) -> Result<Seen> {
    const OTHERS: &str = "SELECT c.collname::text, c.collversion, pg_catalog.pg_collation_actual_version(c.oid) FROM pg_catalog.pg_collation c \
        WHERE c.collversion IS NOT NULL AND c.collversion <> pg_catalog.pg_collation_actual_version(c.oid) \
        AND EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = 'pg_catalog.pg_collation'::regclass AND d.refobjid = c.oid) LIMIT 20";
    const DATABASE: &str = "SELECT datname::text, datcollversion, pg_catalog.pg_database_collation_actual_version(oid) FROM pg_catalog.pg_database \
        WHERE datname = current_database() AND datcollversion <> pg_catalog.pg_database_collation_actual_version(oid)";
    let mut found = rows(s, OTHERS).await?;
    if sight.version >= 150_000 {
        found.extend(rows(s, DATABASE).await?);
    }
    let mut seen = Seen::of(check).figure("changed", found.len() as f64);
    seen.says = match found.len() {
        0 if sight.version < 150_000 => "the same as when they were made (the database's own is not kept before version 15)".into(),
        0 => "the same as when they were made".into(),
        n => format!("{n} have another version than when they were made"),
    };
    for r in found.iter().take(5) {
        seen.find(
            Finding::new(
                Severity::Warning,
                check.id,
                cell(r, 0),
                format!(
                    "collation of {} was version {} and is {} now: indexes on text may be in the wrong order, and miss rows",
                    cell(r, 0),
                    cell(r, 1),
                    cell(r, 2)
                ),
            )
            .next("After an upgrade of the system: check with amcheck's bt_index_check, REINDEX what it affects, then REFRESH COLLATION VERSION."),
        );
    }
    Ok(seen)
}
