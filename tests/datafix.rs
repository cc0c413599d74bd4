//! Ad-hoc changes on a guarded target: counted, saved, rolled back unless asked; refused when they reach further.

mod support;

use holdpoint::config::{Surroundings, files};
use holdpoint::engine::Session;
use holdpoint::model::Kind;
use holdpoint::ops::{Cx, datafix};
use std::collections::BTreeMap;
use support::guarded::{self, run};
use support::maria::MariaServer;
use support::pg::PgServer;

/// Tables whose rows hang on each other: `p` ← `k` (goes with it) ← `kk` (goes, too), `p` ← `n` (keeps its rows, which lose the key),
/// `tree` by itself, and `big` with too many rows.
const TIED: &str = "create table p (id int primary key, name varchar(20));
     create table k (id int primary key, p int, foreign key (p) references p (id) on delete cascade on update cascade);
     create table kk (k int, x int, foreign key (k) references k (id) on delete cascade);
     create table n (id int primary key, p int, foreign key (p) references p (id) on delete set null);
     create table tree (id int primary key, up int, foreign key (up) references tree (id) on delete cascade);
     create table big (p int, foreign key (p) references p (id) on delete cascade);
     insert into p values (1, 'a'), (2, 'b'), (3, 'c');
     insert into k values (10, 1), (11, 1), (20, 2);
     insert into kk values (10, 0), (10, 0), (11, 1);
     insert into n values (1, 1), (2, null);
     insert into tree values (1, null), (2, 1), (3, 2), (4, 3), (5, null);";

/// Cascades are counted, saved and limited. `schema` is how their tables are named.
fn cascades(home: &tempfile::TempDir, schema: &str, sql: impl Fn(&str) -> String) {
    let text = run(home, 0, "delete from p where id = 1", false);
    for line in ["2 rows of {s}.k by cascade: deleted", "3 rows of {s}.kk by cascade: deleted", "1 row of {s}.n by cascade: changed"] {
        assert!(text.contains(&line.replace("{s}", schema)), "{line}:\n{text}");
    }
    assert!(!text.contains("The server counted"), "{text}");
    assert_eq!(sql("select count(*) from kk"), "3");
    let text = run(home, 0, "delete from tree where id in (1, 2)", false);
    assert!(text.contains(&format!("2 rows of {schema}.tree by cascade: deleted")), "{text}");
    let text = run(home, 0, "update p set name = 'z' where id = 1", false);
    assert!(!text.contains("cascade"), "{text}");
    let text = run(home, 0, "update p set id = 9 where id = 2", true);
    assert!(text.contains(&format!("1 row of {schema}.k by cascade: changed")), "{text}");
    assert_eq!(sql("select p from k where id = 20"), "9");
    // One row of its own, but eleven go with it.
    let text = run(home, 4, "delete from p where id = 3", true);
    assert!(text.contains("allows 10"), "{text}");
    assert_eq!(sql("select count(*) from big"), "10");
    let text = run(home, 0, "delete from p where id = 1", true);
    assert!(text.contains("committed"), "{text}");
    assert_eq!(sql("select count(*) from kk"), "0");
    let saved: Vec<String> = std::fs::read_dir(home.path().join("store/before-images"))
        .expect("before-images")
        .map(|f| std::fs::read_to_string(f.expect("file").path()).expect("text"))
        .collect();
    assert!(saved.iter().any(|t| t.lines().count() == 3 && t.contains("\"k\":10,")), "the rows of kk were not saved: {saved:?}");
}

