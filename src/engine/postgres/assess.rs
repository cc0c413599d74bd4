//! The emergency assessment of PostgreSQL. Only views that answer behind an exclusive lock are read:
//! no sizes of relations, no definitions, no EXPLAIN. What the role may not see is `unknown`, with the GRANT.

mod activity;
mod horizon;
mod locks;
mod machine;
pub(super) mod objects;
mod pooler;
mod replication;
mod trends;
mod upkeep;
mod waits;
pub(super) mod wal;

use super::Postgres;
use super::catalog::{Row, cell, pinned};
use crate::config::Target;
use crate::engine::assessing::{check, limit, twice};
use crate::engine::outside::{self, Server};
use crate::engine::{Assessing, Engine, Session};
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::lock_tree::LockTree;
use crate::model::rows::Table;
use crate::model::{Dialect, Error, Result};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
        &[limit("wait", "s", 10.0, 60.0), limit("victims", "sessions", 5.0, 20.0), limit("queue", "s", 5.0, 60.0)],
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
        "PG08",
        "waits",
        "pg_stat_activity, ten times in half a second",
        "What most of the busy sessions wait for is where to look on.",
        &[
            limit("share", "%", 50.0, f64::INFINITY),
            limit("busy", "sessions", 4.0, f64::INFINITY),
            limit("per_processor", "sessions", 2.0, 8.0),
        ],
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
        &[limit("ready", "files", 10.0, 100.0), limit("oldest", "s", 120.0, 900.0)],
    ),
    check(
        "PG13",
        "WAL on disk",
        "pg_ls_waldir, max_wal_size",
        "WAL that is kept fills its disk, and then the server stops.",
        &[limit("times", "× max_wal_size", 2.0, 5.0)],
    ),
    check(
        "PG14",
        "disk",
        "statvfs of data_directory, pg_wal, log_directory",
        "A full disk stops the server; one of WAL stops it hard.",
        &[limit("used", "%", 85.0, 95.0)],
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
        &[limit("behind", "bytes", 67_108_864.0, 1_073_741_824.0), limit("stale", "s", 10.0, 600.0)],
    ),
    check(
        "PG24",
        "autovacuum",
        "pg_stat_activity, pg_stat_user_tables",
        "Where vacuum does not keep up, tables grow and numbers of transactions run out.",
        &[limit("dead", "rows", 1_000_000.0, f64::INFINITY)],
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
    check(
        "PG28",
        "sequences",
        "pg_sequence, pg_sequence_last_value",
        "When a sequence has reached what its column can hold, every insert fails.",
        &[limit("used", "%", 70.0, 90.0)],
    ),
    check("PG29", "settings", "pg_settings, pg_db_role_setting", "Some settings let a crash destroy data, or let dead rows pile up.", &[]),
    check("PG30", "progress", "pg_stat_progress_*", "How far long commands are tells whether to wait for them.", &[]),
    check(
        "PG31",
        "collations",
        "pg_collation, pg_database.datcollversion",
        "After an upgrade of the system's library, indexes on text may be in the wrong order.",
        &[],
    ),
    check("PG32", "log", "the end of the server's log, on its own machine", "The log tells of what no view keeps.", &[]),
    check(
        "PG36",
        "constraints",
        "pg_trigger, pg_constraint",
        "Where triggers are disabled, foreign keys are not looked at: rows without their parent come in unnoticed.",
        &[],
    ),
    check(
        "PG34",
        "pooler",
        "SHOW POOLS, SHOW DATABASES, SHOW LISTS of PgBouncer's console",
        "Who waits for a connection of a pool is not seen by the server, which may be idle.",
        &[limit("waiting", "clients", 20.0, f64::INFINITY), limit("wait", "s", 3.0, 15.0), limit("clients", "%", 85.0, 95.0)],
    ),
    check(
        "PG33",
        "notifications",
        "pg_notification_queue_usage",
        "When the queue is full, transactions that notify fail.",
        &[limit("used", "share", 0.5, 0.8)],
    ),
    twice(
        "PG35",
        "forecast",
        "statvfs, pg_current_wal_lsn, txid_current_snapshot",
        "When something runs out tells how much time there is.",
        &[limit("full", "s", 14_400.0, 900.0), limit("wraparound", "s", 2_592_000.0, 259_200.0)],
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
        &[limit("deadlocks", "per minute", 1.0, 5.0), limit("rolled_back", "%", 20.0, f64::INFINITY)],
    ),
    twice(
        "PG18",
        "temporary files",
        "pg_stat_database",
        "Sorts and hashes that do not fit into memory fill the disk.",
        &[limit("written", "bytes per minute", 1_073_741_824.0, 10_737_418_240.0)],
    ),
    twice(
        "PG17",
        "conflicts",
        "pg_stat_database_conflicts",
        "A standby cancels statements that keep it from replaying.",
        &[limit("conflicts", "per minute", 1.0, 10.0)],
    ),
    twice(
        "PG21",
        "checkpoints",
        "pg_stat_bgwriter or pg_stat_checkpointer",
        "Checkpoints that WAL asks for before their time make every write dearer.",
        &[limit("requested", "per minute", 10.0, f64::INFINITY)],
    ),
    twice(
        "PG23",
        "statements lost",
        "pg_stat_statements_info",
        "Where statements are dropped from the count, the top statements are not to be relied on.",
        &[limit("dropped", "per minute", 1.0, 100.0)],
    ),
    twice(
        "PG37",
        "standbys' replay",
        "pg_stat_replication",
        "A standby that receives and does not replay answers with old data, and takes long to take over.",
        &[],
    ),
    twice("PG20", "cache", "pg_stat_database", "Pages that are not in memory are waited for.", &[limit("hit", "%", 99.0, 80.0)]),
];

