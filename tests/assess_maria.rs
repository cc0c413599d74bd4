//! The emergency assessment on a real MariaDB with real faults: each is named first, nothing waits, and what an account may not see is
//! `unknown`.

mod support;

use holdpoint::model::Severity;
use holdpoint::model::lock_tree::LockTree;
use std::time::Duration;
use support::assess::assess;
use support::held::Held;
use support::maria::MariaServer;
use support::shop::{assess_maria, in_state, maria};
use support::wait_until;

#[test]
fn a_pile_up_behind_ddl_is_named_first() {
    let my = maria(&[]);
    // Not asked of INNODB_TRX: who asks more often than every 0.1 s gets its last answer again.
    let holder = Held::maria_done(&my, "app", "begin; select count(*) from orders;");
    let _ddl = Held::maria(&my, "root", "alter table orders add column note text;");
    wait_until("the ALTER waits", || in_state(&my, "Waiting for table metadata lock") == 1);
    let _behind: Vec<Held> = (0..6).map(|_| Held::maria(&my, "app", "select count(*) from orders;")).collect();
    wait_until("all wait behind it", || in_state(&my, "Waiting for table metadata lock") == 7);
    for user in ["root", "oncall"] {
        let run = assess_maria(&my, user, &[]);
        assert_eq!(run.found.summary.check, "MY07", "{:#?}", run.found);
        let says = &run.found.summary.says;
        assert!(says.starts_with("6 sessions wait behind alter table orders add column note text"), "{says}");
        assert!(says.contains("idle in transaction") && says.contains("inferred"), "{says}");
        assert!(run.found.summary.next.starts_with("Cancel the waiting statement of connection "), "{}", run.found.summary.next);
        assert_eq!(run.code, Some(1));
        run.nothing_waited();
        // All of them make the tree that the console shows: the holder, the ALTER, and those behind it.
        let locks = run.found.checks.iter().find(|c| c.name == "locks").expect("the check of locks");
        assert_eq!(locks.sessions.len(), 8, "{:#?}", locks.sessions);
    }
    // Without any right nothing of it is seen, and nothing is said to be well.
    let blind = assess_maria(&my, "stranger", &[]);
    for (check, lifts) in [("MY07", "PROCESS"), ("MY06", "PROCESS"), ("MY05", "PROCESS"), ("MY10", "SLAVE MONITOR")] {
        let seen = blind.seen(check);
        assert_eq!(seen.severity, Severity::Unknown, "{seen:#?}");
        let grant = format!("GRANT {lifts} ON *.* TO 'stranger'@'127.0.0.1';");
        assert_eq!(seen.findings[0].lifts.as_deref(), Some(grant.as_str()));
    }
    // With the plugin the server tells it for sure.
    my.sql("", "install soname 'metadata_lock_info'");
    let told = assess_maria(&my, "oncall", &[]);
    assert_eq!(told.found.summary.check, "MY07", "{:#?}", told.found);
    assert!(!told.found.summary.says.contains("inferred"), "{}", told.found.summary.says);
    assert!(told.found.summary.says.starts_with("6 sessions wait behind alter table"), "{}", told.found.summary.says);
    drop(holder);
    wait_until("the pile is gone", || in_state(&my, "Waiting for %lock") == 0);
    assert_eq!(assess_maria(&my, "oncall", &[]).seen("MY07").severity, Severity::Ok);
}

/// Few wait, and for a moment only: what they wait for is no cause yet when it is read, and is one when the assessment ends.
#[test]
fn a_pile_up_that_has_just_begun_is_named_at_the_end() {
    let my = maria(&[]);
    let _holder = Held::maria_done(&my, "app", "begin; select count(*) from orders;");
    let _ddl = Held::maria(&my, "root", "alter table orders add column note text;");
    wait_until("the ALTER waits", || in_state(&my, "Waiting for table metadata lock") == 1);
    let _behind = Held::maria(&my, "app", "select count(*) from orders;");
    wait_until("somebody waits behind it", || in_state(&my, "Waiting for table metadata lock") == 2);
    let run = assess_maria(&my, "oncall", &["--timeframe", "7"]);
    assert_eq!(run.found.summary.check, "MY07", "{:#?}", run.found);
    assert!(
        run.found.summary.says.starts_with("1 session waits behind alter table orders add column note text"),
        "{:#?}",
        run.found.summary
    );
    assert_eq!(run.found.checks.iter().filter(|c| c.check == "MY07").count(), 1, "told once");
}