/// What every engine does with a plain change.
fn plain(home: &tempfile::TempDir, count: impl Fn() -> String) {
    let text = run(home, 0, "delete from t where id <= 3", false);
    assert!(text.contains("3 rows affected") && text.contains("3 rows saved") && text.contains("rolled back"), "{text}");
    assert!(text.contains("gone: id 1, v v"), "{text}");
    assert_eq!(count(), "50");
    let text = run(home, 0, "update t set v = 'w' where id in (7, 8)", false);
    assert!(text.contains("id 7: v v → w") && text.contains("id 8: v v → w"), "{text}");
    let text = run(home, 0, "update t set id = id + 1000 where id in (1, 2)", false);
    assert!(text.contains("id 1 → 1001: otherwise as it was") && text.contains("id 2 → 1002") && !text.contains("gone"), "{text}");
    let text = run(home, 0, "update t set v = 'w', id = 7000 where id = 1", false);
    assert!(text.contains("id 1 → 7000: v v → w"), "{text}");
    // In a ring: what stands under a key of before is another row.
    let text = run(home, 0, "update t set id = case id when 1 then -2 when 2 then -1 else -id end where id in (1, 2)", false);
    assert!(text.contains("id 1 → -2: otherwise") && text.contains("id 2 → -1: otherwise"), "{text}");
    // What cannot be told beforehand is said to be so.
    let text = run(home, 0, "update t set id = abs(id) + 1000 where id in (1, 2)", false);
    assert!(
        text.contains("now under another key: id 1, v v") && !text.contains("gone") && text.contains("the statement sets id"),
        "{text}"
    );
    let text = run(home, 4, "delete from t", true);
    assert!(text.contains("allows 10"), "{text}");
    assert_eq!(count(), "50");
    shown(home);
    let text = run(home, 0, "delete from t where id <= 3", true);
    assert!(text.contains("committed"), "{text}");
    assert_eq!(count(), "47");
    let images = std::fs::read_dir(home.path().join("store/before-images")).expect("before-images").count();
    assert!(images >= 1, "no before-image was kept");
    let text = run(home, 4, "drop table t", false);
    assert!(text.contains("queue"), "{text}");
}

/// The tables of [`shown`]: `raw` is the type of bytes, `bytes` writes some.
fn odd(raw: &str, bytes: impl Fn(&str) -> String) -> String {
    let long = "y".repeat(3000);
    format!(
        "create table odd (id int primary key, b {raw}, t text); insert into odd values (1, {}, 'a'), (2, null, '{long}1');
         create table nokey (a int, v varchar(9)); insert into nokey values (1, 'x'), (1, 'x'), (2, 'y');
         create table fresh (id int primary key, v varchar(9)); insert into fresh values (100, 'old'), (7, 'old');",
        bytes("00ff")
    )
}

/// Every row of a sample is shown, or said to be missing: binary and long values, tables without a key, new rows.
fn shown(home: &tempfile::TempDir) {
    let text = run(home, 0, "update odd set t = 'b' where id = 1", false);
    assert!(text.contains("id 1: t a → b") && !text.contains("odd to be shown"), "{text}");
    let text = run(home, 0, "delete from odd where id = 1", false);
    assert!(text.contains("gone: id 1, b \\x00ff, t a"), "{text}");
    let text = run(home, 0, "update odd set b = null where id = 1", false);
    assert!(text.contains("id 1: b \\x00ff → NULL"), "{text}");
    let longer = format!("update odd set t = '{}2' where id = 2", "y".repeat(3000));
    let text = run(home, 0, &longer, false);
    assert!(text.contains("id 2: t yyy") && text.contains("… differs further on"), "{text}");
    let text = run(home, 0, "delete from nokey where a = 1", false);
    assert_eq!(text.matches("gone: a 1, v x").count(), 2, "{text}");
    let text = run(home, 0, "update nokey set v = 'z' where a = 1", false);
    // SQLite's rows have a number where they have no key.
    let as_they_were = text.contains("was: a 1, v x") && text.contains("no key by which its rows could be found again");
    assert!(as_they_were || text.contains("rowid 1: v x → z"), "{text}");
    let text = run(home, 0, "insert into fresh values (101, 'new'), (102, 'new')", false);
    assert!(text.contains("new: id 101, v new") && text.contains("new: id 102, v new") && !text.contains("old"), "{text}");
}

