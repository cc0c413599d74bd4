//! The emergency assessment of PostgreSQL (`reference/operations.md` §2.2). Only views that answer behind an exclusive lock are read:
//! no sizes of relations, no definitions, no EXPLAIN. What the role may not see is `unknown`, with the GRANT.

mod activity;
mod horizon;
mod locks;
mod objects;
mod replication;
mod trends;
mod wal;

use super::Postgres;
use super::catalog::{Row, cell, pinned};
use crate::engine::{Assessing, Session};
use crate::model::assessment::{Check, Limit, Limits, Sample, Seen, Sight};
use crate::model::lock_tree::LockTree;
use crate::model::rows::Table;
use crate::model::{Dialect, Error, Result};
use futures_util::future::BoxFuture;

const fn limit(name: &'static str, unit: &'static str, warning: f64, critical: f64) -> Limit {
    Limit { name, unit, warning, critical }
}

const fn check(id: &'static str, name: &'static str, reads: &'static str, means: &'static str, limits: &'static [Limit]) -> Check {
    Check { id, name, reads, means, limits, twice: false }
}

const fn twice(id: &'static str, name: &'static str, reads: &'static str, means: &'static str, limits: &'static [Limit]) -> Check {
    Check { twice: true, ..check(id, name, reads, means, limits) }
}

/// The cheapest and those that explain most come first.
const CHECKS: &[Check] = &[
    check(
        "PG02",
        "server",
        "pg_is_in_recovery, pg_postmaster_start_time",
        "A restart or a standby explains much else.",
        &[limit("restarted", "s", 600.0, 0.0)],
    ),
    check(
        "PG06",
        "locks",
        "pg_stat_activity, pg_blocking_pids, pg_locks",
        "Sessions that wait for a lock do nothing until its holder ends.",
        &[limit("wait", "s", 10.0, 60.0), limit("victims", "sessions", 5.0, 20.0)],
    ),
    check(
        "PG03",
        "connections",
        "pg_stat_activity, max_connections",
        "When all are taken nobody can log in, the application's retries included.",
        &[limit("used", "%", 80.0, 90.0)],
    ),
    check(
        "PG04",
        "idle in transaction",
        "pg_stat_activity",
        "An open transaction that does nothing keeps its locks, and vacuum from cleaning up.",
        &[limit("idle", "s", 60.0, 300.0)],
    ),
    check(
        "PG05",
        "long statements",
        "pg_stat_activity",
        "A statement that runs for long holds locks and keeps vacuum from cleaning up.",
        &[limit("age", "s", 120.0, 900.0)],
    ),
    check(
        "PG10",
        "xmin horizon",
        "pg_stat_activity, pg_replication_slots, pg_prepared_xacts",
        "Vacuum cannot remove rows that somebody may still want to see: tables and indexes grow.",
        &[limit("age", "transactions", 10_000_000.0, 100_000_000.0)],
    ),
    check(
        "PG09",
        "wraparound",
        "pg_database.datfrozenxid, datminmxid",
        "At two billion transactions the server stops to accept writes.",
        &[limit("age", "transactions", 500_000_000.0, 1_300_000_000.0)],
    ),
    check(
        "PG11",
        "replication slots",
        "pg_replication_slots",
        "A slot that nobody reads keeps all WAL since: the disk fills.",
        &[limit("kept", "bytes", 2_147_483_648.0, 10_737_418_240.0)],
    ),
    check(
        "PG12",
        "archiver",
        "pg_stat_archiver, pg_ls_archive_statusdir",
        "What is not archived cannot be recovered to, and stays on the disk.",
        &[limit("ready", "files", 10.0, 100.0)],
    ),
    check(
        "PG13",
        "WAL on disk",
        "pg_ls_waldir, max_wal_size",
        "WAL that is kept fills its disk, and then the server stops.",
        &[limit("times", "× max_wal_size", 2.0, 5.0)],
    ),
    check(
        "PG15",
        "standbys",
        "pg_stat_replication",
        "What a standby has not got is lost with the primary.",
        &[limit("lag", "s", 5.0, 60.0), limit("behind", "bytes", 67_108_864.0, 1_073_741_824.0)],
    ),
    check(
        "PG16",
        "replay",
        "pg_stat_wal_receiver, pg_last_wal_replay_lsn",
        "A standby that does not replay answers with old data.",
        &[limit("behind", "bytes", 67_108_864.0, 1_073_741_824.0)],
    ),
    check(
        "PG25",
        "prepared transactions",
        "pg_prepared_xacts",
        "They hold their locks without a session, over restarts too.",
        &[limit("age", "s", 60.0, 600.0)],
    ),
    check(
        "PG26",
        "checksums",
        "pg_stat_database.checksum_failures",
        "A page that fails its checksum is damaged: what is written over it may be lost.",
        &[limit("failures", "pages", 1.0, 1.0)],
    ),
    check("PG27", "invalid indexes", "pg_index", "They cost every write and serve no read.", &[limit("indexes", "", 1.0, f64::INFINITY)]),
    check("PG29", "settings", "pg_settings", "Some settings let a crash destroy data, or let dead rows pile up.", &[]),
    check(
        "PG33",
        "notifications",
        "pg_notification_queue_usage",
        "When the queue is full, transactions that notify fail.",
        &[limit("used", "share", 0.5, 0.8)],
    ),
    twice(
        "PG22",
        "top statements",
        "pg_stat_statements",
        "One statement that takes most of the server's time is where to begin.",
        &[limit("share", "%", 50.0, f64::INFINITY)],
    ),
    twice(
        "PG19",
        "deadlocks",
        "pg_stat_database",
        "Transactions that end each other in deadlocks lose their work.",
        &[limit("deadlocks", "per minute", 1.0, 5.0), limit("rolled_back", "%", 20.0, 50.0)],
    ),
    twice(
        "PG18",
        "temporary files",
        "pg_stat_database",
        "Sorts and hashes that do not fit into memory fill the disk.",
        &[limit("written", "bytes per minute", 1_073_741_824.0, 10_737_418_240.0)],
    ),
    twice("PG20", "cache", "pg_stat_database", "Pages that are not in memory are waited for.", &[limit("hit", "%", 99.0, 80.0)]),
];

