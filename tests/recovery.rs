//! Recovery actions on real servers: nothing without a yes to just that object, nothing to another one, the effect seen, all in the journal.

mod support;

use std::process::Command;
use support::held::Held;
use support::maria::MariaServer;
use support::pg::PgServer;
use support::recover::Home;
use support::shop;
use support::wait_until;

/// The process of the one session of that name in that state.
fn pid(pg: &PgServer, name: &str, state: &str) -> String {
    let sql = format!("select pid from pg_stat_activity where application_name = '{name}' and {state}");
    wait_until("the session is there", || !pg.psql("postgres", &sql).trim().is_empty());
    pg.psql("postgres", &sql).trim().to_string()
}

fn gone(pg: &PgServer, pid: &str) -> bool {
    pg.psql("postgres", &format!("select count(*) from pg_stat_activity where pid = {pid}")).trim() == "0"
}

#[test]
fn a_session_is_ended_only_by_its_name_and_as_it_was_shown() {
    let pg = shop::plain(&[]);
    let home = Home::of(&pg, "second");
    let mut sleeper = Held::named(&pg, "shop", "sleeper", "select pg_sleep(600);");
    let sleeping = "wait_event = 'PgSleep'";
    let id = pid(&pg, "sleeper", sleeping);
    // Everything that is needed to decide is shown, and nothing is done.
    let text = home.run(4, &["cancel", &id]);
    for part in [
        "sleeper",
        "select pg_sleep(600)",
        "rolled back",
        "It takes no lock",
        "pg_cancel_backend",
        "backend_start = timestamptz '",
        "query_start = ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = home.run(4, &["cancel", &id, "--confirm", &id]);
    assert!(text.contains("it does not say what was looked at before"), "{text}");
    let mark = home.mark(&["cancel", &id]);
    let text = home.run(4, &["cancel", &id, "--confirm", "yes", "--seen", &mark]);
    assert!(text.contains(&format!("{id} was not typed")), "{text}");
    assert_eq!(pid(&pg, "sleeper", sleeping), id, "it sleeps on");
    let text = home.run(0, &["cancel", &id, "--confirm", &id, "--seen", &mark]);
    assert!(text.contains(&format!("Done: session {id} does not run that statement any more, and is still connected")), "{text}");
    assert_eq!(pid(&pg, "sleeper", "state = 'idle'"), id);
    // The next statement of the same session is not the one that was looked at.
    sleeper.say("select pg_sleep(599);");
    pid(&pg, "sleeper", sleeping);
    let text = home.run(4, &["cancel", &id, "--confirm", &id, "--seen", &mark]);
    assert!(text.contains("is not what is there now"), "{text}");
    let mark = home.mark(&["terminate", &id]);
    let text = home.run(0, &["terminate", &id, "--confirm", &id, "--seen", &mark]);
    assert!(text.contains(&format!("Done: session {id} is gone")) && gone(&pg, &id), "{text}");
    let text = home.run(1, &["terminate", &id]);
    assert!(text.contains(&format!("there is no session {id}")), "{text}");
    let checkpointer = pid(&pg, "", "backend_type = 'checkpointer'");
    let text = home.run(2, &["terminate", &checkpointer]);
    assert!(text.contains("no client's session but a checkpointer"), "{text}");
    let journal = home.journal();
    for kind in ["recovery-begin", "recovery-done", "typed by mira", "pg_cancel_backend"] {
        assert!(journal.contains(kind), "{kind}: {journal}");
    }
}

/// A number that is somebody else's by now: the acting statement itself finds nobody, and nobody is ended.
#[test]
fn a_recycled_process_id_is_left_alone() {
    use holdpoint::config::{Surroundings, files};
    use holdpoint::model::recovery::{Action, Deed, Outcome};
    use holdpoint::ops::{Cx, gate, recovery};
    let pg = shop::plain(&[]);
    let home = Home::of(&pg, "second");
    let mut held = Held::named(&pg, "shop", "holder", "begin; select count(*) from orders;");
    let id = pid(&pg, "holder", "state = 'idle in transaction'");
    let root = home.0.path().to_path_buf();
    let cx = Cx::new(files::load_in(None, &Surroundings::made_up(&root, &root, [])).expect("config"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let prepared = |deed| {
        let action = Action { deed, object: id.clone(), value: None };
        runtime.block_on(async {
            let conn = holdpoint::ops::connect::connect(&cx, "t").await.expect("connection");
            let prospect = recovery::prepare(&conn, &action).await.expect("there");
            let seen = recovery::mark(&conn, &prospect);
            let yes = gate::Yes { object: id.clone(), seen, ..Default::default() };
            let right = gate::clear_recovery(&cx, &conn, prospect.clone(), &yes).await.expect("looked").expect("cleared");
            (conn, prospect, right)
        })
    };
    // As if the process had got its number later: the statement that acts finds no such session.
    for deed in [Deed::Terminate, Deed::EndIdle] {
        let (conn, prospect, _) = prepared(deed);
        let began = pg.psql(
            "postgres",
            &format!("select to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') from pg_stat_activity where pid = {id}"),
        );
        let other = prospect.statement.replace(began.trim(), "2020-01-01 00:00:00.000000");
        assert_ne!(other, prospect.statement);
        let rows = runtime.block_on(async { conn.query_session().await.expect("session").fetch(other).await.map(|t| t.rows) });
        // A session that only reads refuses the function: the same question without it.
        let asked =
            prospect.statement.replace(began.trim(), "2020-01-01 00:00:00.000000").replace("pg_catalog.pg_terminate_backend(pid)", "pid");
        assert!(rows.is_err() || rows.is_ok_and(|r| r.is_empty()));
        assert_eq!(pg.psql("postgres", &asked).trim(), "");
        assert_eq!(pg.psql("postgres", &prospect.statement.replace("pg_catalog.pg_terminate_backend(pid)", "pid")).trim(), id);
    }
    // Its transaction is another one: approved before, done after.
    let (conn, _, right) = prepared(Deed::EndIdle);
    held.say("commit; begin; select 2;");
    wait_until("the next transaction is open", || {
        pg.psql("postgres", &format!("select query from pg_stat_activity where pid = {id} and state = 'idle in transaction'"))
            .contains("select 2")
    });
    let outcome = runtime.block_on(recovery::act(&cx, &conn, right)).expect("looked");
    assert!(matches!(&outcome, Outcome::Nothing(why) if why.contains("not what was approved any more")), "{outcome:?}");
    assert!(!gone(&pg, &id), "nobody was ended");
    // The session itself is gone.
    let (conn, _, right) = prepared(Deed::Terminate);
    drop(held);
    wait_until("it is gone", || gone(&pg, &id));
    let outcome = runtime.block_on(recovery::act(&cx, &conn, right)).expect("looked");
    assert!(matches!(&outcome, Outcome::Nothing(why) if why.contains("there is no session")), "{outcome:?}");
    assert!(home.journal().contains("recovery did nothing: end-idle"), "{}", home.journal());
}

/// Whoever holds the catalogue's lock can be ended though nobody can log into that database.
#[test]
fn the_holder_of_the_catalogue_is_ended_from_another_database() {
    let pg = shop::plain(&[]);
    let home = Home::of(&pg, "second");
    let _held = Held::named(&pg, "shop", "locker", "begin; lock table pg_catalog.pg_class in access exclusive mode;");
    let id = pid(&pg, "locker", "state = 'idle in transaction'");
    let text = home.act(0, &["end-idle", &id], &id);
    assert!(text.contains("the catalogue of shop is locked: logged into database postgres instead"), "{text}");
    assert!(text.contains(&format!("Done: session {id} is gone")) && gone(&pg, &id), "{text}");
    assert_eq!(pg.psql("shop", "select count(*) from orders").trim(), "100");
}

#[test]
fn who_may_not_see_a_session_is_told_the_grant() {
    let pg = shop::plain(&[]);
    pg.psql("postgres", "create role stranger login");
    let place = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"stranger\"\ndatabase = \"shop\"\nsslmode = \"disable\"", pg.port);
    let home = Home::new(&format!("engine = \"postgres\"\n{place}"), "second");
    let _held = Held::named(&pg, "shop", "sleeper", "select pg_sleep(600);");
    let id = pid(&pg, "sleeper", "wait_event = 'PgSleep'");
    let text = home.run(1, &["terminate", &id]);
    assert!(text.contains("hidden from stranger") && text.contains("GRANT pg_read_all_stats, pg_signal_backend TO"), "{text}");
}

#[test]
fn invalid_indexes_tables_and_limits() {
    let pg = shop::plain(&["max_prepared_transactions=5"]);
    let home = Home::of(&pg, "second");
    pg.psql("shop", "insert into orders values (101, 'open'); create index good on orders (id)");
    // A failed build leaves it behind.
    let failed =
        pg.client_as("postgres", "shop").args(["-c", "create unique index concurrently bad on orders (state)"]).output().expect("psql");
    assert!(!failed.status.success());
    let text = home.run(2, &["drop-index", "good"]);
    assert!(text.contains("public.good is valid"), "{text}");
    let text = home.run(0, &["drop-index", "bad", "--dry-run"]);
    assert!(
        text.contains("DROP INDEX CONCURRENTLY \"public\".\"bad\"")
            && text.contains("Build it again: CREATE UNIQUE INDEX CONCURRENTLY bad"),
        "{text}"
    );
    assert!(text.contains("SHARE UPDATE EXCLUSIVE"), "{text}");
    home.act(4, &["drop-index", "bad"], "bad");
    // It gives up for a lock, and says who has that.
    pg.psql("shop", "begin; select count(*) from orders; prepare transaction 'px one'");
    let text = home.act(1, &["drop-index", "bad"], "public.bad").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("waits for a lock of the prepared transaction 'px one' of postgres") && !text.contains("Another session"),
        "{text}"
    );
    pg.psql("shop", "rollback prepared 'px one'");
    let text = home.act(0, &["drop-index", "bad"], "public.bad");
    assert!(text.contains("Done: public.bad is gone"), "{text}");
    assert_eq!(pg.psql("shop", "select count(*) from pg_class where relname in ('bad', 'good')").trim(), "1");
    // Freezing makes the table younger.
    pg.psql("shop", "do $$ begin for i in 1..2000 loop perform txid_current(); commit; end loop; end $$");
    let age = || pg.psql("shop", "select age(relfrozenxid) from pg_class where relname = 'orders'").trim().parse::<u64>().expect("age");
    let before = age();
    assert!(before > 2000);
    let text = home.act(0, &["vacuum", "orders"], "public.orders");
    assert!(text.contains("Done: the oldest row version of public.orders is younger now") && age() < before, "{text}");
    // A limit is raised, never lowered; what takes a restart is printed.
    let text = home.run(2, &["raise-limit", "max_wal_size", "64MB"]);
    assert!(text.contains("does not raise it"), "{text}");
    let text = home.act(0, &["raise-limit", "max_wal_size", "3GB"], "max_wal_size");
    assert!(text.contains("Done: max_wal_size is 3GB"), "{text}");
    assert!(text.contains("now") && text.contains("1 GiB") && text.contains("then") && text.contains("3 GiB"), "{text}");
    assert_eq!(pg.psql("shop", "show max_wal_size").trim(), "3GB");
    let text = home.run(4, &["raise-limit", "max_connections", "900"]);
    assert!(text.contains("ALTER SYSTEM SET max_connections = '900'") && text.contains("takes a restart"), "{text}");
    let text = home.run(4, &["raise-limit", "max_connections", "900", "--confirm", "max_connections", "--seen", "x"]);
    assert!(text.contains("takes a restart"), "{text}");
    assert!(!pg.psql("shop", "select setting from pg_file_settings where name = 'max_connections'").contains("900"));
    let text = home.run(2, &["raise-limit", "fsync", "0"]);
    assert!(text.contains("no limit that is raised from here"), "{text}");
}

#[test]
fn what_loses_data_takes_a_second_person_or_policy() {
    let pg = shop::plain(&["wal_level=logical", "max_replication_slots=4", "max_prepared_transactions=5"]);
    let home = Home::of(&pg, "second");
    pg.psql("shop", "select pg_create_physical_replication_slot('gone', true)");
    let mark = home.mark(&["drop-slot", "gone"]);
    let confirm = ["drop-slot", "gone", "--confirm", "gone", "--seen", &mark];
    let text = home.run(4, &confirm);
    assert!(text.contains("nobody but mira said yes to drop-slot gone"), "{text}");
    let approve = ["drop-slot", "gone", "--approve", "--seen", &mark, "--reason", "the replica is scrapped"];
    // One's own word is none, however it is written.
    home.as_person("Mira", 0, &approve);
    home.run(4, &confirm);
    home.as_person("jonas", 4, &["drop-slot", "gone", "--approve", "--seen", "00000000", "--reason", "x"]);
    home.as_person("jonas", 0, &approve);
    let text = home.run(0, &confirm);
    assert!(text.contains("Done: the slot gone is gone"), "{text}");
    assert_eq!(pg.psql("shop", "select count(*) from pg_replication_slots").trim(), "0");
    assert!(home.journal().contains("drop-slot gone approved by jonas: the replica is scrapped"), "{}", home.journal());
    // An approval is used up by its use: another slot of that name, in the same place, needs another one.
    pg.psql("shop", "select pg_create_physical_replication_slot('gone', true)");
    let mark = home.mark(&["drop-slot", "gone"]);
    let text = home.run(4, &["drop-slot", "gone", "--confirm", "gone", "--seen", &mark]);
    assert!(text.contains("nobody but mira said yes"), "{text}");
    assert_eq!(pg.psql("shop", "select count(*) from pg_replication_slots").trim(), "1");
    // A prepared transaction, where policy lets one person approve alone.
    let solo = Home::of(&pg, "solo");
    for (deed, state) in [("rollback-prepared", "open"), ("commit-prepared", "changed")] {
        pg.psql("shop", "begin; update orders set state = 'changed' where id = 1; prepare transaction 'half'");
        let mark = solo.mark(&[deed, "half"]);
        let text = solo.run(4, &[deed, "half", "--confirm", "half", "--seen", &mark]);
        assert!(text.contains("--reason") && text.contains("--confirm-target t"), "{text}");
        let text =
            solo.run(0, &[deed, "half", "--confirm", "half", "--seen", &mark, "--reason", "its manager is lost", "--confirm-target", "t"]);
        assert!(text.contains("Done: half is"), "{text}");
        assert_eq!(pg.psql("shop", "select state from orders where id = 1").trim(), state);
    }
    assert!(solo.journal().contains("approved alone by mira: its manager is lost"));
    // Whom the server would refuse is told so before anybody is asked to approve it.
    pg.psql("shop", "create role other login");
    pg.psql("shop", "begin; update orders set state = 'x' where id = 1; prepare transaction 'theirs'");
    let place = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"other\"\ndatabase = \"shop\"\nsslmode = \"disable\"", pg.port);
    let text = Home::new(&format!("engine = \"postgres\"\n{place}"), "second").run(1, &["rollback-prepared", "theirs"]);
    assert!(text.contains("other may not finish theirs: only postgres, who prepared it, and superusers may"), "{text}");
    pg.psql("shop", "rollback prepared 'theirs'");
    // Writing is stopped and allowed again: for sessions that begin then.
    let yes = ["--reason", "stop the damage", "--confirm-target", "t"];
    let act = |deed: &str| {
        let mark = solo.mark(&[deed]);
        let all: Vec<&str> = [deed, "--confirm", "shop", "--seen", &mark].into_iter().chain(yes).collect();
        solo.run(0, &all)
    };
    let text = act("read-only");
    assert!(text.contains("Done: new sessions of shop begin read-only"), "{text}");
    let refused = pg.client_as("postgres", "shop").args(["-c", "update orders set state = 'x'"]).output().expect("psql");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("read-only transaction"));
    let text = solo.run(2, &["read-only"]);
    assert!(text.contains("shop is read-only already"), "{text}");
    let text = act("read-write");
    assert!(text.contains("Done: new sessions of shop may write"), "{text}");
    pg.psql("shop", "update orders set state = 'x' where id = 2");
    // Where the server itself begins them so, the database's setting is not what keeps them from writing.
    pg.psql("postgres", "alter system set default_transaction_read_only = on");
    let text = solo.run(2, &["read-write"]);
    assert!(text.contains("the server begins all sessions so") && text.contains("ALTER SYSTEM RESET"), "{text}");
    pg.psql("postgres", "alter system reset default_transaction_read_only");
    let text = solo.run(2, &["resume-replay"]);
    assert!(text.contains("no standby"), "{text}");
}

