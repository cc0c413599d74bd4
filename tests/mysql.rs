//! What MySQL alone has, or has otherwise than MariaDB, on a real server: `tests/matrix` runs these against each of its releases.

mod support;

use holdpoint::config::{AccessMode, EngineKind, Target};
use holdpoint::engine::{Access, Asked, Connect, Engine, Event, Role, Session, registry};
use holdpoint::model::{NodeKind, NodePath, Severity};
use std::sync::Arc;
use support::assess::assess;
use support::held::Held;
use support::maria::MariaServer;
use support::shop::{self, assess_maria, in_state};
use support::wait_until;

const WHY: &str = "run by tests/matrix, which fetches MySQL";

fn engine(server: &MariaServer, database: &str) -> Arc<dyn Engine> {
    assert!(MariaServer::is_mysql(), "{WHY}");
    let mut t = Target::bare("shop", EngineKind::MySql);
    t.host = Some("127.0.0.1".into());
    t.port = Some(server.port);
    t.user = Some("root".into());
    t.database = Some(database.into());
    t.access = AccessMode::Open;
    registry::engine(t, None)
}

async fn session(server: &MariaServer, database: &str) -> Session {
    engine(server, database).connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("connect")
}

fn shop(database: &str) -> &'static MariaServer {
    let server = MariaServer::shared();
    server.create_database(database);
    server.sql(
        database,
        "create table customers (id int auto_increment primary key, name varchar(20) not null, city int, key (city)) engine=innodb;
         create table orders (id int auto_increment primary key, customer_id int not null, total int not null check (total >= 0),
             foreign key (customer_id) references customers (id)) engine=innodb;
         insert into customers (name, city) select concat('c', seq), seq % 20 from seq_1_to_500;
         insert into orders (customer_id, total) select 1 + seq % 500, seq from seq_1_to_5000;
         analyze table customers, orders",
    );
    server
}

async fn trial(s: &Session, sql: &str) -> holdpoint::model::Result<holdpoint::model::plan::Plan> {
    s.explain_as(sql, Asked { writes: true, ..Asked::new(true) }).await
}

/// MySQL's SLEEP gives 1 when it is ended, and the statement no error.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn a_sleep_that_a_cancel_cuts_short_is_told_apart_from_one_that_ran_out() {
    let server = MariaServer::shared();
    server.create_database("cuts");
    let s = session(server, "cuts").await;
    let run = async |text: &str| {
        let mut rows = s.run(text).await.expect("run");
        let mut done = None;
        while let Some(event) = rows.next().await {
            if let Event::Done(outcome) = event.expect("no error") {
                done = Some(outcome);
            }
        }
        done.expect("an end").cut_short
    };
    assert!(!run("select sleep(0.01)").await);
    let busy = || {
        server
            .sql("", "select count(*) from information_schema.processlist where info = 'select sleep(50), 7'")
            .trim()
            .parse::<u32>()
            .expect("n")
    };
    let (cut, ()) = tokio::join!(run("select sleep(50), 7"), async {
        tokio::task::block_in_place(|| wait_until("it sleeps", || busy() == 1));
        s.cancel().await.expect("cancel");
    });
    assert!(cut);
    wait_until("the server has taken it out of its list", || busy() == 0);
    assert!(!run("select 1").await);
    // On the command line what comes behind it does not run.
    server.sql("cuts", "create table t (id int)");
    let home = tempfile::tempdir().expect("home");
    std::fs::write(
        home.path().join("holdpoint.toml"),
        format!(
            "[targets.my]\nengine = \"mysql\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\ndatabase = \"cuts\"\naccess = \"open\"\n",
            server.port
        ),
    )
    .expect("config");
    let child = support::command(home.path())
        .args(["query", "my", "select sleep(50), 7; insert into t values (1)"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("start");
    wait_until("it sleeps", || busy() == 1);
    let pid = rustix::process::Pid::from_raw(child.id().try_into().expect("pid")).expect("pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signal");
    let out = child.wait_with_output().expect("an end");
    assert_eq!(out.status.code(), Some(130), "{out:?}");
    assert_eq!(server.sql("cuts", "select count(*) from t").trim(), "0", "{out:?}");
}

/// Without its performance schema MySQL tells nobody who has a row; InnoDB's list tells who waits, and for how long who does not is there.
#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn who_has_a_row_is_inferred_where_the_performance_schema_is_off() {
    let my = MariaServer::start(&["--performance-schema=OFF"]);
    my.create_database("shop");
    my.sql("shop", "create user app@'127.0.0.1'; grant all on shop.* to app@'127.0.0.1'; create table t (id int primary key, v int); insert into t values (1, 1)");
    let waits = |state: &str, n: &str| {
        let text = format!("select count(*) from information_schema.processlist where state like '{state}'");
        my.sql("", &text).trim() == n
    };
    let _holder = Held::maria_done(&my, "app", "begin; update t set v = 2 where id = 1;");
    let id = my.sql("", "select is_used_lock('done')").trim().to_string();
    let _waiters: Vec<Held> = (0..2).map(|_| Held::maria(&my, "app", "update t set v = 3 where id = 1;")).collect();
    wait_until("they wait for the row", || waits("updating", "2"));
    let _ddl = Held::maria(&my, "app", "alter table t add column note int;");
    wait_until("the ALTER waits", || waits("Waiting for table metadata lock", "1"));
    let url = format!("mysql://root@127.0.0.1:{}/shop", my.port);
    wait_until("who has the row is named, and alone", || {
        let run = assess(&url, &["--checks", "MY05,MY06"]);
        let f = run.seen("MY06").findings.first().cloned();
        f.is_some_and(|f| {
            f.message.contains(&format!("behind connection {id},"))
                && f.recover.is_some_and(|a| a.object == id && a.deed.name() == "end-idle")
        }) && run.seen("MY05").says.contains(&format!("connection {id})"))
    });
    let queue = assess(&url, &["--checks", "MY07"]);
    let queue = queue.seen("MY07");
    assert!(queue.findings.len() == 1 && queue.findings[0].message.contains(&format!("connection {id},")), "{queue:#?}");
}