#[test]
fn a_hot_row_is_named_with_who_has_it() {
    let my = maria(&[]);
    let _holder = Held::maria_done(&my, "app", "begin; select * from orders where id = 5 for update;");
    let _waiters: Vec<Held> = (0..22).map(|_| Held::maria(&my, "app", "update orders set state = 'x' where id = 5;")).collect();
    wait_until("all wait", || {
        let text = "select variable_value from information_schema.global_status where variable_name = 'Innodb_row_lock_current_waits'";
        my.sql("", text).trim() == "22"
    });
    let run = assess_maria(&my, "oncall", &[]);
    assert_eq!(run.found.summary.check, "MY06", "{:#?}", run.found);
    let says = &run.found.summary.says;
    assert!(says.starts_with("22 sessions wait behind connection "), "{says}");
    assert!(says.contains("“app”") && says.contains("idle in transaction"), "{says}");
    assert!(run.found.summary.next.starts_with("End session "), "{}", run.found.summary.next);
    run.nothing_waited();
    // What people paste into a ticket has no values of theirs.
    let statements: Vec<&str> = run.found.checks.iter().flat_map(|c| &c.sessions).map(|s| s.statement.as_str()).collect();
    assert!(statements.contains(&"update orders set state = ? where id = ?"), "{statements:#?}");
    assert!(statements.iter().all(|s| !s.contains("'x'")), "{statements:#?}");
}

#[test]
fn who_waits_for_a_lock_by_its_name_stands_behind_who_has_it_and_what_a_statement_does_not_hold_is_not_given_back_by_its_end() {
    let my = maria(&[]);
    let of =
        |info: &str| my.sql("", &format!("select id from information_schema.processlist where info like '{info}%'")).trim().to_string();
    let _job = Held::maria(&my, "app", "select get_lock('nightly', 1); do sleep(600);");
    wait_until("the job runs", || !of("do sleep(600)").is_empty());
    let _next = Held::maria(&my, "app", "select get_lock('nightly', 600);");
    wait_until("the next one waits", || in_state(&my, "User lock") == 1);
    let run_ = |id: &str| assess_maria(&my, id, &["--checks", "MY07"]);
    let found = run_("oncall");
    let f = &found.seen("MY07").findings[0];
    assert!(
        f.message.contains(&format!("1 session waits behind connection {}", of("do sleep(600)"))) && !f.message.contains("inferred"),
        "{f:#?}"
    );
    drop((_job, _next));
    // What it changed, the query that it runs did not: that is known at once.
    let _holder = Held::maria(&my, "app", "begin; update orders set state = 'a' where id = 2; select sleep(499);");
    wait_until("it sleeps", || !of("select sleep(499)").is_empty());
    let _waiter = Held::maria(&my, "app", "update orders set state = 'b' where id = 2;");
    wait_until("it is ended, not cancelled", || {
        // Who asks InnoDB again within a tenth of a second gets the same list of transactions.
        std::thread::sleep(std::time::Duration::from_millis(150));
        let found = assess_maria(&my, "oncall", &["--checks", "MY06"]);
        found.seen("MY06").findings.first().and_then(|f| f.recover.clone()).is_some_and(|a| a.deed.name() == "terminate")
    });
    drop((_holder, _waiter));
    wait_until("both are gone", || in_state(&my, "Updating") == 0);
    // A row that an earlier statement of the transaction took.
    let _holder = Held::maria(&my, "app", "begin; update orders set state = 'a' where id = 1; select sleep(3); select sleep(500);");
    wait_until("it is at its second sleep", || !of("select sleep(500)").is_empty());
    let _waiter = Held::maria(&my, "app", "update orders set state = 'b' where id = 1;");
    wait_until("somebody waits for the row", || {
        std::thread::sleep(std::time::Duration::from_millis(150));
        let found = assess_maria(&my, "oncall", &["--checks", "MY06"]);
        let f = found.seen("MY06").findings.first().cloned();
        f.is_some_and(|f| f.recover.is_some_and(|a| a.deed.name() == "terminate") && f.next.contains("older than the statement"))
    });
}

#[test]
fn who_waits_is_no_cause_and_who_is_only_guessed_to_hold_is_not_ended() {
    let my = maria(&[]);
    let home = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[targets.t]\nengine = \"mysql\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"oncall\"\ndatabase = \"shop\"\nsslmode = \"disable\"\n\n[targets.t.assess]\n\"MY05.age\" = [1, 600]\n\"MY08.age\" = [1, 600]\n",
        my.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let holder = Held::maria_done(&my, "app", "begin; select * from orders where id = 5 for update;");
    let waiter = Held::maria(&my, "app", "update orders set state = 'x' where id = 5;");
    wait_until("it has waited for two seconds", || {
        let text = "select count(*) from information_schema.processlist where info like 'update orders%' and time >= 2";
        my.sql("", text).trim() == "1"
    });
    let found = support::assess::assess_in(home.path(), "t", &["--checks", "MY05,MY08,MY06"]);
    let of_waiter = |check: &str| {
        let all = &found.seen(check).findings;
        all.iter().any(|f| f.severity >= Severity::Warning && (f.message.contains("Updating") || f.message.contains("update orders")))
    };
    assert!(!of_waiter("MY05") && !of_waiter("MY08"), "{:#?}", found.found);
    drop((waiter, holder));
    // Three transactions are open, and the server does not tell which of them the ALTER waits for.
    let _open: Vec<Held> =
        (0..3).map(|i| Held::maria(&my, "app", &format!("begin; select count(*) from orders; select get_lock('open{i}', 0);"))).collect();
    for i in 0..3 {
        wait_until("it is open", || my.sql("", &format!("select is_used_lock('open{i}') is not null")).trim() == "1");
    }
    let _ddl = Held::maria(&my, "app", "alter table orders add column note text;");
    wait_until("the ALTER waits", || in_state(&my, "Waiting for table metadata lock") == 1);
    let mut found = None;
    wait_until("all three are seen", || {
        // InnoDB makes its list of transactions anew only when nobody has read it for a tenth of a second.
        std::thread::sleep(Duration::from_millis(200));
        let run = assess_maria(&my, "oncall", &["--checks", "MY06,MY07"]);
        let marked = run.seen("MY06").sessions.iter().filter(|s| s.state.contains("inferred")).count();
        found = Some(run);
        marked == 3
    });
    let found = found.expect("seen");
    let f = &found.seen("MY07").findings[0];
    assert!(f.message.contains("that one of connections ") && f.message.contains("inferred"), "{f:#?}");
    assert_eq!(f.recover.as_ref().map(|a| a.deed.name()), Some("cancel"), "the DDL, and none of the three: {f:#?}");
}

