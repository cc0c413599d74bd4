//! What happens now: counters read twice, and never judged by what they are since the server began.

use super::{number, rows};
use crate::engine::Session;
use crate::engine::assessing::{BUSY_READS, bytes, grown, look_at_its_plan, slower};
use crate::engine::postgres::catalog::cell;
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::{Finding, Result, Severity};
use std::sync::atomic::Ordering;

/// What is counted once for all.
const ALL: &str = "all databases";

/// Counters of the databases: commits, rollbacks, deadlocks, temporary bytes, pages hit and read, rows written.
const DATABASES: &str = "SELECT extract(epoch FROM clock_timestamp()), coalesce(max(stats_reset)::text, ''), sum(xact_commit), sum(xact_rollback), \
    sum(deadlocks), sum(temp_bytes), sum(blks_hit), sum(blks_read), \
    sum(tup_inserted + tup_updated + tup_deleted) FROM pg_catalog.pg_stat_database";

/// Clients that wait for the disk at the moment.
const READERS: &str = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND wait_event_type = 'IO' AND backend_type = 'client backend'";
const WAITING: &str = "waiting";
/// So many at both samples: people wait for what is not in memory.
const WAITERS: f64 = 4.0;

/// Statements that a standby cancelled, for whatever it was.
const CONFLICTS: &str = "SELECT extract(epoch FROM clock_timestamp()), coalesce((SELECT max(stats_reset)::text FROM pg_catalog.pg_stat_database), ''), \
    sum(confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock), sum(confl_snapshot) FROM pg_catalog.pg_stat_database_conflicts";

/// Bytes of WAL until now, and max_wal_size in bytes.
const WAL: &str = "CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0') END, \
    (SELECT setting::numeric * 1048576 FROM pg_catalog.pg_settings WHERE name = 'max_wal_size')";

/// Checkpoints that were requested and timed, and milliseconds of writing and syncing; 17 moved them.
const BGWRITER: &str = "SELECT extract(epoch FROM clock_timestamp()), coalesce(stats_reset::text, ''), checkpoints_req, checkpoints_timed, \
    checkpoint_write_time, checkpoint_sync_time, WAL FROM pg_catalog.pg_stat_bgwriter";
const CHECKPOINTER: &str = "SELECT extract(epoch FROM clock_timestamp()), coalesce(stats_reset::text, ''), num_requested, num_timed, \
    write_time, sync_time, WAL FROM pg_catalog.pg_stat_checkpointer";

/// Statements are counted per user, database and query, and told for all users together; columns have other names up to 12.
fn statements(version: u32, schema: &str) -> String {
    let time = if version >= 130_000 { "total_exec_time" } else { "total_time" };
    let schema = crate::model::Dialect::Postgres.quote_ident(schema);
    format!(
        "SELECT extract(epoch FROM clock_timestamp()), '', dbid || ' ' || queryid, sum(calls), sum({time}), sum(rows), \
            sum(shared_blks_hit + shared_blks_read), min(left(query, 500)) FROM {schema}.pg_stat_statements WHERE queryid IS NOT NULL \
            GROUP BY dbid, queryid ORDER BY 5 DESC LIMIT 500"
    )
}

/// The counters, or why there are none.
pub(super) async fn sample(s: &Session, sight: &Sight, check: &Check) -> Result<Result<Sample, Seen>> {
    let counters = match check.id {
        "PG35" => return super::machine::sample(s, sight).await.map(Ok),
        "PG37" => return super::replication::sample(s, sight, check).await,
        "PG17" => CONFLICTS,
        "PG21" if sight.version >= 170_000 => CHECKPOINTER,
        "PG21" => BGWRITER,
        _ => DATABASES,
    };
    if check.id == "PG23" && sight.version < 140_000 {
        return Ok(Err(Seen::absent(check, "how many statements were dropped is counted from version 14 on", "")));
    }
    if check.id == "PG19" && sight.version >= 150_000 {
        // A session tells its counters at most once a second: what it has not told yet would be taken for somebody else's in the next sample.
        rows(s, "SELECT pg_catalog.pg_stat_force_next_flush()").await?;
    }
    if !matches!(check.id, "PG22" | "PG23") {
        let own = s.asked().load(Ordering::Relaxed) as f64;
        let found = rows(s, &counters.replace(", WAL FROM", &format!(", {WAL} FROM"))).await?;
        let row = found.first().cloned().unwrap_or_default();
        let counters = (2..row.len()).map(|i| number(&row, i).unwrap_or(0.0)).collect();
        let waiting = match check.id {
            "PG20" => rows(s, READERS).await?.first().and_then(|r| number(r, 0)).unwrap_or(0.0),
            _ => 0.0,
        };
        return Ok(Ok(Sample {
            at: number(&row, 0).unwrap_or(0.0),
            since: cell(&row, 1).into(),
            counters: [(ALL.to_string(), counters), (OWN.to_string(), vec![own]), (WAITING.to_string(), vec![waiting])].into(),
            ..Sample::default()
        }));
    }
    const WHERE: &str = "SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
        WHERE e.extname = 'pg_stat_statements'";
    let schema = rows(s, WHERE).await?;
    let Some(schema) = schema.first().map(|r| cell(r, 0).to_string()) else {
        let why = format!("not counted: pg_stat_statements is not in database {}", s.identity().database);
        return Ok(Err(Seen::absent(check, why, "CREATE EXTENSION pg_stat_statements; (with shared_preload_libraries, after a restart)")));
    };
    let text = match check.id {
        "PG23" => format!(
            "SELECT extract(epoch FROM clock_timestamp()), coalesce(stats_reset::text, ''), 'all', dealloc, 0, 0, 0, '' FROM {}.pg_stat_statements_info",
            crate::model::Dialect::Postgres.quote_ident(&schema)
        ),
        _ => statements(sight.version, &schema),
    };
    let found = match rows(s, &text).await {
        Ok(found) => found,
        // The extension is made, and its library is not loaded: 55000.
        Err(e) if e.code.as_deref() == Some("55000") => {
            let why = format!("not counted: {}", e.message);
            return Ok(Err(Seen::absent(check, why, "shared_preload_libraries = 'pg_stat_statements' and a restart")));
        }
        Err(e) => return Err(e),
    };
    let mut out = Sample { at: found.first().and_then(|r| number(r, 0)).unwrap_or(0.0), ..Sample::default() };
    for r in &found {
        out.counters.insert(cell(r, 2).into(), (3..7).map(|i| number(r, i).unwrap_or(0.0)).collect());
        out.texts.insert(cell(r, 2).into(), cell(r, 7).into());
    }
    Ok(Ok(out))
}