/// EXPLAIN ANALYZE of MySQL finds the rows of what writes at most: a trial has to run the statement itself.
#[tokio::test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn a_trial_of_a_write_runs_it_and_rolls_it_back() {
    let server = shop("trials");
    let s = session(server, "trials").await;
    for (sql, rows) in [
        ("update customers set name = 'x' where city = 7", 25),
        ("delete from orders where customer_id = 3", 10),
        ("insert into orders (customer_id, total) values (1, 5)", 1),
        ("insert into orders (customer_id, total) select id, 1 from customers where city < 2", 50),
        ("update orders o join customers c on c.id = o.customer_id set o.total = 0 where c.city = 3", 250),
        ("delete o from orders o join customers c on c.id = o.customer_id where c.city = 3", 250),
    ] {
        let plan = trial(&s, sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert!(plan.analyzed && plan.execution_ms.is_some_and(|ms| ms > 0.0), "{sql}: {plan:?}");
        let word = holdpoint::text::counted(rows, "row");
        assert!(plan.remarks.iter().any(|r| r.contains(&format!("changed {word}."))), "{sql}: {:?}", plan.remarks);
    }
    // What only running it shows.
    let e = trial(&s, "update orders set total = -1 where id = 4").await.expect_err("the check");
    assert_eq!(e.code.as_deref(), Some("3819"), "{e:?}");
    let sums = server.sql("trials", "select count(*), sum(total) from orders; select count(*) from customers where name = 'x'");
    assert_eq!(sums.split_whitespace().collect::<Vec<_>>(), ["5000", "12502500", "0"]);
    let limits = s.fetch("select @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@max_execution_time").await.expect("settings");
    assert_eq!(limits.rows[0].iter().flatten().collect::<Vec<_>>(), ["31536000", "50", "0"], "put back");
}

/// A row that another session has locked ends the trial, and does not keep it.
#[tokio::test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn a_trial_does_not_wait_for_a_lock() {
    let server = shop("locked");
    let (holder, s) = (session(server, "locked").await, session(server, "locked").await);
    holder.fetch("begin").await.expect("begin");
    holder.fetch("update customers set name = 'held' where id = 1").await.expect("held");
    let e = trial(&s, "update customers set name = 'mine' where id = 1").await.expect_err("locked");
    assert_eq!(e.code.as_deref(), Some("1205"), "{e:?}");
    holder.fetch("rollback").await.expect("rollback");
}