/// How a server shows itself to the machine that it runs on.
const SERVER: Server = Server {
    programs: &["postgres", "postmaster"],
    name: "postgres",
    port: 5432,
    sockets: |target, port| {
        let own = target.socket.iter().cloned();
        let usual = ["/var/run/postgresql", "/tmp"].map(PathBuf::from);
        own.chain(if target.socket.is_some() { Vec::new() } else { usual.to_vec() }).map(|d| d.join(format!(".s.PGSQL.{port}"))).collect()
    },
    packaged: debian_log,
    data: &["-D"],
    ports: &["-p", "--port"],
    // It names a directory, which several may share.
    socket_of: &[],
    dialect: Dialect::Postgres,
};

/// Debian keeps a log for each of its clusters: `/etc/postgresql/15/main` writes `postgresql-15-main.log`.
fn debian_log(port: u16, data: Option<&Path>) -> Vec<PathBuf> {
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut out = Vec::new();
    for version in entries(Path::new("/etc/postgresql")) {
        for cluster in entries(&version) {
            let Ok(text) = std::fs::read_to_string(cluster.join("postgresql.conf")) else { continue };
            let set = |key: &str| outside::of_configuration(&text, key);
            let here = set("port").map_or(port == SERVER.port, |p| p == port.to_string());
            let same = data.is_none_or(|d| set("data_directory").is_some_and(|own| Path::new(&own) == d));
            if here && same {
                out.push(PathBuf::from(format!("/var/log/postgresql/postgresql-{}-{}.log", name(&version), name(&cluster))));
            }
        }
    }
    out
}

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

async fn rows(s: &Session, text: &str) -> Result<Vec<Row>> {
    let Table { rows, .. } = pinned(s, text, &[]).await?;
    Ok(rows)
}

/// What is about the session's own database.
const OF_DATABASE: [&str; 6] = ["PG22", "PG23", "PG27", "PG28", "PG31", "PG36"];

