//! What other sessions of real servers run: seen, with who waits for whom and how far long commands are; hidden ones are told of with the
//! privilege that shows them.

mod support;

use holdpoint::config::Surroundings;
use holdpoint::model::{Kind, RunningStatement};
use holdpoint::ops::running::{Look, look, plan_of};
use holdpoint::ops::{Connection, Cx};
use std::process::{Child, Command, Stdio};
use support::PATIENCE;
use support::maria::MariaServer;
use support::pg::PgServer;

/// Connections to one server under two names.
async fn connections(targets: &str) -> (tempfile::TempDir, Cx, Connection, Connection) {
    let home = tempfile::tempdir().expect("home");
    std::fs::write(home.path().join("holdpoint.toml"), targets).expect("config");
    let config = holdpoint::config::files::load_in(None, &Surroundings::made_up(home.path(), home.path(), [])).expect("config");
    let cx = Cx::new(config);
    let admin = holdpoint::ops::connect::connect(&cx, "admin").await.expect("admin");
    let onlooker = holdpoint::ops::connect::connect(&cx, "onlooker").await.expect("onlooker");
    (home, cx, admin, onlooker)
}

/// Looks until what is wanted is seen.
async fn until(what: &str, conn: &Connection, wanted: impl Fn(&Look) -> bool) -> Look {
    let start = std::time::Instant::now();
    loop {
        let seen = look(conn, None).await.expect("look");
        if wanted(&seen) {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "gave up waiting until {what}: {seen:#?}");
        // InnoDB tells what it told before to who asks again within a tenth of a second.
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
}

fn of<'a>(seen: &'a Look, text: &str) -> Option<&'a RunningStatement> {
    seen.statements.iter().find(|s| s.text.contains(text))
}

/// Clients that end with the test, also with one that fails.
struct Clients(Vec<Child>);

impl Drop for Clients {
    fn drop(&mut self) {
        for c in &mut self.0 {
            let _ = c.kill();
            let _ = c.wait();
        }
    }
}

#[tokio::test]
async fn postgresql_tells_who_waits_for_whom_and_what_is_hidden() {
    let pg = PgServer::start(&[]);
    pg.psql(
        "postgres",
        "create table t (id int primary key, v int); insert into t select g, 0 from generate_series(1, 1000) g; create role onlooker login",
    );
    let target = |name: &str, user: &str| {
        format!(
            "[targets.{name}]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{user}\"\ndatabase = \"postgres\"\nsslmode = \"disable\"\naccess = \"open\"\n",
            pg.port
        )
    };
    let (_home, cx, admin, onlooker) = connections(&(target("admin", "postgres") + &target("onlooker", "onlooker"))).await;
    let mut clients = Clients(Vec::new());
    clients.0.push(pg.psql_in_background("postgres", "begin; update t set v = 1 where id = 1; select pg_sleep(600)"));
    until("the first has its lock", &admin, |l| of(l, "pg_sleep(600)").is_some_and(|s| s.waits.contains("PgSleep"))).await;
    clients.0.push(pg.psql_in_background("postgres", "update t set v = 2 where id = 1"));
    clients.0.push(pg.psql_in_background("postgres", "create index concurrently t_v on t (v)"));
    let seen = until("both wait", &admin, |l| {
        of(l, "set v = 2").is_some_and(|s| !s.blocked_by.is_empty())
            && of(l, "create index").is_some_and(|s| s.far.as_ref().is_some_and(|f| f.phase.starts_with("waiting")))
    })
    .await;
    let (first, second, index) = (of(&seen, "pg_sleep(600)"), of(&seen, "set v = 2"), of(&seen, "create index"));
    let (first, second, index) = (first.expect("first"), second.expect("second"), index.expect("index"));
    assert_eq!(second.blocked_by, [first.id]);
    assert_eq!((second.user.as_str(), second.database.as_str(), second.state.as_str()), ("postgres", "postgres", "active"));
    assert!(second.client.contains("psql") && second.waits.starts_with("Lock: "), "{second:?}");
    assert!(first.tx_ms >= first.ms && first.ms >= second.ms, "{first:?} {second:?}");
    assert!(seen.statements.iter().position(|s| s.id == first.id) < seen.statements.iter().position(|s| s.id == second.id));
    let far = index.far.as_ref().expect("progress");
    assert_eq!((far.command.as_str(), far.relation.as_str()), ("CREATE INDEX CONCURRENTLY", "public.t"));
    assert!(seen.notes.is_empty(), "{:?}", seen.notes);
    let e = plan_of(&cx, &admin, first.id).await.expect_err("no release tells it");
    assert!(e.message.contains("has no command that tells the plan") && !e.hints.is_empty(), "{e:?}");
    // A transaction that does nothing is there; a session that does nothing is not.
    let own = admin.query_session().await.expect("session");
    let quiet = look(&admin, own.backend()).await.expect("look");
    assert!(quiet.own.is_some() && !quiet.statements.iter().any(|s| Some(s.id) == quiet.own), "{quiet:?}");
    own.fetch("begin").await.expect("begin");
    own.fetch("select 42 as open_one").await.expect("select");
    until("the open transaction is seen", &admin, |l| {
        of(l, "open_one").is_some_and(|s| Some(s.id) == own.backend() && s.state == "idle in transaction" && s.waits.is_empty())
    })
    .await;
    // Who may not look is told so.
    let dark = until("all are hidden", &onlooker, |l| !l.notes.is_empty()).await;
    assert!(dark.statements.is_empty(), "{dark:?}");
    assert!(
        dark.notes[0].contains("Hidden from onlooker: ") && dark.notes[0].contains("GRANT pg_read_all_stats TO onlooker;"),
        "{:?}",
        dark.notes
    );
    pg.psql("postgres", "grant pg_read_all_stats to onlooker");
    let lit = until("nothing is hidden", &onlooker, |l| l.notes.is_empty()).await;
    assert_eq!(of(&lit, "set v = 2").map(|s| s.id), Some(second.id));
}

