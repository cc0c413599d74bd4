//! The emergency assessment of MariaDB and MySQL. Read are the server's own counters, the process list
//! and InnoDB's lists in memory; a user's table is opened by nothing but the check of tables, which stays away from large catalogues.
//! What the account may not see is `unknown`, with the GRANT.

pub(super) mod innodb;
mod locks;
pub(super) mod replication;
mod server;
mod sessions;
mod storage;
mod tables;
mod trends;

pub(super) use locks::is_committing;

use super::MySql;
use super::catalog::at;
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
        "MY02",
        "server",
        "Uptime, read_only, innodb_force_recovery",
        "A restart, or a server that was started to rescue data, explains much else.",
        &[limit("restarted", "s", 600.0, 0.0)],
    ),
    check(
        "MY25",
        "semi-synchronous",
        "rpl_semi_sync_*",
        "Where nobody confirms, a commit waits, or is on one machine alone.",
        &[limit("waiting", "sessions", 5.0, 50.0)],
    ),
    check(
        "MY07",
        "metadata locks",
        "PROCESSLIST, METADATA_LOCK_INFO or performance_schema.metadata_locks, INNODB_TRX",
        "DDL waits for every transaction that has read its table, and all who come later wait behind the DDL.",
        &[limit("wait", "s", 10.0, 60.0), limit("victims", "sessions", 5.0, 20.0), limit("queue", "s", 5.0, 60.0)],
    ),
    check(
        "MY06",
        "locks",
        "INNODB_TRX, INNODB_LOCK_WAITS or performance_schema.data_lock_waits",
        "Sessions that wait for a row do nothing until the transaction that has it ends.",
        &[limit("wait", "s", 10.0, 60.0), limit("victims", "sessions", 5.0, 20.0), limit("queue", "s", 5.0, 60.0)],
    ),
    check(
        "MY03",
        "connections",
        "Threads_connected, max_connections, PROCESSLIST",
        "When all are taken nobody can log in, the application's retries included.",
        &[limit("used", "%", 80.0, 90.0)],
    ),
    check(
        "MY05",
        "open transactions",
        "INNODB_TRX, PROCESSLIST",
        "An open transaction keeps its locks, and the history from being purged.",
        &[limit("age", "s", 60.0, 600.0)],
    ),
    check(
        "MY08",
        "long statements",
        "PROCESSLIST",
        "A statement that runs for long holds locks and keeps the history from being purged.",
        &[limit("age", "s", 60.0, 300.0)],
    ),
    check(
        "MY04",
        "running threads",
        "Threads_running, max_connections, thread_pool_size",
        "More threads than processors can serve wait for each other.",
        &[limit("per_processor", "threads", 2.0, 8.0), limit("used", "%", 60.0, 90.0)],
    ),
    check(
        "MY10",
        "replica",
        "SHOW ALL SLAVES STATUS or SHOW REPLICA STATUS",
        "A replica that does not follow answers with old data, and is no way out when the primary fails.",
        &[limit("lag", "s", 30.0, 300.0)],
    ),
    check(
        "MY11",
        "cluster",
        "wsrep_*, replication_group_members",
        "A node that is not of the primary component refuses to work, for good reason.",
        &[limit("paused", "share", 0.02, 0.25)],
    ),
    check(
        "MY09",
        "history list",
        "Innodb_history_list_length or INNODB_METRICS",
        "Old versions of rows that cannot be purged make every read slower and the undo grow.",
        &[limit("length", "transactions", 50_000.0, 1_000_000.0)],
    ),
    check(
        "MY26",
        "disk",
        "statvfs of datadir, tmpdir, the binary log's and undo's place",
        "A full disk makes writes wait for ever, without an error.",
        &[limit("used", "%", 85.0, 95.0)],
    ),
    check(
        "MY16",
        "binary logs",
        "SHOW BINARY LOGS",
        "Binary logs that nobody purges fill their disk.",
        &[limit("bytes", "bytes", 53_687_091_200.0, 536_870_912_000.0)],
    ),
    check(
        "MY13",
        "redo log",
        "Innodb_checkpoint_age, Innodb_checkpoint_max_age",
        "When the redo log is full, every write waits until pages are flushed.",
        &[limit("used", "%", 75.0, 90.0)],
    ),
    check(
        "MY15",
        "files and caches",
        "Open_files, open_files_limit, Open_tables, table_open_cache",
        "A server without file handles can neither open a table nor accept a connection.",
        &[limit("files", "%", 75.0, 95.0)],
    ),
    check(
        "MY21",
        "settings",
        "innodb_doublewrite, innodb_flush_log_at_trx_commit, sync_binlog, foreign_key_checks",
        "Some settings let a crash destroy data or lose commits.",
        &[],
    ),
    check(
        "MY24",
        "damaged tables",
        "information_schema.TABLES",
        "A table that cannot be opened fails every statement on it.",
        &[limit("tables", "", 1.0, 1.0)],
    ),
    check(
        "MY22",
        "auto_increment",
        "information_schema.TABLES, COLUMNS",
        "When a counter has reached its type's end, every insert fails.",
        &[limit("used", "%", 70.0, 90.0)],
    ),
    check(
        "MY23",
        "tables without a key",
        "INNODB_SYS_INDEXES or INNODB_INDEXES",
        "A replica that applies row events looks through the whole table for each row.",
        &[],
    ),
    check("MY18", "log", "the end of the server's log, on its own machine", "The log tells of what no table keeps.", &[]),
    twice(
        "MY27",
        "forecast",
        "statvfs, Binlog_bytes_written",
        "When a disk is full tells how much time there is.",
        &[limit("full", "s", 14_400.0, 900.0)],
    ),
    twice(
        "MY19",
        "deadlocks",
        "Innodb_deadlocks or INNODB_METRICS, Handler_commit, Handler_rollback",
        "Transactions that end each other in deadlocks lose their work.",
        &[limit("deadlocks", "per minute", 1.0, 5.0), limit("rolled_back", "%", 20.0, f64::INFINITY)],
    ),
    twice(
        "MY20",
        "refused logins",
        "Aborted_connects, Connection_errors_*, Connections",
        "Logins that fail are a wrong password, a network fault, or a server that has no room.",
        &[limit("refused", "%", 3.0, 10.0), limit("full", "per minute", 1.0, 10.0)],
    ),
    twice(
        "MY12",
        "buffer pool",
        "Innodb_buffer_pool_read_requests, _reads, _wait_free",
        "Pages that are not in memory are waited for.",
        &[limit("hit", "%", 99.0, 80.0), limit("waits", "per minute", 1.0, 60.0)],
    ),
    twice(
        "MY14",
        "temporary tables",
        "Created_tmp_tables, Created_tmp_disk_tables",
        "Temporary tables on disk are slow and can fill it.",
        &[limit("on_disk", "%", 25.0, 50.0)],
    ),
    twice(
        "MY28",
        "log waits",
        "Innodb_log_waits, Binlog_cache_disk_use",
        "Writes that wait for the log's buffer are slower than the disk makes them.",
        &[limit("waits", "per minute", 1.0, 60.0)],
    ),
    twice(
        "MY17",
        "top statements",
        "events_statements_summary_by_digest",
        "One statement that takes most of the server's time is where to begin.",
        &[limit("share", "%", 50.0, f64::INFINITY)],
    ),
];

