//! **Nothing that writes is ever called a read.** Statements of each engine's grammar, with writing things hidden in every
//! place, and all known side doors. Whatever Holdpoint would admit on a read-only target is run, twice: on the read-only
//! session, and on a session that may write, where nothing but the classifier and the look behind names stands in the way.
//! After that the database, its counters, locks, settings and files must be what they were.
//!
//! `HOLDPOINT_SEED` and `HOLDPOINT_STATEMENTS` (for each engine) choose what is generated; a failure names its seed.

mod support;

#[path = "never_a_read/generate.rs"]
mod generate;

use generate::{Dice, Grammar};
use holdpoint::config::files::load_in;
use holdpoint::config::surroundings::Surroundings;
use holdpoint::config::{EngineKind, Target};
use holdpoint::engine::{Access, Connect, Event, Role, Session, registry};
use holdpoint::model::Dialect;
use holdpoint::ops::query::{Admission, admit};
use holdpoint::ops::{Connection, Cx};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::maria::MariaServer;
use support::pg::PgServer;

/// After this time a statement is cancelled: the grammars can multiply rows.
const LIMIT: Duration = Duration::from_secs(5);

/// Rows read of one statement.
const ROWS: usize = 200;

/// Admitted statements between two looks at the database.
const BATCH: usize = 40;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is no number")))
}

/// A database whose every change is seen.
struct Range<'a> {
    cx: Cx,
    _home: tempfile::TempDir,
    conn: Connection,
    safe: Session,
    /// May write; the session whose own settings and locks are watched.
    bare: Session,
    /// Everything that a read must leave as it is: asked of the server by other means.
    look: Box<dyn Fn() -> String + 'a>,
    /// The same of the bare session's own state.
    own: &'static str,
    dir: PathBuf,
}

#[derive(Default, Debug)]
struct Tally {
    made: usize,
    admitted: usize,
    ran: usize,
}

impl<'a> Range<'a> {
    async fn new(target: Target, dir: &Path, own: &'static str, look: impl Fn() -> String + 'a) -> Range<'a> {
        let home = tempfile::tempdir().expect("home");
        let around = Surroundings::made_up(home.path(), home.path(), [("HOLDPOINT_OPERATOR", "tester")]);
        let cx = Cx::new(load_in(None, &around).expect("configuration"));
        let conn = Connection::over(registry::engine(target, None));
        let safe = conn.query_session().await.expect("read-only session");
        let bare = conn.engine().connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("session");
        Range { cx, _home: home, conn, safe, bare, look: Box::new(look), own, dir: dir.to_owned() }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{dir}", &self.dir.display().to_string())
    }

    async fn admits(&self, text: &str) -> bool {
        // A look-up that the server refuses (a name that it cannot read) runs nothing either.
        matches!(admit(&self.cx, &self.conn, None, text).await, Ok(Admission::Run))
    }

    /// True when the statement ended without an error (or gave rows until it was cut off).
    async fn run(session: &Session, text: &str) -> bool {
        let all = async {
            let mut stream = session.run(text).await?;
            let mut rows = 0;
            while let Some(event) = stream.next().await {
                if let Event::Rows(batch) = event? {
                    rows += batch.rows();
                }
                if rows > ROWS {
                    break;
                }
            }
            Ok::<_, holdpoint::model::Error>(())
        };
        match tokio::time::timeout(LIMIT, all).await {
            Ok(result) => result.is_ok(),
            Err(_) => {
                session.cancel().await.expect("cancel");
                false
            }
        }
    }

    async fn state(&self) -> String {
        let own = self.bare.fetch(self.own).await.unwrap_or_else(|e| panic!("the session is lost: {e}"));
        format!("{}\n{:?}", (self.look)(), own.rows)
    }

    /// Admitted statements, each run both ways, leave everything as it was.
    async fn leave_no_trace(&self, batch: &[String], seed: &str) -> usize {
        let mut ran = 0;
        let before = self.state().await;
        // What sets how its own session reads is meant to.
        let reads = |text: &&String| !holdpoint::sql::settings::only_reading(self.conn.dialect(), text);
        for text in batch.iter().filter(reads) {
            let safe = Self::run(&self.safe, text).await;
            let bare = Self::run(&self.bare, text).await;
            let lost = [&self.safe, &self.bare].iter().find_map(|s| s.status().lost);
            assert_eq!(lost, None, "HOLDPOINT_SEED={seed}: after {text}");
            ran += usize::from(safe || bare);
        }
        let after = self.state().await;
        if before == after {
            return ran;
        }
        // Which one? Most that write once write again.
        let mut last = after.clone();
        let mut guilty = Vec::new();
        for text in batch {
            Self::run(&self.bare, text).await;
            let now = self.state().await;
            if now != last {
                guilty.push(text.as_str());
                last = now;
            }
        }
        let list = if guilty.is_empty() { batch.join("\n---\n") } else { guilty.join("\n---\n") };
        panic!("HOLDPOINT_SEED={seed}: called a read, and yet something changed.\nbefore: {before}\nafter:  {after}\nby one of:\n{list}");
    }

    /// Every known side door is refused.
    async fn doors(&self, list: &str) {
        let mut open = Vec::new();
        for line in list.lines().filter(|l| !l.trim().is_empty()) {
            let text = self.fill(line);
            // COPY sends what its query reads, and nothing else.
            let copied = format!("copy ({}) to stdout", text.trim_end_matches(';'));
            for text in [text, copied] {
                if self.admits(&text).await {
                    open.push(text);
                }
            }
        }
        assert!(open.is_empty(), "admitted on a read-only target:\n{}", open.join("\n"));
    }

    /// Generated statements.
    async fn generated(&self, dialect: Dialect, grammar: &str, count: usize, run: u64) -> Tally {
        let seed = setting("HOLDPOINT_SEED", 1);
        let grammar = Grammar::parse(dialect, grammar);
        let mut dice = Dice::new(seed.wrapping_mul(1000).wrapping_add(run));
        let mut tally = Tally::default();
        let mut batch = Vec::new();
        for _ in 0..count {
            let text = self.fill(&grammar.statement(&mut dice));
            tally.made += 1;
            if self.admits(&text).await {
                tally.admitted += 1;
                batch.push(text);
            }
            if batch.len() == BATCH {
                tally.ran += self.leave_no_trace(&batch, &seed.to_string()).await;
                batch.clear();
            }
        }
        tally.ran += self.leave_no_trace(&batch, &seed.to_string()).await;
        eprintln!("{dialect:?}, HOLDPOINT_SEED={seed}: {tally:?}");
        // The check means something only if much is admitted, and much of that runs.
        assert!(tally.admitted * 8 > tally.made && tally.ran * 4 > tally.admitted, "too little was run: {tally:?}");
        tally
    }
}