#[tokio::test]
async fn mariadb_tells_who_waits_for_whom_and_what_is_hidden() {
    let maria = MariaServer::start(&[]);
    maria.create_database("d");
    maria.sql("d", "create table t (id int primary key, v int) engine = innodb; insert into t values (1, 0), (2, 0); create user onlooker@localhost; grant select on d.* to onlooker@localhost");
    let target = |name: &str, user: &str| {
        format!(
            "[targets.{name}]\nengine = \"mysql\"\nsocket = \"{}\"\nuser = \"{user}\"\ndatabase = \"d\"\naccess = \"open\"\n",
            maria.socket.display()
        )
    };
    let (_home, cx, admin, onlooker) = connections(&(target("admin", "root") + &target("onlooker", "onlooker"))).await;
    let client = |sql: &str| {
        let mut c = Command::new(MariaServer::program("mariadb"));
        c.args(["--no-defaults", "-u", "root", "d", "-e", sql]).arg(format!("--socket={}", maria.socket.display()));
        c.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mariadb")
    };
    let mut clients = Clients(Vec::new());
    clients.0.push(client("begin; update t set v = 1 where id = 1; select sleep(600)"));
    until("the first has its lock", &admin, |l| of(l, "sleep(600)").is_some_and(|s| s.tx_ms.is_some())).await;
    clients.0.push(client("set innodb_lock_wait_timeout = 600; update t set v = 2 where id = 1"));
    let seen = until("the second waits", &admin, |l| of(l, "set v = 2").is_some_and(|s| !s.blocked_by.is_empty())).await;
    let (first, second) = (of(&seen, "sleep(600)").expect("first"), of(&seen, "set v = 2").expect("second"));
    assert_eq!(second.blocked_by, [first.id]);
    assert_eq!((second.user.as_str(), second.database.as_str(), second.waits.as_str()), ("root", "d", "row lock"));
    // MySQL counts the stages of long commands only where that is switched on, and says so; that is not what this is about.
    let hidden = |l: &Look| l.notes.iter().any(|n| n.contains("Hidden"));
    assert!(first.ms >= second.ms && !hidden(&seen), "{seen:?}");
    // A transaction that does nothing is there; a session that does nothing is not.
    let own = admin.query_session().await.expect("session");
    // What opened it may still stand in the server's list.
    until("the session is quiet", &admin, |l| !l.statements.iter().any(|s| Some(s.id) == own.backend())).await;
    own.fetch("start transaction").await.expect("begin");
    own.fetch("select * from t where id = 2 for update").await.expect("select");
    // The server may still say that it writes when its answer is here already.
    until("the open transaction is seen", &admin, |l| {
        l.statements.iter().any(|s| Some(s.id) == own.backend() && s.state == "idle in transaction")
    })
    .await;
    if MariaServer::is_mysql() {
        // MySQL answers at once, but knows no plan of a change of one table in the forms that are read here.
        match plan_of(&cx, &admin, second.id).await {
            Ok(plan) => assert_eq!(plan.root.op, "update", "{plan:?}"),
            Err(e) => assert!(e.hints.iter().any(|h| h.contains("FORMAT=TRADITIONAL")), "{e:?}"),
        }
        return;
    }
    // A session that waits tells no plan: whoever asks is not kept by it for ever, nor after giving up.
    let e = plan_of(&cx, &admin, second.id).await.expect_err("it waits");
    assert!(e.message.contains(&format!("session {} did not tell its plan", second.id)), "{e:?}");
    let asked = cx.for_job(cx.progress.clone());
    let cancel = asked.cancel.clone();
    let (e, ()) = tokio::join!(plan_of(&asked, &admin, second.id), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        cancel.cancel();
    });
    assert_eq!(e.expect_err("cancelled").kind, Kind::Cancelled);
    assert!(of(&look(&admin, None).await.expect("look"), "sleep(600)").is_some(), "it sleeps on");
    // Who may not look is told so.
    let dark = until("the others are hidden", &onlooker, hidden).await;
    assert!(of(&dark, "sleep(600)").is_none() && of(&dark, "set v = 2").is_none(), "{dark:?}");
    assert!(dark.notes[0].contains("Hidden from onlooker") && dark.notes[0].contains("GRANT PROCESS ON *.*"), "{:?}", dark.notes);
    maria.sql("", "grant process on *.* to onlooker@localhost");
    // Privileges of a session are those of its beginning.
    drop(onlooker);
    let (_home, _, _, onlooker) = connections(&(target("admin", "root") + &target("onlooker", "onlooker"))).await;
    let lit = until("nothing is hidden", &onlooker, |l| !hidden(l)).await;
    assert_eq!(of(&lit, "set v = 2").map(|s| s.id), Some(second.id));
}

#[tokio::test]
async fn sqlite_says_why_it_lists_nothing() {
    let (home, _, admin, _) = connections("[targets.admin]\nengine = \"sqlite\"\npath = \"a.db\"\naccess = \"open\"\n[targets.onlooker]\nengine = \"sqlite\"\npath = \"a.db\"\n").await;
    rusqlite::Connection::open(home.path().join("a.db")).expect("database").execute_batch("create table t (a)").expect("table");
    let e = look(&admin, None).await.expect_err("no server");
    assert!(e.message.contains("SQLite has no server"), "{e:?}");
}