#[test]
fn in_sqlite() {
    let home = guarded::home(guarded::SQLITE, 10);
    let file = home.path().join("g.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    db.execute_batch(
        "create table t (id integer primary key, v text); create table watched (id integer); create table log (id integer);
         create trigger w after delete on watched begin insert into log values (old.id); end; insert into watched values (1);
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 50) insert into t select i, 'v' from n;",
    )
    .expect("data");
    db.execute_batch(&odd("blob", |hex| format!("x'{hex}'"))).expect("odd");
    plain(&home, || db.query_row("select count(*) from t", [], |r| r.get::<_, i64>(0)).expect("count").to_string());
    let text = run(&home, 4, "delete from Watched where id = 1", true);
    assert!(text.contains("trigger w"), "{text}");
    // Foreign keys are off in the session, so nothing cascades: what loses its row is told.
    db.execute_batch(&format!("pragma foreign_keys = off; {TIED}")).expect("tied");
    let text = run(&home, 0, "delete from p where id = 1", true);
    assert!(text.contains("2 rows of main.k refer to them") && text.contains("1 row of main.n refers to them"), "{text}");
    assert_eq!(db.query_row("select count(*) from k", [], |r| r.get::<_, i64>(0)).expect("count"), 3);
}

#[test]
fn in_postgresql() {
    let pg = PgServer::shared();
    pg.create_database("fixes");
    pg.psql("fixes", "create table t (id int primary key, v text); insert into t select i, 'v' from generate_series(1, 50) i");
    pg.psql("fixes", TIED);
    pg.psql("fixes", &odd("bytea", |hex| format!("'\\x{hex}'")));
    pg.psql("fixes", "insert into big select 3 from generate_series(1, 10)");
    pg.psql("fixes", "create function wr() returns text language sql volatile as 'delete from k returning ''x''::text'");
    let home = guarded::home(&guarded::postgres(pg, "fixes", "postgres"), 10);
    plain(&home, || pg.psql("fixes", "select count(*) from t").trim().to_string());
    cascades(&home, "public", |sql| pg.psql("fixes", sql).trim().to_string());
    // Whatever its key is, a row knows its transaction; also where no key tells them apart.
    let text = run(&home, 0, "insert into fresh values (8, 'mid')", false);
    assert!(text.contains("new: id 8, v mid"), "{text}");
    let text = run(&home, 0, "insert into nokey select 5, 'n' from generate_series(1, 3)", false);
    assert_eq!(text.matches("new: a 5, v n").count(), 3, "{text}");
    // What inherits from the table, or is part of it, is counted once: by whichever name it is changed.
    pg.psql(
        "fixes",
        "create table inh (id int primary key, v int); create table inhc () inherits (inh); insert into inh values (1, 1);
         insert into inhc values (1, 1), (2, 2); create table part (id int primary key) partition by range (id);
         create table part_1 partition of part for values from (0) to (100); insert into part select generate_series(1, 8)",
    );
    for (sql, rows) in [("delete from inhc", 2), ("delete from part_1", 8), ("delete from part", 8)] {
        let text = run(&home, 0, sql, false);
        assert!(text.contains(&format!("{rows} rows affected")) && !text.contains("beyond these"), "{sql}: {text}");
    }
    pg.psql("fixes", "create function nop() returns trigger language plpgsql as 'begin return old; end'; create trigger w before update on n for each row execute function nop()");
    let text = run(&home, 4, "delete from p where id = 9", true);
    assert!(text.contains("public.n") && text.contains("trigger w"), "{text}");
    for sql in ["update t set v = wr() where id = 10", "update t set v = 'x' where id = 10 returning (select pg_terminate_backend(1))"] {
        run(&home, 4, sql, true);
    }
    assert_eq!(pg.psql("fixes", "select count(*) from k").trim(), "1");
}