/// How a server shows itself to the machine that it runs on.
const SERVER: Server = Server {
    programs: &["mariadbd", "mysqld"],
    name: "mariadbd or mysqld",
    port: 3306,
    sockets: |target, port| match &target.socket {
        Some(own) => vec![own.clone()],
        // Those are the packaged server's: of one on another port nobody knows where its socket is.
        None if port != 3306 => Vec::new(),
        None => ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"].map(PathBuf::from).to_vec(),
    },
    packaged: |port, data| {
        // What the packages set up is one server, on the usual port.
        let theirs = port == 3306 && data.is_none_or(|d| d == Path::new("/var/lib/mysql"));
        let places = ["/var/log/mysql", "/var/log/mariadb"].into_iter().filter(|_| theirs);
        places.flat_map(|dir| outside::in_directory(Path::new(dir))).collect()
    },
    data: &["--datadir", "-h"],
    ports: &["--port", "-P"],
    socket_of: &["--socket"],
    dialect: Dialect::MySql,
};

/// `10.11.19-MariaDB` as 101119, as both products number their releases in comments.
fn version(text: &str) -> u32 {
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|p| p.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0).min(99);
    next() * 10_000 + next() * 100 + next()
}

/// The GRANT of a global privilege to the session's account.
pub(super) fn grant(s: &Session, privilege: &str) -> String {
    grant_on(s, privilege, "*.*")
}

pub(super) fn grant_on(s: &Session, privilege: &str, on: &str) -> String {
    let user = &s.identity().user;
    let (name, host) = user.rsplit_once('@').unwrap_or((user, "%"));
    let quote = |t: &str| Dialect::MySql.quote_literal(t);
    format!("GRANT {privilege} ON {on} TO {}@{};", quote(name), quote(host))
}

/// The account may not: ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR.
pub(super) fn refused(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("1227" | "1142" | "1044" | "1143"))
}

/// What stands for a check that was refused; any other error is the caller's.
fn blind(s: &Session, check: &Check, e: Error, privilege: &str) -> Result<Seen> {
    if refused(&e) { Ok(Seen::blind(check, e.message, &grant(s, privilege))) } else { Err(e) }
}

async fn rows(s: &Session, text: &str) -> Result<Vec<Vec<Option<String>>>> {
    let e = match s.fetch(text).await {
        Ok(Table { rows, .. }) => return Ok(rows),
        Err(e) if e.code.as_deref() == Some("1114") => e,
        Err(e) => return Err(e),
    };
    // MySQL's older list of sessions takes a temporary table, for which a full disk has no room; its newer one takes none, and is empty
    // without the performance schema.
    const OLDER: &str = "information_schema.PROCESSLIST";
    if text.contains(OLDER)
        && s.fetch("SELECT @@performance_schema").await?.scalar() == Some("1")
        && let Ok(found) = s.fetch(text.replace(OLDER, "performance_schema.processlist")).await
    {
        return Ok(found.rows);
    }
    Err(Error { message: "the server's disk has no room for the temporary table that this takes".into(), ..e })
}