#[tokio::test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn a_change_of_one_table_has_a_plan() {
    let server = shop("single");
    let s = session(server, "single").await;
    for (sql, op) in [("update customers set name = 'x' where city = 7", "update"), ("delete from orders where id < 4", "delete")] {
        let plan = s.explain(sql, false).await.expect("plan");
        assert_eq!(plan.root.op, op, "{plan:?}");
        let mut indexes = Vec::new();
        plan.root.walk(0, &mut |_, n| indexes.extend(n.index.clone()));
        assert_eq!(indexes.len(), 1, "{plan:?}");
    }
    // The version of the JSON is the user's.
    if let Ok(t) = s.fetch("select @@session.explain_json_format_version = @@global.explain_json_format_version").await {
        assert_eq!(t.scalar(), Some("1"));
    }
}

/// MySQL answers with a plan also when it ended the statement: its figures are not those of the whole.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn a_measured_plan_that_was_cut_off_is_none() {
    let server = shop("cut");
    let s = session(server, "cut").await;
    let slow = {
        let s = s.clone();
        tokio::spawn(async move {
            s.explain("select count(*), 'cut_me' from orders a join orders b join orders c on a.total < b.total", true).await
        })
    };
    let running = "select id from information_schema.processlist where info like 'explain analyze%cut_me%'";
    wait_until("it runs", || !server.sql("", running).trim().is_empty());
    server.sql("", &format!("kill query {}", server.sql("", running).trim()));
    let e = slow.await.expect("task").expect_err("no plan of a part");
    assert_eq!(e.kind, holdpoint::model::Kind::Cancelled, "{e:?}");
}

/// A change of one table has no TREE: its plan is told by the first version of the JSON, whatever version the session would have.
#[tokio::test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn the_plan_of_a_change_that_runs_is_told() {
    let server = shop("running_change");
    let s = session(server, "running_change").await;
    let e = engine(server, "running_change");
    let mut busy = server.sql_in_background("running_change", "update orders set total = total + sleep(0.2) where customer_id > 0");
    let running = "select id from information_schema.processlist where info like 'update orders set total%'";
    wait_until("it runs", || !server.sql("", running).trim().is_empty());
    let id: u64 = server.sql("", running).trim().parse().expect("id");
    let plan = e.running().get().expect("capability").plan_of(&s, id).await;
    server.sql("", &format!("kill {id}"));
    let _ = busy.wait();
    let plan = plan.expect("plan");
    let mut tables = Vec::new();
    plan.root.walk(0, &mut |_, n| tables.extend(n.relation.clone()));
    assert_eq!(tables, ["orders"], "{plan:#?}");
}

#[tokio::test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn the_tree_tells_what_an_index_is_made_of() {
    let server = shop("tree_of_indexes");
    server.sql(
        "tree_of_indexes",
        "create table t (id int primary key, name varchar(20), total int, constraint loose check (total > 0 and id > 0) not enforced,
             key folded ((lower(name))), key falling (total desc, name), key asleep (name) invisible)",
    );
    let e = engine(server, "tree_of_indexes");
    let s = session(server, "tree_of_indexes").await;
    let table = NodePath::root().child(NodeKind::Schema, "tree_of_indexes").child(NodeKind::Table, "t");
    let below = async |group: &str| {
        let nodes = e.catalog().get().expect("catalogue").children(&s, &table.child(NodeKind::Group, group)).await.expect("children");
        nodes.into_iter().map(|n| format!("{} {} {}", n.name, n.detail, n.marks.join(" ")).trim().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        below("Indexes").await,
        ["PRIMARY (id) PK", "asleep (name) INVISIBLE", "falling (total DESC, name)", "folded ((lower(`name`)))"]
    );
    assert_eq!(below("Checks").await, ["loose CHECK ((`total` > 0) and (`id` > 0)) NOT ENFORCED"]);
}