#[test]
fn a_paused_standby_replays_again() {
    let pg = shop::plain(&[]);
    let standby = pg.standby();
    let home = Home::of(&standby, "second");
    let text = home.run(2, &["resume-replay"]);
    assert!(text.contains("the replay is not paused"), "{text}");
    standby.psql("shop", "select pg_wal_replay_pause()");
    wait_until("it is paused", || standby.psql("shop", "select pg_get_wal_replay_pause_state()").trim() == "paused");
    pg.psql("shop", "insert into orders values (500, 'new')");
    let text = home.run(4, &["resume-replay"]);
    assert!(text.contains("pg_wal_replay_resume()") && text.contains("Lets the standby apply"), "{text}");
    let text = home.act(0, &["resume-replay"], &format!("127.0.0.1:{}", standby.port));
    assert!(text.contains("Done: the standby replays"), "{text}");
    wait_until("the row is there", || standby.psql("shop", "select count(*) from orders where id = 500").trim() == "1");
    // Ending a session works there, too.
    let _held = Held::named(&standby, "shop", "sleeper", "select pg_sleep(600);");
    let id = pid(&standby, "sleeper", "wait_event = 'PgSleep'");
    home.act(0, &["terminate", &id], &id);
    assert!(gone(&standby, &id));
    let text = home.run(2, &["read-only"]);
    assert!(text.contains("this is a standby"), "{text}");
}