pub(super) fn compare(sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
    let seconds = second.at - first.at;
    if seconds <= 0.0 || first.since != second.since {
        return Seen::blind(check, "the counters were reset between the two samples", "");
    }
    match check.id {
        "PG22" => top(sight, check, limits, first, second, seconds),
        "PG35" => super::machine::compare(check, limits, first, second),
        "PG37" => super::replication::stands(check, first, second),
        "PG17" if !sight.standby => Seen::of(check).says("a primary cancels nothing for replay"),
        "PG17" | "PG21" | "PG23" => counted(check, limits, first, second, seconds),
        _ => databases(check, limits, first, second, seconds),
    }
}

/// Checks of a single counter.
fn counted(check: &Check, limits: &Limits, first: &Sample, second: &Sample, seconds: f64) -> Seen {
    let name = if check.id == "PG23" { "all" } else { ALL };
    let Some(d) = grown(first, second, name) else {
        return Seen::blind(check, "the counters were reset between the two samples", "");
    };
    let rate = d[0] * 60.0 / seconds;
    let statements = |n: f64| crate::text::counted(n as u64, "statement");
    let mut seen = Seen::of(check);
    let (figure, says, message, next) = match check.id {
        "PG17" => (
            "conflicts",
            format!("{} cancelled in {seconds:.0} s", statements(d[0])),
            format!("this standby cancelled {} in {seconds:.0} s so that it could replay", statements(d[0])),
            "hot_standby_feedback keeps their rows on the primary (and its tables growing); max_standby_streaming_delay lets them end first.",
        ),
        "PG21" => {
            let lasting = second.counters.get(name).is_some_and(|c| c.first() > c.get(1));
            // One that somebody asked for, or a backup, is none that WAL asks for: that would fill half of max_wal_size within the minute.
            let most = second.counters.get(name).and_then(|c| c.get(5)).copied().unwrap_or(0.0);
            let filled = d.get(4).is_some_and(|wal| wal * 60.0 / seconds >= most / 2.0);
            if !lasting || !filled {
                return seen.says(format!("{} requested, {} timed in {seconds:.0} s", d[0], d[1])).figure("requested", rate);
            }
            (
                "requested",
                format!("{} requested, {} timed in {seconds:.0} s", d[0], d[1]),
                "WAL asks for checkpoints before their time, more often than they are due".to_string(),
                "max_wal_size is too small for the writes that come now: raise it and reload, where the disk has room.",
            )
        }
        _ => (
            "dropped",
            format!("{} dropped in {seconds:.0} s", d[0]),
            format!("pg_stat_statements dropped {} in {seconds:.0} s", statements(d[0])),
            "Raise pg_stat_statements.max (it takes a restart); until then the top statements are those that stayed.",
        ),
    };
    seen = seen.says(says).figure(figure, rate);
    let severity = Severity::of(rate, limits.of(check, figure));
    if severity >= Severity::Warning {
        seen.find(Finding::new(severity, check.id, name, message).next(next));
    }
    seen
}

/// Transactions of the assessment itself, one for each of its statements.
const OWN: &str = "our own";