/// What the catalogue remembers of counters for a day is not what a proof compares.
#[tokio::test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
async fn counters_are_those_of_now() {
    let server = shop("counted");
    let e = engine(server, "counted");
    let how = || Connect::new(Role::Migration, Access::ReadWrite);
    let counters = async || {
        let s = e.connect(how()).await.expect("connect");
        e.catalog().get().expect("catalogue").counters(&s).await.expect("counters")["customers"]
    };
    server.sql("counted", "select table_name, auto_increment from information_schema.tables where table_schema = 'counted'");
    let before = counters().await;
    server.sql("counted", "insert into customers (id, name) values (9000, 'far')");
    assert!(before < 9001, "{before}");
    assert_eq!(counters().await, 9001);
}

fn emergency() -> MariaServer {
    assert!(MariaServer::is_mysql(), "{WHY}");
    shop::maria(&[])
}

#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn a_pile_up_behind_ddl_is_told_for_sure() {
    let my = emergency();
    let holder = Held::maria_done(&my, "app", "begin; select count(*) from orders;");
    let _ddl = Held::maria(&my, "root", "alter table orders add column note text;");
    wait_until("the ALTER waits", || in_state(&my, "Waiting for table metadata lock") == 1);
    let _behind: Vec<Held> = (0..6).map(|_| Held::maria(&my, "app", "select count(*) from orders;")).collect();
    wait_until("all wait behind it", || in_state(&my, "Waiting for table metadata lock") == 7);
    let seen = assess_maria(&my, "oncall", &[]);
    let says = &seen.found.summary.says;
    assert_eq!(seen.found.summary.check, "MY07", "{:#?}", seen.found);
    assert!(says.starts_with("6 sessions wait behind alter table orders add column note text"), "{says}");
    assert!(says.contains("idle in transaction") && !says.contains("inferred"), "{says}");
    seen.nothing_waited();
    let blind = assess_maria(&my, "stranger", &[]);
    for (check, lifts) in [("MY06", "PROCESS"), ("MY05", "PROCESS"), ("MY10", "REPLICATION CLIENT")] {
        let seen = blind.seen(check);
        assert_eq!(seen.severity, Severity::Unknown, "{seen:#?}");
        assert_eq!(seen.findings[0].lifts.as_deref(), Some(format!("GRANT {lifts} ON *.* TO 'stranger'@'127.0.0.1';").as_str()));
    }
    drop(holder);
    wait_until("the pile is gone", || in_state(&my, "Waiting for %lock") == 0);
    assert_eq!(assess_maria(&my, "oncall", &[]).seen("MY07").severity, Severity::Ok);
}

#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn a_hot_row_is_named_with_who_has_it() {
    let my = emergency();
    let _holder = Held::maria_done(&my, "app", "begin; select * from orders where id = 5 for update;");
    let _waiters: Vec<Held> = (0..22).map(|_| Held::maria(&my, "app", "update orders set state = 'x' where id = 5;")).collect();
    let status = "show global status like 'Innodb_row_lock_current_waits'";
    wait_until("all wait", || my.sql("", status).split_whitespace().last() == Some("22"));
    let seen = assess_maria(&my, "oncall", &[]);
    assert_eq!(seen.found.summary.check, "MY06", "{:#?}", seen.found);
    assert!(seen.found.summary.says.starts_with("22 sessions wait behind connection "), "{}", seen.found.summary.says);
    seen.nothing_waited();
}

#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn counters_damage_and_the_log_are_read() {
    let my = emergency();
    my.sql(
        "shop",
        "create table tiny (id tinyint primary key auto_increment) engine=innodb; analyze table tiny;
         select auto_increment from information_schema.tables where table_name = 'tiny'; insert into tiny values (120);
         create table keyless (a int, unique key (a)); create table half (a varchar(9) not null, unique key (a(3))); create table keyed (a int not null, unique key (a));
         create table broken (id int primary key) engine=myisam; insert into broken values (1), (2); flush tables broken",
    );
    let index = my.directory().join("data/shop/broken.MYI");
    std::fs::OpenOptions::new().write(true).open(index).expect("the index").set_len(300).expect("cut");
    let seen = assess_maria(&my, "oncall", &[]);
    assert_eq!(
        (seen.seen("MY22").severity, seen.seen("MY22").findings[0].object.as_str()),
        (Severity::Critical, "tiny.id"),
        "{:#?}",
        seen.found
    );
    assert!(seen.seen("MY23").says.starts_with("2: shop.half, shop.keyless"), "{:#?}", seen.seen("MY23"));
    assert_eq!(seen.seen("MY24").severity, Severity::Critical, "{:#?}", seen.seen("MY24"));
    assert!(seen.seen("MY24").findings[0].message.contains("broken"), "{:#?}", seen.seen("MY24"));
    let log = seen.seen("MY18");
    assert!(log.severity != Severity::Unknown && !log.says.is_empty(), "{log:#?}");
}