#[test]
fn on_mariadb() {
    let maria = MariaServer::start(&[]);
    maria.create_database("shop");
    maria.sql("shop", "create table t (id int primary key, v int); insert into t values (1, 1), (2, 2)");
    maria.sql("mysql", "create user app@localhost identified by 'p'; grant all on shop.* to app@localhost");
    let home =
        Home::new(&format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"shop\"", maria.socket.display()), "solo");
    let client = |sql: &str| {
        let mut c = Command::new("mariadb");
        c.args(["--no-defaults", "--unbuffered", "--force", "-u", "app", "-pp", "shop", "-S"]).arg(&maria.socket);
        Held::of(c, sql)
    };
    let id = |condition: &str| {
        let sql = format!("select id from information_schema.processlist where user = 'app' and {condition}");
        wait_until("the session is there", || !maria.sql("mysql", &sql).trim().is_empty());
        maria.sql("mysql", &sql).trim().to_string()
    };
    let gone = |id: &str| maria.sql("mysql", &format!("select count(*) from information_schema.processlist where id = {id}")).trim() == "0";
    let mut sleeper = client("select sleep(600);");
    let one = id("info like 'select sleep(600)%'");
    let text = home.run(4, &["cancel", &one]);
    assert!(text.contains("KILL QUERY ID") && text.contains("app@localhost") && text.contains("select sleep(600)"), "{text}");
    let old = home.mark(&["cancel", &one]);
    let text = home.run(0, &["cancel", &one, "--confirm", &one, "--seen", &old]);
    assert!(text.contains("Done") && !gone(&one), "{text}");
    // The next query of the same session is another one.
    sleeper.say("select sleep(599);");
    id("info like 'select sleep(599)%'");
    home.run(4, &["cancel", &one, "--confirm", &one, "--seen", &old]);
    home.act(0, &["terminate", &one], &one);
    assert!(gone(&one));
    drop(sleeper);
    // Idle in a transaction; the block that acts finds nobody once that has ended.
    let mut idle = client("begin; update t set v = 9 where id = 1; select get_lock('open', 0);");
    // Not asked of INNODB_TRX: who asks more often than every 0.1 s gets its last answer again.
    wait_until("its transaction is open", || maria.sql("mysql", "select is_used_lock('open') is not null").trim() == "1");
    let two = id("command = 'Sleep'");
    let transaction = || {
        std::thread::sleep(std::time::Duration::from_millis(150));
        maria.sql(
            "",
            &format!("select trx_id from information_schema.innodb_trx where trx_mysql_thread_id = {two} and trx_rows_modified = 1"),
        )
    };
    let first = transaction();
    let text = home.run(4, &["end-idle", &two]);
    assert!(text.contains("1 row changed") && text.contains("KILL CONNECTION"), "{text}");
    let sent = text.lines().find(|l| l.contains("BEGIN NOT ATOMIC")).expect("the statement").trim_start_matches("sends").trim().to_string();
    idle.say("commit; begin; update t set v = 8 where id = 2;");
    wait_until("the next transaction wrote", || {
        maria.sql("shop", "set session transaction isolation level read uncommitted; select v from t where id = 2").trim() == "8"
    });
    // InnoDB's list, too, must have it: what acts looks there.
    wait_until("the next transaction is listed", || {
        let now = transaction();
        !now.trim().is_empty() && now != first
    });
    let mut c = Command::new("mariadb");
    c.args(["--no-defaults", "-u", "root", "-S"]).arg(&maria.socket).args(["--delimiter=//", "-e", sent.trim_end_matches(';')]);
    let out = c.output().expect("runs");
    assert!(String::from_utf8_lossy(&out.stderr).contains("it is another one now"), "{out:?}");
    assert!(!gone(&two), "nobody was ended");
    let text = home.act(0, &["end-idle", &two], &two);
    assert!(text.contains("Done") && gone(&two), "{text}");
    assert_eq!(maria.sql("shop", "select group_concat(v order by id) from t").trim(), "9,2");
    // Writing altogether.
    let text = home.run(0, &["read-only", "--dry-run"]);
    let name = text.lines().next().expect("a line").split_whitespace().nth(1).expect("its name").to_string();
    for (deed, refused) in [("read-only", true), ("read-write", false)] {
        let mark = home.mark(&[deed]);
        home.run(4, &[deed, "--confirm", &name, "--seen", &mark]);
        let text = home.run(0, &[deed, "--confirm", &name, "--seen", &mark, "--reason", "split brain", "--confirm-target", "t"]);
        assert!(text.contains("Done"), "{text}");
        let mut c = Command::new("mariadb");
        c.args(["--no-defaults", "-u", "app", "-pp", "shop", "-S"]).arg(&maria.socket).args(["-e", "update t set v = 7 where id = 1"]);
        assert_eq!(c.output().expect("runs").status.success(), !refused);
    }
}

