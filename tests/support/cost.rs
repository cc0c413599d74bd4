//! What an assessment costs the server that it looks at, as the server and the operating system count it: other than the throughput of
//! clients, that hardly differs from run to run.

use super::maria::MariaServer;
use super::pg::PgServer;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The account that assesses, and does nothing else.
const WATCHER: &str = "watcher";
/// What a PostgreSQL server has to be started with.
pub const COUNTED: [&str; 2] = ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on"];

#[derive(Debug)]
pub struct Cost {
    /// BEGIN, SET and ROLLBACK among them.
    pub statements: f64,
    /// Read from the cache or the disk (PostgreSQL); rows that were read (MariaDB).
    pub read: f64,
    /// Pages made dirty, and those of temporary files (PostgreSQL); statements that write (MariaDB).
    pub written: f64,
    /// Time that its session was on a processor of the server.
    pub busy: Duration,
    pub took: Duration,
}

impl Cost {
    /// Percent of what all processors of the machine could have done meanwhile.
    pub fn share(&self) -> f64 {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        100.0 * self.busy.as_secs_f64() / (self.took.as_secs_f64() * processors as f64)
    }
}

fn start(home: &Path, url: &str) -> Child {
    let mut c = super::command(home);
    c.args(["assess", url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("holdpoint runs")
}

fn numbers(line: &str) -> Vec<f64> {
    line.trim().split(['|', '\t']).map(|n| n.trim().parse().unwrap_or_else(|_| panic!("no number: {line}"))).collect()
}

/// Of one assessment with its two samples.
pub fn of_postgres(pg: &PgServer, home: &Path, database: &str) -> Cost {
    pg.psql(
        database,
        &format!(
            "create extension if not exists pg_stat_statements; \
             do $$ begin create role {WATCHER} login; exception when duplicate_object then null; end $$; grant pg_monitor to {WATCHER}; \
             select pg_stat_statements_reset()"
        ),
    );
    let main = std::fs::read_to_string(pg.socket.join("data/postmaster.pid")).expect("its file");
    let main = main.lines().next().expect("a pid").to_string();
    let began = Instant::now();
    let mut child = start(home, &format!("postgres://{WATCHER}@127.0.0.1:{}/{database}?sslmode=disable", pg.port));
    let is_ours = |pid: &str| {
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).contains(&format!(" {WATCHER} {database} "))
    };
    let mut session = None;
    let mut busy = 0;
    while child.try_wait().expect("holdpoint").is_none() {
        session = session.or_else(|| {
            let children = std::fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap_or_default();
            children.split_whitespace().find(|pid| is_ours(pid)).map(str::to_string)
        });
        let told = session.as_ref().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok());
        let now: Option<u64> = told.and_then(|t| t.split_whitespace().next()?.parse().ok());
        busy = busy.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    assert!(busy > 0, "its session was not seen");
    let counted = format!(
        "select sum(calls), sum(shared_blks_hit + shared_blks_read), sum(shared_blks_dirtied + shared_blks_written + temp_blks_written) \
         from pg_stat_statements s join pg_roles r on r.oid = s.userid where r.rolname = '{WATCHER}'"
    );
    let counted = numbers(&pg.psql(database, &counted));
    Cost { statements: counted[0], read: counted[1], written: counted[2], busy: Duration::from_nanos(busy), took }
}

/// The same of a MariaDB server, which counts by account.
pub fn of_mariadb(my: &MariaServer, home: &Path, database: &str) -> Cost {
    my.sql(
        "",
        &format!(
            "create user if not exists {WATCHER}@'127.0.0.1'; grant process, slave monitor, binlog monitor on *.* to {WATCHER}@'127.0.0.1'; \
             grant select on {database}.* to {WATCHER}@'127.0.0.1'; set global userstat = 1; flush user_statistics"
        ),
    );
    let began = Instant::now();
    start(home, &format!("mysql://{WATCHER}@127.0.0.1:{}/{database}", my.port)).wait().expect("holdpoint");
    let took = began.elapsed();
    let of = format!("from information_schema.user_statistics where user = '{WATCHER}'");
    super::wait_until("its session is counted", || !my.sql("", &format!("select 1 {of}")).trim().is_empty());
    let counted = numbers(&my.sql("", &format!("select select_commands + other_commands, rows_read, update_commands, cpu_time {of}")));
    Cost { statements: counted[0], read: counted[1], written: counted[2], busy: Duration::from_secs_f64(counted[3]), took }
}