#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn a_replica_that_stopped_says_why() {
    let gtid =
        ["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--log-bin=bin", "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"];
    let start = |id: &str| MariaServer::start(&gtid.iter().copied().chain([id]).collect::<Vec<_>>());
    let (source, replica) = (start("--server-id=1"), start("--server-id=2"));
    source.sql(
        "",
        "create user repl@'127.0.0.1' identified by 'r'; grant replication slave on *.* to repl@'127.0.0.1'; create database shop",
    );
    source.sql("shop", "create table orders (id int primary key, state varchar(20))");
    replica.sql("", "create user oncall@'127.0.0.1'; grant process, replication client on *.* to oncall@'127.0.0.1'");
    // Of what the servers made on their own before nothing is sent; the replica's is its own.
    let forget = if source.sql("", "select version()").starts_with("8.0") { "reset master" } else { "reset binary logs and gtids" };
    replica.sql("", forget);
    replica.sql("", &format!("set global gtid_purged = '{}'", purged(&source)));
    replica.sql(
        "",
        &format!(
            "change replication source to source_host='127.0.0.1', source_port={}, source_user='repl', source_password='r', get_source_public_key=1, \
             source_auto_position=1, source_connect_retry=1; start replica",
            source.port
        ),
    );
    let applied = |id: u32| {
        let there = "select count(*) from information_schema.tables where table_schema = 'shop' and table_name = 'orders'";
        replica.sql("", there).trim() == "1" && replica.sql("", &format!("select count(*) from shop.orders where id = {id}")).trim() == "1"
    };
    source.sql("shop", "insert into orders values (1001, 'new')");
    wait_until("the replica follows", || applied(1001));
    let at = format!("mysql://oncall@127.0.0.1:{}/", replica.port);
    assert_eq!(assess(&at, &["--checks", "MY10"]).seen("MY10").severity, Severity::Ok);
    replica.sql("", "set sql_log_bin = 0; insert into shop.orders values (1002, 'here')");
    source.sql("shop", "insert into orders values (1002, 'there')");
    wait_until("it stops", || replica.sql("", "select service_state from performance_schema.replication_applier_status").trim() == "OFF");
    let broken = assess(&at, &[]);
    assert_eq!(broken.found.summary.check, "MY10", "{:#?}", broken.found);
    assert!(broken.found.summary.says.contains("error 1062"), "{}", broken.found.summary.says);
    assert!(!format!("{:#?}", broken.found).contains("'1002'"), "values stay out: {:#?}", broken.found);
    replica.sql("", "stop replica");
    let stopped = assess(&at, &["--checks", "replica"]);
    assert!(stopped.seen("MY10").severity >= Severity::Warning, "{:#?}", stopped.found);
}

/// What the source made before its users and tables of this test: nothing that a replica has to be given.
fn purged(source: &MariaServer) -> String {
    let all = source.sql("", "select @@global.gtid_executed");
    let (server, _) = all.trim().split_once(':').expect("a set of transactions");
    // The account that the server's start made: `create user`, `grant`.
    format!("{server}:1-2")
}