#[test]
fn in_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("fixes");
    maria.sql("fixes", "create table t (id int primary key, v text); insert into t select seq, 'v' from seq_1_to_50");
    maria.sql("fixes", "create table mi (a int) engine = MyISAM; insert into mi select seq from seq_1_to_50");
    maria.sql("fixes", TIED);
    maria.sql("fixes", &odd("blob", |hex| format!("x'{hex}'")));
    maria.sql("fixes", "insert into big select 3 from seq_1_to_10");
    let home = guarded::home(&guarded::maria(maria, "fixes"), 10);
    plain(&home, || maria.sql("fixes", "select count(*) from t").trim().to_string());
    let text = run(&home, 4, "delete from mi where a <= 5", false);
    assert!(text.contains("MyISAM"), "{text}");
    assert_eq!(maria.sql("fixes", "select count(*) from mi").trim(), "50");
    cascades(&home, "fixes", |sql| maria.sql("fixes", sql).trim().to_string());
    let text = run(&home, 0, "insert into fresh values (8, 'mid'), (201, 'new')", false);
    assert!(
        text.contains("new: id 201, v new") && !text.contains("mid") && text.contains("not shown: 1 new row, because their keys lie"),
        "{text}"
    );
    let text = run(&home, 0, "insert into nokey values (5, 'n')", false);
    assert!(text.contains("not shown: the new rows, because the table has no key"), "{text}");
    // `SELECT *` leaves these columns out: a before-image may not.
    maria.sql(
        "fixes",
        "create table hid (id int primary key, v int, h int invisible default 5); insert into hid (id, v, h) values (1, 1, 77), (2, 2, 78);
         create table hidk (k int primary key invisible auto_increment, v int); insert into hidk (v) values (7);
         create table child (id int primary key, p int, secret int invisible, foreign key (p) references hid (id) on delete cascade);
         insert into child (id, p, secret) values (9, 1, 99);
         create table computed (id int primary key, v varchar(10), m int as (length(v))); insert into computed (id, v) values (1, 'a');
         create table follows (id int primary key, p int, foreign key (p) references computed (id) on update cascade); insert into follows values (1, 1)",
    );
    let text = run(&home, 0, "delete from hid where id = 1", true);
    assert!(text.contains("id 1, v 1, h 77") && text.contains("1 row of fixes.child by cascade: deleted"), "{text}");
    let images: String = std::fs::read_dir(home.path().join("store/before-images"))
        .expect("before-images")
        .map(|f| std::fs::read_to_string(f.expect("file").path()).expect("text"))
        .collect();
    assert!(images.contains("\"h\":77") && images.contains("\"secret\":99"), "{images}");
    let text = run(&home, 0, "update hid set h = 6 where id = 2", false);
    assert!(text.contains("id 2: h 78 → 6"), "{text}");
    let text = run(&home, 0, "update hidk set v = 8", false);
    assert!(text.contains("k 1: v 7 → 8"), "{text}");
    // A computed column that is no part of the key takes nobody along.
    let text = run(&home, 0, "update computed set v = 'bb' where id = 1", false);
    assert!(!text.contains("follows"), "{text}");
    maria.sql("fixes", "create table fk1 (k float primary key, v int); insert into fk1 values (0.1, 1)");
    let text = run(&home, 0, "update fk1 set v = 11 where v = 1", false);
    assert!(
        text.contains("was: k 0.10000000149011612, v 1") && !text.contains("gone") && text.contains("stand here as they were"),
        "{text}"
    );
    assert!(!text.contains("Rows matched"), "what the server counts is no remark: {text}");
    maria.sql("mysql", "set global tx_isolation = 'READ-COMMITTED'");
    let text = run(&home, 0, "insert into fresh values (202, 'new')", false);
    maria.sql("mysql", "set global tx_isolation = 'REPEATABLE-READ'");
    assert!(text.contains("new: id 202"), "a fix sees nobody else's rows, whatever the server's level is: {text}");
}