fn databases(check: &Check, limits: &Limits, first: &Sample, second: &Sample, seconds: f64) -> Seen {
    let Some(d) = grown(first, second, ALL) else {
        return Seen::blind(check, "the counters were reset between the two samples", "");
    };
    let (commits, rollbacks, deadlocks, temp, hit, read) = (d[0], d[1], d[2], d[3], d[4], d[5]);
    let per_minute = 60.0 / seconds;
    let mut seen = Seen::of(check);
    let add = |figure: f64, name: &str, message: String, next: &str, seen: &mut Seen| {
        let severity = Severity::of(figure, limits.of(check, name));
        if severity >= Severity::Warning {
            seen.find(Finding::new(severity, check.id, "all databases", message).next(next));
        }
    };
    match check.id {
        "PG19" => {
            // The assessment's own transactions are all rolled back, and the server does not count them apart.
            let own = grown(first, second, OWN).map_or(0.0, |d| d[0]);
            let rollbacks = (rollbacks - own).max(0.0);
            let all = commits + rollbacks;
            let share = if all > 0.0 { 100.0 * rollbacks / all } else { 0.0 };
            seen.says = format!("{deadlocks} in {seconds:.0} s, {share:.0} % of {all:.0} transactions rolled back");
            seen = seen.figure("deadlocks", deadlocks * per_minute).figure("rolled_back", share).figure("transactions", all * per_minute);
            let told = format!("{deadlocks} deadlocks in {seconds:.0} s");
            add(
                deadlocks * per_minute,
                "deadlocks",
                told,
                "The server's log names both statements: let them take their rows in one order.",
                &mut seen,
            );
            // A handful of transactions says nothing of a share.
            let wrote = d.get(6).is_some_and(|n| *n > 0.0);
            if all >= 20.0 && wrote {
                let told = format!("{share:.0} % of the transactions are rolled back");
                let next = "The application's log says whether it meets errors; a pool that ends what only reads with ROLLBACK is none.";
                add(share, "rolled_back", told, next, &mut seen);
            } else if all >= 20.0 && share >= limits.of(check, "rolled_back").0 {
                seen.says.push_str(", which wrote nothing");
            }
        }
        "PG18" => {
            let rate = temp * per_minute;
            seen.says = format!("{} a minute", bytes(rate));
            seen = seen.figure("written", rate);
            let told = format!("{} of temporary files are written a minute", bytes(rate));
            add(rate, "written", told, "The top statements name who sorts and hashes; work_mem is what they lack.", &mut seen);
        }
        _ => {
            let all = hit + read;
            seen = seen.figure("read", read / seconds);
            if all < 1000.0 || read / seconds < BUSY_READS {
                return seen.says(format!("hardly anything is read, {:.0} pages a second from the disk", read / seconds));
            }
            let share = 100.0 * hit / all;
            let waits = [first, second].iter().filter_map(|s| s.counters.get(WAITING)?.first().copied()).fold(f64::INFINITY, f64::min);
            let waits = if waits.is_finite() { waits } else { 0.0 };
            seen.says = format!("{share:.1} % found in memory, {:.0} pages a second not", read / seconds);
            seen = seen.figure("hit", share);
            let told = format!("only {share:.1} % of the pages are found in memory");
            // A dump, an index build, the first scan of a large table read what nobody needs in memory: that alone slows nobody down.
            let severity =
                Severity::of(share, limits.of(check, "hit")).min(if waits >= WAITERS { Severity::Warning } else { Severity::Info });
            if severity >= Severity::Info {
                let next = "The top statements and progress name who reads; a large scan passes by itself.";
                seen.find(Finding::new(severity, check.id, "all databases", told).next(next));
            }
        }
    }
    seen
}

fn top(sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample, seconds: f64) -> Seen {
    let mut all: Vec<(&String, Vec<f64>)> =
        second.counters.keys().filter_map(|k| Some((k, grown(first, second, k)?))).filter(|(_, d)| d[0] > 0.0).collect();
    all.sort_by(|a, b| b.1[1].total_cmp(&a.1[1]));
    let whole: f64 = all.iter().map(|(_, d)| d[1]).sum();
    let mut seen = Seen::of(check).figure("statements", all.len() as f64).figure("busy", whole / 1000.0 / seconds);
    let Some((key, d)) = all.first().filter(|_| whole > 0.0) else {
        return seen.says(format!("no statement ended in {seconds:.0} s"));
    };
    let share = 100.0 * d[1] / whole;
    let text = second.texts.get(*key).map_or("", |t| t.as_str());
    let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    seen.says = format!("{share:.0} % of {:.1} s/s: {}", whole / 1000.0 / seconds, crate::text::truncate(&short, 60));
    seen = seen.figure("share", share);
    let severity = Severity::of(share, limits.of(check, "share"));
    // Most of hardly anything is nothing.
    if severity >= Severity::Warning && whole / 1000.0 / seconds >= 0.5 {
        let slower = slower(first, key, d[1] / d[0]);
        let more = slower.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
        let message = format!(
            "one statement takes {share:.0} % of the time: {:.1} calls a second, {:.1} ms each{more}: {short}",
            d[0] / seconds,
            d[1] / d[0]
        );
        seen.find(Finding::new(severity, check.id, key.as_str(), message).next(look_at_its_plan(slower.is_some(), "$1")));
    }
    if !sight.sees_all {
        seen.find(Finding::new(Severity::Unknown, check.id, "statements", "other roles' statements have no text").lifts(&sight.grant));
    }
    seen
}