/// What is asked once, before all checks.
const SIGHT: &str = "SELECT pg_catalog.pg_is_in_recovery(), current_setting('server_version_num'), \
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)";

async fn sight(s: &Session) -> Result<Sight> {
    let t = pinned(s, SIGHT, &[]).await?;
    let row = t.rows.first().cloned().unwrap_or_default();
    Ok(Sight {
        standby: cell(&row, 0) == "t",
        version: cell(&row, 1).parse().unwrap_or(0),
        sees_all: cell(&row, 2) == "t",
        grant: format!("GRANT pg_monitor TO {};", Dialect::Postgres.quote_ident(&s.identity().user)),
    })
}

/// A cell as a number; `None` where the server told nothing.
fn number(row: &Row, i: usize) -> Option<f64> {
    cell(row, i).parse().ok()
}

/// Seconds as people say them.
fn age(seconds: f64) -> String {
    crate::text::duration(std::time::Duration::from_secs(seconds.max(0.0) as u64))
}

fn bytes(n: f64) -> String {
    crate::text::bytes(n.max(0.0) as u64)
}

fn thousands(n: f64) -> String {
    crate::text::thousands(n.max(0.0) as u64)
}

async fn rows(s: &Session, text: &str) -> Result<Vec<Row>> {
    let Table { rows, .. } = pinned(s, text, &[]).await?;
    Ok(rows)
}

impl Assessing for Postgres {
    fn checks(&self) -> &'static [Check] {
        CHECKS
    }
    fn elsewhere(&self) -> Option<&'static str> {
        Some("postgres")
    }
    fn sight<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Sight>> {
        Box::pin(sight(s))
    }
    fn look<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check, limits: &'a Limits) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(async move {
            match check.id {
                "PG02" => activity::server(s, sight, check, limits).await,
                "PG03" => activity::connections(s, sight, check, limits).await,
                "PG04" => activity::idle(s, sight, check, limits).await,
                "PG05" => activity::long(s, sight, check, limits).await,
                "PG06" => locks::look(s, sight, check, limits).await,
                "PG09" => horizon::wraparound(s, check, limits).await,
                "PG10" => horizon::xmin(s, sight, check, limits).await,
                "PG11" => wal::slots(s, check, limits).await,
                "PG12" => wal::archiver(s, sight, check, limits).await,
                "PG13" => wal::size(s, sight, check, limits).await,
                "PG15" => replication::out(s, sight, check, limits).await,
                "PG16" => replication::replay(s, sight, check, limits).await,
                "PG25" => horizon::prepared(s, check, limits).await,
                "PG26" => objects::checksums(s, check, limits).await,
                "PG27" => objects::invalid_indexes(s, check).await,
                "PG29" => objects::settings(s, check).await,
                "PG33" => objects::notifications(s, check, limits).await,
                other => Err(Error::failed(format!("there is no check {other}"))),
            }
        })
    }
    fn sample<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check) -> BoxFuture<'a, Result<Result<Sample, Seen>>> {
        Box::pin(trends::sample(s, sight, check))
    }
    fn compare(&self, sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
        trends::compare(sight, check, limits, first, second)
    }
    fn lock_tree<'a>(&'a self, s: &'a Session, sight: &'a Sight) -> BoxFuture<'a, Result<LockTree>> {
        Box::pin(locks::tree(s, sight))
    }
}