/// MariaDB sends the rows of RETURNING in place of their number: they count, are shown, and the blast radius (10) holds.
#[test]
fn rows_of_returning_count_in_mariadb() {
    let maria = MariaServer::shared();
    maria.create_database("returns");
    maria.sql("returns", "create table bl (id int primary key auto_increment, v int)");
    let home = guarded::home(&guarded::maria(maria, "returns"), 10);
    let count = || maria.sql("returns", "select count(*) from bl").trim().to_string();
    let text = run(&home, 4, "insert into bl (v) select seq from seq_1_to_12 returning id", true);
    assert!(text.contains("it would change 12 rows, and this target allows 10"), "{text}");
    assert_eq!(count(), "0");
    let text = run(&home, 0, "insert into bl (id, v) values (1, 7), (2, 8) returning id, v * 2 as twice", true);
    assert!(text.contains("2 rows affected") && text.contains("returned: id 2, twice 16") && text.contains("committed"), "{text}");
    let text = run(&home, 0, "delete from bl where id = 2 returning v", false);
    assert!(text.contains("1 row affected; 1 row saved") && text.contains("returned: v 8"), "{text}");
    assert_eq!(count(), "2");
    let history = support::command(home.path()).args(["history", "g"]).output().expect("run");
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    assert!(history.contains("2 rows, committed") && history.contains("1 row, rolled back"), "{history}");
}

/// A sequence keeps what was taken from it or set in it, whatever is rolled back: on a guarded target it is left alone.
#[test]
fn sequences_of_mariadb_are_left_alone() {
    let maria = MariaServer::shared();
    maria.create_database("seqs");
    maria.sql(
        "seqs",
        "create sequence sq start with 5 increment by 3; create table lk (id int primary key, v int); insert into lk values (1, 1)",
    );
    let home = guarded::home(&guarded::maria(maria, "seqs"), 10);
    let next = || maria.sql("seqs", "select next_not_cached_value from sq").trim().to_string();
    let before = next();
    for sql in [
        "insert into sq values (500, 1, 100000, 5, 1, 1000, 0, 0)",
        "insert sq values (500, 1, 100000, 5, 1, 1000, 0, 0)",
        "insert low_priority into seqs.`sq` values (500, 1, 100000, 5, 1, 1000, 0, 0)",
        "insert low_priority sq values (500, 1, 100000, 5, 1, 1000, 0, 0)",
        "update lk set v = next value for sq where id = 1",
        "update lk set v = next /* of */ value\nfor seqs.sq where id = 1",
        "update lk set v = next /*! value */ for sq where id = 1",
        "update lk set v = nextval(sq) where id = 1",
        "update lk set v = setval(sq, 900) where id = 1",
        "update lk set v = lastval(sq) where id = 1",
        "insert into lk values (2, (select next value for sq))",
    ] {
        for commit in [false, true] {
            let text = run(&home, 4, sql, commit);
            assert!(text.contains("held"), "{sql}: {text}");
        }
        assert_eq!(next(), before, "{sql}");
    }
    let text = run(&home, 4, "insert into sq values (500, 1, 100000, 5, 1, 1000, 0, 0)", false);
    assert!(text.contains("it is a sequence, and no rollback takes back what is set in one"), "{text}");
    let text = run(&home, 4, "update lk set v = next value for sq where id = 1", false);
    assert!(text.contains("NEXT VALUE FOR moves a sequence"), "{text}");
}