#[test]
fn an_account_without_the_database_assesses_the_server() {
    let my = maria(&[]);
    my.sql(
        "shop",
        "create user mon@'127.0.0.1'; grant process, slave monitor, binlog monitor on *.* to mon@'127.0.0.1'; \
         create user narrow@'127.0.0.1'; grant select on shop.orders to narrow@'127.0.0.1'; \
         create table tiny (id tinyint primary key auto_increment) engine=innodb; insert into tiny values (120)",
    );
    let mon = assess_maria(&my, "mon", &[]);
    assert_eq!((mon.seen("connect").severity, mon.seen("MY05").severity), (Severity::Unknown, Severity::Ok), "{:#?}", mon.found);
    assert!(mon.seen("connect").says.starts_with("this account may not use database shop"), "{:#?}", mon.seen("connect"));
    assert_eq!(mon.seen("MY22").severity, Severity::Unknown);
    // Of tables that it may not see nothing is said to be well.
    let narrow = assess_maria(&my, "narrow", &["--checks", "MY22", "--checks", "MY24"]);
    for check in ["MY22", "MY24"] {
        let seen = narrow.seen(check);
        assert_eq!(seen.severity, Severity::Unknown, "{seen:#?}");
        assert_eq!(seen.findings[0].lifts.as_deref(), Some("GRANT SELECT ON `shop`.* TO 'narrow'@'127.0.0.1';"));
    }
    assert_eq!(narrow.code, Some(5));
    let all = assess_maria(&my, "oncall", &["--checks", "MY22", "--checks", "MY24"]);
    assert_eq!((all.seen("MY22").severity, all.seen("MY24").severity), (Severity::Critical, Severity::Ok), "{:#?}", all.found);
}

#[test]
fn more_transactions_than_are_read_are_counted() {
    let my = maria(&[]);
    // Prepared ones outlive their sessions.
    for id in 1..=55 {
        let text = format!("xa start '{id}'; update orders set state = 'p' where id = {id}; xa end '{id}'; xa prepare '{id}'");
        my.sql("shop", &text);
    }
    let seen = assess_maria(&my, "root", &["--checks", "MY05"]).seen("MY05").clone();
    assert!(seen.says.starts_with("55 open"), "{seen:#?}");
    assert_eq!(seen.figures.get("transactions"), Some(&55.0));
}

#[test]
fn locked_tables_and_a_read_lock_of_the_whole_server_make_no_check_wait() {
    let my = maria(&[]);
    for lock in ["lock tables orders write;", "flush tables with read lock;"] {
        let held = Held::maria_done(&my, "root", lock);
        let busy = Held::maria(&my, "app", "select sleep(0); update orders set state = 'y' where id = 7;");
        wait_until("the application waits for it", || in_state(&my, "Waiting for % lock") == 1);
        let run = assess_maria(&my, "oncall", &[]);
        run.nothing_waited();
        assert!(run.found.checks.len() > 20, "{:#?}", run.found);
        // Who sleeps on a lock without a transaction cannot be told without the plugin: that is said.
        let seen = run.seen("MY07");
        assert!(seen.findings.iter().any(|f| f.message.contains("cannot be seen")), "{seen:#?}");
        if lock.starts_with("flush") {
            // Of the whole server it is named as what it is, with the one session that can have it, and nobody is sent behind it.
            let f = &seen.findings[0];
            let holder = my.sql("", "select is_used_lock('done')");
            assert!(f.severity >= Severity::Warning && f.lifts.is_none(), "{f:#?}");
            assert!(f.message.contains("FLUSH TABLES WITH READ LOCK") && !f.next.contains("INSTALL"), "{f:#?}");
            assert!(f.message.contains(&format!("connection {} (“root”@", holder.trim())), "{f:#?}");
            // The tree has who waits, and behind whom that must be.
            let tree = LockTree::of(run.seen("MY06").sessions.clone());
            let roots: Vec<(String, bool, usize)> =
                tree.roots.iter().map(|r| (tree.sessions[r.at].id.to_string(), tree.sessions[r.at].guessed, r.victims)).collect();
            assert_eq!(roots, [(holder.trim().to_string(), true, 1)], "{tree:#?}");
        }
        assert_eq!(in_state(&my, "Waiting for % lock"), 1, "nobody waits for the assessment, nor does it wait");
        drop(busy);
        drop(held);
        wait_until("the lock's session is gone", || my.sql("", "select is_used_lock('done') is null").trim() == "1");
    }
}