fn count() -> usize {
    setting("HOLDPOINT_STATEMENTS", 2000) as usize
}

/// Names and sizes of what lies in a directory.
fn listing(dir: &Path) -> String {
    let mut out: Vec<String> = std::fs::read_dir(dir)
        .expect("directory")
        .filter_map(|e| {
            let e = e.ok()?;
            Some(format!("{}:{}", e.file_name().to_string_lossy(), e.metadata().map_or(0, |m| if m.is_file() { m.len() } else { 0 })))
        })
        .collect();
    out.sort();
    out.join(" ")
}

/// A directory that anybody may write to, as the servers run as users of their own.
fn open_directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("hp-range-").tempdir_in("/tmp").expect("directory");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).expect("mode");
    std::fs::write(dir.path().join("seed"), "seed").expect("file");
    dir
}

/// Whatever writes in PostgreSQL takes a transaction number, or is one of the rest.
const PG_LOOK: &str = "select pg_snapshot_xmax(pg_current_snapshot()), (select last_value || is_called::text from q), \
    (select count(*) from pg_largeobject_metadata), (select count(*) from pg_replication_slots), (select count(*) from pg_prepared_xacts), \
    (select count(*) from pg_locks where locktype = 'advisory'), (select count(*) from written), \
    (select count(*) from pg_stat_activity where application_name = 'bystander'), pg_conf_load_time(), \
    (select stats_reset from pg_stat_database where datname = current_database()), (select count(*) from pg_file_settings)";

fn pg_target(pg: &PgServer, database: &str) -> Target {
    let mut t = Target::bare("range", EngineKind::Postgres);
    t.socket = Some(pg.socket.clone());
    t.port = Some(pg.port);
    t.database = Some(database.into());
    t.user = Some("postgres".into());
    t
}

#[tokio::test]
async fn in_postgresql() {
    // No transaction numbers but ours, and slots and log messages are possible.
    let pg = PgServer::start(&["autovacuum=off", "max_replication_slots=4", "wal_level=logical", "statement_timeout=20s"]);
    pg.create_database("range");
    pg.psql("range", include_str!("never_a_read/postgres.sql"));
    let dir = open_directory();
    let mut c = pg.client("psql");
    c.args(["-X", "-q", "-U", "postgres", "-d", "range", "-p", &pg.port.to_string(), "-h"]).arg(&pg.socket);
    c.env("PGAPPNAME", "bystander").args(["-c", "set statement_timeout = 0; select pg_sleep(100000)"]);
    let mut bystander = c.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("psql");
    support::wait_until("the bystander is there", || {
        pg.psql("range", "select count(*) from pg_stat_activity where application_name = 'bystander'").trim() == "1"
    });
    let settings = "select md5(string_agg(name || '=' || setting, ',' order by name)), (select count(*) from pg_prepared_statements), \
         (select count(*) from pg_cursors), (select string_agg(c, ',') from pg_listening_channels() c) from pg_settings";
    let look = || format!("{} {}", pg.psql("range", PG_LOOK).trim(), listing(dir.path()));
    let range = Range::new(pg_target(&pg, "range"), dir.path(), settings, look).await;
    range.doors(include_str!("never_a_read/postgres.doors")).await;
    range.generated(Dialect::Postgres, include_str!("never_a_read/postgres.grammar"), count(), 0).await;
    drop(range);
    bystander.kill().expect("kill");
    bystander.wait().expect("end");
}