/// A data fix that waits for a lock is ended on the server by Ctrl-C, and has changed nothing.
#[test]
fn one_that_waits_for_a_lock_can_be_cancelled() {
    let pg = PgServer::shared();
    pg.create_database("waits");
    pg.psql("waits", "create table t (id int primary key, v text); insert into t values (1, 'a')");
    let home = guarded::home(&guarded::postgres(pg, "waits", "postgres"), 10);
    let mut holder = pg.psql_in_background("waits", "begin; update t set v = 'held' where id = 1; select pg_sleep(600)");
    let waiting = |state: &str| {
        pg.psql("postgres", &format!("select count(*) from pg_stat_activity where datname = 'waits' and {state}")).trim().to_string()
    };
    support::wait_until("the row is held", || waiting("wait_event = 'PgSleep'") == "1");
    let mut c = support::command(home.path());
    let mut fix = c.args(["query", "g", "update t set v = 'x' where id = 1", "--commit"]).spawn().expect("starts");
    support::wait_until("the fix waits for the lock", || waiting("wait_event_type = 'Lock'") == "1");
    let sent = std::process::Command::new("kill").args(["-INT", &fix.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    assert_eq!(fix.wait().expect("ends").code(), Some(130));
    support::wait_until("its session is gone", || waiting("wait_event = 'PgSleep' or wait_event_type = 'Lock'") == "1");
    support::wait_until("none of ours is left", || waiting("application_name = 'holdpoint'") == "0");
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'waits'");
    assert_eq!(pg.psql("waits", "select v from t").trim(), "a");
    let history = support::command(home.path()).args(["history", "g"]).output().expect("run");
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    assert!(history.contains("cancelled, rolled back") && !history.contains("failed"), "{history}");
    // A read, too; and one that ends well afterwards does not take its place.
    let asleep = "wait_event = 'PgSleep' and application_name = 'holdpoint'";
    let mut c = support::command(home.path());
    let mut read = c.args(["query", "g", "select pg_sleep(300)"]).spawn().expect("starts");
    support::wait_until("the read sleeps", || waiting(asleep) == "1");
    let sent = std::process::Command::new("kill").args(["-INT", &read.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    assert_eq!(read.wait().expect("ends").code(), Some(130));
    run(&home, 0, "update t set v = 'x' where id = 1", true);
    let history = support::command(home.path()).args(["history", "g"]).output().expect("run");
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    let of = |part: &str| history.lines().filter(|l| l.contains(part)).collect::<Vec<_>>().join("\n");
    assert!(of("pg_sleep").contains("cancelled"), "{history}");
    assert!(of("update t").contains("1 row, committed") && of("update t").contains("cancelled, rolled back"), "{history}");
}

/// A commit that waits for a standby is local already: a cancel ends the wait, and what became of it is said.
#[test]
fn a_commit_that_waits_for_a_standby_is_told_and_can_be_left() {
    let pg = PgServer::start(&[]);
    pg.psql("postgres", "create table t (id int primary key, v text); insert into t values (7, 'a')");
    pg.psql("postgres", "alter system set synchronous_standby_names = 'ghost'");
    pg.psql("postgres", "select pg_reload_conf()");
    support::wait_until("it is set", || pg.psql("postgres", "show synchronous_standby_names").trim() == "ghost");
    let home = guarded::home(&guarded::postgres(&pg, "postgres", "postgres"), 10);
    let mut c = support::command(home.path());
    let fix = c.args(["query", "g", "update t set v = 'sync' where id = 7", "--commit"]).stderr(std::process::Stdio::piped());
    let fix = fix.spawn().expect("starts");
    support::wait_until("the commit waits", || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where wait_event = 'SyncRep'").trim() == "1"
    });
    let sent = std::process::Command::new("kill").args(["-INT", &fix.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    let out = fix.wait_with_output().expect("ends");
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(text.contains("committed; it was cancelled while it waited, so a synchronous standby may not have it yet"), "{text}");
    assert_eq!(pg.psql("postgres", "select v from t").trim(), "sync");
    let history = support::command(home.path()).args(["history", "g"]).output().expect("run");
    assert!(String::from_utf8_lossy(&history.stdout).contains("1 row, committed"), "{history:?}");
}

/// A server that does not answer has confirmed nothing: that is what is said, of the session that the fix runs on.
#[test]
fn one_whose_server_does_not_answer_is_not_called_ended() {
    let pg = PgServer::shared();
    pg.create_database("frozen");
    pg.psql("frozen", "create table t (id int primary key, v text); insert into t values (1, 'a')");
    let home = guarded::home(&guarded::postgres(pg, "frozen", "postgres"), 10);
    let mut holder = pg.psql_in_background("frozen", "begin; update t set v = 'held' where id = 1; select pg_sleep(600)");
    let count = |of: &str| {
        pg.psql("postgres", &format!("select count(*) from pg_stat_activity where datname = 'frozen' and {of}")).trim().to_string()
    };
    support::wait_until("the row is held", || count("wait_event = 'PgSleep'") == "1");
    let signal = |name: &str, backend: u64| {
        let sent = std::process::Command::new("kill").args([name, &backend.to_string()]).status();
        assert!(sent.expect("kill").success());
    };
    let root = home.path().to_path_buf();
    let config = files::load_in(None, &Surroundings::made_up(&root, &root, [])).expect("config");
    let cx = Cx::new(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let (error, backend) = runtime.block_on(async {
        let conn = holdpoint::ops::connect::connect(&cx, "g").await.expect("connection");
        let (tell, told) = tokio::sync::oneshot::channel::<Session>();
        let values = BTreeMap::new();
        let opened = |s: &Session| drop(tell.send(s.clone()));
        let fix = datafix::begin(&cx, &conn, None, "update t set v = 'x' where id = 1", &values, opened);
        let hang_up = async {
            let session = told.await.expect("a session");
            let backend = session.backend().expect("its number");
            let locked = move || count(&format!("pid = {backend} and wait_event_type = 'Lock'")) == "1";
            tokio::task::spawn_blocking(move || support::wait_until("the fix waits for the lock", locked)).await.expect("waits");
            signal("-STOP", backend);
            cx.cancel.cancel();
            assert!(session.sever());
            backend
        };
        let (fix, backend) = tokio::join!(fix, hang_up);
        (fix.map(drop).expect_err("it was cancelled"), backend)
    });
    let runs = count(&format!("pid = {backend} and state = 'active'"));
    signal("-CONT", backend);
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    assert_eq!(runs, "1", "the server's process was stopped in the middle of it");
    assert_eq!(error.kind, Kind::Connect, "{error:?}");
    assert!(error.message.contains("not confirmed") && error.message.contains("nothing of it is kept"), "{error:?}");
    assert!(error.hints.iter().any(|h| h.contains(&format!("session {backend} "))), "{error:?}");
    // The holder sleeps on without its client, and keeps its lock.
    pg.psql("postgres", &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'frozen' and pid <> {backend}"));
    support::wait_until("its session is gone", || count(&format!("pid = {backend}")) == "0");
    assert_eq!(pg.psql("frozen", "select v from t").trim(), "a");
}

/// What a server's settings do to sessions without a word of the user's: a limit of rows, keys that are off, a mode that is not strict.
#[test]
fn settings_of_the_server_hide_nothing_in_mariadb() {
    let maria = MariaServer::start(&[]);
    maria.create_database("odd");
    maria.sql(
        "odd",
        "create table p (id int primary key, v varchar(3)); insert into p select seq, 'a' from seq_1_to_50;
         create table c (id int primary key, p int, foreign key (p) references p (id) on delete cascade); insert into c select seq, seq from seq_1_to_50",
    );
    let home = guarded::home(&guarded::maria(&maria, "odd"), 10);
    maria.sql("odd", "set global sql_select_limit = 2");
    let text = run(&home, 0, "delete from p where id <= 5", false);
    assert!(text.contains("5 rows affected") && text.contains("5 rows saved") && text.contains("5 rows of odd.c by cascade"), "{text}");
    run(&home, 4, "delete from p where id <= 8", true);
    maria.sql("odd", "set global sql_select_limit = default; set global foreign_key_checks = 0");
    let text = run(&home, 0, "delete from p where id <= 3", false);
    assert!(!text.contains("by cascade: deleted") && text.contains("3 rows of odd.c"), "{text}");
    maria.sql("odd", "set global foreign_key_checks = 1; set global sql_mode = ''");
    let text = run(&home, 0, "update p set v = 'abcdef' where id = 9", false);
    assert!(text.contains("v a → abc") && text.contains("the server says: Data truncated"), "{text}");
    assert_eq!(maria.sql("odd", "select count(*) from p").trim(), "50");
}