#[test]
fn a_full_server_says_so_with_and_without_a_connection_left() {
    let my = maria(&["--max-connections=10"]);
    let mut clients: Vec<Held> = Vec::new();
    wait_until("all are connected", || {
        Held::fill(&mut clients, 10, || Held::maria(&my, "app", "select sleep(600);"));
        // One that is about to be turned away stands in the list as well, and runs nothing. Root's own extra connection may be taken for a
        // moment.
        let text = "select count(*) from information_schema.processlist where user = 'app' and info like 'select sleep%'";
        clients.len() == 10 && my.asked(text).trim() == "10"
    });
    let refused = assess_maria(&my, "app", &[]);
    assert_eq!((refused.code, refused.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", refused.found);
    assert!(refused.found.summary.says.starts_with("All connections are taken"), "{}", refused.found.summary.says);
    assert!(refused.found.summary.next.contains("SUPER"), "{}", refused.found.summary.next);
    let root = assess_maria(&my, "root", &[]);
    assert_eq!(root.found.summary.check, "MY03", "{:#?}", root.found);
    assert!(root.found.summary.says.contains("10 of app@"), "{}", root.found.summary.says);
}

#[test]
fn a_deadlock_storm_is_counted_while_it_rages() {
    let my = maria(&[]);
    let round = |a: u32, b: u32| {
        format!(
            "begin; update orders set state = 'a' where id = {a}; do sleep(0.005); update orders set state = 'b' where id = {b}; commit;\n"
        )
    };
    let _one = Held::maria_script(&my, "app", &round(1, 2).repeat(20_000));
    let _other = Held::maria_script(&my, "app", &round(2, 1).repeat(20_000));
    wait_until("deadlocks happen", || {
        my.sql("", "select variable_value > 3 from information_schema.global_status where variable_name = 'Innodb_deadlocks'").trim() == "1"
    });
    // How many fall between two samples is the machine's pace.
    let mut summary = Default::default();
    wait_until("a look meets several", || {
        summary = assess_maria(&my, "oncall", &["--checks", "MY19", "--timeframe", "3"]).found.summary;
        summary.severity == Some(Severity::Critical)
    });
    assert_eq!(summary.check, "MY19", "{summary:#?}");
    assert!(summary.says.contains(" deadlocks in "), "{}", summary.says);
}

#[test]
fn what_lasts_is_found_counters_damaged_tables_settings() {
    let my = maria(&["--innodb-flush-log-at-trx-commit=0", "--log-bin=bin", "--binlog-format=ROW"]);
    my.sql(
        "shop",
        "create table tiny (id tinyint primary key auto_increment) engine=innodb; insert into tiny values (120); \
         create table keyless (a int) engine=innodb; create table loose (a int, unique key (a)) engine=myisam; \
         create table tight (a int not null, unique key (a)) engine=aria; create table broken (id int primary key) engine=myisam; \
         insert into broken values (1), (2); flush tables broken",
    );
    let index = my.directory().join("data/shop/broken.MYI");
    std::fs::OpenOptions::new().write(true).open(index).expect("the index").set_len(300).expect("cut");
    let run = assess_maria(&my, "oncall", &[]);
    assert_eq!(run.found.summary.check, "MY24", "{:#?}", run.found);
    assert_eq!(run.seen("MY24").findings[0].object, "broken");
    assert_eq!((run.seen("MY22").severity, run.seen("MY22").findings[0].object.as_str()), (Severity::Critical, "tiny.id"));
    // A replica has the same trouble with every engine's rows.
    assert_eq!(run.seen("MY23").says, "2: shop.keyless, shop.loose", "{:#?}", run.seen("MY23"));
    assert_eq!(run.seen("MY21").findings[0].object, "innodb_flush_log_at_trx_commit");
    assert!(run.seen("MY26").says.contains("left"), "{:#?}", run.seen("MY26"));
    // Idle, nothing is alarming in its rates, and our own statements are not counted.
    assert_eq!(run.seen("MY19").severity, Severity::Ok, "{:#?}", run.seen("MY19"));
}

#[test]
fn foreign_keys_that_are_not_looked_at_are_warned_of_and_rollbacks_of_a_pool_are_no_outage() {
    let my = maria(&[]);
    my.sql("shop", "create table tiny (id tinyint unsigned auto_increment primary key); insert into tiny values (240)");
    my.sql("", "set global foreign_key_checks = 0");
    for user in ["root", "oncall", "stranger"] {
        let found = assess_maria(&my, user, &["--checks", "MY21"]);
        let told = found.seen("MY21").findings.iter().find(|f| f.object == "foreign_key_checks").expect("it is told");
        assert_eq!(told.severity, Severity::Warning, "{told:#?}");
        assert!(told.next.starts_with("SET GLOBAL foreign_key_checks = ON;"), "{told:#?}");
    }
    my.sql("", "set global foreign_key_checks = 1");
    let found = assess_maria(&my, "root", &["--checks", "MY22"]);
    let told = &found.seen("MY22").findings[0].message;
    assert!(told.contains("has used 94 % of its numbers, 15 are left"), "{told}");
    let pool = "begin; select 1 from orders where id = 1; rollback; select sleep(0.01);\n".repeat(30_000);
    let reads = Held::maria_script(&my, "app", &pool);
    let rolled = || my.sql("", "select variable_value from information_schema.global_status where variable_name = 'handler_rollback'");
    let before = rolled();
    wait_until("it reads", || rolled() != before);
    let found = assess_maria(&my, "root", &["--checks", "MY19", "--timeframe", "4"]);
    assert!(found.seen("MY19").figures["rolled_back"] > 20.0, "{:#?}", found.seen("MY19"));
    assert!(found.seen("MY19").severity <= Severity::Warning, "{:#?}", found.seen("MY19"));
    drop(reads);
}

#[test]
fn a_replica_that_stopped_says_why() {
    let source = maria(&["--log-bin=bin", "--server-id=1", "--binlog-format=ROW"]);
    source.sql("", "create user repl@'127.0.0.1'; grant replication slave on *.* to repl@'127.0.0.1'");
    let replica = MariaServer::start(&["--server-id=2", "--log-bin=bin", "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"]);
    // What both servers made on their own before counts as done.
    let at = source.sql("", "select @@gtid_binlog_pos");
    replica.sql("", "create database shop; create table shop.orders (id int primary key, state varchar(500)) engine=innodb; reset master");
    replica.sql("", "create user oncall@'127.0.0.1'; grant process, slave monitor on *.* to oncall@'127.0.0.1'; reset master");
    replica.sql("", &format!("set global gtid_slave_pos = '{}'", at.trim()));
    replica.sql(
        "",
        &format!(
            "change master to master_host='127.0.0.1', master_port={}, master_user='repl', master_use_gtid=slave_pos, master_connect_retry=1; start slave",
            source.port
        ),
    );
    let applied = |id: u32| replica.sql("", &format!("select count(*) from shop.orders where id = {id}")).trim() == "1";
    source.sql("shop", "insert into orders values (1001, 'new')");
    wait_until("the replica follows", || applied(1001));
    let sound = assess(&format!("mysql://oncall@127.0.0.1:{}/", replica.port), &[]);
    assert_eq!(sound.seen("MY10").severity, Severity::Ok, "{:#?}", sound.seen("MY10"));
    assert!(
        assess(&format!("mysql://oncall@127.0.0.1:{}/shop", source.port), &["--checks", "MY10"]).seen("MY10").says.contains("1 read its")
    );
    // A row that somebody wrote on the replica itself.
    replica.sql("", "insert into shop.orders values (1002, 'here')");
    source.sql("shop", "insert into orders values (1002, 'there')");
    wait_until("it stops", || {
        replica.sql("", "select count(*) from information_schema.processlist where command = 'Slave_SQL'").trim() == "0"
    });
    let broken = assess(&format!("mysql://oncall@127.0.0.1:{}/", replica.port), &[]);
    assert_eq!(broken.found.summary.check, "MY10", "{:#?}", broken.found);
    assert!(broken.found.summary.says.contains("error 1062"), "{}", broken.found.summary.says);
    assert!(broken.found.summary.next.starts_with("Its data differ"), "{}", broken.found.summary.next);
    broken.within_its_budget();
    replica.sql("", "stop slave; set sql_log_bin = 0; delete from shop.orders where id = 1002; start slave");
    wait_until("it follows again", || applied(1002));
    replica.sql("", "stop slave");
    let stopped = assess(&format!("mysql://oncall@127.0.0.1:{}/", replica.port), &["--checks", "replica"]);
    assert!(stopped.found.summary.says.contains("is stopped"), "{}", stopped.found.summary.says);
    assert_eq!(stopped.found.summary.recover.as_ref().map(|a| a.deed.name()), Some("start-replica"));
    // What stopped at an error would stop there again.
    assert_eq!(broken.found.summary.recover, None);
    replica.sql("", "start slave");
    // A thread that somebody stopped is told from one that cannot connect.
    replica.sql("", "stop slave io_thread");
    let alone = assess(&format!("mysql://oncall@127.0.0.1:{}/", replica.port), &["--checks", "replica"]);
    let finding = &alone.seen("MY10").findings[0];
    assert!(finding.message.ends_with("it was stopped") && finding.next.starts_with("Find out who stopped it"), "{finding:#?}");
    replica.sql("", "start slave io_thread");
    // The error of a statement quotes it whole: what is told of it has no value.
    replica.sql("shop", "insert into orders values (1003, 'here')");
    source.sql("shop", "set session binlog_format = statement; insert into orders values (1003, 'CARD4111SECRET')");
    wait_until("it stops again", || {
        replica.sql("", "select count(*) from information_schema.processlist where command = 'Slave_SQL'").trim() == "0"
    });
    let quoting = assess(&format!("mysql://oncall@127.0.0.1:{}/", replica.port), &[]);
    let whole = format!("{:#?}", quoting.found);
    assert!(!whole.contains("CARD4111SECRET") && !whole.contains("'1003'"), "{whole}");
    let says = &quoting.found.summary.says;
    assert!(says.contains("error 1062 (a row that comes is there already), database shop"), "{says}");
    // Each server's log is its own.
    for server in [&source, &replica] {
        let seen = assess(&format!("mysql://root@127.0.0.1:{}/", server.port), &["--checks", "MY18"]).seen("MY18").clone();
        assert!(seen.says.starts_with(&server.directory().display().to_string()), "{seen:#?}");
    }
    // What the replica's own thread waits for is somebody's lock, too.
    replica.sql("", "stop slave; set sql_log_bin = 0; delete from shop.orders where id = 1003; start slave");
    wait_until("it follows once more", || applied(1003));
    replica.sql("", "create user app@'127.0.0.1'; grant all on shop.* to app@'127.0.0.1'");
    let reader = Held::maria_done(&replica, "app", "lock tables orders read;");
    source.sql("shop", "insert into orders values (1004, 'late')");
    wait_until("its thread waits", || in_state(&replica, "Waiting for table metadata lock") == 1);
    let held_up = assess(&format!("mysql://root@127.0.0.1:{}/", replica.port), &["--checks", "MY07"]);
    assert!(!held_up.seen("MY07").says.starts_with("nobody waits"), "{:#?}", held_up.seen("MY07"));
    drop(reader);
    wait_until("it goes on", || applied(1004));
    replica.sql("", "set global read_only = on");
    let reads = assess(&format!("mysql://oncall@127.0.0.1:{}/", replica.port), &["--checks", "MY02"]);
    assert!(reads.seen("MY02").findings.iter().all(|f| !f.message.contains("read_only")), "a replica is read-only as it should be");
    replica.sql("", "set global read_only = off");
    source.sql("", "set global tx_read_only = on");
    let begins = assess(&format!("mysql://root@127.0.0.1:{}/", source.port), &["--checks", "MY02"]);
    assert!(begins.found.summary.says.contains("new sessions begin read-only"), "{}", begins.found.summary.says);
    source.sql("", "set global tx_read_only = off");
    source.sql("", "set global read_only = on");
    let refuses = assess(&format!("mysql://root@127.0.0.1:{}/", source.port), &["--checks", "MY02"]);
    assert_eq!(refuses.found.summary.severity, Some(Severity::Critical), "{:#?}", refuses.found);
    assert!(refuses.found.summary.says.contains("the server follows no other"), "{}", refuses.found.summary.says);
}

#[test]
fn commits_that_no_replica_confirms_are_the_cause_and_nobody_waits_for_the_binary_log_with_them() {
    let my = maria(&["--log-bin=bin", "--server-id=1"]);
    // Without PROCESS nobody sees what others do.
    my.sql("", "create user blind@'127.0.0.1'; grant binlog monitor on *.* to blind@'127.0.0.1'");
    my.sql(
        "",
        "set global rpl_semi_sync_master_wait_no_slave = 1; set global rpl_semi_sync_master_timeout = 600000; \
         set global rpl_semi_sync_master_wait_point = AFTER_SYNC; set global rpl_semi_sync_master_enabled = 1",
    );
    let first = Held::maria(&my, "app", "update orders set state = 'sent' where id = 1;");
    wait_until("its commit waits for a replica", || in_state(&my, "Waiting for semi-sync ACK%") == 1);
    // Those who commit next stand in line for the binary log, which the last of them in front keeps.
    let _next: Vec<Held> =
        (2..8).map(|id| Held::maria(&my, "app", &format!("update orders set state = 'sent' where id = {id};"))).collect();
    let _same = Held::maria(&my, "app", "update orders set state = 'lost' where id = 1;");
    wait_until("all wait", || in_state(&my, "Commit") == 6 && in_state(&my, "Updating") == 1);
    wait_until("it has waited for a second", || {
        let text = "select max(time) from information_schema.processlist where state like 'Waiting for semi-sync ACK%'";
        my.sql("", text).trim().parse::<u32>().is_ok_and(|s| s >= 2)
    });
    let found = assess_maria(&my, "oncall", &[]);
    assert_eq!(found.found.summary.check, "MY25", "{:#?}", found.found.summary);
    let binary_logs = found.seen("MY16");
    assert!(binary_logs.severity == Severity::Unknown && binary_logs.says.contains("not asked for"), "{binary_logs:#?}");
    assert!(found.found.checks.iter().all(|c| !c.says.contains("timed out")), "{:#?}", found.found);
    let locks = found.seen("MY06");
    assert!(locks.findings.iter().all(|f| f.recover.is_none() && f.next.contains("cancelling rolls nothing back")), "{locks:#?}");
    wait_until("nobody of ours is left behind", || in_state(&my, "starting") == 0);
    // Who does not see the others asks once, goes on by another connection, and does not ask again while the first is held.
    let blind = assess_maria(&my, "blind", &[]);
    assert!(blind.seen("MY16").says.contains("timed out"), "{:#?}", blind.seen("MY16"));
    assert_eq!(blind.found.checks.iter().filter(|c| c.says.contains("timed out")).count(), 1, "{:#?}", blind.found);
    assert!(assess_maria(&my, "blind", &["--checks", "MY16"]).seen("MY16").says.contains("not asked for a second time"));
    // What cancelling it would lose is told as it is.
    let of = "select id from information_schema.processlist where state like 'Waiting for semi-sync ACK%'";
    let id = my.sql("", of).trim().to_string();
    let place = format!("engine = \"mysql\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\nsslmode = \"disable\"", my.port);
    let told = support::recover::Home::new(&place, "solo").run(0, &["cancel", &id, "--dry-run"]);
    assert!(told.contains("Nothing of what it wrote: it is committing"), "{told}");
    my.sql("", "set global rpl_semi_sync_master_enabled = 0");
    wait_until("all have committed", || in_state(&my, "Commit") == 0 && in_state(&my, "Waiting for semi-sync ACK%") == 0);
    drop(first);
}

#[test]
fn a_login_is_one_connection_that_a_full_server_lets_in_and_that_counts_no_error_of_this_host() {
    let my = maria(&["--max-connections=12", "--performance-schema=on"]);
    let given_up = || my.sql("", "show global status where variable_name in ('Aborted_connects', 'Aborted_connects_preauth')");
    let (before, connections) = (given_up(), counter(&my, "Connections"));
    let run = assess_maria(&my, "root", &["--checks", "MY03"]);
    assert_eq!(run.seen("MY03").severity, Severity::Ok, "{:#?}", run.found);
    assert_eq!(given_up(), before, "a connection was given up");
    // The one between was this count's own, and so is the last.
    assert_eq!(counter(&my, "Connections") - connections, 3.0, "more than one connection for an assessment");
    // All are taken but the one that is kept for whoever may always come in: each of our logins finds it free again.
    let mut clients: Vec<Held> = Vec::new();
    wait_until("all connections are taken", || {
        Held::fill(&mut clients, 12, || Held::maria(&my, "app", "do sleep(600);"));
        my.asked("select count(*) from information_schema.processlist where state = 'User sleep'").trim() == "12"
    });
    for _ in 0..5 {
        let run = assess_maria(&my, "root", &["--checks", "MY03"]);
        assert_eq!(run.found.summary.check, "MY03", "{:#?}", run.found);
        assert!(run.seen("MY03").severity >= Severity::Critical, "{:#?}", run.seen("MY03"));
        let connected = "select variable_value from information_schema.global_status where variable_name = 'Threads_connected'";
        wait_until("it has gone", || my.asked(connected).trim() == "13");
    }
    // A query on a target that only reads asks the catalogue first: in the one place that there is.
    let home = support::recover::Home::new(&place(&my), "solo");
    wait_until("the query is let in", || {
        let out = support::command(home.0.path()).args(["query", "t", "select state from orders where id = 1"]).output().expect("runs");
        assert!(out.status.success() || String::from_utf8_lossy(&out.stderr).contains("connections"), "{out:?}");
        out.status.success()
    });
}

/// A target's settings, for `root`.
fn place(my: &MariaServer) -> String {
    format!("engine = \"mysql\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\ndatabase = \"shop\"\nsslmode = \"disable\"", my.port)
}

#[test]
fn ending_a_statement_that_only_reads_rolls_nothing_back() {
    let my = maria(&[]);
    let _reads = Held::maria(&my, "app", "select sleep(600);");
    wait_until("it runs", || in_state(&my, "User sleep") == 1);
    let id = my.sql("", "select id from information_schema.processlist where state = 'User sleep'");
    let told = support::recover::Home::new(&place(&my), "solo").run(0, &["cancel", id.trim(), "--dry-run"]);
    assert!(told.contains("it only reads, so nothing is rolled back"), "{told}");
}

#[test]
fn an_account_at_its_own_limit_is_told_though_the_server_has_room() {
    let my = maria(&["--max-user-connections=50"]);
    my.sql("", "alter user app@'127.0.0.1' with max_user_connections 2");
    let _two = [Held::maria(&my, "app", "do sleep(600);"), Held::maria(&my, "app", "do sleep(600);")];
    wait_until("both are there", || in_state(&my, "User sleep") == 2);
    let found = assess_maria(&my, "root", &["--checks", "MY03"]);
    assert_eq!((found.found.summary.check.as_str(), found.code), ("MY03", Some(1)), "{:#?}", found.found);
    let f = &found.seen("MY03").findings[0];
    assert!(f.message.contains("account app has 2 of 2 connections") && f.next.contains("ALTER USER 'app'@'127.0.0.1'"), "{f:#?}");
    // Who may not read the accounts sees what holds for all of them.
    assert_eq!(assess_maria(&my, "oncall", &["--checks", "MY03"]).seen("MY03").severity, Severity::Ok);
    my.sql("", "set global max_user_connections = 2");
    let all = assess_maria(&my, "oncall", &["--checks", "MY03"]);
    assert!(all.seen("MY03").findings.iter().any(|f| f.message.contains("account app has 2 of 2")), "{:#?}", all.found);
}

#[test]
fn a_table_locked_by_hand_names_the_only_session_that_has_slept_for_as_long() {
    let my = maria(&[]);
    let _holder = Held::maria(&my, "app", "lock tables orders write;");
    let asleep = "select id from information_schema.processlist where user = 'app' and command = 'Sleep' and info is null";
    wait_until("it has the lock", || {
        my.sql("", "show open tables from shop where in_use > 0").contains("orders") && !my.sql("", asleep).is_empty()
    });
    let _behind: Vec<Held> = (0..6).map(|_| Held::maria(&my, "app", "select count(*) from orders;")).collect();
    wait_until("all wait", || in_state(&my, "Waiting for table metadata lock") == 6);
    let id = my.sql("", asleep).trim().to_string();
    let found = assess_maria(&my, "root", &["--checks", "MY06,MY07"]);
    let s = &found.found.summary;
    assert!(s.check == "MY07" && s.says.contains(&format!("connection {id} ")) && s.next.contains("LOCK TABLES"), "{:#?}", found.found);
    assert_eq!(s.recover.as_ref().map(|a| (a.deed.name(), a.object.as_str())), Some(("terminate", id.as_str())), "{s:#?}");
    let root = found.found.checks.iter().flat_map(|c| &c.sessions).find(|s| s.id.to_string() == id);
    assert!(root.is_some_and(|r| r.guessed), "{:#?}", found.found);
}

#[test]
fn a_prepared_transaction_in_the_way_is_finished_by_its_name() {
    let my = maria(&[]);
    drop(Held::maria_done(&my, "app", "xa start 'x1'; update orders set state = 'xa' where id = 3; xa end 'x1'; xa prepare 'x1';"));
    wait_until("its session is gone", || counter(&my, "Threads_connected") == 1.0);
    let _second = Held::maria(&my, "app", "update orders set state = 'y' where id = 3;");
    wait_until("one waits for the row", || counter(&my, "Innodb_row_lock_current_waits") == 1.0);
    let found = assess_maria(&my, "root", &["--checks", "MY06"]);
    let f = &found.seen("MY06").findings[0];
    assert!(f.next.contains("XA COMMIT 'x1'") && f.next.contains("XA ROLLBACK 'x1'") && f.recover.is_none(), "{f:#?}");
    // Asked for the action, that there is none is no dead end.
    let text = support::recover::Home::new(&place(&my), "solo").run(2, &["rollback-prepared", "x1"]);
    assert!(text.contains("XA ROLLBACK 'x1';") && text.contains("XA RECOVER"), "{text}");
    my.sql("", "xa rollback 'x1'");
}

#[test]
fn a_replica_that_follows_nobody_any_more_is_no_all_clear() {
    let my = maria(&["--server-id=2"]);
    my.sql("", "change master to master_host='127.0.0.1', master_port=1, master_user='r'");
    let home = tempfile::tempdir().expect("a directory");
    let text = format!("[targets.shop]\nurl = \"mysql://oncall@127.0.0.1:{}/shop\"\n", my.port);
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let look = || support::assess::assess_in(home.path(), "shop", &[]);
    assert_eq!(look().seen("MY10").severity, Severity::Critical);
    my.sql("", "reset slave all");
    let found = look();
    let s = &found.found.summary;
    assert!(s.check == "MY10" && s.says.starts_with("It followed another server at "), "{:#?}", found.found);
}

#[test]
fn a_counter_at_its_end_is_told_as_what_fails_now() {
    let my = maria(&[]);
    my.sql("shop", "create table ti (id tinyint primary key auto_increment, v int); insert into ti values (127, 1)");
    let found = assess_maria(&my, "root", &["--checks", "MY22"]);
    let f = &found.seen("MY22").findings[0];
    assert!(f.message.contains("has given its last number: every insert that takes one fails"), "{f:#?}");
    assert!(!f.next.contains("before the end"), "{f:#?}");
}

fn counter(my: &MariaServer, name: &str) -> f64 {
    my.sql("", &format!("select variable_value from information_schema.global_status where variable_name = '{name}'"))
        .trim()
        .parse()
        .expect("a number")
}