/// All writing is stopped and allowed again.
#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn writing_is_stopped_and_allowed_again() {
    let my = emergency();
    let home = tempfile::tempdir().expect("home");
    let config = format!(
        "[store]\npath = \"store/s.db\"\n\n[policy]\napproval = \"solo\"\n\n[targets.t]\nengine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\n\
         database = \"shop\"\nenvironment = \"production\"\n",
        my.socket.display()
    );
    std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
    let run = |code: i32, args: &[&str]| {
        let out = support::command(home.path()).args(["recover", "t"]).args(args).output().expect("runs");
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{args:?}:\n{text}");
        text
    };
    for (deed, set) in [("read-only", "1"), ("read-write", "0")] {
        let shown = run(0, &[deed, "--dry-run"]);
        let name = shown.lines().next().expect("a line").split_whitespace().nth(1).expect("its name").to_string();
        let mark = &shown[shown.find("--seen ").expect("a mark") + 7..][..8];
        assert!(deed == "read-write" || shown.contains("CONNECTION_ADMIN"), "{shown}");
        let done = run(0, &[deed, "--confirm", &name, "--seen", mark, "--reason", "split brain", "--confirm-target", "t"]);
        assert!(done.contains("Done"), "{done}");
        assert_eq!(my.sql("", "select @@global.read_only").trim(), set);
    }
    assert!(run(1, &["terminate", "999999"]).contains("there is no session 999999"));
}

/// MySQL looks for the session directly before KILL takes what was found: what a session runs next is not what was approved.
#[test]
#[ignore = "run by tests/matrix, which fetches MySQL"]
fn a_session_is_ended_as_it_was_shown() {
    let my = emergency();
    my.sql("shop", "create table t (id int primary key, v int); insert into t values (1, 1), (2, 2)");
    let home = support::recover::Home::new(
        &format!("engine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"shop\"", my.socket.display()),
        "solo",
    );
    let id = |condition: &str| {
        let sql = format!("select id from information_schema.processlist where user = 'app' and {condition}");
        wait_until("the session is there", || !my.sql("", &sql).trim().is_empty());
        my.sql("", &sql).trim().to_string()
    };
    let gone = |id: &str| my.sql("", &format!("select count(*) from information_schema.processlist where id = {id}")).trim() == "0";
    let mut sleeper = Held::maria(&my, "app", "select sleep(600);");
    let one = id("command = 'Query' and info like '%sleep(600)%'");
    let text = home.run(4, &["cancel", &one]);
    assert!(
        text.contains("KILL QUERY @holdpoint_session") && text.contains("events_statements_current") && text.contains("select sleep(600)"),
        "{text}"
    );
    let old = home.mark(&["cancel", &one]);
    let text = home.run(0, &["cancel", &one, "--confirm", &one, "--seen", &old]);
    assert!(text.contains("Done") && !gone(&one), "{text}");
    // The same words again are another statement.
    sleeper.say("select sleep(600);");
    id("command = 'Query' and info like '%sleep(600)%'");
    home.run(4, &["cancel", &one, "--confirm", &one, "--seen", &old]);
    home.act(0, &["terminate", &one], &one);
    assert!(gone(&one));
    drop(sleeper);
    let mut idle = Held::maria_done(&my, "app", "begin; update t set v = 9 where id = 1;");
    let two = id("command = 'Sleep'");
    let text = home.run(4, &["end-idle", &two]);
    assert!(text.contains("1 row changed") && text.contains("KILL CONNECTION @holdpoint_session"), "{text}");
    // What was looked at is sent by hand once it is another transaction: the search finds nobody, and KILL refuses that.
    let search =
        text.lines().find(|l| l.contains("SET @holdpoint_session")).expect("the search").trim_start_matches("sends").trim().to_string();
    idle.say("commit; begin; update t set v = 8 where id = 2;");
    wait_until("the next transaction wrote", || {
        my.sql("shop", "set session transaction isolation level read uncommitted; select v from t where id = 2").trim() == "8"
    });
    let mut c = Held::maria_client(&my, "root");
    let out = c
        .args(["-e", &format!("{} kill connection @holdpoint_session", search)])
        .stderr(std::process::Stdio::piped())
        .output()
        .expect("runs");
    assert!(String::from_utf8_lossy(&out.stderr).contains("1094") && !gone(&two), "{out:?}");
    let text = home.act(0, &["end-idle", &two], &two);
    assert!(text.contains("Done") && gone(&two), "{text}");
    assert_eq!(my.sql("shop", "select group_concat(v order by id) from t").trim(), "9,2");
}