#[test]
fn an_action_that_was_cut_off_stays_on_record_as_one_without_an_end_on_mariadb() {
    let maria = MariaServer::start(&[]);
    maria.create_database("shop");
    maria.sql("shop", "create table t (id int primary key)");
    let home =
        Home::new(&format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"shop\"", maria.socket.display()), "solo");
    let text = home.run(0, &["read-only", "--dry-run"]);
    let name = text.lines().next().expect("a line").split_whitespace().nth(1).expect("its name").to_string();
    let mark = home.mark(&["read-only"]);
    // It waits for whoever has locked tables.
    let holder = Held::maria_done(&maria, "root", "lock tables t write;");
    let mut c = support::command(home.0.path());
    c.args(["recover", "t", "read-only", "--confirm", &name, "--seen", &mark, "--reason", "split brain", "--confirm-target", "t"]);
    let mut child = c.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("it starts");
    wait_until("the server has it", || {
        maria.sql("", "select count(*) from information_schema.processlist where info like 'set global read_only%'").trim() == "1"
    });
    child.kill().expect("killed");
    child.wait().expect("ended");
    let run = |args: &[&str]| {
        let out = support::command(home.0.path()).args(args).output().expect("runs");
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    };
    let told = |text: &str| text.contains("recovery begun: read-only") && text.contains("no end of it is on record");
    let page = home.0.path().join("handover.md");
    let words = run(&["assess", "t", "--timeframe", "1", "--output", &page.display().to_string()]);
    assert!(told(&words), "{words}");
    let page = std::fs::read_to_string(page).expect("the hand-over");
    assert!(told(&page), "{page}");
    assert!(run(&["journal", "verify"]).contains("intact"));
    drop(holder);
    wait_until("the server is done with it", || {
        maria.sql("", "select count(*) from information_schema.processlist where info like 'set global read_only%'").trim() == "0"
    });
    // Done again to its end, what it came to is known.
    maria.sql("", "set global read_only = off");
    let mark = home.mark(&["read-only"]);
    home.run(0, &["read-only", "--confirm", &name, "--seen", &mark, "--reason", "split brain", "--confirm-target", "t"]);
    let words = run(&["assess", "t", "--timeframe", "1"]);
    assert!(!told(&words), "{words}");
}

#[test]
fn the_actions_of_an_engine_are_listed() {
    let home = Home::new("engine = \"postgres\"\nhost = \"127.0.0.1\"\nport = 1\nuser = \"x\"\ndatabase = \"x\"", "second");
    let text = home.run(0, &[]);
    assert!(text.contains("drop-slot") && text.contains("L3") && text.contains("cancel") && text.contains("L1"), "{text}");
    assert!(text.contains("advance-slot") && !text.contains("start-replica"), "{text}");
    let text = home.run(2, &["drop-everything"]);
    assert!(text.contains("there is no recovery action drop-everything"), "{text}");
    let lite = Home::new("engine = \"sqlite\"\npath = \"l.db\"", "second");
    let text = lite.run(0, &[]);
    assert!(text.contains("checkpoint") && !text.contains("cancel"), "{text}");
    let text = lite.run(3, &["checkpoint"]);
    assert!(text.contains("there is no file"), "{text}");
}