/// A cell as a number; `None` where the server told nothing.
fn number(row: &[Option<String>], i: usize) -> Option<f64> {
    at(row, i).parse().ok()
}

/// Names and values of the server's status or variables.
#[derive(Default)]
struct Values(BTreeMap<String, String>);

impl Values {
    /// In one answer; names that this server does not have are left out.
    async fn read(s: &Session, what: &str, names: &[&str]) -> Result<Values> {
        let list: Vec<String> = names.iter().map(|n| format!("'{n}'")).collect();
        let found = rows(s, &format!("SHOW GLOBAL {what} WHERE Variable_name IN ({})", list.join(", "))).await?;
        Ok(Values(found.iter().map(|r| (at(r, 0).to_lowercase(), at(r, 1).to_string())).collect()))
    }
    async fn status(s: &Session, names: &[&str]) -> Result<Values> {
        Values::read(s, "STATUS", names).await
    }
    async fn variables(s: &Session, names: &[&str]) -> Result<Values> {
        Values::read(s, "VARIABLES", names).await
    }
    fn text(&self, name: &str) -> &str {
        self.0.get(&name.to_lowercase()).map_or("", String::as_str)
    }
    fn number(&self, name: &str) -> Option<f64> {
        self.text(name).parse().ok()
    }
    /// 0 where the server does not tell.
    fn count(&self, name: &str) -> f64 {
        self.number(name).unwrap_or(0.0)
    }
    fn on(&self, name: &str) -> bool {
        matches!(self.text(name).to_ascii_uppercase().as_str(), "ON" | "1" | "YES")
    }
}

/// What the account may see: InnoDB's lists are for those with PROCESS alone, whatever way they have it.
pub(super) async fn sight(s: &Session) -> Result<Sight> {
    // A small table that wants PROCESS, as all of InnoDB's do: the list of transactions takes longer than a statement may where thousands wait.
    let sees_all = match s.fetch("SELECT COUNT(*) FROM information_schema.INNODB_CMP").await {
        Ok(_) => true,
        Err(e) if refused(&e) => false,
        Err(e) => return Err(e),
    };
    Ok(Sight { sees_all, grant: grant(s, "PROCESS"), standby: false, version: version(&s.identity().version) })
}

impl Assessing for MySql {
    fn checks(&self) -> &'static [Check] {
        CHECKS
    }
    fn entry(&self, s: &Session, database: &str) -> String {
        grant_on(s, "SELECT", &format!("{}.*", Dialect::MySql.quote_ident(database)))
    }
    /// None: an account need not have a right on any.
    fn elsewhere(&self) -> Option<&'static str> {
        Some("")
    }
    fn sight<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Sight>> {
        Box::pin(sight(s))
    }
    fn look<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check, limits: &'a Limits) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(async move {
            match check.id {
                "MY02" => server::state(s, check, limits).await,
                "MY03" => server::connections(s, sight, check, limits).await,
                "MY04" => server::running(s, check, limits).await,
                "MY05" => sessions::transactions(s, sight, check, limits).await,
                "MY06" | "MY07" => locks::look(s, sight, check, limits).await,
                "MY08" => sessions::long(s, sight, check, limits).await,
                "MY09" => storage::history(s, sight, check, limits).await,
                "MY10" => replication::replica(s, check, limits).await,
                "MY11" => replication::cluster(s, check, limits).await,
                "MY13" => storage::redo(s, check, limits).await,
                "MY15" => storage::files(s, check, limits).await,
                "MY16" => storage::binary_logs(s, check, limits).await,
                "MY18" => storage::log(s, self.target(), check).await,
                "MY21" => server::settings(s, check).await,
                "MY22" => tables::counters(s, check, limits).await,
                "MY23" => tables::keyless(s, check).await,
                "MY24" => tables::damaged(s, check).await,
                "MY25" => replication::semi_synchronous(s, check, limits).await,
                "MY26" => storage::disk(s, check, limits).await,
                other => Err(Error::failed(format!("there is no check {other}"))),
            }
        })
    }
    fn sample<'a>(&'a self, s: &'a Session, _sight: &'a Sight, check: &'a Check) -> BoxFuture<'a, Result<Result<Sample, Seen>>> {
        Box::pin(trends::sample(s, check))
    }
    fn compare(&self, _sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
        trends::compare(check, limits, first, second)
    }
    fn outside(&self, places: &BTreeMap<String, String>) -> Vec<Seen> {
        outside::look(&SERVER, self.target(), places)
    }
    fn lock_tree<'a>(&'a self, s: &'a Session, sight: &'a Sight) -> BoxFuture<'a, Result<LockTree>> {
        Box::pin(locks::shown_tree(s, sight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(version("10.11.19-MariaDB-0+deb12u1"), 101_119);
        assert_eq!(version("8.0.36"), 80_036);
        assert_eq!(version(""), 0);
    }

    #[test]
    fn ids_are_used_once() {
        let ids: std::collections::BTreeSet<&str> = CHECKS.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
    }
}