/// Stands for a check of the target's database where the session had to go to another one: that says nothing of it.
fn elsewhere(target: &Target, s: &Session, check: &Check) -> Option<Seen> {
    let wanted = target.database.as_deref().filter(|d| *d != s.identity().database && OF_DATABASE.contains(&check.id))?;
    let wanted = crate::text::clean(wanted);
    Some(Seen::blind(
        check,
        format!("not read: it is about database {wanted}, and the session is in {}", s.identity().database),
        &format!("a login to database {wanted}"),
    ))
}

impl Assessing for Postgres {
    fn before<'a>(&'a self, e: &'a Error, limits: &'a Limits) -> BoxFuture<'a, Option<Seen>> {
        Box::pin(async move {
            let check = CHECKS.iter().find(|c| c.id == "PG34")?;
            pooler::in_the_way(e, self.target(), &self.password, check, limits).await
        })
    }
    fn checks(&self) -> &'static [Check] {
        CHECKS
    }
    fn elsewhere(&self) -> Option<&'static str> {
        Some("postgres")
    }
    fn entry(&self, s: &Session, database: &str) -> String {
        let quote = |t: &str| Dialect::Postgres.quote_ident(t);
        format!("GRANT CONNECT ON DATABASE {} TO {};", quote(database), quote(&s.identity().user))
    }
    fn sight<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Sight>> {
        Box::pin(sight(s))
    }
    fn look<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check, limits: &'a Limits) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(async move {
            if let Some(seen) = elsewhere(self.target(), s, check) {
                return Ok(seen);
            }
            match check.id {
                "PG02" => activity::server(s, sight, check, limits).await,
                "PG03" => activity::connections(s, sight, check, limits).await,
                "PG04" => activity::idle(s, sight, check, limits).await,
                "PG05" => activity::long(s, sight, check, limits).await,
                "PG06" => locks::look(s, sight, check, limits).await,
                "PG08" => waits::look(s, sight, check, limits).await,
                "PG09" => horizon::wraparound(s, sight, check, limits).await,
                "PG10" => horizon::xmin(s, sight, check, limits).await,
                "PG11" => wal::slots(s, check, limits).await,
                "PG12" => wal::archiver(s, sight, check, limits).await,
                "PG13" => wal::size(s, sight, check, limits).await,
                "PG14" => machine::disk(s, sight, check, limits).await,
                "PG15" => replication::out(s, sight, check, limits).await,
                "PG16" => replication::replay(s, sight, check, limits).await,
                "PG24" => upkeep::autovacuum(s, sight, check, limits).await,
                "PG25" => horizon::prepared(s, check, limits).await,
                "PG26" => objects::checksums(s, check, limits).await,
                "PG27" => objects::invalid_indexes(s, sight, check).await,
                "PG28" => upkeep::sequences(s, sight, check, limits).await,
                "PG29" => objects::settings(s, self.target(), check).await,
                "PG30" => upkeep::progress(s, sight, check).await,
                "PG31" => upkeep::collations(s, sight, check).await,
                "PG32" => machine::log(s, self.target(), check).await,
                "PG34" => pooler::look(s, self.target(), &self.password, check, limits).await,
                "PG36" => objects::constraints(s, check).await,
                "PG33" => objects::notifications(s, check, limits).await,
                other => Err(Error::failed(format!("there is no check {other}"))),
            }
        })
    }
    fn sample<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check) -> BoxFuture<'a, Result<Result<Sample, Seen>>> {
        Box::pin(async move {
            match elsewhere(self.target(), s, check) {
                Some(seen) => Ok(Err(seen)),
                None => trends::sample(s, sight, check).await,
            }
        })
    }
    fn compare(&self, sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
        trends::compare(sight, check, limits, first, second)
    }
    fn outside(&self, places: &BTreeMap<String, String>) -> Vec<Seen> {
        outside::look(&SERVER, self.target(), places)
    }
    fn lock_tree<'a>(&'a self, s: &'a Session, sight: &'a Sight) -> BoxFuture<'a, Result<LockTree>> {
        Box::pin(locks::read(s, sight))
    }
}