/// What the catalogue lets stand behind no name at all: each in a database of its own, because it touches every read.
#[tokio::test]
async fn behind_no_name_in_postgresql() {
    let pg = PgServer::shared();
    let make = "create table written (i int); create type ct as (x int); create table tc (c ct, i int); insert into tc values (row(1), 1);
        create function w() returns int language plpgsql volatile as $$ begin insert into written values (1); return 1; end $$;";
    for (n, (more, doors, fine)) in [
        (
            "create function c2i(ct) returns int language sql volatile as 'select w()'; create cast (ct as int) with function c2i(ct)",
            &["select c::int from tc", "select cast(c as integer) from tc", "select c::text::ct::int from tc"][..],
            "select c, i from tc",
        ),
        (
            "create function c2j(ct) returns json language sql volatile as 'select to_json(w())'; create cast (ct as json) with function c2j(ct)",
            &["select to_json(c) from tc", "select json_agg(c) from tc", "select to_jsonb(c) from tc"],
            "",
        ),
        (
            "create function ceq(ct, ct) returns boolean language sql volatile as 'select w() = 1'; create operator = (leftarg = ct, rightarg = ct, function = ceq)",
            &[
                "select 1 from tc where c in (row(1)::ct)",
                "select nullif(c, row(1)::ct) from tc",
                "select case c when row(1)::ct then 1 end from tc",
                "select 1 from tc a join tc b using (c)",
                "select 1 from tc a natural join tc b",
                "select 1 from tc where c is distinct from row(1)::ct",
                "select 1 from tc where c = row(1)::ct",
            ],
            "select i from tc order by i",
        ),
        (
            "create function clt(ct, ct) returns boolean language sql volatile as 'select w() = 1'; create operator >= (leftarg = ct, rightarg = ct, function = clt)",
            &["select 1 from tc where c between row(1)::ct and row(2)::ct"],
            "select i from tc where i in (1, 2)",
        ),
        (
            "create function ccmp(ct, ct) returns int language sql volatile as 'select w() - 1'; create function clt(ct, ct) returns boolean language sql volatile as 'select w() = 0';
             create operator < (leftarg = ct, rightarg = ct, function = clt);
             create operator class ctops default for type ct using btree as operator 1 <, function 1 ccmp(ct, ct)",
            &["select c from tc order by c", "select distinct c from tc", "select c from tc group by c", "select c from tc union select c from tc"],
            "",
        ),
        (
            "create view vw as select w() as x; create policy p on tc using (exists (select 1 from vw)); alter table tc enable row level security; alter table tc force row level security",
            &["select * from tc", "table tc"],
            "select * from written",
        ),
        (
            "create extension file_fdw; create server files foreign data wrapper file_fdw;
             create foreign table feed (line text) server files options (program 'echo made'); create foreign table plain (line text) server files options (filename '/etc/hostname')",
            &["select * from feed", "select 1 from (select line from public.feed) x"],
            "select count(*) from plain",
        ),
        (
            "create function early(i int default w()) returns int language sql immutable as 'select i';
             create function later(i int) returns int language sql stable as 'select i + early()';
             create function switched(i text default pg_switch_wal()::text) returns text language sql immutable as 'select i';
             create function harmless(i int default 4, at timestamptz default now()) returns int language sql stable as 'select i'; create view ve as select early() as x",
            &["select early()", "select later(1)", "select * from ve", "select switched()", "select i from tc where i = early()"],
            "select harmless()",
        ),
        // Its own database over a socket: the other side's transaction is no read-only one. Nothing there listens, so nothing is written
        // either way; what counts is that it is not called a read.
        (
            "create extension postgres_fdw; create server away foreign data wrapper postgres_fdw options (host '/nowhere');
             create user mapping for public server away; create foreign table far (x int) server away; create view vfar as select * from far;
             create table divided (x int, y int) partition by list (y); create table divided_1 partition of divided for values in (1);
             create foreign table divided_2 partition of divided for values in (2) server away",
            &["select * from far", "select * from vfar", "select count(*) from divided"],
            "select count(*) from divided_1",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let database = format!("behind{n}");
        pg.create_database(&database);
        pg.psql(&database, make);
        let wrapper = ["file_fdw", "postgres_fdw"].into_iter().find(|w| more.contains(&format!("create extension {w}")));
        let lacks = |w: &str| pg.psql(&database, &format!("select count(*) from pg_available_extensions where name = '{w}'")).trim() == "0";
        if wrapper.is_some_and(lacks) {
            continue;
        }
        pg.psql(&database, more);
        let dir = tempfile::tempdir().expect("directory");
        let range = Range::new(pg_target(pg, &database), dir.path(), "select 1", String::new).await;
        range.doors(&doors.join("\n")).await;
        if !fine.is_empty() {
            assert!(range.admits(fine).await, "{fine} reads, with {more}");
        }
    }
}

/// What a session has, and what the server counts of it: rows written into tables (its own temporary ones apart; updates are left
/// out, because window functions update theirs, and the rows themselves are compared anyway).
const MARIA_OWN: &str = "select @a, @b, is_used_lock('l'), \
    (select group_concat(variable_name, '=', variable_value order by variable_name) from information_schema.session_status \
     where variable_name in ('HANDLER_WRITE', 'HANDLER_DELETE')), last_insert_id(), \
    (select md5(group_concat(variable_name, '=', variable_value order by variable_name)) from information_schema.session_variables \
     where variable_name not in ('TIMESTAMP', 'RAND_SEED1', 'RAND_SEED2', 'LAST_GTID', 'ERROR_COUNT', 'WARNING_COUNT', 'INSERT_ID', 'LAST_INSERT_ID', 'IDENTITY', 'PSEUDO_THREAD_ID') \
       and variable_name not like 'GTID%' and variable_name not like 'INNODB%')";

#[tokio::test]
async fn in_mariadb() {
    let maria = MariaServer::start(&["--group-concat-max-len=1000000", "--max-statement-time=20"]);
    let dir = open_directory();
    let mut target = Target::bare("range", EngineKind::MySql);
    target.host = Some("127.0.0.1".into());
    target.port = Some(maria.port);
    target.user = Some("root".into());
    target.database = Some("never".into());
    maria.create_database("never");
    maria.sql("never", include_str!("never_a_read/mysql.sql"));
    let data = maria.socket.parent().expect("directory").join("data/never");
    let look = || {
        let rows = maria.sql(
            "never",
            "select group_concat(id, name) from t; select group_concat(id, name) from u; select count(*) from written; select next_not_cached_value from s; \
             select count(*) from mysql.user; select @@global.max_connections; select is_used_lock('l')",
        );
        // Sizes of tables change late: only the names of their files.
        let tables: Vec<String> = listing(&data).split(' ').map(|f| f.split(':').next().unwrap_or_default().to_string()).collect();
        format!("{rows} {} {tables:?}", listing(dir.path()))
    };
    // What text means there depends on these.
    for (run, (mode, share)) in
        [("", 4), ("ANSI_QUOTES", 1), ("ORACLE", 1), ("NO_BACKSLASH_ESCAPES", 1), ("IGNORE_SPACE,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE", 1)]
            .into_iter()
            .enumerate()
    {
        maria.sql("", &format!("set global sql_mode = '{mode}'"));
        let range = Range::new(target.clone(), dir.path(), MARIA_OWN, look).await;
        range.doors(include_str!("never_a_read/mysql.doors")).await;
        range.generated(Dialect::MySql, include_str!("never_a_read/mysql.grammar"), count() * share / 8, run as u64).await;
    }
}

#[tokio::test]
async fn in_sqlite() {
    let dir = open_directory();
    let file = dir.path().join("range.db");
    rusqlite::Connection::open(&file).expect("database").execute_batch(include_str!("never_a_read/sqlite.sql")).expect("data");
    let mut target = Target::bare("range", EngineKind::Sqlite);
    target.path = Some(file.clone());
    let own = "select total_changes(), (select count(*) from sqlite_temp_schema), (select group_concat(name || coalesce(file, '')) from pragma_database_list), \
         (select user_version from pragma_user_version)";
    let look = || {
        let bytes = std::fs::read(&file).expect("file");
        let mut hash = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&bytes, &mut hash);
        format!("{} {:x}", listing(dir.path()), std::hash::Hasher::finish(&hash))
    };
    let range = Range::new(target, dir.path(), own, look).await;
    range.doors(include_str!("never_a_read/sqlite.doors")).await;
    range.generated(Dialect::Sqlite, include_str!("never_a_read/sqlite.grammar"), count(), 0).await;
}
